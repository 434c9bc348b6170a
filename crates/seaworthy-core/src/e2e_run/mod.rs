//! `E2ERun`: runs suites as Jobs, each attempt in a fresh world, and says whether the candidate passed them.
//!
//! An attempt of a suite is setup, the suite itself, teardown; one Job each, one after the other. Up to `parallelism` suites are under way
//! at a time, in the order of the spec. [`decide`] looks at every suite once a visit (`suite.rs` is the life of one of them), and
//! combines their states into the run's verdict (`verdict.rs`).
//!
//! Invariants, by name:
//! - `recorded-before-effect`: a Job is created only for a record that was observed, not for one that the same plan writes.
//! - `teardown-always`: once a task of an attempt is recorded, the attempt's teardown runs, however the attempt ends; only a namespace that
//!   terminates prevents it, and that is said.
//! - `terminal-is-final`: after `Finished` nothing of the status changes.
//! - `no-evidence-never-passes`: a run succeeds only if there is a required suite and every required suite passed.
//! - `everything-ends`: a run is over at its deadline plus the time of the teardowns that are then due.
//!
//! Absent: what the tasks contain (the operator builds Jobs from the object itself), and test reports beyond the counts.

mod decide;
pub mod spec;
pub mod status;
mod suite;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::{
    decide::decide,
    spec::Spec,
    status::{AttemptOutcome, E2eRunPhase, E2eRunStatus, Ending, Step, SuiteState, SuiteStatus},
    suite::{INFRASTRUCTURE_BUDGET, STOP_LIMIT},
};
use crate::{
    meta::Meta,
    task::{Sight, TaskEffect},
};

/// Everything that a decision about a run rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The object's metadata.
    pub meta: Meta,
    /// Its spec.
    pub spec: Spec,
    /// Its status.
    pub status: E2eRunStatus,
    /// What was seen of the Jobs that [`needs`] names, by name.
    pub jobs: BTreeMap<String, Sight>,
}

/// What a run does to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Put [`crate::meta::FINALIZER`] on the run.
    AddFinalizer,
    /// Take it off.
    RemoveFinalizer,
    /// Create or stop the Job of one step.
    Task {
        /// The suite's name.
        suite: String,
        /// Which step of the attempt.
        step: Step,
        /// Which attempt, from 1.
        attempt: u32,
        /// What to do.
        effect: TaskEffect,
    },
}

/// The names of the Jobs that a decision about this status rests on.
pub fn needs(status: &E2eRunStatus) -> Vec<String> {
    let current = status.suites.iter().filter_map(SuiteStatus::current);
    current.filter(|(_, record)| !record.state.is_finished()).map(|(_, record)| record.job.clone()).collect()
}
