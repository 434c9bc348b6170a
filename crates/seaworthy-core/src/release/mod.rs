//! `Release`: takes one commit from create to `Published`, or says why not.

pub mod status;

pub use status::{
    GateKind, GateState, GateStatus, PlanSnapshot, PublishState, PublishStatus, ReleasePhase, ReleaseStatus,
    VersionSummary,
};
