//! From the fitted line to the verdict.

use super::fit::Estimate;
use super::floors::Floors;
use super::guards::{self, decelerating};
use super::robust::clipped;
use super::{ALPHA, FEWEST, FEWEST_SAMPLES, Fit, Floor, Params, Point, fit};
use crate::check::Verdict;

/// With neighbouring residuals correlated more than this, the cosines see less than the whole variance at the lowest frequencies
/// (measured: an interval of 99 % then misses a leak of AR(0.98) in 4 % of runs), so passing needs an interval of 99.5 %.
const CORRELATED: f64 = 0.5;
const CORRELATED_ALPHA: f64 = ALPHA / 2.0;

/// A line fitted to the floors of a series, or the reason why there is none.
#[derive(Debug, Clone)]
pub struct Assessment {
    params: Params,
    floors: Vec<Floor>,
    fit: Result<Fit, String>,
    /// Hours from the first sample to the last.
    hours: f64,
    /// The median of the last block of samples.
    level: f64,
    /// The step between neighbouring values that the series can show: 1 for counts.
    resolution: f64,
    /// What would give enough floors, as a multiple of the hours.
    more: Option<f64>,
}

/// A step in the level, told where it explains a rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// When it was, in seconds since the first sample.
    pub seconds: f64,
    /// How much it raised the level.
    pub size: f64,
}

/// The verdict on one series.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, for people.
    pub reason: String,
    /// The slope of the floors, per hour.
    pub slope_per_hour: Option<f64>,
    /// The lower end of its interval, at the level that the correction for several checks left.
    pub lower: Option<f64>,
    /// The upper end of its interval.
    pub upper: Option<f64>,
    /// The smallest slope that this measure would have found.
    pub detectable: Option<f64>,
    /// The measure that would settle it, in seconds.
    pub needed_seconds: Option<f64>,
    /// When the limit is reached at the upper and at the lower end of the interval, in hours from now; infinite for never.
    pub hours_to_limit: Option<(f64, f64)>,
    /// The step that explains the rise.
    pub step: Option<Step>,
    /// The floors after cleaning: seconds since the first sample, value.
    pub floors: Vec<(f64, f64)>,
}

/// Puts an assessment together from the chosen floors, or from the teeth that are too few.
pub(super) fn assessment(points: &[Point], chosen: Result<Floors, Floors>, params: &Params) -> Assessment {
    let hours = points.first().zip(points.last()).map_or(0.0, |(a, b)| b.t - a.t);
    let (floors, problem, more) = match chosen {
        Ok(chosen) if points.len() < FEWEST_SAMPLES => {
            let problem = format!("{} samples are too few, {FEWEST_SAMPLES} are needed", points.len());
            (chosen.floors, Some(problem), None)
        }
        Ok(chosen) if chosen.floors.len() < FEWEST => {
            let problem = format!("{} blocks of samples are too few, {FEWEST} are needed", chosen.floors.len());
            (chosen.floors, Some(problem), None)
        }
        Ok(chosen) => (chosen.floors, None, None),
        Err(teeth) => {
            let found = teeth.floors.len();
            let problem =
                format!("the series is a saw-tooth with {found} complete teeth, {FEWEST} are needed to see its floor");
            // Two more than needed, for the incomplete teeth at both ends.
            #[expect(clippy::cast_precision_loss, reason = "a handful of teeth")]
            let more = (FEWEST + 2) as f64 / found.max(1) as f64;
            (teeth.floors, Some(problem), Some(more))
        }
    };
    let floors = clipped(&floors);
    let fitted = match problem {
        Some(problem) => Err(problem),
        None => fit::line(&floors).ok_or_else(|| "the floors do not determine a line".to_owned()),
    };
    let level = floors.last().map_or(0.0, |f| f.f);
    Assessment { params: *params, fit: fitted, floors, hours, level, resolution: resolution(points), more }
}

/// Counts move in whole steps, and a slope is not seen before it has made some.
fn resolution(points: &[Point]) -> f64 {
    let whole = |p: &Point| p.value.fract() == 0.0;
    if !points.is_empty() && points.iter().all(whole) { 1.0 } else { 0.0 }
}

impl Assessment {
    /// The p-value of "the slope is above the tolerable one", 1 where there is no line.
    pub fn p_value(&self) -> f64 {
        self.fit.as_ref().map_or(1.0, |fit| fit.last.p_above(self.params.tolerable_per_hour))
    }

    /// Decides at level `alpha`: [`ALPHA`] for a check alone, less where [`super::holm`] says so.
    pub fn decide(&self, alpha: f64) -> TrendVerdict {
        let fit = match &self.fit {
            Ok(fit) => fit,
            Err(problem) => {
                let needed = self.more.map(|more| more * self.hours * 3600.0);
                return TrendVerdict { needed_seconds: needed, ..self.bare(Verdict::Inconclusive, problem.clone()) };
            }
        };
        let Params { tolerable_per_hour: d, unacceptable_per_hour: m, .. } = self.params;
        let lower = fit.last.lower(alpha);
        let upper = fit.last.upper(if fit.autocorrelation() > CORRELATED { CORRELATED_ALPHA } else { ALPHA });
        let (verdict, reason, step) = if lower > d {
            self.guarded(fit)
        } else if upper <= m {
            self.passed()
        } else {
            self.open()
        };
        let half_width = fit.last.upper(ALPHA) - fit.last.value;
        TrendVerdict {
            slope_per_hour: Some(fit.last.value),
            lower: Some(lower),
            upper: Some(upper),
            detectable: Some(d + 2.0 * half_width),
            needed_seconds: (verdict == Verdict::Inconclusive).then(|| self.needed(half_width)),
            hours_to_limit: self.hours_to_limit(lower, upper),
            step,
            ..self.bare(verdict, reason)
        }
    }

    fn bare(&self, verdict: Verdict, reason: String) -> TrendVerdict {
        TrendVerdict {
            verdict,
            reason,
            slope_per_hour: None,
            lower: None,
            upper: None,
            detectable: None,
            needed_seconds: None,
            hours_to_limit: None,
            step: None,
            floors: self.floors.iter().map(|f| (f.t * 3600.0, f.f)).collect(),
        }
    }

    fn passed(&self) -> (Verdict, String, Option<Step>) {
        if self.params.unacceptable_per_hour * self.hours < 2.0 * self.resolution {
            let reason = "an unacceptable rise would not have made two whole steps yet: measure longer".to_owned();
            return (Verdict::Inconclusive, reason, None);
        }
        (Verdict::Passed, "the slope's interval stays below the unacceptable slope".to_owned(), None)
    }

    /// An interval that reaches from tolerable to unacceptable, unless one clear step made it so wide.
    fn open(&self) -> (Verdict, String, Option<Step>) {
        let step = guards::step(&self.floors, self.params.tolerable_per_hour).map(|step| self.after_step(step));
        step.filter(|(verdict, ..)| *verdict == Verdict::Passed).unwrap_or_else(|| {
            let reason = "the slope's interval reaches from tolerable to unacceptable: measure longer".to_owned();
            (Verdict::Inconclusive, reason, None)
        })
    }

    /// A significant slope, unless a guard knows better.
    fn guarded(&self, fit: &Fit) -> (Verdict, String, Option<Step>) {
        if let Some(step) = guards::step(&self.floors, self.params.tolerable_per_hour) {
            return self.after_step(step);
        }
        if decelerating(&self.floors, fit.last.value) {
            let reason =
                "the rise slows down: it may end by itself: measure longer, or lengthen the warm-up".to_owned();
            return (Verdict::Inconclusive, reason, None);
        }
        (Verdict::Failed, "the slope's interval lies above the tolerable slope".to_owned(), None)
    }

    /// One step: the longer side is judged alone if it holds half of the measure.
    fn after_step(&self, step: guards::Step) -> (Verdict, String, Option<Step>) {
        let (before, after) = self.floors.split_at(step.index.min(self.floors.len()));
        let side = if before.len() > after.len() { before } else { after };
        let told = Step { seconds: step.t * 3600.0, size: step.size };
        let passes = |line: Estimate| line.upper(ALPHA) <= self.params.unacceptable_per_hour;
        let clear = step.share < guards::CLEAR_STEP_SHARE;
        let holds = clear && 2 * side.len() >= self.floors.len() && side.len() >= FEWEST;
        if holds && fit::line(side).is_some_and(|fit| passes(fit.last)) {
            let reason = "one step explains the rise, and beside it the level stays".to_owned();
            return (Verdict::Passed, reason, Some(told));
        }
        let reason = "one step explains the rise, and what follows is too short to tell: measure longer".to_owned();
        (Verdict::Inconclusive, reason, Some(told))
    }

    /// The measure at which the interval would be narrow enough: its width goes with the length to the power of -3/2. Never less
    /// than half as much again, for what the present length could not settle.
    fn needed(&self, half_width: f64) -> f64 {
        let Params { tolerable_per_hour: d, unacceptable_per_hour: m, .. } = self.params;
        let factor = (2.0 * half_width / (m - d)).powf(2.0 / 3.0);
        self.hours * 3600.0 * factor.max(1.5)
    }

    fn hours_to_limit(&self, lower: f64, upper: f64) -> Option<(f64, f64)> {
        let room = self.params.limit? - self.level;
        let hours = |slope: f64| {
            if room <= 0.0 {
                0.0
            } else if slope > 0.0 {
                room / slope
            } else {
                f64::INFINITY
            }
        };
        Some((hours(upper), hours(lower)))
    }
}
