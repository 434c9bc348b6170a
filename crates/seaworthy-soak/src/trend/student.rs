//! Student's t distribution for whole degrees of freedom.
//!
//! Source: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4: finite sums, exact up to rounding.

/// P(T > t) with `nu` degrees of freedom (at least 1).
pub(crate) fn upper_tail(t: f64, nu: u32) -> f64 {
    if t.is_nan() {
        return f64::NAN;
    }
    let inside = central(t.abs(), nu);
    let tail = (1.0 - inside) / 2.0;
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// P(|T| <= t) for t >= 0.
fn central(t: f64, nu: u32) -> f64 {
    if t.is_infinite() {
        return 1.0;
    }
    let theta = (t / f64::from(nu).sqrt()).atan();
    let (sine, cosine) = theta.sin_cos();
    if nu == 1 {
        return theta * std::f64::consts::FRAC_2_PI;
    }
    // Both sums run over every second integer; the terms differ from one to the next by a ratio and the square of the cosine.
    let odd = nu % 2 == 1;
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = term;
    let mut k = if odd { 3 } else { 2 };
    while k < nu {
        term *= f64::from(k - 1) / f64::from(k) * cosine * cosine;
        sum += term;
        k += 2;
    }
    if odd { (theta + sine * sum) * std::f64::consts::FRAC_2_PI } else { sine * sum }
}

/// The t with P(T > t) = `tail`, for tails from 1e-12 to 0.5.
pub(crate) fn quantile(tail: f64, nu: u32) -> f64 {
    let tail = tail.clamp(1e-12, 0.5);
    let (mut low, mut high) = (0.0, 1.0);
    while upper_tail(high, nu) > tail && high < 1e9 {
        low = high;
        high *= 2.0;
    }
    // Halving 60 times leaves nothing of the interval that a float could tell apart.
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if upper_tail(middle, nu) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_quantiles() {
        // Table 26.10 of the same handbook.
        for (tail, nu, want) in [
            (0.01, 1, 31.821),
            (0.01, 2, 6.965),
            (0.01, 3, 4.541),
            (0.01, 7, 2.998),
            (0.01, 10, 2.764),
            (0.10, 7, 1.415),
            (0.05, 10, 1.812),
            (0.005, 4, 4.604),
        ] {
            assert!((quantile(tail, nu) - want).abs() < 6e-4, "{tail} {nu}: {}", quantile(tail, nu));
        }
        assert!(quantile(0.5, 5).abs() < 1e-12);
    }

    #[test]
    fn tails() {
        assert!((upper_tail(0.0, 9) - 0.5).abs() < 1e-15);
        assert!((upper_tail(-2.0, 6) + upper_tail(2.0, 6) - 1.0).abs() < 1e-15);
        assert!(upper_tail(f64::INFINITY, 4).abs() < 1e-15);
        assert!((upper_tail(f64::NEG_INFINITY, 4) - 1.0).abs() < 1e-15);
    }
}
