//! A table as CSV and back, bit for bit.
//!
//! Columns: `slot`, `unix_ms`, `gap`, `pods`, then `SOURCE/TARGET SERIES` in order. An empty cell is nothing. Numbers are written in
//! the shortest way that reads back to the same bits; a NaN that is not the usual one carries its bits.

use crate::series::{Table, is_text};

/// The columns that every table begins with.
const FIXED: [&str; 4] = ["slot", "unix_ms", "gap", "pods"];

/// The bits of the NaN that is written plainly.
const PLAIN_NAN: u64 = 0x7ff8_0000_0000_0000;

/// Why CSV could not be read back as a table.
pub(crate) type Damage = &'static str;

/// A number as text.
pub(crate) fn number_to_text(value: f64) -> String {
    if value.is_nan() {
        return if value.to_bits() == PLAIN_NAN { "NaN".to_owned() } else { format!("NaN:{:016x}", value.to_bits()) };
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-5..1e16).contains(&magnitude) || magnitude.is_infinite() {
        value.to_string()
    } else {
        format!("{value:e}")
    }
}

/// The number that a text stands for.
pub(crate) fn number_from_text(text: &str) -> Option<f64> {
    match text.strip_prefix("NaN:") {
        Some(bits) => u64::from_str_radix(bits, 16).ok().map(f64::from_bits).filter(|v| v.is_nan()),
        None if text == "NaN" => Some(f64::from_bits(PLAIN_NAN)),
        None => text.parse().ok(),
    }
}

/// The rows of a table with some of its columns. The gap and pods columns are left empty unless `with_texts`.
pub(super) fn encode(table: &Table, columns: &[&str], with_texts: bool) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(FIXED.iter().chain(columns))?;
    let picked: Vec<_> = columns.iter().map(|name| table.columns.get(*name)).collect();
    for row in 0..table.rows() {
        writer.write_field((table.first_slot + row as u64).to_string())?;
        writer.write_field(table.unix_ms.get(row).copied().unwrap_or_default().to_string())?;
        for texts in [&table.gaps, &table.pods] {
            writer.write_field(texts.get(row).filter(|_| with_texts).unwrap_or_default())?;
        }
        for column in &picked {
            let column = column.as_ref();
            match column.and_then(|c| c.number(row)) {
                Some(value) => writer.write_field(number_to_text(value))?,
                None => writer.write_field(column.and_then(|c| c.text(row)).unwrap_or_default())?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))
}

/// The names of all columns but the first four.
pub(crate) fn names(bytes: &[u8]) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().cloned().unwrap_or_default();
    header.iter().skip(FIXED.len()).map(str::to_owned).collect()
}

/// Reads a table back.
pub(crate) fn decode(bytes: &[u8]) -> Result<Table, Damage> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|_| "no CSV header")?.clone();
    if header.iter().take(FIXED.len()).ne(FIXED) {
        return Err("the first columns are not slot, unix_ms, gap, pods");
    }
    let names: Vec<&str> = header.iter().skip(FIXED.len()).collect();
    if !names.is_sorted() || names.windows(2).any(|w| w[0] == w[1]) {
        return Err("the columns are not in order");
    }
    let mut table: Option<Table> = None;
    for record in reader.records() {
        let record = record.map_err(|_| "a row is not CSV or has another number of cells")?;
        let cell = |index: usize| record.get(index).unwrap_or_default();
        let slot: u64 = cell(0).parse().map_err(|_| "a slot is not a number")?;
        let unix_ms: i64 = cell(1).parse().map_err(|_| "a time is not a number")?;
        let table = table.get_or_insert_with(|| Table::starting_at(slot));
        if slot != table.next_slot() {
            return Err("the slots do not follow each other");
        }
        table.push_row(unix_ms, Some(cell(2)), Some(cell(3)));
        for (name, text) in names.iter().zip(record.iter().skip(FIXED.len())).filter(|(_, text)| !text.is_empty()) {
            if is_text(name) {
                table.set_text(name, text);
            } else {
                table.set_number(name, number_from_text(text).ok_or("a value is not a number")?);
            }
        }
    }
    Ok(table.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_bits() {
        for bits in [
            0,
            1,
            1 << 63,
            0x7ff0_0000_0000_0000,
            0xfff0_0000_0000_0000,
            0x7ff8_0000_0000_0000,
            0xfff8_0000_0000_0000,
            0x7ff0_0000_0000_0002,
            0x7fef_ffff_ffff_ffff,
            0x0010_0000_0000_0000,
            0x3ff0_0000_0000_0001,
            0x4340_0000_0000_0001,
        ] {
            let text = number_to_text(f64::from_bits(bits));
            assert_eq!(number_from_text(&text).map(f64::to_bits), Some(bits), "{text}");
        }
        assert_eq!(number_to_text(123_456_789.0), "123456789");
        assert_eq!(number_to_text(1e300), "1e300");
        assert_eq!(number_from_text("NaN:0000000000000001"), None);
        assert_eq!(number_from_text("four"), None);
    }

    #[test]
    fn damaged_tables_are_told() {
        for (text, damage) in [
            ("", "the first columns"),
            ("slot,time\n", "the first columns"),
            ("slot,unix_ms,gap,pods,b 1,a 1\n", "in order"),
            ("slot,unix_ms,gap,pods,a 1\n1,2,,\n", "number of cells"),
            ("slot,unix_ms,gap,pods,a 1\nx,2,,,\n", "slot is not"),
            ("slot,unix_ms,gap,pods,a 1\n1,x,,,\n", "time is not"),
            ("slot,unix_ms,gap,pods,a 1\n1,2,,,\n3,2,,,\n", "follow each other"),
            ("slot,unix_ms,gap,pods,a 1\n1,2,,,x\n", "value is not"),
        ] {
            let error = decode(text.as_bytes()).unwrap_err();
            assert!(error.contains(damage), "{text:?}: {error}");
        }
    }
}
