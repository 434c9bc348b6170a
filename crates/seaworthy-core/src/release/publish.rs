//! Publishing, by a protocol that survives a crash at any line.
//!
//! `publish-at-most-one-pod` (I1): never two publish pods of a Release at once, and a second attempt only after a negative `verify` that was
//! taken after the last pod had ended.
//!
//! 1. Record the intent.
//! 2. Create the Job suspended.
//! 3. Record its UID.
//! 4. Unsuspend it under UID and resourceVersion.
//! 5. Complete: `verify`, if there is one, must agree.
//! 6. Any other end: wait until no pod of that UID can still run, then `verify` decides. Out: Published. Not out: the next attempt, or
//!    Failed. Anything else: `PublishUnknown`, for a person.

use super::{
    draft::{Draft, Flow, INFRASTRUCTURE_ATTEMPTS},
    external,
    observed::{Effect, PublishRule, Settle},
    resolution,
    status::{PublishState, PublishStatus, ReleasePhase, ReleaseStatus},
};
use crate::{
    condition::{ConditionStatus, Reason, cut, types},
    names,
    presence::Presence,
    task::{Cause, GRACE, Job, JobState, SETTLES, Sight, TaskState, TaskStatus},
    time::Seconds,
};

/// The exit code by which `verify` says: it is not out.
pub(super) const NOT_OUT: i32 = 10;
/// How long pods of an ended attempt may linger (a lost node) before a person must look.
pub(super) const LINGER: Seconds = Seconds::minutes(15);

/// Whether an attempt was recorded and its outcome was not.
pub(super) fn is_open(status: &ReleaseStatus) -> bool {
    status.publish.is_some() && status.ending.is_none()
}

/// Records the intent; nothing is created before that is stored.
pub(super) fn begin(d: &mut Draft<'_>) -> Flow {
    if let Some(rule) = d.policy().map(|policy| &policy.publish).filter(|rule| rule.external) {
        return external::begin(d, rule.timeout);
    }
    d.arrived();
    d.status.publish = Some(attempt(d, 1));
    let message = format!("publishes {}; from here on suspend and abort wait", d.status.version);
    d.phase(ReleasePhase::Publishing, Reason::Publishing, message.clone());
    d.say(types::PUBLISHED, ConditionStatus::Unknown, Reason::Publishing, message);
    Flow::Stop
}

fn attempt(d: &Draft<'_>, number: u32) -> PublishStatus {
    PublishStatus {
        attempt: number,
        job: names::child(&d.seen.meta.name, "publish", number),
        uid: None,
        state: PublishState::Intended,
        start_time: d.now,
        message: String::new(),
        report: None,
        verify: None,
    }
}

/// Takes the recorded attempt one step further.
pub(super) fn go_on(d: &mut Draft<'_>) {
    let (Some(recorded), Some(policy)) = (d.seen.status.publish.clone(), d.policy()) else {
        pinned_plan_lost(d);
        return;
    };
    let rule = policy.publish.clone();
    if d.seen.spec.abort || d.seen.spec.suspend || d.seen.meta.deleted.is_some() {
        let message = "publishing has begun: suspend, abort and delete wait for its end";
        d.phase(ReleasePhase::Publishing, Reason::Publishing, message);
    }
    let sight = d.sight(&recorded.job);
    let next = match recorded.state {
        PublishState::External => external::awaited(d, recorded, rule.timeout),
        PublishState::Intended => intended(d, recorded, &sight, &rule),
        PublishState::Created => created(d, recorded, &sight),
        PublishState::Running => match running(d, recorded, &sight, &rule) {
            // That it is over and that `verify` is to be asked, or what follows where there is none, is one record.
            ended if ended.state == PublishState::Completed => verify(d, ended, &rule),
            other => other,
        },
        PublishState::Ending => ending(d, recorded, &sight),
        PublishState::Completed | PublishState::Ended => verify(d, recorded, &rule),
        PublishState::Published | PublishState::NotPublished | PublishState::Unknown => recorded,
    };
    conclude(d, next, &rule);
}

/// Without the pinned plan the outcome of a begun publish cannot be found out.
fn pinned_plan_lost(d: &mut Draft<'_>) {
    d.by(d.now + Seconds(5));
    if d.seen.snapshot != Presence::Unknown {
        let message = format!(
            "the pinned plan was deleted or altered while publishing: look at the registry, then {}",
            remedy(d)
        );
        d.end(ReleasePhase::PublishUnknown, Reason::PublishUnknown, message);
    }
}

/// How a person says what they found.
fn remedy(d: &Draft<'_>) -> String {
    let name = &d.seen.meta.name;
    format!(
        "say what you found: `kubectl seaworthy resolve {name} --outcome Published|NotPublished --reason TEXT` (runbook: publish-unknown)"
    )
}

pub(super) fn to(publish: PublishStatus, state: PublishState, message: impl Into<String>) -> PublishStatus {
    PublishStatus { state, message: cut(message.into(), 256), ..publish }
}

fn intended(d: &mut Draft<'_>, publish: PublishStatus, sight: &Sight, rule: &PublishRule) -> PublishStatus {
    let limit = publish.start_time + rule.timeout + GRACE;
    match &sight.job {
        Presence::Unknown => {
            d.by(d.now + Seconds(5));
            publish
        }
        Presence::Present(job) if job.owned => {
            PublishStatus { uid: Some(job.uid.clone()), ..to(publish, PublishState::Created, "") }
        }
        Presence::Present(_) => {
            let message = format!("a Job named {:?} exists and is not ours: delete it", publish.job);
            to(publish, PublishState::NotPublished, message)
        }
        Presence::AbsentLive => {
            let refused = sight.refused.as_ref();
            let never = refused.is_some_and(|r| r.cause == Cause::Impossible);
            let message = refused.map(|r| r.message.clone()).unwrap_or_default();
            if never || d.now >= limit {
                // It was never unsuspended: its UID would have been recorded first. So nothing ran.
                return to(publish, PublishState::NotPublished, format!("its Job could not be created: {message}"));
            }
            d.effects.push(Effect::CreatePublish { job: publish.job.clone(), attempt: publish.attempt });
            d.by(limit);
            PublishStatus { message: cut(message, 256), ..publish }
        }
    }
}

/// The Job with the recorded UID, if it is there.
fn same<'a>(publish: &PublishStatus, sight: &'a Sight) -> Option<&'a Job> {
    sight.job.present().filter(|job| publish.uid.as_deref() == Some(job.uid.as_str()))
}

fn created(d: &mut Draft<'_>, publish: PublishStatus, sight: &Sight) -> PublishStatus {
    if sight.job == Presence::Unknown {
        d.by(d.now + Seconds(5));
        return publish;
    }
    match same(&publish, sight) {
        Some(job) if job.suspended && !job.is_deleting() => {
            d.effects.push(Effect::Unsuspend {
                job: publish.job.clone(),
                uid: job.uid.clone(),
                resource_version: job.resource_version.clone(),
            });
            publish
        }
        Some(job) if !job.suspended => to(publish, PublishState::Running, ""),
        // Whether it was unsuspended before it vanished cannot be known from here.
        Some(_) | None => to(publish, PublishState::Ending, "its Job was deleted by somebody"),
    }
}

fn running(d: &mut Draft<'_>, publish: PublishStatus, sight: &Sight, rule: &PublishRule) -> PublishStatus {
    let limit = publish.start_time + rule.timeout + GRACE;
    if sight.job == Presence::Unknown {
        d.by(d.now + Seconds(5));
        return publish;
    }
    let Some(job) = same(&publish, sight) else {
        return to(publish, PublishState::Ending, "its Job was deleted by somebody while it ran");
    };
    match &job.state {
        JobState::Succeeded { .. } if job.is_podless() => to(publish, PublishState::Completed, ""),
        JobState::Succeeded { .. } => {
            d.by(d.now + Seconds(5));
            publish
        }
        // The Job's own deadline: what never came to run did not run into it, but waited for something.
        JobState::Failed { cause: Cause::Limits, reason: Reason::DeadlineExceeded, .. }
            if !publish.message.is_empty() =>
        {
            let message = never_started(rule, &publish.message);
            to(publish, PublishState::Ending, message)
        }
        JobState::Failed { message, .. } => to(publish, PublishState::Ending, message.clone()),
        JobState::Waiting { cause: Some(Cause::Impossible), message, .. } => {
            to(publish, PublishState::Ending, message.clone())
        }
        JobState::Waiting { reason: Some(_), message, .. } if d.now >= limit => {
            to(publish, PublishState::Ending, never_started(rule, message))
        }
        JobState::Waiting { .. } | JobState::Running | JobState::Lost { .. } | JobState::PodOver if d.now >= limit => {
            to(publish, PublishState::Ending, format!("did not end within its timeout of {}", rule.timeout))
        }
        JobState::Waiting { reason, message, .. } => {
            let soon = if job.live_pods == Presence::Unknown { SETTLES } else { Seconds(15) };
            d.by(limit.min(d.now + soon));
            let message = match reason {
                Some(_) => cut(message.clone(), 256),
                // A Job without a pod still waits for what its last pod waited for: at its deadline pods go before it is seen to fail.
                None if job.is_podless() => publish.message.clone(),
                // That it starts is no news.
                None => String::new(),
            };
            waits(d, publish, message)
        }
        JobState::Running => {
            d.by(limit);
            waits(d, publish, String::new())
        }
        // What it waited for, it may have waited for to its end.
        JobState::PodOver | JobState::Lost { .. } => {
            d.by(limit);
            publish
        }
    }
}

/// Why a publish that waited until its time was over did not run; names what it waited for.
fn never_started(rule: &PublishRule, waited_for: &str) -> String {
    format!("did not start within its timeout of {}: {waited_for}", rule.timeout)
}

/// Records what the Job waits for, if anything, and says so where people look.
fn waits(d: &mut Draft<'_>, publish: PublishStatus, message: String) -> PublishStatus {
    let message = cut(message, 256);
    if message != publish.message {
        let what = if message.is_empty() { "its Job runs" } else { message.as_str() };
        let told = format!("publishes {}: {what}; suspend and abort wait", d.status.version);
        d.phase(ReleasePhase::Publishing, Reason::Publishing, told);
    }
    PublishStatus { message, ..publish }
}

/// Waits until no pod of the recorded UID can still run; `verify` before that would prove nothing.
fn ending(d: &mut Draft<'_>, publish: PublishStatus, sight: &Sight) -> PublishStatus {
    if sight.job == Presence::Unknown || d.seen.publish_pods == Presence::Unknown {
        d.by(d.now + Seconds(5));
        return publish;
    }
    let job = same(&publish, sight);
    let over = job.is_none_or(|job| matches!(job.state, JobState::Succeeded { .. } | JobState::Failed { .. }));
    if over && d.seen.publish_pods.present() == Some(&0) {
        return PublishStatus { state: PublishState::Ended, ..publish };
    }
    if let Some(job) = job.filter(|job| !over && !job.is_deleting()) {
        d.effects.push(Effect::StopPublish { job: publish.job.clone(), uid: job.uid.clone() });
    }
    let since = *d.status.waiting_since.get_or_insert(d.now);
    if d.now >= since + LINGER {
        let message = format!("{}; a pod of it could still be running after {LINGER} (a lost node?)", publish.message);
        return to(publish, PublishState::Unknown, message);
    }
    d.by((since + LINGER).min(d.now + Seconds(10)));
    publish
}

/// Asks the registry, when there is somebody to ask; never guesses.
fn verify(d: &mut Draft<'_>, publish: PublishStatus, rule: &PublishRule) -> PublishStatus {
    let completed = publish.state == PublishState::Completed;
    let Some(timeout) = rule.verify else {
        return if completed {
            to(publish, PublishState::Published, "")
        } else {
            let message = format!("{}; there is no `verify` to ask whether it is out", publish.message);
            to(publish, PublishState::Unknown, message)
        };
    };
    let purpose = format!("verify-{}", publish.attempt);
    let Some(task) = publish.verify.clone() else {
        let verify = Some(TaskStatus::new(&d.seen.meta.name, &purpose, 1, d.now));
        return PublishStatus { verify, ..publish };
    };
    let step = d.advance(&task, timeout);
    d.effects.extend(step.effect.map(Effect::Verify));
    let record = step.record.clone();
    let publish = PublishStatus { verify: Some(step.record), ..publish };
    match record.state {
        TaskState::Pending | TaskState::Running | TaskState::Stopping => publish,
        TaskState::Succeeded => to(publish, PublishState::Published, ""),
        TaskState::Failed
            if record.cause == Some(Cause::Infrastructure) && record.attempt < INFRASTRUCTURE_ATTEMPTS =>
        {
            // Asking changes nothing, so asking again is safe.
            let again = TaskStatus::new(&d.seen.meta.name, &purpose, record.attempt + 1, d.now);
            PublishStatus { verify: Some(again), ..publish }
        }
        TaskState::Failed if record.exit_code == Some(NOT_OUT) && completed => {
            to(publish, PublishState::Unknown, "the publisher said it is out, `verify` says it is not")
        }
        TaskState::Failed if record.exit_code == Some(NOT_OUT) && rule.external && publish.report.is_none() => {
            let message = format!(
                "{}; `verify` says it is not out yet, but who has not reported may still publish",
                publish.message
            );
            to(publish, PublishState::Unknown, message)
        }
        TaskState::Failed if record.exit_code == Some(NOT_OUT) => {
            let message = format!("{}; `verify` says it is not out", publish.message);
            to(publish, PublishState::NotPublished, message)
        }
        TaskState::Failed => {
            let message = format!("{}; `verify` gave no answer: {}", publish.message, record.message);
            to(publish, PublishState::Unknown, message)
        }
    }
}

/// What the attempt's state means for the Release. A begun attempt that is certain not to be out may be followed by another.
fn conclude(d: &mut Draft<'_>, publish: PublishStatus, rule: &PublishRule) {
    let version = d.status.version.clone();
    let message = publish.message.trim_start_matches("; ").to_owned();
    match publish.state {
        PublishState::Published => {
            d.end(
                ReleasePhase::Published,
                Reason::Published,
                format!("{version} is out, with the digests that were tested"),
            );
        }
        PublishState::Unknown => {
            let message = format!(
                "it is not known whether {version} is out: {message}; look at the registry, then {}",
                remedy(d)
            );
            d.end(ReleasePhase::PublishUnknown, Reason::PublishUnknown, message);
        }
        PublishState::NotPublished => {
            let again = publish.verify.is_some()
                && !rule.external
                && publish.attempt < rule.max_attempts
                && d.seen.meta.deleted.is_none();
            if again {
                d.status.waiting_since = None;
                d.status.publish = Some(attempt(d, publish.attempt + 1));
                return;
            }
            d.end(ReleasePhase::Failed, Reason::PublishFailed, format!("{version} is not out: {message}"));
        }
        PublishState::External
        | PublishState::Intended
        | PublishState::Created
        | PublishState::Running
        | PublishState::Completed
        | PublishState::Ending
        | PublishState::Ended => {}
    }
    d.status.publish = Some(publish);
}

/// What becomes of the reserved number: out; used up, because it may be out somewhere; or free again but for the candidate's label.
pub(super) fn settlement(status: &ReleaseStatus) -> Settle {
    if let Some(word) = &status.resolution {
        return resolution::settlement(word.outcome);
    }
    let unknown = status.ending.as_ref().is_some_and(|e| e.phase == ReleasePhase::PublishUnknown);
    match &status.publish {
        Some(p) if p.state == PublishState::Published => Settle::Published,
        // Where it is not known whether it is out, the number is used up as well.
        Some(p) if p.job.is_empty() || p.uid.is_some() || p.attempt > 1 || unknown => Settle::BurnFinal,
        Some(_) | None => Settle::BurnCandidate,
    }
}

#[cfg(test)]
mod tests;
