//! Whole ranges: base, level, number.

use super::*;

fn reverts(header: &str, target: usize) -> String {
    format!("Revert \"{header}\"\n\nThis reverts commit {}.", id(target))
}

#[test]
fn levels_move_the_number() {
    for (messages, expected) in [
        (vec!["fix: a", "docs: b"], "1.2.4"),
        (vec!["fix: a", "feat: b", "fix: c"], "1.3.0"),
        (vec!["feat: a", "fix!: b"], "2.0.0"),
        (vec!["docs: a"], "nothing: NoLevel"),
        (vec!["Update README"], "nothing: NoLevel"),
    ] {
        assert_eq!(version(&plan(&since("1.2.3", &messages))), expected, "{messages:?}");
    }
}

#[test]
fn the_minimum_lifts_and_never_lowers() {
    let mut input = since("1.2.3", &["docs: a"]);
    input.policy.minimum_level = Level::Patch;
    assert_eq!(version(&plan(&input)), "1.2.4");
    let mut input = since("1.2.3", &["feat: a"]);
    input.policy.minimum_level = Level::Patch;
    assert_eq!(version(&plan(&input)), "1.3.0");
}

#[test]
fn below_one_a_breaking_change_does_what_the_plan_says() {
    let mut input = since("0.4.2", &["feat!: a"]);
    assert_eq!(version(&plan(&input)), "0.5.0");
    input.policy.breaking_before_v1 = BreakingBeforeV1::Major;
    assert_eq!(version(&plan(&input)), "1.0.0");
    assert_eq!(version(&plan(&since("0.4.2", &["feat: a"]))), "0.5.0");
    assert_eq!(version(&plan(&since("0.4.2", &["fix: a"]))), "0.4.3");
}

#[test]
fn a_line_has_a_ceiling() {
    let mut input = since("1.2.3", &["feat: a"]);
    input.policy.line = "1.x".into();
    input.facts.tags.push(TagRef { ancestor: false, ..tag("v2.1.0", 90) });
    assert_eq!(version(&plan(&input)), "1.3.0", "numbers of other lines do not count");
    input.policy.line = "1.2.x".into();
    assert_eq!(version(&plan(&input)), "refused: spec.version.line");
    input.policy.line = String::new();
    assert_eq!(version(&plan(&input)), "refused: version", "without a line everything counts");
    let mut input = since("1.2.3", &["feat!: a"]);
    input.policy.line = "1.x".into();
    assert_eq!(version(&plan(&input)), "refused: spec.version.line");
    input.facts.tags.push(tag("v2.0.0", 0));
    assert_eq!(version(&plan(&input)), "refused: spec.version.line", "2.0.0 is no base of the line");
}

#[test]
fn candidates_count_on_for_the_same_version_and_restart_above() {
    let mut input = since("1.3.2", &["feat: a", "fix: b"]);
    input.facts.tags.push(tag("v1.4.0-rc.1", 1));
    assert_eq!(candidate(&plan(&input)), "1.4.0-rc.2");
    input.facts.commits[1].message = "feat!: b".into();
    assert_eq!(candidate(&plan(&input)), "2.0.0-rc.1");
    input.facts.commits[1].message = "fix: b".into();
    input.facts.tags.push(TagRef { ancestor: false, ..tag("v1.4.0-rc.10", 70) });
    input.facts.tags.push(tag("v1.4.0-beta.30", 1));
    assert_eq!(
        candidate(&plan(&input)),
        "1.4.0-rc.11",
        "all tags are read, counters are numbers, other labels are not ours"
    );
}

#[test]
fn a_revert_and_its_original_cancel() {
    let mut input = since("1.2.3", &["fix: a", "feat: x", &reverts("feat: x", 2)]);
    let plan_of = |input: &Input| next(plan(input));
    let found = plan_of(&input);
    assert_eq!((found.version.to_string().as_str(), found.counts.reverted, found.counts.disputed), ("1.2.4", 2, 0));
    assert_eq!(found.commits[1].fate, Fate::Reverted);
    assert_eq!(version(&plan(&since("1.2.3", &["feat: x", &reverts("feat: x", 1)]))), "nothing: OnlyReverted");

    input.facts.commits.push(Commit {
        id: id(4),
        message: format!("Reapply \"feat: x\"\n\nThis reverts commit {}.", &id(3)),
        parents: vec![id(3)],
        ..Commit::default()
    });
    input.facts.head = id(4);
    assert_eq!(plan_of(&input).version.to_string(), "1.3.0");
    let again = reverts("Reapply \"feat: x\"", 4);
    input.facts.commits.push(Commit { id: id(5), message: again, parents: vec![id(4)], ..Commit::default() });
    input.facts.head = id(5);
    assert_eq!(plan_of(&input).version.to_string(), "1.2.4");
}

#[test]
fn an_abbreviated_id_is_enough_when_it_is_the_only_one() {
    let unique = "abcdef0123456789abcdef0123456789abcdef01";
    let mut input = since("1.2.3", &["feat: x", "Revert \"feat: x\"\n\nThis reverts commit abcdef0."]);
    input.facts.commits[0].id = unique.into();
    input.facts.commits[1].parents = vec![unique.into()];
    assert_eq!(version(&plan(&input)), "nothing: OnlyReverted");
    input.facts.commits.push(Commit {
        id: unique.replace("ef01", "ef02"),
        message: "feat: y".into(),
        ..Commit::default()
    });
    assert_eq!(version(&plan(&input)), "1.3.0");
}

#[test]
fn a_revert_of_something_else_is_no_pair() {
    let found = next(plan(&since("1.2.3", &["feat: a", &reverts("feat: a", 999)])));
    assert_eq!((found.version.to_string().as_str(), found.counts.disputed), ("1.3.0", 0));
    assert_eq!(found.commits[1].strict.rule, Rule::Revert);
}

#[test]
fn weak_pairs_are_disputed() {
    let by_number =
        next(plan(&since("1.2.3", &["fix: a", "feat: x (#1)", "Revert \"feat: x (#1)\" (#2)\n\nReverts org/repo#1"])));
    assert_eq!((by_number.version.to_string().as_str(), by_number.counts.disputed), ("1.2.4", 2));
    let by_title = next(plan(&since("1.2.3", &["fix: a", "feat: x", "Revert \"feat: x\""])));
    assert_eq!((by_title.version.to_string().as_str(), by_title.counts.disputed), ("1.2.4", 2));
    let two = next(plan(&since("1.2.3", &["feat: x", "feat: x", "Revert \"feat: x\""])));
    assert_eq!(two.version.to_string(), "1.3.0", "a title that two commits have says nothing");
    let sentence = format!("chore: take it back\n\nThis reverts commit {}.", id(1));
    let by_sentence = next(plan(&since("1.2.3", &["feat: x", &sentence])));
    assert_eq!((by_sentence.version.to_string().as_str(), by_sentence.counts.disputed), ("1.3.0", 1));
}

/// The strict reading finds nothing to release, the other one a feature: that is for the plan to say, too.
#[test]
fn a_weak_pair_alone_in_the_range_is_disputed_all_the_same() {
    let with = |on_disputed| {
        let mut input = since("1.2.3", &["feat: x (#1)", "Revert \"feat: x (#1)\"\n\nReverts org/repo#1"]);
        input.policy.on_disputed = on_disputed;
        plan(&input)
    };
    assert_eq!(version(&with(OnDisputed::Strict)), "nothing: OnlyReverted");
    assert_eq!(version(&with(OnDisputed::Higher)), "1.3.0");
    assert_eq!(version(&with(OnDisputed::Fail)), "refused: spec.version.onDisputed");
    let Outcome::Ask { strict, alternative, disputes } = with(OnDisputed::Ask) else { panic!("nobody is asked") };
    assert_eq!((version(&strict).as_str(), version(&alternative).as_str()), ("nothing: OnlyReverted", "1.3.0"));
    assert!(!disputes.is_empty());
}

#[test]
fn a_revert_takes_nothing_back_where_it_touches_nothing() {
    let mut input = since("1.2.3", &["feat: x", &reverts("feat: x", 1)]);
    input.policy.paths = vec!["a".into()];
    input.facts.commits[0].paths = Some(vec!["a".into()]);
    for (touched, expected) in [(vec![], "1.3.0"), (vec!["a".to_owned()], "nothing: OnlyReverted")] {
        input.facts.commits[1].paths = Some(touched);
        assert_eq!(version(&plan(&input)), expected);
    }
}

#[test]
fn of_tags_that_differ_in_build_metadata_the_first_one_listed_is_the_base() {
    for (first, expected) in [(1, "2.0.0"), (2, "1.1.1")] {
        let mut input = since("1.0.0", &["feat: a", "feat!: b", "fix: c"]);
        let mut tags = vec![tag("v1.1.0+one", 1), tag("v1.1.0+two", 2)];
        tags.rotate_left(first - 1);
        input.facts.tags.extend(tags);
        assert_eq!(version(&plan(&input)), expected);
    }
}

#[test]
fn a_reverted_merge_takes_its_commits_along() {
    let message =
        format!("Revert \"Merge branch 'f'\"\n\nThis reverts commit {}, reversing\nchanges made to {}.", id(4), id(1));
    let mut input = since("1.2.3", &["fix: a", "feat: b", "feat!: c", "Merge branch 'f'", &message]);
    input.facts.commits[1].parents = vec![id(0)];
    input.facts.commits[3].parents = vec![id(1), id(3)];
    let found = next(plan(&input));
    assert_eq!((found.version.to_string().as_str(), found.counts.reverted), ("1.2.4", 4));
}

#[test]
fn a_revert_that_breaks_something_breaks_it() {
    let message = format!("{}\n\nBREAKING CHANGE: whoever used x already has to go back", reverts("feat: x", 1));
    assert_eq!(version(&plan(&since("1.2.3", &["feat: x", &message]))), "2.0.0");
}

#[test]
fn a_maintenance_release_merged_back_is_the_base_and_hides_nothing() {
    let mut input = since("1.2.3", &["fix: hot", "feat: a", "Merge branch 'release-1.2'", "fix: c"]);
    input.facts.commits[1].parents = vec![id(0)];
    input.facts.commits[2].parents = vec![id(2), id(1)];
    input.facts.tags.push(tag("v1.2.4", 1));
    let found = next(plan(&input));
    assert_eq!((found.version.to_string().as_str(), found.counts.total), ("1.3.0", 3));
}

#[test]
fn a_component_counts_what_touches_it() {
    let mut input = since("1.2.3", &["feat!: a", "fix: b", "feat: c", "fix: d"]);
    input.policy.paths = vec!["crates/one/".into()];
    let touched: [&[&str]; 3] = [&["crates/one-more/x", "README.md"], &["crates/one/src/lib.rs"], &[]];
    for (commit, paths) in input.facts.commits.iter_mut().zip(touched) {
        commit.paths = Some(paths.iter().map(|path| (*path).to_owned()).collect());
    }
    let found = next(plan(&input));
    assert_eq!((found.version.to_string().as_str(), found.counts.out_of_scope), ("1.2.4", 2), "unknown paths count");
    input.facts.commits.truncate(1);
    assert_eq!(version(&plan(&input)), "nothing: OutOfScope");
}

#[test]
fn disputes_are_settled_as_the_plan_says() {
    let mut input = since("1.2.3", &["fix: a", "fix: b\n\nbreaking change: c"]);
    let found = next(plan(&input));
    assert_eq!((found.version.to_string().as_str(), found.disputes.len()), ("1.2.4", 1));
    assert_eq!((found.disputes[0].strict.level, found.disputes[0].lenient.level), (Level::Patch, Level::Major));

    input.policy.on_disputed = OnDisputed::Higher;
    let found = next(plan(&input));
    assert_eq!((found.version.to_string().as_str(), found.commits[1].level), ("2.0.0", Level::Major));

    input.policy.on_disputed = OnDisputed::Fail;
    assert_eq!(version(&plan(&input)), "refused: spec.version.onDisputed");

    input.policy.on_disputed = OnDisputed::Ask;
    let Outcome::Ask { strict, alternative, disputes } = plan(&input) else { panic!("not asked") };
    assert_eq!((version(&strict).as_str(), version(&alternative).as_str(), disputes.len()), ("1.2.4", "2.0.0", 1));
}

#[test]
fn a_dispute_without_consequence_asks_nobody() {
    let mut input = since("1.2.3", &["feat!: a", "fix: b\n\nbreaking change: c"]);
    for on_disputed in [OnDisputed::Ask, OnDisputed::Fail] {
        input.policy.on_disputed = on_disputed;
        assert_eq!(version(&plan(&input)), "2.0.0");
    }
    input = since("1.2.3", &["fix: a\nBREAKING CHANGE: b"]);
    input.policy.on_disputed = OnDisputed::Ask;
    let Outcome::Ask { strict, alternative, .. } = plan(&input) else { panic!("not asked") };
    assert_eq!((version(&strict).as_str(), version(&alternative).as_str()), ("2.0.0", "1.2.4"), "the other way round");
}

#[test]
fn a_version_is_never_forced_by_a_commit() {
    let found = next(plan(&since("1.2.3", &["feat: x\n\nrelease-as: 0.1.0"])));
    assert_eq!(found.version.to_string(), "1.3.0");
    assert_eq!(found.commits[0].warnings, [Warning::ReleaseAsRefused]);
}

#[test]
fn a_version_given_in_the_spec_has_to_be_above() {
    let mut input = since("1.2.3", &["fix: a"]);
    assert_eq!(candidate(&plan_explicit(&input, "1.5.0")), "1.5.0-rc.1");
    for number in ["1.2.3", "1.0.0", "1.5", "1.5.0-rc.1", "v1.5.0", "01.5.0", ""] {
        assert_eq!(version(&plan_explicit(&input, number)), "refused: spec.version.number", "{number:?}");
    }
    input.policy.line = "1.x".into();
    assert_eq!(version(&plan_explicit(&input, "2.0.0")), "refused: spec.version.line");
    input.facts.head = id(0);
    assert_eq!(version(&plan_explicit(&input, "1.5.0")), "nothing: AlreadyPublished");
}

#[test]
fn a_range_read_elsewhere_gives_the_same_plan() {
    let mut input = since("1.2.3", &["feat: a", "fix: b\n\nbreaking change: c", "docs: d"]);
    let whole = plan(&input);
    let mut reduced = range::read(&input.facts.commits, Some(&id(0)), &input.policy);
    input.facts.commits.clear();
    input.facts.reduced = Some(reduced.clone());
    assert_eq!(plan(&input), whole);
    reduced.shrink(2);
    assert_eq!((reduced.commits.len(), reduced.cut), (2, 1));
    assert!(reduced.commits.iter().all(|commit| commit.header != "docs: d"), "what has no consequence goes first");
    input.facts.reduced = Some(reduced);
    assert_eq!((version(&plan(&input)), candidate(&plan(&input))), (version(&whole), candidate(&whole)));
    input.facts.tags.push(tag("v1.2.4", 5));
    assert_eq!(version(&plan(&input)), "refused: facts", "a range from another base is not used");
}
