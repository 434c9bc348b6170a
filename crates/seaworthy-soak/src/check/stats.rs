//! Order statistics that several rules share.

/// The quantile `q` (0 to 1) of `values`, none of which is NaN, by linear interpolation between order statistics (definition 7 of Hyndman and Fan,
/// The American Statistician 50 (1996) 361). `None` without values.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, q)
}

/// [`quantile`] of values that are sorted already.
pub(crate) fn quantile_of_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are far below 2^53")]
    let position = q.clamp(0.0, 1.0) * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the last index")]
    let below = position.floor() as usize;
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    let share = position - position.floor();
    // Nothing lies between two that are infinite, nor beside one.
    Some(if share == 0.0 || low.is_infinite() { low } else { low + (high - low) * share })
}

/// The median.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(quantile(&values, 1.0), Some(4.0));
        assert_eq!(median(&values), Some(2.5));
        assert_eq!(quantile(&values, 0.9), Some(3.7));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[7.0]), Some(7.0));
        let (low, high) = (f64::NEG_INFINITY, f64::INFINITY);
        assert_eq!(quantile(&[1.0, 2.0, high], 0.5), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0, high], 0.9), Some(high));
        assert_eq!(quantile(&[low, high], 0.5), Some(low));
        assert_eq!(median(&[high, high]), Some(high));
    }
}
