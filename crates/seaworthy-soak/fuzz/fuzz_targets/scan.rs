//! The scanner under random pages: `cargo +nightly fuzz run scan` in the folder of the crate.
//!
//! The first byte chooses the format and the bounds, the rest is the page. Beyond not crashing: what is wanted changes nothing about a
//! page's validity; an error points into the page; a sample means the same on a page of its own, written from its canonical key, and in
//! the text format each line means the same alone as in company (which the scanner's short ways must not break).
//! Deliberately absent: values of other parsers; the conformance table has those.
#![no_main]

use libfuzzer_sys::fuzz_target;
use seaworthy_soak::scan::{Format, Limits, PageSummary, ScanError, Wanted, scan};

type Samples = Vec<(String, u64, Option<i64>)>;

fn read(page: &[u8], format: Format, limits: &Limits, wanted: &Wanted) -> Result<(PageSummary, Samples), ScanError> {
    let mut samples = Vec::new();
    let summary = scan(page, format, limits, wanted, &mut |sample| {
        samples.push((sample.series_key(), sample.value.to_bits(), sample.timestamp_ms));
    })?;
    Ok((summary, samples))
}

fuzz_target!(|data: &[u8]| {
    let Some((choice, page)) = data.split_first() else { return };
    let format = if choice & 1 == 0 { Format::Text } else { Format::OpenMetrics };
    let limits = if choice & 2 == 0 {
        Limits::default()
    } else {
        Limits { page_bytes: 512, line_bytes: 64, series: 8 }
    };
    let all = read(page, format, &limits, &Wanted::all());
    let some = read(page, format, &limits, &Wanted::names(["a", "up", "x"]));
    match (&all, &some) {
        (Ok((summary, samples)), Ok((fewer, wanted))) => {
            assert_eq!((summary.series, summary.lines), (fewer.series, fewer.lines));
            assert_eq!((summary.wanted, fewer.wanted), (samples.len(), wanted.len()));
            assert!(page.len() <= limits.page_bytes && samples.len() <= limits.series);
            let mut rest = samples.iter();
            assert!(wanted.iter().all(|sample| rest.any(|other| other == sample)));
            samples.iter().for_each(alone);
        }
        (Err(one), Err(other)) => {
            assert_eq!(one, other);
            let lines = page.iter().filter(|byte| **byte == b'\n').count() + 1;
            assert!((1..=lines).contains(&one.line) && one.column >= 1, "{one}");
        }
        (one, other) => panic!("valid or not by what is wanted: {one:?} {other:?}"),
    }
    if format == Format::Text && choice & 2 == 0 {
        line_by_line(page, all.ok().map(|(_, samples)| samples));
    }
});

/// A sample, written by itself with its canonical key.
fn alone((key, bits, time): &(String, u64, Option<i64>)) {
    let value = f64::from_bits(*bits);
    let time_text = time.map(|time| format!(" {time}")).unwrap_or_default();
    let page = format!("{key} {value}{time_text}\n");
    // The key of a long line may be longer than the line was: a canonical key has its quotes.
    let limits = Limits { line_bytes: usize::MAX, ..Limits::default() };
    let (_, samples) = read(page.as_bytes(), Format::Text, &limits, &Wanted::all()).expect("what is written is read");
    let [(key_again, bits_again, time_again)] = samples.as_slice() else { panic!("one sample became {samples:?}") };
    assert_eq!((key_again, time_again), (key, time));
    assert!(bits_again == bits || (value.is_nan() && f64::from_bits(*bits_again).is_nan()));
}

/// All lines, each scanned as a page.
fn line_by_line(page: &[u8], together: Option<Samples>) {
    if together.as_ref().is_some_and(|samples| samples.len() > Limits::default().series) || std::str::from_utf8(page).is_err() {
        return;
    }
    let lines: Option<Samples> = page
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| read(line, Format::Text, &Limits::default(), &Wanted::all()).ok().map(|(_, samples)| samples))
        .collect::<Option<Vec<_>>>()
        .map(|samples| samples.concat());
    assert_eq!(together, lines);
}
