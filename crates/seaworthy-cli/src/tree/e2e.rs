//! What the tree says of an E2ERun: its suites, their attempts and why they failed.

use kube::ResourceExt;
use seaworthy_api::{E2ERun, Suite};
use seaworthy_core::{
    e2e_run::{E2eRunPhase, E2eRunStatus, SuiteState, SuiteStatus},
    task::{Cause, TaskStatus},
    time::{Seconds, Timestamp},
    verdict::Enforcement,
};

use super::{Node, because, count};
use crate::look::{Mark, span};

/// An E2ERun that is looked at by itself.
pub(crate) fn root(run: &E2ERun, now: Timestamp) -> Node {
    let status = run.status.clone().unwrap_or_default();
    let title = format!("E2ERun {}/{}", run.namespace().unwrap_or_default(), run.name_any());
    let mut node =
        Node::new(format!("e2e/{}", run.name_any()), mark(status.phase), title, format!("{:?}", status.phase));
    if let Some(candidate) = &run.spec.candidate {
        node.field("candidate", super::release::versions(&candidate.version, &candidate.candidate_version, ""));
        node.field("revision", &candidate.revision);
    }
    node.field("age", super::release::age(run.creation_timestamp(), status.start_time, status.completion_time, now));
    if let (Some(deadline), None) = (status.deadline, status.completion_time) {
        node.field("deadline", super::release::due(deadline, now));
    }
    if run.spec.abort && status.completion_time.is_none() {
        node.field("abort", "requested");
    }
    node.conditions(&status.conditions);
    fill(&mut node, run, now);
    node
}

/// Puts counts and suites of `run` into `node`.
pub(crate) fn fill(node: &mut Node, run: &E2ERun, now: Timestamp) {
    let status = run.status.clone().unwrap_or_default();
    counts(node, &status);
    for suite in &status.suites {
        let spec = run.spec.e2e.suites.iter().find(|s| s.name == suite.name);
        node.children.push(self::suite(suite, spec, now));
    }
}

fn counts(node: &mut Node, status: &E2eRunStatus) {
    if status.total == 0 {
        return;
    }
    let mut parts = vec![format!("{} of {} passed", status.passed, count(status.total, "suite"))];
    parts.extend((status.failed > 0).then(|| format!("{} failed", status.failed)));
    parts.extend((status.flaky > 0).then(|| format!("{} flaky", status.flaky)));
    node.fact(parts.join(", "));
}

fn suite(suite: &SuiteStatus, spec: Option<&Suite>, now: Timestamp) -> Node {
    let advisory = spec.is_some_and(|s| s.enforcement == Enforcement::Advisory);
    let mark = match suite.state {
        SuiteState::Pending => Mark::Waiting,
        SuiteState::Running => Mark::Running,
        SuiteState::Passed if suite.flaky => Mark::Warning,
        SuiteState::Passed => Mark::Passed,
        SuiteState::Failed if advisory => Mark::Warning,
        SuiteState::Failed => Mark::Failed,
        SuiteState::Inconclusive => Mark::Unclear,
        SuiteState::Skipped => Mark::Skipped,
    };
    let mut node = Node::new(&suite.name, mark, &suite.name, format!("{:?}", suite.state));
    if advisory {
        node.fact("advisory");
    }
    if suite.flaky {
        node.fact("flaky");
    }
    attempts(&mut node, suite, spec);
    if let Some(tests) = suite.tests {
        let mut parts = vec![match suite.tests_failed {
            Some(failed) if failed > 0 => format!("{failed} of {} failed", count(tests, "test")),
            Some(_) | None => count(tests, "test"),
        }];
        parts.extend(suite.tests_skipped.filter(|n| *n > 0).map(|n| format!("{n} skipped")));
        node.fact(parts.join(", "));
    }
    if suite.state != SuiteState::Skipped {
        match suite.duration_seconds {
            Some(seconds) => node.fact(span(Seconds(seconds))),
            None => node.took(suite.start_time, None, now),
        };
    }
    let cause = suite.cause.filter(|_| suite.state != SuiteState::Passed).map(blame);
    let message = suite.message.as_str();
    node.note(match (cause, message.is_empty()) {
        (Some(cause), false) => format!("{cause}: {message}"),
        (Some(cause), true) => cause.to_owned(),
        (None, _) => message.to_owned(),
    });
    if suite.state == SuiteState::Running {
        current(&mut node, suite, now);
    }
    node
}

fn attempts(node: &mut Node, suite: &SuiteStatus, spec: Option<&Suite>) {
    let most = spec.map_or(1, |s| s.max_attempts);
    if suite.state == SuiteState::Running && (most > 1 || suite.attempts > 1) {
        node.fact(format!("attempt {}", suite.attempts));
    } else if suite.attempts > 1 {
        node.fact(count(suite.attempts, "attempt"));
    }
    if suite.product_failures > 0 && most > 1 && suite.state != SuiteState::Passed {
        node.fact(format!("{} of at most {}", count(suite.product_failures, "failure"), most));
    }
    if suite.infrastructure_failures > 0 {
        node.fact(format!("{} lost to the cluster", suite.infrastructure_failures));
    }
}

/// The step of the current attempt that is under way.
fn current(node: &mut Node, suite: &SuiteStatus, now: Timestamp) {
    let open = |task: &Option<TaskStatus>| task.clone().filter(|t| !t.state.is_finished());
    for (name, task) in [("setup", &suite.setup), ("test", &suite.run), ("teardown", &suite.teardown)] {
        if let Some(task) = open(task) {
            node.fact(format!("in {name}"));
            node.live(format!("(this for {})", span(now.since(task.start_time))));
            node.note(because(task.reason, &task.message));
            return;
        }
    }
}

/// Whose fault, in words.
const fn blame(cause: Cause) -> &'static str {
    match cause {
        Cause::Product => "the suite failed",
        Cause::Limits => "it met its limits",
        Cause::Infrastructure => "the cluster failed it",
        Cause::Impossible => "it can never run",
    }
}

/// The mark of a phase.
pub(crate) const fn mark(phase: E2eRunPhase) -> Mark {
    match phase {
        E2eRunPhase::Pending => Mark::Waiting,
        E2eRunPhase::Running | E2eRunPhase::TearingDown => Mark::Running,
        E2eRunPhase::Succeeded => Mark::Passed,
        E2eRunPhase::Failed | E2eRunPhase::Aborted => Mark::Failed,
        E2eRunPhase::Inconclusive => Mark::Unclear,
    }
}
