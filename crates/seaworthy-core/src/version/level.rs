//! One commit message in, its level out: the strict reading and the lenient one, each with its rule and reason.
//!
//! *Strict* is what Conventional Commits 1.0 says, after harmless repairs. *Lenient* is what the writer may have meant or
//! what another engine would take from the text. Where the levels differ the commit is disputed, and the plan's
//! `onDisputed` says which one counts. Why two readings: a 1.0.0 that nobody wanted came from a changelog quoted in a
//! bot's `chore:`, and a missed major comes from `breaking change:` in lower case; no single reading avoids both.
//!
//! Deliberately absent: other commits of the range (a revert and its original meet in `revert`) and version numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::message::{self, Marker, Parts, Warning};
use super::policy::Policy;
use super::revert;

/// How much a change moves the version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// Not at all.
    #[default]
    None,
    /// The third number.
    Patch,
    /// The second number.
    Minor,
    /// The first number.
    Major,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// Which rule gave a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Rule {
    /// The type, by the plan's map of types.
    Type,
    /// A type that the map does not list.
    UnlistedType,
    /// `!` before the colon of the header.
    Bang,
    /// `!` before the scope.
    MisplacedBang,
    /// A `BREAKING CHANGE:` footer.
    Footer,
    /// That footer on the line right below the header.
    FooterWithoutBlankLine,
    /// Its words inside a paragraph of the body.
    FooterInParagraph,
    /// Its words in another case, or in the plural.
    FooterMisspelt,
    /// Its words without a colon.
    FooterWithoutColon,
    /// Its words as a heading or in bold.
    FooterAsMarkdown,
    /// Its words inside a quoted changelog or a code block.
    FooterQuoted,
    /// Its words as an entry of a list, or indented.
    FooterListed,
    /// That footer with nothing after it.
    FooterEmpty,
    /// Its words as the header.
    FooterAsHeader,
    /// An entry of a squashed pull request's list.
    SquashEntry,
    /// A revert of something that is not in the range.
    Revert,
    /// A revert of a revert: the original's level.
    RevertOfRevert,
    /// Cancelled: this commit and its revert (or the revert itself) are both in the range.
    RevertPair,
    /// A merge: the merged commits speak for themselves.
    Merge,
    /// A prefix behind an emoji, `fixup!` or with a full-width colon.
    HiddenPrefix,
    /// A type without a description.
    EmptyDescription,
    /// Text behind a NUL.
    BehindNul,
    /// No conventional header.
    Unparsed,
    /// Touches nothing of the plan's `paths`.
    OutOfScope,
}

/// A level with the rule that gave it and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The level.
    pub level: Level,
    /// Which rule gave it.
    pub rule: Rule,
    /// Why, in one sentence.
    pub reason: String,
}

impl Reading {
    pub(super) fn new(level: Level, rule: Rule, reason: impl Into<String>) -> Self {
        Self { level, rule, reason: reason.into() }
    }

    /// The higher of both; the first at a tie.
    fn or_higher(self, other: Self) -> Self {
        if other.level > self.level { other } else { self }
    }
}

/// What one message says by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageVerdict {
    /// The first line that is not empty, repaired, cut to [`MAX_HEADER`] characters.
    pub header: String,
    /// The specification's reading.
    pub strict: Reading,
    /// The other reading.
    pub lenient: Reading,
    /// What was repaired or refused.
    pub warnings: Vec<Warning>,
}

impl MessageVerdict {
    /// Whether the readings lead to different levels.
    pub fn disputed(&self) -> bool {
        self.strict.level != self.lenient.level
    }
}

/// Longest header that a verdict carries, in characters.
pub const MAX_HEADER: usize = 200;

/// Reads one commit message by the plan's types. Total, and linear in the length of the message.
pub fn read(message: &str, policy: &Policy) -> MessageVerdict {
    let repaired = message::repair(message);
    let mut warnings = repaired.warnings;
    let parts = message::parts(&repaired.text);
    let (mut strict, mut lenient) = header(parts.header, policy, &mut warnings);
    body(&parts, policy, &mut strict, &mut lenient);
    if let Some(whole) = &repaired.behind_nul {
        let parts = message::parts(whole);
        let (mut s, mut l) = header(parts.header, policy, &mut Vec::new());
        body(&parts, policy, &mut s, &mut l);
        let level = s.level.max(l.level);
        lenient = lenient.or_higher(Reading::new(level, Rule::BehindNul, "text behind a NUL says so"));
    }
    for warning in parts.warnings {
        message::push_once(&mut warnings, warning);
    }
    warnings.sort_unstable();
    MessageVerdict { header: parts.header.chars().take(MAX_HEADER).collect(), strict, lenient, warnings }
}

/// Both readings of the header alone.
fn header(header: &str, policy: &Policy, warnings: &mut Vec<Warning>) -> (Reading, Reading) {
    if is_merge(header) {
        return same(Reading::new(Level::None, Rule::Merge, "a merge; the merged commits count by themselves"));
    }
    if let Some(revert) = revert::header(header) {
        return same(reverted(&revert, policy));
    }
    let Some(prefix) = message::prefix(header) else { return unparsed(header, policy) };
    for warning in &prefix.warnings {
        message::push_once(warnings, *warning);
    }
    if prefix.kind.eq_ignore_ascii_case("release-as") {
        message::push_once(warnings, Warning::ReleaseAsRefused);
    }
    let typed = typed(&prefix, policy);
    if prefix.description.is_empty() {
        let strict = Reading::new(Level::None, Rule::EmptyDescription, "the header has a type but no description");
        return (strict, typed);
    }
    if prefix.misplaced_bang && !prefix.bang {
        let lenient = Reading::new(Level::Major, Rule::MisplacedBang, "`!` stands before the scope");
        return (typed, lenient);
    }
    same(typed)
}

fn same(reading: Reading) -> (Reading, Reading) {
    (reading.clone(), reading)
}

/// The level of a header's type and `!`.
fn typed(prefix: &message::Prefix<'_>, policy: &Policy) -> Reading {
    if prefix.bang {
        return Reading::new(Level::Major, Rule::Bang, "`!` in the header marks a breaking change");
    }
    let kind = prefix.kind.to_ascii_lowercase();
    match policy.level_of(&kind) {
        Some(level) => Reading::new(level, Rule::Type, format!("type `{kind}` is {level} by the plan's types")),
        None => Reading::new(Level::None, Rule::UnlistedType, format!("type `{kind}` is not in the plan's types")),
    }
}

/// A revert by itself: odd depths undo something released, even ones bring it back.
fn reverted(revert: &revert::Header<'_>, policy: &Policy) -> Reading {
    if revert.bang {
        return Reading::new(Level::Major, Rule::Bang, "`!` in the header marks a breaking change");
    }
    if revert.depth % 2 == 1 {
        let level = policy.level_of("revert").unwrap_or_default();
        return Reading::new(level, Rule::Revert, format!("a revert is {level} by the plan's types"));
    }
    let level = message::prefix(revert.inner).map_or(Level::None, |inner| typed(&inner, policy).level);
    Reading::new(level, Rule::RevertOfRevert, "a revert of a revert has the original's level")
}

/// A header without a prefix: nothing by the specification; the lenient reading looks behind what hides one.
fn unparsed(header: &str, policy: &Policy) -> (Reading, Reading) {
    let strict = Reading::new(Level::None, Rule::Unparsed, "the header is not `type: description`");
    if message::is_marker(header) {
        let lenient = Reading::new(Level::Major, Rule::FooterAsHeader, "the header itself says BREAKING CHANGE");
        return (strict, lenient);
    }
    let widened = header.replacen('\u{ff1a}', ": ", 1);
    let hidden = message::prefix(behind_ornament(&widened)).map(|prefix| typed(&prefix, policy).level);
    match hidden {
        Some(level) => (strict, Reading::new(level, Rule::HiddenPrefix, "a prefix stands behind an ornament")),
        None => same(strict),
    }
}

/// The header behind `fixup!` and its like, `:emoji:` codes and anything that is neither a letter nor a bracket.
fn behind_ornament(header: &str) -> &str {
    let mut rest = header.trim();
    for mark in ["fixup!", "squash!", "amend!"] {
        rest = rest.strip_prefix(mark).unwrap_or(rest).trim_start();
    }
    if let Some((code, after)) = rest.strip_prefix(':').and_then(|code| code.split_once(':'))
        && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '+')
    {
        rest = after;
    }
    rest.trim_start_matches(|c: char| !c.is_ascii() || c == ' ')
}

/// The subjects that git and the forges write for merges.
fn is_merge(header: &str) -> bool {
    [
        "Merge branch ",
        "Merge pull request #",
        "Merge remote-tracking branch ",
        "Merge tag ",
        "Merge commit ",
        "Merge branches ",
    ]
    .iter()
    .any(|start| header.starts_with(start))
}

/// What the body adds to both readings.
fn body(parts: &Parts<'_>, policy: &Policy, strict: &mut Reading, lenient: &mut Reading) {
    let own = strict.level.max(lenient.level);
    for marker in &parts.markers {
        let (rule, reason) = describe(*marker);
        let reading = || Reading::new(Level::Major, rule, reason);
        let (in_strict, in_lenient) = match marker {
            Marker::Footer => (true, true),
            Marker::WithoutBlankLine => (true, false),
            Marker::InParagraph
            | Marker::Misspelt
            | Marker::WithoutColon
            | Marker::Markdown
            | Marker::Quoted
            | Marker::Empty => (false, true),
            Marker::Listed => (false, own > Level::None),
        };
        if in_strict {
            *strict = strict.clone().or_higher(reading());
        }
        if in_lenient {
            *lenient = lenient.clone().or_higher(reading());
        }
    }
    for entry in &parts.squashed {
        let Some(prefix) = message::prefix(entry) else { continue };
        let level = typed(&prefix, policy).level;
        let reason = format!("an entry of a squashed list is {level}");
        *lenient = lenient.clone().or_higher(Reading::new(level, Rule::SquashEntry, reason));
    }
}

/// Rule and reason of a marker.
fn describe(marker: Marker) -> (Rule, &'static str) {
    match marker {
        Marker::Footer => (Rule::Footer, "a BREAKING CHANGE footer"),
        Marker::WithoutBlankLine => (Rule::FooterWithoutBlankLine, "a BREAKING CHANGE footer right below the header"),
        Marker::InParagraph => (Rule::FooterInParagraph, "BREAKING CHANGE inside a paragraph is no footer"),
        Marker::Misspelt => (Rule::FooterMisspelt, "BREAKING CHANGE in another case or in the plural is no footer"),
        Marker::WithoutColon => (Rule::FooterWithoutColon, "BREAKING CHANGE without a colon is no footer"),
        Marker::Markdown => (Rule::FooterAsMarkdown, "BREAKING CHANGE as a heading or in bold is no footer"),
        Marker::Quoted => (Rule::FooterQuoted, "BREAKING CHANGE stands in a quoted text"),
        Marker::Listed => (Rule::FooterListed, "BREAKING CHANGE in a list or behind an indent is no footer"),
        Marker::Empty => (Rule::FooterEmpty, "a BREAKING CHANGE footer without a note"),
    }
}
