//! What counters gained, across restarts whose lives are known more or less well.

use seaworthy_soak::check::{Phases, Verdict};

use crate::world::{World, expect, slot};

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

#[test]
fn increase_is_exact() {
    let step = |k: u64| if k < 70 { 5.0 } else { 7.0 };
    expect(&World::with_metric(step).judge(r#"increase "max":2"#), Verdict::Passed, "rose by 2");
    let failed = World::with_metric(step).judge(r#"increase "max":0"#);
    expect(&failed, Verdict::Failed, "m rose by 2, more than 0");
    assert_eq!(failed.value, Some(2.0));
    // The hole hides nothing: the counter bridges it.
    let hole = World::of(|k| (!(68..73).contains(&k)).then(|| slot(k).page(&[("m", step(k))])));
    expect(&hole.judge(r#"increase "max":0"#), Verdict::Failed, "rose by 2");
    // What it gained before the judged time does not count.
    let early = World::with_metric(|k| if k < 10 { 0.0 } else { 9.0 });
    expect(&early.judge(r#"increase "max":0"#), Verdict::Passed, "rose by 0");
}

#[test]
fn increase_goes_on_across_restarts() {
    // 10 before, restart at slot 80, 4 after: gained 10 - 3 (at the first judged sample) + 4.
    let value = |k: u64| match k {
        0..=20 => 3.0,
        21..80 => 10.0,
        80.. => 4.0,
    };
    let life = |k: u64| if k < 80 { "c1" } else { "c2" };
    let world = || World::of(|k| Some(slot(k).page_of("s", "t", life(k), &[("m", value(k))])));
    expect(&world().judge(r#"increase "max":11"#), Verdict::Passed, "rose by 11");
    expect(&world().judge(r#"increase "max":10.5"#), Verdict::Failed, "rose by 11");
    // The same fall without a restart is no counter.
    let broken = World::with_metric(value).judge(r#"increase "max":100"#);
    expect(&broken, Verdict::Error, "t m fell from 10 to 4 without a restart");
    // A restart inside a long hole: what was counted before is lost.
    let blind = World::of(|k| (!(76..81).contains(&k)).then(|| slot(k).page_of("s", "t", life(k), &[("m", value(k))])));
    expect(&blind.judge(r#"increase "max":100"#), Verdict::Inconclusive, "a container ended unseen in a gap of 3m");
}

#[test]
fn the_first_page_of_a_new_life_may_bear_the_old_name() {
    // 10 before the restart at slot 80; the pod's status names the new container one slot too late.
    let value = |k: u64| match k {
        0..=20 => 3.0,
        21..80 => 10.0,
        80 => 2.0,
        81.. => 4.0,
    };
    let world = |started: &'static str| {
        World::of(move |k| {
            let new = format!("c2{started}");
            let life = if k < 81 { "c1@1700000000" } else { new.as_str() };
            Some(slot(k).page_of("s", "t", life, &[("m", value(k))]))
        })
    };
    // 7 in the old life and 4 in the new one, whether it says when it began (20 s before slot 80) or not.
    for started in ["@1700002380", ""] {
        expect(&world(started).judge(r#"increase "max":11"#), Verdict::Passed, "rose by 11");
        expect(&world(started).judge(r#"increase "max":10.5"#), Verdict::Failed, "rose by 11");
    }
    // It counted 3 before its name was seen. Without its start, nobody can tell that the 3 are its own and not the old one's.
    let quiet = |started: &'static str| {
        World::of(move |k| {
            let new = format!("c2{started}");
            let life = if k < 81 { "c1@1700000000" } else { new.as_str() };
            Some(slot(k).page_of("s", "t", life, &[("m", if k < 80 { 0.0 } else { 3.0 })]))
        })
    };
    expect(&quiet("@1700002380").judge(r#"increase "max":3"#), Verdict::Passed, "rose by 3");
    // It began after that page: those 3 were the old one's.
    expect(&quiet("@1700002410").judge(r#"increase "max":5"#), Verdict::Failed, "rose by 6");
    // A fall that no restart follows is none.
    let broken = World::of(|k| Some(slot(k).page_of("s", "t", "c1", &[("m", value(k))])));
    expect(&broken.judge(r#"increase "max":100"#), Verdict::Error, "fell from 10 to 2 without a restart");
}

#[test]
fn a_counter_below_zero_is_none() {
    // 50 in the first life; the second one begins far below and takes them back.
    let restarted = || {
        World::of(|k| {
            let (life, value) = if k < 80 { ("c1", f(k.clamp(20, 70)) - 20.0) } else { ("c2", -1000.0 + f(k - 80)) };
            Some(slot(k).page_of("s", "t", life, &[("m", value)]))
        })
    };
    let words = "t m is -1000: it is no counter";
    expect(&restarted().judge(r#"increase "max":10"#), Verdict::Error, words);
    expect(&restarted().judge(r#"growth "of":"Increase","max":10"#), Verdict::Error, words);
    expect(&restarted().judge(r#"progress "min":1"#), Verdict::Error, words);
    // It is none where it only rises, either: what it gained would be told by a number that it never had.
    let rises = |from: f64| World::with_metric(move |k| from + f(k)).judge(r#"increase "max":1000"#);
    expect(&rises(-500.0), Verdict::Error, "t m is -480: it is no counter; use bound or growth, or mend the metric");
    expect(&rises(-20.5), Verdict::Error, "t m is -0.5: it is no counter");
    // Before the judged time it is not asked.
    expect(&rises(-20.0), Verdict::Passed, "rose by 119");
    expect(&World::with_metric(|_| -0.0).judge(r#"increase "max":0"#), Verdict::Passed, "rose by 0");
}

#[test]
fn a_restart_is_one_whatever_the_nodes_clock_says() {
    // Slots of a second: 1000 and one more each until a restart at slot 150, and from 1 on after it. The pod's status is never late.
    let phases = Phases { warm_up_ms: 100_000, measure_ms: 200_000, settle_ms: 0, elapsed_ms: 300_000 };
    for behind in [-10, -2, -1, 0, 1, 2, 5, 10] {
        let new = format!("c2@{}", 1_700_000_150 - behind);
        let world = || {
            World::every(1000, 301, |k| {
                let (life, value) = if k < 150 { ("c1@1700000000", 1000 + k) } else { (new.as_str(), k - 149) };
                slot(k).page_of("s", "t", life, &[("m", f(value))])
            })
        };
        let verdict = world().judge_at(r#"increase "max":200"#, &phases);
        assert_eq!((verdict.verdict, verdict.value), (Verdict::Passed, Some(200.0)), "{behind}: {verdict:?}");
        expect(&world().judge_at(r#"increase "max":199"#, &phases), Verdict::Failed, "rose by 200");
    }
}
