//! The table of what commit messages mean from 1.2.3 on, row by row: whole ranges under the default policy but for the minimum.

use super::*;

/// The row's words, the messages from 1.2.3 on, the next version, how many commits are disputed, how many repairs are on record.
type Row = (&'static str, Vec<String>, &'static str, u64, usize);

fn row(words: &'static str, messages: &[&str], version: &'static str, disputed: u64, warnings: usize) -> Row {
    (words, messages.iter().map(|&message| message.to_owned()).collect(), version, disputed, warnings)
}

fn reverts(target: usize) -> String {
    format!("This reverts commit {}.", id(target))
}

fn of_messages() -> Vec<Row> {
    vec![
        row("feat", &["feat: x"], "1.3.0", 0, 0),
        row("fix", &["fix: x"], "1.2.4", 0, 0),
        row("perf", &["perf: x"], "1.2.4", 0, 0),
        row("feat!", &["feat!: x"], "2.0.0", 0, 0),
        row("fix(api)!", &["fix(api)!: x"], "2.0.0", 0, 0),
        row("docs", &["docs: x"], "nothing: NoLevel", 0, 0),
        row("chore", &["chore: x"], "nothing: NoLevel", 0, 0),
        row("deps, by the types map", &["deps: x"], "1.2.4", 0, 0),
        row("Feat", &["Feat: x"], "1.3.0", 0, 0),
        row("feat(), with a warning", &["feat(): x"], "1.3.0", 0, 1),
        row("feat:x, with a warning", &["feat:x"], "1.3.0", 0, 1),
        row("footer BREAKING CHANGE:", &["fix: x\n\nBREAKING CHANGE: y"], "2.0.0", 0, 0),
        row("footer BREAKING-CHANGE:", &["fix: x\n\nBREAKING-CHANGE: y"], "2.0.0", 0, 0),
        row("breaking change: in lower case", &["fix: x\n\nbreaking change: y"], "1.2.4", 1, 0),
        row("BREAKING CHANGE without colon", &["fix: x\n\nBREAKING CHANGE y"], "1.2.4", 1, 0),
        row("footer on line 2 without the blank line", &["fix: x\nBREAKING CHANGE: y"], "2.0.0", 1, 0),
        row("footer text inside a body paragraph", &["fix: x\n\na\nBREAKING CHANGE: y\nb"], "1.2.4", 1, 0),
        row("bulleted in a chore", &["chore: x\n\n* BREAKING CHANGE: y"], "nothing: NoLevel", 0, 0),
        row("indented in a chore", &["chore: x\n\n  BREAKING CHANGE: y"], "nothing: NoLevel", 0, 0),
        row("quoted with >", &["chore: x\n\n> BREAKING CHANGE: y"], "nothing: NoLevel", 0, 0),
        row("footer after ---", &["fix: x\n\na\n---\nBREAKING CHANGE: y"], "2.0.0", 0, 0),
        row(
            "in a bot's quoted <details> changelog",
            &["chore: x\n\n<details>\n\nBREAKING CHANGE: y\n</details>"],
            "nothing: NoLevel",
            1,
            0,
        ),
        row("squash list * feat!: b under feat:", &["feat: a\n\n* feat!: b"], "1.3.0", 1, 0),
        row("paragraph feat: b under chore:", &["chore: a\n\nfeat: b"], "nothing: NoLevel", 0, 0),
        row("release-as is refused, and is no level", &["release-as: 0.1.0"], "nothing: NoLevel", 0, 1),
    ]
}

fn of_reverts() -> Vec<Row> {
    let pair = format!("Revert \"feat: x\"\n\n{}", reverts(1));
    let again = format!("Revert \"Revert \"feat: x\"\"\n\n{}", reverts(2));
    vec![
        row("a revert with the original in range", &["feat: x", &pair], "nothing: OnlyReverted", 0, 0),
        row("a revert of a revert: the original's level", &["feat: x", &pair, &again], "1.3.0", 0, 0),
        row("a revert of a revert, the rest elsewhere", &["Revert \"Revert \"feat: x\"\""], "1.3.0", 0, 0),
        row(
            "Reverts org/repo#1 with that change in range",
            &["fix: a", "feat: x (#1)", "Revert \"feat: x (#1)\" (#2)\n\nReverts org/repo#1"],
            "1.2.4",
            2,
            0,
        ),
    ]
}

#[test]
fn every_row_from_1_2_3() {
    for (words, messages, expected, disputed, warnings) in of_messages().into_iter().chain(of_reverts()) {
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        let outcome = plan(&since("1.2.3", &messages));
        assert_eq!(version(&outcome), expected, "{words}");
        let commits = match outcome {
            Outcome::Next(plan) => plan.commits,
            Outcome::NothingToRelease { commits, .. } => commits,
            Outcome::Refused { .. } | Outcome::Ask { .. } => Vec::new(),
        };
        let found = commits.iter().filter(|commit| commit.disputed()).count() as u64;
        assert_eq!(found, disputed, "{words}: disputed");
        assert_eq!(commits.iter().map(|commit| commit.warnings.len()).sum::<usize>(), warnings, "{words}: warnings");
    }
}

#[test]
fn every_row_from_a_candidate() {
    for (words, messages, expected) in [
        ("from 1.4.0-rc.1, fix:", ["feat: a", "fix: b"], "1.4.0-rc.2"),
        ("from 1.4.0-rc.1, feat!:", ["feat: a", "feat!: b"], "2.0.0-rc.1"),
    ] {
        let mut input = since("1.3.2", &messages);
        input.facts.tags.push(tag("v1.4.0-rc.1", 1));
        assert_eq!(candidate(&plan(&input)), expected, "{words}");
    }
}

#[test]
fn what_the_plan_says_applies_to_the_rows_it_is_named_in() {
    let mut input = since("1.2.3", &["docs: x"]);
    input.policy.minimum_level = Level::Patch;
    assert_eq!(version(&plan(&input)), "1.2.4", "minimumLevel applies to docs:");
    let mut input = since("1.2.3", &["deps: x"]);
    input.policy.types.insert("deps".into(), Level::Minor);
    assert_eq!(version(&plan(&input)), "1.3.0", "deps: by the types map");
}

#[test]
fn commits_count_once_in_scope_and_not_when_they_are_out_already() {
    let mut input = since("1.2.3", &["feat: a", "fix: b", "fix: c"]);
    let count = |input: &Input, published: &[&str]| input.facts.count(&input.policy, published);
    assert_eq!(count(&input, &[]), 3);
    assert_eq!(count(&input, &[&id(2)]), 1, "b and what it holds came out meanwhile");
    assert_eq!(count(&input, &[&id(77)]), 3, "a commit of elsewhere");
    input.policy.paths = vec!["one".into()];
    input.facts.commits[2].paths = Some(vec!["two/x".into()]);
    assert_eq!(count(&input, &[]), 2, "out of scope");
    let again = input.facts.commits[0].clone();
    input.facts.commits.push(again);
    assert_eq!(count(&input, &[]), 2, "listed twice");
    input.facts.reduced = Some(range::read(&input.facts.commits, Some(&id(0)), &input.policy));
    input.facts.commits.clear();
    assert_eq!(count(&input, &[]), 2, "a range that was read in the Job");
}
