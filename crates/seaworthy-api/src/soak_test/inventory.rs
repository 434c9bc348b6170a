//! Checks over objects of the cluster, which an inventory task lists under the plan's own account.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, rules};

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
    /// How old an object may grow: less than warm-up and measure together, or the check cannot pass.
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

/// What was not there before the load is gone after it has settled, by UID. Names resources as they are listed: leases and custom resources
/// too. What is being deleted and waits for finalizers is still there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.resources) == has(self.namespaces) && (has(self.resources) || has(self.clusterResources))").message("leftovers: give resources with namespaces, clusterResources, or both"))]
pub struct Leftovers {
    /// Namespaced resources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub resources: Vec<ResourceRef>,
    /// Where: each one of `spec.namespaces`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 8), inner(length(min = 1, max = 63)))]
    pub namespaces: Vec<String>,
    /// Resources without namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 8))]
    pub cluster_resources: Vec<ResourceRef>,
    /// A label selector for all of them, e.g. `app=demo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub selector: Option<String>,
    /// How many may stay.
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
    #[schemars(length(max = 253), regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub group: String,
    /// The version.
    #[serde(default = "v1")]
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub version: String,
    /// The plural name, e.g. `pods`.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub resource: String,
}

fn v1() -> String {
    "v1".into()
}
