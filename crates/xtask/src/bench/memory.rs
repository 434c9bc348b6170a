//! The operator's resident memory: at rest, and while many soaks run. Read from the process itself, as the kernel counts it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::stage::Stage;
use super::table;
use crate::install::NAMESPACE;
use crate::progress::Progress;

/// At rest: nothing to do for that long.
const REST: Duration = Duration::from_secs(20);
/// How long the soaks are watched, once all of them measure.
const WATCHED: Duration = Duration::from_secs(60);
/// How long until all of them measure, at most.
const GATHERING: Duration = Duration::from_secs(180);

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resident {
    /// Now.
    now: u64,
    /// The most since the process began.
    peak: u64,
}

/// Resident memory while soaks run.
pub(super) struct Soaking {
    least: u64,
    most: u64,
    after: Resident,
}

/// Waits a while and reads.
pub(super) fn at_rest(stage: &Stage, progress: &Progress) -> Result<Resident> {
    progress.step(&format!("memory at rest, after {} s", REST.as_secs()));
    std::thread::sleep(REST);
    read(process(stage)?)
}

/// Runs that many soaks at the same time, each of a target of its own, and reads every second.
pub(super) fn soaking(stage: &Stage, soaks: u16, progress: &Progress) -> Result<Soaking> {
    progress.step(&format!("{soaks} soaks at the same time"));
    let namespace = stage.namespace("soaks")?;
    for number in 1..=soaks {
        stage.create(&namespace, &target(stage, number))?;
    }
    for number in 1..=soaks {
        stage.create(&namespace, &soak(number))?;
    }
    let deadline = Instant::now() + GATHERING;
    loop {
        let measuring = in_phase(stage, &namespace, "Measuring")?;
        progress.update(&format!("{measuring} of {soaks} soaks measure"));
        if measuring == usize::from(soaks) {
            break;
        }
        if Instant::now() > deadline {
            bail!("only {measuring} of {soaks} soaks measured after {} s", GATHERING.as_secs());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    let process = process(stage)?;
    let (mut least, mut most) = (u64::MAX, 0);
    let until = Instant::now() + WATCHED;
    while Instant::now() < until {
        let now = read(process)?.now;
        (least, most) = (least.min(now), most.max(now));
        std::thread::sleep(Duration::from_secs(1));
    }
    let measuring = in_phase(stage, &namespace, "Measuring")?;
    if measuring != usize::from(soaks) {
        bail!("only {measuring} of {soaks} soaks still measured at the end of the {} s", WATCHED.as_secs());
    }
    Ok(Soaking { least, most, after: read(process)? })
}

fn target(stage: &Stage, number: u16) -> Value {
    let name = format!("target-{number}");
    let container = json!({"name": "manager", "image": stage.target, "ports": [{"containerPort": 8080}]});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]}},
    }})
}

/// Long enough for all to measure at once while they are watched.
fn soak(number: u16) -> Value {
    json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": format!("soak-{number}")},
    "spec": {
        "targetRef": {"kind": "Deployment", "name": format!("target-{number}")},
        "interval": "2s", "warmUp": "10s", "measure": "5m", "settle": "2s",
        "sources": [{"name": "page", "prometheus": {"port": 8080}}, {"name": "usage", "kubelet": {}}],
        "checks": [
            {"name": "level", "bound": {"source": "page", "metric": "target_level", "max": 5}},
            {"name": "failures", "increase": {"source": "page", "metric": "target_failures_total", "max": 0}},
            {"name": "memory", "bound":
                {"source": "usage", "metric": "container_memory_working_set_bytes", "max": "64Mi"}},
            {"name": "restarts", "restarts": {"max": 0}},
        ],
    }})
}

fn in_phase(stage: &Stage, namespace: &str, phase: &str) -> Result<usize> {
    Ok(stage.list(namespace, "soaktests")?.iter().filter(|soak| soak["status"]["phase"] == phase).count())
}

/// The operator's process as this machine sees it: the one in its pod's control group.
fn process(stage: &Stage) -> Result<u32> {
    let pods = stage.list(NAMESPACE, "pods")?;
    let ours = |pod: &&Value| {
        pod["metadata"]["labels"]["app.kubernetes.io/component"] == "operator"
            && pod["metadata"]["deletionTimestamp"].is_null()
    };
    let pod = pods.iter().find(ours).context("no pod of the operator")?;
    let uid = pod["metadata"]["uid"].as_str().context("a pod without a UID")?;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let groups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        // The kernel cuts names after 15 bytes.
        if groups.contains(uid) && name.trim() == "seaworthy-opera" {
            return Ok(id);
        }
    }
    bail!("no process of the operator's pod {uid} is seen from here")
}

fn read(process: u32) -> Result<Resident> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the operator's process has ended")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_matches([':', ' ', '\t']).split(' ').next()?.parse::<u64>().ok()
    };
    let kibibytes = |name: &str| field(name).with_context(|| format!("no {name} of process {process}"));
    Ok(Resident { now: kibibytes("VmRSS")? * 1024, peak: kibibytes("VmHWM")? * 1024 })
}

/// Prints what was measured.
pub(super) fn print(fresh: Resident, rested: Resident, soaking: Option<&Soaking>, soaks: u16) {
    let mib = |bytes: u64| format!("{:.1}", table::mebibytes(bytes));
    let row = |what: &str, from: u64, to: u64, peak: u64, target: &str| {
        vec![what.to_owned(), mib(from), mib(to), mib(peak), target.to_owned()]
    };
    let mut rows = vec![
        row("at rest after its start", fresh.now, fresh.now, fresh.peak, "at most 25"),
        row("at rest after the Releases", rested.now, rested.now, rested.peak, "at most 25"),
    ];
    if let Some(Soaking { least, most, after }) = soaking {
        rows.push(row(&format!("with {soaks} soaks"), *least, *most, after.peak, "at most 40 with 20"));
    }
    table::print("Resident memory of the operator", &["MiB", "least", "most", "peak since its start", "target"], &rows);
}
