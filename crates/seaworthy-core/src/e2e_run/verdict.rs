//! What the suites' states mean for the run: its conditions, its phase, its verdict.

use std::fmt::Write as _;

use super::{
    E2eRunPhase, E2eRunStatus, Effect, SuiteState, SuiteStatus,
    decide::{plan, required},
    suite::{MAX_MESSAGE, Visit, words},
};
use crate::{
    condition::{self, Condition, ConditionStatus, Reason, Say, cut, types},
    plan::{NoteKind, Plan},
    verdict::Verdict,
};

/// The largest status, in bytes of JSON; what is written is below 16 KiB, conditions and counters included.
const MAX_STATUS: usize = 16_000;
/// However many suites have something to say, each may say so much, in bytes.
const MIN_MESSAGE: usize = 24;
/// The longest message of a task that is under way, in bytes.
const MAX_RECORD_MESSAGE: usize = 120;
/// How many suites a condition's message tells about.
const NAMED: usize = 3;

/// The spec cannot be worked with: the run ends before it began.
pub(super) fn refuse(mut visit: Visit<'_>, problem: String) -> Plan<E2eRunStatus, Effect> {
    let mut status = visit.observed.status.clone();
    visit.note(NoteKind::Warning, Reason::InvalidSpec, problem.clone());
    say(&visit, &mut status, types::ACCEPTED, ConditionStatus::False, Reason::InvalidSpec, problem.clone());
    say(&visit, &mut status, types::SUCCEEDED, ConditionStatus::False, Reason::InvalidSpec, "nothing ran".to_owned());
    say(&visit, &mut status, types::FINISHED, ConditionStatus::True, Reason::InvalidSpec, problem);
    status.completion_time = Some(visit.now);
    status.phase = phase(&status.conditions);
    plan(visit, Some(status))
}

/// The spec can be worked with.
pub(super) fn accept(visit: &Visit<'_>, status: &mut E2eRunStatus) {
    let message = "the spec can be worked with".to_owned();
    say(visit, status, types::ACCEPTED, ConditionStatus::True, Reason::Valid, message);
}

/// Counts, conditions and phase, from what the suites say; the run's verdict once all of them are decided.
pub(super) fn report(visit: &mut Visit<'_>, status: &mut E2eRunStatus) {
    let count = |pick: &dyn Fn(&SuiteStatus) -> bool| {
        u32::try_from(status.suites.iter().filter(|s| pick(s)).count()).unwrap_or(u32::MAX)
    };
    let (passed, failed) = (count(&|s| s.state == SuiteState::Passed), count(&|s| s.state == SuiteState::Failed));
    let (flaky, total) = (count(&|s| s.flaky), count(&|_| true));
    (status.passed, status.failed, status.flaky, status.total) = (passed, failed, flaky, total);
    // A deleted run gets no verdict: nobody could read it.
    if visit.observed.meta.deleted.is_none() && status.suites.iter().all(|s| s.state.is_decided()) {
        finish(visit, status);
    } else {
        progress(visit, status);
    }
    status.phase = phase(&status.conditions);
    shorten(status);
}

/// `no-evidence-never-passes`: passed are only runs with a required suite, all of whose required suites passed.
fn judge(suites: &[SuiteStatus], visit: &Visit<'_>) -> Verdict {
    Verdict::all(required(suites, &visit.observed.spec).map(|s| match s.state {
        SuiteState::Passed => Verdict::Passed,
        SuiteState::Failed => Verdict::Failed,
        SuiteState::Pending | SuiteState::Running | SuiteState::Inconclusive | SuiteState::Skipped => {
            Verdict::Inconclusive
        }
    }))
}

fn finish(visit: &mut Visit<'_>, status: &mut E2eRunStatus) {
    let verdict = judge(&status.suites, visit);
    let aborted = visit.ending.is_some_and(|e| e.reason == Reason::Aborted);
    let late = visit.ending.is_some_and(|e| e.reason == Reason::DeadlineExceeded);
    let (succeeded, reason) = match verdict {
        _ if aborted => (ConditionStatus::False, Reason::Aborted),
        Verdict::Passed => (ConditionStatus::True, Reason::Passed),
        Verdict::Failed => (ConditionStatus::False, Reason::SuiteFailed),
        Verdict::Inconclusive | Verdict::Error if late => (ConditionStatus::Unknown, Reason::DeadlineExceeded),
        Verdict::Inconclusive | Verdict::Error => (ConditionStatus::Unknown, Reason::InsufficientEvidence),
    };
    let message = tell(visit, status, reason);
    say(visit, status, types::SUCCEEDED, succeeded, reason, message.clone());
    say(visit, status, types::FINISHED, ConditionStatus::True, reason, "nothing more will happen".to_owned());
    status.completion_time = Some(visit.now);
    let kind = if succeeded == ConditionStatus::True { NoteKind::Normal } else { NoteKind::Warning };
    visit.note(kind, reason, message);
}

/// What happened, in the order in which it matters.
fn tell(visit: &Visit<'_>, status: &E2eRunStatus, reason: Reason) -> String {
    let spec = &visit.observed.spec;
    let must: Vec<&SuiteStatus> = required(&status.suites, spec).collect();
    let passed = must.iter().filter(|s| s.state == SuiteState::Passed).count();
    let mut text = String::new();
    if reason == Reason::Aborted {
        text += "the run was aborted; ";
    } else if reason == Reason::DeadlineExceeded {
        // Writing to a String cannot fail.
        let _ = write!(text, "the deadline of {} passed: raise `deadline` or `parallelism`; ", spec.deadline);
    }
    if must.is_empty() {
        text += "no suite is Required, so nothing was proven: make one Required; ";
    } else {
        let _ = write!(text, "{passed} of {} required suites passed; ", must.len());
    }
    let of = |state| must.iter().copied().filter(|s| s.state == state).collect::<Vec<_>>();
    text += &list("failed", &of(SuiteState::Failed));
    text += &list("could not be judged", &of(SuiteState::Inconclusive));
    let flaky: Vec<_> = status.suites.iter().filter(|s| s.flaky).collect();
    text += &list("flaky", &flaky);
    let advisory: Vec<_> = (status.suites.iter())
        .filter(|s| matches!(s.state, SuiteState::Failed | SuiteState::Inconclusive))
        .filter(|s| !must.iter().any(|m| m.name == s.name))
        .collect();
    text += &list("advisory, did not pass", &advisory);
    let behind: Vec<_> = status.suites.iter().filter(|s| s.teardown_failures > 0).collect();
    text += &list("teardown failed, something may have stayed behind", &behind);
    text.trim_end_matches("; ").to_owned()
}

fn list(what: &str, suites: &[&SuiteStatus]) -> String {
    if suites.is_empty() {
        return String::new();
    }
    let name = |s: &&SuiteStatus| {
        if s.message.is_empty() { s.name.clone() } else { format!("{} ({})", s.name, cut(s.message.clone(), 140)) }
    };
    let mut names: Vec<String> = suites.iter().take(NAMED).map(name).collect();
    if suites.len() > NAMED {
        names.push(format!("and {} more, see status.suites", suites.len() - NAMED));
    }
    format!("{what}: {}; ", names.join(", "))
}

fn progress(visit: &mut Visit<'_>, status: &mut E2eRunStatus) {
    let decided = status.suites.iter().filter(|s| s.state.is_decided()).count();
    let done = format!("{decided} of {} suites decided, {} failed", status.total, status.failed);
    let (reason, message) = now_doing(visit, status, &done);
    let why = visit.ending.map_or(Reason::Running, |e| e.reason);
    say(visit, status, types::SUCCEEDED, ConditionStatus::Unknown, why, done);
    let before = condition::get(&visit.observed.status.conditions, types::FINISHED).map(|c| c.reason.clone());
    say(visit, status, types::FINISHED, ConditionStatus::False, reason, message.clone());
    // A wait that ends is no news, and a suite has told already what it waits for.
    let news = matches!(reason, Reason::Running if before.is_none() || before == Some(Reason::Suspended.as_str()))
        || matches!(reason, Reason::Suspended | Reason::TearingDown) && before != Some(reason.as_str());
    if news {
        let kind = if reason == Reason::TearingDown { NoteKind::Warning } else { NoteKind::Normal };
        visit.note(kind, reason, message);
    }
}

fn now_doing(visit: &Visit<'_>, status: &E2eRunStatus, done: &str) -> (Reason, String) {
    let spec = &visit.observed.spec;
    let busy: Vec<&str> =
        status.suites.iter().filter(|s| s.current().is_some()).map(|suite| suite.name.as_str()).collect();
    let named = busy.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if let Some(ending) = visit.ending {
        return (Reason::TearingDown, format!("{}: cleans up after {named}; {done}", words(ending.reason)));
    }
    if busy.is_empty() {
        return (Reason::Suspended, format!("spec.suspend holds the run: set it to false to go on; {done}"));
    }
    let waits = |s: &SuiteStatus| {
        let (step, record) = s.current()?;
        let reason = record.reason.filter(|_| record.state != crate::task::TaskState::Stopping)?;
        Some((reason, format!("suite {:?}: {} waits: {}; {done}", s.name, step.as_str(), record.message)))
    };
    if let Some(waiting) = status.suites.iter().find_map(waits) {
        return waiting;
    }
    let then = if spec.suspend { ", then spec.suspend holds the run" } else { "" };
    (Reason::Running, format!("runs {named}{then}; {done}"))
}

/// For people; a function of the conditions alone.
pub(super) fn phase(conditions: &[Condition]) -> E2eRunPhase {
    let status = |type_| condition::get(conditions, type_).map(|c| c.status);
    let is = |type_, reason: Reason| condition::get(conditions, type_).is_some_and(|c| c.reason == reason.as_str());
    match (status(types::FINISHED), status(types::SUCCEEDED)) {
        (Some(ConditionStatus::True), Some(ConditionStatus::True)) => E2eRunPhase::Succeeded,
        (Some(ConditionStatus::True), Some(ConditionStatus::False)) if is(types::SUCCEEDED, Reason::Aborted) => {
            E2eRunPhase::Aborted
        }
        (Some(ConditionStatus::True), Some(ConditionStatus::False)) => E2eRunPhase::Failed,
        (Some(ConditionStatus::True), Some(ConditionStatus::Unknown) | None) => E2eRunPhase::Inconclusive,
        _ if is(types::FINISHED, Reason::TearingDown) => E2eRunPhase::TearingDown,
        _ if is(types::FINISHED, Reason::Suspended) => E2eRunPhase::Pending,
        (Some(ConditionStatus::False), _) => E2eRunPhase::Running,
        (Some(ConditionStatus::Unknown) | None, _) => E2eRunPhase::Pending,
    }
}

/// Keeps the status of many failing suites small: what is too much is taken from the messages, all of them alike.
fn shorten(status: &mut E2eRunStatus) {
    for suite in &mut status.suites {
        // A waiting task's words are in the run's condition as well.
        for record in [&mut suite.setup, &mut suite.run, &mut suite.teardown].into_iter().flatten() {
            record.message = cut(std::mem::take(&mut record.message), MAX_RECORD_MESSAGE);
        }
    }
    let talking = status.suites.iter().filter(|s| !s.message.is_empty()).count();
    let said: usize = status.suites.iter().map(|s| s.message.len()).sum();
    // Escapes make a message longer in JSON than it is; that only makes what is left for it smaller.
    let rest = serde_json::to_vec(status).map_or(0, |json| json.len()) - said;
    let share = (MAX_STATUS.saturating_sub(rest) / talking.max(1)).clamp(MIN_MESSAGE, MAX_MESSAGE);
    if rest + said > MAX_STATUS {
        for suite in &mut status.suites {
            suite.message = cut(std::mem::take(&mut suite.message), share);
        }
    }
}

fn say(
    visit: &Visit<'_>,
    status: &mut E2eRunStatus,
    type_: &str,
    value: ConditionStatus,
    reason: Reason,
    message: String,
) {
    let say = Say { type_, status: value, reason, message };
    condition::set(&mut status.conditions, say, visit.observed.meta.generation, visit.now);
}
