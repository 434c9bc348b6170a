//! Lines of `OpenMetrics` 1.0: single blanks, only metadata as comments, exemplars, `# EOF`.

use super::error::{Expected, Fault};
use super::head::{Cursor, Head, Naming, Shape, Span};
use super::{Line, Sample, Scanner, number};

/// The most characters that the label names and values of an exemplar may have together (`OpenMetrics` 1.0, Exemplars).
const EXEMPLAR_CHARACTERS: usize = 128;

impl<F: FnMut(&Sample<'_>)> Scanner<'_, '_, F> {
    /// All lines of the page. `partial` tells that the text was cut before damaged bytes.
    pub(super) fn openmetrics_lines(&mut self, partial: bool) -> Result<(), Fault> {
        let mut from = 0;
        while from < self.page.len() {
            let head = match self.quick_line(from)? {
                Line::Done(next) => {
                    from = next;
                    continue;
                }
                Line::Open(head) => head,
            };
            let (to, finished) = self.line_end(from)?;
            if self.page.get(from..to) == Some(b"# EOF".as_slice()) {
                let end = to + usize::from(finished);
                return if end == self.page.len() { Ok(()) } else { Err(Fault::new(end, Expected::EndOfPage)) };
            }
            self.openmetrics_line(from, to, head)?;
            if !finished && !partial {
                return Err(Fault::new(to, Expected::LineFeed));
            }
            from = to + 1;
        }
        if partial { Ok(()) } else { Err(Fault::new(self.page.len(), Expected::EofMarker)) }
    }

    #[inline]
    fn openmetrics_line(&mut self, from: usize, to: usize, repeated: Option<Head>) -> Result<(), Fault> {
        let mut cursor = Cursor { page: self.page, at: from, end: to };
        let head = if let Some(head) = repeated {
            head
        } else {
            match cursor.peek() {
                Some(b'#') => return metadata(cursor),
                None | Some(b' ' | b'\t') => return Err(cursor.fault(Expected::StartOfLine)),
                Some(_) => cursor.head::<true>(from, &mut self.shape)?,
            }
        };
        let wanted = self.count(from, &head, repeated.is_some())?;
        let quick = self.text.get(head.value_from..).and_then(|rest| number::leading(rest, wanted));
        let (value, value_to) = if let Some((value, length)) = quick {
            (value, head.value_from + length)
        } else {
            let token = token(self.page, head.value_from, to);
            (self.value(token, wanted)?, token.to)
        };
        cursor.at = value_to;
        let timestamp = if cursor.at < to { self.openmetrics_tail(&mut cursor)? } else { None };
        if wanted {
            self.emit(&head, value, timestamp);
        }
        Ok(())
    }

    /// What follows the value: a timestamp, an exemplar, or both.
    fn openmetrics_tail(&self, cursor: &mut Cursor<'_>) -> Result<Option<i64>, Fault> {
        cursor.at += 1;
        let mut timestamp = None;
        if cursor.peek() != Some(b'#') {
            timestamp = Some(self.openmetrics_timestamp(cursor)?);
            if cursor.at == cursor.end {
                return Ok(timestamp);
            }
            cursor.at += 1;
        }
        if !cursor.rest().starts_with(b"# {") {
            return Err(cursor.fault(Expected::ExemplarOrTimestamp));
        }
        cursor.at += 3;
        self.exemplar(cursor)?;
        Ok(timestamp)
    }

    fn openmetrics_timestamp(&self, cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
        let token = token(self.page, cursor.at, cursor.end);
        let seconds = token.text(self.text);
        let milliseconds = number::seconds_as_milliseconds(seconds).ok_or(cursor.fault(Expected::Timestamp))?;
        cursor.at = token.to;
        Ok(milliseconds)
    }

    fn exemplar(&self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let labels_from = cursor.at;
        cursor.labels::<true>(Naming::None, &mut Shape::new())?;
        let labels = Span { from: labels_from, to: cursor.at - 1 };
        if let Some(nul) = memchr::memchr(0, labels.bytes(self.page)) {
            return Err(Fault::new(labels_from + nul, Expected::ExemplarText));
        }
        let sample = Sample { raw_name: "", raw_labels: labels.text(self.text), value: 0.0, timestamp_ms: None };
        let characters: usize = sample.labels().map(|(n, v)| n.chars().count() + v.chars().count()).sum();
        if characters > EXEMPLAR_CHARACTERS {
            return Err(Fault::new(labels_from, Expected::ShortExemplar));
        }
        if !cursor.eat(b' ') {
            return Err(cursor.fault(Expected::Blank));
        }
        let value = token(self.page, cursor.at, cursor.end);
        self.value(value, false)?;
        cursor.at = value.to;
        if cursor.at < cursor.end {
            cursor.at += 1;
            self.openmetrics_timestamp(cursor)?;
        }
        if cursor.at < cursor.end { Err(cursor.fault(Expected::EndOfLine)) } else { Ok(()) }
    }
}

/// The token that starts at `from`: up to a space or the line's end.
#[inline]
fn token(page: &[u8], from: usize, end: usize) -> Span {
    let rest = page.get(from..end).unwrap_or_default();
    let length = rest.iter().position(|b| *b == b' ').unwrap_or(rest.len());
    Span { from, to: from + length }
}

/// `# HELP`, `# TYPE` or `# UNIT`, a metric name, one blank and a text.
fn metadata(mut cursor: Cursor<'_>) -> Result<(), Fault> {
    let rest = cursor.rest();
    let keyword = match rest.get(..7) {
        Some(keyword @ (b"# HELP " | b"# TYPE " | b"# UNIT ")) => keyword[2],
        _ => return Err(cursor.fault(Expected::Metadata)),
    };
    cursor.at += 7;
    let name = cursor.metric_name_or_quoted()?;
    if !cursor.eat(b' ') {
        return Err(cursor.fault(Expected::MetadataText));
    }
    let text = cursor.rest();
    match keyword {
        b'T' if !is_type(text) => Err(cursor.fault(Expected::MetricType)),
        b'U' if !is_unit_of(name.bytes(cursor.page), text) => Err(cursor.fault(Expected::UnitSuffix)),
        _ => Ok(()),
    }
}

fn is_type(text: &[u8]) -> bool {
    matches!(
        text,
        b"counter" | b"gauge" | b"histogram" | b"gaugehistogram" | b"stateset" | b"info" | b"summary" | b"unknown"
    )
}

fn is_unit_of(name: &[u8], unit: &[u8]) -> bool {
    unit.is_empty() || name.strip_suffix(unit).is_some_and(|rest| rest.len() > 1 && rest.ends_with(b"_"))
}
