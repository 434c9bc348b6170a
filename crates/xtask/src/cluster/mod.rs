//! A real one-node Kubernetes cluster on this machine, in namespaces of its own.
//!
//! What: etcd, API server, controller manager, scheduler, kubelet, containerd, kube-proxy, DNS, an OCI registry and a git
//! server. Why our own: it is Ready in seconds, needs no daemon on the host, several live side by side, and killing one
//! process removes all of it. Deliberately absent: several nodes, persistence, anything that changes the host beyond one
//! interface, two routes, control groups and a state folder.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use self::api::Api;
use self::cgroup::Cgroups;
use self::slot::Slot;
use self::state::State;
use crate::progress::Progress;
use crate::{hash, run, tools};

mod api;
mod certificates;
mod cgroup;
pub(crate) mod check;
pub(crate) mod cli;
mod components;
mod config;
mod health;
mod images;
mod leftovers;
mod node;
mod preflight;
mod scripts;
mod slot;
mod state;
mod teardown;

/// How long a cluster may take to become ready once its processes start.
const READY_DEADLINE: Duration = Duration::from_secs(120);

/// How long a cluster that runs already may take to answer.
const ADOPT_DEADLINE: Duration = Duration::from_secs(30);

/// A cluster of the test bed.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// Its name, also the node's.
    pub(crate) name: String,
    /// Kubeconfig of the administrator.
    pub(crate) kubeconfig: PathBuf,
    /// The node's address: API server on 6443, registry on 5000, git on 8085.
    pub(crate) node_ip: Ipv4Addr,
    /// `ADDRESS:PORT` of the registry, the same from host and pods; plain http.
    pub(crate) registry: String,
    /// Where everything of it is kept.
    pub(crate) state_dir: PathBuf,
    /// The API server's audit log, one JSON event per line.
    pub(crate) audit_log: PathBuf,
    state: State,
    /// Keeps a scoped cluster alive; None for one that stays.
    scope: Option<node::Node>,
}

/// How `up` behaves.
#[derive(Default)]
pub(crate) struct Options {
    /// Name; None derives one from the path of the checkout.
    pub(crate) name: Option<String>,
    /// The cluster ends when the returned [`Cluster`] is dropped, and when this process dies in whatever way.
    pub(crate) scoped: bool,
}

impl Cluster {
    /// Brings a cluster up and returns when it is ready. One that runs already is returned as it is (an error if `scoped`).
    ///
    /// Errors: a missing precondition, all slots in use, not ready in time (then nothing is left behind).
    pub(crate) fn up(options: &Options, progress: &Progress) -> Result<Self> {
        let name = options.name.clone().map_or_else(default_name, Ok)?;
        let state = State::of(&name)?;
        let cgroups = preflight::machine()?;
        tools::ensure(progress)?;
        let _lock = lock(&state, progress)?;
        if !state.processes().is_empty() {
            if options.scoped {
                bail!("the cluster {name:?} runs already; take it down or choose another --name");
            }
            return Self::adopt(state, progress);
        }
        teardown::remove(&state, &cgroups)?;
        let slot = choose_slot(&state, &cgroups)?;
        preflight::inotify(progress)?;
        Self::start(state.clone(), slot, &cgroups, options.scoped, progress).map_err(|error| {
            // The error is what matters; what this leaves, the next `up` or `down` sweeps. The logs stay until then.
            let _ = teardown::stop(&state, &cgroups);
            error.context(format!("the cluster did not start; its logs are in {}", state.path("logs").display()))
        })
    }

    /// The running cluster called `name`; None derives the name from the path of the checkout.
    pub(crate) fn find(name: Option<&str>) -> Result<Self> {
        let name = name.map_or_else(default_name, |name| Ok(name.to_owned()))?;
        let state = State::of(&name)?;
        match state.slot() {
            Some(slot) if state.init().is_some() => Ok(Self::new(state, slot, None)),
            _ => bail!("no cluster {name:?} is running; start it: cargo xtask cluster up --name {name}"),
        }
    }

    /// Removes the cluster called `name`, or what is left of it, and the remains of every dead one. True if it was there.
    pub(crate) fn down(name: Option<&str>, progress: &Progress) -> Result<bool> {
        let name = name.map_or_else(default_name, |name| Ok(name.to_owned()))?;
        let state = State::of(&name)?;
        preflight::root()?;
        let cgroups = Cgroups::detect()?;
        let existed;
        {
            let _lock = lock(&state, progress)?;
            existed = state.directory.exists() || !state.processes().is_empty();
            teardown::remove(&state, &cgroups)?;
        }
        teardown::sweep(&cgroups)?;
        Ok(existed)
    }

    /// `kubectl` with this cluster's kubeconfig.
    pub(crate) fn kubectl(&self) -> Result<Command> {
        let mut command = Command::new(tools::path("kubectl")?);
        command.env("KUBECONFIG", &self.kubeconfig).arg("--kubeconfig").arg(&self.kubeconfig);
        Ok(command)
    }

    /// A command to run inside the node's namespaces (its network, its mounts).
    pub(crate) fn inside<'a>(&self, line: impl IntoIterator<Item = &'a str>) -> Result<Command> {
        let Some(init) = self.state.init() else { bail!("the cluster {:?} is not running", self.name) };
        let mut command = Command::new("nsenter");
        command.args(["--target", &init.to_string(), "--mount", "--net", "--pid", "--uts", "--ipc", "--"]).args(line);
        Ok(command)
    }

    /// The host's process ids of a component (`etcd`, `kube-apiserver`, `kubelet`, ...); none when it does not run.
    pub(crate) fn processes(&self, component: &str) -> Vec<u32> {
        self.state.component(component)
    }

    /// Kills a component (`etcd`, `kube-apiserver`, `kubelet`, ...) with SIGKILL; it is started again after 0.3 s.
    ///
    /// Errors: no such component is running.
    pub(crate) fn kill(&self, component: &str) -> Result<()> {
        let pids = self.state.component(component);
        if pids.is_empty() {
            bail!("no {component:?} is running in the cluster {:?}; its log folder names the components", self.name);
        }
        run::kill(&pids);
        Ok(())
    }

    /// Copies an image into the registry; see `cargo xtask cluster load`. Returns the reference by digest.
    pub(crate) fn load(&self, source: &str, repository: Option<&str>) -> Result<String> {
        images::load(self, source, repository)
    }

    /// Where git serves the bare repositories of [`Self::git_root`]: append `/NAME.git`. The same from host and pods.
    pub(crate) fn git_url(&self) -> String {
        format!("http://{}:{}", self.node_ip, components::GIT_PORT)
    }

    /// Folder of the bare repositories (`git init --bare NAME.git`).
    pub(crate) fn git_root(&self) -> PathBuf {
        self.state.path("git")
    }

    /// A blocking client of the API server, with the administrator's rights.
    pub(crate) fn api(&self) -> Result<Api> {
        Api::new(&self.kubeconfig)
    }

    fn new(state: State, slot: Slot, scope: Option<node::Node>) -> Self {
        Self {
            name: state.name.clone(),
            kubeconfig: state.path("admin.kubeconfig"),
            node_ip: slot.node_ip(),
            registry: format!("{}:{}", slot.node_ip(), components::REGISTRY_PORT),
            state_dir: state.directory.clone(),
            audit_log: state.path("audit/audit.log"),
            state,
            scope,
        }
    }

    /// A cluster that has processes already: returned when healthy.
    fn adopt(state: State, progress: &Progress) -> Result<Self> {
        let name = state.name.clone();
        let Some(slot) = state.slot() else {
            bail!(
                "the cluster {name:?} runs, but its record is gone; take it down: cargo xtask cluster down --name {name}"
            )
        };
        if state.tools() != tools::version().ok() {
            progress.note(&format!(
                "the cluster {name:?} runs with other binaries than these sources ask for; renew it: cargo xtask cluster down --name {name}"
            ));
        }
        let cluster = Self::new(state, slot, None);
        health::wait_ready(&cluster, Instant::now() + ADOPT_DEADLINE, progress, || Ok(())).with_context(|| {
            format!("the cluster {name:?} runs but is not healthy; try: cargo xtask cluster down --name {name}")
        })?;
        Ok(cluster)
    }

    fn start(state: State, slot: Slot, cgroups: &Cgroups, scoped: bool, progress: &Progress) -> Result<Self> {
        progress.step("writing certificates and configuration");
        config::write(&state, slot)?;
        certificates::write(&state, slot)?;
        images::write_pause(&state, progress)?;
        let group = state.cgroup();
        scripts::write(&state, slot, &cgroups.paths(&group))?;
        cgroups.create(&group)?;
        progress.step("starting processes");
        let mut node = node::Node::start(&state, slot)?;
        let mut cluster = Self::new(state, slot, None);
        health::wait_ready(&cluster, Instant::now() + READY_DEADLINE, progress, || {
            node.api_is_ready()?;
            let api = cluster.api()?;
            config::objects().iter().try_for_each(|(path, object)| api.create(path, object).map(drop))
        })?;
        if scoped {
            cluster.scope = Some(node);
        } else {
            node.stay()?;
        }
        Ok(cluster)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.scope.take().is_some() {
            let removed = Cgroups::detect().and_then(|cgroups| {
                let _lock = lock_quietly(&self.state)?;
                teardown::remove(&self.state, &cgroups)
            });
            if let Err(error) = removed {
                eprintln!("could not remove the cluster {:?}: {error:#}", self.name);
            }
        }
    }
}

/// Takes the cluster's lock for `up` or `down`, waiting for another one at work.
fn lock(state: &State, progress: &Progress) -> Result<File> {
    let file = state.lock_file()?;
    if file.try_lock().is_err() {
        progress.step(&format!("another command works on the cluster {:?}; waiting for it", state.name));
        file.lock()?;
    }
    Ok(file)
}

fn lock_quietly(state: &State) -> Result<File> {
    let file = state.lock_file()?;
    file.lock()?;
    Ok(file)
}

/// Sweeps dead clusters and records the lowest free slot for `state`, under the lock over all slots.
fn choose_slot(state: &State, cgroups: &Cgroups) -> Result<Slot> {
    let lock = state::slots_lock_file()?;
    lock.lock()?;
    teardown::sweep(cgroups)?;
    let taken: Vec<(Slot, String)> =
        State::all()?.into_iter().filter_map(|other| Some((other.slot()?, other.name))).collect();
    let routes = preflight::HostRoutes::read()?;
    let mut reasons = Vec::new();
    for slot in Slot::all() {
        if let Some((_, name)) = taken.iter().find(|(used, _)| *used == slot) {
            reasons.push(format!("slot {}: cluster {name:?}", slot.number()));
        } else if let Some(conflict) = routes.conflict(slot) {
            reasons.push(format!("slot {}: {conflict}", slot.number()));
        } else {
            state.claim(slot)?;
            return Ok(slot);
        }
    }
    bail!("every slot of addresses is in use; take a cluster down or free the addresses:\n{}", reasons.join("\n"))
}

/// A name from the path of the checkout: its last folder and a hash, so that two clones never share a cluster.
fn default_name() -> Result<String> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("the xtask crate is not two folders below the checkout")?;
    let folder = checkout.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let readable: String = folder.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
    let hash = hash::sha256(checkout.as_os_str().as_encoded_bytes());
    Ok(format!("{readable}-{}", &hash[..6]).trim_start_matches('-').to_owned())
}
