//! A straight line through floors, one intercept per incarnation, with a standard error that holds under autocorrelation.
//!
//! Sources: the variance by projections on cosines is the series estimator of Sun, Journal of Econometrics 164 (2011) 345, for
//! trend regressions, with fixed-K critical values of Student's t; the cosines (type II) and the discussion of K are in
//! Lazarus, Lewis, Stock and Watson, Journal of Business and Economic Statistics 36 (2018) 541.

use super::student;

/// Neighbouring residuals that are correlated more than this wander for longer than the cosines tell from a slope.
const CORRELATED: f64 = 0.5;

/// One floor: hours since the first sample, value, and the incarnation that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Floor {
    pub(super) t: f64,
    pub(super) f: f64,
    pub(super) incarnation: usize,
}

/// A coefficient with its standard error and the degrees of freedom of the latter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) value: f64,
    pub(crate) error: f64,
    pub(crate) freedom: u32,
}

impl Estimate {
    /// The bound that the true value exceeds with probability `tail` at most.
    pub(crate) fn upper(&self, tail: f64) -> f64 {
        self.value + student::quantile(tail, self.freedom) * self.error
    }

    /// The bound below which the true value is with probability `tail` at most.
    pub(crate) fn lower(&self, tail: f64) -> f64 {
        self.value - student::quantile(tail, self.freedom) * self.error
    }

    /// The p-value of "above `bound`".
    pub(super) fn p_above(&self, bound: f64) -> f64 {
        let distance = self.value - bound;
        if self.error > 0.0 {
            student::upper_tail(distance / self.error, self.freedom)
        } else if distance > 0.0 {
            0.0
        } else {
            1.0
        }
    }
}

/// A fitted line, possibly with further columns.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// The coefficient of the last column.
    pub(super) last: Estimate,
    /// What the fit leaves, floor by floor.
    pub(super) residuals: Vec<f64>,
}

impl Fit {
    pub(super) fn squares(&self) -> f64 {
        dot(&self.residuals, &self.residuals)
    }

    /// Whether neighbouring residuals are correlated by more than [`CORRELATED`].
    pub(super) fn correlated(&self) -> bool {
        let neighbours: f64 = self.residuals.windows(2).map(|w| w[0] * w[1]).sum();
        neighbours > CORRELATED * self.squares()
    }
}

/// Vectors that are orthogonal to each other, each of length one.
struct Basis(Vec<Vec<f64>>);

/// A column whose part outside the basis is smaller than this share of it is none of its own.
const DEGENERATE: f64 = 1e-9;

impl Basis {
    /// One intercept per incarnation.
    fn intercepts(floors: &[Floor]) -> Self {
        let mut incarnations: Vec<usize> = floors.iter().map(|f| f.incarnation).collect();
        incarnations.dedup();
        incarnations.sort_unstable();
        incarnations.dedup();
        let column = |i: usize| {
            let here: Vec<f64> = floors.iter().map(|f| f64::from(u8::from(f.incarnation == i))).collect();
            scaled(&here, 1.0 / length(&here))
        };
        Self(incarnations.into_iter().map(column).collect())
    }

    /// What of `vector` lies outside the basis.
    fn outside(&self, vector: &[f64]) -> Vec<f64> {
        let mut rest = vector.to_vec();
        // Twice is enough to lose what rounding lets through (Kahan; Parlett, The Symmetric Eigenvalue Problem, 6.9).
        for _ in 0..2 {
            for own in &self.0 {
                let share = dot(own, &rest);
                for (r, o) in rest.iter_mut().zip(own) {
                    *r -= share * o;
                }
            }
        }
        rest
    }

    /// Adds `vector`; its length outside the basis, or `None` if it lies within.
    fn add(&mut self, vector: &[f64]) -> Option<f64> {
        let rest = self.outside(vector);
        let size = length(&rest);
        let whole = length(vector);
        if size <= DEGENERATE * whole || size == 0.0 || !whole.is_finite() {
            return None;
        }
        self.0.push(scaled(&rest, 1.0 / size));
        Some(size)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn length(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn scaled(a: &[f64], by: f64) -> Vec<f64> {
    a.iter().map(|x| x * by).collect()
}

/// What rounding alone may leave of the product of `f` with a vector of length one: a level that never changed has no slope (Higham, Accuracy and
/// Stability of Numerical Algorithms, 3.1).
fn rounding(f: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
    let n = f.len() as f64;
    n * f64::EPSILON * length(f)
}

/// Fits `intercept(incarnation) + columns`, the last of which is the one whose coefficient is asked for.
///
/// `None` where the floors do not determine it: too few of them, a column within the span of the others, or values whose squares
/// are beyond what a double can hold.
pub(super) fn fit(floors: &[Floor], columns: &[Vec<f64>]) -> Option<Fit> {
    let f: Vec<f64> = floors.iter().map(|f| f.f).collect();
    if !length(&f).is_finite() {
        return None;
    }
    let mut basis = Basis::intercepts(floors);
    let mut size = 0.0;
    for column in columns {
        size = basis.add(column)?;
    }
    let parameters = basis.0.len();
    let residuals = basis.outside(&f);
    // The last coefficient, by the part of its column that no other column explains (Frisch and Waugh, Econometrica 1 (1933) 387).
    let share = basis.0.last().map(|own| dot(own, &f)).unwrap_or_default();
    let value = if share.abs() <= rounding(&f) { 0.0 } else { share / size };
    let (variance, freedom) = long_run_variance(&mut basis, &residuals, parameters)?;
    let error = variance.sqrt() / size;
    Some(Fit { last: Estimate { value, error, freedom }, residuals })
}

/// The mean of values in order of time, with a standard error that holds under autocorrelation.
pub(crate) fn mean(values: &[f64]) -> Option<Estimate> {
    let mut basis = Basis(Vec::new());
    let size = basis.add(&vec![1.0; values.len()])?;
    let value = basis.0.last().map(|own| dot(own, values)).unwrap_or_default() / size;
    let (variance, freedom) = long_run_variance(&mut basis, &values.iter().map(|v| v - value).collect::<Vec<_>>(), 1)?;
    Some(Estimate { value, error: variance.sqrt() / size, freedom })
}

/// The sum of squares that `intercept(incarnation) + columns` leaves; columns that add nothing are ignored.
pub(super) fn squares_left(floors: &[Floor], columns: &[Vec<f64>]) -> f64 {
    let f: Vec<f64> = floors.iter().map(|f| f.f).collect();
    let mut basis = Basis::intercepts(floors);
    for column in columns {
        let _ = basis.add(column);
    }
    let rest = basis.outside(&f);
    dot(&rest, &rest)
}

/// The line, beside which many columns are tried one after another.
pub(super) struct Trial {
    basis: Basis,
    residuals: Vec<f64>,
}

impl Trial {
    /// `None` where the floors determine no line.
    pub(super) fn of(floors: &[Floor]) -> Option<Self> {
        let f: Vec<f64> = floors.iter().map(|f| f.f).collect();
        let mut basis = Basis::intercepts(floors);
        basis.add(&times(floors))?;
        let residuals = basis.outside(&f);
        Some(Self { basis, residuals })
    }

    /// The sum of squares that the line with these columns leaves, to compare: where next to nothing is left, it is rounding. Columns that add nothing
    /// are ignored.
    pub(super) fn squares_left(&mut self, columns: &[Vec<f64>]) -> f64 {
        let line = self.basis.0.len();
        for column in columns {
            let _ = self.basis.add(column);
        }
        let own = self.basis.0.drain(line..);
        dot(&self.residuals, &self.residuals) - own.map(|own| dot(&own, &self.residuals).powi(2)).sum::<f64>()
    }
}

/// The variance of the residuals at the lowest frequencies, and how many cosines it rests on: the mean square of their
/// projections on cosines that are orthogonal to the regressors.
fn long_run_variance(basis: &mut Basis, residuals: &[f64], parameters: usize) -> Option<(f64, u32)> {
    let n = residuals.len();
    let spare = n.checked_sub(parameters)? / 3;
    let cosines = spare.clamp(3, 10);
    let mut sum = 0.0;
    let mut used = 0u32;
    for j in 1..=cosines {
        #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
        let cosine: Vec<f64> =
            (0..n).map(|k| (std::f64::consts::PI * j as f64 * (k as f64 + 0.5) / n as f64).cos()).collect();
        if basis.add(&cosine).is_some() {
            let projection = basis.0.last().map(|own| dot(own, residuals)).unwrap_or_default();
            sum += projection * projection;
            used += 1;
        }
    }
    (used > 0).then(|| (sum / f64::from(used), used))
}

/// The line alone.
pub(super) fn line(floors: &[Floor]) -> Option<Fit> {
    fit(floors, &[times(floors)])
}

pub(super) fn times(floors: &[Floor]) -> Vec<f64> {
    floors.iter().map(|f| f.t).collect()
}

/// Hours from the first floor to the last.
pub(super) fn span(floors: &[Floor]) -> f64 {
    floors.first().zip(floors.last()).map_or(0.0, |(first, last)| last.t - first.t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(values: &[(f64, f64, usize)]) -> Vec<Floor> {
        values.iter().map(|(t, f, incarnation)| Floor { t: *t, f: *f, incarnation: *incarnation }).collect()
    }

    #[test]
    fn a_line_is_found_across_restarts() {
        // Slope 2, a drop by 30 between the incarnations.
        let values: Vec<_> = (0..20)
            .map(|k| (f64::from(k), f64::from(2 * k - if k < 9 { 0 } else { 30 }), usize::from(k >= 9)))
            .collect();
        let fit = line(&floors(&values)).unwrap();
        assert!((fit.last.value - 2.0).abs() < 1e-12);
        assert!(fit.last.error < 1e-9);
        assert!(fit.squares() < 1e-18);
        assert_eq!(fit.last.freedom, 5);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "exactly none")]
    fn a_level_that_never_changes_has_no_slope() {
        for level in [6.0, 0.1, 1.0e9 / 3.0] {
            let values: Vec<_> = (0..48).map(|k| (f64::from(k) * 25.3 / 3600.0, level, 0)).collect();
            let fit = line(&floors(&values)).unwrap();
            assert_eq!(fit.last.value, 0.0, "{level}");
            // The smallest slope that a double can hold beside the level by far.
            let rising: Vec<_> = values.iter().map(|(t, f, i)| (*t, f * (1.0 + t * 1e-9), *i)).collect();
            assert!(line(&floors(&rising)).unwrap().last.value > 0.0, "{level}");
        }
    }

    #[test]
    fn ordinary_least_squares() {
        let fit =
            line(&floors(&[(0.0, 1.0, 0), (1.0, 3.0, 0), (2.0, 2.0, 0), (3.0, 5.0, 0), (4.0, 4.0, 0), (5.0, 6.5, 0)]))
                .unwrap();
        // By hand: Sxy = 16.75, Sxx = 17.5.
        assert!((fit.last.value - 16.75 / 17.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_determined_is_refused() {
        assert!(line(&floors(&[(1.0, 1.0, 0), (1.0, 2.0, 0), (1.0, 2.0, 0)])).is_none());
        assert!(line(&floors(&[(0.0, 1.0, 0), (1.0, 2.0, 1)])).is_none());
        assert!(line(&[]).is_none());
    }
}
