//! What an `E2ERun` records.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    condition::Condition,
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
    /// When the run ends at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
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

/// One suite.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SuiteStatus {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: SuiteState,
    /// Attempts that began.
    pub attempts: u32,
    /// Of these, those that failed by the product's fault; only they count against `maxAttempts`.
    pub product_failures: u32,
    /// Of these, those that failed by the cluster's fault.
    pub infrastructure_failures: u32,
    /// Whether it passed only after a product failure.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub flaky: bool,
    /// Whose fault the last failure was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What was seen, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Tests that ran, as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<u32>,
    /// Tests that failed, as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests_failed: Option<u32>,
    /// Tests that were skipped, as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests_skipped: Option<u32>,
    /// When its first attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
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
