//! The candidate: built once, as the final version; everything after is about its digests.

use super::{
    draft::{Draft, Flow, INFRASTRUCTURE_ATTEMPTS},
    observed::Effect,
    status::ReleasePhase,
};
use crate::{
    condition::Reason,
    task::{Cause, TaskState, TaskStatus},
};

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    if !d.seen.status.artifacts.is_empty() {
        return Flow::Next;
    }
    let Some(policy) = d.policy() else { return Flow::Stop };
    let Some(timeout) = policy.candidate else {
        d.status.artifacts.clone_from(&d.seen.spec.artifacts);
        return Flow::Next;
    };
    d.status.phase = ReleasePhase::Building;
    let Some(task) = d.seen.status.candidate.clone() else {
        if d.seen.spec.suspend {
            d.phase(ReleasePhase::Building, Reason::Suspended, "waits while spec.suspend is set");
        } else {
            let message = format!("builds {}", d.status.candidate_version);
            d.phase(ReleasePhase::Building, Reason::Building, message);
            d.status.candidate = Some(TaskStatus::new(&d.seen.meta.name, "candidate", 1, d.now));
        }
        return Flow::Stop;
    };
    let step = d.advance(&task, timeout);
    d.effects.extend(step.effect.map(Effect::Candidate));
    if !step.record.state.is_finished() && !step.record.message.is_empty() {
        d.phase(ReleasePhase::Building, Reason::Building, format!("the candidate task waits: {}", step.record.message));
    }
    d.status.candidate = Some(step.record.clone());
    match step.record.state {
        TaskState::Pending | TaskState::Running | TaskState::Stopping => Flow::Stop,
        TaskState::Succeeded => {
            let report = step.report.unwrap_or_default();
            if report.artifacts.is_empty() {
                let why = report.problem.unwrap_or_else(|| "its termination message names none".into());
                let message = format!(
                    "the candidate task reported no artifacts: {why}; it must write {{\"artifacts\": [{{\"name\", \"uri\", \"digest\"}}]}}"
                );
                return d.end(ReleasePhase::Failed, Reason::NoArtifacts, message);
            }
            d.status.artifacts = report.artifacts;
            // The gates are recorded in the same write; what they start is started by what is observed to be recorded.
            Flow::Next
        }
        TaskState::Failed => {
            if step.record.cause == Some(Cause::Infrastructure) && step.record.attempt < INFRASTRUCTURE_ATTEMPTS {
                d.status.candidate =
                    Some(TaskStatus::new(&d.seen.meta.name, "candidate", step.record.attempt + 1, d.now));
                return Flow::Stop;
            }
            let message = format!("the candidate could not be built: {}", step.record.message);
            d.end(ReleasePhase::Failed, Reason::BuildFailed, message)
        }
    }
}
