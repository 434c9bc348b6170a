//! What stands in Rust files: purity of judging code, no sideways imports between kinds, a first line that says what a module is for.

use super::{Finding, Text};

/// Where decisions are made, and what may not be there, with what to do instead.
const PURE: [&str; 2] = ["crates/seaworthy-core/src/", "crates/seaworthy-soak/src/"];
const IMPURE: [(&str, &str); 13] = [
    ("Instant::now", "take the time as an argument"),
    ("SystemTime", "take the time as an argument"),
    ("Timestamp::now", "take the time as an argument"),
    ("Zoned::now", "take the time as an argument"),
    ("HashMap", "use BTreeMap: its order is always the same"),
    ("HashSet", "use BTreeSet: its order is always the same"),
    ("async ", "decide here, wait in the operator"),
    ("std::env", "take the value as an argument"),
    ("std::fs", "take the content as an argument"),
    ("std::net", "return an effect, and let the operator act on it"),
    ("std::process", "return an effect, and let the operator act on it"),
    ("std::thread", "return an effect, and let the operator act on it"),
    ("rand::", "take the seed as an argument"),
];

/// Folders whose children are kinds, which know nothing of each other.
const KINDS: [(&str, &[&str]); 2] = [
    ("crates/seaworthy-core/src/", &["release", "e2e_run", "soak_test"]),
    ("crates/seaworthy-operator/src/kinds/", &["release", "release_plan", "e2e_run", "soak_test"]),
];

pub(super) fn check(text: &Text) -> Vec<Finding> {
    if !text.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !text.content.starts_with("//!") {
        findings.push(Finding::new(
            &text.path,
            "does not begin with `//!`: say what is in it, why, and what is deliberately absent",
        ));
    }
    for (number, line) in code(&text.content) {
        let place = || format!("{}:{number}", text.path);
        if line.contains("[ignore") && line.trim_start().starts_with("#[") {
            findings.push(Finding::new(place(), "an ignored test proves nothing: make it pass or remove it"));
        }
        if !in_production(&text.content, number) {
            continue;
        }
        if PURE.iter().any(|folder| text.path.starts_with(folder)) {
            let found = IMPURE.iter().filter(|(word, _)| line.contains(word));
            findings.extend(
                found.map(|(word, instead)| {
                    Finding::new(place(), format!("`{}` in judging code: {instead}", word.trim()))
                }),
            );
        }
        findings.extend(sideways(&text.path, line).map(|message| Finding::new(place(), message)));
    }
    findings
}

/// Lines that are not comments, numbered from 1.
fn code(content: &str) -> impl Iterator<Item = (usize, &str)> {
    content.lines().enumerate().map(|(i, line)| (i + 1, line)).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether the line is before the file's tests, which stand at its end.
fn in_production(content: &str, number: usize) -> bool {
    content.lines().take(number).all(|line| line.trim() != "#[cfg(test)]")
}

/// What is wrong with a line that names another kind.
fn sideways(path: &str, line: &str) -> Option<String> {
    let (folder, kinds) = KINDS.iter().find(|(folder, _)| path.starts_with(folder))?;
    let rest = &path[folder.len()..];
    let own = kinds.iter().find(|kind| rest.starts_with(&format!("{kind}/")) || rest == format!("{kind}.rs"))?;
    let module = folder.split("src/").nth(1).unwrap_or_default().trim_end_matches('/');
    let prefix = if module.is_empty() { "crate::".to_owned() } else { format!("crate::{module}::") };
    let other = kinds.iter().find(|kind| *kind != own && names(line, &format!("{prefix}{kind}")))?;
    Some(format!("{own} uses {other}: kinds know nothing of each other; move what both need beside them"))
}

/// Whether the line holds the path as a whole.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let after = line[at + path.len()..].chars().next();
        !after.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(path: &str, content: &str) -> Vec<String> {
        let text = Text { path: path.to_owned(), content: format!("//! A module.\n{content}\n") };
        check(&text).into_iter().map(|f| format!("{}: {}", f.place, f.message)).collect()
    }

    #[test]
    fn judging_code_is_pure_but_for_its_tests() {
        let path = "crates/seaworthy-core/src/a.rs";
        let found = said(path, "use std::collections::HashMap;");
        assert_eq!(
            found,
            ["crates/seaworthy-core/src/a.rs:2: `HashMap` in judging code: use BTreeMap: its order is always the same"]
        );
        for (word, _) in IMPURE {
            assert_eq!(said(path, &format!("{word}fn a()")).len(), 1, "{word}");
            assert_eq!(said(path, &format!("// {word}")).len(), 0, "{word}");
            assert_eq!(said(path, &format!("#[cfg(test)]\nmod tests {{ {word} }}")).len(), 0, "{word}");
            assert_eq!(said("crates/seaworthy-operator/src/a.rs", word).len(), 0, "{word}");
        }
    }

    #[test]
    fn kinds_know_nothing_of_each_other() {
        let release = "crates/seaworthy-core/src/release/gates.rs";
        assert!(
            said(release, "use crate::e2e_run::Status;")[0]
                .contains("release uses e2e_run: kinds know nothing of each other")
        );
        assert_eq!(said(release, "use crate::release::status::GateState;"), [""; 0]);
        assert_eq!(said("crates/seaworthy-core/src/lib.rs", "pub use crate::e2e_run::Status;"), [""; 0]);
        let plan = "crates/seaworthy-operator/src/kinds/release_plan.rs";
        assert_eq!(said(plan, "use crate::kinds::release_plan::X;"), [""; 0]);
        assert!(said(plan, "use crate::kinds::release::X;")[0].contains("release_plan uses release"));
    }

    #[test]
    fn modules_say_what_they_are() {
        let text = Text { path: "a.rs".to_owned(), content: "fn main() {}\n".to_owned() };
        assert!(check(&text)[0].message.contains("does not begin with `//!`"));
        assert!(said("a.rs", "#[ignore = \"slow\"]")[0].contains("proves nothing"));
    }
}
