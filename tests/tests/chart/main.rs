//! The two ways to install: Helm and kustomize.
//!
//! One test works on the cluster's own installation, which it puts back as it was: whoever comes after it finds an operator that runs.

mod life;
mod render;

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use seaworthy_tests::cluster::variable;

/// The chart, from the root of the repository.
const CHART: &str = "charts/seaworthy";

/// Helm, with these arguments.
fn helm(arguments: &[&str]) -> Result<String> {
    run(Command::new(variable("SEAWORTHY_TEST_HELM")?).args(arguments))
}

/// kubectl, with these arguments.
fn kubectl(arguments: &[&str]) -> Result<String> {
    run(Command::new(variable("SEAWORTHY_TEST_KUBECTL")?).args(arguments))
}

/// What the program printed; its error when it failed.
fn run(command: &mut Command) -> Result<String> {
    let root: &Path = &seaworthy_tests::api::repository();
    let output = command.current_dir(root).output().with_context(|| format!("could not start {command:?}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        bail!("{command:?} ended with {}:\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
    }
    Ok(text(&output.stdout))
}
