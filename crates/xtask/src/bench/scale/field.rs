//! The field: an API server with etcd, an operator as a process, and objects that nobody else acts on.
//!
//! Everything else of the node is stopped (SIGSTOP) once namespaces are ready: no controller makes pods, no kubelet corrects their status, and
//! what is measured is the operator with the API server and etcd. The operator has the rights that Helm gives it, never an administrator's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::pages::address;
use crate::cluster::Cluster;
use crate::install::NAMESPACE;
use crate::run;

/// What would act on our objects, or spend processor time of its own.
const OTHERS: [&str; 5] = ["kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "containerd"];
/// Requests that are under way at the same time.
const AT_ONCE: usize = 8;
/// How long the operator may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// Cluster, clients, and the operator's process.
pub(super) struct Field {
    pub(super) cluster: Cluster,
    runtime: Runtime,
    config: kube::Config,
    operator: Option<Operator>,
    stopped: Vec<u32>,
}

/// The operator, killed when dropped.
struct Operator {
    process: Child,
    port: u16,
}

impl Drop for Operator {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // A cluster that stays goes on; one that ends is killed as it is.
        signal("CONT", &self.stopped);
    }
}

/// `kill -SIGNAL` to processes; those that are gone are no error.
fn signal(signal: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    let _ = run::succeeds(run::command("sh", ["-c", "for pid; do kill -$0 $pid; done", signal]).args(processes));
}

impl Field {
    /// Namespaces, rights and types; then stops all but API server and etcd.
    pub(super) fn new(root: &Path, cluster: Cluster, namespaces: &[&str]) -> Result<Self> {
        for namespace in namespaces.iter().chain([&NAMESPACE]) {
            let text = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}).to_string();
            run::output_with_input(cluster.kubectl()?.args(["apply", "-f", "-"]), &text)?;
            let account = ["--namespace", namespace, "wait", "--for=create", "serviceaccount/default", "--timeout=60s"];
            run::output(cluster.kubectl()?.args(account))?;
        }
        let stopped: Vec<u32> = OTHERS.iter().flat_map(|name| cluster.processes(name)).collect();
        signal("STOP", &stopped);
        // The chart without waiting: its Deployment makes no pod here.
        let mut helm = run::command(crate::tools::path("helm")?, ["upgrade", "--install", "seaworthy"]);
        helm.arg(root.join("charts/seaworthy")).args(["--namespace", NAMESPACE]).env("KUBECONFIG", &cluster.kubeconfig);
        run::output(&mut helm).context("could not install the operator's rights and types")?;
        let file = Kubeconfig::read_from(&cluster.kubeconfig)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let config = runtime.block_on(kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()))?;
        Ok(Self { cluster, runtime, config, operator: None, stopped })
    }

    /// Starts an operator anew; the one before is stopped in good order.
    pub(super) fn start(&mut self, program: &Path) -> Result<()> {
        self.stop()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = self.cluster.state_dir.join("logs/bench-operator.log");
        let process = Command::new(program)
            .envs(self.environment()?)
            .env("KUBECONFIG", self.kubeconfig()?)
            .env("SEAWORTHY_NAMESPACE", NAMESPACE)
            .env("SEAWORTHY_LISTEN", format!("127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        self.operator = Some(Operator { process, port });
        let ready = || self.page("/readyz").is_ok();
        if !run::wait_until(Instant::now() + READY, Duration::from_millis(200), ready) {
            bail!("the operator was not ready after {} s; see {}", READY.as_secs(), log.display());
        }
        Ok(())
    }

    /// Asks the operator to stop, and waits until it has.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some(mut operator) = self.operator.take() else { return Ok(()) };
        signal("TERM", &[operator.process.id()]);
        let ended = || operator.process.try_wait().ok().flatten().is_some();
        if run::wait_until(Instant::now() + READY, Duration::from_millis(50), ended) {
            Ok(())
        } else {
            bail!("the operator did not stop")
        }
    }

    /// What the chart's Deployment tells the operator: how its memory is given back, how much it logs.
    fn environment(&self) -> Result<Vec<(String, String)>> {
        let deployment = ["--namespace", NAMESPACE, "get", "deployment", "seaworthy-operator", "--output=json"];
        let deployment: Value = serde_json::from_str(&run::output(self.cluster.kubectl()?.args(deployment))?)?;
        let all = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().cloned();
        let set = |v: &Value| Some((v["name"].as_str()?.to_owned(), v["value"].as_str()?.to_owned()));
        Ok(all.context("the chart's Deployment has no environment")?.iter().filter_map(set).collect())
    }

    /// A kubeconfig with a token of the operator's account instead of the administrator's certificate.
    fn kubeconfig(&self) -> Result<PathBuf> {
        let token = run::output(self.cluster.kubectl()?.args([
            "--namespace",
            NAMESPACE,
            "create",
            "token",
            "seaworthy-operator",
            "--duration=6h",
        ]))?;
        let mut file: Value = serde_saphyr::from_str(&fs::read_to_string(&self.cluster.kubeconfig)?)?;
        for user in file["users"].as_array_mut().into_iter().flatten() {
            user["user"] = json!({"token": token.trim()});
        }
        let path = self.cluster.state_dir.join("operator.kubeconfig");
        fs::write(&path, file.to_string())?;
        Ok(path)
    }

    /// The operator's process.
    pub(super) fn operator(&self) -> Result<u32> {
        self.operator.as_ref().map(|operator| operator.process.id()).context("no operator was started")
    }

    /// A page of the operator.
    pub(super) fn page(&self, path: &str) -> Result<String> {
        use std::io::{Read as _, Write as _};
        let port = self.operator.as_ref().context("no operator was started")?.port;
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        if !answer.starts_with("HTTP/1.1 200") {
            bail!("{path}: {}", answer.lines().next().unwrap_or_default());
        }
        Ok(answer)
    }

    /// `GET`, as JSON or as text.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        self.runtime.block_on(async {
            let client = kube::Client::try_from(self.config.clone())?;
            Ok(client.request_text(http::Request::get(path).body(Vec::new())?).await?)
        })
    }

    /// `GET` of a list.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut list: Value = serde_json::from_str(&self.text(path)?)?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Sends requests, a few at a time, and returns the answers in any order.
    fn send(&self, requests: Vec<http::Request<Vec<u8>>>) -> Result<Vec<Value>> {
        self.runtime.block_on(async {
            let client = kube::Client::try_from(self.config.clone())?;
            let (mut under_way, mut answers) = (JoinSet::new(), Vec::new());
            for request in requests {
                if under_way.len() >= AT_ONCE
                    && let Some(answer) = under_way.join_next().await
                {
                    answers.push(answer??);
                }
                let client = client.clone();
                let what = format!("{} {}", request.method(), request.uri());
                under_way.spawn(async move { client.request::<Value>(request).await.context(what) });
            }
            while let Some(answer) = under_way.join_next().await {
                answers.push(answer??);
            }
            Ok(answers)
        })
    }

    /// `POST` of objects to a collection.
    pub(super) fn create(&self, path: &str, objects: impl Iterator<Item = Value>) -> Result<Vec<Value>> {
        let post = |object: Value| {
            let request = http::Request::post(path).header("content-type", "application/json");
            Ok(request.body(serde_json::to_vec(&object)?)?)
        };
        self.send(objects.map(post).collect::<Result<_>>()?)
    }

    /// Workloads named `target-N` with `pods` pods each, which run as far as their status says.
    pub(super) fn targets(&self, namespace: &str, workloads: u32, pods: u32) -> Result<()> {
        let sets = format!("/apis/apps/v1/namespaces/{namespace}/statefulsets");
        let made = self.create(&sets, (0..workloads).map(|number| workload(number, pods)))?;
        let status = made.iter().map(|set| {
            let name = set["metadata"]["name"].as_str().unwrap_or_default();
            patch(&format!("{sets}/{name}/status"), &json!({"status": {"observedGeneration": 1, "replicas": pods}}))
        });
        self.send(status.collect::<Result<_>>()?)?;
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let all = made.iter().flat_map(|set| (0..pods).map(move |ordinal| pod(set, ordinal)));
        self.create(&path, all)?;
        let status = made.iter().flat_map(|set| (0..pods).map(move |ordinal| (set, ordinal))).map(|(set, ordinal)| {
            let name = set["metadata"]["name"].as_str().unwrap_or_default();
            let number: u32 = name.trim_start_matches("target-").parse()?;
            patch(&format!("{path}/{name}-{ordinal}/status"), &running(number * pods + ordinal))
        });
        self.send(status.collect::<Result<_>>()?).map(drop)
    }
}

fn patch(path: &str, with: &Value) -> Result<http::Request<Vec<u8>>> {
    let request = http::Request::patch(path).header("content-type", "application/merge-patch+json");
    Ok(request.body(serde_json::to_vec(with)?)?)
}

/// The image that they claim to run.
const IMAGE: &str = "example.org/controller@sha256:7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069";

fn workload(number: u32, pods: u32) -> Value {
    let name = format!("target-{number}");
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": {
        "replicas": pods, "serviceName": name, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "manager", "image": IMAGE}]}},
    }})
}

fn pod(set: &Value, ordinal: u32) -> Value {
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": set["metadata"]["uid"],
        "controller": true});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("{name}-{ordinal}"), "labels": {"app": name}, "ownerReferences": [owner]},
        "spec": {"nodeName": "nowhere", "automountServiceAccountToken": false,
            "containers": [{"name": "manager", "image": IMAGE}]}})
}

/// The status of target number `target`, as a kubelet would write it.
fn running(target: u32) -> Value {
    let ip = address(target).to_string();
    json!({"status": {
        "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "127.0.0.1",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [{"name": "manager", "image": IMAGE, "imageID": IMAGE, "ready": true, "restartCount": 0,
            "containerID": format!("containerd://{target:064x}"),
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
    }})
}
