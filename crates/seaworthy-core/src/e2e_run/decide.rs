//! What to do next about a run.

use super::{
    E2eRunStatus, Effect, Ending, Observed,
    spec::Spec,
    status::{SuiteState, SuiteStatus},
    suite::Visit,
    verdict,
};
use crate::{
    condition::{self, ConditionStatus, Reason, Say, types},
    plan::{NoteKind, Plan, Wake},
    task::TaskEffect,
    time::Timestamp,
    verdict::Enforcement,
};

/// What to do next about a run: total, deterministic, without effects that rely on what the same plan records.
pub fn decide(observed: &Observed, now: Timestamp) -> Plan<E2eRunStatus, Effect> {
    let Observed { meta, spec, status, .. } = observed;
    let visit =
        Visit { observed, now, ending: status.ending, effects: Vec::new(), notes: Vec::new(), wake: Wake::OnChange };
    if condition::is_true(&status.conditions, types::FINISHED) {
        return leave(visit);
    }
    if meta.deleted.is_some() && !meta.finalizer {
        return Plan::rest(status.clone());
    }
    if meta.namespace_terminating {
        return strand(visit);
    }
    if !condition::is_true(&status.conditions, types::ACCEPTED)
        && let Some(problem) = spec.problem()
    {
        return verdict::refuse(visit, problem);
    }
    proceed(visit)
}

/// `terminal-is-final`: only the finalizer is left to be taken off.
fn leave(mut visit: Visit<'_>) -> Plan<E2eRunStatus, Effect> {
    if visit.observed.meta.finalizer {
        visit.effects.push(Effect::RemoveFinalizer);
    }
    plan(visit, None)
}

/// In a namespace that terminates no Job can start, so nobody waits for one.
fn strand(mut visit: Visit<'_>) -> Plan<E2eRunStatus, Effect> {
    let mut status = visit.observed.status.clone();
    let all = [types::ACCEPTED, types::SUCCEEDED, types::FINISHED];
    condition::ensure(&mut status.conditions, &all, visit.observed.meta.generation, visit.now);
    let left: Vec<&str> =
        status.suites.iter().filter(|s| s.current().is_some()).map(|suite| suite.name.as_str()).collect();
    let mut message = "the namespace is terminating: no Job can start in it".to_owned();
    if !left.is_empty() && visit.observed.spec.teardown.is_some() {
        let left = left.join(", ");
        message += ", so the teardown of ";
        message += &left;
        message += " cannot run; what their setup made outside this namespace stays behind: remove it";
    }
    let say = Say {
        type_: types::FINISHED,
        status: ConditionStatus::False,
        reason: Reason::TeardownFailed,
        message: message.clone(),
    };
    if condition::set(&mut status.conditions, say, visit.observed.meta.generation, visit.now) {
        visit.note(NoteKind::Warning, Reason::TeardownFailed, message);
    }
    if visit.observed.meta.finalizer {
        visit.effects.push(Effect::RemoveFinalizer);
    }
    plan(visit, Some(status))
}

fn proceed(mut visit: Visit<'_>) -> Plan<E2eRunStatus, Effect> {
    let Observed { meta, spec, status: before, .. } = visit.observed;
    let mut status = before.clone();
    verdict::accept(&visit, &mut status);
    status.suites = align(&status.suites, spec);
    hold(&mut status, spec, visit.now);
    visit.ending = ending(&visit, &status);

    for (suite, spec) in status.suites.iter_mut().zip(&spec.suites) {
        visit.drive(suite, spec);
    }
    if spec.fail_fast && visit.ending.is_none() && required(&status.suites, spec).any(|s| s.state == SuiteState::Failed)
    {
        visit.ending = Some(Ending { reason: Reason::SuiteFailed, since: visit.now });
    }
    if visit.ending.is_some() {
        for suite in status.suites.iter_mut().filter(|s| s.state == SuiteState::Pending) {
            visit.skip(suite);
        }
    } else if !spec.suspend {
        begin(&visit, &mut status, spec);
    }
    status.ending = visit.ending;

    let busy = |suites: &[SuiteStatus]| suites.iter().any(|s| s.current().is_some());
    if meta.deleted.is_some() {
        // Only when the ends of all tasks have been observed as recorded.
        if before.ending.is_some() && !busy(&before.suites) {
            visit.effects.push(Effect::RemoveFinalizer);
        }
    } else if !meta.finalizer && busy(&status.suites) {
        visit.effects.push(Effect::AddFinalizer);
    }
    if !meta.finalizer {
        visit.effects.retain(|e| !matches!(e, Effect::Task { effect: TaskEffect::Create { .. }, .. }));
    }
    verdict::report(&mut visit, &mut status);
    plan(visit, Some(status))
}

/// One entry a suite, in the order of the spec.
fn align(recorded: &[SuiteStatus], spec: &Spec) -> Vec<SuiteStatus> {
    let fresh = |name: &str| SuiteStatus { name: name.to_owned(), ..SuiteStatus::default() };
    let found = |name: &str| recorded.iter().find(|s| s.name == name).cloned();
    spec.suites.iter().map(|s| found(&s.name).unwrap_or_else(|| fresh(&s.name))).collect()
}

/// The suites that can fail the run.
pub(super) fn required<'a>(suites: &'a [SuiteStatus], spec: &'a Spec) -> impl Iterator<Item = &'a SuiteStatus> {
    let both = suites.iter().zip(&spec.suites);
    both.filter(|(_, s)| s.enforcement == Enforcement::Required).map(|(status, _)| status)
}

/// Whether `suspend` holds the run: an attempt that is under way goes on to its end first.
fn is_held(status: &E2eRunStatus, spec: &Spec) -> bool {
    spec.suspend && !status.suites.iter().any(|s| s.current().is_some())
}

/// As in a Job, the time for which the run is held does not count.
fn hold(status: &mut E2eRunStatus, spec: &Spec, now: Timestamp) {
    if is_held(status, spec) {
        status.suspended_since = status.suspended_since.or(status.start_time.map(|_| now));
    } else if let Some(since) = status.suspended_since.take() {
        status.deadline = status.deadline.map(|d| d + now.since(since));
    }
}

/// Why the run ends before its time; the first reason stays.
fn ending(visit: &Visit<'_>, status: &E2eRunStatus) -> Option<Ending> {
    let Observed { meta, spec, .. } = visit.observed;
    let late = status.suspended_since.is_none() && status.deadline.is_some_and(|d| visit.now >= d);
    let reason = if meta.deleted.is_some() {
        Reason::Deleted
    } else if spec.abort {
        Reason::Aborted
    } else if late {
        Reason::DeadlineExceeded
    } else {
        return visit.ending;
    };
    visit.ending.or(Some(Ending { reason, since: visit.now }))
}

/// Begins what may begin: next attempts of suites that are under way first, then suites in their order while there is room.
fn begin(visit: &Visit<'_>, status: &mut E2eRunStatus, spec: &Spec) {
    let running = status.suites.iter().filter(|s| s.state == SuiteState::Running).count();
    let mut room = usize::try_from(spec.parallelism).unwrap_or(usize::MAX).saturating_sub(running);
    for (suite, spec) in status.suites.iter_mut().zip(&spec.suites) {
        if suite.state == SuiteState::Running && suite.current().is_none() {
            visit.begin(suite, spec);
        } else if suite.state == SuiteState::Pending && room > 0 {
            visit.begin(suite, spec);
            room -= 1;
        }
    }
    if status.start_time.is_none() && status.suites.iter().any(|s| s.attempts > 0) {
        status.start_time = Some(visit.now);
        status.deadline = Some(visit.now + spec.deadline);
    }
}

/// The plan of a visit; without a `status` the observed one stays.
pub(super) fn plan(visit: Visit<'_>, status: Option<E2eRunStatus>) -> Plan<E2eRunStatus, Effect> {
    let status = status.unwrap_or_else(|| visit.observed.status.clone());
    let open = !condition::is_true(&status.conditions, types::FINISHED) && status.suspended_since.is_none();
    let wake = match status.deadline {
        Some(deadline) if open && status.ending.is_none() => visit.wake.by(deadline),
        Some(_) | None => visit.wake,
    };
    Plan { status, effects: visit.effects, wake, notes: visit.notes }
}
