//! The acceptance numbers of the trend verdict: families of made-up controllers, healthy and leaking, from fixed seeds.
//!
//! `cargo run --release -p seaworthy-soak --example acceptance [RUNS]`, 500 runs a family by default. The seeds are fixed, so this is a
//! regression test and not an estimate: the same code always prints the same table. It ends with 1 if a number is not reached.

#[path = "../../tests/families/mod.rs"]
mod families;
mod metamorphic;
mod naive;
mod oracle;
mod promises;

use std::process::ExitCode;

use families::{HEALTHY, Plan, Shape, series};
use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Of, Params, Sample, judge};

const PARAMS: Params = Params { tolerable_per_hour: 1.0, unacceptable_per_hour: 4.0, limit: None, of: Of::Minimum };
const LEAKS: [Shape; 6] = [Shape::White, Shape::Ar90, Shape::Saw8, Shape::Spikes, Shape::Restart, Shape::Lumps];
const HARD: [Shape; 3] = [Shape::Ar98, Shape::Saw35, Shape::Periodic];
/// Leaks that begin late, and by how many MiB an hour.
const LATE: [(Shape, f64); 8] = [
    (Shape::LateWhite, 4.0),
    (Shape::LateWhite, 10.0),
    (Shape::LateWhite, 40.0),
    (Shape::LateAr90, 40.0),
    (Shape::LatePeriodic, 10.0),
    (Shape::LatePeriodic, 40.0),
    (Shape::CollectionStops, 4.0),
    (Shape::CollectionStops, 40.0),
];
/// Leaks that something hides, and by how many MiB an hour.
const HIDDEN: [(Shape, f64); 7] = [
    (Shape::Drop, 4.0),
    (Shape::Drop, 5.0),
    (Shape::Drop, 6.0),
    (Shape::Drop, 8.0),
    (Shape::Dips, 4.0),
    (Shape::Dips, 10.0),
    (Shape::Dips, 40.0),
];
const WARM_UPS: [Shape; 2] = [Shape::TwoWarmUps, Shape::ThreeWarmUps];
const LIMITS: [Shape; 3] = [Shape::RandomWalk, Shape::Logarithmic, Shape::SlowWarmUp];

#[derive(Default, Clone, Copy)]
struct Counts {
    passed: u32,
    failed: u32,
    inconclusive: u32,
}

impl Counts {
    fn total(self) -> u32 {
        self.passed + self.failed + self.inconclusive
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.inconclusive += other.inconclusive;
    }

    fn percent(self, part: u32) -> f64 {
        100.0 * f64::from(part) / f64::from(self.total().max(1))
    }

    fn print(self, name: &str) {
        let [passed, failed, open] = [self.passed, self.failed, self.inconclusive].map(|part| self.percent(part));
        println!("  {name:<18} {passed:>8.2} % {failed:>8.2} % {open:>8.2} %");
    }
}

/// The table so far, and whether every number was reached.
struct Table {
    runs: u32,
    reached: bool,
}

impl Table {
    fn family(&self, plan: &Plan) -> Counts {
        let mut counts = Counts::default();
        for seed in 1..=self.runs {
            match judge(&series(plan, u64::from(seed)), &PARAMS).verdict {
                Verdict::Passed => counts.passed += 1,
                Verdict::Failed => counts.failed += 1,
                Verdict::Inconclusive | Verdict::Error => counts.inconclusive += 1,
            }
        }
        counts
    }

    fn families(&self, title: &str, plans: impl IntoIterator<Item = Plan>) -> Vec<(Shape, Counts)> {
        println!("\n{title}\n  {:<18} {:>10} {:>10} {:>10}", "family", "passed", "failed", "inconcl.");
        let mut rows = Vec::new();
        for plan in plans {
            let counts = self.family(&plan);
            counts.print(&name(&plan));
            rows.push((plan.shape, counts));
        }
        pooled(&rows).print("pooled");
        rows
    }

    fn require(&mut self, what: &str, value: f64, holds: bool) {
        self.reached &= holds;
        println!("  {} {what}: {value:.2} %", if holds { "ok    " } else { "MISSED" });
    }
}

/// The shape, with its leak where that is not in the title.
fn name(plan: &Plan) -> String {
    if LATE.iter().chain(&HIDDEN).any(|(shape, _)| *shape == plan.shape) {
        return format!("{:?} {}", plan.shape, plan.leak);
    }
    format!("{:?}", plan.shape)
}

fn pooled(rows: &[(Shape, Counts)]) -> Counts {
    let mut sum = Counts::default();
    for (_, counts) in rows {
        sum.add(*counts);
    }
    sum
}

fn worst(rows: &[(Shape, Counts)], part: impl Fn(&Counts) -> u32, highest: bool) -> f64 {
    let values = rows.iter().map(|(_, c)| c.percent(part(c)));
    if highest { values.fold(0.0, f64::max) } else { values.fold(100.0, f64::min) }
}

fn main() -> ExitCode {
    let runs = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(500);
    let mut table = Table { runs, reached: true };
    println!(
        "{runs} runs a family; tolerable 1 MiB/h, unacceptable 4 MiB/h; samples each 30 s, the first hour dropped"
    );

    let healthy = table.families("healthy, 6 h", HEALTHY.map(|s| Plan::new(s, 0.0)));
    let share = pooled(&healthy).percent(pooled(&healthy).failed);
    table.require("false Failed, pooled, at most 0.1 %", share, share <= 0.1);
    let most = worst(&healthy, |c| c.failed, true);
    table.require("false Failed, worst family, at most 1 %", most, most <= 1.0);
    let share = pooled(&healthy).percent(pooled(&healthy).passed);
    table.require("Passed, pooled, not less than is documented, at least 97 %", share, share >= 97.0);

    let leaks = table.families("leak of 4 MiB/h, 6 h", LEAKS.map(|s| Plan::new(s, 4.0)));
    let least = worst(&leaks, |c| c.failed, false);
    table.require("Failed, worst family, at least 98.5 %", least, least >= 98.5);
    let share = pooled(&leaks).percent(pooled(&leaks).failed);
    table.require("Failed, pooled, at least 99 %", share, share >= 99.0);

    let hard = table.families("the hard families: leak of 4 MiB/h, 6 h", HARD.map(|s| Plan::new(s, 4.0)));
    for (shape, least) in [(Shape::Ar98, 79.0), (Shape::Saw35, 81.0), (Shape::Periodic, 80.0)] {
        let found = hard.iter().find(|(own, _)| *own == shape).map_or(0.0, |(_, c)| c.percent(c.failed));
        table.require(
            &format!("Failed, {shape:?}, not less than is documented, at least {least} %"),
            found,
            found >= least,
        );
    }
    let mut all = pooled(&leaks);
    all.add(pooled(&hard));
    let share = all.percent(all.passed);
    table.require("false Passed of all leaks, pooled, at most 0.5 %", share, share <= 0.5);

    let base = [Shape::White, Shape::Ar90, Shape::Ar98, Shape::Saw8, Shape::Saw35, Shape::Periodic, Shape::Spikes];
    let long = base.into_iter().chain([Shape::Restart, Shape::Lumps]);
    let long = table.families("leak of 3 MiB/h, 12 h", long.map(|s| Plan { hours: 12.0, ..Plan::new(s, 3.0) }));
    let least = worst(&long, |c| c.failed, false);
    table.require("Failed, worst family, at least 98 %", least, least >= 98.0);

    let late = LATE.map(|(shape, leak)| Plan::new(shape, leak));
    let late = table.families("leaks of so many MiB/h that begin late, or where collection stops, 6 h", late);
    let within_noise = |late: &(Shape, f64)| late.1 <= 4.0 || *late == (Shape::LatePeriodic, 10.0);
    let (hard, plain): (Vec<_>, Vec<_>) = late.iter().zip(LATE).partition(|(_, late)| within_noise(late));
    let [hard, plain] = [hard, plain].map(|rows| rows.into_iter().map(|(row, _)| *row).collect::<Vec<_>>());
    let most = worst(&plain, |c| c.passed, true);
    table.require("Passed, a rise beyond the noise, worst family, at most 1 %", most, most <= 1.0);
    let most = worst(&hard, |c| c.passed, true);
    table.require("Passed, a rise within the noise, not more than is documented, at most 21 %", most, most <= 21.0);

    let hidden =
        table.families("leaks that one drop hides, or short dips, 6 h", HIDDEN.map(|(s, leak)| Plan::new(s, leak)));
    let plain = hidden.iter().zip(HIDDEN).filter(|(_, hidden)| *hidden != (Shape::Drop, 4.0)).map(|(row, _)| *row);
    let most = worst(&plain.collect::<Vec<_>>(), |c| c.passed, true);
    table.require("Passed, but for a drop at exactly 4 MiB/h, worst family, at most 1 %", most, most <= 1.0);

    let restarts =
        table.families("healthy restarts, each life warms up for long, 6 h", WARM_UPS.map(|s| Plan::new(s, 0.0)));
    let most = worst(&restarts[..1], |c| c.failed, true);
    table.require("false Failed, two lives, not more than is documented, at most 2 %", most, most <= 2.0);
    let most = worst(&restarts[1..], |c| c.failed, true);
    table.require("false Failed, three lives, not more than is documented, at most 6 %", most, most <= 6.0);

    let warm = table.families("healthy restart with a slow warm-up, 6 h", [Plan::new(Shape::RestartWarmUp, 0.0)]);
    let most = worst(&warm, |c| c.failed, true);
    table.require("false Failed, at most 1 %", most, most <= 1.0);

    let limits = table.families("known limits, without a leak, 6 h", LIMITS.map(|s| Plan::new(s, 0.0)));
    let most = worst(&limits[..1], |c| c.failed, true);
    table.require("random walks called a leak, not more than is documented, at most 10 %", most, most <= 10.0);
    promises::print(&mut table);
    few_samples(runs);
    metamorphic::print(&mut table);
    naive_methods(runs);
    println!("\n{}", if table.reached { "all numbers reached" } else { "NOT all numbers reached" });
    if table.reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same five hours, sampled less often.
fn few_samples(runs: u32) {
    println!(
        "\nfewer samples of the same time\n  {:<14} {:>22} {:>22}",
        "samples", "healthy, Failed", "4 MiB/h, Failed"
    );
    for every in [50, 33, 31, 30, 25, 20, 15, 10, 5] {
        let thin = |plan: &Plan, seed: u64| {
            let samples: Vec<Sample> = series(plan, seed).into_iter().step_by(every).collect();
            (samples.len(), judge(&samples, &PARAMS).verdict == Verdict::Failed)
        };
        let share = |plans: &[Plan]| {
            let (mut failed, mut most) = (0, 0);
            for plan in plans {
                for seed in 1..=u64::from(runs) {
                    let (count, fails) = thin(plan, seed);
                    (failed, most) = (failed + u32::from(fails), most.max(count));
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "a handful of plans")]
            let all = plans.len() as f64 * f64::from(runs);
            (most, 100.0 * f64::from(failed) / all)
        };
        let (most, healthy) = share(&HEALTHY.map(|s| Plan::new(s, 0.0)));
        let (_, leaks) = share(&LEAKS.map(|s| Plan::new(s, 4.0)));
        println!("  {most:<14} {healthy:>20.2} % {leaks:>20.2} %");
    }
}

/// What common methods make of the healthy families, for scale.
fn naive_methods(runs: u32) {
    println!("\nfalse alarms of common methods on the healthy families, for scale");
    for (name, method) in naive::METHODS {
        let (mut alarms, mut all) = (0u32, 0u32);
        for shape in HEALTHY {
            for seed in 1..=u64::from(runs) {
                alarms += u32::from(method(&series(&Plan::new(shape, 0.0), seed)));
                all += 1;
            }
        }
        println!("  {name:<40} {:>6.1} %", 100.0 * f64::from(alarms) / f64::from(all));
    }
}
