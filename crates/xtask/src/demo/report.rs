//! What the demo shows below the Release's tree: the digests as the registry has them, and what to try next.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{NAMESPACE, Stage, minutes};
use crate::cluster::Cluster;
use crate::{run, tools};

/// Prints what the registry has under both tags. The tree is on screen already: `wait` ends with it.
pub(super) fn print(stage: &Stage, release: &str, took: Duration) -> Result<()> {
    let object: Value = serde_json::from_str(&run::output(stage.cluster.kubectl()?.args([
        "--namespace",
        NAMESPACE,
        "get",
        "release",
        release,
        "-o",
        "json",
    ]))?)?;
    let status = &object["status"];
    println!("\nIn the registry:");
    let repository = stage.values.get("REPOSITORY")?;
    for (label, tag) in [("candidate", &status["candidateVersion"]), ("final", &status["version"])] {
        let tag = tag.as_str().unwrap_or_default();
        if tag.is_empty() {
            println!("  {label:<9}  no version was reserved");
            continue;
        }
        let digest = digest(repository, tag)?.unwrap_or_else(|| "not there".to_owned());
        println!("  {label:<9}  {repository}:{tag}  {digest}");
    }
    println!("\n{}, {}", status["phase"].as_str().unwrap_or("no phase yet"), minutes(took));
    Ok(())
}

/// The digest under a tag; None when the repository or the tag is not there.
fn digest(repository: &str, tag: &str) -> Result<Option<String>> {
    let crane = tools::path("crane")?;
    let tags = run::output(&mut run::command(&crane, ["ls", "--insecure", repository])).unwrap_or_default();
    if !tags.lines().any(|line| line == tag) {
        return Ok(None);
    }
    let reference = format!("{repository}:{tag}");
    Ok(Some(run::output(&mut run::command(&crane, ["digest", "--insecure", &reference]))?.trim().to_owned()))
}

/// Writes the report of a soak and its evidence to `target/reports/NAME.{html,md,json,csv}` and says where.
pub(crate) fn write(cluster: &Cluster, cli: &Path, namespace: &str, soak: &str, name: &str) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("xtask is not in crates/xtask")?;
    let folder = root.join("target/reports");
    std::fs::create_dir_all(&folder)?;
    let soak = format!("soak/{soak}");
    let file = |ending: &str| -> PathBuf { folder.join(format!("{name}.{ending}")) };
    let forms = ["html", "md", "json"].map(|form| (form, vec!["report".to_owned(), soak.clone(), format!("--{form}")]));
    for (ending, line) in forms.into_iter().chain([("csv", vec!["evidence".to_owned(), soak.clone()])]) {
        let mut command = run::command(cli, line);
        let answer = run::output(command.args(["--namespace", namespace]).env("KUBECONFIG", &cluster.kubeconfig))?;
        std::fs::write(file(ending), answer).with_context(|| format!("could not write {}", file(ending).display()))?;
    }
    println!("report of {soak}: {}, and .md, .json, .csv beside it", file("html").display());
    Ok(())
}

/// Prints what to try next.
pub(super) fn next(stage: &Stage, release: &str) {
    println!("\nThe cluster stays. To look around:");
    println!("  export KUBECONFIG={}", stage.cluster.kubeconfig.display());
    println!("  export PATH={}:$PATH", stage.cli.parent().unwrap_or(&stage.cli).display());
    println!("  kubectl -n {NAMESPACE} get seaworthy,jobs");
    println!("  kubectl seaworthy status {release} -n {NAMESPACE}");
    println!("  kubectl seaworthy explain {release} -n {NAMESPACE}");
    println!("To see a candidate that must not ship:");
    println!("  cargo xtask demo --candidate restarts | failing-suite | no-metrics | wrong-image");
    println!("To end it:");
    println!("  cargo xtask cluster down --name {}", stage.cluster.name);
}
