//! How files look: no places of one machine, no long files, one version everywhere.

use super::{Finding, Text};

/// Longer files are shown.
const LONG: usize = 400;
/// Longer ones than this fail.
const TOO_LONG: usize = 600;

/// Words that belong to one machine or to the past, cut in two so that this file does not hold them.
const FORBIDDEN: [(&str, &str, &str); 6] = [
    ("/wo", "rk/", "a path of one machine: use one relative to the repository"),
    ("../sha", "red", "a path outside of the repository: say what it holds instead"),
    ("TO", "DO", "unfinished work: finish it, or leave it out and write an issue"),
    ("FIX", "ME", "unfinished work: finish it, or leave it out and write an issue"),
    ("XX", "X:", "unfinished work: finish it, or leave it out and write an issue"),
    ("todo", "!(", "unfinished work: finish it, or leave it out and write an issue"),
];

/// Files that others wrote, as they are; so are the pages that a fuzzer found.
const FOREIGN: [&str; 4] = ["Cargo.lock", "LICENSE", "package-lock.json", "go.sum"];

pub(super) fn check(text: &Text) -> Vec<Finding> {
    let name = text.path.rsplit('/').next().unwrap_or_default();
    if FOREIGN.contains(&name) || text.path.contains("/fuzz/corpus/") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !text.content.is_empty() && !text.content.ends_with('\n') {
        findings.push(Finding::new(&text.path, "does not end with a newline: add one"));
    }
    for (number, line) in text.content.lines().enumerate() {
        for (first, second, message) in FORBIDDEN {
            if has_word(line, &format!("{first}{second}")) {
                findings.push(Finding::new(
                    format!("{}:{}", text.path, number + 1),
                    format!("`{first}{second}` is {message}"),
                ));
            }
        }
    }
    if text.is_rust() {
        findings.extend(length(text));
    }
    findings
}

/// Whether the line holds the word, and not as the end of a longer one (`mytodo!(`, `home/work/`).
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || "_.}".contains(before)))
}

fn length(text: &Text) -> Option<Finding> {
    let lines = text.content.lines().count();
    let message = format!(
        "has {lines} lines; a file that a reader can hold in the head has about {LONG}: split it by what it does"
    );
    match lines {
        0..=LONG => None,
        _ if lines <= TOO_LONG => Some(Finding::shown(&text.path, message)),
        _ => Some(Finding::new(&text.path, message)),
    }
}

/// Files that name the version, with what stands before it there.
const VERSIONED: [(&str, &str); 5] = [
    ("charts/seaworthy/Chart.yaml", "\nversion: "),
    ("charts/seaworthy/Chart.yaml", "\nappVersion: "),
    ("config/default/kustomization.yaml", "newTag: "),
    ("config/manager/deployment.yaml", "seaworthy-operator:"),
    ("config/manager/deployment.yaml", "seaworthy-git:"),
];

/// The chart and the kustomization install the version that this is.
pub(super) fn versions(texts: &[Text]) -> Vec<Finding> {
    let version = env!("CARGO_PKG_VERSION");
    let mut findings = Vec::new();
    for (path, before) in VERSIONED {
        let Some(text) = texts.iter().find(|text| text.path == path) else { continue };
        for found in text.content.split(before).skip(1).filter_map(|rest| rest.split_whitespace().next()) {
            if found != version {
                let what = before.trim();
                findings.push(Finding::new(
                    path,
                    format!("`{what}{found}` is not the workspace's version {version}: set it"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, content: &str) -> Text {
        Text { path: path.to_owned(), content: content.to_owned() }
    }

    #[test]
    fn places_of_one_machine_and_unfinished_work_are_found() {
        for word in FORBIDDEN {
            let content = format!("fine\nsee {}{} here\n", word.0, word.1);
            let findings = check(&text("docs/a.md", &content));
            assert_eq!(findings.len(), 1, "{content}");
            assert_eq!(findings[0].place, "docs/a.md:2");
        }
        let harmless = format!("https://example.org{}{} or ${{HOME}}{0}{1}\n", "/wo", "rk/");
        assert_eq!(check(&text("docs/a.md", &harmless)), []);
        assert!(check(&text("a.yaml", "a: b"))[0].message.contains("newline"));
    }

    #[test]
    fn long_files_are_shown_and_too_long_ones_fail() {
        let of = |lines: usize| check(&text("a.rs", &"//! x\n".repeat(lines)));
        assert!(of(400).is_empty());
        assert!(!of(401)[0].fails);
        assert!(of(601)[0].fails);
    }

    #[test]
    fn versions_must_agree() {
        let version = env!("CARGO_PKG_VERSION");
        let chart = |found: &str| {
            text("charts/seaworthy/Chart.yaml", &format!("name: a\nversion: {version}\nappVersion: {found}\n"))
        };
        assert_eq!(versions(&[chart(version)]), []);
        assert!(versions(&[chart("9.9.9")])[0].message.contains("`appVersion:9.9.9` is not the workspace's version"));
    }
}
