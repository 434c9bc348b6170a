//! The demo's git repository: a Pepr module with a short history of conventional commits.
//!
//! `demo/pepr` is what `v1.3.0` was; each folder of `demo/history`, in order, and the one of the candidate lie over it as one commit each, with the
//! message in their `MESSAGE`. Authors and dates are fixed, so the same files give the same commit ids.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::template::Values;
use crate::cluster::Cluster;
use crate::run;

/// The version that the history begins with.
const FIRST: &str = "v1.3.0";

/// Name of the repository.
const NAME: &str = "harbour";

/// Where git serves it, for host and pods.
pub(super) fn url(cluster: &Cluster) -> String {
    format!("{}/{NAME}.git", cluster.git_url())
}

/// Makes the history, pushes it over http and returns the id of its last commit.
pub(super) fn create(root: &Path, cluster: &Cluster, candidate: Option<&str>, values: &Values) -> Result<String> {
    let demo = root.join("demo");
    let bare = cluster.git_root().join(format!("{NAME}.git"));
    run::output(run::command("git", ["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&bare))?;

    let folder = tempfile::tempdir()?;
    let work = folder.path();
    run::output(run::command("git", ["init", "--quiet", "--initial-branch=main"]).arg(work))?;
    overlay(&demo.join("pepr"), work, values)?;
    commit(work, 0, "feat: stamp and guard cargo, and clear what departs")?;
    run::output(&mut git(work, 0, &["tag", FIRST]))?;
    let layers = overlays(&demo, candidate)?;
    for (number, layer) in (1..).zip(&layers) {
        overlay(layer, work, values)?;
        let message =
            fs::read_to_string(layer.join("MESSAGE")).with_context(|| format!("{} has no MESSAGE", layer.display()))?;
        commit(work, number, &message)?;
    }
    run::output(&mut git(work, 0, &["push", "--quiet", &url(cluster), "main", "--tags"]))
        .context("could not push the demo's repository to the cluster's git server")?;
    Ok(run::output(&mut git(work, 0, &["rev-parse", "HEAD"]))?.trim().to_owned())
}

/// The folders that lie over the first commit, in order.
fn overlays(demo: &Path, candidate: Option<&str>) -> Result<Vec<PathBuf>> {
    let history = demo.join("history");
    let mut layers = fs::read_dir(&history)
        .with_context(|| format!("could not list {}", history.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    layers.sort();
    layers.extend(candidate.map(|name| demo.join("candidates").join(name)));
    Ok(layers)
}

/// Copies a tree over the work tree, with placeholders filled in `controller-image`.
fn overlay(from: &Path, to: &Path, values: &Values) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("could not list {}", from.display()))? {
        let entry = entry?;
        let (name, source, target) = (entry.file_name(), entry.path(), to.join(entry.file_name()));
        if name == "MESSAGE" || name == "node_modules" || name == "dist" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            overlay(&source, &target, values)?;
        } else if name == "controller-image" {
            fs::write(&target, values.fill_file(&source)?)?;
        } else {
            fs::copy(&source, &target).with_context(|| format!("could not copy {}", source.display()))?;
        }
    }
    Ok(())
}

fn commit(work: &Path, number: u32, message: &str) -> Result<()> {
    run::output(&mut git(work, number, &["add", "--all"]))?;
    run::output(&mut git(work, number, &["commit", "--quiet", "--message", message]))?;
    Ok(())
}

/// git that knows nothing of the machine's own configuration; `number` gives the date.
fn git(work: &Path, number: u32, arguments: &[&str]) -> Command {
    let mut command = run::command("git", ["-C"]);
    let date = format!("2026-01-01T12:{:02}:00Z", number.min(59));
    command
        .arg(work)
        .args(["-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0");
    for role in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{role}_NAME"), "Harbour")
            .env(format!("GIT_{role}_EMAIL"), "harbour@example.org")
            .env(format!("GIT_{role}_DATE"), &date);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo")
    }

    #[test]
    fn every_overlay_has_a_message_of_one_known_type() {
        for candidate in [None, Some("restarts"), Some("failing-suite"), Some("no-metrics"), Some("wrong-image")] {
            for layer in overlays(&demo(), candidate).unwrap() {
                let message = fs::read_to_string(layer.join("MESSAGE")).unwrap();
                let kind = message.split(['(', ':']).next().unwrap();
                assert!(["feat", "fix", "perf", "docs", "build"].contains(&kind), "{}: {message}", layer.display());
            }
        }
    }

    #[test]
    fn overlays_lie_over_files_that_are_there_or_new() {
        let work = tempfile::tempdir().unwrap();
        let mut values = Values::default();
        values.set("PEPR_CONTROLLER_IMAGE", "registry/pepr@sha256:0");
        overlay(&demo().join("pepr"), work.path(), &values).unwrap();
        assert_eq!(fs::read_to_string(work.path().join("controller-image")).unwrap(), "candidate\n");
        overlay(&demo().join("candidates/wrong-image"), work.path(), &values).unwrap();
        assert_eq!(fs::read_to_string(work.path().join("controller-image")).unwrap(), "registry/pepr@sha256:0\n");
        assert!(!work.path().join("MESSAGE").exists());
    }
}
