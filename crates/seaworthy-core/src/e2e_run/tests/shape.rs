//! The form of what is recorded: first visit, order and parallelism, refusals, crashes, unknown fields.

use super::*;

#[test]
fn conditions_are_there_from_the_first_visit() {
    let mut run = Run::new(spec(&["a"]));
    run.observed.meta.generation = 7;
    let plan = decide(&run.observed, run.world.now);
    for type_ in [types::ACCEPTED, types::SUCCEEDED, types::FINISHED] {
        assert_eq!(condition::get(&plan.status.conditions, type_).unwrap().observed_generation, 7);
    }
    assert_eq!(plan.effects, [Effect::AddFinalizer], "no Job before the attempt and the finalizer were observed");
    assert_eq!(plan.status.deadline, Some(run.world.now + Seconds::hours(24)));
    run.visit();
    assert_eq!(run.world.created, ["r-a-setup-1"]);
    assert_eq!(run.told(Reason::Running), 1);
}

#[test]
fn suites_begin_in_order_and_never_too_many() {
    let mut run = Run::new(Spec { parallelism: 2, setup: None, ..spec(&["a", "b", "c", "d"]) });
    run.world.script("r-a-run-1", Script::Hangs);
    run.visit();
    assert_eq!(run.world.created, ["r-a-run-1", "r-b-run-1"]);
    run.until(|r| r.state("d") == SuiteState::Passed);
    let order: Vec<&str> = run.world.created.iter().map(String::as_str).filter(|j| j.contains("run")).collect();
    assert_eq!(order, ["r-a-run-1", "r-b-run-1", "r-c-run-1", "r-d-run-1"]);
    assert_eq!(run.finish(), E2eRunPhase::Failed);
}

#[test]
fn a_spec_that_cannot_work_ends_before_it_begins() {
    let account = Task { service_account: Some("x".into()), ..task() };
    for (s, part) in [
        (spec(&[]), "spec.suites is empty"),
        (spec(&["a", "a"]), "spec.suites[1].name is \"a\""),
        (Spec { parallelism: 0, ..spec(&["a"]) }, "spec.parallelism is 0"),
        (Spec { deadline: Seconds(0), ..spec(&["a"]) }, "spec.deadline is 0s"),
        (Spec { teardown: Some(account), ..spec(&["a"]) }, "spec.teardown.task.serviceAccountName is \"x\""),
        (Spec { setup: Some(Task { timeout: Seconds(0), ..task() }), ..spec(&["a"]) }, "spec.setup.task.timeout"),
        (spec(&["s"; 49]), "spec.suites has 49 entries"),
    ] {
        let mut run = Run::new(s);
        assert_eq!(run.finish(), E2eRunPhase::Failed);
        let (accepted, reason, message) = run.condition(types::ACCEPTED);
        assert_eq!((accepted, reason.as_str()), (ConditionStatus::False, "InvalidSpec"));
        assert!(message.contains(part), "{message}");
        assert_eq!(run.condition(types::FINISHED).0, ConditionStatus::True);
        assert!(run.world.created.is_empty());
    }
}

#[test]
fn a_crash_anywhere_is_harmless() {
    let mut s = spec(&["a", "b"]);
    s.suites[0].max_attempts = 2;
    let script = |run: &mut Run| run.world.script("r-a-run-1", Script::exit_1());
    let mut clean = Run::new(s.clone());
    script(&mut clean);
    clean.finish();
    for moment in 0..40 {
        let mut run = Run::new(s.clone());
        script(&mut run);
        for n in 0..moment {
            let (changed, wake) = run.round();
            if !changed {
                run.step(wake);
            }
            run.crashes = u32::from(n + 1 == moment);
        }
        assert_eq!(run.finish(), E2eRunPhase::Succeeded);
        assert_eq!(run.world.created, clean.world.created, "crash at {moment}");
    }
}

#[test]
fn a_finalizer_that_somebody_takes_away_is_back_before_anything_begins() {
    for moment in 0..40 {
        let mut run = Run::new(spec(&["a"]));
        for _ in 0..moment {
            let (changed, wake) = run.round();
            if !changed {
                run.step(wake);
            }
        }
        run.observed.meta.finalizer = false;
        assert_eq!(run.finish(), E2eRunPhase::Succeeded, "taken away at {moment}");
    }
}

#[test]
fn absence_that_was_not_read_live_starts_nothing() {
    let mut run = Run::new(spec(&["a"]));
    run.blind = vec!["r-a-setup-1".into()];
    run.visit();
    assert!(run.world.created.is_empty());
    run.blind.clear();
    assert_eq!(run.finish(), E2eRunPhase::Succeeded);
}

#[test]
fn what_a_newer_operator_recorded_stays() {
    let mut run = Run::new(spec(&["a"]));
    run.observed.status.unknown.insert("newer".into(), serde_json::json!({"x": 1}));
    run.finish();
    assert_eq!(run.status().unknown["newer"], serde_json::json!({"x": 1}));
}

#[test]
fn a_visit_that_changes_nothing_writes_nothing() {
    let mut run = Run::new(spec(&["a"]));
    run.until_runs("r-a-run-1");
    let writes = run.writes;
    for _ in 0..5 {
        run.visit();
    }
    assert_eq!(run.writes, writes);
}
