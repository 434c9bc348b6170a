//! `bound`: a level stays within bounds, each sample or a quantile of them.
//!
//! A single sample beyond a bound is a fact, whatever else was missed, and an infinite one is beyond any. That all samples are within passes
//! only with coverage.

use super::finding::{Finding, at};
use super::spec::{Aggregate, Bound, OnMissing};
use super::stats::quantile;
use super::verdict::Verdict;
use super::view::{Reading, Series, View, readings};
use super::window::{Seen, Window, objection};
use crate::unit::{amount, amounts, plain};

/// One value, where and when it was seen.
struct Point<'v> {
    value: f64,
    row: usize,
    place: &'v str,
}

pub(super) fn judge(view: &View<'_>, rule: &Bound, on_missing: OnMissing, window: &Window) -> Finding {
    let series = view.select(&rule.select);
    let readings = readings(view, &rule.select, &series, window.reached);
    let judged = readings.get(window.rows()).unwrap_or_default();
    let seen = Seen::count(judged.iter().map(Into::into), view.interval_ms());
    let objection = objection(window, &seen, on_missing, &rule.select.metric, None);
    let groups = points(rule, &series, judged, window);
    match rule.quantile {
        None => {
            let alone = alone(rule, &series, window);
            each(view, rule, alone.iter().chain(groups.iter().flatten()), objection)
        }
        Some(q) => quantiles(rule, q, &groups, window, objection),
    }
}

/// The values to judge: one group for an aggregate, else one for each series.
fn points<'v>(rule: &Bound, series: &'v [Series<'_>], judged: &[Reading], window: &Window) -> Vec<Vec<Point<'v>>> {
    if rule.select.aggregate.is_some() {
        let of = |(row, reading): (usize, &Reading)| match reading {
            Reading::Value(value) | Reading::NotANumber(value) if !value.is_nan() => {
                Some(Point { value: *value, row, place: "" })
            }
            Reading::Value(_) | Reading::NotANumber(_) | Reading::Repeated | Reading::Absent | Reading::Gap(_) => None,
        };
        return vec![window.rows().zip(judged).filter_map(of).collect()];
    }
    series.iter().map(|one| own(one, window).collect()).collect()
}

/// The samples of one series, infinite ones too.
fn own<'v>(one: &'v Series<'_>, window: &Window) -> impl Iterator<Item = Point<'v>> {
    let value = |row| one.value(row).filter(|v| !v.is_nan());
    window.rows().filter_map(move |row| Some(Point { value: value(row)?, row, place: one.place }))
}

/// The samples of an aggregate's series that break its bound by themselves: a maximum is at least as large as each of them, and a
/// minimum at most as large, whatever the others show.
fn alone<'v>(rule: &Bound, series: &'v [Series<'_>], window: &Window) -> Vec<Point<'v>> {
    let beyond = |point: &Point<'_>| match rule.select.aggregate {
        Some(Aggregate::Max) => rule.max.is_some_and(|max| point.value > max),
        Some(Aggregate::Min) => rule.min.is_some_and(|min| point.value < min),
        Some(Aggregate::Sum | Aggregate::Last | Aggregate::LabelSum { .. }) | None => false,
    };
    series.iter().flat_map(|one| own(one, window)).filter(beyond).collect()
}

/// Which bound a value breaks.
fn broken(rule: &Bound, value: f64) -> Option<(&'static str, &'static str, f64)> {
    match (rule.min, rule.max) {
        (_, Some(max)) if value > max => Some(("above max", "Highest", max)),
        (Some(min), _) if value < min => Some(("below min", "Lowest", min)),
        _ => None,
    }
}

fn each<'v>(
    view: &View<'_>,
    rule: &Bound,
    points: impl Iterator<Item = &'v Point<'v>>,
    objection: super::window::Objection,
) -> Finding {
    let mut low: Option<&Point<'_>> = None;
    let mut high: Option<&Point<'_>> = None;
    for point in points {
        low = low.filter(|l| l.value <= point.value).or(Some(point));
        high = high.filter(|h| h.value >= point.value).or(Some(point));
    }
    let metric = &rule.select.metric;
    for extreme in [high, low].into_iter().flatten() {
        if let Some((how, which, bound)) = broken(rule, extreme.value) {
            let place = if extreme.place.is_empty() { String::new() } else { format!(" of {}", extreme.place) };
            let (value, limit) = amounts(metric, extreme.value, bound);
            let message = format!(
                "{which} {metric}{place} is {value}, {how} {limit}, {}: find out what the candidate did then, or change the bound",
                at(view.planned_ms(extreme.row))
            );
            return Finding::fact(message).measured(extreme.value, bound);
        }
    }
    let (value, bound) = match (rule.max, rule.min) {
        (Some(max), _) => (high, max),
        (None, min) => (low, min.unwrap_or_default()),
    };
    let finding = match value {
        None => Finding::new(Verdict::Inconclusive, format!("no sample of {metric}: check name and labels")),
        Some(point) => {
            let message = format!("{metric} stayed within {}", limits(rule));
            Finding::new(Verdict::Passed, message).measured(point.value, bound)
        }
    };
    finding.unless(objection)
}

fn quantiles(
    rule: &Bound,
    q: f64,
    groups: &[Vec<Point<'_>>],
    window: &Window,
    objection: super::window::Objection,
) -> Finding {
    let metric = &rule.select.metric;
    let values = groups.iter().filter_map(|points| {
        let values: Vec<f64> = points.iter().map(|p| p.value).collect();
        quantile(&values, q)
    });
    let values: Vec<f64> = values.collect();
    let bound = rule.max.or(rule.min).unwrap_or_default();
    let Some(worst) = values.iter().copied().find(|v| broken(rule, *v).is_some()).or(values.first().copied()) else {
        return Finding::new(Verdict::Inconclusive, format!("no sample of {metric}: check name and labels"))
            .unless(objection);
    };
    let of = |value: String| format!("the {} % quantile of {metric} is {value}", plain(q * 100.0));
    let finding = if let Some((how, _, bound)) = broken(rule, worst) {
        let (value, limit) = amounts(metric, worst, bound);
        let message = format!("{}, {how} {limit}: find out what the candidate did, or change the bound", of(value));
        let finding = Finding::new(Verdict::Failed, message).measured(worst, bound);
        Finding { settled: window.complete, ..finding }
    } else {
        let message = format!("{}, within {}", of(amount(metric, worst)), limits(rule));
        Finding::new(Verdict::Passed, message).measured(worst, bound)
    };
    finding.unless(objection)
}

fn limits(rule: &Bound) -> String {
    let amount = |value: f64| amount(&rule.select.metric, value);
    match (rule.min, rule.max) {
        (Some(min), Some(max)) => format!("{} to {}", amount(min), amount(max)),
        (Some(min), None) => format!("min {}", amount(min)),
        (None, Some(max)) => format!("max {}", amount(max)),
        (None, None) => "no bounds".to_owned(),
    }
}
