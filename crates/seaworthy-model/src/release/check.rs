//! What must hold in every state, under the names of `crates/ARCHITECTURE.md`, and what must come of every state: the Release is finished,
//! and nothing of it is left after a delete.

use seaworthy_core::{
    condition,
    lock::Lock,
    release::{GateState, PublishOutcome, PublishState, ReleasePhase},
    verdict::{Enforcement, Verdict},
    version::ledger,
};

use super::{
    setting::succeeded,
    world::{UID, World},
};
use crate::jobs::{failed, is_over, name_of};

impl World {
    /// `publish-at-most-one-pod`, `published-implies-gates`, `terminal-is-final`, and that what is recorded of the registry is so.
    ///
    /// # Errors
    /// What is violated.
    pub fn check(&self) -> Result<(), String> {
        if let Some(wrong) = &self.wrong {
            return Err(wrong.clone());
        }
        let pods = self.jobs.pods.iter().filter(|uid| uid.starts_with("rel-publish")).count();
        if pods > 1 {
            return Err(format!("publish-at-most-one-pod: {pods} publish pods at once"));
        }
        let status = self.status();
        let published = status.publish.as_ref().map(|p| p.state) == Some(PublishState::Published)
            || status.phase == ReleasePhase::Published;
        if published && self.out.as_ref() != Some(&status.artifacts) {
            return Err("ship-what-was-tested: Published is recorded, but these digests are not out".into());
        }
        let mut required = status.gates.iter().filter(|g| g.enforcement == Enforcement::Required).peekable();
        let all = required.peek().is_some() && required.all(|g| g.state == GateState::Passed || self.waived(&g.name));
        if status.publish.is_some() && !all {
            return Err("published-implies-gates: publishing began without every required gate".into());
        }
        let failed = status.phase == ReleasePhase::Failed || status.phase == ReleasePhase::Aborted;
        let not_out = status.publish.as_ref().is_some_and(|p| p.state == PublishState::NotPublished);
        if self.out.is_some() && (failed || not_out) {
            return Err("say-unknown-rather-than-guess: it is recorded that nothing is out, but it is".into());
        }
        if let Some(word) = &status.resolution
            && status.phase != ReleasePhase::PublishUnknown
        {
            let number = self.ledger.entry(UID).map(|e| (e.state, e.final_used));
            let follows = match word.outcome {
                PublishOutcome::Published => number == Some((ledger::State::Published, true)),
                PublishOutcome::NotPublished => number == Some((ledger::State::Burned, true)),
            };
            if !follows {
                return Err(format!("never-reused: resolved as {:?}, but the ledger says {number:?}", word.outcome));
            }
        }
        Ok(())
    }

    /// Whether nothing more is to be done about the Release, and nothing is held or left behind.
    ///
    /// # Errors
    /// What is not over, or is left: `everything-ends`, `nothing-left`.
    pub fn ended(&self) -> Result<(), String> {
        if self.gone {
            return self.nothing_left();
        }
        let status = self.status();
        if !condition::is_true(&status.conditions, condition::types::FINISHED) {
            return Err(format!("everything-ends: still {:?}", status.phase));
        }
        if !status.phase.is_terminal() {
            return Err(format!("everything-ends: Finished, but in phase {:?}", status.phase));
        }
        let given = self.release.spec.resolution.is_some() && self.release.deleted.is_none();
        if given && status.phase == ReleasePhase::PublishUnknown {
            return Err("everything-ends: a person's word is not told".into());
        }
        if self.release.finalizer {
            return Err("nothing-left: the finalizer stays on".into());
        }
        self.nothing_left()
    }

    fn nothing_left(&self) -> Result<(), String> {
        // A turn that a late write took for a Release that is over is free to everybody by its own rule (`lock`).
        if self.ledger.entries.iter().any(|e| e.state == ledger::State::Reserved) {
            return Err("nothing-left: the number is still reserved".into());
        }
        let runs = self.children.values().any(|c| c.child.verdict.is_none());
        if runs || self.jobs.open().next().is_some() {
            return Err("nothing-left: something that we started still runs".into());
        }
        Ok(())
    }

    /// One event of a cluster in which everything goes well; false when nothing is due.
    pub(super) fn well(&mut self) -> bool {
        if self.gone && !(self.jobs.by_name.is_empty() && self.children.is_empty()) {
            // The garbage collector: owner references lead to nothing.
            self.jobs.by_name.clear();
            self.children.clear();
            return true;
        }
        let pod = self.jobs.pods.iter().find(|uid| uid.starts_with("rel-publish")).cloned();
        if let Some(uid) = pod {
            let name = name_of(&uid);
            let ends =
                self.jobs.by_name.get(name).is_some_and(|j| j.uid == uid && !j.is_deleting() && !is_over(&j.state));
            if ends {
                self.pod_publishes(&uid);
                self.jobs.mark(name, succeeded());
            }
            self.jobs.pod_ends(&uid);
            return true;
        }
        if self.waits_for_report() && !self.gone {
            if self.out.is_none() {
                self.out = Some(self.status().artifacts.clone());
            }
            self.report(true);
            return true;
        }
        let open = self.jobs.open().map(|(n, _)| n.clone()).next();
        if let Some(name) = open {
            let out = self.out.is_some();
            self.end_job(&name, if name.contains("verify") && !out { failed(10) } else { succeeded() });
            return true;
        }
        if let Some(name) = self.children.iter().find(|(_, c)| c.child.deleting).map(|(n, _)| n.clone()) {
            self.children.remove(&name);
            return true;
        }
        let next = self.children.iter().find(|(_, c)| c.child.verdict.is_none());
        if let Some((name, aborting)) = next.map(|(n, c)| (n.clone(), c.child.aborting)) {
            self.end_child(&name, if aborting { Verdict::Inconclusive } else { Verdict::Passed });
            return true;
        }
        if self.release.spec.suspend && !self.gone {
            self.write().spec.suspend = false;
            return true;
        }
        if matches!(self.turn, Lock::Held(_)) {
            self.turn = Lock::Free;
            return true;
        }
        false
    }
}
