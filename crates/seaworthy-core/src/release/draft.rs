//! A decision in the making: what the stages of `decide` share.

use super::{
    observed::{Effect, Observed, Policy, Snapshot},
    status::{Ending, ReleasePhase, ReleaseStatus},
};
use crate::{
    condition::{self, ConditionStatus, Reason, Say, cut},
    plan::{Note, NoteKind, Plan, Wake},
    task::{Advance, Sight, TaskStatus, advance},
    time::{Seconds, Timestamp},
};

/// Whether the next stage is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// This stage is done.
    Next,
    /// Nothing more in this visit.
    Stop,
}

/// How often a task of ours is tried when the cluster is at fault.
pub(super) const INFRASTRUCTURE_ATTEMPTS: u32 = 3;

/// A plan in the making.
pub(super) struct Draft<'a> {
    pub(super) seen: &'a Observed,
    pub(super) now: Timestamp,
    pub(super) status: ReleaseStatus,
    pub(super) effects: Vec<Effect>,
    pub(super) wake: Wake,
    pub(super) notes: Vec<Note>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(seen: &'a Observed, now: Timestamp) -> Self {
        let mut status = seen.status.clone();
        let types = [
            condition::types::ACCEPTED,
            condition::types::VERIFIED,
            condition::types::PUBLISHED,
            condition::types::FINISHED,
        ];
        condition::ensure(&mut status.conditions, &types, seen.meta.generation, now);
        status.revision.clone_from(&seen.spec.revision);
        Self { seen, now, status, effects: Vec::new(), wake: Wake::OnChange, notes: Vec::new() }
    }

    pub(super) fn finish(self) -> Plan<ReleaseStatus, Effect> {
        Plan { status: self.status, effects: self.effects, wake: self.wake, notes: self.notes }
    }

    /// Sets a condition; a change of its status or reason is an event.
    pub(super) fn say(&mut self, type_: &str, status: ConditionStatus, reason: Reason, message: impl Into<String>) {
        let message = message.into();
        let say = Say { type_, status, reason, message: message.clone() };
        if condition::set(&mut self.status.conditions, say, self.seen.meta.generation, self.now) {
            let bad = matches!(
                reason,
                Reason::PublishUnknown
                    | Reason::PublishFailed
                    | Reason::GateFailed
                    | Reason::GateInconclusive
                    | Reason::BuildFailed
                    | Reason::PlanningFailed
                    | Reason::DeadlineExceeded
                    | Reason::InvalidSpec
                    | Reason::NoArtifacts
                    | Reason::VersionRefused
                    | Reason::PlanNotFound
            );
            let kind = if bad { NoteKind::Warning } else { NoteKind::Normal };
            // The same fact is told once, not once a condition.
            if !self.notes.iter().any(|n| n.reason == reason) {
                self.notes.push(Note { kind, reason, message });
            }
        }
    }

    /// What happens now, and until when at most.
    pub(super) fn phase(&mut self, phase: ReleasePhase, reason: Reason, message: impl Into<String>) {
        self.status.phase = phase;
        self.say(condition::types::FINISHED, ConditionStatus::False, reason, message);
    }

    /// Decides the outcome; it is carried out once this is recorded.
    pub(super) fn end(&mut self, phase: ReleasePhase, reason: Reason, message: impl Into<String>) -> Flow {
        if self.status.ending.is_none() {
            self.status.ending = Some(Ending { phase, reason, message: cut(message.into(), 512) });
        }
        Flow::Stop
    }

    /// Looks again at `at` at the latest.
    pub(super) fn by(&mut self, at: Timestamp) {
        self.wake = self.wake.by(at);
    }

    /// Begins a wait with a limit, or goes on with the one that is recorded. True when the limit has passed.
    pub(super) fn waited(&mut self, limit: Seconds) -> bool {
        let since = *self.status.waiting_since.get_or_insert(self.now);
        self.status.deadline = Some(since + limit);
        self.by(since + limit);
        self.now >= since + limit
    }

    /// The wait is over.
    pub(super) fn arrived(&mut self) {
        self.status.waiting_since = None;
        self.status.deadline = None;
    }

    /// The pinned plan, if what is pinned is what was recorded.
    pub(super) fn policy(&self) -> Option<&'a Policy> {
        self.seen.snapshot.present().and_then(|s: &Snapshot| s.policy.as_ref().ok())
    }

    /// What is known of a Job.
    pub(super) fn sight(&self, job: &str) -> Sight {
        self.seen.jobs.get(job).cloned().unwrap_or_default()
    }

    /// Goes on with a recorded task.
    pub(super) fn advance(&mut self, record: &TaskStatus, timeout: Seconds) -> Advance {
        let step = advance(record, &self.sight(&record.job), timeout, self.now);
        self.wake = self.wake.or(step.wake);
        step
    }
}
