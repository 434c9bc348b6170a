//! The head of a sample line: metric name and labels.
//!
//! Both formats share it; `OM` (`OpenMetrics`) allows no blanks between its tokens, the text format any number.

use std::collections::BTreeSet;

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

    fn after(self, start: usize) -> Self {
        Self { from: self.from + start, to: self.to + start }
    }

    fn within(self, start: usize) -> Self {
        Self { from: self.from - start, to: self.to - start }
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

/// The last line's head in detail. Lines of one metric differ in a label value or two and little else, so the next line is
/// first compared with it, which proves it valid without looking at each byte.
#[derive(Debug)]
pub(super) struct Shape {
    /// Where the line starts; all other places count from there, so that most of them stay true for the next line.
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
            *slot = value.within(self.line);
            self.count += 1;
        } else {
            self.usable = false;
        }
    }

    fn finish(&mut self, head: Head) {
        self.head = Head {
            name: head.name.within(self.line),
            labels: head.labels.within(self.line),
            value_from: head.value_from - self.line,
        };
    }

    /// The head of the line that starts at `from` if it has the same shape as the last one: same name, same label names, same
    /// blanks.
    ///
    /// The shape moves along to that line; where the line differs it is given up, and the next line taken apart sets it anew.
    #[inline]
    pub(super) fn repeat(&mut self, page: &[u8], from: usize) -> Option<Head> {
        if !self.usable || self.count == 0 {
            return None;
        }
        self.usable = false;
        let old = page.get(self.line..self.line + self.head.value_from)?;
        let new = page.get(from..)?;
        let same = common_prefix(old, new);
        let values = self.values.get_mut(..self.count)?;
        // The first value that is not the same up to its closing quote; those before it need no second look.
        let first = values.iter().position(|value| value.to >= same).unwrap_or(values.len());
        let mut fixed_from = first.checked_sub(1).and_then(|before| values.get(before)).map_or(0, |before| before.to);
        let mut at = fixed_from;
        for value in values.iter_mut().skip(first) {
            let fixed = old.get(fixed_from..value.from)?;
            let rest = new.get(at..)?.strip_prefix(fixed)?;
            let length = plain_length(rest)?;
            at += fixed.len();
            fixed_from = value.to;
            *value = Span { from: at, to: at + length };
            at += length;
        }
        let fixed = old.get(fixed_from..)?;
        let value = new.get(at..)?.strip_prefix(fixed)?;
        if matches!(value.first(), None | Some(b' ' | b'\t' | b'\n')) {
            return None;
        }
        self.head.labels.to = self.head.labels.to - fixed_from + at;
        self.head.value_from = at + fixed.len();
        self.line = from;
        self.usable = true;
        Some(Head {
            name: self.head.name.after(from),
            labels: self.head.labels.after(from),
            value_from: self.head.value_from + from,
        })
    }

    /// The shape of this line cannot be repeated: its name stands behind a label, whose length varies.
    fn give_up(&mut self) {
        self.usable = false;
    }
}

/// How many bytes both begin with alike.
#[inline]
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let (a_words, _) = a.as_chunks::<8>();
    let (b_words, _) = b.as_chunks::<8>();
    let mut at = 0;
    for (x, y) in a_words.iter().zip(b_words) {
        let differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if differ != 0 {
            return at + (differ.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let tail = a.get(at..).unwrap_or_default().iter().zip(b.get(at..).unwrap_or_default());
    at + tail.take_while(|(x, y)| x == y).count()
}

/// The bytes up to a closing quote, if no backslash and no line feed comes before it.
///
/// Label values are short: eight bytes at a time, without a call, is faster than a search made for long texts. The test for a
/// zero byte is exact up to the first one (Warren, Hacker's Delight, 6-1).
#[inline]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let stops = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5C)) | zeros(word ^ (ONES * 0x0A));
        if stops != 0 {
            at += (stops.trailing_zeros() / 8) as usize;
            return (bytes.get(at) == Some(&b'"')).then_some(at);
        }
        at += 8;
    }
    let found = rest.iter().position(|b| matches!(b, b'"' | b'\\' | b'\n'))?;
    (rest.get(found) == Some(&b'"')).then_some(at + found)
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
        shape.finish(head);
        Ok(head)
    }

    /// Labels up to and with the closing brace; the opening one has been passed. Gives the metric name found among them.
    pub(super) fn labels<const OM: bool>(
        &mut self,
        mut naming: Naming,
        shape: &mut Shape,
    ) -> Result<Option<Span>, Fault> {
        let page = self.page;
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
                names.add(page, name)?;
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

/// The label names of one line, to tell repeated ones. Lines of the same shape never come here, so a plain list is enough for the
/// labels that people write; a page made to be slow meets a tree.
struct Names<'p> {
    few: [&'p [u8]; REMEMBERED_LABELS],
    count: usize,
    more: BTreeSet<&'p [u8]>,
}

impl<'p> Names<'p> {
    fn new() -> Self {
        Self { few: [&[]; REMEMBERED_LABELS], count: 0, more: BTreeSet::new() }
    }

    fn add(&mut self, page: &'p [u8], name: Span) -> Result<(), Fault> {
        let text = name.bytes(page);
        if text.is_empty() {
            return Err(Fault::new(name.from, Expected::LabelName));
        }
        if text == b"__name__" {
            return Err(Fault::new(name.from, Expected::FreeLabelName));
        }
        let known = self.few.iter().take(self.count).any(|few| *few == text);
        let new = !known
            && match self.few.get_mut(self.count) {
                Some(slot) => {
                    *slot = text;
                    self.count += 1;
                    true
                }
                None => self.more.insert(text),
            };
        if new { Ok(()) } else { Err(Fault::new(name.from, Expected::NewLabelName)) }
    }
}
