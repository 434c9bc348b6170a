//! Guards: what looks like a leak over the whole window and is none.
//!
//! A warm-up slows down, a cache that loads once steps up. Both raise a straight line significantly; neither goes on.

use super::fit::{Estimate, Floor, fit, line, squares_left, times};

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
/// Floors on the shorter side of a step.
const STEP_SIDE: usize = 2;

/// Whether the rise slows down so much that it may end by itself.
pub(super) fn decelerating(floors: &[Floor], slope: f64) -> bool {
    let (early, late) = floors.split_at(floors.len() / 2);
    let Some(second) = line(late).map(|fit| fit.last) else { return false };
    let bound = second.upper(HALF_TAIL);
    if bound < ENDING * slope {
        return true;
    }
    let Some(first) = line(early).map(|fit| fit.last) else { return false };
    let bent = || concavity(floors).is_some_and(|c| c.upper(CONCAVE_TAIL) < 0.0);
    second.value < BENT * first.value && bound < BENT_BOUND * slope && bent()
}

/// The coefficient of the squared time beside the line.
fn concavity(floors: &[Floor]) -> Option<Estimate> {
    let times = times(floors);
    #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let squares = times.iter().map(|t| (t - mean) * (t - mean)).collect();
    fit(floors, &[times, squares]).map(|fit| fit.last)
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
}

/// One step that explains the rise: it leaves little of what the line leaves, and beside it no slope above `d` remains.
pub(super) fn step(floors: &[Floor], d: f64) -> Option<Step> {
    let line_squares = line(floors)?.squares();
    let inner = STEP_SIDE..floors.len().saturating_sub(STEP_SIDE - 1);
    let candidates =
        inner.filter(|k| floors.get(*k).map(|f| f.incarnation) == floors.get(k - 1).map(|f| f.incarnation));
    let squares = candidates.map(|k| (k, squares_left(floors, &[column(floors, k)])));
    let (index, left) = squares.reduce(|a, b| if b.1 < a.1 { b } else { a })?;
    if left >= STEP_SHARE * line_squares {
        return None;
    }
    let step = column(floors, index);
    let slope = fit(floors, &[step.clone(), times(floors)])?.last;
    let size = fit(floors, &[step])?.last.value;
    let (before, after) = (floors.get(index - 1)?, floors.get(index)?);
    let share = left / line_squares;
    (slope.value <= d).then_some(Step { index, t: f64::midpoint(before.t, after.t), size, share })
}

/// One from floor `index` on, to the end of its incarnation.
fn column(floors: &[Floor], index: usize) -> Vec<f64> {
    let life = floors.get(index).map(|f| f.incarnation);
    let on = |(k, f): (usize, &Floor)| f64::from(u8::from(k >= index && Some(f.incarnation) == life));
    floors.iter().enumerate().map(on).collect()
}
