//! How much of a measure a verdict rests on.
//!
//! Samples in fault windows, after restarts and in lives that are too short to have a slope are not judged, and neither are the teeth at
//! the ends of a saw-tooth. A line through the little that may be left says nothing about the measure.

use super::Sample;

/// When samples were given, and when they do not count, in hours since the first one.
#[derive(Debug, Clone)]
pub(super) struct Measure {
    times: Vec<f64>,
    /// In order, none overlapping.
    faults: Vec<(f64, f64)>,
}

impl Measure {
    /// `samples` in order of time; `faults` in seconds, from the first moment to the one after the last.
    pub(super) fn new(samples: &[Sample], faults: &[(f64, f64)]) -> Self {
        let first = samples.first().map_or(0.0, |s| s.seconds);
        let hours = |seconds: f64| (seconds - first) / 3600.0;
        let mut windows: Vec<(f64, f64)> =
            faults.iter().filter(|(from, to)| from < to).map(|(from, to)| (hours(*from), hours(*to))).collect();
        windows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut faults: Vec<(f64, f64)> = Vec::new();
        for (from, to) in windows {
            match faults.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => faults.push((from, to)),
            }
        }
        Self { times: samples.iter().map(|s| hours(s.seconds)).collect(), faults }
    }

    /// How many samples were given.
    pub(super) fn samples(&self) -> usize {
        self.times.len()
    }

    /// From the first sample to the last.
    pub(super) fn hours(&self) -> f64 {
        self.times.first().zip(self.times.last()).map_or(0.0, |(first, last)| last - first)
    }

    /// The hours between neighbouring samples that were both used, without fault windows. A hole in which no sample was given counts: whether
    /// too many are missing is for the check that asks.
    pub(super) fn seen(&self, used: &[bool]) -> f64 {
        let mut faults = self.faults.as_slice();
        let mut seen = 0.0;
        for (times, used) in self.times.windows(2).zip(used.windows(2)) {
            let ([from, to], [true, true]) = (times, used) else { continue };
            while let Some((_, rest)) = faults.split_first().filter(|(window, _)| window.1 <= *from) {
                faults = rest;
            }
            let within = faults.iter().take_while(|window| window.0 < *to);
            seen += to - from - within.map(|window| window.1.min(*to) - window.0.max(*from)).sum::<f64>();
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(faults: &[(f64, f64)]) -> Measure {
        let samples: Vec<_> =
            (0..11).map(|k| Sample { seconds: 3600.0 * f64::from(k), value: 0.0, incarnation: 0 }).collect();
        Measure::new(&samples, faults)
    }

    #[test]
    fn time_counts_between_samples_that_were_used() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let all = measure(&[]);
        near(all.hours(), 10.0);
        near(all.seen(&[true; 11]), 10.0);
        let mut used = [true; 11];
        used[3] = false;
        near(all.seen(&used), 8.0);
        near(all.seen(&[false; 11]), 0.0);
    }

    #[test]
    fn fault_windows_do_not_count_however_they_lie() {
        let hours = |a: f64, b: f64| (a * 3600.0, b * 3600.0);
        let seen = |faults: &[(f64, f64)]| measure(faults).seen(&[true; 11]);
        for (faults, left) in [
            (vec![hours(2.25, 2.5)], 9.75),
            (vec![hours(2.25, 4.5)], 7.75),
            (vec![hours(4.0, 6.0), hours(1.0, 5.0)], 5.0),
            (vec![hours(-3.0, 1.0), hours(9.5, 30.0)], 8.5),
            (vec![hours(5.0, 4.0)], 10.0),
            (vec![(f64::NAN, 4.0), (1.0, f64::NAN)], 10.0),
            (vec![hours(1.1, 1.2), hours(1.5, 1.6), hours(8.0, 8.5)], 9.3),
        ] {
            assert!((seen(&faults) - left).abs() < 1e-9, "{faults:?}: {}", seen(&faults));
        }
    }
}
