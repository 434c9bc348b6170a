//! Conditions: their types, their reasons, and the one rule by which they change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The types of conditions that our kinds have.
pub mod types {
    /// The spec can be worked with.
    pub const ACCEPTED: &str = "Accepted";
    /// Runs: every required suite or check passed.
    pub const SUCCEEDED: &str = "Succeeded";
    /// Release: every required gate holds.
    pub const VERIFIED: &str = "Verified";
    /// Release: the candidate is out.
    pub const PUBLISHED: &str = "Published";
    /// Nothing more will happen; True for every terminal outcome.
    pub const FINISHED: &str = "Finished";
}

/// `status` of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known yet, or not knowable any more.
    Unknown,
}

/// One condition, as `metav1.Condition`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// One of [`types`].
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The `metadata.generation` that this was decided for.
    #[serde(default)]
    pub observed_generation: i64,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
    /// A [`Reason`]; a string here, so that an older operator can read what a newer one wrote.
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// Fact and remedy.
    #[schemars(length(max = 32768))]
    #[serde(default)]
    pub message: String,
}

/// Why a condition has its status, an event was sent, or a task ended. One vocabulary for all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Reason {
    /// The first visit has not decided this yet.
    Pending,
    /// The spec is valid, and what it refers to exists.
    Valid,
    /// The spec cannot work as it stands.
    InvalidSpec,
    /// The ReleasePlan that `planRef` names does not exist (yet).
    PlanNotFound,
    /// A service account or secret that a task names does not exist (yet).
    ReferenceNotFound,
    /// Somebody else's object has a name that we need.
    NameTaken,
    /// Waits for its turn.
    Queued,
    /// Waits for more commits or more time, as the plan's batching wants.
    Batching,
    /// Waits for the end of a freeze.
    Frozen,
    /// More Releases wait than the plan may queue.
    QueueFull,
    /// `spec.suspend` holds it between two steps.
    Suspended,
    /// `spec.abort` was set.
    Aborted,
    /// The object was deleted.
    Deleted,
    /// A newer Release of the same plan takes its place.
    Superseded,
    /// Works out the next version.
    Planning,
    /// The version could not be worked out.
    PlanningFailed,
    /// Nothing changed that would be released.
    NothingToRelease,
    /// The version that was asked for cannot be used.
    VersionRefused,
    /// The version is disputed, and the plan asks a person.
    VersionDisputed,
    /// The candidate is being built.
    Building,
    /// The candidate could not be built.
    BuildFailed,
    /// The candidate task reported no usable artifacts.
    NoArtifacts,
    /// Gates are running.
    Verifying,
    /// Every required gate passed.
    GatesPassed,
    /// A person waived a gate, or tried to.
    Waived,
    /// A required gate failed.
    GateFailed,
    /// A required gate could not be judged.
    GateInconclusive,
    /// Waits for a person's approval.
    AwaitingApproval,
    /// A person approved.
    Approved,
    /// What was approved has changed since: it must be approved again.
    ApprovalRevoked,
    /// Nobody approved in time.
    ApprovalExpired,
    /// A person rejected it.
    Rejected,
    /// Publishing has begun; it cannot be suspended or aborted any more.
    Publishing,
    /// Publishing has begun: CI publishes, and reports what it did.
    AwaitingReport,
    /// It is out, with the digests that were tested.
    Published,
    /// Publishing failed, and it is certain that nothing is out.
    PublishFailed,
    /// It is not known whether it is out: a person must look.
    PublishUnknown,
    /// A person resolved an unknown publish.
    Resolved,
    /// Sets up its world.
    SettingUp,
    /// Setting up failed.
    SetupFailed,
    /// Suites run.
    Running,
    /// Every required suite or check passed.
    Passed,
    /// A required suite failed.
    SuiteFailed,
    /// A required check failed.
    CheckFailed,
    /// The load runs, samples are not judged yet.
    WarmingUp,
    /// Samples are taken and judged.
    Measuring,
    /// The load has stopped.
    Settling,
    /// Cleans up.
    TearingDown,
    /// Cleaning up failed: something may have stayed behind.
    TeardownFailed,
    /// There is too little evidence.
    InsufficientEvidence,
    /// The evidence cannot be used.
    EvidenceUnusable,
    /// The running pods are not the candidate.
    NotTheCandidate,
    /// The soak's target does not exist or has no ready pods.
    TargetNotFound,
    /// The workload did not run through measure, failed, or was not ended in time.
    WorkloadFailed,
    /// Waits for another soak to leave the target.
    TargetLocked,
    /// A deadline passed.
    DeadlineExceeded,
    /// The task's program ended with a non-zero exit code.
    TaskFailed,
    /// A container was killed for its memory limit.
    OOMKilled,
    /// A pod was evicted.
    Evicted,
    /// The pod's node is gone or does not answer.
    NodeLost,
    /// No node can take the pod.
    Unschedulable,
    /// The image does not exist or may not be pulled.
    ImageNotFound,
    /// The image could not be pulled for now.
    ImagePullBackOff,
    /// The container can never start: configuration, a missing program, or an image that needs root.
    CannotStart,
    /// The API server refused the pod or Job.
    AdmissionDenied,
    /// A resource quota leaves no room.
    QuotaExceeded,
    /// The Job vanished while it ran.
    JobDeleted,
    /// The task's report is not what it must be.
    BadReport,
}

impl Reason {
    /// As written in conditions and events.
    pub fn as_str(self) -> String {
        format!("{self:?}")
    }
}

/// What a condition is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say<'a> {
    /// One of [`types`].
    pub type_: &'a str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// Fact and remedy.
    pub message: String,
}

/// The transition rule: `lastTransitionTime` moves only when `status` changes; everything else is replaced; order is kept.
///
/// Returns whether `status` or `reason` changed (an event is due).
pub fn set(conditions: &mut Vec<Condition>, say: Say<'_>, generation: i64, now: Timestamp) -> bool {
    let reason = say.reason.as_str();
    let message = cut(say.message, 1024);
    if let Some(c) = conditions.iter_mut().find(|c| c.type_ == say.type_) {
        let moved = c.status != say.status;
        let changed = moved || c.reason != reason;
        if moved {
            c.last_transition_time = now;
        }
        c.status = say.status;
        c.reason = reason;
        c.message = message;
        c.observed_generation = generation;
        changed
    } else {
        conditions.push(Condition {
            type_: say.type_.to_owned(),
            status: say.status,
            observed_generation: generation,
            last_transition_time: now,
            reason,
            message,
        });
        true
    }
}

/// Gives every one of `types` that is missing the status Unknown, so that all are present from the first visit.
pub fn ensure(conditions: &mut Vec<Condition>, types: &[&str], generation: i64, now: Timestamp) {
    for type_ in types {
        if !conditions.iter().any(|c| c.type_ == *type_) {
            let message = "not decided yet".to_owned();
            let say = Say { type_, status: ConditionStatus::Unknown, reason: Reason::Pending, message };
            set(conditions, say, generation, now);
        }
    }
}

/// The condition of that type.
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

/// Whether the condition of that type is True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    get(conditions, type_).is_some_and(|c| c.status == ConditionStatus::True)
}

/// At most `max` bytes of `text`, cut between characters, with an ellipsis where something was cut.
pub fn cut(text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    let mut end = max.saturating_sub(3);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(status: ConditionStatus, reason: Reason) -> Say<'static> {
        Say { type_: types::FINISHED, status, reason, message: "m".into() }
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let (t0, t1) = (Timestamp::from_millis(0), Timestamp::from_millis(1000));
        let mut all = Vec::new();
        ensure(&mut all, &[types::ACCEPTED, types::FINISHED], 1, t0);
        assert_eq!(all.len(), 2);
        assert!(set(&mut all, say(ConditionStatus::Unknown, Reason::Queued), 2, t1), "another reason is a change");
        assert_eq!(get(&all, types::FINISHED).unwrap().last_transition_time, t0);
        assert!(set(&mut all, say(ConditionStatus::True, Reason::Published), 2, t1));
        assert_eq!(get(&all, types::FINISHED).unwrap().last_transition_time, t1);
        assert!(!set(&mut all, say(ConditionStatus::True, Reason::Published), 2, t1 + crate::time::Seconds(1)));
        assert!(is_true(&all, types::FINISHED) && !is_true(&all, types::ACCEPTED));
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("abc".into(), 3), "abc");
        let cut = cut("ääääää".into(), 8);
        assert!(cut.len() <= 8 && cut.ends_with('…'), "{cut}");
    }
}
