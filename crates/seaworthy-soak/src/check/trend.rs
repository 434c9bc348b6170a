//! `trend`: no leak, by the verdict of [`crate::trend`].
//!
//! Several required trend checks are corrected together, so a check is prepared first and decided when all are.

use super::counter::{combined, gains};
use super::finding::Finding;
use super::lives::Lives;
use super::spec::{Aggregate, OnMissing, Trend, TrendOf};
use super::trace::Slopes;
use super::verdict::Verdict;
use super::view::{Reading, Series, View, readings};
use super::window::{Counting, Mark, Objection, Seen, Window, objection, roughly};
use crate::trend::{ALPHA, Assessment, Of, Params, Sample, TrendVerdict, assess_outside, baseline};
use crate::unit::amount;

/// A limit that is a century away is never reached.
const NEVER_HOURS: f64 = 876_600.0;

/// A trend check that waits for the others.
pub(super) struct Prepared {
    assessment: Assessment,
    objection: Objection,
    metric: String,
    params: Params,
    start_ms: f64,
    /// How much longer the soak measures than the samples span, in seconds; shorter where the check's warm-up is.
    beside: f64,
}

impl Prepared {
    pub(super) fn p_value(&self) -> f64 {
        // A check that too little was seen of cannot fail, whatever its line says.
        if self.objection.is_some() { 1.0 } else { self.assessment.p_value() }
    }

    /// A value with the unit of what is followed: a rate has another one than its counter.
    fn amount(&self, value: f64) -> String {
        amount(if self.params.of == Of::Median { "" } else { &self.metric }, value)
    }
}

/// Fits the line. What makes a verdict impossible is a finding already.
pub(super) fn prepare(
    view: &View<'_>,
    rule: &Trend,
    on_missing: OnMissing,
    window: &Window,
) -> Result<Prepared, Finding> {
    let series = view.select(&rule.select);
    let metric = &rule.select.metric;
    let Followed { samples, seen, undisturbed } = follow(view, rule, &series, window);
    let faults: Vec<(f64, f64)> = view.evidence.faults.iter().map(|f| (seconds(f.from_ms), seconds(f.to_ms))).collect();
    let objection = objection(window, &seen, on_missing, metric, Some(window.level_gap_ms()))
        .or_else(|| disturbed(window, undisturbed, metric));
    let may_fall = rule.of == TrendOf::Rate && series.iter().any(|one| falls(view, one, window));
    let fell = if may_fall { gains(view, &rule.select, &series, window).fell } else { None };
    if let Some(fell) = fell {
        let message = format!("{fell}: it is no counter; follow its level instead, or mend the metric");
        return Err(Finding::new(Verdict::Error, message));
    }
    let Some(first) = samples.first().copied() else {
        return Err(Finding::new(Verdict::Inconclusive, format!("no sample of {metric}")).unless(objection));
    };
    let params = params(rule, &samples, &faults);
    if params.unacceptable_per_hour <= params.tolerable_per_hour {
        let message = if rule.tolerable_per_hour.is_some() {
            "four times the tolerablePerHour of 0 is 0 too: give unacceptablePerHour".to_owned()
        } else {
            format!("{metric} starts at 0, so there is no default for its slope: give tolerablePerHour")
        };
        return Err(Finding::new(Verdict::Error, message).unless(objection));
    }
    let assessment = assess_outside(&samples, &faults, &params);
    let last = samples.last().map_or(first.seconds, |last| last.seconds);
    let beside = seconds(window.measure_ms) - (last - first.seconds);
    Ok(Prepared { assessment, objection, metric: metric.clone(), params, start_ms: first.seconds * 1000.0, beside })
}

/// The floors to which the line is fitted (milliseconds since slot 0, and the value), and the slopes that it is held against.
pub(super) fn fitted(view: &View<'_>, rule: &Trend, window: &Window) -> Option<(Vec<(f64, f64)>, Slopes)> {
    let prepared = prepare(view, rule, OnMissing::default(), window).ok()?;
    let found = prepared.assessment.decide(ALPHA).floors;
    let floors = found.into_iter().map(|(seconds, value)| (prepared.start_ms + seconds * 1000.0, value)).collect();
    let Params { tolerable_per_hour: tolerable, unacceptable_per_hour: unacceptable, .. } = prepared.params;
    Some((floors, Slopes { tolerable, unacceptable }))
}

/// The samples that the trend is judged from, those within declared faults too.
pub(super) fn samples(view: &View<'_>, rule: &Trend, window: &Window) -> Vec<Sample> {
    let series = view.select(&rule.select);
    follow(view, rule, &series, window).samples
}

/// What a trend has to go by.
struct Followed {
    /// The samples, those within declared faults too, tagged by the lives of the containers behind them.
    samples: Vec<Sample>,
    /// What was seen in the judged rows, faults or not.
    seen: Seen,
    /// How many rows were obtained outside declared faults.
    undisturbed: u64,
}

fn follow(view: &View<'_>, rule: &Trend, series: &[Series<'_>], window: &Window) -> Followed {
    let readings = readings(view, &rule.select, series, window.reached);
    let judged = readings.get(window.rows()).unwrap_or_default();
    let lives = Lives::of(series, window.reached);
    let mut counting = Counting::new(view.interval_ms());
    let (mut samples, mut undisturbed) = (Vec::with_capacity(judged.len()), 0);
    let faulty = |ms: u64| view.evidence.faults.iter().any(|f| (f.from_ms..f.to_ms).contains(&ms));
    for (row, reading) in window.rows().zip(judged) {
        let planned = view.planned_ms(row);
        let value = match (reading, rule.of) {
            (Reading::Value(level), TrendOf::Level) => Some(*level),
            (Reading::Value(_) | Reading::Repeated, TrendOf::Rate) => {
                rate(view, rule.select.aggregate.as_ref(), series, row, window.from)
            }
            _ => None,
        };
        let mark = match (Mark::from(reading), rule.of) {
            (Mark::Obtained, TrendOf::Rate) if value.is_none() => Mark::Unrated,
            (mark, _) => mark,
        };
        let obtained = matches!(mark, Mark::Obtained);
        counting.add(mark);
        if !obtained {
            continue;
        }
        undisturbed += u64::from(!faulty(planned));
        // What stands still adds nothing to go by.
        let here = series.iter().find(|s| *reading != Reading::Repeated && s.value(row).is_some());
        let Some((value, first)) = value.zip(here) else { continue };
        let seconds = first.target.time_ms(planned, row) / 1000.0;
        samples.push(Sample { seconds, value, incarnation: lives.at(row) });
    }
    Followed { samples, seen: counting.seen, undisturbed }
}

/// Whether a series ever shows less than before: only such a one may be no counter.
fn falls(view: &View<'_>, one: &Series<'_>, window: &Window) -> bool {
    let values = window.telling(view).filter_map(|row| one.value(row)).filter(|value| value.is_finite());
    !values.is_sorted()
}

/// Declared faults that leave less than half of the measure: what was seen beside them says nothing about the whole.
fn disturbed(window: &Window, undisturbed: u64, metric: &str) -> Objection {
    (2 * undisturbed < window.planned).then(|| {
        let message = format!(
            "only {undisturbed} of {} planned samples of {metric} lie outside declared faults, at least half are needed: measure longer, or declare shorter faults",
            window.planned
        );
        (Verdict::Inconclusive, message)
    })
}

/// The rate per second of all series as one, each from its own last sample. `None` where one of them has none, or restarted.
fn rate(
    view: &View<'_>,
    aggregate: Option<&Aggregate>,
    series: &[Series<'_>],
    row: usize,
    first_row: usize,
) -> Option<f64> {
    let mut whole = true;
    let rates = series.iter().filter_map(|one| {
        // A target without news still has the rate of its last two samples.
        let now = one.standing(row)?;
        let rate = rate_of(view, one, now, one.standing_row(row), first_row);
        whole &= rate.is_some();
        rate
    });
    let rate = combined(aggregate, rates);
    whole.then_some(rate)
}

/// The rate per second up to the value `now` of `row`, from the last sample before it in the same life.
fn rate_of(view: &View<'_>, one: &Series<'_>, now: f64, row: usize, first_row: usize) -> Option<f64> {
    // A rate over a longer hole says nothing about this row.
    let near = |before: &usize| view.planned_ms(row - before) <= view.stands_ms();
    let mut earlier = (first_row..row).rev().take_while(near);
    let (before_row, before) = earlier.find_map(|r| Some((r, one.value(r).filter(|v| v.is_finite())?)))?;
    let life = |r| one.target.incarnation(r);
    let seconds = (one.target.time_ms(view.planned_ms(row), row)
        - one.target.time_ms(view.planned_ms(before_row), before_row))
        / 1000.0;
    (life(row) == life(before_row) && now >= before && seconds > 0.0).then(|| (now - before) / seconds)
}

/// Seconds since slot 0.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^53")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn params(rule: &Trend, samples: &[Sample], faults: &[(f64, f64)]) -> Params {
    let outside = |s: &&Sample| !faults.iter().any(|(from, to)| (*from..*to).contains(&s.seconds));
    let values: Vec<f64> = samples.iter().filter(outside).map(|s| s.value).collect();
    let baseline = baseline(&values).unwrap_or_default();
    let bytes = rule.of == TrendOf::Level && rule.select.metric.ends_with("_bytes");
    let params = Params::with_defaults(rule.tolerable_per_hour, rule.unacceptable_per_hour, baseline, bytes);
    let of = if rule.of == TrendOf::Rate { Of::Median } else { Of::Minimum };
    Params { limit: rule.limit, of, ..params }
}

/// Decides at the level that the correction for all of the `required` trends left.
pub(super) fn decide(prepared: &Prepared, alpha: f64, required: usize) -> Finding {
    let trend = prepared.assessment.decide(alpha);
    let finding = Finding {
        value: trend.slope_per_hour,
        interval: trend.lower.zip(trend.upper),
        threshold: Some(match trend.verdict {
            Verdict::Failed => prepared.params.tolerable_per_hour,
            Verdict::Passed | Verdict::Inconclusive | Verdict::Error => prepared.params.unacceptable_per_hour,
        }),
        detectable: trend.detectable,
        needed_seconds: needed(prepared, &trend),
        ..Finding::new(trend.verdict, message(prepared, &trend, (alpha < ALPHA).then_some(required)))
    };
    finding.unless(prepared.objection.clone())
}

/// How long the soak would have to measure, in seconds.
fn needed(prepared: &Prepared, trend: &TrendVerdict) -> Option<u64> {
    let seconds = trend.needed_seconds.map(|s| s + prepared.beside).filter(|s| s.is_finite() && *s >= 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked just before, and far below 2^63"
    )]
    Some(seconds.min(1e12).ceil() as u64)
}

/// What was found. `corrected` is for how many trends the lower end of the interval was lowered, where it was.
fn message(prepared: &Prepared, trend: &TrendVerdict, corrected: Option<usize>) -> String {
    let Prepared { metric, params, .. } = prepared;
    let followed = match params.of {
        Of::Minimum => format!("the floor of {metric}"),
        Of::Median => format!("the rate of {metric} per second"),
    };
    let amount = |value: f64| prepared.amount(value);
    let lowered = corrected.map(|n| format!(", the lower end corrected for {n} required trends")).unwrap_or_default();
    let mut parts = vec![match (trend.slope_per_hour, trend.lower.zip(trend.upper)) {
        (Some(slope), Some((lower, upper))) => format!(
            "{followed} changes by {} per hour ({} to {}{lowered}; {} is tolerable, {} is not): {}",
            amount(slope),
            amount(lower),
            amount(upper),
            amount(params.tolerable_per_hour),
            amount(params.unacceptable_per_hour),
            trend.reason
        ),
        _ => format!("{metric}: {}", trend.reason),
    }];
    if let Some(step) = trend.step {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a run")]
        let when = (prepared.start_ms / 1000.0 + step.seconds).max(0.0) as u64;
        let (size, when) = (amount(step.size), roughly(when));
        parts.push(format!("the step of {size} came {when} into the run; the slope and its interval include it"));
    }
    parts.extend(to_limit(prepared, trend));
    if let Some(needed) = needed(prepared, trend) {
        parts.push(format!("a measure of {} would settle it", roughly(needed)));
    }
    if trend.verdict == Verdict::Failed {
        let memory = params.of == Of::Minimum && metric.ends_with("_bytes");
        let how = if memory { " (a heap profile at the start and at the end)" } else { "" };
        parts.push(format!("find what grows{how}, or change the thresholds"));
    }
    parts.join("; ")
}

/// When the limit is reached, by both ends of the slope's interval; nothing where it never is.
fn to_limit(prepared: &Prepared, trend: &TrendVerdict) -> Option<String> {
    let (soonest, latest) = trend.hours_to_limit?;
    let limit = prepared.amount(prepared.params.limit?);
    if soonest <= 0.0 {
        return Some(format!("its limit of {limit} is reached already"));
    }
    let told = |hours: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes, rounded down")]
        let minutes = ((hours * 60.0) as u64).max(1);
        roughly(minutes.saturating_mul(60))
    };
    match (soonest < NEVER_HOURS, latest < NEVER_HOURS) {
        (true, true) if told(soonest) == told(latest) => {
            Some(format!("its limit of {limit} could be reached in {}", told(soonest)))
        }
        (true, true) => Some(format!("its limit of {limit} could be reached in {} to {}", told(soonest), told(latest))),
        (true, false) => Some(format!("its limit of {limit} could be reached in {} at the soonest", told(soonest))),
        (false, _) => None,
    }
}
