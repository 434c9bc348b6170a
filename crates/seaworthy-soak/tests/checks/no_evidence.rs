//! No evidence never passes, whatever the rule.

use seaworthy_soak::check::{OnMissing, Phases, Verdict, judge};
use seaworthy_soak::record::{Gap, GapReason, InventoryLook, InventoryPage};

use crate::world::{FROM, PHASES, Slot, TO, World, expect, pod, slot, spec};

/// Every rule that a flat, healthy candidate passes.
const RULES: &[&str] = &[
    r#"bound "max":100"#,
    r#"bound "min":0"#,
    r#"bound "max":100,"quantile":0.9"#,
    r#"bound "max":100,"aggregate":"sum""#,
    r#"increase "max":1000"#,
    r#"growth "max":1000"#,
    r#"growth "max":1000,"of":"Increase""#,
    r#"growth "max":1000,"baseline":{"median":{"seconds":300}}"#,
    r#"progress "min":1"#,
    r#"restarts "max":0"#,
    r#"survivors "maxAgeSeconds":600"#,
];

fn healthy(k: u64) -> Slot {
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let value = (k as f64) / 2.0;
    let page = InventoryPage { objects: 5, older: 0, oldest: vec![] };
    slot(k)
        .page(&[("m", value)])
        .pods(&[pod("t", 0, "")])
        .round(InventoryLook { check: "check-0".into(), result: Ok(page) })
}

#[track_caller]
fn nothing_passes(world: impl Fn() -> World, phases: &Phases) {
    for rule in RULES {
        for on_missing in ["Fail", "Inconclusive"] {
            let rule = format!("{rule}|\"onMissing\":\"{on_missing}\"");
            let verdict = world().judge_at(&rule, phases);
            assert_ne!(verdict.verdict, Verdict::Passed, "{rule}: {}", verdict.message);
            assert!(!verdict.message.is_empty());
        }
    }
}

#[test]
fn a_healthy_candidate_passes_every_rule() {
    for rule in RULES {
        expect(&World::of(|k| Some(healthy(k))).judge(rule), Verdict::Passed, "");
    }
}

#[test]
fn no_slots_at_all() {
    nothing_passes(World::empty, &PHASES);
}

#[test]
fn no_look_succeeded() {
    nothing_passes(|| World::of(|k| Some(slot(k).failed(GapReason::HttpStatus))), &PHASES);
}

#[test]
fn the_metric_is_absent() {
    nothing_passes(|| World::of(|k| Some(slot(k).page(&[("other", 1.0)]))), &PHASES);
    let absent = || World::of(|k| Some(slot(k).page(&[("other", 1.0)])));
    expect(&absent().judge(r#"bound "max":1"#), Verdict::Failed, "m is absent from 120 of 120 pages");
    let lenient = absent().judge(r#"bound "max":1|"onMissing":"Inconclusive""#);
    expect(&lenient, Verdict::Inconclusive, "m is absent");
    // What was never there did not stand still.
    let strict = absent().judge(r#"progress "min":1"#);
    expect(&strict, Verdict::Failed, "m is absent from 120 of 120 pages: check the metric's name");
    let rule = r#"progress "min":1|"onMissing":"Inconclusive","failFast":true"#;
    expect(&absent().judge(rule), Verdict::Inconclusive, "m is absent from 120 of 120 pages: check the metric's name");
    let early = absent().judge_all(&[rule], &Phases { elapsed_ms: 1_800_000, ..PHASES });
    expect(&early.checks[0], Verdict::Inconclusive, "m is absent from 40 of 40 pages");
    assert!(!early.fail_fast);
    // A counter whose metric is there with other labels stands at zero: that is a standstill.
    let family = "seaworthy_series_of_metric{metric=\"m\"}";
    let quiet = World::of(|k| Some(slot(k).page(&[(family, 3.0)])));
    let labelled = r#"progress "min":1,"labels":[{"label":"code","values":["200"]}]"#;
    expect(&quiet.judge(labelled), Verdict::Failed, "m rose by at most 0 in the 10m");
}

#[test]
fn the_metric_vanishes() {
    let gone = || World::of(|k| Some(if k < 100 { healthy(k) } else { slot(k).page(&[("other", 1.0)]) }));
    nothing_passes(gone, &PHASES);
}

#[test]
fn values_that_are_no_numbers() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for rule in RULES.iter().filter(|r| r.contains("max\":1") || r.contains("min")) {
            let verdict = World::with_metric(|_| value).judge(rule);
            assert_ne!(verdict.verdict, Verdict::Passed, "{rule} {value}: {}", verdict.message);
        }
    }
}

#[test]
fn the_run_was_cut_short() {
    let short = || World::of(|k| (k < 60).then(|| healthy(k)));
    nothing_passes(short, &Phases { elapsed_ms: 1_800_000, ..PHASES });
    nothing_passes(short, &PHASES);
    expect(
        &short().judge_at(r#"bound "max":100"#, &Phases { elapsed_ms: 1_800_000, ..PHASES }),
        Verdict::Inconclusive,
        "40 of 120 planned slots so far",
    );
}

#[test]
fn one_sample_in_ten_is_missing() {
    let thin = || World::of(|k| (k % 10 != 0).then(|| healthy(k)));
    for rule in RULES.iter().filter(|r| !r.starts_with("survivors")) {
        let verdict = thin().judge(rule);
        expect(&verdict, Verdict::Inconclusive, "90 %");
    }
}

#[test]
fn a_measure_of_a_few_samples() {
    let phases = Phases { warm_up_ms: 600_000, measure_ms: 240_000, settle_ms: 0, elapsed_ms: 900_000 };
    nothing_passes(|| World::of(|k| Some(healthy(k))), &phases);
    // A check's own warm-up may leave too little as well.
    let late = World::of(|k| Some(healthy(k))).judge(r#"bound "max":100|"warmUpSeconds":4000"#);
    expect(&late, Verdict::Inconclusive, "only 6 samples are planned");
    let beyond = World::of(|k| Some(healthy(k))).judge(r#"bound "max":100|"warmUpSeconds":9000"#);
    expect(&beyond, Verdict::Inconclusive, "only 0 samples are planned");
}

#[test]
fn no_checks_no_pass() {
    let evidence = World::of(|k| Some(healthy(k))).evidence();
    assert_eq!(judge(&[], &evidence, &PHASES).verdict, Verdict::Inconclusive);
    let mut advisory = spec(r#"bound "max":100|"enforcement":"Advisory""#, 0);
    assert_eq!(judge(&[advisory.clone()], &evidence, &PHASES).verdict, Verdict::Inconclusive);
    advisory.on_missing = OnMissing::Inconclusive;
    let required = spec(r#"bound "max":100"#, 1);
    assert_eq!(judge(&[advisory, required], &evidence, &PHASES).verdict, Verdict::Passed);
}

#[test]
fn pods_that_are_not_the_candidate() {
    let mut foreign = pod("web", 0, "");
    foreign.candidate = false;
    for rule in RULES {
        let world = World::of(|k| Some(if k == 77 { healthy(k).pods(&[foreign.clone()]) } else { healthy(k) }));
        expect(&world.judge(rule), Verdict::Error, "pod web does not run the candidate");
    }
    // Before the judged time another pod may still be on its way out.
    let early = World::of(|k| Some(if k == 3 { healthy(k).pods(&[foreign.clone()]) } else { healthy(k) }));
    expect(&early.judge(RULES[0]), Verdict::Passed, "");
}

#[test]
fn coverage_is_counted() {
    let world = World::of(|k| match k {
        0..30 | 33..TO => Some(healthy(k)),
        30 => Some(slot(k).failed(GapReason::Timeout)),
        _ => None,
    });
    let judgement = world.judge_all(&[RULES[0]], &PHASES);
    let coverage = judgement.coverage;
    assert_eq!((coverage.planned, coverage.obtained), (TO - FROM, TO - FROM - 3));
    assert_eq!(coverage.longest_gap_ms, 90_000);
    assert_eq!(coverage.requests, 138);
    assert_eq!(judgement.verdict, Verdict::Passed);
}

#[test]
fn a_value_that_stands_is_covered_as_the_checks_have_it() {
    // The metric's own time moves on in every second slot, until it stands still.
    let world = |still: u64| {
        World::of(|k| {
            let time = 1_700_000_000_000 + (k.min(still) / 2 * 2 * 30_000).cast_signed();
            Some(slot(k).timed_page("s", "t", "c", &[("m", 1.0, time)]))
        })
    };
    let moves = world(TO).judge_all(&[RULES[0]], &PHASES);
    assert_eq!((moves.coverage.obtained, moves.coverage.longest_gap_ms), (TO - FROM, 0));
    assert_eq!(moves.verdict, Verdict::Passed);
    // From slot 100 on nothing is new: its value stands for two slots more.
    let still = world(100).judge_all(&[RULES[0]], &PHASES).coverage;
    assert_eq!((still.obtained, still.longest_gap_ms), (103 - FROM, (TO - 103) * 30_000));
}

#[test]
fn only_requests_to_the_target_are_its_load() {
    let page = [("m", 1.0)];
    let requests = |show: &dyn Fn(Slot) -> Slot| {
        let world = World::of(|k| Some(show(slot(k))));
        world.judge_all(&[RULES[0]], &PHASES).coverage.requests
    };
    let own = |slot: Slot| slot.page_of("s", "web", "c", &page).pods(&[pod("web", 0, "")]);
    assert_eq!(requests(&own), TO);
    // The kubelet answers for its containers, and other Services' pods are no part of the target.
    assert_eq!(requests(&|slot| slot.page_of("k", "web/manager", "c", &page).pods(&[pod("web", 0, "")])), 0);
    assert_eq!(requests(&|slot| own(slot).page_of("k", "web/manager", "c", &page)), TO);
    assert_eq!(requests(&|slot| own(slot).page_of("other", "db", "c", &page)), TO);
    assert_eq!(requests(&|slot| own(slot).failed_of("db", GapReason::Timeout)), TO);
    // What was asked and did not answer counts; so does not what the inventory task failed at.
    assert_eq!(requests(&|slot| slot.failed_of("web", GapReason::Timeout).pods(&[pod("web", 0, "")])), TO);
    let failed = || InventoryLook { check: "check-0".into(), result: Err(Gap::new(GapReason::Timeout, "")) };
    assert_eq!(requests(&|slot| own(slot).round(failed())), TO);
    // Nobody ever saw the pods.
    assert_eq!(requests(&|slot| slot.page(&page).page_of("k", "web/manager", "c", &page)), TO);
}
