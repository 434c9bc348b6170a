//! Configuration files of the components, written into the state folder. JSON wherever a component reads YAML.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use super::components::REGISTRY_PORT;
use super::slot::Slot;
use super::state::State;

/// Name under which containerd knows the image of pod sandboxes; it is imported, never pulled.
pub(crate) const PAUSE_IMAGE: &str = "seaworthy.local/pause:1";

/// Bytes after which the audit log starts a new file, in MB; one old file is kept.
pub(crate) const AUDIT_MEGABYTES: u32 = 1024;

/// Writes every file.
pub(crate) fn write(state: &State, slot: Slot) -> Result<()> {
    for folder in
        ["containerd", "cni", "logs", "audit", "git", "registry", "run", "kubelet", "pods", "etcd", "certs.d/_default"]
    {
        fs::create_dir_all(state.path(folder))?;
    }
    let registry = format!("{}:{REGISTRY_PORT}", slot.node_ip());
    fs::write(state.path("audit-policy.json"), pretty(&audit_policy())?)?;
    fs::write(state.path("kubelet.json"), pretty(&kubelet(state, slot))?)?;
    fs::write(state.path("cni/10-seaworthy.conflist"), pretty(&network(state, slot))?)?;
    fs::write(state.path("registry.json"), pretty(&registry_config(state, &registry))?)?;
    fs::write(state.path("containerd.toml"), containerd(state))?;
    fs::write(state.path("certs.d/_default/hosts.toml"), hosts(&registry))?;
    fs::write(state.path("Corefile"), corefile(state, slot))?;
    fs::write(state.path("resolv.conf"), format!("nameserver {}\n", slot.node_ip()))?;
    Ok(())
}

/// Objects that every cluster has besides those that Kubernetes makes itself, each with the path to create it at.
pub(crate) fn objects() -> [(&'static str, Value); 2] {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "system:coredns"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:coredns"}],
    });
    [
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", role),
        ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding),
    ]
}

/// Everything by its metadata; the bodies of writes too where tests look into them, and of our kinds what was stored. Reads of tokens stay
/// metadata.
fn audit_policy() -> Value {
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            {"level": "Request", "verbs": writes, "resources": [{"group": "batch", "resources": ["jobs", "jobs/status"]}]},
            {"level": "RequestResponse", "verbs": writes, "resources": [{"group": "seaworthy.dev"}]},
            {"level": "Metadata"},
        ],
    })
}

fn kubelet(state: &State, slot: Slot) -> Value {
    let pki = |file: &str| state.path("pki").join(file);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": slot.node_ip(),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki("kubelet-server.crt"),
        "tlsPrivateKeyFile": pki("kubelet-server.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", state.cgroup()),
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "failCgroupV1": false,
        "clusterDNS": [slot.node_ip()],
        "clusterDomain": "cluster.local",
        "resolvConf": state.path("resolv.conf"),
        "podLogsDir": state.path("pods"),
        "containerRuntimeEndpoint": format!("unix://{}", state.path("run/containerd.sock").display()),
        // A test machine's disk is its owner's business: never evict for it, never collect images.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": false,
        "registryPullQPS": 0,
        "maxPods": 250,
        "nodeStatusUpdateFrequency": "5s",
    })
}

/// `ptp` and not `bridge`: every packet between pods is routed by the node, so Services work without `br_netfilter`.
fn network(state: &State, slot: Slot) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "seaworthy",
        "plugins": [{
            "type": "ptp",
            "ipMasq": false,
            "mtu": 1500,
            "ipam": {
                "type": "host-local",
                "dataDir": state.path("cni/leases"),
                "ranges": [[{"subnet": slot.pods().to_string()}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
}

fn registry_config(state: &State, address: &str) -> Value {
    json!({
        "version": 0.1,
        "log": {"level": "info", "accesslog": {"disabled": false}},
        "storage": {"filesystem": {"rootdirectory": state.path("registry")}, "delete": {"enabled": true}},
        "http": {"addr": address, "headers": {"X-Content-Type-Options": ["nosniff"]}},
    })
}

/// `restrict_oom_score_adj`: without `CAP_SYS_RESOURCE` (a container, a sandbox) runc could not lower the score.
fn containerd(state: &State) -> String {
    let path = |relative: &str| state.path(relative).display().to_string();
    format!(
        r#"version = 2
root = "{root}"
state = "{run}"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
disable_tcp_service = true
stream_server_address = "127.0.0.1"
enable_unprivileged_ports = true
enable_unprivileged_icmp = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{cni}"

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{hosts}"

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"#,
        root = path("containerd"),
        run = "/run/containerd",
        socket = path("run/containerd.sock"),
        cni = path("cni"),
        hosts = path("certs.d"),
    )
}

/// Every registry's name resolves to the cluster's own, by the same path: nothing is ever asked of the outside.
fn hosts(registry: &str) -> String {
    format!("server = \"http://{registry}\"\n\n[host.\"http://{registry}\"]\ncapabilities = [\"pull\", \"resolve\"]\n")
}

fn corefile(state: &State, slot: Slot) -> String {
    format!(
        ".:53 {{\n    bind {ip}\n    errors\n    health {ip}:8080\n    ready {ip}:8181\n    kubernetes cluster.local in-addr.arpa {{\n        \
         kubeconfig {config}\n        pods insecure\n        ttl 5\n    }}\n    cache 5\n}}\n",
        ip = slot.node_ip(),
        config = state.path("dns.kubeconfig").display(),
    )
}

fn pretty(value: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}
