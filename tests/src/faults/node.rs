//! A node of the real cluster whose kubelet is played here: pods that are bound to it run by script. The scheduler, the Job controller and
//! the garbage collector are the real ones, and so is everything they do to a pod; only the process in it is not there.
//!
//! A script is the JSON in a task's arguments, see [`Script`]. A pod of a Deployment runs until it is deleted; its address is the test's own,
//! so that the test serves its metrics.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Node, Pod},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use seaworthy_api::labels;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// The node's name; its label and taint have it as their key.
pub const NODE: &str = "seaworthy.test";
/// How long the kubelet tries to say what became of a pod: an API server that is down for a minute comes back.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a pod does.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// How long it runs, in milliseconds.
    pub ms: u64,
    /// Exit codes by attempt; the last one stands for all further ones.
    pub exits: Vec<i32>,
    /// Its termination message.
    pub message: String,
    /// When it ends with 0, its version and artifacts are out.
    pub publishes: bool,
    /// It ends with 0 if they are out, with 10 if not.
    pub verifies: bool,
    /// Its node is never heard of again, not even when the pod is to go.
    pub lost: bool,
    /// The first so many attempts are evicted.
    pub evicted: usize,
    /// Its container never starts, for this reason, with this message.
    pub waits: Option<(String, String)>,
}

impl Script {
    /// A task that does this.
    pub fn task(&self) -> Value {
        let toleration = json!({"key": NODE, "operator": "Exists"});
        json!({"image": "registry.example/task:1", "command": ["script"],
            "args": [serde_json::to_string(self).unwrap_or_default()],
            // Longer than any outage that is made here.
            "timeout": "5m", "nodeSelector": {NODE: "true"}, "tolerations": [toleration]})
    }

    /// Ends with these codes, attempt by attempt.
    pub fn exits(codes: &[i32]) -> Self {
        Self { ms: 50, exits: codes.to_vec(), ..Self::default() }
    }
}

/// What was published: every time that a publish pod put something out, by namespace.
#[derive(Debug, Default)]
pub struct Registry {
    out: Mutex<BTreeMap<String, Vec<String>>>,
    running: Mutex<BTreeMap<String, usize>>,
    most: Mutex<BTreeMap<String, usize>>,
}

fn held<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// What was put out in a namespace, in order.
    pub fn out(&self, namespace: &str) -> Vec<String> {
        held(&self.out).get(namespace).cloned().unwrap_or_default()
    }

    /// The most publish pods that ran there at the same time.
    pub fn most_at_once(&self, namespace: &str) -> usize {
        held(&self.most).get(namespace).copied().unwrap_or(0)
    }

    fn begin(&self, namespace: &str) {
        let mut running = held(&self.running);
        let n = running.entry(namespace.to_owned()).or_default();
        *n += 1;
        let mut most = held(&self.most);
        let most = most.entry(namespace.to_owned()).or_default();
        *most = (*most).max(*n);
    }

    fn end(&self, namespace: &str) {
        if let Some(n) = held(&self.running).get_mut(namespace) {
            *n -= 1;
        }
    }
}

/// A soak's load that ran.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// When it began.
    pub began: Timestamp,
    /// Since when the cluster knows that.
    pub known: Timestamp,
}

/// A pod's containers.
#[derive(Debug, Default)]
struct Running {
    end: Notify,
    over: Notify,
}

/// The kubelet of the node; played until it is dropped.
pub struct Kubelet {
    client: Client,
    /// Where its pods can be asked: an address of this machine that the cluster can reach.
    address: Ipv4Addr,
    registry: Arc<Registry>,
    /// Pods that run or ran, each with what tells its containers to end.
    begun: Mutex<HashMap<String, Arc<Running>>>,
    ending: Mutex<HashSet<String>>,
    /// Whether the kubelet is stopped.
    silent: AtomicBool,
    heard: Notify,
    /// Whether it stops at the next load that is to start.
    trap: AtomicBool,
    /// The loads that ran, by namespace.
    loads: Mutex<HashMap<String, Load>>,
}

impl std::fmt::Debug for Kubelet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kubelet").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Kubelet {
    /// Joins the cluster and plays until the future is dropped.
    ///
    /// # Errors
    /// When the API server refuses the node.
    pub async fn join(client: Client, address: Ipv4Addr, registry: Arc<Registry>) -> Result<Arc<Self>> {
        let it = Self {
            client,
            address,
            registry,
            begun: Mutex::default(),
            ending: Mutex::default(),
            silent: AtomicBool::default(),
            heard: Notify::default(),
            trap: AtomicBool::default(),
            loads: Mutex::default(),
        };
        it.register().await?;
        let it = Arc::new(it);
        tokio::spawn(Arc::clone(&it).beat());
        tokio::spawn(Arc::clone(&it).play());
        Ok(it)
    }

    async fn register(&self) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": {NODE: "true"}},
            "spec": {"taints": [{"key": NODE, "effect": "NoSchedule"}]}});
        nodes.patch(NODE, &PatchParams::apply("kubelet").force(), &Patch::Apply(&node)).await?;
        self.ready().await?;
        Ok(())
    }

    /// What a kubelet says of its node. A node that was not heard of for 40 s is not ready until its kubelet says so again.
    async fn ready(&self) -> Result<()> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let room = json!({"cpu": "10000", "memory": "10000Gi", "pods": "100000", "ephemeral-storage": "10000Gi"});
        let condition = json!({"type": "Ready", "status": "True", "reason": "Played", "message": "", "lastHeartbeatTime": now(), "lastTransitionTime": now()});
        let status = json!({"status": {"capacity": room, "allocatable": room, "conditions": [condition],
            "addresses": [{"type": "InternalIP", "address": self.address.to_string()}]}});
        nodes.patch_status(NODE, &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok(())
    }

    /// A node whose Lease is not renewed for 40 s is taken for lost.
    async fn beat(self: Arc<Self>) {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), "kube-node-lease");
        let mut every = tokio::time::interval(Duration::from_secs(5));
        loop {
            every.tick().await;
            if self.silent.load(Ordering::Acquire) {
                continue;
            }
            let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": NODE},
                "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": micro()}});
            // The next beat tries again.
            let _ = leases.patch(NODE, &PatchParams::apply("kubelet").force(), &Patch::Apply(&lease)).await;
            let _ = self.ready().await;
        }
    }

    /// Stops it, as SIGSTOP would, or lets it go on: its pods' programs run, and nobody hears of it.
    pub fn stop(&self, stopped: bool) {
        self.silent.store(stopped, Ordering::Release);
        self.heard.notify_waiters();
    }

    /// Stops it at the moment at which the next load is to start: its pod is there, and nobody hears that it runs.
    ///
    /// # Errors
    /// When no load starts.
    pub async fn stop_at_load(&self) -> Result<()> {
        self.trap.store(true, Ordering::Release);
        let stopped = async {
            loop {
                let heard = self.heard.notified();
                if self.silent.load(Ordering::Acquire) {
                    return;
                }
                heard.await;
            }
        };
        let stopped = tokio::time::timeout(PATIENCE, stopped).await;
        // The next test's load is none of this one's.
        self.trap.store(false, Ordering::Release);
        stopped.with_context(|| format!("no load started in {PATIENCE:?}"))
    }

    /// The first load of a namespace of which the cluster knows that it runs, or ran.
    pub fn load(&self, namespace: &str) -> Option<Load> {
        held(&self.loads).get(namespace).copied()
    }

    /// Waits until the kubelet is not stopped.
    async fn awake(&self) {
        loop {
            let heard = self.heard.notified();
            if !self.silent.load(Ordering::Acquire) {
                return;
            }
            heard.await;
        }
    }

    async fn play(self: Arc<Self>) {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let mine = watcher::Config::default().fields(&format!("spec.nodeName={NODE}"));
        let mut events = watcher(pods, mine).default_backoff().applied_objects().boxed();
        loop {
            // A broken watch mends itself.
            let Ok(Some(pod)) = events.try_next().await else { continue };
            let uid = pod.uid().unwrap_or_default();
            if is_load(&pod) && !held(&self.begun).contains_key(&uid) && self.trap.swap(false, Ordering::AcqRel) {
                self.stop(true);
            }
            self.awake().await;
            let lost =
                script(&pod).is_some_and(|s| s.lost) && pod.status.as_ref().is_some_and(|s| s.start_time.is_some());
            if lost {
                continue;
            }
            if pod.metadata.deletion_timestamp.is_some() {
                if held(&self.ending).insert(uid) {
                    tokio::spawn(Arc::clone(&self).remove(pod));
                }
            } else {
                let running = Arc::new(Running::default());
                match held(&self.begun).entry(uid) {
                    Entry::Vacant(free) => {
                        free.insert(Arc::clone(&running));
                        tokio::spawn(Arc::clone(&self).live(pod, running));
                    }
                    // The cluster took the node for lost, and with it the readiness of its pods; their kubelet gives that back.
                    Entry::Occupied(_) if lost_readiness(&pod) => {
                        tokio::spawn(Arc::clone(&self).ready_again(pod));
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
    }

    /// What a kubelet does with a pod that is to go: its containers end, then it lets it go.
    async fn remove(self: Arc<Self>, pod: Pod) {
        let running = held(&self.begun).get(&pod.uid().unwrap_or_default()).cloned();
        if let Some(running) = running {
            running.end.notify_one();
            running.over.notified().await;
        }
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        self.awake().await;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match api
                .delete(&pod.name_any(), &DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() })
                .await
            {
                Err(kube::Error::Api(e)) if e.code == 404 => return,
                Ok(_) => return,
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    async fn live(self: Arc<Self>, pod: Pod, running: Arc<Running>) {
        self.run(&pod, &running).await;
        running.over.notify_one();
    }

    async fn run(&self, pod: &Pod, running: &Running) {
        let over = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default();
            matches!(phase, "Succeeded" | "Failed")
        };
        if over(pod) {
            return;
        }
        let (began, started) = (Timestamp::now(), now());
        let script = script(pod);
        if let Some((reason, message)) = script.as_ref().and_then(|s| s.waits.as_ref()) {
            let waiting = json!({"waiting": {"reason": reason, "message": message}});
            self.report(pod, &waiting, "Pending", false).await;
            running.end.notified().await;
            self.report(pod, &never_begun(), "Failed", false).await;
            return;
        }
        let told = self.report(pod, &json!({"running": {"startedAt": started}}), "Running", true).await;
        let Some(script) = script else { return };
        let namespace = pod.namespace().unwrap_or_default();
        if told && is_load(pod) {
            held(&self.loads).entry(namespace.clone()).or_insert_with(|| Load { began, known: Timestamp::now() });
        }
        if script.publishes {
            self.registry.begin(&namespace);
        }
        let ended_by_deletion = tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(script.ms)) => false,
            () = running.end.notified() => true,
        };
        let silent = ended_by_deletion || script.lost;
        let evicted = attempt(pod) < script.evicted;
        let mut code = script.exits.get(attempt(pod)).or(script.exits.last()).copied().unwrap_or(0);
        if script.publishes {
            if !silent && !evicted && code == 0 {
                held(&self.registry.out).entry(namespace.clone()).or_default().push(what(pod));
            }
            self.registry.end(&namespace);
        }
        if ended_by_deletion {
            // Until its pod is known to be over, a Job lets nobody remove it.
            self.report(pod, &killed(&started), "Failed", false).await;
            return;
        }
        if script.lost {
            return;
        }
        if evicted {
            self.evict(pod).await;
            return;
        }
        if script.verifies {
            code = if self.registry.out(&namespace).contains(&what(pod)) { 0 } else { 10 };
        }
        let reason = if code == 0 { "Completed" } else { "Error" };
        let ended = json!({"terminated": {"exitCode": code, "reason": reason, "message": script.message,
            "startedAt": started, "finishedAt": now()}});
        self.report(pod, &ended, if code == 0 { "Succeeded" } else { "Failed" }, false).await;
    }

    /// Says once more that a running pod is ready, unless somebody else has said more of it since.
    async fn ready_again(self: Arc<Self>, pod: Pod) {
        let patch = json!({"metadata": {"uid": pod.uid(), "resourceVersion": pod.resource_version()},
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now()}]}});
        self.tell(&pod, &patch).await;
    }

    /// What a kubelet reports of a pod that it evicts.
    async fn evict(&self, pod: &Pod) {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        let patch = json!({"status": {"phase": "Failed", "reason": "Evicted", "message": "the node was low on memory",
            "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "lastTransitionTime": now()}]}});
        // Whoever waits for it sees that it did not come.
        let _ = api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(&patch)).await;
    }

    /// What a kubelet reports of a pod; whether the cluster took it.
    async fn report(&self, pod: &Pod, state: &Value, phase: &str, ready: bool) -> bool {
        let containers = pod.spec.as_ref().map(|s| s.containers.as_slice()).unwrap_or_default();
        let statuses: Vec<Value> = containers
            .iter()
            .map(|c| {
                let image = c.image.clone().unwrap_or_default();
                json!({"name": c.name, "image": image, "imageID": image, "ready": ready, "started": ready, "restartCount": 0,
                    "containerID": format!("played://{}", pod.uid().unwrap_or_default()), "state": state})
            })
            .collect();
        let status = if ready { "True" } else { "False" };
        let conditions: Vec<Value> = ["Ready", "ContainersReady"]
            .map(|t| json!({"type": t, "status": status, "lastTransitionTime": now()}))
            .into();
        let address = self.address.to_string();
        let patch = json!({"metadata": {"uid": pod.uid()}, "status": {"phase": phase, "startTime": now(),
            "hostIP": address, "podIP": address, "podIPs": [{"ip": address}],
            "conditions": conditions, "containerStatuses": statuses}});
        self.tell(pod, &patch).await
    }

    async fn tell(&self, pod: &Pod, patch: &Value) -> bool {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default());
        self.awake().await;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            match api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(patch)).await {
                Ok(_) => return true,
                // Another pod has its name now: 422, or 409 that names the UID. Any other 409 is a write of somebody else at the same time.
                Err(kube::Error::Api(e))
                    if matches!(e.code, 404 | 422) || e.code == 409 && e.message.contains("UID") =>
                {
                    return false;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
        false
    }
}

/// Whether this is the pod of a soak's load.
fn is_load(pod: &Pod) -> bool {
    pod.labels().get(labels::PURPOSE).is_some_and(|purpose| purpose == "workload")
}

/// A container that was told to end, and did.
fn killed(started: &str) -> Value {
    json!({"terminated": {"exitCode": 143, "reason": "Error", "startedAt": started, "finishedAt": now()}})
}

/// What a kubelet says of a container that never began, when its pod had to go.
fn never_begun() -> Value {
    json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}})
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn micro() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// Whether the pod runs and is said not to be ready: only the cluster says that of a played one.
fn lost_readiness(pod: &Pod) -> bool {
    let status = pod.status.clone().unwrap_or_default();
    let unready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "False");
    status.phase.as_deref() == Some("Running") && unready
}

/// The script of a task's pod; None for any other pod.
fn script(pod: &Pod) -> Option<Script> {
    pod.labels().get(labels::PURPOSE)?;
    let container = pod.spec.as_ref()?.containers.first()?;
    serde_json::from_str(container.args.as_ref()?.first()?).ok()
}

fn variable(pod: &Pod, name: &str) -> Option<String> {
    let container = pod.spec.as_ref()?.containers.first()?;
    container.env.as_ref()?.iter().find(|e| e.name == name)?.value.clone()
}

/// Counted from 0.
fn attempt(pod: &Pod) -> usize {
    variable(pod, "SEAWORTHY_ATTEMPT").and_then(|a| a.parse::<usize>().ok()).unwrap_or(1).saturating_sub(1)
}

/// The version and the artifact that a task is about.
fn what(pod: &Pod) -> String {
    let of = |name| variable(pod, name).unwrap_or_default();
    format!("{} {}", of("SEAWORTHY_VERSION"), of("SEAWORTHY_ARTIFACT_CONTROLLER"))
}
