//! Waiting until a cluster is ready, and saying what is wrong when it is not.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Cluster;
use super::api::Api;
use super::components::{GIT_PORT, REGISTRY_PORT};
use crate::progress::Progress;
use crate::run;

const POLL: Duration = Duration::from_millis(40);

/// File that process 1 makes when the sandbox image has been imported.
pub(crate) const IMAGES_READY: &str = "run/images-ready";

/// Plain-http health endpoints on the node's address.
const ENDPOINTS: [(&str, u16, &str); 3] =
    [("cluster-dns", 8181, "/ready"), ("docker-registry", REGISTRY_PORT, "/v2/"), ("git-server", GIT_PORT, "/healthz")];

/// Waits for the API server and calls `api_is_ready`, then for the node, the default service account, DNS and images.
pub(crate) fn wait_ready(
    cluster: &Cluster,
    deadline: Instant,
    progress: &Progress,
    api_is_ready: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let api = cluster.api()?;
    progress.step("waiting for the API server");
    wait(cluster, deadline, "kube-apiserver", || api.text("/readyz").is_ok())?;
    api_is_ready()?;
    progress.step("waiting for the node");
    wait(cluster, deadline, "kubelet", || node_ready(cluster, &api))?;
    progress.step("waiting for service accounts");
    let account = "/api/v1/namespaces/default/serviceaccounts/default";
    wait(cluster, deadline, "kube-controller-manager", || api.text(account).is_ok())?;
    progress.step("waiting for DNS, registry and git");
    for (component, port, path) in ENDPOINTS {
        wait(cluster, deadline, component, || http_ok(&format!("{}:{port}", cluster.node_ip), path))?;
    }
    wait(cluster, deadline, "init", || cluster.state.path(IMAGES_READY).exists())
}

/// Every part with its state, for `status`: (name, ready).
pub(crate) fn parts(cluster: &Cluster) -> Result<Vec<(&'static str, bool)>> {
    let api = cluster.api()?;
    let mut parts = vec![("API server", api.text("/readyz").is_ok()), ("node", node_ready(cluster, &api))];
    for (component, port, path) in ENDPOINTS {
        parts.push((component, http_ok(&format!("{}:{port}", cluster.node_ip), path)));
    }
    Ok(parts)
}

/// True when the node says that it is Ready.
fn node_ready(cluster: &Cluster, api: &Api) -> bool {
    let Ok(node) = api.get(&format!("/api/v1/nodes/{}", cluster.name)) else { return false };
    let conditions = node["status"]["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"))
}

/// A GET by hand: true when the status is 2xx. For plain-http health endpoints of the cluster's own processes.
pub(crate) fn http_ok(address: &str, path: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(address) = address.parse() else { return false };
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut head = [0_u8; 10];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut head).is_ok() && head.ends_with(b" 2")
}

fn wait(cluster: &Cluster, deadline: Instant, component: &str, mut condition: impl FnMut() -> bool) -> Result<()> {
    let mut ended = false;
    let ready = run::wait_until(deadline, POLL, || {
        ended = cluster.state.processes().is_empty();
        ended || condition()
    });
    if ended {
        let log = fs::read_to_string(cluster.state.path("logs/init.log")).unwrap_or_default();
        bail!("the cluster's process 1 ended:\n{}", run::tail(&log));
    }
    if !ready {
        let path = cluster.state.path(&format!("logs/{component}.log"));
        let log = fs::read_to_string(&path).unwrap_or_default();
        bail!("{component} did not become ready in time; the end of {}:\n{}", path.display(), run::tail(&log));
    }
    Ok(())
}
