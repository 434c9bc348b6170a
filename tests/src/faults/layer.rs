//! The layer between the operator's client and the API server: it breaks calls as a [`Plan`] says, and keeps a record of every call.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _};
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use seaworthy_core::time::Timestamp;
use serde_json::{Value, json};
use tower::{BoxError, Layer, Service};

use super::plan::{Call, Fault, Plan, Verb};

/// An answer's body.
type Answered = UnsyncBoxBody<Bytes, BoxError>;

/// What became of a call.
#[derive(Debug, Clone)]
pub struct Record {
    /// The call.
    pub call: Call,
    /// The API server's code; 0 without an answer.
    pub code: u16,
    /// Of a write: whether the object's resourceVersion is another one than before, where both are known.
    pub changed: Option<bool>,
    /// When.
    pub at: Instant,
}

/// The faults of one run, over all lives of its operator.
pub struct Faults {
    plan: Plan,
    seen: Mutex<Seen>,
    /// What the operator's machine believes the time to be.
    wall: fn() -> Timestamp,
    /// By how many seconds the API server's clock is off.
    off: AtomicI64,
}

#[derive(Default)]
struct Seen {
    /// How often a read was asked, how often a write was carried out.
    counts: HashMap<(Verb, String), u32>,
    tries: HashMap<Call, u32>,
    records: Vec<Record>,
    done: Vec<(Call, Fault)>,
    lists: HashMap<Asked, Bytes>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl Faults {
    /// The faults of this plan, none of them done yet.
    pub fn new(plan: Plan) -> Arc<Self> {
        Self::on_a_machine_where_it_is(|| jiff::Timestamp::now().into(), plan)
    }

    /// As [`Faults::new`]; the operator's machine has a clock of its own.
    pub fn on_a_machine_where_it_is(wall: fn() -> Timestamp, plan: Plan) -> Arc<Self> {
        Arc::new(Self { plan, seen: Mutex::default(), wall, off: AtomicI64::default() })
    }

    /// What the operator's machine believes the time to be.
    pub fn wall(&self) -> fn() -> Timestamp {
        self.wall
    }

    /// From now on the API server says that it is so many seconds later.
    pub fn set_api_servers_clock(&self, off: i64) {
        self.off.store(off, Ordering::Release);
    }

    /// An answer's time, as the API server's clock has it.
    fn dated(&self, reply: &mut Response<Answered>) {
        let off = self.off.load(Ordering::Acquire);
        if off == 0 || !reply.headers().contains_key(header::DATE) {
            return;
        }
        let date = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(off));
        let text = date.ok().and_then(|date| {
            jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).ok()?.parse().ok()
        });
        if let Some(text) = text {
            reply.headers_mut().insert(header::DATE, text);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every call that got as far as the API server, or should have.
    pub fn records(&self) -> Vec<Record> {
        self.seen().records.clone()
    }

    /// The faults that were done.
    pub fn done(&self) -> Vec<(Call, Fault)> {
        self.seen().done.clone()
    }

    fn next(&self, verb: Verb, what: String) -> (Call, Option<Fault>) {
        let mut seen = self.seen();
        let count = seen.counts.entry((verb, what.clone())).or_default();
        if !verb.writes() {
            *count += 1;
        }
        let ordinal = *count + u32::from(verb.writes());
        let call = Call { verb, what, ordinal };
        let tried = seen.tries.entry(call.clone()).or_default();
        *tried += 1;
        let tried = *tried;
        let fault = self.plan.fault(&call, tried, &seen.done);
        if let Some(fault) = fault {
            seen.done.push((call.clone(), fault));
        }
        (call, fault)
    }

    fn record(&self, call: &Call, code: u16, changed: Option<bool>) {
        let mut seen = self.seen();
        if call.verb.writes() && reply_ok(code) {
            *seen.counts.entry((call.verb, call.what.clone())).or_default() += 1;
        }
        seen.records.push(Record { call: call.clone(), code, changed, at: Instant::now() });
    }
}

/// One life of the operator's process, as far as the API server can tell.
#[derive(Debug, Default)]
pub struct Life {
    over: AtomicBool,
    told: tokio::sync::Notify,
}

impl Life {
    /// It is over: nothing is sent any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
        self.told.notify_one();
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        self.told.notified().await;
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

/// Puts the faults between a client and the API server.
#[derive(Debug, Clone)]
pub struct FaultLayer {
    /// What is broken.
    pub faults: Arc<Faults>,
    /// The life that a fault may end.
    pub life: Arc<Life>,
}

impl<S> Layer<S> for FaultLayer {
    type Service = FaultService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        FaultService { inner, layer: self.clone() }
    }
}

/// See [`FaultLayer`].
#[derive(Debug)]
pub struct FaultService<S> {
    inner: S,
    layer: FaultLayer,
}

type Reply = Result<Response<Answered>, BoxError>;

impl<S, B> Service<Request<Body>> for FaultService<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Answered>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let FaultLayer { faults, life } = self.layer.clone();
        if life.is_over() {
            return Box::pin(std::future::pending());
        }
        let sent = Sent::of(&request);
        let (call, fault) = faults.next(sent.verb, sent.what.clone());
        // Nothing is sent before this future is polled.
        let answer = self.inner.call(request);
        let answer =
            async move { answer.await.map_err(Into::into).map(|r| r.map(|b| b.map_err(Into::into).boxed_unsync())) };
        Box::pin(async move {
            match fault {
                Some(Fault::DieBefore) => {
                    life.end();
                    std::future::pending::<()>().await;
                }
                Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
                Some(Fault::Refuse(code, after)) => {
                    faults.record(&call, code, None);
                    return refuse(code, after);
                }
                Some(Fault::RefuseLate(late, code)) => {
                    tokio::time::sleep(late).await;
                    faults.record(&call, code, None);
                    return refuse(code, None);
                }
                Some(Fault::Gone) => return gone(),
                _ => {}
            }
            let done = finish(&faults, &sent, &call, fault, answer.await).await;
            match fault {
                Some(Fault::DieAfter) => life.end(),
                Some(Fault::DropReply) => {
                    return Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the answer was lost").into());
                }
                _ => {}
            }
            // Whoever died meanwhile hears of nothing.
            if life.is_over() {
                std::future::pending().await
            } else {
                done.map(|mut reply| {
                    faults.dated(&mut reply);
                    reply
                })
            }
        })
    }
}

/// Keeps what is worth keeping of an answer, and changes it where a fault says so.
async fn finish(faults: &Faults, sent: &Sent, call: &Call, fault: Option<Fault>, reply: Reply) -> Reply {
    let reply = match reply {
        Ok(reply) => reply,
        Err(e) => {
            faults.record(call, 0, None);
            return Err(e);
        }
    };
    let code = reply.status().as_u16();
    if call.verb == Verb::Watch {
        faults.record(call, code, None);
        let Some(Fault::CutWatch(after)) = fault else { return Ok(reply) };
        return Ok(reply.map(|body| cut(body, after)));
    }
    let (parts, body) = reply.into_parts();
    let mut bytes = body.collect().await?.to_bytes();
    let changed = sent.version.as_ref().filter(|_| reply_ok(code)).and_then(|before| {
        let after: Value = serde_json::from_slice(&bytes).ok()?;
        Some(after["metadata"]["resourceVersion"].as_str()? != before)
    });
    faults.record(call, code, changed);
    // A list that somebody decides by is never old: the API server promises that. A watcher's may be.
    if call.verb == Verb::List && reply_ok(code) && !sent.live {
        let mut seen = faults.seen();
        if fault == Some(Fault::OldList) {
            bytes = seen.lists.get(&sent.asked).cloned().unwrap_or(bytes);
        } else {
            seen.lists.entry(sent.asked.clone()).or_insert_with(|| bytes.clone());
        }
    }
    let mut reply = Response::from_parts(parts, whole(bytes));
    reply.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(reply)
}

const fn reply_ok(code: u16) -> bool {
    code >= 200 && code < 300
}

fn whole(bytes: Bytes) -> Answered {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn cut(body: Answered, after: Duration) -> Answered {
    let frames = body.into_data_stream().map(|data| data.map(Frame::data));
    StreamBody::new(frames.take_until(Box::pin(tokio::time::sleep(after)))).boxed_unsync()
}

fn refuse(code: u16, after: Option<u32>) -> Reply {
    let reason = match code {
        403 => "Forbidden",
        409 => "Conflict",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "Unknown",
    };
    let details = after.map_or(json!({}), |seconds| json!({"retryAfterSeconds": seconds}));
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "a fault on purpose", "reason": reason, "details": details, "code": code});
    let reply = Response::builder().status(code).header(header::CONTENT_TYPE, "application/json");
    let reply = after.map_or_else(|| Response::builder().status(code), |s| reply.header(header::RETRY_AFTER, s));
    Ok(reply.body(whole(status.to_string().into()))?)
}

fn gone() -> Reply {
    let event = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: on purpose", "reason": "Expired", "code": 410}});
    Ok(Response::builder().status(200).body(whole(format!("{event}\n").into()))?)
}

/// Where somebody asked, and in which form: the same list is given whole to some, and as metadata alone to others.
type Asked = (String, Option<HeaderValue>);

/// What a request asks.
struct Sent {
    verb: Verb,
    what: String,
    asked: Asked,
    /// The resourceVersion that a write names as its condition.
    version: Option<String>,
    /// Whether it is a list that a decision relies on.
    live: bool,
}

impl Sent {
    fn of(request: &Request<Body>) -> Self {
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        let body: Value = request
            .body()
            .try_clone()
            .and_then(|body| body.collect_bytes().now_or_never()?.ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let text = |field: &str| body["metadata"][field].as_str().map(str::to_owned);
        let path = Path::of(uri.path());
        let verb = match *request.method() {
            Method::POST => Verb::Post,
            Method::PUT => Verb::Put,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ if query.contains("watch=") => Verb::Watch,
            _ if path.name.is_none() => Verb::List,
            _ => Verb::Get,
        };
        let name = path.name.or_else(|| text("name").filter(|_| verb == Verb::Post));
        Self {
            what: shown(&path.resource, name.as_deref(), path.subresource.as_deref()),
            asked: (uri.to_string(), request.headers().get(header::ACCEPT).cloned()),
            version: text("resourceVersion").filter(|_| matches!(verb, Verb::Put | Verb::Patch)),
            live: query.contains("limit=2000"),
            verb,
        }
    }
}

/// Names that are made of a UID, of the namespace or of chance say nothing from run to run.
fn shown(resource: &str, name: Option<&str>, subresource: Option<&str>) -> String {
    let lasting =
        matches!(resource, "jobs" | "releases" | "releaseplans" | "e2eruns" | "soaktests" | "controllerrevisions");
    let name = name.map(|name| if lasting || name.starts_with("seaworthy-") { name } else { "*" });
    [Some(resource), name, subresource].into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// The parts of a path of the API server.
struct Path {
    resource: String,
    name: Option<String>,
    subresource: Option<String>,
}

impl Path {
    fn of(path: &str) -> Self {
        let mut parts = path.split('/').filter(|p| !p.is_empty()).peekable();
        // `api/v1` or `apis/GROUP/VERSION`.
        let skip = if parts.peek() == Some(&"api") { 2 } else { 3 };
        let mut rest: Vec<&str> = parts.skip(skip).collect();
        if rest.first() == Some(&"namespaces") && rest.len() > 2 {
            rest.drain(..2);
        }
        let part = |n: usize| rest.get(n).map(|p| (*p).to_owned());
        Self { resource: part(0).unwrap_or_default(), name: part(1), subresource: part(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_by_what_they_do() {
        let of = |method: Method, uri: &str, body: &str| {
            let request = Request::builder().method(method).uri(uri).body(Body::from(body.as_bytes().to_vec()));
            let sent = Sent::of(&request.ok()?);
            Some((sent.verb, sent.what, sent.version))
        };
        let base = "/apis/seaworthy.dev/v1alpha1/namespaces/n/releases";
        assert_eq!(
            of(Method::PUT, &format!("{base}/r/status?"), r#"{"metadata": {"resourceVersion": "7"}}"#),
            Some((Verb::Put, "releases/r/status".into(), Some("7".into())))
        );
        assert_eq!(of(Method::GET, &format!("{base}?watch=true"), ""), Some((Verb::Watch, "releases".into(), None)));
        assert_eq!(
            of(Method::POST, "/apis/batch/v1/namespaces/n/jobs?", r#"{"metadata": {"name": "r-publish-1"}}"#),
            Some((Verb::Post, "jobs/r-publish-1".into(), None))
        );
        assert_eq!(of(Method::GET, "/api/v1/namespaces/n", ""), Some((Verb::Get, "namespaces/*".into(), None)));
        assert_eq!(of(Method::GET, "/api/v1/pods?limit=500", ""), Some((Verb::List, "pods".into(), None)));
        let form = |accept: &str| {
            let list = Request::get("/api/v1/pods").header(header::ACCEPT, accept).body(Body::empty());
            Some(Sent::of(&list.ok()?).asked)
        };
        assert_ne!(form("application/json"), form("application/json;as=PartialObjectMetadataList"), "two lists");
        let lease = "/apis/coordination.k8s.io/v1/namespaces/n/leases/0123abcd";
        assert_eq!(of(Method::GET, lease, ""), Some((Verb::Get, "leases/*".into(), None)));
    }
}
