//! What a decision about a soak sees, and what has to be read for it.

use std::collections::BTreeMap;

use super::{
    Role,
    spec::{EVIDENCE, EXTENSION, SoakSpec},
    status::{CheckStatus, ComparedWith, EvidenceStatus, SampleCounts, SoakTestStatus},
    target::Target,
};
use crate::{
    condition::{self, types},
    lock::Lock,
    meta::Meta,
    task::Sight,
    time::{Seconds, Timestamp},
    verdict::Verdict,
};

/// Everything that [`decide`](super::decide) sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The object's metadata.
    pub meta: Meta,
    /// Its spec.
    pub spec: SoakSpec,
    /// What is recorded.
    pub status: SoakTestStatus,
    /// What was seen of the Jobs that [`needs`] asked for, by name.
    pub jobs: BTreeMap<String, Sight>,
    /// The target's lock.
    pub lock: Lock,
    /// The target's pods, while it is waited for.
    pub target: Target,
    /// What the sampler has to say.
    pub sampler: SamplerFacts,
}

/// What the sampler found so far. Its samples are in the evidence store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SamplerFacts {
    /// Slots below this are stored: acknowledged.
    pub through: u64,
    /// Coverage so far.
    pub samples: SampleCounts,
    /// Where the evidence is.
    pub evidence: Option<EvidenceStatus>,
    /// Why the stored evidence can never be judged: its chain is broken.
    pub broken: Option<String>,
    /// Why the evidence that was to be judged could not be read this time.
    pub unread: Option<String>,
    /// Why evidence has not been stored for some time, while that lasts.
    pub unstored: Option<String>,
    /// A pod of the target runs something else than the candidate.
    pub not_candidate: Option<String>,
    /// Which inventories for `leftovers` are stored.
    pub inventories: Inventories,
    /// What the checks say about the evidence that is stored.
    pub judgement: Option<Judgement>,
}

/// Which inventories for `leftovers` are stored, of all such checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Inventories {
    /// From before the load.
    pub before: bool,
    /// From after settling.
    pub after: bool,
}

/// What the checks say.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Over the required checks.
    pub verdict: Verdict,
    /// One entry a check, in the order of the spec.
    pub checks: Vec<CheckStatus>,
    /// Coverage of the judged evidence.
    pub samples: SampleCounts,
    /// What `baseline` checks were compared with.
    pub compared_with: Option<ComparedWith>,
    /// Whether a check that ends the run has failed for good.
    pub fail_fast: bool,
    /// How long a measure would settle what is inconclusive.
    pub needed: Option<Seconds>,
    /// The measure to extend to: it would settle every required check that is not settled, and none has failed.
    pub extend_to: Option<Seconds>,
}

/// What has to be read live for the next decision.
#[expect(clippy::struct_excessive_bools, reason = "each is one read that is or is not needed, in any combination")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Names of Jobs.
    pub jobs: Vec<String>,
    /// The target's lock.
    pub lock: bool,
    /// The target and its pods.
    pub target: bool,
    /// The whole evidence, judged.
    pub judgement: bool,
    /// Whether slots are due: sampling goes on, or begins, in whoever reads this.
    pub sampling: bool,
}

/// What has to be read, given what is recorded and how far the evidence is acknowledged.
pub fn needs(meta: &Meta, spec: &SoakSpec, status: &SoakTestStatus, through: u64, now: Timestamp) -> Needs {
    let finalizer = meta.finalizer;
    if condition::is_true(&status.conditions, types::FINISHED) {
        return Needs { lock: finalizer, ..Needs::default() };
    }
    // What ends it from outside waits for no verdict, so nothing that is in the way of one may be in the way of that.
    let ends = meta.deleted.is_some() || spec.abort || status.deadline.is_some_and(|deadline| now >= deadline);
    let roles = [Role::Setup, Role::Workload, Role::Inventory, Role::Teardown];
    let open = |role: &Role| role.record(status).filter(|r| !r.state.is_finished());
    let decided = status.ending.is_some();
    let started = status.start_time.is_some();
    let set_up = spec.setup.is_none() || status.setup.as_ref().is_some_and(|s| s.state.is_finished());
    Needs {
        jobs: roles.iter().filter_map(open).map(|r| r.job.clone()).collect(),
        lock: finalizer && !decided,
        target: status.turn_time.is_some() && set_up && !started && !decided,
        judgement: !decided
            && !ends
            && (status.settle_end_time.is_some_and(|end| judged_from(spec, status, end, through, now))
                || status.measure_end_time.is_some_and(|end| extension_from(spec, status, end, through, now))),
        sampling: !decided && started,
    }
}

/// Whether the evidence is complete, or has been waited for long enough.
pub(super) fn judged_from(
    spec: &SoakSpec,
    status: &SoakTestStatus,
    settle_end: Timestamp,
    through: u64,
    now: Timestamp,
) -> bool {
    now >= settle_end && (through >= spec.slots(status.extended()) || now >= settle_end + EVIDENCE)
}

/// Whether it is open if measure is extended, and its evidence is complete or has been waited for long enough.
pub(super) fn extension_from(
    spec: &SoakSpec,
    status: &SoakTestStatus,
    measure_end: Timestamp,
    through: u64,
    now: Timestamp,
) -> bool {
    let stored = through >= spec.measured_slots(status.extended()) || now >= measure_end + EXTENSION;
    extension_is_open(spec, status) && now >= measure_end && stored
}

/// Whether there is no load any more, nor will be: measure is over and extended no more, and the task that made the load has ended with
/// all that it started. Only what is seen after that shows what the load leaves behind.
pub fn load_is_over(spec: &SoakSpec, status: &SoakTestStatus, now: Timestamp) -> bool {
    let measured = status.measure_end_time.is_some_and(|end| now >= end) && !extension_is_open(spec, status);
    let ended = match &status.workload {
        Some(load) => load.state.is_finished(),
        None => spec.workload.is_none(),
    };
    measured && ended
}

/// Whether measure may still be extended.
pub(super) fn extension_is_open(spec: &SoakSpec, status: &SoakTestStatus) -> bool {
    spec.max_extension > Seconds(0) && !status.extension.as_ref().is_some_and(|e| e.closed)
}
