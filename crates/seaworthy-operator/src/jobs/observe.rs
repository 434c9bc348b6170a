//! What is seen of a Job: the Job itself, its pods, and why it has none. Live reads; the classification is `seaworthy-core`'s.
//!
//! Pods are read by the names that [`super::pods`] knows. They are listed where it counts that there are no others: when a Job failed, when
//! what it counted is not what was read, and when it has no pod that anybody knows of a while after its creation.

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ContainerStatus, Event, Pod},
    },
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{
    Api, Resource as _, ResourceExt as _,
    api::{ListParams, LogParams},
};
use seaworthy_core::{
    frame::BlockRef,
    presence::Presence,
    task::{
        self, JobState, SETTLES, Sight,
        facts::{Container, JobEnd, Pod as PodFacts, Terminated, began, classify},
    },
    time::Timestamp,
};

use crate::{
    Context, Error,
    client::{get_live, list_live, timed},
};

/// The label that the Job controller puts on a Job's pods.
pub const CONTROLLER_UID: &str = "batch.kubernetes.io/controller-uid";
/// The longest log that is read for a framed block: the block and some lines around it.
const LOG_MAX: i64 = 1024 * 1024;

/// Looks at the Job of that name and at its pods.
///
/// # Errors
/// When a read gave no answer.
pub async fn observe_job(ctx: &Context, owner_uid: &str, namespace: &str, name: &str) -> Result<Sight, Error> {
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), namespace);
    let job = match get_live(&api, name).await? {
        Presence::Present(job) => {
            let pods = Pods::of(ctx, namespace, &job).await?;
            Presence::Present(see(owner_uid, &job, &pods))
        }
        Presence::AbsentLive => Presence::AbsentLive,
        Presence::Unknown => Presence::Unknown,
    };
    Ok(Sight { job, refused: ctx.refusal(namespace, name) })
}

/// Looks at the Job of that name and not at its pods: for whoever asks only whether it is there, whether it is suspended, and whether it is
/// over.
///
/// # Errors
/// When the read gave no answer.
pub async fn observe_alone(ctx: &Context, owner_uid: &str, namespace: &str, name: &str) -> Result<Sight, Error> {
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), namespace);
    let job = match get_live(&api, name).await? {
        Presence::Present(job) => Presence::Present(see(owner_uid, &job, &Pods::default())),
        Presence::AbsentLive => Presence::AbsentLive,
        Presence::Unknown => Presence::Unknown,
    };
    Ok(Sight { job, refused: ctx.refusal(namespace, name) })
}

fn see(owner_uid: &str, job: &Job, pods: &Pods) -> task::Job {
    let suspended = is_suspended(job);
    let state = if suspended && pods.facts.is_empty() {
        JobState::Waiting { cause: None, reason: None, message: "is suspended".into() }
    } else {
        classify(end(job), &pods.facts, pods.refused.as_deref())
    };
    let live = pods.facts.iter().filter(|p| !p.is_terminal()).count();
    task::Job {
        owned: job.owner_references().iter().any(|o| o.controller == Some(true) && o.uid == owner_uid),
        resource_version: job.resource_version().unwrap_or_default(),
        deleted: job.meta().deletion_timestamp.clone().map(|Time(t)| t.into()),
        suspended,
        created: created(job),
        began: began(&pods.facts),
        live_pods: if pods.complete {
            Presence::Present(u32::try_from(live).unwrap_or(u32::MAX))
        } else {
            Presence::Unknown
        },
        state,
        uid: job.uid().unwrap_or_default(),
    }
}

fn is_suspended(job: &Job) -> bool {
    job.spec.as_ref().and_then(|s| s.suspend).unwrap_or(false)
}

fn created(job: &Job) -> Timestamp {
    job.creation_timestamp().map_or(Timestamp::from_millis(0), |Time(t)| t.into())
}

/// What was seen of a Job's pods.
#[derive(Debug, Default)]
struct Pods {
    /// In the order of their creation.
    facts: Vec<PodFacts>,
    /// Whether there are no others.
    complete: bool,
    /// The newest refusal of a pod.
    refused: Option<String>,
}

impl Pods {
    async fn of(ctx: &Context, namespace: &str, job: &Job) -> Result<Self, Error> {
        let uid = job.uid().unwrap_or_default();
        let end = end(job);
        if !matches!(end, JobEnd::Failed { .. }) {
            let known = named(ctx, namespace, &uid).await?;
            // A Job that completed has counted its pods; that those are all is its own word.
            let all = end == JobEnd::Complete && !known.is_empty() && counted(job) == Some(known.len());
            if all || end == JobEnd::Open && !known.is_empty() {
                return Ok(Self { facts: facts(known), complete: all, refused: None });
            }
            if end == JobEnd::Open && ctx.now() < created(job) + SETTLES {
                return Ok(Self::default());
            }
        }
        let facts = facts(pods_of(ctx, namespace, &uid).await?);
        let refused = if facts.is_empty() && end == JobEnd::Open && !is_suspended(job) {
            why_no_pod(ctx, namespace, &uid).await?
        } else {
            None
        };
        Ok(Self { facts, complete: true, refused })
    }
}

fn facts(mut pods: Vec<Pod>) -> Vec<PodFacts> {
    pods.sort_by_key(|p| p.creation_timestamp().map(|t| t.0));
    pods.iter().map(pod_facts).collect()
}

/// How many pods the Job controller has counted as ended, if it is sure that there are no others.
fn counted(job: &Job) -> Option<usize> {
    let status = job.status.as_ref()?;
    let none = |count: Option<i32>| count.unwrap_or(0) == 0;
    let uncounted = status.uncounted_terminated_pods.as_ref();
    let rest = uncounted.is_some_and(|u| {
        u.succeeded.as_ref().is_some_and(|all| !all.is_empty()) || u.failed.as_ref().is_some_and(|all| !all.is_empty())
    });
    if rest || !none(status.active) || !none(status.terminating) {
        return None;
    }
    usize::try_from(status.succeeded.unwrap_or(0).checked_add(status.failed.unwrap_or(0))?).ok()
}

/// The pods of a Job whose names are known, read live. There may be others.
async fn named(ctx: &Context, namespace: &str, uid: &str) -> Result<Vec<Pod>, Error> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let mut pods = Vec::new();
    for name in ctx.pods.of(namespace, uid) {
        let pod = get_live(&api, &name).await?;
        pods.extend(pod.present().filter(|pod| pod.labels().get(CONTROLLER_UID).is_some_and(|of| of == uid)).cloned());
    }
    Ok(pods)
}

/// The pods that a live list shows for a Job's UID.
async fn pods_of(ctx: &Context, namespace: &str, uid: &str) -> Result<Vec<Pod>, Error> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    list_live(&api, &ListParams::default().labels(&format!("{CONTROLLER_UID}={uid}"))).await
}

fn end(job: &Job) -> JobEnd {
    let conditions = job.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let holds = |type_: &str| conditions.iter().find(|c| c.type_ == type_ && c.status == "True");
    if holds("Complete").is_some() {
        return JobEnd::Complete;
    }
    match holds("Failed") {
        Some(c) => JobEnd::Failed { deadline: c.reason.as_deref() == Some("DeadlineExceeded") },
        None => JobEnd::Open,
    }
}

/// The newest refusal of a pod of this Job, from its events.
async fn why_no_pod(ctx: &Context, namespace: &str, uid: &str) -> Result<Option<String>, Error> {
    let api: Api<Event> = Api::namespaced(ctx.client.clone(), namespace);
    let fields = format!("involvedObject.uid={uid},reason=FailedCreate");
    let events = list_live(&api, &ListParams::default().fields(&fields)).await?;
    let newest = events.into_iter().max_by_key(|e| e.last_timestamp.as_ref().map(|t| t.0));
    Ok(newest.and_then(|e| e.message))
}

fn pod_facts(pod: &Pod) -> PodFacts {
    let status = pod.status.clone().unwrap_or_default();
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let unschedulable = conditions
        .iter()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False" && c.reason.as_deref() == Some("Unschedulable"))
        .map(|c| c.message.clone().unwrap_or_default());
    let disruption = conditions
        .iter()
        .find(|c| c.type_ == "DisruptionTarget" && c.status == "True")
        .map(|c| c.reason.clone().unwrap_or_default());
    let init = status.init_container_statuses.iter().flatten();
    let containers = init.chain(status.container_statuses.iter().flatten()).map(container).collect();
    PodFacts {
        name: pod.name_any(),
        phase: status.phase.unwrap_or_default(),
        reason: status.reason.unwrap_or_default(),
        message: status.message.unwrap_or_default(),
        deleting: pod.meta().deletion_timestamp.is_some(),
        unschedulable,
        disruption,
        containers,
    }
}

fn container(status: &ContainerStatus) -> Container {
    let state = status.state.clone().unwrap_or_default();
    let running = state.running.as_ref().and_then(|r| r.started_at.clone());
    let began = running.or_else(|| state.terminated.as_ref().and_then(|t| t.started_at.clone()));
    Container {
        name: status.name.clone(),
        waiting: state.waiting.map(|w| (w.reason.unwrap_or_default(), w.message.unwrap_or_default())),
        running: state.running.is_some(),
        began: began.map(|Time(t)| t.into()),
        terminated: state.terminated.map(|t| Terminated {
            exit_code: t.exit_code,
            reason: t.reason.unwrap_or_default(),
            message: t.message.unwrap_or_default(),
        }),
    }
}

/// The framed block that the newest pod of a Job announces in its termination message, and the log in which it is.
///
/// # Errors
/// When the log cannot be read. None when there is no pod, or it announces nothing.
pub async fn block(ctx: &Context, namespace: &str, job_uid: &str) -> Result<Option<(BlockRef, String)>, Error> {
    let mut pods = named(ctx, namespace, job_uid).await?;
    if !matches!(pods.as_slice(), [only] if pod_facts(only).is_terminal()) {
        pods = pods_of(ctx, namespace, job_uid).await?;
    }
    pods.sort_by_key(|p| p.creation_timestamp().map(|t| t.0));
    let Some(pod) = pods.last() else { return Ok(None) };
    let message = pod_facts(pod).containers.into_iter().find_map(|c| c.terminated).map(|t| t.message);
    let Some(block) = task::Report::parse(&message.unwrap_or_default()).block else { return Ok(None) };
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let params = LogParams {
        container: Some(task::facts::CONTAINER.into()),
        limit_bytes: Some(LOG_MAX),
        ..LogParams::default()
    };
    let name = pod.name_any();
    let log = timed(|| format!("read the log of pod {name}"), api.logs(&name, &params)).await?;
    Ok(Some((BlockRef::from(&block), log)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_begins_with_its_own_container() {
        let pod = |state: serde_json::Value| {
            let injected = json!({"name": "proxy", "image": "i", "imageID": "i", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}});
            let task =
                json!({"name": "task", "image": "i", "imageID": "i", "ready": true, "restartCount": 0, "state": state});
            let status = json!({"phase": "Running", "initContainerStatuses": [injected], "containerStatuses": [task]});
            pod_facts(&serde_json::from_value(json!({"metadata": {"name": "p"}, "status": status})).unwrap())
        };
        let at = |state: serde_json::Value| began(&[pod(state)]).map(|at| at.to_string());
        let late = || Some("2026-01-01T00:10:00Z".to_owned());
        assert_eq!(at(json!({"waiting": {"reason": "PodInitializing"}})), None);
        assert_eq!(at(json!({"running": {"startedAt": "2026-01-01T00:10:00Z"}})), late());
        let ended = json!({"exitCode": 1, "startedAt": "2026-01-01T00:10:00Z", "finishedAt": "2026-01-01T00:11:00Z"});
        assert_eq!(at(json!({"terminated": ended})), late());
        let youngest = [pod(json!({"running": {"startedAt": "2026-01-01T00:10:00Z"}})), pod(json!({}))];
        assert_eq!(began(&youngest), None);
    }

    #[test]
    fn a_count_is_one_only_when_no_pod_is_left_to_count() {
        let counted = |status: serde_json::Value| {
            let job: Job = serde_json::from_value(json!({"metadata": {"name": "j"}, "status": status})).unwrap();
            counted(&job)
        };
        assert_eq!(
            counted(json!({"succeeded": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}})),
            Some(1)
        );
        assert_eq!(counted(json!({"succeeded": 1, "failed": 2})), Some(3));
        for open in [
            json!({"succeeded": 1, "active": 1}),
            json!({"succeeded": 1, "terminating": 1}),
            json!({"succeeded": 1, "uncountedTerminatedPods": {"failed": ["u"]}}),
        ] {
            assert_eq!(counted(open), None);
        }
    }
}
