//! Checking a run's objects and putting them together again.

use std::collections::BTreeMap;

use super::csv::decode;
use super::{
    FORMAT, FORMAT_VERSION, HEAD, Header, Inventoried, Kind, Known, Lasting, Object, Tip, inventory_from, object_name,
    sha256, unpack,
};
use crate::record::{FaultWindow, ObjectRef, RunInfo};
use crate::series::Table;
use crate::types::Types;

/// Why stored evidence cannot be trusted. It is never judged then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The header is not what this program writes.
    #[error("evidence object {name}: its header is not readable; something else wrote it, or it was damaged")]
    Header {
        /// The object.
        name: String,
    },
    /// Written by a newer version.
    #[error(
        "evidence object {name} has format version {version}, this program reads up to {FORMAT_VERSION}: use a newer one"
    )]
    Version {
        /// The object.
        name: String,
        /// Its version.
        version: u32,
    },
    /// It belongs to another run, or to the same run with another schedule.
    #[error("evidence object {name} belongs to run {run} with another identity, start or interval")]
    OtherRun {
        /// The object.
        name: String,
        /// The run that it names.
        run: String,
    },
    /// Name and header do not agree, or two objects claim the same place.
    #[error(
        "evidence object {name} is not in the place that its header names: objects were renamed, copied or swapped"
    )]
    Misplaced {
        /// The object.
        name: String,
    },
    /// The payload is not the one that the header describes.
    #[error("evidence object {name}: its payload does not have the recorded hash; it was altered or cut")]
    Payload {
        /// The object.
        name: String,
    },
    /// The payload has its hash and cannot be read all the same.
    #[error("evidence object {name}: {problem}")]
    Content {
        /// The object.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A link is not there.
    #[error("evidence object {name} is missing")]
    Missing {
        /// The object.
        name: String,
    },
    /// A link does not name the one before it.
    #[error("evidence object {name} does not follow the object before it: the chain was broken")]
    Broken {
        /// The object.
        name: String,
    },
    /// The status knows of a seal that the objects do not have.
    #[error(
        "the status names chain tip {tip}, which is not in the evidence: it was replaced by an older or another one"
    )]
    UnknownTip {
        /// The tip.
        tip: String,
    },
    /// Fewer slots than were acknowledged.
    #[error(
        "the evidence ends before slot {through}, slots before {known} were stored: it was replaced by an older one"
    )]
    RolledBack {
        /// Where it ends.
        through: u64,
        /// Where it should end at least.
        known: u64,
    },
}

/// What evidence says besides its sealed rows.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The rows of the head; `None` without a head.
    pub(crate) head: Option<Table>,
    pub(crate) tip: Tip,
    /// The bytes of all objects that the head builds upon.
    pub(crate) sealed_bytes: u64,
    pub(crate) faults: Vec<FaultWindow>,
    pub(crate) types: Types,
    pub(crate) inventories: BTreeMap<Inventoried, Vec<ObjectRef>>,
    /// Names of objects that no head builds upon: an unfinished seal.
    pub(crate) unfinished: Vec<String>,
}

struct Link {
    object: Object,
    header: Header,
}

/// Sealed rows as they are read: only the part that may go on is held, so that whoever wants all of them has them once, and whoever wants
/// none has none.
struct Sealed<'r> {
    last: Option<Table>,
    next_slot: u64,
    rows: &'r mut dyn FnMut(Table),
}

impl Sealed<'_> {
    /// Adds a part; false if its slots do not follow those before.
    fn add(&mut self, part: Table) -> bool {
        let follows = part.first_slot == self.next_slot;
        if follows {
            self.next_slot = part.next_slot();
            self.last.replace(part).into_iter().for_each(&mut *self.rows);
        }
        follows
    }
}

/// Checks every object and the order among them. `rows` is given the sealed rows, part by part and in order; they count only where all
/// is as it was written.
///
/// # Errors
/// The first thing that is not as it was written.
pub(crate) fn check(
    run: &RunInfo,
    objects: Vec<Object>,
    known: &Known<'_>,
    rows: &mut dyn FnMut(Table),
) -> Result<Chain, ChainError> {
    let mut head = None;
    let mut links = BTreeMap::new();
    for object in objects {
        let header = header_of(run, &object)?;
        let name = object.name.clone();
        let link = Link { object, header };
        let other =
            if link.header.kind == Kind::Head { head.replace(link) } else { links.insert(link.header.link, link) };
        if other.is_some() {
            return Err(ChainError::Misplaced { name });
        }
    }
    let names = |links: BTreeMap<u64, Link>| links.into_values().map(|l| l.object.name).collect();
    let Some(head) = head else {
        // Before the first head nothing is acknowledged.
        return if known.tip.is_some() || known.head || known.through > 0 {
            Err(ChainError::Missing { name: HEAD.to_owned() })
        } else {
            Ok(Chain { unfinished: names(links), ..Chain::default() })
        };
    };
    let unfinished = links.split_off(&head.header.link);
    let mut tip = Tip::default();
    let mut tip_known = known.tip.is_none();
    for at in 0..head.header.link {
        let link = links.get(&at).ok_or_else(|| ChainError::Missing { name: object_name(Kind::Samples, at) })?;
        if link.header.previous != tip.hash {
            return Err(ChainError::Broken { name: link.object.name.clone() });
        }
        tip = Tip { links: at + 1, hash: link.object.hash() };
        tip_known |= known.tip == Some(tip.hash.as_str());
    }
    if head.header.previous != tip.hash {
        return Err(ChainError::Broken { name: HEAD.to_owned() });
    }
    if let (false, Some(tip)) = (tip_known, known.tip) {
        return Err(ChainError::UnknownTip { tip: tip.to_owned() });
    }
    let mut chain = Chain { tip, unfinished: names(unfinished), ..Chain::default() };
    let Lasting { faults, types } = head.header.lasting.clone();
    (chain.faults, chain.types) = (faults, types);
    let mut sealed = Sealed { last: None, next_slot: 0, rows };
    for link in links.into_values() {
        chain.sealed_bytes += link.object.bytes();
        chain.add(link, &mut sealed)?;
    }
    let chain = chain.finish(&head, sealed)?;
    let through = chain.head.as_ref().map_or(0, Table::next_slot);
    if through < known.through {
        return Err(ChainError::RolledBack { through, known: known.through });
    }
    Ok(chain)
}

fn header_of(run: &RunInfo, object: &Object) -> Result<Header, ChainError> {
    let name = || object.name.clone();
    let header: Header = serde_json::from_str(&object.header).map_err(|_| ChainError::Header { name: name() })?;
    if header.format != FORMAT {
        return Err(ChainError::Header { name: name() });
    }
    if header.version == 0 || header.version > FORMAT_VERSION {
        return Err(ChainError::Version { name: name(), version: header.version });
    }
    // A word that is not ours would be left out without a word, and so would the field that it was before.
    let whole = header.own_sha256.as_ref().is_none_or(|hash| *hash == header.own_hash());
    if !whole || header.to_json() != object.header {
        return Err(ChainError::Header { name: name() });
    }
    if header.run != *run {
        return Err(ChainError::OtherRun { name: name(), run: header.run.run });
    }
    if object.name != object_name(header.kind, header.link) {
        return Err(ChainError::Misplaced { name: name() });
    }
    if header.payload_bytes != object.payload.len() as u64 || header.payload_sha256 != sha256(&object.payload) {
        return Err(ChainError::Payload { name: name() });
    }
    Ok(header)
}

impl Chain {
    fn add(&mut self, link: Link, sealed: &mut Sealed<'_>) -> Result<(), ChainError> {
        let Link { object, header } = link;
        let content = |problem| ChainError::Content { name: object.name.clone(), problem };
        if header.kind == Kind::Inventory {
            let inventoried = header.inventoried.ok_or_else(|| content("an inventory without its check"))?;
            let rows =
                unpack(&object.payload).and_then(|b| inventory_from(&b)).ok_or_else(|| content("not an inventory"))?;
            self.inventories.entry(inventoried).or_default().extend(rows);
            return Ok(());
        }
        let table = table_of(&object, &header)?;
        if header.shard > 0 {
            let merged = sealed.last.as_mut().is_some_and(|last| last.merge_columns(table));
            return if merged { Ok(()) } else { Err(content("a part without its first part")) };
        }
        if sealed.add(table) { Ok(()) } else { Err(content("its slots do not follow those before")) }
    }

    fn finish(mut self, head: &Link, sealed: Sealed<'_>) -> Result<Self, ChainError> {
        let next = sealed.next_slot;
        sealed.last.into_iter().for_each(sealed.rows);
        let table =
            if head.header.slots == 0 { Table::starting_at(next) } else { table_of(&head.object, &head.header)? };
        if table.first_slot != next {
            let problem = "its slots do not follow those of the sealed segments";
            return Err(ChainError::Content { name: HEAD.to_owned(), problem });
        }
        self.head = Some(table);
        Ok(self)
    }
}

fn table_of(object: &Object, header: &Header) -> Result<Table, ChainError> {
    let content = |problem| ChainError::Content { name: object.name.clone(), problem };
    let bytes = unpack(&object.payload).ok_or_else(|| content("not gzip, or larger than any segment"))?;
    let table = decode(&bytes).map_err(content)?;
    if table.first_slot != header.first_slot || table.rows() as u64 != header.slots {
        return Err(content("its rows are not those that its header names"));
    }
    Ok(table)
}
