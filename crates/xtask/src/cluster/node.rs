//! Starting the node's namespaces and joining them to the host by one veth pair and two routes.

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::slot::Slot;
use super::state::State;
use crate::run;

/// How long the new namespaces may take to appear.
const DEADLINE: Duration = Duration::from_secs(10);

/// A node that ends when this value is dropped or its process dies, until [`Node::stay`].
#[derive(Debug)]
pub(crate) struct Node {
    /// The guard. Not waited for: it is a daemon, and dropping a `Child` leaves the process alone.
    _guard: Child,
    control: ChildStdin,
}

impl Node {
    /// Starts the guard and process 1, makes the network between them and the host, and lets the components start.
    pub(crate) fn start(state: &State, slot: Slot) -> Result<Self> {
        let log = File::create(state.path("logs/init.log"))?;
        let mut guard = Command::new("setsid")
            .arg("bash")
            .arg(state.guard_script())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("could not start the cluster's guard")?;
        let Some(control) = guard.stdin.take() else { bail!("the cluster's guard has no standard input") };
        let mut node = Self { _guard: guard, control };
        let mut init = None;
        run::wait_until(Instant::now() + DEADLINE, Duration::from_millis(10), || {
            init = state.init();
            init.is_some()
        });
        let Some(init) = init else {
            let log = fs::read_to_string(state.path("logs/init.log")).unwrap_or_default();
            bail!("the cluster's namespaces could not be made (unshare): {}", run::tail(&log));
        };
        connect(slot, init).context("could not make the network between host and node")?;
        node.say("start")?;
        Ok(node)
    }

    /// Starts the components that need the API server.
    pub(crate) fn api_is_ready(&mut self) -> Result<()> {
        self.say("api")
    }

    /// From now on the node outlives this process.
    pub(crate) fn stay(mut self) -> Result<()> {
        self.say("stay")
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.control, "{line}").context("the cluster's process 1 is gone")?;
        self.control.flush()?;
        Ok(())
    }
}

/// A veth pair: one end here, the other as `eth0` in the namespace of `init`; routes to pods and Services.
fn connect(slot: Slot, init: u32) -> Result<()> {
    let interface = slot.interface();
    let init = init.to_string();
    let address = format!("{}/{}", slot.host_ip(), slot.link().prefix);
    ip(&["link", "add", &interface, "type", "veth", "peer", "name", "eth0", "netns", &init])?;
    ip(&["address", "add", &address, "dev", &interface])?;
    ip(&["link", "set", &interface, "up"])?;
    for range in [slot.pods(), slot.services()] {
        ip(&["route", "add", &range.to_string(), "via", &slot.node_ip().to_string(), "dev", &interface])?;
    }
    Ok(())
}

/// Runs `ip`.
pub(crate) fn ip(arguments: &[&str]) -> Result<String> {
    run::output(&mut run::command("ip", arguments))
}
