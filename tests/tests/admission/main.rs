//! The admission policies on the real API server: two users try the same, one is denied with a message that helps.
//!
//! The policies are those of `config/admission`, bound to namespaces of this test alone, so that nothing else on the cluster notices them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use seaworthy_tests::api;
use serde_json::{Value, json};

mod approvals;
mod authors;
mod owned;

/// The account that the policies know as the operator's.
const OPERATOR: &str = "system:serviceaccount:seaworthy-system:seaworthy-operator";

/// How long a policy or a controller may take to act.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace in which the policies hold, and another one.
struct World {
    admin: Client,
    namespace: String,
    other: String,
}

impl World {
    async fn new() -> Result<Self> {
        let admin = api::client().await?;
        api::install_definitions(&admin).await?;
        let namespace = api::create_namespace(&admin, "admission").await?;
        let other = api::create_namespace(&admin, "admission-other").await?;
        let world = Self { admin, namespace, other };
        for file in ["authors", "approvals", "owned", "pods"] {
            for mut object in api::read_yaml(&format!("config/admission/{file}.yaml"))? {
                let name = format!("{}-{file}", world.namespace);
                object["metadata"]["name"] = json!(name);
                if object["kind"] == "ValidatingAdmissionPolicyBinding" {
                    object["spec"]["policyName"] = json!(name);
                    let only = json!({"matchLabels": {"kubernetes.io/metadata.name": world.namespace}});
                    object["spec"]["matchResources"] = json!({"namespaceSelector": only});
                }
                world.admin(&object).create(&PostParams::default(), &serde_json::from_value(object.clone())?).await?;
            }
        }
        Ok(world)
    }

    /// Gives a user rights in the namespace: groups, resources, verbs. Returns when they are in force.
    async fn allow(&self, user: &str, namespace: &str, rights: &[(&str, &str, &[&str])]) -> Result<()> {
        let rules: Value = rights
            .iter()
            .map(|(group, resource, verbs)| json!({"apiGroups": [group], "resources": [resource], "verbs": verbs}))
            .collect();
        let metadata = json!({"generateName": "allow-", "namespace": namespace});
        let role =
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata, "rules": rules});
        let role = self.admin(&role).create(&PostParams::default(), &serde_json::from_value(role.clone())?).await?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role.metadata.name},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}],
        });
        self.admin(&binding).create(&PostParams::default(), &serde_json::from_value(binding.clone())?).await?;
        for (group, resource, verbs) in rights {
            for verb in *verbs {
                let asked = json!({"namespace": namespace, "group": group, "resource": resource, "verb": verb});
                self.in_force(user, &asked).await?;
            }
        }
        Ok(())
    }

    /// Returns when the user has the right that these resource attributes name: the API server learns of a role by a watch, as everybody does.
    async fn in_force(&self, user: &str, asked: &Value) -> Result<()> {
        let spec = json!({"user": user, "groups": ["system:authenticated"], "resourceAttributes": asked});
        let review: SubjectAccessReview = serde_json::from_value(json!({"metadata": {}, "spec": spec}))?;
        let reviews: Api<SubjectAccessReview> = Api::all(self.admin.clone());
        let started = Instant::now();
        while !reviews.create(&PostParams::default(), &review).await?.status.is_some_and(|status| status.allowed) {
            if started.elapsed() > PATIENCE {
                bail!("{user} has not got the right {asked} after {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// The administrator's way to objects like this one.
    fn admin(&self, object: &Value) -> Api<DynamicObject> {
        self.api(self.admin.clone(), object)
    }

    fn api(&self, client: Client, object: &Value) -> Api<DynamicObject> {
        let (group, version) = match object["apiVersion"].as_str().unwrap_or_default().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", "v1"),
        };
        let kind = object["kind"].as_str().unwrap_or_default();
        let mut resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if kind.starts_with("ValidatingAdmissionPolic") {
            resource.plural =
                kind.to_ascii_lowercase().replace("policy", "policies").replace("policiesbinding", "policybindings");
            return Api::all_with(client, &resource);
        }
        Api::namespaced_with(client, object["metadata"]["namespace"].as_str().unwrap_or(&self.namespace), &resource)
    }

    /// Really creates an object, as the administrator or the given user.
    async fn create(&self, user: Option<&str>, object: &Value) -> Result<DynamicObject> {
        let client = match user {
            Some(user) => api::client_as(user, &["system:authenticated"]).await?,
            None => self.admin.clone(),
        };
        let created =
            self.api(client, object).create(&PostParams::default(), &serde_json::from_value(object.clone())?).await;
        created.with_context(|| format!("create {object}"))
    }

    /// Deletes the policies and asks for the deletion of the namespaces; returns when they are gone.
    async fn end(self) -> Result<()> {
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(self.admin.clone());
        for name in [&self.namespace, &self.other] {
            api::delete_namespace(&self.admin, name).await?;
        }
        // With the policies in force: they must not keep the control plane from its work.
        let started = Instant::now();
        while namespaces.get_opt(&self.namespace).await?.is_some() {
            if started.elapsed() > PATIENCE {
                bail!("namespace {} is not gone after {PATIENCE:?}", self.namespace);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
            let api = self.admin(&json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind}));
            for file in ["authors", "approvals", "owned", "pods"] {
                api.delete(&format!("{}-{file}", self.namespace), &DeleteParams::default()).await?;
            }
        }
        Ok(())
    }
}

/// Something that a user tries; always a dry run.
enum Try<'a> {
    Create(&'a Value),
    /// A merge patch of the object of that kind and name.
    Change(&'a Value, &'a str, Value),
    Delete(&'a Value, &'a str, DeleteParams),
}

impl World {
    async fn attempt(&self, user: Option<(&str, &[&str])>, what: &Try<'_>) -> Result<Result<(), String>> {
        let client = match user {
            Some((user, groups)) => api::client_as(user, groups).await?,
            None => self.admin.clone(),
        };
        let done = match what {
            Try::Create(object) => {
                let parameters = PostParams { dry_run: true, ..PostParams::default() };
                let object_to_create = serde_json::from_value(Value::clone(object))?;
                self.api(client, object).create(&parameters, &object_to_create).await.map(drop)
            }
            Try::Change(object, name, merge) => {
                let parameters = PatchParams { dry_run: true, ..PatchParams::default() };
                self.api(client, object).patch(name, &parameters, &Patch::Merge(merge)).await.map(drop)
            }
            Try::Delete(object, name, parameters) => self
                .api(client, object)
                .delete(name, &DeleteParams { dry_run: true, ..parameters.clone() })
                .await
                .map(drop),
        };
        Ok(done.map_err(|error| api::said(&error)))
    }

    /// Denied by a policy, with all of these in the message. Policies take a moment until they are in force.
    async fn denied(&self, user: Option<&str>, what: Try<'_>, says: &[&str]) -> Result<()> {
        let started = Instant::now();
        loop {
            match self.attempt(user.map(|user| (user, ["system:authenticated"].as_slice())), &what).await? {
                Err(message) => {
                    let lacks = says.iter().find(|part| !message.contains(**part));
                    return lacks.map_or(Ok(()), |part| bail!("the message lacks {part:?}: {message}"));
                }
                Ok(()) if started.elapsed() > PATIENCE => bail!("{user:?} was not denied, which should say {says:?}"),
                Ok(()) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn allowed(&self, user: Option<&str>, what: Try<'_>) -> Result<()> {
        match self.attempt(user.map(|user| (user, ["system:authenticated"].as_slice())), &what).await? {
            Ok(()) => Ok(()),
            Err(message) => bail!("{user:?} was denied: {message}"),
        }
    }
}
