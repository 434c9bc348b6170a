//! Batching: a Release that comes too early, brings too little or meets a freeze waits; what comes meanwhile takes its place or joins the
//! queue, as the plan's concurrency says.
//!
//! Cron expressions have five fields and are read in UTC. Absent: clocks, time zones.

use std::fmt;

use croner::parser::{CronParser, Seconds as Field, Year};
use jiff::{civil::DateTime, tz::TimeZone};

use super::{
    draft::{Draft, Flow},
    observed::{Batching, Freeze, Sibling},
    queue::QUEUE_WAIT,
    status::ReleasePhase,
};
use crate::{
    condition::Reason,
    time::{Seconds, Timestamp},
};

/// How many freezes in a row are followed to tell when the last one ends: one an hour, for as long as a Release waits.
const CHAIN: usize = 336;
/// From when on it is asked whether a freeze ever begins: any past time does.
const EVER: &str = "2024-01-01T00:00:00Z";
/// How long until it is looked again at least, whatever the estimate says.
const LOOK: Seconds = Seconds::minutes(5);

/// Checks the expressions of a plan.
///
/// # Errors
/// Which one cannot be read or names no time at all, and why.
pub fn check(freeze: &[Freeze]) -> Result<(), String> {
    for (index, window) in freeze.iter().enumerate() {
        let schedule = &window.schedule;
        let cron = cron(schedule).map_err(|why| {
            format!("batching.freeze[{index}].schedule: {schedule:?} is no cron expression of five fields: {why}; write e.g. \"0 18 * * FRI\"")
        })?;
        let from: DateTime = EVER.parse().unwrap_or_default();
        if cron.find_next_occurrence(&from, true).is_err() {
            return Err(format!(
                "batching.freeze[{index}].schedule: {schedule:?} names a time that never comes: it would freeze nothing; write e.g. \"0 18 * * FRI\""
            ));
        }
    }
    Ok(())
}

fn cron(schedule: &str) -> Result<croner::Cron, String> {
    let parser = CronParser::builder().seconds(Field::Disallowed).year(Year::Disallowed).build();
    parser.parse(schedule).map_err(|error| error.to_string())
}

/// A freeze that holds, with those that begin before it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frozen {
    /// Until then.
    Until(Timestamp),
    /// Until then and longer: no end was found within the time that a Release waits.
    AtLeast(Timestamp),
}

impl Frozen {
    /// Its end, where that is known.
    fn end(self) -> Option<Timestamp> {
        match self {
            Self::Until(end) => Some(end),
            Self::AtLeast(_) => None,
        }
    }
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(end) => write!(f, "the plan is frozen until {end}"),
            Self::AtLeast(end) => write!(
                f,
                "the plan is frozen until {end} at least, its freezes follow each other; a Release waits {QUEUE_WAIT}: see that batching.freeze leaves a gap before"
            ),
        }
    }
}

/// The freeze that holds at `now`; None outside of all.
pub fn frozen(freeze: &[Freeze], now: Timestamp) -> Option<Frozen> {
    let mut at = freeze.iter().filter_map(|window| covers(window, now)).max()?;
    for _ in 0..CHAIN {
        if at > now + QUEUE_WAIT {
            break;
        }
        match freeze.iter().filter_map(|window| covers(window, at)).max() {
            Some(next) => at = next,
            None => return Some(Frozen::Until(at)),
        }
    }
    Some(Frozen::AtLeast(at))
}

/// The end of the window's newest turn, if that lies after `at`.
fn covers(window: &Freeze, at: Timestamp) -> Option<Timestamp> {
    let now: DateTime = jiff::Timestamp::from(at).to_zoned(TimeZone::UTC).datetime();
    let began = cron(&window.schedule).ok()?.find_previous_occurrence(&now, true).ok()?;
    let began = Timestamp::from(began.to_zoned(TimeZone::UTC).ok()?.timestamp());
    let end = began + window.duration;
    (at < end).then_some(end)
}

/// Why a Release may not begin yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Until when, as far as that is known.
    pub until: Option<Timestamp>,
    /// `Frozen` or `Batching`.
    pub reason: Reason,
    /// What it waits for.
    pub message: String,
}

/// Why a Release that brings so many commits may not begin at `now`, the plan's newest version being from `last`; None when it may. The same
/// for the operator and for a preview.
pub fn hold(batching: &Batching, last: Option<Timestamp>, commits: Option<u64>, now: Timestamp) -> Option<Hold> {
    if let Some(frozen) = frozen(&batching.freeze, now) {
        return Some(Hold { until: frozen.end(), reason: Reason::Frozen, message: frozen.to_string() });
    }
    if let Some(from) = last.map(|last| last + batching.min_interval).filter(|from| now < *from) {
        let message = format!("{} must lie between two versions: waits until {from}", batching.min_interval);
        return Some(Hold { until: Some(from), reason: Reason::Batching, message });
    }
    // One that brings nothing has nothing to wait for: that is its outcome.
    let few = commits.filter(|commits| *commits > 0 && *commits < batching.minimum_commits)?;
    let message = format!(
        "brings {few} commits, the plan wants {}: waits for a Release of a later commit to take its place",
        batching.minimum_commits
    );
    Some(Hold { until: None, reason: Reason::Batching, message })
}

/// Whether a Release whose turn it would be may take it.
pub(super) fn begin(d: &mut Draft<'_>) -> Flow {
    let Some(policy) = d.policy() else { return Flow::Stop };
    let batching = policy.batching.clone();
    let siblings: &[Sibling] = d.seen.siblings.present().map_or(&[], Vec::as_slice);
    let last = siblings.iter().filter_map(|sibling| sibling.published).max();
    let out: Vec<&str> = siblings.iter().filter(|s| s.published.is_some()).map(|s| s.revision.as_str()).collect();
    let facts = d.seen.facts.present().and_then(|facts| facts.as_ref().ok());
    let commits = facts.map(|facts| facts.count(&policy.version.policy, &out));
    let Some(Hold { until, reason, message }) = hold(&batching, last, commits, d.now) else {
        d.status.not_before = None;
        return Flow::Next;
    };
    d.status.not_before = until;
    d.phase(ReleasePhase::Pending, reason, message);
    let soon = d.now + LOOK;
    d.by(until.map_or(soon, |until| until.min(soon)));
    Flow::Stop
}

/// Whether a Release that is ready may be published now: nothing is while the plan is frozen.
pub(super) fn publish(d: &mut Draft<'_>) -> Flow {
    let Some(batching) = d.policy().map(|policy| policy.batching.clone()) else { return Flow::Stop };
    let Some(frozen) = frozen(&batching.freeze, d.now) else {
        d.status.not_before = None;
        return Flow::Next;
    };
    if d.waited(QUEUE_WAIT) {
        let message = format!("ready, and frozen for {QUEUE_WAIT}; {frozen}");
        return d.end(ReleasePhase::Failed, Reason::DeadlineExceeded, message);
    }
    d.status.not_before = frozen.end();
    d.phase(ReleasePhase::AwaitingApproval, Reason::Frozen, format!("is ready; {frozen}"));
    let soon = d.now + LOOK;
    d.by(frozen.end().map_or(soon, |end| end.min(soon)));
    Flow::Stop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn window(schedule: &str, hours: u64) -> Freeze {
        Freeze { schedule: schedule.into(), duration: Seconds::hours(hours) }
    }

    #[test]
    fn a_weekend_is_frozen_from_friday_evening_to_monday_morning() {
        let weekend = [window("0 18 * * FRI", 62)];
        let end = Some(Frozen::Until(at("2026-03-09T08:00:00Z")));
        for (now, until) in [
            ("2026-03-06T17:59:59.999Z", None),
            ("2026-03-06T18:00:00Z", end),
            ("2026-03-08T00:00:00Z", end),
            ("2026-03-09T07:59:59Z", end),
            ("2026-03-09T08:00:00Z", None),
        ] {
            assert_eq!(frozen(&weekend, at(now)), until, "{now}");
        }
    }

    #[test]
    fn windows_that_touch_or_overlap_are_one() {
        let both = [window("0 0 1 1 *", 24), window("0 12 1 1 *", 36)];
        let end = Frozen::Until(at("2026-01-03T00:00:00Z"));
        assert_eq!(frozen(&both, at("2026-01-01T01:00:00Z")), Some(end));
        assert_eq!(frozen(&both, at("2025-12-31T23:59:00Z")), None);
    }

    #[test]
    fn a_freeze_without_an_end_says_so_and_is_looked_at_again() {
        let now = at("2026-01-01T01:00:00Z");
        for always in [window("0 0 * * *", 24), window("* * * * *", 1), window("0 0 1 * *", 15 * 24)] {
            let Some(frozen @ Frozen::AtLeast(end)) = frozen(std::slice::from_ref(&always), now) else {
                panic!("{always:?}")
            };
            assert!(end > now && frozen.end().is_none(), "{always:?}");
            let freeze = Batching { freeze: vec![always], ..Batching::default() };
            let held = hold(&freeze, None, None, now).unwrap();
            assert_eq!((held.until, held.reason), (None, Reason::Frozen));
            assert!(held.message.contains("at least") && held.message.contains("batching.freeze"), "{}", held.message);
        }
    }

    #[test]
    fn a_freeze_of_every_hour_of_the_week_ends_with_it() {
        let hourly = [window("0 * * * 1-5", 1)];
        assert_eq!(frozen(&hourly, at("2026-03-02T00:00:00Z")), Some(Frozen::Until(at("2026-03-07T00:00:00Z"))));
    }

    #[test]
    fn what_brings_nothing_is_not_held_for_bringing_little() {
        let batching = Batching { minimum_commits: 3, ..Batching::default() };
        for (commits, held) in [(0, false), (1, true), (2, true), (3, false)] {
            let hold = hold(&batching, None, Some(commits), at("2026-01-01T01:00:00Z"));
            assert_eq!(hold.is_some(), held, "{commits}");
        }
    }

    #[test]
    fn what_is_no_cron_expression_is_named() {
        for wrong in ["", "now", "* * * *", "0 0 0 * * FRI", "61 * * * *"] {
            let why = check(&[window("0 18 * * FRI", 1), window(wrong, 1)]).unwrap_err();
            assert!(why.starts_with("batching.freeze[1].schedule: "), "{wrong:?}: {why}");
        }
        assert_eq!(check(&[window("0 0 29 2 *", 1)]), Ok(()), "rare");
        let why = check(&[window("0 0 30 2 *", 1)]).unwrap_err();
        assert!(why.starts_with("batching.freeze[0].schedule: ") && why.contains("never comes"), "{why}");
    }
}
