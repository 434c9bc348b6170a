//! `cargo xtask test`: everything that must hold before a change lands, in the order in which it fails fastest.
//!
//! Format, lints, generated files, repository rules, dependencies, unit tests, the chart, then the operator under faults and the end-to-end
//! suite, each on a fresh cluster of its own. What the test runners print stays on screen. Deliberately absent: retries; a test that fails once has failed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::cluster::{Cluster, Options};
use crate::image::{self, Image};
use crate::progress::Progress;
use crate::{install, run, tools};

pub(crate) mod faults;

/// `cargo xtask test ...`
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Arguments {
    /// Only what needs no cluster.
    #[arg(long)]
    fast: bool,
    /// Only the end-to-end suite.
    #[arg(long, conflicts_with = "fast")]
    e2e: bool,
    /// Only the operator under faults.
    #[arg(long, conflicts_with_all = ["fast", "e2e"])]
    faults: bool,
    /// Name of the suite's cluster.
    #[arg(long)]
    name: Option<String>,
    /// Leave the cluster running afterwards.
    #[arg(long)]
    keep: bool,
    /// Filter for end-to-end tests and those under faults, as for `cargo test`.
    filter: Vec<String>,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let root = crate::repository::root();
    let progress = Progress::new();
    let began = Instant::now();
    if !arguments.e2e && !arguments.faults {
        fast(&root, &progress)?;
    }
    if !arguments.fast && !arguments.e2e {
        faults::stage(&root, arguments.name.as_deref(), arguments.keep, &arguments.filter, &progress)?;
    }
    if !arguments.fast && !arguments.faults {
        end_to_end(&root, arguments, &progress)?;
    }
    progress.note(&format!("all of it passed in {:.0} s", began.elapsed().as_secs_f64()));
    progress.finish();
    Ok(())
}

fn fast(root: &Path, progress: &Progress) -> Result<()> {
    cargo(root, progress, "format", &["fmt", "--all", "--check"])?;
    cargo(
        root,
        progress,
        "lints",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"],
    )?;
    own(root, progress, "generated files", &["gen", "--check"])?;
    own(root, progress, "repository rules", &["tidy"])?;
    own(root, progress, "planted bugs have their place", &["mutants", "--check"])?;
    dependencies(root, progress)?;
    cargo(root, progress, "unit tests", &["test", "--workspace", "--exclude", "seaworthy-tests"])?;
    tools::ensure(progress)?;
    chart(root, progress)
}

/// Licences, sources and banned crates, by deny.toml. Installing cargo-deny compiles for minutes, and nobody vouches for the packages that
/// others make of it, so it is used where it is and asked for where it is not. Advisories are left out: their database is fetched anew each
/// time, and a red run must be the fault of a change.
fn dependencies(root: &Path, progress: &Progress) -> Result<()> {
    if !run::succeeds(run::cargo(["deny", "--version"]).current_dir(root)) {
        progress.note(
            "dependencies: NOT CHECKED, cargo-deny is missing; once: cargo install cargo-deny --locked, then: cargo deny check bans licenses sources",
        );
        return Ok(());
    }
    // Versions that are there twice are warnings, and many: the closing line says what counts.
    let arguments = ["deny", "--log-level", "error", "check", "bans", "licenses", "sources"];
    cargo(root, progress, "dependencies", &arguments)
}

/// The chart renders, with its defaults and with everything on.
fn chart(root: &Path, progress: &Progress) -> Result<()> {
    progress.step("chart");
    let helm = tools::path("helm")?;
    let chart = root.join("charts/seaworthy");
    run::output(run::command(&helm, ["lint", "--strict"]).arg(&chart)).context("helm lint")?;
    run::output(
        run::command(&helm, ["template", "seaworthy", "--namespace", install::NAMESPACE, "--kube-version", "1.34.4"])
            .arg(&chart),
    )
    .context("helm template")?;
    progress.note("chart lints and renders");
    Ok(())
}

fn end_to_end(root: &Path, arguments: &Arguments, progress: &Progress) -> Result<()> {
    let name = arguments.name.clone().unwrap_or_else(|| format!("test-{}", std::process::id()));
    let cluster = Cluster::up(&Options { name: Some(name), scoped: !arguments.keep }, progress)?;
    let context = image::Context::new(progress)?;
    image::programs(&context)?;
    let push = |image: Image| image::push(&context, &image::build(&context, image)?, &cluster.registry);
    let operator = push(Image::Operator)?;
    let git = push(Image::Git)?;
    let tools_image = push(Image::Tools)?;
    let target = push(Image::TestTarget)?;
    install::operator(root, &cluster, (&operator, &git), progress)?;
    let mut tests = run::cargo([]);
    tests
        .current_dir(root)
        // Tests mostly wait for the cluster: more of them than cores.
        .args(["test", "--package", "seaworthy-tests", "--no-fail-fast", "--", "--test-threads=6"])
        .args(&arguments.filter)
        .env("KUBECONFIG", &cluster.kubeconfig)
        .env("SEAWORTHY_TEST_AUDIT_LOG", &cluster.audit_log)
        .env("SEAWORTHY_TEST_CLI", context_cli(root))
        .env("SEAWORTHY_TEST_GIT_IMAGE", &git)
        .env("SEAWORTHY_TEST_GIT_ROOT", cluster.git_root())
        .env("SEAWORTHY_TEST_GIT_URL", cluster.git_url())
        .env("SEAWORTHY_TEST_HELM", tools::path("helm")?)
        .env("SEAWORTHY_TEST_KUBECTL", tools::path("kubectl")?)
        .env("SEAWORTHY_TEST_OPERATOR_IMAGE", &operator)
        .env("SEAWORTHY_TEST_REGISTRY", &cluster.registry)
        .env("SEAWORTHY_TEST_STATE", &cluster.state_dir)
        .env("SEAWORTHY_TEST_TARGET_IMAGE", &target)
        .env("SEAWORTHY_TEST_TOOLS_IMAGE", &tools_image);
    show(&mut tests, progress, "end-to-end tests")?;
    faults::audit(root, &cluster, progress)?;
    drop(cluster);
    // What a cluster leaves behind after its end, and after its process was killed: nothing.
    own(root, progress, "test bed", &["cluster", "check"])
}

/// The command line tool that `image::programs` built.
fn context_cli(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), PathBuf::from)
        .join("release/kubectl-seaworthy")
}

/// Another command of this program.
fn own(root: &Path, progress: &Progress, what: &str, arguments: &[&str]) -> Result<()> {
    let program = std::env::current_exe().context("this program has no path")?;
    show(Command::new(program).current_dir(root).args(arguments), progress, what)
}

fn cargo(root: &Path, progress: &Progress, what: &str, arguments: &[&str]) -> Result<()> {
    show(run::cargo([]).current_dir(root).args(arguments), progress, what)
}

/// Runs a program whose output stays on screen.
fn show(command: &mut Command, progress: &Progress, what: &str) -> Result<()> {
    let began = Instant::now();
    progress.step(what);
    progress.finish();
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start `{}`", run::display(command)))?;
    if !status.success() {
        bail!("{what}: `{}` ended with {status}", run::display(command));
    }
    progress.note(&format!("{what}: passed in {:.0} s", began.elapsed().as_secs_f64()));
    Ok(())
}
