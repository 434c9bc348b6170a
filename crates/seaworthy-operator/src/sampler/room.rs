//! The memory of all runs for rows that are not sealed and stored yet, and each run's part of it.
//!
//! So little each run may have that hundreds have it at the same time; what is beyond they share, and one run has a part of that at most. It is
//! asked before a slot is recorded and told afterwards, so a bound is passed by one slot. What comes from stored evidence is counted and never
//! refused. Deliberately absent: waiting, for what waits for memory is in memory itself.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use seaworthy_soak::record::{Gap, GapReason};

/// What the rows of each run may have without asking, in bytes.
const FREE: u64 = 64 << 10;
/// What the rows of all runs together may have beyond that: beside one evidence that is judged, it fits into what the chart gives.
const ALL: u64 = 48 << 20;
/// What the rows of one run may have beyond that.
const ONE: u64 = 16 << 20;

/// What all runs have beyond what is free, in bytes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Arc<AtomicU64>);

impl Room {
    /// A part that is nobody else's, and empty.
    pub(super) fn part(&self) -> Part {
        Part { all: self.clone(), taken: 0 }
    }
}

/// What one run has of it, given back when dropped.
#[derive(Debug)]
pub(super) struct Part {
    all: Room,
    /// Beyond what is free.
    taken: u64,
}

impl Part {
    /// The run's rows have so many bytes from now on.
    pub(super) fn is(&mut self, bytes: u64) {
        let taken = bytes.saturating_sub(FREE);
        self.all.0.fetch_add(taken.wrapping_sub(self.taken), Ordering::Relaxed);
        self.taken = taken;
    }

    /// The gap that stands for what is on a page where there is no room for it.
    pub(super) fn full(&self) -> Option<Gap> {
        let (whose, most) = match self.taken {
            0 => return None,
            ONE.. => ("this soak", ONE),
            _ if self.all.0.load(Ordering::Relaxed) >= ALL => ("all soaks together", ALL),
            _ => return None,
        };
        let detail = format!(
            "samples of {whose} that wait to be sealed have their most, {most} bytes of memory: select fewer series by their labels, \
             here or in another soak that has many"
        );
        Some(Gap::new(GapReason::TooManySeries, detail))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.is(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(part: &Part) -> String {
        part.full().map_or_else(String::new, |gap| gap.detail)
    }

    #[test]
    fn what_all_have_is_bounded_and_who_has_little_is_never_refused() {
        let room = Room::default();
        let mut parts: Vec<Part> = (0..3).map(|_| room.part()).collect();
        let (mut little, mut more) = (room.part(), room.part());
        little.is(FREE);
        more.is(FREE + 1);
        for part in &mut parts {
            part.is(FREE + ONE - 1);
        }
        assert!(parts.iter().chain([&little, &more]).all(|part| part.full().is_none()), "room for a little more");
        parts[0].is(FREE + ONE + 1);
        assert!(why(&parts[0]).contains("of this soak"), "{}", why(&parts[0]));
        assert!(
            why(&more).contains("of all soaks together") && why(&more).contains("50331648 bytes"),
            "{}",
            why(&more)
        );
        assert_eq!(little.full(), None);
        drop(parts);
        assert_eq!((more.full(), room.0.load(Ordering::Relaxed)), (None, 1));
        drop((little, more));
        assert_eq!(room.0.load(Ordering::Relaxed), 0);
    }
}
