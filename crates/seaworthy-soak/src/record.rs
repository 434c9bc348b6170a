//! What a sampler hands over for one slot: pages or gaps, the state of the pods, rounds of the inventory.
//!
//! Slot k is planned at the start of the run plus k intervals of elapsed time, whoever runs it. Each look at a target gives a
//! page or a gap with a reason, never nothing and never a zero. Deliberately absent: how to look. That is the operator's part.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::types::MetricType;

/// The run that evidence belongs to, and its schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// The run's identity: the UID of its `SoakTest`.
    pub run: String,
    /// Wall time of slot 0 in milliseconds since the epoch. Slots themselves go by elapsed time.
    pub start_unix_ms: i64,
    /// Milliseconds from slot to slot; above zero.
    pub interval_ms: u64,
}

impl RunInfo {
    /// When `slot` is planned, in milliseconds since slot 0.
    pub fn planned_ms(&self, slot: u64) -> u64 {
        slot.saturating_mul(self.interval_ms)
    }
}

/// Everything that was seen in one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct SlotRecord {
    /// The slot.
    pub slot: u64,
    /// Wall time at which it began, in milliseconds since the epoch; for people, no verdict depends on it.
    pub unix_ms: i64,
    /// One look at each target of each source.
    pub looks: Vec<Look>,
    /// The target's pods; `None` where the slot was not to look at them.
    pub pods: Option<Result<Arc<[PodState]>, Gap>>,
    /// Rounds of the inventory that fell into this slot.
    pub inventories: Vec<InventoryLook>,
}

/// One look at one target of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The source's name: no blanks, no slash, not beginning with `@`.
    pub source: String,
    /// The target: a pod, or a pod and container with a slash. `-` where there was none. No blanks.
    pub target: String,
    /// What it gave.
    pub result: Result<Page, Gap>,
}

/// What one target showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// When it was read: milliseconds after the planned time of the slot.
    pub late_ms: i64,
    /// The life of the container that answered: its container ID, and `@` with the second of the epoch in which it started, if that is
    /// known. Empty where there is no such thing, or none can be named.
    pub incarnation: String,
    /// How many series stood on the page.
    pub series_on_page: u64,
    /// The series that some check asks for.
    pub samples: Vec<PageSample>,
    /// The types that the page declares for the metrics that some check asks for.
    pub types: BTreeMap<String, MetricType>,
}

/// One value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct PageSample {
    /// The series' canonical key, as [`crate::scan::series_key`] makes it.
    pub series: String,
    /// The value.
    pub value: f64,
    /// The metric's own time in milliseconds since the epoch, if it carries one. A time seen before is no new sample.
    pub timestamp_ms: Option<i64>,
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The kind of failure.
    pub reason: GapReason,
    /// What was seen, for people; kept to one line of 200 characters.
    pub detail: String,
}

impl Gap {
    /// A gap with a cleaned detail.
    pub fn new(reason: GapReason, detail: impl AsRef<str>) -> Self {
        Self { reason, detail: one_line(detail.as_ref()) }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() {
            write!(f, "{:?}", self.reason)
        } else {
            write!(f, "{:?}: {}", self.reason, self.detail)
        }
    }
}

/// Kinds of failure to get a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum GapReason {
    /// The slot passed without a look: the sampler was late.
    Missed,
    /// No operator was running.
    OperatorDown,
    /// No connection within its time.
    ConnectTimeout,
    /// No complete answer within its time.
    Timeout,
    /// The connection was refused, reset, or the name unknown.
    Connection,
    /// The TLS handshake failed.
    Tls,
    /// An HTTP status other than success.
    HttpStatus,
    /// The answer pointed elsewhere; redirects are not followed.
    Redirect,
    /// The page or a line is larger than its bound.
    TooLarge,
    /// More series than the bound.
    TooManySeries,
    /// Not a page of metrics.
    Malformed,
    /// The page was cut.
    Truncated,
    /// There was nothing to ask.
    NoTarget,
    /// The pod that answers is not the candidate.
    NotCandidate,
    /// Not allowed to ask.
    Forbidden,
    /// The clock jumped.
    ClockJump,
    /// The run was suspended.
    Suspended,
    /// The metrics' own times are those of the look before: nothing new.
    Repeated,
    /// The metrics' own times are not now.
    Stale,
    /// Anything else; also a reason that a newer version wrote.
    Other,
}

impl GapReason {
    pub(crate) const ALL: [Self; 20] = [
        Self::Missed,
        Self::OperatorDown,
        Self::ConnectTimeout,
        Self::Timeout,
        Self::Connection,
        Self::Tls,
        Self::HttpStatus,
        Self::Redirect,
        Self::TooLarge,
        Self::TooManySeries,
        Self::Malformed,
        Self::Truncated,
        Self::NoTarget,
        Self::NotCandidate,
        Self::Forbidden,
        Self::ClockJump,
        Self::Suspended,
        Self::Repeated,
        Self::Stale,
        Self::Other,
    ];

    /// Whether a request was made to the candidate, so that our own load on it can be told.
    pub fn asked(self) -> bool {
        match self {
            Self::ConnectTimeout
            | Self::Timeout
            | Self::Connection
            | Self::Tls
            | Self::HttpStatus
            | Self::Redirect
            | Self::TooLarge
            | Self::TooManySeries
            | Self::Malformed
            | Self::Truncated
            | Self::Repeated
            | Self::Stale => true,
            Self::Missed
            | Self::OperatorDown
            | Self::NoTarget
            | Self::NotCandidate
            | Self::Forbidden
            | Self::ClockJump
            | Self::Suspended
            | Self::Other => false,
        }
    }
}

/// One pod of the target, from its status in the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its phase.
    pub phase: PodPhase,
    /// `status.reason`: `Evicted`, `Preempting`, or empty.
    pub reason: String,
    /// Whether it runs the candidate and nothing else.
    pub candidate: bool,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Its containers.
    pub containers: Vec<ContainerState>,
}

/// The phase of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodPhase {
    /// Accepted, not all containers started.
    Pending,
    /// Running.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended badly, evicted included.
    Failed,
    /// The node does not answer.
    Unknown,
}

/// One container of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// Its name.
    pub name: String,
    /// How often it ended: `restartCount`, and one more while it is not started again.
    pub restarts: u32,
    /// `lastState.terminated.reason` (or that of the present termination): `OOMKilled`, `Error`, `Completed`, or empty.
    pub last_reason: String,
    /// The exit code that belongs to it.
    pub last_exit_code: i32,
}

/// One round of the inventory for one `survivors` check.
#[derive(Debug, Clone, PartialEq)]
pub struct InventoryLook {
    /// The check's name.
    pub check: String,
    /// What was found.
    pub result: Result<InventoryPage, Gap>,
}

/// What one round of the inventory found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InventoryPage {
    /// All objects that the check's selection names.
    pub objects: u64,
    /// How many of them are older than the check allows.
    pub older: u64,
    /// The oldest of them, oldest first; at most [`InventoryPage::NAMED`] are kept.
    pub oldest: Vec<ObjectAge>,
}

impl InventoryPage {
    /// So many objects of a round are kept by name.
    pub const NAMED: usize = 16;
}

/// One object and its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectAge {
    /// The resource: `pods`, `deployments.apps`.
    pub resource: String,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Seconds since its creation.
    pub age_seconds: u64,
}

/// A declared fault: trends skip it, bounds do not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultWindow {
    /// Its start in milliseconds since slot 0.
    pub from_ms: u64,
    /// Its end in milliseconds since slot 0.
    pub to_ms: u64,
    /// What was done.
    pub kind: String,
}

/// An inventory of the cluster before the load, and after it has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InventoryPoint {
    /// Before the load.
    Before,
    /// After settle.
    After,
}

/// One object of such an inventory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// The resource: `pods`, `deployments.apps`.
    pub resource: String,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its finalizers, when it is being deleted and waits for them.
    pub waiting_for: String,
}

/// One line of at most 200 characters, safe inside the gap column.
pub(crate) fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean = clean.replace(';', ",");
    let words: Vec<&str> = clean.split(' ').filter(|w| !w.is_empty()).collect();
    let joined = words.join(" ");
    joined.chars().take(200).collect::<String>().trim_end().to_owned()
}

/// The most characters of a word.
const WORD: usize = 253;

/// A word without blanks and separators: what stands for a name in a text column.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let plain = |c: &char| !c.is_whitespace() && !c.is_control() && !matches!(c, ';' | '|' | ',' | '=' | '(' | ')');
    // Nearly every name is one already, and there are some for each sample.
    if text.len() <= WORD && text.chars().all(|c| plain(&c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(plain).take(WORD).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_one_clean_line() {
        assert_eq!(Gap::new(GapReason::Tls, " a\n\tb ; c ").detail, "a b , c");
        assert_eq!(Gap::new(GapReason::Tls, "é".repeat(500)).detail.chars().count(), 200);
        assert_eq!(Gap::new(GapReason::Timeout, "5 s").to_string(), "Timeout: 5 s");
        assert_eq!(Gap::new(GapReason::Missed, "").to_string(), "Missed");
    }
}
