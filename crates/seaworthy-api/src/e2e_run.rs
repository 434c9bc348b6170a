//! `E2ERun`: suites as Jobs, each attempt in a fresh world. Also the `e2e` of a gate.

use kube::{CustomResource, KubeSchema};
use seaworthy_core::{candidate::Candidate, e2e_run::E2eRunStatus, verdict::Enforcement};
use serde::{Deserialize, Serialize};

use crate::{
    Duration, Step, Task,
    rules::{self, Listed},
};

/// What a gate's `e2e` and an `E2ERun`'s spec share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct E2e {
    /// How many suites run at the same time; 1 where suites share state of the whole cluster.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 16))]
    pub parallelism: u32,
    /// Whether the first required suite that fails ends the run, other suites that are under way included.
    #[serde(default)]
    pub fail_fast: bool,
    /// Runs before each attempt of each suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Step>,
    /// Always runs after each attempt of each suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teardown: Option<Step>,
    /// How long the whole run may take, but for the teardown that is then due; the time for which it is suspended does not count.
    #[serde(default = "one_day")]
    #[x_kube(validation = rules::duration("deadline", 1, 604_800, "between 1s and 168h"))]
    pub deadline: Duration,
    /// The suites; at least one.
    #[schemars(length(min = 1, max = 48))]
    #[x_kube(validation = rules::unique_names("suites"))]
    pub suites: Vec<Suite>,
}

const fn one() -> u32 {
    1
}

const fn one_day() -> Duration {
    Duration::hours(24)
}

/// One suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suite {
    /// Its name.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// What runs; exit code 0 is a pass, unless it reports failed tests all the same.
    pub task: Task,
    /// The most attempts that may fail by the product's fault or at their own limits; failures of the cluster have a budget of their own.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 10))]
    pub max_attempts: u32,
    /// At least so many tests must be reported, or the attempt fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_tests: Option<u32>,
    /// Whether it can stop a release.
    #[serde(default)]
    pub enforcement: Enforcement,
}

/// Runs end-to-end suites as Jobs, each attempt in a fresh world.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "seaworthy.dev",
    version = "v1alpha1",
    kind = "E2ERun",
    plural = "e2eruns",
    singular = "e2erun",
    shortname = "e2e",
    category = "seaworthy",
    namespaced,
    status = "E2eRunStatus",
    derive = "PartialEq",
    doc = "Runs end-to-end suites as Jobs, each attempt in a fresh world, and says whether the candidate passed them.",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Passed", type_ = "integer", json_path = ".status.passed"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.failed"),
    printcolumn(name = "Total", type_ = "integer", json_path = ".status.total"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.candidate.candidateVersion", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Listed::Account("?setup.task.?serviceAccountName").at_top(),
    validation = Listed::Account("?teardown.task.?serviceAccountName").at_top(),
    validation = Listed::Account("task.?serviceAccountName").in_list("suites"),
    validation = rules::fixed("serviceAccounts"),
    validation = rules::fixed("candidate"),
    validation = rules::fixed("parallelism"),
    validation = rules::fixed("failFast"),
    validation = rules::fixed("setup"),
    validation = rules::fixed("teardown"),
    validation = rules::fixed("deadline"),
    validation = rules::fixed("suites"),
    validation = rules::latch_abort(),
)]
pub struct E2ERunSpec {
    /// Tasks may name only these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        inner(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))
    )]
    pub service_accounts: Vec<String>,
    /// What is judged; set by the Release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Candidate>,
    /// Holds the run between two attempts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// Ends the run; cannot be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abort: bool,
    /// Setup, suites, teardown.
    #[serde(flatten)]
    pub e2e: E2e,
}
