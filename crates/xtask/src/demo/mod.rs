//! `cargo xtask demo`: everything once, from an empty machine to a published release, on a real cluster with the real Pepr.
//!
//! What: a fresh cluster, images, a git repository, the operator by Helm, a plan, a Release; then it waits and shows what became of it. A
//! candidate that is bad in some way is one more commit in that repository, so nothing but the candidate differs between the runs.
//! Deliberately absent: judgement of its own. The exit status is that of `kubectl-seaworthy wait`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use jiff::SignedDuration;

use crate::cluster::{Cluster, Options};
use crate::image::{self, Image};
use crate::progress::Progress;
use crate::{install, run, tools};

pub(crate) mod report;
mod repository;
pub(crate) mod template;

use template::Values;

/// Where Releases of the demo live.
const NAMESPACE: &str = "pepr-release";

/// How long `wait` waits, beyond the soak's own time: more than any healthy run takes, less than a person would.
const WAIT: SignedDuration = SignedDuration::from_mins(20);

/// `cargo xtask demo ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is released.
    #[arg(long, value_enum, default_value_t = Candidate::Good)]
    candidate: Candidate,
    /// Name of the cluster; one of that name that runs already is replaced.
    #[arg(long, default_value = "demo")]
    name: String,
    /// Instead of suites and a minute of soak, a soak whose measure is this long, e.g. 30m; its report goes to target/reports.
    #[arg(long, value_name = "MEASURE", value_parser = measure)]
    soak: Option<SignedDuration>,
    /// Take the cluster down at the end.
    #[arg(long)]
    down: bool,
}

/// A measure: whole seconds, a minute to a day.
pub(crate) fn measure(text: &str) -> Result<SignedDuration, String> {
    let range = SignedDuration::from_mins(1)..=SignedDuration::from_hours(24);
    let duration: SignedDuration = text.parse().map_err(|error| format!("{error}; give e.g. 30m"))?;
    if !range.contains(&duration) || duration.subsec_nanos() != 0 {
        return Err(format!("{text:?} is not in whole seconds from 1m to 24h"));
    }
    Ok(duration)
}

/// As the API writes durations.
pub(crate) fn seconds(duration: SignedDuration) -> String {
    format!("{}s", duration.as_secs())
}

/// What the last commit of the demo's repository makes of the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Candidate {
    /// Fit: it is published.
    Good,
    /// Its watcher crashes under load.
    Restarts,
    /// It breaks what a suite tests.
    FailingSuite,
    /// Its watcher serves no metrics.
    NoMetrics,
    /// Its manifest installs another image than the candidate.
    WrongImage,
}

impl Candidate {
    /// The folder below `demo/candidates`; none for the good one.
    fn folder(self) -> Option<&'static str> {
        match self {
            Self::Good => None,
            Self::Restarts => Some("restarts"),
            Self::FailingSuite => Some("failing-suite"),
            Self::NoMetrics => Some("no-metrics"),
            Self::WrongImage => Some("wrong-image"),
        }
    }

    /// What to expect, for the screen.
    fn expectation(self) -> &'static str {
        match self {
            Self::Good => "a fit candidate: published, under the digest that was tested and soaked",
            Self::Restarts => "a candidate whose watcher crashes under load: the soak's check of restarts fails",
            Self::FailingSuite => "a candidate that refuses what it must accept: the suite `admission` fails, twice",
            Self::NoMetrics => "a candidate without metrics: no evidence, so the soak is inconclusive",
            Self::WrongImage => {
                "a manifest that installs another image: what runs is not the candidate, so nothing is judged"
            }
        }
    }
}

/// Programs, images and addresses, once everything is in place.
struct Stage {
    cluster: Cluster,
    /// `kubectl-seaworthy`.
    cli: PathBuf,
    values: Values,
}

/// Runs the demo. The exit status is that of `kubectl-seaworthy wait`.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    let progress = Progress::new();
    progress.note(&format!("candidate: {}", arguments.candidate.expectation()));
    let stage = prepare(arguments, &progress)?;
    let release = create_release(&stage, &progress)?;
    progress.note(&format!("release {release} created, {:.0} s after the start", started.elapsed().as_secs_f64()));
    progress.finish();

    let code = wait(&stage, &release, arguments.soak)?;
    report::print(&stage, &release, started.elapsed())?;
    if arguments.soak.is_some() {
        let soaks =
            stage.cluster.kubectl()?.args(["--namespace", NAMESPACE, "get", "soaktests", "-o", "name"]).output()?;
        for soak in String::from_utf8_lossy(&soaks.stdout).lines().filter_map(|line| line.split_once('/')) {
            report::write(&stage.cluster, &stage.cli, NAMESPACE, soak.1, "pepr")?;
        }
    }
    if arguments.down {
        let progress = Progress::new();
        progress.step("taking the cluster down");
        Cluster::down(Some(&arguments.name), &progress)?;
        progress.finish();
    } else {
        report::next(&stage, &release);
    }
    Ok(ExitCode::from(code))
}

/// Everything up to the Release: cluster, images, repository, operator, plan.
fn prepare(arguments: &Arguments, progress: &Progress) -> Result<Stage> {
    tools::ensure(progress)?;
    let context = image::Context::new(progress)?;
    let cli = image::programs(&context)?;
    if Cluster::down(Some(&arguments.name), progress)? {
        progress.note(&format!("the cluster {:?} of an earlier run was removed", arguments.name));
    }
    let cluster = Cluster::up(&Options { name: Some(arguments.name.clone()), scoped: false }, progress)?;
    progress.note(&format!("cluster {:?} is ready", cluster.name));

    let mut values = Values::default();
    for image in Image::ALL {
        let reference = image::push(&context, &image::build(&context, image)?, &cluster.registry)?;
        values.set(&variable(image), reference);
    }
    let revision = repository::create(&context.root, &cluster, arguments.candidate.folder(), &values)?;
    values.set("REVISION", revision.clone());
    values.set("GIT_URL", repository::url(&cluster));
    values.set("REPOSITORY", format!("{}/pepr/controller", cluster.registry));
    progress.note(&format!("git repository {} at {}", repository::url(&cluster), &revision[..8]));

    let images = (values.get("SEAWORTHY_OPERATOR_IMAGE")?, values.get("SEAWORTHY_GIT_IMAGE")?);
    install::operator(&context.root, &cluster, images, progress)?;
    progress.step("namespaces, accounts, auditor and plan");
    let plan = match arguments.soak {
        Some(measure) => {
            values.set("MEASURE", seconds(measure));
            values.set("WORKLOAD_TIMEOUT", seconds(measure + SignedDuration::from_mins(15)));
            values.set("DEADLINE", seconds(measure + SignedDuration::from_mins(45)));
            "release/plan-soak.yaml"
        }
        None => "release/plan.yaml",
    };
    for file in ["manifests/namespaces.yaml", "manifests/accounts.yaml", "manifests/auditor.yaml", plan] {
        let text = values.fill_file(&context.root.join("demo").join(file))?;
        run::output_with_input(cluster.kubectl()?.args(["apply", "-f", "-"]), &text)
            .with_context(|| format!("could not apply demo/{file}"))?;
    }
    Ok(Stage { cluster, cli, values })
}

/// `TOOLS_IMAGE` for `tools`.
fn variable(image: Image) -> String {
    format!("{}_IMAGE", image.name().replace('-', "_").to_uppercase())
}

/// `kubectl create -f release.yaml -o name`, as CI would; returns the name.
fn create_release(stage: &Stage, progress: &Progress) -> Result<String> {
    progress.step("kubectl create -f release.yaml");
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/release/release.yaml");
    let text = stage.values.fill_file(&file)?;
    let name = run::output_with_input(stage.cluster.kubectl()?.args(["create", "-f", "-", "-o", "name"]), &text)?;
    match name.trim().split_once('/') {
        Some((_, name)) => Ok(name.to_owned()),
        None => bail!("kubectl create answered {name:?}, which is no name"),
    }
}

/// Live progress until the Release has finished; the exit code of `kubectl-seaworthy wait`.
fn wait(stage: &Stage, release: &str, soak: Option<SignedDuration>) -> Result<u8> {
    let timeout = seconds(WAIT + soak.unwrap_or_default());
    let status = seaworthy(stage, &["wait", release, "--timeout", &timeout])
        .status()
        .with_context(|| format!("could not start {}", stage.cli.display()))?;
    // Without an exit code it was killed: that is no verdict.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2))
}

/// `kubectl-seaworthy` on the demo's namespace.
fn seaworthy(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = run::command(&stage.cli, arguments);
    command.args(["--namespace", NAMESPACE]).env("KUBECONFIG", &stage.cluster.kubeconfig);
    command
}

/// Rounded for people: `4 min 07 s`.
fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}
