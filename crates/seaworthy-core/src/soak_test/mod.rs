//! `SoakTest`: runs a controller under load for a time, samples it, and says whether it stayed fit.
//!
//! One life: waits for its turn on the target, sets up, waits until the target runs the candidate, records when warm-up, measure and
//! settling begin and end, ends the load, is judged, cleans up, gives its turn back. **Whatever ends it, what was started is ended and
//! the teardown runs** (`teardown-always`), and only after that another soak gets the target (`one-soak-per-target`).
//!
//! Absent: samples and checks. The sampler follows the recorded times by itself; what it found comes in as [`SamplerFacts`], judged by
//! `seaworthy-soak`. No evidence never passes (`no-evidence-never-passes`): without a judgement there is no success.

mod cleanup;
mod decide;
mod extend;
mod load;
mod observed;
mod running;
mod spec;
pub mod status;
mod steps;
pub mod target;

pub use decide::decide;
pub use observed::{Inventories, Judgement, Needs, Observed, SamplerFacts, load_is_over, needs};
pub use spec::SoakSpec;
pub use status::{
    CheckStatus, ComparedWith, Ending, EvidenceStatus, ExtensionStatus, SampleCounts, SoakTestPhase, SoakTestStatus,
};

use crate::task::TaskEffect;

/// What one task of a soak is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Installs the candidate.
    Setup,
    /// Makes the load.
    Workload,
    /// Looks at objects for `survivors` and `leftovers`.
    Inventory,
    /// Cleans up.
    Teardown,
}

impl Role {
    /// As in names and labels.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Workload => "workload",
            Self::Inventory => "inventory",
            Self::Teardown => "teardown",
        }
    }

    /// The record of this task.
    pub const fn record(self, status: &SoakTestStatus) -> Option<&crate::task::TaskStatus> {
        match self {
            Self::Setup => status.setup.as_ref(),
            Self::Workload => status.workload.as_ref(),
            Self::Inventory => status.inventory.as_ref(),
            Self::Teardown => status.teardown.as_ref(),
        }
    }
}

/// What the shell is to do; each is idempotent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Put the finalizer on the object.
    AddFinalizer,
    /// Take the finalizer off the object.
    RemoveFinalizer,
    /// Take the target's lock if it is free.
    AcquireLock,
    /// Give the target's lock back if it is ours.
    ReleaseLock,
    /// Start or end one task's Job.
    Task {
        /// Which task.
        role: Role,
        /// What to do.
        effect: TaskEffect,
    },
}

#[cfg(test)]
mod tests;
