//! Checks before anything is made: who runs it, what the machine offers, which addresses are taken.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::cgroup::Cgroups;
use super::node::ip;
use super::slot::{Range, Slot};
use crate::progress::Progress;

/// Fails with a remedy when the machine cannot hold a cluster. Takes milliseconds.
pub(crate) fn machine() -> Result<Cgroups> {
    if !cfg!(target_os = "linux") {
        bail!(
            "the cluster needs Linux (namespaces, cgroups); elsewhere install the operator on a cluster of yours with Helm"
        );
    }
    root()?;
    let cgroups = Cgroups::detect()?;
    let filesystems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.lines().any(|line| line.ends_with("\toverlay")) {
        bail!("the kernel does not offer the overlay file system; load it: modprobe overlay");
    }
    for namespace in ["net", "mnt", "pid", "uts", "ipc"] {
        if !Path::new("/proc/self/ns").join(namespace).exists() {
            bail!("the kernel has no {namespace} namespaces; they are needed to keep the cluster apart from the host");
        }
    }
    Ok(cgroups)
}

/// Fails unless run by root.
pub(crate) fn root() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
    if effective != Some("0") {
        bail!(
            "a cluster needs root (namespaces, mounts, network): run `sudo -E env PATH=\"$PATH\" cargo xtask ...`, \
             or install the operator on a cluster of yours with Helm"
        );
    }
    Ok(())
}

/// How many inotify instances one user may have, over all processes.
const INOTIFY_LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";

/// What a cluster takes at most: API server, controller manager and kubelet 6 each, containerd 1, some for its pods.
const INOTIFY_PER_CLUSTER: usize = 40;

/// What the limit is raised to, enough for every slot.
const INOTIFY_RAISED: usize = 1024;

/// Makes room for the inotify instances of one more cluster.
///
/// The usual limit of 128 is reached by the seventh cluster, and the kubelet then fails with "too many open files". It counts over the
/// whole machine, so this is the one thing that cannot be had inside the namespaces: it is raised only when needed, and said.
pub(crate) fn inotify(progress: &Progress) -> Result<()> {
    let text = fs::read_to_string(INOTIFY_LIMIT).unwrap_or_default();
    let Ok(limit) = text.trim().parse::<usize>() else { return Ok(()) };
    if limit >= INOTIFY_RAISED || inotify_instances() + INOTIFY_PER_CLUSTER <= limit {
        return Ok(());
    }
    fs::write(INOTIFY_LIMIT, INOTIFY_RAISED.to_string()).with_context(|| {
        format!("{limit} inotify instances are too few for another cluster; run: sysctl fs.inotify.max_user_instances={INOTIFY_RAISED}")
    })?;
    progress
        .note(&format!("raised fs.inotify.max_user_instances from {limit} to {INOTIFY_RAISED} for another cluster"));
    Ok(())
}

/// Instances open now, of all users: an upper bound for root's.
fn inotify_instances() -> usize {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let files = processes.flat_map(|process| fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten());
    files
        .filter(|file| fs::read_link(file.path()).is_ok_and(|target| target == Path::new("anon_inode:inotify")))
        .count()
}

#[derive(Deserialize)]
struct Route {
    #[serde(default)]
    dst: String,
    #[serde(default)]
    dev: String,
}

/// Addresses and routes of the host, to see which slots are free of foreign use.
pub(crate) struct HostRoutes(Vec<(Range, String)>);

impl HostRoutes {
    /// Reads them from the kernel (`ip route`, all tables: the local table lists the host's own addresses).
    pub(crate) fn read() -> Result<Self> {
        Self::parse(&ip(&["-json", "-4", "route", "show", "table", "all"])?)
    }

    fn parse(text: &str) -> Result<Self> {
        let routes: Vec<Route> = serde_json::from_str(if text.trim().is_empty() { "[]" } else { text })?;
        let ranges = routes.into_iter().filter_map(|route| Some((Range::parse(&route.dst)?, route.dev)));
        Ok(Self(ranges.collect()))
    }

    /// The first use of the slot's addresses, as text for a message. Interfaces of dead clusters have been swept before, so one
    /// with the slot's own name belongs to a cluster of another root file system on the same network.
    pub(crate) fn conflict(&self, slot: Slot) -> Option<String> {
        slot.ranges().into_iter().find_map(|range| {
            let (taken, device) = self.0.iter().find(|(taken, _)| taken.overlaps(range))?;
            Some(format!("{range} overlaps {taken} of interface {device:?}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_address_blocks_only_its_slot() {
        let routes = HostRoutes::parse(
            r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},{"dst":"198.18.1.0/30","dev":"tun0"},
                {"dst":"198.18.2.0/30","dev":"seaworthy2"},{"type":"local","dst":"198.19.48.9","dev":"lo"}]"#,
        )
        .unwrap();
        let conflicts: Vec<bool> = Slot::all().take(4).map(|slot| routes.conflict(slot).is_some()).collect();
        assert_eq!(conflicts, [false, true, true, true]);
        assert!(HostRoutes::parse("").unwrap().0.is_empty());
    }
}
