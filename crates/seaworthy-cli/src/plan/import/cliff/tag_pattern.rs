//! What a regular expression for tags says about how tags begin.

/// The beginning that a pattern asks for, and how exactly that says what the pattern does.
#[derive(Debug, PartialEq)]
pub(super) struct Beginning<'a> {
    /// What stands before the version.
    pub(super) prefix: String,
    /// Whether a tag must begin with it; a pattern without `^` finds it anywhere.
    pub(super) anchored: bool,
    /// The part of the pattern that says more than a version does; empty: nothing.
    pub(super) rest: &'a str,
}

/// What makes up a version in such patterns, longest first.
const VERSION: [&str; 16] =
    ["[[:digit:]]", "[0-9.]", "[0-9]", r"[\d]", r"\d", "(?:", "(", ")", r"\.", "[.]", ".*", ".+", ".", "*", "+", "$"];
const DIGIT: [&str; 4] = ["[[:digit:]]", "[0-9]", r"[\d]", r"\d"];

/// A literal followed by a digit; `None` for every other pattern.
pub(super) fn beginning(pattern: &str) -> Option<Beginning<'_>> {
    let anchored = pattern.starts_with('^');
    let mut rest = pattern.strip_prefix('^').unwrap_or(pattern);
    let mut prefix = String::new();
    loop {
        let inside = rest.strip_prefix("(?:").or_else(|| rest.strip_prefix('(')).unwrap_or(rest);
        if DIGIT.iter().any(|digit| inside.starts_with(digit)) {
            break;
        }
        let literal = rest.strip_prefix('\\').unwrap_or(rest);
        let escaped = literal.len() < rest.len();
        let plain =
            |c: &char| if escaped { ".-_/@+".contains(*c) } else { c.is_ascii_alphanumeric() || "-_/@".contains(*c) };
        let next = literal.chars().next().filter(plain)?;
        prefix.push(next);
        rest = literal.get(next.len_utf8()..)?;
    }
    // `v1\.[0-9]+` is a line of versions, and `app2[0-9]` no beginning of one; without both `^` and a prefix it says nothing.
    let number = prefix.trim_end_matches('.').ends_with(|c: char| c.is_ascii_digit());
    if number || (prefix.is_empty() && !anchored) || rest.contains('|') {
        return None;
    }
    while let Some(after) = VERSION.iter().find_map(|part| rest.strip_prefix(part)) {
        rest = after;
    }
    Some(Beginning { prefix, anchored, rest })
}
