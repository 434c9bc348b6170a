//! `cargo xtask cluster check`: proves the test bed on clusters of its own.
//!
//! Each check is a plain function; the runner times it, prints one line, and ends with a line of counts. Deliberately absent:
//! anything of Seaworthy. This shows that the ground is solid, before anything is built on it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::leftovers::Footprint;
use super::state::State;
use super::{Cluster, Options, default_name};
use crate::progress::Progress;

mod deaths;
mod workload;

/// How long the kernel may take to remove what belonged to killed processes.
const GONE: Duration = Duration::from_secs(15);

/// Outcome of all checks so far.
struct Report<'a> {
    progress: &'a Progress,
    passed: usize,
    failed: usize,
}

impl Report<'_> {
    /// Runs one check and prints its line. Returns its value unless it failed.
    fn run<T>(&mut self, name: &str, check: impl FnOnce() -> Result<T>) -> Option<T> {
        let started = Instant::now();
        let result = check();
        self.progress.finish();
        let seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(value) => {
                println!("ok     {name} ({seconds:.1} s)");
                self.passed += 1;
                Some(value)
            }
            Err(error) => {
                println!("FAILED {name} ({seconds:.1} s): {error:#}");
                self.failed += 1;
                None
            }
        }
    }
}

/// Runs every check; an error when one failed.
pub(crate) fn main(name: Option<&str>, progress: &Progress) -> Result<()> {
    // Names of their own, so that the check never meets the cluster that somebody works with.
    let base = name.map_or_else(default_name, |name| Ok(name.to_owned()))?;
    let base: String = format!("check-{base}").chars().take(24).collect();
    let base = base.trim_end_matches('-');
    let mut report = Report { progress, passed: 0, failed: 0 };
    if let Some((first, second)) = report.run("two clusters come up at the same time", || pair(base, progress)) {
        workload::main(&mut report, &first, &second);
        let footprints = [Footprint::of(&first.state)?, Footprint::of(&second.state)?];
        report.run("down leaves no process, mount, interface, route or cgroup", || {
            if footprints.iter().any(|footprint| footprint.processes().is_ok_and(|all| all.len() < 12)) {
                bail!("the counting is broken: it does not see the processes of a running cluster");
            }
            drop((first, second));
            footprints.iter().try_for_each(|footprint| footprint.wait_gone(GONE))
        });
    }
    deaths::main(&mut report, base);
    println!("{} passed, {} failed", report.passed, report.failed);
    if report.failed > 0 {
        bail!("{} checks of the test bed failed", report.failed);
    }
    Ok(())
}

/// Two scoped clusters, started by two threads at once.
fn pair(base: &str, progress: &Progress) -> Result<(Cluster, Cluster)> {
    let up = |suffix: &str| {
        let name = format!("{base}-{suffix}");
        Cluster::down(Some(&name), progress)?;
        Cluster::up(&Options { name: Some(name), scoped: true }, progress)
    };
    let (first, second) = std::thread::scope(|scope| {
        let second = scope.spawn(|| up("b"));
        let first = up("a");
        (first, second.join())
    });
    let Ok(second) = second else { bail!("the thread of the second cluster panicked") };
    let (first, second) = (first?, second?);
    if first.node_ip == second.node_ip {
        bail!("both clusters have the address {}", first.node_ip);
    }
    Ok((first, second))
}

/// The state of a cluster of the checks.
fn state(base: &str, suffix: &str) -> Result<State> {
    State::of(&format!("{base}-{suffix}"))
}
