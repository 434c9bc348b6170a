//! The end, whatever it is: everything that was started is ended, the teardown runs, the turn is given back, the object is let go.

use super::{Effect, Role, decide::Visit, running::as_planned, spec::ENDING, status::Ending, steps::again};
use crate::{
    condition::{ConditionStatus, Reason, types},
    lock::Lock,
    plan::NoteKind,
    task::{GRACE, TaskState, advance, cancel},
    time::Seconds,
};

/// How long after the outcome a Job that cannot be deleted is waited for: what refuses that for so long will refuse it for ever.
const GIVES_UP: Seconds = Seconds::hours(1);

impl Visit<'_> {
    /// The outcome was observed to be recorded: ends what runs, then tears down, then finishes.
    pub(super) fn clean_up(&mut self) {
        let Some(ending) = self.status.ending.clone() else { return };
        if self.seen.meta.namespace_terminating {
            let message = "the namespace is terminating, so no teardown can run: what setup made may stay behind";
            return self.finish(&ending, Some(message.into()));
        }
        let message = format!("{}: ends what runs and cleans up", ending.message);
        self.say(types::FINISHED, ConditionStatus::False, Reason::TearingDown, message);
        if !self.all_ended(&ending) {
            return;
        }
        if self.status.turn_time.is_none() || self.seen.spec.teardown.is_none() {
            return self.finish(&ending, None);
        }
        self.tear_down(&ending);
    }

    /// Whether setup, workload and inventory have ended with all their pods, or have been waited for long enough.
    fn all_ended(&mut self, ending: &Ending) -> bool {
        let mut all = true;
        let given_up = ending.time + GIVES_UP;
        for role in [Role::Setup, Role::Workload, Role::Inventory] {
            let Some(record) = role.record(&self.status).filter(|r| !r.state.is_finished()).cloned() else { continue };
            let sight = self.sight(&record);
            let mut step = cancel(&record, &sight, Reason::Aborted, self.now);
            step.record = as_planned(step.record);
            // Counted from when the API server was told to delete the Job: a decision may be recorded long after it was made, and the
            // load must have had this long to end.
            let patience = sight.job.present().and_then(|job| job.deleted).map_or(given_up, |told| told + ENDING);
            let ended = step.record.state.is_finished() || self.now >= patience;
            if !ended {
                self.wake_at(patience);
            }
            all &= ended;
            self.take(role, step);
        }
        all
    }

    fn tear_down(&mut self, ending: &Ending) {
        let timeout = self.seen.spec.teardown.unwrap_or_default();
        let Some(record) = self.status.teardown.clone() else {
            self.new_task(Role::Teardown, 1);
            return self.soon();
        };
        // Each attempt ends by its own timeout; a pod that never goes away must not hold the target for ever.
        let lost = record.start_time + timeout + GRACE + ENDING;
        match record.state {
            TaskState::Succeeded => self.finish(ending, None),
            TaskState::Failed if again(&record) => {
                self.new_task(Role::Teardown, record.attempt + 1);
                self.soon();
            }
            TaskState::Failed => self.finish(ending, Some(format!("the teardown task failed: {}", record.message))),
            // One that never began is tried again: nobody was there to create its Job.
            TaskState::Running | TaskState::Stopping if self.now >= lost => {
                self.finish(ending, Some(format!("the teardown task could not be ended: {}", record.message)));
            }
            TaskState::Pending | TaskState::Running | TaskState::Stopping => {
                let step = advance(&record, &self.sight(&record), timeout, self.now);
                let over = step.record.state == TaskState::Succeeded;
                self.take(Role::Teardown, step);
                if over {
                    return self.finish(ending, None);
                }
                self.wake_at(lost);
            }
        }
    }

    /// Terminal. A teardown that failed is reported and hides nothing.
    fn finish(&mut self, ending: &Ending, left_behind: Option<String>) {
        self.status.phase = ending.phase;
        self.status.completion_time = Some(self.now);
        self.status.estimated_completion_time = None;
        self.status.deadline = None;
        let (reason, message) = match left_behind {
            Some(what) => {
                let message = format!("{}; {what}: look for what setup left behind", ending.message);
                self.note(NoteKind::Warning, Reason::TeardownFailed, message.clone());
                (Reason::TeardownFailed, message)
            }
            None => (ending.reason, ending.message.clone()),
        };
        self.say(types::FINISHED, ConditionStatus::True, reason, message);
        self.soon();
    }

    /// Finished: gives the turn back and lets the object go.
    pub(super) fn give_back(&mut self) {
        if !self.seen.meta.finalizer {
            return;
        }
        match self.seen.lock {
            Lock::Unknown => return self.soon(),
            Lock::Mine => self.effect(Effect::ReleaseLock),
            Lock::Free | Lock::Held(_) => {}
        }
        self.effect(Effect::RemoveFinalizer);
    }
}
