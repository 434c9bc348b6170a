//! What a controller under test needs of the cluster: Jobs, logs, exec, images by digest, Services, memory figures, OOM kills.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Report;
use crate::cluster::{Cluster, components, health};
use crate::progress::Progress;
use crate::{image, run};

/// Everything happens in this namespace, under the `restricted` pod security standard.
const NAMESPACE: &str = "check";

const LIMIT: Duration = Duration::from_secs(40);

const POLL: Duration = Duration::from_millis(100);

pub(super) fn main(report: &mut Report<'_>, cluster: &Cluster, other: &Cluster) {
    let progress = report.progress;
    let Some(image) = report.run("an image is loaded, and known by its digest", || load(cluster, progress)) else {
        return;
    };
    report.run("every component of the other cluster is killed", || {
        components::NAMES.iter().try_for_each(|component| other.kill(component))
    });
    report.run("namespace with restricted pod security", || prepare(cluster));
    report.run("pods, their Service and one that eats memory are created", || create(cluster, &image));
    report.run("a Job completes with a termination message, and its image is the digest", || job(cluster, &image));
    report.run("a Service answers by its DNS name in a pod, and by its address from the host", || service(cluster));
    report.run("logs and exec", || logs_and_exec(cluster));
    report.run("a container over its memory limit is reported as OOMKilled", || out_of_memory(cluster));
    report.run("any registry's name resolves to the cluster's own", || foreign_name(cluster));
    report.run("git: push, and clone by http", || git(cluster));
    report.run("a list as a stream", || streaming_list(cluster));
    report.run("the audit log holds user, verb and body of a Job's creation", || audit(cluster));
    report.run("the kubelet reports the working set by /stats/summary and /metrics/resource", || memory(cluster));
    report.run("the killed components are back", || {
        wait("the health of all parts", || Ok(health::parts(other)?.iter().all(|(_, ready)| *ready)))?;
        match components::NAMES.iter().find(|component| other.state.component(component).is_empty()) {
            Some(component) => bail!("{component} is not running"),
            None => Ok(()),
        }
    });
    report.run("the other cluster knows nothing of it", || apart(other));
}

fn load(cluster: &Cluster, progress: &Progress) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("busybox.tar");
    let config = image::Config { user: "65532:65532".to_owned(), ..image::Config::default() };
    image::busybox(&image::Context::new(progress)?, &archive, "busybox", &config)?;
    cluster.load(&archive.display().to_string(), Some("check/busybox:1"))
}

fn prepare(cluster: &Cluster) -> Result<()> {
    let api = cluster.api()?;
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    api.create("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE, "labels": labels}}))?;
    let account = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default");
    wait("the default service account", || Ok(api.text(&account).is_ok()))?;
    let privileged = json!({"metadata": {"name": "privileged"}, "spec": {"containers": [
        {"name": "main", "image": "none", "securityContext": {"privileged": true}}]}});
    match api.create(&path("pods"), &privileged) {
        Err(error) if format!("{error:#}").contains("PodSecurity") => Ok(()),
        other => bail!("a privileged pod was not refused: {other:?}"),
    }
}

/// Everything at once, so that the checks wait for one start and not for five.
fn create(cluster: &Cluster, image: &str) -> Result<()> {
    let api = cluster.api()?;
    let hello = "wget -qO- http://web:8080/tmp/hello && nslookup kubernetes.default.svc.cluster.local && \
                 wget -qO- http://$REGISTRY/v2/_catalog && echo out of the Job && printf done > /dev/termination-log";
    let mut job =
        pod(image, &["sh", "-c", &format!("until wget -qO- http://web:8080/tmp/hello; do sleep 0.2; done; {hello}")]);
    job["containers"][0]["env"] = json!([{"name": "REGISTRY", "value": cluster.registry}]);
    let job = json!({"metadata": {"name": "hello"}, "spec": {"backoffLimit": 0, "template": {"spec": job}}});
    api.create(&format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs"), &job)?;
    let mut web =
        pod(image, &["sh", "-c", "echo hello from web > /tmp/hello; echo serving; exec httpd -f -p 8080 -h /"]);
    web["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/tmp/hello", "port": 8080}, "periodSeconds": 1});
    api.create(&path("pods"), &json!({"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": web}))?;
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080}]}});
    api.create(&path("services"), &service)?;
    let mut greedy = pod(image, &["tail", "/dev/zero"]);
    greedy["containers"][0]["resources"] = json!({"limits": {"memory": "24Mi"}});
    api.create(&path("pods"), &json!({"metadata": {"name": "greedy"}, "spec": greedy}))?;
    let foreign = pod("docker.io/check/busybox:1", &["true"]);
    api.create(&path("pods"), &json!({"metadata": {"name": "foreign"}, "spec": foreign}))?;
    Ok(())
}

fn job(cluster: &Cluster, image: &str) -> Result<()> {
    let api = cluster.api()?;
    wait("the Job's completion", || {
        let job = api.get(&format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs/hello"))?;
        if job["status"]["failed"].as_u64().is_some_and(|failed| failed > 0) {
            bail!("the Job failed: {}", run::output(cluster.kubectl()?.args(["logs", "-n", NAMESPACE, "job/hello"]))?);
        }
        Ok(job["status"]["succeeded"] == 1)
    })?;
    let pods = api.get(&format!("{}?labelSelector=job-name%3Dhello", path("pods")))?;
    let container = &pods["items"][0]["status"]["containerStatuses"][0];
    let message = &container["state"]["terminated"]["message"];
    if message != "done" || container["imageID"] != image {
        bail!("the termination message is {message}, imageID {} (expected {image})", container["imageID"]);
    }
    Ok(())
}

fn service(cluster: &Cluster) -> Result<()> {
    let text = run::output(cluster.kubectl()?.args(["logs", "-n", NAMESPACE, "job/hello"]))?;
    for expected in ["hello from web", "Address: 198.19.", "check/busybox", "out of the Job"] {
        if !text.contains(expected) {
            bail!("the Job did not print {expected:?}:\n{text}");
        }
    }
    let service = cluster.api()?.get(&path("services/web"))?;
    let address = format!("{}:8080", service["spec"]["clusterIP"].as_str().context("the Service has no address")?);
    wait("an answer from the Service's address", || Ok(health::http_ok(&address, "/tmp/hello")))
}

fn logs_and_exec(cluster: &Cluster) -> Result<()> {
    let logs = run::output(cluster.kubectl()?.args(["logs", "-n", NAMESPACE, "web"]))?;
    let exec = run::output(cluster.kubectl()?.args(["exec", "-n", NAMESPACE, "web", "--", "cat", "/tmp/hello"]))?;
    if logs.trim() != "serving" || exec.trim() != "hello from web" {
        bail!("logs say {logs:?}, exec says {exec:?}");
    }
    Ok(())
}

fn out_of_memory(cluster: &Cluster) -> Result<()> {
    wait_terminated(cluster, "greedy", "OOMKilled")
}

fn foreign_name(cluster: &Cluster) -> Result<()> {
    wait_terminated(cluster, "foreign", "Completed")
}

fn git(cluster: &Cluster) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let work = folder.path().join("work");
    let bare = cluster.git_root().join("check.git");
    let url = format!("{}/check.git", cluster.git_url());
    let git = |arguments: &[&str]| run::output(&mut run::command("git", arguments));
    git(&["init", "-q", "--bare", "-b", "main", &bare.display().to_string()])?;
    let (source, copy) = (work.display().to_string(), folder.path().join("copy").display().to_string());
    git(&["init", "-q", "-b", "main", &source])?;
    let identity = ["-c", "user.name=check", "-c", "user.email=check@localhost"];
    git(&[&["-C", &source], &identity[..], &["commit", "-q", "--allow-empty", "-m", "feat: first"]].concat())?;
    git(&["-C", &source, "push", "-q", &url, "main"])?;
    git(&["clone", "-q", &url, &copy])?;
    let log = git(&["-C", &copy, "log", "--format=%s"])?;
    if log.trim() != "feat: first" {
        bail!("the clone's log is {log:?}");
    }
    Ok(())
}

fn streaming_list(cluster: &Cluster) -> Result<()> {
    let query =
        "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    let text = cluster.api()?.text(&format!("{}?{query}", path("configmaps")))?;
    if !text.contains("k8s.io/initial-events-end") {
        bail!("the stream does not mark the end of the list: {}", run::tail(&text));
    }
    Ok(())
}

fn audit(cluster: &Cluster) -> Result<()> {
    wait("the event in the audit log", || {
        let text = std::fs::read_to_string(&cluster.audit_log).context("could not read the audit log")?;
        Ok(text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).any(|event| {
            event["verb"] == "create"
                && event["user"]["username"] == "kubernetes-admin"
                && event["objectRef"]["resource"] == "jobs"
                && event["responseStatus"]["code"] == 201
                && event["requestObject"]["spec"]["backoffLimit"] == 0
        }))
    })
}

fn memory(cluster: &Cluster) -> Result<()> {
    let api = cluster.api()?;
    let proxy = format!("/api/v1/nodes/{}/proxy", cluster.name);
    wait("the working set of the pod `web`", || {
        let summary = api.get(&format!("{proxy}/stats/summary"))?;
        let pods = summary["pods"].as_array().cloned().unwrap_or_default();
        let in_summary = pods
            .iter()
            .filter(|pod| pod["podRef"]["name"] == "web")
            .any(|pod| pod["containers"][0]["memory"]["workingSetBytes"].as_u64().is_some_and(|bytes| bytes > 0));
        let page = api.text(&format!("{proxy}/metrics/resource"))?;
        let in_page = page.lines().any(|line| {
            line.starts_with("container_memory_working_set_bytes{") && line.contains("namespace=\"check\",pod=\"web\"")
        });
        Ok(in_summary && in_page)
    })
}

fn apart(other: &Cluster) -> Result<()> {
    let api = other.api()?;
    if api.text(&format!("/api/v1/namespaces/{NAMESPACE}")).is_ok() {
        bail!("the namespace {NAMESPACE} is there too");
    }
    let nodes = api.get("/api/v1/nodes")?;
    let names: Vec<&Value> =
        nodes["items"].as_array().into_iter().flatten().map(|node| &node["metadata"]["name"]).collect();
    if names != [other.name.as_str()] {
        bail!("its nodes are {names:?}");
    }
    Ok(())
}

fn wait_terminated(cluster: &Cluster, pod: &str, reason: &str) -> Result<()> {
    let api = cluster.api()?;
    let mut last = Value::Null;
    wait(&format!("the end of the pod {pod:?} as {reason}"), || {
        let state = api.get(&path(&format!("pods/{pod}")))?["status"]["containerStatuses"][0]["state"].take();
        last = state;
        Ok(last["terminated"]["reason"] == reason)
    })
    .with_context(|| format!("the container's state is {last}"))
}

/// A pod that the `restricted` standard accepts.
fn pod(image: &str, command: &[&str]) -> Value {
    json!({
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "main", "image": image, "command": command,
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }],
    })
}

fn path(resource: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/{resource}")
}

/// Polls until the condition holds; its error ends the wait at once.
fn wait(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let mut failed = None;
    let came = run::wait_until(Instant::now() + LIMIT, POLL, || match condition() {
        Ok(holds) => holds,
        Err(error) => {
            failed = Some(error);
            true
        }
    });
    match failed {
        Some(error) => Err(error.context(format!("waiting for {what}"))),
        None if came => Ok(()),
        None => bail!("{what} did not come within {} s", LIMIT.as_secs()),
    }
}
