//! Waiting until a cluster is ready, and saying what is wrong when it is not.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::Cluster;
use crate::progress::Progress;
use crate::run;

const POLL: Duration = Duration::from_millis(50);

/// Waits for the API server, then for the node, the default service account and DNS.
pub(crate) fn wait_ready(cluster: &Cluster, deadline: Instant, progress: &Progress) -> Result<()> {
    progress.step("waiting for the API server");
    wait(cluster, deadline, "kube-apiserver", || cluster.api_ready())?;
    run::output_with_input(cluster.kubectl()?.args(["apply", "--server-side", "-f", "-"]), &super::config::objects())?;
    progress.step("waiting for the node");
    wait(cluster, deadline, "kubelet", || node_ready(cluster))?;
    progress.step("waiting for service accounts and DNS");
    wait(cluster, deadline, "kube-controller-manager", || {
        cluster.kubectl().is_ok_and(|mut kubectl| {
            run::succeeds(kubectl.args(["get", "serviceaccount", "default", "-n", "default", "-o", "name"]))
        })
    })?;
    wait(cluster, deadline, "cluster-dns", || {
        let url = format!("{}:8181", cluster.node_ip);
        http_ok(&url, "/ready")
    })
}

/// True when the node says that it is Ready.
pub(crate) fn node_ready(cluster: &Cluster) -> bool {
    let path = "jsonpath={.items[*].status.conditions[?(@.type==\"Ready\")].status}";
    let Ok(mut kubectl) = cluster.kubectl() else { return false };
    run::output(kubectl.args(["get", "nodes", "-o", path])).is_ok_and(|status| status == "True")
}

/// A GET by hand: true when the answer is 200. For plain-http health endpoints of the cluster's own processes.
pub(crate) fn http_ok(address: &str, path: &str) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(address) = address.parse() else { return false };
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500)) else {
        return false;
    };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut head = [0_u8; 12];
    stream.write_all(request.as_bytes()).is_ok() && stream.read_exact(&mut head).is_ok() && head.ends_with(b" 200")
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
