//! Trends that were seen too little of: faults, rates that cannot be told, thresholds that are missing.

use seaworthy_soak::check::{Phases, Verdict};

use crate::world::{PHASES, World, expect, slot};

const LONG: Phases = Phases { warm_up_ms: 600_000, measure_ms: 21_600_000, settle_ms: 0, elapsed_ms: 22_200_000 };
const LONG_TO: u64 = 740;
const LEVEL: &str = r#"trend "tolerablePerHour":1,"unacceptablePerHour":4"#;
const RATE: &str = r#"trend "of":"Rate","tolerablePerHour":0.01,"unacceptablePerHour":0.04"#;

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

/// Noise without a generator: far from periodic, and the same for ever.
fn noise(k: u64) -> f64 {
    f(k.wrapping_mul(2_654_435_761) >> 7 & 0xff) / 255.0 - 0.5
}

fn long(value: impl Fn(u64) -> f64) -> World {
    World::long(LONG_TO, |k| Some(slot(k).page(&[("m", value(k))])))
}

#[test]
fn declaring_everything_a_fault_wins_nothing() {
    // Flat for the first 30 slots; the leak begins where the declared fault does.
    let world = |from: u64, to: u64| {
        let mut world = long(move |k| 120.0 + noise(k) + f(k.saturating_sub(from)) / 6.0);
        world.fault(from * 30_000, to * 30_000);
        world
    };
    let all = world(50, LONG_TO).judge_at(LEVEL, &LONG);
    expect(&all, Verdict::Inconclusive, "only 30 of 720 planned samples of m lie outside declared faults");
    // Short windows add up.
    let mut many = long(|k| 120.0 + noise(k));
    for part in 0..36 {
        let start = (20 + part * 20) * 30_000;
        many.fault(start, start + 11 * 30_000);
    }
    expect(&many.judge_at(LEVEL, &LONG), Verdict::Inconclusive, "only 324 of 720");
    let mut fewer = long(|k| 120.0 + noise(k));
    fewer.fault(300 * 30_000, 340 * 30_000);
    expect(&fewer.judge_at(LEVEL, &LONG), Verdict::Passed, "");
}

#[test]
fn the_rate_of_what_is_no_counter_is_an_error() {
    // It rises 45 times in the judged time, and falls for ever after.
    let falls = long(|k| if k < 65 { 1e6 + f(k) * 3.0 } else { 1e6 - f(k) });
    expect(&falls.judge_at(RATE, &LONG), Verdict::Error, "without a restart: it is no counter");
    let saws = long(|k| 1000.0 + 3.0 * f(k % 2));
    expect(&saws.judge_at(RATE, &LONG), Verdict::Error, "without a restart");
}

#[test]
fn a_rate_that_cannot_be_told_is_no_sample() {
    // Whether the container restarted is not known, so a fall is no error; but it is no rate either.
    let falls = World::long(LONG_TO, |k| {
        let value = if k < 65 { 1e6 + f(k) * 3.0 } else { 1e6 - f(k) };
        Some(slot(k).page_of("s", "t", "", &[("m", value)]))
    });
    let verdict = falls.judge_at(RATE, &LONG);
    expect(&verdict, Verdict::Inconclusive, "only 44 of 720 planned samples of m");
    assert!(verdict.message.contains("no rate"), "{}", verdict.message);
}

#[test]
fn a_value_that_is_no_number_costs_its_own_slot_alone() {
    // One in 33 is 3 % of the samples; were the slot after it lost as well, too few would be left.
    let world = long(|k| if k % 33 == 32 { f64::NAN } else { 3.0 * f(k) });
    expect(&world.judge_at(RATE, &LONG), Verdict::Passed, "");
}

#[test]
fn a_rate_needs_no_news_in_every_slot() {
    // Slots of 2 s, news every 10 s, as of a kubelet.
    let kubelet = |growth: f64| {
        World::every(2_000, 3600, move |k| {
            let news = k / 5 * 5;
            let hours = f(news) / 1800.0;
            let value = 720.0 * hours + growth * 3600.0 * hours * hours / 2.0;
            let time = 1_700_000_000_000 + (news * 2_000).cast_signed();
            slot(k).timed_page("s", "t", "c", &[("m", value, time)])
        })
    };
    let phases = Phases { warm_up_ms: 0, measure_ms: 7_200_000, settle_ms: 0, elapsed_ms: 7_200_000 };
    expect(&kubelet(0.0).judge_at(RATE, &phases), Verdict::Passed, "");
    expect(&kubelet(0.2).judge_at(RATE, &phases), Verdict::Failed, "the rate of m per second changes by");
}

#[test]
fn a_tolerable_rise_of_zero_needs_one_that_is_not() {
    let flat = || long(|k| 100.0 + noise(k));
    let zero = flat().judge_at(r#"trend "tolerablePerHour":0"#, &LONG);
    expect(&zero, Verdict::Error, "four times the tolerablePerHour of 0 is 0 too: give unacceptablePerHour");
    let both = flat().judge_at(r#"trend "tolerablePerHour":0,"unacceptablePerHour":1"#, &LONG);
    expect(&both, Verdict::Passed, "");
    expect(
        &long(|_| 0.0).judge_at("trend", &LONG),
        Verdict::Error,
        "starts at 0, so there is no default for its slope",
    );
}

#[test]
fn growth_needs_something_after_its_baseline() {
    let counter = || World::with_metric(|k| f(k) * 10.0);
    for of in ["Increase", "Level"] {
        let rule =
            |seconds: u64| format!(r#"growth "max":700,"of":"{of}","baseline":{{"median":{{"seconds":{seconds}}}}}"#);
        let all = counter().judge(&rule(3600));
        expect(&all, Verdict::Inconclusive, "no sample of m after its baseline");
        expect(&counter().judge(&rule(3500)), Verdict::Passed, "");
        expect(&counter().judge(&rule(300)), Verdict::Failed, "more than 700");
    }
    // While the baseline is still being taken nothing is a fact yet.
    let burst = World::with_metric(|k| if k < 22 { 0.0 } else { 1000.0 });
    let rule = r#"growth "max":10,"of":"Increase","baseline":{"median":{"seconds":1800}}|"failFast":true"#;
    let early = burst.judge_at(rule, &Phases { elapsed_ms: 720_000, ..PHASES });
    expect(&early, Verdict::Inconclusive, "");
}

#[test]
fn the_measure_that_would_settle_a_check_is_the_soaks() {
    // A count must be seen for two hours to have made two steps of an unacceptable rise. The soak measures one hour.
    let needed = |warm_up: u64| {
        let check = format!(r#"trend "tolerablePerHour":0.25,"unacceptablePerHour":1|"warmUpSeconds":{warm_up}"#);
        let verdict = World::with_metric(|_| 2.0).judge(&check);
        assert_eq!(verdict.verdict, Verdict::Inconclusive, "{verdict:?}");
        verdict.needed_seconds.unwrap()
    };
    // From the first sample to the last: 20 minutes less an interval with a warm-up of its own, 70 with none.
    assert_eq!(needed(3000), 3600 + 7200 - 1170);
    assert_eq!(needed(0), 3600 + 7200 - 4170);
}
