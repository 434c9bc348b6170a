//! What the tree says of a Release: version, candidate, gates, approval, publishing.

use std::collections::BTreeMap;

use kube::ResourceExt;
use seaworthy_api::{Release, release::Approval};
use seaworthy_core::{
    release::{
        GateKind, GateState, GateStatus, PublishOutcome, PublishState, PublishStatus, ReleasePhase, ReleaseStatus,
        WaiverStatus,
    },
    time::Timestamp,
    verdict::Enforcement,
};

use super::{Node, count, e2e, soak, task};
use crate::{
    look::{Mark, clock, span},
    snapshot::{Child, Run, Snapshot},
};

/// Where `abort --reason` keeps its word: the spec has no room for one.
pub(crate) const ABORT_REASON: &str = "seaworthy.dev/abort-reason";

/// The whole tree of an object.
pub(crate) fn build(snapshot: &Snapshot, now: Timestamp) -> Node {
    match snapshot {
        Snapshot::Release(release, children) => root(release, children, now),
        Snapshot::Run(Run::E2e(run)) => e2e::root(run, now),
        Snapshot::Run(Run::Soak(run)) => soak::root(run, now),
    }
}

fn root(release: &Release, children: &BTreeMap<String, Child>, now: Timestamp) -> Node {
    let status = release.status.clone().unwrap_or_default();
    let name = release.name_any();
    let title = format!("Release {}/{name}", release.namespace().unwrap_or_default());
    let mut node = Node::new(format!("release/{name}"), mark(status.phase), title, format!("{:?}", status.phase));
    header(&mut node, release, &status, now);
    node.children.extend(version(&status, now));
    node.children.extend(candidate(&status, now));
    for gate in &status.gates {
        let waiver = status.waivers.iter().find(|w| w.gate == gate.name && w.refused.is_empty());
        node.children.push(self::gate(gate, waiver, children.get(&gate.name).unwrap_or(&Child::NotYet), now));
    }
    node.children.extend(approval(release, &status));
    if let Some(publish) = &status.publish {
        let mut publish = self::publish(publish, now);
        resolution(&mut publish, &status);
        node.children.push(publish);
    } else if !status.gates.is_empty() {
        let (mark, state) =
            if status.phase.is_terminal() { (Mark::Skipped, "not begun") } else { (Mark::Waiting, "Pending") };
        node.children.push(Node::new("publish", mark, "Publish", state));
    }
    node
}

fn header(node: &mut Node, release: &Release, status: &ReleaseStatus, now: Timestamp) {
    node.field("version", versions(&status.version, &status.candidate_version, &status.previous_version));
    node.field("revision", if status.revision.is_empty() { &release.spec.revision } else { &status.revision });
    let pinned =
        status.plan_snapshot.as_ref().map(|p| format!(", pinned as {} {}", p.name, p.hash)).unwrap_or_default();
    node.field("plan", format!("{}{pinned}", release.spec.plan_ref.name));
    node.field("age", age(release.creation_timestamp(), status.start_time, status.completion_time, now));
    if status.completion_time.is_none() {
        if let Some(at) = status.estimated_completion_time {
            node.field("expected", due(at, now));
        }
        if let Some(at) = status.deadline {
            node.field("deadline", due(at, now));
        }
        if release.spec.suspend {
            node.field("suspended", "requested: it rests between two steps until spec.suspend is taken back");
        }
    }
    if release.spec.abort {
        let reason = release.annotations().get(ABORT_REASON).map(|r| format!(": {r}")).unwrap_or_default();
        node.field("abort", format!("requested{reason}"));
    }
    node.conditions(&status.conditions);
    for waiver in status.waivers.iter().filter(|w| !w.refused.is_empty()) {
        let WaiverStatus { gate, by, refused, .. } = waiver;
        node.note(format!("the waiver for gate {gate:?} by {by} counts for nothing: {refused}"));
    }
    if let Some(ending) = status.ending.as_ref().filter(|_| status.completion_time.is_none()) {
        node.note(format!(
            "will end as {:?} ({:?}) once what was started has been ended: {}",
            ending.phase, ending.reason, ending.message
        ));
    }
}

/// `1.4.0, tested as 1.4.0-rc.2, after 1.3.2`, as far as it is known.
pub(crate) fn versions(version: &str, candidate: &str, previous: &str) -> String {
    [("", version), ("tested as ", candidate), ("after ", previous)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(words, value)| format!("{words}{value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How old it is and how long it took.
pub(crate) fn age(
    created: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    now: Timestamp,
) -> String {
    let Some(created) = created else { return String::new() };
    let created: Timestamp = created.0.into();
    let since = match (start, end) {
        (start, Some(end)) => {
            format!("finished after {} at {}", span(end.since(start.unwrap_or(created))), clock(end))
        }
        (Some(start), None) => format!("running for {}", span(now.since(start))),
        (None, None) => "has not begun".to_owned(),
    };
    format!("{}, {since}", span(now.since(created)))
}

/// `in 2h10m, at 2026-11-22 20:15 UTC`.
pub(crate) fn due(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("in {}, at {}", span(at.since(now)), clock(at))
    } else {
        format!("overdue since {}", clock(at))
    }
}

fn version(status: &ReleaseStatus, now: Timestamp) -> Option<Node> {
    let mut node = match (&status.planning, &status.version_plan) {
        (Some(planning), _) => task("version", "Version", planning, now),
        (None, Some(_)) => Node::new("version", Mark::Passed, "Version", "given"),
        (None, None) => return None,
    };
    if let Some(plan) = &status.version_plan {
        node.fact(&status.version);
        if plan.commits > 0 {
            node.fact(format!("{} over {}", plan.level, count(plan.commits, "commit")));
        }
        if plan.disputed > 0 {
            node.fact(format!("{} disputed", plan.disputed));
        }
        node.note(&plan.message);
    }
    Some(node)
}

fn candidate(status: &ReleaseStatus, now: Timestamp) -> Option<Node> {
    let mut node = match &status.candidate {
        Some(record) => task("candidate", "Candidate", record, now),
        None if status.artifacts.is_empty() => return None,
        None => Node::new("candidate", Mark::Passed, "Candidate", "given"),
    };
    for artifact in &status.artifacts {
        let mut child = Node::new(&artifact.name, Mark::None, &artifact.name, "");
        child.fact(format!("{}@{}", artifact.uri, artifact.digest));
        node.children.push(child);
    }
    Some(node)
}

fn gate(gate: &GateStatus, waiver: Option<&WaiverStatus>, child: &Child, now: Timestamp) -> Node {
    let advisory = gate.enforcement == Enforcement::Advisory || waiver.is_some();
    let mark = match gate.state {
        GateState::Pending => Mark::Waiting,
        GateState::Starting | GateState::Running => Mark::Running,
        GateState::Passed => Mark::Passed,
        GateState::Failed | GateState::Inconclusive if advisory => Mark::Warning,
        GateState::Failed => Mark::Failed,
        GateState::Inconclusive => Mark::Unclear,
        GateState::Skipped => Mark::Skipped,
    };
    let mut node =
        Node::new(format!("gate/{}", gate.name), mark, format!("Gate {}", gate.name), format!("{:?}", gate.state));
    if gate.enforcement == Enforcement::Advisory {
        node.fact("advisory");
    }
    if let Some(waiver) = waiver {
        node.fact("waived");
        node.note(format!("waived by {} at {}: {}", waiver.by, clock(waiver.time), waiver.reason));
    }
    if gate.state != GateState::Skipped {
        node.took(gate.start_time, gate.completion_time, now);
    }
    match child {
        Child::Found(Run::E2e(run)) => {
            phase(&mut node, gate, format!("{:?}", run.status.clone().unwrap_or_default().phase));
            e2e::fill(&mut node, run, now);
        }
        Child::Found(Run::Soak(run)) => {
            phase(&mut node, gate, format!("{:?}", run.status.clone().unwrap_or_default().phase));
            soak::fill(&mut node, run, now);
        }
        Child::NotYet => {}
        Child::Gone => {
            node.note(format!("its {} is gone: only this record is left", name(gate)));
        }
        Child::Unreadable(why) => {
            node.note(why);
        }
    }
    if gate.uid.is_some() {
        node.fact(format!("({})", name(gate)));
    }
    // What a child's own line says already need not be said twice; nor what it says while it gets on.
    let said_below = matches!(child, Child::Found(run) if !gate.state.is_finished() && run.has_begun());
    let said = |n: &Node| !gate.message.is_empty() && n.notes.iter().any(|note| gate.message.contains(note.as_str()));
    let sep = if gate.reason.is_empty() || gate.message.is_empty() { "" } else { ": " };
    if gate.state != GateState::Passed && !said_below && !node.children.iter().any(said) {
        node.note(format!("{}{sep}{}", gate.reason, gate.message));
    }
    node
}

/// The child's phase, while it says more than the gate's state.
fn phase(node: &mut Node, gate: &GateStatus, phase: String) {
    if !gate.state.is_finished() && phase != "Running" {
        node.fact(phase);
    }
}

/// A gate's child as commands take it.
fn name(gate: &GateStatus) -> String {
    match gate.kind {
        GateKind::E2ERun => format!("e2e/{}", gate.child),
        GateKind::SoakTest => format!("soak/{}", gate.child),
    }
}

fn approval(release: &Release, status: &ReleaseStatus) -> Option<Node> {
    let waiting = status.phase == ReleasePhase::AwaitingApproval;
    match &release.spec.approval {
        Some(Approval { approved, by, reason, .. }) => {
            let asked = status.approval.as_ref();
            let revoked = asked.is_some_and(|a| a.word.as_ref().is_some_and(|word| word.digest != a.digest));
            let (mark, state) = match (*approved, revoked) {
                (true, true) => (Mark::Running, "revoked: commit, version or notes changed since"),
                (true, false) => (Mark::Passed, "approved"),
                (false, _) => (Mark::Failed, "rejected"),
            };
            let mut node = Node::new("approval", mark, "Approval", state);
            node.note(format!("by {by}"));
            node.note(reason);
            Some(node)
        }
        None if waiting => {
            let mut node = Node::new("approval", Mark::Running, "Approval", "waits for a person");
            let (name, namespace) = (release.name_any(), release.namespace().unwrap_or_default());
            node.note(format!("kubectl seaworthy approve {name} -n {namespace} [--reject] [--reason TEXT]"));
            Some(node)
        }
        None => None,
    }
}

fn publish(publish: &PublishStatus, now: Timestamp) -> Node {
    let (mark, state) = match publish.state {
        PublishState::Intended => (Mark::Running, "about to begin"),
        PublishState::External => (Mark::Running, "waits for CI's report"),
        PublishState::Created => (Mark::Running, "about to run"),
        PublishState::Running => (Mark::Running, "Running"),
        PublishState::Completed => (Mark::Running, "to be verified"),
        PublishState::Ending => (Mark::Running, "being ended"),
        PublishState::Ended => (Mark::Running, "ended, to be verified"),
        PublishState::Published => (Mark::Passed, "Published"),
        PublishState::NotPublished => (Mark::Failed, "not published"),
        PublishState::Unknown => (Mark::Unclear, "unknown whether it is out"),
    };
    let mut node = Node::new("publish", mark, "Publish", state);
    if publish.attempt > 1 {
        node.fact(format!("attempt {}", publish.attempt));
    }
    if mark == Mark::Running {
        node.took(Some(publish.start_time), None, now);
    }
    node.note(&publish.message);
    if let Some(report) = &publish.report {
        let found = format!("{:?}", report.outcome);
        let mut report_node = Node::new("report", Mark::None, "Report", found);
        report_node.note(format!("by {} at {}", report.by, clock(report.time)));
        report_node.note(&report.reason);
        for artifact in &report.artifacts {
            report_node.note(format!("{} {}", artifact.name, artifact.digest));
        }
        node.children.push(report_node);
    }
    if let Some(verify) = &publish.verify {
        node.children.push(task("verify", "verify", verify, now));
    }
    node
}

/// What a person found.
fn resolution(node: &mut Node, status: &ReleaseStatus) {
    let Some(word) = &status.resolution else { return };
    let (mark, found) = match word.outcome {
        PublishOutcome::Published => (Mark::Passed, "Published"),
        PublishOutcome::NotPublished => (Mark::Failed, "NotPublished"),
    };
    let mut found = Node::new("resolution", mark, "Resolution", found);
    found.note(format!("by {} at {}", word.by, clock(word.time)));
    found.note(&word.reason);
    node.children.push(found);
}

/// The mark of a phase.
pub(crate) const fn mark(phase: ReleasePhase) -> Mark {
    match phase {
        ReleasePhase::Pending => Mark::Waiting,
        ReleasePhase::Planning
        | ReleasePhase::Building
        | ReleasePhase::Verifying
        | ReleasePhase::AwaitingApproval
        | ReleasePhase::Publishing => Mark::Running,
        ReleasePhase::Published => Mark::Passed,
        ReleasePhase::NothingToRelease | ReleasePhase::Superseded => Mark::Skipped,
        ReleasePhase::Failed | ReleasePhase::Aborted => Mark::Failed,
        ReleasePhase::Inconclusive | ReleasePhase::PublishUnknown => Mark::Unclear,
    }
}
