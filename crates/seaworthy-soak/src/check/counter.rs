//! What counters gained: exact, across restarts, never extrapolated.
//!
//! A counter starts at zero with its container. So a step to a new incarnation gains all of the new value, and a series that
//! appears after its source was first read gains all of its first value. A hole is bridged by the counter itself as long as the
//! container lives. A counter that falls while its container lives is none.
//!
//! A container that lived before the counting started and was reached only later starts with what it shows then.

use super::finding::at;
use super::lives::one_of_each;
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
    /// The longest time in which a container ended unseen, in milliseconds: what it counted before is lost.
    pub(crate) blind_ms: u64,
    /// A target that was reached only later than it began, in words: what it counted before is not known.
    pub(crate) late: Option<String>,
}

impl Gains {
    /// What was gained in all.
    pub(crate) fn total(&self) -> f64 {
        self.by_row.last().copied().unwrap_or_default()
    }

    /// What else to tell, for the end of a message.
    pub(crate) fn told(&self) -> String {
        self.late.as_ref().map(|late| format!("; {late}")).unwrap_or_default()
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
    gains.blind_ms = gains.blind_ms.max(lost_ms(view, select, series, base, window));
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

/// The longest hole from which a target did not come back, in milliseconds.
fn lost_ms(view: &View<'_>, select: &Select, series: &[Series<'_>], base: usize, window: &Window) -> u64 {
    let lost = |one: &Series<'_>| {
        let last = (base..window.reached).rev().find(|row| one.target.seen(*row))?;
        let next = (last + 1..window.reached).find(|row| view.row(&select.source, *row) == Row::Pages)?;
        Some(view.planned_ms(next - last))
    };
    one_of_each(series).into_iter().filter_map(lost).max().unwrap_or_default()
}

/// What one counter gained by each row of the window.
fn walk(view: &View<'_>, series: &Series<'_>, base: usize, window: &Window, gains: &mut Gains) -> Vec<f64> {
    let mut by_row = Vec::with_capacity(window.rows().len());
    let mut gained = 0.0;
    let mut last: Option<Last<'_>> = None;
    // The last row in which the target was seen, with or without this series, and whose life that was.
    let mut seen: Option<(usize, &str)> = None;
    let base_ms = i64::try_from(view.planned_ms(base)).unwrap_or(i64::MAX);
    for row in 0..window.reached {
        let life = series.target.incarnation(row);
        if let Some(value) = series.value(row).filter(|v| v.is_finite()) {
            let now = Last { value, row, incarnation: life };
            if row > base {
                let first_page = seen.is_none_or(|(page, before)| page < base && before != life);
                if first_page && view.began_ms(life).is_some_and(|began| began < base_ms) {
                    let when = at(view.planned_ms(row));
                    let late = || format!("{} was first seen {when}: what it had counted is not known", series.place);
                    gains.late.get_or_insert_with(late);
                } else {
                    gained += match last {
                        None => value,
                        Some(last) => step(view, series, last, now, seen.map(|(row, _)| row), gains),
                    };
                }
            }
            // A fall right before a new life was seen is that life's doing, or another's in between: whose the page is, is not known.
            let unsure = series.target.ends_life(row) && last.is_some_and(|last| value < last.value);
            last = Some(if unsure { Last { incarnation: "", ..now } } else { now });
        }
        if series.target.seen(row) {
            seen = Some((row, life));
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
