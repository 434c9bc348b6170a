//! What a restart costs a method that knows the noise.
//!
//! Where the noise is autoregressive of order one, and its correlation and deviation are known, generalised least squares has the narrowest
//! interval of all unbiased linear methods (Aitken, Proc. Royal Soc. Edinburgh 55 (1936) 42): what a second intercept costs it, it costs without any
//! noise having to be estimated.

use seaworthy_soak::check::Verdict;
use seaworthy_soak::trend::{Params, Sample};

/// The 99 % quantile of the normal distribution.
const Z: f64 = 2.326;

/// The noise: how neighbouring samples are correlated, and its deviation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    pub(crate) correlation: f64,
    pub(crate) deviation: f64,
}

/// The verdict by the slope within the lives, with the interval at 99 % on each side.
pub(crate) fn judge(samples: &[Sample], noise: Noise, params: &Params) -> Verdict {
    let Noise { correlation, deviation } = noise;
    let scale = (1.0 - correlation * correlation).sqrt();
    // With a life the noise begins anew.
    let white = |of: &dyn Fn(&Sample) -> f64| -> Vec<f64> {
        let first = samples.first().map(of).into_iter();
        let next = |w: &[Sample]| {
            if w[0].incarnation == w[1].incarnation { (of(&w[1]) - correlation * of(&w[0])) / scale } else { of(&w[1]) }
        };
        first.chain(samples.windows(2).map(next)).collect()
    };
    let mut lives: Vec<u32> = samples.iter().map(|s| s.incarnation).collect();
    lives.sort_unstable();
    lives.dedup();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for life in lives {
        let level = outside(&basis, white(&|s| f64::from(u8::from(s.incarnation == life))));
        let length = dot(&level, &level).sqrt();
        basis.push(level.iter().map(|x| x / length).collect());
    }
    let time = outside(&basis, white(&|s| s.seconds / 3600.0));
    let information = dot(&time, &time);
    let slope = dot(&time, &white(&|s| s.value)) / information;
    let half = Z * deviation / information.sqrt();
    if slope - half > params.tolerable_per_hour {
        Verdict::Failed
    } else if slope + half <= params.unacceptable_per_hour {
        Verdict::Passed
    } else {
        Verdict::Inconclusive
    }
}

/// What of `vector` lies outside the basis.
fn outside(basis: &[Vec<f64>], mut vector: Vec<f64>) -> Vec<f64> {
    for own in basis.iter().chain(basis) {
        let share = dot(own, &vector);
        for (v, o) in vector.iter_mut().zip(own) {
            *v -= share * o;
        }
    }
    vector
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
