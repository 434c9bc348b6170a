//! `restarts`: what happened to the target's pods, by cause, from their status in the API.
//!
//! Restart counts bridge holes: they stay with a pod as long as it lives. A pod that is gone counts as recreated, one that was
//! evicted as evicted. What the candidate says about itself is not asked.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, at};
use super::spec::{OnMissing, Restarts};
use super::verdict::Verdict;
use super::view::View;
use super::window::{Mark, Objection, Seen, Share, Window, objection};
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

/// Where in time an event lies, by the looks before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Before the judged time.
    Before,
    /// Before it or in it: nobody looked where it begins.
    Open,
    Judged,
    /// In it or after it: the look after it was the first one behind its end.
    After,
}

/// The cause of a pod that is gone.
const RECREATED: &str = "Recreated";

/// Events by cause.
#[derive(Debug, Default)]
struct Causes {
    by_cause: BTreeMap<String, u64>,
    /// Those of them that the last look alone shows and the next one may take back.
    fresh: u64,
    /// Events that came before the first look at the pods in the judged time, and maybe before that time.
    untold: u64,
    /// The row of that look, and whether there was one before it.
    first_look: usize,
    looked_before: bool,
    /// Events that the first look after the judged time showed, some of which may have come after it.
    after: u64,
    /// The row of the last look before that.
    last_look: usize,
}

impl Causes {
    fn add(&mut self, side: Side, cause: &str, count: u64) {
        match side {
            Side::Judged if count > 0 => *self.by_cause.entry(cause.to_owned()).or_default() += count,
            Side::Before | Side::Judged => {}
            Side::Open => self.untold += count,
            Side::After => self.after += count,
        }
    }

    /// A pod that counted as recreated is back.
    fn take_back(&mut self, side: Side) {
        match side {
            Side::Before => {}
            Side::Judged => {
                if let Some(count) = self.by_cause.get_mut(RECREATED) {
                    *count = count.saturating_sub(1);
                }
                self.by_cause.retain(|_, count| *count > 0);
            }
            Side::Open => self.untold = self.untold.saturating_sub(1),
            Side::After => self.after = self.after.saturating_sub(1),
        }
    }

    /// What `look` shows may have been before the judged time.
    fn open(&mut self, look: &Look<'_>, looked_before: bool) {
        if look.side == Side::Open {
            (self.first_look, self.looked_before) = (look.row, looked_before);
        }
    }

    fn total(&self) -> u64 {
        self.by_cause.values().sum()
    }

    fn words(&self) -> String {
        self.by_cause.iter().map(|(cause, count)| format!("{count} x {cause}")).collect::<Vec<_>>().join(", ")
    }
}

/// A look at the pods.
#[derive(Clone, Copy)]
struct Look<'v> {
    view: &'v View<'v>,
    window: &'v Window,
    row: usize,
    /// Where that lies what it shows for the first time.
    side: Side,
}

impl<'v> Look<'v> {
    /// The look in `row`, and the row of the one before it.
    fn new(view: &'v View<'_>, window: &'v Window, row: usize, before: Option<usize>) -> Self {
        let since = before.map_or(i64::MIN, |row| i64::try_from(view.planned_ms(row)).unwrap_or(i64::MAX));
        let side = match window.share(since, view.planned_ms(row)) {
            _ if row >= window.closed(view).end => Side::After,
            Share::None => Side::Before,
            Share::Part => Side::Open,
            Share::All => Side::Judged,
        };
        Self { view, window, row, side }
    }

    /// How often a container of a pod was restarted, where it had been `before` times. The count stays with a container, and a life that says
    /// when it began says whether the last restart was in the judged time.
    fn restarts(&self, pod: &PodState, container: &ContainerState, before: u32, causes: &mut Causes) {
        let count = container.restarts.saturating_sub(before);
        if count == 0 || self.side != Side::Open {
            return restarts(container, count, self.side, causes);
        }
        let from = i64::try_from(self.window.from_ms).unwrap_or(i64::MAX);
        match life(self.view, pod, container, self.row).and_then(|life| self.view.began_ms(life)) {
            Some(began) if began < from => {}
            Some(_) => {
                restarts(container, 1, Side::Judged, causes);
                restarts(container, count - 1, Side::Open, causes);
            }
            None => restarts(container, count, Side::Open, causes),
        }
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
        let look = Look::new(view, window, row, known.as_ref().map(|_| causes.last_look));
        causes.open(&look, known.is_some());
        causes.fresh = 0;
        match &mut known {
            // What the pods went through before they were first looked at is none of this.
            None if look.side == Side::After => break,
            None => known = Some(Pods::first(pods, &look, &mut causes)),
            Some(known) => known.step(pods, &look, &mut causes),
        }
        if look.side == Side::After {
            break;
        }
        causes.last_look = row;
        if row >= window.from {
            each(row, causes.total());
        }
        // What comes after the end of the judged time is none of it.
        if row >= window.reached {
            break;
        }
    }
    causes
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
            let (gap, judged) = if causes.looked_before { (" in a gap", " in the judged time") } else { ("", "") };
            format!("{untold} restarts came{gap} before the first look at the pods{judged}, {first}")
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
        let settled = window.complete || total.saturating_sub(causes.fresh) > rule.max;
        return Finding { settled, ..Finding::fact(message).measured(value, max) };
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
    /// Pods that failed, which has been counted already.
    ended: BTreeSet<&'v str>,
    /// Pods that were shown and are not any more: one that a single look did not show comes back with the restarts that it had. Each pod on
    /// record is in here once at most.
    gone: BTreeMap<&'v str, Gone<'v>>,
}

/// A pod as it was when it was last seen.
#[derive(Clone, Copy)]
struct Gone<'v> {
    pod: &'v PodState,
    row: usize,
    /// Where it counts as recreated, if it does.
    recreated: Option<Side>,
}

impl<'v> Pods<'v> {
    /// The pods as they were first seen, and what they had gone through by then, as far as it may have been in the judged time.
    fn first(pods: &'v [PodState], look: &Look<'_>, causes: &mut Causes) -> Self {
        let mut first = Self { picture: &[], alive: BTreeMap::new(), ended: BTreeSet::new(), gone: BTreeMap::new() };
        first.step(pods, look, causes);
        first
    }

    fn step(&mut self, pods: &'v [PodState], look: &Look<'_>, causes: &mut Causes) {
        // The very picture of the row before, as nearly always.
        if std::ptr::eq(self.picture, pods) {
            return;
        }
        let now: BTreeMap<&str, &PodState> = pods.iter().map(|p| (p.uid.as_str(), p)).collect();
        for (uid, pod) in &now {
            let gone = self.gone.remove(uid);
            let look = gone.map_or(*look, |gone| Look::new(look.view, look.window, look.row, Some(gone.row)));
            if let Some(gone) = gone {
                causes.open(&look, true);
                gone.recreated.into_iter().for_each(|side| causes.take_back(side));
            }
            let before = self.alive.get(uid).copied().or(gone.map(|gone| gone.pod));
            for container in &pod.containers {
                let known = before.and_then(|p| p.containers.iter().find(|c| c.name == container.name));
                look.restarts(pod, container, known.map_or(0, |c| c.restarts), causes);
            }
            if ends(pod) && self.ended.insert(uid) {
                causes.add(look.side, if pod.reason.is_empty() { "PodFailed" } else { &pod.reason }, 1);
            }
        }
        for (uid, pod) in &self.alive {
            if !now.contains_key(uid) {
                let foreign = pod.terminating && !pod.candidate;
                let recreated = Some(look.side).filter(|_| !foreign && !self.ended.contains(uid));
                causes.add(look.side, RECREATED, u64::from(recreated.is_some()));
                causes.fresh += u64::from(recreated == Some(Side::Judged));
                self.gone.insert(uid, Gone { pod, row: causes.last_look, recreated });
            }
        }
        self.alive = now;
        self.picture = pods;
    }
}

fn ends(pod: &PodState) -> bool {
    pod.phase == PodPhase::Failed
}

/// The reason in the status belongs to the last restart; of those before it nobody knows.
fn restarts(container: &ContainerState, count: u32, side: Side, causes: &mut Causes) {
    let Some(others) = count.checked_sub(1) else { return };
    let reason = match container.last_reason.as_str() {
        "" => "Restarted".to_owned(),
        "Error" => format!("Error (exit code {})", container.last_exit_code),
        reason => reason.to_owned(),
    };
    causes.add(side, &reason, 1);
    causes.add(side, "Restarted", u64::from(others));
}
