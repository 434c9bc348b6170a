//! The scanner: pages of metrics in the Prometheus text format 0.0.4 and in `OpenMetrics` 1.0.
//!
//! Parsing is the largest cost of sampling at scale, and a page is hostile input. So: samples borrow from the page, nothing is
//! allocated per sample, a line that looks like the one before is compared with it rather than taken apart, and values of
//! metrics that nobody asked for are validated but not converted. And: the whole page is validated, one bad line fails it, and
//! page, line and series counts are bounded.
//!
//! Stricter than Prometheus where that protects evidence: the last line must be finished (a cut page must not pass for a
//! short one), UTF-8 everywhere, no repeated label names. As lenient as Prometheus where that is harmless: unknown escape
//! sequences stay as they are; blanks before a name belong to the name.
//!
//! Deliberately absent: grouping into families, histograms and exemplars as values, the meaning of types, and the check that
//! a series stands on the page only once (the reader of the wanted series does that).

mod error;
mod head;
mod number;
mod openmetrics;
mod sample;
mod text;
mod wanted;

pub use error::{Expected, ScanError};
pub(crate) use sample::unescape;
pub use sample::{Labels, Sample, series_key};
pub use wanted::Wanted;

use error::Fault;
use head::{Head, Shape, Span};

/// Value of the `Accept` request header: the formats that [`scan`] reads, in the order of preference.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// The format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4: milliseconds, free comments and blanks.
    Text,
    /// `OpenMetrics` 1.0: seconds, exemplars, single blanks, `# EOF` at the end.
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` header names. A plain text without version, and no type at all, are the text format;
    /// `None` stands for a type that is neither (an HTML error page, the protobuf format).
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            Some(Self::OpenMetrics)
        } else if media_type.is_empty() || media_type.eq_ignore_ascii_case("text/plain") {
            Some(Self::Text)
        } else {
            None
        }
    }
}

/// Bounds of a page. A page beyond one fails; it is never truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the page, decompressed. Default 4 MiB.
    pub page_bytes: usize,
    /// Bytes of a line. Default 16 KiB.
    pub line_bytes: usize,
    /// Series on the page. Default 100,000.
    pub series: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { page_bytes: 4 << 20, line_bytes: 16 << 10, series: 100_000 }
    }
}

/// What stood on a valid page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSummary {
    /// Samples on the page; a growing number is itself the mark of a leak.
    pub series: usize,
    /// Samples handed to the sink.
    pub wanted: usize,
    /// Lines on the page.
    pub lines: usize,
}

/// Scans `page`, hands each sample of a wanted metric to `sink`, and validates all of it.
///
/// # Errors
/// The first place at which the page stops being valid, or the bound that it breaks. What `sink` received by then must be
/// thrown away: one bad line fails the page.
pub fn scan(
    page: &[u8],
    format: Format,
    limits: &Limits,
    wanted: &Wanted,
    sink: &mut impl FnMut(&Sample<'_>),
) -> Result<PageSummary, ScanError> {
    if page.len() > limits.page_bytes {
        return Err(Fault::new(limits.page_bytes, Expected::SmallerPage(limits.page_bytes)).locate(page));
    }
    // Damaged text is reported where it stands, unless a line above is bad in another way.
    let (text, damage) = match std::str::from_utf8(page) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = error.valid_up_to();
            let lines = memchr::memrchr(b'\n', &page[..valid]).map_or(0, |i| i + 1);
            (std::str::from_utf8(&page[..lines]).unwrap_or_default(), Some(Fault::new(valid, Expected::Utf8)))
        }
    };
    let mut scanner = Scanner {
        text,
        page: text.as_bytes(),
        limits,
        wanted,
        sink,
        shape: Shape::new(),
        name: Span::default(),
        name_wanted: false,
        summary: PageSummary { series: 0, wanted: 0, lines: 0 },
    };
    let result = match format {
        Format::Text => scanner.text_lines(damage.is_some()),
        Format::OpenMetrics => scanner.openmetrics_lines(damage.is_some()),
    };
    match result.and(damage.map_or(Ok(()), Err)) {
        Ok(()) => Ok(scanner.summary),
        Err(fault) => Err(fault.locate(page)),
    }
}

/// The state of one scan; the two formats add their lines in `text.rs` and `openmetrics.rs`.
struct Scanner<'p, 's, F> {
    text: &'p str,
    page: &'p [u8],
    limits: &'s Limits,
    wanted: &'s Wanted,
    sink: &'s mut F,
    shape: Shape,
    /// The last metric name, and whether it is wanted.
    name: Span,
    name_wanted: bool,
    summary: PageSummary,
}

/// What a quick look at a line came to.
enum Line {
    /// It is done; the next one starts here.
    Done(usize),
    /// It has to be taken apart, from its value on where the head is known.
    Open(Option<Head>),
}

impl<F: FnMut(&Sample<'_>)> Scanner<'_, '_, F> {
    /// The end of the line that starts at `from`, without its line feed, and whether it has one.
    #[inline]
    fn line_end(&mut self, from: usize) -> Result<(usize, bool), Fault> {
        let rest = self.page.get(from..).unwrap_or_default();
        let (length, finished) = memchr::memchr(b'\n', rest).map_or((rest.len(), false), |length| (length, true));
        if length > self.limits.line_bytes {
            return Err(Fault::new(from + self.limits.line_bytes, Expected::ShorterLine(self.limits.line_bytes)));
        }
        self.summary.lines += 1;
        Ok((from + length, finished))
    }

    /// Counts a sample line and tells whether its metric is wanted. `repeated` says that the name is that of the last line.
    #[inline]
    fn count(&mut self, line: usize, head: &Head, repeated: bool) -> Result<bool, Fault> {
        self.summary.series += 1;
        if self.summary.series > self.limits.series {
            return Err(Fault::new(line, Expected::FewerSeries(self.limits.series)));
        }
        if !repeated {
            let same = self.summary.series > 1 && self.name.bytes(self.page) == head.name.bytes(self.page);
            if !same {
                self.name_wanted = self.wanted.contains(&sample::unescape(head.name.text(self.text)));
            }
            self.name = head.name;
        }
        Ok(self.name_wanted)
    }

    /// The line at `from` if it has the shape of the last one and nothing after a plain number, as most lines of most pages: no
    /// search for its end, one pass over its number.
    #[inline]
    fn quick_line(&mut self, from: usize) -> Result<Line, Fault> {
        let Some(head) = self.shape.repeat(self.page, from) else { return Ok(Line::Open(None)) };
        let number = self.text.get(head.value_from..).and_then(|rest| number::leading(rest, self.name_wanted));
        let Some((value, length)) = number else { return Ok(Line::Open(Some(head))) };
        let to = head.value_from + length;
        if self.page.get(to) != Some(&b'\n') || to - from > self.limits.line_bytes {
            return Ok(Line::Open(Some(head)));
        }
        self.summary.lines += 1;
        if self.count(from, &head, true)? {
            self.emit(&head, value, None);
        }
        Ok(Line::Done(to + 1))
    }

    /// Checks the value in `span`, converts it if it is wanted, and gives 0 if it is not.
    #[inline]
    fn value(&self, span: Span, wanted: bool) -> Result<f64, Fault> {
        let text = span.text(self.text);
        let value = if wanted { number::value(text) } else { number::check(text).map(|()| 0.0) };
        value.map_err(|bad| {
            let expected = match bad {
                number::BadNumber::Syntax => Expected::Value,
                number::BadNumber::Range => Expected::ValueInRange,
            };
            Fault::new(span.from, expected)
        })
    }

    /// Hands a sample over.
    #[inline]
    fn emit(&mut self, head: &Head, value: f64, timestamp_ms: Option<i64>) {
        self.summary.wanted += 1;
        let raw_name = head.name.text(self.text);
        let raw_labels = head.labels.text(self.text);
        (self.sink)(&Sample { raw_name, raw_labels, value, timestamp_ms });
    }
}
