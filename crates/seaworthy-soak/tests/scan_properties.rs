//! What must hold for every page, found by random ones.

use proptest::prelude::*;
use seaworthy_soak::scan::{Format, Limits, Wanted, scan};

fn read(page: &[u8], format: Format, wanted: &Wanted) -> Option<Vec<String>> {
    let mut samples = Vec::new();
    let mut sink = |s: &seaworthy_soak::scan::Sample<'_>| {
        samples.push(format!("{} {:x} {:?}", s.series_key(), s.value.to_bits(), s.timestamp_ms));
    };
    scan(page, format, &Limits::default(), wanted, &mut sink).ok().map(|_| samples)
}

/// Pieces of which both right and nearly right lines are made.
const PIECES: &[&str] = &[
    "a",
    "bc",
    "{",
    "}",
    "\"",
    "\"",
    "=",
    ",",
    " ",
    " ",
    "\t",
    "1",
    "2.5",
    "\\",
    "\\n",
    "# ",
    "TYPE ",
    "HELP ",
    "gauge",
    "é",
    "\n",
    "\n",
    "NaN",
    "e5",
    "-",
    "x=\"1\"",
    "y=\"22\"",
    "a{x=\"",
    "\"} ",
    "a{x=\"1\",y=\"",
    "EOF",
    "\0",
    ":",
    ".",
];

fn page() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

/// Lines that are mostly valid and mostly alike, so that the short way for repeated shapes is taken and left again.
fn alike() -> impl Strategy<Value = Vec<String>> {
    let value = prop::sample::select(vec!["", "1", "long value", "\\\"", "é", "} 1", "\\"]);
    let line = (0..4usize, value.clone(), value, 0..6usize).prop_map(|(shape, a, b, tail)| {
        let head = match shape {
            0 => format!("m{{x=\"{a}\",y=\"{b}\"}}"),
            1 => format!("m{{x=\"{a}\"}}"),
            2 => format!("{{\"m\",x=\"{a}\",y=\"{b}\"}}"),
            _ => format!("{{x=\"{a}\",\"m\",y=\"{b}\"}}"),
        };
        format!("{head}{}\n", [" 1", "  1", "1", " 1 5", " NaN", " "][tail])
    });
    prop::collection::vec(line, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_input_is_too_much(page in prop::collection::vec(any::<u8>(), 0..300)) {
        read(&page, Format::Text, &Wanted::all());
        read(&page, Format::OpenMetrics, &Wanted::all());
    }

    #[test]
    fn nearly_right_pages_end_well(page in page()) {
        let all = read(page.as_bytes(), Format::Text, &Wanted::all());
        // Whether a page is valid does not depend on what one wants of it.
        prop_assert_eq!(all.is_some(), read(page.as_bytes(), Format::Text, &Wanted::names(["bc"])).is_some());
        read(page.as_bytes(), Format::OpenMetrics, &Wanted::all());
    }

    #[test]
    fn a_line_means_the_same_alone_and_in_company(lines in alike()) {
        let alone: Option<Vec<String>> =
            lines.iter().map(|l| read(l.as_bytes(), Format::Text, &Wanted::all())).collect::<Option<Vec<_>>>().map(|l| l.concat());
        prop_assert_eq!(alone, read(lines.concat().as_bytes(), Format::Text, &Wanted::all()));
        let om: Option<Vec<String>> = lines
            .iter()
            .map(|l| read(format!("{l}# EOF\n").as_bytes(), Format::OpenMetrics, &Wanted::all()))
            .collect::<Option<Vec<_>>>()
            .map(|l| l.concat());
        prop_assert_eq!(om, read(format!("{}# EOF\n", lines.concat()).as_bytes(), Format::OpenMetrics, &Wanted::all()));
    }

    #[test]
    fn what_is_written_is_read(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}",
        labels in prop::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", any::<String>(), 0..5),
        bits in any::<u64>(),
        time in any::<Option<i64>>(),
    ) {
        let value = f64::from_bits(bits);
        let key = seaworthy_soak::scan::series_key(&name, labels.iter().map(|(n, v)| (n.into(), v.into())));
        let time_text = time.map(|t| format!(" {t}")).unwrap_or_default();
        let page = format!("{key} {value}{time_text}\n");
        let value = if value.is_nan() { f64::NAN } else { value };
        prop_assume!(!labels.contains_key("__name__"));
        let want = format!("{key} {:x} {time:?}", value.to_bits());
        prop_assert_eq!(read(page.as_bytes(), Format::Text, &Wanted::all()), Some(vec![want]));
    }

    #[test]
    fn a_page_cut_anywhere_inside_a_line_is_refused(cut in 1usize..40) {
        let page = b"first{a=\"1\"} 1\nsecond{b=\"2\"} 22 1700000\n# HELP x text\n";
        prop_assume!(page[cut - 1] != b'\n');
        let result = read(&page[..cut], Format::Text, &Wanted::all());
        prop_assert_eq!(result, None);
    }
}

/// The pages that a coverage-guided fuzzer found: whether they are valid does not depend on what one wants of them.
#[test]
fn the_fuzzers_pages_end_well() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/scan");
    let mut pages = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let data = std::fs::read(file.unwrap().path()).unwrap();
        let Some((choice, page)) = data.split_first() else { continue };
        let format = if choice & 1 == 0 { Format::Text } else { Format::OpenMetrics };
        let all = read(page, format, &Wanted::all());
        assert_eq!(all.is_some(), read(page, format, &Wanted::names(["a"])).is_some(), "{page:?}");
        pages += 1;
    }
    assert!(pages > 100, "the corpus is there: {pages} pages");
}
