//! Resolution: where nobody could say whether it is out, a person looks and says so, once.
//!
//! The one exception to `terminal-is-final`: the word is recorded beside the outcome (`status.ending` keeps saying `PublishUnknown`), then the
//! ledger follows, and only when it has does the Release say `Published` or `Failed`. So `Published=True` always has the ledger behind it.
//! Deliberately absent: a second word, and a word on anything but `PublishUnknown`.

use super::{
    draft::{Draft, Flow},
    observed::{Effect, Settle},
    status::{PublishOutcome, ReleasePhase, ReleaseStatus, ResolutionStatus},
};
use crate::{
    condition::{ConditionStatus, Reason, types},
    presence::Presence,
    time::Seconds,
    version::ledger::State,
};

/// Whether a person's word counts: the outcome is that nobody knows.
pub(super) fn is_open(status: &ReleaseStatus) -> bool {
    status.phase == ReleasePhase::PublishUnknown
}

/// Takes a person's word one step further. `Stop` while there is something to do about it.
pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    if !is_open(&d.seen.status) || d.seen.meta.deleted.is_some() {
        return Flow::Next;
    }
    match (d.seen.status.resolution.clone(), &d.seen.spec.resolution) {
        (None, None) => Flow::Next,
        (None, Some(given)) => {
            d.status.resolution = Some(ResolutionStatus {
                outcome: given.outcome,
                by: given.by.clone(),
                reason: given.reason.clone(),
                time: d.now,
            });
            Flow::Stop
        }
        (Some(word), _) => {
            follow(d, &word);
            Flow::Stop
        }
    }
}

/// What becomes of the number when a person has found this out.
pub(super) const fn settlement(outcome: PublishOutcome) -> Settle {
    match outcome {
        PublishOutcome::Published => Settle::Published,
        PublishOutcome::NotPublished => Settle::BurnFinal,
    }
}

/// The ledger first, then the word is told.
fn follow(d: &mut Draft<'_>, word: &ResolutionStatus) {
    let Presence::Present(ledger) = &d.seen.ledger else {
        d.by(d.now + Seconds(5));
        return;
    };
    // An entry that is folded away is below the high-water mark: used up in either case, and nothing is left to change.
    let behind = ledger.entry(&d.seen.meta.uid).is_some_and(|entry| match word.outcome {
        PublishOutcome::Published => entry.state != State::Published,
        PublishOutcome::NotPublished => entry.state == State::Reserved,
    });
    if behind {
        d.effects.push(Effect::Settle(settlement(word.outcome)));
        return;
    }
    tell(d, word);
}

fn tell(d: &mut Draft<'_>, word: &ResolutionStatus) {
    let version = d.status.version.clone();
    let who = if word.by.is_empty() { "a person" } else { &word.by };
    let (phase, published, found) = match word.outcome {
        PublishOutcome::Published => (ReleasePhase::Published, ConditionStatus::True, "is out"),
        PublishOutcome::NotPublished => (ReleasePhase::Failed, ConditionStatus::False, "is not out"),
    };
    let message = format!("it was not known whether {version} is out; {who} found that it {found}: {}", word.reason);
    d.say(types::PUBLISHED, published, Reason::Resolved, message.clone());
    d.say(types::FINISHED, ConditionStatus::True, Reason::Resolved, message);
    d.status.phase = phase;
}
