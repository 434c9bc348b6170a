//! Several targets and several series: what one of them does not show is never made up for by the others.

use seaworthy_soak::check::{Phases, Verdict, judge};
use seaworthy_soak::record::{GapReason, PodState};

use crate::world::{PHASES, Slot, TO, World, expect, pod, slot, spec};

/// A measure of six hours.
const LONG: Phases = Phases { warm_up_ms: 600_000, measure_ms: 21_600_000, settle_ms: 0, elapsed_ms: 22_200_000 };
const LONG_TO: u64 = 740;

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

/// Noise without a generator: far from periodic, and the same for ever.
fn noise(k: u64) -> f64 {
    f(k.wrapping_mul(2_654_435_761) >> 7 & 0xff) / 255.0 - 0.5
}

#[test]
fn a_sum_that_grows_by_new_series_is_a_leak() {
    // A hundred more objects every ten minutes, each time under a label of its own; the container lives on.
    let world = World::long(LONG_TO, |k| {
        let names: Vec<String> = (0..=k / 20).map(|n| format!("m{{ns=\"n{n:03}\"}}")).collect();
        let samples: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 100.0)).collect();
        Some(slot(k).page(&samples))
    });
    let verdict = world.judge_at(r#"trend "tolerablePerHour":1,"unacceptablePerHour":20"#, &LONG);
    expect(&verdict, Verdict::Failed, "the floor of m changes by");
    assert!((verdict.value.unwrap() - 600.0).abs() < 10.0, "{:?}", verdict.value);
    // Series that come and go do not make lives either.
    let blinking = World::long(LONG_TO, |k| {
        let leak = 100.0 + f(k) * 10.0 / 120.0 + noise(k);
        let mut samples = vec![("m{q=\"a\"}", leak)];
        if k % 2 == 0 {
            samples.push(("m{q=\"b\"}", 0.0));
        }
        Some(slot(k).page(&samples))
    });
    expect(&blinking.judge_at(r#"trend "tolerablePerHour":1,"unacceptablePerHour":4"#, &LONG), Verdict::Failed, "");
}

/// What two targets show of `m`: `None` for a page without it.
fn two(a: impl Fn(u64) -> Option<f64>, b: impl Fn(u64) -> Option<f64>) -> World {
    World::of(|k| {
        let page = |value: Option<f64>| value.map(|v| ("m", v)).into_iter().collect::<Vec<_>>();
        Some(slot(k).page_of("s", "a", "c1", &page(a(k))).page_of("s", "b", "c2", &page(b(k))))
    })
}

const LEVELS: [&str; 5] = [
    r#"bound "max":1000"#,
    r#"bound "max":1000,"aggregate":"max""#,
    r#"increase "max":1000"#,
    r#"growth "max":1000"#,
    r#"growth "max":1000,"of":"Increase""#,
];

#[test]
fn a_metric_that_vanishes_from_one_of_two_targets_is_not_made_up_for_by_the_other() {
    for rule in LEVELS {
        let shown = two(|k| Some(f(k)), |k| (k < 2).then_some(1.0)).judge(rule);
        expect(&shown, Verdict::Failed, "m is absent from 120 of 120 pages");
        let late =
            two(|k| Some(f(k)), |k| (k < 100).then_some(1.0)).judge(&format!("{rule}|\"onMissing\":\"Inconclusive\""));
        expect(&late, Verdict::Inconclusive, "m is absent from 40 of 120 pages");
    }
    // Its silence is no silence of the work: nobody knows what it did.
    let work = two(|k| Some(f(k.min(60))), |k| (k < 60).then_some(1.0)).judge(r#"progress "min":1"#);
    assert_ne!(work.verdict, Verdict::Passed, "{}", work.message);
    assert!(work.message.contains("m is absent"), "{}", work.message);
}

#[test]
fn a_broken_bound_is_a_fact_even_where_the_other_targets_are_not_seen() {
    // Pod a leaves its bounds in one slot, in which b gives no page, none with the metric, or no number.
    let blind = |other: u64, value: f64| {
        World::of(move |k| {
            let bad = k == 50;
            let slot = slot(k).page_of("s", "a", "c1", &[("m", if bad { value } else { 200.0 })]);
            Some(match other {
                0 if bad => slot.failed_of("b", GapReason::Timeout),
                1 if bad => slot.page_of("s", "b", "c2", &[]),
                2 if bad => slot.page_of("s", "b", "c2", &[("m", f64::NAN)]),
                _ => slot.page_of("s", "b", "c2", &[("m", 200.0)]),
            })
        })
    };
    for other in 0..3 {
        for aggregate in ["", r#","aggregate":"max""#] {
            let high = blind(other, 900.0).judge(&format!(r#"bound "max":300{aggregate}"#));
            expect(&high, Verdict::Failed, "Highest m of a is 900, above max 300, 25m into the run");
            assert!(high.settled);
        }
        for aggregate in ["", r#","aggregate":"min""#] {
            let low = blind(other, 9.0).judge(&format!(r#"bound "min":100{aggregate}"#));
            expect(&low, Verdict::Failed, "Lowest m of a is 9, below min 100, 25m into the run");
        }
        // What the other showed could have brought the value back within these bounds.
        for rule in [r#"bound "min":100,"aggregate":"max""#, r#"bound "min":250,"aggregate":"sum""#] {
            expect(&blind(other, 9.0).judge(rule), Verdict::Passed, "");
        }
        expect(&blind(other, 900.0).judge(r#"bound "max":300,"aggregate":"min""#), Verdict::Passed, "");
    }
}

#[test]
fn a_metric_that_only_some_targets_show_is_told() {
    // The leader's metric: the others never show it.
    for rule in LEVELS {
        let leader = two(|k| Some(f(k)), |_| None).judge(rule);
        expect(&leader, Verdict::Passed, "; m was seen on 1 of 2 targets");
        let both = two(|k| Some(f(k)), |_| Some(1.0)).judge(rule);
        expect(&both, Verdict::Passed, "");
        assert!(!both.message.contains("targets"), "{}", both.message);
    }
    // A new life need not show what the old one did.
    let restarted = World::of(|k| {
        let slot = slot(k).page_of("s", "a", "c1", &[("m", 1.0)]);
        Some(if k < 60 { slot.page_of("s", "b", "c2", &[("m", 1.0)]) } else { slot.page_of("s", "b", "c3", &[]) })
    });
    expect(&restarted.judge(LEVELS[0]), Verdict::Passed, "");
}

#[test]
fn a_target_that_shrinks_is_told() {
    let scaled = |to: u64| {
        World::of(move |k| {
            let names = ["a", "b", "c"].into_iter().take(usize::try_from(if k < 60 { 3 } else { to }).unwrap());
            let pods: Vec<_> = names.map(|name| pod(name, 0, "")).collect();
            let show = |slot: Slot, pod: &PodState| slot.page_of("s", &pod.name, &pod.uid, &[("m", f(k))]);
            Some(pods.iter().fold(slot(k), show).pods(&pods))
        })
    };
    for rule in LEVELS {
        let smaller = scaled(1).judge(rule);
        assert!(
            smaller.message.ends_with("; of 3 pods of the target only 1 ran 30m into the run"),
            "{}",
            smaller.message
        );
        let same = scaled(3).judge(rule);
        assert!(!same.message.contains("pods of the target"), "{}", same.message);
    }
}

#[test]
fn a_series_that_goes_while_its_container_lives_is_told() {
    let world = |gone: std::ops::Range<u64>, new: &'static str| {
        World::of(move |k| {
            let samples = [("m{x=\"a\"}", 5.0), ("m{x=\"b\"}", 5.0)];
            let shown = if gone.contains(&k) { &samples[..1] } else { &samples[..] };
            Some(slot(k).page_of("s", "t", if k < 70 { "c" } else { new }, shown))
        })
    };
    for rule in LEVELS.into_iter().chain([r#"bound "min":1"#, r#"bound "max":1000,"aggregate":"sum""#]) {
        // Labels come and go rightly: this is no verdict, and never left unsaid.
        let told = "; m{x=\"b\"} was on 87 of 120 pages";
        let gone = world(70..103, "c").judge(rule);
        expect(&gone, Verdict::Passed, told);
        assert!(gone.message.ends_with(told), "{}", gone.message);
        // One that is there all the time, comes only later, or went with its container, did not vanish.
        for other in [world(0..0, "c"), world(0..100, "c"), world(70..TO, "c2")] {
            let other = other.judge(rule);
            expect(&other, Verdict::Passed, "");
            assert!(!other.message.contains("pages"), "{}", other.message);
        }
    }
    // What counts is whether all that has to be there adds up.
    let sum = world(70..103, "c").judge(r#"bound "min":10,"aggregate":"sum""#);
    expect(&sum, Verdict::Failed, "Lowest m is 5, below min 10");
    // A label without its metric is told as such, and not twice.
    let all = World::of(|k| {
        let samples: &[(&str, f64)] = if k < 100 { &[("m{x=\"a\"}", 1.0), ("m{x=\"b\"}", 1.0)] } else { &[] };
        Some(slot(k).page(samples))
    });
    let all = all.judge(LEVELS[0]);
    expect(&all, Verdict::Failed, "m is absent from 40 of 120 pages");
    assert!(!all.message.contains("was on"), "{}", all.message);
}

#[test]
fn series_that_come_and_go_are_told_in_a_few_words() {
    // A series of its own in each slot on two targets, one of them with long names.
    let long = "x".repeat(500);
    let world = World::of(|k| {
        let (a, b) = (format!("m{{o=\"{k:03}\"}}"), format!("m{{o=\"{k:03}{long}\"}}"));
        Some(slot(k).page_of("s", "a", "c1", &[(a.as_str(), 1.0)]).page_of("s", "b", "c2", &[(b.as_str(), 1.0)]))
    });
    let verdict = world.judge(r#"bound "max":1"#);
    let told = "; m{o=\"000\"} of a was on 0 of 120 pages, m{o=\"001\"} of a on 0 of 120, m{o=\"002\"} of a on 0 of 120, and 275 more series came and went";
    expect(&verdict, Verdict::Passed, told);
    // A long name is cut.
    let cut = World::of(|k| {
        let name = format!("m{{o=\"{long}\"}}");
        let samples = [("m", 1.0), (name.as_str(), 1.0)];
        Some(slot(k).page(if k < 60 { &samples } else { &samples[..1] }))
    });
    let cut = cut.judge(r#"bound "max":1"#);
    expect(&cut, Verdict::Passed, "xxx… was on 40 of 120 pages");
    assert!(cut.message.len() < 200, "{}", cut.message);
}

#[test]
fn a_label_without_events_is_no_absent_metric() {
    let rule = r#"increase "max":0,"labels":[{"label":"code","values":["500"]}]"#;
    let family = "seaworthy_series_of_metric{metric=\"m\"}";
    let world = |gone: u64| {
        World::of(move |k| {
            let count = if k < gone { 3.0 } else { 0.0 };
            let slot = slot(k).page_of("s", "a", "c1", &[(family, 3.0), ("m{code=\"500\"}", 0.0)]);
            Some(slot.page_of("s", "b", "c2", &[(family, count)]))
        })
    };
    expect(&world(999).judge(rule), Verdict::Passed, "rose by 0");
    expect(&world(60).judge(rule), Verdict::Failed, "m is absent from 80 of 120 pages");
}

#[test]
fn what_a_life_counted_before_the_judged_time_is_no_gain() {
    // The judged time begins at 1700000600; b has lived for days and is reached at slot 100 only.
    let late = |life: &'static str, first: f64| {
        World::of(move |k| {
            let slot = slot(k).page_of("s", "a", "c1@1699000000", &[("m", f(k))]);
            Some(if k < 100 { slot } else { slot.page_of("s", "b", life, &[("m", first + f(k))]) })
        })
    };
    for (rule, gained) in [("increase", "m rose by 158"), (r#"growth "of":"Increase","#, "m rose by 158")] {
        let rule = if rule == "increase" { r#"increase "max":158"#.to_owned() } else { format!("{rule}\"max\":158") };
        let old = late("c2@1699500000", 5_000_000.0).judge(&rule);
        expect(&old, Verdict::Passed, gained);
        assert!(old.message.contains("b was first seen 50m into the run"), "{}", old.message);
        // One that began within it gained all that it shows, and so did one whose begin nobody knows.
        for young in ["c2@1700002900", "c2"] {
            expect(&late(young, 0.0).judge(&rule), Verdict::Failed, "rose by 258");
        }
    }
    // A counter that appears on a page that was read before began at zero, however old its life is.
    let first = World::of(|k| {
        let samples: &[(&str, f64)] =
            if k < 60 { &[("m{a=\"1\"}", 1.0)] } else { &[("m{a=\"1\"}", 1.0), ("m{a=\"2\"}", 3.0)] };
        Some(slot(k).page_of("s", "t", "c1@1699000000", samples))
    });
    expect(&first.judge(r#"increase "max":2"#), Verdict::Failed, "rose by 3");
}

#[test]
fn a_target_that_a_hole_swallowed_took_its_count_along() {
    let world = |from: u64, to: u64| {
        World::of(move |k| match k {
            _ if k < from => Some(slot(k).page_of("s", "web-a", "c1", &[("m", f(k))])),
            _ if k < to => None,
            _ => Some(slot(k).page_of("s", "web-b", "c2", &[("m", f(k - to))])),
        })
    };
    for rule in [r#"increase "max":1000"#, r#"growth "of":"Increase","max":1000"#, r#"progress "min":1"#] {
        expect(&world(76, 76).judge(rule), Verdict::Passed, "");
        expect(&world(76, 81).judge(rule), Verdict::Inconclusive, "a container ended unseen in a gap of 3m");
    }
}

#[test]
fn the_published_evidence_must_be_enough_as_well() {
    use seaworthy_soak::check::{Published, judge_against};
    let rule = spec(r#"baseline "maxRise":0.1"#, 0);
    let whole = || World::of(|k| Some(slot(k).page(&[("m", 100.0 + noise(k))])));
    let thin = World::of(|k| {
        Some(if k % 2 == 0 { slot(k).page(&[("m", 100.0 + noise(k))]) } else { slot(k).failed(GapReason::Timeout) })
    });
    let new = whole().evidence();
    let against = |old: World| {
        let old = old.evidence();
        let published = Published { evidence: &old, phases: PHASES };
        judge_against(std::slice::from_ref(&rule), &new, &PHASES, Some(published)).checks.remove(0)
    };
    expect(&against(whole()), Verdict::Passed, "");
    expect(&against(thin), Verdict::Inconclusive, "the last published release: only 60 of 120 planned samples");
    assert_eq!(judge(std::slice::from_ref(&rule), &new, &PHASES).verdict, Verdict::Inconclusive);
}
