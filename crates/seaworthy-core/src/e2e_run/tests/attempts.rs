//! Attempts by cause, flakes, reports, setup and teardown.

use super::*;
use crate::task::Cause;

#[test]
fn a_suite_passes_in_a_fresh_world() {
    let mut run = Run::new(spec(&["a", "b"]));
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    let want = ["r-a-setup-1", "r-a-run-1", "r-a-teardown-1", "r-b-setup-1", "r-b-run-1", "r-b-teardown-1"];
    assert_eq!(run.world.created, want);
    assert_eq!((run.status().passed, run.status().failed, run.status().flaky, run.status().total), (2, 0, 0, 2));
    assert_eq!(run.condition(types::SUCCEEDED).0, ConditionStatus::True);
    assert_eq!(run.condition(types::SUCCEEDED).2, "2 of 2 required suites passed");
    let a = &run.status().suites[0];
    assert_eq!((a.attempts, a.duration_seconds, a.current()), (1, Some(60), None));
}

#[test]
fn without_setup_and_teardown_a_job_is_one_attempt() {
    let mut run = Run::new(Spec { setup: None, teardown: None, ..spec(&["a"]) });
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    assert_eq!(run.world.created, ["r-a-run-1"]);
    // Begun; Job seen; end and verdict.
    assert_eq!(run.writes, 3, "one write a fact");
}

#[test]
fn failing_suite_attempts_counted() {
    let mut s = spec(&["a"]);
    s.suites[0].max_attempts = 3;
    let mut run = Run::new(s);
    for n in 1..=3 {
        run.world.script(&format!("r-a-run-{n}"), Script::exit_1());
    }
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    let a = &run.status().suites[0];
    assert_eq!((a.state, a.attempts, a.product_failures), (SuiteState::Failed, 3, 3));
    assert_eq!(a.cause, Some(Cause::Product));
    assert_eq!(a.message, "TaskFailed in attempt 3: exit code 1: boom [job r-a-run-3]");
    assert_eq!(run.world.created.len(), 9, "each attempt in a fresh world");
    let (status, reason, message) = run.condition(types::SUCCEEDED);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "SuiteFailed"));
    assert!(message.contains("0 of 1 required suites passed") && message.contains("exit code 1"), "{message}");
}

#[test]
fn flaky_suite_is_marked_and_listed() {
    let mut s = spec(&["a", "b"]);
    s.suites[0].max_attempts = 2;
    let mut run = Run::new(s);
    run.world.script("r-a-run-1", Script::exit_1());
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    let a = &run.status().suites[0];
    assert!(a.flaky && a.state == SuiteState::Passed && a.attempts == 2, "{a:#?}");
    assert_eq!(run.status().flaky, 1);
    assert!(
        run.condition(types::SUCCEEDED).2.contains("flaky: a (passed at attempt 2; before: TaskFailed in attempt 1")
    );
}

#[test]
fn infrastructure_failures_never_count_against_the_candidate() {
    let mut run = Run::new(spec(&["a"]));
    run.world.script("r-a-run-1", Script::evicted());
    run.world.script("r-a-run-2", Script::IsDeleted);
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    let a = &run.status().suites[0];
    assert_eq!((a.attempts, a.product_failures, a.infrastructure_failures, a.flaky), (3, 0, 2, false));
}

#[test]
fn an_exhausted_cluster_is_inconclusive() {
    let mut run = Run::new(spec(&["a", "b"]));
    for n in 1..=3 {
        run.world.script(&format!("r-a-run-{n}"), Script::evicted());
    }
    assert_eq!(run.finish(), E2eRunPhase::Inconclusive);
    assert_eq!((run.state("a"), run.state("b")), (SuiteState::Inconclusive, SuiteState::Passed));
    assert_eq!(run.condition(types::SUCCEEDED).1, "InsufficientEvidence");
}

#[test]
fn what_can_never_work_ends_early_with_the_reason() {
    let waits = [
        (Reason::ImageNotFound, "its image cannot be pulled: not found"),
        (Reason::CannotStart, "its container cannot start: image will run as root"),
        (Reason::AdmissionDenied, "the API server refuses its pod"),
    ];
    for job in ["r-a-run-1", "r-a-setup-1"] {
        for (reason, message) in waits {
            let mut s = spec(&["a"]);
            s.suites[0].max_attempts = 5;
            let mut run = Run::new(s);
            let begun = run.world.now;
            run.world.script(job, Script::Waits(Cause::Impossible, reason, message));
            assert_eq!(run.finish(), E2eRunPhase::Failed);
            let a = &run.status().suites[0];
            assert_eq!((a.attempts, a.state, a.cause), (1, SuiteState::Failed, Some(Cause::Impossible)));
            assert!(a.message.starts_with(&reason.as_str()) && a.message.contains(message), "{}", a.message);
            assert!(run.world.now.since(begun) < Seconds(120), "early");
            assert_eq!(run.world.created.last().unwrap(), "r-a-teardown-1");
        }
    }
}

#[test]
fn a_create_that_is_refused_for_good_ends_the_suite() {
    let mut run = Run::new(Spec { setup: None, teardown: None, ..spec(&["a"]) });
    run.world.script("r-a-run-1", Script::Refused(Cause::Impossible, Reason::AdmissionDenied, "policy says no"));
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    assert_eq!(run.status().suites[0].message, "AdmissionDenied in attempt 1: policy says no");
}

#[test]
fn somebody_elses_job_is_named() {
    let mut run = Run::new(Spec { setup: None, teardown: None, ..spec(&["a"]) });
    run.world.foreign("r-a-run-1");
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    assert!(run.status().suites[0].message.starts_with("NameTaken"));
    assert!(run.world.created.is_empty());
}

#[test]
fn limits_count_as_failures_and_are_named() {
    let mut s = spec(&["oom", "hangs"]);
    s.suites[0].max_attempts = 2;
    let mut run = Run::new(s);
    for n in 1..=2 {
        let killed = Script::Fails(Cause::Limits, Reason::OOMKilled, "killed for its memory limit (OOMKilled)", None);
        run.world.script(&format!("r-oom-run-{n}"), killed);
    }
    run.world.script("r-hangs-run-1", Script::Hangs);
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    let (oom, hangs) = (&run.status().suites[0], &run.status().suites[1]);
    assert_eq!((oom.attempts, oom.cause, oom.state), (2, Some(Cause::Limits), SuiteState::Failed));
    assert!(oom.message.starts_with("OOMKilled in attempt 2"), "{}", oom.message);
    assert_eq!(hangs.cause, Some(Cause::Limits));
    assert!(hangs.message.starts_with("DeadlineExceeded") && hangs.message.contains("timeout"), "{}", hangs.message);
    assert_eq!(run.world.created.last().unwrap(), "r-hangs-teardown-1");
}

#[test]
fn unschedulable_waits_visibly_and_never_counts_against_the_candidate() {
    let mut run = Run::new(spec(&["a"]));
    for n in 1..=3 {
        let waits = Script::Waits(Cause::Infrastructure, Reason::Unschedulable, "no node can take its pod: 0/1 nodes");
        run.world.script(&format!("r-a-run-{n}"), waits);
    }
    run.until_runs("r-a-run-1");
    let (status, reason, message) = run.condition(types::FINISHED);
    assert_eq!((status, reason.as_str()), (ConditionStatus::False, "Unschedulable"));
    assert!(message.contains("suite \"a\": run waits: no node"), "{message}");
    assert_eq!(run.told(Reason::Unschedulable), 1);
    assert_eq!(run.finish(), E2eRunPhase::Inconclusive);
    assert_eq!(run.status().suites[0].product_failures, 0);
}

#[test]
fn quota_exhausted_then_raised() {
    let mut run = Run::new(spec(&["a"]));
    let raised = run.at(300);
    run.world.script("r-a-run-1", Script::RefusedUntil(raised, Reason::QuotaExceeded, "exceeded quota: q"));
    run.until(|r| r.told(Reason::QuotaExceeded) == 1);
    assert_eq!(run.condition(types::FINISHED).1, "QuotaExceeded");
    assert_eq!(run.status().phase, E2eRunPhase::Running);
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    assert_eq!(run.status().suites[0].attempts, 1, "waiting is no attempt");
}

#[test]
fn setup_that_fails_counts_by_its_cause() {
    let mut s = spec(&["a"]);
    s.suites[0].max_attempts = 2;
    let mut run = Run::new(s);
    run.world.script("r-a-setup-1", Script::exit_1());
    run.world.script("r-a-setup-2", Script::evicted());
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    let a = &run.status().suites[0];
    assert_eq!((a.attempts, a.product_failures, a.infrastructure_failures, a.flaky), (3, 1, 1, true));
    let teardowns = run.world.created.iter().filter(|j| j.contains("teardown")).count();
    assert_eq!(teardowns, 3, "{:?}", run.world.created);
}

#[test]
fn teardown_failure_is_reported_and_never_hides_the_verdict() {
    for (script, verdict) in [(Script::ok(), E2eRunPhase::Succeeded), (Script::exit_1(), E2eRunPhase::Failed)] {
        let mut run = Run::new(spec(&["a"]));
        run.world.script("r-a-run-1", script);
        run.world.script("r-a-teardown-1", Script::exit_1());
        run.world.script("r-a-teardown-again-1", Script::exit_1());
        assert_eq!(run.finish(), verdict);
        let a = &run.status().suites[0];
        assert_eq!(a.teardown_failures, 1);
        assert!(a.message.contains("teardown of attempt 1 failed: exit code 1"), "{}", a.message);
        assert_eq!(run.told(Reason::TeardownFailed), 1);
        assert!(run.condition(types::SUCCEEDED).2.contains("something may have stayed behind: a"));
        assert_eq!(run.world.created.iter().filter(|j| j.contains("teardown")).count(), 2);
    }
}

#[test]
fn a_teardown_is_tried_a_second_time_unless_it_hung() {
    let mut run = Run::new(spec(&["a"]));
    run.world.script("r-a-teardown-1", Script::exit_1());
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    assert_eq!((run.status().suites[0].teardown_failures, run.status().suites[0].message.as_str()), (0, ""));

    let mut run = Run::new(spec(&["a"]));
    run.world.script("r-a-teardown-1", Script::Hangs);
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
    assert_eq!(run.status().suites[0].teardown_failures, 1);
    assert!(!run.world.created.contains(&"r-a-teardown-again-1".to_owned()));
}

#[test]
fn a_teardown_that_nobody_came_to_begin_is_tried_again() {
    let mut run = Run::new(spec(&["a"]));
    run.until_runs("r-a-run-1");
    run.world.pass(run.world.next().unwrap());
    // The operator dies once the teardown is recorded, and comes back when its time is long over.
    run.crashes = 1;
    run.round();
    assert!(run.status().suites[0].teardown.is_some() && !run.world.created.iter().any(|job| job.contains("teardown")));
    run.world.pass(run.at(86_400));
    run.until(|run| !run.world.live().is_empty() || run.finished());
    assert_eq!(run.world.live(), ["r-a-teardown-again-1"]);
    run.finish();
    assert_eq!(run.status().suites[0].teardown_failures, 0);
}

#[test]
fn fewer_tests_than_asked_for_fail_the_attempt() {
    for (report, passes, part) in [
        (counted(3, 0), true, ""),
        (counted(2, 0), false, "reported 2 tests, minTests is 3"),
        (counted(0, 0), false, "reported 0 tests"),
        (Report::default(), false, "reported no count of tests"),
        (Report::parse(r#"{"tests": -1}"#), false, "no valid JSON"),
        (counted(9, 1), false, "reported 1 failed tests, yet ended with 0"),
    ] {
        let mut s = spec(&["a"]);
        s.suites[0].min_tests = Some(3);
        let mut run = Run::new(s);
        run.world.script("r-a-run-1", Script::Succeeds(report.clone()));
        let end = run.finish();
        let a = &run.status().suites[0];
        assert_eq!(end == E2eRunPhase::Succeeded, passes, "{report:?}");
        assert!(a.message.contains(part), "{}", a.message);
        assert_eq!((a.tests, a.tests_failed), (report.tests, report.failed));
    }
}

#[test]
fn counts_of_a_failing_suite_are_kept() {
    let mut run = Run::new(spec(&["a"]));
    let fails = Script::Fails(Cause::Product, Reason::TaskFailed, "exit code 2", Some(counted(41, 5)));
    run.world.script("r-a-run-1", fails);
    assert_eq!(run.finish(), E2eRunPhase::Failed);
    let a = &run.status().suites[0];
    assert_eq!((a.tests, a.tests_failed), (Some(41), Some(5)));
}
