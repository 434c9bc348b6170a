//! The recorder: slots in, evidence objects out.
//!
//! It holds the rows that are not sealed yet and the seals that are not acknowledged yet, nothing else. A checkpoint names the
//! objects to write; what they hold is acknowledged once the head is written. Writing sealed objects first and the head last
//! makes every crash harmless: either the old head still stands with its rows, or the new one does.
//!
//! Deliberately absent: time. Whoever calls says which slot it is.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use crate::evidence::Evidence;
use crate::record::{
    FaultWindow, Gap, GapReason, InventoryPoint, Look, ObjectRef, Page, PodState, RunInfo, SlotRecord, one_line,
};
use crate::row::{Cell, Row, about, cell_of, columns_are_full, inventory, source_word, target_word, too_many};
use crate::segment::{
    Chain, ChainError, Inventoried, Kind, Known, Lasting, Object, Packed, Part, SEGMENT_SLOTS, SHARD_BYTES, Tip,
    Unpacked, check, held, inventory_payloads, object, pack,
};
use crate::series::Table;
use crate::text::{Place, PlacedGap, gaps_to_text, pods_to_text};
use crate::times::{Times, stands_ms};
use crate::types::Types;

pub use crate::row::{MAX_NAME_BYTES_PER_LOOK, MAX_SERIES_PER_LOOK};

/// The most looks that one slot may have; more are refused.
pub const MAX_LOOKS: usize = 1024;
/// Once the sealed objects of a run have so many bytes, its further slots are gaps.
pub const MAX_RUN_BYTES: u64 = 64 << 20;
/// Once all that a run has recorded takes so many bytes unpacked, its further slots are gaps: 4 Mi cells of 9 bytes, names, texts and rows
/// included. It is judged at once and as a whole, however well it packs.
pub const MAX_UNPACKED_BYTES: u64 = 36 << 20;
/// The most pods that one look may have.
const MAX_PODS: usize = 256;
/// The most declared fault windows.
pub(crate) const MAX_FAULTS: usize = 64;
/// A metric's own time may lie so far in the past (or two intervals, if that is more) and in the future: clocks differ, and some
/// sources refresh slowly.
const OLDEST_MS: u64 = 5 * 60 * 1000;
const NEWEST_MS: i64 = 60 * 1000;
/// With more gaps than this in one slot their details are left out.
const DETAILED_GAPS: usize = 16;
/// The most slots that may be skipped at once: more than a day of seconds.
const MAX_SKIP: u64 = 200_000;

/// Why a slot was not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The slot has been recorded, as a sample or as a gap; evidence is never rewritten.
    #[error("slot {slot} is in the past, the next one to record is {next}: drop this sample")]
    Past {
        /// The slot.
        slot: u64,
        /// The next one.
        next: u64,
    },
    /// The slot is too far ahead.
    #[error("slot {slot} is more than {MAX_SKIP} slots ahead of {next}: the schedule or the clock is wrong")]
    TooFar {
        /// The slot.
        slot: u64,
        /// The next one.
        next: u64,
    },
    /// Too many looks.
    #[error("slot {slot} has {looks} looks, the bound is {MAX_LOOKS}: watch fewer targets")]
    TooManyLooks {
        /// The slot.
        slot: u64,
        /// How many looks it has.
        looks: usize,
    },
}

/// The objects that make everything recorded so far last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// To be created first, in this order, immutable. After a failed attempt they are the same bytes again.
    pub sealed: Vec<Object>,
    /// To be created or replaced last: writing it acknowledges all slots before `through`.
    pub head: Object,
    /// The chain's tip for the status, if there is any sealed object.
    pub tip: Option<String>,
    /// Slots before this one are acknowledged once the head is written.
    pub through: u64,
    faults: usize,
}

/// A recorder that goes on with stored evidence.
#[derive(Debug)]
pub struct Resumed {
    /// The recorder.
    pub recorder: Recorder,
    /// Names of objects of an unfinished seal: delete them before the next checkpoint.
    pub discard: Vec<String>,
    /// The slots that nobody recorded, now gaps with the reason `OperatorDown`.
    pub hole: Option<Range<u64>>,
}

/// Records the slots of one run.
#[derive(Debug, Clone)]
pub struct Recorder {
    run: RunInfo,
    table: Table,
    /// Rows that are sealed and not acknowledged.
    sealed: Vec<Table>,
    pending: Vec<Object>,
    tip: Tip,
    faults: Vec<FaultWindow>,
    inventories: BTreeSet<Inventoried>,
    acknowledged: u64,
    acknowledged_faults: usize,
    types: Types,
    times: Times,
    /// The bytes of all objects that are sealed, stored or not.
    sealed_bytes: u64,
    unpacked: Unpacked,
    /// The pods of the last slot and their text: most slots have the very same.
    pods: Option<(Arc<[PodState]>, Arc<str>)>,
}

impl Recorder {
    /// A recorder for a run without evidence.
    pub fn new(run: RunInfo) -> Self {
        Self {
            run,
            table: Table::starting_at(0),
            sealed: Vec::new(),
            pending: Vec::new(),
            tip: Tip::default(),
            faults: Vec::new(),
            inventories: BTreeSet::new(),
            acknowledged: 0,
            acknowledged_faults: 0,
            types: Types::default(),
            times: Times::default(),
            sealed_bytes: 0,
            unpacked: Unpacked::default(),
            pods: None,
        }
    }

    /// Goes on with stored evidence. `now_slot` is the next slot that will be recorded; what lies between is the hole.
    ///
    /// # Errors
    /// The evidence is not what was written, or less than is known: its run must end with `Error`.
    pub fn resume<'k>(
        run: RunInfo,
        objects: Vec<Object>,
        known: impl Into<Known<'k>>,
        now_slot: u64,
    ) -> Result<Resumed, ChainError> {
        let (resumed, _) = Self::go_on(run, objects, &known.into(), now_slot, None)?;
        Ok(resumed)
    }

    /// As [`Self::resume`], with the evidence that it goes on with: read once for both.
    ///
    /// # Errors
    /// As [`Self::resume`].
    pub fn resume_with_evidence<'k>(
        run: &RunInfo,
        objects: Vec<Object>,
        known: impl Into<Known<'k>>,
        now_slot: u64,
    ) -> Result<(Resumed, Evidence), ChainError> {
        let mut rows = Table::default();
        let (resumed, chain) = Self::go_on(run.clone(), objects, &known.into(), now_slot, Some(&mut rows))?;
        Ok((resumed, Evidence::of(run, rows, chain)))
    }

    /// `all` is given all rows that are stored, where somebody wants them.
    fn go_on(
        run: RunInfo,
        objects: Vec<Object>,
        known: &Known<'_>,
        now_slot: u64,
        mut all: Option<&mut Table>,
    ) -> Result<(Resumed, Chain), ChainError> {
        let mut unpacked = Unpacked::default();
        let mut chain = check(&run, objects, known, &mut |part| {
            unpacked.table(&part);
            if let Some(all) = &mut all {
                all.append(part);
            }
        })?;
        let head = chain.head.take().unwrap_or_default();
        unpacked.table(&head);
        if let Some(all) = all {
            all.append(head.clone());
        }
        chain.inventories.values().for_each(|objects| unpacked.inventory(objects));
        let mut recorder = Self::new(run);
        recorder.table = head;
        recorder.tip = chain.tip.clone();
        recorder.sealed_bytes = chain.sealed_bytes;
        recorder.unpacked = unpacked;
        recorder.acknowledged_faults = chain.faults.len();
        recorder.faults.clone_from(&chain.faults);
        recorder.types.clone_from(&chain.types);
        recorder.inventories = chain.inventories.keys().cloned().collect();
        recorder.acknowledged = recorder.table.next_slot();
        let next = recorder.next_slot();
        let hole = (next < now_slot).then_some(next..now_slot.min(next + MAX_SKIP));
        for slot in hole.clone().into_iter().flatten() {
            recorder.push_gap_row(slot, &Gap::new(GapReason::OperatorDown, ""));
        }
        let discard = std::mem::take(&mut chain.unfinished);
        Ok((Resumed { recorder, discard, hole }, chain))
    }

    /// The run.
    pub fn run(&self) -> &RunInfo {
        &self.run
    }

    /// The next slot to record.
    pub fn next_slot(&self) -> u64 {
        self.table.next_slot()
    }

    /// Slots before this one are acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What is in memory because it is not sealed and acknowledged yet, in bytes.
    pub fn held_bytes(&self) -> u64 {
        let rows = self.sealed.iter().chain([&self.table]).map(held);
        rows.sum::<u64>() + self.pending.iter().map(Object::bytes).sum::<u64>()
    }

    /// The chain's tip, if there is any sealed object.
    pub fn tip(&self) -> Option<&str> {
        (self.tip.links > 0).then_some(self.tip.hash.as_str())
    }

    /// Whether anything is not acknowledged yet.
    pub fn dirty(&self) -> bool {
        self.next_slot() > self.acknowledged || !self.pending.is_empty() || self.faults.len() > self.acknowledged_faults
    }

    /// Records a slot. Slots that were skipped become gaps with the reason `Missed`. Once the run's evidence is as large as it may
    /// be, the slot is a gap with the reason `TooManySeries`, whatever was seen.
    ///
    /// # Errors
    /// The slot lies in the past or too far ahead, or has too many looks; nothing is recorded then.
    pub fn record(&mut self, record: &SlotRecord) -> Result<(), RecordError> {
        let SlotRecord { slot, looks, .. } = record;
        if looks.len() + record.inventories.len() > MAX_LOOKS {
            return Err(RecordError::TooManyLooks { slot: *slot, looks: looks.len() + record.inventories.len() });
        }
        self.skip_to(*slot)?;
        if self.sealed_bytes > MAX_RUN_BYTES || self.unpacked.bytes() > MAX_UNPACKED_BYTES {
            self.push_gap(record.unix_ms, &run_is_full());
            return Ok(());
        }
        let mut row = Row::after(&self.table);
        let pods = match &record.pods {
            Some(Ok(pods)) if pods.len() <= MAX_PODS => Some(self.pods_text(pods)),
            Some(Ok(pods)) => {
                let gap = Gap::new(GapReason::TooManySeries, format!("{} pods, the bound is {MAX_PODS}", pods.len()));
                row.gaps.push(PlacedGap { place: Place::Pods, gap });
                None
            }
            Some(Err(gap)) => {
                row.gaps.push(PlacedGap { place: Place::Pods, gap: gap.clone() });
                None
            }
            None => None,
        };
        // Gaps are known only after the looks, and the row comes first: so look, then write.
        for look in looks {
            self.look(record, look, &mut row);
        }
        let kept = stands_ms(self.run.interval_ms) / self.run.interval_ms.max(1);
        self.times.forget_before(slot.saturating_sub(kept));
        for round in &record.inventories {
            inventory(round, &mut row);
        }
        let more = self.unpacked.would_add(*slot, row.cells.iter().map(|(name, _)| name.as_str()));
        if self.unpacked.bytes().saturating_add(more) > MAX_UNPACKED_BYTES {
            // For good: which slots are kept must not depend on what is on their pages.
            self.unpacked.fill();
            self.push_gap(record.unix_ms, &run_is_full());
            return Ok(());
        }
        let gaps = gap_cell(row.gaps);
        self.push_row(record.unix_ms, gaps.as_deref(), pods.as_deref());
        for (name, cell) in row.cells {
            self.unpacked.column(&name, *slot, *slot);
            match cell {
                Cell::Number(value) => self.table.set_number(&name, value),
                Cell::Text(text) => {
                    self.unpacked.text(&text);
                    self.table.set_text(&name, &text);
                }
            }
        }
        Ok(())
    }

    /// Records that a whole slot was missed, with the reason.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn gap(&mut self, slot: u64, unix_ms: i64, gap: &Gap) -> Result<(), RecordError> {
        self.skip_to(slot)?;
        self.push_gap(unix_ms, gap);
        Ok(())
    }

    /// Declares a fault. More than 64 are not kept; one that is known already is not added again.
    pub fn fault(&mut self, window: &FaultWindow) {
        let window = FaultWindow { kind: one_line(&window.kind), ..*window };
        if self.faults.len() < MAX_FAULTS && !self.faults.contains(&window) {
            self.faults.push(window);
        }
    }

    /// Adds the inventory for a `leftovers` check; it lasts with the next checkpoint. One that is known already stays as it is.
    pub fn inventory(&mut self, check: &str, point: InventoryPoint, objects: &[ObjectRef]) {
        let inventoried = Inventoried { check: check.to_owned(), point };
        if !self.inventories.insert(inventoried.clone()) {
            return;
        }
        self.unpacked.inventory(objects);
        let payloads = inventory_payloads(objects);
        let shards = u32::try_from(payloads.len()).unwrap_or(u32::MAX);
        for (shard, payload) in (0..).zip(payloads) {
            let part = Part { shard, shards, inventoried: Some(inventoried.clone()), ..Part::default() };
            self.seal(Kind::Inventory, &part, payload);
        }
    }

    /// Whether the inventory for a `leftovers` check has been added.
    pub fn has_inventory(&self, check: &str, point: InventoryPoint) -> bool {
        self.inventories.contains(&Inventoried { check: check.to_owned(), point })
    }

    /// The objects that make everything recorded so far last. Rows that fill a segment are sealed by this.
    pub fn checkpoint(&mut self) -> Checkpoint {
        while self.table.rows() >= SEGMENT_SLOTS {
            let front = self.table.split_front(SEGMENT_SLOTS);
            self.seal_rows(pack(&front));
            self.sealed.push(front);
        }
        let payload = self.head_payload();
        let part = Part {
            first_slot: self.table.first_slot,
            slots: self.table.rows() as u64,
            shard: 0,
            shards: 1,
            inventoried: None,
        };
        Checkpoint {
            sealed: self.pending.clone(),
            head: object(&self.run, Kind::Head, &self.tip, &part, payload, &self.lasting()),
            tip: self.tip().map(str::to_owned),
            through: self.next_slot(),
            faults: self.faults.len(),
        }
    }

    /// The writes of a checkpoint succeeded.
    pub fn committed(&mut self, checkpoint: &Checkpoint) {
        self.pending.retain(|object| !checkpoint.sealed.contains(object));
        self.acknowledged = self.acknowledged.max(checkpoint.through);
        self.sealed.retain(|rows| rows.next_slot() > self.acknowledged);
        self.acknowledged_faults = self.acknowledged_faults.max(checkpoint.faults);
    }

    /// Takes over what goes beyond its own rows from `other`, a recorder of the same run: where two record it, nothing is lost that either
    /// saw and could not store. Faults and inventories are not taken over.
    pub fn go_on_with(&mut self, other: &Self) {
        for rows in other.sealed.iter().chain([&other.table]) {
            for (row, slot) in (rows.first_slot..rows.next_slot()).enumerate() {
                if slot == self.next_slot() {
                    let mut one = Table::starting_at(slot);
                    one.push_row_of(rows, row);
                    self.unpacked.table(&one);
                    self.table.push_row_of(rows, row);
                }
            }
        }
        if other.unpacked.bytes() > MAX_UNPACKED_BYTES {
            self.unpacked.fill();
        }
        self.types.go_on_with(&other.types);
        self.times.clone_from(&other.times);
    }

    /// What the head says besides its rows.
    fn lasting(&self) -> Lasting {
        Lasting { faults: self.faults.clone(), types: self.types.clone() }
    }

    /// The rows that are not sealed. The head must stay one object, for writing it is the moment of acknowledgement: rows that one
    /// cannot hold are sealed.
    fn head_payload(&mut self) -> Vec<u8> {
        if self.table.rows() == 0 {
            return Vec::new();
        }
        let mut packed = pack(&self.table);
        if let [one] = packed.as_mut_slice()
            && let [payload] = one.payloads.as_mut_slice()
            && payload.len() <= SHARD_BYTES
        {
            return std::mem::take(payload);
        }
        let rows = Table::starting_at(self.table.next_slot());
        self.sealed.push(std::mem::replace(&mut self.table, rows));
        self.seal_rows(packed);
        Vec::new()
    }

    fn seal_rows(&mut self, packed: Vec<Packed>) {
        for Packed { first_slot, slots, payloads } in packed {
            let shards = u32::try_from(payloads.len()).unwrap_or(u32::MAX);
            for (shard, payload) in (0..).zip(payloads) {
                let part = Part { first_slot, slots, shard, shards, inventoried: None };
                self.seal(Kind::Samples, &part, payload);
            }
        }
    }

    fn seal(&mut self, kind: Kind, part: &Part, payload: Vec<u8>) {
        let object = object(&self.run, kind, &self.tip, part, payload, &Lasting::default());
        self.tip = Tip { links: self.tip.links + 1, hash: object.hash() };
        self.sealed_bytes += object.bytes();
        self.pending.push(object);
    }

    fn pods_text(&mut self, pods: &Arc<[PodState]>) -> Arc<str> {
        if let Some((known, text)) = &self.pods
            && Arc::ptr_eq(known, pods)
        {
            return Arc::clone(text);
        }
        let text: Arc<str> = pods_to_text(pods).into();
        self.pods = Some((Arc::clone(pods), Arc::clone(&text)));
        text
    }

    fn skip_to(&mut self, slot: u64) -> Result<(), RecordError> {
        let next = self.next_slot();
        if slot < next {
            return Err(RecordError::Past { slot, next });
        }
        if slot - next > MAX_SKIP {
            return Err(RecordError::TooFar { slot, next });
        }
        for missed in next..slot {
            self.push_gap_row(missed, &Gap::new(GapReason::Missed, ""));
        }
        Ok(())
    }

    fn push_gap_row(&mut self, slot: u64, gap: &Gap) {
        let planned = i64::try_from(self.run.planned_ms(slot)).unwrap_or(i64::MAX);
        self.push_gap(self.run.start_unix_ms.saturating_add(planned), gap);
    }

    fn push_gap(&mut self, unix_ms: i64, gap: &Gap) {
        let text = gap_cell(vec![PlacedGap { place: Place::Everywhere, gap: gap.clone() }]);
        self.push_row(unix_ms, text.as_deref(), None);
    }

    fn push_row(&mut self, unix_ms: i64, gaps: Option<&str>, pods: Option<&str>) {
        self.unpacked.row();
        gaps.into_iter().chain(pods).for_each(|text| self.unpacked.text(text));
        self.table.push_row(unix_ms, gaps, pods);
    }

    fn look(&mut self, record: &SlotRecord, look: &Look, row: &mut Row) {
        let (source, target) = (source_word(&look.source), target_word(&look.target));
        let key = [&*source, "/", &target].concat();
        let gap = match &look.result {
            Ok(page) => match self.types.check(&source, &page.types).or_else(|| self.page(record, &key, page, row)) {
                None => return,
                Some(gap) => gap,
            },
            Err(gap) => gap.clone(),
        };
        let place = Place::Target { source: source.into_owned(), target: target.into_owned() };
        row.gaps.push(PlacedGap { place, gap });
    }

    /// Writes the cells of a page, or says why it is no new sample.
    fn page(&mut self, record: &SlotRecord, key: &str, page: &Page, row: &mut Row) -> Option<Gap> {
        let name_bytes = page.samples.iter().map(|s| s.series.len()).sum();
        if let Some(gap) = too_many(page.samples.len(), name_bytes).or_else(|| self.stale(record.unix_ms, page)) {
            return Some(gap);
        }
        let gap = match self.times.news(key, &page.samples) {
            None => Some(Gap::new(GapReason::Repeated, "")),
            Some(news) => {
                let samples =
                    page.samples.iter().zip(news).map(|(sample, new)| cell_of(record.unix_ms, key, sample, new));
                let cells = about(key, page).into_iter().chain(samples).collect();
                if !row.take(&self.table, cells) {
                    return Some(columns_are_full());
                }
                None
            }
        };
        self.times.remember(key, record.slot, &page.samples);
        gap
    }

    /// The gap for a page with a metric whose own time is not now.
    fn stale(&self, unix_ms: i64, page: &Page) -> Option<Gap> {
        let oldest = unix_ms.saturating_sub(self.run.interval_ms.saturating_mul(2).max(OLDEST_MS).cast_signed());
        let newest = unix_ms.saturating_add(NEWEST_MS);
        let time = page.samples.iter().filter_map(|s| s.timestamp_ms).find(|time| !(oldest..=newest).contains(time))?;
        let detail = format!("a metric's own time is {} s away from now", (time / 1000).abs_diff(unix_ms / 1000));
        Some(Gap::new(GapReason::Stale, detail))
    }
}

fn gap_cell(mut gaps: Vec<PlacedGap>) -> Option<String> {
    let detailed = gaps.len() <= DETAILED_GAPS;
    for placed in &mut gaps {
        placed.gap.detail = if detailed { one_line(&placed.gap.detail) } else { String::new() };
    }
    (!gaps.is_empty()).then(|| gaps_to_text(&gaps))
}

fn run_is_full() -> Gap {
    let detail = format!(
        "this run's evidence has its most, {MAX_RUN_BYTES} bytes or {MAX_UNPACKED_BYTES} unpacked: select fewer series by \
         their labels, sample less often or measure shorter"
    );
    Gap::new(GapReason::TooManySeries, detail)
}
