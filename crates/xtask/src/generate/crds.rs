//! The CustomResourceDefinitions: plain ones for kustomize, templates for the chart.
//!
//! The chart's are templates rather than Helm's `crds/` folder, which is never upgraded; `helm.sh/resource-policy: keep` and
//! `crds.install` give back what that folder is for: an uninstall keeps every object, and others may own the definitions.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::json;

use super::{File, yaml};

/// Helm keeps a release, and kubectl an object's last applied form, in a bounded object of the API server.
const MAXIMUM_BYTES: usize = 256 * 1024;

pub(super) fn files() -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut resources = Vec::new();
    for mut crd in seaworthy_api::crd::all().context("could not generate the CustomResourceDefinitions")? {
        let plural = crd.spec.names.plural.clone();
        let content = yaml::file(&[yaml::document(&crd)?]);
        let bytes = serde_json::to_string(&crd)?.len();
        if bytes > MAXIMUM_BYTES {
            bail!(
                "the definition of {plural} has {bytes} bytes, but `kubectl apply` stores at most {MAXIMUM_BYTES}: shorten its schema"
            );
        }
        resources.push(format!("{plural}.yaml"));
        files.push(File { path: format!("config/crd/{plural}.yaml"), content });
        files.push(File {
            path: format!("charts/seaworthy/templates/crds/{plural}.yaml"),
            content: template(&mut crd)?,
        });
    }
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    });
    files.push(File {
        path: "config/crd/kustomization.yaml".into(),
        content: yaml::file(&[yaml::document(&kustomization)?]),
    });
    Ok(files)
}

fn template(crd: &mut CustomResourceDefinition) -> Result<String> {
    crd.metadata.annotations.get_or_insert_default().insert("helm.sh/resource-policy".to_owned(), "keep".to_owned());
    let body = yaml::document(crd)?;
    if body.contains("{{") {
        bail!("the definition of {:?} holds `{{{{`, which Helm would read as a template: reword it", crd.metadata.name);
    }
    Ok(yaml::template(&[body], "crds.install"))
}
