//! `ReleasePlan`: the policy by which Releases are made. Written by whoever owns the release process.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use seaworthy_core::{condition::Condition, verdict::Enforcement};
use serde::{Deserialize, Serialize};

use crate::{
    Duration, E2e, Soak, Step, Task,
    rules::{self, Listed},
    task::LocalRef,
};

/// The policy by which Releases are made.
#[derive(CustomResource, Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "seaworthy.dev",
    version = "v1alpha1",
    kind = "ReleasePlan",
    plural = "releaseplans",
    singular = "releaseplan",
    shortname = "rp",
    category = "seaworthy",
    namespaced,
    status = "ReleasePlanStatus",
    derive = "PartialEq",
    doc = "The policy by which Releases are made: version, candidate, gates, approval, publish.",
    printcolumn(name = "Accepted", type_ = "string", json_path = ".status.conditions[?(@.type=='Accepted')].status"),
    printcolumn(name = "Published", type_ = "string", json_path = ".status.lastPublished.version"),
    printcolumn(name = "Running", type_ = "string", json_path = ".status.running"),
    printcolumn(name = "Waiting", type_ = "integer", json_path = ".status.waiting"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Listed::Account("candidate.?task.?serviceAccountName").at_top(),
    validation = Listed::Account("publish.?task.?serviceAccountName").at_top(),
    validation = Listed::Account("publish.?verify.task.?serviceAccountName").at_top(),
    validation = Listed::Account("?e2e.?setup.task.?serviceAccountName").in_gates(),
    validation = Listed::Account("?e2e.?teardown.task.?serviceAccountName").in_gates(),
    validation = Listed::Account("task.?serviceAccountName").in_lists_of_gates("?e2e.suites"),
    validation = Listed::Account("?soak.?setup.task.?serviceAccountName").in_gates(),
    validation = Listed::Account("?soak.?workload.task.?serviceAccountName").in_gates(),
    validation = Listed::Account("?soak.?teardown.task.?serviceAccountName").in_gates(),
    validation = Listed::Account("?survivors.serviceAccountName").in_lists_of_gates("?soak.checks"),
    validation = Listed::Account("?leftovers.serviceAccountName").in_lists_of_gates("?soak.checks"),
    validation = Listed::Namespace("?soak.targetRef.?namespace").in_gates(),
    validation = Listed::Namespace("?prometheus.?namespace").in_lists_of_gates("?soak.?sources"),
    validation = Listed::Namespaces("?survivors.namespaces").in_lists_of_gates("?soak.checks"),
    validation = Listed::Namespaces("?leftovers.?namespaces").in_lists_of_gates("?soak.checks"),
    validation = rules::soaks_fit_deadline(),
    validation = rules::minimum_commits(),
)]
pub struct ReleasePlanSpec {
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
    /// How the next version is found.
    pub version: VersionPolicy,
    /// Where the candidate comes from.
    pub candidate: CandidatePolicy,
    /// What must hold before anything is published; at least one.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(validation = rules::unique_names("gates"))]
    #[x_kube(validation = rules::run_after())]
    pub gates: Vec<Gate>,
    /// Whether a person must agree.
    #[serde(default)]
    pub approval_policy: ApprovalPolicy,
    /// How it gets out.
    pub publish: Publish,
    /// When Releases may begin; one outside of it waits.
    #[serde(default)]
    pub batching: Batching,
    /// What happens when several Releases of this plan are there.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,
    /// Running time at most: not the queue and not the approval.
    #[serde(default = "deadline")]
    #[x_kube(validation = rules::duration("deadline", 1, 31_536_000, "between 1s and 8760h"))]
    pub deadline: Duration,
    /// How many finished Releases are kept.
    #[serde(default)]
    pub history_limit: HistoryLimit,
}

const fn deadline() -> Duration {
    Duration::hours(36)
}

/// How the next version is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.policy != 'ConventionalCommits' || has(self.git)").message("version.git is required with policy ConventionalCommits"))]
pub struct VersionPolicy {
    /// From the commits, or given by each Release.
    pub policy: VersionPolicyKind,
    /// The repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// How tags are written; `{version}` stands for the version.
    #[serde(default = "tag_format")]
    #[schemars(length(min = 9, max = 100), regex(pattern = r"^[^{}]*\{version\}[^{}]*$"))]
    pub tag_format: String,
    /// The first version, when there is no tag at all.
    #[serde(default = "initial_version")]
    #[schemars(length(min = 5, max = 64), regex(pattern = r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$"))]
    pub initial_version: String,
    /// What a breaking change does below 1.0.0.
    #[serde(default = "minor")]
    pub breaking_before_v1: Level,
    /// At least this level for a range that is not empty.
    #[serde(default = "patch")]
    pub minimum_level: Level,
    /// Which reading counts where the strict and the lenient one differ.
    #[serde(default)]
    pub on_disputed: OnDisputed,
    /// Levels of commit types.
    #[serde(default = "types")]
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = rules::keys("version.types", "[A-Za-z][A-Za-z0-9_-]{0,39}"))]
    pub types: BTreeMap<String, Level>,
    /// Folders or files of one component of a repository, relative to its top; empty: everything counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 200), regex(pattern = r"^[^/\x00-\x1f*?:\[][^\x00-\x1f*?:\[]*$"))
    )]
    #[x_kube(validation = Rule::new(r"self.all(p, !p.matches('(^|/)[.][.](/|$)'))").message("version.paths: a path with .. leaves the repository: name a folder in it, such as crates/app"))]
    pub paths: Vec<String>,
    /// How release notes are drafted, with policy `ConventionalCommits`.
    #[serde(default)]
    pub notes: Notes,
    /// A maintenance line, e.g. `1.x`; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 20), regex(pattern = r"^((0|[1-9][0-9]*)\.((0|[1-9][0-9]*)\.)?x)?$"))]
    pub line: String,
}

fn tag_format() -> String {
    "v{version}".into()
}

fn initial_version() -> String {
    "0.1.0".into()
}

const fn minor() -> Level {
    Level::Minor
}

const fn patch() -> Level {
    Level::Patch
}

fn types() -> BTreeMap<String, Level> {
    [
        ("feat", Level::Minor),
        ("fix", Level::Patch),
        ("perf", Level::Patch),
        ("revert", Level::Patch),
        ("deps", Level::Patch),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v))
    .collect()
}

/// Where versions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VersionPolicyKind {
    /// From the commits since the last version.
    ConventionalCommits,
    /// Each Release names its own in `spec.version`.
    Explicit,
}

/// A step of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Level {
    /// No release by itself.
    None,
    /// The third number.
    Patch,
    /// The second number.
    Minor,
    /// The first number.
    Major,
}

/// Which reading of a disputed commit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum OnDisputed {
    /// The specification's, on record.
    #[default]
    Strict,
    /// The higher one.
    Higher,
    /// A person's choice, in `Release.spec.onDisputed`, when the readings lead to different versions.
    Ask,
    /// None: the Release fails and says which commit.
    Fail,
}

/// How release notes are drafted. They are kept in the ConfigMap `<release>-notes` for a person to edit until they are approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notes {
    /// The sections in their order; what breaks comes before all of them. A type that is in none is left out.
    #[serde(default = "sections")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.all(e, self.exists_one(t, t.title == e.title))").message("version.notes.sections: a title is there more than once: rename one"))]
    pub sections: Vec<NotesSection>,
    /// Whether the authors' names are listed.
    #[serde(default = "yes")]
    pub contributors: bool,
    /// The repository's page, for links to `<page>/commit/<id>` and `<page>/compare/<tag>...<tag>`; none without.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512), regex(pattern = r"^(https?://[^ <>()]+[^ <>()/])?$"))]
    pub web_url: String,
    /// A template in Jinja's language; without one, Keep a Changelog.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 8192))]
    pub template: String,
}

impl Default for Notes {
    fn default() -> Self {
        Self { sections: sections(), contributors: true, web_url: String::new(), template: String::new() }
    }
}

const fn yes() -> bool {
    true
}

fn sections() -> Vec<NotesSection> {
    let section = |s: seaworthy_core::version::Section| NotesSection { title: s.title, types: s.types };
    seaworthy_core::version::notes::sections().into_iter().map(section).collect()
}

/// A section of release notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotesSection {
    /// Its heading.
    #[schemars(length(min = 1, max = 60), regex(pattern = r"^[^\x00-\x1f]+$"))]
    pub title: String,
    /// The commit types in it; `*` is every type that no other section names, and what has no type.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 40), regex(pattern = r"^(\*|[A-Za-z][A-Za-z0-9_-]*)$"))
    )]
    pub types: Vec<String>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Git {
    /// `https://`, `http://` or `ssh://`, without credentials.
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^(https?|ssh)://[^@ ]+(@[^@ ]+)?$"))]
    pub url: String,
    /// A Secret in the same namespace: `username` and `password`, or `ssh-privatekey` and `known_hosts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<LocalRef>,
}

/// Where the candidate comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.from == 'Task') == has(self.task)").message("candidate.task is required with from: Task, and only there"))]
pub struct CandidatePolicy {
    /// Built by a task, or by CI, which names it in `Release.spec.artifacts`.
    #[serde(default)]
    pub from: CandidateFrom,
    /// Builds it as the final version into a staging place and reports its digests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
}

/// Who builds the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum CandidateFrom {
    /// A task of the plan.
    #[default]
    Task,
    /// CI.
    Release,
}

/// One requirement before publishing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::one_of("gates", &["e2e", "soak"]))]
pub struct Gate {
    /// Its name.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Earlier gates that must have passed (advisory ones: finished) before this one begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 40)))]
    pub run_after: Vec<String>,
    /// Whether it can stop the release.
    #[serde(default)]
    pub enforcement: Enforcement,
    /// End-to-end suites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e: Option<E2e>,
    /// A soak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Soak>,
}

/// Whether a person must agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalPolicy {
    /// `Automatic` or `Manual`.
    #[serde(default)]
    pub mode: ApprovalMode,
    /// How long a Manual one waits.
    #[serde(default = "three_days")]
    #[x_kube(validation = rules::duration("approvalPolicy.timeout", 1, 31_536_000, "between 1s and 8760h"))]
    pub timeout: Duration,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self { mode: ApprovalMode::Automatic, timeout: three_days() }
    }
}

const fn three_days() -> Duration {
    Duration::hours(72)
}

/// When Releases may begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batching {
    /// At least this long between a published version and the next Release's beginning.
    #[serde(default = "at_once")]
    #[x_kube(validation = rules::duration("batching.minInterval", 0, 1_123_200, "between 0s and 312h"))]
    pub min_interval: Duration,
    /// At least so many commits; a Release that brings less waits for one of a later commit to take its place. More than one needs
    /// policy `ConventionalCommits` and a concurrency policy other than `Queue`.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(min = 0, max = 1000))]
    pub minimum_commits: u32,
    /// When no Release begins and none is published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub freeze: Vec<Freeze>,
}

impl Default for Batching {
    fn default() -> Self {
        Self { min_interval: at_once(), minimum_commits: 0, freeze: Vec::new() }
    }
}

const fn at_once() -> Duration {
    Duration::seconds(0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A repeated window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// When it begins: a cron expression of five fields, in UTC, e.g. `0 18 * * FRI`.
    #[schemars(length(min = 9, max = 100), regex(pattern = r"^[^ ]+( [^ ]+){4}$"))]
    pub schedule: String,
    /// How long it lasts: less than the 14 days that a Release waits at most.
    #[x_kube(validation = rules::duration("batching.freeze.duration", 60, 1_123_200, "between 1m and 312h"))]
    pub duration: Duration,
}

/// Who agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum ApprovalMode {
    /// Passing gates are enough.
    #[default]
    Automatic,
    /// A person.
    Manual,
}

/// How it gets out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.maxAttempts) || self.maxAttempts == 1 || has(self.verify)").message("publish.maxAttempts above 1 needs publish.verify: only a negative verify makes a second attempt safe"))]
#[x_kube(validation = rules::one_of("publish", &["task", "external"]))]
#[x_kube(validation = Rule::new("!has(self.external) || has(self.verify)").message("publish.external needs publish.verify: a report alone proves nothing"))]
#[x_kube(validation = Rule::new("!has(self.external) || !has(self.maxAttempts) || self.maxAttempts == 1").message("publish.maxAttempts must be 1 with publish.external: a report is given once"))]
pub struct Publish {
    /// Publishes exactly the artifacts in its variables; idempotent by digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// CI publishes exactly the artifacts in the status, and reports in `Release.spec.externalPublish`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Asks the registry: exit code 0, out with these digests; 10, not out; anything else, unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Step>,
    /// Attempts at most; each further one only after a negative verify.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 5))]
    pub max_attempts: u32,
}

/// CI publishes and reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct External {
    /// How long it may take until the report.
    #[serde(default = "a_day")]
    #[x_kube(validation = rules::duration("publish.external.timeout", 1, 31_536_000, "between 1s and 8760h"))]
    pub timeout: Duration,
}

const fn a_day() -> Duration {
    Duration::hours(24)
}

const fn one() -> u32 {
    1
}

/// What happens when several Releases of a plan are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// The running one finishes; of the waiting ones only the newest is kept.
    #[default]
    Latest,
    /// All, one after another; at most 50 wait.
    Queue,
    /// The newest replaces the running one, unless that is Verified.
    Supersede,
}

/// How many finished Releases are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryLimit {
    /// Published ones.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub published: u32,
    /// All others; those whose publishing is unknown are always kept.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub other: u32,
}

impl Default for HistoryLimit {
    fn default() -> Self {
        Self { published: ten(), other: ten() }
    }
}

const fn ten() -> u32 {
    10
}

/// Status of a `ReleasePlan`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReleasePlanStatus {
    /// `Accepted`.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The Release that runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub running: String,
    /// How many wait.
    pub waiting: u32,
    /// What was published last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_published: Option<LastPublished>,
    /// What a newer operator recorded and this one does not know: kept as it is.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// What was published last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LastPublished {
    /// The version.
    pub version: String,
    /// The commit.
    pub revision: String,
    /// The Release.
    pub release: String,
}
