//! The operator itself: the pod that runs it, and how to kill its process.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams},
};

/// Where the operator is installed.
pub const NAMESPACE: &str = "seaworthy-system";

/// The operator's pod, and how often its container was started again.
///
/// # Errors
/// When there is none.
pub async fn pod(client: &Client) -> Result<(Pod, i32)> {
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let pods = api.list(&ListParams::default().labels("app.kubernetes.io/component=operator")).await?;
    let pod = pods.items.into_iter().next().with_context(|| format!("no operator runs in {NAMESPACE}"))?;
    let restarts = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref()?.first().map(|c| c.restart_count));
    Ok((pod, restarts.unwrap_or(0)))
}

/// Sends SIGKILL to the operator's process, which only root on the node can, and waits until its container was started again.
///
/// # Errors
/// When its process is not found, or does not come back in time.
pub async fn kill(client: &Client) -> Result<()> {
    let (pod, before) = pod(client).await?;
    strike(&pod)?;
    within("came back", async || Ok(self::pod(client).await?.1 > before)).await
}

/// Sends SIGKILL to the operator's process, then removes its pod: the next one does not wait as a container that often crashes would.
///
/// # Errors
/// When its process is not found.
pub async fn kill_and_remove(client: &Client) -> Result<Killed> {
    let (pod, _) = pod(client).await?;
    strike(&pod)?;
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    api.delete(&pod.name_any(), &now).await?;
    Ok(Killed { client: client.clone(), uid: pod.uid().unwrap_or_default() })
}

/// An operator that was killed.
#[must_use]
pub struct Killed {
    client: Client,
    uid: String,
}

impl Killed {
    /// Waits until another one is ready.
    ///
    /// # Errors
    /// When none is in time.
    pub async fn replaced(self) -> Result<()> {
        within("was replaced", async || {
            // Between two pods there is none.
            let Ok((pod, _)) = pod(&self.client).await else { return Ok(false) };
            Ok(pod.uid().as_deref() != Some(&self.uid) && is_ready(&pod))
        })
        .await
    }
}

/// The operator's resident memory in bytes: now, and the most since its process began.
///
/// # Errors
/// When its process is not found.
pub async fn resident(client: &Client) -> Result<(u64, u64)> {
    let (pod, _) = pod(client).await?;
    let status = fs::read_to_string(format!("/proc/{}/status", process(&pod)?))?;
    let bytes = |name: &str| -> Result<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
        Ok(line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>()? * 1024)
    };
    Ok((bytes("VmRSS")?, bytes("VmHWM")?))
}

/// Forgets the most that [`resident`] tells of the operator's memory, which only root on the node can.
///
/// # Errors
/// When its process is not found.
pub async fn forget_peak(client: &Client) -> Result<()> {
    let (pod, _) = pod(client).await?;
    fs::write(format!("/proc/{}/clear_refs", process(&pod)?), "5").context("cannot forget the peak")
}

/// What the operator's own page says of a metric without labels; 0 while it says nothing.
///
/// # Errors
/// When the page cannot be read.
pub async fn metric(client: &Client, name: &str) -> Result<f64> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/services/seaworthy-metrics:metrics/proxy/metrics");
    let page = client.request_text(http::Request::get(path).body(Vec::new())?).await?;
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(value.map_or(Ok(0.0), str::parse)?)
}

/// Waits until that metric is at least so much.
///
/// # Errors
/// When it is not within 2 minutes, or the page cannot be read.
pub async fn until_metric(client: &Client, name: &str, least: f64) -> Result<()> {
    within(&format!("counted {least} {name}"), async || Ok(metric(client, name).await? >= least)).await
}

async fn within(what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    for _ in 0..600 {
        if holds().await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("it is not so that the operator {what} within 2 minutes");
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
}

fn process(pod: &Pod) -> Result<u32> {
    let uid = pod.uid().unwrap_or_default();
    process_of(&uid).with_context(|| format!("no process of pod {uid} is seen from here"))
}

fn strike(pod: &Pod) -> Result<()> {
    let process = process(pod)?;
    let killed = Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status()?;
    ensure!(killed.success(), "could not kill process {process}");
    Ok(())
}

/// The process in the pod's cgroup that runs the operator.
fn process_of(uid: &str) -> Option<u32> {
    let under = uid.replace('-', "_");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let process: u32 = entry.file_name().to_str()?.parse().ok()?;
        let groups = fs::read_to_string(entry.path().join("cgroup")).ok()?;
        let command = fs::read(entry.path().join("cmdline")).ok()?;
        let ours = groups.contains(uid) || groups.contains(&under);
        (ours && String::from_utf8_lossy(&command).contains("seaworthy-operator")).then_some(process)
    })
}
