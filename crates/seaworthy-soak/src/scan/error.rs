//! What was wrong with a page, where, and what should have stood there.

use std::fmt;

/// Why a page was refused: the first place at which it stops being a valid page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: expected {expected}{cause}")]
pub struct ScanError {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What a valid page would have had at this place.
    pub expected: Expected,
    cause: Cause,
}

/// What most likely lies behind a fault, where the page shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Unknown,
    /// The page ends where more should come.
    Cut,
    /// The line ends with a carriage return.
    CarriageReturn,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "",
            Self::Cut => "; the page ends there and may have been cut",
            Self::CarriageReturn => r"; the line ends with \r\n, this format wants \n alone",
        })
    }
}

impl ScanError {
    /// True when the page was refused because it is larger than its limits allow, not because it is malformed.
    pub fn over_limit(&self) -> bool {
        matches!(self.expected, Expected::SmallerPage(_) | Expected::ShorterLine(_) | Expected::FewerSeries(_))
    }

    /// True when the page ends in the middle of something: the usual mark of a transfer that was cut.
    pub fn cut_short(&self) -> bool {
        matches!(self.expected, Expected::LineFeed | Expected::EofMarker) || self.cause == Cause::Cut
    }
}

/// What a valid page would have had where the scanner stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// A sample, a comment or, in the text format, a blank line.
    StartOfLine,
    /// A metric name.
    MetricName,
    /// No second metric name.
    OneMetricName,
    /// A label name.
    LabelName,
    /// A label name which this sample does not have yet.
    NewLabelName,
    /// A label name other than the reserved `__name__`.
    FreeLabelName,
    /// `=` between a label's name and its value.
    EqualsSign,
    /// `"` at the start of a label value.
    OpeningQuote,
    /// `"` at the end of a quoted string.
    ClosingQuote,
    /// `,` or `}` after a label.
    CommaOrBrace,
    /// A blank before the value.
    Blank,
    /// A number.
    Value,
    /// A number within the range of a 64-bit float.
    ValueInRange,
    /// A timestamp: whole milliseconds in the text format, finite seconds in `OpenMetrics`.
    Timestamp,
    /// The end of the line.
    EndOfLine,
    /// A line feed: the page's last line is not finished.
    LineFeed,
    /// `# HELP`, `# TYPE`, `# UNIT` or `# EOF`: `OpenMetrics` has no free comments.
    Metadata,
    /// A metric type that the format knows.
    MetricType,
    /// One blank and a text (which may be empty) after a metadata line's metric name.
    MetadataText,
    /// A unit that is the last part of the metric's name.
    UnitSuffix,
    /// `# {` and the labels of an exemplar, or a timestamp.
    ExemplarOrTimestamp,
    /// No NUL among an exemplar's labels (label values of samples may have it; Prometheus draws the line here too).
    ExemplarText,
    /// An exemplar's labels of at most 128 characters.
    ShortExemplar,
    /// `# EOF` at the end of the page.
    EofMarker,
    /// Nothing after `# EOF`.
    EndOfPage,
    /// UTF-8.
    Utf8,
    /// A page of at most this many bytes.
    SmallerPage(usize),
    /// A line of at most this many bytes.
    ShorterLine(usize),
    /// At most this many series on the page.
    FewerSeries(usize),
}

impl Expected {
    /// Whether this could still have come where the page ends: `rest` is what stands there instead. A character that is wrong is no
    /// cut, whatever follows.
    fn is_cut_by_end(self, rest: &[u8]) -> bool {
        match self {
            // The messages of the first two say so themselves.
            Self::LineFeed | Self::EofMarker | Self::SmallerPage(_) | Self::ShorterLine(_) | Self::FewerSeries(_) => {
                false
            }
            // Words, which are found wanting as a whole.
            Self::Value | Self::Timestamp | Self::MetricType | Self::UnitSuffix | Self::Utf8 => !rest.contains(&b' '),
            Self::Metadata => ["# HELP ", "# TYPE ", "# UNIT ", "# EOF"].iter().any(|m| m.as_bytes().starts_with(rest)),
            Self::ExemplarOrTimestamp => b"# {".starts_with(rest),
            Self::StartOfLine
            | Self::MetricName
            | Self::OneMetricName
            | Self::LabelName
            | Self::NewLabelName
            | Self::FreeLabelName
            | Self::EqualsSign
            | Self::OpeningQuote
            | Self::ClosingQuote
            | Self::CommaOrBrace
            | Self::Blank
            | Self::ValueInRange
            | Self::EndOfLine
            | Self::MetadataText
            | Self::ExemplarText
            | Self::ShortExemplar
            | Self::EndOfPage => rest.is_empty(),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::StartOfLine => "a sample or a comment",
            Self::MetricName => "a metric name",
            Self::OneMetricName => "one metric name only",
            Self::LabelName => "a label name",
            Self::NewLabelName => "a label name that this sample does not have yet",
            Self::FreeLabelName => "a label name other than the reserved __name__",
            Self::EqualsSign => "'=' after the label name",
            Self::OpeningQuote => "'\"' at the start of the label value",
            Self::ClosingQuote => "'\"' at the end of the quoted text",
            Self::CommaOrBrace => "',' or '}' after the label",
            Self::Blank => "one blank before the value",
            Self::Value => "a number as value",
            Self::ValueInRange => "a value within the range of a 64-bit float",
            Self::Timestamp => "a timestamp (text format: whole milliseconds, OpenMetrics: finite seconds)",
            Self::EndOfLine => "the end of the line",
            Self::LineFeed => "a line feed: the last line is not finished, the page may have been cut",
            Self::Metadata => "HELP, TYPE, UNIT or EOF, each with single blanks",
            Self::MetricType => "a metric type of this format",
            Self::MetadataText => "a blank and a text after the metric name",
            Self::UnitSuffix => "a unit that is the last part of the metric name",
            Self::ExemplarOrTimestamp => "a timestamp, or '# {' and an exemplar",
            Self::ExemplarText => "an exemplar without NUL",
            Self::ShortExemplar => "an exemplar with labels of at most 128 characters",
            Self::EofMarker => "'# EOF' as the last line, the page may have been cut",
            Self::EndOfPage => "nothing after '# EOF'",
            Self::Utf8 => "valid UTF-8",
            Self::SmallerPage(limit) => return write!(f, "a page of at most {limit} bytes"),
            Self::ShorterLine(limit) => return write!(f, "a line of at most {limit} bytes"),
            Self::FewerSeries(limit) => return write!(f, "at most {limit} series on the page"),
        };
        f.write_str(text)
    }
}

/// A fault inside a line, by its byte offset in the page. The line and column are worked out once, at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) expected: Expected,
}

impl Fault {
    #[cold]
    pub(super) fn new(at: usize, expected: Expected) -> Self {
        Self { at, expected }
    }

    /// The same fault, by line and column of `page`.
    pub(super) fn locate(self, page: &[u8]) -> ScanError {
        let before = page.get(..self.at).unwrap_or(page);
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
        let line = memchr::memchr_iter(b'\n', before).count() + 1;
        let in_line = before.get(line_start..).unwrap_or_default();
        // Continuation bytes do not start a character, in valid text and in damaged text alike.
        let column = in_line.iter().filter(|b| (**b & 0xC0) != 0x80).count() + 1;
        ScanError { line, column, expected: self.expected, cause: self.cause(page) }
    }

    fn cause(self, page: &[u8]) -> Cause {
        let rest = page.get(self.at..).unwrap_or_default();
        let line = memchr::memchr(b'\n', rest);
        let of_line = rest.get(..line.unwrap_or(rest.len())).unwrap_or_default();
        match line {
            Some(_) if of_line.ends_with(b"\r") && !of_line.contains(&b' ') => Cause::CarriageReturn,
            None if self.expected.is_cut_by_end(of_line) => Cause::Cut,
            Some(_) | None => Cause::Unknown,
        }
    }
}
