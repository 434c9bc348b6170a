//! What goes over the wire: preconditions, resourceVersions, no retried writes, no reads from a cache.
//!
//! The API server is a function here, so these hold without a cluster; that a real one honours them is shown by the end-to-end tests.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{Api, Client, api::ListParams, client::Body};
use seaworthy_operator::client::{create, delete_uid, get_live, list_live, patch_if, patch_uid, replace};
use serde_json::{Value, json};

/// One request: method, path with query, body.
type Calls = Arc<Mutex<Vec<(String, String, Value)>>>;

/// A client whose requests are noted and answered with this status and object.
fn server(status: StatusCode, answer: &Value) -> (Client, Calls) {
    let calls = Calls::default();
    let (noted, answer) = (Arc::clone(&calls), answer.to_string());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (noted, answer) = (Arc::clone(&noted), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            noted.lock().unwrap().push((head.method.to_string(), head.uri.to_string(), body));
            Response::builder().status(status).body(Body::from(answer.into_bytes())).map_err(kube::Error::HttpError)
        }
    });
    (Client::new(service, "ns"), calls)
}

fn job() -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j", "namespace": "ns", "uid": "u", "resourceVersion": "7"}})
}

fn failure(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "InternalError", "code": code})
}

fn only(calls: &Calls) -> (String, String, Value) {
    let calls = calls.lock().unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls[0].clone()
}

#[tokio::test]
async fn a_delete_names_the_uid_and_takes_pods_first() {
    let (client, calls) = server(StatusCode::OK, &job());
    delete_uid(&Api::<Job>::namespaced(client, "ns"), "j", "u").await.unwrap();
    let (method, _, body) = only(&calls);
    assert_eq!(method, "DELETE");
    assert_eq!(body["preconditions"]["uid"], "u");
    assert_eq!(body["propagationPolicy"], "Foreground");
}

#[tokio::test]
async fn a_conditional_patch_names_uid_and_resource_version() {
    let (client, calls) = server(StatusCode::OK, &job());
    let api: Api<Job> = Api::namespaced(client, "ns");
    patch_if(&api, "j", "u", "7", json!({"spec": {"suspend": false}})).await.unwrap();
    let (method, _, body) = only(&calls);
    assert_eq!(method, "PATCH");
    assert_eq!(body, json!({"metadata": {"uid": "u", "resourceVersion": "7"}, "spec": {"suspend": false}}));
}

#[tokio::test]
async fn a_patch_names_the_uid() {
    let (client, calls) = server(StatusCode::OK, &job());
    patch_uid(&Api::<Job>::namespaced(client, "ns"), "j", "u", json!({"spec": {"abort": true}})).await.unwrap();
    assert_eq!(only(&calls).2["metadata"]["uid"], "u");
}

#[tokio::test]
async fn a_create_is_never_tried_again() {
    for code in [500, 503, 504] {
        let (client, calls) = server(StatusCode::from_u16(code).unwrap(), &failure(code));
        let wanted: Job = serde_json::from_value(job()).unwrap();
        assert!(create(&Api::<Job>::namespaced(client, "ns"), &wanted).await.is_err());
        assert_eq!(only(&calls).0, "POST");
    }
}

#[tokio::test]
async fn reads_are_answered_by_the_store_and_not_by_a_cache() {
    let (client, calls) = server(StatusCode::OK, &job());
    get_live(&Api::<Job>::namespaced(client, "ns"), "j").await.unwrap();
    assert!(!only(&calls).1.contains("resourceVersion"));
    let empty = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []});
    let (client, calls) = server(StatusCode::OK, &empty);
    let api: Api<Pod> = Api::namespaced(client, "ns");
    list_live(&api, &ListParams::default().labels("controller-uid=u")).await.unwrap();
    let (_, path, _) = only(&calls);
    assert!(!path.contains("resourceVersion") && path.contains("limit="), "{path}");
}

#[tokio::test]
async fn no_request_is_made_of_a_name_that_is_none() {
    for wrong in ["", ".", "..", "../../secrets/s", "j/status", "j?dryRun=All", "j#", "j%2f..", "J", "-j", "j j", "jö"]
    {
        let (client, calls) = server(StatusCode::OK, &job());
        let here: Api<Job> = Api::namespaced(client.clone(), "ns");
        let there: Api<Job> = Api::namespaced(client, if wrong.is_empty() { "n/s" } else { wrong });
        let named: Job = serde_json::from_value(json!({"metadata": {"name": wrong}})).unwrap();
        let refused = [
            get_live(&here, wrong).await.map(drop),
            delete_uid(&here, wrong, "u").await,
            patch_uid(&here, wrong, "u", json!({})).await.map(drop),
            replace(&here, &named).await.map(drop),
            get_live(&there, "j").await.map(drop),
            list_live(&there, &ListParams::default()).await.map(drop),
            create(&there, &named).await,
        ];
        for (number, answer) in refused.into_iter().enumerate() {
            let said = answer.expect_err(&format!("call {number} with {wrong:?}")).to_string();
            assert!(said.starts_with("Job ") && said.contains("is no name"), "{said}");
        }
        assert!(calls.lock().unwrap().is_empty(), "{wrong:?}: {calls:?}");
    }
}
