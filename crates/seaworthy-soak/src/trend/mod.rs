//! The trend verdict: is there a leak?
//!
//! A straight line through samples calls a third to a half of all healthy controllers leaking, because memory is
//! autocorrelated, warms up, steps and saws. This verdict looks at floors instead of samples, at a slope with an interval that holds
//! under autocorrelation instead of a slope, and tells three answers apart: the slope is above what is tolerable (`Failed`), it is
//! below what must be found (`Passed`), or the measure was too short to tell (`Inconclusive`), and then how long would do.
//!
//! Steps: floors (`floors`), cleaning (`robust`), line and variance (`fit`, `student`), a cycle beside it (`cycle`), decision (`decide`), guards (`guards`), how lives
//! begin (`starts`), and how much of the measure was seen (`coverage`). The sources of the formulas stand where they are used. Known limits: a random walk wanders above the tolerable slope now and then,
//! a logarithmic or linear fill of a bounded cache cannot be told from a leak within the window, and a level that dips to a floor at short
//! intervals hides a rise above it.
//!
//! Deliberately absent: gaps, which belong to the check that asks.

mod coverage;
mod cycle;
mod decide;
mod fit;
mod floors;
mod guards;
mod robust;
mod starts;
mod student;

use std::borrow::Cow;
use std::collections::BTreeMap;

#[cfg(doc)]
use crate::check::Verdict;
use coverage::Measure;
pub use decide::{Assessment, Step, TrendVerdict};
pub use floors::Of;

pub(crate) use fit::{Estimate, mean};
use fit::{Fit, Floor};
use floors::Floors;
use starts::Starts;

/// The probability with which a line without leak may be called a leak, before guards and correction.
pub const ALPHA: f64 = 0.01;
/// Fewer samples than this are no measure, whatever their slope.
const FEWEST_SAMPLES: usize = 20;
/// After a restart a series is not judged for so long unless it begins as it goes on: it warms up again.
const RESTART_SECONDS: f64 = 1200.0;
/// Teeth lower than this part of the fitted rise do not hide it.
const SMALL_TOOTH: f64 = 0.25;

/// One sample of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds since any fixed moment.
    pub seconds: f64,
    /// The value. One that is not finite is no sample.
    pub value: f64,
    /// The life of the container, by any number.
    pub incarnation: u32,
}

/// What to judge by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// A rise per hour that is harmless.
    pub tolerable_per_hour: f64,
    /// A rise per hour that must be found; above the tolerable one.
    pub unacceptable_per_hour: f64,
    /// A level that must not be reached: the time to it is told.
    pub limit: Option<f64>,
    /// What stands for a block of samples.
    pub of: Of,
}

/// A mebibyte.
const MEBIBYTE: f64 = 1_048_576.0;

impl Params {
    /// The thresholds for a series where none are given: tolerable is half a percent of the baseline per hour, and a mebibyte at
    /// least if the series is in bytes; unacceptable is four times that.
    pub fn with_defaults(tolerable: Option<f64>, unacceptable: Option<f64>, baseline: f64, bytes: bool) -> Self {
        let half_percent = 0.005 * baseline.abs();
        let least = if bytes { half_percent.max(MEBIBYTE) } else { half_percent };
        let tolerable_per_hour = tolerable.unwrap_or_else(|| unacceptable.map_or(least, |m| least.min(m / 4.0)));
        let unacceptable_per_hour = unacceptable.unwrap_or(4.0 * tolerable_per_hour);
        Self { tolerable_per_hour, unacceptable_per_hour, limit: None, of: Of::Minimum }
    }
}

/// What a series' defaults go by: the median of the first tenth of its values, given in order of time. None of none.
pub fn baseline(values: &[f64]) -> Option<f64> {
    let early = values.get(..values.len().div_ceil(10)).unwrap_or(values);
    robust::quantile_in_place(&mut early.to_vec(), 0.5)
}

/// A sample with its time in hours since the first one.
#[derive(Debug, Clone, Copy)]
struct Point {
    t: f64,
    value: f64,
    incarnation: usize,
    /// Its place among the samples that were given.
    place: usize,
}

/// When each life began, by its number: its place among the lives, and seconds.
type Lives = BTreeMap<u32, (usize, f64)>;

/// The lives of samples in order of time.
fn lives(samples: &[Sample]) -> Lives {
    let mut lives = Lives::new();
    for stretch in samples.chunk_by(|a, b| a.incarnation == b.incarnation) {
        let Some(first) = stretch.first() else { continue };
        let new = (lives.len(), first.seconds);
        lives.entry(first.incarnation).or_insert(new);
    }
    lives
}

/// The samples that are judged, life by life and each in order of time: without those in fault windows and the first `left_out` seconds
/// after a restart.
fn points(samples: &[Sample], lives: &Lives, faults: &[(f64, f64)], left_out: f64) -> Vec<Point> {
    let Some(first) = samples.first().map(|s| s.seconds) else { return Vec::new() };
    let mut points = Vec::with_capacity(samples.len());
    let mut place = 0;
    for stretch in samples.chunk_by(|a, b| a.incarnation == b.incarnation) {
        let life = stretch.first().and_then(|s| lives.get(&s.incarnation).copied());
        let (incarnation, began) = life.unwrap_or_default();
        for sample in stretch {
            let judged = incarnation == 0 || sample.seconds - began >= left_out;
            if judged && !faults.iter().any(|(from, to)| (*from..*to).contains(&sample.seconds)) {
                let t = (sample.seconds - first) / 3600.0;
                points.push(Point { t, value: sample.value, incarnation, place });
            }
            place += 1;
        }
    }
    points.sort_by_key(|p| p.incarnation);
    points
}

/// Fits the line to the floors of a series. The verdict follows with [`Assessment::decide`], because the correction for several
/// checks needs the p-values of all of them first.
pub fn assess(samples: &[Sample], params: &Params) -> Assessment {
    assess_outside(samples, &[], params)
}

/// As [`assess`], without the samples within `faults`: windows in the seconds of the samples, from the first moment to the one after the last.
///
/// Give it all samples of the measure, those within the windows too: where more than half of the time from the first to the last is not
/// judged, the verdict is [`Verdict::Inconclusive`].
pub fn assess_outside(samples: &[Sample], faults: &[(f64, f64)], params: &Params) -> Assessment {
    let samples = &*in_order(samples);
    let measure = Measure::new(samples, faults);
    let lives = lives(samples);
    let all = points(samples, &lives, faults, 0.0);
    let chosen = floors(&all, params);
    let starts = starts(&chosen, samples, &lives);
    let with_starts = |chosen| decide::assessment(&all, &measure, chosen, params, starts);
    if lives.len() < 2 {
        return with_starts(chosen);
    }
    let points = points(samples, &lives, faults, RESTART_SECONDS);
    let without = decide::assessment(&points, &measure, floors(&points, params), params, starts);
    match starts {
        Starts::Alike => with_starts(chosen).hiding_no_more_than(&without),
        Starts::Lower => without.or_passes(with_starts(chosen)),
        Starts::Otherwise => without,
    }
}

/// The samples that are any, in order of time.
fn in_order(samples: &[Sample]) -> Cow<'_, [Sample]> {
    let is_any = |s: &Sample| s.seconds.is_finite() && s.value.is_finite();
    if samples.iter().all(is_any) && samples.is_sorted_by(|a, b| a.seconds <= b.seconds) {
        return samples.into();
    }
    let mut samples: Vec<Sample> = samples.iter().copied().filter(is_any).collect();
    samples.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    samples.into()
}

/// How lives begin.
fn starts(chosen: &Result<Floors, Floors>, samples: &[Sample], lives: &Lives) -> Starts {
    if lives.len() < 2 {
        return Starts::Alike;
    }
    let first = samples.first().map_or(0.0, |s| s.seconds);
    let mut begins: Vec<f64> = lives.values().map(|(_, began)| (began - first) / 3600.0).collect();
    begins.sort_by(f64::total_cmp);
    let of = |chosen: &Floors| starts::starts(&chosen.floors, &begins, RESTART_SECONDS / 3600.0);
    chosen.as_ref().map_or(Starts::Otherwise, of)
}

/// The floors to judge, or the teeth that are too few.
fn floors(points: &[Point], params: &Params) -> Result<Floors, Floors> {
    let blocks = floors::by_block(points, params.of);
    let teeth = if params.of == Of::Minimum { floors::by_tooth(points) } else { None };
    match teeth {
        Some(teeth) if teeth.floors.len() < teeth.fewest && !small(&teeth, &blocks) => Err(teeth),
        Some(teeth) if teeth.floors.len() >= teeth.fewest => Ok(teeth),
        _ => Ok(blocks),
    }
}

/// Whether the teeth are small against the rise, so that blocks show it all the same.
fn small(teeth: &Floors, blocks: &Floors) -> bool {
    let (Some(tooth), Some(fit)) = (teeth.tooth, fit::line(&blocks.floors)) else { return false };
    let (Some(first), Some(last)) = (blocks.floors.first(), blocks.floors.last()) else { return false };
    tooth < SMALL_TOOTH * (fit.last.value * (last.t - first.t)).abs()
}

/// Judges one series by itself.
pub fn judge(samples: &[Sample], params: &Params) -> TrendVerdict {
    assess(samples, params).decide(ALPHA)
}

/// Judges one series by itself, without the samples within `faults`, as [`assess_outside`].
pub fn judge_outside(samples: &[Sample], faults: &[(f64, f64)], params: &Params) -> TrendVerdict {
    assess_outside(samples, faults, params).decide(ALPHA)
}

/// The levels at which each of several checks is decided so that all together keep [`ALPHA`].
///
/// Source: the step-down procedure of Holm, Scandinavian Journal of Statistics 6 (1979) 65. From the first p-value on that is not
/// below its level, all keep that level, so none of them is found significant.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    let p = |i: &usize| p_values.get(*i).copied().unwrap_or(1.0);
    order.sort_by(|a, b| p(a).total_cmp(&p(b)));
    let mut levels = vec![ALPHA; p_values.len()];
    let mut stopped = None;
    for (rank, index) in order.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "at most a few dozen checks")]
        let own = ALPHA / (p_values.len() - rank) as f64;
        let level = stopped.unwrap_or(own);
        if p(index) > level {
            stopped = Some(level);
        }
        if let Some(slot) = levels.get_mut(*index) {
            *slot = level;
        }
    }
    levels
}
