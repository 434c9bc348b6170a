//! Removing a cluster, or what is left of a dead one: processes, interface, mounts, control groups, folder.
//!
//! Killing process 1 of the PID namespace makes the kernel kill the rest, and with the last process go the mount and network
//! namespaces. What is left by nature are empty control groups and the state folder.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::cgroup::{self, Cgroups};
use super::node::ip;
use super::slot::Slot;
use super::state::State;
use crate::run;

/// How long the kernel may take for each step of the removal.
const DEADLINE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(20);

/// Removes everything of `state`. The caller holds the cluster's lock. Safe to repeat, and after a crash at any point.
pub(crate) fn remove(state: &State, cgroups: &Cgroups) -> Result<()> {
    stop(state, cgroups)?;
    if state.directory.exists() {
        fs::remove_dir_all(&state.directory)
            .with_context(|| format!("could not remove {}", state.directory.display()))?;
    }
    Ok(())
}

/// Like [`remove`], but the state folder with its logs stays until the next sweep.
pub(crate) fn stop(state: &State, cgroups: &Cgroups) -> Result<()> {
    kill(state)?;
    if let Some(slot) = state.slot() {
        remove_interface(slot)?;
    }
    let name = state.cgroup();
    let gone = run::wait_until(Instant::now() + DEADLINE, POLL, || {
        for folder in cgroups.folders(&name) {
            cgroup::remove(&folder);
        }
        cgroups.folders(&name).is_empty()
    });
    if !gone {
        bail!("the control groups {:?} are still in use", cgroups.folders(&name));
    }
    Ok(())
}

/// Sweeps every cluster that has no process and nobody at work on it.
pub(crate) fn sweep(cgroups: &Cgroups) -> Result<Vec<String>> {
    let mut swept = Vec::new();
    for state in State::all()? {
        let lock = state.lock_file()?;
        if lock.try_lock().is_err() || !state.processes().is_empty() {
            continue;
        }
        remove(&state, cgroups)?;
        swept.push(state.name);
    }
    Ok(swept)
}

/// Kills process 1, its guard and its starter, and waits until they are gone.
fn kill(state: &State) -> Result<()> {
    let mut last = Vec::new();
    let gone = run::wait_until(Instant::now() + DEADLINE, POLL, || {
        let pids = state.processes();
        if pids.is_empty() {
            return true;
        }
        if pids != last {
            run::kill(&pids);
        }
        last = pids;
        false
    });
    if !gone {
        bail!("processes {last:?} of the cluster {:?} did not end after SIGKILL", state.name);
    }
    Ok(())
}

/// The kernel removes a network namespace some time after its last process: take the host's end away at once.
fn remove_interface(slot: Slot) -> Result<()> {
    let interface = slot.interface();
    let exists = || ip(&["link", "show", &interface]).is_ok();
    let gone = run::wait_until(Instant::now() + DEADLINE, POLL, || {
        if !exists() {
            return true;
        }
        let _ = ip(&["link", "delete", &interface]);
        !exists()
    });
    if !gone {
        bail!("the interface {interface} could not be removed");
    }
    Ok(())
}
