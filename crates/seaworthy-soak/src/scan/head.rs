//! The head of a sample line: metric name and labels.
//!
//! Both formats share it; `OM` (`OpenMetrics`) allows no blanks between its tokens, the text format any number.

use super::error::{Expected, Fault};

/// More labels than this and the line's shape is not remembered (it is still scanned).
pub(super) const REMEMBERED_LABELS: usize = 24;

/// A stretch of the page, by byte offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Span {
    pub(super) fn bytes(self, page: &[u8]) -> &[u8] {
        page.get(self.from..self.to).unwrap_or_default()
    }

    pub(super) fn text(self, page: &str) -> &str {
        page.get(self.from..self.to).unwrap_or_default()
    }

    /// The same stretch, seen from another line's start.
    fn moved(self, from_line: usize, to_line: usize) -> Self {
        Self { from: self.from - from_line + to_line, to: self.to - from_line + to_line }
    }
}

/// Where the parts of a line's head are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    /// The metric's name, without quotes.
    pub(super) name: Span,
    /// What stands between the braces; empty without braces.
    pub(super) labels: Span,
    /// The first byte of the value.
    pub(super) value_from: usize,
}

/// The last line's head in detail. Lines of one metric differ in label values and little else, so the next line is first
/// compared with it piece by piece, which proves it valid without looking at each byte.
#[derive(Debug)]
pub(super) struct Shape {
    line: usize,
    head: Head,
    values: [Span; REMEMBERED_LABELS],
    count: usize,
    usable: bool,
}

impl Shape {
    pub(super) fn new() -> Self {
        Self { line: 0, head: Head::default(), values: [Span::default(); REMEMBERED_LABELS], count: 0, usable: false }
    }

    fn start(&mut self, line: usize) {
        self.line = line;
        self.count = 0;
        self.usable = true;
    }

    fn push(&mut self, value: Span) {
        if let Some(slot) = self.values.get_mut(self.count) {
            *slot = value;
            self.count += 1;
        } else {
            self.usable = false;
        }
    }

    /// The head of the line `from..to` if it has the same shape as the last one: same name, same label names, same blanks.
    ///
    /// The shape moves along to that line; where the line differs it is given up, and the next line taken apart sets it anew.
    #[inline]
    pub(super) fn repeat(&mut self, page: &[u8], from: usize, to: usize) -> Option<Head> {
        if !self.usable || self.count == 0 {
            return None;
        }
        self.usable = false;
        let line = page.get(from..to)?;
        let mut fixed_from = self.line;
        let mut at = 0;
        for value in self.values.iter_mut().take(self.count) {
            let fixed = page.get(fixed_from..value.from)?;
            let rest = line.get(at..)?.strip_prefix(fixed)?;
            let length = memchr::memchr2(b'"', b'\\', rest)?;
            if rest.get(length) != Some(&b'"') {
                return None;
            }
            at += fixed.len();
            fixed_from = value.to;
            *value = Span { from: from + at, to: from + at + length };
            at += length;
        }
        let fixed = page.get(fixed_from..self.head.value_from)?;
        let value = line.get(at..)?.strip_prefix(fixed)?;
        if matches!(value.first(), None | Some(b' ' | b'\t')) {
            return None;
        }
        let labels_to = self.head.labels.to - fixed_from + from + at;
        self.head = Head {
            name: self.head.name.moved(self.line, from),
            labels: Span { from: self.head.labels.from - self.line + from, to: labels_to },
            value_from: from + at + fixed.len(),
        };
        self.line = from;
        self.usable = true;
        Some(self.head)
    }

    /// The shape of this line cannot be repeated: its name stands behind a label, whose length varies.
    fn give_up(&mut self) {
        self.usable = false;
    }
}

/// A position inside a line of a page.
pub(super) struct Cursor<'p> {
    pub(super) page: &'p [u8],
    pub(super) at: usize,
    pub(super) end: usize,
}

const NAME: u8 = 1;
const NAME_START: u8 = 2;
const LABEL: u8 = 4;
const LABEL_START: u8 = 8;

/// Which bytes may stand in unquoted names.
const CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut b = 0u8;
    while b < 128 {
        if b.is_ascii_alphabetic() || b == b'_' {
            table[b as usize] = NAME | NAME_START | LABEL | LABEL_START;
        } else if b.is_ascii_digit() {
            table[b as usize] = NAME | LABEL;
        } else if b == b':' {
            table[b as usize] = NAME | NAME_START;
        }
        b += 1;
    }
    table
};

impl Cursor<'_> {
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        if self.at < self.end { self.page.get(self.at).copied() } else { None }
    }

    pub(super) fn fault(&self, expected: Expected) -> Fault {
        Fault::new(self.at, expected)
    }

    #[inline]
    pub(super) fn blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn rest(&self) -> &[u8] {
        self.page.get(self.at..self.end).unwrap_or_default()
    }

    #[inline]
    fn identifier(&mut self, start: u8, inner: u8, expected: Expected) -> Result<Span, Fault> {
        let from = self.at;
        if self.peek().is_none_or(|b| CLASS[usize::from(b)] & start == 0) {
            return Err(self.fault(expected));
        }
        let length = self.rest().iter().position(|b| CLASS[usize::from(*b)] & inner == 0);
        self.at = length.map_or(self.end, |length| from + length);
        Ok(Span { from, to: self.at })
    }

    /// An unquoted metric name.
    #[inline]
    pub(super) fn metric_name(&mut self) -> Result<Span, Fault> {
        self.identifier(NAME_START, NAME, Expected::MetricName)
    }

    /// A metric name as metadata lines have it: plain, or in quotes.
    pub(super) fn metric_name_or_quoted(&mut self) -> Result<Span, Fault> {
        if !self.eat(b'"') {
            return self.metric_name();
        }
        let name = self.quoted_rest()?;
        if name.from == name.to { Err(Fault::new(name.from, Expected::MetricName)) } else { Ok(name) }
    }

    /// The inside of a quoted text whose opening quote has been passed.
    #[inline]
    fn quoted_rest(&mut self) -> Result<Span, Fault> {
        let from = self.at;
        loop {
            let Some(found) = memchr::memchr2(b'"', b'\\', self.rest()) else {
                return Err(Fault::new(self.end, Expected::ClosingQuote));
            };
            self.at += found + 1;
            if self.page.get(self.at - 1) == Some(&b'"') {
                return Ok(Span { from, to: self.at - 1 });
            }
            if self.at >= self.end {
                return Err(Fault::new(self.end, Expected::ClosingQuote));
            }
            self.at += 1;
        }
    }

    /// The head of a sample line.
    pub(super) fn head<const OM: bool>(&mut self, line: usize, shape: &mut Shape) -> Result<Head, Fault> {
        shape.start(line);
        let mut head = Head::default();
        let mut named = false;
        if self.peek() != Some(b'{') {
            let name = self.metric_name()?;
            // Blanks before a name belong to it, as in Prometheus' own parser.
            head.name = Span { from: line, to: name.to };
            named = true;
            if !OM {
                self.blanks();
            }
        }
        if self.eat(b'{') {
            head.labels.from = self.at;
            let inner = self.labels::<OM>(if named { Naming::Done } else { Naming::Inside }, shape)?;
            head.labels.to = self.at - 1;
            head.name = if named { head.name } else { inner.unwrap_or_default() };
            if !OM {
                self.blanks();
            }
        } else {
            head.labels = Span { from: self.at, to: self.at };
            if !OM && !matches!(self.page.get(self.at - 1), Some(b' ' | b'\t')) {
                return Err(self.fault(Expected::Blank));
            }
        }
        if OM && !self.eat(b' ') {
            return Err(self.fault(Expected::Blank));
        }
        head.value_from = self.at;
        shape.head = head;
        Ok(head)
    }

    /// Labels up to and with the closing brace; the opening one has been passed. Gives the metric name found among them.
    pub(super) fn labels<const OM: bool>(
        &mut self,
        mut naming: Naming,
        shape: &mut Shape,
    ) -> Result<Option<Span>, Fault> {
        let mut names = Names::new();
        let mut metric = None;
        loop {
            if !OM {
                self.blanks();
            }
            if self.eat(b'}') {
                break;
            }
            let quoted = self.eat(b'"');
            let from = self.at;
            let name =
                if quoted { self.quoted_rest()? } else { self.identifier(LABEL_START, LABEL, Expected::LabelName)? };
            if !OM {
                self.blanks();
            }
            if quoted && naming != Naming::None && matches!(self.peek(), Some(b',' | b'}')) {
                if naming == Naming::Done {
                    return Err(Fault::new(from, Expected::OneMetricName));
                }
                if name.from == name.to {
                    return Err(Fault::new(from, Expected::MetricName));
                }
                naming = Naming::Done;
                metric = Some(name);
                if shape.count > 0 {
                    shape.give_up();
                }
            } else {
                names.add(self.page, name)?;
                if !self.eat(b'=') {
                    return Err(self.fault(Expected::EqualsSign));
                }
                if !OM {
                    self.blanks();
                }
                if !self.eat(b'"') {
                    return Err(self.fault(Expected::OpeningQuote));
                }
                shape.push(self.quoted_rest()?);
                if !OM {
                    self.blanks();
                }
            }
            if self.eat(b'}') {
                break;
            }
            if !self.eat(b',') {
                return Err(self.fault(Expected::CommaOrBrace));
            }
        }
        if naming == Naming::Inside { Err(Fault::new(self.at - 1, Expected::MetricName)) } else { Ok(metric) }
    }
}

/// Whether a quoted metric name may stand among the labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// It has to.
    Inside,
    /// The name is known already.
    Done,
    /// There is none: an exemplar.
    None,
}

/// The label names of one line, to tell repeated ones. Lines of the same shape never come here, so a plain list is enough.
struct Names {
    spans: [Span; REMEMBERED_LABELS],
    count: usize,
    more: Vec<Span>,
}

impl Names {
    fn new() -> Self {
        Self { spans: [Span::default(); REMEMBERED_LABELS], count: 0, more: Vec::new() }
    }

    fn add(&mut self, page: &[u8], name: Span) -> Result<(), Fault> {
        let text = name.bytes(page);
        if text.is_empty() {
            return Err(Fault::new(name.from, Expected::LabelName));
        }
        if text == b"__name__" {
            return Err(Fault::new(name.from, Expected::FreeLabelName));
        }
        let known = self.spans.iter().take(self.count).chain(&self.more);
        if known.into_iter().any(|s| s.to - s.from == text.len() && s.bytes(page) == text) {
            return Err(Fault::new(name.from, Expected::NewLabelName));
        }
        if let Some(slot) = self.spans.get_mut(self.count) {
            *slot = name;
            self.count += 1;
        } else {
            self.more.push(name);
        }
        Ok(())
    }
}
