//! Every way for a cluster to die: whatever is killed, nothing stays behind.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{Footprint, GONE, Report, State, state};
use crate::cluster::{Cluster, Options};
use crate::run;

/// How long a child xtask may take until its cluster has the state that a check waits for.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn main(report: &mut Report<'_>, base: &str) {
    let progress = report.progress;
    report.run("xtask killed while the cluster starts: nothing left", || {
        let state = state(base, "starting")?;
        let child = foreground(&state)?;
        kill_when(child, || state.init().is_some(), &state)
    });
    report.run("xtask of `up --foreground` killed when ready: nothing left", || {
        let state = state(base, "scoped")?;
        let child = foreground(&state)?;
        kill_when(child, || is_ready(&state), &state)
    });
    report.run("a cluster that stays survives xtask; its process 1 killed: nothing left", || {
        let state = state(base, "stays")?;
        let options = Options { name: Some(state.name.clone()), scoped: false };
        drop(Cluster::up(&options, progress)?);
        let footprint = Footprint::of(&state)?;
        run::kill(&[state.init().context("the cluster did not survive the command that started it")?]);
        footprint.wait_gone(GONE)?;
        Cluster::down(Some(&state.name), progress)?;
        if state.directory.exists() {
            bail!("the state folder {} is still there", state.directory.display());
        }
        Ok(())
    });
    report.run("guard, starter and process 1 killed at once: `down` sweeps the rest", || {
        let state = state(base, "guard")?;
        let options = Options { name: Some(state.name.clone()), scoped: false };
        drop(Cluster::up(&options, progress)?);
        let footprint = Footprint::of(&state)?;
        run::kill(&state.processes());
        Cluster::down(Some(&state.name), progress)?;
        footprint.wait_gone(GONE)
    });
}

/// `up --foreground` in a process of its own.
fn foreground(state: &State) -> Result<Child> {
    let program = std::env::current_exe()?;
    Ok(Command::new(program)
        .args(["cluster", "up", "--foreground", "--name", &state.name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?)
}

/// Kills the child when `moment` has come, and expects nothing to be left.
fn kill_when(mut child: Child, mut moment: impl FnMut() -> bool, state: &State) -> Result<()> {
    let mut ended = false;
    let came = run::wait_until(Instant::now() + PATIENCE, Duration::from_millis(5), || {
        ended = !matches!(child.try_wait(), Ok(None));
        ended || moment()
    });
    if ended {
        bail!("xtask ended by itself before the moment to kill it; run `cluster up --name {}` to see why", state.name);
    }
    let footprint = Footprint::of(state);
    child.kill()?;
    child.wait()?;
    if !came {
        bail!("the moment to kill xtask did not come within {} s", PATIENCE.as_secs());
    }
    footprint?.wait_gone(GONE)
}

/// True when a cluster that runs answers.
fn is_ready(state: &State) -> bool {
    Cluster::find(Some(&state.name))
        .and_then(|cluster| super::super::health::parts(&cluster))
        .is_ok_and(|parts| parts.iter().all(|(_, ready)| *ready))
}
