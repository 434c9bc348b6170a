//! What is recorded about a cluster on disk, and how its processes are found.
//!
//! Crash-only: nothing here is trusted to say that a cluster lives. A cluster lives exactly while its init process does,
//! and that is found by its command line, which names the state folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use super::slot::Slot;
use crate::tools;

/// Folder that holds one folder per cluster.
pub(crate) const ROOT: &str = "/var/lib/seaworthy";

/// Folder of lock files, beside the state folders, so that a removed cluster's lock stays one and the same file.
const LOCKS: &str = "/var/lib/seaworthy/.locks";

/// Longest name of a cluster: it is part of cgroup, host and file names (a socket path has room for 108 bytes).
const MAXIMUM_NAME: usize = 30;

/// What `up` records before it makes anything else.
#[derive(Serialize, Deserialize)]
struct Record {
    slot: u8,
    /// The set of binaries it was started with.
    #[serde(default)]
    tools: String,
}

/// The state folder of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Name of the cluster.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) directory: PathBuf,
}

impl State {
    /// The state of the cluster `name`, which need not exist. Error: not a DNS label of at most 30 characters.
    pub(crate) fn of(name: &str) -> Result<Self> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let valid = (1..=MAXIMUM_NAME).contains(&name.len())
            && name.chars().all(inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        if !valid {
            bail!(
                "the cluster name {name:?} is not valid: use 1 to {MAXIMUM_NAME} lower case letters, digits and inner '-'"
            );
        }
        Ok(Self { name: name.to_owned(), directory: Path::new(ROOT).join(name) })
    }

    /// Every cluster that has a state folder.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let mut states = Vec::new();
        let Ok(entries) = fs::read_dir(ROOT) else { return Ok(states) };
        for entry in entries {
            let name = entry?.file_name();
            if let Some(state) = name.to_str().and_then(|name| Self::of(name).ok()) {
                states.push(state);
            }
        }
        states.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(states)
    }

    /// A path within the state folder.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.join(relative)
    }

    /// The slot on record, if any.
    pub(crate) fn slot(&self) -> Option<Slot> {
        Slot::new(self.record()?.slot)
    }

    /// The binaries that it was started with, if on record.
    pub(crate) fn tools(&self) -> Option<String> {
        Some(self.record()?.tools)
    }

    fn record(&self) -> Option<Record> {
        serde_json::from_str(&fs::read_to_string(self.path("cluster.json")).ok()?).ok()
    }

    /// Makes the folder and records the slot.
    pub(crate) fn claim(&self, slot: Slot) -> Result<()> {
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("could not create {}", self.directory.display()))?;
        let record = Record { slot: slot.number(), tools: tools::version()? };
        fs::write(self.path("cluster.json"), serde_json::to_string(&record)?)?;
        Ok(())
    }

    /// Script run outside the namespaces: it starts the init and clears cgroups after it.
    pub(crate) fn guard_script(&self) -> PathBuf {
        self.path("guard.sh")
    }

    /// Script that is process 1 of the cluster.
    pub(crate) fn init_script(&self) -> PathBuf {
        self.path("init.sh")
    }

    /// Name of the cluster's cgroup at the root of every hierarchy.
    pub(crate) fn cgroup(&self) -> String {
        format!("seaworthy-{}", self.name)
    }

    /// The host's process ids whose command line has one of the cluster's scripts as an argument.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let guard = self.guard_script();
        let init = self.init_script();
        with_argument(&[&guard, &init])
    }

    /// The host's process id of the cluster's process 1.
    pub(crate) fn init(&self) -> Option<u32> {
        let script = self.init_script();
        with_argument(&[&script]).into_iter().find(|pid| is_first_of_namespace(*pid))
    }

    /// The host's process ids of a component: processes of that program directly below process 1 or its supervisors, so that a
    /// pod that runs the same program is never meant.
    pub(crate) fn component(&self, name: &str) -> Vec<u32> {
        let Some(init) = self.init() else { return Vec::new() };
        let supervisors: Vec<u32> = numbers("/proc").filter(|pid| parent(*pid) == Some(init)).collect();
        let program = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).ok();
        numbers("/proc")
            .filter(|pid| parent(*pid).is_some_and(|parent| supervisors.contains(&parent)))
            .filter(|pid| program(*pid).is_some_and(|path| path.file_name().is_some_and(|file| file == name)))
            .collect()
    }

    /// The lock that `up` and `down` of this cluster hold while they work. Not yet locked.
    pub(crate) fn lock_file(&self) -> Result<File> {
        lock_file(&self.name)
    }
}

/// The lock for choosing slots, over all clusters. Not yet locked.
pub(crate) fn slots_lock_file() -> Result<File> {
    lock_file(".slots")
}

fn lock_file(name: &str) -> Result<File> {
    fs::create_dir_all(LOCKS).with_context(|| format!("could not create {LOCKS}; are you root?"))?;
    let path = Path::new(LOCKS).join(name);
    File::create(&path).with_context(|| format!("could not create {}", path.display()))
}

/// Entries of a folder of `/proc` that are numbers; empty when it is gone.
fn numbers(folder: &str) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
}

/// The parent of a process.
fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Processes of which an argument equals one of `scripts`.
fn with_argument(scripts: &[&Path]) -> Vec<u32> {
    numbers("/proc")
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                line.split(|byte| *byte == 0)
                    .any(|argument| scripts.iter().any(|script| script.as_os_str().as_encoded_bytes() == argument))
            })
        })
        .collect()
}

/// True when the process is number 1 of a PID namespace below ours: two numbers after `NSpid:`, the last one 1.
fn is_first_of_namespace(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| {
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        numbers.len() > 1 && numbers.last() == Some(&"1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels_of_bounded_length() {
        for name in ["a", "dev", "main-3fa9c1", &"x".repeat(30)] {
            assert!(State::of(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a.b", "a/b", "..", &"x".repeat(31)] {
            assert!(State::of(name).is_err(), "{name}");
        }
    }
}
