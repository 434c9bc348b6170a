//! A world in memory: Jobs that run for a while, a lock, a target, a sampler that stores every slot.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{
    Effect, Inventories, Judgement, Observed, Role, SampleCounts, SamplerFacts, SoakSpec, SoakTestStatus, decide,
    needs,
    status::{CheckStatus, EvidenceStatus},
    target::{Rollout, RunningImage, Target, TargetPod},
};
use crate::{
    candidate::Artifact,
    condition::{Reason, is_true, types},
    lock::Lock,
    meta::Meta,
    plan::Wake,
    presence::Presence,
    task::{Cause, Job, JobState, Refusal, Report, Sight, TaskEffect},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
};

pub(super) const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

pub(super) fn artifact() -> Artifact {
    Artifact { name: "controller".into(), uri: "registry.example/controller".into(), digest: DIGEST.into() }
}

/// How a task's Job goes: after so many seconds it ends like this. None: it runs until it is ended.
pub(super) type Course = Option<(u64, JobState)>;

#[expect(clippy::unnecessary_wraps, reason = "a course is optional, and tests read better without Some")]
pub(super) fn succeeds(after: u64) -> Course {
    Some((after, JobState::Succeeded { report: Report::default() }))
}

#[expect(clippy::unnecessary_wraps, reason = "a course is optional, and tests read better without Some")]
pub(super) fn fails(after: u64, cause: Cause, reason: Reason) -> Course {
    Some((after, JobState::Failed { cause, reason, message: "exit code 1".into(), report: None }))
}

struct SimJob {
    uid: String,
    began: Timestamp,
    purpose: String,
    gone_at: Option<Timestamp>,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts of a world, in any combination")]
pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) meta: Meta,
    pub(super) spec: SoakSpec,
    pub(super) status: SoakTestStatus,
    pub(super) gone: bool,
    jobs: BTreeMap<String, SimJob>,
    occupied: BTreeSet<String>,
    pub(super) courses: BTreeMap<&'static str, Course>,
    /// How long after their Jobs were created the tasks' own containers begin; None: only others in their pods do.
    pub(super) starts: Option<Seconds>,
    /// Whether the API server refuses the load's Job.
    pub(super) quota: bool,
    pub(super) holder: Option<String>,
    pub(super) target: Target,
    pub(super) verdict: Verdict,
    pub(super) facts: SamplerFacts,
    /// Whether the sampler began anew and has stored nothing since.
    pub(super) anew: bool,
    /// Whether inventories can be taken.
    pub(super) inventoried: bool,
    /// The measure at which the verdict is clear; before, it is inconclusive.
    pub(super) settled_by: Option<Seconds>,
    /// Seconds after the last slot until evidence is acknowledged; None: never.
    pub(super) stored_after: Option<u64>,
    /// Why stored evidence cannot be read, while it cannot.
    pub(super) unread: Option<String>,
    /// How often it was to be read.
    pub(super) reads: std::cell::Cell<u32>,
    /// What was done, in order.
    pub(super) log: Vec<String>,
    pub(super) writes: u32,
    /// Crash when this many writes (of status or by effects) have been made.
    pub(super) crash_at: Option<u32>,
    uids: u32,
}

impl World {
    pub(super) fn new() -> Self {
        let mut courses: BTreeMap<&'static str, Course> = BTreeMap::new();
        courses.insert("setup", succeeds(5));
        courses.insert("workload", None);
        courses.insert("inventory", None);
        courses.insert("teardown", succeeds(5));
        Self {
            now: Timestamp::from_millis(1_000_000),
            meta: Meta {
                namespace: "ns".into(),
                name: "soak".into(),
                uid: "uid".into(),
                generation: 1,
                created: Timestamp::from_millis(1_000_000),
                deleted: None,
                finalizer: false,
                namespace_terminating: false,
            },
            spec: SoakSpec {
                target: "Deployment ns/controller".into(),
                setup: Some(Seconds(60)),
                workload: Some(Seconds(600)),
                teardown: Some(Seconds(60)),
                inventory: true,
                interval: Seconds(30),
                warm_up: Seconds(600),
                measure: Seconds(3600),
                settle: Seconds(120),
                artifacts: vec![artifact()],
                ..SoakSpec::default()
            },
            status: SoakTestStatus::default(),
            gone: false,
            jobs: BTreeMap::new(),
            occupied: BTreeSet::new(),
            courses,
            starts: Some(Seconds(0)),
            quota: false,
            holder: None,
            target: Presence::Present(rollout(DIGEST)),
            verdict: Verdict::Passed,
            facts: SamplerFacts::default(),
            settled_by: None,
            anew: false,
            inventoried: true,
            stored_after: Some(1),
            unread: None,
            reads: std::cell::Cell::new(0),
            log: Vec::new(),
            writes: 0,
            crash_at: None,
            uids: 0,
        }
    }

    fn observe(&self) -> Observed {
        let mut sampler = self.facts.clone();
        if let Some(end) = self.status.settle_end_time.filter(|_| sampler.through == 0) {
            let slots = self.spec.slots(self.status.extended());
            let stored = self.stored_after.is_some_and(|s| self.now >= end + Seconds(s));
            let start = self.status.start_time.unwrap_or(self.now);
            let due = self.now.since(start).0 / self.spec.interval.0;
            sampler.through = if stored { slots } else { due.min(slots - 1) };
            let (settled, inventoried) = (self.now >= end, self.now >= start + Seconds(3));
            sampler.inventories =
                Inventories { before: self.inventoried && inventoried, after: self.inventoried && settled };
            sampler.samples = SampleCounts { planned: due, obtained: due, longest_gap_seconds: 0 };
            sampler.evidence = (!self.anew).then(|| EvidenceStatus {
                chain_tip: format!("tip{}", due / 120),
                sealed: u32::try_from(due / 120).unwrap(),
                head: "soak-evidence-head".into(),
            });
        }
        let needs = needs(&self.meta, &self.spec, &self.status, sampler.through, self.now);
        self.reads.set(self.reads.get() + u32::from(needs.judgement));
        if needs.judgement && self.unread.is_some() {
            sampler.unread.clone_from(&self.unread);
        } else if needs.judgement && sampler.judgement.is_none() {
            let extend_to = self.settled_by.filter(|needed| self.spec.measure + self.status.extended() < *needed);
            let verdict = if extend_to.is_some() { Verdict::Inconclusive } else { self.verdict };
            sampler.judgement = Some(Judgement { extend_to, needed: extend_to, ..judgement(verdict) });
        }
        let jobs = needs.jobs.iter().map(|name| (name.clone(), self.sight(name))).collect();
        Observed {
            meta: self.meta.clone(),
            spec: self.spec.clone(),
            status: self.status.clone(),
            jobs,
            lock: match &self.holder {
                _ if !needs.lock => Lock::Unknown,
                None => Lock::Free,
                Some(h) if h == &self.meta.uid => Lock::Mine,
                Some(h) => Lock::Held(h.clone()),
            },
            target: if needs.target { self.target.clone() } else { Presence::Unknown },
            sampler,
        }
    }

    fn sight(&self, name: &str) -> Sight {
        if self.occupied.contains(name) {
            return Sight::from(Presence::Present(Job {
                uid: "occupied".into(),
                owned: true,
                resource_version: "1".into(),
                deleted: None,
                suspended: true,
                created: self.now,
                began: None,
                live_pods: Presence::Present(0),
                state: JobState::Waiting { cause: None, reason: None, message: "is suspended".into() },
            }));
        }
        let Some(job) = self.jobs.get(name) else {
            let refusal = || Refusal::of(403, "jobs.batch is forbidden: exceeded quota: q");
            let refused = (self.quota && name.contains("workload")).then(refusal);
            return Sight { job: Presence::AbsentLive, refused };
        };
        if job.gone_at.is_some_and(|at| self.now >= at) {
            return Sight::from(Presence::AbsentLive);
        }
        let state = match &self.courses[job.purpose.as_str()] {
            Some((after, end)) if self.now >= job.began + Seconds(*after) => end.clone(),
            _ => JobState::Running,
        };
        Sight::from(Presence::Present(Job {
            uid: job.uid.clone(),
            owned: true,
            resource_version: "1".into(),
            deleted: job.gone_at,
            suspended: false,
            created: job.began,
            began: self.starts.filter(|_| state == JobState::Running).map(|starts| job.began + starts),
            live_pods: Presence::Present(u32::from(matches!(state, JobState::Running | JobState::Waiting { .. }))),
            state,
        }))
    }

    /// Whether the process dies here.
    fn crashes(&mut self) -> bool {
        self.writes += 1;
        self.crash_at == Some(self.writes)
    }

    /// One visit, as the controller makes it; ends early where the process dies.
    fn visit(&mut self) -> Wake {
        for _ in 0..32 {
            if self.gone {
                return Wake::OnChange;
            }
            let observed = self.observe();
            let plan = decide(&observed, self.now);
            assert_eq!(plan, decide(&observed, self.now), "deterministic");
            let changed = plan.status != self.status;
            if is_true(&self.status.conditions, types::FINISHED) {
                assert!(!changed, "terminal-is-final");
            }
            if changed {
                self.status = plan.status.clone();
                self.log.extend(plan.notes.iter().map(|n| format!("note {:?}", n.reason)));
                if self.crashes() {
                    return Wake::At(self.now + Seconds(1));
                }
            }
            if plan.effects.is_empty() && !changed {
                return plan.wake;
            }
            if plan.effects.iter().any(|effect| self.refuses(effect)) {
                return Wake::At(self.now + Seconds(30));
            }
            for effect in &plan.effects {
                self.execute(effect, &observed.status);
                if self.crashes() {
                    return Wake::At(self.now + Seconds(1));
                }
            }
        }
        panic!("does not come to rest: {:?}", self.status);
    }

    fn refuses(&self, effect: &Effect) -> bool {
        let creates = matches!(effect, Effect::Task { role: Role::Workload, effect: TaskEffect::Create { .. } });
        self.quota && creates
    }

    fn execute(&mut self, effect: &Effect, recorded: &SoakTestStatus) {
        match effect {
            Effect::AddFinalizer => self.meta.finalizer = true,
            Effect::RemoveFinalizer => {
                self.meta.finalizer = false;
                self.gone = self.meta.deleted.is_some();
            }
            Effect::AcquireLock => {
                if self.holder.is_none() {
                    self.holder = Some(self.meta.uid.clone());
                }
            }
            Effect::ReleaseLock => {
                if self.holder.as_ref() == Some(&self.meta.uid) {
                    self.holder = None;
                    self.log.push("released".into());
                }
            }
            Effect::Task { role, effect: TaskEffect::Create { job } } => {
                let recorded = role.record(recorded).map(|r| r.job.clone());
                assert_eq!(recorded.as_ref(), Some(job), "recorded-before-effect");
                self.create(*role, job);
            }
            Effect::Task { effect: TaskEffect::Occupy { job }, .. } => {
                self.log.push(format!("occupy {job}"));
                self.occupied.insert(job.clone());
            }
            Effect::Task { effect: TaskEffect::Stop { job, uid }, .. } => {
                let found = self.jobs.get_mut(job).unwrap();
                assert_eq!(&found.uid, uid);
                self.log.push(format!("stop {job}"));
                found.gone_at = Some(self.now + Seconds(2));
            }
        }
    }

    fn create(&mut self, role: Role, name: &str) {
        assert_eq!(self.holder.as_ref(), Some(&self.meta.uid), "one-soak-per-target");
        assert!(self.meta.finalizer, "nothing is made before the finalizer holds the object");
        if role == Role::Teardown {
            for role in [Role::Setup, Role::Workload, Role::Inventory] {
                let record = role.record(&self.status);
                assert!(record.is_none_or(|r| r.state.is_finished()), "teardown beside a running {role:?}");
            }
        }
        if !self.jobs.contains_key(name) {
            self.uids += 1;
            self.log.push(format!("create {name}"));
            let (uid, purpose) = (format!("job{}", self.uids), role.purpose().to_owned());
            self.jobs.insert(name.to_owned(), SimJob { uid, began: self.now, purpose, gone_at: None });
        }
    }

    /// Runs until the time is up, visiting at each wake and at least every minute.
    pub(super) fn run_for(&mut self, span: Seconds) {
        let end = self.now + span;
        while self.now < end {
            let next = match self.visit() {
                Wake::At(at) => at.max(self.now + Seconds(1)),
                Wake::OnChange => self.now + Seconds(60),
            };
            self.now = next.min(self.now + Seconds(60)).min(end);
        }
        self.visit();
    }

    /// Runs until the soak is finished and let go; panics when it is not within a day.
    pub(super) fn run_out(&mut self) {
        for _ in 0..24 * 60 {
            self.run_for(Seconds(60));
            if self.gone || (is_true(&self.status.conditions, types::FINISHED) && !self.meta.finalizer) {
                return;
            }
        }
        panic!("not finished within a day: {:?}", self.status);
    }

    pub(super) fn did(&self, what: &str) -> usize {
        self.log.iter().filter(|l| l.as_str() == what).count()
    }
}

pub(super) fn rollout(digest: &str) -> Rollout {
    let image = RunningImage {
        container: "manager".into(),
        image: format!("registry.example/controller@{DIGEST}"),
        image_id: format!("registry.example/controller@{digest}"),
    };
    let pod = TargetPod { name: "controller-1".into(), ready: true, waiting: None, containers: vec![image] };
    Rollout { desired: 1, complete: true, pods: vec![pod], ending: 0 }
}

pub(super) fn judgement(verdict: Verdict) -> Judgement {
    let check = CheckStatus {
        name: "memory".into(),
        enforcement: Enforcement::Required,
        verdict: Some(verdict),
        value: None,
        interval: None,
        threshold: None,
        detectable: None,
        message: "its reason".into(),
    };
    Judgement {
        verdict,
        checks: vec![check],
        samples: SampleCounts::default(),
        fail_fast: false,
        needed: None,
        extend_to: None,
        compared_with: None,
    }
}
