//! Leaks that hide from a line: late ones, those behind a saw-tooth that stops, those of which too little is seen. None of them may pass.

#[expect(dead_code, reason = "shared with tests and examples that use the rest")]
mod families;

use families::{Plan, Random, Shape, series};
use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Of, Params, Sample, TrendVerdict, assess, assess_outside, judge, judge_outside};

const PARAMS: Params = Params { tolerable_per_hour: 1.0, unacceptable_per_hour: 4.0, limit: None, of: Of::Minimum };
const RUNS: u64 = 24;

/// So many hours at 30 s: the value at each hour, with white noise of standard deviation `sd`.
fn made(hours: u32, sd: f64, seed: u64, value: impl Fn(f64) -> f64) -> Vec<Sample> {
    let mut random = Random::new(seed.wrapping_mul(0x9e37_79b9));
    let sample = |k: u32| {
        let seconds = 30.0 * f64::from(k);
        Sample { seconds, value: value(seconds / 3600.0) + sd * random.normal(), incarnation: 0 }
    };
    (0..hours * 120).map(sample).collect()
}

fn with_lives(mut samples: Vec<Sample>, life: impl Fn(f64) -> u32) -> Vec<Sample> {
    for sample in &mut samples {
        sample.incarnation = life(sample.seconds / 3600.0);
    }
    samples
}

fn all(verdict: Verdict, found: &[TrendVerdict]) -> bool {
    found.iter().all(|v| v.verdict == verdict)
}

fn none_passes(name: &str, of: impl Fn(u64) -> Vec<Sample>) -> Vec<TrendVerdict> {
    let found: Vec<_> = (1..=RUNS).map(|seed| judge(&of(seed), &PARAMS)).collect();
    let passed = found.iter().filter(|v| v.verdict == Verdict::Passed).count();
    assert_eq!(passed, 0, "{name}");
    found
}

#[test]
fn a_leak_that_begins_late_does_not_pass() {
    for (shape, leak) in [(Shape::LateWhite, 10.0), (Shape::LateWhite, 40.0), (Shape::LateAr90, 40.0)] {
        none_passes(&format!("{shape:?} {leak}"), |seed| series(&Plan::new(shape, leak), seed));
    }
    for (sd, from, rate) in [(1.5, 4.0, 40.0), (0.2, 4.5, 4.0), (1.5, 3.0, 4.0), (1.5, 3.5, 10.0)] {
        none_passes(&format!("{rate}/h from {from} h"), |seed| {
            made(5, sd, seed, |t| 120.0 + rate * (t - from).max(0.0))
        });
    }
    none_passes("a steep rise that has just ended", |seed| {
        made(5, 1.0, seed, |t| 120.0 + 100.0 * (t - 4.2).clamp(0.0, 0.6))
    });
    none_passes("a count that stood still", |_| made(5, 0.0, 0, |t| 20.0 + (10.0 * (t - 4.0).max(0.0)).floor()));
    none_passes("a life that ends in a rise", |seed| {
        let rises = made(5, 1.0, seed, |t| 120.0 + if t < 2.5 { 60.0 * (t - 2.0).max(0.0) } else { 0.0 });
        with_lives(rises, |t| u32::from(t >= 2.5))
    });
}

#[test]
fn a_late_step_passes_and_is_told() {
    let step = |at: f64| -> Vec<TrendVerdict> {
        let late = |seed| judge(&made(5, 1.5, seed, |t| 120.0 + if t > at { 15.0 } else { 0.0 }), &PARAMS);
        (1..=RUNS).map(late).collect()
    };
    let late = step(4.0);
    assert!(all(Verdict::Passed, &late));
    for told in &late {
        let told = told.step.unwrap();
        assert!((told.size - 15.0).abs() < 2.0 && (told.seconds - 14_400.0).abs() < 700.0, "{told:?}");
    }
    // Two floors after it are not enough to see whether it goes on.
    assert!(all(Verdict::Inconclusive, &step(4.72)));
}

#[test]
fn one_side_of_a_step_is_judged_alone_if_it_is_half_of_the_time() {
    let with_hole = |hole: std::ops::Range<f64>| {
        let mut samples = made(5, 1.5, 7, |t| 120.0 + if t > 2.5 { 15.0 } else { 0.0 });
        samples.retain(|s| !hole.contains(&(s.seconds / 3600.0)));
        judge(&samples, &PARAMS).verdict
    };
    assert_eq!(with_hole(2.4..2.6), Verdict::Passed);
    assert_eq!(with_hole(1.5333..3.5), Verdict::Inconclusive);
}

#[test]
fn outliers_alone_do_not_matter() {
    for from in [100, 300, 589] {
        let mut samples = made(5, 1.5, 3, |_| 120.0);
        for sample in samples.iter_mut().skip(from).take(12) {
            sample.value += 60.0;
        }
        assert_eq!(judge(&samples, &PARAMS).verdict, Verdict::Passed, "{from}");
    }
}

#[test]
fn a_saw_tooth_that_is_no_longer_collected_does_not_pass() {
    let steep = none_passes("40/h", |seed| series(&Plan::new(Shape::CollectionStops, 40.0), seed));
    assert!(all(Verdict::Failed, &steep));
    none_passes("4/h", |seed| series(&Plan::new(Shape::CollectionStops, 4.0), seed));
    // The other way round: what fills before collecting begins is a tooth of its own kind, and the floor after it stands still.
    let begins = |seed| made(5, 0.5, seed, |t| 100.0 + if t < 1.5 { 15.0 * t } else { 25.0 * (t * 6.0).fract() });
    let found: Vec<_> = (1..=RUNS).map(|seed| judge(&begins(seed), &PARAMS)).collect();
    assert!(found.iter().all(|v| v.verdict != Verdict::Failed));
    // One that was collected rarely from the start has no tooth that is too long.
    let slow: Vec<_> = (1..=RUNS).map(|seed| judge(&series(&Plan::new(Shape::Saw35, 0.0), seed), &PARAMS)).collect();
    assert!(all(Verdict::Passed, &slow));
}

#[test]
fn a_crash_loop_does_not_pass() {
    let lives = |t: f64| if t < 0.2 { 0.0 } else { 1.0 + ((t - 0.2) * 4.0).floor() };
    let leaking = made(5, 0.2, 1, |t| 120.0 + 400.0 * (t - 0.2).rem_euclid(0.25));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful of lives")]
    let samples = with_lives(leaking, |t| lives(t) as u32);
    let verdict = judge(&samples, &PARAMS);
    assert_eq!(verdict.verdict, Verdict::Inconclusive, "{verdict:?}");
    // What is lost is 4.8 of 5 hours: with none lost from here on, half is seen after 9.6.
    let needed = verdict.needed_seconds.unwrap() / 3600.0;
    assert!((needed - 9.6).abs() < 0.1, "{needed}");
    assert!((assess(&samples, &PARAMS).p_value() - 1.0).abs() < 1e-12);
}

#[test]
fn what_fault_windows_leave_must_be_half_of_the_measure() {
    let hours = |from: f64, to: f64| (3600.0 * from, 3600.0 * to);
    let samples = made(5, 1.0, 1, |_| 120.0);
    let judged = |faults: &[(f64, f64)]| judge_outside(&samples, faults, &PARAMS);
    assert_eq!(judged(&[]), judge(&samples, &PARAMS));
    assert_eq!(judged(&[hours(1.0, 3.4)]).verdict, Verdict::Passed);
    assert_eq!(judged(&[hours(0.0, 1.0), hours(4.0, 5.1)]).verdict, Verdict::Passed);
    let most = judged(&[hours(1.0, 3.6)]);
    assert_eq!(most.verdict, Verdict::Inconclusive);
    assert!((most.needed_seconds.unwrap() / 3600.0 - 7.5).abs() < 0.1, "{most:?}");
    let half_of_each: Vec<_> = (0..20).map(|k| f64::from(k) * 0.25).map(|t| hours(t, t + 0.15)).collect();
    assert_eq!(judged(&half_of_each).verdict, Verdict::Inconclusive);
    // Whatever happens within them is not judged, whether or not there were samples.
    let mut wild = samples.clone();
    for sample in wild.iter_mut().filter(|s| (3600.0..10_800.0).contains(&s.seconds)) {
        sample.value = 1e6 * sample.seconds;
    }
    let faults = [hours(1.0, 3.0)];
    assert_eq!(judge_outside(&wild, &faults, &PARAMS), judged(&faults));
    wild.retain(|s| !(3600.0..10_800.0).contains(&s.seconds));
    assert_eq!(judge_outside(&wild, &faults, &PARAMS).verdict, Verdict::Passed);
    // A leak of which half was seen is found.
    let leak = made(5, 1.0, 1, |t| 120.0 + 4.0 * t);
    assert_eq!(judge_outside(&leak, &[hours(1.0, 3.0)], &PARAMS).verdict, Verdict::Failed);
    assert!(assess_outside(&leak, &[hours(0.5, 4.9)], &PARAMS).p_value() > 0.99);
}

#[test]
fn lives_that_take_turns_cost_no_more() {
    let mut random = Random::new(1);
    for (lives, leak, verdict) in
        [(1, 0.0, Verdict::Passed), (2, 0.0, Verdict::Passed), (2, 4.0, Verdict::Failed), (7, 4.0, Verdict::Failed)]
    {
        let sample = |k: u32| {
            let seconds = f64::from(k) / 5.0;
            let value = 120.0 + leak * seconds / 3600.0 + 10.0 * f64::from(k % lives) + random.normal();
            Sample { seconds, value, incarnation: k % lives }
        };
        let samples: Vec<_> = (0..100_000).map(sample).collect();
        let found = judge(&samples, &PARAMS);
        assert_eq!(found.verdict, verdict, "{lives} {leak}");
        assert!((7..=48).contains(&found.floors.len()), "{lives}: {}", found.floors.len());
        assert!(found.floors.is_sorted_by(|a, b| a.0 <= b.0));
    }
    // Saw-teeth of many lives, and a life for each sample.
    let saw = |k: u32| 25.0 * f64::from(k / 500 % 20) / 20.0;
    for life in [|k: u32| k % 500, |k: u32| k] {
        let sample = |k: u32| Sample { seconds: f64::from(k), value: saw(k), incarnation: life(k) };
        let samples: Vec<_> = (0..100_000).map(sample).collect();
        assert!(judge(&samples, &PARAMS).floors.len() <= 96);
    }
}

#[test]
fn a_warm_up_after_a_restart_is_not_called_a_leak() {
    let found = (1..=RUNS).map(|seed| judge(&series(&Plan::new(Shape::RestartWarmUp, 0.0), seed), &PARAMS));
    assert!(found.into_iter().all(|v| v.verdict != Verdict::Failed));
    for (tau, at) in [(0.5, 1.5), (0.75, 1.5), (1.0, 1.5), (1.5, 1.5), (0.5, 1.0)] {
        let warm = |t: f64| if t < at { 150.0 } else { 110.0 + 40.0 * (1.0 - ((at - t) / tau).exp()) };
        for seed in 1..=RUNS {
            let samples = with_lives(made(5, 1.0, seed, warm), |t| u32::from(t >= at));
            let found = judge(&samples, &PARAMS);
            assert_ne!(found.verdict, Verdict::Failed, "{tau} {at} {seed}");
        }
    }
}

/// The samples of a family, as if the container had restarted after `share` of them without any effect.
fn split(plan: &Plan, seed: u64, share: f64) -> Vec<Sample> {
    let samples = series(plan, seed);
    let (first, last) = (samples[0].seconds, samples[samples.len() - 1].seconds);
    let at = (first + share * (last - first)) / 3600.0;
    with_lives(samples, |t| u32::from(t >= at))
}

#[test]
fn a_restart_without_effect_changes_few_verdicts() {
    let families = [(Shape::Ar90, 4.0), (Shape::WarmUp, 0.0), (Shape::Periodic, 0.0), (Shape::Saw35, 0.0)];
    let changed = |(shape, leak)| {
        let plan = Plan::new(shape, leak);
        let mut random = Random::new(7);
        let mut changes = |seed: &u64| {
            let split = split(&plan, *seed, random.uniform());
            judge(&series(&plan, *seed), &PARAMS).verdict != judge(&split, &PARAMS).verdict
        };
        (1..=2 * RUNS).filter(|seed| changes(seed)).count()
    };
    let changed = families.map(changed);
    let most = [3, 5, 9, 4];
    assert!(changed.iter().zip(&most).all(|(changed, most)| changed <= most), "{changed:?}");
}

#[test]
fn a_peak_after_a_restart_hides_no_leak() {
    // The leak begins with the second life, which loads everything at once.
    for (at, leak, peak) in [(1.5, 5.0, 20.0), (2.5, 6.0, 15.0), (3.0, 5.0, 20.0), (3.0, 4.5, 6.0)] {
        let begun = |t: f64| leak * (t - at) + peak * (-6.0 * (t - at)).exp();
        let level = |t: f64| 120.0 + if t < at { 0.0 } else { begun(t) };
        let lives = |seed| with_lives(made(5, 1.5, seed, level), |t| u32::from(t >= at));
        none_passes(&format!("{leak}/h from {at} h on, with a peak of {peak}"), lives);
    }
}

#[test]
fn a_low_start_hides_no_leak_that_begins_late() {
    for (low, tau, rate, from) in [(30.0, 5.0, 4.0, 4.5), (60.0, 4.0, 4.0, 4.2), (20.0, 10.0, 8.0, 4.8)] {
        let begun = |t: f64| -low * (-(t - 1.2) * 60.0 / tau).exp() + rate * (t - from).max(0.0);
        let level = |t: f64| 120.0 + if t < 1.2 { 0.0 } else { begun(t) };
        let lives = |seed| with_lives(made(6, 1.5, seed, level), |t| u32::from(t >= 1.2));
        let passed = (1..=RUNS).filter(|seed| judge(&lives(*seed), &PARAMS).verdict == Verdict::Passed).count();
        assert!(passed <= 1, "{low} lower, {rate}/h from {from} h on: {passed}");
    }
}

#[test]
fn a_start_that_was_not_seen_may_have_been_a_warm_up() {
    let level = |t: f64| 120.0 - if t < 2.0 { 0.0 } else { 20.0 * (-(t - 2.0) / 2.0).exp() };
    for seed in 1..=RUNS {
        let samples = with_lives(made(6, 1.5, seed, level), |t| u32::from(t >= 2.0));
        let found = judge_outside(&samples, &[(7200.0, 7200.0 + 1440.0)], &PARAMS);
        assert_ne!(found.verdict, Verdict::Failed, "{seed}: {found:?}");
    }
}

#[test]
fn a_low_start_may_pass_and_never_fails() {
    // Lives of 36 minutes, of which the first four are a little lower: without their starts less than half would be judged.
    let level = |t: f64| 120.0 - if t > 0.6 && t % 0.6 < 0.07 { 1.0 } else { 0.0 };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful of lives")]
    let lives = |seed, leak: f64| with_lives(made(6, 0.3, seed, |t| level(t) + leak * (t % 0.6)), |t| (t / 0.6) as u32);
    let judged = |leak| (1..=RUNS).map(move |seed| judge(&lives(seed, leak), &PARAMS)).collect::<Vec<_>>();
    let passed = judged(0.0).iter().filter(|v| v.verdict == Verdict::Passed).count();
    assert!(passed > 20, "{passed}");
    assert!(all(Verdict::Inconclusive, &judged(6.0)));
}

#[test]
fn values_of_any_size_are_judged_or_not_but_never_taken_for_flat() {
    let huge = Params { tolerable_per_hour: 1e150, unacceptable_per_hour: 1e155, ..PARAMS };
    let leak = made(5, 0.0, 0, |t| 1e160 * (1.0 + t));
    assert_eq!(judge(&leak, &huge).verdict, Verdict::Inconclusive);
    let zero = made(5, 0.0, 0, |_| 0.0);
    assert_eq!(judge(&zero, &PARAMS).verdict, Verdict::Passed);
    let constant = made(5, 0.0, 0, |_| 1e6 / 3.0);
    assert_eq!(judge(&constant, &PARAMS).verdict, Verdict::Passed);
}

#[test]
fn the_measure_that_is_announced_settles_it() {
    let (mut open, mut settled) = (0, 0);
    for shape in [Shape::Ar98, Shape::Periodic, Shape::Saw35] {
        for (hours, leak) in [(3.0, 0.0), (6.0, 0.0), (3.0, 4.0)] {
            for seed in 1..=RUNS {
                let plan = Plan { hours, ..Plan::new(shape, leak) };
                let verdict = judge(&series(&plan, seed), &PARAMS);
                let Some(needed) = verdict.needed_seconds else { continue };
                open += 1;
                // With the hour that is dropped.
                let longer = Plan { hours: needed / 3600.0 + 1.0, ..plan };
                settled += u64::from(judge(&series(&longer, seed), &PARAMS).verdict != Verdict::Inconclusive);
            }
        }
    }
    assert!(open > 50 && 10 * settled >= 9 * open, "{settled} of {open}");
}

#[test]
fn too_few_samples_say_how_many_times_the_measure_would_do() {
    let all = series(&Plan::new(Shape::White, 0.0), 1);
    for few in 2..20 {
        let needed = judge(&all[..few], &PARAMS).needed_seconds.unwrap_or_default();
        let longer: Vec<Sample> = all.iter().copied().take_while(|s| s.seconds <= all[0].seconds + needed).collect();
        assert!(longer.len() >= 20 && longer.len() < 60, "{few}: {needed} s are {} samples", longer.len());
    }
}

#[test]
fn a_drop_or_short_dips_hide_no_leak() {
    for (shape, leak) in [(Shape::Drop, 6.0), (Shape::Drop, 8.0), (Shape::Dips, 10.0), (Shape::Dips, 40.0)] {
        for seed in 1..=RUNS {
            let verdict = judge(&series(&Plan::new(shape, leak), seed), &PARAMS);
            assert_ne!(verdict.verdict, Verdict::Passed, "{shape:?} {leak} {seed}: {verdict:?}");
        }
    }
}

#[test]
fn lives_that_all_warm_up_are_seldom_called_a_leak() {
    let failed =
        |seed: &u64| judge(&series(&Plan::new(Shape::ThreeWarmUps, 0.0), *seed), &PARAMS).verdict == Verdict::Failed;
    assert!((1..=RUNS).filter(failed).count() <= 2);
}

#[test]
fn a_count_is_told_the_time_for_two_whole_steps() {
    let flat = |hours: u32| made(hours, 0.0, 0, |_| 2.0);
    let params = Params { tolerable_per_hour: 0.01, unacceptable_per_hour: 0.04, ..PARAMS };
    for hours in [6, 14] {
        let needed = judge(&flat(hours), &params).needed_seconds;
        assert!(needed.is_some_and(|needed| (needed / 3600.0 - 50.0).abs() < 1e-9), "{hours}: {needed:?}");
    }
    assert_eq!(judge(&flat(51), &params).verdict, Verdict::Passed);
}
