//! Install, upgrade, uninstall, the other way of installing, reinstall: with objects that outlive all of it.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use kube::ResourceExt as _;
use seaworthy_api::{E2ERun, core::condition::types};
use seaworthy_tests::cluster::{Ground, is_true, sh, variable};
use serde_json::{Value, json};

use crate::{CHART, helm, kubectl, run};

const NAMESPACE: &str = "seaworthy-system";

/// Kinds that an uninstall must leave none of.
const INSTALLED: &str = "deployments,replicasets,pods,services,serviceaccounts,jobs,roles,rolebindings,clusterroles,clusterrolebindings,\
     validatingadmissionpolicies,validatingadmissionpolicybindings";

/// `--set` for the image that `cargo xtask test` pushed.
fn image(value: &str, name: &str) -> Result<[String; 2]> {
    let image = variable(name)?;
    let (repository, digest) = image.split_once('@').with_context(|| format!("{name} has no digest"))?;
    Ok([format!("--set={value}.repository={repository}"), format!("--set={value}.digest={digest}")])
}

/// Installs or upgrades, waiting until the operator is ready.
fn upgrade(further: &[&str]) -> Result<String> {
    let images = [
        image("image", "SEAWORTHY_TEST_OPERATOR_IMAGE")?,
        image("gitImage", "SEAWORTHY_TEST_GIT_IMAGE")?,
        image("test.image", "SEAWORTHY_TEST_TOOLS_IMAGE")?,
    ];
    let mut all = vec!["upgrade", "--install", "seaworthy", CHART, "--namespace", NAMESPACE, "--create-namespace"];
    all.extend(["--wait", "--timeout", "2m"]);
    all.extend(images.iter().flatten().map(String::as_str));
    all.extend(further);
    helm(&all)
}

fn helm_test() -> Result<String> {
    helm(&["test", "seaworthy", "--namespace", NAMESPACE, "--timeout", "2m"])
}

async fn run_named(ground: &Ground, name: &str) -> Result<E2ERun> {
    let suite = json!({"name": "smoke", "task": sh("true")?});
    ground.create(json!({"metadata": {"name": name}, "spec": {"suites": [suite]}})).await
}

async fn succeeds(ground: &Ground, name: &str) -> Result<E2ERun> {
    let succeeded = |run: &E2ERun| run.status.as_ref().is_some_and(|s| is_true(&s.conditions, types::SUCCEEDED));
    ground.until(name, "Succeeded", succeeded).await
}

fn operator() -> Result<Value> {
    let text = kubectl(&["get", "deployment", "seaworthy-operator", "--namespace", NAMESPACE, "--output", "json"])?;
    Ok(serde_json::from_str(&text)?)
}

#[tokio::test]
async fn installed_upgraded_uninstalled_and_reinstalled_with_objects_kept() -> Result<()> {
    let ground = Ground::new("chart").await?;
    upgrade(&[])?;
    // Restricted pod security, for the operator and for what `helm test` runs.
    kubectl(&["label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted", "--overwrite"])?;
    helm_test()?;
    upgraded()?;
    without_an_operator_the_test_fails()?;
    let first = run_named(&ground, "first").await?;
    let kept = succeeds(&ground, "first").await?;

    helm(&["uninstall", "seaworthy", "--namespace", NAMESPACE, "--wait"])?;
    nothing_left().await?;
    let found = ground.api::<E2ERun>().get("first").await?;
    ensure!(found.uid() == first.uid() && found.status == kept.status, "{found:?}");
    // The definitions are kept, so objects can be made; nobody works on them yet.
    run_named(&ground, "second").await?;

    kustomized(&ground).await?;

    upgrade(&[])?;
    helm_test()?;
    run_named(&ground, "third").await?;
    succeeds(&ground, "third").await?;
    let found = ground.api::<E2ERun>().get("first").await?;
    ensure!(found.uid() == first.uid() && found.status == kept.status, "{found:?}");
    ground.done().await
}

/// Nothing of the installation is left, once its pod has ended in good order.
async fn nothing_left() -> Result<()> {
    let selector = "--selector=app.kubernetes.io/instance=seaworthy";
    let started = Instant::now();
    loop {
        let left = kubectl(&["get", INSTALLED, "--all-namespaces", selector, "--output=name"])?;
        if left.is_empty() {
            return Ok(());
        }
        ensure!(started.elapsed() < Duration::from_secs(60), "helm uninstall left:\n{left}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// An upgrade with the same values changes nothing; one with others brings one new pod, and the old one ends first.
fn upgraded() -> Result<()> {
    let before = operator()?;
    upgrade(&[])?;
    ensure!(
        operator()?["metadata"]["generation"] == before["metadata"]["generation"],
        "an equal upgrade changed the Deployment"
    );
    upgrade(&["--set=logLevel=debug", "--set=podAnnotations.upgraded=yes"])?;
    let after = operator()?;
    ensure!(after["status"]["readyReplicas"] == 1 && after["spec"]["strategy"]["type"] == "Recreate", "{after}");
    let page = format!("/api/v1/namespaces/{NAMESPACE}/services/seaworthy-metrics:metrics/proxy/metrics");
    let page = kubectl(&["get", "--raw", &page])?;
    ensure!(page.ends_with("# EOF\n"), "the Service does not lead to the operator's metrics: {page}");
    upgrade(&[])?;
    Ok(())
}

/// `helm test` is no formality: it fails while nobody reconciles, and passes again afterwards.
fn without_an_operator_the_test_fails() -> Result<()> {
    upgrade(&["--set=test.timeout=5s"])?;
    let scale = |replicas: &str| {
        kubectl(&[
            "scale",
            "deployment/seaworthy-operator",
            "--namespace",
            NAMESPACE,
            &format!("--replicas={replicas}"),
        ])?;
        kubectl(&["rollout", "status", "deployment/seaworthy-operator", "--namespace", NAMESPACE, "--timeout=2m"])
    };
    scale("0")?;
    if helm_test().is_ok() {
        bail!("helm test passes without an operator");
    }
    scale("1")?;
    upgrade(&[])?;
    helm_test()?;
    Ok(())
}

/// `kubectl apply -k config/default` on the same cluster, then away with all of it but the definitions.
async fn kustomized(ground: &Ground) -> Result<()> {
    let folder = tempfile::tempdir()?;
    run(std::process::Command::new("cp").args(["-r", "config"]).arg(folder.path()))?;
    let config = folder.path().join("config");
    use_images(&config.join("default/kustomization.yaml"))?;
    let path = |part: &str| config.join(part).to_string_lossy().into_owned();
    kubectl(&["apply", "-k", &path("default")])?;
    kubectl(&["rollout", "status", "deployment/seaworthy-operator", "--namespace", NAMESPACE, "--timeout=2m"])?;
    succeeds(ground, "second").await?;
    let again = kubectl(&["apply", "-k", &path("default")])?;
    let changed: Vec<&str> = again.lines().filter(|line| !line.ends_with("unchanged")).collect();
    ensure!(changed.is_empty(), "applying the same twice changes: {changed:?}");
    for part in ["admission", "rbac", "manager"] {
        kubectl(&["delete", "-k", &path(part), "--wait", "--timeout=2m"])?;
    }
    Ok(())
}

/// Names the images as the file's own comment says.
fn use_images(kustomization: &Path) -> Result<()> {
    let mut text = fs::read_to_string(kustomization)?;
    for (name, variable_name) in
        [("seaworthy-operator", "SEAWORTHY_TEST_OPERATOR_IMAGE"), ("seaworthy-git", "SEAWORTHY_TEST_GIT_IMAGE")]
    {
        let image = variable(variable_name)?;
        let (repository, digest) = image.split_once('@').context("no digest")?;
        text = text.replace(
            &format!("  newName: {name}\n  newTag: 0.1.0\n"),
            &format!("  newName: {repository}\n  digest: {digest}\n"),
        );
    }
    fs::write(kustomization, text)?;
    Ok(())
}
