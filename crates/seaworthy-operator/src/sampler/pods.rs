//! What the sampler keeps of a pod: a hundredth of it.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::{
    api::core::v1::{ContainerState as Running, ContainerStatus, Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{Resource, ResourceExt as _};
use seaworthy_api::labels;
use seaworthy_core::{
    candidate::Artifact,
    soak_test::target::{Match, RunningImage, TargetPod, runs_candidate},
};
use seaworthy_soak::record::{ContainerState, PodPhase, PodState};

use super::{faults, watch::View};

/// A pod, as far as sampling needs it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PodView {
    /// `metadata.name`.
    pub(crate) name: String,
    /// `metadata.namespace`.
    pub(crate) namespace: String,
    /// `metadata.uid`.
    pub(crate) uid: String,
    /// `metadata.labels`.
    pub(crate) labels: BTreeMap<String, String>,
    /// Kind, name and UID of its controller.
    pub(crate) controller: Option<(String, String, String)>,
    /// `status.phase`.
    pub(crate) phase: PodPhase,
    /// `status.reason`.
    pub(crate) reason: String,
    /// Whether it is being deleted.
    pub(crate) deleting: bool,
    /// Its `Ready` condition.
    pub(crate) ready: bool,
    /// Its addresses.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its node's address.
    pub(crate) node: Option<IpAddr>,
    /// Its main containers.
    pub(crate) containers: Vec<ContainerView>,
    /// The faults that it declares, as it writes them.
    pub(crate) faults: Option<String>,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ContainerView {
    /// Its name.
    pub(crate) name: String,
    /// `image` in the spec.
    pub(crate) image: String,
    /// `imageID` in the status.
    pub(crate) image_id: String,
    /// Its life: `containerID` in the status and `@` with the second of the epoch in which it started. Empty unless that one runs: what
    /// answers meanwhile is a container that the status does not name yet.
    pub(crate) life: String,
    /// `restartCount`.
    pub(crate) restarts: u32,
    /// Whether it ended and has not been started again: `restartCount` tells of that only when it is, which may be minutes later.
    pub(crate) ended: bool,
    /// Why it ended last.
    pub(crate) last_reason: String,
    /// With which exit code.
    pub(crate) last_exit_code: i32,
    /// Why it does not run, if it waits.
    pub(crate) waiting: Option<String>,
    /// The ports that its spec declares.
    pub(crate) ports: Vec<u16>,
}

impl PodView {
    /// Takes from a pod what is kept.
    pub(crate) fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let statuses = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
        let spec = pod.spec.as_ref();
        let containers = spec.map(|s| s.containers.as_slice()).unwrap_or_default();
        let conditions = status.and_then(|s| s.conditions.as_deref()).unwrap_or_default();
        let mut addresses: Vec<IpAddr> = status
            .and_then(|s| s.pod_ips.as_deref())
            .unwrap_or_default()
            .iter()
            .filter_map(|i| i.ip.parse().ok())
            .collect();
        if addresses.is_empty() {
            addresses.extend(status.and_then(|s| s.pod_ip.as_deref()).and_then(|ip| ip.parse::<IpAddr>().ok()));
        }
        Self {
            name: pod.name_any(),
            namespace: pod.namespace().unwrap_or_default(),
            uid: pod.uid().unwrap_or_default(),
            labels: pod.labels().clone(),
            controller: controller(pod).map(|o| (o.kind.clone(), o.name.clone(), o.uid.clone())),
            phase: phase(status.and_then(|s| s.phase.as_deref()).unwrap_or_default()),
            reason: status.and_then(|s| s.reason.clone()).unwrap_or_default(),
            deleting: pod.meta().deletion_timestamp.is_some(),
            ready: conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True"),
            addresses,
            node: status.and_then(|s| s.host_ip.as_deref()).and_then(|ip| ip.parse().ok()),
            faults: pod.annotations().get(labels::FAULTS).filter(|text| text.len() <= faults::LONGEST).cloned(),
            containers: containers
                .iter()
                .map(|c| {
                    let status = statuses.iter().find(|s| s.name == c.name);
                    let ports = c.ports.iter().flatten().filter_map(|p| u16::try_from(p.container_port).ok()).collect();
                    ContainerView { ports, ..container(&c.name, c.image.as_deref().unwrap_or_default(), status) }
                })
                .collect(),
        }
    }

    /// Whether it has ended for good.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// The life of the container that answers on `port`: the one that declares it, else the candidate's, else the first.
    pub(crate) fn incarnation(&self, port: u16, artifacts: &[Artifact]) -> &str {
        let declares = |c: &&ContainerView| c.ports.contains(&port);
        let ours = |c: &&ContainerView| artifacts.iter().any(|a| c.image.ends_with(&a.digest));
        let all = &self.containers;
        let found = all.iter().find(declares).or_else(|| all.iter().find(ours)).or_else(|| all.first());
        found.map_or("", |c| c.life.as_str())
    }

    /// What its containers are to run, and run.
    pub(crate) fn images(&self) -> Vec<RunningImage> {
        let image = |c: &ContainerView| RunningImage {
            container: c.name.clone(),
            image: c.image.clone(),
            image_id: c.image_id.clone(),
        };
        self.containers.iter().map(image).collect()
    }

    /// As evidence.
    pub(crate) fn state(&self, artifacts: &[Artifact]) -> PodState {
        // What ends because its pod does is no crash; what becomes of pods is told apart.
        let lives = self.phase == PodPhase::Running && !self.deleting;
        let container = |c: &ContainerView| ContainerState {
            name: c.name.clone(),
            restarts: c.restarts.saturating_add(u32::from(lives && c.ended)),
            last_reason: c.last_reason.clone(),
            last_exit_code: c.last_exit_code,
        };
        PodState {
            name: self.name.clone(),
            uid: self.uid.clone(),
            phase: self.phase,
            reason: self.reason.clone(),
            candidate: !matches!(runs_candidate(&self.images(), artifacts), Match::Other(_)),
            terminating: self.deleting,
            containers: self.containers.iter().map(container).collect(),
        }
    }

    /// For the decision that waits for the target.
    pub(crate) fn target(&self) -> TargetPod {
        let waiting = |c: &ContainerView| c.waiting.as_ref().map(|w| format!("container {} waits: {w}", c.name));
        TargetPod {
            name: self.name.clone(),
            ready: self.ready,
            waiting: self.containers.iter().find_map(waiting),
            containers: self.images(),
        }
    }
}

/// The reference to an object's controller, if it has one.
pub(super) fn controller<K: Resource>(object: &K) -> Option<&OwnerReference> {
    object.owner_references().iter().find(|o| o.controller == Some(true))
}

impl View<Pod> for PodView {
    fn of(pod: &Pod) -> Self {
        Self::of(pod)
    }
}

fn container(name: &str, image: &str, status: Option<&ContainerStatus>) -> ContainerView {
    let mut view = ContainerView { name: name.to_owned(), image: image.to_owned(), ..ContainerView::default() };
    let Some(status) = status else { return view };
    view.image_id.clone_from(&status.image_id);
    view.restarts = u32::try_from(status.restart_count).unwrap_or(0);
    let now = status.state.as_ref();
    if let (Some(id), Some(running)) = (&status.container_id, now.and_then(|s| s.running.as_ref())) {
        view.life = running.started_at.as_ref().map_or_else(|| id.clone(), |at| format!("{id}@{}", at.0.as_second()));
    }
    view.waiting = now
        .and_then(|s| s.waiting.as_ref())
        .map(|w| [w.reason.as_deref(), w.message.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(": "));
    let ended = |state: Option<&Running>| state.and_then(|s| s.terminated.clone());
    let end = ended(now).or_else(|| ended(status.last_state.as_ref()));
    view.ended = end.is_some() && now.is_some_and(|s| s.running.is_none());
    if let Some(end) = end {
        view.last_reason = end.reason.unwrap_or_default();
        view.last_exit_code = end.exit_code;
    }
    view
}

fn phase(text: &str) -> PodPhase {
    match text {
        "Pending" => PodPhase::Pending,
        "Running" => PodPhase::Running,
        "Succeeded" => PodPhase::Succeeded,
        "Failed" => PodPhase::Failed,
        _ => PodPhase::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_crash_loops() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "p", "namespace": "n", "uid": "u",
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "ru", "controller": true}]},
            "spec": {"containers": [{"name": "c", "image": "i@sha256:0"}, {"name": "d", "image": "j"}]},
            "status": {"phase": "Running", "podIP": "10.0.0.7", "hostIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "False"}],
                "containerStatuses": [{"name": "c", "image": "i", "imageID": "i@sha256:0", "containerID": "x://1", "ready": false,
                    "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}
        }))
        .unwrap();
        let view = PodView::of(&pod);
        assert_eq!(view.controller, Some(("ReplicaSet".into(), "r".into(), "ru".into())));
        assert_eq!((view.addresses.len(), view.node.is_some(), view.ready), (1, true, false));
        let state = view.state(&[]);
        assert_eq!((state.phase, state.candidate), (PodPhase::Running, true));
        assert_eq!(view.incarnation(8080, &[]), "", "it does not run, so what answers is not this container");
        let c = &state.containers[0];
        let told = (c.restarts, c.last_reason.as_str(), c.last_exit_code);
        assert_eq!(told, (4, "OOMKilled", 137), "its end counts before it is started again");
        let mut ending = view.clone();
        ending.deleting = true;
        assert_eq!(ending.state(&[]).containers[0].restarts, 3, "it may have ended with its pod");
        assert_eq!(state.containers.len(), 2, "a container without a status counts too");
        assert_eq!(view.target().waiting.unwrap(), "container c waits: CrashLoopBackOff: back-off 10s");
    }

    #[test]
    fn a_life_says_when_it_began() {
        let pod = |state: serde_json::Value| -> Pod {
            serde_json::from_value(serde_json::json!({
                "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]},
                "status": {"containerStatuses": [{"name": "c", "image": "i", "imageID": "", "containerID": "x://1", "ready": true,
                    "restartCount": 0, "state": state}]}
            }))
            .unwrap()
        };
        let life = |state| PodView::of(&pod(state)).incarnation(1, &[]).to_owned();
        assert_eq!(life(serde_json::json!({"running": {"startedAt": "2026-01-01T00:00:07Z"}})), "x://1@1767225607");
        assert_eq!(life(serde_json::json!({"terminated": {"exitCode": 1}})), "");
    }
}
