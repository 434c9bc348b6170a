//! `SoakTest`: a controller under load for a time, sampled and judged. Also the `soak` of a gate.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use seaworthy_core::{candidate::Candidate, soak_test::SoakTestStatus, verdict::Enforcement};
use serde::{Deserialize, Serialize};

use crate::{
    Duration, Quantity, Step,
    rules::{self, Listed},
};

/// What a gate's `soak` and a `SoakTest`'s spec share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::enough_samples(),
    validation = rules::enough_samples_of_checks(),
    validation = rules::known_source("bound"),
    validation = rules::known_source("increase"),
    validation = rules::known_source("growth"),
    validation = rules::kubelet_metric("bound"),
    validation = rules::kubelet_metric("increase"),
    validation = rules::kubelet_metric("growth"),
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
    #[schemars(length(min = 1, max = 253))]
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

/// Where samples come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::one_of("sources", &["prometheus", "kubelet"]))]
pub struct Source {
    /// Its name, which checks refer to.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A page in the Prometheus text format or OpenMetrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<Prometheus>,
    /// What the kubelet measures of the target's containers: `container_cpu_usage_seconds_total`,
    /// `container_memory_working_set_bytes`, `container_memory_rss_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<Kubelet>,
}

/// A metrics page of each of the target's pods, or of the ready pods behind a Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.namespace) || has(self.service)").message("prometheus.namespace goes with prometheus.service: the target's own pods are in the target's namespace"))]
pub struct Prometheus {
    /// The port of the pods.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// The path.
    #[serde(default = "metrics_path")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^/[!-~]*$"))]
    pub path: String,
    /// `http` or `https`.
    #[serde(default)]
    pub scheme: Scheme,
    /// The Service whose ready pods are scraped instead of the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub service: Option<String>,
    /// The Service's namespace: one of `spec.namespaces`, or the own one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// For `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

fn metrics_path() -> String {
    "/metrics".into()
}

/// How pages are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain.
    #[default]
    Http,
    /// TLS.
    Https,
}

/// TLS of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Whether any certificate will do.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

/// What the kubelet measures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kubelet {}

/// One rule over the samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::one_of("checks", &["bound", "increase", "growth", "restarts", "survivors"]))]
pub struct Check {
    /// Its name.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Whether it can stop a release.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// Its own warm-up instead of the soak's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Duration>,
    /// Whether its failure ends the soak at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fail_fast: bool,
    /// A series stays within bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// A counter rises by no more than so much; restarts of the counter are accounted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub increase: Option<Increase>,
    /// A level rises by no more than so much above its value after warm-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
    /// The target's containers restart no more than so often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarts: Option<Restarts>,
    /// No more than so many objects grow older than so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub survivors: Option<Survivors>,
}

/// How several series become one value a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Aggregate {
    /// Added up.
    Sum,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The last on the page.
    Last,
    /// The numbers in `label` added up, whatever the values are.
    LabelSum,
}

/// A series stays within bounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.min) || has(self.max)").message("bound: give min, max or both"))]
#[x_kube(validation = rules::label_of_label_sum())]
pub struct Bound {
    /// One of `sources`.
    #[schemars(length(min = 1, max = 40))]
    pub source: String,
    /// The metric's name.
    #[schemars(length(min = 1, max = 200))]
    pub metric: String,
    /// Labels that a series must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub match_labels: BTreeMap<String, String>,
    /// How several series become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// The label of `LabelSum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub label: Option<String>,
    /// At least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Quantity>,
    /// At most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Quantity>,
}

/// A counter rises by no more than so much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::label_of_label_sum())]
pub struct Increase {
    /// One of `sources`.
    #[schemars(length(min = 1, max = 40))]
    pub source: String,
    /// The metric's name.
    #[schemars(length(min = 1, max = 200))]
    pub metric: String,
    /// Labels that a series must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub match_labels: BTreeMap<String, String>,
    /// How several series become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// The label of `LabelSum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub label: Option<String>,
    /// At most.
    pub max: Quantity,
}

/// A level rises by no more than so much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::label_of_label_sum())]
pub struct Growth {
    /// One of `sources`.
    #[schemars(length(min = 1, max = 40))]
    pub source: String,
    /// The metric's name.
    #[schemars(length(min = 1, max = 200))]
    pub metric: String,
    /// Labels that a series must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 8, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub match_labels: BTreeMap<String, String>,
    /// How several series become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// The label of `LabelSum`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub label: Option<String>,
    /// At most so much above the first sample after warm-up.
    pub max: Quantity,
}

/// The target's containers restart no more than so often; from the pods' status, never from the candidate's own claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restarts {
    /// Restarts, OOM kills, evictions and unexpected recreations, at most.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max: u32,
}

/// No more than so many objects grow older than so long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Survivors {
    /// What is looked at.
    #[schemars(length(min = 1, max = 8))]
    pub resources: Vec<ResourceRef>,
    /// Where: each one of `spec.namespaces`.
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 63)))]
    pub namespaces: Vec<String>,
    /// A label selector, e.g. `app=demo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub selector: Option<String>,
    /// How old an object may grow.
    #[x_kube(validation = rules::duration("maxAge", 1, 2_592_000, "between 1s and 720h"))]
    pub max_age: Duration,
    /// How many older ones are allowed at any look.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max: u32,
    /// The account of the task that looks: one of `spec.serviceAccounts`; it needs `list` on the resources.
    #[schemars(length(min = 1, max = 63))]
    pub service_account_name: String,
}

/// A resource, as in RBAC rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRef {
    /// The API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub group: String,
    /// The version.
    #[serde(default = "v1")]
    #[schemars(length(min = 1, max = 40))]
    pub version: String,
    /// The plural name, e.g. `pods`.
    #[schemars(length(min = 1, max = 63))]
    pub resource: String,
}

fn v1() -> String {
    "v1".into()
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
    validation = Listed::Namespace("targetRef.?namespace").at_top(),
    validation = Listed::Namespace("?prometheus.?namespace").in_list("?sources"),
    validation = Listed::Namespaces("?survivors.namespaces").in_list("checks"),
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
