//! An API server that answers as a test tells it to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What one request gets.
pub(in crate::sampler) enum Answer {
    /// An object or a list.
    Object(Value),
    /// There is no such thing.
    Absent,
    /// Nothing, for ever.
    Silence,
    /// A watch in which nothing happens.
    Quiet,
    /// A watch that tells this once the notice comes, and then nothing.
    Tells(Arc<Notify>, Value),
    /// A watch that breaks once the notice comes.
    Breaks(Arc<Notify>),
}

/// A client of the server, and the requests so far: path and query.
pub(in crate::sampler) fn server(
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> (Client, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (answer, all) = (Arc::new(answer), Arc::clone(&asked));
    let service = tower::service_fn(move |request: Request<Body>| {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        all.lock().unwrap().push(path.clone());
        let answer = answer(&path);
        async move {
            let (code, body) = match answer {
                Answer::Object(object) => (200, whole(&object)),
                Answer::Absent => {
                    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                        "reason": "NotFound", "message": "not found"});
                    (404, whole(&status))
                }
                Answer::Silence => std::future::pending().await,
                Answer::Quiet => (200, watching(futures::stream::pending())),
                Answer::Tells(notice, event) => (200, watching(told(notice, Ok(event)))),
                Answer::Breaks(notice) => (200, watching(told(notice, Err(std::io::ErrorKind::ConnectionReset)))),
            };
            Response::builder().status(code).body(body).map_err(kube::Error::HttpError)
        }
    });
    (Client::new(service, "n"), asked)
}

type Answered = UnsyncBoxBody<Bytes, std::io::Error>;
type Told = Result<Value, std::io::ErrorKind>;

fn told(notice: Arc<Notify>, what: Told) -> impl futures::Stream<Item = Told> + Send + 'static {
    let told = futures::stream::once(async move {
        notice.notified().await;
        what
    });
    told.chain(futures::stream::pending())
}

fn whole(object: &Value) -> Answered {
    Full::new(Bytes::from(object.to_string())).map_err(|never| match never {}).boxed_unsync()
}

fn watching(events: impl futures::Stream<Item = Told> + Send + 'static) -> Answered {
    let frame = |told: Told| match told {
        Ok(event) => Ok(Frame::data(Bytes::from(format!("{event}\n")))),
        Err(kind) => Err(std::io::Error::from(kind)),
    };
    StreamBody::new(events.map(frame)).boxed_unsync()
}

/// A list of these.
pub(in crate::sampler) fn list(kind: &str, items: &[Value]) -> Answer {
    let kind = format!("{kind}List");
    Answer::Object(json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}))
}

/// A pod of this name with this more in it.
pub(in crate::sampler) fn pod(name: &str, more: &Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": "8"},
        "spec": {"containers": [{"name": "c", "image": "i"}]}});
    merge(&mut pod, more);
    pod
}

fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}
