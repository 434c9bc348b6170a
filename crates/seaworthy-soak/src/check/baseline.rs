//! `baseline`: the median, or another quantile, against the last published release's evidence.
//!
//! Each run is cut into blocks, and each block's quantile is one observation; their means are compared with a standard error that
//! holds under autocorrelation (as for trends). The degrees of freedom are the smaller ones, which errs on the wide side.

use super::finding::Finding;
use super::spec::{Baseline, OnMissing};
use super::stats::quantile;
use super::verdict::Verdict;
use super::view::{Reading, View, readings};
use super::window::{Seen, Window, objection};
use crate::trend::{ALPHA, Estimate, mean};
use crate::unit::{amount, plain};

/// Blocks of a run.
const BLOCKS: usize = 24;
/// Fewer samples than this in a run are no basis for a comparison.
const FEWEST: usize = 2 * BLOCKS;

pub(super) fn judge(
    view: &View<'_>,
    rule: &Baseline,
    on_missing: OnMissing,
    window: &Window,
    before: Option<(&View<'_>, Window)>,
) -> Finding {
    let metric = &rule.select.metric;
    let (values, seen) = values(view, rule, window);
    let objection = objection(window, &seen, on_missing, metric, None);
    let inconclusive = |message: String| Finding::new(Verdict::Inconclusive, message).unless(objection.clone());
    let Some((before, before_window)) = before else {
        let message = "no published release to compare with: make the check Advisory until there is one".to_owned();
        return inconclusive(message);
    };
    let (old_values, old_seen) = self::values(before, rule, &before_window);
    let (Some(new), Some(old)) = (level(&values, rule.quantile), level(&old_values, rule.quantile)) else {
        let message = format!(
            "{} samples of {metric} now and {} in the last published release, {FEWEST} of each are needed: measure longer",
            values.len(),
            old_values.len()
        );
        return inconclusive(message);
    };
    // What it was is no better known than what it is.
    if let Some((_, message)) = self::objection(&before_window, &old_seen, OnMissing::Inconclusive, metric, None) {
        return inconclusive(format!("the last published release: {message}"));
    }
    let allowed = rule.max_rise * old.value.abs();
    let difference = Estimate {
        value: new.value - old.value,
        error: new.error.hypot(old.error),
        freedom: new.freedom.min(old.freedom),
    };
    let (lower, upper) = (difference.lower(ALPHA), difference.upper(ALPHA));
    let told = |value: f64| amount(metric, value);
    let words = format!(
        "the {} % quantile of {metric} is {}, {} in the last published release: {} more ({} to {}), {} allowed",
        plain(rule.quantile * 100.0),
        told(new.value),
        told(old.value),
        told(difference.value),
        told(lower),
        told(upper),
        told(allowed)
    );
    let (verdict, message) = if lower > allowed {
        (Verdict::Failed, format!("{words}: find what became dearer, or change maxRise"))
    } else if upper <= allowed {
        (Verdict::Passed, words)
    } else {
        (Verdict::Inconclusive, format!("{words}: measure longer"))
    };
    let detectable = allowed + 2.0 * (upper - difference.value);
    let finding = Finding {
        interval: Some((lower, upper)),
        detectable: Some(detectable),
        ..Finding::new(verdict, message).measured(difference.value, allowed)
    };
    finding.unless(objection)
}

fn values(view: &View<'_>, rule: &Baseline, window: &Window) -> (Vec<f64>, Seen) {
    let series = view.select(&rule.select);
    let readings = readings(view, &rule.select, &series, window.reached);
    let judged = readings.get(window.rows()).unwrap_or_default();
    let seen = Seen::count(judged.iter().map(Into::into), view.interval_ms());
    let value = |reading: &Reading| match reading {
        Reading::Value(value) => Some(*value),
        Reading::Repeated | Reading::Absent | Reading::NotANumber(_) | Reading::Gap(_) => None,
    };
    (judged.iter().filter_map(value).collect(), seen)
}

/// The mean of the blocks' quantiles.
fn level(values: &[f64], q: f64) -> Option<Estimate> {
    if values.len() < FEWEST {
        return None;
    }
    let block = values.len().div_ceil(BLOCKS);
    let quantiles: Vec<f64> = values.chunks(block).filter_map(|block| quantile(block, q)).collect();
    mean(&quantiles)
}
