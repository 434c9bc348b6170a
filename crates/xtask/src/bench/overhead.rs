//! The operator's time between Jobs: a Release from its create to Published without the time of its Jobs, beside the same Jobs created one
//! after another by kubectl. Pairs in turns, so that a machine that becomes slower does so for both.
//!
//! A Job's time is from the answer to its create (to its unsuspend, for the one that publishes) to the answer to the Job controller's write
//! of `Complete`: all that is Kubernetes' own. What is left is ours.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use seaworthy_audit::{self as audit, Event};
use serde_json::{Value, json};

use super::stage::Stage;
use super::table;
use crate::progress::Progress;

/// Jobs of the plan: candidate, two suites, publish, verify.
const JOBS: usize = 5;

/// The Release's name.
const RELEASE: &str = "r";

/// The time that the operator may take in all, in seconds.
const TARGET: f64 = 0.3;

/// One Release and the same Jobs by kubectl.
pub(super) struct Pair {
    /// The namespace of the Release.
    pub(super) namespace: String,
    release: Run,
    kubectl: Run,
}

/// A sequence of Jobs.
struct Run {
    begin: Timestamp,
    end: Timestamp,
    /// Name, begin and end, in order.
    jobs: Vec<(String, Timestamp, Timestamp)>,
}

impl Run {
    fn total(&self) -> f64 {
        between(self.begin, self.end)
    }

    fn in_jobs(&self) -> f64 {
        self.jobs.iter().map(|(_, begin, end)| between(*begin, *end)).sum()
    }

    /// The time before, between and after the Jobs, each with what follows it.
    fn gaps(&self) -> Vec<f64> {
        let mut at = self.begin;
        let mut gaps = Vec::new();
        for (_, begin, end) in &self.jobs {
            gaps.push(between(at, *begin));
            at = *end;
        }
        gaps.push(between(at, self.end));
        gaps
    }
}

/// Measures that many pairs, after one Release that warms everything up and whose Jobs are the pattern.
pub(super) fn measure(stage: &Stage, pairs: u16, progress: &Progress) -> Result<Vec<Pair>> {
    progress.step("a first Release, for warmth");
    let warm = stage.namespace("warm")?;
    release(stage, &warm)?;
    let pattern = pattern(stage, &warm)?;
    let mut measured = Vec::new();
    for number in 1..=pairs {
        progress.step(&format!("pair {number} of {pairs}"));
        let (ours, theirs) = (stage.namespace("release")?, stage.namespace("kubectl")?);
        let (release, kubectl) = if number % 2 == 1 {
            let first = release(stage, &ours)?;
            (first, by_kubectl(stage, &theirs, &pattern)?)
        } else {
            let first = by_kubectl(stage, &theirs, &pattern)?;
            (release(stage, &ours)?, first)
        };
        measured.push(Pair { namespace: ours, release, kubectl });
    }
    Ok(measured)
}

/// The plan that is measured.
pub(super) fn plan_of(stage: &Stage) -> Value {
    let build = r#"printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%064d"}]}' 1 > /dev/termination-log"#;
    let suite = |name: &str| json!({"name": name, "task": stage.task("true")});
    json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "ReleasePlan", "metadata": {"name": "plan"},
        "spec": {
            "version": {"policy": "Explicit"},
            "candidate": {"from": "Task", "task": stage.task(build)},
            "gates": [{"name": "suites", "e2e": {"suites": [suite("first"), suite("second")]}}],
            "publish": {"task": stage.task("true"), "verify": {"task": stage.task("true")}},
        },
    })
}

fn release(stage: &Stage, namespace: &str) -> Result<Run> {
    let release = json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": RELEASE},
        "spec": {"planRef": {"name": "plan"}, "revision": format!("{:040x}", 1),
            "version": {"number": "1.0.0", "reason": "a measurement"}},
    });
    stage.create(namespace, &plan_of(stage))?;
    stage.create(namespace, &release)?;
    let wait = ["wait", "--for=condition=Finished", "release/r", "--timeout=180s"];
    stage.kubectl(namespace, &wait).context("the Release did not end")?;
    let phase = stage.kubectl(namespace, &["get", "release", RELEASE, "-o", "jsonpath={.status.phase}"])?;
    if phase != "Published" {
        bail!("the Release in {namespace} ended {phase}; a measurement needs one that is Published");
    }
    // What it still writes after its end belongs to its requests.
    let clean = ["wait", "--for=jsonpath={.metadata.finalizers}=", "release/r", "--timeout=30s"];
    stage.kubectl(namespace, &clean).or_else(|_| stage.kubectl(namespace, &["get", "release", RELEASE]))?;
    of_release(&stage.cluster.audit_log, namespace)
}

/// The Release's Jobs as anybody could create them: without owner, labels and selector of their first life.
fn pattern(stage: &Stage, namespace: &str) -> Result<Vec<Value>> {
    let mut jobs = stage.list(namespace, "jobs")?;
    if jobs.len() != JOBS {
        bail!("the Release has {} Jobs where {JOBS} were expected", jobs.len());
    }
    let purpose = |job: &Value| {
        let name = job["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        ["candidate", "first", "second", "publish", "verify"].iter().position(|part| name.contains(part))
    };
    jobs.sort_by_key(purpose);
    let bare = |job: &Value| {
        let mut spec = job["spec"].clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.remove("selector");
            fields.remove("suspend");
        }
        spec["template"]["metadata"] = json!({});
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job["metadata"]["name"]}, "spec": spec})
    };
    Ok(jobs.iter().map(bare).collect())
}

fn by_kubectl(stage: &Stage, namespace: &str, jobs: &[Value]) -> Result<Run> {
    for job in jobs {
        let made = stage.create(namespace, job)?;
        let name = format!("job/{}", made["metadata"]["name"].as_str().unwrap_or_default());
        stage.kubectl(namespace, &["wait", "--for=condition=Complete", &name, "--timeout=60s"])?;
    }
    let events = audit::of_namespace(&stage.cluster.audit_log, namespace)?;
    let jobs = jobs_of(&events)?;
    let (Some(first), Some(last)) = (jobs.first(), jobs.last()) else { bail!("no Jobs in {namespace}") };
    Ok(Run { begin: first.1, end: last.2, jobs })
}

fn of_release(log: &Path, namespace: &str) -> Result<Run> {
    let events = audit::of_namespace(log, namespace)?;
    let begin =
        events.iter().find(|e| e.did("create", "releases")).context("no create of a Release in the audit log")?;
    let published = |e: &&Event| e.did("update", "releases/status") && e.sets("Published");
    let end = events.iter().find(published).context("no write of Published in the audit log")?;
    Ok(Run { begin: begin.stage_timestamp, end: end.stage_timestamp, jobs: jobs_of(&events)? })
}

/// Begin and end of each Job, in order of their begin.
fn jobs_of(events: &[Event]) -> Result<Vec<(String, Timestamp, Timestamp)>> {
    let mut jobs = Vec::new();
    for created in events.iter().filter(|e| e.did("create", "jobs")) {
        let name = created.name();
        let same = |e: &&Event| e.name() == name;
        let unsuspended = |e: &&Event| e.did("patch", "jobs") && e.request_object["spec"]["suspend"] == false;
        let begin = events.iter().filter(same).find(unsuspended).unwrap_or(created).stage_timestamp;
        let complete = |e: &&Event| e.did("update", "jobs/status") && e.sets("Complete");
        let end = events.iter().filter(same).find(complete);
        let end = end.with_context(|| format!("no end of Job {name} in the audit log"))?.stage_timestamp;
        jobs.push((name.to_owned(), begin, end));
    }
    jobs.sort_by_key(|(_, begin, _)| *begin);
    if jobs.len() != JOBS {
        bail!("{} Jobs in the audit log where {JOBS} were expected", jobs.len());
    }
    Ok(jobs)
}

/// Prints what was measured.
pub(super) fn print(pairs: &[Pair]) {
    let of = |value: fn(&Pair) -> f64| pairs.iter().map(value).collect::<Vec<f64>>();
    let row = |what: &str, value: fn(&Pair) -> f64| table::seconds(what, &of(value), "");
    let ours = |pair: &Pair| pair.release.gaps().iter().sum();
    let theirs = |pair: &Pair| pair.kubectl.gaps().iter().sum();
    let head = ["seconds", "min", "median", "max", "target"];
    table::print(
        &format!("Overhead of a Release with {JOBS} Jobs, {} pairs", pairs.len()),
        &head,
        &[
            row("Release, create to Published", |p| p.release.total()),
            row("  in its Jobs", |p| p.release.in_jobs()),
            table::seconds("  between them: the operator", &of(ours), &format!("at most {TARGET}")),
            row("the same Jobs by kubectl", |p| p.kubectl.total()),
            row("  in its Jobs", |p| p.kubectl.in_jobs()),
            row("  between them: kubectl", theirs),
            row("difference of a pair", |p| p.release.total() - p.kubectl.total()),
            row("difference of a pair, in Jobs alone", |p| p.release.in_jobs() - p.kubectl.in_jobs()),
        ],
    );
    let steps = [
        "create to the candidate's Job",
        "candidate to the first suite's",
        "first suite to the second",
        "second suite to the publisher's start",
        "publisher to verify",
        "verify to Published",
    ];
    let rows: Vec<_> = steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            let gaps: Vec<f64> = pairs.iter().filter_map(|pair| pair.release.gaps().get(at).copied()).collect();
            table::seconds(step, &gaps, "")
        })
        .collect();
    table::print("Where the operator's time goes", &head[..4], &rows);
}

/// Seconds from one time to another.
#[expect(clippy::cast_precision_loss, reason = "a run lasts less than centuries")]
fn between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_microsecond() - from.as_microsecond()) as f64 / 1e6
}
