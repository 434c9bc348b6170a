//! Evidence as objects: gzipped CSV that people can open with what they have, chained by hashes.
//!
//! Each sealed object is a link of a chain: its header names the hash of its payload and the hash of the header before it. The head
//! is the one object that is rewritten; it says on which link it builds, and so it alone decides what is acknowledged: links
//! that no head builds upon yet are an unfinished seal. Any cut, flip, swap or loss is found on reading; that the head was lost or
//! replaced before the first seal, only where the reader is told that there was one ([`Known`]).
//!
//! Deliberately absent: names and owners of the Kubernetes objects, and writing them.

mod chain;
mod csv;
mod unpacked;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{FaultWindow, InventoryPoint, ObjectRef, RunInfo};
use crate::series::Table;
use crate::types::Types;

pub use chain::ChainError;
pub(crate) use chain::{Chain, check};
pub(crate) use csv::{decode as table_from_csv, names as columns_of_csv};
pub(crate) use unpacked::{Unpacked, held};

/// The version of the format that this code writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Slots of a sealed segment.
pub const SEGMENT_SLOTS: usize = 120;
/// The size at which a payload is split.
pub const SHARD_BYTES: usize = 512 << 10;
/// No payload may unpack to more than this: evidence is input, too.
const UNPACKED_BYTES: u64 = 256 << 20;
/// The word in every header.
const FORMAT: &str = "seaworthy.dev/evidence";
/// The name of the head.
pub(crate) const HEAD: &str = "head";

/// One evidence object: a `ConfigMap` in the cluster, or a file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The end of its name, unique in the run: `head`, or the number of its link.
    pub name: String,
    /// Whether it never changes any more.
    pub sealed: bool,
    /// Its header: one line of JSON.
    pub header: String,
    /// Its payload: gzipped CSV, empty for an empty head.
    pub payload: Vec<u8>,
}

impl Object {
    /// The hash that the next link names, as hexadecimal digits.
    pub fn hash(&self) -> String {
        sha256(self.header.as_bytes())
    }

    /// What it takes to store it, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        (self.header.len() + self.payload.len()) as u64
    }
}

/// What an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// The rows that are not sealed yet.
    Head,
    /// Sealed rows.
    Samples,
    /// An inventory of the cluster.
    Inventory,
}

/// What an object says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) format: String,
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) run: RunInfo,
    pub(crate) kind: Kind,
    /// The object's place in the chain; for the head, how many links it builds upon.
    pub(crate) link: u64,
    /// The hash of the header before, empty for the first.
    pub(crate) previous: String,
    /// The first row's slot, and the number of rows.
    pub(crate) first_slot: u64,
    pub(crate) slots: u64,
    /// Which part this is of how many with the same rows.
    pub(crate) shard: u32,
    pub(crate) shards: u32,
    pub(crate) payload_bytes: u64,
    pub(crate) payload_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) inventoried: Option<Inventoried>,
    #[serde(flatten)]
    pub(crate) lasting: Lasting,
    /// The hash of the header without this field. Only the head has it: no later link names the head's own hash. Heads of older
    /// programs are without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) own_sha256: Option<String>,
}

impl Header {
    fn to_json(&self) -> String {
        // Plain strings and numbers always become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The hash of everything that the header says besides.
    fn own_hash(&self) -> String {
        sha256(Self { own_sha256: None, ..self.clone() }.to_json().as_bytes())
    }
}

/// What the head says besides its rows: it holds for the whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lasting {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<FaultWindow>,
    #[serde(default, skip_serializing_if = "Types::is_empty")]
    pub(crate) types: Types,
}

/// What an inventory was taken for, and when.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Inventoried {
    pub(crate) check: String,
    pub(crate) point: InventoryPoint,
}

/// What is known of a run's evidence besides its objects: what they must at least have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known<'k> {
    /// The chain's tip in the run's status, if there is one.
    pub tip: Option<&'k str>,
    /// Whether a head was stored.
    pub head: bool,
    /// Slots before this one were acknowledged.
    pub through: u64,
}

/// Nothing but the tip: before the first seal there is none, and no loss is found out.
impl<'k> From<Option<&'k str>> for Known<'k> {
    fn from(tip: Option<&'k str>) -> Self {
        Self { tip, head: false, through: 0 }
    }
}

/// A place in the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    /// How many links there are.
    pub(crate) links: u64,
    /// The hash of the last one; empty without any.
    pub(crate) hash: String,
}

/// Rows that are stored together.
pub(crate) struct Packed {
    pub(crate) first_slot: u64,
    pub(crate) slots: u64,
    /// One payload, or several with some of the columns each when one would be too large.
    pub(crate) payloads: Vec<Vec<u8>>,
}

/// A table in payloads, none of them above [`SHARD_BYTES`]: split by columns, and by rows where the texts alone are too large.
pub(crate) fn pack(table: &Table) -> Vec<Packed> {
    let columns: Vec<&str> = table.columns.keys().map(String::as_str).collect();
    let mut payloads = Vec::new();
    split(table, &columns, &mut payloads);
    let fits = payloads.iter().all(|payload| payload.len() <= SHARD_BYTES);
    if fits || table.rows() < 2 {
        return vec![Packed { first_slot: table.first_slot, slots: table.rows() as u64, payloads }];
    }
    let mut back = table.clone();
    let front = back.split_front(table.rows() / 2);
    let mut out = pack(&front);
    out.extend(pack(&back));
    out
}

fn split(table: &Table, columns: &[&str], out: &mut Vec<Vec<u8>>) {
    // Writing into memory cannot fail.
    let csv = csv::encode(table, columns, out.is_empty()).unwrap_or_default();
    let payload = compress(&csv);
    if payload.len() <= SHARD_BYTES || columns.is_empty() {
        out.push(payload);
        return;
    }
    // So many parts that each of them most likely fits, for every try costs the compression of all. Texts stand in the first
    // part whatever it has, so that one may be without columns.
    let parts = payload.len().div_ceil(SHARD_BYTES) + 1;
    let each = columns.len().div_ceil(parts);
    if columns.len() == 1 {
        split(table, &[], out);
        out.push(compress(&csv::encode(table, columns, false).unwrap_or_default()));
        return;
    }
    columns.chunks(each).for_each(|part| split(table, part, out));
}

/// The whole table as one CSV, with a column without cells for each of `marks`, which is its name.
pub(crate) fn to_csv(table: &Table, marks: &[&str]) -> String {
    let mut columns: Vec<&str> = table.columns.keys().map(String::as_str).chain(marks.iter().copied()).collect();
    columns.sort_unstable();
    let bytes = csv::encode(table, &columns, true).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// An object with its header.
pub(crate) fn object(run: &RunInfo, kind: Kind, tip: &Tip, part: &Part, payload: Vec<u8>, lasting: &Lasting) -> Object {
    let mut header = Header {
        format: FORMAT.to_owned(),
        version: FORMAT_VERSION,
        run: run.clone(),
        kind,
        link: tip.links,
        previous: tip.hash.clone(),
        first_slot: part.first_slot,
        slots: part.slots,
        shard: part.shard,
        shards: part.shards,
        payload_bytes: payload.len() as u64,
        payload_sha256: sha256(&payload),
        inventoried: part.inventoried.clone(),
        lasting: lasting.clone(),
        own_sha256: None,
    };
    let sealed = kind != Kind::Head;
    header.own_sha256 = (!sealed).then(|| header.own_hash());
    Object { name: object_name(kind, tip.links), sealed, header: header.to_json(), payload }
}

pub(crate) fn object_name(kind: Kind, link: u64) -> String {
    if kind == Kind::Head { HEAD.to_owned() } else { format!("{link:06}") }
}

/// Which rows and which part of them an object holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) first_slot: u64,
    pub(crate) slots: u64,
    pub(crate) shard: u32,
    pub(crate) shards: u32,
    pub(crate) inventoried: Option<Inventoried>,
}

/// An inventory as payloads, each below the bound where possible.
pub(crate) fn inventory_payloads(objects: &[ObjectRef]) -> Vec<Vec<u8>> {
    let payload = compress(&inventory_csv(objects).unwrap_or_default());
    if payload.len() <= SHARD_BYTES || objects.len() < 2 {
        return vec![payload];
    }
    let (left, right) = objects.split_at(objects.len() / 2);
    [inventory_payloads(left), inventory_payloads(right)].concat()
}

const INVENTORY_COLUMNS: [&str; 5] = ["resource", "namespace", "name", "uid", "waiting_for"];

fn inventory_csv(objects: &[ObjectRef]) -> Result<Vec<u8>, ::csv::Error> {
    let mut writer = ::csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(INVENTORY_COLUMNS)?;
    for o in objects {
        writer.write_record([&o.resource, &o.namespace, &o.name, &o.uid, &o.waiting_for])?;
    }
    writer.into_inner().map_err(|error| ::csv::Error::from(std::io::Error::other(error.to_string())))
}

pub(crate) fn inventory_from(bytes: &[u8]) -> Option<Vec<ObjectRef>> {
    let mut reader = ::csv::ReaderBuilder::new().from_reader(bytes);
    if reader.headers().ok()?.iter().ne(INVENTORY_COLUMNS) {
        return None;
    }
    let one = |record: Result<::csv::StringRecord, _>| {
        let record = record.ok()?;
        let cell = |index: usize| record.get(index).map(str::to_owned);
        Some(ObjectRef {
            resource: cell(0)?,
            namespace: cell(1)?,
            name: cell(2)?,
            uid: cell(3)?,
            waiting_for: cell(4)?,
        })
    };
    reader.records().map(one).collect()
}

/// SHA-256 as hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    // No time and no name in the gzip header: the same rows give the same bytes.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Unpacks a payload, bounded; `None` if it is damaged, too large, or followed by something else.
pub(crate) fn unpack(payload: &[u8]) -> Option<Vec<u8>> {
    if payload.is_empty() {
        return Some(Vec::new());
    }
    let mut out = Vec::new();
    let mut decoder = flate2::bufread::GzDecoder::new(payload);
    decoder.by_ref().take(UNPACKED_BYTES + 1).read_to_end(&mut out).ok()?;
    let whole = decoder.into_inner().is_empty();
    (whole && out.len() as u64 <= UNPACKED_BYTES).then_some(out)
}
