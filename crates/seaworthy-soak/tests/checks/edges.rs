//! The edges of measure: what a hole there hides, and what only the next look shows.

use seaworthy_soak::check::{Phases, Verdict};
use seaworthy_soak::record::{GapReason, PodPhase, PodState};

use crate::world::{FROM, PHASES, Slot, TO, World, expect, pod, slot};

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

const SETTLE: Phases = Phases { settle_ms: 600_000, elapsed_ms: 4_800_000, ..PHASES };
/// The slot after the last one of settle.
const END: u64 = TO + 20;

const INCREASES: [&str; 2] = [r#"increase "max":0"#, r#"growth "of":"Increase","max":0"#];

/// A page in each slot but those of the hole: in which life, and what it shows.
fn with_hole<'l>(hole: std::ops::Range<u64>, show: impl Fn(u64) -> (&'l str, f64)) -> World {
    World::long(END, |k| {
        let (life, value) = show(k);
        let page = || slot(k).page_of("s", "t", life, &[("m", value)]);
        Some(if hole.contains(&k) { slot(k).failed(GapReason::Timeout) } else { page() })
    })
}

#[test]
fn a_hole_where_measure_begins_hides_no_increase() {
    for rule in INCREASES {
        // 500 errors after the last look of warm-up and before the first one of measure: some of them may belong to warm-up.
        let open = with_hole(FROM..25, |k| ("c", if k < FROM { 0.0 } else { 500.0 })).judge_at(rule, &SETTLE);
        expect(&open, Verdict::Inconclusive, "m may have risen by 500, more than 0");
        assert!(open.message.contains("run again"), "{}", open.message);
        // What rose after the first look of measure did so for certain.
        let sure = with_hole(FROM..25, |k| ("c", if k < 30 { 0.0 } else { 1.0 })).judge_at(rule, &SETTLE);
        expect(&sure, Verdict::Failed, "rose by 1");
        let still = with_hole(FROM..25, |_| ("c", 500.0)).judge_at(rule, &SETTLE);
        expect(&still, Verdict::Passed, "rose by 0");
    }
    let within = with_hole(FROM..25, |k| ("c", if k < FROM { 0.0 } else { 500.0 }));
    expect(&within.judge_at(r#"increase "max":500"#, &SETTLE), Verdict::Passed, "rose by 0");
}

#[test]
fn a_life_that_began_in_measure_gained_all_that_it_shows() {
    // Measure begins at 1700000600, and the first look of it is at slot 25.
    for rule in INCREASES {
        let restarted = |life: &'static str| {
            with_hole(FROM..25, move |k| if k < FROM { ("c1@1699000000", 7.0) } else { (life, 3.0) })
                .judge_at(rule, &SETTLE)
        };
        expect(&restarted("c2@1700000700"), Verdict::Failed, "rose by 3");
        // It began before measure, or nobody knows when: what it shows may lie before as well.
        expect(&restarted("c2@1700000590"), Verdict::Inconclusive, "m may have risen by 3");
        expect(&restarted("c2"), Verdict::Inconclusive, "");
        let first = |life: &'static str| {
            World::long(END, move |k| {
                Some(if k < 22 {
                    slot(k).failed(GapReason::Timeout)
                } else {
                    slot(k).page_of("s", "t", life, &[("m", 4.0)])
                })
            })
            .judge_at(rule, &SETTLE)
        };
        expect(&first("c@1700000610"), Verdict::Failed, "rose by 4");
        expect(
            &first("c@1699000000"),
            Verdict::Passed,
            "t was first seen 11m into the run: what it had counted is not known",
        );
    }
}

#[test]
fn the_last_interval_of_measure_is_judged() {
    for rule in INCREASES {
        let burst = |at: u64| World::long(END, move |k| Some(slot(k).page(&[("m", if k < at { 0.0 } else { 9.0 })])));
        expect(&burst(TO).judge_at(rule, &SETTLE), Verdict::Failed, "rose by 9");
        // What comes later comes after measure.
        expect(&burst(TO + 1).judge_at(rule, &SETTLE), Verdict::Passed, "rose by 0");
    }
    let restarted = |at: u64| {
        let world = World::long(END, |k| Some(slot(k).pods(&[pod("web", u32::from(k >= at), "OOMKilled")])));
        world.judge_at("restarts", &SETTLE)
    };
    expect(&restarted(TO), Verdict::Failed, "1 restarts, 0 allowed: 1 x OOMKilled");
    expect(&restarted(TO + 1), Verdict::Passed, "no restart");
    // Nothing is said of the end before it is reached.
    let so_far = World::long(100, |k| Some(slot(k).page(&[("m", if k < 99 { 0.0 } else { 9.0 })])));
    let phases = Phases { elapsed_ms: 99 * 30_000, ..SETTLE };
    expect(&so_far.judge_at(INCREASES[0], &phases), Verdict::Inconclusive, "so far");
}

#[test]
fn a_hole_where_measure_ends_hides_nothing_that_the_next_look_shows() {
    let hole = 135..TO + 3;
    for rule in INCREASES {
        let rises =
            |at: u64| with_hole(hole.clone(), move |k| ("c", if k < at { 0.0 } else { 9.0 })).judge_at(rule, &SETTLE);
        // Somewhere in the hole, in measure or after it.
        expect(&rises(136), Verdict::Inconclusive, "m may have risen by 9, more than 0");
        expect(&rises(TO + 4), Verdict::Passed, "rose by 0");
        // A hole that ends where measure does leaves no doubt.
        let sure = with_hole(135..TO, |k| ("c", if k < 136 { 0.0 } else { 9.0 })).judge_at(rule, &SETTLE);
        expect(&sure, Verdict::Failed, "rose by 9");
        // A container that began after measure shows nothing of it, and the one before took its count along.
        let ended = with_hole(hole.clone(), |k| if k < TO { ("c1", 0.0) } else { ("c2@1700004230", 9.0) });
        expect(&ended.judge_at(rule, &SETTLE), Verdict::Inconclusive, "a container ended unseen");
    }
    let restarted = |at: u64| {
        let state = move |k: u64| pod("web", u32::from(k >= at), "OOMKilled");
        let show = |k: u64| -> Slot { if hole.contains(&k) { slot(k) } else { slot(k).pods(&[state(k)]) } };
        World::long(END, |k| Some(show(k)))
    };
    let open = restarted(136).judge_at("restarts", &SETTLE);
    expect(
        &open,
        Verdict::Inconclusive,
        "1 restarts came after the last look at the pods in the judged time, 1h7m into the run",
    );
    expect(&restarted(136).judge_at(r#"restarts "max":1"#, &SETTLE), Verdict::Passed, "");
    expect(&restarted(TO + 4).judge_at("restarts", &SETTLE), Verdict::Passed, "no restart");
}

#[test]
fn a_pod_that_a_hole_at_the_edge_swallowed_took_its_count_along() {
    let replaced = |hole: std::ops::Range<u64>, at: u64| {
        World::long(END, move |k| match k {
            _ if hole.contains(&k) => None,
            _ if k < at => Some(slot(k).page_of("s", "web-a", "c1@1699000000", &[("m", 0.0)])),
            _ => Some(slot(k).page_of("s", "web-b", "c2@1700000500", &[("m", 0.0)])),
        })
        .judge_at(r#"increase "max":1000"#, &SETTLE)
    };
    expect(&replaced(FROM..25, 25), Verdict::Inconclusive, "a container ended unseen in a gap of 2m30s");
    expect(&replaced(15..FROM, FROM), Verdict::Passed, "");
}

/// Looks at the pods in each slot but those of a hole around the start of measure; the page is read even so.
fn around_the_start(hole: std::ops::Range<u64>, pods: impl Fn(u64) -> Vec<PodState>, life: &str) -> World {
    World::long(END, |k| {
        let slot = slot(k).page_of("s", "web", if k < hole.end { "c0@1699000000" } else { life }, &[("m", 0.0)]);
        Some(if hole.contains(&k) { slot } else { slot.pods(&pods(k)) })
    })
}

#[test]
fn a_hole_where_measure_begins_makes_no_restart_of_warm_up_one_of_measure() {
    const ONE: &str = r#"restarts "max":1"#;
    let hole = || 14..FROM + 5;
    let restarted = |restarts: u32, life: &str| {
        let pods = |k| vec![pod("web", if k < 14 { 2 } else { 2 + restarts }, "OOMKilled")];
        around_the_start(hole(), pods, life)
    };
    let words = "1 restarts came in a gap before the first look at the pods in the judged time, 12m30s into the run";
    let open = restarted(1, "c1").judge_at(r#"restarts |"failFast":true"#, &SETTLE);
    expect(&open, Verdict::Inconclusive, words);
    assert!(!open.settled && open.message.contains("whether in the judged time is not known"), "{}", open.message);
    expect(&restarted(1, "c1").judge_at(ONE, &SETTLE), Verdict::Passed, "no restart");
    // Its life tells on which side it was. Measure begins at 1700000600.
    expect(&restarted(1, "c1@1700000590").judge_at("restarts", &SETTLE), Verdict::Passed, "no restart");
    expect(&restarted(3, "c1@1700000590").judge_at("restarts", &SETTLE), Verdict::Passed, "no restart");
    let judged = restarted(1, "c1@1700000610").judge_at("restarts", &SETTLE);
    expect(&judged, Verdict::Failed, "1 restarts, 0 allowed: 1 x OOMKilled");
    expect(&restarted(3, "c1@1700000610").judge_at(ONE, &SETTLE), Verdict::Inconclusive, "2 restarts came in a gap");
    // So it is where nobody looked at all, with a pod that was replaced there, and with one that was evicted.
    let nobody = World::long(END, |k| {
        (!hole().contains(&k)).then(|| slot(k).pods(&[pod("web", u32::from(k > 14), "OOMKilled")]))
    });
    expect(&nobody.judge_at("restarts", &SETTLE), Verdict::Inconclusive, words);
    let replaced = |k| vec![pod(if k < 14 { "web-a" } else { "web-b" }, 0, "")];
    expect(&around_the_start(hole(), replaced, "").judge_at("restarts", &SETTLE), Verdict::Inconclusive, words);
    let evicted = |k| {
        let phase = if k < 14 { PodPhase::Running } else { PodPhase::Failed };
        vec![PodState { phase, ..pod("web-a", 0, "") }, pod("web-b", 0, "")]
    };
    expect(&around_the_start(hole(), evicted, "").judge_at("restarts", &SETTLE), Verdict::Inconclusive, words);
    // A hole that ends where measure begins, or begins there, leaves no doubt.
    let pods = |at: u64| move |k| vec![pod("web", u32::from(k >= at), "OOMKilled")];
    expect(&around_the_start(14..FROM, pods(20), "").judge_at("restarts", &SETTLE), Verdict::Passed, "no restart");
    let after = around_the_start(FROM + 1..FROM + 5, pods(25), "").judge_at("restarts", &SETTLE);
    expect(&after, Verdict::Failed, "1 x OOMKilled");
}

#[test]
fn slots_that_do_not_meet_the_edges_of_measure() {
    // Measure begins 10 s after slot 20, and slot 21 is the first of it: what rose between the two may lie before.
    let phases = Phases { warm_up_ms: 610_000, measure_ms: 3_600_000, settle_ms: 600_000, elapsed_ms: 4_800_000 };
    let rises = |at: u64| World::long(END, move |k| Some(slot(k).page(&[("m", if k < at { 0.0 } else { f(at) })])));
    expect(&rises(20).judge_at(INCREASES[0], &phases), Verdict::Passed, "rose by 0");
    expect(&rises(21).judge_at(INCREASES[0], &phases), Verdict::Inconclusive, "m may have risen by 21");
    expect(&rises(22).judge_at(INCREASES[0], &phases), Verdict::Failed, "rose by 22");
    expect(&rises(140).judge_at(INCREASES[0], &phases), Verdict::Failed, "rose by 140");
    expect(&rises(141).judge_at(INCREASES[0], &phases), Verdict::Inconclusive, "m may have risen by 141");
    expect(&rises(142).judge_at(INCREASES[0], &phases), Verdict::Passed, "rose by 0");
}
