//! What counters gained: exact, across restarts, never extrapolated.
//!
//! A counter starts at zero with its container. So a step to a new incarnation gains all of the new value, and a series that
//! appears after its source was first read gains all of its first value. A hole is bridged by the counter itself as long as the
//! container lives, one at the edge of the judged time too: but what was gained in it may lie on the other side of the edge. A counter
//! that falls while its container lives is none, and neither is one below zero or without end. What a page shows that is no number says
//! nothing of what was counted, and hides no fall.
//!
//! A container that lived before the counting started and was reached only later starts with what it shows then.

use std::ops::Range;

use super::finding::at;
use super::spec::{Aggregate, Select};
use super::view::{Row, Series, Target, View};
use super::window::{Share, Window};
use crate::unit::amount;

/// What the selected counters gained in a window.
#[derive(Debug)]
pub(crate) struct Gains {
    /// Row by row from the window's first to the one at its end: what was gained by then, over all series by the select's aggregate.
    pub(crate) by_row: Vec<f64>,
    /// What was gained in all if all counts that was gained between a look in the window and one outside of it.
    pub(crate) most: f64,
    /// A counter that fell without a restart, or below zero, or that is infinite: its name and what it did.
    pub(crate) fell: Option<String>,
    /// The longest judged time in which a container ended unseen, in milliseconds: what it counted before is lost.
    pub(crate) blind_ms: u64,
    /// A target that was reached only later than it began, in words: what it counted before is not known.
    pub(crate) late: Option<String>,
    /// The same for each series.
    each: Vec<Counted>,
    first_row: usize,
    aggregate: Option<Aggregate>,
}

impl Gains {
    /// What was gained in all, for certain.
    pub(crate) fn total(&self) -> f64 {
        self.by_row.last().copied().unwrap_or_default()
    }

    /// What was gained from one row to another, over all `series`. The smallest gain is that of those that were there at both.
    pub(crate) fn between(&self, series: &[Series<'_>], rows: &Range<usize>) -> f64 {
        let index = |row: usize| row.saturating_sub(self.first_row);
        let gain = |each: &Counted| each.by(index(rows.end)) - each.by(index(rows.start));
        let there = |one: &Series<'_>, row: usize| one.target.seen(one.target.standing(row));
        let whole = |one: &Series<'_>| there(one, rows.start) && there(one, rows.end);
        let least = self.aggregate == Some(Aggregate::Min) && series.iter().any(whole);
        let counted = series.iter().zip(&self.each).filter(|(one, _)| !least || whole(one));
        combined(self.aggregate.as_ref(), counted.map(|(_, each)| gain(each)))
    }

    /// What else to tell of `metric`, for the end of a message.
    pub(crate) fn told(&self, metric: &str) -> String {
        let late = self.late.as_ref().map(|late| format!("; {late}")).unwrap_or_default();
        let unsure = self.most - self.total();
        if unsure > 0.0 {
            let unsure = amount(metric, unsure);
            return format!("{late}; up to {unsure} more in a gap where the judged time begins or ends");
        }
        late
    }
}

/// What counters did as one. Of the aggregates those that go by labels are refused where counters are asked for.
pub(crate) fn combined(aggregate: Option<&Aggregate>, values: impl Iterator<Item = f64>) -> f64 {
    let pick: fn(f64, f64) -> f64 = match aggregate {
        Some(Aggregate::Max) => f64::max,
        Some(Aggregate::Min) => f64::min,
        None | Some(Aggregate::Sum | Aggregate::Last | Aggregate::LabelSum { .. }) => |a, b| a + b,
    };
    values.reduce(pick).unwrap_or_default()
}

/// A sample of one counter.
#[derive(Clone, Copy)]
struct Last<'v> {
    value: f64,
    row: usize,
    incarnation: &'v str,
}

/// What one counter gained.
#[derive(Debug)]
struct Counted {
    gained: Gained,
    /// Between a look in the window and one outside of it.
    unsure: f64,
}

/// What was gained by a row, counted from the window's first, in whichever form takes less. Of thousands of series that come and go each
/// has few values.
#[derive(Debug)]
enum Gained {
    /// For each row.
    Each(Vec<f64>),
    /// For each row that gained, in order.
    Steps(Vec<(usize, f64)>),
}

impl Counted {
    fn new(steps: Vec<(usize, f64)>, rows: usize, unsure: f64) -> Self {
        if 2 * steps.len() <= rows {
            return Self { gained: Gained::Steps(steps), unsure };
        }
        let mut each = Vec::with_capacity(rows);
        let mut by_now = 0.0;
        for (at, gained) in steps {
            each.resize(at, by_now);
            by_now = gained;
        }
        each.resize(rows, by_now);
        Self { gained: Gained::Each(each), unsure }
    }

    /// What was gained by a row, counted from the window's first.
    fn by(&self, index: usize) -> f64 {
        match &self.gained {
            Gained::Each(each) => each.get(index).copied().unwrap_or_default(),
            Gained::Steps(steps) => {
                let before = steps.partition_point(|(at, _)| *at <= index).checked_sub(1);
                before.and_then(|last| steps.get(last)).map_or(0.0, |(_, gained)| *gained)
            }
        }
    }

    fn total(&self) -> f64 {
        match &self.gained {
            Gained::Each(each) => each.last().copied().unwrap_or_default(),
            Gained::Steps(steps) => steps.last().map_or(0.0, |(_, gained)| *gained),
        }
    }
}

/// Adds up what `series` gained in the window.
pub(crate) fn gains(view: &View<'_>, select: &Select, series: &[Series<'_>], window: &Window) -> Gains {
    let aggregate = select.aggregate.as_ref();
    let rows = window.telling(view);
    let gave = view.rows(&select.source);
    let pages: Vec<bool> = rows.map(|row| gave(row) == Row::Pages).collect();
    let mut gains = Gains {
        by_row: Vec::new(),
        most: 0.0,
        fell: None,
        blind_ms: blind_ms(view, select, series, &pages, window),
        late: None,
        each: Vec::new(),
        first_row: window.from,
        aggregate: aggregate.cloned(),
    };
    let counted: Vec<Counted> = series.iter().map(|one| walk(view, one, &pages, window, &mut gains)).collect();
    gains.most = combined(aggregate, counted.iter().map(|c| c.total() + c.unsure));
    let by = |index: usize| combined(aggregate, counted.iter().map(|c| c.by(index)));
    gains.by_row = (0..window.closed(view).len()).map(by).collect();
    gains.each = counted;
    gains
}

/// The longest judged time in which a container ended unseen, in milliseconds. A target whose counter had no event yet may have had one
/// there: so it goes by the targets that show the metric at all, never by the series that were seen.
fn blind_ms(view: &View<'_>, select: &Select, series: &[Series<'_>], pages: &[bool], window: &Window) -> u64 {
    let family = view.family(select);
    let blind = |(place, target): (&str, &Target<'_>)| {
        let own: Vec<&Series<'_>> = series.iter().filter(|one| one.place == place).collect();
        let stood = |one: &Series<'_>| (0..pages.len()).any(|row| one.value(row).is_some_and(|count| count > 0.0));
        let shows = !own.is_empty() || family.iter().any(|one| one.place == place && stood(one));
        shows.then(|| replaced_ms(view, target, &own, pages.len(), window).max(lost_ms(view, target, pages, window)))
    };
    view.targets(&select.source).filter_map(blind).max().unwrap_or_default()
}

/// The longest judged time in which one life of a target ended and another began, in milliseconds. What lies between may be of either, so
/// all of it is told. A page on which a counter is no number says nothing of what it had counted.
fn replaced_ms(view: &View<'_>, target: &Target<'_>, own: &[&Series<'_>], rows: usize, window: &Window) -> u64 {
    let counts = |row: &usize| target.seen(*row) && own.iter().all(|one| one.value(*row).is_none_or(f64::is_finite));
    let mut longest = 0;
    // The last life that is known, its rows, and the last row that told what it or one before it had counted.
    let mut known: Option<(&str, Range<usize>)> = None;
    let mut told: Option<usize> = None;
    for row in (0..rows).filter(|row| target.seen(*row)) {
        let life = target.incarnation(row);
        if life.is_empty() {
            continue;
        }
        let first = match known.take() {
            Some((before, rows)) if before == life => rows.start,
            None => row,
            Some((_, rows)) => {
                told = rows.rev().find(counts).or(told);
                if let Some(last) = told.filter(|_| !followed_before(view, life, window)) {
                    longest = longest.max(window.overlap_ms(view.planned_ms(last), view.planned_ms(row)));
                }
                row
            }
        };
        known = Some((life, first..row + 1));
        // The first look after the window is the last one that tells of it.
        if row >= window.reached {
            break;
        }
    }
    longest
}

/// Whether the life before `life` ended before the window, for this one began before it.
fn followed_before(view: &View<'_>, life: &str, window: &Window) -> bool {
    view.began_ms(life).is_some_and(|began| before(began, window))
}

/// The judged time in a hole from which a target did not come back, in milliseconds.
fn lost_ms(view: &View<'_>, target: &Target<'_>, pages: &[bool], window: &Window) -> u64 {
    let lost = || {
        let last = (0..pages.len()).rev().find(|row| target.seen(*row))?;
        let next = (last + 1..pages.len()).find(|row| pages.get(*row) == Some(&true))?;
        Some(window.overlap_ms(view.planned_ms(last), view.planned_ms(next)))
    };
    lost().unwrap_or_default()
}

/// What one counter gained by each row of the window, and at its edges.
fn walk(view: &View<'_>, series: &Series<'_>, pages: &[bool], window: &Window, gains: &mut Gains) -> Counted {
    let closed = window.closed(view);
    let (mut steps, mut unsure): (Vec<(usize, f64)>, f64) = (Vec::new(), 0.0);
    let mut gained = 0.0;
    let mut last: Option<Last<'_>> = None;
    // The last row in which the target was seen, with or without this series, and whose life that was.
    let mut seen: Option<(usize, &str)> = None;
    // Whether a page since the last sample was without this series.
    let mut gone = false;
    for row in 0..pages.len() {
        let life = series.target.incarnation(row);
        if let Some(value) = series.value(row).filter(|v| v.is_finite()) {
            let now = Last { value, row, incarnation: life };
            let until = view.planned_ms(row);
            let mut step = || step(view, series, last, now, gone, window, gains);
            match since(view, seen, now, pages, window).map(|since| window.share(since, until)) {
                Some(Share::Part) => unsure += step(),
                Some(Share::All) => gained += step(),
                None if until > window.from_ms => tell_late(view, series, row, gains),
                None | Some(Share::None) => {}
            }
            // A fall right before a new life was seen is that life's doing, or another's in between: whose the page is, is not known.
            let unsure = series.target.ends_life(row) && last.is_some_and(|last| value < last.value);
            last = Some(if unsure { Last { incarnation: "", ..now } } else { now });
            gone = false;
        } else if let Some(infinite) = series.value(row).filter(|v| v.is_infinite() && window.rows().contains(&row)) {
            gains.fell.get_or_insert_with(|| format!("{} {} is {infinite}", series.place, series.key));
        } else if series.target.seen(row) && series.went(row) {
            gone = true;
        }
        if series.target.seen(row) {
            seen = Some((row, life));
        }
        // What was gained before the first row was gained by it.
        let index = row.checked_sub(closed.start).filter(|_| closed.contains(&row));
        let before = steps.last().map_or(0.0, |(_, by_then): &(usize, f64)| *by_then);
        if let Some(index) = index.filter(|_| gained.to_bits() != before.to_bits()) {
            steps.push((index, gained));
        }
        // The first look after the window is the last one that tells of it.
        if row >= window.reached && series.target.seen(row) {
            break;
        }
    }
    Counted::new(steps, closed.len(), unsure)
}

/// Since when a counter gained what it shows beyond its last sample, in milliseconds since slot 0: since the look before, or since its
/// life began. Of what was never seen nothing is known if it lived before the window, or may have: unless its source gave all of its
/// pages before, and this was none of them.
fn since(view: &View<'_>, seen: Option<(usize, &str)>, now: Last<'_>, pages: &[bool], window: &Window) -> Option<i64> {
    let planned = |row| i64::try_from(view.planned_ms(row)).unwrap_or(i64::MAX);
    match (seen, view.began_ms(now.incarnation)) {
        (Some((row, life)), Some(began)) if another(life, now.incarnation) => Some(began.max(planned(row))),
        (Some((row, _)), _) => Some(planned(row)),
        (None, Some(began)) => Some(began).filter(|began| !before(*began, window)),
        (None, None) => (0..now.row).rev().find(|row| pages.get(*row) == Some(&true)).map(planned),
    }
}

/// Whether something was before the window.
fn before(ms: i64, window: &Window) -> bool {
    u64::try_from(ms).map_or(true, |ms| ms < window.from_ms)
}

/// Whether two lives are known, and not the same.
fn another(before: &str, now: &str) -> bool {
    !before.is_empty() && !now.is_empty() && before != now
}

/// A target that was there before anything of it was seen.
fn tell_late(view: &View<'_>, series: &Series<'_>, row: usize, gains: &mut Gains) {
    let when = at(view.planned_ms(row));
    let late = || format!("{} was first seen {when}: what it had counted is not known", series.place);
    gains.late.get_or_insert_with(late);
}

/// The longest judged time between two pages of some rows, in milliseconds: where a counter begins anew among them and nobody knows whose
/// they are, its container may have ended there.
fn hole_ms(view: &View<'_>, series: &Series<'_>, rows: Range<usize>, window: &Window) -> u64 {
    let (mut longest, mut last) = (0, rows.start);
    for row in rows.filter(|row| series.target.seen(*row) && series.value(*row).is_none_or(f64::is_finite)) {
        longest = longest.max(window.overlap_ms(view.planned_ms(last), view.planned_ms(row)));
        last = row;
    }
    longest
}

/// What a counter gained from one sample to the next.
fn step(
    view: &View<'_>,
    series: &Series<'_>,
    last: Option<Last<'_>>,
    now: Last<'_>,
    gone: bool,
    window: &Window,
    gains: &mut Gains,
) -> f64 {
    let last = last.filter(|last| !another(last.incarnation, now.incarnation));
    if let Some(below) = last.into_iter().chain([now]).find(|sample| sample.value < 0.0) {
        gains.fell.get_or_insert_with(|| format!("{} {} is {}", series.place, series.key, below.value));
    }
    let Some(last) = last else { return now.value };
    if now.value >= last.value {
        return now.value - last.value;
    }
    // A series whose labels went away and came back may begin anew; one that was there all the time may not.
    let known = !last.incarnation.is_empty() && !now.incarnation.is_empty();
    let same = known && !series.target.ends_life(now.row);
    if !same && !followed_before(view, now.incarnation, window) {
        gains.blind_ms = gains.blind_ms.max(hole_ms(view, series, last.row..now.row + 1, window));
    }
    if same && !gone {
        gains.fell.get_or_insert_with(|| {
            format!("{} {} fell from {} to {} without a restart", series.place, series.key, last.value, now.value)
        });
    }
    now.value
}
