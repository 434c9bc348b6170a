//! How runs end before their time: failFast, deadline, abort, deletion, a terminating namespace; and how they are held.

use super::*;
use crate::condition::Say;

/// Every Job that a run of suite `a` can be in when something ends it, and what was created until then.
const STEPS: [&str; 3] = ["r-a-setup-1", "r-a-run-1", "r-a-teardown-1"];

#[test]
fn abort_ends_at_once_and_cleans_up() {
    for job in STEPS {
        let mut run = Run::new(spec(&["a", "b"]));
        run.world.script(job, Script::Hangs);
        if job == STEPS[2] {
            run.world.script(job, Script::ok());
        }
        run.until_runs(job);
        run.abort();
        let (begun, wake) = (run.world.now, run.visit());
        run.step(wake);
        assert_eq!(run.status().phase, E2eRunPhase::TearingDown, "{job}");
        assert_eq!(run.finish(), E2eRunPhase::Aborted, "{job}");
        assert_eq!(run.world.created.last().unwrap(), "r-a-teardown-1");
        assert_eq!(run.state("b"), SuiteState::Skipped);
        assert!(run.world.now.since(begun) < Seconds(60), "at once");
        assert_eq!(run.condition(types::SUCCEEDED).1, "Aborted");
        assert_eq!(run.told(Reason::Aborted), 1);
    }
}

#[test]
fn abort_before_anything_began() {
    let mut run = Run::new(spec(&["a"]));
    run.abort();
    assert_eq!(run.finish(), E2eRunPhase::Aborted);
    assert!(run.world.created.is_empty());
}

#[test]
fn delete_cleans_up_and_leaves_without_a_verdict() {
    for job in STEPS {
        let mut run = Run::new(spec(&["a", "b"]));
        run.until_runs(job);
        run.delete();
        run.until(|_| false);
        assert!(!run.exists && run.world.live().is_empty(), "{job}");
        assert_eq!(run.world.created.last().unwrap(), "r-a-teardown-1");
        assert!(!run.finished(), "no verdict");
        assert_eq!(run.condition(types::FINISHED).1, "TearingDown");
    }
}

#[test]
fn delete_of_a_finished_run_is_immediate() {
    let mut run = Run::new(spec(&["a"]));
    run.finish();
    run.delete();
    assert!(!run.exists);
}

#[test]
fn a_terminating_namespace_holds_nobody() {
    let mut run = Run::new(spec(&["a", "b"]));
    run.until_runs("r-a-run-1");
    let created = run.world.created.len();
    run.delete();
    run.observed.meta.namespace_terminating = true;
    run.visit();
    assert!(!run.exists);
    assert_eq!(run.world.created.len(), created, "nothing is created any more");
    let message = run.condition(types::FINISHED).2;
    assert!(message.contains("teardown of a cannot run"), "{message}");
}

#[test]
fn fail_fast_ends_the_run() {
    let mut s = Spec { fail_fast: true, parallelism: 2, ..spec(&["a", "b", "c"]) };
    s.suites[1].task.timeout = Seconds::hours(2);
    let mut run = Run::new(s);
    run.world.script("r-a-run-1", Script::exit_1());
    run.world.script("r-b-run-1", Script::Hangs);
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    let states = (run.state("a"), run.state("b"), run.state("c"));
    assert_eq!(states, (SuiteState::Failed, SuiteState::Inconclusive, SuiteState::Skipped));
    assert!(run.world.created.contains(&"r-b-teardown-1".to_owned()));
    assert!(run.status().suites[1].message.contains("failFast"));
}

#[test]
fn an_advisory_failure_neither_blocks_nor_ends_anything() {
    let mut s = Spec { fail_fast: true, ..spec(&["a", "b"]) };
    s.suites[0].enforcement = Enforcement::Advisory;
    let mut run = Run::new(s);
    run.world.script("r-a-run-1", Script::exit_1());
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    assert_eq!((run.state("a"), run.status().failed), (SuiteState::Failed, 1));
    assert!(run.condition(types::SUCCEEDED).2.contains("advisory, did not pass: a"));
}

#[test]
fn nothing_required_is_never_a_pass() {
    let mut s = spec(&["a"]);
    s.suites[0].enforcement = Enforcement::Advisory;
    let mut run = Run::new(s.clone());
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    assert!(run.condition(types::ACCEPTED).2.contains("make at least one Required"));
    assert!(run.world.created.is_empty());

    // Accepted under older rules: it runs, and proves nothing.
    let mut run = Run::new(s);
    let message = String::new();
    let accepted = Say { type_: types::ACCEPTED, status: ConditionStatus::True, reason: Reason::Valid, message };
    condition::set(&mut run.observed.status.conditions, accepted, 1, run.world.now);
    assert_eq!(run.finish(), E2eRunPhase::Inconclusive);
    assert_eq!(run.state("a"), SuiteState::Passed);
    assert!(run.condition(types::SUCCEEDED).2.contains("make one Required"));
}

#[test]
fn the_deadline_ends_the_run() {
    let mut s = Spec { deadline: Seconds(100), ..spec(&["a", "b", "c"]) };
    s.suites[0].max_attempts = 2;
    let mut run = Run::new(s.clone());
    run.world.script("r-b-run-1", Script::Hangs);
    let begun = run.world.now;
    assert_eq!(run.finish(), E2eRunPhase::Inconclusive);
    let states = (run.state("a"), run.state("b"), run.state("c"));
    assert_eq!(states, (SuiteState::Passed, SuiteState::Inconclusive, SuiteState::Skipped));
    assert_eq!(run.world.created.last().unwrap(), "r-b-teardown-1");
    let (_, reason, message) = run.condition(types::SUCCEEDED);
    assert_eq!(reason, "DeadlineExceeded");
    assert!(message.contains("the deadline of 1m40s passed: raise"), "{message}");
    assert!(run.world.now.since(begun) < Seconds(160));

    // What had failed before stays failed; what had not used up its attempts could not be judged.
    s.suites[0].max_attempts = 1;
    let mut run = Run::new(s);
    run.world.script("r-a-run-1", Script::exit_1());
    run.world.script("r-b-run-1", Script::Hangs);
    assert_eq!(run.finish(), E2eRunPhase::Failed);
}

#[test]
fn a_suite_between_two_attempts_is_not_failed_by_the_deadline() {
    let mut s = Spec { deadline: Seconds(50), ..spec(&["a"]) };
    s.suites[0].max_attempts = 2;
    let mut run = Run::new(s);
    run.world.script("r-a-run-1", Script::exit_1());
    assert_eq!(run.finish(), E2eRunPhase::Inconclusive);
    assert_eq!((run.state("a"), run.status().suites[0].attempts), (SuiteState::Inconclusive, 1));
}

#[test]
fn suspend_holds_between_attempts_and_its_time_does_not_count() {
    let mut s = Spec { deadline: Seconds(400), ..spec(&["a", "b"]) };
    s.suites[0].max_attempts = 2;
    let mut run = Run::new(s);
    run.world.script("r-a-run-1", Script::exit_1());
    run.until_runs("r-a-run-1");
    run.suspend(true);
    run.until(|r| r.world.created.len() == 3 && r.world.live().is_empty());
    let until = run.at(10_000);
    run.world.pass(until);
    assert_eq!(run.visit(), Wake::OnChange);
    assert_eq!(run.world.created.len(), 3, "no further attempt: {:?}", run.world.created);
    assert_eq!(run.condition(types::FINISHED).1, "Suspended");
    assert_eq!(run.status().phase, E2eRunPhase::Pending);
    run.suspend(false);
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    assert_eq!((run.told(Reason::Suspended), run.told(Reason::Running)), (1, 2));
}

#[test]
fn a_run_that_is_created_suspended_waits_without_a_job_and_can_be_aborted() {
    let mut run = Run::new(Spec { suspend: true, ..spec(&["a"]) });
    assert_eq!(run.visit(), Wake::OnChange);
    let later = run.at(1_000_000);
    run.world.pass(later);
    assert_eq!(run.visit(), Wake::OnChange);
    assert!(run.world.created.is_empty() && !run.observed.meta.finalizer);
    assert_eq!(run.status().deadline, None);
    run.abort();
    assert_eq!(run.finish(), E2eRunPhase::Aborted);
}

#[test]
fn the_first_reason_to_end_stays() {
    let mut run = Run::new(Spec { fail_fast: true, ..spec(&["a", "b"]) });
    run.world.script("r-a-run-1", Script::exit_1());
    run.until(|r| r.status().ending.is_some());
    run.abort();
    assert_eq!(run.finish(), E2eRunPhase::Failed);
}

#[test]
fn a_pod_that_cannot_be_seen_to_end_does_not_hold_the_run_for_ever() {
    let mut run = Run::new(Spec { deadline: Seconds::hours(1), ..spec(&["a"]) });
    run.world.script("r-a-run-1", Script::HangsUndying);
    run.until(Run::finished);
    assert_eq!(run.status().phase, E2eRunPhase::Failed);
    let a = &run.status().suites[0];
    assert!(a.message.contains("may still run"), "{}", a.message);
    assert_eq!(run.world.created.last().unwrap(), "r-a-teardown-1");
}
