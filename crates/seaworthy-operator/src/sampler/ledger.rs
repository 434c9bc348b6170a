//! One run's slots in memory: those under way, those recorded, those stored.
//!
//! Slots are recorded in order, whenever their looks come back. What is recorded but not stored is kept as it was seen, so that evidence
//! which somebody else wrote meanwhile (a second operator) can be taken over and ours be added to it. Pure; no clock, no I/O.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use seaworthy_core::soak_test::SampleCounts;
use seaworthy_soak::{
    record::{FaultWindow, Gap, GapReason, InventoryPoint, ObjectRef, SlotRecord},
    recorder::{Checkpoint, RecordError, Recorder},
};

/// Slots that may wait to be stored; beyond, only their gaps are kept.
const UNSTORED: usize = 240;

/// The slots of one run.
pub(super) struct Ledger {
    recorder: Recorder,
    /// Slots whose looks are under way, or are done but wait for earlier ones.
    open: BTreeMap<u64, Option<SlotRecord>>,
    unstored: VecDeque<SlotRecord>,
    /// All that were declared; the recorder keeps those that are new to it.
    faults: Vec<FaultWindow>,
    /// Inventories that were taken here, for the same reason.
    inventories: Vec<(String, InventoryPoint, Vec<ObjectRef>)>,
    counts: Counts,
}

/// Coverage as it is shown; the judgement counts by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    planned: u64,
    obtained: u64,
    longest_gap_ms: u64,
    /// Slots without a page, per source and target, until now.
    missing: BTreeMap<String, u64>,
}

impl Counts {
    /// Goes on from what stored evidence says.
    pub(super) fn from(planned: u64, obtained: u64, longest_gap_ms: u64) -> Self {
        Self { planned, obtained, longest_gap_ms, missing: BTreeMap::new() }
    }

    fn add(&mut self, record: &SlotRecord, interval_ms: u64) {
        let mut missing = BTreeMap::new();
        for look in &record.looks {
            self.planned += 1;
            let key = format!("{}/{}", look.source, look.target);
            if look.result.is_ok() {
                self.obtained += 1;
            } else {
                let run = self.missing.get(&key).copied().unwrap_or(0) + 1;
                self.longest_gap_ms = self.longest_gap_ms.max(run * interval_ms);
                missing.insert(key, run);
            }
        }
        self.missing = missing;
    }

    pub(super) const fn shown(&self) -> SampleCounts {
        SampleCounts { planned: self.planned, obtained: self.obtained, longest_gap_seconds: self.longest_gap_ms / 1000 }
    }
}

impl Ledger {
    pub(super) fn new(recorder: Recorder, counts: Counts) -> Self {
        Self {
            recorder,
            open: BTreeMap::new(),
            unstored: VecDeque::new(),
            faults: Vec::new(),
            inventories: Vec::new(),
            counts,
        }
    }

    /// The next slot that nobody has opened.
    pub(super) fn next(&self) -> u64 {
        self.open.last_key_value().map_or(0, |(slot, _)| slot + 1).max(self.recorder.next_slot())
    }

    /// A slot's looks begin.
    pub(super) fn open(&mut self, slot: u64) {
        self.open.insert(slot, None);
    }

    /// A slot's looks have come back. Returns the slots that are over by this: recorded, or missed in between.
    pub(super) fn close(&mut self, record: SlotRecord, faults: &[FaultWindow]) -> Range<u64> {
        if self.faults != faults && !faults.is_empty() {
            faults.clone_into(&mut self.faults);
            for window in faults {
                self.recorder.fault(window);
            }
        }
        self.open.insert(record.slot, Some(record));
        let before = self.recorder.next_slot();
        while let Some(entry) = self.open.first_entry() {
            if entry.get().is_none() {
                break;
            }
            let Some(record) = entry.remove() else { break };
            self.record(record);
        }
        before..self.recorder.next_slot()
    }

    fn record(&mut self, record: SlotRecord) {
        self.counts.add(&record, self.recorder.run().interval_ms);
        if self.unstored.len() >= UNSTORED {
            let gap = Gap::new(GapReason::Other, "the API server stored no evidence for too long");
            return told(self.recorder.gap(record.slot, record.unix_ms, &gap));
        }
        told(self.recorder.record(&record));
        self.unstored.push_back(record);
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

    /// It was stored.
    pub(super) fn committed(&mut self, checkpoint: &Checkpoint) {
        self.recorder.committed(checkpoint);
        let through = self.recorder.acknowledged();
        self.unstored.retain(|record| record.slot >= through);
    }

    /// Slots before this are stored.
    pub(super) fn through(&self) -> u64 {
        self.recorder.acknowledged()
    }

    /// Takes over what somebody else stored, and records again what of ours goes beyond it.
    pub(super) fn take_over(&mut self, recorder: Recorder) {
        self.recorder = recorder;
        for window in &self.faults {
            self.recorder.fault(window);
        }
        for (check, point, objects) in &self.inventories {
            self.recorder.inventory(check, *point, objects);
        }
        for record in &self.unstored {
            if record.slot >= self.recorder.next_slot() {
                told(self.recorder.record(record));
            }
        }
    }

    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Only a slot of the past, or one with too many looks, is refused: the next one makes a gap of it.
fn told(result: Result<(), RecordError>) {
    if let Err(error) = result {
        tracing::warn!(%error, "a slot was not recorded");
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_soak::record::{Look, Page, RunInfo};

    use super::*;

    fn ledger() -> Ledger {
        let run = RunInfo { run: "uid".into(), start_unix_ms: 1_000_000, interval_ms: 1000 };
        Ledger::new(Recorder::new(run), Counts::default())
    }

    fn slot(slot: u64, ok: bool) -> SlotRecord {
        let page = Page {
            late_ms: 0,
            incarnation: String::new(),
            series_on_page: 0,
            samples: vec![],
            types: std::collections::BTreeMap::new(),
        };
        let result = if ok { Ok(page) } else { Err(Gap::new(GapReason::Timeout, "5 s")) };
        let look = Look { source: "s".into(), target: "p".into(), result };
        SlotRecord { slot, unix_ms: 1_000_000, looks: vec![look], pods: None, inventories: vec![] }
    }

    #[test]
    fn slots_are_recorded_in_order_whenever_they_come_back() {
        let mut ledger = ledger();
        for n in 0..3 {
            assert_eq!(ledger.next(), n);
            ledger.open(n);
        }
        assert_eq!(ledger.close(slot(2, true), &[]), 0..0);
        assert_eq!(ledger.close(slot(0, false), &[]), 0..1);
        assert_eq!(ledger.close(slot(1, false), &[]), 1..3);
        assert_eq!(ledger.next(), 3);
        let want = SampleCounts { planned: 3, obtained: 1, longest_gap_seconds: 2 };
        assert_eq!(ledger.counts().shown(), want);
        let checkpoint = ledger.checkpoint();
        assert_eq!((ledger.through(), checkpoint.through), (0, 3));
        ledger.committed(&checkpoint);
        assert!(ledger.through() == 3 && !ledger.dirty() && ledger.unstored.is_empty());
    }

    #[test]
    fn what_somebody_else_stored_is_taken_over() {
        let (mut ours, mut theirs) = (ledger(), ledger());
        for n in 0..5 {
            ours.open(n);
            ours.close(slot(n, true), &[]);
        }
        for n in 0..3 {
            theirs.open(n);
            theirs.close(slot(n, true), &[]);
        }
        let head = theirs.checkpoint().head;
        let run = ours.recorder.run().clone();
        let resumed = Recorder::resume(run, vec![head], None, 0).unwrap();
        assert_eq!(resumed.hole, None);
        ours.take_over(resumed.recorder);
        assert_eq!((ours.next(), ours.through()), (5, 3));
    }

    #[test]
    fn what_is_never_stored_stays_bounded() {
        let mut ledger = ledger();
        for n in 0..1000 {
            ledger.open(n);
            ledger.close(slot(n, true), &[]);
        }
        assert_eq!(ledger.unstored.len(), UNSTORED);
        assert_eq!(ledger.next(), 1000);
    }
}
