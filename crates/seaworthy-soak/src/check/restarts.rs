//! `restarts`: what happened to the target's pods, by cause, from their status in the API.
//!
//! Restart counts bridge holes: they stay with a pod as long as it lives. A pod that is gone counts as recreated, one that was
//! evicted as evicted. What the candidate says about itself is not asked.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, at};
use super::spec::{OnMissing, Restarts};
use super::verdict::Verdict;
use super::view::View;
use super::window::{Mark, Objection, Seen, Window, objection};
use crate::record::{ContainerState, Gap, GapReason, PodPhase, PodState};
use crate::text::Place;

/// What the API said about the pods in a row.
pub(super) fn pods_in<'v>(view: &'v View<'_>, row: usize) -> Result<&'v [PodState], Gap> {
    if let Some(pods) = view.pods(row) {
        return pods;
    }
    let here = view.gaps(row).iter().find(|g| matches!(g.place, Place::Everywhere | Place::Pods));
    Err(here.map_or_else(|| Gap::new(GapReason::Missed, ""), |g| g.gap.clone()))
}

/// Events by cause.
#[derive(Debug, Default)]
struct Causes {
    by_cause: BTreeMap<String, u64>,
    /// Events that came before the first look at the pods, and maybe before the judged time.
    untold: u64,
    /// The row of that look.
    first_look: usize,
    /// Events that the first look after the judged time showed, some of which may have come after it.
    after: u64,
    /// The row of the last look before that.
    last_look: usize,
}

impl Causes {
    fn add(&mut self, cause: &str, count: u64) {
        if count > 0 {
            *self.by_cause.entry(cause.to_owned()).or_default() += count;
        }
    }

    fn total(&self) -> u64 {
        self.by_cause.values().sum()
    }

    fn words(&self) -> String {
        self.by_cause.iter().map(|(cause, count)| format!("{count} x {cause}")).collect::<Vec<_>>().join(", ")
    }
}

/// How many events there were by each row of the window that shows the pods, and by its end.
pub(super) fn events(view: &View<'_>, window: &Window) -> Vec<(usize, u64)> {
    let mut so_far = Vec::new();
    causes(view, window, |row, total| so_far.push((row, total)));
    so_far
}

/// What happened to the pods; `each` is told how many events there were by a row.
fn causes(view: &View<'_>, window: &Window, mut each: impl FnMut(usize, u64)) -> Causes {
    let mut causes = Causes::default();
    let mut known: Option<Pods<'_>> = None;
    for row in window.telling(view) {
        let Ok(pods) = pods_in(view, row) else { continue };
        let judged = window.closed(view);
        if row >= judged.end {
            let mut after = Causes::default();
            if let Some(before) = known {
                before.step(pods, &mut after);
            }
            causes.after = after.total();
            break;
        }
        known = Some(step(view, known, pods, row, window, &mut causes));
        causes.last_look = row;
        if row >= judged.start {
            each(row, causes.total());
        }
        // What comes after the end of the judged time is none of it.
        if row >= window.reached {
            break;
        }
    }
    causes
}

/// The pods after `row`; what happened to them counts from the window's first row on.
fn step<'v>(
    view: &View<'_>,
    known: Option<Pods<'v>>,
    pods: &'v [PodState],
    row: usize,
    window: &Window,
    causes: &mut Causes,
) -> Pods<'v> {
    let mut ignored = Causes::default();
    let counted = if row > window.from { causes } else { &mut ignored };
    match known {
        None => {
            before_first_look(view, pods, row, window, counted);
            Pods::first(pods)
        }
        // The very picture of the row before, as nearly always.
        Some(before) if std::ptr::eq(before.picture, pods) => before,
        Some(before) => before.step(pods, counted),
    }
}

/// What the pods went through before they were first looked at, when that was in the judged time: the count stays with a container, and
/// a life that says when it began says whether its restart was in that time.
fn before_first_look(view: &View<'_>, pods: &[PodState], row: usize, window: &Window, causes: &mut Causes) {
    let from = i64::try_from(view.planned_ms(window.from)).unwrap_or(i64::MAX);
    causes.first_look = row;
    for pod in pods {
        for container in pod.containers.iter().filter(|c| c.restarts > 0) {
            match life(view, pod, container, row).and_then(|life| view.began_ms(life)) {
                Some(began) if began < from => {}
                Some(_) => {
                    restarts(container, container.restarts - 1, causes);
                    causes.untold += u64::from(container.restarts - 1);
                }
                None => causes.untold += u64::from(container.restarts),
            }
        }
        causes.untold += u64::from(ends(pod));
    }
}

/// The life of a container whose page was read in `row`.
fn life<'v>(view: &'v View<'_>, pod: &PodState, container: &ContainerState, row: usize) -> Option<&'v str> {
    let own = format!("{}/{}", pod.name, container.name);
    let fits = |name: &str| name == own || (name == pod.name && pod.containers.len() == 1);
    let read = view.sources().into_iter().flat_map(|source| view.targets(source));
    let mut read = read.filter(|(name, target)| fits(name) && target.seen(row));
    read.next().map(|(_, target)| target.incarnation(row))
}

/// More events than allowed, if those that came before the first look at the pods, or after the last one, came within the judged time.
fn untold(view: &View<'_>, rule: &Restarts, causes: &Causes) -> Objection {
    let Causes { untold, after, .. } = causes;
    (causes.total() + untold + after > rule.max).then(|| {
        let words = if *after > 0 {
            let last = at(view.planned_ms(causes.last_look));
            format!("{after} restarts came after the last look at the pods in the judged time, {last}")
        } else {
            let first = at(view.planned_ms(causes.first_look));
            format!("{untold} restarts came before the first look at the pods, {first}")
        };
        (Verdict::Inconclusive, format!("{words}: whether in the judged time is not known: run again"))
    })
}

pub(super) fn judge(view: &View<'_>, rule: &Restarts, on_missing: OnMissing, window: &Window) -> Finding {
    let causes = causes(view, window, |_, _| ());
    let marks = window.rows().map(|row| match pods_in(view, row) {
        Ok([]) => Mark::Absent,
        Ok(_) => Mark::Obtained,
        Err(gap) => Mark::Gap(gap),
    });
    let total = causes.total();
    #[expect(clippy::cast_precision_loss, reason = "counts of restarts are far below 2^53")]
    let (value, max) = (total as f64, rule.max as f64);
    if total > rule.max {
        let message = format!(
            "{total} restarts, {} allowed: {}: see `kubectl describe pod` and the logs of the container before",
            rule.max,
            causes.words()
        );
        return Finding::fact(message).measured(value, max);
    }
    let seen = Seen::count(marks, view.interval_ms());
    let objection =
        objection(window, &seen, on_missing, "a pod of the target", None).or_else(|| untold(view, rule, &causes));
    let message = if total == 0 {
        "no restart, out-of-memory kill, eviction or recreation".to_owned()
    } else {
        format!("{total} restarts, {} allowed: {}", rule.max, causes.words())
    };
    Finding::new(Verdict::Passed, message).measured(value, max).unless(objection)
}

/// The pods as they were last seen, by UID.
struct Pods<'v> {
    /// What showed them.
    picture: &'v [PodState],
    alive: BTreeMap<&'v str, &'v PodState>,
    /// Pods whose end has been counted already.
    ended: BTreeSet<&'v str>,
}

impl<'v> Pods<'v> {
    fn first(pods: &'v [PodState]) -> Self {
        let ended = pods.iter().filter(|p| ends(p)).map(|p| p.uid.as_str()).collect();
        Self { picture: pods, alive: pods.iter().map(|p| (p.uid.as_str(), p)).collect(), ended }
    }

    fn step(mut self, pods: &'v [PodState], causes: &mut Causes) -> Self {
        let now: BTreeMap<&str, &PodState> = pods.iter().map(|p| (p.uid.as_str(), p)).collect();
        for (uid, pod) in &now {
            let before = self.alive.get(uid);
            for container in &pod.containers {
                let known = before.and_then(|p| p.containers.iter().find(|c| c.name == container.name));
                restarts(container, known.map_or(0, |c| c.restarts), causes);
            }
            if ends(pod) && self.ended.insert(uid) {
                causes.add(if pod.reason.is_empty() { "PodFailed" } else { &pod.reason }, 1);
            }
        }
        for (uid, pod) in &self.alive {
            if !now.contains_key(uid) && self.ended.insert(uid) {
                let foreign = pod.terminating && !pod.candidate;
                causes.add("Recreated", u64::from(!foreign));
            }
        }
        self.alive = now;
        self.picture = pods;
        self
    }
}

fn ends(pod: &PodState) -> bool {
    pod.phase == PodPhase::Failed
}

/// The reason in the status belongs to the last restart; of those before it nobody knows.
fn restarts(container: &ContainerState, before: u32, causes: &mut Causes) {
    let count = u64::from(container.restarts.saturating_sub(before));
    if count == 0 {
        return;
    }
    let reason = match container.last_reason.as_str() {
        "" => "Restarted".to_owned(),
        "Error" => format!("Error (exit code {})", container.last_exit_code),
        reason => reason.to_owned(),
    };
    causes.add(&reason, 1);
    causes.add("Restarted", count - 1);
}
