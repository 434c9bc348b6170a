//! What holds for every history.

use git_conventional::Commit as Conventional;
use proptest::prelude::*;

use super::*;

/// Headers without reverts: those are the one thing that may lower a level.
fn message() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec!["feat", "fix", "docs", "chore", "perf", "Feat", "deps", "wip"]);
    let scope = prop::option::of("[a-z]{1,8}");
    let body = prop::sample::select(vec![
        "",
        "\n\ntext",
        "\n\nBREAKING CHANGE: y",
        "\n\nbreaking change: y",
        "\nBREAKING CHANGE: y",
        "\n\n* feat!: z",
    ]);
    (kind, scope, any::<bool>(), body).prop_map(|(kind, scope, bang, body)| {
        let scope = scope.map_or_else(String::new, |scope| format!("({scope})"));
        format!("{kind}{scope}{}: x{body}", if bang { "!" } else { "" })
    })
}

fn base() -> impl Strategy<Value = Version> {
    (0..4_u64, 0..20_u64, 0..20_u64).prop_map(|(major, minor, patch)| Version::new(major, minor, patch))
}

fn history(base: &Version, messages: &[String]) -> Input {
    let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
    since(&base.to_string(), &messages)
}

fn reading(input: &Input) -> RangeReading {
    range::read(&input.facts.commits, Some(&id(0)), &input.policy)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read(text in "\\PC*", lines in prop::collection::vec(any::<String>(), 0..12)) {
        let _ = level::read(&text, &policy());
        let verdict = level::read(&lines.join("\n"), &policy());
        prop_assert_eq!(verdict.disputed(), verdict.strict.level != verdict.lenient.level);
    }

    #[test]
    fn well_formed_messages_mean_what_another_parser_says(
        kind in "[a-z]{2,8}", scope in prop::option::of("[a-z]{1,8}"), bang in any::<bool>(), words in "[a-z]{1,9}( [a-z]{1,9}){0,3}",
        body in prop::option::of("[a-z]{1,9}( [a-z]{1,9}){0,3}"), breaking in any::<bool>(),
    ) {
        let mut message = kind;
        message.push_str(&scope.map_or_else(String::new, |scope| format!("({scope})")));
        message.push_str(if bang { "!: " } else { ": " });
        message.push_str(&words);
        if let Some(body) = body {
            message.push_str("\n\n");
            message.push_str(&body);
        }
        if breaking {
            message.push_str("\n\nSigned-off-by: A\nBREAKING CHANGE: y");
        }
        let other = Conventional::parse(&message).unwrap();
        let expected = match (other.breaking(), other.type_().as_str()) {
            (true, _) => Level::Major,
            (false, kind) => policy().level_of(kind).unwrap_or_default(),
        };
        let own = level::read(&message, &policy());
        prop_assume!(!own.header.starts_with("revert"));
        prop_assert_eq!(own.strict.level, expected);
        prop_assert!(!own.disputed());
    }

    #[test]
    fn the_order_of_the_list_does_not_matter(base in base(), messages in prop::collection::vec(message(), 1..12), seed in any::<u64>()) {
        let mut input = history(&base, &messages);
        let first = reading(&input);
        let mut shuffled = seed;
        input.facts.commits.sort_by_key(|commit| {
            shuffled = shuffled.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (shuffled >> 33, commit.id.clone())
        });
        let second = reading(&input);
        prop_assert_eq!((first.counts, first.strict, first.lowest, first.highest), (second.counts, second.strict, second.lowest, second.highest));
    }

    #[test]
    fn one_more_commit_never_lowers_the_level(base in base(), messages in prop::collection::vec(message(), 1..12), more in message()) {
        let before = reading(&history(&base, &messages));
        let mut messages = messages;
        messages.push(more);
        let after = reading(&history(&base, &messages));
        prop_assert!(after.strict >= before.strict && after.lowest >= before.lowest && after.highest >= before.highest);
    }

    #[test]
    fn the_result_is_above_everything_used_in_its_line(
        base in base(), messages in prop::collection::vec(message(), 1..6), line in prop::sample::select(vec!["", "0.x", "1.x", "2.3.x"]),
        used in prop::collection::vec((0..4_u64, 0..22_u64, 0..22_u64, prop::option::of(1..5_u64), any::<bool>()), 0..12),
        burned in prop::collection::vec((0..4_u64, 0..22_u64, 1..5_u64, any::<bool>()), 0..6),
    ) {
        let mut input = history(&base, &messages);
        input.policy.line = line.into();
        let line = tag::Line::parse(line).unwrap();
        for (at, (major, minor, patch, candidate, ancestor)) in used.into_iter().enumerate() {
            let label = candidate.map_or_else(String::new, |number| format!("-rc.{number}"));
            let name = format!("v{major}.{minor}.{patch}{label}");
            input.facts.tags.push(TagRef { ancestor, ..tag(&name, 100 + at) });
        }
        for (at, (major, minor, candidate, whole)) in burned.into_iter().enumerate() {
            let owner = format!("owner {at}");
            if input.ledger.reserve(&owner, &id(200 + at), &Version::new(major, minor, 0), candidate).is_ok() {
                input.ledger.burn(&owner, if whole { Burn::Final } else { Burn::Candidate }).unwrap();
            }
        }
        if let Outcome::Next(found) = plan(&input) {
            prop_assert!(line.holds(&found.version));
            for tag in &input.facts.tags {
                let used = Version::parse(&tag.name[1..]).unwrap();
                if used.pre.is_empty() && line.holds(&used) {
                    prop_assert!(found.version > used, "{} is not above tag {used}", found.version);
                }
                prop_assert!(found.candidate_version != used);
            }
            for entry in &input.ledger.entries {
                prop_assert!(!entry.final_used || !line.holds(&entry.version) || found.version > entry.version);
                prop_assert!(found.candidate_version != entry.candidate_version());
            }
            let mut ledger = input.ledger.clone();
            prop_assert!(ledger.reserve("new", &input.facts.head, &found.version, found.candidate_number()).is_ok());
            input.ledger = ledger;
            input.owner = Some("new".into());
            prop_assert_eq!(next(plan(&input)).candidate_version, found.candidate_version);
        }
    }

    #[test]
    fn no_number_is_ever_given_twice(steps in prop::collection::vec((0..6_usize, 0..4_u8), 1..120)) {
        let mut ledger = Ledger::default();
        let mut given = std::collections::BTreeSet::new();
        let mut published = std::collections::BTreeSet::new();
        let mut owners = Vec::new();
        for (at, (pick, step)) in steps.into_iter().enumerate() {
            let mut input = since("1.0.0", &["feat: a"]);
            input.ledger = ledger.clone();
            if step == 0 || owners.is_empty() {
                if let Outcome::Next(found) = plan(&input) {
                    let owner = format!("owner {at}");
                    let entry = ledger.reserve(&owner, &id(1), &found.version, found.candidate_number()).unwrap();
                    prop_assert!(given.insert(entry.candidate_version()), "{} twice", entry.candidate_version());
                    owners.push(owner);
                }
                continue;
            }
            let owner = &owners[pick % owners.len()];
            let version = ledger.entry(owner).map(|entry| (entry.version.clone(), entry.state));
            match step {
                1 => {
                    let fresh = version.is_some_and(|(_, state)| state != ledger::State::Published);
                    let number = ledger.entry(owner).map(|entry| entry.version.clone());
                    if ledger.publish(owner).is_ok() && fresh {
                        prop_assert!(published.insert(number), "published twice");
                    }
                }
                2 => drop(ledger.burn(owner, Burn::Candidate)),
                _ => drop(ledger.burn(owner, Burn::Final)),
            }
        }
    }
}
