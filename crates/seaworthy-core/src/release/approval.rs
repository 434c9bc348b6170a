//! Approval: with `Manual` a person says yes or no before anything is published, within a limit.
//!
//! A word is for one commit, one version and one text of the notes ([`digest`]): once recorded it never counts for another. A rejection ends
//! the Release whatever it is for.

use super::{
    batching,
    draft::{Draft, Flow},
    notes,
    observed::Approval,
    status::{ApprovalStatus, ApprovalWord, ReleasePhase, ReleaseStatus},
};
use crate::{condition::Reason, frame::sha256};

/// SHA-256 over commit, version and the notes' digest, a line each: `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(status: &ReleaseStatus) -> String {
    let notes = status.notes.as_ref().map_or("", |notes| notes.digest.as_str());
    let text = format!("{}\n{}\n{notes}\n", status.revision, status.version);
    format!("sha256:{}", sha256(text.as_bytes()))
}

/// Records what is to be approved and, once, the word that was given, early ones too.
pub(super) fn record(d: &mut Draft<'_>) -> Flow {
    if d.policy().is_none_or(|policy| policy.approval.is_none()) {
        return Flow::Next;
    }
    let digest = digest(&d.status);
    let recorded = d.seen.status.approval.clone().and_then(|approval| approval.word);
    let word = match (&d.seen.spec.approval, recorded) {
        (None, recorded) => recorded,
        (Some(given), Some(recorded)) if same(given, &recorded) => Some(recorded),
        (Some(given), _) => Some(ApprovalWord {
            approved: given.approved,
            by: given.by.clone(),
            reason: given.reason.clone(),
            digest: given.digest.clone().unwrap_or_else(|| digest.clone()),
            time: d.now,
        }),
    };
    d.status.approval = Some(ApprovalStatus { digest, word });
    Flow::Next
}

/// Whether the word is the recorded one. One without a digest is for what it was recorded for.
fn same(given: &Approval, recorded: &ApprovalWord) -> bool {
    let ApprovalWord { approved, by, reason, digest, time: _ } = recorded;
    given.approved == *approved
        && given.by == *by
        && given.reason == *reason
        && given.digest.as_ref().is_none_or(|given| given == digest)
}

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    let Some(policy) = d.policy() else { return Flow::Stop };
    if let Some(limit) = policy.approval {
        let asked = d.status.approval.clone().unwrap_or_default();
        // Only what is stored counts: a word is on record before anything follows from it.
        let stored = d.seen.status.approval.as_ref().and_then(|approval| approval.word.clone());
        match stored.filter(|stored| asked.word.as_ref() == Some(stored)) {
            Some(word) if !word.approved => {
                let message = format!("{} rejected it: {}", who(&word), word.reason);
                return d.end(ReleasePhase::Failed, Reason::Rejected, message);
            }
            Some(word) if word.digest == asked.digest => {
                let message = format!("{} approved {}", who(&word), d.status.version);
                d.phase(ReleasePhase::AwaitingApproval, Reason::Approved, message);
            }
            outdated => {
                let name = &d.seen.meta.name;
                let (reason, message) = match outdated {
                    Some(word) => (
                        Reason::ApprovalRevoked,
                        format!(
                            "{} approved something else: commit, version or notes changed since; approve again with `kubectl seaworthy approve {name}` within {limit}",
                            who(&word)
                        ),
                    ),
                    None => (
                        Reason::AwaitingApproval,
                        format!(
                            "{} is ready; approve it with `kubectl seaworthy approve {name}` within {limit}",
                            d.status.version
                        ),
                    ),
                };
                let expired = d.waited(limit);
                d.phase(ReleasePhase::AwaitingApproval, reason, message);
                if expired {
                    let message = format!("nobody approved within {limit}");
                    return d.end(ReleasePhase::Failed, Reason::ApprovalExpired, message);
                }
                return Flow::Stop;
            }
        }
    }
    if d.seen.spec.suspend {
        d.phase(ReleasePhase::AwaitingApproval, Reason::Suspended, "waits while spec.suspend is set");
        return Flow::Stop;
    }
    if batching::publish(d) == Flow::Stop {
        return Flow::Stop;
    }
    notes::freeze(d)
}

fn who(word: &ApprovalWord) -> &str {
    if word.by.is_empty() { "a person" } else { &word.by }
}
