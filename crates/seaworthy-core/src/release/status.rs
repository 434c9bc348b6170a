//! What a `Release` records.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    candidate::Artifact,
    condition::{Condition, Reason},
    task::TaskStatus,
    time::Timestamp,
    verdict::Enforcement,
};

/// For people and printer columns; derived from the conditions, never an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum ReleasePhase {
    /// Not visited yet, or waiting for its turn.
    #[default]
    Pending,
    /// Works out the version.
    Planning,
    /// The candidate is being built.
    Building,
    /// Gates run.
    Verifying,
    /// Waits for a person.
    AwaitingApproval,
    /// The candidate is being published.
    Publishing,
    /// It is out.
    Published,
    /// It is not known whether it is out.
    PublishUnknown,
    /// Nothing changed.
    NothingToRelease,
    /// It will not be released.
    Failed,
    /// It could not be found out whether it is fit.
    Inconclusive,
    /// A newer one took its place.
    Superseded,
    /// Aborted by a person.
    Aborted,
}

impl ReleasePhase {
    /// Whether nothing more will happen.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Pending
            | Self::Planning
            | Self::Building
            | Self::Verifying
            | Self::AwaitingApproval
            | Self::Publishing => false,
            Self::Published
            | Self::PublishUnknown
            | Self::NothingToRelease
            | Self::Failed
            | Self::Inconclusive
            | Self::Superseded
            | Self::Aborted => true,
        }
    }
}

/// Status of a `Release`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReleaseStatus {
    /// For people.
    pub phase: ReleasePhase,
    /// `Accepted`, `Verified`, `Published`, `Finished`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The plan as it was at acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_snapshot: Option<PlanSnapshot>,
    /// The commit.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The final version, reserved for this Release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The candidate's label.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub candidate_version: String,
    /// The final version's tag.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// The version that was published before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub previous_version: String,
    /// Why this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_plan: Option<VersionSummary>,
    /// The release notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<NotesStatus>,
    /// What a person is asked to approve, and the word that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalStatus>,
    /// The commit's position in the branch's first-parent history; newer is higher.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// What was built, by digest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// When it may go on at the earliest, while the plan's batching holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// When it got its turn: the running deadline counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When the phase that runs now began: deadlines of waiting count from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_since: Option<Timestamp>,
    /// When it finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
    /// When the current phase ends at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// When we would expect it to finish.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_completion_time: Option<Timestamp>,
    /// The task that reads the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planning: Option<TaskStatus>,
    /// The task that builds the candidate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<TaskStatus>,
    /// One entry a gate, in the order of the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateStatus>,
    /// Gates that a person waived.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<WaiverStatus>,
    /// Publishing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishStatus>,
    /// The outcome that has been decided while what was started is still being ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// What a person found out after `PublishUnknown`; `ending` keeps what was decided before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<ResolutionStatus>,
    /// What a newer operator recorded and this one does not know: kept as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// A decided outcome, recorded before the children are ended, so that nothing can change it any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The terminal phase to come.
    pub phase: ReleasePhase,
    /// Why.
    pub reason: Reason,
    /// Fact and remedy.
    pub message: String,
}

/// Whether something is out, as a person or CI says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum PublishOutcome {
    /// It is out, with the digests that were tested.
    Published,
    /// It is not out, and nothing that was begun will bring it out any more.
    NotPublished,
}

/// What a person found out after `PublishUnknown`, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolutionStatus {
    /// Whether it is out.
    pub outcome: PublishOutcome,
    /// Who says so.
    #[serde(default)]
    pub by: String,
    /// How they know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was recorded.
    pub time: Timestamp,
}

/// One artifact that CI published.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportedArtifact {
    /// Its name in `status.artifacts`.
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-z][a-z0-9-]*$"))]
    pub name: String,
    /// The digest under which it is out.
    #[schemars(length(max = 71), regex(pattern = "^sha256:[a-f0-9]{64}$"))]
    pub digest: String,
}

/// CI's report on what it published, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportStatus {
    /// Whether it is out.
    pub outcome: PublishOutcome,
    /// What is out: names and digests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ReportedArtifact>,
    /// Who reported.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was recorded.
    pub time: Timestamp,
}

/// The pinned plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanSnapshot {
    /// The ControllerRevision that holds it.
    pub name: String,
    /// The canonical hash of the plan's spec: `sha256:` and 64 hexadecimal digits.
    pub hash: String,
    /// The ConfigMap of the ledger in which the plan's numbers are kept: known even when the pinned plan is gone.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ledger: String,
}

/// Why this version: a summary; the details are in the snapshot's ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VersionSummary {
    /// `Major`, `Minor`, `Patch` or `None`.
    pub level: String,
    /// Commits in the range.
    pub commits: u32,
    /// Commits whose level is disputed.
    pub disputed: u32,
    /// In one sentence.
    pub message: String,
}

/// The release notes: Markdown in a ConfigMap beside the Release, for a person to edit until they are approved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NotesStatus {
    /// The ConfigMap; its key is `NOTES.md`.
    pub config_map: String,
    /// SHA-256 of the text as it was last seen: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The beginning of the text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub preview: String,
}

/// What a person is asked to approve, and the word that was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalStatus {
    /// Digest of commit, version and notes as they are now: what an approval is for.
    pub digest: String,
    /// The word, as it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub word: Option<ApprovalWord>,
}

/// A person's word, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalWord {
    /// Whether to publish.
    pub approved: bool,
    /// Who gave it.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What it is for; it counts only while that is `digest` of what is asked for.
    pub digest: String,
    /// When it was recorded.
    pub time: Timestamp,
}

/// What a gate runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum GateKind {
    /// An E2ERun.
    E2ERun,
    /// A SoakTest.
    SoakTest,
}

/// Where a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum GateState {
    /// Waits for gates that it runs after.
    #[default]
    Pending,
    /// Recorded, so its child may be created.
    Starting,
    /// Its child runs.
    Running,
    /// Its child succeeded.
    Passed,
    /// Its child failed.
    Failed,
    /// Its child could not be judged, or vanished.
    Inconclusive,
    /// Not run, because the Release ended before.
    Skipped,
}

impl GateState {
    /// Whether this will not change any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Inconclusive | Self::Skipped)
    }
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateStatus {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub kind: GateKind,
    /// Whether it can stop the release.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// The child's name.
    pub child: String,
    /// The child's UID, once it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub state: GateState,
    /// Why, as the child says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What was seen, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Timestamp>,
}

/// A waiver, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaiverStatus {
    /// The gate.
    pub gate: String,
    /// Who waived it.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What it is for: the digests of `status.artifacts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<String>,
    /// When it was recorded.
    pub time: Timestamp,
    /// Why it counts for nothing; empty where it counts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
}

/// Where publishing stands; the steps of the protocol in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum PublishState {
    /// The intent is recorded: the suspended Job may be created.
    #[default]
    Intended,
    /// The intent is recorded: CI publishes and reports.
    External,
    /// The suspended Job's UID is recorded: it may be unsuspended.
    Created,
    /// The Job was seen running.
    Running,
    /// The attempt ended well; `verify`, if there is one, decides.
    Completed,
    /// The attempt ended in any other way; its pods may still run.
    Ending,
    /// Its pods have ended; `verify` decides.
    Ended,
    /// It is out.
    Published,
    /// It is certain that it is not out.
    NotPublished,
    /// It is not known.
    Unknown,
}

/// Publishing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PublishStatus {
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The Job's name; none where CI publishes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub job: String,
    /// The Job's UID, recorded before it may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Where it stands.
    pub state: PublishState,
    /// When the intent was recorded.
    pub start_time: Timestamp,
    /// Why the attempt ended as it did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// CI's report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportStatus>,
    /// The verify task of this attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<TaskStatus>,
}
