//! One run's slots in memory: those under way, those recorded, those stored.
//!
//! Slots are recorded in order, whenever their looks come back. Evidence that somebody else wrote meanwhile (a second operator) is taken over,
//! and what was recorded here and not stored goes on from there. Pure; no clock, no I/O.

use std::{collections::BTreeMap, ops::Range};

use seaworthy_core::soak_test::SampleCounts;
use seaworthy_soak::{
    record::{FaultWindow, Gap, GapReason, InventoryPoint, ObjectRef, SlotRecord},
    recorder::{Checkpoint, RecordError, Recorder},
};

use super::room::Part;

/// Slots that may wait to be stored; beyond, only their gaps are kept. A hole of so many does not count: there is nothing of it to keep.
const UNSTORED: u64 = 240;
/// With so many values a slot, a checkpoint is too much work to be done among other work.
const WIDE: usize = 64;

/// What became of a slot.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// It was looked at.
    Seen(SlotRecord),
    /// It was not, or what was seen cannot be kept.
    Nothing {
        /// The slot.
        slot: u64,
        /// Wall time at which it began, in milliseconds since the epoch.
        unix_ms: i64,
        /// Why.
        gap: Gap,
    },
}

impl Outcome {
    const fn slot(&self) -> u64 {
        match self {
            Self::Seen(record) => record.slot,
            Self::Nothing { slot, .. } => *slot,
        }
    }

    const fn unix_ms(&self) -> i64 {
        match self {
            Self::Seen(record) => record.unix_ms,
            Self::Nothing { unix_ms, .. } => *unix_ms,
        }
    }

    /// Whether everything that was looked at answered.
    fn whole(&self) -> bool {
        let Self::Seen(record) = self else { return false };
        record.looks.iter().all(|look| look.result.is_ok()) && !matches!(record.pods, Some(Err(_)))
    }

    /// What is on pages is not kept, but for this; what else was seen is.
    fn refuse_pages(&mut self, gap: &Gap) {
        let Self::Seen(record) = self else { return };
        for look in record.looks.iter_mut().filter(|look| look.result.is_ok()) {
            look.result = Err(gap.clone());
        }
    }

    /// The same slot, with nothing but this to say of it.
    fn gap(&self, gap: Gap) -> Self {
        Self::Nothing { slot: self.slot(), unix_ms: self.unix_ms(), gap }
    }
}

/// The slots of one run.
pub(super) struct Ledger {
    recorder: Recorder,
    /// Slots whose looks are under way, or are done but wait for earlier ones.
    open: BTreeMap<u64, Option<Outcome>>,
    /// All that were declared; the recorder keeps those that are new to it.
    faults: Vec<FaultWindow>,
    /// Inventories that were taken here, for the same reason.
    inventories: Vec<(String, InventoryPoint, Vec<ObjectRef>)>,
    counts: Counts,
    /// What the recorder holds of the memory of all runs.
    room: Part,
    /// The most values that a slot had.
    widest: usize,
    /// Where the last long hole ended, or where this began: what is before waits to be stored as well, and takes no room.
    from: u64,
}

/// Coverage as it is shown: of the slots that are over, those that were seen whole. The judgement counts by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    planned: u64,
    obtained: u64,
    longest_gap_ms: u64,
    /// How long nothing has been obtained, until now.
    missing_ms: u64,
}

impl Counts {
    /// Goes on from what stored evidence says.
    pub(super) const fn from(planned: u64, obtained: u64, longest_gap_ms: u64) -> Self {
        Self { planned, obtained, longest_gap_ms, missing_ms: 0 }
    }

    fn add(&mut self, missed: u64, whole: bool, interval_ms: u64) {
        self.planned += missed + 1;
        self.missing_ms += missed * interval_ms;
        if whole {
            self.obtained += 1;
        } else {
            self.missing_ms += interval_ms;
        }
        self.longest_gap_ms = self.longest_gap_ms.max(self.missing_ms);
        if whole {
            self.missing_ms = 0;
        }
    }

    pub(super) const fn shown(&self) -> SampleCounts {
        SampleCounts { planned: self.planned, obtained: self.obtained, longest_gap_seconds: self.longest_gap_ms / 1000 }
    }
}

impl Ledger {
    pub(super) fn new(recorder: Recorder, counts: Counts, room: Part) -> Self {
        let (open, from) = (BTreeMap::new(), recorder.next_slot());
        let mut new =
            Self { recorder, open, faults: Vec::new(), inventories: Vec::new(), counts, room, widest: 0, from };
        new.weigh();
        new
    }

    /// Counts what the recorder holds: by its columns, not by their values.
    fn weigh(&mut self) {
        self.room.is(self.recorder.held_bytes());
    }

    /// The next slot that nobody has opened.
    pub(super) fn next(&self) -> u64 {
        self.open.last_key_value().map_or(0, |(slot, _)| slot + 1).max(self.recorder.next_slot())
    }

    /// A slot's looks begin.
    pub(super) fn open(&mut self, slot: u64) {
        self.open.insert(slot, None);
    }

    /// A slot's looks have come back, or will not. Returns the slots that are over by this: recorded, or missed in between.
    pub(super) fn close(&mut self, outcome: Outcome, faults: &[FaultWindow]) -> Range<u64> {
        if self.faults != faults && !faults.is_empty() {
            faults.clone_into(&mut self.faults);
            for window in faults {
                self.recorder.fault(window);
            }
        }
        self.open.insert(outcome.slot(), Some(outcome));
        self.record_closed()
    }

    /// Nobody looks on: a slot under way is a gap where a later one is done, so that this one can be stored.
    pub(super) fn give_up(&mut self) {
        let done = self.open.iter().rfind(|(_, outcome)| outcome.is_some()).map(|(slot, _)| *slot);
        let run = self.recorder.run().clone();
        for (slot, outcome) in self.open.range_mut(..done.unwrap_or(0)).filter(|(_, outcome)| outcome.is_none()) {
            let planned = i64::try_from(run.planned_ms(*slot)).unwrap_or(i64::MAX);
            let gap = Gap::new(GapReason::OperatorDown, "the operator was asked to end before the answers were there");
            *outcome = Some(Outcome::Nothing { slot: *slot, unix_ms: run.start_unix_ms.saturating_add(planned), gap });
        }
        self.record_closed();
    }

    /// Records what is done and waits for nothing earlier.
    fn record_closed(&mut self) -> Range<u64> {
        let before = self.recorder.next_slot();
        while let Some(entry) = self.open.first_entry() {
            if entry.get().is_none() {
                break;
            }
            let Some(outcome) = entry.remove() else { break };
            self.record(outcome);
        }
        before..self.recorder.next_slot()
    }

    fn record(&mut self, mut outcome: Outcome) {
        if let Outcome::Seen(record) = &outcome {
            let pages = record.looks.iter().filter_map(|look| look.result.as_ref().ok());
            self.widest = self.widest.max(pages.map(|page| page.samples.len()).sum());
        }
        let missed = outcome.slot().saturating_sub(self.recorder.next_slot());
        if missed >= UNSTORED {
            self.from = outcome.slot();
        }
        if self.recorder.next_slot() >= self.recorder.acknowledged().max(self.from) + UNSTORED {
            outcome = outcome.gap(Gap::new(GapReason::Other, "the API server stored no evidence for too long"));
        }
        if let Some(gap) = self.room.full() {
            outcome.refuse_pages(&gap);
        }
        if let Some(gap) = put(&mut self.recorder, &outcome) {
            outcome = outcome.gap(gap);
        }
        self.weigh();
        self.counts.add(missed, outcome.whole(), self.recorder.run().interval_ms);
    }

    /// Adds an inventory for a `leftovers` check. The first one of a point counts.
    pub(super) fn inventory(&mut self, check: &str, point: InventoryPoint, objects: Vec<ObjectRef>) {
        self.recorder.inventory(check, point, &objects);
        self.inventories.push((check.to_owned(), point, objects));
    }

    /// Whether every one of `checks` has its inventory of this point.
    pub(super) fn has_inventories(&self, checks: &[String], point: InventoryPoint) -> bool {
        checks.iter().all(|check| self.recorder.has_inventory(check, point))
    }

    pub(super) fn dirty(&self) -> bool {
        self.recorder.dirty()
    }

    /// What is to be stored now.
    pub(super) fn checkpoint(&mut self) -> Checkpoint {
        self.recorder.checkpoint()
    }

    /// The recorder again, to make a checkpoint elsewhere where that is much work. The copy is then to be taken over: what is recorded
    /// meanwhile is recorded there as well.
    pub(super) fn copy(&self) -> Option<Recorder> {
        (self.widest >= WIDE).then(|| self.recorder.clone())
    }

    /// It was stored.
    pub(super) fn committed(&mut self, checkpoint: &Checkpoint) {
        self.recorder.committed(checkpoint);
        self.weigh();
    }

    /// Slots before this are stored.
    pub(super) fn through(&self) -> u64 {
        self.recorder.acknowledged()
    }

    /// Takes over a recorder that somebody else's evidence, or a copy of ours, went into; what of ours goes beyond it is added.
    pub(super) fn take_over(&mut self, recorder: Recorder) {
        let ours = std::mem::replace(&mut self.recorder, recorder);
        self.recorder.go_on_with(&ours);
        for window in &self.faults {
            self.recorder.fault(window);
        }
        for (check, point, objects) in &self.inventories {
            self.recorder.inventory(check, *point, objects);
        }
        self.weigh();
    }

    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Records an outcome. Returns the gap that stands in its place where the recorder refuses it: the slot must be over either way, for it would be
/// opened again at once.
fn put(recorder: &mut Recorder, outcome: &Outcome) -> Option<Gap> {
    let done = match outcome {
        Outcome::Seen(record) => recorder.record(record),
        Outcome::Nothing { slot, unix_ms, gap } => recorder.gap(*slot, *unix_ms, gap),
    };
    let refused = done.err()?;
    tracing::warn!(error = %refused, "a slot was not recorded");
    if matches!(refused, RecordError::Past { .. }) {
        return None;
    }
    let gap = Gap::new(GapReason::TooManySeries, refused.to_string());
    if let Err(error) = recorder.gap(outcome.slot(), outcome.unix_ms(), &gap) {
        tracing::warn!(%error, "nor its gap");
    }
    Some(gap)
}

#[cfg(test)]
mod tests;
