//! Ground for a test: a namespace of its own on the real cluster, and waits with a deadline that say what they saw.

use std::{fmt::Debug, process::Command, time::Duration};

use anyhow::{Context as _, Result, anyhow, ensure};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        batch::v1::Job,
        core::v1::{ObjectReference, ServiceAccount},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use seaworthy_api::core::condition::{self, Condition};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::api;

/// How long anything may take on a busy machine before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// What a test stands on.
#[derive(Clone)]
pub struct Ground {
    /// The API server, as its administrator.
    pub client: Client,
    /// A namespace of the test's own.
    pub namespace: String,
}

impl Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ground").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Ground {
    /// A namespace whose name begins with `prefix`.
    ///
    /// # Errors
    /// When there is no cluster; the message says how to get one.
    pub async fn new(prefix: &str) -> Result<Self> {
        let client = api::client().await?;
        let namespace = api::create_namespace(&client, prefix).await?;
        Ok(Self { client, namespace })
    }

    /// The test is over and went well; what failed stays for people to look at until the cluster goes.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn done(self) -> Result<()> {
        api::delete_namespace(&self.client, &self.namespace).await
    }

    /// Objects of a kind in the test's namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates an object from JSON, as a person would with kubectl.
    ///
    /// # Errors
    /// The API server's refusal.
    pub async fn create<K>(&self, object: Value) -> Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
    {
        let mut object = object;
        object["apiVersion"] = json!(K::api_version(&()));
        object["kind"] = json!(K::kind(&()));
        let object: K = serde_json::from_value(object)?;
        Ok(self.api::<K>().create(&PostParams::default(), &object).await?)
    }

    /// Merges a patch into an object.
    ///
    /// # Errors
    /// The API server's refusal.
    pub async fn patch<K>(&self, name: &str, patch: Value) -> Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        Ok(self.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Makes a service account.
    ///
    /// # Errors
    /// The API server's refusal.
    pub async fn account(&self, name: &str) -> Result<ObjectReference> {
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let account = ServiceAccount { metadata, ..ServiceAccount::default() };
        self.api::<ServiceAccount>().create(&PostParams::default(), &account).await?;
        Ok(ObjectReference { name: Some(name.to_owned()), ..ObjectReference::default() })
    }

    /// Waits until `holds` says yes of the object.
    ///
    /// # Errors
    /// After [`PATIENCE`], with the object as it was then.
    pub async fn until<K>(&self, name: &str, what: &str, holds: impl Fn(&K) -> bool) -> Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize
            + Send
            + 'static,
    {
        let api = self.api::<K>();
        let condition = |object: Option<&K>| object.is_some_and(&holds);
        if let Ok(found) = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition)).await {
            return found?.context("it held, and then the object was gone");
        }
        let last = api.get_opt(name).await?;
        let shown = serde_json::to_string_pretty(
            &last.map(|o| serde_json::to_value(o).map(|v| v["status"].clone())).transpose()?,
        )?;
        Err(anyhow!(
            "{} {}/{name}: {what} did not come true in {PATIENCE:?}; its status:\n{shown}",
            K::kind(&()),
            self.namespace
        ))
    }

    /// Waits until the object is gone.
    ///
    /// # Errors
    /// After [`PATIENCE`].
    pub async fn until_gone<K>(&self, name: &str) -> Result<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + 'static,
    {
        let gone = await_condition(self.api::<K>(), name, |object: Option<&K>| object.is_none());
        tokio::time::timeout(PATIENCE, gone)
            .await
            .with_context(|| format!("{} {}/{name} was not gone in {PATIENCE:?}", K::kind(&()), self.namespace))??;
        Ok(())
    }

    /// Waits until the Job's pod runs.
    ///
    /// # Errors
    /// After [`PATIENCE`].
    pub async fn until_runs(&self, job: &str) -> Result<Job> {
        self.until::<Job>(job, "a running pod", |j| j.status.as_ref().is_some_and(|s| s.ready == Some(1))).await
    }

    /// Lets a task that is [`HELD`] go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn let_go(&self, job: &str) -> Result<()> {
        let job = format!("job/{job}");
        let done = Command::new(variable("SEAWORTHY_TEST_KUBECTL")?)
            .args(["--namespace", &self.namespace, "exec", "--quiet", &job, "--", "touch", "/tmp/go"])
            .output()?;
        ensure!(done.status.success(), "{job}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    /// The names of the Jobs of an owner, in order.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn jobs_of(&self, owner: &str) -> Result<Vec<String>> {
        let params = ListParams::default().labels(&format!("{}={owner}", seaworthy_api::labels::OWNER));
        let mut names: Vec<String> = self.api::<Job>().list(&params).await?.iter().map(ResourceExt::name_any).collect();
        names.sort();
        Ok(names)
    }
}

/// The image with a shell that tests' tasks run.
///
/// # Errors
/// When the variable is not set.
pub fn tools_image() -> Result<String> {
    variable("SEAWORTHY_TEST_TOOLS_IMAGE")
}

/// A variable that `cargo xtask test` sets.
///
/// # Errors
/// When it is not set.
pub fn variable(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| anyhow!("{name} is not set: run the end-to-end tests with `cargo xtask test`"))
}

/// A task that runs a line of shell.
///
/// # Errors
/// When there is no image for it.
pub fn sh(line: &str) -> Result<Value> {
    Ok(json!({"image": tools_image()?, "command": ["sh", "-c", line], "timeout": "60s"}))
}

/// A line of shell that goes on only after [`Ground::let_go`].
pub const HELD: &str = "until test -e /tmp/go; do sleep 0.1; done";

/// Whether a condition of that type is True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    condition::is_true(conditions, type_)
}
