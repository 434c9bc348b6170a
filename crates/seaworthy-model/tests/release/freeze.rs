//! Freezes: nothing begins in one, nothing is published in one, what runs goes on, and no Release waits for ever.

use seaworthy_core::release::observed::{Batching, Freeze};

use super::*;

/// A plan that is frozen from each time of the cron expression on. Worlds begin on the 9th of September 2001 at 1:46.
fn frozen(schedule: &str, hours: u64) -> Policy {
    let freeze = vec![Freeze { schedule: schedule.into(), duration: Seconds::hours(hours) }];
    Policy { batching: Batching { freeze, ..Batching::default() }, ..policy() }
}

fn at(w: &mut World, time: &str) {
    w.now = time.parse().unwrap();
    assert!(w.settle());
}

fn why(w: &World) -> (ReleasePhase, String) {
    let finished = condition::get(&w.status().conditions, types::FINISHED).unwrap();
    (w.status().phase, format!("{}: {}", finished.reason, finished.message))
}

#[test]
fn nothing_begins_in_a_freeze_and_it_begins_when_that_is_over() {
    let mut w = World::new(frozen("0 0 9 9 *", 24));
    assert!(w.settle());
    let end = "2001-09-10T00:00:00Z";
    let (phase, words) = why(&w);
    assert_eq!((phase, w.status().not_before), (ReleasePhase::Pending, Some(end.parse().unwrap())));
    assert!(words.starts_with("Frozen: ") && words.contains(end), "{words}");
    assert!(w.jobs.by_name.is_empty());
    at(&mut w, "2001-09-09T23:59:59Z");
    assert!(w.jobs.by_name.is_empty());
    at(&mut w, end);
    assert!(w.jobs.by_name.contains_key("rel-candidate-1"));
    assert_eq!(w.status().not_before, None);
}

#[test]
fn what_runs_goes_on_in_a_freeze_and_is_published_after_it() {
    let mut w = at_gates(frozen("0 12 9 9 *", 12));
    at(&mut w, "2001-09-09T13:00:00Z");
    for name in ["rel-suites", "rel-soak"] {
        w.end_child(name, Verdict::Passed);
        assert!(w.settle());
    }
    let (phase, words) = why(&w);
    assert_eq!(phase, ReleasePhase::AwaitingApproval, "{words}");
    assert!(words.starts_with("Frozen: is ready; "), "{words}");
    assert!(!w.jobs.by_name.contains_key("rel-publish-1"));
    at(&mut w, "2001-09-10T00:00:00Z");
    assert!(w.jobs.by_name.contains_key("rel-publish-1"));
    w.check().unwrap();
}

#[test]
fn a_freeze_without_an_end_ends_the_wait_and_says_what_to_change() {
    let mut w = World::new(frozen("* * * * *", 1));
    assert!(w.settle());
    let (_, words) = why(&w);
    assert!(w.status().not_before.is_none() && words.contains("at least"), "{words}");
    at(&mut w, "2001-09-24T02:00:00Z");
    finished(&w, ReleasePhase::Failed);
    assert!(why(&w).1.starts_with("DeadlineExceeded: "), "{}", why(&w).1);
    assert!(w.jobs.by_name.is_empty());
}

#[test]
fn the_longest_freeze_of_all_is_shorter_than_the_wait() {
    let mut w = at_gates(frozen("0 12 9 9 *", 312));
    at(&mut w, "2001-09-09T13:00:00Z");
    for name in ["rel-suites", "rel-soak"] {
        w.end_child(name, Verdict::Passed);
        assert!(w.settle());
    }
    let until = "2001-09-22T12:00:00Z";
    assert_eq!(w.status().not_before, Some(until.parse().unwrap()));
    at(&mut w, until);
    assert!(w.jobs.by_name.contains_key("rel-publish-1"));
}
