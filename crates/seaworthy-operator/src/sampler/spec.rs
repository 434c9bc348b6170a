//! What the sampler is asked to do for one SoakTest. Made from its spec and its recorded times.

use std::time::Duration;

use seaworthy_core::candidate::Artifact;
use seaworthy_soak::{
    check::{CheckSpec, Phases},
    page::Wants,
    record::RunInfo,
};

use super::target::TargetName;

/// One run of the sampler.
#[derive(Debug, Clone)]
pub(crate) struct RunSpec {
    /// Namespace and name of the SoakTest.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Identity and schedule.
    pub(crate) run: RunInfo,
    /// How far it goes.
    pub(crate) horizon: Horizon,
    /// The workload under test.
    pub(crate) target: TargetName,
    /// What its pods must run; empty: anything.
    pub(crate) artifacts: Vec<Artifact>,
    /// Where samples come from.
    pub(crate) sources: Vec<SourceSpec>,
    /// What is judged.
    pub(crate) checks: Vec<CheckSpec>,
    /// Names of the checks that the inventory task serves.
    pub(crate) inventories: Vec<String>,
    /// Names of the checks that compare inventories from before the load and from after settling.
    pub(crate) leftovers: Vec<String>,
}

/// How far a run goes; an extension of measure moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// Slots from 0 up to, not including, this are planned.
    pub(crate) slots: u64,
    /// Warm-up, measure and settle.
    pub(crate) phases: Phases,
}

/// One source.
#[derive(Debug, Clone)]
pub(crate) struct SourceSpec {
    /// Its name.
    pub(crate) name: String,
    /// What the checks ask of it.
    pub(crate) wants: Wants,
    /// What it is.
    pub(crate) kind: SourceKind,
}

/// What a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// A page of each pod.
    Prometheus {
        /// The pods' port.
        port: u16,
        /// The path.
        path: String,
        /// Whether over TLS.
        tls: bool,
        /// Namespace and name of the Service whose ready pods are asked; the target's pods without.
        service: Option<(String, String)>,
    },
    /// The kubelets' figures of the target's containers.
    Kubelet,
}

impl Horizon {
    /// The last slot of measure.
    pub(crate) fn measured(&self, interval_ms: u64) -> u64 {
        (self.phases.warm_up_ms + self.phases.measure_ms) / interval_ms.max(1)
    }

    /// Whether evidence is stored right after this slot: it is the last of measure, or of all.
    pub(crate) fn ends_phase(&self, slot: u64, interval_ms: u64) -> bool {
        slot == self.measured(interval_ms) || slot + 1 == self.slots
    }
}

/// How often all soaks together store evidence, but for what long measures need.
const CHECKPOINTS_PER_SECOND: u64 = 5;

impl RunSpec {
    /// How often evidence is stored when so many soaks are sampled: every 2 minutes or 5 slots, whichever is longer. Within a short measure
    /// ten times, so that a crash costs no more than a tenth of it, as long as all soaks together store no more often than
    /// [`CHECKPOINTS_PER_SECOND`]: the API server pays for each.
    pub(crate) fn checkpoint_every(&self, soaks: usize) -> Duration {
        let five = Duration::from_millis(self.run.interval_ms.saturating_mul(5));
        let tenth =
            Duration::from_millis(self.horizon.phases.measure_ms / 10).max(Duration::from_millis(self.run.interval_ms));
        let crowd = Duration::from_secs(u64::try_from(soaks).unwrap_or(u64::MAX) / CHECKPOINTS_PER_SECOND);
        five.max(Duration::from_secs(120)).min(tenth.max(crowd))
    }

    /// The phases when so many slots have passed.
    pub(crate) fn phases_at(&self, slots: u64) -> Phases {
        Phases { elapsed_ms: slots.saturating_mul(self.run.interval_ms), ..self.horizon.phases }
    }

    /// Whether some check may end the run early.
    pub(crate) fn fails_fast(&self) -> bool {
        self.checks.iter().any(|c| c.fail_fast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_api::soak_test::TargetKind;

    #[test]
    fn evidence_is_stored_often_enough() {
        let among = |soaks: usize, interval_s: u64, measure_s: u64| {
            let phases =
                Phases { warm_up_ms: 0, measure_ms: measure_s * 1000, settle_ms: 0, elapsed_ms: measure_s * 1000 };
            let spec = RunSpec {
                namespace: "n".into(),
                name: "s".into(),
                run: RunInfo { run: "u".into(), start_unix_ms: 0, interval_ms: interval_s * 1000 },
                horizon: Horizon { slots: measure_s / interval_s + 1, phases },
                target: TargetName { kind: TargetKind::Deployment, namespace: "n".into(), name: "t".into() },
                artifacts: vec![],
                sources: vec![],
                checks: vec![],
                inventories: vec![],
                leftovers: vec![],
            };
            spec.checkpoint_every(soaks).as_secs()
        };
        let every = |interval_s: u64, measure_s: u64| among(1, interval_s, measure_s);
        assert_eq!(every(10, 6 * 3600), 120, "every two minutes");
        assert_eq!(every(60, 6 * 3600), 300, "or five slots, if that is longer");
        assert_eq!(every(1, 20), 2, "ten times within a short measure");
        assert_eq!(every(1, 5), 1, "but never more often than slots");
        assert_eq!(among(20, 5, 180), 18, "twenty soaks disturb nobody");
        assert_eq!(among(500, 5, 180), 100, "five hundred store five times a second");
        assert_eq!(among(5000, 10, 6 * 3600), 120, "a crash costs no more than it may");
    }
}
