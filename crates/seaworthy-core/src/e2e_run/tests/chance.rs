//! All of it by chance: whatever Jobs do and people ask, there is at most one live Job an attempt, verdicts are sound and final, and
//! everything ends.

use proptest::prelude::*;

use super::*;
use crate::task::Cause;

/// Something that happens from outside while the run is under way.
#[derive(Debug, Clone)]
enum Happening {
    Abort,
    Delete,
    Suspend(bool),
    NamespaceTerminates,
    Crash,
    Blind(bool),
}

fn script() -> impl Strategy<Value = Script> {
    prop_oneof![
        4 => Just(Script::ok()),
        2 => (0..4u32, 0..2u32).prop_map(|(tests, failed)| Script::Succeeds(counted(tests, failed))),
        3 => Just(Script::exit_1()),
        1 => Just(Script::evicted()),
        1 => Just(Script::Fails(Cause::Limits, Reason::OOMKilled, "killed", None)),
        1 => Just(Script::Waits(Cause::Impossible, Reason::ImageNotFound, "no such image")),
        1 => Just(Script::Waits(Cause::Infrastructure, Reason::Unschedulable, "0/1 nodes")),
        1 => Just(Script::Starts),
        1 => Just(Script::Hangs),
        1 => Just(Script::HangsUndying),
        1 => Just(Script::IsDeleted),
        1 => Just(Script::Refused(Cause::Infrastructure, Reason::QuotaExceeded, "exceeded quota")),
        1 => Just(Script::Refused(Cause::Impossible, Reason::AdmissionDenied, "denied")),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        1 => Just(Happening::Abort),
        1 => Just(Happening::Delete),
        2 => any::<bool>().prop_map(Happening::Suspend),
        1 => Just(Happening::NamespaceTerminates),
        3 => Just(Happening::Crash),
        2 => any::<bool>().prop_map(Happening::Blind),
    ]
}

prop_compose! {
    fn any_spec()(
        suites in proptest::collection::vec((1..4u32, proptest::option::of(0..3u32), any::<bool>()), 1..4),
        parallelism in 1..4u32,
        (fail_fast, setup, teardown) in any::<(bool, bool, bool)>(),
        deadline in prop_oneof![Just(60u64), Just(900), Just(1_800)],
    ) -> Spec {
        let suites = suites.into_iter().enumerate().map(|(n, (max_attempts, min_tests, required))| Suite {
            max_attempts,
            min_tests,
            enforcement: if required { Enforcement::Required } else { Enforcement::Advisory },
            ..suite(["a", "b", "c"][n])
        });
        Spec {
            parallelism,
            fail_fast,
            setup: setup.then(task),
            teardown: teardown.then(task),
            deadline: Seconds(deadline),
            suites: suites.collect(),
            ..spec(&[])
        }
    }
}

/// Every Job that a run of up to three suites can create.
fn jobs() -> Vec<String> {
    let of = |suite: &str| {
        let steps = ["setup", "run", "teardown", "teardown-again"];
        steps
            .iter()
            .flat_map(|s| (1..7).map(move |n| (s, n)))
            .map(|(s, n)| format!("r-{suite}-{s}-{n}"))
            .collect::<Vec<_>>()
    };
    ["a", "b", "c"].iter().flat_map(|s| of(s)).collect()
}

fn happen(run: &mut Run, happening: &Happening) {
    match happening {
        Happening::Abort => run.abort(),
        Happening::Delete if run.observed.meta.deleted.is_none() => run.delete(),
        Happening::Delete => {}
        Happening::Suspend(on) => run.suspend(*on),
        Happening::NamespaceTerminates => run.observed.meta.namespace_terminating = true,
        Happening::Crash => run.crashes += 1,
        Happening::Blind(on) => run.blind = if *on { jobs() } else { vec![] },
    }
}

/// At most one live Job a suite, and so an attempt; but for pods that were given up because they cannot be seen to end.
fn one_live_job_a_suite(run: &Run, undying: &[String]) {
    let live: Vec<String> = run.world.live().into_iter().filter(|j| !undying.contains(j)).collect();
    for suite in ["a", "b", "c"] {
        let of_suite: Vec<_> = live.iter().filter(|j| j.starts_with(&format!("r-{suite}-"))).collect();
        assert!(of_suite.len() <= 1, "{of_suite:?} at the same time");
    }
}

fn sound(run: &Run) {
    let status = run.status();
    let spec = &run.observed.spec;
    for (suite, spec) in status.suites.iter().zip(&spec.suites) {
        assert!(suite.product_failures <= spec.max_attempts, "{suite:#?}");
        assert!(suite.attempts <= spec.max_attempts + 2, "{suite:#?}");
    }
    if status.phase == E2eRunPhase::Succeeded {
        let required = status.suites.iter().zip(&spec.suites).filter(|(_, s)| s.enforcement == Enforcement::Required);
        let passed: Vec<bool> = required.map(|(s, _)| s.state == SuiteState::Passed).collect();
        assert!(!passed.is_empty() && passed.iter().all(|p| *p), "{status:#?}");
    }
    let setups = run.world.created.iter().filter(|j| j.contains("-setup-")).count();
    let teardowns = run.world.created.iter().filter(|j| j.contains("-teardown-") && !j.contains("again")).count();
    let refused = run.observed.meta.namespace_terminating;
    if spec.teardown.is_some() && !refused && run.blind.is_empty() {
        let tried = status.suites.iter().map(|s| s.attempts as usize).sum::<usize>();
        assert!(teardowns <= tried && setups <= tried);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, rng_seed: proptest::test_runner::RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_ends_soundly(
        spec in any_spec(),
        scripts in proptest::collection::vec(script(), 72),
        happenings in proptest::collection::btree_map(0..120u32, happening(), 0..6),
    ) {
        let mut run = Run::new(spec);
        let mut undying = vec![];
        for (job, script) in jobs().into_iter().zip(scripts) {
            if matches!(script, Script::HangsUndying) {
                undying.push(job.clone());
            }
            run.world.script(&job, script);
        }
        let mut rounds = 0;
        while run.exists && !run.finished() {
            if let Some(happening) = happenings.get(&rounds) {
                happen(&mut run, happening);
                if !run.exists {
                    break;
                }
            }
            if rounds == 130 {
                // From here on nobody holds it and every read answers: it must end.
                run.suspend(false);
                run.blind.clear();
            }
            let (changed, wake) = run.round();
            one_live_job_a_suite(&run, &undying);
            sound(&run);
            if !changed {
                run.step(wake);
            }
            if run.observed.meta.namespace_terminating && run.observed.meta.deleted.is_none() && rounds > 130 {
                run.delete();
            }
            rounds += 1;
            prop_assert!(rounds < 3000, "does not end: {:#?}", run.status());
        }
        if run.exists {
            run.visit();
            prop_assert!(!run.observed.meta.finalizer);
            let end = run.status().clone();
            run.abort();
            let later = run.at(1_000_000);
            run.world.pass(later);
            run.visit();
            prop_assert_eq!(&end, run.status(), "terminal-is-final");
        }
    }
}
