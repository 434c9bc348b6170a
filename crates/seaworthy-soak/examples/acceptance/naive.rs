//! Methods that are in use elsewhere, on the raw samples: true where they would raise an alarm.

use seaworthy_soak::trend::Sample;

pub(crate) type Method = fn(&[Sample]) -> bool;

/// The 99 % quantile of the normal distribution.
const Z: f64 = 2.326;

pub(crate) const METHODS: [(&str, Method); 5] = [
    ("last minus first above 1 MiB/h", last_minus_first),
    ("positive slope", |s| least_squares(s).0 > 0.0),
    ("least squares with a t-test", |s| least_squares(s).1 > Z),
    ("Mann-Kendall", |s| mann_kendall(s) > Z),
    ("Mann-Whitney of the halves", |s| mann_whitney(s) > Z),
];

fn last_minus_first(samples: &[Sample]) -> bool {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return false };
    (last.value - first.value) / ((last.seconds - first.seconds) / 3600.0) > 1.0
}

/// Slope per hour and its t statistic, as if the samples were independent.
#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
fn least_squares(samples: &[Sample]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let (mt, mv) = (mean(|s| s.seconds / 3600.0), mean(|s| s.value));
    let (mut tt, mut tv, mut vv) = (0.0, 0.0, 0.0);
    for s in samples {
        let (t, v) = (s.seconds / 3600.0 - mt, s.value - mv);
        tt += t * t;
        tv += t * v;
        vv += v * v;
    }
    let slope = tv / tt;
    let variance = (vv - slope * tv) / (n - 2.0);
    (slope, slope / (variance / tt).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
fn mann_kendall(samples: &[Sample]) -> f64 {
    let mut s = 0i64;
    for (k, one) in samples.iter().enumerate() {
        for other in &samples[k + 1..] {
            s += i64::from(other.value > one.value) - i64::from(other.value < one.value);
        }
    }
    let n = samples.len() as f64;
    s as f64 / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt()
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
fn mann_whitney(samples: &[Sample]) -> f64 {
    let (early, late) = samples.split_at(samples.len() / 2);
    let above = late.iter().map(|l| early.iter().filter(|e| e.value < l.value).count()).sum::<usize>() as f64;
    let (m, n) = (early.len() as f64, late.len() as f64);
    (above - m * n / 2.0) / (m * n * (m + n + 1.0) / 12.0).sqrt()
}
