//! The operator under faults, on a cluster on which no other operator works; `cargo xtask chaos` gives it more seeds.
//!
//! The operator runs in the tests' process, or as the program that this checkout builds, and pods on a node that the tests play, so no
//! image is needed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

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

/// Every write, seeds, the table of faults; beside them, on a cluster of its own, what happens to the cluster itself; then what the audit
/// logs say. With a filter, only those clusters are made that a test is for.
pub(super) fn stage(root: &Path, name: Option<&str>, keep: bool, filter: &[String], progress: &Progress) -> Result<()> {
    let name = name.map_or_else(|| format!("faults-{}", std::process::id()), |name| format!("{name}-faults"));
    // All is there before anything begins: what compiles disturbs what waits.
    show(run::cargo(["build", "--quiet", "--package", "seaworthy-operator"]).current_dir(root), progress, "operator")?;
    let build = ["--test=faults", "--test=outages", "--test=audit", "--no-run"];
    show(program(root).args(build), progress, "faults, built")?;
    let up = |test: &str, name: String| -> Result<Option<Cluster>> {
        let wanted = filter.is_empty() || matches(root, test, filter)?;
        wanted.then(|| Cluster::up(&Options { name: Some(name), scoped: !keep }, progress)).transpose()
    };
    let (cluster, failing) = (up("faults", name.clone())?, up("outages", format!("{name}-outages"))?);
    if cluster.is_none() && failing.is_none() {
        bail!(
            "no test under faults has {filter:?} in its name: list them with `grep -rn 'async fn' tests/tests/faults tests/tests/outages`"
        );
    }
    let outages = failing.as_ref().map(|failing| {
        let mut outages = on(program(root), root, failing);
        Beside::start(outages.args(["--test=outages", "--", "--nocapture", "--test-threads=1"]).args(filter))
    });
    let mut outages = outages.transpose()?;
    if let Some(cluster) = &cluster {
        let mut faults = on(program(root), root, cluster);
        faults.args(["--test=faults", "--no-fail-fast", "--", "--nocapture"]);
        show(faults.args(filter), progress, "faults")?;
    }
    if let Some(outages) = &mut outages {
        outages.ended(progress, "outages")?;
    }
    cluster.iter().chain(&failing).try_for_each(|cluster| audit(root, cluster, progress))
}

/// Whether a filter leaves anything of a test program.
fn matches(root: &Path, test: &str, filter: &[String]) -> Result<bool> {
    let mut list = program(root);
    list.arg(format!("--test={test}")).args(["--", "--list"]).args(filter);
    Ok(run::output(&mut list)?.lines().any(|line| line.ends_with(": test")))
}

/// A program that runs beside another; killed when it is dropped.
struct Beside {
    child: Child,
    line: String,
    output: tempfile::NamedTempFile,
    began: Instant,
}

impl Beside {
    fn start(command: &mut Command) -> Result<Self> {
        let output = tempfile::NamedTempFile::new().context("no file for a program's output")?;
        let file = || output.as_file().try_clone().context("no file for a program's output");
        command.stdin(Stdio::null()).stdout(file()?).stderr(file()?);
        let line = run::display(command);
        let child = command.spawn().with_context(|| format!("could not start `{line}`"))?;
        Ok(Self { child, line, output, began: Instant::now() })
    }

    /// Waits for its end, and shows what it printed.
    fn ended(&mut self, progress: &Progress, what: &str) -> Result<()> {
        progress.step(what);
        let status = self.child.wait().with_context(|| format!("`{}` cannot be waited for", self.line))?;
        progress.finish();
        eprint!("{}", std::fs::read_to_string(self.output.path()).context("what a program printed is gone")?);
        if !status.success() {
            bail!("{what}: `{}` ended with {status}", self.line);
        }
        progress.note(&format!("{what}: passed in {:.0} s", self.began.elapsed().as_secs_f64()));
        Ok(())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
    let mut tests = on(program(root), root, cluster);
    tests.args(arguments).envs(more.iter().map(|(name, value)| (name, value)));
    show(&mut tests, progress, what)
}

/// The test programs; which one, and with which arguments, is to be added.
fn program(root: &Path) -> Command {
    let mut tests = run::cargo(["test", "--quiet", "--package", "seaworthy-tests", "--features", "faults"]);
    tests.current_dir(root);
    tests
}

/// Says which cluster a test program works on.
fn on(mut tests: Command, root: &Path, cluster: &Cluster) -> Command {
    tests
        .env("KUBECONFIG", &cluster.kubeconfig)
        .env("SEAWORTHY_TEST_AUDIT_LOG", &cluster.audit_log)
        .env("SEAWORTHY_TEST_OPERATOR", operator(root))
        .env("SEAWORTHY_TEST_STATE", &cluster.state_dir);
    tests
}

/// The operator as a development build makes it.
fn operator(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), PathBuf::from)
        .join("debug/seaworthy-operator")
}
