//! The processes of a cluster and their arguments.

use std::path::Path;

use anyhow::Result;

use super::config::AUDIT_MEGABYTES;
use super::slot::Slot;
use super::state::State;
use crate::tools;

/// Port of the OCI registry on the node's address, plain http.
pub(crate) const REGISTRY_PORT: u16 = 5000;

/// Port of the git server on the node's address, http.
pub(crate) const GIT_PORT: u16 = 8085;

/// Names of all components.
pub(crate) const NAMES: [&str; 10] = [
    "etcd",
    "kube-apiserver",
    "containerd",
    "docker-registry",
    "git-server",
    "kubelet",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "cluster-dns",
];

/// One supervised process.
pub(crate) struct Component {
    /// Its name; its output goes to `logs/<name>.log`.
    pub(crate) name: &'static str,
    /// Program and arguments.
    pub(crate) line: Vec<String>,
    /// Started only when the API server says that it is ready.
    pub(crate) needs_api: bool,
}

/// Every component, in the order of starting.
pub(crate) fn all(state: &State, slot: Slot) -> Result<Vec<Component>> {
    let pki = state.path("pki");
    let kubeconfig = |name: &str| state.path(&format!("{name}.kubeconfig")).display().to_string();
    let path = |relative: &str| state.path(relative).display().to_string();
    let node_ip = slot.node_ip();
    Ok(vec![
        component("etcd", etcd(state), false)?,
        component("kube-apiserver", apiserver(state, slot, &pki), false)?,
        component("containerd", vec![format!("--config={}", path("containerd.toml"))], false)?,
        component("docker-registry", vec!["serve".to_owned(), path("registry.json")], false)?,
        component(
            "git-server",
            vec![format!("--listen={node_ip}:{GIT_PORT}"), format!("--root={}", path("git"))],
            false,
        )?,
        component("kubelet", kubelet(state, slot, &kubeconfig("kubelet")), true)?,
        component("kube-controller-manager", controller_manager(&kubeconfig("controller-manager"), &pki), true)?,
        component("kube-scheduler", with_authentication(&kubeconfig("scheduler"), 10259), true)?,
        component("kube-proxy", proxy(state, slot, &kubeconfig("proxy")), true)?,
        component("cluster-dns", vec![format!("-conf={}", path("Corefile"))], true)?,
    ])
}

fn component(name: &'static str, arguments: Vec<String>, needs_api: bool) -> Result<Component> {
    let program = tools::path(name)?.display().to_string();
    let line = std::iter::once(program).chain(arguments).collect();
    Ok(Component { name, line, needs_api })
}

fn flags(pairs: &[(&str, &str)]) -> Vec<String> {
    pairs.iter().map(|(name, value)| format!("--{name}={value}")).collect()
}

/// Durability is of no use to a cluster that never outlives its processes, so nothing is synced to disk.
fn etcd(state: &State) -> Vec<String> {
    let mut line = flags(&[
        ("data-dir", &state.path("etcd").display().to_string()),
        ("listen-client-urls", "http://127.0.0.1:2379"),
        ("advertise-client-urls", "http://127.0.0.1:2379"),
        ("listen-peer-urls", "http://127.0.0.1:2380"),
        ("initial-advertise-peer-urls", "http://127.0.0.1:2380"),
        ("initial-cluster", "default=http://127.0.0.1:2380"),
        ("quota-backend-bytes", "2147483648"),
        ("auto-compaction-retention", "5m"),
    ]);
    line.push("--unsafe-no-fsync".to_owned());
    line
}

fn apiserver(state: &State, slot: Slot, pki: &Path) -> Vec<String> {
    let file = |name: &str| pki.join(name).display().to_string();
    let node_ip = slot.node_ip().to_string();
    flags(&[
        ("advertise-address", &node_ip),
        ("bind-address", "0.0.0.0"),
        ("secure-port", "6443"),
        ("etcd-servers", "http://127.0.0.1:2379"),
        ("service-cluster-ip-range", &slot.services().to_string()),
        ("allow-privileged", "true"),
        ("authorization-mode", "Node,RBAC"),
        ("enable-admission-plugins", "NodeRestriction"),
        ("client-ca-file", &file("ca.crt")),
        ("tls-cert-file", &file("apiserver.crt")),
        ("tls-private-key-file", &file("apiserver.key")),
        ("kubelet-certificate-authority", &file("ca.crt")),
        ("kubelet-client-certificate", &file("apiserver-kubelet.crt")),
        ("kubelet-client-key", &file("apiserver-kubelet.key")),
        ("kubelet-preferred-address-types", "InternalIP"),
        ("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
        ("service-account-key-file", &file("service-account.pub")),
        ("service-account-signing-key-file", &file("service-account.key")),
        ("requestheader-client-ca-file", &file("front-proxy-ca.crt")),
        ("requestheader-allowed-names", "front-proxy-client"),
        ("requestheader-username-headers", "X-Remote-User"),
        ("requestheader-group-headers", "X-Remote-Group"),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        ("proxy-client-cert-file", &file("front-proxy.crt")),
        ("proxy-client-key-file", &file("front-proxy.key")),
        ("audit-policy-file", &state.path("audit-policy.json").display().to_string()),
        ("audit-log-path", &state.path("audit/audit.log").display().to_string()),
        ("audit-log-maxsize", &AUDIT_MEGABYTES.to_string()),
        ("audit-log-maxbackup", "1"),
    ])
}

fn controller_manager(kubeconfig: &str, pki: &Path) -> Vec<String> {
    let file = |name: &str| pki.join(name).display().to_string();
    let mut line = with_authentication(kubeconfig, 10257);
    line.extend(flags(&[
        ("root-ca-file", &file("ca.crt")),
        ("service-account-private-key-file", &file("service-account.key")),
        ("cluster-signing-cert-file", &file("ca.crt")),
        ("cluster-signing-key-file", &file("ca.key")),
        ("requestheader-client-ca-file", &file("front-proxy-ca.crt")),
        ("use-service-account-credentials", "true"),
        ("allocate-node-cidrs", "false"),
        // The default of 20 requests a second makes its own start (a token for each controller) take 3 seconds.
        ("kube-api-qps", "200"),
        ("kube-api-burst", "400"),
    ]));
    line
}

fn with_authentication(kubeconfig: &str, port: u16) -> Vec<String> {
    flags(&[
        ("kubeconfig", kubeconfig),
        ("authentication-kubeconfig", kubeconfig),
        ("authorization-kubeconfig", kubeconfig),
        ("leader-elect", "false"),
        ("bind-address", "127.0.0.1"),
        ("secure-port", &port.to_string()),
    ])
}

fn kubelet(state: &State, slot: Slot, kubeconfig: &str) -> Vec<String> {
    flags(&[
        ("kubeconfig", kubeconfig),
        ("config", &state.path("kubelet.json").display().to_string()),
        ("root-dir", &state.path("kubelet").display().to_string()),
        ("hostname-override", &state.name),
        ("node-ip", &slot.node_ip().to_string()),
    ])
}

/// The limits of connection tracking belong to the whole machine: zero leaves them as they are.
fn proxy(state: &State, slot: Slot, kubeconfig: &str) -> Vec<String> {
    flags(&[
        ("kubeconfig", kubeconfig),
        ("proxy-mode", "nftables"),
        ("hostname-override", &state.name),
        ("cluster-cidr", &slot.pods().to_string()),
        ("conntrack-max-per-core", "0"),
        ("conntrack-min", "0"),
        ("conntrack-tcp-timeout-established", "0s"),
        ("conntrack-tcp-timeout-close-wait", "0s"),
        ("metrics-bind-address", "127.0.0.1:10249"),
        ("healthz-bind-address", "127.0.0.1:10256"),
    ])
}
