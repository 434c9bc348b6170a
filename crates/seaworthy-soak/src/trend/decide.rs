//! From the fitted line to the verdict.

use super::coverage::Measure;
use super::cycle::{Cyclic, cyclic};
use super::fit::span;
use super::floors::{FEWEST, Floors};
use super::guards::{self, Hidden, decelerating};
use super::robust::{Cleaned, cleaned};
use super::starts::Starts;
use super::{ALPHA, FEWEST_SAMPLES, Fit, Floor, Params, Point, fit};
use crate::check::Verdict;

/// Where neighbouring residuals are correlated, the cosines see less than the whole variance at the lowest frequencies, so
/// passing needs an interval of 99.5 % (what that buys and costs: `docs/decisions/trend-wider-interval-under-correlation.md`).
const CORRELATED_ALPHA: f64 = ALPHA / 2.0;
/// The part of the measure that must be seen. With less, most of it is unknown; the longer side of a step must be as long.
const SEEN: f64 = 0.5;
/// A longer measure is never less than this many times the present one, for what that could not settle.
const LONGER: f64 = 1.5;
/// So many whole steps an unacceptable rise of a count must be able to make.
const STEPS: f64 = 2.0;

/// A line fitted to the floors of a series, or the reason why there is none.
#[derive(Debug, Clone)]
pub struct Assessment {
    params: Params,
    /// What is shown.
    floors: Vec<Floor>,
    /// How long the cycle takes that is beside the line, in hours, if there is one.
    period: Option<f64>,
    /// The floors without that cycle: what is judged.
    steady: Vec<Floor>,
    /// Whether they rise late.
    late: bool,
    fit: Result<Fit, String>,
    /// Hours from the first sample given to the last.
    hours: f64,
    /// How many of them the floors stand for.
    seen: f64,
    /// The last floor: from here the line goes on to the limit.
    level: f64,
    /// The step between neighbouring values that the series can show: 1 for counts.
    resolution: f64,
    /// What would give enough floors, as a multiple of the hours.
    more: Option<f64>,
    /// How lives begin.
    starts: Starts,
    /// What passes where this leaves it open.
    other: Option<Box<Assessment>>,
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
    /// The smallest slope that this measure would have found, at the level that the correction left.
    pub detectable: Option<f64>,
    /// The measure that would settle it, in seconds.
    pub needed_seconds: Option<f64>,
    /// When the floor reaches the limit at the upper and at the lower end of the interval, in hours from its last one: 0 where it is there
    /// already, infinite for never.
    pub hours_to_limit: Option<(f64, f64)>,
    /// The step that explains the rise.
    pub step: Option<Step>,
    /// The floors after cleaning: seconds since the first sample, value.
    pub floors: Vec<(f64, f64)>,
}

/// Puts an assessment together from the chosen floors, or from the teeth that are too few.
pub(super) fn assessment(
    points: &[Point],
    measure: &Measure,
    chosen: Result<Floors, Floors>,
    params: &Params,
    starts: Starts,
) -> Assessment {
    let (Ok(all) | Err(all)) = &chosen;
    let (hours, seen) = (measure.hours(), measure.seen(&used(measure.samples(), points, all)));
    let (floors, problem, more) = match chosen {
        Ok(chosen) if points.len() < FEWEST_SAMPLES => {
            let problem = format!("{} samples are too few, {FEWEST_SAMPLES} are needed", points.len());
            // One fewer, for so many intervals lie between them.
            (chosen.floors, Some(problem), Some(times(FEWEST_SAMPLES, points.len().saturating_sub(1))))
        }
        Ok(chosen) if chosen.floors.len() < chosen.fewest => {
            let (found, fewest) = (chosen.floors.len(), chosen.fewest);
            let problem = format!("{found} blocks of samples are too few, {fewest} are needed");
            // One more than needed, for what the last one lacks.
            (chosen.floors, Some(problem), Some(times(fewest + 1, found)))
        }
        Ok(chosen) => (chosen.floors, None, None),
        Err(teeth) => {
            let (found, fewest) = (teeth.floors.len(), teeth.fewest);
            let problem = format!(
                "the series is a saw-tooth with {found} teeth that show their floor, {fewest} are needed to see its floor"
            );
            // Two more than needed, for the incomplete teeth at both ends.
            (teeth.floors, Some(problem), Some(times(fewest + 2, found)))
        }
    };
    let resolution = resolution(points);
    let Cleaned { floors, late } = cleaned(&floors, resolution);
    let fitted = match problem {
        Some(problem) => Err(problem),
        None => fit::line(&floors).ok_or_else(|| "the floors do not determine a line".to_owned()),
    };
    let cyclic = fitted.as_ref().ok().and_then(|plain| cyclic(&floors, plain, starts));
    let (period, waves, steady, fit) = match cyclic {
        Some(Cyclic { period, waves, steady, fit }) => (Some(period), waves, steady, Ok(fit)),
        None => (None, Vec::new(), floors.clone(), fitted),
    };
    let late = late || guards::rises_late(&steady, &waves, params.tolerable_per_hour);
    let level = floors.last().map_or(0.0, |f| f.f);
    Assessment {
        params: *params,
        fit,
        floors,
        period,
        steady,
        late,
        hours,
        seen,
        level,
        resolution,
        more,
        starts,
        other: None,
    }
}

/// How many times as long a measure must be that has so many of what it needs.
#[expect(clippy::cast_precision_loss, reason = "a handful of samples, blocks or teeth")]
fn times(needed: usize, found: usize) -> f64 {
    needed as f64 / found.max(1) as f64
}

/// Of so many samples that were given, those that the floors stand for.
fn used(given: usize, points: &[Point], floors: &Floors) -> Vec<bool> {
    let mut used = vec![false; given];
    for place in floors.seen.iter().filter_map(|range| points.get(range.clone())).flatten().map(|p| p.place) {
        if let Some(slot) = used.get_mut(place) {
            *slot = true;
        }
    }
    used
}

/// Counts move in whole steps, and a slope is not seen before it has made some.
fn resolution(points: &[Point]) -> f64 {
    let whole = |p: &Point| p.value.fract() == 0.0;
    if !points.is_empty() && points.iter().all(whole) { 1.0 } else { 0.0 }
}

impl Assessment {
    /// The p-value of "the slope is above the tolerable one", 1 where there is no line, or one through too little of the measure.
    pub fn p_value(&self) -> f64 {
        if self.until_seen() > 0.0 {
            return 1.0;
        }
        self.fit.as_ref().map_or(1.0, |fit| fit.last.p_above(self.params.tolerable_per_hour))
    }

    /// Decides at level `alpha`: [`ALPHA`] for a check alone, less where [`super::holm`] says so.
    pub fn decide(&self, alpha: f64) -> TrendVerdict {
        let verdict = self.alone(alpha);
        let other = self.other.as_ref().filter(|_| verdict.verdict == Verdict::Inconclusive);
        other.map(|other| other.alone(alpha)).filter(|other| other.verdict == Verdict::Passed).unwrap_or(verdict)
    }

    /// The same, which passes also where only `other` does, unless something hides here that `other` may not see.
    pub(super) fn or_passes(self, other: Self) -> Self {
        let other = (!self.hides()).then(|| Box::new(other));
        Self { other, ..self }
    }

    /// The same, which does not pass where something hides in `other`.
    pub(super) fn hiding_no_more_than(self, other: &Self) -> Self {
        Self { late: self.late || other.hides(), ..self }
    }

    /// Whether it rises late, or one drop hides a rise.
    fn hides(&self) -> bool {
        self.late || guards::drops(&self.steady, self.params.tolerable_per_hour)
    }

    fn alone(&self, alpha: f64) -> TrendVerdict {
        let fit = match &self.fit {
            Ok(fit) => fit,
            Err(problem) => {
                let needed = self.more.map_or(0.0, |more| more * self.hours).max(self.until_seen()) * 3600.0;
                let needed_seconds = (needed > 0.0).then_some(needed);
                return TrendVerdict { needed_seconds, ..self.bare(Verdict::Inconclusive, problem.clone()) };
            }
        };
        let Params { tolerable_per_hour: d, unacceptable_per_hour: m, .. } = self.params;
        let (lower, upper) = (fit.last.lower(alpha), upper(fit));
        let (verdict, reason, step) = if self.until_seen() > 0.0 {
            let reason =
                "less than half of the time was judged, the rest are fault windows or follow restarts".to_owned();
            (Verdict::Inconclusive, reason, None)
        } else if lower > d {
            self.guarded(fit)
        } else if upper <= m && !self.late && guards::drops(&self.steady, d) {
            let reason = "one drop hides a rise, which goes on beside it: measure longer".to_owned();
            (Verdict::Inconclusive, reason, None)
        } else if upper <= m && !self.late {
            (Verdict::Passed, "the slope's interval stays below the unacceptable slope".to_owned(), None)
        } else {
            self.open()
        };
        let early = verdict == Verdict::Passed && self.lacks_whole_steps();
        let (verdict, reason) = if early {
            let reason = "an unacceptable rise would not have made two whole steps yet: measure longer".to_owned();
            (Verdict::Inconclusive, reason)
        } else {
            (verdict, reason)
        };
        let reason = match self.period {
            Some(period) => format!("beside a cycle of {period:.2} h, {reason}"),
            None => reason,
        };
        TrendVerdict {
            slope_per_hour: Some(fit.last.value),
            lower: Some(lower),
            upper: Some(upper),
            detectable: Some(d + 2.0 * (fit.last.upper(alpha) - fit.last.value)),
            needed_seconds: (verdict == Verdict::Inconclusive).then(|| self.needed(upper - fit.last.value)),
            hours_to_limit: self.hours_to_limit(lower, upper),
            step,
            ..self.bare(verdict, reason)
        }
    }

    /// The measure in hours at which what is unseen now would be half of it; 0 if enough was seen.
    fn until_seen(&self) -> f64 {
        if self.seen < SEEN * self.hours { (self.hours - self.seen) / (1.0 - SEEN) } else { 0.0 }
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

    /// Whether an unacceptable rise of a count could have made one step only, or none: then neither a level nor one step tells anything.
    fn lacks_whole_steps(&self) -> bool {
        self.params.unacceptable_per_hour * self.hours < STEPS * self.resolution
    }

    /// An interval that reaches from tolerable to unacceptable, or a rise at the end, unless one clear step explains it.
    fn open(&self) -> (Verdict, String, Option<Step>) {
        let step = guards::step(&self.steady, self.params.tolerable_per_hour).map(|step| self.after_step(step));
        step.filter(|(verdict, ..)| *verdict == Verdict::Passed).unwrap_or_else(|| {
            let reason = if self.late {
                "it rises at the end: a leak may have begun late: measure longer"
            } else {
                "the slope's interval reaches from tolerable to unacceptable: measure longer"
            };
            (Verdict::Inconclusive, reason.to_owned(), None)
        })
    }

    /// A significant slope, unless a guard knows better.
    fn guarded(&self, fit: &Fit) -> (Verdict, String, Option<Step>) {
        if let Some(step) = guards::step(&self.steady, self.params.tolerable_per_hour) {
            return self.after_step(step);
        }
        let hidden = Hidden { by_cycle: self.period.is_some(), by_lives: self.starts != Starts::Alike };
        if decelerating(&self.steady, fit.last.value, self.params.tolerable_per_hour, hidden) {
            let reason =
                "the rise slows down: it may end by itself: measure longer, or lengthen the warm-up".to_owned();
            return (Verdict::Inconclusive, reason, None);
        }
        (Verdict::Failed, "the slope's interval lies above the tolerable slope".to_owned(), None)
    }

    /// One step: the longer side is judged alone if it holds half of the measure, and the other one must be level.
    fn after_step(&self, step: guards::Step) -> (Verdict, String, Option<Step>) {
        let (before, after) = self.steady.split_at(step.index.min(self.steady.len()));
        let told = Step { seconds: step.t * 3600.0, size: step.size };
        let (longer, shorter) = if span(before) > span(after) { (before, after) } else { (after, before) };
        let clear = step.share < guards::CLEAR_STEP_SHARE;
        // Blocks reach beyond their middles, and the step lies somewhere between two.
        #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
        let block = self.hours / self.steady.len() as f64;
        let holds = longer.len() >= FEWEST && span(longer) + 2.0 * block >= SEEN * self.hours;
        let flat = |side: &[Floor]| guards::flat(side, &step, self.params.tolerable_per_hour);
        // What follows within the step's own life, where another life ends that.
        let rest: Vec<Floor> = after
            .iter()
            .filter(|f| after.first().is_some_and(|own| own.incarnation == f.incarnation))
            .copied()
            .collect();
        let goes_on = rest.len() < after.len() && !flat(&rest);
        if clear && holds && self.stays(longer) && flat(shorter) && !goes_on {
            let reason = "one step explains the rise, and beside it the level stays".to_owned();
            return (Verdict::Passed, reason, Some(told));
        }
        let reason =
            "one step explains the rise, and what lies beside it is too short or too uneven to tell: measure longer"
                .to_owned();
        (Verdict::Inconclusive, reason, Some(told))
    }

    /// Whether one side of a step passes alone.
    fn stays(&self, side: &[Floor]) -> bool {
        let Cleaned { floors, late } = cleaned(side, self.resolution);
        !late
            && !guards::rises_late(&floors, &[], self.params.tolerable_per_hour)
            && fit::line(&floors).is_some_and(|fit| upper(&fit) <= self.params.unacceptable_per_hour)
    }

    /// The measure in seconds at which the interval would be narrow enough to pass: its width goes with the length to the power of -3/2. At least
    /// what a count needs to move by two.
    fn needed(&self, half_width: f64) -> f64 {
        let Params { tolerable_per_hour: d, unacceptable_per_hour: m, .. } = self.params;
        let factor = (2.0 * half_width / (m - d)).powf(2.0 / 3.0);
        (self.hours * factor.max(LONGER)).max(self.until_seen()).max(STEPS * self.resolution / m) * 3600.0
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

/// The bound that decides passing.
fn upper(fit: &Fit) -> f64 {
    fit.last.upper(if fit.correlated() { CORRELATED_ALPHA } else { ALPHA })
}
