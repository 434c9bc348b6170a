//! `cargo xtask bench soak-scale`: hundreds of soaks in one operator, and what each measurement costs.
//!
//! What: two loads. *Pages*: every soak asks three targets for a large page every 10 s; some targets hang or drip. *Field*: every soak asks one
//! target for one metric every 5 s, which is what analysis runs of rollout controllers do. Times are those of the stored evidence, costs are
//! the kernel's, writes are the API server's own count. Deliberately absent: a kubelet and controllers (see `field`), and thresholds that fail.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{machine, table};
use crate::cluster::{Cluster, Options};
use crate::image;
use crate::progress::Progress;

mod evidence;
mod field;
mod pages;
mod process;

use field::Field;
use pages::Manner;

/// How long until all soaks measure, and until all have ended once measure is over.
const GATHERING: Duration = Duration::from_secs(240);
/// How long all soaks may take to begin, so that what is watched is sampling alone: no soak begins or is judged meanwhile.
const BEGINNING: Duration = Duration::from_secs(120);

/// How long they are watched at rest.
const REST: Duration = Duration::from_secs(10);
/// So many writes within three seconds are those of leases.
const QUIET: f64 = 5.0;

/// `cargo xtask bench soak-scale ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// SoakTests that run at the same time.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=2000))]
    soaks: u32,
    /// How long they are watched, once all of them sample.
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(10..=3600))]
    seconds: u64,
    /// One of the loads alone.
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// KiB of a page of the load `pages`.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=2000))]
    page: u16,
    /// An operator to measure instead of this checkout's release build.
    #[arg(long)]
    operator: Option<PathBuf>,
    /// Name of the bench's cluster.
    #[arg(long)]
    name: Option<String>,
    /// Leave the cluster running afterwards.
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Pages,
    Field,
}

/// What every soak of a run does.
struct Load {
    kind: Kind,
    namespace: &'static str,
    pods: u32,
    interval: u64,
    page_kib: usize,
    manner: fn(u32) -> Manner,
}

/// One in fifty soaks has a target that hangs, another one a target that drips; always the second of its three.
fn some_are_bad(target: u32) -> Manner {
    match (target / 3 % 50, target % 3) {
        (0, 1) => Manner::Hangs,
        (1, 1) => Manner::Drips,
        _ => Manner::Fine,
    }
}

/// Counters at one moment.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    /// Seconds of processor time: operator, API server, etcd.
    cpu: [f64; 3],
    /// Requests that the API server answered: writes, and reads without watches.
    writes: f64,
    reads: f64,
    /// Looks at targets that the operator finished.
    looks: f64,
}

/// What was measured of one load.
struct Measured {
    resident: u64,
    peak: u64,
    /// Processor time of API server and etcd in a second in which nobody asks them for anything.
    rest: f64,
    steady: Counters,
    whole: Counters,
    samples: evidence::Samples,
    verdicts: String,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let context = image::Context::new(&progress)?;
    let operator = match &arguments.operator {
        Some(path) => path.clone(),
        None => image::programs(&context)?.with_file_name("seaworthy-operator"),
    };
    let page_kib = usize::from(arguments.page);
    let loads = [
        Load { kind: Kind::Pages, namespace: "pages", pods: 3, interval: 10, page_kib, manner: some_are_bad },
        Load { kind: Kind::Field, namespace: "field", pods: 1, interval: 5, page_kib: 1, manner: |_| Manner::Fine },
    ];
    let name = arguments.name.clone().unwrap_or_else(|| format!("scale-{}", std::process::id()));
    let cluster = Cluster::up(&Options { name: Some(name), scoped: !arguments.keep }, &progress)?;
    let mut field = Field::new(&context.root, cluster, &loads.each_ref().map(|load| load.namespace))?;
    for load in loads.iter().filter(|load| arguments.only.is_none_or(|only| only == load.kind)) {
        field.start(&operator)?;
        let measured = measure(&field, load, arguments, &progress)?;
        field.stop()?;
        print(load, arguments, &measured);
    }
    progress.finish();
    println!("{}", machine()?);
    Ok(())
}

fn measure(field: &Field, load: &Load, arguments: &Arguments, progress: &Progress) -> Result<Measured> {
    let (soaks, namespace) = (arguments.soaks, load.namespace);
    let pages = pages::serve(load.page_kib, load.manner)?;
    progress.step(&format!("{namespace}: API server and etcd at rest for {} s", REST.as_secs()));
    quiet(field)?;
    let rest = counters(field)?;
    std::thread::sleep(REST);
    let rest = counters(field)?.since(rest).cpu[1..].iter().sum::<f64>() / REST.as_secs_f64();
    progress.step(&format!("{namespace}: {soaks} workloads with {} targets each", load.pods));
    field.targets(namespace, soaks, load.pods)?;
    let fresh = counters(field)?;
    progress.step(&format!("{namespace}: {soaks} soaks begin"));
    let path = format!("/apis/seaworthy.dev/v1alpha1/namespaces/{namespace}/soaktests");
    // Longer than what is watched, for they do not begin all at once; and a measure has twenty slots at least.
    let seconds = (arguments.seconds + BEGINNING.as_secs()).max(20 * load.interval);
    let begun = Instant::now();
    field.create(&path, (0..soaks).map(|number| soak(number, load, pages.port, seconds)))?;
    all(field, &path, soaks, progress, |soak| !soak["status"]["startTime"].is_null())?;
    quiet(field)?;
    if begun.elapsed() > BEGINNING {
        bail!(
            "the soaks took {} s to begin: the first would be judged while all are watched",
            begun.elapsed().as_secs()
        );
    }

    progress.step(&format!("{namespace}: watched for {} s", arguments.seconds));
    let process = field.operator()?;
    let (from, mut resident) = (counters(field)?, 0);
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    while Instant::now() < until {
        resident = resident.max(process::resident(process)?.0);
        std::thread::sleep(Duration::from_secs(1));
    }
    let steady = counters(field)?.since(from);
    progress.step(&format!("{namespace}: until all have ended"));
    std::thread::sleep(Duration::from_secs(30));
    all(field, &path, soaks, progress, |soak| {
        let conditions = soak["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Finished" && c["status"] == "True"))
    })?;
    let whole = counters(field)?.since(fresh);
    let (_, peak) = process::resident(process)?;
    let samples = evidence::read(field, namespace, load.pods, load.manner)?;
    Ok(Measured { resident, peak, rest, steady, whole, samples, verdicts: verdicts(&field.list(&path)?) })
}

/// Waits until next to nothing is written: the last ones have begun, too.
fn quiet(field: &Field) -> Result<()> {
    let deadline = Instant::now() + BEGINNING;
    let mut writes = counters(field)?.writes;
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let now = counters(field)?.writes;
        if now - writes <= QUIET {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "the API server was asked for {} writes in 3 s, {} s after all soaks began",
                now - writes,
                BEGINNING.as_secs()
            );
        }
        writes = now;
    }
}

/// Waits until something holds of every soak.
fn all(field: &Field, path: &str, soaks: u32, progress: &Progress, holds: impl Fn(&Value) -> bool) -> Result<()> {
    let deadline = Instant::now() + GATHERING;
    loop {
        let count = field.list(path)?.iter().filter(|soak| holds(soak)).count();
        progress.update(&format!("{count} of {soaks} soaks"));
        if count == soaks as usize {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("only {count} of {soaks} soaks were as far after {} s", GATHERING.as_secs());
        }
        std::thread::sleep(Duration::from_secs(3));
    }
}

fn soak(number: u32, load: &Load, port: u16, seconds: u64) -> Value {
    json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": format!("soak-{number}")},
    "spec": {
        "targetRef": {"kind": "StatefulSet", "name": format!("target-{number}")},
        "interval": format!("{}s", load.interval), "warmUp": "0s", "measure": format!("{seconds}s"), "settle": "0s",
        "sources": [{"name": "page", "prometheus": {"port": port}}],
        "checks": [{"name": "level", "bound": {"source": "page", "metric": "seaworthy_bench_level", "max": 5}}],
    }})
}

/// How many soaks ended how.
fn verdicts(soaks: &[Value]) -> String {
    let mut counts = std::collections::BTreeMap::new();
    for soak in soaks {
        *counts.entry(soak["status"]["phase"].as_str().unwrap_or("no phase").to_owned()).or_insert(0) += 1;
    }
    let counts: Vec<String> = counts.into_iter().map(|(phase, count)| format!("{count} {phase}")).collect();
    counts.join(", ")
}

fn counters(field: &Field) -> Result<Counters> {
    let component =
        |name: &str| -> Result<f64> { field.cluster.processes(name).into_iter().map(process::cpu_seconds).sum() };
    // The pages first: what asking costs is then in the figures of both ends alike.
    let (server, operator) = (field.text("/metrics")?, field.page("/metrics")?);
    let by_verb = |verbs: &[&str]| {
        let is = |line: &&str| verbs.iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")));
        sum(server.lines().filter(|line| line.starts_with("apiserver_request_total{")).filter(is))
    };
    Ok(Counters {
        cpu: [process::cpu_seconds(field.operator()?)?, component("kube-apiserver")?, component("etcd")?],
        writes: by_verb(&["POST", "PUT", "PATCH", "APPLY", "DELETE"]),
        reads: by_verb(&["GET", "LIST"]),
        looks: sum(operator.lines().filter(|line| line.contains("sampler_looks_total{"))),
    })
}

/// The sum of the values of lines of a page.
fn sum<'a>(lines: impl Iterator<Item = &'a str>) -> f64 {
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

impl Counters {
    fn since(self, earlier: Self) -> Self {
        Self {
            cpu: std::array::from_fn(|part| self.cpu[part] - earlier.cpu[part]),
            writes: self.writes - earlier.writes,
            reads: self.reads - earlier.reads,
            looks: self.looks - earlier.looks,
        }
    }

    /// Milliseconds of processor time per look: the operator's own, and of all three.
    fn per_look(&self) -> (f64, f64) {
        (1000.0 * self.cpu[0] / self.looks, 1000.0 * self.cpu.iter().sum::<f64>() / self.looks)
    }
}

fn print(load: &Load, arguments: &Arguments, measured: &Measured) {
    let Measured { resident, peak, rest, steady, whole, samples, verdicts } = measured;
    let title = format!(
        "{} soaks x {} targets, a page of {} KiB every {} s, watched for {} s ({verdicts})",
        arguments.soaks, load.pods, load.page_kib, load.interval, arguments.seconds
    );
    let own = load.kind == Kind::Field;
    let target = |text: &str| if own { text.to_owned() } else { String::new() };
    let row = |what: &str, value: String, target: String| vec![what.to_owned(), value, target];
    let ((own_ms, all_ms), (own_whole, all_whole)) = (steady.per_look(), whole.per_look());
    #[expect(clippy::cast_precision_loss, reason = "at most an hour")]
    let rest_ms = 1000.0 * rest * arguments.seconds as f64 / steady.looks;
    let mib = |bytes: u64| format!("{:.1} MiB", table::mebibytes(bytes));
    let mut rows = vec![
        row("samples", samples.len().to_string(), String::new()),
        row("missed", samples.missed.to_string(), "none".into()),
        row("late, median", format!("{:.0} ms", samples.quantile(0.5)), String::new()),
        row("late, p99", format!("{:.0} ms", samples.quantile(0.99)), "under 500 ms".into()),
        row("late, most", format!("{:.0} ms", samples.quantile(1.0)), String::new()),
    ];
    if samples.gaps + samples.passed_off > 0 {
        let gaps = format!("{} of {}", samples.gaps, samples.gaps + samples.passed_off);
        rows.push(row("slots of hung and dripping targets that are gaps", gaps, "all".into()));
    }
    rows.extend([
        row("resident memory of the operator while watched, most", mib(*resident), target("at most 45 MiB")),
        row("  from its start to the last verdict, most", mib(*peak), String::new()),
        row("processor time per measurement, operator", format!("{own_ms:.3} ms"), target("at most 0.2 ms")),
        row("  with API server and etcd", format!("{all_ms:.3} ms"), target("at most 0.8 ms")),
        row("  of that API server and etcd at rest", format!("{rest_ms:.3} ms"), String::new()),
        row("API writes per measurement", format!("{:.3}", steady.writes / steady.looks), target("at most 0.1")),
        row("API reads per measurement", format!("{:.3}", steady.reads / steady.looks), String::new()),
        row("whole runs: processor time per measurement, operator", format!("{own_whole:.3} ms"), String::new()),
        row("  with API server and etcd", format!("{all_whole:.3} ms"), String::new()),
        row("  API writes per measurement", format!("{:.3}", whole.writes / whole.looks), String::new()),
        row(
            "compressed evidence per soak",
            format!("{} bytes", samples.bytes / arguments.soaks as usize),
            String::new(),
        ),
    ]);
    table::print(&title, &["", "measured", "target"], &rows);
}
