//! The operator is away for an hour between recording a task and creating its Job: the teardown runs all the same.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use seaworthy_core::{e2e_run::E2eRunPhase, soak_test::SoakTestPhase, time::Seconds};
use seaworthy_model::{
    e2e_run::{self, world as run},
    jobs::End,
    operator::Subject,
    play::World as _,
    soak_test::{self, world as soak},
};

/// Decides and records, and dies before it does anything.
fn record_only<W: Subject>(world: &mut W) {
    let held = world.read().unwrap();
    let plan = world.decide(&held, 0);
    assert_ne!(&plan.status, W::status(&held));
    world.record(plan.status);
}

#[test]
fn a_run_is_torn_down() {
    let mut w = run::World::new(run::spec(vec![run::suite("a", 1)]));
    assert!(w.settle());
    for job in ["run-a-setup-1", "run-a-run-1"] {
        w.happens(e2e_run::Event::Ends(job.into(), End::Well));
        if job.contains("setup") {
            assert!(w.settle());
        }
    }
    record_only(&mut w);
    assert!(w.status().suites[0].teardown.is_some() && !w.jobs.by_name.contains_key("run-a-teardown-1"));
    w.now = w.now + Seconds::hours(1);
    assert!(w.settle());
    assert!(w.jobs.by_name["run-a-teardown-1"].suspended, "a create that was under way finds the name taken");
    w.happens(e2e_run::Event::Ends("run-a-teardown-again-1".into(), End::Well));
    assert!(w.settle());
    assert_eq!((w.status().phase, w.status().suites[0].teardown_failures), (E2eRunPhase::Succeeded, 0));
    w.check().unwrap();
}

#[test]
fn a_soak_is_torn_down() {
    let mut w = soak::World::new(soak_test::world::spec());
    assert!(w.settle());
    w.happens(soak_test::Event::Ends("soak-setup-1".into(), End::Well));
    assert!(w.settle());
    w.write().spec.abort = true;
    while w.status().teardown.is_none() {
        assert!(!w.jobs.by_name.contains_key("soak-teardown-1"));
        if w.jobs.pods.is_empty() {
            record_only(&mut w);
        } else {
            assert!(w.settle());
            w.happens(soak_test::Event::PodEnds("soak-workload-1#1".into()));
        }
    }
    w.now = w.now + Seconds::hours(1);
    assert!(w.settle());
    w.happens(soak_test::Event::Ends("soak-teardown-2".into(), End::Well));
    assert!(w.settle());
    assert_eq!(w.status().phase, SoakTestPhase::Aborted);
    assert!(!w.dirty && !w.soak.finalizer);
    w.holds().unwrap();
}
