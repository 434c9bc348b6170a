//! How lives begin.
//!
//! After a restart memory warms up, or peaks while everything is loaded at once. Left in, the one looks like a leak, and the other hides one; left
//! out, 20 minutes of evidence are lost. So they are judged where they are like the rest of their life, and where they are lower they may speak for
//! passing alone: a low start makes the slope steeper. It also hides a bend, so rises that begin late and drops are looked for without them too.

use super::fit::Floor;
use super::robust::{deviation, quantile_in_place, rounding, theil_sen};

/// What begins more than this many robust standard deviations below the rest of its life warms up.
const LOW: f64 = 1.0;
/// What begins more than this above it is a peak.
const HIGH: f64 = 1.0;
/// Unless it begins this close to where the life before ended, and this close to the rest: the restart made no peak.
const SAME: f64 = 2.0;
/// So many floors tell where a life ended.
const END: usize = 3;

/// How the lives after the first begin, beside how they go on: that of them which tells most against judging it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Starts {
    /// No differently.
    Alike,
    /// Lower.
    Lower,
    /// Higher, or nothing was seen of how a life begins or goes on.
    Otherwise,
}

/// The floors of a life without the slope: in its start, and after that.
#[derive(Debug, Default, Clone)]
struct Life {
    start: Vec<f64>,
    rest: Vec<f64>,
}

/// How lives begin. `begins`: when each did, in hours, and `start`: for how many hours it does.
pub(super) fn starts(floors: &[Floor], begins: &[f64], start: f64) -> Starts {
    let early = |f: &Floor| f.incarnation > 0 && begins.get(f.incarnation).is_some_and(|began| f.t < began + start);
    let later: Vec<Floor> = floors.iter().filter(|f| !early(f)).copied().collect();
    let Some(slope) = theil_sen(&later) else { return Starts::Otherwise };
    let mut lives = vec![Life::default(); begins.len()];
    for floor in floors {
        let Some(life) = lives.get_mut(floor.incarnation) else { continue };
        let part = if early(floor) { &mut life.start } else { &mut life.rest };
        part.push(floor.f - slope * floor.t);
    }
    let scale = deviation(lives.iter().flat_map(|life| from_middle(&life.rest)));
    let least = rounding(floors);
    let more = |distance: f64, deviations: f64| distance > deviations * scale + least;
    let each = lives.windows(2).map(|pair| {
        let [before, life] = pair else { return Starts::Alike };
        let Some(rest) = mean(&life.rest) else { return Starts::Otherwise };
        let Some(start) = mean(&life.start) else { return Starts::Otherwise };
        let end = mean(before.rest.get(before.rest.len().saturating_sub(END)..).unwrap_or_default());
        let same = end.is_some_and(|end| !more((start - end).abs(), SAME));
        if more(start - rest, if same { SAME } else { HIGH }) {
            Starts::Otherwise
        } else if more(rest - start, LOW) {
            Starts::Lower
        } else {
            Starts::Alike
        }
    });
    each.max().unwrap_or(Starts::Alike)
}

fn mean(levels: &[f64]) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
    let count = levels.len() as f64;
    (!levels.is_empty()).then(|| levels.iter().sum::<f64>() / count)
}

/// How far each level is from the median.
fn from_middle(levels: &[f64]) -> Vec<f64> {
    let middle = quantile_in_place(&mut levels.to_vec(), 0.5).unwrap_or_default();
    levels.iter().map(|level| level - middle).collect()
}
