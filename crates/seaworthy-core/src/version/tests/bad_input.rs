//! Hostile and broken input: each has a stated answer.

use std::fmt::Write as _;

use super::*;

fn strict(message: &str) -> Level {
    level::read(message, &policy()).strict.level
}

#[test]
fn a_message_of_a_megabyte_is_read_to_its_end() {
    let mut message = "fix: x\n\n".to_owned();
    while message.len() < 1 << 20 {
        message.push_str("a line of text that goes on\n");
    }
    message.push_str("\nBREAKING CHANGE: y");
    assert_eq!(strict(&message), Level::Major);
    assert_eq!(strict(&format!("fix: {}", "x".repeat(1 << 20))), Level::Patch);
    assert_eq!(strict(&format!("feat({}", ")".repeat(1 << 20))), Level::None);
    assert_eq!(strict(&"Revert \"".repeat(1 << 14)), Level::None);
    for open in ["<!--\n", "a <!-- b\n", "<!-- <!-- "] {
        let message = format!("fix: x\n\n{}\n\nBREAKING CHANGE: y", open.repeat((1 << 20) / open.len()));
        assert_eq!(strict(&message), Level::Major, "{open:?}: what is never closed hides nothing");
    }
    let verdict = level::read(&format!("fix: {}", "é".repeat(1 << 20)), &policy());
    assert_eq!(verdict.header.chars().count(), level::MAX_HEADER);
}

#[test]
fn ten_thousand_trailers_are_trailers() {
    let mut message = "fix: x\n\n".to_owned();
    for at in 0..10_000 {
        let _ = writeln!(message, "Reviewed-by: person {at}");
    }
    assert_eq!(strict(&message), Level::Patch);
    message.push_str("BREAKING CHANGE: y");
    assert_eq!(strict(&message), Level::Major);
}

#[test]
fn bytes_that_are_no_text_do_not_hide_the_header() {
    let message = String::from_utf8_lossy(b"feat: caf\xe9\r\n\r\nBREAKING CHANGE: \xff\r\n").into_owned();
    let verdict = level::read(&message, &policy());
    assert_eq!(verdict.strict.level, Level::Major);
    assert_eq!(verdict.warnings, [Warning::InvalidUtf8]);
}

#[test]
fn line_ends_of_any_kind_end_lines() {
    for message in [
        "fix: x\r\n\r\nBREAKING CHANGE: y\r\n",
        "fix: x\r\rBREAKING CHANGE: y",
        "\n\n \nfix: x\n \t\nBREAKING CHANGE: y",
    ] {
        assert_eq!(strict(message), Level::Major, "{message:?}");
    }
    assert_eq!(strict(""), Level::None);
    assert_eq!(strict("\n\n"), Level::None);
}

#[test]
fn a_nul_ends_the_message_as_for_git_and_disputes_what_it_hides() {
    let verdict = level::read("fix: x\0\n\nBREAKING CHANGE: y", &policy());
    assert_eq!((verdict.strict.level, verdict.lenient.level), (Level::Patch, Level::Major));
    assert_eq!(verdict.lenient.rule, Rule::BehindNul);
    assert_eq!(verdict.warnings, [Warning::Nul]);
    assert!(!level::read("fix: x\0", &policy()).disputed());
}

#[test]
fn marks_that_nobody_sees_change_nothing() {
    for message in ["\u{feff}feat: x", "\u{200f}feat: x", "fe\u{200b}at: x", "feat: \u{202e}x\u{202c}"] {
        let verdict = level::read(message, &policy());
        assert_eq!(verdict.strict.level, Level::Minor, "{message:?}");
        assert_eq!(verdict.warnings, [Warning::InvisibleCharacters]);
    }
    assert_eq!(strict("fix: x\n\n\u{200e}BREAKING CHANGE: y"), Level::Major);
    let verdict = level::read("fix: x\n\nBREAKING\u{a0}CHANGE: y", &policy());
    assert_eq!((verdict.strict.level, verdict.lenient.level), (Level::Patch, Level::Major));
}

#[test]
fn tags_named_like_versions_that_are_none_are_ignored() {
    let mut input = since("1.2.3", &["fix: a"]);
    for name in
        ["v1.9", "v1.09.0", "v1.2.9.4", "1.9.0", "v1.9.0\u{200b}", "version1.9.0", "v", "vv1.9.0", "refs/heads/v1.9.0"]
    {
        input.facts.tags.push(tag(name, 1));
    }
    assert_eq!(version(&plan(&input)), "1.2.4");
}

#[test]
fn a_tag_outside_of_the_history_blocks_its_number_and_is_no_base() {
    let mut input = since("1.2.3", &["fix: a"]);
    input.facts.tags.push(TagRef { ancestor: false, ..tag("v1.2.4", 77) });
    assert_eq!(version(&plan(&input)), "refused: version");
    input.facts.tags[1].name = "v1.1.9".into();
    assert_eq!(version(&plan(&input)), "1.2.4");
}

#[test]
fn two_tags_on_one_commit_the_higher_is_the_base() {
    let mut input = since("1.2.3", &["fix: a"]);
    input.facts.tags.push(tag("v1.3.0", 0));
    assert_eq!(version(&plan(&input)), "1.3.1");
}

#[test]
fn without_a_tag_the_first_version_is_the_plans() {
    let mut input = since("0.0.1", &["chore: a"]);
    input.facts.tags.clear();
    assert_eq!(candidate(&plan(&input)), "0.1.0-rc.1");
    input.policy.initial_version = "2.0".into();
    assert_eq!(version(&plan(&input)), "refused: spec.version.initialVersion");
}

#[test]
fn a_merge_with_two_bases_counts_each_commit_once() {
    // A criss-cross: 3 and 4 both merge 1 and 2, 5 merges them.
    let mut input = since("1.2.3", &["feat: a", "fix: b", "Merge branch 'a'", "Merge branch 'b'", "Merge branch 'c'"]);
    let parents = [vec![0], vec![0], vec![1, 2], vec![2, 1], vec![3, 4]];
    for (commit, parents) in input.facts.commits.iter_mut().zip(parents) {
        commit.parents = parents.into_iter().map(id).collect();
    }
    let again = input.facts.commits[0].clone();
    input.facts.commits.push(again);
    let plan = next(plan(&input));
    assert_eq!((plan.version.to_string().as_str(), plan.counts.total, plan.counts.minor), ("1.3.0", 5, 1));
}

#[test]
fn an_octopus_merge_is_a_merge() {
    let mut input = since("1.2.3", &["fix: a", "fix: b", "feat: c", "Merge branches 'a', 'b' and 'c'"]);
    for at in 0..3 {
        input.facts.commits[at].parents = vec![id(0)];
    }
    input.facts.commits[3].parents = vec![id(1), id(2), id(3)];
    assert_eq!(version(&plan(&input)), "1.3.0");
}

#[test]
fn an_empty_range_is_nothing_whatever_the_minimum() {
    let mut input = since("1.2.3", &[]);
    input.policy.minimum_level = Level::Major;
    assert_eq!(version(&plan(&input)), "nothing: AlreadyPublished");
    input.facts.head = id(9);
    assert_eq!(version(&plan(&input)), "nothing: EmptyRange");
}

#[test]
fn a_rewritten_history_leaves_its_old_tags_outside_and_is_refused() {
    // v1.3.0 was tagged on a commit that a force-push took out of the history.
    let mut input = since("1.2.3", &["feat: a", "fix: b"]);
    input.facts.tags.push(TagRef { ancestor: false, ..tag("v1.3.0", 50) });
    let Outcome::Refused { reason, remedy, .. } = plan(&input) else { panic!("not refused") };
    assert!(reason.contains("v1.3.0") && reason.contains("not in this commit's history"), "{reason}");
    assert!(!remedy.is_empty());
}

#[test]
fn formats_that_are_none_are_refused_with_their_field() {
    let mut input = since("1.2.3", &["fix: a"]);
    for format in [
        "",
        "v",
        "{version}{version}",
        "a b{version}",
        "-{version}",
        "{version}.lock",
        "x//{version}",
        "v{version}..{version}",
    ] {
        input.policy.tag_format = format.into();
        assert_eq!(version(&plan(&input)), "refused: spec.version.tagFormat", "{format:?}");
    }
    let mut input = since("1.2.3", &["fix: a"]);
    for line in ["1", "x", "1.2.3", "01.x", "1.x.x", "-1.x", "1.y"] {
        input.policy.line = line.into();
        assert_eq!(version(&plan(&input)), "refused: spec.version.line", "{line:?}");
    }
}

#[test]
fn numbers_at_their_end_are_refused() {
    let max = u64::MAX;
    assert_eq!(version(&plan(&since(&format!("1.2.{max}"), &["fix: a"]))), "refused: version");
    let mut input = since("1.2.3", &["fix: a"]);
    input.facts.tags.push(tag(&format!("v1.2.4-rc.{max}"), 0));
    assert_eq!(version(&plan(&input)), "refused: version");
}

#[test]
fn reverts_that_revert_each_other_end() {
    let mut input =
        since("1.2.3", &["Revert \"a\"\n\nThis reverts commit X.", "Revert \"b\"\n\nThis reverts commit Y.", "fix: c"]);
    input.facts.commits[0].message = input.facts.commits[0].message.replace('X', &id(2));
    input.facts.commits[1].message = input.facts.commits[1].message.replace('Y', &id(1));
    assert_eq!(version(&plan(&input)), "1.2.4");
}
