//! How a soak ended, beside what its checks say here: only where they decided its end may they let it pass.

use seaworthy_core::{
    condition::{self, Reason, types},
    soak_test::{SoakTestPhase, SoakTestStatus},
};
use seaworthy_soak::check::Verdict;

/// How a soak ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// The terminal phase, which may be still to come while what was started is cleaned up.
    phase: SoakTestPhase,
    /// Why, in the operator's words.
    message: String,
    /// Whether its checks decided that: other thresholds may then give another verdict.
    by_checks: bool,
}

impl Ended {
    /// What the status says; nothing while the soak goes on.
    pub(super) fn of(status: &SoakTestStatus) -> Option<Self> {
        let said = condition::get(&status.conditions, types::SUCCEEDED);
        let (phase, reason, message) = match (&status.ending, said) {
            (Some(ending), _) => (ending.phase, ending.reason.as_str(), ending.message.clone()),
            (None, _) if !status.phase.is_terminal() => return None,
            (None, Some(said)) => (status.phase, said.reason.clone(), said.message.clone()),
            (None, None) => (status.phase, String::new(), String::new()),
        };
        let is = |reasons: &[Reason]| reasons.iter().any(|one| one.as_str() == reason);
        // These also stand for evidence that could not be judged; checks have verdicts where it was.
        let judged = status.checks.iter().any(|c| c.verdict.is_some());
        let by_checks = match phase {
            SoakTestPhase::Succeeded => true,
            SoakTestPhase::Failed | SoakTestPhase::Inconclusive => {
                is(&[Reason::CheckFailed])
                    || judged && (reason.is_empty() || is(&[Reason::InsufficientEvidence, Reason::EvidenceUnusable]))
            }
            SoakTestPhase::Aborted
            | SoakTestPhase::Pending
            | SoakTestPhase::SettingUp
            | SoakTestPhase::WarmingUp
            | SoakTestPhase::Measuring
            | SoakTestPhase::Settling
            | SoakTestPhase::TearingDown => false,
        };
        Some(Self { phase, message, by_checks })
    }

    /// The soak's verdict: that of its checks, and no better than an end that something else decided.
    pub(super) fn verdict(ended: Option<&Self>, checks: Verdict) -> Verdict {
        let most = match ended {
            Some(Self { by_checks: true, .. }) => Verdict::Passed,
            Some(Self { phase: SoakTestPhase::Failed, .. }) => Verdict::Failed,
            Some(_) | None => Verdict::Inconclusive,
        };
        checks.graver(most)
    }

    /// What a reader must know of the end where the verdict does not tell it.
    pub(super) fn warning(&self, verdict: Verdict, inconclusive_fails: bool) -> Option<String> {
        let implied = match verdict {
            Verdict::Passed => SoakTestPhase::Succeeded,
            Verdict::Inconclusive if !inconclusive_fails => SoakTestPhase::Inconclusive,
            Verdict::Failed | Verdict::Error | Verdict::Inconclusive => SoakTestPhase::Failed,
        };
        if self.by_checks && self.phase == implied {
            return None;
        }
        Some(self.told())
    }

    /// What the checks say, behind an end that they did not decide.
    pub(super) fn before(&self, checks: &str) -> String {
        if self.by_checks { checks.to_owned() } else { format!("{}; {checks}", self.told()) }
    }

    fn told(&self) -> String {
        let because = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        let own =
            if self.by_checks { "" } else { "; its checks did not decide that, so it cannot pass here: run it again" };
        format!("the soak ended as {:?}{because}{own}", self.phase)
    }
}
