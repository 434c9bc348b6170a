//! After which slots evidence is stored.
//!
//! It follows from the plan and the number of soaks alone, so how often a soak writes can be worked out before it runs. A crash costs what was
//! sampled since the last time; each time is a request that the API server pays for. Deliberately absent: clocks, and what is stored.

use std::ops::Range;

/// How often all soaks together store evidence, but for what long measures need.
const PER_SECOND: u64 = 4;
/// The longest time between two within a long measure, in milliseconds, where slots are not further apart.
const LONGEST_MS: u64 = 120_000;
/// The fewest slots between two within a long measure.
const FEWEST: u64 = 5;

/// When one soak stores evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cadence {
    /// After so many slots, at least 1: every 2 minutes or 5 slots, whichever is longer. Within a short measure ten times, so that a crash
    /// costs no more than a tenth of it, as long as all soaks together store no more often than four times a second.
    pub every: u64,
    /// The last slot of measure.
    pub measured: u64,
    /// How many slots there are in all.
    pub slots: u64,
}

impl Cadence {
    /// For a run of so many slots, `interval_ms` apart, of which those of `measure_ms` after `warm_up_ms` are judged, when so many soaks are sampled.
    pub fn new(interval_ms: u64, warm_up_ms: u64, measure_ms: u64, slots: u64, soaks: usize) -> Self {
        let interval = interval_ms.max(1);
        let crowd = u64::try_from(soaks).unwrap_or(u64::MAX).saturating_mul(1000) / PER_SECOND;
        let short = (measure_ms / 10).max(crowd);
        let long = interval.saturating_mul(FEWEST).max(LONGEST_MS);
        let measured = warm_up_ms.saturating_add(measure_ms) / interval;
        Self { every: (long.min(short) / interval).max(1), measured, slots }
    }

    /// Whether evidence is stored once these slots are over: at the cadence, and where measure and the whole run end.
    pub const fn stores_after(&self, over: &Range<u64>) -> bool {
        let measured = over.start <= self.measured && self.measured < over.end;
        let last = over.start < self.slots && self.slots <= over.end;
        measured || last || over.start / self.every != over.end / self.every
    }

    /// How often it is stored where no slot is missed.
    pub fn times(&self) -> u64 {
        (0..self.slots).map(|slot| u64::from(self.stores_after(&(slot..slot + 1)))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_measures_every_two_minutes_short_ones_ten_times_many_together_less_often() {
        let among = |soaks, interval: u64, measure: u64| {
            Cadence::new(interval * 1000, 0, measure * 1000, measure / interval + 1, soaks).every * interval
        };
        assert_eq!(among(1, 10, 6 * 3600), 120, "every two minutes");
        assert_eq!(among(1, 60, 6 * 3600), 300, "or five slots, if that is longer");
        assert_eq!(among(1, 1, 20), 2, "ten times within a short measure");
        assert_eq!(among(1, 1, 5), 1, "but never more often than slots");
        assert_eq!(among(20, 5, 180), 15, "twenty soaks disturb nobody");
        assert_eq!(among(400, 5, 180), 100, "four hundred store four times a second");
        assert_eq!(among(5000, 10, 6 * 3600), 120, "a crash costs no more than it may");
    }

    #[test]
    fn the_ends_of_measure_and_run_are_stored_whatever_was_missed() {
        // Warm-up 2, measure 20, settling 1: 24 slots, stored after every second one.
        let cadence = Cadence::new(1000, 2000, 20_000, 24, 1);
        assert_eq!((cadence.every, cadence.measured), (2, 22));
        let stored: Vec<u64> = (0..24).filter(|slot| cadence.stores_after(&(*slot..slot + 1))).collect();
        assert_eq!(stored, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 22, 23]);
        assert_eq!(cadence.times(), 13);
        let long = Cadence { every: 100, ..cadence };
        assert!(long.stores_after(&(20..23)) && long.stores_after(&(23..24)) && long.stores_after(&(0..24)));
        assert!(!long.stores_after(&(0..22)) && !long.stores_after(&(7..7)) && !long.stores_after(&(24..30)));
    }
}
