//! A commit message, repaired and cut into the parts that versioning judges.
//!
//! Why an own scanner: the judgement needs to know *where* words stand (first line of a paragraph, inside a quoted
//! changelog, in a list, behind an indent), and it has to go on where a grammar for well-formed messages stops. Repairs
//! are tolerant and on record as [`Warning`]s; nothing is judged here.
//!
//! Deliberately absent: levels, types and policies (`level`), other commits (`revert`). Every function is linear in the
//! length of the message.

use serde::{Deserialize, Serialize};

/// What had to be repaired, or was found and not obeyed, while a message was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Warning {
    /// `feat(): x`: the scope is empty.
    EmptyScope,
    /// `feat:x`: no space after the colon.
    NoSpaceAfterColon,
    /// `feat : x` or `feat (a): x`: blanks inside the prefix.
    BlankInPrefix,
    /// Invisible characters (byte order mark, zero width, text direction) were dropped.
    InvisibleCharacters,
    /// The message holds a NUL; git itself reads it to there, and so does the strict reading.
    Nul,
    /// Bytes that are no UTF-8 were replaced before the message came here.
    InvalidUtf8,
    /// A `BREAKING CHANGE:` footer says nothing.
    EmptyBreakingNote,
    /// `BREAKING CHANGE:y`: no space after the colon.
    NoSpaceAfterFooterColon,
    /// `release-as:` was found and refused: a version is forced in the Release's spec with a reason, never by a commit.
    ReleaseAsRefused,
}

/// The prefix of a header: `type(scope)!: description`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix<'a> {
    /// As written; types compare without regard to case.
    pub(super) kind: &'a str,
    /// Between the parentheses; empty without.
    pub(super) scope: &'a str,
    /// `!` before the colon.
    pub(super) bang: bool,
    /// `!` before the scope (`feat!(api): x`), which the specification does not know.
    pub(super) misplaced_bang: bool,
    pub(super) description: &'a str,
    pub(super) warnings: Vec<Warning>,
}

/// How a breaking-change marker stands in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    /// A footer as the specification has it.
    Footer,
    /// A footer without the blank line that parts it from the header.
    WithoutBlankLine,
    /// The exact words inside a paragraph.
    InParagraph,
    /// Not in capitals, or in the plural.
    Misspelt,
    /// In capitals, without a colon.
    WithoutColon,
    /// As a heading or in bold.
    Markdown,
    /// Inside a quoted changelog or a code block.
    Quoted,
    /// As an entry of a list.
    Listed,
    /// A footer with nothing after it.
    Empty,
}

/// A message in parts. Borrowed from a [`Repaired`].
#[derive(Clone, Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) markers: Vec<Marker>,
    /// Entries of a squash list that read as headers.
    pub(super) squashed: Vec<&'a str>,
    pub(super) warnings: Vec<Warning>,
}

/// A message with line ends, invisible characters and NULs put right.
#[derive(Clone, Debug)]
pub(super) struct Repaired {
    /// What git itself would show.
    pub(super) text: String,
    /// What stands behind a NUL.
    pub(super) behind_nul: Option<String>,
    pub(super) warnings: Vec<Warning>,
}

/// Characters that nobody sees: byte order mark, soft hyphen, zero width and direction marks.
fn invisible(c: char) -> bool {
    matches!(c, '\u{feff}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
}

/// Repairs line ends (CRLF, lone CR), drops invisible characters and parts the message at the first NUL.
pub(super) fn repair(message: &str) -> Repaired {
    let mut warnings = Vec::new();
    let mut clean = String::with_capacity(message.len());
    let mut chars = message.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    clean.push('\n');
                }
            }
            c if invisible(c) => push_once(&mut warnings, Warning::InvisibleCharacters),
            c => clean.push(c),
        }
    }
    if clean.contains('\u{fffd}') {
        push_once(&mut warnings, Warning::InvalidUtf8);
    }
    let mut behind_nul = None;
    if let Some(at) = clean.find('\0') {
        push_once(&mut warnings, Warning::Nul);
        behind_nul = Some(clean.replace('\0', "\n"));
        clean.truncate(at);
    }
    Repaired { text: clean, behind_nul, warnings }
}

pub(super) fn push_once(warnings: &mut Vec<Warning>, warning: Warning) {
    if !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

/// Reads `type(scope)!: description`; `None` when the line has no such prefix.
///
/// Tolerated, with a warning: an empty scope, blanks inside the prefix, no space after the colon. A type is letters,
/// digits, `-` and `_`. A scope may hold anything, parentheses too.
pub(super) fn prefix(line: &str) -> Option<Prefix<'_>> {
    let line = line.trim();
    let mut warnings = Vec::new();
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(line.len());
    let (kind, mut rest) = line.split_at(end);
    if !kind.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let (mut misplaced_bang, mut named) = (false, "");
    if let Some(after) = rest.strip_prefix('!').filter(|after| after.trim_start().starts_with('(')) {
        misplaced_bang = true;
        rest = after;
    }
    let unpadded = rest.trim_start();
    if let Some(open) = unpadded.strip_prefix('(') {
        let (scope, after) = scope(open)?;
        named = scope.trim();
        if named.is_empty() {
            push_once(&mut warnings, Warning::EmptyScope);
        }
        if unpadded.len() != rest.len() {
            push_once(&mut warnings, Warning::BlankInPrefix);
        }
        rest = after;
    }
    let trimmed = rest.trim_start();
    let (bang, after) = match trimmed.strip_prefix('!') {
        Some(after) => (true, after),
        None => (false, trimmed),
    };
    let description = after.trim_start().strip_prefix(':')?;
    if trimmed.len() != rest.len() || after.trim_start().len() != after.len() {
        push_once(&mut warnings, Warning::BlankInPrefix);
    }
    if !description.is_empty() && !description.starts_with(char::is_whitespace) {
        push_once(&mut warnings, Warning::NoSpaceAfterColon);
    }
    Some(Prefix { kind, scope: named, bang, misplaced_bang, description: description.trim(), warnings })
}

/// The scope up to the first `)` that is followed by `:` or `!:`, and what follows it.
fn scope(open: &str) -> Option<(&str, &str)> {
    open.match_indices(')').find_map(|(at, _)| {
        let after = &open[at + 1..];
        let tail = after.trim_start();
        let tail = tail.strip_prefix('!').unwrap_or(tail).trim_start();
        tail.starts_with(':').then(|| (&open[..at], after))
    })
}

/// Whether the line is `Token: value` or `Token #value`, the shape of a footer.
fn is_footer(line: &str) -> bool {
    if exact_marker(line).is_some() {
        return true;
    }
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(line.len());
    let (token, rest) = line.split_at(end);
    token.starts_with(|c: char| c.is_ascii_alphabetic())
        && (rest.strip_prefix(": ").or_else(|| rest.strip_prefix(" #"))).is_some_and(|value| !value.trim().is_empty())
}

/// What follows `BREAKING CHANGE:` or `BREAKING-CHANGE:` at the very start of the line.
fn exact_marker(line: &str) -> Option<&str> {
    line.strip_prefix("BREAKING CHANGE:").or_else(|| line.strip_prefix("BREAKING-CHANGE:"))
}

/// What a `BREAKING CHANGE:` line at the start of a line says, with the lines that go on from it; empty when there is none.
/// At most `max` characters.
pub(super) fn breaking_note(text: &str, max: usize) -> String {
    let mut lines = text.lines();
    let Some(first) = lines.by_ref().find_map(exact_marker) else { return String::new() };
    let more = lines.take_while(|line| !line.trim().is_empty() && !is_footer(line));
    let words = std::iter::once(first).chain(more).flat_map(str::split_whitespace);
    let mut note = String::new();
    for word in words {
        if note.len() > max {
            break;
        }
        if !note.is_empty() {
            note.push(' ');
        }
        note.push_str(word);
    }
    note.chars().take(max).collect()
}

/// A marker that the specification does not know but a person may mean: other case, plural, no colon, Markdown.
fn loose_marker(line: &str) -> Option<Marker> {
    let stripped = line.trim_start_matches(['#', '*', '_', ' ', '\u{26a0}', '\u{fe0f}']);
    let markdown = stripped.len() != line.len();
    let (words, rest) = marker_words(stripped)?;
    let rest = rest.trim_start_matches(['*', '_']);
    if markdown && (rest.trim().is_empty() || rest.trim_start().starts_with(':') || stripped.contains(":*")) {
        return Some(Marker::Markdown);
    }
    if markdown {
        return None;
    }
    if rest.starts_with(':') || rest.starts_with("\u{ff1a}") {
        return Some(Marker::Misspelt);
    }
    let capitals = words.chars().all(|c| !c.is_lowercase());
    (capitals && (rest.is_empty() || rest.starts_with(char::is_whitespace))).then_some(Marker::WithoutColon)
}

/// Splits off `breaking change(s)` in any case, with any one blank or dash between the words.
fn marker_words(line: &str) -> Option<(&str, &str)> {
    let mut chars = line.char_indices();
    for expected in "breaking".chars() {
        chars.next().filter(|(_, c)| c.eq_ignore_ascii_case(&expected))?;
    }
    chars.next().filter(|(_, c)| c.is_whitespace() || matches!(c, '-' | '_'))?;
    for expected in "change".chars() {
        chars.next().filter(|(_, c)| c.eq_ignore_ascii_case(&expected))?;
    }
    let rest = chars.as_str();
    let rest = rest.strip_prefix(['s', 'S']).unwrap_or(rest);
    Some(line.split_at(line.len() - rest.len()))
}

/// The text of a list entry (`* x`, `- x`, `+ x`), indented or not.
fn list_entry(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    ["* ", "- ", "+ "].iter().find_map(|bullet| trimmed.strip_prefix(bullet)).map(str::trim)
}

/// Where a line of the body stands.
#[derive(Default)]
struct Place {
    /// Depth of `<details>` and `<blockquote>`.
    quoted: usize,
    fence: Option<&'static str>,
    comment: bool,
    /// Lines seen in this paragraph.
    line: usize,
    /// The paragraph began with a footer.
    footers: bool,
    /// The paragraph touches the header.
    touches_header: bool,
}

impl Place {
    /// Follows containers opened and closed on this line; true when the line itself is inside one.
    fn enter(&mut self, line: &str) -> bool {
        let trimmed = line.trim_start();
        if let Some(fence) = self.fence {
            if trimmed.starts_with(fence) {
                self.fence = None;
            }
            return true;
        }
        for fence in ["```", "~~~"] {
            if trimmed.starts_with(fence) {
                self.fence = Some(fence);
                return true;
            }
        }
        let lower = if line.contains('<') { line.to_ascii_lowercase() } else { String::new() };
        // A line of text may speak of a tag; a container begins with one.
        let tag = trimmed.trim_start_matches(['>', '-', '*', ' ']).starts_with('<');
        let opened = if tag { lower.matches("<details").count() + lower.matches("<blockquote").count() } else { 0 };
        let closed = lower.matches("</details").count() + lower.matches("</blockquote").count();
        let inside = self.quoted + opened > 0;
        self.quoted = (self.quoted + opened).saturating_sub(closed);
        inside
    }

    /// Follows `<!-- -->` as Markdown does, and gives what a reader sees of the line; None when that is nothing. A comment at the beginning
    /// of a line goes on until it is closed, one in the middle until its paragraph ends; what is never closed is no comment.
    fn visible<'a>(&mut self, line: &'a str, after: Closed) -> Option<&'a str> {
        let (mut rest, mut cut) = (line, self.comment);
        loop {
            if self.comment {
                let end = rest.find("-->")?;
                rest = &rest[end + 3..];
                self.comment = false;
            }
            let Some(inside) = rest.trim_start().strip_prefix("<!--") else { break };
            if !inside.contains("-->") && !after.anywhere {
                break;
            }
            (rest, cut, self.comment) = (inside, true, true);
        }
        if let Some(open) = rest.rfind("<!--").filter(|open| !rest[*open..].contains("-->")) {
            self.comment = open > 0 && after.in_paragraph;
        }
        if cut { Some(rest.trim()).filter(|rest| !rest.is_empty()) } else { Some(rest) }
    }
}

/// Whether a comment that is open at the end of a line is closed on a later one.
#[derive(Clone, Copy, Default)]
struct Closed {
    anywhere: bool,
    in_paragraph: bool,
}

impl Closed {
    /// For each line; from the last one back, so that a long message is gone through once.
    fn after(body: &[&str]) -> Vec<Self> {
        let mut all = vec![Self::default(); body.len()];
        for at in (1..body.len()).rev() {
            let (here, later) = (body[at].contains("-->"), all[at]);
            let blank = body[at].trim().is_empty();
            all[at - 1] = Self { anywhere: here || later.anywhere, in_paragraph: here || !blank && later.in_paragraph };
        }
        all
    }
}

/// Cuts a repaired message into header, breaking-change markers, squashed entries and warnings.
pub(super) fn parts(text: &str) -> Parts<'_> {
    let mut lines = text.split('\n').skip_while(|line| line.trim().is_empty());
    let mut parts = Parts { header: lines.next().unwrap_or_default().trim(), ..Parts::default() };
    let body: Vec<&str> = lines.collect();
    let closed = Closed::after(&body);
    let mut place = Place { touches_header: true, ..Place::default() };
    for (at, line) in body.iter().enumerate() {
        let line = line.trim_end();
        let quoted = place.enter(line);
        let Some(line) = place.visible(line, closed[at]) else { continue };
        if line.is_empty() || line.starts_with("---") && line.chars().all(|c| c == '-') {
            place.line = 0;
            place.footers = false;
            place.touches_header = false;
            continue;
        }
        if place.line == 0 {
            place.footers = is_footer(line);
        }
        let followed = body[at + 1..].iter().map(|next| next.trim()).find(|next| !next.is_empty());
        body_line(&mut parts, line, &place, quoted, followed);
        place.line += 1;
    }
    parts
}

/// Judges where one line of the body stands and adds what it says to the parts.
fn body_line<'a>(parts: &mut Parts<'a>, line: &'a str, place: &Place, quoted: bool, followed: Option<&str>) {
    if let Some(note) = exact_marker(line) {
        let empty = note.trim().is_empty() && followed.is_none_or(is_footer);
        if note.trim().is_empty() {
            if empty {
                push_once(&mut parts.warnings, Warning::EmptyBreakingNote);
            }
        } else if !note.starts_with(char::is_whitespace) {
            push_once(&mut parts.warnings, Warning::NoSpaceAfterFooterColon);
        }
        parts.markers.push(if quoted {
            Marker::Quoted
        } else if place.line > 0 && !place.footers {
            Marker::InParagraph
        } else if empty {
            Marker::Empty
        } else if place.touches_header {
            Marker::WithoutBlankLine
        } else {
            Marker::Footer
        });
        return;
    }
    let entry = list_entry(line);
    if entry.is_some() || line.starts_with(char::is_whitespace) {
        let text = entry.unwrap_or(line).trim();
        if exact_marker(text).is_some() || loose_marker(text).is_some() {
            parts.markers.push(if quoted { Marker::Quoted } else { Marker::Listed });
        } else if !quoted && entry.is_some() && prefix(text).is_some() {
            parts.squashed.push(text);
        }
        return;
    }
    if let Some(marker) = loose_marker(line) {
        parts.markers.push(if quoted { Marker::Quoted } else { marker });
        return;
    }
    if quoted || line.starts_with('>') {
        return;
    }
    if line.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("release-as:")) {
        push_once(&mut parts.warnings, Warning::ReleaseAsRefused);
    }
}

/// Whether the line begins with the words of a breaking-change footer and a colon.
pub(super) fn is_marker(line: &str) -> bool {
    marker_words(line).is_some_and(|(_, rest)| rest.starts_with(':'))
}

/// The first line that is not empty, trimmed.
pub(super) fn header_line(text: &str) -> &str {
    text.split('\n').map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}
