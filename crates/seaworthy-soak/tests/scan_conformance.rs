//! The corners of both formats, as a table: what is accepted and with which samples, what is refused and where.

use seaworthy_soak::scan::{Expected, Format, Limits, Sample, Wanted, scan};

/// A sample in one line: the series key, the value, and the timestamp if there is one.
fn show(sample: &Sample<'_>) -> String {
    let time = sample.timestamp_ms.map(|t| format!(" @{t}")).unwrap_or_default();
    // `{:?}` keeps `-0.0` apart from `0.0`.
    format!("{} = {:?}{time}", sample.series_key(), sample.value)
}

fn read(page: &[u8], format: Format) -> Result<Vec<String>, String> {
    let mut samples = Vec::new();
    match scan(page, format, &Limits::default(), &Wanted::all(), &mut |s| samples.push(show(s))) {
        Ok(summary) => {
            assert_eq!(summary.series, samples.len());
            assert_eq!(summary.wanted, samples.len());
            Ok(samples)
        }
        Err(error) => Err(format!("{}:{} {:?}", error.line, error.column, error.expected)),
    }
}

/// Pages of the text format that are valid, with their samples.
const TEXT_OK: &[(&[u8], &[&str])] = &[
    (b"", &[]),
    (b"\n", &[]),
    (b" \t \n\n", &[]),
    (b"up 1\n", &["up = 1.0"]),
    (b"up 1\n\nup2 2\n", &["up = 1.0", "up2 = 2.0"]),
    (b"up\t1\n", &["up = 1.0"]),
    (b"up  \t 1\n", &["up = 1.0"]),
    (b"up 1 \n", &["up = 1.0"]),
    (b"up 1\t\n", &["up = 1.0"]),
    (b"up 1 1700000000000\n", &["up = 1.0 @1700000000000"]),
    (b"up 1 0\n", &["up = 1.0 @0"]),
    (b"up 1 -62135596800000\n", &["up = 1.0 @-62135596800000"]),
    (b"up 1 9223372036854775807\n", &["up = 1.0 @9223372036854775807"]),
    (b"up 1 \t 5 \t\n", &["up = 1.0 @5"]),
    (b"_ 1\n", &["_ = 1.0"]),
    (b": 1\n", &[": = 1.0"]),
    (b"a:b:c_9 1\n", &["a:b:c_9 = 1.0"]),
    (b"x 0\n", &["x = 0.0"]),
    (b"x -0\n", &["x = -0.0"]),
    (b"x +1\n", &["x = 1.0"]),
    (b"x 1.\n", &["x = 1.0"]),
    (b"x .25\n", &["x = 0.25"]),
    (b"x 1e3\n", &["x = 1000.0"]),
    (b"x 1E-3\n", &["x = 0.001"]),
    (b"x 1e+3\n", &["x = 1000.0"]),
    (b"x 00017\n", &["x = 17.0"]),
    (b"x 123456789012345678\n", &["x = 1.2345678901234568e17"]),
    (b"x 1.7976931348623157e308\n", &["x = 1.7976931348623157e308"]),
    (b"x 4.9e-324\n", &["x = 5e-324"]),
    (b"x 1e-400\n", &["x = 0.0"]),
    (b"x NaN\n", &["x = NaN"]),
    (b"x nan\n", &["x = NaN"]),
    (b"x +Inf\n", &["x = inf"]),
    (b"x -Inf\n", &["x = -inf"]),
    (b"x inf\n", &["x = inf"]),
    (b"x -Infinity\n", &["x = -inf"]),
    (b"x{} 1\n", &["x = 1.0"]),
    (b"x{ } 1\n", &["x = 1.0"]),
    (b"x{a=\"b\"} 1\n", &["x{a=\"b\"} = 1.0"]),
    (b"x{a=\"b\",} 1\n", &["x{a=\"b\"} = 1.0"]),
    (b"x{a=\"b\" , } 1\n", &["x{a=\"b\"} = 1.0"]),
    (b"x{a=\"b\",c=\"d\"} 1\n", &["x{a=\"b\",c=\"d\"} = 1.0"]),
    (b"x{c=\"d\",a=\"b\"} 1\n", &["x{a=\"b\",c=\"d\"} = 1.0"]),
    (b"x { a = \"b\" , c\t=\t\"d\" } 1\n", &["x{a=\"b\",c=\"d\"} = 1.0"]),
    (b"x{a=\"b\"}1\n", &["x{a=\"b\"} = 1.0"]),
    (b"x{\"a \" = \"b\",\" \t\"=\"c\"} 1\n", &["x{\" \t\"=\"c\",\"a \"=\"b\"} = 1.0"]),
    (b"{\" x \" , a = \"b\"} 1\n", &["{\" x \",a=\"b\"} = 1.0"]),
    (b"x{a=\"\"} 1\n", &["x = 1.0"]),
    (b"x{a=\"{},= #\"} 1\n", &["x{a=\"{},= #\"} = 1.0"]),
    (b"x{a=\"\\\\\"} 1\n", &["x{a=\"\\\\\"} = 1.0"]),
    (b"x{a=\"\\\"q\\\"\"} 1\n", &["x{a=\"\\\"q\\\"\"} = 1.0"]),
    (b"x{a=\"l\\nm\"} 1\n", &["x{a=\"l\\nm\"} = 1.0"]),
    (b"x{a=\"\\d\"} 1\n", &["x{a=\"\\\\d\"} = 1.0"]),
    (b"x{a=\"\0\"} 1\n", &["x{a=\"\0\"} = 1.0"]),
    ("x{a=\"größe 鯨\"} 1\n".as_bytes(), &["x{a=\"größe 鯨\"} = 1.0"]),
    (b"x{__meta=\"m\"} 1\n", &["x{__meta=\"m\"} = 1.0"]),
    (b"x{\"a b\"=\"c\"} 1\n", &["x{\"a b\"=\"c\"} = 1.0"]),
    (b"{\"x.y\"} 1\n", &["{\"x.y\"} = 1.0"]),
    (b"{\"x\"} 1\n", &["x = 1.0"]),
    (b"{\"x.y\",} 1\n", &["{\"x.y\"} = 1.0"]),
    (b"{\"x.y\",a=\"b\"} 1\n", &["{\"x.y\",a=\"b\"} = 1.0"]),
    (b"{a=\"b\",\"x.y\"} 1\n", &["{\"x.y\",a=\"b\"} = 1.0"]),
    (b"{ \"x y\" , a=\"b\" } 1\n", &["{\"x y\",a=\"b\"} = 1.0"]),
    (b"{\"x\\\"y\"} 1\n", &["{\"x\\\"y\"} = 1.0"]),
    (b"{\"x\\ny\"} 1\n", &["{\"x\\ny\"} = 1.0"]),
    (b"# a free comment, even with \r and \0\nup 1\n", &["up = 1.0"]),
    (b"#\n##\n#TYPE x nothing\n", &[]),
    (b"# EOF\nup 1\n", &["up = 1.0"]),
    (b"# HELP up\nup 1\n", &["up = 1.0"]),
    (b"# HELP up \nup 1\n", &["up = 1.0"]),
    (b"# HELP up Whether \\\\ it \\n is \\up\nup 1\n", &["up = 1.0"]),
    (b"# TYPE up gauge\nup 1\n", &["up = 1.0"]),
    (b"#\tTYPE \t up\tuntyped \nup 1\n", &["up = 1.0"]),
    (b"  # TYPE up counter\n", &[]),
    (b"# TYPE \"u.p\" summary\n", &[]),
    (b"# HELPER x\n# TYPED x\n# type x y\n# UNIT x y\n", &[]),
    (b" up 1\n", &["{\" up\"} = 1.0"]),
    // The same shape twice, then one that differs in each place where it can differ.
    (
        b"x{a=\"1\",b=\"2\"} 1\nx{a=\"33\",b=\"\"} 2\nx{a=\"1\",b=\"2\"}  3\nx{a=\"1\",b=\"2\"}4\nx{a=\"1\",b=\"2\",} 5\nx{a=\"1\",c=\"2\"} 6\ny{a=\"1\",c=\"2\"} 7\ny{a=\"\\\"1\",c=\"2\"} 8\ny{a=\"1\",c=\"2\"} 9 5\n",
        &[
            "x{a=\"1\",b=\"2\"} = 1.0",
            "x{a=\"33\"} = 2.0",
            "x{a=\"1\",b=\"2\"} = 3.0",
            "x{a=\"1\",b=\"2\"} = 4.0",
            "x{a=\"1\",b=\"2\"} = 5.0",
            "x{a=\"1\",c=\"2\"} = 6.0",
            "y{a=\"1\",c=\"2\"} = 7.0",
            "y{a=\"\\\"1\",c=\"2\"} = 8.0",
            "y{a=\"1\",c=\"2\"} = 9.0 @5",
        ],
    ),
    (
        b"{a=\"1\",\"n.1\"} 1\n{a=\"22\",\"n.1\"} 2\n{a=\"3\",\"n.2\"} 3\n",
        &["{\"n.1\",a=\"1\"} = 1.0", "{\"n.1\",a=\"22\"} = 2.0", "{\"n.2\",a=\"3\"} = 3.0"],
    ),
    (b"h_bucket{le=\"+Inf\"} 3\nh_sum 4\nh_count 3\n", &["h_bucket{le=\"+Inf\"} = 3.0", "h_sum = 4.0", "h_count = 3.0"]),
];

/// Pages of the text format that are refused: line, column, and what was expected there.
const TEXT_BAD: &[(&[u8], &str)] = &[
    (b"up", "1:3 Blank"),
    (b"up 1", "1:5 LineFeed"),
    (b"up 1\ndo", "2:3 Blank"),
    (b"up 1\nup 12", "2:6 LineFeed"),
    (b"up \n", "1:4 Value"),
    (b"up\n", "1:3 Blank"),
    (b"up one\n", "1:4 Value"),
    (b"up 1\r\n", "1:4 Value"),
    (b"up 1_000\n", "1:4 Value"),
    (b"up 0x10\n", "1:4 Value"),
    (b"up 0x1p-2\n", "1:4 Value"),
    (b"up 0b1\n", "1:4 Value"),
    (b"up +\n", "1:4 Value"),
    (b"up .\n", "1:4 Value"),
    (b"up 1e\n", "1:4 Value"),
    (b"up -NaN\n", "1:4 Value"),
    (b"up 1,5\n", "1:4 Value"),
    (b"up 1e309\n", "1:4 ValueInRange"),
    (b"up -1e309\n", "1:4 ValueInRange"),
    (b"up 1 2.5\n", "1:6 Timestamp"),
    (b"up 1 1e3\n", "1:6 Timestamp"),
    (b"up 1 now\n", "1:6 Timestamp"),
    (b"up 1 9223372036854775808\n", "1:6 Timestamp"),
    (b"up 1 2 3\n", "1:8 EndOfLine"),
    (b"up 1 # {a=\"b\"} 1\n", "1:6 Timestamp"),
    (b"1up 1\n", "1:1 MetricName"),
    (b"-up 1\n", "1:1 MetricName"),
    (b"u-p 1\n", "1:2 Blank"),
    (b"u.p 1\n", "1:2 Blank"),
    ("größe 1\n".as_bytes(), "1:3 Blank"),
    (b"u\0p 1\n", "1:2 Blank"),
    (b"\"up\" 1\n", "1:1 MetricName"),
    (b"{} 1\n", "1:2 MetricName"),
    (b"{a=\"b\"} 1\n", "1:7 MetricName"),
    (b"{\"\"} 1\n", "1:3 MetricName"),
    (b"{\"x\",\"y\"} 1\n", "1:7 OneMetricName"),
    (b"x{\"y\"} 1\n", "1:4 OneMetricName"),
    (b"{x} 1\n", "1:3 EqualsSign"),
    (b"x{,} 1\n", "1:3 LabelName"),
    (b"x{,a=\"b\"} 1\n", "1:3 LabelName"),
    (b"x{a=\"b\",,} 1\n", "1:9 LabelName"),
    (b"x{1a=\"b\"} 1\n", "1:3 LabelName"),
    (b"x{a:b=\"c\"} 1\n", "1:4 EqualsSign"),
    (b"x{a-b=\"c\"} 1\n", "1:4 EqualsSign"),
    (b"x{a} 1\n", "1:4 EqualsSign"),
    (b"x{a=} 1\n", "1:5 OpeningQuote"),
    (b"x{a=b} 1\n", "1:5 OpeningQuote"),
    (b"x{a='b'} 1\n", "1:5 OpeningQuote"),
    (b"x{a==\"b\"} 1\n", "1:5 OpeningQuote"),
    (b"x{a=\"b\"c=\"d\"} 1\n", "1:8 CommaOrBrace"),
    (b"x{a=\"b\" c=\"d\"} 1\n", "1:9 CommaOrBrace"),
    (b"x{a=\"b\"\n", "1:8 CommaOrBrace"),
    (b"x{a=\"b\n", "1:7 ClosingQuote"),
    (b"x{a=\"b\nc\"} 1\n", "1:7 ClosingQuote"),
    (b"x{a=\"b\\\"} 1\n", "1:12 ClosingQuote"),
    (b"x{a=\"b\\", "1:8 ClosingQuote"),
    (b"x{=\"b\"} 1\n", "1:3 LabelName"),
    (b"x{\"\"=\"b\"} 1\n", "1:4 LabelName"),
    (b"x{a=\"1\",a=\"2\"} 1\n", "1:9 NewLabelName"),
    (b"x{a=\"1\",\"a\"=\"2\"} 1\n", "1:10 NewLabelName"),
    (b"x{__name__=\"y\"} 1\n", "1:3 FreeLabelName"),
    (b"x{a=\"b\"}\n", "1:9 Value"),
    (b"x{a=\"b\"} \n", "1:10 Value"),
    (b"x{a=\"b\"}{c=\"d\"} 1\n", "1:9 Value"),
    (b"x{a=\"b\"} 1\nx{a=\"c\"} \n", "2:10 Value"),
    (b"x{a=\"b\"} 1\nx{a=\"c\"}\n", "2:9 Value"),
    (b"x{a=\"b\"} 1\nx{a=\"c\" 1\n", "2:9 CommaOrBrace"),
    (b"x{a=\"b\"} 1\nx{a=\"c} 1\n", "2:10 ClosingQuote"),
    (b"x{a=\"\xff\"} 1\n", "1:6 Utf8"),
    (b"x{a=\"\xed\xa0\x80\"} 1\n", "1:6 Utf8"),
    (b"up 1\n# \xc3\x28\n", "2:3 Utf8"),
    (b"up one\n# \xff\n", "1:4 Value"),
    ("é{a=\"b\"} 1\n".as_bytes(), "1:1 MetricName"),
    ("x{a=\"é\",b=c} 1\n".as_bytes(), "1:11 OpeningQuote"),
    (b"\xef\xbb\xbfup 1\n", "1:1 MetricName"),
    (b"\x1f\x8b\x08\x00", "1:2 Utf8"),
    (b"<html><body>502 Bad Gateway</body></html>\n", "1:1 MetricName"),
    (b"{\"error\":\"not found\"}\n", "1:9 EqualsSign"),
    (b"# HELP \n", "1:8 MetricName"),
    (b"# TYPE \n", "1:8 MetricName"),
    (b"# TYPE up\n", "1:10 MetricType"),
    (b"# TYPE up meter\n", "1:11 MetricType"),
    (b"# TYPE up Gauge\n", "1:11 MetricType"),
    (b"# TYPE up gauge gauge\n", "1:17 EndOfLine"),
    (b"# TYPE up gauge\r\n", "1:11 MetricType"),
    (b"# TYPE 9 gauge\n", "1:8 MetricName"),
    (b"# TYPE u-p gauge\n", "1:9 MetricName"),
    (b"# HELP \"u.p\n", "1:12 ClosingQuote"),
    (b"# TYPE \"\" gauge\n", "1:9 MetricName"),
];

/// Valid pages of `OpenMetrics`; the last line is added.
const OM_OK: &[(&[u8], &[&str])] = &[
    (b"", &[]),
    (b"up 1\n", &["up = 1.0"]),
    (b"up{} 1\n", &["up = 1.0"]),
    (b"up 1 5\n", &["up = 1.0 @5000"]),
    (b"up 1 5.25\n", &["up = 1.0 @5250"]),
    (b"up 1 -1.5e3\n", &["up = 1.0 @-1500000"]),
    (b"up 1 1700000000.0004\n", &["up = 1.0 @1700000000000"]),
    (b"up NaN\n", &["up = NaN"]),
    (b"up -Inf\n", &["up = -inf"]),
    (b"x{a=\"b\",c=\"d\"} 1\n", &["x{a=\"b\",c=\"d\"} = 1.0"]),
    (b"x{a=\"b\",} 1\n", &["x{a=\"b\"} = 1.0"]),
    (b"x{a=\" # {} 1\"} 2\n", &["x{a=\" # {} 1\"} = 2.0"]),
    (b"x{a=\"\\z\"} 2\n", &["x{a=\"\\\\z\"} = 2.0"]),
    (b"{\"x.y_total\",a=\"b\"} 1\n", &["{\"x.y_total\",a=\"b\"} = 1.0"]),
    (b"# TYPE x counter\nx_total 1 # {t=\"u\"} 0.5\n", &["x_total = 1.0"]),
    (b"# TYPE x counter\nx_total 1 # {} 0.5 7.5\n", &["x_total = 1.0"]),
    (b"# TYPE x counter\nx_total 1 9 # {t=\"u\",\"v.w\"=\"\"} NaN 7\n", &["x_total = 1.0 @9000"]),
    (b"# TYPE x counter\n# HELP x \n# UNIT x \n", &[]),
    (b"# HELP x text \\n with \\\\ escapes # and more \n", &[]),
    (b"# TYPE x_seconds gauge\n# UNIT x_seconds seconds\n", &[]),
    (b"# TYPE \"x.y\" info\n", &[]),
    (b"# TYPE a gaugehistogram\n# TYPE b stateset\n# TYPE c unknown\n# TYPE d summary\n# TYPE e histogram\n", &[]),
    (
        b"h_bucket{le=\"1.0\"} 1 # {t=\"1\"} 0.3\nh_bucket{le=\"+Inf\"} 2\nh_count 2\n",
        &["h_bucket{le=\"1.0\"} = 1.0", "h_bucket{le=\"+Inf\"} = 2.0", "h_count = 2.0"],
    ),
];

/// Refused pages of `OpenMetrics`, whole.
const OM_BAD: &[(&[u8], &str)] = &[
    (b"", "1:1 EofMarker"),
    (b"up 1\n", "2:1 EofMarker"),
    (b"up 1", "1:5 LineFeed"),
    (b"up 1\n# EOF\nup 2\n", "3:1 EndOfPage"),
    (b"up 1\n# EOF\n\n", "3:1 EndOfPage"),
    (b"up 1\n#EOF\n", "2:1 Metadata"),
    (b"up 1\n# EOF \n", "2:1 Metadata"),
    (b"up 1\r\n# EOF\r\n", "1:4 Value"),
    (b"up 1\n\n# EOF\n", "2:1 StartOfLine"),
    (b" up 1\n# EOF\n", "1:1 StartOfLine"),
    (b"up  1\n# EOF\n", "1:4 Value"),
    (b"up\t1\n# EOF\n", "1:3 Blank"),
    (b"up 1 \n# EOF\n", "1:6 Timestamp"),
    (b"up 1  5\n# EOF\n", "1:6 Timestamp"),
    (b"up 1 5 \n# EOF\n", "1:8 ExemplarOrTimestamp"),
    (b"up 1 Inf\n# EOF\n", "1:6 Timestamp"),
    (b"up 1 NaN\n# EOF\n", "1:6 Timestamp"),
    (b"up 1 5 6\n# EOF\n", "1:8 ExemplarOrTimestamp"),
    (b"up{a=\"b\"}1\n# EOF\n", "1:10 Blank"),
    (b"up {a=\"b\"} 1\n# EOF\n", "1:4 Value"),
    (b"up{ a=\"b\"} 1\n# EOF\n", "1:4 LabelName"),
    (b"up{a=\"b\", c=\"d\"} 1\n# EOF\n", "1:10 LabelName"),
    (b"up{a =\"b\"} 1\n# EOF\n", "1:5 EqualsSign"),
    (b"up{a=\"b\" } 1\n# EOF\n", "1:9 CommaOrBrace"),
    (b"up{a=\"b\",a=\"c\"} 1\n# EOF\n", "1:10 NewLabelName"),
    (b"up 1 #\n# EOF\n", "1:6 ExemplarOrTimestamp"),
    (b"up 1 # a=\"b\"} 1\n# EOF\n", "1:6 ExemplarOrTimestamp"),
    (b"up 1 # {a=\"b\"}\n# EOF\n", "1:15 Blank"),
    (b"up 1 # {a=\"b\"} one\n# EOF\n", "1:16 Value"),
    (b"up 1 # {a=\"b\"} 1 Inf\n# EOF\n", "1:18 Timestamp"),
    (b"up 1 # {a=\"b\"} 1 2 3\n# EOF\n", "1:19 EndOfLine"),
    (b"up 1 # {a} 1\n# EOF\n", "1:10 EqualsSign"),
    (b"up 1 # {\"a\"} 1\n# EOF\n", "1:12 EqualsSign"),
    (b"up 1 # {a=\"\0\"} 1\n# EOF\n", "1:12 ExemplarText"),
    (b"# a comment\n# EOF\n", "1:1 Metadata"),
    (b"#\n# EOF\n", "1:1 Metadata"),
    (b"# TYPE x\n# EOF\n", "1:9 MetadataText"),
    (b"# TYPE x untyped\n# EOF\n", "1:10 MetricType"),
    (b"# TYPE x  gauge\n# EOF\n", "1:10 MetricType"),
    (b"# TYPE  x gauge\n# EOF\n", "1:8 MetricName"),
    (b"# HELP x\n# EOF\n", "1:9 MetadataText"),
    (b"# UNIT x seconds\n# EOF\n", "1:10 UnitSuffix"),
    (b"# UNIT xseconds seconds\n# EOF\n", "1:17 UnitSuffix"),
    (b"# UNIT _seconds seconds\n# EOF\n", "1:17 UnitSuffix"),
    (b"x{a=\"\xc0\"} 1\n# EOF\n", "1:6 Utf8"),
    (b"x 1 1_0\n# EOF\n", "1:5 Timestamp"),
];

#[test]
fn the_table_is_large_enough() {
    let bad = TEXT_BAD.len() + OM_BAD.len();
    let all = TEXT_OK.len() + OM_OK.len() + bad;
    assert!(all >= 120 && bad >= 50, "{all} cases, {bad} of them errors");
}

#[test]
fn text_pages_are_read() {
    for (page, want) in TEXT_OK {
        let got = read(page, Format::Text).unwrap_or_else(|e| panic!("{:?}: {e}", String::from_utf8_lossy(page)));
        assert_eq!(&got, want, "{:?}", String::from_utf8_lossy(page));
    }
}

#[test]
fn bad_text_pages_are_refused() {
    for (page, want) in TEXT_BAD {
        assert_eq!(read(page, Format::Text).unwrap_err(), *want, "{:?}", String::from_utf8_lossy(page));
    }
}

#[test]
fn openmetrics_pages_are_read() {
    for (page, want) in OM_OK {
        for end in [b"# EOF".as_slice(), b"# EOF\n"] {
            let page = [*page, end].concat();
            let got = read(&page, Format::OpenMetrics)
                .unwrap_or_else(|e| panic!("{:?}: {e}", String::from_utf8_lossy(&page)));
            assert_eq!(&got, want, "{:?}", String::from_utf8_lossy(&page));
        }
    }
}

#[test]
fn bad_openmetrics_pages_are_refused() {
    for (page, want) in OM_BAD {
        assert_eq!(read(page, Format::OpenMetrics).unwrap_err(), *want, "{:?}", String::from_utf8_lossy(page));
    }
}

#[test]
fn exemplars_are_bounded() {
    let page = |n: usize| format!("x_total 1 # {{a=\"{}\"}} 1\n# EOF\n", "é".repeat(n));
    assert!(read(page(127).as_bytes(), Format::OpenMetrics).is_ok());
    assert_eq!(read(page(128).as_bytes(), Format::OpenMetrics).unwrap_err(), "1:14 ShortExemplar");
}

#[test]
fn messages_say_where_and_what() {
    let error = scan(b"up 1\nup{a=b} 1\n", Format::Text, &Limits::default(), &Wanted::all(), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 6: expected '\"' at the start of the label value");
    assert_eq!(error.expected, Expected::OpeningQuote);
}

#[test]
fn bounds_fail_the_page() {
    let limits = Limits { page_bytes: 64, line_bytes: 20, series: 3 };
    let run =
        |page: &[u8]| scan(page, Format::Text, &limits, &Wanted::all(), &mut |_| ()).map_err(|e| (e.line, e.expected));
    assert!(run(b"a 1\nb 2\nc 3\n").is_ok());
    assert_eq!(run(b"a 1\nb 2\nc 3\nd 4\n"), Err((4, Expected::FewerSeries(3))));
    assert!(run(b"# 345678901234567890\n").is_ok());
    assert_eq!(run(b"a 1\n# 3456789012345678901\n"), Err((2, Expected::ShorterLine(20))));
    assert_eq!(run(&b"# 34567\n".repeat(9)), Err((9, Expected::SmallerPage(64))));
    assert!(run(&b"# 34567\n".repeat(8)).is_ok());
}

#[test]
fn unwanted_series_are_counted_and_validated() {
    let mut seen = Vec::new();
    let wanted = Wanted::names(["b", "c.d"]);
    let page = b"a{x=\"1\"} 1\na{x=\"2\"} 2\nb 3\nb_total 4\n{\"c.d\"} 5\n{\"b\"} 6\n";
    let summary = scan(page, Format::Text, &Limits::default(), &wanted, &mut |s| seen.push(show(s))).unwrap();
    assert_eq!(seen, ["b = 3.0", "{\"c.d\"} = 5.0", "b = 6.0"]);
    assert_eq!((summary.series, summary.wanted, summary.lines), (6, 3, 6));
    for bad in [b"a 1e999\n".as_slice(), b"a{x=\"1\"} 1\na{x=\"2\"} two\n", b"a{x=\"1\"} 1 z\n"] {
        assert!(scan(bad, Format::Text, &Limits::default(), &wanted, &mut |_| ()).is_err());
    }
}

#[test]
fn content_types() {
    assert_eq!(Format::from_content_type("text/plain; version=0.0.4; charset=utf-8"), Some(Format::Text));
    assert_eq!(Format::from_content_type(""), Some(Format::Text));
    let open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(Format::from_content_type(open), Some(Format::OpenMetrics));
    assert_eq!(Format::from_content_type("text/html"), None);
    assert_eq!(Format::from_content_type("application/vnd.google.protobuf"), None);
}
