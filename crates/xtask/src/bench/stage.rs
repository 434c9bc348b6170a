//! Where measurements take place: the cluster, images for tasks and targets, namespaces.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::run;

/// The label of everything that the bench makes.
const LABEL: &str = "bench.seaworthy.dev/part";

/// Cluster and images.
pub(super) struct Stage {
    /// The cluster.
    pub(super) cluster: Cluster,
    /// An image with a shell.
    pub(super) tools: String,
    /// A controller to soak.
    pub(super) target: String,
}

impl Stage {
    /// Makes a namespace in which Jobs can start at once; its name begins with `prefix`.
    pub(super) fn namespace(&self, prefix: &str) -> Result<String> {
        let object = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"generateName": format!("bench-{prefix}-"), "labels": {LABEL: "true"}}});
        let made = self.create("", &object)?;
        let name = made["metadata"]["name"].as_str().context("a namespace without a name")?.to_owned();
        // Without its account the first pod would be refused and tried again a second later.
        for part in ["serviceaccount/default", "configmap/kube-root-ca.crt"] {
            self.kubectl(&name, &["wait", "--for=create", part, "--timeout=60s"])?;
        }
        Ok(name)
    }

    /// `kubectl create` of one object, which is returned as it was stored.
    pub(super) fn create(&self, namespace: &str, object: &Value) -> Result<Value> {
        let mut kubectl = self.cluster.kubectl()?;
        if !namespace.is_empty() {
            kubectl.args(["--namespace", namespace]);
        }
        kubectl.args(["create", "-f", "-", "-o", "json"]);
        Ok(serde_json::from_str(&run::output_with_input(&mut kubectl, &object.to_string())?)?)
    }

    /// `kubectl` in a namespace.
    pub(super) fn kubectl(&self, namespace: &str, arguments: &[&str]) -> Result<String> {
        run::output(self.cluster.kubectl()?.args(["--namespace", namespace]).args(arguments))
    }

    /// The objects of a kind in a namespace.
    pub(super) fn list(&self, namespace: &str, kind: &str) -> Result<Vec<Value>> {
        let mut list: Value = serde_json::from_str(&self.kubectl(namespace, &["get", kind, "-o", "json"])?)?;
        Ok(list["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// A task that runs a line of shell.
    pub(super) fn task(&self, line: &str) -> Value {
        json!({"image": self.tools, "command": ["sh", "-c", line], "timeout": "60s"})
    }

    /// Removes what was made, for a cluster that stays.
    pub(super) fn clean(&self) -> Result<()> {
        let mut kubectl = self.cluster.kubectl()?;
        run::output(kubectl.args(["delete", "namespace", "--wait=false", "--selector", LABEL])).map(drop)
    }
}
