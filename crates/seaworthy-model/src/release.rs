//! A small world around a `Release`: the API server's objects, a publisher whose pods can really publish, and an operator that can be told to
//! crash or to act on an old view.

use std::collections::BTreeMap;

use seaworthy_core::{
    candidate::Artifact,
    condition::Reason,
    lock::Lock,
    meta::Meta,
    presence::Presence,
    release::{
        self, Effect, GateKind, Observed, PublishState, ReleasePhase, ReleaseStatus, Settle,
        observed::{
            Approval, Child, ChildSight, Concurrency, GateRule, Notes, Policy, PublishRule, Sibling, Snapshot, Spec,
            VersionRule,
        },
        reads,
    },
    task::{Cause, Job, JobState, Report, Sight, TaskEffect},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
    version::{Burn, Facts, Ledger},
};

/// The Release's UID.
pub const UID: &str = "release-uid";

/// A world with one Release in it.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// What was asked for.
    pub spec: Spec,
    /// What is recorded.
    pub status: ReleaseStatus,
    /// The resourceVersion of the Release: every write of it counts.
    pub version: u64,
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
    /// Whether it is gone.
    pub gone: bool,
    /// The plan as it is now.
    pub plan: Option<Policy>,
    /// The pinned plan.
    pub snapshot: Option<Policy>,
    /// What the repository said.
    pub facts: Option<Result<Facts, String>>,
    /// The numbers that were used.
    pub ledger: Ledger,
    /// The release notes.
    pub notes: Presence<Notes>,
    /// Jobs by name.
    pub jobs: BTreeMap<String, Job>,
    /// Children by name.
    pub children: BTreeMap<String, Child>,
    /// Who has the turn.
    pub turn: Lock,
    /// Other Releases of the plan.
    pub siblings: Vec<Sibling>,
    /// Pods of publish Jobs that may still run, by the Job's UID: they outlive their Job.
    pub publish_pods: BTreeMap<String, u32>,
    /// How often a publish Job was unsuspended, by UID.
    pub unsuspends: BTreeMap<String, u32>,
    /// Whether the candidate is really out.
    pub out: bool,
    /// How often it was put out.
    pub published: u32,
    uids: u32,
}

/// An explicit plan with one E2E gate, `verify`, and one attempt.
pub fn policy() -> Policy {
    Policy {
        version: VersionRule { explicit: true, ..VersionRule::default() },
        candidate: Some(Seconds::minutes(10)),
        gates: vec![gate("suites", GateKind::E2ERun, &[]), gate("soak", GateKind::SoakTest, &["suites"])],
        publish: PublishRule { timeout: Seconds::minutes(5), verify: Some(Seconds::minutes(5)), max_attempts: 1 },
        concurrency: Concurrency::Latest,
        deadline: Seconds::hours(36),
        ..Policy::default()
    }
}

/// A required gate.
pub fn gate(name: &str, kind: GateKind, run_after: &[&str]) -> GateRule {
    GateRule {
        name: name.into(),
        kind,
        run_after: run_after.iter().map(|s| (*s).to_owned()).collect(),
        enforcement: Enforcement::Required,
        length: Seconds(0),
    }
}

impl World {
    /// A new Release under `plan`.
    pub fn new(plan: Policy) -> Self {
        Self {
            now: Timestamp::from_millis(1_000_000_000_000),
            spec: Spec {
                plan: "plan".into(),
                revision: "4f2c0d7b1e6a9c3f5d8b2a4e6c1f3b5d7a9e0c2b".into(),
                version: Some("1.4.0".into()),
                ..Spec::default()
            },
            status: ReleaseStatus::default(),
            version: 1,
            finalizer: false,
            deleted: None,
            gone: false,
            plan: Some(plan),
            snapshot: None,
            facts: None,
            ledger: Ledger::default(),
            notes: Presence::AbsentLive,
            jobs: BTreeMap::new(),
            children: BTreeMap::new(),
            turn: Lock::Free,
            siblings: Vec::new(),
            publish_pods: BTreeMap::new(),
            unsuspends: BTreeMap::new(),
            out: false,
            published: 0,
            uids: 0,
        }
    }

    /// What a live read shows now, beside the given status.
    pub fn observe(&self, status: &ReleaseStatus) -> Observed {
        let meta = Meta {
            namespace: "ns".into(),
            name: "rel".into(),
            uid: UID.into(),
            generation: 1,
            created: Timestamp::from_millis(1_000_000_000_000),
            deleted: self.deleted,
            finalizer: self.finalizer,
            namespace_terminating: false,
        };
        let wanted = reads(&meta, status, self.snapshot.as_ref());
        let there = |b: bool| if b { Presence::Present(()) } else { Presence::AbsentLive };
        Observed {
            spec: self.spec.clone(),
            status: status.clone(),
            plan: if wanted.plan { there(self.plan.is_some()) } else { Presence::Unknown },
            snapshot: match &self.snapshot {
                Some(policy) => Presence::Present(Snapshot {
                    name: "rel-plan".into(),
                    hash: "sha256:0".into(),
                    policy: Ok(policy.clone()),
                }),
                None => Presence::AbsentLive,
            },
            facts: match (&self.facts, wanted.facts) {
                (Some(facts), true) => Presence::Present(facts.clone()),
                (None, true) => Presence::AbsentLive,
                (_, false) => Presence::Unknown,
            },
            ledger: if wanted.ledger { Presence::Present(self.ledger.clone()) } else { Presence::Unknown },
            notes: if wanted.notes { self.notes.clone() } else { Presence::Unknown },
            jobs: wanted.jobs.iter().map(|name| (name.clone(), Sight::from(self.job(name)))).collect(),
            publish_pods: match &wanted.publish_pods {
                Some(uid) => Presence::Present(self.publish_pods.get(uid).copied().unwrap_or(0)),
                None => Presence::Unknown,
            },
            children: wanted
                .children
                .iter()
                .map(|(_, name)| {
                    let child = self.children.get(name).cloned().map_or(Presence::AbsentLive, Presence::Present);
                    (name.clone(), ChildSight { child, refused: None })
                })
                .collect(),
            turn: if wanted.turn { self.turn.clone() } else { Lock::Unknown },
            siblings: if wanted.siblings { self.siblings.clone() } else { Vec::new() },
            meta,
        }
    }

    fn job(&self, name: &str) -> Presence<Job> {
        match self.jobs.get(name) {
            Some(job) => {
                let live_pods = self.publish_pods.get(&job.uid).copied().unwrap_or(job.live_pods);
                Presence::Present(Job { live_pods, ..job.clone() })
            }
            None => Presence::AbsentLive,
        }
    }

    fn uid(&mut self) -> String {
        self.uids += 1;
        format!("uid-{}", self.uids)
    }

    /// Carries out an effect as the API server would.
    pub fn apply(&mut self, effect: &Effect) {
        if self.gone {
            return;
        }
        match effect {
            Effect::AddFinalizer => {
                self.finalizer = self.deleted.is_none() || self.finalizer;
                self.version += 1;
            }
            Effect::RemoveFinalizer => {
                self.finalizer = false;
                self.version += 1;
                self.gone = self.deleted.is_some();
            }
            Effect::CreateSnapshot => {
                if self.snapshot.is_none() {
                    self.snapshot = self.plan.clone();
                }
            }
            Effect::StoreFacts { .. } => {
                self.facts.get_or_insert(Ok(Facts {
                    head: self.spec.revision.clone(),
                    first_parent_count: 1,
                    ..Facts::default()
                }));
            }
            Effect::AcquireTurn => {
                if self.turn == Lock::Free {
                    self.turn = Lock::Mine;
                }
            }
            Effect::ReleaseTurn => {
                if self.turn == Lock::Mine {
                    self.turn = Lock::Free;
                }
            }
            // Somebody was faster: the next observation tells.
            Effect::Reserve { version, candidate } => {
                let _ = self.ledger.reserve(UID, &self.spec.revision, version, *candidate);
            }
            Effect::DraftNotes { text } => {
                if self.notes == Presence::AbsentLive {
                    self.notes = Presence::Present(Notes {
                        owned: true,
                        digest: format!("{:x}", text.len()),
                        ..Notes::default()
                    });
                }
            }
            Effect::FreezeNotes { .. } => {
                if let Presence::Present(notes) = &mut self.notes {
                    notes.frozen = true;
                }
            }
            Effect::Settle(settle) => {
                let _ = match settle {
                    Settle::Published => self.ledger.publish(UID),
                    Settle::BurnCandidate => self.ledger.burn(UID, Burn::Candidate),
                    Settle::BurnFinal => self.ledger.burn(UID, Burn::Final),
                };
            }
            Effect::Planning(task) | Effect::Candidate(task) | Effect::Verify(task) => self.task(task),
            Effect::CreateChild { gate } => self.create_child(*gate),
            Effect::AbortChild { name, uid, .. } => {
                if let Some(child) = self.children.get_mut(name).filter(|c| c.uid == *uid) {
                    child.aborting = true;
                }
            }
            Effect::DeleteChild { name, uid, .. } => {
                if let Some(child) = self.children.get_mut(name).filter(|c| c.uid == *uid) {
                    child.deleting = true;
                }
            }
            Effect::CreatePublish { job, .. } => self.create_job(job, true),
            Effect::Unsuspend { job, uid, resource_version } => self.unsuspend(job, uid, resource_version),
            Effect::StopPublish { job, uid } => self.stop(job, uid),
        }
    }

    fn task(&mut self, task: &TaskEffect) {
        match task {
            TaskEffect::Create { job } => self.create_job(job, false),
            TaskEffect::Stop { job, uid } => self.stop(job, uid),
        }
    }

    fn create_job(&mut self, name: &str, suspended: bool) {
        if self.jobs.contains_key(name) {
            return;
        }
        let uid = self.uid();
        let state = JobState::Waiting { cause: None, reason: None, message: String::new() };
        let live_pods = u32::from(!suspended);
        let job = Job {
            uid,
            owned: true,
            resource_version: "1".into(),
            deleting: false,
            suspended,
            created: self.now,
            live_pods,
            state,
        };
        self.jobs.insert(name.to_owned(), job);
    }

    fn create_child(&mut self, gate: usize) {
        let Some(name) = self.status.gates.get(gate).map(|g| g.child.clone()) else { return };
        if self.children.contains_key(&name) {
            return;
        }
        let uid = self.uid();
        let child = Child {
            uid,
            owned: true,
            aborting: false,
            deleting: false,
            verdict: None,
            reason: String::new(),
            message: String::new(),
        };
        self.children.insert(name, child);
    }

    fn unsuspend(&mut self, name: &str, uid: &str, resource_version: &str) {
        let Some(job) = self.jobs.get_mut(name) else { return };
        if job.uid != uid || job.resource_version != resource_version || !job.suspended || job.deleting {
            return;
        }
        job.suspended = false;
        job.resource_version = "2".into();
        *self.unsuspends.entry(uid.to_owned()).or_default() += 1;
        self.publish_pods.insert(uid.to_owned(), 1);
    }

    /// Deletes a Job as the API server does in the foreground: its pods end first, in their own time.
    pub fn stop(&mut self, name: &str, uid: &str) {
        let pods = self.publish_pods.get(uid).copied().unwrap_or(0);
        let Some(job) = self.jobs.get_mut(name).filter(|j| j.uid == uid) else { return };
        job.deleting = true;
        if pods == 0 {
            self.jobs.remove(name);
        }
    }

    /// Somebody deletes a Job with its name free at once; its pods may live on for a while.
    pub fn remove_job(&mut self, name: &str) {
        self.jobs.remove(name);
    }

    /// The pod of a publish Job does its work, whether or not anybody still watches.
    pub fn pod_publishes(&mut self, uid: &str) {
        if self.publish_pods.get(uid).copied().unwrap_or(0) > 0 {
            self.out = true;
            self.published += 1;
        }
    }

    /// The pod of a publish Job ends.
    pub fn pod_ends(&mut self, uid: &str) {
        self.publish_pods.insert(uid.to_owned(), 0);
        self.jobs.retain(|_, j| j.uid != uid || !j.deleting);
    }

    /// A Job that is not the publisher's ends.
    pub fn end_job(&mut self, name: &str, state: JobState) {
        if let Some(job) = self.jobs.get_mut(name) {
            job.live_pods = 0;
            job.state = state;
        }
    }

    /// A child ends with a verdict.
    pub fn end_child(&mut self, name: &str, verdict: Verdict) {
        if let Some(child) = self.children.get_mut(name) {
            child.verdict = Some(verdict);
            child.reason = format!("{verdict:?}");
        }
    }

    /// One round of a visit with a live view: observe, decide, record, execute. False when there was nothing to do.
    pub fn round(&mut self) -> bool {
        if self.gone {
            return false;
        }
        let seen = self.observe(&self.status.clone());
        let plan = release::decide(&seen, self.now);
        let changed = plan.status != self.status;
        if changed {
            self.status = plan.status;
            self.version += 1;
        }
        let busy = changed || !plan.effects.is_empty();
        for effect in &plan.effects {
            self.apply(effect);
        }
        busy
    }

    /// Rounds until nothing more is to do; false when that takes more than 100.
    pub fn settle(&mut self) -> bool {
        (0..100).any(|_| !self.round())
    }

    /// The names of Jobs that have not ended and whose name holds `part`.
    pub fn open_job(&self, part: &str) -> Option<String> {
        let open = |j: &&Job| !matches!(j.state, JobState::Succeeded { .. } | JobState::Failed { .. });
        self.jobs.iter().find(|(n, j)| n.contains(part) && open(j)).map(|(n, _)| n.clone())
    }

    /// `publish-at-most-one-pod`: never two publish pods at once, none unsuspended twice.
    ///
    /// # Errors
    /// What is violated.
    pub fn check(&self) -> Result<(), String> {
        let pods: u32 = self.publish_pods.values().sum();
        if pods > 1 {
            return Err(format!("publish-at-most-one-pod: {pods} publish pods at once"));
        }
        if self.unsuspends.values().any(|n| *n > 1) {
            return Err("publish-at-most-one-pod: a publish Job was unsuspended twice".into());
        }
        let published = self.status.phase == ReleasePhase::Published;
        if published && !self.out {
            return Err("Published is recorded, but nothing is out".into());
        }
        let required = self.status.gates.iter().filter(|g| g.enforcement == Enforcement::Required);
        let passed = required.clone().count() > 0 && required.clone().all(|g| g.state == release::GateState::Passed);
        if self.status.publish.is_some() && !passed {
            return Err("published-implies-gates: publishing began without every required gate".into());
        }
        if self.status.publish.as_ref().is_some_and(|p| p.state == PublishState::NotPublished) && self.out {
            return Err("it is recorded that nothing is out, but it is".into());
        }
        Ok(())
    }
}

/// A task that did well.
pub fn succeeded() -> JobState {
    JobState::Succeeded { report: Report { known: true, artifacts: vec![artifact()], ..Report::default() } }
}

/// A task whose program ended with this exit code.
pub fn failed(exit_code: i32) -> JobState {
    let report = Report { exit_code: Some(exit_code), ..Report::default() };
    JobState::Failed {
        cause: Cause::Product,
        reason: Reason::TaskFailed,
        message: format!("exit code {exit_code}"),
        report: Some(report),
    }
}

/// What the candidate task builds.
pub fn artifact() -> Artifact {
    Artifact {
        name: "controller".into(),
        uri: "registry.example/c".into(),
        digest: format!("sha256:{}", "a".repeat(64)),
    }
}

/// A person's yes.
pub fn yes() -> Option<Approval> {
    Some(Approval { approved: true, ..Approval::default() })
}
