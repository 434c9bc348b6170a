//! What a run's evidence takes in memory once all of it is unpacked, counted while it is recorded.
//!
//! It packs so well that its stored size says little of that. Counted are the cells that columns have when all rows stand in one table:
//! each from its first value to its last, the empty ones in between included, so that series which come back after hours cost what lies
//! between. Names, texts and columns are counted as well, for there may be any number of them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use crate::record::ObjectRef;
use crate::series::Table;

/// A value, and whether it is there.
const CELL: u64 = 9;
/// A row without columns: its time, and which texts stand in it.
const ROW: u64 = 16;
/// A column or a text besides its cells and characters: its place in maps and vectors.
const ENTRY: u64 = 256;

/// What rows take in memory as they stand, in bytes: what vectors have in store included.
pub(crate) fn held(rows: &Table) -> u64 {
    let texts = |texts: &[Arc<str>]| texts.iter().map(|text| ENTRY + text.len() as u64).sum::<u64>();
    let columns = rows
        .columns
        .iter()
        .map(|(name, column)| ENTRY + name.len() as u64 + CELL * column.capacity() as u64 + texts(column.distinct()));
    ROW * rows.rows() as u64 + texts(rows.gaps.distinct()) + texts(rows.pods.distinct()) + columns.sum::<u64>()
}

/// The size of a run's evidence in memory, in bytes, and what is needed to go on counting: 16 bytes a column or text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unpacked {
    bytes: u64,
    /// The slot after the last cell of each column, by the hash of its name.
    ends: BTreeMap<u64, u64>,
    /// The hashes of the texts so far.
    texts: BTreeSet<u64>,
    hasher: RandomState,
}

impl Unpacked {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From now on it is as large as can be.
    pub(crate) fn fill(&mut self) {
        self.bytes = u64::MAX;
    }

    fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// What these cells of `slot` would add at most, by the names of their columns.
    pub(crate) fn would_add<'n>(&self, slot: u64, names: impl Iterator<Item = &'n str>) -> u64 {
        names.map(|name| self.cells(name, slot, slot)).fold(ROW, u64::saturating_add)
    }

    /// What a column adds that has its next cells in the slots from `first` to `last`.
    fn cells(&self, name: &str, first: u64, last: u64) -> u64 {
        match self.ends.get(&self.hasher.hash_one(name)) {
            Some(end) => (last + 1).saturating_sub(*end).saturating_mul(CELL),
            None => ENTRY + name.len() as u64 + (last + 1 - first).saturating_mul(CELL),
        }
    }

    pub(crate) fn row(&mut self) {
        self.add(ROW);
    }

    /// Counts cells of one column, in the slots from `first` to `last`.
    pub(crate) fn column(&mut self, name: &str, first: u64, last: u64) {
        self.add(self.cells(name, first, last));
        self.ends.insert(self.hasher.hash_one(name), last + 1);
    }

    /// Counts a text, unless it is known.
    pub(crate) fn text(&mut self, text: &str) {
        if !text.is_empty() && self.texts.insert(self.hasher.hash_one(text)) {
            self.add(ENTRY + text.len() as u64);
        }
    }

    /// Counts an inventory.
    pub(crate) fn inventory(&mut self, objects: &[ObjectRef]) {
        for o in objects {
            let texts = [&o.resource, &o.namespace, &o.name, &o.uid, &o.waiting_for];
            self.add(size_of::<ObjectRef>() as u64 + texts.map(|text| text.len() as u64).iter().sum::<u64>());
        }
    }

    /// Counts the rows of a part.
    pub(crate) fn table(&mut self, part: &Table) {
        self.add(ROW.saturating_mul(part.rows() as u64));
        part.gaps.distinct().iter().chain(part.pods.distinct()).for_each(|text| self.text(text));
        for (name, column) in &part.columns {
            let is_there = |row: &usize| column.number(*row).is_some() || column.text(*row).is_some();
            let (first, last) = ((0..part.rows()).find(is_there), (0..part.rows()).rfind(is_there));
            if let (Some(first), Some(last)) = (first, last) {
                self.column(name, part.first_slot + first as u64, part.first_slot + last as u64);
            }
            (0..part.rows()).filter_map(|row| column.text(row)).for_each(|text| self.text(text));
        }
    }
}
