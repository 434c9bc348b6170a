//! The real API server: a client, namespaces of one's own, the definitions of this checkout.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::{
    api::core::v1::{Namespace, ServiceAccount},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};

/// The name by which the test bed's API server knows its administrator, who runs the tests.
pub const ADMIN: &str = "kubernetes-admin";

/// A client for the cluster that `KUBECONFIG` names.
///
/// # Errors
/// When the variable is not set or names no cluster that answers; the message says how to get one.
pub async fn client() -> Result<Client> {
    const REMEDY: &str = "end-to-end tests need a cluster: run them with `cargo xtask test`, or start one with `cargo xtask cluster up` and set KUBECONFIG";
    if std::env::var_os("KUBECONFIG").is_none() {
        bail!("KUBECONFIG is not set; {REMEDY}");
    }
    let client = Client::try_default().await.context(REMEDY)?;
    client.apiserver_version().await.context(REMEDY)?;
    Ok(client)
}

/// Applies the definitions as this checkout generates them and waits until all are served.
///
/// # Errors
/// When the API server refuses one or does not serve it within 30 seconds.
pub async fn install_definitions(client: &Client) -> Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply("seaworthy-tests").force();
    for crd in seaworthy_api::crd::all()? {
        let name = crd.name_any();
        api.patch(&name, &apply, &Patch::Apply(&crd)).await.with_context(|| format!("could not apply {name}"))?;
        let served = await_condition(api.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(Duration::from_secs(30), served)
            .await
            .with_context(|| format!("{name} was not served within 30 s"))??;
    }
    Ok(())
}

/// Creates a namespace whose name begins with `prefix`, ready for pods: the API server refuses them until the
/// namespace's account `default` exists, and it does so a moment after the namespace.
///
/// # Errors
/// When the API server refuses it, or the account does not come within 30 seconds.
pub async fn create_namespace(client: &Client, prefix: &str) -> Result<String> {
    let metadata = ObjectMeta { generate_name: Some(format!("{prefix}-")), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    let name = Api::all(client.clone()).create(&PostParams::default(), &namespace).await?.name_any();
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &name);
    let exists = await_condition(accounts, "default", |account: Option<&ServiceAccount>| account.is_some());
    tokio::time::timeout(Duration::from_secs(30), exists)
        .await
        .with_context(|| format!("namespace {name} had no account `default` within 30 s"))??;
    Ok(name)
}

/// Asks for the namespace's deletion and does not wait for it.
///
/// # Errors
/// When the API server refuses.
pub async fn delete_namespace(client: &Client, name: &str) -> Result<()> {
    Api::<Namespace>::all(client.clone()).delete(name, &DeleteParams::default()).await?;
    Ok(())
}

/// A client that acts as another user.
///
/// # Errors
/// When `KUBECONFIG` names no usable cluster.
pub async fn client_as(user: &str, groups: &[&str]) -> Result<Client> {
    let mut config = kube::Config::infer().await?;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(groups.iter().map(|&group| group.to_owned()).collect());
    Ok(Client::try_from(config)?)
}

/// What the server said, without how the client wraps it.
#[must_use]
pub fn said(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error { status.message.clone() } else { error.to_string() }
}

/// The objects of a file of this repository.
///
/// # Errors
/// When the file cannot be read or is no YAML.
pub fn read_yaml(path: &str) -> Result<Vec<serde_json::Value>> {
    let path = repository().join(path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let all: Vec<Option<serde_json::Value>> =
        serde_saphyr::from_multiple(&text).with_context(|| format!("{} is no YAML", path.display()))?;
    Ok(all.into_iter().flatten().collect())
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}
