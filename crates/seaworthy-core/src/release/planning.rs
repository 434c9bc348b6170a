//! The next version: what the repository says, then a number of our own.

use super::{
    draft::{Draft, Flow, INFRASTRUCTURE_ATTEMPTS},
    notes, number,
    observed::Effect,
    status::{ReleasePhase, VersionSummary},
};
use crate::{
    condition::{ConditionStatus, Reason, types},
    presence::Presence,
    task::{Cause, TaskState, TaskStatus},
    time::Seconds,
    version::{self, Facts, Input, OnDisputed, Outcome, VersionPlan},
};

/// How long reading the repository may take.
pub(super) const READ_TIMEOUT: Seconds = Seconds::minutes(10);

/// Has the repository read, once, before queueing: the commit's position decides who is newest.
pub(super) fn read(d: &mut Draft<'_>) -> Flow {
    let Some(policy) = d.policy() else { return Flow::Stop };
    if policy.version.explicit || !d.seen.status.version.is_empty() {
        return Flow::Next;
    }
    match &d.seen.facts {
        Presence::Unknown => return Flow::Stop,
        Presence::Present(Ok(facts)) => {
            if d.status.position.is_none() {
                d.status.position = Some(facts.first_parent_count);
            }
            return Flow::Next;
        }
        Presence::Present(Err(problem)) => {
            let message = format!("the repository could not be read: {problem}");
            return d.end(ReleasePhase::Failed, Reason::PlanningFailed, message);
        }
        Presence::AbsentLive => {}
    }
    d.phase(ReleasePhase::Planning, Reason::Planning, "reads the repository");
    let Some(task) = d.seen.status.planning.clone() else {
        if !d.seen.spec.suspend {
            d.status.planning = Some(TaskStatus::new(&d.seen.meta.name, "plan", 1, d.now));
        }
        return Flow::Stop;
    };
    let step = d.advance(&task, READ_TIMEOUT);
    d.effects.extend(step.effect.map(Effect::Planning));
    match step.record.state {
        TaskState::Succeeded => {
            if let Some(job_uid) = step.record.uid.clone().filter(|_| task.state == TaskState::Succeeded) {
                d.effects.push(Effect::StoreFacts { job_uid });
            }
        }
        TaskState::Failed => return failed(d, &step.record),
        TaskState::Pending | TaskState::Running | TaskState::Stopping => {}
    }
    d.status.planning = Some(step.record);
    Flow::Stop
}

fn failed(d: &mut Draft<'_>, task: &TaskStatus) -> Flow {
    d.status.planning = Some(task.clone());
    if task.cause == Some(Cause::Infrastructure) && task.attempt < INFRASTRUCTURE_ATTEMPTS {
        d.status.planning = Some(TaskStatus::new(&d.seen.meta.name, "plan", task.attempt + 1, d.now));
        return Flow::Stop;
    }
    let message = format!("the repository could not be read: {}", task.message);
    d.end(ReleasePhase::Failed, Reason::PlanningFailed, message)
}

/// Takes a number from the ledger and records it. The number is ours before anything is built.
pub(super) fn reserve(d: &mut Draft<'_>) -> Flow {
    if !d.seen.status.version.is_empty() {
        return Flow::Next;
    }
    let Some(policy) = d.policy() else { return Flow::Stop };
    let Some(ledger) = d.seen.ledger.present() else {
        let message = number::mend(d);
        d.phase(ReleasePhase::Planning, Reason::Planning, message);
        d.by(d.now + number::LOOK);
        return Flow::Stop;
    };
    let facts = match &d.seen.facts {
        Presence::Present(Ok(facts)) => facts.clone(),
        Presence::AbsentLive if policy.version.explicit => {
            Facts { head: d.seen.spec.revision.clone(), ..Facts::default() }
        }
        Presence::AbsentLive | Presence::Unknown | Presence::Present(Err(_)) => return Flow::Stop,
    };
    let mut rules = policy.version.policy.clone();
    if let Some(choice) = d.seen.spec.on_disputed.filter(|_| rules.on_disputed == OnDisputed::Ask) {
        rules.on_disputed = choice;
    }
    let input = Input { policy: rules, facts, ledger: ledger.clone(), owner: Some(d.seen.meta.uid.clone()) };
    let outcome = match &d.seen.spec.version {
        Some(number) => version::plan_explicit(&input, number),
        None => version::plan(&input),
    };
    match outcome {
        Outcome::Next(plan) => take(d, &plan),
        Outcome::NothingToRelease { reason, .. } => {
            d.end(ReleasePhase::NothingToRelease, Reason::NothingToRelease, reason.explain())
        }
        Outcome::Refused { field, reason, remedy } => {
            d.end(ReleasePhase::Failed, Reason::VersionRefused, format!("{field}: {reason}: {remedy}"))
        }
        Outcome::Ask { strict, alternative, disputes } => {
            let limit = policy.choice;
            let message = format!(
                "{} commits can be read in two ways: {} by the strict reading, {} by the other; choose with spec.onDisputed: Strict or Higher within {limit}",
                disputes.len(),
                brief(&strict),
                brief(&alternative),
            );
            if d.waited(limit) {
                let message = format!("nobody chose within {limit}: {message}");
                return d.end(ReleasePhase::Failed, Reason::ApprovalExpired, message);
            }
            d.phase(ReleasePhase::AwaitingApproval, Reason::VersionDisputed, message);
            Flow::Stop
        }
    }
}

/// An answer in a word.
fn brief(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Next(plan) => plan.version.to_string(),
        Outcome::NothingToRelease { .. } => "nothing to release".into(),
        Outcome::Refused { reason, .. } => reason.clone(),
        Outcome::Ask { .. } => "a choice".into(),
    }
}

fn take(d: &mut Draft<'_>, plan: &VersionPlan) -> Flow {
    let ledger = d.seen.ledger.present();
    let mine = ledger.and_then(|l| l.entry(&d.seen.meta.uid)).filter(|e| e.version == plan.version);
    let Some(entry) = mine else {
        d.effects.push(Effect::Reserve { version: plan.version.clone(), candidate: plan.candidate_number() });
        return Flow::Stop;
    };
    if notes::draft(d, plan) == Flow::Stop {
        return Flow::Stop;
    }
    d.status.waiting_since = None;
    d.status.version = entry.version.to_string();
    d.status.candidate_version = entry.candidate_version().to_string();
    d.status.tag.clone_from(&plan.tag);
    d.status.previous_version = plan.previous_version.as_ref().map(ToString::to_string).unwrap_or_default();
    let message = match &plan.previous_version {
        Some(previous) => {
            format!("{} after {previous}: {} over {} commits", plan.version, plan.level, plan.counts.total)
        }
        None => format!("{}: the first version", plan.version),
    };
    d.status.version_plan = Some(VersionSummary {
        level: format!("{:?}", plan.level),
        commits: u32::try_from(plan.counts.total).unwrap_or(u32::MAX),
        disputed: u32::try_from(plan.counts.disputed).unwrap_or(u32::MAX),
        message: message.clone(),
    });
    d.phase(ReleasePhase::Building, Reason::Building, message);
    d.say(types::VERIFIED, ConditionStatus::Unknown, Reason::Pending, "gates have not run yet");
    // The candidate task is recorded in the same write; its Job is created by what is observed to be recorded.
    Flow::Next
}
