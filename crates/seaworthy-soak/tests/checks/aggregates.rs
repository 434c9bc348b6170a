//! Several counters as one: what each of them did in a time, and never what they did in all of it.

use seaworthy_soak::check::{Phases, Verdict, trace};

use crate::world::{World, expect, slot, spec};

/// A measure of six hours.
const LONG: Phases = Phases { warm_up_ms: 600_000, measure_ms: 21_600_000, settle_ms: 0, elapsed_ms: 22_200_000 };
const LONG_TO: u64 = 740;

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

fn two(slots: u64, a: impl Fn(u64) -> f64, b: impl Fn(u64) -> f64) -> World {
    World::long(slots, |k| {
        Some(slot(k).page_of("s", "a", "c1", &[("m", a(k))]).page_of("s", "b", "c2", &[("m", b(k))]))
    })
}

#[test]
fn progress_of_the_slowest_is_that_of_each_period() {
    // a does the work of the whole measure in its first ten minutes, and none after.
    let world = || two(LONG_TO, |k| f(k.min(40)) * 50.0, |k| f(k) / 2.0);
    let slowest = world().judge_at(r#"progress "min":5,"aggregate":"min""#, &LONG);
    expect(&slowest, Verdict::Failed, "m rose by at most 0 in the 10m");
    expect(
        &world().judge_at(r#"progress "min":5,"aggregate":"max""#, &LONG),
        Verdict::Passed,
        "at least 10 in every 10m",
    );
    expect(&world().judge_at(r#"progress "min":5"#, &LONG), Verdict::Passed, "at least 10 in every 10m");
    let even = two(LONG_TO, |k| f(k) / 4.0, |k| f(k) / 2.0);
    expect(&even.judge_at(r#"progress "min":5,"aggregate":"min""#, &LONG), Verdict::Passed, "at least 5 in every 10m");
    // Two that take turns: each period has one that works, no single one works all the time.
    let turns = || two(LONG_TO, |k| f(k.min(300)), |k| f(k.saturating_sub(300)));
    expect(&turns().judge_at(r#"progress "min":10,"aggregate":"max""#, &LONG), Verdict::Passed, "at least 10 in every");
    // What is drawn is what was judged.
    let drawn = trace(&spec(r#"progress "min":5,"aggregate":"min""#, 0), &world().evidence(), &LONG);
    let last = drawn.lines[0].points.last().unwrap();
    assert!(last.value.abs() < 1e-9, "{last:?}");
}

#[test]
fn a_pod_that_is_gone_or_not_there_yet_is_not_the_slowest() {
    let world = World::of(|k| {
        let slot = slot(k).page_of("s", "a", "c1", &[("m", f(k))]);
        Some(if k < 80 {
            slot.page_of("s", "b", "c2", &[("m", f(k))])
        } else {
            slot.page_of("s", "c", "c3", &[("m", f(k - 80))])
        })
    });
    expect(&world.judge(r#"progress "min":5,"aggregate":"min""#), Verdict::Passed, "in every 10m");
}

#[test]
fn the_rate_of_one_does_not_make_up_for_that_of_another() {
    // a needs ever more of the processor, and b ever less.
    let hours = |k: u64| f(k) / 120.0;
    let bend = |k: u64| 0.02 * 3600.0 * hours(k) * hours(k) / 2.0;
    let world = || two(LONG_TO, |k| 720.0 * hours(k) + bend(k), |k| 1440.0 * hours(k) - bend(k));
    let rule = |aggregate: &str| {
        format!(r#"trend "of":"Rate","tolerablePerHour":0.001,"unacceptablePerHour":0.004{aggregate}"#)
    };
    expect(&world().judge_at(&rule(""), &LONG), Verdict::Passed, "");
    expect(&world().judge_at(&rule(r#","aggregate":"sum""#), &LONG), Verdict::Passed, "");
    let slowest = world().judge_at(&rule(r#","aggregate":"min""#), &LONG);
    expect(&slowest, Verdict::Failed, "the rate of m per second changes by");
    assert!((slowest.value.unwrap() - 0.02).abs() < 0.001, "{:?}", slowest.value);
}

#[test]
fn what_makes_no_sense_of_a_counter_is_refused() {
    let world = || World::of(|k| Some(slot(k).page(&[("m{n=\"1\"}", f(k))])));
    for (kind, rule) in [
        ("increase", r#"increase "max":1000"#),
        ("growth", r#"growth "of":"Increase","max":1000"#),
        ("progress", r#"progress "min":1"#),
        ("trend", r#"trend "of":"Rate","tolerablePerHour":1"#),
    ] {
        for (aggregate, word) in [(r#""last""#, "Last"), (r#"{"labelSum":{"label":"n"}}"#, "LabelSum")] {
            let verdict = world().judge(&format!(r#"{rule},"aggregate":{aggregate}"#));
            let words = format!("{kind}.aggregate is {word}: counters take Sum, Max or Min");
            expect(&verdict, Verdict::Error, &words);
        }
    }
    for rule in [r#"growth "max":1000,"#, r#"trend "tolerablePerHour":100,"#, r#"bound "max":1000,"#] {
        let verdict = world().judge(&format!(r#"{rule}"aggregate":"last""#));
        assert_ne!(verdict.verdict, Verdict::Error, "{}", verdict.message);
    }
}
