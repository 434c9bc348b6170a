//! The run's decisions against an in-memory cluster: every named behaviour as a scripted run, then all of it by chance.

mod attempts;
mod bounds;
mod chance;
mod ends;
mod shape;

use std::collections::BTreeMap;

use super::{
    E2eRunPhase, E2eRunStatus, Effect, Observed, SuiteState, decide, needs,
    spec::{Spec, Suite, Task},
};
use crate::{
    condition::{self, ConditionStatus, Reason, types},
    meta::Meta,
    plan::{Note, Wake},
    task::{Report, Sight, TaskEffect},
    testing::{Script, World},
    time::{Seconds, Timestamp},
    verdict::Enforcement,
};

const TIMEOUT: Seconds = Seconds(600);

fn task() -> Task {
    Task { timeout: TIMEOUT, service_account: None }
}

fn suite(name: &str) -> Suite {
    Suite { name: name.into(), task: task(), max_attempts: 1, min_tests: None, enforcement: Enforcement::Required }
}

/// A run `r` of these suites, with setup and teardown.
fn spec(suites: &[&str]) -> Spec {
    Spec {
        service_accounts: vec![],
        parallelism: 1,
        fail_fast: false,
        setup: Some(task()),
        teardown: Some(task()),
        deadline: Seconds::hours(24),
        suites: suites.iter().map(|name| suite(name)).collect(),
        suspend: false,
        abort: false,
    }
}

fn counted(tests: u32, failed: u32) -> Report {
    Report { tests: Some(tests), failed: Some(failed), known: true, ..Report::default() }
}

/// A run under test: its object, the cluster, and what was told and written.
#[derive(Clone)]
struct Run {
    world: World,
    observed: Observed,
    /// Whether the object still exists.
    exists: bool,
    notes: Vec<Note>,
    writes: u32,
    /// Reads that give no answer, by the name of the Job.
    blind: Vec<String>,
    /// Visits that end after the status was written and before the effects, counted down.
    crashes: u32,
}

impl Run {
    fn new(spec: Spec) -> Self {
        let world = World::new();
        let meta = Meta {
            namespace: "ns".into(),
            name: "r".into(),
            uid: "u".into(),
            generation: 1,
            created: world.now,
            deleted: None,
            finalizer: false,
            namespace_terminating: false,
        };
        let observed = Observed { meta, spec, status: E2eRunStatus::default(), jobs: BTreeMap::new() };
        Self { world, observed, exists: true, notes: vec![], writes: 0, blind: vec![], crashes: 0 }
    }

    fn status(&self) -> &E2eRunStatus {
        &self.observed.status
    }

    fn state(&self, suite: &str) -> SuiteState {
        self.status().suites.iter().find(|s| s.name == suite).unwrap().state
    }

    fn condition(&self, type_: &str) -> (ConditionStatus, String, String) {
        let c = condition::get(&self.status().conditions, type_).unwrap();
        (c.status, c.reason.clone(), c.message.clone())
    }

    fn finished(&self) -> bool {
        condition::is_true(&self.status().conditions, types::FINISHED)
    }

    fn told(&self, reason: Reason) -> usize {
        self.notes.iter().filter(|n| n.reason == reason).count()
    }

    /// Visits until nothing changes; returns when to look again.
    fn visit(&mut self) -> Wake {
        for _ in 0..16 {
            let (changed, wake) = self.round();
            if !changed || !self.exists {
                return wake;
            }
        }
        panic!("no rest after 16 rounds: {:#?}", self.status());
    }

    /// One round: observe, decide, record, act. Checks what must hold of every plan.
    fn round(&mut self) -> (bool, Wake) {
        let blind = |name: &String| self.blind.contains(name);
        let see = |name: String| (name.clone(), if blind(&name) { Sight::default() } else { self.world.see(&name) });
        self.observed.jobs = needs(&self.observed.status).into_iter().map(see).collect();
        let before = self.observed.clone();
        let plan = decide(&before, self.world.now);
        assert_eq!(plan, decide(&before, self.world.now), "deterministic");
        self.check(&before, &plan.effects, &plan.status);
        let changed = plan.status != before.status;
        self.writes += u32::from(changed);
        self.observed.status = plan.status;
        self.notes.extend(plan.notes);
        if self.crashes > 0 {
            self.crashes -= 1;
            return (true, plan.wake);
        }
        let cluster = (self.world.live(), self.world.refused(), self.world.occupied());
        for effect in &plan.effects {
            match effect {
                Effect::AddFinalizer => self.observed.meta.finalizer = true,
                Effect::RemoveFinalizer => {
                    self.observed.meta.finalizer = false;
                    self.exists = self.observed.meta.deleted.is_none();
                }
                Effect::Task { effect, .. } => self.world.apply(effect),
            }
        }
        let finalizer = plan.effects.iter().any(|e| matches!(e, Effect::AddFinalizer | Effect::RemoveFinalizer));
        let acted = cluster != (self.world.live(), self.world.refused(), self.world.occupied());
        (changed || finalizer || acted, plan.wake)
    }

    fn check(&self, before: &Observed, effects: &[Effect], after: &E2eRunStatus) {
        let finished = condition::is_true(&before.status.conditions, types::FINISHED);
        assert!(!finished || *after == before.status, "terminal-is-final");
        for type_ in [types::ACCEPTED, types::SUCCEEDED, types::FINISHED] {
            assert!(!self.exists || condition::get(&after.conditions, type_).is_some(), "{type_} is missing");
        }
        for effect in effects {
            if let Effect::Task { effect: TaskEffect::Create { job }, suite, step, attempt } = effect {
                let recorded = before.status.suites.iter().filter(|s| s.name == *suite).find_map(|s| s.current());
                let (at, record) = recorded.expect("recorded-before-effect");
                assert_eq!((&record.job, record.attempt, at), (job, *attempt, *step), "recorded-before-effect");
                assert!(before.meta.finalizer, "nothing begins without the finalizer");
                let ended = before.status.ending.is_some() || before.spec.abort || before.meta.deleted.is_some();
                assert!(!ended || at == super::Step::Teardown, "only teardowns begin once the run ends: {job}");
            }
        }
        for suite in &after.suites {
            assert!(suite.message.len() <= 200, "{}", suite.message);
            let tasks = [&suite.setup, &suite.run, &suite.teardown].into_iter().flatten().count();
            assert!(tasks <= usize::from(suite.state == SuiteState::Running), "{suite:#?}");
        }
        if after.phase == E2eRunPhase::Succeeded {
            assert!(after.suites.iter().any(|s| s.state == SuiteState::Passed), "no-evidence-never-passes");
        }
    }

    /// Lets time pass to the next thing that happens by itself or that the run waits for.
    fn step(&mut self, wake: Wake) {
        let at = match wake {
            Wake::At(at) => Some(at.max(self.world.now + Seconds(1))),
            Wake::OnChange => None,
        };
        let next = [at, self.world.next()].into_iter().flatten().min();
        let later = self.world.now + Seconds(60);
        self.world.pass(next.unwrap_or(later));
    }

    /// Visits and waits until `done`, at most so often.
    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..5000 {
            let wake = self.visit();
            if done(self) || !self.exists {
                return;
            }
            self.step(wake);
        }
        panic!("does not end: {:#?}", self.status());
    }

    fn finish(&mut self) -> E2eRunPhase {
        self.until(Self::finished);
        assert!(self.exists, "still there");
        self.visit();
        assert!(!self.observed.meta.finalizer, "a finished run is not held");
        assert!(self.world.live().is_empty(), "nothing runs any more: {:?}", self.world.live());
        self.status().phase
    }

    /// Until the Job of this name runs.
    fn until_runs(&mut self, job: &str) {
        self.until(|r| r.world.live().iter().any(|j| j == job));
        let soon = self.world.now + Seconds(5);
        self.world.pass(soon);
        self.visit();
    }

    fn abort(&mut self) {
        self.observed.spec.abort = true;
        self.observed.meta.generation += 1;
    }

    fn suspend(&mut self, suspend: bool) {
        self.observed.spec.suspend = suspend;
        self.observed.meta.generation += 1;
    }

    fn delete(&mut self) {
        self.observed.meta.deleted = Some(self.world.now);
        self.exists = self.observed.meta.finalizer;
    }

    fn at(&self, seconds: u64) -> Timestamp {
        self.world.now + Seconds(seconds)
    }
}
