//! Jobs, locks and presence in words: what all kinds see alike.

use seaworthy_core::{
    lock::Lock,
    presence::Presence,
    task::{
        JobState, TaskEffect,
        facts::{Job, Sight},
    },
};

/// What a live read of a Job said.
pub(super) fn sight(sight: &Sight) -> String {
    let said = presence(&sight.job, job).unwrap_or_else(|| "could not be read".to_owned());
    match &sight.refused {
        Some(refusal) => format!("{said}; its create was refused: {}", refusal.message),
        None => said,
    }
}

fn job(job: &Job) -> String {
    let state = match &job.state {
        JobState::Waiting { reason: Some(reason), message, .. } => format!("waits ({}): {message}", reason.as_str()),
        JobState::Waiting { reason: None, message, .. } => format!("waits: {message}"),
        JobState::Running => "runs".to_owned(),
        JobState::PodOver => "its pod is over".to_owned(),
        JobState::Lost { message } => message.clone(),
        JobState::Succeeded { .. } => "succeeded".to_owned(),
        JobState::Failed { reason, message, .. } => format!("failed ({}): {message}", reason.as_str()),
    };
    let mut parts = vec![state];
    parts.extend((!job.owned).then(|| "it is not ours".to_owned()));
    parts.extend(job.suspended.then(|| "suspended".to_owned()));
    parts.extend(job.is_deleting().then(|| "being deleted".to_owned()));
    parts.extend(job.live_pods.present().filter(|pods| **pods > 0).map(|pods| format!("{pods} live pod(s)")));
    parts.join(", ")
}

/// Whether something is there, and if so how it is; nothing for what was not looked at.
pub(super) fn presence<T>(found: &Presence<T>, how: impl FnOnce(&T) -> String) -> Option<String> {
    match found {
        Presence::Present(it) => Some(how(it)),
        Presence::AbsentLive => Some("not there".to_owned()),
        Presence::Unknown => None,
    }
}

/// A lock; nothing for one that was not looked at.
pub(super) fn lock(lock: &Lock) -> Option<String> {
    match lock {
        Lock::Free => Some("free".to_owned()),
        Lock::Mine => Some("held by this object".to_owned()),
        Lock::Held(who) => Some(format!("held by {who}")),
        Lock::Unknown => None,
    }
}

/// What becomes of a task's Job.
pub(super) fn effect(what: &str, effect: &TaskEffect) -> String {
    match effect {
        TaskEffect::Create { job } => format!("create the {what} Job {job}"),
        TaskEffect::Occupy { job } => format!("take the name of the {what} Job {job}, so that it cannot come late"),
        TaskEffect::Stop { job, uid } => format!("delete the {what} Job {job} (UID {uid}), pods first"),
    }
}
