//! `growth`: a level, or what a counter gained, against a baseline taken after warm-up.

use super::counter::gains;
use super::finding::{Finding, at};
use super::increase::{blind, counter_seen, unsure};
use super::spec::{Growth, GrowthBaseline, GrowthOf, OnMissing};
use super::stats::median;
use super::verdict::Verdict;
use super::view::{Reading, Row, View, readings};
use super::window::{Objection, Seen, Window, duration, objection};
use crate::unit::{amount, amounts};

pub(super) fn judge(view: &View<'_>, rule: &Growth, on_missing: OnMissing, window: &Window) -> Finding {
    match rule.of {
        GrowthOf::Level => level(view, rule, on_missing, window),
        GrowthOf::Increase => increase(view, rule, on_missing, window),
    }
}

fn level(view: &View<'_>, rule: &Growth, on_missing: OnMissing, window: &Window) -> Finding {
    let series = view.select(&rule.select);
    let readings = readings(view, &rule.select, &series, window.reached);
    let judged = readings.get(window.rows()).unwrap_or_default();
    let seen = Seen::count(judged.iter().map(Into::into), view.interval_ms());
    let metric = &rule.select.metric;
    let objection = objection(window, &seen, on_missing, metric, Some(window.level_gap_ms()));
    let values = values(judged, window);
    let (first, baseline) = match baseline(view, rule, window, &values) {
        Ok(found) => found,
        Err(message) => return Finding::new(Verdict::Inconclusive, message).unless(objection),
    };
    let rest = values.iter().copied().filter(|(row, _)| *row >= first);
    let Some((row, top)) = rest.reduce(|a, b| if b.1 > a.1 { b } else { a }) else {
        let message = format!("no sample of {metric} after its baseline: measure longer");
        return Finding::new(Verdict::Inconclusive, message).unless(objection);
    };
    let growth = top - baseline;
    let ((rose, max), level) = (amounts(metric, growth, rule.max), amount(metric, baseline));
    // What is no number is no pass either.
    if growth.is_nan() || growth > rule.max {
        let message = format!(
            "{metric} rose {rose} above its baseline of {level}, more than {max}, {}: find out what piles up, or change max",
            at(view.planned_ms(row))
        );
        return Finding::fact(message).measured(growth, rule.max);
    }
    let message = format!("{metric} rose at most {rose} above its baseline of {level}, {max} allowed");
    Finding::new(Verdict::Passed, message).measured(growth, rule.max).unless(objection)
}

/// The level that growth starts from, if there is one.
pub(super) fn level_of_baseline(view: &View<'_>, rule: &Growth, window: &Window) -> Option<f64> {
    let series = view.select(&rule.select);
    let readings = readings(view, &rule.select, &series, window.reached);
    let values = values(readings.get(window.rows()).unwrap_or_default(), window);
    baseline(view, rule, window, &values).ok().map(|(_, level)| level)
}

/// The rows that have a value, or an infinite one above all.
fn values(judged: &[Reading], window: &Window) -> Vec<(usize, f64)> {
    let value = |(row, reading): (usize, &Reading)| match reading {
        Reading::Value(value) => Some((row, *value)),
        Reading::NotANumber(value) => Some((row, *value)).filter(|(_, value)| *value == f64::INFINITY),
        Reading::Repeated | Reading::Absent | Reading::Gap(_) => None,
    };
    window.rows().zip(judged).filter_map(value).collect()
}

/// The baseline, and the first row that is compared with it.
fn baseline(view: &View<'_>, rule: &Growth, window: &Window, values: &[(usize, f64)]) -> Result<(usize, f64), String> {
    let metric = &rule.select.metric;
    let none = || format!("no sample of {metric} to take the baseline from: make it reachable and run again");
    let finite = || values.iter().filter(|(_, value)| value.is_finite());
    let (row, value) = *finite().next().ok_or_else(none)?;
    let late = view.planned_ms(row).saturating_sub(window.from_ms);
    if late > window.level_gap_ms() {
        return Err(format!("the first sample of {metric} came {} after warm-up: no baseline", duration(late)));
    }
    let GrowthBaseline::Median { seconds } = rule.baseline else { return Ok((row, value)) };
    let until = window.from_ms.saturating_add(seconds.saturating_mul(1000));
    let within: Vec<f64> = finite().filter(|(row, _)| view.planned_ms(*row) < until).map(|(_, v)| *v).collect();
    let after = values.iter().find(|(row, _)| view.planned_ms(*row) >= until).map_or(usize::MAX, |(row, _)| *row);
    let level = median(&within).ok_or_else(none)?;
    let too_far = || format!("the samples of {metric} lie too far apart for a median: take the first as the baseline");
    Some(level).filter(|m| m.is_finite()).map(|m| (after, m)).ok_or_else(too_far)
}

fn increase(view: &View<'_>, rule: &Growth, on_missing: OnMissing, window: &Window) -> Finding {
    let series = view.select(&rule.select);
    let gains = gains(view, &rule.select, &series, window);
    let metric = &rule.select.metric;
    let seen = counter_seen(view, &rule.select, &series, window);
    let objection: Objection = objection(window, &seen, on_missing, metric, Some(window.level_gap_ms()))
        .or_else(|| blind(view, gains.blind_ms));
    // The median of what was gained in the baseline's time stands for the counter's level then.
    let (base, compared) = match rule.baseline {
        GrowthBaseline::First => (0.0, true),
        GrowthBaseline::Median { seconds } => {
            let until = window.from_ms.saturating_add(seconds.saturating_mul(1000));
            let early = window.rows().zip(&gains.by_row).filter(|(row, _)| view.planned_ms(*row) < until);
            let base = median(&early.map(|(_, g)| *g).collect::<Vec<_>>()).unwrap_or_default();
            let gave = view.rows(&rule.select.source);
            let pages = |row| view.planned_ms(row) >= until && gave(row) == Row::Pages;
            (base, window.rows().any(pages))
        }
    };
    let growth = gains.total() - base;
    if let Some(fell) = &gains.fell {
        let message = format!("{fell}: it is no counter; follow its level instead, or mend the metric");
        return Finding::new(Verdict::Error, message).measured(growth, rule.max);
    }
    if !compared {
        let message = format!("no sample of {metric} after its baseline: measure longer");
        return Finding::new(Verdict::Inconclusive, message).unless(objection);
    }
    let (rose, max) = amounts(metric, growth, rule.max);
    if growth.is_nan() || growth > rule.max {
        let message = format!(
            "{metric} rose by {rose} since its baseline, more than {max}: find out what the candidate did, or change max"
        );
        return Finding::fact(message).measured(growth, rule.max);
    }
    let message = format!("{metric} rose by {rose} since its baseline, {max} allowed{}", gains.told(metric));
    let objection = objection.or_else(|| unsure(metric, gains.most - base, rule.max));
    Finding::new(Verdict::Passed, message).measured(growth, rule.max).unless(objection)
}
