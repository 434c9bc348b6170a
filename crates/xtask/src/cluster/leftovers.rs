//! Counting what a cluster left on the machine: the proof that `down`, or the death of any of its processes, removes all.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::cgroup::Cgroups;
use super::node::ip;
use super::slot::{Range, Slot};
use super::state::State;
use crate::run;

/// What to look for after a cluster's end. Taken while it lives.
pub(crate) struct Footprint {
    state: State,
    slot: Slot,
    cgroups: Cgroups,
    /// `pid:[...]`, `net:[...]`, `mnt:[...]` of process 1.
    namespaces: Vec<PathBuf>,
}

impl Footprint {
    /// Of a cluster whose process 1 is there, ready or not.
    pub(crate) fn of(state: &State) -> Result<Self> {
        let init = state.init().context("the cluster has no process 1")?;
        let namespaces = ["pid", "net", "mnt"].map(|kind| fs::read_link(format!("/proc/{init}/ns/{kind}")));
        let namespaces = namespaces.into_iter().collect::<std::io::Result<Vec<_>>>()?;
        let slot = state.slot().context("the cluster has no slot on record")?;
        Ok(Self { state: state.clone(), slot, cgroups: Cgroups::detect()?, namespaces })
    }

    /// Processes in its namespaces or named after it, mounts, interface, routes, control groups. One line each.
    pub(crate) fn leftovers(&self) -> Result<Vec<String>> {
        let mut found = self.processes()?;
        let table = fs::read_to_string("/proc/self/mounts")?;
        let folder = self.state.directory.display().to_string();
        found.extend(table.lines().filter(|line| line.contains(&folder)).map(|line| format!("mount {line}")));
        if ip(&["link", "show", &self.slot.interface()]).is_ok() {
            found.push(format!("interface {}", self.slot.interface()));
        }
        for route in ip(&["-4", "route", "show", "table", "all"])?.lines() {
            let ranges = route.split_whitespace().find_map(Range::parse);
            if ranges.is_some_and(|range| self.slot.ranges().iter().any(|own| own.overlaps(range) && range.prefix > 8))
            {
                found.push(format!("route {route}"));
            }
        }
        found
            .extend(self.cgroups.folders(&self.state.cgroup()).iter().map(|path| format!("cgroup {}", path.display())));
        Ok(found)
    }

    /// Waits until nothing is left: namespaces end some milliseconds after their last process.
    pub(crate) fn wait_gone(&self, limit: Duration) -> Result<()> {
        let mut left = Vec::new();
        let gone = run::wait_until(Instant::now() + limit, Duration::from_millis(50), || {
            // What cannot be listed counts as left.
            left = self.leftovers().unwrap_or_else(|error| vec![format!("unreadable: {error:#}")]);
            left.is_empty()
        });
        if !gone {
            bail!("{} left after {} s:\n{}", left.len(), limit.as_secs(), left.join("\n"));
        }
        Ok(())
    }

    /// Number of processes now, to show that the counting sees any.
    pub(crate) fn processes(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let folder = self.state.directory.as_os_str().as_encoded_bytes().to_owned();
        for entry in fs::read_dir("/proc")? {
            let process = entry?.path();
            let is_number =
                process.file_name().is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
            // A process that ends while it is looked at has no links any more.
            if is_number && (self.inside(&process) || names(&process, &folder)) {
                let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
                found.push(format!("process {} {}", process.display(), name.trim()));
            }
        }
        Ok(found)
    }

    fn inside(&self, process: &Path) -> bool {
        ["pid", "net", "mnt"]
            .iter()
            .zip(&self.namespaces)
            .any(|(kind, own)| fs::read_link(process.join("ns").join(kind)).is_ok_and(|link| link == *own))
    }
}

/// True when an argument of the process lies in the folder.
fn names(process: &Path, folder: &[u8]) -> bool {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0)
        .any(|argument| argument.strip_prefix(folder).is_some_and(|rest| rest.first().is_none_or(|next| *next == b'/')))
}
