//! Control groups of a cluster, for version 1 (separate hierarchies), version 2 (unified) and both at once (hybrid).
//!
//! The kubelet needs one existing group as its root in every hierarchy. After the cluster's processes are gone only empty
//! folders are left, which are removed depth first.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// Controllers that the kubelet cannot do without.
const REQUIRED: [&str; 5] = ["cpu", "cpuacct", "cpuset", "memory", "pids"];

/// The same for the unified hierarchy, where `cpuacct` is part of `cpu`.
const REQUIRED_UNIFIED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// The hierarchies of this machine.
#[derive(Debug)]
pub(crate) struct Cgroups {
    /// Version 2 alone, at `/sys/fs/cgroup`.
    unified: bool,
    /// Mount points: of every version 1 hierarchy (and the unified one beside them), or the one of version 2.
    mounts: Vec<PathBuf>,
}

impl Cgroups {
    /// Reads the mount table. Errors name what is missing.
    pub(crate) fn detect() -> Result<Self> {
        let table = fs::read_to_string("/proc/self/mounts").context("could not read /proc/self/mounts")?;
        let found = Self::parse(&table)?;
        if found.unified {
            let path = found.mounts[0].join("cgroup.controllers");
            let available = fs::read_to_string(&path).unwrap_or_default();
            let available: Vec<&str> = available.split_whitespace().collect();
            let missing: Vec<&str> = REQUIRED_UNIFIED.into_iter().filter(|name| !available.contains(name)).collect();
            if !missing.is_empty() {
                bail!(
                    "cgroup v2 lacks the controllers {} (see {}); enable them in the parent's cgroup.subtree_control",
                    missing.join(", "),
                    path.display()
                );
            }
        }
        Ok(found)
    }

    fn parse(table: &str) -> Result<Self> {
        let mut first = Vec::new();
        let mut second = Vec::new();
        let mut controllers = Vec::new();
        for line in table.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, target, kind, options, ..] = fields[..] else { continue };
            match kind {
                "cgroup" => {
                    first.push(PathBuf::from(target));
                    controllers.extend(options.split(',').map(str::to_owned));
                }
                "cgroup2" => second.push(PathBuf::from(target)),
                _ => {}
            }
        }
        if first.is_empty() {
            let Some(root) = second.into_iter().next() else {
                bail!("no cgroup hierarchy is mounted; mount one: mount -t cgroup2 cgroup2 /sys/fs/cgroup");
            };
            return Ok(Self { unified: true, mounts: vec![root] });
        }
        let missing: Vec<&str> =
            REQUIRED.into_iter().filter(|name| !controllers.iter().any(|found| found == name)).collect();
        if !missing.is_empty() {
            bail!(
                "cgroup v1 hierarchies are mounted, but not for {}; mount them: mount -t cgroup -o NAME NAME /sys/fs/cgroup/NAME",
                missing.join(", ")
            );
        }
        first.extend(second);
        Ok(Self { unified: false, mounts: first })
    }

    /// "v1" or "v2", for messages.
    pub(crate) fn version(&self) -> &'static str {
        if self.unified { "v2" } else { "v1" }
    }

    /// Makes the group `name` in every hierarchy, ready to hold children.
    pub(crate) fn create(&self, name: &str) -> Result<()> {
        for mount in &self.mounts {
            let folder = mount.join(name);
            if self.unified {
                let control = REQUIRED_UNIFIED.map(|controller| format!("+{controller}")).join(" ");
                write(&mount.join("cgroup.subtree_control"), &control)?;
                create_folder(&folder)?;
                write(&folder.join("cgroup.subtree_control"), &control)?;
                continue;
            }
            if mount.join("cgroup.controllers").exists() {
                // The unified hierarchy beside version 1 ones: container runtimes put processes there, no limits.
                continue;
            }
            create_folder(&folder)?;
            // A new cpuset has no processors and no memory nodes, and nothing can run in it until both are set.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(value) = fs::read_to_string(mount.join(file)) {
                    write(&folder.join(file), value.trim())?;
                }
            }
        }
        Ok(())
    }

    /// The folders of the group `name` that exist.
    pub(crate) fn folders(&self, name: &str) -> Vec<PathBuf> {
        self.mounts.iter().map(|mount| mount.join(name)).filter(|folder| folder.is_dir()).collect()
    }

    /// Where the folders of the group `name` are or would be.
    pub(crate) fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.mounts.iter().map(|mount| mount.join(name)).collect()
    }
}

/// Removes a tree of groups, deepest first. Only empty groups can be removed, so nothing that runs is ever touched.
pub(crate) fn remove(folder: &Path) {
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove(&entry.path());
            }
        }
    }
    // A group still in use says EBUSY; the caller looks again.
    let _ = fs::remove_dir(folder);
}

fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("could not create the cgroup {}", folder.display()))
}

fn write(file: &Path, value: &str) -> Result<()> {
    fs::write(file, value).with_context(|| {
        let hint = "in a container, its processes must be in a child cgroup first, and the cgroup file system writable";
        format!("could not write {value:?} to {} ({hint})", file.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
        cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";

    #[test]
    fn version_two_alone_is_unified() {
        let found = Cgroups::parse("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n").unwrap();
        assert_eq!((found.version(), found.mounts.len()), ("v2", 1));
    }

    #[test]
    fn version_one_with_a_unified_hierarchy_beside_it_is_version_one() {
        let table = format!(
            "{V1}cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        );
        let found = Cgroups::parse(&table).unwrap();
        assert_eq!((found.version(), found.mounts.len()), ("v1", 5));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(Cgroups::parse(V1).unwrap_err().to_string().contains("pids"));
        assert!(Cgroups::parse("proc /proc proc rw 0 0\n").unwrap_err().to_string().contains("mount -t cgroup2"));
    }
}
