//! How often a change that means nothing changes the verdict.

use std::collections::BTreeMap;

use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Sample, judge};

use super::families::{HEALTHY, Plan, Random, Shape, series};
use super::{LEAKS, PARAMS, Table, name, oracle};

type Change = dyn Fn(&[Sample], &mut Random) -> Vec<Sample>;

pub(crate) fn print(table: &mut Table) {
    println!("\nverdicts that change, healthy and leaking families");
    let deleted = |samples: &[Sample], random: &mut Random| {
        samples.iter().copied().filter(|_| random.uniform() >= 0.04).collect()
    };
    let holed = |samples: &[Sample], random: &mut Random| {
        let from = at(samples, random, 10);
        samples.iter().enumerate().filter(|(k, _)| !(from..from + 10).contains(k)).map(|(_, s)| *s).collect()
    };
    let later = |samples: &[Sample], _: &mut Random| {
        samples.iter().map(|s| Sample { seconds: s.seconds + 1_700_000_000.0, ..*s }).collect()
    };
    rate(table, "4 % of the samples deleted at random", 1.0, 6.0, &deleted);
    rate(table, "a hole of 10 samples", 1.0, 6.0, &holed);
    rate(table, "another time of day", 0.0, 6.0, &later);
    // Why not less: docs/decisions/trend-split-at-a-restart.md.
    rate(table, "split at a healthy restart, not more than is documented", 4.5, 6.0, &split);
    rate(table, "split at a healthy restart, 12 h, not more than is documented", 0.5, 12.0, &split);
    least_cost(table.runs);
}

/// How many verdicts of all families `change` changes, in percent; more than `most` is a number that is not reached.
fn rate(table: &mut Table, what: &str, most: f64, hours: f64, change: &Change) {
    let healthy = HEALTHY.map(|s| Plan::new(s, 0.0)).into_iter();
    let plans: Vec<Plan> = healthy.chain(LEAKS.map(|s| Plan::new(s, 4.0))).map(|p| Plan { hours, ..p }).collect();
    let mut all = 0u32;
    let (mut turned, mut families) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
    for plan in &plans {
        for (before, after) in verdicts(plan, table.runs, change) {
            all += 1;
            if before != after {
                let kind = if plan.leak > 0.0 { "leaking" } else { "healthy" };
                *turned.entry(format!("{kind}, {before:?} to {after:?}")).or_default() += 1;
                *families.entry(format!("of these {kind} {}", name(plan))).or_default() += 1;
            }
        }
    }
    let percent = |count: u32| 100.0 * f64::from(count) / f64::from(all);
    let changed = percent(turned.values().sum());
    table.require(&format!("{what}, at most {most} %"), changed, changed <= most);
    for (how, count) in turned.into_iter().chain(families) {
        println!("    {how:<38} {:>6.2} %", percent(count));
    }
}

/// The verdicts of a family, before and after a change.
fn verdicts(plan: &Plan, runs: u32, change: &Change) -> impl Iterator<Item = (Verdict, Verdict)> {
    pairs(plan, runs, change).map(|(before, after)| (judge(&before, &PARAMS).verdict, judge(&after, &PARAMS).verdict))
}

/// The series of a family, before and after a change.
fn pairs(plan: &Plan, runs: u32, change: &Change) -> impl Iterator<Item = (Vec<Sample>, Vec<Sample>)> {
    (1..=u64::from(runs)).map(move |seed| {
        let samples = series(plan, seed);
        let other = change(&samples, &mut Random::new(seed ^ 0x5eed));
        (samples, other)
    })
}

/// What a split changes for a method that knows the noise, beside what it changes here.
fn least_cost(runs: u32) {
    let row = |family: &str, known: &str, here: &str| println!("  {family:<18} {known:>18} {here:>18}");
    println!("\nsplit at a healthy restart, verdicts that change in a family");
    row("family", "noise known", "here");
    let ar = |correlation, deviation| oracle::Noise { correlation, deviation };
    for (shape, leak, noise) in [
        (Shape::Ar90, 0.0, ar(0.9, 3.0)),
        (Shape::Ar90, 4.0, ar(0.9, 3.0)),
        (Shape::Ar98, 0.0, ar(0.98, 4.0)),
        (Shape::Ar98, 4.0, ar(0.98, 4.0)),
    ] {
        let plan = Plan::new(shape, leak);
        let known = pairs(&plan, runs, &split)
            .map(|(before, after)| oracle::judge(&before, noise, &PARAMS) != oracle::judge(&after, noise, &PARAMS));
        let here = verdicts(&plan, runs, &split).map(|(before, after)| before != after);
        let [known, here] = [known.map(u32::from).sum(), here.map(u32::from).sum::<u32>()];
        let percent = |count: u32| format!("{:.2} %", 100.0 * f64::from(count) / f64::from(runs));
        row(&format!("{shape:?} {leak}"), &percent(known), &percent(here));
    }
}

/// The same samples, as if the container had restarted somewhere without any effect.
fn split(samples: &[Sample], random: &mut Random) -> Vec<Sample> {
    let from = at(samples, random, 0);
    let moved = |(k, s): (usize, &Sample)| Sample { incarnation: s.incarnation + 2 * u32::from(k >= from), ..*s };
    samples.iter().enumerate().map(moved).collect()
}

/// A random index at which `room` samples follow.
fn at(samples: &[Sample], random: &mut Random, room: usize) -> usize {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
    let share = random.uniform() * (samples.len() - room) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of samples")]
    let index = share as usize;
    index
}
