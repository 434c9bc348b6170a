//! `increase`: what a counter gained is at most `max`.

use super::counter::gains;
use super::finding::Finding;
use super::shown::Shown;
use super::spec::{Increase, OnMissing, Select};
use super::verdict::Verdict;
use super::view::{Reading, Series, View, readings};
use super::window::{Mark, Objection, Seen, Window, duration, objection};
use crate::unit::amounts;

pub(super) fn judge(view: &View<'_>, rule: &Increase, on_missing: OnMissing, window: &Window) -> Finding {
    let series = view.select(&rule.select);
    let gains = gains(view, &rule.select, &series, window);
    let total = gains.total();
    let metric = &rule.select.metric;
    if let Some(fell) = &gains.fell {
        let message = format!("{fell}: it is no counter; use bound or growth, or mend the metric");
        return Finding::new(Verdict::Error, message).measured(total, rule.max);
    }
    let (rose, max) = amounts(metric, total, rule.max);
    if total > rule.max {
        let message =
            format!("{metric} rose by {rose}, more than {max}: find out what the candidate did, or change max");
        return Finding::fact(message).measured(total, rule.max);
    }
    let seen = counter_seen(view, &rule.select, &series, window);
    let objection = objection(window, &seen, on_missing, metric, None)
        .or_else(|| blind(view, gains.blind_ms).or_else(|| unsure(metric, gains.most, rule.max)));
    let message = format!("{metric} rose by {rose}, at most {max} allowed{}", gains.told(metric));
    Finding::new(Verdict::Passed, message).measured(total, rule.max).unless(objection)
}

/// The end of a container inside a hole: what was counted before it is lost.
pub(super) fn blind(view: &View<'_>, blind_ms: u64) -> Objection {
    (blind_ms > (2 * view.interval_ms()).max(60_000)).then(|| {
        let message = format!(
            "a container ended unseen in a gap of {}: what it had counted is lost: run again",
            duration(blind_ms)
        );
        (Verdict::Inconclusive, message)
    })
}

/// Whether the metric is on some page that counts in `row`, under whatever labels.
pub(super) fn on_page(family: &[Series<'_>], row: usize) -> bool {
    family.iter().any(|one| one.standing(row).is_some_and(|count| count > 0.0))
}

/// A rise of more than `max`, if what lies in a gap at an edge of the judged time belongs to it.
pub(super) fn unsure(metric: &str, most: f64, max: f64) -> Objection {
    (most > max).then(|| {
        let (most, max) = amounts(metric, most, max);
        let message = format!(
            "{metric} may have risen by {most}, more than {max}: some of it in a gap where the judged time begins or ends: run again"
        );
        (Verdict::Inconclusive, message)
    })
}

/// What was seen of a counter. A counter whose metric is on the page with other labels stands at zero: counters appear with
/// their first event. One that was there and is not any more does not.
pub(super) fn counter_seen(view: &View<'_>, select: &Select, series: &[Series<'_>], window: &Window) -> Seen {
    let readings = readings(view, select, series, window.reached);
    let judged = readings.get(window.rows()).unwrap_or_default();
    let shown = Shown::of(view, select, series, window.reached);
    let family = view.family(select);
    let at_zero = |row| !shown.lacks(row) && on_page(&family, row);
    let marks = window.rows().zip(judged).map(|(row, reading)| {
        if *reading == Reading::Absent && at_zero(row) { Mark::Obtained } else { reading.into() }
    });
    Seen::count(marks, view.interval_ms())
}
