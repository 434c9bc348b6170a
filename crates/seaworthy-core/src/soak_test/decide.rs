//! The decision: which step a soak is at, and what follows from what was observed.

use super::{
    Effect, Role,
    observed::Observed,
    status::{Ending, SoakTestPhase, SoakTestStatus},
};
use crate::{
    condition::{self, ConditionStatus, Reason, Say, cut, types},
    plan::{Note, NoteKind, Plan, Wake},
    task::{Advance, Sight, TaskStatus},
    time::{Seconds, Timestamp},
};

/// What to do next about a soak. Total and deterministic; see [`crate::plan`] for the contract.
pub fn decide(observed: &Observed, now: Timestamp) -> Plan<SoakTestStatus, Effect> {
    let mut visit = Visit::new(observed, now);
    visit.go();
    Plan { status: visit.status, effects: visit.effects, wake: visit.wake, notes: visit.notes }
}

/// One visit: what was seen, and what is to be recorded, done and said.
pub(super) struct Visit<'a> {
    pub(super) seen: &'a Observed,
    pub(super) now: Timestamp,
    pub(super) status: SoakTestStatus,
    effects: Vec<Effect>,
    wake: Wake,
    notes: Vec<Note>,
}

impl<'a> Visit<'a> {
    fn new(seen: &'a Observed, now: Timestamp) -> Self {
        Self { seen, now, status: seen.status.clone(), effects: Vec::new(), wake: Wake::OnChange, notes: Vec::new() }
    }

    fn go(&mut self) {
        if condition::is_true(&self.status.conditions, types::FINISHED) {
            return self.give_back();
        }
        if self.seen.meta.deleted.is_some() && !self.seen.meta.finalizer {
            // Nothing was begun, or somebody took the finalizer off: what owner references collect is collected.
            return;
        }
        let all = [types::ACCEPTED, types::SUCCEEDED, types::FINISHED];
        condition::ensure(&mut self.status.conditions, &all, self.seen.meta.generation, self.now);
        if self.status.ending.is_some() {
            return self.clean_up();
        }
        if self.ends_from_outside() {
            return;
        }
        self.say(types::ACCEPTED, ConditionStatus::True, Reason::Valid, "the spec can be worked with".into());
        if !self.seen.meta.finalizer {
            return self.effect(Effect::AddFinalizer);
        }
        if self.status.turn_time.is_none() {
            return self.wait_for_turn();
        }
        if !self.keeps_turn() {
            return;
        }
        if self.status.start_time.is_some() {
            return self.run();
        }
        if self.set_up() {
            self.wait_for_target();
        }
    }

    /// Whether something from outside ends the soak: an unusable spec, deletion, an abort, its deadline.
    fn ends_from_outside(&mut self) -> bool {
        let spec = &self.seen.spec;
        if let Some(problem) = &spec.problem {
            self.say(types::ACCEPTED, ConditionStatus::False, Reason::InvalidSpec, problem.clone());
            // Once begun it was acceptable: then it is us who changed, and nothing was found out about the candidate.
            let begun = self.status.turn_time.is_some();
            let phase = if begun { SoakTestPhase::Inconclusive } else { SoakTestPhase::Failed };
            self.end(phase, Reason::InvalidSpec, problem.clone());
        } else if self.seen.meta.deleted.is_some() {
            self.end(SoakTestPhase::Aborted, Reason::Deleted, "deleted before it was judged".into());
        } else if spec.abort {
            self.end(SoakTestPhase::Aborted, Reason::Aborted, "spec.abort was set before it was judged".into());
        } else if self.status.deadline.is_some_and(|d| self.now >= d) && !self.on_hold() {
            let (reason, message) = if self.status.turn_time.is_none() {
                (Reason::TargetLocked, format!("{} never became free for this soak", spec.target))
            } else {
                (Reason::DeadlineExceeded, self.why_not_judged())
            };
            self.end(SoakTestPhase::Inconclusive, reason, message);
        } else {
            return false;
        }
        true
    }

    /// What the deadline ended: the last word on record, where that was that the evidence could not be read. It is not read again then.
    fn why_not_judged(&self) -> String {
        let last = condition::get(&self.status.conditions, types::FINISHED);
        match last.filter(|c| c.reason == Reason::EvidenceUnusable.as_str()) {
            Some(unread) => format!("it was not judged within its deadline: {}", unread.message),
            None => "it was not judged within its deadline: see the conditions of its tasks and the events".to_owned(),
        }
    }

    /// Whether `suspend` applies: only before the turn has come.
    pub(super) fn on_hold(&self) -> bool {
        self.seen.spec.suspend && self.status.turn_time.is_none()
    }

    /// Records the outcome. Nothing changes it any more, and clean-up begins in the next visit.
    pub(super) fn end(&mut self, phase: SoakTestPhase, reason: Reason, message: String) {
        let succeeded = if phase == SoakTestPhase::Succeeded { ConditionStatus::True } else { ConditionStatus::False };
        self.say(types::SUCCEEDED, succeeded, reason, message.clone());
        let message = cut(message, 1024);
        self.status.ending = Some(Ending { phase, reason, message, time: self.now });
        self.status.phase = SoakTestPhase::TearingDown;
        self.soon();
    }

    /// Sets a condition, and tells people when it is about success and changed.
    pub(super) fn say(&mut self, type_: &str, status: ConditionStatus, reason: Reason, message: String) {
        let generation = self.seen.meta.generation;
        let note = Note { kind: kind(status), reason, message: message.clone() };
        let say = Say { type_, status, reason, message };
        if condition::set(&mut self.status.conditions, say, generation, self.now) && type_ == types::SUCCEEDED {
            self.notes.push(note);
        }
    }

    /// Says where an unfinished soak stands: not succeeded yet, not finished yet.
    pub(super) fn progress(&mut self, phase: SoakTestPhase, reason: Reason, message: String) {
        self.status.phase = phase;
        self.say(types::FINISHED, ConditionStatus::False, reason, message.clone());
        self.say(types::SUCCEEDED, ConditionStatus::Unknown, reason, message);
    }

    pub(super) fn note(&mut self, kind: NoteKind, reason: Reason, message: String) {
        self.notes.push(Note { kind, reason, message });
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn wake_at(&mut self, at: Timestamp) {
        self.wake = self.wake.by(at);
    }

    /// The next round of this visit follows from the status that is written now; should it be lost, we look again soon.
    pub(super) fn soon(&mut self) {
        self.wake_at(self.now + Seconds(5));
    }

    pub(super) fn sight(&self, record: &TaskStatus) -> Sight {
        self.seen.jobs.get(&record.job).cloned().unwrap_or_default()
    }

    /// Takes over what the task mechanism says.
    pub(super) fn take(&mut self, role: Role, advance: Advance) {
        if let Some(effect) = advance.effect {
            self.effect(Effect::Task { role, effect });
        }
        self.wake = self.wake.or(advance.wake);
        self.record(role, advance.record);
    }

    pub(super) fn record(&mut self, role: Role, record: TaskStatus) {
        let place = match role {
            Role::Setup => &mut self.status.setup,
            Role::Workload => &mut self.status.workload,
            Role::Inventory => &mut self.status.inventory,
            Role::Teardown => &mut self.status.teardown,
        };
        *place = Some(record);
    }

    /// Records a new attempt; its Job may be created once the record was observed.
    pub(super) fn new_task(&mut self, role: Role, attempt: u32) {
        let record = TaskStatus::new(&self.seen.meta.name, role.purpose(), attempt, self.now);
        self.record(role, record);
    }
}

const fn kind(status: ConditionStatus) -> NoteKind {
    match status {
        ConditionStatus::True | ConditionStatus::Unknown => NoteKind::Normal,
        ConditionStatus::False => NoteKind::Warning,
    }
}
