//! A load that comes and goes: one cycle beside the line.
//!
//! Work that is done once an hour moves the floor up and down for longer than the cosines of the variance can tell from a slope. Where one
//! cycle explains nearly all that the line leaves, the slope is that beside the cycle.
//!
//! Source: the least-squares spectrum, a sine and a cosine of the frequency that leaves least, is that of Lomb, Astrophysics and Space Science 39
//! (1976) 447; fitted together with the level as by Zechmeister and Kürster, Astronomy and Astrophysics 496 (2009) 577, and here with the slope too.

use std::f64::consts::TAU;

use super::fit::{Fit, Floor, Trial, fit, span, times};
use super::starts::Starts;

/// A cycle explains what the line leaves if it leaves less than this part of it.
const SHARE: f64 = 0.15;
/// So many times it must have been seen: what came once may not come again.
const FEWEST_CYCLES: f64 = 2.0;
/// So many times within one life, unless all lives go on as they begin: once is what each life may do by itself.
const WITHIN_LIFE: f64 = 1.5;
/// So many floors there must be for each time.
const FLOORS: f64 = 6.0;
/// Frequencies that are looked at for each one that the measure tells apart, and how many closer ones on both sides of the best.
const FINENESS: f64 = 4.0;
const CLOSER: i32 = 4;

/// Floors with a cycle.
#[derive(Debug, Clone)]
pub(super) struct Cyclic {
    /// How long the cycle takes, in hours.
    pub(super) period: f64,
    /// Its sine and its cosine at each floor.
    pub(super) waves: Vec<Vec<f64>>,
    /// The floors without it.
    pub(super) steady: Vec<Floor>,
    /// The line beside it.
    pub(super) fit: Fit,
}

/// The cycle that explains nearly all of what the plain line leaves, if there is one.
pub(super) fn cyclic(floors: &[Floor], plain: &Fit, starts: Starts) -> Option<Cyclic> {
    if !plain.correlated() {
        return None;
    }
    let period = period(floors)?;
    if period * FEWEST_CYCLES > span(floors) || starts != Starts::Alike && period * WITHIN_LIFE > longest(floors) {
        return None;
    }
    let [sine, cosine] = waves(floors, period);
    let fit = |columns: [&Vec<f64>; 3]| fit(floors, &columns.map(Clone::clone));
    let times = times(floors);
    let beside = fit([&sine, &cosine, &times])?;
    if !explains(&beside.residuals, &plain.residuals) {
        return None;
    }
    let (a, b) = (fit([&times, &cosine, &sine])?.last.value, fit([&times, &sine, &cosine])?.last.value);
    let wave = sine.iter().zip(&cosine).map(|(s, c)| a * s + b * c);
    let steady = floors.iter().zip(wave).map(|(floor, wave)| Floor { f: floor.f - wave, ..*floor }).collect();
    Some(Cyclic { period, waves: vec![sine, cosine], steady, fit: beside })
}

/// Hours from the first floor of the longest life to its last one.
fn longest(floors: &[Floor]) -> f64 {
    let life = |life: usize| span(&floors.iter().filter(|f| f.incarnation == life).copied().collect::<Vec<_>>());
    floors.iter().map(|f| life(f.incarnation)).fold(0.0, f64::max)
}

/// Whether nearly all is explained, in both halves of the measure: a swing that grows or shrinks is none that comes and goes.
fn explains(left: &[f64], plain: &[f64]) -> bool {
    let squares = |residuals: &[f64]| residuals.iter().map(|r| r * r).sum::<f64>();
    let middle = left.len() / 2;
    [0..middle, middle..left.len()].into_iter().all(|half| {
        let part = |residuals: &[f64]| residuals.get(half.clone()).map_or(f64::NAN, squares);
        part(left) < SHARE * part(plain)
    })
}

/// How long the cycle takes that leaves the least beside the line, in hours. Also a little longer than may be, for where that fits better, none was seen
/// often enough.
fn period(floors: &[Floor]) -> Option<f64> {
    let span = span(floors);
    let mut trial = Trial::of(floors)?;
    let mut left = |cycles: f64| (trial.squares_left(&waves(floors, span / cycles)), cycles);
    let better = |a: (f64, f64), b: (f64, f64)| if b.0 < a.0 { b } else { a };
    #[expect(clippy::cast_precision_loss, reason = "at most a few dozen floors")]
    let fastest = floors.len() as f64 / FLOORS;
    let coarse = (0..).map(|k| FEWEST_CYCLES + f64::from(k) / FINENESS).take_while(|cycles| *cycles <= fastest);
    let (_, near) = coarse.map(&mut left).reduce(better)?;
    let close = (-CLOSER..=CLOSER).map(|k| near + f64::from(k) / (f64::from(CLOSER) * FINENESS));
    let (_, cycles) = close.map(&mut left).reduce(better)?;
    Some(span / cycles)
}

/// The sine and the cosine of a cycle at each floor.
fn waves(floors: &[Floor], period: f64) -> [Vec<f64>; 2] {
    let (sine, cosine) = floors.iter().map(|f| (TAU * f.t / period).sin_cos()).unzip();
    [sine, cosine]
}
