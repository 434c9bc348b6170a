//! Values by slot and series: the table that segments store and checks read.
//!
//! A row per slot, a column per series. A column covers the rows from its first value to its last, so that series which come and
//! go cost what they last. A cell is a value or nothing; nothing is never zero.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers of one column, each there or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Numbers {
    values: Vec<f64>,
    present: Vec<bool>,
}

/// Texts of one column. Few different ones repeat, so each is kept once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    table: Vec<Arc<str>>,
    /// Where each text stands in `table`, plus one.
    places: BTreeMap<Arc<str>, u32>,
    /// Such a place for each cell; 0 stands for nothing.
    cells: Vec<u32>,
}

impl Numbers {
    fn get(&self, index: usize) -> Option<f64> {
        if *self.present.get(index)? { self.values.get(index).copied() } else { None }
    }

    fn push(&mut self, value: Option<f64>) {
        self.values.push(value.unwrap_or(0.0));
        self.present.push(value.is_some());
    }
}

impl Texts {
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.table.get(self.which(index)?).map(|text| &**text)
    }

    /// Which of [`Self::distinct`] stands in a row.
    pub(crate) fn which(&self, index: usize) -> Option<usize> {
        usize::try_from(*self.cells.get(index)?).ok()?.checked_sub(1)
    }

    /// Each text once.
    pub(crate) fn distinct(&self) -> &[Arc<str>] {
        &self.table
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        let cell = text.filter(|t| !t.is_empty()).map_or(0, |text| self.place(text));
        self.cells.push(cell);
    }

    /// The cell for a text.
    fn place(&mut self, text: &str) -> u32 {
        // Most are as the one before.
        if let Some(last) = self.cells.len().checked_sub(1)
            && self.get(last) == Some(text)
        {
            return self.cells.last().copied().unwrap_or(0);
        }
        self.places.get(text).copied().unwrap_or_else(|| {
            let text: Arc<str> = text.into();
            self.table.push(Arc::clone(&text));
            let place = u32::try_from(self.table.len()).unwrap_or(0);
            self.places.insert(text, place);
            place
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }
}

/// The cells of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cells {
    /// A series, or a number about the look itself.
    Numbers(Numbers),
    /// A text about the look.
    Texts(Texts),
}

/// One column: cells from row `from` on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    from: usize,
    cells: Cells,
}

impl Column {
    fn new(name: &str, from: usize) -> Self {
        let cells = if is_text(name) { Cells::Texts(Texts::default()) } else { Cells::Numbers(Numbers::default()) };
        Self { from, cells }
    }

    fn len(&self) -> usize {
        match &self.cells {
            Cells::Numbers(numbers) => numbers.values.len(),
            Cells::Texts(texts) => texts.len(),
        }
    }

    /// For how many cells it has memory.
    pub(crate) fn capacity(&self) -> usize {
        match &self.cells {
            Cells::Numbers(numbers) => numbers.values.capacity(),
            Cells::Texts(texts) => texts.cells.capacity(),
        }
    }

    /// Gives back the memory of cells that it will not get.
    fn shrink(&mut self) {
        match &mut self.cells {
            Cells::Numbers(numbers) => {
                numbers.values.shrink_to_fit();
                numbers.present.shrink_to_fit();
            }
            Cells::Texts(texts) => texts.cells.shrink_to_fit(),
        }
    }

    /// The row after the last one that the column covers.
    fn end(&self) -> usize {
        self.from + self.len()
    }

    fn push_empty_until(&mut self, row: usize) {
        while self.end() < row {
            match &mut self.cells {
                Cells::Numbers(numbers) => numbers.push(None),
                Cells::Texts(texts) => texts.push(None),
            }
        }
    }

    fn extend(&mut self, cells: Cells) {
        match (&mut self.cells, cells) {
            (Cells::Numbers(own), Cells::Numbers(more)) => {
                own.values.extend(more.values);
                own.present.extend(more.present);
            }
            (Cells::Texts(own), Cells::Texts(more)) => {
                for row in 0..more.len() {
                    own.push(more.get(row));
                }
            }
            // The kind of a column follows from its name, so both are of the same kind.
            (Cells::Numbers(_), Cells::Texts(_)) | (Cells::Texts(_), Cells::Numbers(_)) => {}
        }
    }

    /// Each text once; none of numbers.
    pub(crate) fn distinct(&self) -> &[Arc<str>] {
        match &self.cells {
            Cells::Numbers(_) => &[],
            Cells::Texts(texts) => texts.distinct(),
        }
    }

    /// The number in `row`.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        match &self.cells {
            Cells::Numbers(numbers) => numbers.get(row.checked_sub(self.from)?),
            Cells::Texts(_) => None,
        }
    }

    /// The text in `row`.
    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        match &self.cells {
            Cells::Numbers(_) => None,
            Cells::Texts(texts) => texts.get(row.checked_sub(self.from)?),
        }
    }
}

/// Whether a column of this name holds texts: `@` names, but for the lateness of a look and the ages of what it repeats.
pub(crate) fn is_text(name: &str) -> bool {
    let number = |series: &str| series == LATE || series.starts_with(AGE);
    name.split_once(' ').is_some_and(|(_, series)| series.starts_with('@') && !number(series))
}

/// Whether a series is a count of ours, and not on the page itself.
pub(crate) fn is_count(series: &str) -> bool {
    series.strip_prefix(SERIES_OF_METRIC).is_some_and(|rest| rest.starts_with('{'))
}

/// Column of a look: milliseconds after the planned time.
pub(crate) const LATE: &str = "@late_ms";
/// Column of a look: the life of the container that answered.
pub(crate) const INCARNATION: &str = "@incarnation";
/// What a column's name has before a series that a page repeats, while other series of it are new: the column says how old the
/// series' own time is, in milliseconds.
pub(crate) const AGE: &str = "@age_ms ";
/// Column of an inventory: the oldest objects by name.
pub(crate) const OLDEST: &str = "@oldest";
/// Series of a look: how many series stood on the page (Prometheus' own name for it).
pub const SERIES_ON_PAGE: &str = "scrape_samples_scraped";
/// Series of a look: how many series of one metric stood on the page, whatever their labels. Kept for metrics of which a check
/// wants some series only: it tells a counter without events from a metric that is not there.
pub const SERIES_OF_METRIC: &str = "seaworthy_series_of_metric";
/// Place of inventory rounds, where sources have their name.
pub(crate) const INVENTORY: &str = "@inventory";

/// Rows of consecutive slots.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    /// The slot of row 0.
    pub(crate) first_slot: u64,
    pub(crate) unix_ms: Vec<i64>,
    /// Per row: what was missing and why.
    pub(crate) gaps: Texts,
    /// Per row: the state of the pods.
    pub(crate) pods: Texts,
    pub(crate) columns: BTreeMap<String, Column>,
}

impl Table {
    pub(crate) fn starting_at(first_slot: u64) -> Self {
        Self { first_slot, ..Self::default() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.unix_ms.len()
    }

    /// The slot after the last row.
    pub(crate) fn next_slot(&self) -> u64 {
        self.first_slot + self.rows() as u64
    }

    /// Adds a row; its cells are then set with [`Self::set_number`] and [`Self::set_text`].
    pub(crate) fn push_row(&mut self, unix_ms: i64, gaps: Option<&str>, pods: Option<&str>) {
        self.unix_ms.push(unix_ms);
        self.gaps.push(gaps);
        self.pods.push(pods);
    }

    /// Sets the cell of the last row, in a column that is made if it is not there.
    fn set(&mut self, name: &str, set: impl FnOnce(&mut Cells)) {
        let Some(row) = self.rows().checked_sub(1) else { return };
        if let Some(column) = self.columns.get_mut(name) {
            column.push_empty_until(row);
            // A cell is set once; a second value for it would be a repeated series.
            if column.end() == row {
                set(&mut column.cells);
            }
        } else {
            let mut column = Column::new(name, row);
            set(&mut column.cells);
            self.columns.insert(name.to_owned(), column);
        }
    }

    /// Sets a number in the last row.
    pub(crate) fn set_number(&mut self, name: &str, value: f64) {
        self.set(name, |cells| {
            if let Cells::Numbers(numbers) = cells {
                numbers.push(Some(value));
            }
        });
    }

    /// Sets a text in the last row.
    pub(crate) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, |cells| {
            if let Cells::Texts(texts) = cells {
                texts.push(Some(text));
            }
        });
    }

    /// Copies row `row` of `other` to the end, with the columns for which `keep` holds.
    pub(crate) fn push_row_of(&mut self, other: &Self, row: usize) {
        let unix_ms = other.unix_ms.get(row).copied().unwrap_or_default();
        self.push_row(unix_ms, other.gaps.get(row), other.pods.get(row));
        for (name, column) in &other.columns {
            if let Some(value) = column.number(row) {
                self.set_number(name, value);
            } else if let Some(text) = column.text(row) {
                self.set_text(name, text);
            }
        }
    }

    /// Splits the first `rows` rows off.
    pub(crate) fn split_front(&mut self, rows: usize) -> Self {
        let rows = rows.min(self.rows());
        let mut front = Self::starting_at(self.first_slot);
        let mut back = Self::starting_at(self.first_slot + rows as u64);
        for row in 0..self.rows() {
            if row < rows { &mut front } else { &mut back }.push_row_of(self, row);
        }
        *self = back;
        front.columns.values_mut().for_each(Column::shrink);
        front
    }

    /// Adds the rows of `next`, which must follow.
    pub(crate) fn append(&mut self, next: Self) {
        let rows = self.rows();
        self.unix_ms.extend(next.unix_ms);
        for row in 0..next.gaps.len() {
            self.gaps.push(next.gaps.get(row));
            self.pods.push(next.pods.get(row));
        }
        for (name, column) in next.columns {
            let from = rows + column.from;
            let own = self.columns.entry(name).or_insert_with_key(|name| Column::new(name, from));
            own.push_empty_until(from);
            own.extend(column.cells);
        }
    }

    /// Adds the cells of `shard`, which has other columns of the same rows. False if the rows differ.
    pub(crate) fn merge_columns(&mut self, shard: Self) -> bool {
        let same = self.first_slot == shard.first_slot && self.unix_ms == shard.unix_ms;
        self.columns.extend(shard.columns);
        same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[&[(&str, f64)]]) -> Table {
        let mut table = Table::starting_at(7);
        for (index, cells) in (0..).zip(rows) {
            table.push_row(index, None, Some("p"));
            for (name, value) in *cells {
                table.set_number(name, *value);
            }
        }
        table
    }

    #[test]
    fn columns_come_and_go() {
        let table = table(&[&[("s/t a", 1.0)], &[], &[("s/t a", 3.0), ("s/t b", -0.0)], &[]]);
        let a = &table.columns["s/t a"];
        assert_eq!([a.number(0), a.number(1), a.number(2), a.number(3)], [Some(1.0), None, Some(3.0), None]);
        assert_eq!((a.from, a.end()), (0, 3));
        assert_eq!((table.columns["s/t b"].from, table.columns["s/t b"].end()), (2, 3));
        assert_eq!(table.next_slot(), 11);
    }

    #[test]
    fn a_cell_is_set_once() {
        let table = table(&[&[("s/t a", 1.0), ("s/t a", 2.0)]]);
        assert_eq!(table.columns["s/t a"].number(0), Some(1.0));
    }

    #[test]
    fn splitting_keeps_every_cell() {
        let rows: &[&[(&str, f64)]] = &[&[("s/t a", 1.0)], &[("s/t b", 2.0)], &[("s/t a", 3.0)]];
        let whole = table(rows);
        let mut back = whole.clone();
        let mut front = back.split_front(2);
        assert_eq!((front.rows(), back.rows(), back.first_slot), (2, 1, 9));
        assert!(front.columns.values().all(|column| column.capacity() == column.len()), "nothing more comes to it");
        front.push_row_of(&back, 0);
        assert_eq!(front, whole);
    }

    #[test]
    fn names_tell_texts_from_numbers() {
        assert!(is_text("s/t @incarnation"));
        assert!(!is_text("s/t @late_ms"));
        assert!(!is_text("s/t @age_ms up"));
        assert!(!is_text("s/t up{a=\"b @c\"}"));
        assert!(!is_text("pods"));
    }
}
