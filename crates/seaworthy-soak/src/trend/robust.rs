//! Robust lines and clipping.
//!
//! Sources: the median of slopes between pairs is the estimator of Theil, Proc. Kon. Ned. Akad. Wetensch. A 53 (1950) 386, and Sen,
//! JASA 63 (1968) 1379, here with pairs within one incarnation only; 1.4826 makes the median absolute deviation comparable to a
//! standard deviation (Rousseeuw and Croux, JASA 88 (1993) 1273).

use super::fit::Floor;

/// Residuals beyond so many robust standard deviations are clipped.
const CLIP: f64 = 4.0;
const MAD_TO_SIGMA: f64 = 1.4826;
/// So many floors above the bound at the end of a life are no outliers.
const LATE_RUN: usize = 2;
/// A slope, a product and a sum are rounded by less than so many units in the last place of the largest value.
const ROUNDING: f64 = 64.0;

/// A quantile (definition 7 of Hyndman and Fan), reordering the values.
pub(super) fn quantile_in_place(values: &mut [f64], q: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
    let position = q.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = position.floor() as usize;
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let share = position - position.floor();
    if share == 0.0 {
        return Some(low);
    }
    let high = above.iter().copied().reduce(f64::min).unwrap_or(low);
    Some(low + (high - low) * share)
}

/// The median slope between pairs of floors of one incarnation.
pub(super) fn theil_sen(floors: &[Floor]) -> Option<f64> {
    let mut slopes = Vec::with_capacity(floors.len() * floors.len() / 2);
    for (index, one) in floors.iter().enumerate() {
        for other in floors.iter().skip(index + 1) {
            if one.incarnation == other.incarnation && other.t > one.t {
                slopes.push((other.f - one.f) / (other.t - one.t));
            }
        }
    }
    quantile_in_place(&mut slopes, 0.5)
}

/// The floors of a series, cleaned.
#[derive(Debug, Clone)]
pub(super) struct Cleaned {
    pub(super) floors: Vec<Floor>,
    /// Whether a life ends well above its line.
    pub(super) late: bool,
}

/// The floors with their outliers drawn in: residuals of the robust line clipped at four robust standard deviations.
///
/// Except where a life ends with several floors above that: these are no outliers but where its level went, and drawn in they would hide a
/// leak that began late. Elsewhere a stretch of outliers is over, and what came after it is judged. `finest` is the step between neighbouring
/// values: what is within one is no rise.
pub(super) fn cleaned(floors: &[Floor], finest: f64) -> Cleaned {
    let as_they_are = || Cleaned { floors: floors.to_vec(), late: false };
    let Some(slope) = theil_sen(floors) else { return as_they_are() };
    let intercept = |incarnation: usize| {
        let mut rest: Vec<f64> =
            floors.iter().filter(|f| f.incarnation == incarnation).map(|f| f.f - slope * f.t).collect();
        quantile_in_place(&mut rest, 0.5).unwrap_or_default()
    };
    let lines: Vec<f64> = floors.iter().map(|f| slope * f.t + intercept(f.incarnation)).collect();
    let bound = CLIP * deviation(floors.iter().zip(&lines).map(|(f, line)| f.f - line));
    if bound.is_nan() {
        // The values are too large to subtract.
        return as_they_are();
    }
    let least = bound.max(finest).max(rounding(floors));
    let mut rising: Vec<bool> = floors.iter().zip(&lines).map(|(f, line)| f.f - line > least).collect();
    keep_last_runs(floors, &mut rising);
    // Where more than half lie on the line exactly there is no scale for outliers.
    let clip = |((floor, line), rising): ((&Floor, &f64), &bool)| {
        if *rising || bound <= 0.0 {
            *floor
        } else {
            Floor { f: line + (floor.f - line).clamp(-bound, bound), ..*floor }
        }
    };
    Cleaned { floors: floors.iter().zip(&lines).zip(&rising).map(clip).collect(), late: rising.contains(&true) }
}

/// Of what lies above, leaves only the runs that last to the end of their life and are long enough.
fn keep_last_runs(floors: &[Floor], rising: &mut [bool]) {
    let mut lives: Vec<usize> = floors.iter().map(|f| f.incarnation).collect();
    lives.sort_unstable();
    lives.dedup();
    for life in lives {
        let own: Vec<usize> =
            (0..floors.len()).filter(|k| floors.get(*k).is_some_and(|f| f.incarnation == life)).collect();
        let above = |k: &&usize| rising.get(**k).copied().unwrap_or_default();
        let last = own.iter().rev().take_while(above).count();
        let kept = if last < LATE_RUN { 0 } else { last };
        for k in own.iter().rev().skip(kept) {
            if let Some(slot) = rising.get_mut(*k) {
                *slot = false;
            }
        }
    }
}

/// What rounding may leave between a floor and a line through it.
pub(super) fn rounding(floors: &[Floor]) -> f64 {
    let largest = floors.iter().map(|f| f.f.abs()).fold(0.0, f64::max);
    ROUNDING * f64::EPSILON * largest
}

/// The median absolute deviation from 0, made comparable to a standard deviation.
pub(super) fn deviation(residuals: impl Iterator<Item = f64>) -> f64 {
    let mut sizes: Vec<f64> = residuals.map(f64::abs).collect();
    MAD_TO_SIGMA * quantile_in_place(&mut sizes, 0.5).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor(t: f64, f: f64, incarnation: usize) -> Floor {
        Floor { t, f, incarnation }
    }

    #[test]
    fn the_median_slope_ignores_outliers_and_restarts() {
        let mut floors: Vec<_> = (0..20).map(|k| floor(f64::from(k), f64::from(3 * k), 0)).collect();
        floors[7].f = 1000.0;
        floors.extend((20..40).map(|k| floor(f64::from(k), f64::from(3 * k) - 500.0, 1)));
        assert!((theil_sen(&floors).unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(theil_sen(&[floor(0.0, 1.0, 0), floor(1.0, 5.0, 1)]), None);
    }

    #[test]
    fn outliers_are_drawn_in() {
        let mut floors: Vec<_> = (0..30).map(|k| floor(f64::from(k), f64::from(k) + f64::from(k % 3), 0)).collect();
        floors[10].f = 500.0;
        let cleaned = cleaned(&floors, 0.0);
        assert!(cleaned.floors[10].f < 20.0 && !cleaned.late);
        assert!((cleaned.floors[11].f - floors[11].f).abs() < 1e-12);
    }

    #[test]
    fn where_a_life_ends_is_no_outlier() {
        let noisy = |k: i32| f64::from(k % 3);
        let level = |last: &[f64]| -> Vec<Floor> {
            let tail = (30..).zip(last).map(|(k, f)| floor(f64::from(k), *f, 0));
            (0..30).map(|k| floor(f64::from(k), noisy(k), 0)).chain(tail).collect()
        };
        for (last, late) in [
            (&[50.0, 60.0][..], true),
            (&[60.0], false),
            (&[-50.0, -60.0], false),
            (&[50.0, 60.0, 1.0], false),
            (&[50.0, 1.0, 50.0, 60.0], true),
        ] {
            let cleaned = cleaned(&level(last), 0.0);
            assert_eq!(cleaned.late, late, "{last:?}");
            assert_eq!(cleaned.floors.last().unwrap().f > 40.0, late, "{last:?}");
        }
        // Each life has an end of its own.
        let mut floors = level(&[50.0, 60.0]);
        floors.extend((40..70).map(|k| floor(f64::from(k), noisy(k), 1)));
        assert!(cleaned(&floors, 0.0).late);
    }

    #[test]
    fn whole_steps_and_rounding_are_no_rise() {
        let count: Vec<_> = (0..40).map(|k| floor(f64::from(k), if k < 36 { 20.0 } else { 21.0 }, 0)).collect();
        assert!(!cleaned(&count, 1.0).late);
        assert!(cleaned(&count, 0.5).late);
        let line: Vec<_> = (0..48).map(|k| floor(f64::from(k) / 7.0, 120.1 + 0.3 * f64::from(k) / 7.0, 0)).collect();
        assert!(!cleaned(&line, 0.0).late);
    }

    #[test]
    fn quantiles() {
        assert_eq!(quantile_in_place(&mut [4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile_in_place(&mut [4.0, 1.0, 3.0, 2.0], 1.0), Some(4.0));
        assert_eq!(quantile_in_place(&mut [], 0.5), None);
    }
}
