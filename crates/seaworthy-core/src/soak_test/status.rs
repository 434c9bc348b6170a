//! What a `SoakTest` records. Never the samples: those are in the evidence store.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    condition::{Condition, Reason},
    task::TaskStatus,
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
};

/// For people and printer columns; derived from the conditions, never an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum SoakTestPhase {
    /// Not visited yet, or waiting for the target.
    #[default]
    Pending,
    /// The setup task runs.
    SettingUp,
    /// The load runs, samples are not judged yet.
    WarmingUp,
    /// Samples are taken and judged.
    Measuring,
    /// The load has stopped.
    Settling,
    /// Cleans up.
    TearingDown,
    /// Every required check passed.
    Succeeded,
    /// A required check failed.
    Failed,
    /// A required check could not be judged.
    Inconclusive,
    /// Aborted, or deleted before its end.
    Aborted,
}

impl SoakTestPhase {
    /// Whether this will not change any more.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Inconclusive | Self::Aborted)
    }
}

/// Status of a `SoakTest`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SoakTestStatus {
    /// For people.
    pub phase: SoakTestPhase,
    /// `Accepted`, `Succeeded`, `Finished`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// When it got its turn on the target: setting up and waiting for the target count from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_time: Option<Timestamp>,
    /// When warm-up began: slot k of the samples is at `startTime + k * interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When the judged time begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure_start_time: Option<Timestamp>,
    /// When the judged time ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure_end_time: Option<Timestamp>,
    /// When settling ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle_end_time: Option<Timestamp>,
    /// When the soak finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// When its turn must have come, and then: when it must have been judged. Clean-up follows, within the teardown's own timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When we would expect it to finish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_completion_time: Option<Timestamp>,
    /// The setup task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<TaskStatus>,
    /// The load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<TaskStatus>,
    /// The inventory task of `survivors` and `leftovers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<TaskStatus>,
    /// The teardown task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teardown: Option<TaskStatus>,
    /// How measure was extended; absent until it was first thought of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionStatus>,
    /// How many samples were planned and obtained.
    pub samples: SampleCounts,
    /// One entry a check, in the order of the spec.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckStatus>,
    /// What `baseline` checks were compared with; absent where nothing was there to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<ComparedWith>,
    /// Where the samples are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceStatus>,
    /// The outcome that has been decided while what was started is still being ended and cleaned up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// What a newer operator recorded and this one does not know: kept as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

impl SoakTestStatus {
    /// By how much measure was extended.
    pub fn extended(&self) -> Seconds {
        Seconds(self.extension.as_ref().map_or(0, |e| e.seconds))
    }
}

/// How measure was extended because the evidence did not suffice.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtensionStatus {
    /// By so much in all, in seconds.
    pub seconds: u64,
    /// So often.
    pub times: u32,
    /// Whether measure is over for good: it is extended no more.
    pub closed: bool,
}

/// The soak of the Release that was published last, whose evidence `baseline` checks compare with.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComparedWith {
    /// The Release.
    pub release: String,
    /// Its SoakTest.
    pub soak_test: String,
    /// The SoakTest's UID.
    pub uid: String,
}

/// A decided outcome, recorded before anything is ended or cleaned up, so that nothing can change it any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The terminal phase to come.
    pub phase: SoakTestPhase,
    /// Why.
    pub reason: Reason,
    /// Fact and remedy.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When it was decided: clean-up counts from here.
    pub time: Timestamp,
}

/// Coverage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SampleCounts {
    /// Slots that were due, over all sources.
    pub planned: u64,
    /// Of these, those with a sample.
    pub obtained: u64,
    /// The longest run of missed slots of one source, in seconds.
    pub longest_gap_seconds: u64,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckStatus {
    /// Its name.
    pub name: String,
    /// Whether it can stop a release.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// What was found; absent while it is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The value that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its interval, for checks that estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// What it was held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<String>,
    /// The smallest effect that would have been seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable: Option<String>,
    /// Fact and remedy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// Where the samples are, and the tip of their hash chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct EvidenceStatus {
    /// The hash of the last sealed segment.
    pub chain_tip: String,
    /// How many segments are sealed.
    pub sealed: u32,
    /// The name of the ConfigMap that holds the head.
    pub head: String,
}
