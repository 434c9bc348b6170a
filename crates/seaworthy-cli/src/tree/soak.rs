//! What the tree says of a SoakTest: how far it is, its coverage, its tasks while they matter, and its checks.

use kube::ResourceExt;
use seaworthy_api::{Check, SoakTest, soak_test::TargetRef};
use seaworthy_core::{
    soak_test::{CheckStatus, SoakTestPhase, SoakTestStatus},
    task::TaskState,
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
};
use seaworthy_soak::unit::amount;

use super::{Node, task};
use crate::look::{Mark, span};

/// A SoakTest that is looked at by itself.
pub(crate) fn root(run: &SoakTest, now: Timestamp) -> Node {
    let status = run.status.clone().unwrap_or_default();
    let title = format!("SoakTest {}/{}", run.namespace().unwrap_or_default(), run.name_any());
    let mut node =
        Node::new(format!("soak/{}", run.name_any()), mark(status.phase), title, format!("{:?}", status.phase));
    node.field("target", target(&run.spec.soak.target_ref));
    if let Some(candidate) = &run.spec.candidate {
        node.field("candidate", super::release::versions(&candidate.version, &candidate.candidate_version, ""));
        node.field("revision", &candidate.revision);
    }
    let soak = &run.spec.soak;
    node.field(
        "length",
        format!(
            "warm-up {}, measure {}, settle {}, a sample every {}",
            soak.warm_up, soak.measure, soak.settle, soak.interval
        ),
    );
    node.field("age", super::release::age(run.creation_timestamp(), status.start_time, status.completion_time, now));
    if status.completion_time.is_none() {
        if let Some(at) = status.estimated_completion_time {
            node.field("expected", super::release::due(at, now));
        }
        if let Some(at) = status.deadline {
            node.field("deadline", super::release::due(at, now));
        }
        if run.spec.abort {
            node.field("abort", "requested");
        }
    }
    if let Some(evidence) = &status.evidence {
        node.field("evidence", format!("{} sealed segments, chain tip {}", evidence.sealed, evidence.chain_tip));
    }
    node.conditions(&status.conditions);
    fill(&mut node, run, now);
    node
}

/// Puts progress, coverage, tasks and checks of `run` into `node`.
pub(crate) fn fill(node: &mut Node, run: &SoakTest, now: Timestamp) {
    let status = run.status.clone().unwrap_or_default();
    if let Some(progress) = progress(&status, now) {
        node.live(progress);
    }
    if status.samples.planned > 0 {
        let samples = &status.samples;
        let gap = span(Seconds(samples.longest_gap_seconds));
        let gap = if samples.longest_gap_seconds > 0 { format!(", longest gap {gap}") } else { String::new() };
        let text = format!("{} of {} samples{gap}", samples.obtained, samples.planned);
        // While it runs the numbers grow with time alone.
        if status.completion_time.is_some() {
            node.fact(text)
        } else {
            node.live(text)
        };
    }
    for (name, record) in [
        ("setup", &status.setup),
        ("workload", &status.workload),
        ("inventory", &status.inventory),
        ("teardown", &status.teardown),
    ] {
        // A task that did what it should is no news once the soak is over.
        let Some(record) = record else { continue };
        if record.state != TaskState::Succeeded || status.completion_time.is_none() {
            node.children.push(task(name, name, record, now));
        }
    }
    // The workload is ended by us when its time is over: that is no failure.
    for check in &status.checks {
        let rule = run.spec.soak.checks.iter().find(|c| c.name == check.name);
        node.children.push(self::check(check, rule.map_or("", metric), status.phase));
    }
}

/// How far it is, of what is under way.
fn progress(status: &SoakTestStatus, now: Timestamp) -> Option<String> {
    let (name, from, to) = match status.phase {
        SoakTestPhase::WarmingUp => ("warm-up", status.start_time?, status.measure_start_time?),
        SoakTestPhase::Measuring => ("measured", status.measure_start_time?, status.measure_end_time?),
        SoakTestPhase::Settling => ("settling", status.measure_end_time?, status.settle_end_time?),
        SoakTestPhase::Pending
        | SoakTestPhase::SettingUp
        | SoakTestPhase::TearingDown
        | SoakTestPhase::Succeeded
        | SoakTestPhase::Failed
        | SoakTestPhase::Inconclusive
        | SoakTestPhase::Aborted => return None,
    };
    let whole = to.since(from);
    let done = now.since(from).min(whole);
    let percent = (done.0 * 100).checked_div(whole.0).unwrap_or(100);
    Some(format!("{name} {} of {} ({percent} %)", span(done), span(whole)))
}

/// The metric that a check reads, if it reads one.
fn metric(check: &Check) -> &str {
    check.select().map_or("", |s| s.metric.as_str())
}

/// A number of the status with the metric's unit; anything else as it stands.
fn shown(metric: &str, value: &str) -> String {
    value
        .split(' ')
        .map(|w| w.parse().map_or_else(|_| w.to_owned(), |n| amount(metric, n)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn check(check: &CheckStatus, metric: &str, phase: SoakTestPhase) -> Node {
    let advisory = check.enforcement == Enforcement::Advisory;
    let (mark, state) = match check.verdict {
        Some(Verdict::Passed) => (Mark::Passed, "Passed"),
        Some(Verdict::Failed) if advisory => (Mark::Warning, "Failed"),
        Some(Verdict::Failed) => (Mark::Failed, "Failed"),
        Some(Verdict::Inconclusive) => (Mark::Unclear, "Inconclusive"),
        Some(Verdict::Error) => (Mark::Unclear, "Error"),
        None if is_over(phase) => (Mark::Skipped, "not judged"),
        None => (Mark::Waiting, "not judged yet"),
    };
    let mut node = Node::new(&check.name, mark, &check.name, state);
    if advisory {
        node.fact("advisory");
    }
    for (name, value) in [
        ("value", &check.value),
        ("interval", &check.interval),
        ("threshold", &check.threshold),
        ("found from", &check.detectable),
    ] {
        if let Some(value) = value {
            node.fact(format!("{name} {}", shown(metric, value)));
        }
    }
    node.note(&check.message);
    node
}

const fn is_over(phase: SoakTestPhase) -> bool {
    matches!(
        phase,
        SoakTestPhase::Succeeded | SoakTestPhase::Failed | SoakTestPhase::Inconclusive | SoakTestPhase::Aborted
    )
}

fn target(target: &TargetRef) -> String {
    let namespace = target.namespace.as_deref().map(|n| format!(" in namespace {n}")).unwrap_or_default();
    format!("{:?} {}{namespace}", target.kind, target.name)
}

/// The mark of a phase.
pub(crate) const fn mark(phase: SoakTestPhase) -> Mark {
    match phase {
        SoakTestPhase::Pending => Mark::Waiting,
        SoakTestPhase::SettingUp
        | SoakTestPhase::WarmingUp
        | SoakTestPhase::Measuring
        | SoakTestPhase::Settling
        | SoakTestPhase::TearingDown => Mark::Running,
        SoakTestPhase::Succeeded => Mark::Passed,
        SoakTestPhase::Failed | SoakTestPhase::Aborted => Mark::Failed,
        SoakTestPhase::Inconclusive => Mark::Unclear,
    }
}
