//! What an object's status means for somebody who waits: finished or not, and with which exit code.

use kube::ResourceExt;
use seaworthy_core::{
    condition::{self, Condition},
    e2e_run::E2eRunPhase,
    release::ReleasePhase,
    soak_test::SoakTestPhase,
};

use crate::{
    exit::Code,
    snapshot::{Run, Snapshot},
};

/// What somebody who waits wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `release/pepr-x7k2p`.
    pub(crate) name: String,
    /// The phase.
    pub(crate) phase: String,
    /// The exit code; `None` while it is not finished.
    pub(crate) code: Option<Code>,
    /// Whether there was nothing to release.
    pub(crate) nothing: bool,
    /// What `Finished` says, or what is being waited for.
    pub(crate) message: String,
}

impl Outcome {
    /// The exit code, with or without `--strict`.
    pub(crate) const fn code(&self, strict: bool) -> Option<Code> {
        if self.nothing && strict { Some(Code::Inconclusive) } else { self.code }
    }
}

/// The outcome of an object. Only the condition `Finished` ends the waiting: a phase alone is for people.
pub(crate) fn outcome(snapshot: &Snapshot) -> Outcome {
    match snapshot {
        Snapshot::Release(release, _) => {
            let status = release.status.clone().unwrap_or_default();
            let mut outcome = make(
                "release",
                &release.name_any(),
                format!("{:?}", status.phase),
                &status.conditions,
                of_release(status.phase),
            );
            outcome.nothing = outcome.code.is_some() && status.phase == ReleasePhase::NothingToRelease;
            outcome
        }
        Snapshot::Run(Run::E2e(run)) => {
            let status = run.status.clone().unwrap_or_default();
            make("e2e", &run.name_any(), format!("{:?}", status.phase), &status.conditions, of_e2e(status.phase))
        }
        Snapshot::Run(Run::Soak(run)) => {
            let status = run.status.clone().unwrap_or_default();
            make("soak", &run.name_any(), format!("{:?}", status.phase), &status.conditions, of_soak(status.phase))
        }
    }
}

fn make(kind: &str, name: &str, phase: String, conditions: &[Condition], code: Option<Code>) -> Outcome {
    let finished = condition::is_true(conditions, condition::types::FINISHED);
    let says = condition::get(conditions, condition::types::FINISHED).map(|c| c.message.clone()).unwrap_or_default();
    Outcome { name: format!("{kind}/{name}"), phase, code: code.filter(|_| finished), nothing: false, message: says }
}

const fn of_release(phase: ReleasePhase) -> Option<Code> {
    match phase {
        ReleasePhase::Pending
        | ReleasePhase::Planning
        | ReleasePhase::Building
        | ReleasePhase::Verifying
        | ReleasePhase::AwaitingApproval
        | ReleasePhase::Publishing => None,
        ReleasePhase::Published | ReleasePhase::NothingToRelease => Some(Code::Done),
        ReleasePhase::Failed | ReleasePhase::Superseded | ReleasePhase::Aborted => Some(Code::Failed),
        ReleasePhase::PublishUnknown | ReleasePhase::Inconclusive => Some(Code::Inconclusive),
    }
}

const fn of_e2e(phase: E2eRunPhase) -> Option<Code> {
    match phase {
        E2eRunPhase::Pending | E2eRunPhase::Running | E2eRunPhase::TearingDown => None,
        E2eRunPhase::Succeeded => Some(Code::Done),
        E2eRunPhase::Failed | E2eRunPhase::Aborted => Some(Code::Failed),
        E2eRunPhase::Inconclusive => Some(Code::Inconclusive),
    }
}

const fn of_soak(phase: SoakTestPhase) -> Option<Code> {
    match phase {
        SoakTestPhase::Pending
        | SoakTestPhase::SettingUp
        | SoakTestPhase::WarmingUp
        | SoakTestPhase::Measuring
        | SoakTestPhase::Settling
        | SoakTestPhase::TearingDown => None,
        SoakTestPhase::Succeeded => Some(Code::Done),
        SoakTestPhase::Failed | SoakTestPhase::Aborted => Some(Code::Failed),
        SoakTestPhase::Inconclusive => Some(Code::Inconclusive),
    }
}
