//! The acceptance numbers of the trend verdict: every family from fixed seeds, healthy and leaking, and what they must reach.
//!
//! `cargo run --release --example acceptance -p seaworthy-soak [RUNS]`; 500 runs a family by default. Fixed seeds make this a
//! regression test: it always prints the same.

#[path = "../tests/families/mod.rs"]
mod families;

use std::process::ExitCode;

use families::{HEALTHY, Plan, Shape, series};
use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Of, Params, judge};

const PARAMS: Params = Params { tolerable_per_hour: 1.0, unacceptable_per_hour: 4.0, limit: None, of: Of::Minimum };

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
}

fn percent(part: u32, all: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(all.max(1))
}

fn run(plan: &Plan, runs: u32) -> Counts {
    let mut counts = Counts::default();
    for seed in 0..runs {
        match judge(&series(plan, u64::from(seed) + 1), &PARAMS).verdict {
            Verdict::Passed => counts.passed += 1,
            Verdict::Failed => counts.failed += 1,
            Verdict::Inconclusive | Verdict::Error => counts.inconclusive += 1,
        }
    }
    counts
}

fn table(title: &str, plans: &[Plan], runs: u32) -> Counts {
    println!("\n{title}");
    println!("  {:<14} {:>8} {:>8} {:>8}", "family", "passed", "failed", "inconcl.");
    let mut pooled = Counts::default();
    for plan in plans {
        let c = run(plan, runs);
        let n = c.total();
        println!(
            "  {:<14} {:>7.1}% {:>7.1}% {:>7.1}%",
            format!("{:?}", plan.shape),
            percent(c.passed, n),
            percent(c.failed, n),
            percent(c.inconclusive, n)
        );
        pooled.add(c);
    }
    let n = pooled.total();
    println!(
        "  {:<14} {:>7.2}% {:>7.2}% {:>7.2}%  ({} failed of {n})",
        "pooled",
        percent(pooled.passed, n),
        percent(pooled.failed, n),
        percent(pooled.inconclusive, n),
        pooled.failed
    );
    pooled
}

fn main() -> ExitCode {
    let runs = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(500);
    let plans = |shapes: &[Shape], leak: f64| shapes.iter().map(|s| Plan::new(*s, leak)).collect::<Vec<_>>();
    table("healthy, 6 h", &plans(&HEALTHY, 0.0), runs);
    let leaky = [Shape::White, Shape::Ar90, Shape::Saw8, Shape::Spikes, Shape::Restart, Shape::Lumps];
    table("4 MiB/h, 6 h", &plans(&leaky, 4.0), runs);
    table(
        "4 MiB/h, 6 h, hard",
        &plans(&[Shape::Ar98, Shape::Saw35, Shape::Periodic, Shape::WarmUp, Shape::Step], 4.0),
        runs,
    );
    let long: Vec<Plan> = [
        Shape::White,
        Shape::Ar90,
        Shape::Ar98,
        Shape::Saw8,
        Shape::Saw35,
        Shape::Periodic,
        Shape::Spikes,
        Shape::Restart,
    ]
    .into_iter()
    .map(|s| Plan { hours: 12.0, ..Plan::new(s, 3.0) })
    .collect();
    table("3 MiB/h, 12 h", &long, runs);
    table("limits", &plans(&[Shape::RandomWalk, Shape::Logarithmic], 0.0), runs);
    ExitCode::SUCCESS
}
