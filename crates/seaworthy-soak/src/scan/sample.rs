//! One sample of a page, borrowed from the page's own bytes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One sample. Nothing is copied unless a name or a value holds an escape sequence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name as written, without quotes, escapes not yet resolved.
    pub(super) raw_name: &'a str,
    /// What stands between the braces, already validated.
    pub(super) raw_labels: &'a str,
    /// The sample's value.
    pub value: f64,
    /// The sample's own time in milliseconds since the epoch, if the page gives one.
    pub timestamp_ms: Option<i64>,
}

impl<'a> Sample<'a> {
    /// The metric's name.
    pub fn name(&self) -> Cow<'a, str> {
        unescape(self.raw_name)
    }

    /// The labels in the order of the page.
    pub fn labels(&self) -> Labels<'a> {
        Labels { rest: self.raw_labels }
    }

    /// The value of one label, if the sample has it.
    pub fn label(&self, name: &str) -> Option<Cow<'a, str>> {
        self.labels().find(|(label, _)| label == name).map(|(_, value)| value)
    }

    /// The canonical name of the series; see [`series_key`].
    pub fn series_key(&self) -> String {
        series_key(&self.name(), self.labels())
    }
}

/// The canonical name of a series: `name{a="x",b="y"}` with labels sorted by name, empty ones left out (an empty label is no
/// label) and `\`, `"` and line feeds escaped. Names that are not plain are quoted, as the formats write them.
pub fn series_key<'a>(name: &str, labels: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> String {
    let mut labels: Vec<_> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    labels.sort_unstable();
    let plain = is_plain_metric(name);
    let mut key =
        String::with_capacity(name.len() + 2 + labels.iter().map(|(n, v)| n.len() + v.len() + 4).sum::<usize>());
    if plain {
        key.push_str(name);
        if labels.is_empty() {
            return key;
        }
        key.push('{');
    } else {
        key.push('{');
        push_quoted(&mut key, name);
        if !labels.is_empty() {
            key.push(',');
        }
    }
    for (index, (label, value)) in labels.iter().enumerate() {
        if index > 0 {
            key.push(',');
        }
        if is_plain_label(label) {
            key.push_str(label);
        } else {
            push_quoted(&mut key, label);
        }
        key.push('=');
        push_quoted(&mut key, value);
    }
    key.push('}');
    key
}

fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => {
                // Writing into a String cannot fail.
                let _ = out.write_char(c);
            }
        }
    }
    out.push('"');
}

fn is_plain_metric(name: &str) -> bool {
    is_plain(name, |b| b == b':')
}

fn is_plain_label(name: &str) -> bool {
    is_plain(name, |_| false)
}

fn is_plain(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || also(b))
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || also(b))
}

/// The labels of a sample: pairs of name and value.
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    /// Validated when the line was scanned, so walking it again needs no error cases.
    rest: &'a str,
}

impl<'a> Iterator for Labels<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest.trim_start_matches([' ', '\t', ',']);
            let (name, rest) = if let Some(quoted) = rest.strip_prefix('"') {
                // Blanks in quotes are a part of the name.
                split_quoted(quoted)?
            } else {
                let (name, after) = rest.split_once('=')?;
                (name.trim_end_matches([' ', '\t']), &rest[rest.len() - after.len() - 1..])
            };
            let rest = rest.trim_start_matches([' ', '\t']);
            let Some(rest) = rest.strip_prefix('=') else {
                // A quoted name without a value is the metric's own name.
                self.rest = rest;
                continue;
            };
            let quoted = rest.trim_start_matches([' ', '\t']).strip_prefix('"')?;
            let (value, rest) = split_quoted(quoted)?;
            self.rest = rest;
            return Some((unescape(name), unescape(value)));
        }
    }
}

/// Splits what follows an opening quote at its closing one.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.as_bytes().get(from..)?)?;
        if text.as_bytes().get(at) == Some(&b'"') {
            return Some((&text[..at], &text[at + 1..]));
        }
        from = at + 2;
    }
}

/// Resolves `\\`, `\"` and `\n`; any other escape stays as it is written, as Prometheus itself does.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let Some(first) = memchr::memchr(b'\\', raw.as_bytes()) else { return Cow::Borrowed(raw) };
    let mut out = String::with_capacity(raw.len());
    out.push_str(&raw[..first]);
    let mut chars = raw[first..].chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some(c @ ('\\' | '"')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, labels: &[(&str, &str)]) -> String {
        series_key(name, labels.iter().map(|(n, v)| (Cow::Borrowed(*n), Cow::Borrowed(*v))))
    }

    #[test]
    fn keys_are_canonical() {
        assert_eq!(key("a", &[]), "a");
        assert_eq!(key("a", &[("x", "")]), "a");
        assert_eq!(key("a:b", &[("y", "2"), ("x", "1")]), r#"a:b{x="1",y="2"}"#);
        assert_eq!(key("a.b", &[]), r#"{"a.b"}"#);
        assert_eq!(key("a.b", &[("c d", "\"\\\n")]), r#"{"a.b","c d"="\"\\\n"}"#);
    }

    #[test]
    fn unescapes_only_the_three() {
        assert_eq!(unescape(r#"a\\b\"c\nd\ze\"#), "a\\b\"c\nd\\ze\\");
        assert!(matches!(unescape("plain"), Cow::Borrowed("plain")));
    }
}
