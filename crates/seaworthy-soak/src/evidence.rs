//! Evidence: everything that a run has recorded, put together and verified, ready to be judged or exported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::record::{FaultWindow, InventoryPoint, ObjectRef, RunInfo, word};
use crate::recorder::MAX_FAULTS;
use crate::segment::{
    Chain, ChainError, Inventoried, Known, Object, check, columns_of_csv, sha256, table_from_csv, to_csv,
};
use crate::series::Table;

/// The most bytes that the inventories of a run may take in an export, as JSON: some ten thousand objects. They stand in one line, which is
/// held as a whole. An export leaves out what is more, and says so.
pub const MAX_EXPORTED_INVENTORIES: usize = 8 << 20;

/// The evidence of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub(crate) run: RunInfo,
    pub(crate) table: Table,
    pub(crate) faults: Vec<FaultWindow>,
    pub(crate) inventories: BTreeMap<Inventoried, Vec<ObjectRef>>,
    tip: Option<String>,
    without: Option<Without>,
}

/// Why evidence that was exported has no inventories, whether or not any were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// The export is of a program that left them out.
    OldExport,
    /// They would have taken more than [`MAX_EXPORTED_INVENTORIES`].
    TooLarge,
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
        Self { run: run.clone(), table, faults: chain.faults, inventories: chain.inventories, tip, without: None }
    }

    /// Reads an exported CSV.
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
        let (inventories, without) = inventories_of(&mark.inventories, &names).map_err(refuse)?;
        let Mark { tip, faults, .. } = mark;
        Ok(Self { run: run.clone(), table, faults, inventories, tip, without })
    }

    /// All of it as one CSV: a row per slot, a column per series, the gaps with their reasons. The name of one column without
    /// cells says of which run the export is, how many rows it has, and which faults were declared; the name of another one holds the
    /// inventories, if there are any and they are not [too large](Self::too_large_to_export).
    pub fn to_csv(&self) -> String {
        let rows = self.table.rows() as u64;
        let listed = self.listed();
        let inventories = match (self.without, &listed) {
            (Some(Without::OldExport), _) => Inventories::Unsaid,
            (Some(Without::TooLarge), _) | (None, Err(_)) => Inventories::TooLarge,
            (None, Ok(None)) => Inventories::None,
            (None, Ok(Some(json))) => Inventories::Hash(sha256(json.as_bytes())),
        };
        let (run, tip, faults) = (self.run.clone(), self.tip.clone(), self.faults.clone());
        let mark = Mark { run, rows, tip, inventories, faults }.to_text();
        let listed = listed.ok().flatten().map(|json| format!("{LISTED}{json}"));
        let marks: Vec<&str> = std::iter::once(mark.as_str()).chain(listed.as_deref()).collect();
        to_csv(&self.table, &marks)
    }

    /// How many bytes the inventories take at least, where that is more than an export holds.
    pub fn too_large_to_export(&self) -> Option<usize> {
        self.listed().err()
    }

    /// Why there are no inventories, if that is not because none were taken.
    pub fn without_inventories(&self) -> Option<Without> {
        self.without
    }

    /// The inventories as JSON; none without any, their size where it is beyond the bound.
    fn listed(&self) -> Result<Option<String>, usize> {
        if self.inventories.is_empty() {
            return Ok(None);
        }
        let texts = |o: &ObjectRef| {
            [&o.resource, &o.namespace, &o.name, &o.uid, &o.waiting_for].map(String::len).iter().sum::<usize>()
        };
        let least = self.inventories.values().flatten().map(texts).sum();
        if least > MAX_EXPORTED_INVENTORIES {
            return Err(least);
        }
        let one = |(of, objects): (&Inventoried, &Vec<ObjectRef>)| Listed {
            check: of.check.clone(),
            point: of.point,
            objects: objects.iter().map(Row::of).collect(),
        };
        let all: Vec<Listed> = self.inventories.iter().map(one).collect();
        // Plain strings always become JSON.
        let json = serde_json::to_string(&all).unwrap_or_default();
        if json.len() > MAX_EXPORTED_INVENTORIES { Err(json.len()) } else { Ok(Some(json)) }
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

/// What the name of the column begins with that holds the inventories.
const LISTED: &str = "@inventories ";

/// One inventory in an export.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    check: String,
    point: InventoryPoint,
    objects: Vec<Row>,
}

/// One object in an export: resource, namespace, name, UID, what it waits for.
#[derive(Serialize, Deserialize)]
struct Row([String; 5]);

impl Row {
    fn of(object: &ObjectRef) -> Self {
        let ObjectRef { resource, namespace, name, uid, waiting_for } = object.clone();
        Self([resource, namespace, name, uid, waiting_for])
    }

    fn object(self) -> ObjectRef {
        let Self([resource, namespace, name, uid, waiting_for]) = self;
        ObjectRef { resource, namespace, name, uid, waiting_for }
    }
}

type Read = (BTreeMap<Inventoried, Vec<ObjectRef>>, Option<Without>);

/// The inventories in the columns of an export, which are those that its mark names.
fn inventories_of(said: &Inventories, names: &[String]) -> Result<Read, &'static str> {
    const ALTERED: &str = "its inventories are not those that it was exported with: they were cut, altered or added";
    let listed: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(LISTED)).collect();
    let json = match (said, listed.as_slice()) {
        (Inventories::Unsaid, []) => return Ok((BTreeMap::new(), Some(Without::OldExport))),
        (Inventories::TooLarge, []) => return Ok((BTreeMap::new(), Some(Without::TooLarge))),
        (Inventories::None, []) => return Ok((BTreeMap::new(), None)),
        (Inventories::Hash(hash), [json]) if sha256(json.as_bytes()) == *hash => *json,
        (Inventories::Unsaid | Inventories::TooLarge | Inventories::None | Inventories::Hash(_), _) => {
            return Err(ALTERED);
        }
    };
    if json.len() > MAX_EXPORTED_INVENTORIES {
        return Err("its inventories are larger than any that are exported");
    }
    let listed: Vec<Listed> = serde_json::from_str(json).map_err(|_| "its inventories cannot be read")?;
    let mut inventories = BTreeMap::new();
    for Listed { check, point, objects } in listed {
        let objects = objects.into_iter().map(Row::object).collect();
        if inventories.insert(Inventoried { check, point }, objects).is_some() {
            return Err("it has an inventory twice");
        }
    }
    Ok((inventories, None))
}

/// What an export says of its inventories.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Inventories {
    /// Nothing: it is of a program that left them out.
    Unsaid,
    /// None were taken.
    None,
    /// They were left out.
    TooLarge,
    /// They stand in a column of their own, with this hash.
    Hash(String),
}

/// What an export says about itself, as the name of a column: a table of nothing but cells could be cut at any line.
struct Mark {
    run: RunInfo,
    rows: u64,
    tip: Option<String>,
    inventories: Inventories,
    faults: Vec<FaultWindow>,
}

impl Mark {
    const WORD: &str = "@export";
    const NONE: &str = "-";
    const TOO_LARGE: &str = "too-large";

    fn to_text(&self) -> String {
        let RunInfo { run, start_unix_ms, interval_ms } = &self.run;
        let tip = self.tip.as_deref().unwrap_or(Self::NONE);
        let inventories = match &self.inventories {
            Inventories::Unsaid => String::new(),
            Inventories::None => format!(" inventories={}", Self::NONE),
            Inventories::TooLarge => format!(" inventories={}", Self::TOO_LARGE),
            Inventories::Hash(hash) => format!(" inventories={hash}"),
        };
        // Plain strings and numbers always become JSON.
        let faults = serde_json::to_string(&self.faults).unwrap_or_default();
        let (mark, rows) = (Self::WORD, self.rows);
        format!("{mark} {} {start_unix_ms} {interval_ms} rows={rows} tip={tip}{inventories} faults={faults}", word(run))
    }

    fn from_text(text: &str) -> Option<Self> {
        // What was done in a fault may have blanks, so it comes last.
        let parts: Vec<&str> = text.splitn(7, ' ').collect();
        let [Self::WORD, run, start, interval, rows, tip, rest] = parts.as_slice() else { return None };
        let tip = tip.strip_prefix("tip=")?;
        let (inventories, faults) = match rest.strip_prefix("inventories=") {
            // So it was before inventories were exported.
            None => (Inventories::Unsaid, *rest),
            Some(rest) => {
                let (said, faults) = rest.split_once(' ')?;
                let inventories = match said {
                    Self::NONE => Inventories::None,
                    Self::TOO_LARGE => Inventories::TooLarge,
                    hash => Inventories::Hash(hash.to_owned()),
                };
                (inventories, faults)
            }
        };
        Some(Self {
            run: RunInfo {
                run: (*run).to_owned(),
                start_unix_ms: start.parse().ok()?,
                interval_ms: interval.parse().ok()?,
            },
            rows: rows.strip_prefix("rows=")?.parse().ok()?,
            tip: (tip != Self::NONE).then(|| tip.to_owned()),
            inventories,
            faults: serde_json::from_str(faults.strip_prefix("faults=")?).ok()?,
        })
    }
}
