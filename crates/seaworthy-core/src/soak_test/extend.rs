//! Whether measure goes on: when it ends with too little evidence, it is extended for as long as that would settle the checks.
//!
//! Decided while the load still runs: a load that was stopped and started again would be another measurement. Every extension is recorded
//! before anything follows from it, and once it is decided that there is none, that is final.

use super::{
    Role,
    decide::Visit,
    observed::{extension_from, extension_is_open},
    running::worst,
    spec::EXTENSION,
    status::{ExtensionStatus, SoakTestPhase},
};
use crate::{
    condition::Reason,
    plan::NoteKind,
    time::{Seconds, Timestamp},
    verdict::Verdict,
};

impl Visit<'_> {
    /// Whether measure is not over yet, for it was extended or that is still being decided.
    pub(super) fn extends(&mut self, measure_end: Timestamp, settle_end: Timestamp) -> bool {
        let spec = &self.seen.spec;
        if !extension_is_open(spec, &self.status) {
            return false;
        }
        let loaded = self.status.workload.as_ref().is_none_or(|w| !w.state.is_finished());
        let so_far = self.status.extension.clone().unwrap_or_default();
        let left = Seconds(spec.max_extension.0.saturating_sub(so_far.seconds));
        if !loaded || left < spec.least_extension() {
            self.status.extension = Some(ExtensionStatus { closed: true, ..so_far });
            return false;
        }
        let facts = &self.seen.sampler;
        let ready = extension_from(spec, &self.status, measure_end, facts.through, self.now);
        let Some(judgement) = facts.judgement.as_ref().filter(|_| ready) else {
            // The load goes on meanwhile.
            let later = self.now + Seconds(1);
            self.drive(Role::Workload, later);
            self.drive(Role::Inventory, later);
            let message = "measure is over; its evidence says whether it is extended";
            self.waits_for_judgement(SoakTestPhase::Measuring, Reason::Measuring, message);
            self.wake_at((measure_end + EXTENSION).max(later));
            self.wake_at(self.now + Seconds(5));
            return true;
        };
        let measured = spec.measure.0 + so_far.seconds;
        let Some(wanted) = judgement.extend_to else {
            self.status.extension = Some(ExtensionStatus { closed: true, ..so_far });
            return false;
        };
        let by = Seconds(wanted.0.saturating_sub(measured)).max(spec.least_extension()).min(left);
        let why = worst(judgement, Verdict::Inconclusive);
        self.status.extension =
            Some(ExtensionStatus { seconds: so_far.seconds + by.0, times: so_far.times + 1, closed: false });
        self.status.measure_end_time = Some(measure_end + by);
        self.status.settle_end_time = Some(settle_end + by);
        self.status.estimated_completion_time = self.status.estimated_completion_time.map(|t| t + by);
        self.status.checks.clone_from(&judgement.checks);
        let message = format!("measure was extended by {by}, until {}: {why}", measure_end + by);
        self.note(NoteKind::Normal, Reason::Measuring, message.clone());
        self.progress(SoakTestPhase::Measuring, Reason::Measuring, message);
        self.soon();
        true
    }
}
