//! Turns: at most one Release of a plan runs at a time.
//!
//! Newest is by position in history; where that is not known for both, by creation, then by name.

use super::{
    batching,
    draft::{Draft, Flow},
    observed::{Concurrency, Effect, Sibling},
    status::ReleasePhase,
};
use crate::{
    condition::{self, Reason, types},
    lock::Lock,
    presence::Presence,
    time::{Seconds, Timestamp},
};

/// How long a Release waits for its turn.
pub(super) const QUEUE_WAIT: Seconds = Seconds::hours(14 * 24);
/// How many Releases of a plan may wait with `Queue`.
pub(super) const QUEUE_MAX: usize = 50;

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    let Some(policy) = d.policy() else { return Flow::Stop };
    let started = d.seen.status.start_time.is_some();
    let verified = condition::is_true(&d.seen.status.conditions, types::VERIFIED);
    let replaceable = match policy.concurrency {
        Concurrency::Latest => !started,
        Concurrency::Supersede => !verified,
        Concurrency::Queue => false,
    };
    let me = (d.status.position, d.seen.meta.created, d.seen.meta.name.clone());
    // Creation times have whole seconds: of two of the same second, the one that began is the older.
    let newer = waiting(d).find(|s| older(&me, s) || (started && me.0 == s.position && me.1 == s.created));
    let newer = newer.map(|s| s.name.clone());
    if replaceable && let Some(newer) = newer {
        let message = format!("Release {newer:?} is newer and takes its place");
        return d.end(ReleasePhase::Superseded, Reason::Superseded, message);
    }
    if let Some(start) = d.seen.status.start_time {
        if !verified {
            d.status.deadline = Some(start + policy.deadline);
            d.by(start + policy.deadline);
            if d.now >= start + policy.deadline {
                let message = format!("ran for the plan's deadline of {} without an outcome", policy.deadline);
                return d.end(ReleasePhase::Failed, Reason::DeadlineExceeded, message);
            }
        }
        return Flow::Next;
    }
    if d.seen.turn != Lock::Mine && d.seen.siblings == Presence::Unknown {
        // Who else waits was not looked at: nobody's turn is taken on that.
        d.by(d.now + Seconds(5));
        return Flow::Stop;
    }
    let ahead = waiting(d).filter(|s| !older(&me, s)).count();
    if policy.concurrency == Concurrency::Queue && ahead >= QUEUE_MAX {
        let message = format!("{ahead} Releases of this plan wait already, at most {QUEUE_MAX} may");
        return d.end(ReleasePhase::Failed, Reason::QueueFull, message);
    }
    if d.waited(QUEUE_WAIT) {
        return d.end(ReleasePhase::Failed, Reason::DeadlineExceeded, format!("waited {QUEUE_WAIT} for its turn"));
    }
    let first = policy.concurrency != Concurrency::Queue || ahead == 0;
    match &d.seen.turn {
        Lock::Mine => {
            d.arrived();
            d.status.start_time = Some(d.now);
            d.status.deadline = Some(d.now + policy.deadline);
            d.phase(ReleasePhase::Planning, Reason::Planning, "has its turn; works out the version");
        }
        _ if d.seen.spec.suspend => {
            d.phase(ReleasePhase::Pending, Reason::Suspended, "waits while spec.suspend is set");
        }
        Lock::Free if first => {
            if batching::begin(d) == Flow::Stop {
                return Flow::Stop;
            }
            d.phase(ReleasePhase::Pending, Reason::Queued, "takes its turn");
            d.effects.push(Effect::AcquireTurn);
        }
        Lock::Free => d.phase(ReleasePhase::Pending, Reason::Queued, format!("waits behind {ahead} older Releases")),
        Lock::Held(by) => d.phase(ReleasePhase::Pending, Reason::Queued, format!("waits for {by} to finish")),
        Lock::Unknown => {}
    }
    d.by(d.now + Seconds(15));
    Flow::Stop
}

/// The siblings that have their place in the queue and not had their turn.
fn waiting<'a>(d: &Draft<'a>) -> impl Iterator<Item = &'a Sibling> {
    d.seen
        .siblings
        .present()
        .into_iter()
        .flatten()
        .filter(|s| s.planned && !s.started && !s.ending && !s.phase.is_terminal())
}

fn older(me: &(Option<u64>, Timestamp, String), other: &Sibling) -> bool {
    match (me.0, other.position) {
        (Some(mine), Some(theirs)) if mine != theirs => mine < theirs,
        _ => (me.1, me.2.as_str()) < (other.created, other.name.as_str()),
    }
}
