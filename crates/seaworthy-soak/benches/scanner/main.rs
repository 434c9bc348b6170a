//! The scanner against prometheus-parse and against Prometheus' own parsers, on the same pages in the same run:
//! `cargo bench -p seaworthy-soak --bench scanner`.
//!
//! Each round times each parser on each page once, in turn, so that a busy machine slows all of them; the best round of each counts. Ours
//! hands over every sample with its value converted; "prefilter" is what the sampler does: it wants a few metrics, and the rest is
//! validated all the same. The exit code is 1 when a ratio falls short of what the design promises.
//! Deliberately absent: pages from a file (they would be somebody's), and the series' labels as owned strings (nobody needs them).

mod go_parsers;
mod pages;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use go_parsers::GoParsers;
use pages::Page;
use seaworthy_soak::scan::{Format, Limits, Wanted, scan};

/// Times faster than prometheus-parse, at least.
const THAN_PROMETHEUS_PARSE: f64 = 10.0;
/// Times faster than the fastest of Prometheus' own, at least.
const THAN_PROMETHEUS: f64 = 3.0;
const ROUNDS: u32 = 100;
/// Each measurement takes about so long: less than a busy machine lets a program run undisturbed.
const SLICE: Duration = Duration::from_millis(2);

/// Who parses.
#[derive(Clone, Copy)]
enum Parser {
    Ours,
    Prefilter,
    PrometheusParse,
    Go(&'static str),
}

const PARSERS: [Parser; 6] = [
    Parser::Ours,
    Parser::Prefilter,
    Parser::PrometheusParse,
    Parser::Go("textparse"),
    Parser::Go("textparse-labels"),
    Parser::Go("expfmt"),
];

fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a folder for the pages");
    let mut go = GoParsers::start(folder.path());
    println!("MB/s, best of {ROUNDS} rounds\n");
    println!(
        "| page | bytes | series | ours | ours, prefilter | prometheus-parse | textparse | textparse, labels | expfmt | ours / prometheus-parse | ours / textparse |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut good = true;
    for page in pages::all() {
        let file = folder.path().join(page.name);
        std::fs::write(&file, &page.text).expect("the page is written");
        let speeds = PARSERS.map(|_| 0.0_f64);
        let speeds = (0..ROUNDS).fold(speeds, |best, _| {
            let mut best = best.into_iter();
            PARSERS.map(|parser| speed(parser, &page, &file, &mut go).max(best.next().unwrap_or_default()))
        });
        let [ours, prefilter, prometheus_parse, textparse, with_labels, expfmt] = speeds;
        let (first, second) = (ours / prometheus_parse, ours / textparse);
        good &= first >= THAN_PROMETHEUS_PARSE && second >= THAN_PROMETHEUS;
        println!(
            "| {} | {} | {} | {ours:.0} | {prefilter:.0} | {prometheus_parse:.0} | {textparse:.0} | {with_labels:.0} | {expfmt:.0} | {first:.1} | {second:.1} |",
            page.name,
            page.text.len(),
            ours_once(&page, &Wanted::all()),
        );
    }
    let verdict = if good { "reached" } else { "MISSED" };
    println!(
        "\npromised: {THAN_PROMETHEUS_PARSE:.0} x prometheus-parse, {THAN_PROMETHEUS:.0} x Prometheus' own: {verdict}"
    );
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Megabytes (10^6 bytes) a second.
fn speed(parser: Parser, page: &Page, file: &Path, go: &mut GoParsers) -> f64 {
    let mut times = 1;
    let (mut took, mut series) = run(parser, times, page, file, go);
    while took < SLICE {
        let wanted = SLICE.as_secs_f64() * 1.2 / took.as_secs_f64().max(1e-6);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2 ms over 1 us")]
        let factor = wanted.ceil() as u32;
        times *= factor.max(2);
        (took, series) = run(parser, times, page, file, go);
    }
    black_box(series);
    #[expect(clippy::cast_precision_loss, reason = "pages are far smaller than 2^52 bytes")]
    let bytes = page.text.len() as f64;
    bytes * f64::from(times) / took.as_secs_f64() / 1e6
}

fn run(parser: Parser, times: u32, page: &Page, file: &Path, go: &mut GoParsers) -> (Duration, usize) {
    let began = Instant::now();
    let mut series = 0;
    match parser {
        Parser::Go(name) => return go.time(name, times, file),
        Parser::Ours => {
            let wanted = Wanted::all();
            (0..times).for_each(|_| series = ours_once(page, &wanted));
        }
        Parser::Prefilter => {
            let wanted = Wanted::names(page.wanted.iter().copied());
            (0..times).for_each(|_| series = ours_once(page, &wanted));
        }
        Parser::PrometheusParse => (0..times).for_each(|_| {
            let lines = black_box(page.text.as_str()).lines().map(|line| Ok(line.to_owned()));
            series = prometheus_parse::Scrape::parse(lines).expect("a valid page").samples.len();
        }),
    }
    (began.elapsed(), series)
}

fn ours_once(page: &Page, wanted: &Wanted) -> usize {
    let limits = Limits { page_bytes: usize::MAX, ..Limits::default() };
    let mut sum = 0.0;
    let summary =
        scan(black_box(page.text.as_bytes()), Format::Text, &limits, wanted, &mut |sample| sum += sample.value)
            .expect("a valid page");
    black_box(sum);
    summary.series
}
