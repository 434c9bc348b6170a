//! Before the samples: the turn on the target, setup, and waiting until the target runs the candidate.

use super::{
    Effect, Role,
    decide::Visit,
    spec::{ATTEMPTS, LEAD, TARGET, TARGET_EXISTS, TURN},
    status::SoakTestPhase::{self, Pending, SettingUp},
    target::{Readiness, readiness},
};
use crate::{
    condition::Reason,
    lock::Lock,
    presence::Presence,
    task::{Cause, TaskState, TaskStatus, advance},
    time::Seconds,
};

/// How often a lock that somebody holds is looked at; its release wakes those who wait, so this catches only what is lost.
const LOOK_AGAIN: Seconds = Seconds(20);

/// What a soak does that has its turn and waits for nothing.
const SETS_UP: &str = "has its turn on the target and sets up";

impl Visit<'_> {
    /// Takes the target's lock, and records the turn once the lock was seen to be ours.
    pub(super) fn wait_for_turn(&mut self) {
        if self.on_hold() {
            self.status.deadline = None;
            if self.seen.lock == Lock::Mine {
                self.effect(Effect::ReleaseLock);
            }
            let message = "spec.suspend holds it before its turn: set it to false to go on".to_owned();
            return self.progress(Pending, Reason::Suspended, message);
        }
        if self.status.deadline.is_none() {
            self.status.deadline = Some(self.now + TURN);
        }
        self.wake_at(self.now + LOOK_AGAIN);
        match &self.seen.lock {
            Lock::Unknown => self.soon(),
            Lock::Free => self.effect(Effect::AcquireLock),
            Lock::Held(by) => {
                let message = format!("{by} has its turn on {}; this one waits for it", self.seen.spec.target);
                self.progress(Pending, Reason::TargetLocked, message);
            }
            Lock::Mine => {
                let spec = &self.seen.spec;
                self.status.turn_time = Some(self.now);
                self.status.deadline = Some(self.now + spec.budget());
                self.status.estimated_completion_time = Some(self.now + Seconds::minutes(1) + spec.total());
                if spec.setup.is_some() {
                    self.new_task(Role::Setup, 1);
                }
                self.progress(SettingUp, Reason::SettingUp, SETS_UP.to_owned());
                self.soon();
            }
        }
    }

    /// Whether the lock is still ours. Only a person can have taken it away.
    pub(super) fn keeps_turn(&mut self) -> bool {
        match &self.seen.lock {
            Lock::Mine => true,
            Lock::Unknown => {
                self.soon();
                false
            }
            Lock::Free => {
                self.effect(Effect::AcquireLock);
                false
            }
            Lock::Held(by) => {
                let message = format!("lost its turn on the target to {by}: somebody changed the Lease by hand");
                self.end(SoakTestPhase::Inconclusive, Reason::TargetLocked, message);
                false
            }
        }
    }

    /// Whether setup is done.
    pub(super) fn set_up(&mut self) -> bool {
        let Some(timeout) = self.seen.spec.setup else { return true };
        let Some(record) = self.status.setup.clone() else {
            // The turn was recorded by a version that knew of no setup, or by hand: begin it now.
            self.new_task(Role::Setup, 1);
            self.soon();
            return false;
        };
        match record.state {
            TaskState::Succeeded => true,
            TaskState::Failed if again(&record) => {
                self.new_task(Role::Setup, record.attempt + 1);
                self.soon();
                false
            }
            TaskState::Failed => {
                let phase = blame(&record);
                let message = format!("the setup task failed: {}", record.message);
                self.end(phase, Reason::SetupFailed, message);
                false
            }
            TaskState::Pending | TaskState::Running | TaskState::Stopping => {
                let step = advance(&record, &self.sight(&record), timeout, self.now);
                let record = step.record.clone();
                self.take(Role::Setup, step);
                let (reason, message) = match record.reason {
                    Some(reason) if matches!(record.state, TaskState::Pending | TaskState::Running) => {
                        (reason, format!("the setup task waits: {}", record.message))
                    }
                    _ => (Reason::SettingUp, SETS_UP.to_owned()),
                };
                self.progress(SettingUp, reason, message);
                false
            }
        }
    }

    /// Waits until the target is ready and runs the candidate; then records all times of the soak and its tasks at once.
    pub(super) fn wait_for_target(&mut self) {
        let since = self.status.setup.as_ref().and_then(|s| s.completion_time).or(self.status.turn_time);
        let since = since.unwrap_or(self.now);
        let target = &self.seen.spec.target;
        let (limit, why) = match &self.seen.target {
            Presence::Unknown => return self.soon(),
            Presence::AbsentLive => (since + TARGET_EXISTS, format!("{target} does not exist")),
            Presence::Present(rollout) => match readiness(rollout, &self.seen.spec.artifacts) {
                Readiness::Ready => return self.begin(),
                Readiness::Other(what) => {
                    let message = format!("{target} does not run the candidate: {what}");
                    return self.end(SoakTestPhase::Failed, Reason::NotTheCandidate, message);
                }
                Readiness::Waiting(why) => (since + TARGET, format!("{target}: {why}")),
            },
        };
        if self.now >= limit {
            let waited = limit.since(since);
            let message = format!("{why}, {waited} after setup: let the setup task wait until its rollout is complete");
            return self.end(SoakTestPhase::Inconclusive, Reason::TargetNotFound, message);
        }
        // Nothing of the target is watched: what it is made of may be anybody's.
        self.wake_at((self.now + Seconds(2)).min(limit));
        self.progress(SettingUp, Reason::TargetNotFound, format!("waits for the target: {why}"));
    }

    fn begin(&mut self) {
        let spec = &self.seen.spec;
        let start = self.now + LEAD;
        let measure_start = start + spec.warm_up;
        let measure_end = measure_start + spec.measure;
        let settle_end = measure_end + spec.settle;
        self.status.start_time = Some(start);
        self.status.measure_start_time = Some(measure_start);
        self.status.measure_end_time = Some(measure_end);
        self.status.settle_end_time = Some(settle_end);
        let after = spec.teardown.map_or(Seconds(5), |_| Seconds(30));
        self.status.estimated_completion_time = Some(settle_end + after);
        if spec.workload.is_some() && !spec.leftovers {
            self.new_task(Role::Workload, 1);
        }
        if spec.inventory {
            self.new_task(Role::Inventory, 1);
        }
        self.progress(SoakTestPhase::WarmingUp, Reason::WarmingUp, format!("warms up until {measure_start}"));
        self.soon();
    }
}

/// Whether a task that failed is tried again: the cluster was at fault, and attempts are left.
pub(super) fn again(record: &TaskStatus) -> bool {
    record.cause == Some(Cause::Infrastructure) && record.reason != Some(Reason::Aborted) && record.attempt < ATTEMPTS
}

/// What a failed task says about the candidate: only a task's own word counts against it.
pub(super) fn blame(record: &TaskStatus) -> SoakTestPhase {
    match record.cause {
        Some(Cause::Product) => SoakTestPhase::Failed,
        Some(Cause::Limits | Cause::Infrastructure | Cause::Impossible) | None => SoakTestPhase::Inconclusive,
    }
}
