//! Robust lines and clipping.
//!
//! Sources: the median of slopes between pairs is the estimator of Theil, Proc. Kon. Ned. Akad. Wetensch. A 53 (1950) 386, and Sen,
//! JASA 63 (1968) 1379, here with pairs within one incarnation only; 1.4826 makes the median absolute deviation comparable to a
//! standard deviation (Rousseeuw and Croux, JASA 88 (1993) 1273).

use super::fit::Floor;

/// Residuals beyond so many robust standard deviations are clipped.
const CLIP: f64 = 4.0;
const MAD_TO_SIGMA: f64 = 1.4826;

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

/// The floors with their outliers drawn in: residuals of the robust line clipped at four robust standard deviations.
pub(super) fn clipped(floors: &[Floor]) -> Vec<Floor> {
    let Some(slope) = theil_sen(floors) else { return floors.to_vec() };
    let intercept = |incarnation: usize| {
        let mut rest: Vec<f64> =
            floors.iter().filter(|f| f.incarnation == incarnation).map(|f| f.f - slope * f.t).collect();
        quantile_in_place(&mut rest, 0.5).unwrap_or_default()
    };
    let lines: Vec<f64> = floors.iter().map(|f| slope * f.t + intercept(f.incarnation)).collect();
    let mut deviations: Vec<f64> = floors.iter().zip(&lines).map(|(f, line)| (f.f - line).abs()).collect();
    let bound = CLIP * MAD_TO_SIGMA * quantile_in_place(&mut deviations, 0.5).unwrap_or_default();
    if bound.is_nan() || bound <= 0.0 {
        // More than half lie on the line exactly, or the values are too large to subtract: there is no scale for outliers.
        return floors.to_vec();
    }
    let clip = |(floor, line): (&Floor, &f64)| Floor { f: line + (floor.f - line).clamp(-bound, bound), ..*floor };
    floors.iter().zip(&lines).map(clip).collect()
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
        let clipped = clipped(&floors);
        assert!(clipped[10].f < 20.0);
        assert!((clipped[11].f - floors[11].f).abs() < 1e-12);
    }

    #[test]
    fn quantiles() {
        assert_eq!(quantile_in_place(&mut [4.0, 1.0, 3.0, 2.0], 0.5), Some(2.5));
        assert_eq!(quantile_in_place(&mut [4.0, 1.0, 3.0, 2.0], 1.0), Some(4.0));
        assert_eq!(quantile_in_place(&mut [], 0.5), None);
    }
}
