//! The ledger, alone and under the plan.

use super::*;
use crate::version::ledger::{Claim, RECENT, State};

fn v(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn take(ledger: &mut Ledger, owner: &str, commit: usize, number: &str, candidate: u64) {
    ledger.reserve(owner, &id(commit), &v(number), candidate).unwrap();
}

#[test]
fn a_repeat_after_a_crash_gives_the_same_number() {
    let mut input = since("1.3.2", &["feat: a"]);
    input.owner = Some("uid-a".into());
    let first = next(plan(&input));
    let entry = input.ledger.reserve("uid-a", &input.facts.head, &first.version, first.candidate_number()).unwrap();
    assert_eq!(entry.candidate_version(), first.candidate_version);
    assert_eq!(next(plan(&input)).candidate_version, first.candidate_version);
    take(&mut input.ledger, "uid-b", 7, "1.4.0", 2);
    input.facts.tags.push(TagRef { ancestor: false, ..tag("v1.4.0-rc.9", 70) });
    let again = next(plan(&input));
    assert_eq!(again.candidate_version, first.candidate_version, "whatever happened meanwhile");
    let repeated = input.ledger.reserve("uid-a", &input.facts.head, &v("9.9.9"), 4).unwrap();
    assert_eq!(repeated, entry);
    input.facts.head = id(55);
    assert_eq!(version(&plan(&input)), "refused: spec.revision");
}

#[test]
fn two_that_race_get_two_numbers() {
    let mut input = since("1.3.2", &["feat: a"]);
    let plan_a = next(plan(&input));
    let plan_b = plan_a.clone();
    take(&mut input.ledger, "a", 1, "1.4.0", plan_a.candidate_number());
    let lost = input.ledger.reserve("b", &id(1), &plan_b.version, plan_b.candidate_number());
    assert_eq!(lost, Err(LedgerError::Used { number: v("1.4.0-rc.1") }));
    assert_eq!(candidate(&plan(&input)), "1.4.0-rc.2");
}

#[test]
fn of_two_candidates_of_a_version_the_earlier_goes_first_and_one_alone_is_published() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.claim("a"), Claim::Missing);
    take(&mut ledger, "a", 1, "1.4.0", 1);
    take(&mut ledger, "b", 2, "1.4.0", 2);
    take(&mut ledger, "c", 3, "1.5.0", 1);
    assert_eq!(ledger.claim("a"), Claim::Free);
    assert_eq!(ledger.claim("b"), Claim::Behind(v("1.4.0-rc.1")));
    assert_eq!(ledger.claim("c"), Claim::Free, "another version waits for nobody");
    let mut failed = ledger.clone();
    failed.burn("a", Burn::Candidate).unwrap();
    assert_eq!(failed.claim("b"), Claim::Free, "the earlier one came to nothing");
    failed.burn("a", Burn::Final).unwrap();
    assert_eq!(failed.claim("b"), Claim::Lost(v("1.4.0")), "nobody knows whether it is out");
    ledger.publish("a").unwrap();
    assert_eq!((ledger.claim("a"), ledger.claim("b")), (Claim::Free, Claim::Lost(v("1.4.0"))));
    take(&mut ledger, "d", 4, "1.4.1", 1);
    ledger.publish("c").unwrap();
    assert_eq!(ledger.claim("d"), Claim::Lost(v("1.5.0")), "nothing follows below what is out");
}

#[test]
fn a_number_that_is_out_is_recorded_whatever_became_of_its_reservation() {
    let mut ledger = Ledger::default();
    ledger.settle_published("a", &id(1), &v("1.4.0"), 2);
    let found = ledger.entry("a").unwrap();
    assert_eq!((found.state, found.candidate, found.commit.as_str()), (State::Published, 2, id(1).as_str()));
    take(&mut ledger, "b", 2, "1.5.0", 1);
    ledger.settle_published("b", &id(2), &v("1.5.0"), 1);
    assert_eq!(ledger.entry("b").unwrap().state, State::Published);
    ledger.settle_published("c", &id(3), &v("1.5.0"), 2);
    let twice = ledger.entry("c").unwrap();
    assert_eq!(
        (twice.state, twice.final_used),
        (State::Published, true),
        "a fact is recorded, also one that must not be"
    );
    ledger.burn("d", Burn::Candidate).unwrap();
    assert_eq!(ledger.claim("d"), Claim::Missing, "who ended without a number has none");
}

#[test]
fn a_burned_candidate_is_not_used_again_but_its_version_is() {
    let mut input = since("1.3.2", &["feat: a"]);
    take(&mut input.ledger, "a", 1, "1.4.0", 1);
    input.ledger.burn("a", Burn::Candidate).unwrap();
    assert_eq!(candidate(&plan(&input)), "1.4.0-rc.2");
    assert!(matches!(input.ledger.publish("a"), Err(LedgerError::Finished { .. })));
}

#[test]
fn a_burned_version_is_stepped_over() {
    let mut input = since("1.3.2", &["feat: a"]);
    take(&mut input.ledger, "a", 1, "1.4.0", 1);
    input.ledger.burn("a", Burn::Final).unwrap();
    let found = next(plan(&input));
    assert_eq!((found.candidate_version.to_string().as_str(), found.stepped_over), ("1.4.1-rc.1", vec![v("1.4.0")]));
    assert_eq!(version(&plan_explicit(&input, "1.4.0")), "refused: spec.version.number");
    input.policy.line = "1.4.x".into();
    assert_eq!(version(&plan(&input)), "1.4.1");
    input.ledger.publish("a").unwrap();
    assert_eq!(input.ledger.entry("a").unwrap().state, State::Published, "a person found that it is out");
}

#[test]
fn a_published_commit_is_the_base_even_before_its_tag_is_there() {
    let mut input = since("1.3.2", &["feat: a", "fix: b"]);
    take(&mut input.ledger, "a", 1, "1.4.0", 1);
    input.ledger.publish("a").unwrap();
    assert_eq!(version(&plan(&input)), "1.4.1");
    input.facts.head = id(1);
    input.facts.commits.truncate(1);
    assert_eq!(version(&plan(&input)), "nothing: AlreadyPublished");
}

#[test]
fn a_version_published_from_another_history_is_refused() {
    let mut input = since("1.3.2", &["feat: a"]);
    take(&mut input.ledger, "a", 99, "1.4.0", 1);
    input.ledger.publish("a").unwrap();
    assert_eq!(version(&plan(&input)), "refused: version");
    input.facts.ancestors.push(id(99));
    assert_eq!(version(&plan(&input)), "1.5.0", "unless the repository says that it is an ancestor");
}

#[test]
fn a_number_is_published_once() {
    let mut ledger = Ledger::default();
    take(&mut ledger, "a", 1, "1.4.0", 1);
    take(&mut ledger, "b", 2, "1.4.0", 2);
    ledger.publish("a").unwrap();
    ledger.publish("a").unwrap();
    assert_eq!(ledger.publish("b"), Err(LedgerError::Used { number: v("1.4.0") }));
    assert!(matches!(ledger.burn("a", Burn::Final), Err(LedgerError::Finished { .. })));
    assert!(matches!(ledger.publish("nobody"), Err(LedgerError::NotReserved { .. })));
    ledger.burn("nobody", Burn::Final).unwrap();
    assert!(matches!(ledger.reserve("c", &id(3), &v("1.4.0"), 3), Err(LedgerError::Used { .. })));
    assert!(matches!(ledger.reserve("b", &id(3), &v("1.5.0"), 1), Err(LedgerError::OtherCommit { .. })));
}

#[test]
fn old_entries_are_folded_and_stay_used() {
    let mut ledger = Ledger::default();
    take(&mut ledger, "under way", 0, "9.0.0", 1);
    for at in 1..=300_u64 {
        let owner = format!("owner {at}");
        take(&mut ledger, &owner, 1, "1.4.0", at);
        ledger.burn(&owner, Burn::Candidate).unwrap();
    }
    assert_eq!(ledger.entries.len(), RECENT + 1);
    assert_eq!(ledger.highest_candidate(&v("1.4.0")), 300);
    assert!(ledger.entry("under way").is_some());
    take(&mut ledger, "out", 2, "1.5.0", 1);
    ledger.publish("out").unwrap();
    for at in 1..=150_u64 {
        let owner = format!("later {at}");
        take(&mut ledger, &owner, 3, "1.6.0", at);
        ledger.burn(&owner, Burn::Candidate).unwrap();
    }
    assert!(ledger.entry("out").is_none() && ledger.final_used(&v("1.5.0")) && ledger.final_used(&v("1.2.0")));
    assert_eq!(ledger.highest_candidate(&v("1.6.0")), 150);
    assert!(!ledger.high_water.candidates.contains_key(&v("1.4.0")), "below the mark nothing is kept");
    assert_eq!(Ledger::from_json(&ledger.to_json()), Ok(ledger.clone()));
    assert!(ledger.to_json().len() < 64 * 1024);
}

#[test]
fn a_document_that_a_person_broke_is_refused() {
    for text in [
        "",
        "[]x",
        "{\"entries\":[{}]}",
        "{\"entries\":[{\"owner\":\"a\",\"version\":\"1.0\",\"candidate\":1,\"commit\":\"c\",\"state\":\"Reserved\"}]}",
        "{\"entries\":[{\"owner\":\"a\",\"version\":\"1.0.0-rc.1\",\"candidate\":1,\"commit\":\"c\",\"state\":\"Reserved\"}]}",
        "{\"entries\":[{\"owner\":\"a\",\"version\":\"1.0.0\",\"candidate\":0,\"commit\":\"c\",\"state\":\"Reserved\"}]}",
    ] {
        assert!(matches!(Ledger::from_json(text), Err(LedgerError::Unreadable(_))), "{text}");
    }
    assert!(Ledger::from_json(&" ".repeat(ledger::MAX_BYTES + 1)).is_err());
    assert_eq!(Ledger::from_json("{}"), Ok(Ledger::default()));
}
