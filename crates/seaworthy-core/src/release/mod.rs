//! `Release`: takes one commit from create to `Published`, or says why not.
//!
//! [`decide`] goes through the stages in order; each is a file. Named invariants:
//! - `publish-at-most-one-pod` (I1): see [`publish`]
//! - `published-implies-gates` (I2): see [`gates`]
//! - `terminal-is-final`: see [`ending`]
//! - `recorded-before-effect`: every stage acts on `seen.status`, and writes only `status`

mod accept;
mod approval;
mod batching;
mod build;
mod draft;
mod ending;
mod external;
mod gates;
mod notes;
mod number;
pub mod observed;
mod planning;
mod publish;
mod queue;
pub mod reads;
mod resolution;
pub mod status;
mod waivers;

use self::draft::{Draft, Flow};
pub use self::{
    batching::{Frozen, Hold, check as check_freeze, frozen, hold},
    observed::{Effect, Observed, Settle},
    reads::{Reads, reads},
    status::{
        ApprovalStatus, ApprovalWord, Ending, GateKind, GateState, GateStatus, NotesStatus, PlanSnapshot,
        PublishOutcome, PublishState, PublishStatus, ReleasePhase, ReleaseStatus, ReportStatus, ReportedArtifact,
        ResolutionStatus, VersionSummary, WaiverStatus,
    },
};
use crate::{condition, plan::Plan, time::Timestamp};

/// What to do next about a Release. Total and deterministic.
pub fn decide(seen: &Observed, now: Timestamp) -> Plan<ReleaseStatus, Effect> {
    let mut draft = Draft::new(seen, now);
    if condition::is_true(&seen.status.conditions, condition::types::FINISHED) {
        // Nothing about a verdict may change any more, but for a person's word where it is not known: what we hold is given back.
        let mut draft = Draft { status: seen.status.clone(), ..draft };
        if resolution::stage(&mut draft) == Flow::Next {
            ending::clean_up(&mut draft);
        }
        return draft.finish();
    }
    // Publishing that was begun is brought to its end whatever else happens: an unfinished publish is the worst outcome.
    if publish::is_open(&seen.status) {
        publish::go_on(&mut draft);
        return draft.finish();
    }
    if seen.meta.deleted.is_some() {
        ending::delete(&mut draft);
        return draft.finish();
    }
    if seen.status.ending.is_some() {
        ending::carry_out(&mut draft);
        return draft.finish();
    }
    let stages: [fn(&mut Draft<'_>) -> Flow; 12] = [
        accept::stage,
        ending::abort,
        planning::read,
        queue::stage,
        planning::reserve,
        notes::stage,
        approval::record,
        build::stage,
        waivers::record,
        gates::stage,
        approval::stage,
        number::stage,
    ];
    for stage in stages {
        if stage(&mut draft) == Flow::Stop {
            return draft.finish();
        }
    }
    publish::begin(&mut draft);
    draft.finish()
}
