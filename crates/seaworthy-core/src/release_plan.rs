//! `ReleasePlan`: what became of its Releases, and how many of the finished ones are kept.
//!
//! Absent: anything that concerns a running Release; a plan is pinned when a Release is accepted, so editing it touches none.

use crate::{release::ReleasePhase, time::Timestamp};

/// One Release of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it finished.
    pub completed: Option<Timestamp>,
    /// Where it stands.
    pub phase: ReleasePhase,
    /// Whether it has had its turn.
    pub started: bool,
    /// Whether it still holds something.
    pub finalizer: bool,
    /// Its version.
    pub version: String,
    /// Its commit.
    pub revision: String,
}

/// What a decision about a plan sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Its Releases that are not being deleted.
    pub members: Vec<Member>,
    /// How many published ones are kept.
    pub keep_published: usize,
    /// How many others are kept.
    pub keep_other: usize,
}

/// What is known of a plan's Releases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The one that runs.
    pub running: String,
    /// How many wait.
    pub waiting: u32,
    /// Version, commit and name of the one that was published last.
    pub last_published: Option<(String, String, String)>,
    /// Name and UID of finished ones beyond the limits, oldest first.
    pub surplus: Vec<(String, String)>,
}

/// Sums up a plan's Releases. Pure and total.
///
/// Those whose publishing is unknown are never surplus: a person must look at them.
pub fn sum_up(seen: &Observed) -> Summary {
    let mut ended: Vec<&Member> = seen.members.iter().filter(|m| m.phase.is_terminal()).collect();
    ended.sort_by_key(|m| (m.completed, m.created, &m.name));
    let published: Vec<&Member> = ended.iter().copied().filter(|m| m.phase == ReleasePhase::Published).collect();
    let other: Vec<&Member> = ended
        .iter()
        .copied()
        .filter(|m| !matches!(m.phase, ReleasePhase::Published | ReleasePhase::PublishUnknown))
        .collect();
    let beyond = |list: &[&Member], keep: usize| -> Vec<(String, String)> {
        let surplus = list.len().saturating_sub(keep);
        list.iter().take(surplus).filter(|m| !m.finalizer).map(|m| (m.name.clone(), m.uid.clone())).collect()
    };
    let mut surplus = beyond(&published, seen.keep_published);
    surplus.extend(beyond(&other, seen.keep_other));
    let open = || seen.members.iter().filter(|m| !m.phase.is_terminal());
    Summary {
        running: open().find(|m| m.started).map(|m| m.name.clone()).unwrap_or_default(),
        waiting: u32::try_from(open().filter(|m| !m.started).count()).unwrap_or(u32::MAX),
        last_published: published.last().map(|m| (m.version.clone(), m.revision.clone(), m.name.clone())),
        surplus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, phase: ReleasePhase, at: i64) -> Member {
        Member {
            name: name.into(),
            uid: format!("uid-{name}"),
            created: Timestamp::from_millis(at),
            completed: phase.is_terminal().then(|| Timestamp::from_millis(at)),
            phase,
            started: phase != ReleasePhase::Pending,
            finalizer: false,
            version: format!("1.0.{at}"),
            revision: String::new(),
        }
    }

    #[test]
    fn the_oldest_finished_ones_go_and_unknown_ones_stay() {
        use ReleasePhase::*;
        let members = vec![
            member("a", Published, 1),
            member("b", Published, 2),
            member("c", Published, 3),
            member("d", PublishUnknown, 1),
            member("e", Failed, 1),
            member("f", Aborted, 2),
            member("g", Verifying, 9),
            member("h", Pending, 10),
        ];
        let seen = Observed { members, keep_published: 2, keep_other: 1 };
        let sum = sum_up(&seen);
        let names: Vec<&str> = sum.surplus.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["a", "e"]);
        assert_eq!((sum.running.as_str(), sum.waiting), ("g", 1));
        assert_eq!(sum.last_published.unwrap().2, "c");
    }

    #[test]
    fn one_that_still_holds_something_is_not_taken_away() {
        let mut held = member("a", ReleasePhase::Failed, 1);
        held.finalizer = true;
        let seen =
            Observed { members: vec![held, member("b", ReleasePhase::Failed, 2)], keep_published: 1, keep_other: 1 };
        assert_eq!(sum_up(&seen).surplus, vec![]);
    }
}
