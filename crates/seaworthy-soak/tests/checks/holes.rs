//! Holes in which a container ended: what it had counted is lost, whatever was counted before them.

use seaworthy_soak::check::Verdict;

use crate::world::{Slot, World, expect, slot};

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

/// How many series of `m` are on the page, whatever their labels.
const FAMILY: &str = "seaworthy_series_of_metric{metric=\"m\"}";
const ERRORS: &str = "m{code=\"500\"}";
const HOLE: std::ops::Range<u64> = 76..81;

/// Rules over counters that pass where nothing is counted, and one that passes where something is.
fn rules(labels: &str) -> [String; 3] {
    [r#"increase "max":0"#, r#"growth "of":"Increase","max":0"#, r#"progress "min":1"#]
        .map(|rule| format!("{rule}{labels}"))
}

const ERRORS_ONLY: &str = r#","labels":[{"label":"code","values":["500"]}]"#;

/// A page of the metric without any event of its label yet.
fn quiet(slot: Slot, target: &str, life: &str) -> Slot {
    slot.page_of("s", target, life, &[(FAMILY, 3.0)])
}

#[test]
fn a_container_that_ended_in_a_hole_before_its_first_event_is_told() {
    let words = "a container ended unseen in a gap of 3m";
    let with_hole = |hole: std::ops::Range<u64>, show: fn(Slot, u64) -> Slot| {
        World::of(move |k| (!hole.contains(&k)).then(|| show(slot(k), k)))
    };
    let restarts: fn(Slot, u64) -> Slot = |s, k| quiet(s, "t", if k < 80 { "c1" } else { "c2" });
    let replaced: fn(Slot, u64) -> Slot = |s, k| if k < 80 { quiet(s, "t1", "c1") } else { quiet(s, "t2", "c2") };
    let one_of_two: fn(Slot, u64) -> Slot = |s, k| quiet(quiet(s, "t1", "c1"), "t2", if k < 80 { "c2" } else { "c3" });
    let lives_on: fn(Slot, u64) -> Slot = |s, _| quiet(s, "t", "c1");
    for rule in &rules(ERRORS_ONLY)[..2] {
        for ends in [restarts, replaced, one_of_two] {
            expect(&with_hole(HOLE, ends).judge(rule), Verdict::Inconclusive, words);
            // Where nothing was missed, nothing was lost.
            expect(&with_hole(0..0, ends).judge(rule), Verdict::Passed, "by 0");
        }
        expect(&with_hole(HOLE, lives_on).judge(rule), Verdict::Passed, "by 0");
    }
    // Of two targets one has counted nothing yet: what it did before its end may be what the work needed, or more than that.
    let both = |s: Slot, k: u64, b: &str| quiet(s.page_of("s", "a", "c1", &[(FAMILY, 3.0), (ERRORS, f(k))]), "b", b);
    let work = |hole: std::ops::Range<u64>| {
        World::of(move |k| (!hole.contains(&k)).then(|| both(slot(k), k, if k < 80 { "c2" } else { "c3" })))
    };
    let progress = &rules(ERRORS_ONLY)[2];
    expect(&work(HOLE).judge(progress), Verdict::Inconclusive, words);
    expect(&work(0..0).judge(progress), Verdict::Passed, "");
}

#[test]
fn a_life_that_began_before_measure_lost_nothing_of_it() {
    // Measure begins at 1700000600, in the hole.
    let world = |life: &'static str| {
        World::of(move |k| {
            let shown = |life| quiet(slot(k), "t", life);
            (!(15..25).contains(&k)).then(|| shown(if k < 20 { "c1@1699000000" } else { life }))
        })
    };
    let [increase, ..] = rules(ERRORS_ONLY);
    expect(&world("c2@1700000590").judge(&increase), Verdict::Passed, "rose by 0");
    expect(
        &world("c2@1700000690").judge(&increase),
        Verdict::Inconclusive,
        "a container ended unseen in a gap of 2m30s",
    );
}

#[test]
fn a_label_that_comes_late_in_a_new_life_is_no_hole() {
    // The restart was seen; the first event of the new life comes half an hour later.
    let world = World::of(|k| {
        let (life, samples): (&str, &[(&str, f64)]) = match k {
            0..60 => ("c1", &[(FAMILY, 4.0), (ERRORS, 2.0)]),
            60..120 => ("c2", &[(FAMILY, 3.0)]),
            _ => ("c2", &[(FAMILY, 4.0), (ERRORS, 1.0)]),
        };
        Some(slot(k).page_of("s", "t", life, samples))
    });
    expect(&world.judge(&format!(r#"increase "max":1{ERRORS_ONLY}"#)), Verdict::Passed, "rose by 1");
}

#[test]
fn what_was_counted_behind_values_that_are_no_numbers_is_lost_with_its_container() {
    // A twentieth of measure shows no numbers, and the container ends right after that.
    let world = |from: u64| {
        World::of(move |k| {
            let value = if (from..80).contains(&k) { f64::NAN } else { 1.0 };
            Some(slot(k).page_of("s", "t", if k < 80 { "c1" } else { "c2" }, &[("m", value)]))
        })
    };
    let rule = r#"increase "max":1"#;
    expect(&world(75).judge(rule), Verdict::Inconclusive, "a container ended unseen in a gap of 3m");
    expect(&world(80).judge(rule), Verdict::Passed, "rose by 1");
}

#[test]
fn a_fall_across_a_hole_is_the_end_of_a_container_whoever_answers() {
    let words = "a container ended unseen in a gap of 3m";
    // 50 before slot 80 and 3 from then on; nobody knows whose pages these are.
    let world = |hole: std::ops::Range<u64>, shows: fn(u64) -> Option<f64>| {
        World::of(move |k| {
            let samples: Vec<(&str, f64)> = shows(k).map(|value| ("m", value)).into_iter().collect();
            (!hole.contains(&k)).then(|| slot(k).page_of("s", "t", "", &samples))
        })
    };
    let falls: fn(u64) -> Option<f64> = |k| Some(if k < 80 { 50.0 } else { 3.0 });
    for rule in [r#"increase "max":10"#, r#"growth "of":"Increase","max":10"#] {
        expect(&world(HOLE, falls).judge(rule), Verdict::Inconclusive, words);
        expect(&world(0..0, falls).judge(rule), Verdict::Passed, "rose by 3");
        // What only stands, or rises, bridges the hole.
        expect(&world(HOLE, |_| Some(50.0)).judge(rule), Verdict::Passed, "rose by 0");
        // The first event after it came later, on a page that was not the first. No page was missed: no hole, whatever it showed.
        let late: fn(u64) -> Option<f64> = |k| match k {
            0..80 => Some(50.0),
            80..82 => None,
            _ => Some(3.0),
        };
        expect(&world(HOLE, late).judge(rule), Verdict::Inconclusive, words);
        expect(&world(0..0, late).judge(rule), Verdict::Passed, "rose by 3");
    }
}

#[test]
fn a_fall_across_a_hole_right_before_a_new_life_is_told() {
    // The status is late: the page right after the hole bears the old name and shows less than before.
    let world = |after: f64| {
        World::of(move |k| {
            let (life, value) = if k <= HOLE.end { ("c1", if k < 80 { 50.0 } else { after }) } else { ("c2", 60.0) };
            (!HOLE.contains(&k)).then(|| slot(k).page_of("s", "t", life, &[("m", value)]))
        })
    };
    expect(
        &world(3.0).judge(r#"increase "max":100"#),
        Verdict::Inconclusive,
        "a container ended unseen in a gap of 3m",
    );
    expect(&world(50.0).judge(r#"increase "max":100"#), Verdict::Passed, "rose by 60");
}
