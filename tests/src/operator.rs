//! The operator itself: the pod that runs it, and how to kill its process.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt as _, api::ListParams};

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
    let uid = pod.uid().unwrap_or_default();
    let process = process_of(&uid).with_context(|| format!("no process of pod {uid} is seen from here"))?;
    let killed = Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status()?;
    ensure!(killed.success(), "could not kill process {process}");
    for _ in 0..600 {
        if self::pod(client).await?.1 > before {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("the operator did not come back within 2 minutes");
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
