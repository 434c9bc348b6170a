//! Tasks: how one Job is started at most once per recorded attempt, watched, ended, and remembered.
//!
//! The mechanism serves every Job but the publisher's (see `release::publish` for that protocol): [`advance`] takes what is recorded and
//! what was observed, and says what to record, what to do, and when to look again. Absent: what a task is for.

pub mod facts;
pub mod report;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    facts::{Cause, Job, JobState, Refusal, Sight},
    report::Report,
};
use crate::{
    condition::{Reason, cut},
    names,
    plan::Wake,
    presence::Presence,
    time::{Seconds, Timestamp},
};

/// How long after a task's timeout we wait for the Job's own `activeDeadlineSeconds` to end it, before we end it ourselves.
pub const GRACE: Seconds = Seconds(10);

/// How long after its creation a Job without a known pod is left alone before somebody looks why.
pub const SETTLES: Seconds = Seconds(3);

/// Where a recorded task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum TaskState {
    /// Recorded, so its Job may be created.
    #[default]
    Pending,
    /// Its Job was seen, and its UID recorded.
    Running,
    /// It has failed for the recorded cause; its Job is being removed because pods could still run.
    Stopping,
    /// The Job completed.
    Succeeded,
    /// The Job failed, vanished, or was ended.
    Failed,
}

impl TaskState {
    /// Whether this will not change any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// What is recorded of one attempt of one task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// The Job's name.
    pub job: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The Job's UID, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Where it stands.
    pub state: TaskState,
    /// When the attempt was recorded; its timeout runs from here.
    pub start_time: Timestamp,
    /// When its end was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// Why it failed, or what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Whose fault the failure is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The exit code of a program that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// What was seen, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl TaskStatus {
    /// A new attempt, to be recorded before its Job is created.
    pub fn new(parent: &str, purpose: &str, attempt: u32, now: Timestamp) -> Self {
        Self {
            job: names::child(parent, purpose, attempt),
            attempt,
            uid: None,
            state: TaskState::Pending,
            start_time: now,
            completion_time: None,
            reason: None,
            cause: None,
            exit_code: None,
            message: String::new(),
        }
    }

    fn ended(mut self, state: TaskState, now: Timestamp) -> Self {
        self.state = state;
        if state.is_finished() {
            self.completion_time = Some(now);
        }
        self
    }

    fn because(mut self, cause: Cause, reason: Reason, message: impl Into<String>) -> Self {
        self.cause = Some(cause);
        self.reason = Some(reason);
        self.message = cut(message.into(), 256);
        self
    }
}

/// What to do about a task's Job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TaskEffect {
    /// Create the Job of this name; when it exists already that is no error, the next visit looks at it.
    Create {
        /// The Job's name.
        job: String,
    },
    /// Create the Job of this name suspended, never to run: it takes the name, so that a create that is still under way (an answer that
    /// was lost, another operator) finds it taken. Exists already: no error, the next visit looks at it.
    Occupy {
        /// The Job's name.
        job: String,
    },
    /// Delete the Job with this UID as a precondition, pods first (foreground); absent is no error.
    Stop {
        /// The Job's name.
        job: String,
        /// The Job's UID.
        uid: String,
    },
}

/// What [`advance`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct Advance {
    /// What to record from now on.
    pub record: TaskStatus,
    /// What to do, if anything; relies only on what was *observed* to be recorded.
    pub effect: Option<TaskEffect>,
    /// When to look again.
    pub wake: Wake,
    /// The report of a task that has succeeded or failed with one, only in the visit in which its end is seen.
    pub report: Option<Report>,
}

/// What to do next about a task whose record was **observed** (a record that is new in this plan must not come here before it is stored:
/// `recorded-before-effect`).
///
/// `timeout` counts from `start_time`. A Job that vanished, was replaced, or is somebody else's never runs again under the same attempt.
pub fn advance(record: &TaskStatus, seen: &Sight, timeout: Seconds, now: Timestamp) -> Advance {
    let limit = record.start_time + timeout + GRACE;
    let rest = |record: TaskStatus, wake: Wake| Advance { record, effect: None, wake, report: None };
    let record = record.clone();
    match record.state {
        TaskState::Succeeded | TaskState::Failed => rest(record, Wake::OnChange),
        TaskState::Stopping => stopping(record, &seen.job, now),
        TaskState::Pending => match &seen.job {
            Presence::Unknown => rest(record, Wake::At(now + Seconds(5))),
            Presence::AbsentLive if now >= limit && seen.refused.is_none() => occupy(record, now),
            Presence::AbsentLive if now >= limit => {
                let why = record.reason.unwrap_or(Reason::DeadlineExceeded);
                let message = format!("its Job could not be created within {timeout}: {}", record.message);
                rest(record.because(Cause::Infrastructure, why, message).ended(TaskState::Failed, now), Wake::OnChange)
            }
            Presence::AbsentLive => {
                let mut record = record;
                if let Some(refusal) = &seen.refused {
                    record = record.because(refusal.cause, refusal.reason, refusal.message.clone());
                    if refusal.cause == Cause::Impossible {
                        return rest(record.ended(TaskState::Failed, now), Wake::OnChange);
                    }
                }
                let effect = Some(TaskEffect::Create { job: record.job.clone() });
                Advance { record, effect, wake: Wake::At(limit), report: None }
            }
            Presence::Present(job) if !job.owned => {
                let message =
                    format!("a Job named {:?} exists and is not ours: delete it or rename the run", record.job);
                rest(
                    record.because(Cause::Impossible, Reason::NameTaken, message).ended(TaskState::Failed, now),
                    Wake::OnChange,
                )
            }
            Presence::Present(job) if job.suspended => {
                let why = record.reason.unwrap_or(Reason::DeadlineExceeded);
                let message = format!("its Job was not created within {timeout}: {}", record.message);
                rest(record.because(Cause::Infrastructure, why, message).ended(TaskState::Failed, now), Wake::OnChange)
            }
            Presence::Present(job) => {
                let mut record = TaskStatus { reason: None, cause: None, message: String::new(), ..record }
                    .ended(TaskState::Running, now);
                record.uid = Some(job.uid.clone());
                running(record, job, timeout, now)
            }
        },
        TaskState::Running => match &seen.job {
            Presence::Unknown => rest(record, Wake::At(now + Seconds(5))),
            Presence::Present(job) if record.uid.as_deref() == Some(job.uid.as_str()) => {
                running(record, job, timeout, now)
            }
            Presence::AbsentLive | Presence::Present(_) => {
                let message = "its Job was deleted by somebody while it ran";
                rest(
                    record.because(Cause::Infrastructure, Reason::JobDeleted, message).ended(TaskState::Failed, now),
                    Wake::OnChange,
                )
            }
        },
    }
}

/// Ends a task from outside (abort, delete, a failed sibling): like [`advance`], but its Job is removed.
pub fn cancel(record: &TaskStatus, seen: &Sight, reason: Reason, now: Timestamp) -> Advance {
    let record = record.clone();
    let job = &seen.job;
    match (record.state, job) {
        (TaskState::Succeeded | TaskState::Failed, _) => {
            Advance { record, effect: None, wake: Wake::OnChange, report: None }
        }
        (TaskState::Stopping, _) => stopping(record, job, now),
        // The create may be under way: only when its name is taken is it certain what becomes of it.
        (TaskState::Pending, Presence::AbsentLive) if seen.refused.is_none() => occupy(record, now),
        (TaskState::Pending, Presence::Present(found)) if found.owned && !found.suspended => {
            let mut record = record.because(Cause::Infrastructure, reason, "ended before its time");
            record.uid = Some(found.uid.clone());
            Advance { record: record.ended(TaskState::Stopping, now), effect: None, wake: Wake::OnChange, report: None }
        }
        (TaskState::Pending, Presence::AbsentLive | Presence::Present(_)) => {
            let record = record.because(Cause::Infrastructure, reason, "ended before it began");
            Advance { record: record.ended(TaskState::Failed, now), effect: None, wake: Wake::OnChange, report: None }
        }
        (TaskState::Pending | TaskState::Running, Presence::Unknown) => {
            Advance { record, effect: None, wake: Wake::At(now + Seconds(5)), report: None }
        }
        (TaskState::Running, _) => {
            let record = record.because(Cause::Infrastructure, reason, "ended before its time");
            Advance { record: record.ended(TaskState::Stopping, now), effect: None, wake: Wake::OnChange, report: None }
        }
    }
}

/// Takes the name of a Job that is not to come any more.
fn occupy(record: TaskStatus, now: Timestamp) -> Advance {
    let effect = Some(TaskEffect::Occupy { job: record.job.clone() });
    Advance { record, effect, wake: Wake::At(now + Seconds(5)), report: None }
}

fn running(record: TaskStatus, job: &Job, timeout: Seconds, now: Timestamp) -> Advance {
    let limit = record.start_time + timeout + GRACE;
    let rest = |record: TaskStatus, wake: Wake| Advance { record, effect: None, wake, report: None };
    match &job.state {
        JobState::Succeeded { report } => {
            let record = TaskStatus { reason: None, message: String::new(), ..record }.ended(TaskState::Succeeded, now);
            Advance { report: Some(report.clone()), ..rest(record, Wake::OnChange) }
        }
        // The Job's own deadline runs from its creation; what never came to run did not meet a limit of its own.
        JobState::Failed { cause: Cause::Limits, reason: Reason::DeadlineExceeded, .. } if record.reason.is_some() => {
            let why = record.reason.unwrap_or(Reason::DeadlineExceeded);
            let message = format!("did not start within {timeout}: {}", record.message);
            let record = record.because(Cause::Infrastructure, why, message);
            let state = if job.is_podless() { TaskState::Failed } else { TaskState::Stopping };
            rest(record.ended(state, now), Wake::OnChange)
        }
        JobState::Failed { cause, reason, message, report } => {
            let mut record = record.because(*cause, *reason, message.clone());
            record.exit_code = report.as_ref().and_then(|r| r.exit_code);
            // The Job is over, but a pod of it may still be ending; only then is the attempt over.
            let state = if job.is_podless() { TaskState::Failed } else { TaskState::Stopping };
            Advance { report: report.clone(), ..rest(record.ended(state, now), Wake::OnChange) }
        }
        JobState::Waiting { cause: Some(Cause::Impossible), reason: Some(reason), message } => {
            let record = record.because(Cause::Impossible, *reason, message.clone());
            rest(record.ended(TaskState::Stopping, now), Wake::OnChange)
        }
        JobState::Waiting { reason, message, .. } if now >= limit => {
            let why = reason.unwrap_or(Reason::DeadlineExceeded);
            let message = format!("did not start within {timeout}: {message}");
            let record = record.because(Cause::Infrastructure, why, message);
            rest(record.ended(TaskState::Stopping, now), Wake::OnChange)
        }
        JobState::Waiting { reason, message, .. } => {
            // A Job without a pod still waits for what its last pod waited for: at its deadline pods go before the Job is seen to fail.
            let same = reason.is_none() && job.is_podless() && record.reason.is_some();
            let (reason, message) = if same { (record.reason, &record.message) } else { (*reason, message) };
            // That it starts is no news: without a reason nothing is said, so that nothing is written for it.
            let message = if reason.is_some() { cut(message.clone(), 256) } else { String::new() };
            let record = TaskStatus { reason, message, ..record };
            // Where nobody looked for pods yet, somebody will have to.
            let soon = if job.live_pods == Presence::Unknown { SETTLES } else { Seconds(15) };
            rest(record, Wake::At(limit.min(now + soon)))
        }
        JobState::Lost { message } if now >= limit => {
            let record = record.because(Cause::Infrastructure, Reason::NodeLost, message.clone());
            rest(record.ended(TaskState::Stopping, now), Wake::OnChange)
        }
        JobState::Running | JobState::PodOver if now >= limit => {
            let record = record.because(
                Cause::Limits,
                Reason::DeadlineExceeded,
                format!("still ran after its timeout of {timeout}: raise `timeout`, or find what hangs"),
            );
            rest(record.ended(TaskState::Stopping, now), Wake::OnChange)
        }
        // What it waited for, it may have waited for to its end.
        JobState::PodOver | JobState::Lost { .. } => rest(record, Wake::At(limit)),
        JobState::Running => rest(TaskStatus { reason: None, message: String::new(), ..record }, Wake::At(limit)),
    }
}

fn stopping(record: TaskStatus, job: &Presence<Job>, now: Timestamp) -> Advance {
    match job {
        Presence::Present(found) if record.uid.as_deref() == Some(found.uid.as_str()) => {
            if found.is_over() {
                let record = record.ended(TaskState::Failed, now);
                return Advance { record, effect: None, wake: Wake::OnChange, report: None };
            }
            let effect =
                (!found.is_deleting()).then(|| TaskEffect::Stop { job: record.job.clone(), uid: found.uid.clone() });
            Advance { record, effect, wake: Wake::At(now + Seconds(5)), report: None }
        }
        Presence::AbsentLive | Presence::Present(_) => {
            Advance { record: record.ended(TaskState::Failed, now), effect: None, wake: Wake::OnChange, report: None }
        }
        Presence::Unknown => Advance { record, effect: None, wake: Wake::At(now + Seconds(5)), report: None },
    }
}

#[cfg(test)]
mod tests;
