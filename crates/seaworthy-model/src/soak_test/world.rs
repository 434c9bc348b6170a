//! The cluster around a `SoakTest`, and what must hold in it.
//!
//! The sampler is a list of slots: one that is due while an operator samples is obtained, one that is due while nobody does is a gap. The
//! checks are their coverage alone: passed at 95 % and more, inconclusive below.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

use seaworthy_core::{
    condition,
    lock::Lock,
    meta::Meta,
    plan::Plan,
    presence::Presence,
    soak_test::{
        self, CheckStatus, Effect, Judgement, Observed, Role, SampleCounts, SamplerFacts, SoakSpec, SoakTestPhase,
        SoakTestStatus, needs,
        target::{Rollout, RunningImage, TargetPod},
    },
    task::{Sight, TaskEffect, TaskState},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
};

use crate::{
    EPOCH,
    jobs::Jobs,
    operator::{Subject, shifted},
};

/// The step in which the clock moves; a slot is due at each.
pub const TICK: Seconds = Seconds::minutes(10);
/// How much of what was planned must have been obtained, in percent.
const COVERAGE: u64 = 95;

/// The soak as the API server holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What was asked for.
    pub spec: SoakSpec,
    /// What is recorded.
    pub status: SoakTestStatus,
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
}

// By hand: of the spec only the latches change within a scope.
impl Hash for Stored {
    fn hash<H: Hasher>(&self, h: &mut H) {
        (self.spec.suspend, self.spec.abort, &self.status, self.finalizer, self.deleted).hash(h);
    }
}

/// Who has the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// The soak under test.
    Ours,
    /// Another soak.
    Other,
}

/// A world with one soak in it, and another that wants the same target.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a world, in any combination")]
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct World {
    /// What time it is.
    pub now: Timestamp,
    /// The soak.
    pub soak: Arc<Stored>,
    /// How often it was written since this was last set to 0.
    pub(super) writes: u32,
    /// Whether it is gone.
    pub gone: bool,
    /// Whether its namespace is being deleted.
    pub terminating: bool,
    /// Jobs and their pods.
    pub jobs: Jobs,
    /// Names of Jobs that people deleted.
    pub deleted: BTreeSet<String>,
    /// Jobs that came to be when their record was no longer waiting for them, or a second time because people deleted the first.
    pub strays: BTreeSet<String>,
    /// Pods that nobody can wait for.
    pub lingering: BTreeSet<String>,
    /// Whether a clock jumped.
    pub jumped: bool,
    /// Who is in the target's lock.
    pub holder: Holder,
    /// Whether the other soak still wants the target.
    pub other_waits: bool,
    /// Whether somebody samples.
    pub sampling: bool,
    /// For each slot that was due, whether there is a sample.
    pub slots: Vec<bool>,
    /// Whether the load ever ran.
    pub(super) ran: bool,
    /// Whether setup, load or inventory may have changed the world since the last teardown.
    pub dirty: bool,
    /// The outcome that was decided first.
    pub outcome: Option<SoakTestPhase>,
    /// The first thing that happened and must not.
    pub wrong: Option<String>,
}

/// How long a Job that was told to end is waited for before the teardown runs beside it.
const PATIENCE: Seconds = Seconds::minutes(10);

/// A soak with every task, whose phases last one tick each.
pub fn spec() -> SoakSpec {
    SoakSpec {
        target: "Deployment ns/controller".into(),
        setup: Some(Seconds::minutes(15)),
        workload: Some(Seconds::minutes(10)),
        teardown: Some(Seconds::minutes(15)),
        interval: TICK,
        warm_up: TICK,
        measure: TICK,
        settle: TICK,
        ..SoakSpec::default()
    }
}

impl World {
    /// A new soak.
    pub fn new(spec: SoakSpec) -> Self {
        let soak = Stored { spec, status: SoakTestStatus::default(), finalizer: false, deleted: None };
        Self {
            now: EPOCH,
            soak: Arc::new(soak),
            writes: 0,
            gone: false,
            terminating: false,
            jobs: Jobs::default(),
            deleted: BTreeSet::new(),
            strays: BTreeSet::new(),
            lingering: BTreeSet::new(),
            jumped: false,
            holder: Holder::Nobody,
            other_waits: true,
            sampling: false,
            slots: Vec::new(),
            ran: false,
            dirty: false,
            outcome: None,
            wrong: None,
        }
    }

    /// What is recorded.
    pub fn status(&self) -> &SoakTestStatus {
        &self.soak.status
    }

    /// Writes the soak.
    pub fn write(&mut self) -> &mut Stored {
        self.writes += 1;
        Arc::make_mut(&mut self.soak)
    }

    /// Somebody deletes the soak.
    pub fn delete(&mut self) {
        let now = self.now;
        self.write().deleted.get_or_insert(now);
        self.gone = !self.soak.finalizer;
    }

    fn must_not(&mut self, invariant: &str, what: &str) {
        self.wrong.get_or_insert_with(|| format!("{invariant}: {what}"));
    }

    /// Whether our entry in the lock counts: by the rule of locks, a holder that is gone, or finished and let go, holds nothing.
    fn we_hold(&self) -> bool {
        let finished = condition::is_true(&self.status().conditions, condition::types::FINISHED);
        self.holder == Holder::Ours && !self.gone && (!finished || self.soak.finalizer)
    }

    /// What a live read of the lock shows to us.
    fn lock(&self) -> Lock {
        match self.holder {
            Holder::Nobody => Lock::Free,
            Holder::Ours => Lock::Mine,
            Holder::Other => Lock::Held("SoakTest ns/other".into()),
        }
    }

    /// Whether the other soak could take the target now.
    pub(super) fn is_free(&self) -> bool {
        self.holder == Holder::Nobody || self.holder == Holder::Ours && !self.we_hold()
    }

    /// The other soak takes the target: nothing of ours may still touch it.
    pub(super) fn other_takes(&mut self) {
        self.holder = Holder::Other;
        self.other_waits = false;
        let ours = self.jobs.pods.iter().any(|uid| !self.strays.contains(uid) && !self.lingering.contains(uid));
        if ours && !self.jumped && !self.terminating {
            self.must_not("one-soak-per-target", "another soak has the target while something of this one runs");
        }
        if self.dirty && !self.terminating && !self.said() {
            self.must_not("one-soak-per-target", "another soak has the target before it was torn down");
        }
    }

    /// Whether it is told that something stayed behind.
    fn said(&self) -> bool {
        condition::get(&self.status().conditions, condition::types::FINISHED)
            .is_some_and(|c| c.reason == condition::Reason::TeardownFailed.as_str())
    }

    fn slots_planned(&self) -> u64 {
        self.soak.spec.slots(self.status().extended())
    }

    fn sampled(&self, held: &Stored, now: Timestamp, through: u64) -> SamplerFacts {
        let obtained = self.slots.iter().filter(|s| **s).count() as u64;
        let samples = SampleCounts { planned: self.slots.len() as u64, obtained, longest_gap_seconds: 0 };
        let wanted = needs(&self.meta(held), &held.spec, &held.status, through, now).judgement;
        let judgement = wanted.then(|| {
            let covered = obtained * 100 >= self.slots_planned() * COVERAGE;
            let verdict = if covered { Verdict::Passed } else { Verdict::Inconclusive };
            let check = CheckStatus {
                name: "coverage".into(),
                enforcement: Enforcement::Required,
                verdict: Some(verdict),
                value: None,
                interval: None,
                threshold: None,
                detectable: None,
                message: String::new(),
            };
            let (checks, samples) = (vec![check], samples.clone());
            Judgement { verdict, checks, samples, fail_fast: false, needed: None, extend_to: None, compared_with: None }
        });
        SamplerFacts { through, samples, judgement, ..SamplerFacts::default() }
    }

    fn meta(&self, held: &Stored) -> Meta {
        Meta {
            namespace: "ns".into(),
            name: "soak".into(),
            uid: "soak-uid".into(),
            generation: 1,
            created: EPOCH,
            deleted: held.deleted,
            finalizer: held.finalizer,
            namespace_terminating: self.terminating && held.deleted.is_some(),
        }
    }

    /// What live reads show now, beside the given copy of the soak.
    pub fn observe(&self, held: &Stored, now: Timestamp) -> Observed {
        let through = self.slots.len() as u64;
        let meta = self.meta(held);
        let wanted = needs(&meta, &held.spec, &held.status, through, now);
        let jobs = wanted.jobs.into_iter().map(|name| {
            let seen = Sight::from(self.jobs.see(&name));
            (name, seen)
        });
        Observed {
            meta,
            spec: held.spec.clone(),
            status: held.status.clone(),
            jobs: jobs.collect(),
            lock: if wanted.lock { self.lock() } else { Lock::Unknown },
            target: if wanted.target { Presence::Present(rollout()) } else { Presence::Unknown },
            sampler: self.sampled(held, now, through),
        }
    }

    /// A slot is due: whether there is a sample of it depends on whether anybody samples.
    pub(super) fn due(&mut self) {
        let started = self.status().start_time.is_some_and(|start| self.now >= start);
        let open = self.status().ending.is_none() && (self.slots.len() as u64) < self.slots_planned();
        if started && open {
            self.slots.push(self.sampling);
        }
    }

    fn is_due(status: &SoakTestStatus, role: Role, job: &str) -> bool {
        role.record(status).is_some_and(|r| r.job == job && r.state == TaskState::Pending)
    }

    /// Whether the Job of this pod was told to end so long ago that it need not be waited for any more.
    fn had_its_time(&self, uid: &str) -> bool {
        let told = self.jobs.by_name.values().find(|job| job.uid == uid).and_then(|job| job.deleted);
        told.is_some_and(|at| self.now >= at + PATIENCE)
    }

    fn create(&mut self, held: &Stored, role: Role, job: &str) {
        if !Self::is_due(&held.status, role, job) {
            self.must_not("recorded-before-effect", &format!("{job} is created, but not recorded"));
        }
        if self.terminating || !self.jobs.create(job, false, self.now) {
            return;
        }
        let uid = self.jobs.by_name[job].uid.clone();
        // Also the one that follows a Job that people deleted before it was recorded.
        if self.gone || !Self::is_due(self.status(), role, job) || self.deleted.contains(job) {
            self.strays.insert(uid);
            return;
        }
        if !uid.ends_with("#1") {
            self.must_not("one-job-per-attempt", &format!("{job} runs a second time under the same attempt"));
        }
        if !self.soak.finalizer {
            self.must_not("teardown-always", &format!("{job} is created while nothing holds the soak"));
        }
        if !self.we_hold() {
            self.must_not("one-soak-per-target", &format!("{job} is created without the target's lock"));
        }
        if role == Role::Teardown {
            let others = self.jobs.pods.iter().any(|p| {
                !p.starts_with("soak-teardown")
                    && !self.lingering.contains(p)
                    && !self.strays.contains(p)
                    && !self.had_its_time(p)
            });
            if others && !self.jumped {
                self.must_not("teardown-always", "the teardown begins while the soak still runs");
            }
        } else {
            self.dirty = true;
        }
    }

    /// A teardown's Job is over, however it ended.
    pub(super) fn torn_down(&mut self, name: &str) {
        if name.starts_with("soak-teardown") {
            self.dirty = false;
        }
    }

    /// What must hold of what is told.
    fn told(&mut self) {
        let status = &self.soak.status;
        let told = status.ending.as_ref().map(|e| e.phase).or_else(|| Some(status.phase).filter(|p| p.is_terminal()));
        let (first, phase) = (self.outcome, status.phase);
        let finished = condition::is_true(&status.conditions, condition::types::FINISHED);
        self.outcome = first.or(told);
        if first.is_some() && (told != first || phase.is_terminal() && Some(phase) != first) {
            self.must_not("terminal-is-final", &format!("{first:?} became {told:?}, {phase:?}"));
        }
        if finished && self.dirty && !self.terminating && self.soak.spec.teardown.is_some() && !self.said() {
            self.must_not("teardown-always", "it is over, but was not torn down, and nothing says so");
        }
        if told == Some(SoakTestPhase::Succeeded) && !self.ran {
            self.must_not("no-evidence-never-passes", "passed, and the load never ran");
        }
        let obtained = self.slots.iter().filter(|s| **s).count() as u64;
        if told == Some(SoakTestPhase::Succeeded) && obtained * 100 < self.slots_planned() * COVERAGE {
            let planned = self.slots_planned();
            self.must_not("no-evidence-never-passes", &format!("passed with {obtained} of {planned} samples"));
        }
    }

    /// Whether nothing more is to be done about the soak, and nothing is held or left behind.
    ///
    /// # Errors
    /// What is not over, or is left: `everything-ends`, `nothing-left`.
    pub fn is_done(&self) -> Result<(), String> {
        if !self.gone {
            let status = self.status();
            if !condition::is_true(&status.conditions, condition::types::FINISHED) || !status.phase.is_terminal() {
                return Err(format!("everything-ends: still {:?}", status.phase));
            }
            if self.soak.finalizer {
                return Err("nothing-left: the finalizer stays on".into());
            }
        }
        if self.we_hold() {
            return Err("nothing-left: the target's lock is held".into());
        }
        match self.jobs.open().next() {
            Some((name, _)) => Err(format!("nothing-left: {name} still runs")),
            None => Ok(()),
        }
    }
}

/// A target that is ready.
fn rollout() -> Rollout {
    let image =
        RunningImage { container: "manager".into(), image: "registry.example/c".into(), image_id: String::new() };
    let pod = TargetPod { name: "controller-1".into(), ready: true, waiting: None, containers: vec![image] };
    Rollout { desired: 1, complete: true, pods: vec![pod], ending: 0 }
}

impl Subject for World {
    type Object = Stored;
    type Status = SoakTestStatus;
    type Effect = Effect;

    fn read(&self) -> Option<Arc<Stored>> {
        (!self.gone).then(|| Arc::clone(&self.soak))
    }

    fn status(object: &Stored) -> &SoakTestStatus {
        &object.status
    }

    fn decide(&mut self, held: &Stored, skew: i8) -> Plan<SoakTestStatus, Effect> {
        self.jumped |= skew != 0;
        let now = shifted(self.now, skew);
        let observed = self.observe(held, now);
        // Whoever looks begins to sample, or ends it, as the recorded times say.
        self.sampling |= held.status.start_time.is_some() && held.status.ending.is_none();
        soak_test::decide(&observed, now)
    }

    fn record(&mut self, status: SoakTestStatus) -> Arc<Stored> {
        self.write().status = status;
        self.told();
        Arc::clone(&self.soak)
    }

    fn apply(&mut self, held: &Stored, effect: &Effect, stale: bool) -> bool {
        match effect {
            Effect::AddFinalizer | Effect::RemoveFinalizer if self.gone || stale => return false,
            // No finalizer can be put on what is being deleted.
            Effect::AddFinalizer if self.soak.deleted.is_some() => return false,
            Effect::AddFinalizer => self.write().finalizer = true,
            Effect::RemoveFinalizer => {
                self.write().finalizer = false;
                self.gone = self.soak.deleted.is_some();
            }
            Effect::AcquireLock => {
                if self.holder == Holder::Nobody {
                    self.holder = Holder::Ours;
                }
            }
            Effect::ReleaseLock => {
                if self.holder == Holder::Ours {
                    self.holder = Holder::Nobody;
                }
            }
            Effect::Task { role, effect: TaskEffect::Create { job } } => self.create(held, *role, job),
            Effect::Task { effect: TaskEffect::Occupy { job }, .. } => {
                if !self.terminating {
                    self.jobs.create(job, true, self.now);
                }
            }
            Effect::Task { effect: TaskEffect::Stop { job, uid }, .. } => {
                self.jobs.stop(job, uid, self.now);
                if !self.jobs.by_name.contains_key(job) {
                    self.torn_down(job);
                }
            }
        }
        true
    }
}
