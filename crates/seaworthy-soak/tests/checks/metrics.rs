//! Rules over metrics.

use seaworthy_soak::check::{Phases, Published, Verdict, judge_against};
use seaworthy_soak::record::GapReason;

use crate::world::{FROM, PHASES, TO, World, expect, slot, spec};

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

#[test]
fn bound_finds_the_one_bad_sample() {
    let spike = || World::with_metric(|k| if k == 50 { 9.0 } else { 1.0 });
    let high = spike().judge(r#"bound "max":5"#);
    expect(&high, Verdict::Failed, "Highest m of t is 9, above max 5, 25m into the run");
    assert!(high.settled);
    assert_eq!((high.value, high.threshold), (Some(9.0), Some(5.0)));
    expect(&spike().judge(r#"bound "max":9"#), Verdict::Passed, "within max 9");
    expect(&spike().judge(r#"bound "max":5,"quantile":0.95"#), Verdict::Passed, "95 % quantile of m is 1");
    expect(&spike().judge(r#"bound "min":2"#), Verdict::Failed, "Lowest m of t is 1, below min 2");
    expect(&spike().judge(r#"bound "min":1,"max":9"#), Verdict::Passed, "within 1 to 9");
    // What happens before the judged time does not count, unless the check has a warm-up of its own.
    let early = || World::with_metric(|k| if k == 5 { 9.0 } else { 1.0 });
    expect(&early().judge(r#"bound "max":5"#), Verdict::Passed, "");
    expect(&early().judge(r#"bound "max":5|"warmUpSeconds":0"#), Verdict::Failed, "2m30s into the run");
}

#[test]
fn a_fact_stands_whatever_was_missed() {
    let world = World::of(|k| match k {
        60 => Some(slot(k).page(&[("m", 99.0)])),
        _ => Some(slot(k).failed(GapReason::Timeout)),
    });
    let verdict = world.judge_at(r#"bound "max":5|"failFast":true"#, &Phases { elapsed_ms: 2_000_000, ..PHASES });
    expect(&verdict, Verdict::Failed, "Highest m");
    assert!(verdict.settled);
}

#[test]
fn fail_fast_ends_the_run_for_required_facts_only() {
    let run = |check: &str| World::with_metric(|_| 9.0).judge_all(&[check], &PHASES).fail_fast;
    assert!(run(r#"bound "max":5|"failFast":true"#));
    assert!(!run(r#"bound "max":5"#));
    assert!(!run(r#"bound "max":5|"failFast":true,"enforcement":"Advisory""#));
    assert!(!run(r#"bound "max":50|"failFast":true"#));
}

#[test]
fn bound_holds_each_series_unless_told_to_add() {
    let two = || World::of(|k| Some(slot(k).page(&[("m{x=\"1\"}", 3.0), ("m{x=\"2\"}", 4.0)])));
    expect(&two().judge(r#"bound "max":5"#), Verdict::Passed, "");
    expect(&two().judge(r#"bound "max":5,"aggregate":"sum""#), Verdict::Failed, "is 7");
    expect(&two().judge(r#"bound "max":3.5,"aggregate":"min""#), Verdict::Passed, "");
    expect(&two().judge(r#"bound "max":3.5,"aggregate":"max""#), Verdict::Failed, "is 4");
    expect(&two().judge(r#"bound "max":3.5,"aggregate":"last""#), Verdict::Failed, "is 4");
    expect(&two().judge(r#"bound "max":3.5,"labels":[{"label":"x","values":["1"]}]"#), Verdict::Passed, "");
    let labels = two().judge(r#"bound "max":2,"aggregate":{"labelSum":{"label":"x"}}"#);
    expect(&labels, Verdict::Failed, "is 3");
}

#[test]
fn the_last_by_label_order_is_the_newest() {
    let rule = r#"bound "max":100,"aggregate":"last""#;
    let of = |samples: &'static [(&'static str, f64)]| World::of(move |k| Some(slot(k).page(samples))).judge(rule);
    for newest in [
        [("m{n=\"9\"}", 5.0), ("m{n=\"10\"}", 500.0)],
        [("m{a=\"x\",n=\"9\"}", 5.0), ("m{a=\"x\",n=\"10.5\"}", 500.0)],
        [("m{n=\"-2\"}", 5.0), ("m{n=\"-1\"}", 500.0)],
        [("m{n=\"9007199254740992\"}", 5.0), ("m{n=\"9007199254740993\"}", 500.0)],
        [("m{t=\"2026-01-01T09:00:00Z\"}", 5.0), ("m{t=\"2026-01-01T10:00:00Z\"}", 500.0)],
        [("m{n=\"10\"}", 5.0), ("m{n=\"latest\"}", 500.0)],
        [("m", 5.0), ("m{n=\"1\"}", 500.0)],
    ] {
        let page = |samples: [(&'static str, f64); 2]| World::of(move |k| Some(slot(k).page(&samples))).judge(rule);
        expect(&page(newest), Verdict::Failed, "is 500");
        let [old, new] = newest;
        expect(&page([(old.0, 500.0), (new.0, 5.0)]), Verdict::Passed, "");
    }
    expect(&of(&[("m{n=\"1\"}", 500.0), ("m{n=\"02\"}", 5.0), ("m{n=\"1.5\"}", 500.0)]), Verdict::Passed, "");
}

#[test]
fn targets_that_disagree_about_the_last_series_have_no_value() {
    let rule = r#"bound "max":100,"aggregate":"last""#;
    let both = |a: f64, b: f64| {
        World::of(move |k| {
            let page = |value: f64| [("m{n=\"9\"}", 7.0 + value), ("m{n=\"10\"}", value)];
            Some(slot(k).page_of("s", "a", "c1", &page(a)).page_of("s", "b", "c2", &page(b)))
        })
    };
    for (a, b) in [(5.0, 500.0), (500.0, 5.0)] {
        let verdict = both(a, b).judge(rule);
        expect(&verdict, Verdict::Inconclusive, "targets disagree about the last series");
        assert!(
            verdict.message.contains("aggregate by Max, Min or Sum") && verdict.message.contains("(m{n=\"10\"})"),
            "{}",
            verdict.message
        );
    }
    expect(&both(5.0, 5.0).judge(rule), Verdict::Passed, "");
    expect(&both(500.0, 500.0).judge(rule), Verdict::Failed, "is 500");
}

#[test]
fn sums_beyond_the_range_of_a_number_never_pass() {
    let huge = |k: u64| 1e308 + if k.is_multiple_of(2) { 1e300 } else { 0.0 };
    let two = || World::of(move |k| Some(slot(k).page(&[("m{x=\"1\"}", huge(k)), ("m{x=\"2\"}", huge(k))])));
    for rule in [r#"growth "max":5"#, r#"trend "tolerablePerHour":1"#, r#"bound "min":1,"aggregate":"sum""#] {
        expect(&two().judge(rule), Verdict::Inconclusive, "120 values are not finite numbers");
    }
    // Most of the time: then it is a matter of coverage.
    let often = World::of(move |k| {
        let value = if k % 5 < 3 { 1e308 } else { 1.0 };
        Some(slot(k).page(&[("m{x=\"1\"}", value), ("m{x=\"2\"}", value)]))
    });
    expect(
        &often.judge(r#"trend "tolerablePerHour":1"#),
        Verdict::Inconclusive,
        "only 48 of 120 planned samples of m (40 %, at least 95 % are needed, 72 were not finite numbers)",
    );
    // The middle between the least and the largest number is none.
    let apart = |k: u64| if k < 30 && k.is_multiple_of(2) { -1.7e308 } else { 1.7e308 };
    let median = World::with_metric(apart).judge(r#"growth "max":5,"baseline":{"median":{"seconds":300}}"#);
    expect(&median, Verdict::Inconclusive, "too far apart for a median");
    expect(&World::with_metric(apart).judge(r#"growth "max":5"#), Verdict::Failed, "m rose");
}

#[test]
fn the_sum_of_label_values() {
    // Failures are in the label, not in the value: one series says 0, another 3.
    let rule = r#"bound "max":5,"aggregate":{"labelSum":{"label":"count"}}"#;
    let world = |n: u64| {
        World::of(move |k| {
            let late = format!("m{{count=\"{n}\"}}");
            let mut samples = vec![("m{count=\"0\"}", 1.0)];
            if k > 60 {
                samples.push((late.as_str(), 1.0));
            }
            Some(slot(k).page(&samples))
        })
    };
    expect(&world(5).judge(rule), Verdict::Passed, "");
    expect(&world(6).judge(rule), Verdict::Failed, "is 6");
    // A label that is no number is no evidence.
    let words = World::of(|k| Some(slot(k).page(&[("m{count=\"many\"}", 1.0)]))).judge(rule);
    expect(&words, Verdict::Inconclusive, "no sample of m");
}

/// Two targets; `b` has news in every second slot only, because its metric's own time moves on so slowly.
fn two_with_repeats(a: impl Fn(u64) -> f64, b: impl Fn(u64) -> f64) -> World {
    World::of(|k| {
        let time = 1_700_000_000_000 + (k / 2 * 2 * 30_000).cast_signed();
        Some(slot(k).page_of("s", "a", "c1", &[("m", a(k))]).timed_page("s", "b", "c2", &[("m", b(k / 2 * 2), time)]))
    })
}

#[test]
fn what_one_target_repeats_hides_nothing_of_the_others() {
    // Only a slot in which b has no news shows that the bound is broken by a.
    let spike = || two_with_repeats(|k| if k == 91 { 50.0 } else { 1.0 }, |_| 2.0);
    for rule in [r#"bound "max":10"#, r#"bound "max":10,"aggregate":"sum""#, r#"bound "max":10,"aggregate":"max""#] {
        expect(&spike().judge(rule), Verdict::Failed, "45m30s into the run");
    }
    expect(&spike().judge(r#"growth "max":10"#), Verdict::Failed, "rose 49 above its baseline of 3");
    // What b showed last stands in that slot: the sum does not dip.
    let sum = two_with_repeats(|_| 1.0, |_| 2.0).judge(r#"bound "min":3,"max":3,"aggregate":"sum""#);
    expect(&sum, Verdict::Passed, "within 3 to 3");
    // Not for ever: a source that stands still is no evidence.
    let still = World::of(|k| {
        let time = 1_700_000_000_000 + (k.min(100) * 30_000).cast_signed();
        Some(slot(k).page_of("s", "a", "c1", &[("m", 1.0)]).timed_page("s", "b", "c2", &[("m", 2.0, time)]))
    });
    expect(&still.judge(r#"bound "max":10"#), Verdict::Inconclusive, "");
}

#[test]
fn a_counter_that_appears_started_at_zero() {
    let born = |k: u64| if k < 60 { vec![("m{a=\"1\"}", 1.0)] } else { vec![("m{a=\"1\"}", 1.0), ("m{a=\"2\"}", 3.0)] };
    let world = || World::of(move |k| Some(slot(k).page(&born(k))));
    expect(&world().judge(r#"increase "max":2"#), Verdict::Failed, "rose by 3");
    // So did the counters of a pod that appears.
    let pods = World::of(|k| {
        let slot = slot(k).page_of("s", "t1", "c1", &[("m", 5.0)]);
        Some(if k < 60 { slot } else { slot.page_of("s", "t2", "c2", &[("m", 4.0)]) })
    });
    expect(&pods.judge(r#"increase "max":0"#), Verdict::Failed, "rose by 4");
    // A pod that could not be reached at first did not appear.
    let late =
        World::of(|k| Some(if k < 22 { slot(k).failed(GapReason::Timeout) } else { slot(k).page(&[("m", 4.0)]) }));
    expect(&late.judge(r#"increase "max":0"#), Verdict::Passed, "rose by 0");
}

#[test]
fn a_counter_without_events_stands_at_zero_when_its_metric_is_there() {
    let rule = r#"increase "max":0,"labels":[{"label":"code","values":["500"]}]"#;
    let family = "seaworthy_series_of_metric{metric=\"m\"}";
    let quiet = |count: f64| World::of(move |k| Some(slot(k).page(&[(family, count)])));
    expect(&quiet(3.0).judge(rule), Verdict::Passed, "rose by 0");
    expect(&quiet(0.0).judge(rule), Verdict::Failed, "m is absent");
    let loud = World::of(|k| {
        let mut samples = vec![(family, 3.0)];
        if k > 90 {
            samples.push(("m{code=\"500\"}", 1.0));
        }
        Some(slot(k).page(&samples))
    });
    expect(&loud.judge(rule), Verdict::Failed, "rose by 1");
}

#[test]
fn growth_of_a_sum_whose_series_come_and_go() {
    // One more window label every 10 slots, the oldest goes after a while; each window counts 2.
    let windows = |k: u64, keep: u64| {
        let newest = k / 10;
        let names: Vec<String> =
            (newest.saturating_sub(keep)..=newest).map(|w| format!("m{{window=\"{w:03}\"}}")).collect();
        let samples: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 2.0)).collect();
        slot(k).page(&samples)
    };
    let growing = || World::of(|k| Some(windows(k, 99)));
    // At the first judged slot there are 3 windows, at the last 14: 22 more.
    expect(
        &growing().judge(r#"growth "aggregate":"sum","max":22"#),
        Verdict::Passed,
        "rose at most 22 above its baseline of 6",
    );
    let failed = growing().judge(r#"growth "aggregate":"sum","max":10"#);
    expect(&failed, Verdict::Failed, "22 above its baseline of 6, more than 10");
    assert!(failed.settled);
    let bounded = World::of(|k| Some(windows(k, 2)));
    expect(&bounded.judge(r#"growth "aggregate":"sum","max":0"#), Verdict::Passed, "rose at most 0");
    let last = World::of(|k| Some(windows(k, 99))).judge(r#"growth "aggregate":"last","max":0"#);
    expect(&last, Verdict::Passed, "");
}

#[test]
fn growth_against_a_median() {
    let noisy_start = |k: u64| if k == FROM { 100.0 } else { 10.0 + f(k % 3) };
    let median = r#"growth "max":2,"baseline":{"median":{"seconds":300}}"#;
    expect(&World::with_metric(noisy_start).judge(median), Verdict::Passed, "baseline of 11");
    expect(
        &World::with_metric(|k| noisy_start(k) + if k > 100 { 5.0 } else { 0.0 }).judge(median),
        Verdict::Failed,
        "6 above",
    );
    let gap = World::of(|k| (!(20..45).contains(&k)).then(|| slot(k).page(&[("m", 1.0)])));
    expect(&gap.judge(r#"growth "max":2"#), Verdict::Inconclusive, "");
}

#[test]
fn growth_of_a_counter() {
    let counter = |k: u64| f(k);
    let rule = r#"growth "of":"Increase","max":119"#;
    expect(&World::with_metric(counter).judge(rule), Verdict::Passed, "rose by 119");
    expect(&World::with_metric(counter).judge(r#"growth "of":"Increase","max":118"#), Verdict::Failed, "");
    let hole = World::of(|k| (!(50..56).contains(&k)).then(|| slot(k).page(&[("m", counter(k))])));
    expect(&hole.judge(rule), Verdict::Passed, "");
}

#[test]
fn progress_finds_silence() {
    let rule = r#"progress "min":1"#;
    expect(&World::with_metric(f).judge(rule), Verdict::Passed, "at least 20 in every 10m");
    let silent = World::with_metric(|k| f(k.min(90)));
    let verdict = silent.judge(rule);
    expect(&verdict, Verdict::Failed, "rose by at most 0 in the 10m that ended 55m into the run");
    assert!(verdict.settled);
    // Slow is not silent, and a hole is neither.
    expect(&World::with_metric(|k| f(k / 19)).judge(rule), Verdict::Passed, "");
    let hole = World::of(|k| (!(60..66).contains(&k)).then(|| slot(k).page(&[("m", f(k))])));
    expect(&hole.judge(rule), Verdict::Passed, "");
    let long = World::with_metric(f).judge(r#"progress "min":1,"periodSeconds":7200"#);
    expect(&long, Verdict::Inconclusive, "longer than the measure");
    // Mid-run, too.
    let phases = Phases { elapsed_ms: 3_600_000, ..PHASES };
    expect(&World::with_metric(|k| f(k.min(30))).judge_at(rule, &phases), Verdict::Failed, "");
    expect(&World::with_metric(f).judge_at(rule, &phases), Verdict::Inconclusive, "so far");
}

#[test]
fn one_target_of_two_is_missing() {
    let both = |k: u64| slot(k).page_of("s", "a", "c", &[("m", 10.0)]).page_of("s", "b", "c", &[("m", 10.0)]);
    // A sum without one of its parts is no sum: the slot counts as a gap, not as a drop.
    let world = World::of(|k| {
        Some(if k % 2 == 0 {
            both(k)
        } else {
            slot(k).page_of("s", "a", "c", &[("m", 10.0)]).failed(GapReason::Timeout)
        })
    });
    let verdict = world.judge(r#"bound "min":20,"aggregate":"sum""#);
    expect(&verdict, Verdict::Inconclusive, "50 %");
    assert_eq!(TO, 140);
}

/// A measure of six hours.
const LONG: Phases = Phases { warm_up_ms: 600_000, measure_ms: 21_600_000, settle_ms: 0, elapsed_ms: 22_200_000 };
const LONG_TO: u64 = 740;

fn long(value: impl Fn(u64) -> f64) -> World {
    World::long(LONG_TO, |k| Some(slot(k).page(&[("m", value(k))])))
}

/// Noise without a generator: far from periodic, and the same for ever.
fn noise(k: u64) -> f64 {
    f(k.wrapping_mul(2_654_435_761) >> 7 & 0xff) / 255.0 - 0.5
}

const TREND: &str = r#"trend "tolerablePerHour":1,"unacceptablePerHour":4"#;

#[test]
fn trend_tells_a_leak() {
    let flat = long(|k| 120.0 + noise(k)).judge_at(TREND, &LONG);
    expect(&flat, Verdict::Passed, "stays below the unacceptable slope");
    let (low, high) = flat.interval.unwrap();
    assert!(low < 0.0 && 0.0 < high && high < 1.0, "{low} {high}");
    assert!(flat.detectable.unwrap() < 2.0);
    assert_eq!(flat.threshold, Some(4.0));
    let leak = long(|k| 120.0 + f(k) * 3.0 / 120.0 + noise(k)).judge_at(TREND, &LONG);
    expect(&leak, Verdict::Failed, "the floor of m changes by");
    assert!((leak.value.unwrap() - 3.0).abs() < 0.2);
    assert!(!leak.settled);
    let bytes = |k: u64| (120.0 + f(k) * 3.0 / 120.0 + noise(k)) * 1_048_576.0;
    let world = World::long(LONG_TO, |k| Some(slot(k).page(&[("rss_bytes", bytes(k))])));
    let check = r#"{"name":"memory","trend":{"source":"s","metric":"rss_bytes","limit":209715200}}"#;
    let spec = serde_json::from_str(check).unwrap();
    let verdict = seaworthy_soak::check::judge(&[spec], &world.evidence(), &LONG).checks.remove(0);
    expect(&verdict, Verdict::Failed, "Mi per hour");
    assert!(verdict.message.contains("1Mi is tolerable, 4Mi is not"), "{}", verdict.message);
    assert!(verdict.message.contains("its limit of 200Mi could be reached in 2"), "{}", verdict.message);
    assert!(verdict.message.contains(" to 2"), "both ends: {}", verdict.message);
}

#[test]
fn a_trend_without_thresholds_goes_by_the_size_of_what_it_follows() {
    // A level in units of this size, and its rise per hour.
    let judged = |metric: &'static str, unit: f64, level: f64, rise: f64| {
        let value = |k: u64| (level + rise * f(k) / 120.0 + 0.1 * noise(k)) * unit;
        let world = World::long(LONG_TO, |k| Some(slot(k).page(&[(metric, value(k))])));
        let check = format!(r#"{{"name":"n","trend":{{"source":"s","metric":"{metric}"}}}}"#);
        let spec = serde_json::from_str(&check).unwrap();
        seaworthy_soak::check::judge(&[spec], &world.evidence(), &LONG).checks.remove(0)
    };
    let mebibytes = |level: f64, rise: f64| judged("rss_bytes", 1_048_576.0, level, rise);
    expect(&mebibytes(100.0, 0.0), Verdict::Passed, "; 1Mi is tolerable, 4Mi is not)");
    expect(&mebibytes(1024.0, 0.0), Verdict::Passed, "; 5.12Mi is tolerable, 20.48Mi is not)");
    // On both sides of where half a percent is a mebibyte.
    expect(&mebibytes(180.0, 0.0), Verdict::Passed, "; 1Mi is tolerable, 4Mi is not)");
    expect(&mebibytes(220.0, 0.0), Verdict::Passed, "; 1.1Mi is tolerable, 4.4Mi is not)");
    expect(&mebibytes(100.0, 3.0), Verdict::Failed, "; 1Mi is tolerable");
    expect(&mebibytes(1024.0, 3.0), Verdict::Passed, "");
    expect(&mebibytes(1024.0, 30.0), Verdict::Failed, "");
    // What is not in bytes has no least.
    expect(&judged("m", 1.0, 10.0, 3.0), Verdict::Failed, "");
    expect(&judged("m", 1.0, 1000.0, 3.0), Verdict::Passed, "");
}

#[test]
fn the_time_to_the_limit_is_told_whatever_the_verdict() {
    let rise = |limit: u32| {
        let rule = format!(r#"trend "tolerablePerHour":1,"unacceptablePerHour":4,"limit":{limit}"#);
        long(|k| 120.0 + f(k) / 240.0 + noise(k)).judge_at(&rule, &LONG)
    };
    // Half a unit an hour, 77 to go.
    let passed = rise(200);
    expect(&passed, Verdict::Passed, "; its limit of 200 could be reached in 6d7h to 6d13h");
    expect(&rise(121), Verdict::Passed, "; its limit of 121 is reached already");
    let exact = long(|k| 120.0 + f(k) / 1200.0);
    let exact = exact.judge_at(r#"trend "tolerablePerHour":1,"unacceptablePerHour":4,"limit":200"#, &LONG);
    assert_eq!(exact.message.matches(" to ").count(), 1, "both ends alike: {}", exact.message);
    // Where the slope may be none, only the soonest end is finite.
    let flat =
        long(|k| 120.0 + noise(k)).judge_at(r#"trend "tolerablePerHour":1,"unacceptablePerHour":4,"limit":200"#, &LONG);
    expect(&flat, Verdict::Passed, " at the soonest");
    let falls = long(|k| 120.0 - f(k) / 60.0 + noise(k));
    let falls = falls.judge_at(r#"trend "tolerablePerHour":1,"unacceptablePerHour":4,"limit":200"#, &LONG);
    expect(&falls, Verdict::Passed, "");
    assert!(!falls.message.contains("limit"), "{}", falls.message);
}

#[test]
fn the_size_of_the_page_is_a_series() {
    let evidence = World::of(|k| Some(slot(k).page(&[("m", 1.0)]))).evidence();
    let bound = |max: u32| {
        let check =
            format!(r#"{{"name":"page","bound":{{"source":"s","metric":"scrape_samples_scraped","max":{max}}}}}"#);
        let spec = serde_json::from_str(&check).unwrap();
        seaworthy_soak::check::judge(&[spec], &evidence, &crate::world::PHASES).checks.remove(0)
    };
    expect(&bound(9), Verdict::Failed, "is 10");
    expect(&bound(10), Verdict::Passed, "");
}

#[test]
fn trend_needs_evidence() {
    expect(&World::empty().judge_at(TREND, &LONG), Verdict::Inconclusive, "no sample of m");
    let absent = World::long(LONG_TO, |k| Some(slot(k).page(&[("other", 1.0)])));
    expect(&absent.judge_at(TREND, &LONG), Verdict::Failed, "m is absent");
    let failing = World::long(LONG_TO, |k| Some(slot(k).failed(GapReason::Timeout)));
    expect(&failing.judge_at(TREND, &LONG), Verdict::Inconclusive, "Timeout");
    let hole = |from: u64, to: u64| {
        World::long(LONG_TO, move |k| (!(from..to).contains(&k)).then(|| slot(k).page(&[("m", 120.0 + noise(k))])))
    };
    // 5 % of six hours are 18 minutes.
    expect(&hole(100, 136).judge_at(TREND, &LONG), Verdict::Passed, "");
    expect(&hole(100, 137).judge_at(TREND, &LONG), Verdict::Inconclusive, "");
    let so_far = long(|k| 120.0 + noise(k)).judge_at(TREND, &Phases { elapsed_ms: 9_000_000, ..LONG });
    expect(&so_far, Verdict::Inconclusive, "so far");
    let zero = long(|_| 0.0).judge_at("trend", &LONG);
    expect(&zero, Verdict::Error, "give tolerablePerHour");
    let infinite = long(|_| f64::INFINITY).judge_at(TREND, &LONG);
    expect(&infinite, Verdict::Inconclusive, "no sample of m");
}

#[test]
fn trend_skips_declared_faults_and_bound_does_not() {
    let faulty = |k: u64| if (300..340).contains(&k) { 500.0 } else { 0.0 };
    let step_by_step = |k: u64| 120.0 + noise(k) + faulty(k);
    let mut world = long(step_by_step);
    world.fault(300 * 30_000, 340 * 30_000);
    let judgement = world.judge_all(&[TREND, r#"bound "max":400"#], &LONG);
    expect(&judgement.checks[0], Verdict::Passed, "");
    expect(&judgement.checks[1], Verdict::Failed, "Highest m");
}

#[test]
fn trend_follows_a_rate() {
    let rule = r#"trend "of":"Rate","tolerablePerHour":0.001,"unacceptablePerHour":0.004"#;
    // Two hundredths of a core, and one that needs ever more.
    let cpu = |growth: f64| {
        long(move |k| {
            let hours = f(k) / 120.0;
            72.0 * hours + growth * 3600.0 * hours * hours / 2.0 + 0.01 * noise(k)
        })
    };
    expect(&cpu(0.0).judge_at(rule, &LONG), Verdict::Passed, "");
    let more = cpu(0.005).judge_at(rule, &LONG);
    expect(&more, Verdict::Failed, "");
    assert!((more.value.unwrap() - 0.005).abs() < 0.0005, "{:?}", more.value);
}

#[test]
fn trends_of_a_run_are_corrected_together() {
    let slope = |k: u64| 120.0 + f(k) * 1.5 / 120.0 + 6.0 * noise(k);
    let one = long(slope).judge_all(&[TREND], &LONG);
    let many = long(slope).judge_all(&[TREND, TREND, TREND, TREND], &LONG);
    let advisory = format!("{TREND}|\"enforcement\":\"Advisory\"");
    let mixed = long(slope).judge_all(&[TREND, &advisory, &advisory], &LONG);
    let lower = |j: &seaworthy_soak::check::Judgement| j.checks[0].interval.unwrap().0;
    assert!(lower(&many) < lower(&one));
    assert!((lower(&mixed) - lower(&one)).abs() < 1e-12);
    assert!((mixed.checks[1].interval.unwrap().0 - lower(&one)).abs() < 1e-12);
    // An interval that is uneven for that says so.
    let told = ", the lower end corrected for 4 required trends; 1 is tolerable, 4 is not)";
    assert!(many.checks[0].message.contains(told), "{}", many.checks[0].message);
    assert!(!one.checks[0].message.contains("corrected") && !mixed.checks[1].message.contains("corrected"));
}

#[test]
fn a_trend_that_passes_by_a_step_says_whose_interval_it_is() {
    let step = long(|k| 120.0 + if k < 420 { 0.0 } else { 30.0 } + noise(k)).judge_at(TREND, &LONG);
    expect(&step, Verdict::Passed, "one step explains the rise");
    assert!(step.interval.unwrap().1 > 4.0, "{:?}", step.interval);
    let told = "into the run; the slope and its interval include it";
    assert!(step.message.contains("the step of 29.99 came 3h32m") && step.message.contains(told), "{}", step.message);
}

#[test]
fn messages_tell_amounts_with_the_unit_of_their_series() {
    const MEBIBYTE: f64 = 1_048_576.0;
    let judged = |metric: &'static str, value: fn(u64) -> f64, rule: &str| {
        let world = World::of(|k| Some(slot(k).page(&[(metric, value(k))])));
        let select = format!(r#""source":"s","metric":"{metric}""#);
        let check = format!(r#"{{"name":"n",{}}}"#, rule.replace('@', &select));
        let spec = serde_json::from_str(&check).unwrap();
        seaworthy_soak::check::judge(&[spec], &world.evidence(), &PHASES).checks.remove(0)
    };
    let level = |k: u64| 184.8 * MEBIBYTE + f(k) * 0.125 * MEBIBYTE;
    let bytes = |rule: &str| judged("rss_bytes", level, rule);
    expect(&bytes(r#""bound":{@,"max":419430400}"#), Verdict::Passed, "rss_bytes stayed within max 400Mi");
    expect(&bytes(r#""bound":{@,"max":104857600}"#), Verdict::Failed, "is 202.2Mi, above max 100Mi");
    expect(&bytes(r#""bound":{@,"max":419430400,"quantile":0.5}"#), Verdict::Passed, "is 194.7Mi, within max 400Mi");
    let grown = "rose at most 14.88Mi above its baseline of 187.3Mi, 40Mi allowed";
    expect(&bytes(r#""growth":{@,"max":41943040}"#), Verdict::Passed, grown);
    expect(
        &bytes(r#""growth":{@,"max":1048576}"#),
        Verdict::Failed,
        "14.88Mi above its baseline of 187.3Mi, more than 1Mi",
    );
    let seconds = |rule: &str| judged("cpu_seconds_total", |k| f(k) * 0.5, rule);
    expect(&seconds(r#""increase":{@,"max":90}"#), Verdict::Passed, "rose by 59.5s, at most 90s allowed");
    expect(&seconds(r#""progress":{@,"min":5}"#), Verdict::Passed, "rose by at least 10s in every 10m, 5s needed");
    // What differs by little does not read as if it were the same.
    let close = |rule: &str| judged("rss_bytes", |_| 400.0 * MEBIBYTE + 1.0, rule);
    expect(&close(r#""bound":{@,"max":419430400}"#), Verdict::Failed, "is 419430401, above max 419430400");
}

#[test]
fn baseline_compares_with_the_last_release() {
    let rule = spec(r#"baseline "maxRise":0.1"#, 0);
    let old = long(|k| 100.0 + 4.0 * noise(k)).evidence();
    let published = Published { evidence: &old, phases: LONG };
    let against = |level: f64, spread: f64| {
        let new = long(move |k| level + spread * noise(k + 13)).evidence();
        judge_against(std::slice::from_ref(&rule), &new, &LONG, Some(published)).checks.remove(0)
    };
    let same = against(100.0, 4.0);
    expect(&same, Verdict::Passed, "in the last published release: ");
    let (low, high) = same.interval.unwrap();
    assert!(low < 0.0 && 0.0 < high && high < 2.0);
    let dearer = against(120.0, 4.0);
    expect(&dearer, Verdict::Failed, "find what became dearer");
    assert!((dearer.value.unwrap() - 20.0).abs() < 1.0);
    expect(&against(110.0, 60.0), Verdict::Inconclusive, "measure longer");
    let first = judge_against(std::slice::from_ref(&rule), &old, &LONG, None).checks.remove(0);
    expect(&first, Verdict::Inconclusive, "no published release to compare with");
    let empty = World::empty().evidence();
    let nothing = Published { evidence: &empty, phases: LONG };
    let verdict = judge_against(std::slice::from_ref(&rule), &old, &LONG, Some(nothing)).checks.remove(0);
    expect(&verdict, Verdict::Inconclusive, "0 in the last published release");
}

#[test]
fn baseline_compares_the_quantile_that_it_names() {
    // Each fifth sample is a peak: more than a tenth of them, and less than half.
    let peaks =
        |low: f64, high: f64| long(move |k| if k.is_multiple_of(5) { high } else { low } + 4.0 * noise(k)).evidence();
    let old = peaks(100.0, 150.0);
    let judged = |quantile: &str, new: &seaworthy_soak::evidence::Evidence| {
        let rule = spec(&format!(r#"baseline "maxRise":0.1{quantile}"#), 0);
        let published = Published { evidence: &old, phases: LONG };
        judge_against(std::slice::from_ref(&rule), new, &LONG, Some(published)).checks.remove(0)
    };
    let upper = r#","quantile":0.9"#;
    let higher = peaks(100.0, 200.0);
    let failed = judged(upper, &higher);
    expect(&failed, Verdict::Failed, "the 90 % quantile of m is ");
    assert!((failed.value.unwrap() - 50.0).abs() < 1.0, "{failed:#?}");
    let broader = peaks(130.0, 150.0);
    expect(&judged(upper, &broader), Verdict::Passed, "the 90 % quantile of m is ");
    for median in [r#","quantile":0.5"#, ""] {
        expect(&judged(median, &higher), Verdict::Passed, "the 50 % quantile of m is ");
        let failed = judged(median, &broader);
        expect(&failed, Verdict::Failed, "the 50 % quantile of m is ");
        assert!((failed.value.unwrap() - 30.0).abs() < 1.0, "{failed:#?}");
    }
}
