//! What decisions need to know of a spec. Made from the API's type, which cannot be imported here.

use crate::{candidate::Artifact, task::GRACE, time::Seconds};

/// How long we wait for our turn on the target before the soak is given up.
pub(super) const TURN: Seconds = Seconds::hours(72);
/// How long the target may take, after setup, until all its pods are ready.
pub(super) const TARGET: Seconds = Seconds::minutes(10);
/// How long a target that does not exist at all may take to appear after setup: what setup starts exists when setup ends.
pub(super) const TARGET_EXISTS: Seconds = Seconds::minutes(1);
/// How long after the last slot we wait for the evidence to be stored before what is stored is judged.
pub(super) const EVIDENCE: Seconds = Seconds::minutes(3);
/// How long after measure we wait for its evidence to be stored before it is decided without it that measure is not extended.
pub(super) const EXTENSION: Seconds = Seconds::minutes(1);
/// How long the load waits for the inventory from before it; then it starts without.
pub(super) const BEFORE: Seconds = Seconds::minutes(2);
/// The load may begin after measure by one part in so many of it: the 5 % of the samples that may be missing.
const LATE: u64 = 20;
/// How long into measure the load's pod may take to run where a part of measure is shorter: an image is pulled, a container is made.
pub(super) const STARTS: Seconds = Seconds(30);
/// How long ended tasks may take to be gone before the teardown starts all the same, and before clean-up is given up.
pub(super) const ENDING: Seconds = Seconds::minutes(10);
/// Slot 0 lies so far ahead of the visit that decides it, so that whoever samples reads it in time.
pub(super) const LEAD: Seconds = Seconds(2);
/// How often a task that changes the world is tried in all when the cluster, not the task, was at fault.
pub(super) const ATTEMPTS: u32 = 3;

/// A soak's spec, as far as decisions need it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the spec, in any combination")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoakSpec {
    /// Why it cannot work as it stands: field, value, remedy.
    pub problem: Option<String>,
    /// `Kind namespace/name` of the target, for people.
    pub target: String,
    /// The timeout of the setup task, if there is one.
    pub setup: Option<Seconds>,
    /// The timeout that was written for the workload, if there is one; it lasts at least through warm-up and measure.
    pub workload: Option<Seconds>,
    /// The timeout of the teardown task, if there is one.
    pub teardown: Option<Seconds>,
    /// Whether a check needs the inventory task.
    pub inventory: bool,
    /// Whether a check compares inventories from before the load and from after settling.
    pub leftovers: bool,
    /// Between two slots.
    pub interval: Seconds,
    /// Before the judged time.
    pub warm_up: Seconds,
    /// The judged time.
    pub measure: Seconds,
    /// After the load has stopped.
    pub settle: Seconds,
    /// How much longer measure may become where the evidence does not suffice; zero where nobody wants that.
    pub max_extension: Seconds,
    /// Whether too little evidence counts against the candidate.
    pub inconclusive_fails: bool,
    /// What the target's pods must run one of; empty: anything.
    pub artifacts: Vec<Artifact>,
    /// Holds the soak before its turn.
    pub suspend: bool,
    /// Ends the soak.
    pub abort: bool,
}

impl SoakSpec {
    /// From the first slot to the end of settling, as planned at first.
    pub fn total(&self) -> Seconds {
        self.warm_up + self.measure + self.settle
    }

    /// How many slots are planned with this extension: slot k is at k intervals after the first, up to and including the end of settling.
    pub fn slots(&self, extended: Seconds) -> u64 {
        (self.total() + extended).0 / self.interval.0.max(1) + 1
    }

    /// How many slots there are when measure has just ended.
    pub fn measured_slots(&self, extended: Seconds) -> u64 {
        (self.warm_up + self.measure + extended).0 / self.interval.0.max(1) + 1
    }

    /// How much of measure may pass before its load begins: as much as samples may be missing.
    pub fn loadless(&self) -> Seconds {
        Seconds(self.measure.0 / LATE)
    }

    /// The shortest extension that is worth having: twenty slots, or a quarter of measure.
    pub fn least_extension(&self) -> Seconds {
        Seconds((self.interval.0 * 20).max(self.measure.0 / 4)).min(self.max_extension)
    }

    /// How long the load and the inventory may run: they are ended by us when measure is over.
    pub fn load_timeout(&self) -> Seconds {
        let after = if self.leftovers { self.settle + EVIDENCE } else { Seconds(0) };
        let needed = self.warm_up + self.measure + self.max_extension + after + LEAD + Seconds::minutes(5);
        needed.max(self.workload.unwrap_or_default())
    }

    /// From the turn to the judgement at the latest.
    pub fn budget(&self) -> Seconds {
        let setup = self.setup.map_or(Seconds(0), |t| Seconds((t + GRACE).0.saturating_mul(u64::from(ATTEMPTS))));
        setup + TARGET + LEAD + self.total() + self.max_extension + EXTENSION + EVIDENCE + ENDING
    }
}
