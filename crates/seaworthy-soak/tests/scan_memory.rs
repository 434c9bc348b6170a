//! How much memory the scanner and the reader of a page take for pages made to take much of it.
//!
//! One test: the allocator counts for the whole process, so tests beside each other would count each other's.

use peak_alloc::PeakAlloc;
use seaworthy_soak::check::CheckSpec;
use seaworthy_soak::page::{Wants, read_page};
use seaworthy_soak::recorder::MAX_NAME_BYTES_PER_LOOK;
use seaworthy_soak::scan::{Format, Limits, Wanted, scan};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes that the heap grew by at its height while `work` ran.
fn growth(work: impl FnOnce()) -> usize {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    work();
    HEAP.peak_usage().saturating_sub(before)
}

/// Bounds as by default, but a quarter of the page: the test is to be quick.
fn limits() -> Limits {
    Limits { page_bytes: 1 << 20, ..Limits::default() }
}

/// Pages as long as the bounds allow, each bad for somebody.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let page = limits().page_bytes;
    let line = limits().line_bytes;
    let fill = |unit: &str| unit.repeat(page / unit.len()).into_bytes();
    // Labels whose number and not whose text is large, each name new, with and without escapes.
    let mut labels = String::from("x{");
    for index in 0.. {
        let label = format!("l{index}=\"\\n\",");
        if labels.len() + label.len() + 4 > line {
            break;
        }
        labels.push_str(&label);
    }
    labels.push_str("} 1\n");
    let each = |length: usize| -> Vec<u8> {
        let line = |k: usize| format!("x{{a=\"{k}{}\"}} 1\n", "v".repeat(length - 20));
        (0..page / length).flat_map(|k| line(k).into_bytes()).collect()
    };
    vec![
        ("a new series of a long name in each line", each(8_000)),
        ("many new series", each(20)),
        ("the shortest series", fill("x 1\n")),
        ("a line of labels upon labels", fill(&labels)),
        ("one label as long as a line", fill(&format!("x{{a=\"{}\"}} 1\n", "v".repeat(line - 20)))),
        ("escapes only", fill(&format!("x{{a=\"{}\"}} 1\n", "\\n".repeat(line / 2 - 20)))),
        ("one line and no end", vec![b'x'; page]),
        ("a quote that never closes", [b"x{a=\"".as_slice(), &vec![b'v'; page - 6]].concat()),
        ("a long number", fill(&format!("x {}\n", "9".repeat(200)))),
        ("comments", fill("# HELP x y\n")),
        ("NUL", vec![0; page]),
        ("NaN and infinities", fill("x NaN\ny{a=\"b\"} +Inf\nz -Inf\n")),
        ("more than a page may have", vec![b'\n'; page + 1]),
    ]
}

#[test]
fn memory_stays_within_the_bounds() {
    let limits = limits();
    let specs: Vec<CheckSpec> =
        serde_json::from_str(r#"[{"name":"x","bound":{"source":"s","metric":"x","max":1}}]"#).unwrap();
    let wants = Wants::of(&specs, "s");
    for (what, page) in hostile() {
        for format in [Format::Text, Format::OpenMetrics] {
            // Scanning borrows from the page: the list of one line's label names is all that it may need.
            let used = growth(|| drop(scan(&page, format, &limits, &Wanted::all(), &mut |_| ())));
            assert!(used <= 16 * limits.line_bytes, "{what}: scanning took {used} bytes");
            // Of what is read at most so many series are kept, and so many bytes of their names.
            let used = growth(|| drop(read_page(&page, format, &limits, &wants, 0, "")));
            let most = 3 * MAX_NAME_BYTES_PER_LOOK;
            assert!(used <= most, "{what}: reading took {used} bytes");
        }
    }
}
