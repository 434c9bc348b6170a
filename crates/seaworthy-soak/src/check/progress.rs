//! `progress`: at least so much in each period while the load runs; a watch that went silent is found.
//!
//! A period fails only if even the most that it can have gained, from the last sample before it to the first one after it, is too
//! little: a hole never looks like silence.

use std::ops::Range;

use super::counter::gains;
use super::finding::{Finding, at};
use super::increase::{blind, counter_seen, on_page};
use super::shown::Shown;
use super::spec::{OnMissing, Progress};
use super::verdict::Verdict;
use super::view::View;
use super::window::{Window, duration, objection};
use crate::unit::amounts;

pub(super) fn judge(view: &View<'_>, rule: &Progress, on_missing: OnMissing, window: &Window) -> Finding {
    let series = view.select(&rule.select);
    let gains = gains(view, &rule.select, &series, window);
    let metric = &rule.select.metric;
    let period = rule.period_seconds.saturating_mul(1000);
    if period > window.length_ms() {
        let message = format!("a period of {} is longer than the measure: measure longer", duration(period));
        return Finding::new(Verdict::Inconclusive, message);
    }
    if let Some(fell) = gains.fell {
        return Finding::new(Verdict::Error, format!("{fell}: it is no counter; name one, or mend the metric"));
    }
    let shown = Shown::of(view, &rule.select, &series, window.reached);
    let family = view.family(&rule.select);
    let all_new = view.all_new(&rule.select.source);
    // The rows in which the counters' state is known.
    let known: Vec<usize> = window
        .rows()
        .filter(|row| all_new(*row))
        .filter(|row| series.iter().all(|one| one.is_up_to_date(*row)))
        // What was never there did not stand still.
        .filter(|row| series.iter().any(|one| one.value(*row).is_some()) || on_page(&family, *row))
        // What is no number, or not there any more, may hide any gain.
        .filter(|row| !shown.lacks(*row))
        .filter(|row| series.iter().all(|one| one.value(*row).is_none_or(f64::is_finite)))
        .collect();
    let gained = |rows: Range<usize>| (view.planned_ms(rows.end), gains.between(&series, &rows));
    let slowest = periods(view, &known, period).map(gained).reduce(|a, b| if b.1 < a.1 { b } else { a });
    if let Some((end, gained)) = slowest.filter(|(_, gained)| *gained < rule.min) {
        let (rose, min) = amounts(metric, gained, rule.min);
        let message = format!(
            "{metric} rose by at most {rose} in the {} that ended {}, at least {min} is needed: find out why the candidate stood still",
            duration(period),
            at(end)
        );
        return Finding::fact(message).measured(gained, rule.min);
    }
    let seen = counter_seen(view, &rule.select, &series, window);
    let objection = objection(window, &seen, on_missing, metric, Some(period)).or_else(|| blind(view, gains.blind_ms));
    match slowest {
        None => {
            let message = format!("no whole period of {} was seen: measure longer", duration(period));
            Finding::new(Verdict::Inconclusive, message).unless(objection)
        }
        Some((_, gained)) => {
            let (rose, min) = amounts(metric, gained, rule.min);
            let message = format!("{metric} rose by at least {rose} in every {}, {min} needed", duration(period));
            Finding::new(Verdict::Passed, message).measured(gained, rule.min).unless(objection)
        }
    }
}

/// The periods that end in each of the `known` rows, from the last of those at or before the period's start.
pub(super) fn periods(view: &View<'_>, known: &[usize], period: u64) -> impl Iterator<Item = Range<usize>> {
    known.iter().filter_map(move |end| {
        let start = view.planned_ms(*end).checked_sub(period)?;
        let before = known.partition_point(|row| view.planned_ms(*row) <= start).checked_sub(1)?;
        Some(*known.get(before)?..*end)
    })
}
