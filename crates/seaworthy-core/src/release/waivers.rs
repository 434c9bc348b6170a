//! Waivers: a person takes a required gate its power to stop this Release; it runs and reports all the same.
//!
//! A waiver counts from the visit that records it, with the digests of what was built: it is for those bytes and no others. It must come
//! before the gate has ended the Release: an outcome that is decided does not change (`terminal-is-final`). `published-implies-gates` (I2) reads: every required gate passed or is waived, and the record says by whom and why.
//! Deliberately absent: taking one back, and a waiver without a name and a reason.

use super::{
    draft::{Draft, Flow},
    observed::Policy,
    status::{GateStatus, ReleaseStatus, WaiverStatus},
};
use crate::{
    condition::{self, Reason, types},
    plan::{Note, NoteKind},
    verdict::Enforcement,
};

/// Records the waivers that are new; the list is append-only, so what is recorded already is its beginning.
pub(super) fn record(d: &mut Draft<'_>) -> Flow {
    let Some(policy) = d.policy() else { return Flow::Next };
    let judged = condition::is_true(&d.seen.status.conditions, types::VERIFIED);
    for given in d.seen.spec.waivers.iter().skip(d.seen.status.waivers.len()) {
        let refused = if judged {
            "every gate had been judged already".to_owned()
        } else {
            unknown(policy, &given.gate).unwrap_or_default()
        };
        let message = if refused.is_empty() {
            format!("{} waived gate {:?}: {}", given.by, given.gate, given.reason)
        } else {
            format!("the waiver for gate {:?} by {} counts for nothing: {refused}", given.gate, given.by)
        };
        let kind = if refused.is_empty() { NoteKind::Normal } else { NoteKind::Warning };
        d.notes.push(Note { kind, reason: Reason::Waived, message });
        d.status.waivers.push(WaiverStatus {
            gate: given.gate.clone(),
            by: given.by.clone(),
            reason: given.reason.clone(),
            digests: d.status.artifacts.iter().map(|artifact| artifact.digest.clone()).collect(),
            time: d.now,
            refused,
        });
    }
    Flow::Next
}

/// Why a waiver for a gate of that name cannot count.
pub(super) fn unknown(policy: &Policy, gate: &str) -> Option<String> {
    let known: Vec<&str> = policy.gates.iter().map(|g| g.name.as_str()).collect();
    (!known.contains(&gate)).then(|| format!("the plan has no gate of that name: it has {}", known.join(", ")))
}

/// Whether a waiver counts for the gate.
pub(super) fn waived(status: &ReleaseStatus, gate: &GateStatus) -> bool {
    status.waivers.iter().any(|w| w.gate == gate.name && w.refused.is_empty())
}

/// Whether the gate can stop the Release.
pub(super) fn can_stop(status: &ReleaseStatus, gate: &GateStatus) -> bool {
    gate.enforcement == Enforcement::Required && !waived(status, gate)
}
