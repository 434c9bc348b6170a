//! While samples are taken, and the judgement: the load runs from warm-up to measure's end, then settling, then the checks decide.

use super::{
    Role,
    decide::Visit,
    observed::{Judgement, judged_from},
    spec::EVIDENCE,
    status::SoakTestPhase::{self, Measuring, Settling, WarmingUp},
    steps::again,
};
use crate::{
    condition::{self, Reason, cut, types},
    task::{TaskState, TaskStatus, advance, cancel},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
};

/// How long the last samples may take to be stored and judged before people are told that this is what is waited for.
const STORING: Seconds = Seconds(5);
/// What an ended load says of itself.
pub(super) const AS_PLANNED: &str = "ended by Seaworthy when measure was over";

impl Visit<'_> {
    /// The recorded times are there: samples are being taken.
    pub(super) fn run(&mut self) {
        let status = &self.status;
        let (Some(measure_start), Some(measure_end), Some(settle_end)) =
            (status.measure_start_time, status.measure_end_time, status.settle_end_time)
        else {
            let message = "status.startTime is there without the times that follow from it: somebody edited the status";
            return self.end(SoakTestPhase::Inconclusive, Reason::EvidenceUnusable, message.into());
        };
        self.copy_progress();
        if self.broken()
            || self.failed_fast()
            || self.load_failed(measure_start, measure_end)
            || self.load_is_late(measure_start)
        {
            return;
        }
        self.load_after_inventory();
        if self.now >= measure_end && self.extends(measure_end, settle_end) {
            return;
        }
        if self.load_never_rested(settle_end) {
            return;
        }
        self.drive(Role::Workload, measure_end);
        // The inventory from after settling is taken by the same task; clean-up ends it then.
        let last = if self.seen.spec.leftovers { settle_end + EVIDENCE } else { measure_end };
        self.drive(Role::Inventory, last);
        if self.now < measure_start {
            self.wake_at(measure_start);
            self.goes_on(WarmingUp, Reason::WarmingUp, format!("warms up until {measure_start}"));
        } else if self.now < measure_end {
            self.wake_at(measure_end);
            self.goes_on(Measuring, Reason::Measuring, format!("measures until {measure_end}"));
        } else if self.now < settle_end {
            self.wake_at(settle_end);
            self.goes_on(Settling, Reason::Settling, format!("the load has ended; settles until {settle_end}"));
        } else {
            self.judge(settle_end);
        }
    }

    /// Coverage and the chain's tip reach the status at seals and with the phases, not at every checkpoint: a status write costs more
    /// than a slot. (Progress in between is written whenever something else is.)
    fn copy_progress(&mut self) {
        let facts = &self.seen.sampler;
        if facts.evidence.is_none() {
            return;
        }
        let sealed = facts.evidence != self.status.evidence;
        let step = match (self.status.measure_start_time, self.status.measure_end_time) {
            (_, Some(end)) if self.now >= end => Reason::Settling,
            (Some(start), _) if self.now >= start => Reason::Measuring,
            _ => Reason::WarmingUp,
        };
        let recorded = condition::get(&self.status.conditions, types::SUCCEEDED);
        if sealed || recorded.is_none_or(|c| c.reason != step.as_str()) {
            self.status.evidence.clone_from(&facts.evidence);
            self.status.samples = facts.samples.clone();
        }
    }

    /// Whether the evidence is unusable, or is of something else than the candidate.
    fn broken(&mut self) -> bool {
        if let Some(what) = &self.seen.sampler.broken {
            let message = format!("the stored evidence cannot be judged: {what}");
            self.end(SoakTestPhase::Failed, Reason::EvidenceUnusable, message);
            return true;
        }
        if let Some(what) = &self.seen.sampler.not_candidate {
            let message = format!("{} runs something else than the candidate: {what}", self.seen.spec.target);
            self.end(SoakTestPhase::Failed, Reason::NotTheCandidate, message);
            return true;
        }
        false
    }

    fn failed_fast(&mut self) -> bool {
        let Some(judgement) = self.seen.sampler.judgement.as_ref().filter(|j| j.fail_fast) else { return false };
        self.status.checks.clone_from(&judgement.checks);
        self.status.samples = judgement.samples.clone();
        let message = format!("ended early: {}", worst(judgement, Verdict::Failed));
        self.end(SoakTestPhase::Failed, Reason::CheckFailed, message);
        true
    }

    /// Keeps a task of the load going, and ends it when measure is over.
    pub(super) fn drive(&mut self, role: Role, measure_end: Timestamp) {
        let Some(record) = role.record(&self.status).cloned() else { return };
        let sight = self.sight(&record);
        if record.state.is_finished() {
            if role == Role::Inventory && self.now < measure_end && again(&record) {
                self.new_task(role, record.attempt + 1);
                self.soon();
            }
            return;
        }
        if self.now < measure_end {
            let step = advance(&record, &sight, self.seen.spec.load_timeout(), self.now);
            return self.take(role, step);
        }
        let mut step = cancel(&record, &sight, Reason::Settling, self.now);
        step.record = as_planned(step.record);
        self.take(role, step);
    }

    /// Says what is waited for: the judgement, or that the evidence for it can be read.
    pub(super) fn waits_for_judgement(&mut self, phase: SoakTestPhase, reason: Reason, message: &str) {
        match &self.seen.sampler.unread {
            Some(why) => {
                let message = format!("the stored evidence could not be read: {why}");
                self.progress(phase, Reason::EvidenceUnusable, message);
            }
            None => self.goes_on(phase, reason, message.to_owned()),
        }
    }

    /// Says how far it is, and while evidence cannot be stored, that: what is sampled meanwhile may be lost.
    fn goes_on(&mut self, phase: SoakTestPhase, reason: Reason, message: String) {
        match self.unstored() {
            Some(unstored) => {
                let message = format!("{message}; {unstored}: mend that, or they are lost");
                self.progress(phase, Reason::EvidenceUnusable, message);
            }
            None => self.progress(phase, reason, message),
        }
    }

    /// From when on samples are not stored, and why.
    fn unstored(&self) -> Option<String> {
        let facts = &self.seen.sampler;
        let why = facts.unstored.as_ref().filter(|_| facts.through < self.seen.spec.slots(self.status.extended()))?;
        let stored = Seconds(facts.through.saturating_mul(self.seen.spec.interval.0));
        let since = self.status.start_time? + stored;
        Some(format!("samples from {since} on are not stored: {}", cut(why.clone(), 512)))
    }

    /// Every required check decides; without a judgement there is no success.
    fn judge(&mut self, settle_end: Timestamp) {
        let facts = &self.seen.sampler;
        let compared = !self.seen.spec.leftovers || facts.inventories.after || self.now >= settle_end + EVIDENCE;
        let complete = compared && judged_from(&self.seen.spec, &self.status, settle_end, facts.through, self.now);
        let Some(judgement) = facts.judgement.as_ref().filter(|_| complete) else {
            // Told only where it takes long: mostly the last sample is stored and judged at once.
            if self.now >= settle_end + STORING || self.status.phase != Settling {
                self.waits_for_judgement(
                    Settling,
                    Reason::Settling,
                    "settled; the evidence is being stored and judged",
                );
            }
            self.wake_at((settle_end + EVIDENCE).max(self.now + Seconds(1)));
            self.wake_at(self.now + Seconds(5));
            return;
        };
        self.status.checks.clone_from(&judgement.checks);
        self.status.samples = judgement.samples.clone();
        self.status.compared_with.clone_from(&judgement.compared_with);
        let required = judgement.checks.iter().filter(|c| c.enforcement == Enforcement::Required).count();
        let (phase, reason, message) = match judgement.verdict {
            Verdict::Passed => {
                (SoakTestPhase::Succeeded, Reason::Passed, format!("all {required} required checks passed"))
            }
            Verdict::Failed => (SoakTestPhase::Failed, Reason::CheckFailed, worst(judgement, Verdict::Failed)),
            Verdict::Error => (SoakTestPhase::Failed, Reason::EvidenceUnusable, worst(judgement, Verdict::Error)),
            Verdict::Inconclusive => {
                let needed =
                    judgement.needed.map_or_else(String::new, |n| format!("; a measure of {n} would settle it"));
                let worst = worst(judgement, Verdict::Inconclusive);
                let message = match self.unstored() {
                    // What lacks them says so in words of its own, as if they had not been taken.
                    Some(unstored) => format!("{unstored}: mend that and run again; {worst}"),
                    None => format!("{worst}{needed}"),
                };
                let fails = self.seen.spec.inconclusive_fails;
                let phase = if fails { SoakTestPhase::Failed } else { SoakTestPhase::Inconclusive };
                (phase, Reason::InsufficientEvidence, message)
            }
        };
        self.end(phase, reason, message);
    }
}

/// A task that we have ended in time did what it was for.
pub(super) fn as_planned(mut record: TaskStatus) -> TaskStatus {
    if record.state == TaskState::Failed && record.reason == Some(Reason::Settling) {
        record.state = TaskState::Succeeded;
        record.cause = None;
        record.reason = None;
        AS_PLANNED.clone_into(&mut record.message);
    }
    record
}

/// The required checks with this verdict, in their own words; the first few.
pub(super) fn worst(judgement: &Judgement, verdict: Verdict) -> String {
    let mut all: Vec<String> = judgement
        .checks
        .iter()
        .filter(|c| c.enforcement == Enforcement::Required && c.verdict == Some(verdict))
        .map(|c| format!("check {:?}: {}", c.name, c.message))
        .collect();
    let more = all.len().saturating_sub(3);
    all.truncate(3);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    if all.is_empty() { "no required check could be judged".into() } else { all.join("; ") }
}
