//! Lines of the Prometheus text format 0.0.4.

use super::error::{Expected, Fault};
use super::head::{Cursor, Head, Span};
use super::{Line, Sample, Scanner, number};

impl<F: FnMut(&Sample<'_>)> Scanner<'_, '_, F> {
    /// All lines of the page. `partial` tells that the text was cut before damaged bytes.
    pub(super) fn text_lines(&mut self, partial: bool) -> Result<(), Fault> {
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
            self.text_line(from, to, head)?;
            if !finished && !partial {
                return Err(Fault::new(to, Expected::LineFeed));
            }
            from = to + 1;
        }
        Ok(())
    }

    #[inline]
    fn text_line(&mut self, from: usize, to: usize, repeated: Option<Head>) -> Result<(), Fault> {
        let mut cursor = Cursor { page: self.page, at: from, end: to };
        let head = if let Some(head) = repeated {
            head
        } else {
            cursor.blanks();
            match cursor.peek() {
                None => return Ok(()),
                Some(b'#') => return comment(cursor),
                Some(_) => cursor.head::<false>(from, &mut self.shape)?,
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
        let mut timestamp = None;
        if value_to < to {
            cursor.at = value_to;
            cursor.blanks();
            if cursor.at < to {
                timestamp = Some(self.text_timestamp(&mut cursor)?);
            }
        }
        if wanted {
            self.emit(&head, value, timestamp);
        }
        Ok(())
    }

    fn text_timestamp(&self, cursor: &mut Cursor<'_>) -> Result<i64, Fault> {
        let token = token(self.page, cursor.at, cursor.end);
        let milliseconds = number::milliseconds(token.text(self.text)).ok_or(cursor.fault(Expected::Timestamp))?;
        cursor.at = token.to;
        cursor.blanks();
        if cursor.at < cursor.end { Err(cursor.fault(Expected::EndOfLine)) } else { Ok(milliseconds) }
    }
}

/// The token that starts at `from`: up to a blank or the line's end.
#[inline]
fn token(page: &[u8], from: usize, end: usize) -> Span {
    let rest = page.get(from..end).unwrap_or_default();
    let length = rest.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(rest.len());
    Span { from, to: from + length }
}

/// A comment; `HELP` and `TYPE` need a metric name, `TYPE` one of the five types.
fn comment(mut cursor: Cursor<'_>) -> Result<(), Fault> {
    cursor.at += 1;
    let keyword_from = cursor.at;
    cursor.blanks();
    let keyword = token(cursor.page, cursor.at, cursor.end);
    let is_help = keyword.bytes(cursor.page) == b"HELP";
    let is_type = keyword.bytes(cursor.page) == b"TYPE";
    // Without a blank on both sides the word is no keyword but part of a free comment.
    if keyword.from == keyword_from || keyword.to == cursor.end || !(is_help || is_type) {
        return Ok(());
    }
    cursor.at = keyword.to;
    cursor.blanks();
    cursor.metric_name_or_quoted()?;
    if cursor.at < cursor.end && !matches!(cursor.peek(), Some(b' ' | b'\t')) {
        return Err(cursor.fault(Expected::MetricName));
    }
    if is_help {
        return Ok(());
    }
    cursor.blanks();
    let kind = token(cursor.page, cursor.at, cursor.end);
    if !matches!(kind.bytes(cursor.page), b"counter" | b"gauge" | b"histogram" | b"summary" | b"untyped") {
        return Err(cursor.fault(Expected::MetricType));
    }
    cursor.at = kind.to;
    cursor.blanks();
    if cursor.at < cursor.end { Err(cursor.fault(Expected::EndOfLine)) } else { Ok(()) }
}
