//! One row of the table while it is put together: its cells, its gaps, and how much may come into it.
//!
//! Pages are hostile, and so are the names on them: they are bounded in number and in bytes, for a page and for all rows that
//! are not sealed yet. What is over a bound leaves nothing but a gap.

use std::borrow::Cow;

use crate::record::{Gap, GapReason, InventoryLook, InventoryPage, Page, PageSample, word};
use crate::series::{AGE, INCARNATION, INVENTORY, LATE, OLDEST, SERIES_ON_PAGE, Table};
use crate::text::{Place, PlacedGap, oldest_to_text};

/// The most series that are kept of one page.
pub const MAX_SERIES_PER_LOOK: usize = 2048;
/// The most bytes that the names of the series of one page may have together.
pub const MAX_NAME_BYTES_PER_LOOK: usize = 256 << 10;
/// The most columns that the unsealed rows may have.
const MAX_COLUMNS: usize = 16_384;
/// The most bytes that the names of these columns may have together.
const MAX_NAME_BYTES: usize = 2 << 20;

pub(crate) enum Cell {
    Number(f64),
    Text(String),
}

/// A row that is being put together.
pub(crate) struct Row {
    pub(crate) cells: Vec<(String, Cell)>,
    pub(crate) gaps: Vec<PlacedGap>,
    /// The columns that the table will have with this row, and the bytes of their names.
    columns: usize,
    name_bytes: usize,
}

impl Row {
    pub(crate) fn after(table: &Table) -> Self {
        let name_bytes = table.columns.keys().map(String::len).sum();
        Self { cells: Vec::new(), gaps: Vec::new(), columns: table.columns.len(), name_bytes }
    }

    /// Takes the cells of a look; false, and none of them, if the table would get too many columns or too long names.
    pub(crate) fn take(&mut self, table: &Table, cells: Vec<(String, Cell)>) -> bool {
        let new = cells.iter().map(|(name, _)| name).filter(|name| !table.columns.contains_key(*name));
        let (columns, bytes) = new.fold((0, 0), |(columns, bytes), name| (columns + 1, bytes + name.len()));
        if self.columns + columns > MAX_COLUMNS || self.name_bytes + bytes > MAX_NAME_BYTES {
            return false;
        }
        (self.columns, self.name_bytes) = (self.columns + columns, self.name_bytes + bytes);
        self.cells.extend(cells);
        true
    }
}

/// The name of a column.
fn column(key: &str, series: &str) -> String {
    [key, " ", series].concat()
}

/// The cells about a look itself.
pub(crate) fn about(key: &str, page: &Page) -> Vec<(String, Cell)> {
    #[expect(clippy::cast_precision_loss, reason = "far below the 2^53 that a float holds exactly")]
    let (late, series) = (page.late_ms as f64, page.series_on_page as f64);
    let mut cells = vec![(column(key, LATE), Cell::Number(late)), (column(key, SERIES_ON_PAGE), Cell::Number(series))];
    if !page.incarnation.is_empty() {
        cells.push((column(key, INCARNATION), Cell::Text(word(&page.incarnation).into_owned())));
    }
    cells
}

/// The cell of a sample: its value, or how old the time is with which it is seen again.
pub(crate) fn cell_of(unix_ms: i64, key: &str, sample: &PageSample, new: bool) -> (String, Cell) {
    match sample.timestamp_ms.filter(|_| !new) {
        None => (column(key, &sample.series), Cell::Number(sample.value)),
        Some(time) => {
            #[expect(clippy::cast_precision_loss, reason = "a time that is no later than minutes is far below 2^53")]
            let age = unix_ms.saturating_sub(time) as f64;
            ([key, " ", AGE, &sample.series].concat(), Cell::Number(age))
        }
    }
}

/// The gap for a page with more series that fit the checks, or longer names of them, than are kept.
pub(crate) fn too_many(series: usize, name_bytes: usize) -> Option<Gap> {
    let detail = if series > MAX_SERIES_PER_LOOK {
        format!("more than {MAX_SERIES_PER_LOOK} series fit the checks: select fewer of them by their labels")
    } else if name_bytes > MAX_NAME_BYTES_PER_LOOK {
        format!(
            "the names of the series that fit the checks have more than {MAX_NAME_BYTES_PER_LOOK} bytes together: select fewer \
             of them by their labels"
        )
    } else {
        return None;
    };
    Some(Gap::new(GapReason::TooManySeries, detail))
}

pub(crate) fn columns_are_full() -> Gap {
    let detail = format!(
        "new series come all the time, more than {MAX_COLUMNS} or {MAX_NAME_BYTES} bytes of names at once: select fewer of them \
         by their labels"
    );
    Gap::new(GapReason::TooManySeries, detail)
}

pub(crate) fn inventory(round: &InventoryLook, row: &mut Row) {
    let target = target_word(&round.check);
    match &round.result {
        Ok(page) => {
            #[expect(clippy::cast_precision_loss, reason = "far below the 2^53 that a float holds exactly")]
            let (objects, older) = (page.objects as f64, page.older as f64);
            let key = format!("{INVENTORY}/{target}");
            row.cells.push((format!("{key} objects"), Cell::Number(objects)));
            row.cells.push((format!("{key} older"), Cell::Number(older)));
            let named = page.oldest.get(..InventoryPage::NAMED).unwrap_or(&page.oldest);
            if !named.is_empty() {
                row.cells.push((format!("{key} {OLDEST}"), Cell::Text(oldest_to_text(named))));
            }
        }
        Err(gap) => {
            let place = Place::Target { source: INVENTORY.to_owned(), target: target.into_owned() };
            row.gaps.push(PlacedGap { place, gap: gap.clone() });
        }
    }
}

pub(crate) fn source_word(text: &str) -> Cow<'_, str> {
    let clean = word(text);
    if clean.contains(['/', '@']) { Cow::Owned(clean.replace(['/', '@'], "")) } else { clean }
}

pub(crate) fn target_word(text: &str) -> Cow<'_, str> {
    let clean = word(text);
    if clean.is_empty() { Cow::Borrowed("-") } else { clean }
}
