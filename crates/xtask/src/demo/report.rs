//! What the demo shows below the Release's tree: the digests as the registry has them, and what to try next.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::{NAMESPACE, Stage, minutes};
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
