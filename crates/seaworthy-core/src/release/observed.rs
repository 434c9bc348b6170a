//! What decisions about a `Release` see.

use std::collections::BTreeMap;

use super::status::{GateKind, PublishOutcome, ReleasePhase, ReleaseStatus, ReportedArtifact};
use crate::{
    candidate::Artifact,
    lock::Lock,
    meta::Meta,
    presence::Presence,
    task::{Refusal, Sight},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
    version::{self, Facts, Ledger},
};

/// What the person or CI that created the Release asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Spec {
    /// The plan's name.
    pub plan: String,
    /// The full commit id.
    pub revision: String,
    /// A version that was asked for.
    pub version: Option<String>,
    /// What CI built.
    pub artifacts: Vec<Artifact>,
    /// Hold between two steps.
    pub suspend: bool,
    /// End.
    pub abort: bool,
    /// A person's word.
    pub approval: Option<Approval>,
    /// A person's choice where the plan says `onDisputed: Ask`.
    pub on_disputed: Option<version::OnDisputed>,
    /// What a person found out where it is not known whether it is out.
    pub resolution: Option<Resolution>,
    /// CI's report, with external publishing.
    pub external_publish: Option<ExternalPublish>,
    /// Gates that a person waived, in the order in which it was done.
    pub waivers: Vec<Waiver>,
}

/// A gate that may not stop the Release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waiver {
    /// Its name.
    pub gate: String,
    /// Who waived it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// CI's report on what it published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExternalPublish {
    /// Whether it is out.
    pub outcome: PublishOutcome,
    /// What is out: names and digests.
    pub artifacts: Vec<ReportedArtifact>,
    /// Whose word it is.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What a person found out after `PublishUnknown`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resolution {
    /// Whether it is out.
    pub outcome: PublishOutcome,
    /// Whose word it is.
    pub by: String,
    /// How they know.
    pub reason: String,
}

/// A person's word on whether to publish.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Approval {
    /// Whether to publish.
    pub approved: bool,
    /// Whose word it is.
    pub by: String,
    /// What it is for: `status.approval.digest` as the person saw it; None: as it is when it is recorded.
    pub digest: Option<String>,
    /// Why.
    pub reason: String,
}

/// The pinned plan, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// How versions are chosen.
    pub version: VersionRule,
    /// How long the candidate task may take; None when CI builds.
    pub candidate: Option<Seconds>,
    /// The gates, in the plan's order.
    pub gates: Vec<GateRule>,
    /// How long a person may take to approve; None when gates are enough.
    pub approval: Option<Seconds>,
    /// When Releases may begin.
    pub batching: Batching,
    /// How long a person may take to choose between two readings.
    pub choice: Seconds,
    /// How release notes are drafted; None when there is no history to draft them from.
    pub notes: Option<version::NotesRules>,
    /// Publishing.
    pub publish: PublishRule,
    /// What happens when several Releases are there.
    pub concurrency: Concurrency,
    /// Running time at most.
    pub deadline: Seconds,
}

/// When Releases may begin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batching {
    /// At least this long between a published version and the next beginning.
    pub min_interval: Seconds,
    /// At least so many commits.
    pub minimum_commits: u64,
    /// When nothing begins and nothing is published.
    pub freeze: Vec<Freeze>,
}

/// A repeated window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Freeze {
    /// When it begins: a cron expression of five fields, in UTC.
    pub schedule: String,
    /// How long it lasts.
    pub duration: Seconds,
}

/// How versions are chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VersionRule {
    /// Each Release names its own.
    pub explicit: bool,
    /// The rules for commits, tags and the line.
    pub policy: version::Policy,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRule {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub kind: GateKind,
    /// Gates that come before.
    pub run_after: Vec<String>,
    /// Whether it can stop the release.
    pub enforcement: Enforcement,
    /// How long it takes at least, where that is known (a soak).
    pub length: Seconds,
}

/// Publishing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishRule {
    /// How long an attempt, or CI's report, may take.
    pub timeout: Seconds,
    /// Whether CI publishes and reports, instead of a Job.
    pub external: bool,
    /// How long `verify` may take, if there is one.
    pub verify: Option<Seconds>,
    /// Attempts at most.
    pub max_attempts: u32,
}

/// What happens when several Releases of a plan are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Concurrency {
    /// The running one finishes; of the waiting ones only the newest is kept.
    #[default]
    Latest,
    /// All, one after another.
    Queue,
    /// The newest replaces the running one, unless that is Verified.
    Supersede,
}

/// Everything that a decision sees. What was not read is Unknown; see [`super::reads`].
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Metadata.
    pub meta: Meta,
    /// What was asked for.
    pub spec: Spec,
    /// What is recorded.
    pub status: ReleaseStatus,
    /// The plan as it is now; only whether it is there.
    pub plan: Presence<()>,
    /// The pinned plan.
    pub snapshot: Presence<Snapshot>,
    /// What the repository says, or why it could not be read.
    pub facts: Presence<Result<Facts, String>>,
    /// The numbers that were ever used.
    pub ledger: Presence<Ledger>,
    /// The release notes as they are now.
    pub notes: Presence<Notes>,
    /// Jobs by name.
    pub jobs: BTreeMap<String, Sight>,
    /// Pods of the recorded publish Job that a live list by its UID showed and that are not terminal.
    pub publish_pods: Presence<u32>,
    /// Gates' children by name.
    pub children: BTreeMap<String, ChildSight>,
    /// The plan's turn.
    pub turn: Lock,
    /// The plan's other Releases; Unknown where nobody looked, which is not "none".
    pub siblings: Presence<Vec<Sibling>>,
}

/// The pinned plan as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Its object's name.
    pub name: String,
    /// The canonical hash of what it holds now.
    pub hash: String,
    /// The name of the ledger that belongs to what it says.
    pub ledger: String,
    /// What it says, or why it cannot be worked with.
    pub policy: Result<Policy, String>,
}

/// The release notes as they were read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Notes {
    /// Their object's name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its resourceVersion.
    pub resource_version: String,
    /// Whether it is of this Release.
    pub owned: bool,
    /// Whether nobody can change it any more.
    pub frozen: bool,
    /// SHA-256 of the text: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The beginning of the text.
    pub preview: String,
}

/// All that is known of a child in one visit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChildSight {
    /// What a live read said.
    pub child: Presence<Child>,
    /// What the API server said when it was last to be created, if it said no.
    pub refused: Option<Refusal>,
}

/// An E2ERun or SoakTest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Child {
    /// Its UID.
    pub uid: String,
    /// Whether its controller reference carries our UID, and it was built from the pinned plan for these digests.
    pub owned: bool,
    /// Whether it is asked to end.
    pub aborting: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its verdict, once it is Finished.
    pub verdict: Option<Verdict>,
    /// The reason of its Succeeded condition; empty while it is decided and cleans up.
    pub reason: String,
    /// The message of that condition, likewise.
    pub message: String,
}

/// Another Release of the same plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sibling {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created: Timestamp,
    /// Its commit.
    pub revision: String,
    /// Its commit's position in history.
    pub position: Option<u64>,
    /// Whether it has its place in the queue: accepted and read.
    pub planned: bool,
    /// Whether it has had its turn.
    pub started: bool,
    /// When it was published, if it was.
    pub published: Option<Timestamp>,
    /// Where it stands.
    pub phase: ReleasePhase,
    /// Whether its outcome is decided.
    pub ending: bool,
}

/// What a decision can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Put our finalizer on the Release.
    AddFinalizer,
    /// Take it off.
    RemoveFinalizer,
    /// Copy the plan's spec, as it is now, into the immutable snapshot.
    CreateSnapshot,
    /// About the plan task.
    Planning(crate::task::TaskEffect),
    /// Read the plan task's framed block and keep it beside the Release.
    StoreFacts {
        /// The UID of the Job that wrote it.
        job_uid: String,
    },
    /// Take the plan's turn.
    AcquireTurn,
    /// Give it back.
    ReleaseTurn,
    /// Reserve a number in the ledger for this Release.
    Reserve {
        /// The final version.
        version: semver::Version,
        /// The candidate's number.
        candidate: u64,
    },
    /// Put the draft of the release notes beside the Release.
    DraftNotes {
        /// The draft, in Markdown.
        text: String,
    },
    /// Make the notes unchangeable, if they are still what was seen.
    FreezeNotes {
        /// Their object's name.
        name: String,
        /// Its UID.
        uid: String,
        /// The resourceVersion in which they were seen.
        resource_version: String,
    },
    /// Settle this Release's number in the ledger.
    Settle(Settle),
    /// About the candidate task.
    Candidate(crate::task::TaskEffect),
    /// Create a gate's child.
    CreateChild {
        /// The gate's index in the plan.
        gate: usize,
    },
    /// Ask a child to end.
    AbortChild {
        /// Its kind.
        kind: GateKind,
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Delete a child.
    DeleteChild {
        /// Its kind.
        kind: GateKind,
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// Create the suspended publish Job.
    CreatePublish {
        /// Its name.
        job: String,
        /// The attempt.
        attempt: u32,
    },
    /// Let it run, under its UID and resourceVersion.
    Unsuspend {
        /// Its name.
        job: String,
        /// Its recorded UID.
        uid: String,
        /// The resourceVersion in which it was seen suspended.
        resource_version: String,
    },
    /// End it.
    StopPublish {
        /// Its name.
        job: String,
        /// Its recorded UID.
        uid: String,
    },
    /// About the verify task.
    Verify(crate::task::TaskEffect),
}

/// What becomes of a reserved number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settle {
    /// It is out.
    Published,
    /// Nothing was handed to the publisher: only the candidate's label is used up.
    BurnCandidate,
    /// Publishing was begun: the number is used up too.
    BurnFinal,
}
