//! One look for one `leftovers` check: every object that it names, by UID, all or nothing.

use std::time::Duration;

use kube::{
    Api, Client, ResourceExt as _,
    api::{DynamicObject, ListParams},
    core::PartialObjectMeta,
};
use tokio::time::timeout;

use super::{
    page::{Listed, Object, Resource, Scope},
    round::api_resource,
};

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(20);
/// Objects of one answer of the API server.
const PAGE: u32 = 500;
/// The most objects of one check: what is compared must fit into one answer.
const MOST: usize = 10_000;

/// Lists for one check.
pub(super) async fn list(client: &Client, scope: &Scope) -> Listed {
    let looked = timeout(LOOK, all(client, scope)).await;
    let result = looked.unwrap_or_else(|_| Err(format!("the look did not end within {} s", LOOK.as_secs())));
    Listed { check: scope.check.clone(), result }
}

async fn all(client: &Client, scope: &Scope) -> Result<Vec<Object>, String> {
    let mut found = Vec::new();
    for resource in &scope.resources {
        for namespace in &scope.namespaces {
            let api = Api::namespaced_with(client.clone(), namespace, &api_resource(resource));
            let what = format!("list {} in namespace {namespace}", resource.name());
            pages(&api, resource, scope, &what, &mut found).await?;
        }
    }
    for resource in &scope.cluster_resources {
        let api = Api::all_with(client.clone(), &api_resource(resource));
        pages(&api, resource, scope, &format!("list {}", resource.name()), &mut found).await?;
    }
    Ok(found)
}

async fn pages(
    api: &Api<DynamicObject>,
    resource: &Resource,
    scope: &Scope,
    what: &str,
    found: &mut Vec<Object>,
) -> Result<(), String> {
    let mut params = ListParams::default().limit(PAGE);
    if !scope.selector.is_empty() {
        params = params.labels(&scope.selector);
    }
    loop {
        let page = api.list_metadata(&params).await.map_err(|e| format!("cannot {what}: {e}"))?;
        found.extend(page.items.iter().map(|object| entry(&resource.name(), object)));
        if found.len() > MOST {
            return Err(format!("cannot {what}: more than {MOST} objects; narrow the selector"));
        }
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            Some(_) | None => return Ok(()),
        }
    }
}

fn entry(resource: &str, object: &PartialObjectMeta<DynamicObject>) -> Object {
    let deleted = object.metadata.deletion_timestamp.is_some();
    Object {
        resource: resource.to_owned(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        waiting_for: if deleted { object.finalizers().join(" ") } else { String::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_finalizers_says_so() {
        let object = |deleted: bool| -> PartialObjectMeta<DynamicObject> {
            let mut json = serde_json::json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "n", "uid": "u", "finalizers": ["a/b", "c/d"]}});
            if deleted {
                json["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            serde_json::from_value(json).unwrap()
        };
        assert_eq!(entry("namespaces", &object(true)).waiting_for, "a/b c/d");
        let lives = entry("namespaces", &object(false));
        assert_eq!((lives.waiting_for.as_str(), lives.namespace.as_str(), lives.uid.as_str()), ("", "", "u"));
    }
}
