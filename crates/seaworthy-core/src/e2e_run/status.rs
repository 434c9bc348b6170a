//! What an `E2ERun` records.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    condition::{Condition, Reason},
    task::{Cause, TaskStatus},
    time::Timestamp,
};

/// For people and printer columns; derived from the conditions, never an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum E2eRunPhase {
    /// Not visited yet, or waiting.
    #[default]
    Pending,
    /// Suites run.
    Running,
    /// Cleans up.
    TearingDown,
    /// Every required suite passed.
    Succeeded,
    /// A required suite failed.
    Failed,
    /// A required suite could not be judged.
    Inconclusive,
    /// Aborted.
    Aborted,
}

/// Status of an `E2ERun`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct E2eRunStatus {
    /// For people.
    pub phase: E2eRunPhase,
    /// `Accepted`, `Succeeded`, `Finished`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// When the first suite began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When the run finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// When the run ends at the latest, but for the teardown of what still runs then. It moves on by the time that the run was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Since when `spec.suspend` holds the run with nothing under way; this time does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended_since: Option<Timestamp>,
    /// Why the run ends before its time, once that is settled; never taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Suites that passed.
    pub passed: u32,
    /// Suites that failed.
    pub failed: u32,
    /// Suites that passed only after a product failure on the same digests.
    pub flaky: u32,
    /// Suites in all.
    pub total: u32,
    /// One entry a suite, in the order of the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<SuiteStatus>,
    /// What a newer operator recorded and this one does not know: kept as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// Why a run ends before all its suites were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// `Aborted`, `Deleted`, `DeadlineExceeded`, or `SuiteFailed` with `failFast`.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
}

/// Where a suite stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum SuiteState {
    /// Has not begun.
    #[default]
    Pending,
    /// An attempt is under way.
    Running,
    /// An attempt passed.
    Passed,
    /// All attempts are used up, or it can never work.
    Failed,
    /// It could not be found out.
    Inconclusive,
    /// Not run: a failed sibling, an abort or a deadline came first.
    Skipped,
}

/// What an attempt has shown, while its teardown is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AttemptOutcome {
    /// The suite passed.
    Passed,
    /// The suite or its setup failed; the suite's `cause` says by whose fault.
    Failed,
    /// It was ended from outside.
    Cancelled,
}

/// One suite. At most one of `setup`, `run` and `teardown` is there at a time, and none when the suite is decided, so that 48 of them
/// stay small.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SuiteStatus {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: SuiteState,
    /// Attempts that began.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Of these, those that failed by the product's fault or at their own limits; only they count against `maxAttempts`.
    #[serde(skip_serializing_if = "is_zero")]
    pub product_failures: u32,
    /// Of these, those that failed by the cluster's fault.
    #[serde(skip_serializing_if = "is_zero")]
    pub infrastructure_failures: u32,
    /// How often a teardown failed for good: something may have stayed behind.
    #[serde(skip_serializing_if = "is_zero")]
    pub teardown_failures: u32,
    /// Whether it passed only after a product failure of the same candidate.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    /// Whose fault the last failure was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Why the last attempt failed, and what was seen, for people; at most 200 bytes, less when very many suites have something to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Tests that ran, as reported by the last attempt that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<u32>,
    /// Tests that failed, as reported.
    #[serde(rename = "failed", skip_serializing_if = "Option::is_none")]
    pub tests_failed: Option<u32>,
    /// Tests that were skipped, as reported.
    #[serde(rename = "skipped", skip_serializing_if = "Option::is_none")]
    pub tests_skipped: Option<u32>,
    /// When its first attempt began; gone when the suite is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// How long it took, all attempts together, in seconds; there when the suite is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// What the current attempt has shown, once it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AttemptOutcome>,
    /// Since when the current step's Job is being removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopping_since: Option<Timestamp>,
    /// The current attempt's setup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<TaskStatus>,
    /// The current attempt itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<TaskStatus>,
    /// The current attempt's teardown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teardown: Option<TaskStatus>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl SuiteState {
    /// Whether this will not change any more.
    pub const fn is_decided(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Inconclusive | Self::Skipped)
    }
}

impl SuiteStatus {
    /// The step that is under way, with its record.
    pub fn current<'a>(&'a self) -> Option<(Step, &'a TaskStatus)> {
        let of = |step, record: &'a Option<TaskStatus>| record.as_ref().map(|r| (step, r));
        of(Step::Teardown, &self.teardown).or_else(|| of(Step::Run, &self.run)).or_else(|| of(Step::Setup, &self.setup))
    }

    /// Makes this the only step that is under way; `None` when nothing is.
    pub(super) fn set_current(&mut self, current: Option<(Step, TaskStatus)>) {
        (self.setup, self.run, self.teardown) = (None, None, None);
        match current {
            Some((Step::Setup, record)) => self.setup = Some(record),
            Some((Step::Run, record)) => self.run = Some(record),
            Some((Step::Teardown, record)) => self.teardown = Some(record),
            None => {}
        }
    }
}

/// A step of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Makes the world.
    Setup,
    /// The suite itself.
    Run,
    /// Takes the world down again.
    Teardown,
}

impl Step {
    /// As in names of Jobs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Run => "run",
            Self::Teardown => "teardown",
        }
    }
}
