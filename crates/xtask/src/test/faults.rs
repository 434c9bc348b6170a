//! The operator under faults, on a cluster on which no other operator works; `cargo xtask chaos` gives it more seeds.
//!
//! The operator runs in the tests' process and pods on a node that the tests play, so no image is needed.

use std::path::Path;

use anyhow::Result;

use super::show;
use crate::{
    cluster::{Cluster, Options},
    progress::Progress,
    run,
};

/// `cargo xtask chaos ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds are tried.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed: a failing one prints the command that tries it again.
    #[arg(long, default_value_t = 1000)]
    from: u64,
    /// How often each seed is run: it decides which calls are broken, not when they come.
    #[arg(long, default_value_t = 1)]
    times: u64,
    /// No new seed is begun after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Name of the cluster.
    #[arg(long)]
    name: Option<String>,
    /// Leave the cluster running afterwards.
    #[arg(long)]
    keep: bool,
}

/// Runs `cargo xtask chaos`.
pub(crate) fn chaos(arguments: &Arguments) -> Result<()> {
    let root = crate::repository::root();
    let progress = Progress::new();
    let name = arguments.name.clone().unwrap_or_else(|| format!("chaos-{}", std::process::id()));
    let cluster = Cluster::up(&Options { name: Some(name), scoped: !arguments.keep }, &progress)?;
    let seeds = format!("{}..{}", arguments.from, arguments.from.saturating_add(arguments.seeds));
    let mut more = vec![("SEAWORTHY_TEST_SEEDS", seeds), ("SEAWORTHY_TEST_TIMES", arguments.times.to_string())];
    more.extend(arguments.minutes.map(|minutes| ("SEAWORTHY_TEST_MINUTES", minutes.to_string())));
    tests(&root, &cluster, "faults by chance", &["--test=faults", "--", "--nocapture", "by_chance"], &more, &progress)?;
    audit(&root, &cluster, &progress)?;
    progress.finish();
    Ok(())
}

/// Every write, seeds, the table of faults, then what the audit log says.
pub(super) fn stage(root: &Path, name: Option<&str>, keep: bool, progress: &Progress) -> Result<()> {
    let name = name.map_or_else(|| format!("faults-{}", std::process::id()), |name| format!("{name}-faults"));
    let cluster = Cluster::up(&Options { name: Some(name), scoped: !keep }, progress)?;
    tests(root, &cluster, "faults", &["--test=faults", "--no-fail-fast", "--", "--nocapture"], &[], progress)?;
    audit(root, &cluster, progress)
}

/// Holds a cluster's audit log against what is promised.
pub(super) fn audit(root: &Path, cluster: &Cluster, progress: &Progress) -> Result<()> {
    tests(root, cluster, "audit log", &["--test=audit", "--", "--nocapture"], &[], progress)
}

fn tests(
    root: &Path,
    cluster: &Cluster,
    what: &str,
    arguments: &[&str],
    more: &[(&str, String)],
    progress: &Progress,
) -> Result<()> {
    let mut tests = run::cargo(["test", "--quiet", "--package", "seaworthy-tests", "--features", "faults"]);
    tests
        .args(arguments)
        .current_dir(root)
        .env("KUBECONFIG", &cluster.kubeconfig)
        .env("SEAWORTHY_TEST_AUDIT_LOG", &cluster.audit_log)
        .env("SEAWORTHY_TEST_STATE", &cluster.state_dir)
        .envs(more.iter().map(|(name, value)| (name, value)));
    show(&mut tests, progress, what)
}
