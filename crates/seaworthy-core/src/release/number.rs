//! The number once more, right before publishing: plans of one repository share a ledger, so another Release may have come to the same number.
//!
//! Nobody writes for this: every reservation is in the ledger by compare-and-swap, and of two open candidates of one version the one with the
//! lower label goes first. The other waits for its end, and is refused when the version, or a later one, is out by then.
//! A reservation that is missing was taken away by a person: it is written again, unless the number was used meanwhile.

use semver::Version;

use super::{
    draft::{Draft, Flow},
    observed::Effect,
    queue::QUEUE_WAIT,
    status::ReleasePhase,
};
use crate::{
    condition::Reason,
    time::Seconds,
    version::{
        ledger::{Claim, Ledger},
        tag,
    },
};

/// How long until a ledger that cannot be read is looked at again.
pub(super) const LOOK: Seconds = Seconds(30);

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    let Some(ledger) = d.seen.ledger.present() else {
        return unreadable(d);
    };
    match ledger.claim(&d.seen.meta.uid) {
        Claim::Free => Flow::Next,
        Claim::Behind(other) => {
            let message = format!(
                "is ready as {}; {other} is under way from the same ledger and goes first: end or abort the Release that holds it",
                d.status.candidate_version
            );
            if d.waited(QUEUE_WAIT) {
                let message = format!("waited {QUEUE_WAIT}: {message}");
                return d.end(ReleasePhase::Failed, Reason::DeadlineExceeded, message);
            }
            d.phase(ReleasePhase::AwaitingApproval, Reason::Queued, message);
            d.by(d.now + Seconds(15));
            Flow::Stop
        }
        Claim::Lost(used) => lost(d, &used),
        Claim::Missing => missing(d, ledger),
    }
}

/// The ledger was not read in this visit, or a person broke it.
fn unreadable(d: &mut Draft<'_>) -> Flow {
    let message = format!("is ready as {}; {}", d.status.candidate_version, mend(d));
    if d.waited(QUEUE_WAIT) {
        return d.end(ReleasePhase::Failed, Reason::DeadlineExceeded, format!("waited {QUEUE_WAIT}: {message}"));
    }
    d.phase(ReleasePhase::AwaitingApproval, Reason::Queued, message);
    d.by(d.now + LOOK);
    Flow::Stop
}

/// What to do about a ledger that cannot be read.
pub(super) fn mend(d: &Draft<'_>) -> String {
    let name = d.status.plan_snapshot.as_ref().map_or("", |snapshot| snapshot.ledger.as_str());
    format!("waits for its ledger: mend the ConfigMap {name:?} if this stays so")
}

fn lost(d: &mut Draft<'_>, used: &Version) -> Flow {
    let message = format!(
        "{} is ready, but {used} was released from the same ledger meanwhile: create a Release, it gets the next number",
        d.status.candidate_version
    );
    d.end(ReleasePhase::Failed, Reason::VersionRefused, message)
}

fn missing(d: &mut Draft<'_>, ledger: &Ledger) -> Flow {
    let (Ok(version), Ok(label)) = (Version::parse(&d.status.version), Version::parse(&d.status.candidate_version))
    else {
        return Flow::Next;
    };
    let candidate = tag::candidate_number(&label).unwrap_or(1);
    if ledger.final_used(&version) || ledger.highest_candidate(&version) >= candidate {
        return lost(d, &version);
    }
    d.effects.push(Effect::Reserve { version, candidate });
    d.by(d.now + Seconds(5));
    Flow::Stop
}
