//! Guards: what looks like a leak over the whole window and is none.
//!
//! A warm-up slows down, a cache that loads once steps up. Both raise a straight line significantly; neither goes on.

use super::ALPHA;
use super::fit::{Estimate, Floor, fit, line, squares_left, times};
use super::robust::{deviation, theil_sen};

/// The part of the slope below which the second half's upper bound means that the rise is ending.
const ENDING: f64 = 0.5;
/// With significant concavity: the second half's slope against the first's, and its upper bound against the whole.
const BENT: f64 = 0.6;
const BENT_BOUND: f64 = 0.85;
/// The tail of the second half's upper bound: a one-sided 90 % bound.
const HALF_TAIL: f64 = 0.10;
/// The tail at which concavity is significant: two-sided 1 %.
const CONCAVE_TAIL: f64 = 0.005;
/// A step explains the rise if it leaves less than this part of the line's squared residuals.
const STEP_SHARE: f64 = 0.6;
/// It stands out clearly enough to judge one side alone if it leaves less than this part.
pub(super) const CLEAR_STEP_SHARE: f64 = 0.3;
/// A bend explains the end if it leaves less than this part of the line's squared residuals.
const BEND_SHARE: f64 = 0.6;
/// The same beside a cycle, of which most of what is left may be that it is no pure wave.
const CYCLIC_BEND_SHARE: f64 = 0.8;
/// A drop hides a rise if it leaves less than this part.
const DROP_SHARE: f64 = 0.7;
/// Floors after a bend.
const BEND_SIDE: usize = 3;
/// Floors on the shorter side of a step.
const STEP_SIDE: usize = 2;
/// So many are needed to see whether it stays where the step left it.
const FLAT_SIDE: usize = 3;
/// A side that rises by more than this part of the step is no level: the rise takes longer than a step.
const FLAT_RISE: f64 = 0.25;
/// The 99 % quantile of the normal distribution.
const Z: f64 = 2.326;

/// What may hide that a rise slows down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hidden {
    /// There is a cycle beside the line, which may have taken what bends.
    pub(super) by_cycle: bool,
    /// Each life may warm up by itself, which has no time to show for certain.
    pub(super) by_lives: bool,
}

/// Whether the rise slows down so much that it may end by itself: over all lives, each of which warms up by itself, or within the one that
/// was seen best. `d` is the slope below which a life does not rise.
pub(super) fn decelerating(floors: &[Floor], slope: f64, d: f64, hidden: Hidden) -> bool {
    let own = best_seen(floors);
    let bends = || line(&own).is_some_and(|fit| fit.last.value > d && slows(&own, fit.last.value, hidden));
    slows(floors, slope, hidden) || own.len() < floors.len() && bends()
}

/// The life with the most floors, the last one of equals.
fn best_seen(floors: &[Floor]) -> Vec<Floor> {
    let own = |life: usize| floors.iter().filter(move |f| f.incarnation == life);
    let best = floors.iter().max_by_key(|f| (own(f.incarnation).count(), f.incarnation));
    best.map(|best| own(best.incarnation).copied().collect()).unwrap_or_default()
}

fn slows(floors: &[Floor], slope: f64, hidden: Hidden) -> bool {
    let (early, late) = halves(floors);
    let several = lives(floors) > 1;
    // Of several lives that were hardly seen nobody can tell: each may be warming up.
    let Some(second) = line(&late).map(|fit| fit.last) else { return several };
    let bound = second.upper(HALF_TAIL);
    if bound < ENDING * slope {
        return true;
    }
    let Some(first) = line(&early).map(|fit| fit.last) else { return several };
    let certain = || bound < BENT_BOUND * slope && concavity(floors).is_some_and(|c| c.upper(CONCAVE_TAIL) < 0.0);
    second.value < BENT * first.value && (several && hidden.by_lives || hidden.by_cycle || certain())
}

/// How many lives the floors are of.
fn lives(floors: &[Floor]) -> usize {
    let mut lives: Vec<usize> = floors.iter().map(|f| f.incarnation).collect();
    lives.sort_unstable();
    lives.dedup();
    lives.len()
}

/// Whether a rise of more than `d` per hour began late: of all lines with one bend, the best leaves little of what the straight line leaves, and
/// after its bend the slope lies above `d`. All of them have the columns `beside` them.
pub(super) fn rises_late(floors: &[Floor], beside: &[Vec<f64>], d: f64) -> bool {
    let with = |own: &[Vec<f64>]| [beside, own].concat();
    let Some(squares) = fit(floors, &with(&[times(floors)])).map(|fit| fit.squares()) else { return false };
    let bend =
        |t: f64| with(&[floors.iter().map(|f| f.t.min(t)).collect(), floors.iter().map(|f| f.t.max(t)).collect()]);
    let bends = floors.get(floors.len() / 4..floors.len().saturating_sub(BEND_SIDE)).unwrap_or_default();
    let Some((left, columns)) = best(floors, bends.iter().map(|f| bend(f.t))) else { return false };
    let share = if beside.is_empty() { BEND_SHARE } else { CYCLIC_BEND_SHARE };
    left < share * squares && fit(floors, &columns).is_some_and(|fit| fit.last.lower(ALPHA) > d)
}

/// Whether one drop hides a rise of more than `d` per hour: of all lines with one step, the best leaves little of what the straight line leaves,
/// steps down, and beside its step the slope lies above `d`.
pub(super) fn drops(floors: &[Floor], d: f64) -> bool {
    let Some(squares) = line(floors).map(|fit| fit.squares()) else { return false };
    let steps = steps(floors).map(|k| [column(floors, k), times(floors)]);
    let Some((left, [step, times])) = best(floors, steps) else { return false };
    left < DROP_SHARE * squares
        && fit(floors, &[step.clone(), times.clone()]).is_some_and(|fit| fit.last.lower(ALPHA) > d)
        && fit(floors, &[times, step]).is_some_and(|fit| fit.last.value < 0.0)
}

/// Of several sets of columns, the one that leaves the least of the floors, and how much that is.
fn best<C: AsRef<[Vec<f64>]>>(floors: &[Floor], candidates: impl Iterator<Item = C>) -> Option<(f64, C)> {
    let left = candidates.map(|columns| (squares_left(floors, columns.as_ref()), columns));
    left.reduce(|a, b| if b.0 < a.0 { b } else { a })
}

/// The floors with which a step may begin: some lie on both sides, and the one before is of the same life.
fn steps(floors: &[Floor]) -> impl Iterator<Item = usize> {
    let inner = STEP_SIDE..floors.len().saturating_sub(STEP_SIDE - 1);
    inner.filter(|k| floors.get(*k).map(|f| f.incarnation) == floors.get(k - 1).map(|f| f.incarnation))
}

/// The first half of each life, and the second one.
fn halves(floors: &[Floor]) -> (Vec<Floor>, Vec<Floor>) {
    let in_second = |k: usize, floor: &Floor| {
        let own = |f: &&Floor| f.incarnation == floor.incarnation;
        let before = floors.iter().take(k).filter(own).count();
        2 * before + 1 > floors.iter().filter(own).count()
    };
    let (late, early): (Vec<_>, Vec<_>) = floors.iter().enumerate().partition(|(k, floor)| in_second(*k, floor));
    let plain = |half: Vec<(usize, &Floor)>| half.into_iter().map(|(_, floor)| *floor).collect();
    (plain(early), plain(late))
}

/// The coefficient of the squared time beside the line, with the time of each life from its own middle.
fn concavity(floors: &[Floor]) -> Option<Estimate> {
    let middle = |floor: &Floor| {
        let own = floors.iter().filter(|f| f.incarnation == floor.incarnation);
        let (count, sum) = own.fold((0.0, 0.0), |(count, sum), f| (count + 1.0, sum + f.t));
        sum / count
    };
    let squares = floors.iter().map(|f| (f.t - middle(f)).powi(2)).collect();
    fit(floors, &[times(floors), squares]).map(|fit| fit.last)
}

/// A step that explains the rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// The first floor after it.
    pub(super) index: usize,
    /// Hours since the first sample, half way between the floors around it.
    pub(super) t: f64,
    /// How much it raised the level.
    pub(super) size: f64,
    /// What part of the line's squared residuals it leaves.
    pub(super) share: f64,
    /// The robust standard deviation of what it leaves.
    pub(super) noise: f64,
}

/// One step that explains the rise: it leaves little of what the line leaves, and beside it no slope above `d` remains.
pub(super) fn step(floors: &[Floor], d: f64) -> Option<Step> {
    let line_squares = line(floors)?.squares();
    let squares = steps(floors).map(|k| (k, squares_left(floors, &[column(floors, k)])));
    let (index, left) = squares.reduce(|a, b| if b.1 < a.1 { b } else { a })?;
    if left >= STEP_SHARE * line_squares {
        return None;
    }
    let step = column(floors, index);
    let slope = fit(floors, &[step.clone(), times(floors)])?.last;
    let levels = fit(floors, &[step])?;
    let (before, after) = (floors.get(index - 1)?, floors.get(index)?);
    let share = left / line_squares;
    let noise = deviation(levels.residuals.iter().copied());
    let t = f64::midpoint(before.t, after.t);
    (slope.value <= d).then_some(Step { index, t, size: levels.last.value, share, noise })
}

/// Whether the shorter side of a step stays where the step left it, as far as a few floors can tell: it does not rise by much of the step,
/// and not at more than `d` per hour for certain.
pub(super) fn flat(side: &[Floor], step: &Step, d: f64) -> bool {
    let (Some(slope), Some(first), Some(last)) = (theil_sen(side), side.first(), side.last()) else { return false };
    #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
    let mean = side.iter().map(|f| f.t).sum::<f64>() / side.len() as f64;
    let error = step.noise / side.iter().map(|f| (f.t - mean).powi(2)).sum::<f64>().sqrt();
    side.len() >= FLAT_SIDE && slope * (last.t - first.t) <= FLAT_RISE * step.size.abs() && slope - Z * error <= d
}

/// One from floor `index` on, to the end of its incarnation.
fn column(floors: &[Floor], index: usize) -> Vec<f64> {
    let life = floors.get(index).map(|f| f.incarnation);
    let on = |(k, f): (usize, &Floor)| f64::from(u8::from(k >= index && Some(f.incarnation) == life));
    floors.iter().enumerate().map(on).collect()
}
