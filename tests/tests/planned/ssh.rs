//! Repositories over ssh: the right key, a wrong one, and a server that is not the known one.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use k8s_openapi::api::core::v1::Secret;
use seaworthy_api::core::release::ReleasePhase;
use seaworthy_tests::cluster::{Ground, variable};
use serde_json::json;

use crate::world::{Repo, create, create_plan, ends, plan, status, why};

/// An sshd on the host's side of the cluster's network that lets one key read repositories and nothing else.
pub(crate) struct Sshd {
    process: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // It is gone when it cannot be ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sshd {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["host", "user", "other"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &folder.path().join(name).to_string_lossy()]);
        }
        let free = TcpListener::bind((host(), 0)).unwrap().local_addr().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let allowed = format!(
            "restrict,command=\"git-shell -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" {}",
            read(folder.path(), "user.pub")
        );
        fs::write(folder.path().join("allowed"), allowed).unwrap();
        let config = format!(
            "ListenAddress {free}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin forced-commands-only\n",
            at("host"),
            at("allowed")
        );
        fs::write(folder.path().join("config"), config).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("config")])
            .stderr(Stdio::null())
            .spawn()
            .expect("there is an sshd: Debian's openssh-server, which the test bed installs");
        Self { process, address: free.to_string(), folder }
    }

    /// A repository of this machine.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("ssh://root@{}{path}", self.address)
    }

    /// A Secret with a key and the key of the host that is known.
    pub(crate) fn secret(&self, name: &str, key: &str, host: &str) -> serde_json::Value {
        let (ip, port) = self.address.rsplit_once(':').unwrap();
        let known = format!("[{ip}]:{port} {}", read(self.folder.path(), &format!("{host}.pub")));
        let data = json!({"ssh-privatekey": read(self.folder.path(), key), "known_hosts": known});
        json!({"metadata": {"name": name}, "stringData": data})
    }
}

/// The host's address in the cluster's network: the first of the node's.
fn host() -> std::net::IpAddr {
    let url = variable("SEAWORTHY_TEST_REGISTRY").unwrap();
    let node: std::net::Ipv4Addr = url.split(':').next().unwrap().parse().unwrap();
    let [a, b, c, _] = node.octets();
    std::net::Ipv4Addr::new(a, b, c, 1).into()
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn run(program: &str, args: &[&str]) {
    assert!(Command::new(program).args(args).status().unwrap().success(), "{program} {args:?}");
}

#[tokio::test]
async fn a_repository_over_ssh_needs_the_right_key_on_both_sides() {
    let ground = Ground::new("ssh").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let head = repo.commit("fix: one");
    let sshd = Sshd::start();
    let url = sshd.url(&repo.path());
    for (name, key, host) in [("right", "user", "host"), ("stranger", "other", "host"), ("impostor", "user", "other")] {
        ground.create::<Secret>(sshd.secret(name, key, host)).await.unwrap();
        let mut plan = plan(name, &url);
        plan["spec"]["version"]["git"]["credentialsSecretRef"] = json!({"name": name});
        create_plan(&ground, plan).await;
        create(&ground, name, name, &head).await;
    }
    let done = status(&ends(&ground, "right", ReleasePhase::Published, "Published").await);
    assert_eq!(done.version, "1.2.4");
    for (name, says) in [("stranger", "the server refused access"), ("impostor", "host key is not in known_hosts")] {
        let (_, message) = why(&ends(&ground, name, ReleasePhase::Failed, "PlanningFailed").await);
        assert!(message.contains(says), "{name}: {message}");
    }
    ground.done().await.unwrap();
}
