//! What counters gained: exact, across restarts, never extrapolated.
//!
//! A counter starts at zero with its container. So a step to a new incarnation gains all of the new value, and a series that
//! appears after its source was first read gains all of its first value. A hole is bridged by the counter itself as long as the
//! container lives. A counter that falls while its container lives is none.

use super::spec::{Aggregate, Select};
use super::view::{Row, Series, View};
use super::window::Window;

/// What the selected counters gained in a window.
#[derive(Debug, Default)]
pub(crate) struct Gains {
    /// Row by row from the window's first: what was gained by then, over all series by the select's aggregate.
    pub(crate) by_row: Vec<f64>,
    /// A counter that fell without a restart: its name and what it did.
    pub(crate) fell: Option<String>,
    /// The longest time in which a container restarted unseen, in milliseconds: what it counted before is lost.
    pub(crate) blind_ms: u64,
}

impl Gains {
    /// What was gained in all.
    pub(crate) fn total(&self) -> f64 {
        self.by_row.last().copied().unwrap_or_default()
    }
}

/// The last sample of one counter.
#[derive(Clone, Copy)]
struct Last<'v> {
    value: f64,
    row: usize,
    incarnation: &'v str,
}

/// Adds up what `series` gained in the window.
pub(crate) fn gains(view: &View<'_>, select: &Select, series: &[Series<'_>], window: &Window) -> Gains {
    let mut gains = Gains { by_row: vec![0.0; window.rows().len()], ..Gains::default() };
    // Where the counting starts: the first complete page of the window.
    let Some(base) = window.rows().find(|row| view.row(&select.source, *row) == Row::Pages) else { return gains };
    let mut per_series = Vec::with_capacity(series.len());
    for one in series {
        let steps = walk(view, one, base, window, &mut gains);
        per_series.push(steps);
    }
    let pick: fn(f64, f64) -> f64 = match select.aggregate {
        Some(Aggregate::Max) => f64::max,
        Some(Aggregate::Min) => f64::min,
        None | Some(Aggregate::Sum | Aggregate::Last | Aggregate::LabelSum { .. }) => |a, b| a + b,
    };
    for (index, total) in gains.by_row.iter_mut().enumerate() {
        *total = per_series.iter().filter_map(|s| s.get(index).copied()).reduce(pick).unwrap_or_default();
    }
    gains
}

/// What one counter gained by each row of the window.
fn walk(view: &View<'_>, series: &Series<'_>, base: usize, window: &Window, gains: &mut Gains) -> Vec<f64> {
    let mut by_row = Vec::with_capacity(window.rows().len());
    let mut gained = 0.0;
    let mut last: Option<Last<'_>> = None;
    // The last row in which the target was seen, with or without this series.
    let mut seen_row = None;
    for row in 0..window.reached {
        if let Some(value) = series.value(row).filter(|v| v.is_finite()) {
            let now = Last { value, row, incarnation: series.target.incarnation(row) };
            if row > base {
                gained += match last {
                    None => value,
                    Some(last) => step(view, series, last, now, seen_row, gains),
                };
            }
            // A fall right before a new life was seen is that life's doing, or another's in between: whose the page is, is not known.
            let unsure = series.target.ends_life(row) && last.is_some_and(|last| value < last.value);
            last = Some(if unsure { Last { incarnation: "", ..now } } else { now });
        }
        if series.target.seen(row) {
            seen_row = Some(row);
        }
        if row >= window.from {
            by_row.push(gained);
        }
    }
    by_row
}

/// What a counter gained from one sample to the next.
fn step(
    view: &View<'_>,
    series: &Series<'_>,
    last: Last<'_>,
    now: Last<'_>,
    seen_row: Option<usize>,
    gains: &mut Gains,
) -> f64 {
    let known = !last.incarnation.is_empty() && !now.incarnation.is_empty();
    if known && last.incarnation != now.incarnation {
        let blind = view.planned_ms(now.row) - view.planned_ms(last.row);
        gains.blind_ms = gains.blind_ms.max(blind);
        return now.value;
    }
    if now.value >= last.value {
        return now.value - last.value;
    }
    // A series that went away and came back may begin anew; one that was there all the time may not.
    if known && seen_row == Some(last.row) && !series.target.ends_life(now.row) {
        gains.fell.get_or_insert_with(|| {
            format!("{} {} fell from {} to {} without a restart", series.place, series.key, last.value, now.value)
        });
    }
    now.value
}
