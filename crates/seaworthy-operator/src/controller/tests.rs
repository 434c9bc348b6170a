//! What a status write carries.

use std::sync::{Arc, Mutex};

use clap::Parser as _;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::*;
use crate::{Config, kinds::release::ReleaseKind, metrics::Metrics};

fn release() -> Value {
    json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release",
        "metadata": {"name": "r", "namespace": "ns", "uid": "u", "resourceVersion": "7"},
        "spec": {"planRef": {"name": "p"}, "revision": "4f2c0d7b1e6a9c3f5d8b2a4e6c1f3b5d7a9e0c2b"},
    })
}

#[tokio::test]
async fn a_status_is_put_whole_under_the_resource_version_that_was_read() {
    let noted: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let calls = Arc::clone(&noted);
    let service = tower::service_fn(move |request: Request<Body>| {
        let calls = Arc::clone(&calls);
        async move {
            let (head, body) = request.into_parts();
            let body = serde_json::from_slice(&body.collect().await?.to_bytes()).unwrap_or(Value::Null);
            calls.lock().unwrap().push((format!("{} {}", head.method, head.uri.path()), body));
            Response::builder().body(Body::from(release().to_string().into_bytes())).map_err(kube::Error::HttpError)
        }
    });
    let client = Client::new(service, "ns");
    let ctx = Context::new(client.clone(), Config::parse_from(["test"]), Metrics::default());
    let object = serde_json::from_value(release()).unwrap();
    let status = seaworthy_core::release::ReleaseStatus { version: "1.4.0".into(), ..Default::default() };
    record::<ReleaseKind>(&ctx, &Api::namespaced(client, "ns"), object, status).await.unwrap();
    let calls = noted.lock().unwrap();
    let [(call, body)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call, "PUT /apis/seaworthy.dev/v1alpha1/namespaces/ns/releases/r/status");
    assert_eq!(body["metadata"]["resourceVersion"], "7");
    assert_eq!(body["status"]["version"], "1.4.0");
}
