//! The operator, installed by Helm as its users do.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cluster::Cluster;
use crate::progress::Progress;
use crate::{run, tools};

/// The operator's namespace. The demo's Pepr module leaves it alone (`alwaysIgnore` in demo/pepr/package.json): a candidate's webhooks must
/// never stand between the operator and its own objects.
pub(crate) const NAMESPACE: &str = "seaworthy-system";

/// `helm upgrade --install`, waiting until the operator is ready. Images are `repository@digest`.
pub(crate) fn operator(
    root: &Path,
    cluster: &Cluster,
    (operator, git): (&str, &str),
    progress: &Progress,
) -> Result<()> {
    progress.step("helm install seaworthy");
    let mut helm = run::command(tools::path("helm")?, ["upgrade", "--install", "seaworthy"]);
    helm.arg(root.join("charts/seaworthy"))
        .args(["--namespace", NAMESPACE, "--create-namespace", "--wait", "--timeout", "2m"])
        .env("KUBECONFIG", &cluster.kubeconfig);
    for (key, image) in [("image", operator), ("gitImage", git)] {
        let (repository, digest) = image.split_once('@').context("an image that was pushed has a digest")?;
        helm.arg("--set").arg(format!("{key}.repository={repository}"));
        helm.arg("--set").arg(format!("{key}.digest={digest}"));
    }
    run::output(&mut helm).context("could not install the operator")?;
    progress.note("operator installed by Helm and ready");
    Ok(())
}
