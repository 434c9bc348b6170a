//! The time that a check judges, and whether enough of it was seen.

use super::spec::OnMissing;
use super::verdict::Verdict;
use super::view::{Reading, View};
use crate::record::Gap;

/// Fewer planned slots than this are no measure.
pub(crate) const MIN_SLOTS: u64 = 10;
/// At least so much of the planned samples, in percent.
const COVERAGE_PERCENT: u64 = 95;

/// The phases of a run, in milliseconds of elapsed time since slot 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Before the judged time.
    pub warm_up_ms: u64,
    /// The judged time, extensions included.
    pub measure_ms: u64,
    /// After the load has stopped.
    pub settle_ms: u64,
    /// How far the run is.
    pub elapsed_ms: u64,
}

/// The rows that a check judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
    /// The first row, and the row after the last one that the time has reached.
    pub(crate) from: usize,
    pub(crate) reached: usize,
    /// How many rows there will be in all.
    pub(crate) planned: u64,
    /// How long the soak measures, whatever warm-up this check has: milliseconds.
    pub(crate) measure_ms: u64,
    /// Whether the time is over.
    pub(crate) complete: bool,
}

/// How much of a time was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    None,
    /// Some of it: of what happened in it nobody knows on which side of the edge it did.
    Part,
    All,
}

impl Window {
    pub(crate) fn new(view: &View<'_>, phases: &Phases, warm_up_seconds: Option<u64>) -> Self {
        let from_ms = warm_up_seconds.map_or(phases.warm_up_ms, |s| s.saturating_mul(1000));
        let to_ms = phases.warm_up_ms.saturating_add(phases.measure_ms);
        let interval = view.interval_ms().max(1);
        let slot_at = |ms: u64| ms.div_ceil(interval);
        let (first, end) = (slot_at(from_ms), slot_at(to_ms).max(slot_at(from_ms)));
        let reached = slot_at(to_ms.min(phases.elapsed_ms)).clamp(first, end);
        let row = |slot: u64| usize::try_from(slot).unwrap_or(usize::MAX);
        Self {
            from_ms,
            to_ms,
            from: row(first),
            reached: row(reached),
            planned: end - first,
            measure_ms: phases.measure_ms,
            complete: phases.elapsed_ms >= to_ms && to_ms > from_ms,
        }
    }

    /// The rows so far.
    pub(crate) fn rows(&self) -> std::ops::Range<usize> {
        self.from..self.reached
    }

    /// The rows that may tell of the judged time: those before it, its own, and those after it once it is over.
    pub(crate) fn telling(&self, view: &View<'_>) -> std::ops::Range<usize> {
        0..if self.complete { view.evidence.table.rows().max(self.reached) } else { self.reached }
    }

    /// The judged rows, and the one at the very end of the time if it is on record: what adds up has added up to there.
    pub(crate) fn closed(&self, view: &View<'_>) -> std::ops::Range<usize> {
        let closes = self.telling(view).contains(&self.reached) && view.planned_ms(self.reached) == self.to_ms;
        self.from..self.reached + usize::from(closes)
    }

    /// How much of the time between two moments was judged, in milliseconds since slot 0.
    pub(crate) fn share(&self, since_ms: i64, until_ms: u64) -> Share {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let (from, to, until) = (signed(self.from_ms), signed(self.to_ms), signed(until_ms));
        if until <= from || since_ms >= to {
            Share::None
        } else if since_ms >= from && until <= to {
            Share::All
        } else {
            Share::Part
        }
    }

    /// The judged milliseconds between two moments.
    pub(crate) fn overlap_ms(&self, since_ms: u64, until_ms: u64) -> u64 {
        until_ms.min(self.to_ms).saturating_sub(since_ms.max(self.from_ms))
    }

    /// The length of the window in milliseconds.
    pub(crate) fn length_ms(&self) -> u64 {
        self.to_ms.saturating_sub(self.from_ms)
    }

    /// The longest gap that trend and growth may have: 10 minutes, or 5 % of the measure if that is more.
    pub(crate) fn level_gap_ms(&self) -> u64 {
        (self.length_ms() / 20).max(600_000)
    }
}

/// What was seen of the planned samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) obtained: u64,
    pub(crate) absent: u64,
    pub(crate) not_a_number: u64,
    pub(crate) unrated: u64,
    pub(crate) gaps: u64,
    pub(crate) longest_gap_ms: u64,
    /// The gap that comes first, for the message.
    pub(crate) example: Option<Gap>,
}

/// What a row counts as.
pub(crate) enum Mark {
    Obtained,
    Absent,
    NotANumber,
    /// There is a value, and no rate up to it.
    Unrated,
    Gap(Gap),
}

impl From<&Reading> for Mark {
    fn from(reading: &Reading) -> Self {
        match reading {
            Reading::Value(_) | Reading::Repeated => Self::Obtained,
            Reading::Absent => Self::Absent,
            Reading::NotANumber(_) => Self::NotANumber,
            Reading::Gap(gap) => Self::Gap(gap.clone()),
        }
    }
}

/// Counts the marks of consecutive rows as they come: a day of them in a list costs a tenth of what a check may take.
pub(crate) struct Counting {
    pub(crate) seen: Seen,
    interval_ms: u64,
    /// How many rows in a row gave nothing, until now.
    missing: u64,
}

impl Counting {
    pub(crate) fn new(interval_ms: u64) -> Self {
        Self { seen: Seen::default(), interval_ms, missing: 0 }
    }

    pub(crate) fn add(&mut self, mark: Mark) {
        let seen = &mut self.seen;
        self.missing += 1;
        match mark {
            Mark::Obtained => {
                seen.obtained += 1;
                self.missing = 0;
            }
            Mark::Absent => seen.absent += 1,
            Mark::NotANumber => seen.not_a_number += 1,
            Mark::Unrated => seen.unrated += 1,
            Mark::Gap(gap) => {
                seen.gaps += 1;
                seen.example.get_or_insert(gap);
            }
        }
        seen.longest_gap_ms = seen.longest_gap_ms.max(self.missing * self.interval_ms);
    }
}

impl Seen {
    /// Counts the marks of consecutive rows.
    pub(crate) fn count(marks: impl IntoIterator<Item = Mark>, interval_ms: u64) -> Self {
        let mut counting = Counting::new(interval_ms);
        marks.into_iter().for_each(|mark| counting.add(mark));
        counting.seen
    }

    fn pages(&self) -> u64 {
        self.obtained + self.absent + self.not_a_number + self.unrated
    }
}

/// What coverage says: nothing against a verdict, or the verdict that it forces, with the reason.
pub(crate) type Objection = Option<(Verdict, String)>;

/// Whether a window was seen well enough to pass. `what` names the thing, `longest` is the check's own bound on gaps.
pub(crate) fn objection(
    window: &Window,
    seen: &Seen,
    on_missing: OnMissing,
    what: &str,
    longest: Option<u64>,
) -> Objection {
    let inconclusive = |message: String| Some((Verdict::Inconclusive, message));
    if window.planned < MIN_SLOTS {
        return inconclusive(format!(
            "only {} samples are planned after warm-up, at least {MIN_SLOTS} are needed: measure longer or shorten the warm-up",
            window.planned
        ));
    }
    let because = seen.example.as_ref().map(|gap| format!(" ({gap})")).unwrap_or_default();
    let mostly_absent =
        seen.absent * 100 > seen.pages() * (100 - COVERAGE_PERCENT) && seen.absent >= MIN_SLOTS.min(seen.pages());
    if mostly_absent && (window.complete || seen.obtained == 0) {
        let message = format!(
            "{what} is absent from {} of {} pages: check the metric's name and labels, or make the candidate show it from its start",
            seen.absent,
            seen.pages()
        );
        let settled = window.complete && on_missing == OnMissing::Fail;
        return Some((if settled { Verdict::Failed } else { Verdict::Inconclusive }, message));
    }
    if seen.obtained == 0 && seen.not_a_number > 0 {
        let count = seen.not_a_number;
        return inconclusive(format!(
            "no sample of {what}: {count} values are not finite numbers{because}: make the candidate show numbers"
        ));
    }
    if seen.obtained == 0 && seen.unrated > 0 {
        let count = seen.unrated;
        return inconclusive(format!(
            "no rate of {what}: {count} values have none before them in the same life, near enough and not above: sample more often, or name a counter"
        ));
    }
    if seen.obtained == 0 {
        return inconclusive(format!("no sample of {what}{because}: make it reachable and run again"));
    }
    if !window.complete {
        let so_far = (window.reached - window.from) as u64;
        return inconclusive(format!("{so_far} of {} planned slots so far: the measure is not over", window.planned));
    }
    let percent = seen.obtained * 100 / window.planned;
    if seen.obtained * 100 < window.planned * COVERAGE_PERCENT {
        let of = |count: u64, words: &str| if count > 0 { format!(", {count} {words}") } else { String::new() };
        let numbers = of(seen.not_a_number, "were not finite numbers");
        let rates = of(seen.unrated, "have no rate");
        return inconclusive(format!(
            "only {} of {} planned samples of {what} ({percent} %, at least {COVERAGE_PERCENT} % are needed{numbers}{rates}){because}: run again",
            seen.obtained, window.planned
        ));
    }
    match longest {
        Some(bound) if seen.longest_gap_ms > bound => inconclusive(format!(
            "no sample of {what} for {}, at most {} may be missing{because}: run again",
            duration(seen.longest_gap_ms),
            duration(bound)
        )),
        _ => None,
    }
}

/// Milliseconds for people, by all units: `1h7m30s`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut parts = Vec::new();
    for (number, unit) in [(hours, "h"), (minutes, "m"), (rest, "s")] {
        if number > 0 {
            parts.push(format!("{number}{unit}"));
        }
    }
    if parts.is_empty() { format!("{ms}ms") } else { parts.concat() }
}

/// Seconds of an estimate for people, by its two largest units, as reports tell spans: `6h12m`, `3d4h`.
pub(crate) fn roughly(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let pair = |a: u64, x: &str, b: u64, y: &str| if b == 0 { format!("{a}{x}") } else { format!("{a}{x}{b}{y}") };
    match (days, hours, minutes) {
        (1.., _, _) => pair(days, "d", hours, "h"),
        (0, 1.., _) => pair(hours, "h", minutes, "m"),
        (0, 0, 1..) => pair(minutes, "m", seconds % 60, "s"),
        (0, 0, 0) => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_without_spaces() {
        for (ms, text) in [(0, "0ms"), (500, "500ms"), (90_000, "1m30s"), (14_805_000, "4h6m45s"), (90_000_000, "25h")]
        {
            assert_eq!(duration(ms), text);
        }
        for (seconds, text) in [(0, "0s"), (90, "1m30s"), (3600, "1h"), (14_805, "4h6m"), (302_285, "3d11h")] {
            assert_eq!(roughly(seconds), text);
        }
    }
}
