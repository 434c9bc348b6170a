//! `plan`: what a plan would release now, from a clone of this machine; and plans made from other tools' settings.
//!
//! The plan and its ledger are read from the cluster, the history from a clone, by the operator's own code. Why a clone and not a Job in the
//! cluster: a preview creates nothing there, needs no rights but to read, and shows commits that were not pushed yet.
//! Deliberately absent: anything that writes.

mod import;

use std::{fmt::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::ListParams};
use seaworthy_api::{Release, ReleasePlan, convert};
use seaworthy_core::{
    release::{self, ReleasePhase},
    version::{self, Input, Ledger, Outcome, VersionPlan, ledger::State},
};
use seaworthy_git::{Git, facts, fetch};
use serde_json::json;

use crate::{
    cluster::{Cluster, ClusterArgs},
    exit::{self, Code, Failure},
    version::{explain, repo},
};

/// Everything that git is asked has to be answered within this time.
const LIMIT: Duration = Duration::from_secs(600);

/// Shows what a plan would release now: version, level of each commit, disputes, draft of the notes.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
The plan and the numbers that were used come from the cluster, the history from a clone with all its tags. Nothing is created.

Exit codes: 0 there is an answer, nothing to release included; 1 the version is refused; 4 could not be carried out"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The ReleasePlan's name.
    #[arg(required = true)]
    name: Option<String>,
    /// The commit to release.
    #[arg(long, default_value = "HEAD")]
    revision: String,
    /// A clone with its whole history.
    #[arg(long, value_name = "DIR", default_value = ".")]
    repo: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value_t = explain::Output::Text)]
    output: explain::Output,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Prints the plan's version section that equals the settings of semantic-release, release-please, git-cliff or
    /// conventional-changelog, and names what cannot be carried over.
    Import(import::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    if let Some(Command::Import(import)) = &args.command {
        return import::run(import);
    }
    exit::run(async {
        let cluster = cluster.connect().await?;
        let name = args.name.clone().unwrap_or_default();
        let name = name.rsplit_once('/').map_or(name.as_str(), |(_, name)| name);
        preview(args, &cluster, name).await
    })
}

async fn preview(args: &Args, cluster: &Cluster, name: &str) -> Result<Code, Failure> {
    if name.is_empty() || name.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.')) {
        return Err(Failure::unusable(format!("{name:?} is no ReleasePlan's name")));
    }
    let plans: Api<ReleasePlan> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let plan = cluster.ask(&format!("cannot read the ReleasePlan {name:?}"), plans.get(name)).await?;
    let ledger = ledger(cluster, &plan, name).await?;
    let policy = convert::release::version_policy(&plan.spec.version).map_err(Failure::refused)?;
    let rules = convert::release::notes(&plan.spec.version).map_err(Failure::refused)?;
    let Some(rules) = rules else {
        return Err(Failure::refused(format!(
            "{name}: version.policy is Explicit: each Release names its own version, there is nothing to work out"
        )));
    };
    let facts = read(args, &policy, &ledger).map_err(|error| Failure::unusable(format!("{error:#}")))?;
    let waits = waits(cluster, &plan, name, |published| facts.count(&policy, published)).await?;
    let outcome = version::plan(&Input { policy, facts, ledger, owner: None });
    let day: String = jiff::Timestamp::now().to_string().chars().take(10).collect();
    let notes = match strict(&outcome) {
        Some(next) => Some(version::notes::draft(next, &rules, &day).map_err(|e| Failure::refused(e.to_string()))?),
        None => None,
    };
    let text = match args.output {
        explain::Output::Json => {
            format!("{}\n", serde_json::to_string_pretty(&json!({"outcome": outcome, "notes": notes, "waits": waits}))?)
        }
        explain::Output::Text => {
            let mut text = String::new();
            // Writing to a String cannot fail.
            let _ = explain::print(&mut text, &outcome);
            for wait in &waits {
                let _ = writeln!(text, "would wait: {wait}");
            }
            if let Some(notes) = notes {
                let _ = write!(text, "\nDraft of the notes:\n\n{notes}");
            }
            text
        }
    };
    exit::print(&text)?;
    Ok(if matches!(outcome, Outcome::Refused { .. }) { Code::Failed } else { Code::Done })
}

/// What is released without anybody's choice.
fn strict(outcome: &Outcome) -> Option<&VersionPlan> {
    match outcome {
        Outcome::Next(next) => Some(next),
        Outcome::Ask { strict: by, .. } => strict(by),
        Outcome::NothingToRelease { .. } | Outcome::Refused { .. } => None,
    }
}

/// The numbers that the plan's Releases have used.
async fn ledger(cluster: &Cluster, plan: &ReleasePlan, name: &str) -> Result<Ledger, Failure> {
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let stored = convert::release::ledger_name(name, &plan.spec);
    let found = cluster.ask(&format!("cannot read the ledger {stored:?}"), maps.get_opt(&stored)).await?;
    let text = found.and_then(|map| map.data).and_then(|data| data.get("ledger.json").cloned());
    text.map_or_else(|| Ok(Ledger::default()), |text| Ledger::from_json(&text))
        .map_err(|error| Failure::unusable(format!("ConfigMap {stored}: {error}")))
}

/// What a Release would wait for. `count` says how many commits it would bring, when the given ones are published.
async fn waits(
    cluster: &Cluster,
    plan: &ReleasePlan,
    name: &str,
    count: impl FnOnce(&[&str]) -> u64,
) -> Result<Vec<String>, Failure> {
    let releases: Api<Release> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let all = cluster.ask("cannot list Releases", releases.list(&ListParams::default())).await?;
    let status = plan.status.clone().unwrap_or_default();
    let mut waits = Vec::new();
    if !status.running.is_empty() {
        waits.push(format!("for the Release {:?}, which runs", status.running));
    }
    let mut last = None;
    let mut out = Vec::new();
    for release in all.items.iter().filter(|release| release.spec.plan_ref.name == name) {
        let Some(status) = release.status.as_ref().filter(|s| s.phase == ReleasePhase::Published) else { continue };
        last = last.max(status.completion_time);
        out.push(release.spec.revision.as_str());
    }
    let batching = convert::release::batching(&plan.spec).map_err(Failure::refused)?;
    let hold = release::hold(&batching, last, Some(count(&out)), jiff::Timestamp::now().into());
    waits.extend(hold.map(|hold| hold.message));
    Ok(waits)
}

fn read(args: &Args, policy: &version::Policy, ledger: &Ledger) -> anyhow::Result<version::Facts> {
    use anyhow::Context as _;
    let shown = args.repo.display();
    anyhow::ensure!(args.repo.is_dir(), "--repo: {shown} is not a folder; name a clone of the plan's repository");
    let git = Git::new(&args.repo, LIMIT).at_top()?;
    let shallow = git.text(&["rev-parse", "--is-shallow-repository"])?;
    anyhow::ensure!(shallow.trim() != "true", "--repo: {shown} is a shallow clone; run git fetch --unshallow --tags");
    let unknown = || format!("--revision: {:?} is no commit of {shown}", args.revision);
    let head = fetch::resolve(&git, &args.revision)?.with_context(unknown)?;
    let published: Vec<facts::Published> = ledger
        .entries
        .iter()
        .filter(|entry| entry.state == State::Published)
        .map(|entry| facts::Published { version: entry.version.clone(), commit: entry.commit.clone() })
        .collect();
    let read = facts::read(&git, &head, policy, &published)?;
    repo::missing(&git, &head, policy)?;
    if read.base.is_none() {
        repo::unlike(&read.facts.tags, &policy.tag_format);
    }
    Ok(read.facts)
}
