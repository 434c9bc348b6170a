//! What the chart renders: the same as kustomize, and nothing from values that are wrong.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{CHART, helm, kubectl};

/// Renders the chart with these further arguments.
fn template(arguments: &[&str]) -> Result<String> {
    let mut all = vec!["template", "seaworthy", CHART, "--namespace", "seaworthy-system", "--kube-version", "1.34.0"];
    all.extend(arguments);
    helm(&all)
}

/// The objects by kind and name, without what may differ: their own labels and annotations.
fn objects(yaml: &str) -> Result<BTreeMap<String, Value>> {
    let documents: Vec<Option<Value>> = serde_saphyr::from_multiple(yaml).context("what was rendered is no YAML")?;
    let mut objects = BTreeMap::new();
    for mut object in documents.into_iter().flatten() {
        let hook = object.pointer("/metadata/annotations/helm.sh~1hook").is_some();
        strip(&mut object);
        let name = format!("{} {}", object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"]);
        if !hook {
            objects.insert(name, object);
        }
    }
    Ok(objects)
}

/// Takes labels and annotations out, wherever objects carry them: the two ways mark what they install in their own manner.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
                metadata.remove("labels");
                metadata.remove("annotations");
            }
            map.remove("matchLabels");
            if map.get("ports").is_some() {
                map.remove("selector");
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn both_ways_install_the_same() -> Result<()> {
    let chart = objects(&template(&[])?)?;
    let mut kustomize = objects(&kubectl(&["kustomize", "config/default"])?)?;
    // Helm leaves the namespace to the user.
    kustomize.remove("Namespace \"seaworthy-system\"").context("kustomize makes the namespace")?;
    assert_eq!(chart.keys().collect::<Vec<_>>(), kustomize.keys().collect::<Vec<_>>());
    for (name, object) in &chart {
        assert_eq!(Some(object), kustomize.get(name), "{name}");
    }
    Ok(())
}

#[test]
fn definitions_are_kept_and_all_else_can_be_left_out() -> Result<()> {
    let text = template(&[])?;
    let documents: Vec<Option<Value>> = serde_saphyr::from_multiple(&text)?;
    let kept = documents.iter().flatten().filter(|o| o["kind"] == "CustomResourceDefinition");
    let policies: Vec<_> = kept.map(|o| o["metadata"]["annotations"]["helm.sh/resource-policy"].as_str()).collect();
    assert_eq!(policies, vec![Some("keep"); 4]);
    for (value, kind) in [
        ("crds.install=false", "CustomResourceDefinition"),
        ("admission.enabled=false", "ValidatingAdmissionPolicy"),
        ("metrics.service.enabled=false", "Service"),
        ("rbac.create=false", "ClusterRoleBinding"),
    ] {
        let left = objects(&template(&["--set", value])?)?;
        assert!(objects(&text)?.values().any(|o| o["kind"] == kind), "{kind}");
        assert!(!left.values().any(|o| o["kind"] == kind), "{value} leaves {kind}");
    }
    Ok(())
}

#[test]
fn values_reach_the_objects() -> Result<()> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let rendered = template(&[
        "--set=image.repository=registry.example/op",
        &format!("--set=image.digest={digest}"),
        "--set=gitImage.tag=2.0.0",
        "--set=fullnameOverride=sea",
        "--set=serviceAccount.name=somebody",
        "--set=logLevel=debug",
        "--set=concurrency=3",
        "--set=nodeSelector.disk=fast",
        "--set=imagePullSecrets[0].name=pull",
    ])?;
    let all = objects(&rendered)?;
    let pod = &all["Deployment \"sea-operator\""]["spec"]["template"]["spec"];
    let image = format!("registry.example/op@{digest}");
    assert_eq!(pod["containers"][0]["image"], image);
    let variables: BTreeMap<_, _> = pod["containers"][0]["env"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| (v["name"].as_str(), v["value"].as_str()))
        .collect();
    for (name, value) in [
        ("SEAWORTHY_IMAGE", image.as_str()),
        ("SEAWORTHY_GIT_IMAGE", "seaworthy-git:2.0.0"),
        ("SEAWORTHY_CONCURRENCY", "3"),
        ("RUST_LOG", "debug"),
    ] {
        assert_eq!(variables.get(&Some(name)), Some(&Some(value)), "{name}");
    }
    assert_eq!(pod["serviceAccountName"], "somebody");
    assert_eq!(pod["nodeSelector"]["disk"], "fast");
    assert_eq!(pod["imagePullSecrets"][0]["name"], "pull");
    assert_eq!(all["ClusterRoleBinding \"sea-operator\""]["subjects"][0]["name"], "somebody");
    let policy = all["ValidatingAdmissionPolicy \"sea-owned\""]["spec"].to_string();
    assert!(policy.contains("'system:serviceaccount:seaworthy-system:somebody'"), "{policy}");
    Ok(())
}

#[test]
fn alerts_and_dashboard_come_when_they_are_wanted() -> Result<()> {
    let without = objects(&template(&[])?)?;
    assert!(!without.keys().any(|k| k.starts_with("PrometheusRule") || k.contains("dashboard")));
    let with = template(&[
        "--set=metrics.prometheusRule.enabled=true",
        "--set=metrics.prometheusRule.labels.release=prometheus",
        "--set=metrics.dashboard.enabled=true",
    ])?;
    let all: Vec<Option<Value>> = serde_saphyr::from_multiple(&with)?;
    let find = |kind: &str, name: &str| {
        all.iter().flatten().find(|o| o["kind"] == kind && o["metadata"]["name"] == name).context("it is not rendered")
    };
    let rule = find("PrometheusRule", "seaworthy")?;
    assert_eq!(rule["metadata"]["labels"]["release"], "prometheus");
    assert_eq!(rule["spec"]["groups"][0]["rules"].as_array().map(Vec::len), Some(7));
    let map = find("ConfigMap", "seaworthy-dashboard")?;
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let dashboard: Value = serde_json::from_str(map["data"]["seaworthy.json"].as_str().unwrap_or_default())?;
    assert_eq!(dashboard["uid"], "seaworthy");
    Ok(())
}

#[test]
fn wrong_values_are_refused() -> Result<()> {
    for (value, says) in [
        ("image.pullPolicy=Sometimes", "pullPolicy"),
        ("image.digest=sha256:1", "digest"),
        ("image.repository=", "repository"),
        ("concurrency=0", "concurrency"),
        ("metrics.service.port=70000", "port"),
        ("metrics.dashboard.enabled=maybe", "enabled"),
        ("admission.enabled=yes please", "enabled"),
        ("test.timeout=1 minute", "timeout"),
        ("replicas=2", "replicas"),
    ] {
        let message = template(&["--set", value]).err().with_context(|| format!("{value} is accepted"))?.to_string();
        assert!(message.contains(says) && message.contains("schema"), "{value}: {message}");
    }
    Ok(())
}
