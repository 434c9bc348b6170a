//! `status`: the tree of a Release with its gates, suites and checks; of a run alone; or of a namespace. Reads only.

use std::process::ExitCode;

use kube::{Api, ResourceExt, api::ListParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, ClusterArgs},
    exit::{self, Code, Failure},
    look::{self, Look},
    outcome::outcome,
    snapshot::{self, Child, Run, Snapshot},
    target::Target,
    tree::{list, release},
};

/// The most objects of one kind that are listed.
const MOST: u32 = 500;

/// Prints the tree of a Release, an E2ERun or a SoakTest; without a name, what is in the namespace.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl seaworthy status                  plans, releases and runs of the namespace
  kubectl seaworthy status pepr-x7k2p       a Release: gates, suites, checks, publishing, digests
  kubectl seaworthy status soak/nightly     a SoakTest alone; e2e/NAME for an E2ERun

Ends with 0 whatever the state is; use `wait` for an exit code that tells. 4: no such object, no connection, no permission.")]
pub(crate) struct Args {
    /// NAME or release/NAME, e2e/NAME, soak/NAME.
    name: Option<Target>,
    /// How to print it.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        let cluster = cluster.connect().await?;
        match &args.name {
            Some(target) => {
                let snapshot = snapshot::read(&cluster, target).await?;
                show(&snapshot, args.output)?;
            }
            None => namespace(&cluster, args.output).await?,
        }
        Ok(Code::Done)
    })
}

/// Prints an object with its children to standard output.
pub(crate) fn show(snapshot: &Snapshot, output: Output) -> Result<(), Failure> {
    match output {
        Output::Text => exit::paint(&release::build(snapshot, look::now()).text(Look::stdout())),
        Output::Json => exit::print(&(serde_json::to_string_pretty(&document(snapshot)?)? + "\n")),
    }
}

/// The document of `--output json`: what `wait` would answer, the status as it is, and those of the children.
pub(crate) fn document(snapshot: &Snapshot) -> Result<Value, serde_json::Error> {
    let outcome = outcome(snapshot);
    let mut document = match snapshot {
        Snapshot::Release(release, children) => {
            let mut gates = Vec::new();
            for gate in release.status.iter().flat_map(|s| &s.gates) {
                let child = match children.get(&gate.name) {
                    Some(Child::Found(run)) => run_document(run)?,
                    Some(Child::Gone) => json!({"error": "gone"}),
                    Some(Child::Unreadable(why)) => json!({"error": why}),
                    Some(Child::NotYet) | None => Value::Null,
                };
                gates.push(json!({"gate": gate.name, "child": child}));
            }
            json!({
                "kind": "Release", "namespace": release.namespace(), "name": release.name_any(), "uid": release.uid(),
                "spec": release.spec, "status": release.status, "children": gates,
            })
        }
        Snapshot::Run(run) => run_document(run)?,
    };
    document["phase"] = json!(outcome.phase);
    document["finished"] = json!(outcome.code.is_some());
    document["exitCode"] = json!(outcome.code.map(|code| code as u8));
    document["message"] = json!(outcome.message);
    Ok(document)
}

fn run_document(run: &Run) -> Result<Value, serde_json::Error> {
    let (kind, namespace, name, uid, status) = match run {
        Run::E2e(run) => ("E2ERun", run.namespace(), run.name_any(), run.uid(), serde_json::to_value(&run.status)?),
        Run::Soak(run) => ("SoakTest", run.namespace(), run.name_any(), run.uid(), serde_json::to_value(&run.status)?),
    };
    Ok(json!({"kind": kind, "namespace": namespace, "name": name, "uid": uid, "status": status}))
}

async fn namespace(cluster: &Cluster, output: Output) -> Result<(), Failure> {
    let inventory = list::Inventory {
        plans: all(cluster).await?,
        releases: all(cluster).await?,
        e2e_runs: all(cluster).await?,
        soak_tests: all(cluster).await?,
    };
    if output == Output::Json {
        let document = json!({
            "namespace": cluster.namespace, "plans": inventory.plans, "releases": inventory.releases,
            "e2eRuns": inventory.e2e_runs, "soakTests": inventory.soak_tests,
        });
        return exit::print(&(serde_json::to_string_pretty(&document)? + "\n"));
    }
    if inventory.plans.is_empty()
        && inventory.releases.is_empty()
        && inventory.e2e_runs.is_empty()
        && inventory.soak_tests.is_empty()
    {
        exit::remark(&format!("nothing of Seaworthy in namespace {:?}; choose another one with -n", cluster.namespace));
        return Ok(());
    }
    exit::paint(&list::build(&cluster.namespace, &inventory, look::now()).text(Look::stdout()))
}

async fn all<K>(cluster: &Cluster) -> Result<Vec<K>, Failure>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let kind = K::kind(&());
    let page = cluster.ask(&format!("cannot list {kind}s"), api.list(&ListParams::default().limit(MOST))).await?;
    if page.metadata.continue_.is_some_and(|token| !token.is_empty()) {
        exit::remark(&format!("only {MOST} of the {kind}s are shown"));
    }
    Ok(page.items)
}
