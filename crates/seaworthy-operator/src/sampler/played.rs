//! An API server in memory: ConfigMaps with UIDs, versions, preconditions and lists in pages; of anything else there is nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt as _;
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Client, client::Body};
use seaworthy_soak::segment::Object;
use serde_json::{Value, json};

use super::evidence::{Store, object};

/// Whether a write is refused.
pub(super) type Refuses = Box<dyn FnMut(&Method, &str) -> bool + Send>;

/// What it holds.
#[derive(Default)]
pub(super) struct Played {
    maps: BTreeMap<String, Value>,
    version: u64,
    /// How many lists were begun.
    pub(super) listed: usize,
    /// What is left of them.
    lists: BTreeMap<String, Vec<Value>>,
    /// Which writes are answered with 500 and not done, by method and name.
    pub(super) refuses: Option<Refuses>,
    /// Which writes are done and answered with 504, by method and name.
    pub(super) loses: Option<Refuses>,
    /// Called before the next write.
    pub(super) before_write: Option<Box<dyn FnOnce() + Send>>,
    /// The writes that were done: method and name.
    pub(super) done: Vec<(Method, String)>,
    /// Objects that are there beside the ConfigMaps, by path.
    pub(super) others: BTreeMap<String, Value>,
}

/// A client whose requests become of `answer`; an error is an answer that was lost.
pub(super) fn client<F, R>(answer: F) -> Client
where
    F: Fn(Method, Uri, Value) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(u16, Value), String>> + Send,
{
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = serde_json::from_slice(&body.collect().await?.to_bytes()).unwrap_or(Value::Null);
            let (code, said) = answer(head.method, head.uri, body).await.map_err(std::io::Error::other)?;
            let said = Body::from(said.to_string().into_bytes());
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Response::builder().status(code).body(said)?)
        }
    });
    Client::new(service, "n")
}

/// One that answers at once.
pub(super) fn at_once(server: &Arc<Mutex<Played>>) -> Client {
    let server = Arc::clone(server);
    client(move |method, uri, body| {
        if method != Method::GET {
            let hook = server.lock().unwrap().before_write.take();
            if let Some(hook) = hook {
                hook();
            }
        }
        let answer = server.lock().unwrap().answer(&method, &uri, body);
        async move { Ok(answer) }
    })
}

/// The evidence of the SoakTest `soak`.
pub(super) fn store(client: Client) -> Store {
    let owner =
        OwnerReference { name: "soak".into(), uid: "uid".into(), controller: Some(true), ..OwnerReference::default() };
    Store::new(client, "n", owner)
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code}),
    )
}

impl Played {
    /// What is stored.
    pub(super) fn objects(&self) -> Vec<Object> {
        let map = |map: &Value| serde_json::from_value::<ConfigMap>(map.clone()).unwrap();
        self.maps.values().map(map).map(|map| object(&map)).collect()
    }

    /// Somebody takes an object away.
    pub(super) fn remove(&mut self, name: &str) -> Value {
        self.maps.remove(name).unwrap()
    }

    /// Somebody puts an object there.
    pub(super) fn put(&mut self, name: &str, map: Value) {
        let map = self.stamped(map);
        self.maps.insert(name.to_owned(), map);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.maps.get(name)
    }

    fn stamped(&mut self, mut map: Value) -> Value {
        self.version += 1;
        map["metadata"]["resourceVersion"] = json!(self.version.to_string());
        map
    }

    /// Does what is asked.
    pub(super) fn answer(&mut self, method: &Method, uri: &Uri, body: Value) -> (u16, Value) {
        if let Some(other) = self.others.get(uri.path()) {
            return (200, other.clone());
        }
        let Some(rest) = uri.path().strip_prefix("/api/v1/namespaces/n/configmaps") else {
            return failure(404, "NotFound");
        };
        let name = rest.trim_start_matches('/').to_owned();
        if method != Method::GET {
            let name = body["metadata"]["name"].as_str().unwrap_or(&name).to_owned();
            if self.refuses.as_mut().is_some_and(|refuses| refuses(method, &name)) {
                return failure(500, "InternalError");
            }
            let lost = self.loses.as_mut().is_some_and(|loses| loses(method, &name));
            self.done.push((method.clone(), name.clone()));
            let answer = match *method {
                Method::POST => self.created(body),
                Method::PUT => self.replaced(&name, body),
                _ => self.deleted(&name, &body),
            };
            return if lost { failure(504, "Timeout") } else { answer };
        }
        match *method {
            _ if name.is_empty() => (200, self.list(uri.query().unwrap_or_default())),
            _ => self.maps.get(&name).map_or_else(|| failure(404, "NotFound"), |map| (200, map.clone())),
        }
    }

    fn created(&mut self, map: Value) -> (u16, Value) {
        let name = map["metadata"]["name"].as_str().unwrap().to_owned();
        if self.maps.contains_key(&name) {
            return failure(409, "AlreadyExists");
        }
        let mut map = self.stamped(map);
        map["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        self.maps.insert(name, map.clone());
        (201, map)
    }

    fn replaced(&mut self, name: &str, mut map: Value) -> (u16, Value) {
        let Some(known) = self.maps.get(name).cloned() else { return failure(404, "NotFound") };
        if map["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"] {
            return failure(409, "Conflict");
        }
        map["metadata"]["uid"] = known["metadata"]["uid"].clone();
        if map == known {
            return (200, known);
        }
        let map = self.stamped(map);
        self.maps.insert(name.to_owned(), map.clone());
        (200, map)
    }

    fn deleted(&mut self, name: &str, body: &Value) -> (u16, Value) {
        let Some(known) = self.maps.get(name) else { return failure(404, "NotFound") };
        if body["preconditions"]["uid"] != known["metadata"]["uid"] {
            return failure(409, "Conflict");
        }
        self.maps.remove(name);
        (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    /// Pages of one moment.
    fn list(&mut self, query: &str) -> Value {
        let asked = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        let limit = asked("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let mut items = if let Some(token) = asked("continue") {
            self.lists.remove(token).unwrap()
        } else {
            self.listed += 1;
            self.maps.values().cloned().collect()
        };
        let rest = items.split_off(limit.min(items.len()));
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if !rest.is_empty() {
            let token = format!("token-{}-{}", self.version, rest.len());
            metadata["continue"] = json!(token);
            self.lists.insert(token, rest);
        }
        json!({"kind": "ConfigMapList", "apiVersion": "v1", "metadata": metadata, "items": items})
    }
}
