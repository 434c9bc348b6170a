//! What is said beside a verdict, against what is so: the interval's ends, and the slope that is found.

use seaworthy_soak::trend::{TrendVerdict, judge};

use super::families::{Plan, Shape, series};
use super::{PARAMS, Table, Verdict};

/// Families whose floor rises by nothing but the leak, so that the true slope is known.
const FAMILIES: [Shape; 8] =
    [Shape::White, Shape::Ar90, Shape::Ar98, Shape::Saw8, Shape::Saw35, Shape::Periodic, Shape::Spikes, Shape::Restart];

pub(crate) fn print(table: &mut Table) {
    println!("\nwhat is said beside a verdict, 6 h, in percent of the runs that have an interval");
    println!(
        "  {:<10} {:>16} {:>16} {:>22} {:>16}",
        "family", "begins above", "ends below", "leak of that, Failed", "Passed"
    );
    let (mut worst_end, mut least_found, mut most_passed) = (0.0f64, 100.0f64, 0.0f64);
    for shape in FAMILIES {
        let above = ends(table.runs, shape, |v, slope| v.lower.map(|lower| lower > slope));
        let below = ends(table.runs, shape, |v, slope| v.upper.map(|upper| upper < slope));
        let (found, passed) = found(table.runs, shape);
        println!("  {:<10} {above:>14.2} % {below:>14.2} % {found:>20.2} % {passed:>14.2} %", format!("{shape:?}"));
        worst_end = worst_end.max(above).max(below);
        least_found = least_found.min(found);
        most_passed = most_passed.max(passed);
    }
    table.require(
        "an end on the wrong side, worst family, not more than is documented, at most 7 %",
        worst_end,
        worst_end <= 7.0,
    );
    table.require(
        "leak that is said to be found, Failed, worst family, not less than is documented, at least 73 %",
        least_found,
        least_found >= 73.0,
    );
    table.require(
        "leak that is said to be found, Passed, worst family, not more than is documented, at most 10 %",
        most_passed,
        most_passed <= 10.0,
    );
}

/// How often an end of the interval is on the wrong side of the true slope, without a leak and with one.
fn ends(runs: u32, shape: Shape, wrong: impl Fn(&TrendVerdict, f64) -> Option<bool>) -> f64 {
    let each = [0.0, 4.0].into_iter().flat_map(|leak| (1..=u64::from(runs)).map(move |seed| (leak, seed)));
    share(each.filter_map(|(leak, seed)| wrong(&judge(&series(&Plan::new(shape, leak), seed), &PARAMS), leak)))
}

/// How often another run of the family, with the leak that a healthy run says would be found, is called one, and how often it passes.
fn found(runs: u32, shape: Shape) -> (f64, f64) {
    let other = |seed: u64| {
        let leak = judge(&series(&Plan::new(shape, 0.0), seed), &PARAMS).detectable?;
        Some(judge(&series(&Plan::new(shape, leak), seed + u64::from(runs)), &PARAMS).verdict)
    };
    let verdicts: Vec<Verdict> = (1..=u64::from(runs)).filter_map(other).collect();
    let of = |verdict: Verdict| share(verdicts.iter().map(|own| *own == verdict));
    (of(Verdict::Failed), of(Verdict::Passed))
}

fn share(all: impl Iterator<Item = bool>) -> f64 {
    let (count, hits) = all.fold((0u32, 0u32), |(count, hits), hit| (count + 1, hits + u32::from(hit)));
    100.0 * f64::from(hits) / f64::from(count.max(1))
}
