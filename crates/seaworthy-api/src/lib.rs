//! The API of Seaworthy: the four kinds of group `seaworthy.dev`, their labels, and their translation into what decisions need.
//!
//! Absent: decisions (in `seaworthy-core` and `seaworthy-soak`) and calls to an API server (in the operator and the CLI).

#![expect(unreachable_pub, reason = "the derive of KubeSchema makes a copy of each type inside a function")]
#![expect(clippy::duplicated_attributes, reason = "several printer columns have the same type")]

pub mod convert;
pub mod crd;
pub mod duration;
pub mod e2e_run;
pub mod hash;
pub mod labels;
pub mod quantity;
pub mod release;
pub mod release_plan;
mod rules;
pub mod soak_test;
pub mod task;
pub mod writes;

pub use seaworthy_core as core;
pub use seaworthy_soak as soak;

pub use self::{
    duration::Duration,
    e2e_run::{E2ERun, E2ERunSpec, E2e, Suite},
    quantity::Quantity,
    release::{Release, ReleaseSpec},
    release_plan::{Gate, ReleasePlan, ReleasePlanSpec, ReleasePlanStatus},
    soak_test::{Check, Soak, SoakTest, SoakTestSpec, Source, TargetRef},
    task::{Step, Task},
};

/// The API group.
pub const GROUP: &str = "seaworthy.dev";
/// The API version.
pub const VERSION: &str = "v1alpha1";
