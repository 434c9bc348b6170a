//! Evidence as objects: gzipped CSV that people can open with what they have, chained by hashes.
//!
//! Each sealed object is a link of a chain: its header names the hash of its payload and the hash of the header before it. The head
//! is the one object that is rewritten; it says on which link it builds, and so it alone decides what is acknowledged: links
//! that no head builds upon yet are an unfinished seal. Any cut, flip, swap or loss is found on reading.
//!
//! Deliberately absent: names and owners of the Kubernetes objects, and writing them.

mod chain;
mod csv;

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{FaultWindow, InventoryPoint, ObjectRef, RunInfo};
use crate::series::Table;
use crate::types::Types;

pub use chain::ChainError;
pub(crate) use chain::check;
pub(crate) use csv::decode as table_from_csv;

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

/// A place in the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    /// How many links there are.
    pub(crate) links: u64,
    /// The hash of the last one; empty without any.
    pub(crate) hash: String,
}

/// The payloads of a table: one, or several with some of the columns each when one would be too large.
pub(crate) fn payloads(table: &Table) -> Vec<Vec<u8>> {
    let columns: Vec<&str> = table.columns.keys().map(String::as_str).collect();
    let mut out = Vec::new();
    split(table, &columns, &mut out);
    out
}

fn split(table: &Table, columns: &[&str], out: &mut Vec<Vec<u8>>) {
    // Writing into memory cannot fail.
    let csv = csv::encode(table, columns, out.is_empty()).unwrap_or_default();
    let payload = compress(&csv);
    if payload.len() <= SHARD_BYTES || columns.len() < 2 {
        out.push(payload);
    } else {
        let (left, right) = columns.split_at(columns.len() / 2);
        split(table, left, out);
        split(table, right, out);
    }
}

/// The whole table as one CSV.
pub(crate) fn to_csv(table: &Table) -> String {
    let columns: Vec<&str> = table.columns.keys().map(String::as_str).collect();
    let bytes = csv::encode(table, &columns, true).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// An object with its header.
pub(crate) fn object(run: &RunInfo, kind: Kind, tip: &Tip, part: &Part, payload: Vec<u8>, lasting: &Lasting) -> Object {
    let header = Header {
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
    };
    // Plain strings and numbers always become JSON.
    let header = serde_json::to_string(&header).unwrap_or_default();
    let sealed = kind != Kind::Head;
    Object { name: object_name(kind, tip.links), sealed, header, payload }
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
