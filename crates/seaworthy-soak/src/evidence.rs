//! Evidence: everything that a run has recorded, put together and verified, ready to be judged or exported.

use std::collections::BTreeMap;

use crate::record::{FaultWindow, InventoryPoint, ObjectRef, RunInfo, word};
use crate::recorder::MAX_FAULTS;
use crate::segment::{Chain, ChainError, Inventoried, Known, Object, check, columns_of_csv, table_from_csv, to_csv};
use crate::series::Table;

/// The evidence of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub(crate) run: RunInfo,
    pub(crate) table: Table,
    pub(crate) faults: Vec<FaultWindow>,
    pub(crate) inventories: BTreeMap<Inventoried, Vec<ObjectRef>>,
    tip: Option<String>,
}

/// Why an exported CSV is not evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no exported evidence: {problem}; export it again with `kubectl seaworthy evidence`")]
pub struct CsvError {
    problem: &'static str,
}

impl Evidence {
    /// Puts the objects of a run together, in any order, and verifies every one of them.
    ///
    /// # Errors
    /// The evidence is not what was written, or less than is known; it must not be judged.
    pub fn decode<'k>(run: &RunInfo, objects: Vec<Object>, known: impl Into<Known<'k>>) -> Result<Self, ChainError> {
        let mut table = Table::default();
        let mut chain = check(run, objects, &known.into(), &mut |part| table.append(part))?;
        chain.head.take().into_iter().for_each(|rows| table.append(rows));
        Ok(Self::of(run, table, chain))
    }

    /// Evidence with these rows, sealed or not, and what the chain says besides.
    pub(crate) fn of(run: &RunInfo, table: Table, chain: Chain) -> Self {
        let tip = (chain.tip.links > 0).then_some(chain.tip.hash);
        Self { run: run.clone(), table, faults: chain.faults, inventories: chain.inventories, tip }
    }

    /// Reads an exported CSV, which has no inventories.
    ///
    /// # Errors
    /// It is not a whole export, or one of another run.
    pub fn from_csv(run: &RunInfo, csv: &str) -> Result<Self, CsvError> {
        let refuse = |problem| CsvError { problem };
        let table = table_from_csv(csv.as_bytes()).map_err(refuse)?;
        if table.first_slot != 0 {
            return Err(refuse("it does not begin with slot 0"));
        }
        let names = columns_of_csv(csv.as_bytes());
        let mark = names.iter().find_map(|name| Mark::from_text(name));
        let mark = mark.ok_or_else(|| refuse("no column says how many rows it has, and which faults were declared"))?;
        if mark.run != *run {
            return Err(refuse("it belongs to another run, or to the same run with another start or interval"));
        }
        if mark.faults.len() > MAX_FAULTS {
            return Err(refuse("it has more declared faults than are ever recorded"));
        }
        if mark.rows != table.rows() as u64 || !csv.ends_with('\n') {
            return Err(refuse("rows are missing, or added"));
        }
        Ok(Self { run: run.clone(), table, faults: mark.faults, inventories: BTreeMap::new(), tip: mark.tip })
    }

    /// All of it as one CSV: a row per slot, a column per series, the gaps with their reasons. The name of one column without
    /// cells says of which run the export is, how many rows it has, and which faults were declared. Left out are inventories.
    pub fn to_csv(&self) -> String {
        let rows = self.table.rows() as u64;
        let mark = Mark { run: self.run.clone(), rows, tip: self.tip.clone(), faults: self.faults.clone() };
        to_csv(&self.table, &mark.to_text())
    }

    /// The run.
    pub fn run(&self) -> &RunInfo {
        &self.run
    }

    /// How many slots are recorded, as samples or as gaps.
    pub fn slots(&self) -> u64 {
        self.table.next_slot()
    }

    /// The hash of the last sealed object.
    pub fn tip(&self) -> Option<&str> {
        self.tip.as_deref()
    }

    /// The value of one series in one slot; `None` where there is none.
    pub fn value(&self, source: &str, target: &str, series: &str, slot: u64) -> Option<f64> {
        let row = usize::try_from(slot.checked_sub(self.table.first_slot)?).ok()?;
        self.table.columns.get(&format!("{source}/{target} {series}"))?.number(row)
    }

    /// The inventory for a `leftovers` check; `None` if it was not taken.
    pub fn inventory(&self, check: &str, point: InventoryPoint) -> Option<&[ObjectRef]> {
        self.inventories.get(&Inventoried { check: check.to_owned(), point }).map(Vec::as_slice)
    }

    /// The declared faults.
    pub fn faults(&self) -> &[FaultWindow] {
        &self.faults
    }
}

/// What an export says about itself, as the name of a column: a table of nothing but cells could be cut at any line.
struct Mark {
    run: RunInfo,
    rows: u64,
    tip: Option<String>,
    faults: Vec<FaultWindow>,
}

impl Mark {
    const WORD: &str = "@export";

    fn to_text(&self) -> String {
        let RunInfo { run, start_unix_ms, interval_ms } = &self.run;
        let tip = self.tip.as_deref().unwrap_or("-");
        // Plain strings and numbers always become JSON.
        let faults = serde_json::to_string(&self.faults).unwrap_or_default();
        let (mark, rows) = (Self::WORD, self.rows);
        format!("{mark} {} {start_unix_ms} {interval_ms} rows={rows} tip={tip} faults={faults}", word(run))
    }

    fn from_text(text: &str) -> Option<Self> {
        // What was done in a fault may have blanks, so it comes last.
        let parts: Vec<&str> = text.splitn(7, ' ').collect();
        let [Self::WORD, run, start, interval, rows, tip, faults] = parts.as_slice() else { return None };
        let tip = tip.strip_prefix("tip=")?;
        Some(Self {
            run: RunInfo {
                run: (*run).to_owned(),
                start_unix_ms: start.parse().ok()?,
                interval_ms: interval.parse().ok()?,
            },
            rows: rows.strip_prefix("rows=")?.parse().ok()?,
            tip: (tip != "-").then(|| tip.to_owned()),
            faults: serde_json::from_str(faults.strip_prefix("faults=")?).ok()?,
        })
    }
}
