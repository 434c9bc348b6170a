//! `explain`: what the operator would do about an object if it looked now, and why. Observes and decides with the operator's own code, writes nothing.
//!
//! One look, one decision: the operator would go on from there until nothing changes any more. Absent: what only the running operator
//! remembers (answers of the API server to refused creates, how far a sampler is), so a refused create is explained as one to come.

mod diff;
mod e2e;
mod job;
mod release;
mod soak;

use std::process::ExitCode;

use clap::Parser as _;
use kube::Resource as _;
use seaworthy_core::{
    condition::{self, Condition},
    plan::{NoteKind, Plan, Wake},
    time::Timestamp,
};
use seaworthy_operator::{
    Config, Context,
    controller::Kind as Controlled,
    kinds::{e2e_run::E2eRunKind, release::ReleaseKind, soak_test::SoakTestKind},
    metrics::Metrics,
};
use serde::Serialize;
use serde_json::json;

use self::diff::Change;
use crate::{
    cluster::{Cluster, ClusterArgs},
    exit::{self, Code, Failure},
    look::{self, Look, Mark, clean, span},
    snapshot::get,
    status::Output,
    target::{Kind, Target},
    tree::Node,
};

/// Says what the operator would do about an object if it looked now, and why; writes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It reads what the operator reads: Jobs, pods, events, ConfigMaps, Leases and ControllerRevisions of the namespace.

Exit codes: 0 explained; 4 could not be carried out")]
pub(crate) struct Args {
    /// NAME or release/NAME, e2e/NAME, soak/NAME.
    name: Target,
    /// Prints everything that was observed as well.
    #[arg(long)]
    observed: bool,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    /// The namespace that the operator runs in; locks on targets live there.
    #[arg(long, default_value = "seaworthy-system")]
    operator_namespace: String,
}

/// A kind whose plans can be told in words.
pub(crate) trait Told: Controlled<Observed: std::fmt::Debug, Status: Serialize> {
    /// An effect as the end of "it would ...".
    fn does(observed: &Self::Observed, effect: &Self::Effect) -> String;
    /// What was seen: what it is and where it stands.
    fn saw(observed: &Self::Observed) -> Vec<(String, String)>;
    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];
    /// The phase of a status and its mark.
    fn phase(status: &Self::Status) -> (String, Mark);
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        let cluster = cluster.connect().await?;
        match args.name.kind {
            Kind::Release => Box::pin(explain::<ReleaseKind>(args, &cluster)).await?,
            Kind::E2ERun => Box::pin(explain::<E2eRunKind>(args, &cluster)).await?,
            Kind::SoakTest => Box::pin(explain::<SoakTestKind>(args, &cluster)).await?,
        }
        Ok(Code::Done)
    })
}

async fn explain<K: Told>(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let object: K::Object = get(cluster, &args.name).await?;
    let config = Config::try_parse_from(["operator", "--namespace", &args.operator_namespace])
        .map_err(|e| Failure::unusable(format!("--operator-namespace: {e}")))?;
    let ctx = Context::new(cluster.client.clone(), config, Metrics::default());
    let observed = K::observe(&ctx, &object)
        .await
        .map_err(|e| Failure::unusable(format!("cannot observe {} as the operator does: {e}", args.name)))?;
    let now = look::now();
    let plan = K::decide(&observed, now);
    let before = kube::core::object::HasStatus::status(&object).cloned().unwrap_or_default();
    let changes = diff::changes(&serde_json::to_value(&before)?, &serde_json::to_value(&plan.status)?);
    if args.output == Output::Json {
        let document = json!({
            "name": args.name.to_string(), "status": plan.status,
            "changes": changes.iter().map(|c| json!({"path": c.path, "from": c.from, "to": c.to})).collect::<Vec<_>>(),
            "effects": plan.effects.iter().map(|e| json!({"does": K::does(&observed, e), "effect": format!("{e:?}")})).collect::<Vec<_>>(),
            "notes": plan.notes.iter().map(|n| json!({"type": format!("{:?}", n.kind), "reason": n.reason.as_str(), "message": n.message})).collect::<Vec<_>>(),
            "wake": match plan.wake { Wake::At(at) => json!(at), Wake::OnChange => json!(null) },
            "saw": K::saw(&observed).into_iter().map(|(what, state)| json!({"what": what, "state": state})).collect::<Vec<_>>(),
        });
        return exit::print(&(serde_json::to_string_pretty(&document)? + "\n"));
    }
    let title = format!("{} {}/{}", K::NAME, cluster.namespace, object.meta().name.as_deref().unwrap_or_default());
    exit::paint(&told::<K>(&title, &observed, &plan, &changes, now).text(Look::stdout()))?;
    if args.observed {
        let text: String = format!("{observed:#?}").lines().map(|line| clean_line(line) + "\n").collect();
        exit::print(&text)?;
    }
    Ok(())
}

/// A line without control characters, with its indent.
fn clean_line(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    format!("{}{}", " ".repeat(indent), clean(line))
}

/// The explanation as a tree.
fn told<K: Told>(
    title: &str,
    observed: &K::Observed,
    plan: &Plan<K::Status, K::Effect>,
    changes: &[Change],
    now: Timestamp,
) -> Node {
    let (phase, mark) = K::phase(&plan.status);
    let mut root = Node::new("explain", mark, title, phase);
    root.conditions(K::conditions(&plan.status));
    let quiet = changes.is_empty() && plan.effects.is_empty();
    if quiet {
        let finished = condition::is_true(K::conditions(&plan.status), condition::types::FINISHED);
        let why = if finished { "it is finished" } else { "it waits; the conditions above say for what" };
        root.children.push(Node::new("nothing", Mark::None, "Nothing to do now", why));
    }
    if !changes.is_empty() {
        let mut node = Node::new("records", Mark::None, "It would record", "");
        for change in changes {
            node.note(change.to_string());
        }
        root.children.push(node);
    }
    if !plan.effects.is_empty() {
        let mut node = Node::new("does", Mark::None, "It would then", "");
        for effect in &plan.effects {
            node.note(K::does(observed, effect));
        }
        root.children.push(node);
    }
    if !plan.notes.is_empty() {
        let mut node = Node::new("tells", Mark::None, "It would tell", "(events)");
        for note in &plan.notes {
            let kind = if note.kind == NoteKind::Warning { "Warning" } else { "Normal" };
            node.note(format!("{kind} {}: {}", note.reason.as_str(), note.message));
        }
        root.children.push(node);
    }
    let next = match plan.wake {
        _ if !quiet => "at once, until nothing changes any more".to_owned(),
        Wake::At(at) if at > now => format!("in {} at the latest, or when something changes", span(at.since(now))),
        Wake::At(_) => "at once".to_owned(),
        Wake::OnChange => "when something changes, and every 5 minutes".to_owned(),
    };
    root.children.push(Node::new("then", Mark::None, "It looks again", next));
    let mut saw = Node::new("saw", Mark::None, "It saw", "");
    for (what, state) in K::saw(observed) {
        saw.note(format!("{what}: {state}"));
    }
    root.children.extend(Some(saw).filter(|s| !s.notes.is_empty()));
    root
}
