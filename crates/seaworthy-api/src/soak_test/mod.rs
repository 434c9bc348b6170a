//! `SoakTest`: a controller under load for a time, sampled and judged. Also the `soak` of a gate.

mod check;
mod inventory;
mod source;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use seaworthy_core::{candidate::Candidate, soak_test::SoakTestStatus};
use serde::{Deserialize, Serialize};

pub use self::{
    check::{
        Aggregate, Baseline, Bound, Check, Growth, GrowthOf, Increase, LabelMatcher, LabelOperator, OnMissing,
        Progress, Restarts, Select, Trend, TrendOf,
    },
    inventory::{Leftovers, ResourceRef, Survivors},
    source::{Kubelet, Prometheus, Scheme, Source, Tls},
};
use crate::{
    Duration, Step,
    rules::{self, Listed},
};

/// What a gate's `soak` and a `SoakTest`'s spec share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::enough_samples(),
    validation = rules::enough_samples_of_checks(),
    validation = rules::baseline_ends_early(),
    validation = rules::extension_is_wanted(),
    validation = rules::known_source("bound"),
    validation = rules::known_source("increase"),
    validation = rules::known_source("growth"),
    validation = rules::known_source("trend"),
    validation = rules::known_source("progress"),
    validation = rules::known_source("baseline"),
    validation = rules::kubelet_metric("bound"),
    validation = rules::kubelet_metric("increase"),
    validation = rules::kubelet_metric("growth"),
    validation = rules::kubelet_metric("trend"),
    validation = rules::kubelet_metric("progress"),
    validation = rules::kubelet_metric("baseline"),
)]
pub struct Soak {
    /// The controller under test.
    pub target_ref: TargetRef,
    /// Installs the candidate and sets the initial state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Step>,
    /// Makes the load, through warm-up and measure; ended by us when they are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<Step>,
    /// Always runs at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Step>,
    /// The time between two samples.
    #[serde(default = "thirty_seconds")]
    #[x_kube(validation = rules::duration("interval", 1, 3600, "between 1s and 1h"))]
    pub interval: Duration,
    /// Before the judged time.
    #[serde(default = "zero")]
    #[x_kube(validation = rules::duration("warmUp", 0, 604_800, "at most 168h"))]
    pub warm_up: Duration,
    /// The judged time.
    #[x_kube(validation = rules::duration("measure", 1, 2_592_000, "between 1s and 720h"))]
    pub measure: Duration,
    /// After the load has stopped.
    #[serde(default = "zero")]
    #[x_kube(validation = rules::duration("settle", 0, 86_400, "at most 24h"))]
    pub settle: Duration,
    /// What becomes of a soak whose evidence does not suffice: `Ask` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_inconclusive: Option<OnInconclusive>,
    /// With `onInconclusive: Extend`: how much longer the judged time may become, in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::duration("maxExtension", 1, 2_592_000, "between 1s and 720h"))]
    pub max_extension: Option<Duration>,
    /// Where samples come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = rules::unique_names("sources"))]
    pub sources: Vec<Source>,
    /// What is judged; at least one.
    #[schemars(length(min = 1, max = 32))]
    #[x_kube(validation = rules::unique_names("checks"))]
    pub checks: Vec<Check>,
}

/// What becomes of a soak whose evidence does not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum OnInconclusive {
    /// The judged time is extended, while the load goes on, by as much as would settle the checks; then as `Ask`.
    Extend,
    /// It ends as Inconclusive, with the measure that would settle it, for a person to decide.
    #[default]
    Ask,
    /// It counts as failed.
    Fail,
}

const fn thirty_seconds() -> Duration {
    Duration::seconds(30)
}

const fn zero() -> Duration {
    Duration::seconds(0)
}

/// The controller under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// What kind of workload it is.
    pub kind: TargetKind,
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Its namespace: one of `spec.namespaces`, or the own one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

/// The kinds of workloads that can be soaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TargetKind {
    /// apps/v1 Deployment.
    Deployment,
    /// apps/v1 StatefulSet.
    StatefulSet,
    /// apps/v1 DaemonSet.
    DaemonSet,
}

/// Runs a controller under load for a time, samples it, and judges.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "seaworthy.dev",
    version = "v1alpha1",
    kind = "SoakTest",
    plural = "soaktests",
    singular = "soaktest",
    shortname = "soak",
    category = "seaworthy",
    namespaced,
    status = "SoakTestStatus",
    derive = "PartialEq",
    doc = "Runs a controller under load for a time, samples its pods and metrics, and says whether it stayed fit.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.targetRef.name"),
    printcolumn(name = "Samples", type_ = "integer", json_path = ".status.samples.obtained"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.candidate.candidateVersion", priority = "1"),
    printcolumn(name = "Expected", type_ = "date", json_path = ".status.estimatedCompletionTime", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Listed::Account("?setup.task.?serviceAccountName").at_top(),
    validation = Listed::Account("?workload.task.?serviceAccountName").at_top(),
    validation = Listed::Account("?teardown.task.?serviceAccountName").at_top(),
    validation = Listed::Account("?survivors.serviceAccountName").in_list("checks"),
    validation = Listed::Account("?leftovers.serviceAccountName").in_list("checks"),
    validation = Listed::Namespace("targetRef.?namespace").at_top(),
    validation = Listed::Namespace("?prometheus.?namespace").in_list("?sources"),
    validation = Listed::Namespaces("?survivors.namespaces").in_list("checks"),
    validation = Listed::Namespaces("?leftovers.?namespaces").in_list("checks"),
    validation = rules::fixed("serviceAccounts"),
    validation = rules::fixed("namespaces"),
    validation = rules::fixed("candidate"),
    validation = rules::fixed("targetRef"),
    validation = rules::fixed("setup"),
    validation = rules::fixed("workload"),
    validation = rules::fixed("teardown"),
    validation = rules::fixed("interval"),
    validation = rules::fixed("warmUp"),
    validation = rules::fixed("measure"),
    validation = rules::fixed("settle"),
    validation = rules::fixed("onInconclusive"),
    validation = rules::fixed("maxExtension"),
    validation = rules::fixed("sources"),
    validation = rules::fixed("checks"),
    validation = rules::latch_abort(),
)]
pub struct SoakTestSpec {
    /// Tasks may name only these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))
    )]
    pub service_accounts: Vec<String>,
    /// Targets, sources and inventories may name only these and the own one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")))]
    pub namespaces: Vec<String>,
    /// What is judged; set by the Release. The target's pods must run one of its artifacts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// Holds the soak before it begins; never inside a measurement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Ends the soak; cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort: bool,
    /// Target, tasks, times, sources, checks.
    #[serde(flatten)]
    pub soak: Soak,
}
