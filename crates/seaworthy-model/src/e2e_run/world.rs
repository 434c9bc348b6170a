//! The cluster around an `E2ERun`, and what must hold in it.
//!
//! What really happened is written down beside the objects: which attempts changed the world, which of them were torn down, which suites
//! really passed or failed. What is recorded is held against that.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use seaworthy_core::{
    condition,
    e2e_run::{
        self, E2eRunPhase, E2eRunStatus, Effect, Observed, Spec, Step, SuiteState, needs,
        spec::{Suite, Task},
    },
    meta::Meta,
    plan::Plan,
    task::{Sight, TaskEffect, TaskState},
    time::{Seconds, Timestamp},
    verdict::Enforcement,
};

use crate::{
    EPOCH,
    jobs::{Jobs, is_over, name_of},
    operator::{Subject, shifted},
};

/// The step in which the clock moves: longer than the wait for a pod that does not end.
pub const TICK: Seconds = Seconds::minutes(10);

/// The run as the API server holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What was asked for.
    pub spec: Spec,
    /// What is recorded.
    pub status: E2eRunStatus,
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

/// One attempt of one suite.
pub type Attempt = (String, u32);

/// A world with one run in it.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct World {
    /// What time it is.
    pub now: Timestamp,
    /// The run.
    pub run: Arc<Stored>,
    /// How often it was written since this was last set to 0.
    pub(super) writes: u32,
    /// Whether it is gone.
    pub gone: bool,
    /// Whether its namespace is being deleted: no Job can start any more.
    pub terminating: bool,
    /// Jobs and their pods.
    pub jobs: Jobs,
    /// What each Job is of, by its name.
    pub of: BTreeMap<String, (Attempt, Step)>,
    /// Pods that nobody can wait for: their Job was deleted by a person, or they do not end in time.
    pub lingering: BTreeSet<String>,
    /// Names of Jobs that people deleted.
    pub deleted: BTreeSet<String>,
    /// Jobs that came to be when their record was no longer waiting for them, by a create that was under way all the time.
    pub strays: BTreeSet<String>,
    /// Whether a clock jumped: then nobody knows how long a wait was.
    pub jumped: bool,
    /// Attempts that may have changed the world and were not torn down yet.
    pub dirty: BTreeSet<Attempt>,
    /// Attempts whose suite really passed.
    pub passed: BTreeSet<Attempt>,
    /// Attempts of which something really failed by the product's fault.
    pub failed: BTreeSet<Attempt>,
    /// The outcome that was told first.
    pub outcome: Option<(E2eRunPhase, String)>,
    /// The first thing that happened and must not.
    pub wrong: Option<String>,
}

/// A task of ten minutes.
pub const fn task() -> Task {
    Task { timeout: Seconds::minutes(10), service_account: None }
}

/// A required suite.
pub fn suite(name: &str, max_attempts: u32) -> Suite {
    Suite { name: name.into(), task: task(), max_attempts, min_tests: None, enforcement: Enforcement::Required }
}

/// A run of these suites, one after the other, with setup and teardown.
pub fn spec(suites: Vec<Suite>) -> Spec {
    Spec {
        service_accounts: Vec::new(),
        parallelism: 1,
        fail_fast: false,
        setup: Some(task()),
        teardown: Some(task()),
        deadline: Seconds::hours(24),
        suites,
        suspend: false,
        abort: false,
    }
}

impl World {
    /// A new run.
    pub fn new(spec: Spec) -> Self {
        let run = Stored { spec, status: E2eRunStatus::default(), finalizer: false, deleted: None };
        Self {
            now: EPOCH,
            run: Arc::new(run),
            writes: 0,
            gone: false,
            terminating: false,
            jobs: Jobs::default(),
            of: BTreeMap::new(),
            lingering: BTreeSet::new(),
            deleted: BTreeSet::new(),
            strays: BTreeSet::new(),
            jumped: false,
            dirty: BTreeSet::new(),
            passed: BTreeSet::new(),
            failed: BTreeSet::new(),
            outcome: None,
            wrong: None,
        }
    }

    /// What is recorded.
    pub fn status(&self) -> &E2eRunStatus {
        &self.run.status
    }

    /// Writes the run.
    pub fn write(&mut self) -> &mut Stored {
        self.writes += 1;
        Arc::make_mut(&mut self.run)
    }

    /// Something that must not be.
    fn must_not(&mut self, invariant: &str, what: &str) {
        self.wrong.get_or_insert_with(|| format!("{invariant}: {what}"));
    }

    /// What live reads show now, beside the given copy of the run.
    pub fn observe(&self, held: &Stored) -> Observed {
        let meta = Meta {
            namespace: "ns".into(),
            name: "run".into(),
            uid: "run-uid".into(),
            generation: 1,
            created: EPOCH,
            deleted: held.deleted,
            finalizer: held.finalizer,
            namespace_terminating: self.terminating && held.deleted.is_some(),
        };
        let jobs = needs(&held.status).into_iter().map(|name| {
            let seen = Sight::from(self.jobs.see(&name));
            (name, seen)
        });
        Observed { meta, spec: held.spec.clone(), status: held.status.clone(), jobs: jobs.collect() }
    }

    /// Whether a Job of that name is recorded as what is to be created.
    fn is_due(status: &E2eRunStatus, job: &str) -> bool {
        let mut current = status.suites.iter().filter_map(|s| s.current());
        current.any(|(_, record)| record.job == job && record.state == TaskState::Pending)
    }

    /// The pods of an attempt's setup and suite that anybody can wait for.
    fn live_pods(&self, attempt: &Attempt) -> bool {
        self.jobs.pods.iter().any(|uid| {
            let name = name_of(uid);
            let ours = self.of.get(name).is_some_and(|(a, step)| a == attempt && *step != Step::Teardown);
            ours && !self.lingering.contains(uid) && !self.strays.contains(uid)
        })
    }

    /// A task's create. What must hold then: it was recorded, it is the only one of its attempt, and a teardown has the world for itself.
    fn create(&mut self, held: &Stored, suite: &str, step: Step, attempt: u32, job: &str) {
        if !Self::is_due(&held.status, job) {
            self.must_not("recorded-before-effect", &format!("{job} is created, but not recorded"));
        }
        if self.terminating || !self.jobs.create(job, false, self.now) {
            return;
        }
        let attempt = (suite.to_owned(), attempt);
        self.of.insert(job.to_owned(), (attempt.clone(), step));
        let uid = self.jobs.by_name[job].uid.clone();
        // Also the one that follows a Job that people deleted before it was recorded.
        if self.gone || !Self::is_due(self.status(), job) || self.deleted.contains(job) {
            self.strays.insert(uid);
            return;
        }
        if !uid.ends_with("#1") {
            self.must_not("one-job-per-attempt", &format!("{job} runs a second time under the same attempt"));
        }
        if !self.run.finalizer {
            self.must_not("teardown-always", &format!("{job} is created while nothing holds the run"));
        }
        if step == Step::Teardown {
            if !self.jumped && self.live_pods(&attempt) {
                self.must_not("teardown-always", &format!("{job} begins while its attempt still runs"));
            }
        } else {
            let others = self.dirty.iter().filter(|(s, n)| *s == attempt.0 && *n != attempt.1).count();
            let said = self.status().suites.iter().find(|s| s.name == attempt.0).map_or(0, |s| s.teardown_failures);
            if others > said as usize && self.run.spec.teardown.is_some() {
                self.must_not("teardown-always", &format!("{job} begins before the last attempt is torn down"));
            }
            self.dirty.insert(attempt);
        }
    }

    /// A Job is over, well or not; what its attempt really showed.
    pub(super) fn ended(&mut self, name: &str, well: bool, product: bool) {
        let Some((attempt, step)) = self.of.get(name).cloned() else { return };
        match step {
            Step::Teardown => {
                self.dirty.remove(&attempt);
            }
            Step::Run if well => {
                self.passed.insert(attempt);
            }
            Step::Setup | Step::Run if product => {
                self.failed.insert(attempt);
            }
            Step::Setup | Step::Run => {}
        }
    }

    /// `no-evidence-never-passes`, `terminal-is-final`, `teardown-always`, `one-job-per-attempt`, and that each failure is counted once.
    ///
    /// # Errors
    /// What is violated.
    pub fn check(&self) -> Result<(), String> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        let status = self.status();
        for (suite, rule) in status.suites.iter().zip(&self.run.spec.suites) {
            let really = |set: &BTreeSet<Attempt>| set.iter().filter(|(s, _)| *s == suite.name).count();
            let (failed, counted) = (really(&self.failed), suite.product_failures as usize);
            if counted > failed {
                return Err(format!("one-job-per-attempt: {counted} failures counted, {failed} attempts failed"));
            }
            if suite.product_failures + suite.infrastructure_failures > suite.attempts {
                return Err("one-job-per-attempt: more failures than attempts".into());
            }
            if suite.attempts > rule.max_attempts + e2e_run::INFRASTRUCTURE_BUDGET {
                return Err(format!("everything-ends: {} attempts", suite.attempts));
            }
            let required = rule.enforcement == Enforcement::Required;
            let did = self.passed.contains(&(suite.name.clone(), suite.attempts));
            let told = suite.state == SuiteState::Passed || required && status.phase == E2eRunPhase::Succeeded;
            if told && !did {
                return Err(format!("no-evidence-never-passes: suite {} did not pass", suite.name));
            }
        }
        if status.suites.is_empty() && status.phase == E2eRunPhase::Succeeded {
            return Err("no-evidence-never-passes: no suite, and yet Succeeded".into());
        }
        Ok(())
    }

    /// What must be done before the run is told to be over, or is let go: every attempt was torn down, and what was not is said.
    fn let_go(&mut self) {
        if self.terminating || self.run.spec.teardown.is_none() {
            return;
        }
        let reported: u32 = self.status().suites.iter().map(|s| s.teardown_failures).sum();
        if self.dirty.len() > reported as usize {
            let what = format!("the run is over, but {:?} were not torn down, and nothing says so", self.dirty);
            self.must_not("teardown-always", &what);
        }
    }

    /// Whether nothing more is to be done about the run, and nothing is left behind.
    ///
    /// # Errors
    /// What is not over, or is left: `everything-ends`, `nothing-left`.
    pub fn is_done(&self) -> Result<(), String> {
        if !self.gone {
            let status = self.status();
            if !condition::is_true(&status.conditions, condition::types::FINISHED) {
                return Err(format!("everything-ends: still {:?}", status.phase));
            }
            if self.run.finalizer {
                return Err("nothing-left: the finalizer stays on".into());
            }
        }
        match self.jobs.open().next() {
            Some((name, _)) => Err(format!("nothing-left: {name} still runs")),
            None => Ok(()),
        }
    }
}

impl Subject for World {
    type Object = Stored;
    type Status = E2eRunStatus;
    type Effect = Effect;

    fn read(&self) -> Option<Arc<Stored>> {
        (!self.gone).then(|| Arc::clone(&self.run))
    }

    fn status(object: &Stored) -> &E2eRunStatus {
        &object.status
    }

    fn decide(&mut self, held: &Stored, skew: i8) -> Plan<E2eRunStatus, Effect> {
        self.jumped |= skew != 0;
        e2e_run::decide(&self.observe(held), shifted(self.now, skew))
    }

    fn record(&mut self, status: E2eRunStatus) -> Arc<Stored> {
        self.write().status = status;
        let told = &self.run.status;
        let finished = condition::get(&told.conditions, condition::types::FINISHED);
        let over = condition::is_true(&told.conditions, condition::types::FINISHED);
        let now = over.then(|| (told.phase, finished.map(|c| c.reason.clone()).unwrap_or_default()));
        match (&self.outcome, now) {
            (None, Some(now)) => {
                self.outcome = Some(now);
                self.let_go();
            }
            (Some(first), now) if now.as_ref() != Some(first) => {
                let what = format!("{first:?} became {now:?}");
                self.must_not("terminal-is-final", &what);
            }
            (None | Some(_), _) => {}
        }
        Arc::clone(&self.run)
    }

    fn apply(&mut self, held: &Stored, effect: &Effect, stale: bool) -> bool {
        match effect {
            Effect::AddFinalizer | Effect::RemoveFinalizer if self.gone || stale => return false,
            // No finalizer can be put on what is being deleted.
            Effect::AddFinalizer if self.run.deleted.is_some() => return false,
            Effect::AddFinalizer => self.write().finalizer = true,
            Effect::RemoveFinalizer => {
                self.let_go();
                self.write().finalizer = false;
                self.gone = self.run.deleted.is_some();
            }
            Effect::Task { suite, step, attempt, effect: TaskEffect::Create { job } } => {
                self.create(held, suite, *step, *attempt, job);
            }
            Effect::Task { effect: TaskEffect::Occupy { job }, .. } => {
                if !self.terminating {
                    self.jobs.create(job, true, self.now);
                }
            }
            Effect::Task { effect: TaskEffect::Stop { job, uid }, .. } => {
                self.jobs.stop(job, uid, self.now);
                self.forget_removed();
            }
        }
        true
    }
}

impl World {
    /// A teardown that was removed is over, whatever it did.
    pub(super) fn forget_removed(&mut self) {
        let gone = |name: &String| self.jobs.by_name.get(name).is_none_or(|j| is_over(&j.state));
        let over: Vec<String> = self
            .of
            .iter()
            .filter(|(n, (_, step))| *step == Step::Teardown && gone(n))
            .map(|(n, _)| n.clone())
            .collect();
        for name in over {
            self.ended(&name, false, false);
        }
    }
}
