//! What the sampler is asked to do for one SoakTest. Made from its spec and its recorded times.

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
    /// Where there is no load that an inventory could come before: how many milliseconds after slot 0 the first one may be taken at the
    /// latest.
    pub(crate) unloaded_until_ms: Option<u64>,
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

impl RunSpec {
    /// The phases when so many slots have passed.
    pub(crate) fn phases_at(&self, slots: u64) -> Phases {
        Phases { elapsed_ms: slots.saturating_mul(self.run.interval_ms), ..self.horizon.phases }
    }

    /// Whether some check may end the run early.
    pub(crate) fn fails_fast(&self) -> bool {
        self.checks.iter().any(|c| c.fail_fast)
    }
}
