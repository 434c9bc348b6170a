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
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    /// A client of a server that has these lists, by path and query, and the requests so far.
    fn server(lists: Vec<(&'static str, Value)>) -> (Client, Arc<Mutex<Vec<String>>>) {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let asked = request.uri().to_string();
            let list = lists.iter().find(|(path, _)| *path == asked).map(|(_, list)| list.to_string());
            noted.lock().unwrap().push(asked);
            async move {
                let forbidden =
                    r#"{"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "no", "code": 403}"#;
                let (code, body) = list.map_or_else(|| (403, forbidden.to_owned()), |list| (200, list));
                Response::builder().status(code).body(Body::from(body.into_bytes())).map_err(kube::Error::HttpError)
            }
        });
        (Client::new(service, "not-asked-for"), asked)
    }

    /// A list of objects, each `namespace/name` or a name alone, with more to come under this token.
    fn objects(token: &str, objects: &[&str]) -> Value {
        let item = |object: &&str| {
            let (namespace, name) = object.split_once('/').unzip();
            let metadata =
                json!({"namespace": namespace, "name": name.unwrap_or(object), "uid": format!("uid of {object}")});
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata})
        };
        let items: Vec<Value> = objects.iter().map(item).collect();
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {"continue": token}, "items": items})
    }

    fn resource(name: &str) -> Resource {
        let (resource, group) = name.split_once('.').unwrap_or((name, ""));
        Resource { group: group.into(), version: "v1".into(), resource: resource.into() }
    }

    fn scope(resources: &[&str], cluster_resources: &[&str], selector: &str) -> Scope {
        let all = |names: &[&str]| names.iter().map(|name| resource(name)).collect();
        Scope {
            check: "gone".into(),
            resources: all(resources),
            namespaces: vec!["a".into(), "b".into()],
            cluster_resources: all(cluster_resources),
            selector: selector.into(),
        }
    }

    #[tokio::test]
    async fn leases_are_listed_as_any_resource_and_cluster_resources_outside_of_namespaces() {
        let lists = vec![
            ("/api/v1/namespaces/a/pods?&limit=500", objects("", &["a/p"])),
            ("/api/v1/namespaces/b/pods?&limit=500", objects("", &[])),
            ("/apis/coordination.k8s.io/v1/namespaces/a/leases?&limit=500", objects("", &["a/lock", "a/turn"])),
            ("/apis/coordination.k8s.io/v1/namespaces/b/leases?&limit=500", objects("", &["b/lock"])),
            ("/api/v1/namespaces?&limit=500", objects("", &["a", "made"])),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles?&limit=500", objects("more", &["first"])),
            ("/apis/rbac.authorization.k8s.io/v1/clusterroles?&limit=500&continue=more", objects("", &["second"])),
        ];
        let wanted: Vec<&str> = lists.iter().map(|(path, _)| *path).collect();
        let (client, asked) = server(lists.clone());
        let scope = scope(
            &["pods", "leases.coordination.k8s.io"],
            &["namespaces", "clusterroles.rbac.authorization.k8s.io"],
            "",
        );
        let listed = list(&client, &scope).await;
        assert_eq!(*asked.lock().unwrap(), wanted);
        assert_eq!(listed.check, "gone");
        let found = listed.result.unwrap();
        let seen: Vec<_> = found.iter().map(|o| (&*o.resource, &*o.namespace, &*o.name, &*o.uid)).collect();
        let (leases, roles) = ("leases.coordination.k8s.io", "clusterroles.rbac.authorization.k8s.io");
        let all = [
            ("pods", "a", "p", "uid of a/p"),
            (leases, "a", "lock", "uid of a/lock"),
            (leases, "a", "turn", "uid of a/turn"),
            (leases, "b", "lock", "uid of b/lock"),
            ("namespaces", "", "a", "uid of a"),
            ("namespaces", "", "made", "uid of made"),
            (roles, "", "first", "uid of first"),
            (roles, "", "second", "uid of second"),
        ];
        assert_eq!(seen, all);
        // All or nothing.
        for (missing, what) in [
            (wanted[3], "cannot list leases.coordination.k8s.io in namespace b: "),
            (wanted[6], "cannot list clusterroles.rbac.authorization.k8s.io: "),
        ] {
            let (client, _) = server(lists.iter().filter(|(path, _)| *path != missing).cloned().collect());
            let error = list(&client, &scope).await.result.unwrap_err();
            assert!(error.starts_with(what), "{error}");
        }
    }

    #[tokio::test]
    async fn a_selector_holds_for_cluster_resources_too() {
        let (client, asked) = server(Vec::new());
        for scope in [scope(&["leases.coordination.k8s.io"], &[], "app=x"), scope(&[], &["namespaces"], "app=x")] {
            list(&client, &scope).await.result.unwrap_err();
        }
        let asked = asked.lock().unwrap();
        let paths = ["/apis/coordination.k8s.io/v1/namespaces/a/leases?", "/api/v1/namespaces?"];
        assert_eq!(asked.len(), paths.len(), "{asked:?}");
        for (asked, path) in asked.iter().zip(paths) {
            assert!(asked.starts_with(path) && asked.contains("&labelSelector=app%3Dx"), "{asked}");
        }
    }

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
