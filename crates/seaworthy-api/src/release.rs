//! `Release`: one attempt to ship one commit.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use seaworthy_core::{
    candidate::Artifact,
    release::{PublishOutcome, ReleaseStatus},
};
use serde::{Deserialize, Serialize};

use crate::{rules, task::LocalRef};

/// One attempt to ship one commit, by a plan.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "seaworthy.dev",
    version = "v1alpha1",
    kind = "Release",
    plural = "releases",
    singular = "release",
    shortname = "rel",
    category = "seaworthy",
    namespaced,
    status = "ReleaseStatus",
    derive = "PartialEq",
    validation = rules::resolves_the_unknown(),
    doc = "One attempt to ship one commit: version, candidate, gates, approval, publish.",
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.planRef.name"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(
        name = "Finished",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Finished')].status",
        priority = "1"
    ),
    printcolumn(name = "Expected", type_ = "date", json_path = ".status.estimatedCompletionTime", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::fixed("version"),
    validation = rules::fixed("artifacts"),
    validation = rules::fixed("parameters"),
    validation = rules::latch_abort(),
    validation = rules::fixed_once("onDisputed"),
    validation = rules::approval_once(),
    validation = rules::fixed_once("resolution"),
)]
pub struct ReleaseSpec {
    /// The ReleasePlan in the same namespace.
    #[x_kube(validation = Rule::new("self == oldSelf").message("planRef cannot be changed after creation: create a new Release instead"))]
    pub plan_ref: LocalRef,
    /// The full commit id, fixed for ever.
    #[schemars(length(min = 40, max = 64), regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("revision cannot be changed after creation: create a new Release instead"))]
    pub revision: String,
    /// The version, when the plan's policy is `Explicit` or a person overrides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionOverride>,
    /// What was built, with `candidate.from: Release`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = rules::unique_names("artifacts"))]
    pub artifacts: Vec<Artifact>,
    /// To tasks as `SEAWORTHY_PARAM_<NAME>`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 1024}))]
    #[x_kube(validation = rules::keys("parameters", "[a-z][a-z0-9-]{0,39}"))]
    pub parameters: BTreeMap<String, String>,
    /// Holds the Release between two steps; waits once publishing has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Ends the Release; cannot be taken back; waits once publishing has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort: bool,
    /// A person's choice between the two readings of disputed commits, where the plan says `onDisputed: Ask`; given once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_disputed: Option<Choice>,
    /// A person's word, with `approvalPolicy.mode: Manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What a person found out where it ended as `PublishUnknown`; given once, and only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// What a person found out after `PublishUnknown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// Whether it is out. `NotPublished` also says that nothing that was begun will bring it out any more.
    pub outcome: PublishOutcome,
    /// Whose word it is: the name by which the API server knows the user who writes it.
    #[schemars(length(min = 1, max = 512))]
    pub by: String,
    /// How they know, on record.
    #[schemars(length(min = 1, max = 1024))]
    pub reason: String,
}

/// A version that a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionOverride {
    /// The final version, e.g. `1.4.0`; above every used one of its line.
    #[schemars(length(min = 5, max = 64), regex(pattern = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"))]
    pub number: String,
    /// Why, on record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub reason: String,
}

/// A reading of disputed commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Choice {
    /// The specification's.
    Strict,
    /// The higher one.
    Higher,
}

/// A person's word on whether to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Whether to publish.
    pub approved: bool,
    /// Whose word it is: the name by which the API server knows the user who writes it.
    #[schemars(length(min = 1, max = 512))]
    pub by: String,
    /// What it is for: `status.approval.digest` as the person saw it. Without it, what it is when the word is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 71), regex(pattern = r"^sha256:[a-f0-9]{64}$"))]
    pub digest: Option<String>,
    /// Why, on record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub reason: String,
}
