//! Which commit types a regular expression for messages finds.

use crate::plan::import::imported::is_type;

/// Types in use, for a pattern such as `^doc`, which finds `docs` too.
const KNOWN: [&str; 16] = [
    "feat", "feature", "fix", "perf", "revert", "doc", "docs", "style", "refactor", "test", "tests", "build", "ci",
    "chore", "deps", "security",
];

/// What may stand between a type and its text without narrowing what is found, longest first.
const ANY: [&str; 23] = [
    r"(?:\([^)]+\))?",
    r"(?:\([^)]*\))?",
    r"(?:\(.*\))?",
    r"(?:\(.+\))?",
    r"(\([^)]+\))?",
    r"(\([^)]*\))?",
    r"(\([^\)]+\))?",
    r"(\([^\)]*\))?",
    r"(\(.*?\))?",
    r"(\(.+?\))?",
    r"(\(.*\))?",
    r"(\(.+\))?",
    r"(\(\w+\))?",
    r"(\(\w*\))?",
    r"\!?",
    "(!)?",
    "!?",
    r"\s*",
    r"\s",
    ": ",
    ":",
    ".*",
    "$",
];

/// The types that a pattern finds, `*` for all; `None` when it asks for anything else too.
pub(super) fn types(pattern: &str) -> Option<Vec<String>> {
    if [".*", "^.*", ".*$", "^.*$", "^", ""].contains(&pattern) {
        return Some(vec!["*".to_owned()]);
    }
    let group = pattern.strip_prefix("^(?:").or_else(|| pattern.strip_prefix("^("));
    let mut found = Vec::new();
    if let Some((kinds, rest)) = group.and_then(|group| group.split_once(')')) {
        for kind in kinds.split('|') {
            found.extend(of_one(kind, rest)?);
        }
    } else {
        for one in pattern.split('|') {
            let one = one.strip_prefix('^')?;
            let end = one.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(one.len());
            let (kind, rest) = one.split_at_checked(end)?;
            found.extend(of_one(kind, rest)?);
        }
    }
    found.dedup();
    Some(found)
}

fn of_one(kind: &str, rest: &str) -> Option<Vec<String>> {
    let mut tail = rest.strip_prefix(r"\b").unwrap_or(rest);
    while let Some(after) = ANY.iter().find_map(|part| tail.strip_prefix(part)) {
        tail = after;
    }
    if !is_type(kind) || !tail.is_empty() {
        return None;
    }
    let mut kinds = vec![kind.to_owned()];
    if rest.is_empty() || rest == ".*" {
        let longer = |known: &&&str| known.len() > kind.len() && known.starts_with(kind);
        kinds.extend(KNOWN.iter().filter(longer).map(|&known| known.to_owned()));
    }
    Some(kinds)
}
