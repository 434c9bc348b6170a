//! Release notes: what stands where, and what a template may do.

use super::*;
use crate::version::notes::{self, KEEP_A_CHANGELOG, MAX_ENTRIES, NotesError, NotesRules, Section};

fn drafted(messages: &[&str], rules: &NotesRules) -> String {
    notes::draft(&next(plan(&since("1.2.3", messages))), rules, "2026-03-01").unwrap()
}

#[test]
fn the_default_is_keep_a_changelog_with_what_breaks_first() {
    let mut input = since(
        "1.2.3",
        &[
            "feat(cli): a flag",
            "fix: a leak",
            "docs: words",
            "perf(db)!: faster\n\nBREAKING CHANGE: the file format\nis another one\n\nReviewed-by: X",
            "chore: tidy",
            "Revert \"feat: of last week\"\n\nThis reverts commit 0123456789012345678901234567890123456789.",
        ],
    );
    for (commit, author) in input.facts.commits.iter_mut().zip(["Bob", "Ann", "Ann", "Ann", "robot[bot]", "Bob"]) {
        author.clone_into(&mut commit.author);
    }
    let rules = NotesRules { web_url: "https://git.example/app".into(), ..NotesRules::default() };
    let text = notes::draft(&next(plan(&input)), &rules, "2026-03-01").unwrap();
    let link = |at: usize| format!("([{}](https://git.example/app/commit/{}))", &id(at)[..7], id(at));
    let expected = format!(
        "## [2.0.0] - 2026-03-01\n\n### Breaking changes\n\n- **db:** faster: the file format is another one {}\n\n\
         ### Added\n\n- **cli:** a flag {}\n\n### Removed\n\n- Revert \"feat: of last week\" {}\n\n\
         ### Fixed\n\n- a leak {}\n\n### Contributors\n\nAnn, Bob\n\n\
         [2.0.0]: https://git.example/app/compare/v1.2.3...v2.0.0\n",
        link(4),
        link(1),
        link(6),
        link(2)
    );
    assert_eq!(text, expected);
}

#[test]
fn sections_are_the_plans_and_a_star_takes_the_rest() {
    let section = |title: &str, types: &[&str]| Section {
        title: title.into(),
        types: types.iter().map(|&t| t.to_owned()).collect(),
    };
    let sections = vec![section("Rest", &["*"]), section("News", &["FEAT"])];
    let rules = NotesRules { sections, contributors: false, ..NotesRules::default() };
    let text = drafted(&["Feat: a", "fix: b", "no type at all"], &rules);
    let (rest, news) = text.split_once("### News").unwrap();
    assert!(rest.contains("- b (") && rest.contains("- no type at all (") && news.contains("- a ("), "{text}");
    assert!(!text.contains("Contributors"));
}

#[test]
fn what_was_reverted_or_is_out_of_scope_is_not_listed() {
    let revert = format!("Revert \"feat: x\"\n\nThis reverts commit {}.", id(1));
    let text = drafted(&["feat: x", &revert, "fix: y"], &NotesRules::default());
    assert!(!text.contains("feat: x") && !text.contains("- x") && text.contains("- y"), "{text}");
}

#[test]
fn hostile_headers_stay_lines() {
    let text = drafted(&["fix: a\u{1b}[31m\u{7} b \u{202e}c {{ version }} {% raw %}"], &NotesRules::default());
    assert!(text.contains("- a[31m b c {{ version }} {% raw %} ("), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn long_ranges_are_cut_and_say_so() {
    let messages: Vec<String> = (0..MAX_ENTRIES + 5).map(|at| format!("fix: {at}")).collect();
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    let text = drafted(&messages, &NotesRules::default());
    assert!(text.contains("\n5 more commits are not listed.\n"), "{}", &text[text.len() - 200..]);
    assert_eq!(text.lines().filter(|line| line.starts_with("- ")).count(), MAX_ENTRIES);
}

#[test]
fn a_template_has_the_last_word_and_its_bounds() {
    let with = |template: &str| NotesRules { template: template.into(), ..NotesRules::default() };
    let template = "{{ tag }} {{ level }}{% for s in sections %}{% for e in s.entries %} {{ e.type }}/{{ e.scope }}/{{ e.author }}{% endfor %}{% endfor %}";
    assert_eq!(drafted(&["feat(a): x", "fix: y"], &with(template)), "v1.3.0 minor feat/a/ fix//\n");
    assert_eq!(notes::check(&with(KEEP_A_CHANGELOG)), Ok(()));
    for (wrong, words) in [
        ("{% if %}", "in line 1"),
        ("{{ unknown }}", "undefined"),
        ("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps"),
        ("{% include 'x' %}", ""),
    ] {
        let why = notes::check(&with(wrong)).unwrap_err();
        let text = why.to_string();
        assert!(
            matches!(why, NotesError::Template(_)) && text.starts_with("version.notes.template: "),
            "{wrong}: {text}"
        );
        assert!(text.contains(words), "{wrong}: {text}");
    }
    let much = "{% for a in range(9000) %}0123456789012345678901234567890123456789{% endfor %}";
    assert_eq!(notes::check(&with(much)), Err(NotesError::TooLong(360_000)));
}
