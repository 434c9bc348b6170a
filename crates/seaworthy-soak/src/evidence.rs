//! Evidence: everything that a run has recorded, put together and verified, ready to be judged or exported.

use std::collections::BTreeMap;

use crate::record::{FaultWindow, InventoryPoint, ObjectRef, RunInfo};
use crate::segment::{ChainError, Inventoried, Object, check, table_from_csv, to_csv};
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
    /// Puts the objects of a run together, in any order, and verifies every one of them. `status_tip` is the chain's tip in the
    /// run's status, if there is one.
    ///
    /// # Errors
    /// The evidence is not what was written; it must not be judged.
    pub fn decode(run: &RunInfo, objects: Vec<Object>, status_tip: Option<&str>) -> Result<Self, ChainError> {
        let chain = check(run, objects, status_tip)?;
        let mut table = Table::default();
        for part in chain.sealed.into_iter().chain(chain.head) {
            table.append(part);
        }
        let tip = (chain.tip.links > 0).then_some(chain.tip.hash);
        Ok(Self { run: run.clone(), table, faults: chain.faults, inventories: chain.inventories, tip })
    }

    /// Reads an exported CSV, which has neither fault windows nor inventories.
    ///
    /// # Errors
    /// It is not an export.
    pub fn from_csv(run: &RunInfo, csv: &str) -> Result<Self, CsvError> {
        let table = table_from_csv(csv.as_bytes()).map_err(|problem| CsvError { problem })?;
        if table.first_slot != 0 {
            return Err(CsvError { problem: "it does not begin with slot 0" });
        }
        Ok(Self { run: run.clone(), table, faults: Vec::new(), inventories: BTreeMap::new(), tip: None })
    }

    /// All of it as one CSV: a row per slot, a column per series, the gaps with their reasons.
    pub fn to_csv(&self) -> String {
        to_csv(&self.table)
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
