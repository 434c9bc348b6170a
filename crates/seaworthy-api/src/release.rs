//! `Release`: one attempt to ship one commit.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use seaworthy_core::{
    candidate::Artifact,
    release::{PublishOutcome, ReleaseStatus, ReportedArtifact},
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
    validation = rules::waives_in_time(),
    validation = rules::reports_when_asked(),
    validation = rules::reports_not_at_once(),
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
    validation = rules::append_only("waivers"),
    validation = rules::fixed_once("resolution"),
    validation = rules::fixed_once("externalPublish"),
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
    /// CI's report, with `publish.external`; given once, while `status.publish.state` is `External`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_publish: Option<ExternalPublish>,
    /// Required gates that may not stop this Release, each with who waived it and why; added to, never taken back, and only until the
    /// outcome is decided or publishing has begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.all(w, self.exists_one(o, o.gate == w.gate))").message("waivers: a gate is waived more than once: leave one out"))]
    pub waivers: Vec<Waiver>,
}

/// A required gate that may not stop this Release. It runs and reports all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// The gate's name in the plan.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub gate: String,
    /// Whose word it is: the name by which the API server knows the user who writes it.
    #[schemars(length(min = 1, max = 256))]
    pub by: String,
    /// Why, on record.
    #[schemars(length(min = 1, max = 256))]
    pub reason: String,
}

/// CI's report on what it published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.outcome != 'Published' || (has(self.artifacts) && size(self.artifacts) > 0)").message("externalPublish.artifacts is required with outcome Published: name each artifact with the digest under which it is out"))]
#[x_kube(validation = Rule::new("self.outcome == 'Published' || (has(self.reason) && size(self.reason) > 0)").message("externalPublish.reason is required with outcome NotPublished: say why"))]
pub struct ExternalPublish {
    /// Whether it is out. `NotPublished` also says that nothing that was begun will bring it out any more.
    pub outcome: PublishOutcome,
    /// What is out: all of `status.artifacts` by name and digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = rules::unique_names("externalPublish.artifacts"))]
    pub artifacts: Vec<ReportedArtifact>,
    /// Whose word it is: the name by which the API server knows the user who writes it.
    #[schemars(length(min = 1, max = 512))]
    pub by: String,
    /// Why, on record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub reason: String,
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
