//! What `status` without a name says of a namespace: its plans, their Releases, and the runs that belong to no Release.

use kube::ResourceExt;
use seaworthy_api::{E2ERun, Release, ReleasePlan, SoakTest};
use seaworthy_core::{condition, time::Timestamp};

use super::{Node, count, e2e, release, soak};
use crate::look::{Mark, span};

/// What there is in a namespace.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// The plans.
    pub(crate) plans: Vec<ReleasePlan>,
    /// The Releases.
    pub(crate) releases: Vec<Release>,
    /// The runs of suites.
    pub(crate) e2e_runs: Vec<E2ERun>,
    /// The soaks.
    pub(crate) soak_tests: Vec<SoakTest>,
}

/// The tree of a namespace.
pub(crate) fn build(namespace: &str, inventory: &Inventory, now: Timestamp) -> Node {
    let mut node = Node::new("namespace", Mark::None, format!("Namespace {namespace}"), "");
    node.fact(count(inventory.plans.len() as u64, "plan"));
    node.fact(count(inventory.releases.len() as u64, "release"));
    for plan in &inventory.plans {
        let mine = |r: &&Release| r.spec.plan_ref.name == plan.name_any();
        node.children.push(self::plan(plan, inventory.releases.iter().filter(mine), now));
    }
    let known: Vec<String> = inventory.plans.iter().map(ResourceExt::name_any).collect();
    let orphans = inventory.releases.iter().filter(|r| !known.contains(&r.spec.plan_ref.name));
    for (name, orphan) in newest(orphans) {
        let mut line = self::release(orphan, &name, now);
        line.note(format!("its plan {:?} is not here", orphan.spec.plan_ref.name));
        node.children.push(line);
    }
    for (name, run) in newest(inventory.e2e_runs.iter().filter(|r| r.owner_references().is_empty())) {
        let status = run.status.clone().unwrap_or_default();
        let mut line = Node::new(&name, e2e::mark(status.phase), format!("e2e/{name}"), format!("{:?}", status.phase));
        node.children.push(std::mem::take(when(&mut line, run, now)));
    }
    for (name, run) in newest(inventory.soak_tests.iter().filter(|r| r.owner_references().is_empty())) {
        let status = run.status.clone().unwrap_or_default();
        let mut line =
            Node::new(&name, soak::mark(status.phase), format!("soak/{name}"), format!("{:?}", status.phase));
        node.children.push(std::mem::take(when(&mut line, run, now)));
    }
    node
}

fn plan<'a>(plan: &ReleasePlan, releases: impl Iterator<Item = &'a Release>, now: Timestamp) -> Node {
    let status = plan.status.clone().unwrap_or_default();
    let refused = condition::get(&status.conditions, condition::types::ACCEPTED)
        .filter(|c| c.status == condition::ConditionStatus::False);
    let mark = if refused.is_some() { Mark::Failed } else { Mark::None };
    let mut node = Node::new(format!("plan/{}", plan.name_any()), mark, format!("ReleasePlan {}", plan.name_any()), "");
    match &status.last_published {
        Some(last) => node.fact(format!("last published {} ({})", last.version, last.release)),
        None => node.fact("nothing published yet"),
    };
    if status.waiting > 0 {
        node.fact(format!("{} waiting", status.waiting));
    }
    if let Some(refused) = refused {
        node.note(format!("not accepted ({}): {}", refused.reason, refused.message));
    }
    for (name, release) in newest(releases) {
        node.children.push(self::release(release, &name, now));
    }
    node
}

fn release(release: &Release, name: &str, now: Timestamp) -> Node {
    let status = release.status.clone().unwrap_or_default();
    let mut node = Node::new(name, release::mark(status.phase), name, format!("{:?}", status.phase));
    node.fact(&status.version);
    let short: String = release.spec.revision.chars().take(10).collect();
    node.fact(short);
    let node_ref = when(&mut node, release, now);
    if let (Some(at), None) = (status.estimated_completion_time, status.completion_time) {
        node_ref.live(format!("expected {}", release::due(at, now)));
    }
    node
}

/// Adds the age.
fn when<'a>(node: &'a mut Node, object: &impl ResourceExt, now: Timestamp) -> &'a mut Node {
    if let Some(created) = object.creation_timestamp() {
        node.live(format!("{} old", span(now.since(created.0.into()))));
    }
    node
}

/// The newest first; those of the same second by name.
fn newest<'a, K: ResourceExt + 'a>(objects: impl Iterator<Item = &'a K>) -> Vec<(String, &'a K)> {
    let mut all: Vec<_> = objects.map(|o| (o.name_any(), o)).collect();
    all.sort_by(|(an, a), (bn, b)| {
        let time = |o: &K| o.creation_timestamp().map(|t| t.0);
        time(b).cmp(&time(a)).then_with(|| an.cmp(bn))
    });
    all
}
