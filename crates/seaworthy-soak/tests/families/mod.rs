//! Made-up controllers: healthy and leaking ones, from fixed seeds. Values in MiB, times in seconds.

use seaworthy_soak::trend::Sample;

/// `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014): small, and the same numbers for ever.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// The shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    White,
    Ar90,
    Ar98,
    Saw8,
    Saw35,
    WarmUp,
    Step,
    Periodic,
    Spikes,
    Restart,
    /// The leak comes in lumps, once an hour.
    Lumps,
    RandomWalk,
    Logarithmic,
    SlowWarmUp,
    /// White noise, and the leak begins in the last two fifths.
    LateWhite,
    /// The same on AR(0.9).
    LateAr90,
    /// A saw-tooth of 8 min that stops being collected, and leaks from there on.
    CollectionStops,
    /// A restart, after which it warms up for long.
    RestartWarmUp,
    /// AR(0.9), and one drop by what leaks in two and a half hours.
    Drop,
    /// AR(0.9), and single samples, 14 in 6 h, that lie below all others.
    Dips,
    /// AR(0.9), and two restarts; each life warms up by 40 MiB, tau 30 min.
    ThreeWarmUps,
    /// The same with one restart, near the middle.
    TwoWarmUps,
    /// Periodic, and the leak begins in the last two fifths.
    LatePeriodic,
}

pub(crate) const HEALTHY: [Shape; 10] = [
    Shape::White,
    Shape::Ar90,
    Shape::Ar98,
    Shape::Saw8,
    Shape::Saw35,
    Shape::WarmUp,
    Shape::Step,
    Shape::Periodic,
    Shape::Spikes,
    Shape::Restart,
];

/// How a series is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    /// MiB per hour.
    pub(crate) leak: f64,
    pub(crate) hours: f64,
    pub(crate) interval: f64,
    /// Hours dropped at the start.
    pub(crate) warm_up: f64,
}

impl Plan {
    /// 6 h at 30 s, the first hour dropped.
    pub(crate) fn new(shape: Shape, leak: f64) -> Self {
        Self { shape, leak, hours: 6.0, interval: 30.0, warm_up: 1.0 }
    }
}

const BASE: f64 = 120.0;

/// One series.
pub(crate) fn series(plan: &Plan, seed: u64) -> Vec<Sample> {
    let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ (plan.shape as u64) << 56);
    let base = BASE + random.between(-10.0, 10.0);
    let moment = random.between(plan.warm_up + 0.05, plan.hours - 0.05);
    let phase = random.uniform();
    let period = random.between(1.0, 3.0);
    let late = matches!(plan.shape, Shape::LateWhite | Shape::LateAr90 | Shape::LatePeriodic);
    let stops = plan.shape == Shape::CollectionStops;
    let restarts = matches!(plan.shape, Shape::Restart | Shape::RestartWarmUp);
    let onset = if plan.shape == Shape::Drop {
        plan.hours * (0.35 + 0.4 * phase)
    } else if plan.shape == Shape::TwoWarmUps {
        plan.hours * (0.35 + 0.3 * phase)
    } else if plan.shape == Shape::ThreeWarmUps {
        plan.hours * (0.25 + 0.2 * phase)
    } else if late {
        plan.hours * (0.6 + 0.3 * phase)
    } else if stops {
        plan.hours * (0.3 + 0.4 * phase)
    } else if plan.shape == Shape::RestartWarmUp {
        plan.hours * (0.3 + 0.3 * phase)
    } else {
        moment
    };
    let mut state = State { ar: random.normal(), walk: 0.0, tooth: phase, tooth_size: 1.0 };
    let mut samples = Vec::new();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    let count = (plan.hours * 3600.0 / plan.interval) as u32;
    for k in 0..count {
        let seconds = f64::from(k) * plan.interval;
        let t = seconds / 3600.0;
        let wave = state.advance(plan, &mut random, t, onset, phase, period);
        let restarted = restarts && t >= onset;
        let leak = if plan.shape == Shape::Lumps {
            plan.leak * (t + phase).floor()
        } else if late || stops || restarted {
            plan.leak * (t - onset).max(0.0)
        } else {
            plan.leak * t
        };
        let again = |k: f64| warm_ups(plan.shape) > k && t >= k * onset;
        let incarnation = u32::from(restarted || again(1.0)) + u32::from(again(2.0));
        if t >= plan.warm_up {
            samples.push(Sample { seconds, value: base + leak + wave, incarnation });
        }
    }
    samples
}

/// How many lives warm up.
fn warm_ups(shape: Shape) -> f64 {
    if shape == Shape::ThreeWarmUps {
        3.0
    } else if shape == Shape::TwoWarmUps {
        2.0
    } else {
        0.0
    }
}

struct State {
    ar: f64,
    walk: f64,
    tooth: f64,
    tooth_size: f64,
}

impl State {
    fn advance(&mut self, plan: &Plan, random: &mut Random, t: f64, moment: f64, phase: f64, period: f64) -> f64 {
        let white = 1.5 * random.normal();
        let scale = plan.interval / 30.0;
        match plan.shape {
            Shape::White | Shape::Lumps | Shape::LateWhite => white,
            Shape::CollectionStops if t >= moment => white,
            Shape::RestartWarmUp => white + if t < moment { 0.0 } else { -40.0 * (-(t - moment) * 60.0 / 30.0).exp() },
            Shape::Ar90 | Shape::LateAr90 => 3.0 * self.ar(0.9f64.powf(scale), random),
            Shape::Ar98 => 4.0 * self.ar(0.98f64.powf(scale), random),
            Shape::Saw8 | Shape::CollectionStops => 25.0 * self.saw(plan.interval / 480.0, random) + white,
            Shape::Saw35 => 40.0 * self.saw(plan.interval / 2100.0, random) + white,
            Shape::WarmUp => 40.0 * (1.0 - (-t * 60.0 / 45.0).exp()) + white,
            Shape::Step => white + if t >= moment { 15.0 } else { 0.0 },
            Shape::Periodic | Shape::LatePeriodic => white + 8.0 * (std::f64::consts::TAU * (t / period + phase)).sin(),
            Shape::Spikes => white + if random.uniform() < 0.02 { random.between(20.0, 60.0) } else { 0.0 },
            Shape::Restart => {
                white + if t < moment { 5.0 } else { 20.0 * (1.0 - (-(t - moment) * 60.0 / 5.0).exp()) - 20.0 }
            }
            Shape::RandomWalk => {
                self.walk += 0.25 * random.normal();
                self.walk + white
            }
            Shape::SlowWarmUp => 40.0 * (1.0 - (-t * 60.0 / 90.0).exp()) + white,
            Shape::Drop => 3.0 * self.ar(0.9f64.powf(scale), random) - if t < moment { 0.0 } else { 2.5 * plan.leak },
            Shape::Dips => {
                let level = 3.0 * self.ar(0.9f64.powf(scale), random);
                if random.uniform() < 14.0 / 720.0 { -20.0 - plan.leak * t } else { level }
            }
            Shape::ThreeWarmUps | Shape::TwoWarmUps => {
                let alive = t - moment * (t / moment).floor().min(warm_ups(plan.shape) - 1.0);
                3.0 * self.ar(0.9f64.powf(scale), random) - 40.0 * (-alive * 60.0 / 30.0).exp()
            }
            Shape::Logarithmic => 10.0 * (1.0 + t * 4.0).ln() + white,
        }
    }

    fn ar(&mut self, rho: f64, random: &mut Random) -> f64 {
        self.ar = rho * self.ar + (1.0 - rho * rho).sqrt() * random.normal();
        self.ar
    }

    /// A tooth from 0 to 1, each of a somewhat different height.
    fn saw(&mut self, step: f64, random: &mut Random) -> f64 {
        self.tooth += step / self.tooth_size;
        if self.tooth >= 1.0 {
            self.tooth -= 1.0;
            self.tooth_size = random.between(0.8, 1.2);
        }
        self.tooth * self.tooth_size
    }
}
