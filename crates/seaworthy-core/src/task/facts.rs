//! What a Job and its pods said, and what that means: one classification for all kinds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::Report;
use crate::{condition::Reason, presence::Presence, time::Timestamp};

/// Whose fault a failure is; decides whether it is tried again and whether it counts against the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Cause {
    /// The task's program said so.
    Product,
    /// The task met its own limits: memory, time.
    Limits,
    /// The cluster's: unschedulable, eviction, node lost, registry, a Job that was deleted.
    Infrastructure,
    /// It can never work as it is written: no such image, needs root, refused by admission.
    Impossible,
}

/// All that is known of a task's Job in one visit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight {
    /// What a live read said.
    pub job: Presence<Job>,
    /// What the API server said when the Job was last to be created, if it said no.
    pub refused: Option<Refusal>,
}

impl From<Presence<Job>> for Sight {
    fn from(job: Presence<Job>) -> Self {
        Self { job, refused: None }
    }
}

/// A create that the API server did not carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// [`Cause::Impossible`] when it will never be carried out as it is written.
    pub cause: Cause,
    /// Why.
    pub reason: Reason,
    /// The API server's words.
    pub message: String,
}

impl Refusal {
    /// Classes the answer to a create by its HTTP status code and message.
    pub fn of(code: u16, message: &str) -> Self {
        match no_pod(Some(message)) {
            JobState::Waiting { cause: Some(cause), reason: Some(reason), message } if code == 403 => {
                Self { cause, reason, message }
            }
            JobState::Waiting { .. }
            | JobState::Running
            | JobState::Lost { .. }
            | JobState::PodOver
            | JobState::Succeeded { .. }
            | JobState::Failed { .. } => {
                let cause = if code == 422 || code == 400 { Cause::Impossible } else { Cause::Infrastructure };
                let message = format!("the API server did not create its Job: {message}");
                Self { cause, reason: Reason::AdmissionDenied, message }
            }
        }
    }
}

/// The name of the task's container in its pod.
pub const CONTAINER: &str = "task";

/// A Job as read live, with its pods.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job {
    /// `metadata.uid`.
    pub uid: String,
    /// Whether its controller reference carries the UID of the object under decision.
    pub owned: bool,
    /// `metadata.resourceVersion`, the precondition of an unsuspend.
    pub resource_version: String,
    /// When somebody asked for its deletion (`metadata.deletionTimestamp`); it goes when its pods have gone.
    pub deleted: Option<Timestamp>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When the task's container in its youngest pod began, by the clock of that pod's node; None where it did not, or nobody looked.
    pub began: Option<Timestamp>,
    /// Pods of it that live reads showed and that are not terminal; Unknown where nobody looked. A pod on a lost node counts.
    pub live_pods: Presence<u32>,
    /// Where it stands.
    pub state: JobState,
}

impl Job {
    /// Finished, with no pod that could still run.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, JobState::Succeeded { .. } | JobState::Failed { .. }) && self.is_podless()
    }

    /// Whether it is being deleted.
    pub const fn is_deleting(&self) -> bool {
        self.deleted.is_some()
    }

    /// Whether somebody looked, and there was no pod that could still run (`absence-is-live`).
    pub const fn is_podless(&self) -> bool {
        matches!(self.live_pods, Presence::Present(0))
    }
}

/// Where a Job stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobState {
    /// No container runs yet.
    Waiting {
        /// Whose fault, if that is known.
        cause: Option<Cause>,
        /// What it waits for, if that is known.
        reason: Option<Reason>,
        /// For people.
        message: String,
    },
    /// A container runs.
    Running,
    /// Its node was given up by the cluster, so nobody knows whether its pod still runs.
    Lost {
        /// For people.
        message: String,
    },
    /// Its last pod is over, and the Job does not say so yet. Whether that pod ever ran is not told by its end: of a container that never
    /// started a kubelet says, too, that it ended.
    PodOver,
    /// The Job completed.
    Succeeded {
        /// What the task reported.
        report: Report,
    },
    /// The Job failed.
    Failed {
        /// Whose fault.
        cause: Cause,
        /// Why.
        reason: Reason,
        /// For people: exit code and what the container left as its last words.
        message: String,
        /// What the task reported all the same (a failing suite reports its counts).
        report: Option<Report>,
    },
}

/// A pod, as far as classification needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// `metadata.name`.
    pub name: String,
    /// `status.phase`.
    pub phase: String,
    /// `status.reason`, e.g. `Evicted`, `DeadlineExceeded`, `NodeLost`.
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The message of `PodScheduled=False/Unschedulable`.
    pub unschedulable: Option<String>,
    /// The reason of a `DisruptionTarget` condition.
    pub disruption: Option<String>,
    /// Init and main containers.
    pub containers: Vec<Container>,
}

impl Pod {
    /// Whether no container of it runs or will run.
    pub fn is_terminal(&self) -> bool {
        self.phase == "Succeeded" || self.phase == "Failed"
    }
}

/// One container's state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Reason and message of `waiting`.
    pub waiting: Option<(String, String)>,
    /// Whether it runs.
    pub running: bool,
    /// When it began, if it did.
    pub began: Option<Timestamp>,
    /// Its end, if it has ended.
    pub terminated: Option<Terminated>,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terminated {
    /// Exit code; 128 + n for signal n.
    pub exit_code: i32,
    /// e.g. `Completed`, `Error`, `OOMKilled`, `StartError`.
    pub reason: String,
    /// The termination message: hostile input.
    pub message: String,
}

/// What the Job object itself says of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobEnd {
    /// Not over.
    #[default]
    Open,
    /// Condition `Complete`.
    Complete,
    /// Condition `Failed`, or `FailureTarget`.
    Failed {
        /// The reason was `DeadlineExceeded`.
        deadline: bool,
    },
}

/// When the task's container in the youngest of a Job's pods began; lists come in creation order. Others in the pod are none of ours: a
/// webhook put them there.
pub fn began(pods: &[Pod]) -> Option<Timestamp> {
    pods.last()?.containers.iter().find(|c| c.name == CONTAINER)?.began
}

/// What a Job and its pods mean together.
///
/// `refused` is the newest message of a `FailedCreate` event of a Job that has no pod.
pub fn classify(end: JobEnd, pods: &[Pod], refused: Option<&str>) -> JobState {
    // With replacements the youngest counts; lists come in creation order.
    let pod = pods.last();
    match end {
        JobEnd::Complete => {
            let text = pod.and_then(|p| p.containers.iter().find_map(|c| c.terminated.as_ref())).map(|t| &*t.message);
            JobState::Succeeded { report: Report::parse(text.unwrap_or_default()) }
        }
        JobEnd::Failed { deadline } => failed(deadline, pod),
        JobEnd::Open => pod.map_or_else(|| no_pod(refused), open),
    }
}

fn failed(deadline: bool, pod: Option<&Pod>) -> JobState {
    let ended = pod.and_then(|p| {
        p.containers.iter().filter_map(|c| c.terminated.as_ref()).find(|t| t.exit_code != 0 || t.reason == "OOMKilled")
    });
    let make = |cause, reason, message: String, report| JobState::Failed { cause, reason, message, report };
    if deadline {
        let message = "ran into its timeout and was ended: raise `timeout`, or find what hangs";
        return make(Cause::Limits, Reason::DeadlineExceeded, message.into(), None);
    }
    let Some(pod) = pod else {
        return make(Cause::Infrastructure, Reason::NodeLost, "its pod is gone without a trace".into(), None);
    };
    if let Some(JobState::Waiting { cause: Some(Cause::Impossible), reason: Some(reason), message }) = stuck(pod) {
        return make(Cause::Impossible, reason, message, None);
    }
    let oom = pod.containers.iter().any(|c| c.terminated.as_ref().is_some_and(|t| t.reason == "OOMKilled"));
    if oom {
        let message = "killed for its memory limit (OOMKilled): raise `resources.limits.memory`, or find the leak";
        return make(Cause::Limits, Reason::OOMKilled, message.into(), None);
    }
    if pod.reason == "DeadlineExceeded" {
        return make(Cause::Limits, Reason::DeadlineExceeded, "ran into its timeout and was ended".into(), None);
    }
    if pod.reason == "NodeLost" || given_up(pod) {
        return make(Cause::Infrastructure, Reason::NodeLost, format!("its node is lost: {}", pod.message), None);
    }
    if pod.reason == "Evicted" || pod.disruption.is_some() || (pod.deleting && ended.is_none()) {
        return make(Cause::Infrastructure, Reason::Evicted, format!("its pod was evicted: {}", pod.message), None);
    }
    match ended {
        Some(t) => {
            let report = Report { exit_code: Some(t.exit_code), ..Report::parse(&t.message) };
            let message = match &report.error {
                Some(e) => format!("{}: {}", e.reason, e.message),
                None => format!("exit code {}{}", t.exit_code, last_words(&t.message, &report)),
            };
            make(Cause::Product, Reason::TaskFailed, message, Some(report))
        }
        None => make(
            Cause::Infrastructure,
            Reason::Evicted,
            format!("its pod failed without a container that failed: {} {}", pod.reason, pod.message),
            None,
        ),
    }
}

fn last_words(message: &str, report: &Report) -> String {
    let text = message.trim();
    if text.is_empty() || report.known { String::new() } else { format!(": {text}") }
}

fn no_pod(refused: Option<&str>) -> JobState {
    let Some(message) = refused else {
        return JobState::Waiting { cause: None, reason: None, message: "waits for its pod".into() };
    };
    if message.contains("exceeded quota") {
        let message = format!("the namespace's quota leaves no room: raise it, or wait: {message}");
        return JobState::Waiting { cause: Some(Cause::Infrastructure), reason: Some(Reason::QuotaExceeded), message };
    }
    // A webhook that does not answer may come back; a refusal is final.
    let transient = ["failed calling webhook", "connection refused", "timeout", "Internal error", "try again"];
    let missing = message.contains("serviceaccount") && message.contains("not found");
    let denied = !missing && message.contains("forbidden") || message.contains("denied the request");
    if denied && !transient.iter().any(|t| message.contains(t)) {
        return JobState::Waiting {
            cause: Some(Cause::Impossible),
            reason: Some(Reason::AdmissionDenied),
            message: format!("the API server refuses its pod: {message}"),
        };
    }
    let reason = if missing { Reason::ReferenceNotFound } else { Reason::AdmissionDenied };
    JobState::Waiting { cause: Some(Cause::Infrastructure), reason: Some(reason), message: message.to_owned() }
}

fn open(pod: &Pod) -> JobState {
    if let Some(stuck) = stuck(pod) {
        return stuck;
    }
    if pod.is_terminal() {
        return JobState::PodOver;
    }
    if pod.deleting && given_up(pod) {
        let message = "its node is lost: the cluster took its pods away, and whether this one still runs is not known";
        return JobState::Lost { message: message.to_owned() };
    }
    if pod.containers.iter().any(|c| c.running || c.terminated.is_some()) {
        return JobState::Running;
    }
    let message = if pod.message.is_empty() { "its pod starts".to_owned() } else { pod.message.clone() };
    JobState::Waiting { cause: None, reason: None, message }
}

/// Whether the cluster took the pod away because of its node: what runs there answers to nobody any more.
fn given_up(pod: &Pod) -> bool {
    pod.disruption.as_deref() == Some("DeletionByTaintManager")
}

/// What keeps a pod from running, if something does.
fn stuck(pod: &Pod) -> Option<JobState> {
    let wait = |cause, reason, message| Some(JobState::Waiting { cause: Some(cause), reason: Some(reason), message });
    for c in &pod.containers {
        if let Some((reason, message)) = &c.waiting {
            match reason.as_str() {
                "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
                    return Some(image(reason, message));
                }
                "CreateContainerConfigError" if message.contains("secret") || message.contains("configmap") => {
                    let message = format!("what its container refers to is missing: {message}");
                    return wait(Cause::Infrastructure, Reason::ReferenceNotFound, message);
                }
                "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                    return wait(
                        Cause::Impossible,
                        Reason::CannotStart,
                        format!("its container cannot start: {}", essence(message)),
                    );
                }
                _ => {}
            }
        }
        if let Some(t) = &c.terminated
            && matches!(t.reason.as_str(), "StartError" | "ContainerCannotRun")
        {
            let message = format!("its container cannot start: {}", essence(&t.message));
            return wait(Cause::Impossible, Reason::CannotStart, message);
        }
    }
    let message = pod.unschedulable.as_ref()?;
    wait(Cause::Infrastructure, Reason::Unschedulable, format!("no node can take its pod: {message}"))
}

/// What a container runtime's message says in the end; the names of all that passed the error on come before it.
fn essence(message: &str) -> &str {
    let preambles =
        ["OCI runtime create failed: ", "unable to start container process: ", "error during container init: "];
    preambles.iter().fold(message.trim(), |rest, p| rest.split_once(p).map_or(rest, |(_, rest)| rest))
}

fn image(reason: &str, message: &str) -> JobState {
    let gone = ["not found", "manifest unknown", "does not exist", "invalid reference", "couldn't parse image"];
    let final_ = reason == "InvalidImageName" || gone.iter().any(|g| message.contains(g));
    if final_ {
        JobState::Waiting {
            cause: Some(Cause::Impossible),
            reason: Some(Reason::ImageNotFound),
            message: format!("its image cannot be pulled: {message}"),
        }
    } else {
        JobState::Waiting {
            cause: Some(Cause::Infrastructure),
            reason: Some(Reason::ImagePullBackOff),
            message: format!("its image cannot be pulled for now: {message}"),
        }
    }
}
