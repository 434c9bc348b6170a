//! Calls to the API server: each with a time limit, retried here or not at all, and with errors that say what to do.
//!
//! `kube`'s own retries are off: they would repeat a POST whose answer was lost. Reads are repeated a few times; writes never: the next
//! visit looks first. Absent: caches. Everything that a decision relies on is read live.

use std::{fmt::Debug, time::Duration};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy, VersionMatch},
    client::ClientBuilder,
    core::{PartialObjectMeta, Status},
};
use seaworthy_core::{meta::FINALIZER, presence::Presence};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    backoff,
    clock::{Clock, DateLayer},
    requests::{Requests, RequestsLayer},
    retry_after::RetryAfterLayer,
};

/// How long one call may take, connection included.
pub const CALL: Duration = Duration::from_secs(10);
/// How often a read is tried.
const READS: u32 = 3;
/// The most objects that one list may return; more is an error, not a cut.
const LIST_MAX: u32 = 2000;

/// Asks for an object's metadata alone (Kubernetes API concepts, "Metadata-only fetches").
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer in time; whether it did what it was asked is unknown.
    #[error("{what}: no answer within {} s", CALL.as_secs())]
    Timeout {
        /// The call.
        what: String,
    },
    /// The API server, or the way to it, answered with an error.
    #[error("{what}: {source}")]
    Call {
        /// The call.
        what: String,
        /// The answer.
        #[source]
        source: Box<kube::Error>,
    },
    /// Something that was stored by us is not what it must be.
    #[error("{what}: {problem}")]
    Data {
        /// The object.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// When a failed visit is worth repeating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After a pause that grows, at least this long.
    After(Duration),
    /// Somebody must change something; we look again now and then all the same.
    OnChange,
}

impl Error {
    /// The HTTP status code, 0 when there was no answer.
    pub fn code(&self) -> u16 {
        self.answer().map_or(0, |status| status.code)
    }

    /// What the API server answered, if it did.
    fn answer(&self) -> Option<&Status> {
        let Self::Call { source, .. } = self else { return None };
        if let kube::Error::Api(status) = source.as_ref() { Some(status) } else { None }
    }

    /// The API server's words, or ours.
    pub fn message(&self) -> String {
        self.answer().map_or_else(|| self.to_string(), |status| status.message.clone())
    }

    /// For metrics: one of a handful of words.
    pub fn category(&self) -> &'static str {
        match (self, self.code()) {
            (Self::Timeout { .. }, _) => "timeout",
            (Self::Data { .. }, _) => "data",
            (Self::Call { .. }, 409) => "conflict",
            (Self::Call { .. }, 403 | 401) => "forbidden",
            (Self::Call { .. }, 404) => "not_found",
            (Self::Call { .. }, 400 | 422) => "invalid",
            (Self::Call { .. }, 429) => "throttled",
            (Self::Call { .. }, 500..=599) => "server",
            (Self::Call { .. }, _) => "connection",
        }
    }

    /// When to try again.
    pub fn retry(&self) -> Retry {
        let asked = self.answer().and_then(|s| s.details.as_ref()).map_or(0, |d| d.retry_after_seconds);
        match self.category() {
            "forbidden" | "invalid" | "data" => Retry::OnChange,
            _ => Retry::After(Duration::from_secs(u64::from(asked.min(60)))),
        }
    }

    /// Whether it is "somebody was faster": observe again and decide again.
    pub fn is_conflict(&self) -> bool {
        self.code() == 409
    }
}

/// Gives a call its time limit and its name.
///
/// # Errors
/// The call's own, or [`Error::Timeout`].
pub async fn timed<T>(what: impl FnOnce() -> String, call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    backoff::request();
    match tokio::time::timeout(CALL, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Call { what: what(), source: Box::new(source) }),
        Err(_) => Err(Error::Timeout { what: what() }),
    }
}

/// Repeats a read while its failure may be passing; but not of an object that has long been failing.
async fn read<T, F: Future<Output = kube::Result<T>>>(what: String, call: impl Fn() -> F) -> Result<T, Error> {
    let mut pause = Duration::from_millis(50);
    let tries = if backoff::repeats() { READS } else { 1 };
    for _ in 1..tries {
        match timed(|| what.clone(), call()).await {
            Err(e) if matches!(e.category(), "throttled" | "server" | "connection" | "timeout") => {
                let asked = match e.retry() {
                    Retry::After(asked) => asked,
                    Retry::OnChange => Duration::ZERO,
                };
                tokio::time::sleep(pause.max(asked).min(Duration::from_secs(5))).await;
                pause *= 4;
            }
            other => return other,
        }
    }
    timed(|| what.clone(), call()).await
}

fn name_of<K: Resource<DynamicType = ()>>(api: &Api<K>, name: &str) -> String {
    format!("{} {}/{name}", K::kind(&()), api.namespace().unwrap_or_default())
}

/// Whether `text` may stand in a request's path as it is: it names one object, or one namespace, and nothing beside or above it. The client
/// library puts names into paths unchanged, and some that we use were written by others (who holds a Lease, whose a pod is).
pub(crate) fn is_name(text: &str) -> bool {
    let ours = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '.');
    (1..=253).contains(&text.len()) && text.chars().all(ours) && !text.starts_with(['.', '-'])
}

/// Refuses a name or namespace that is none, before a request is made of it.
fn checked<K: Resource<DynamicType = ()>>(api: &Api<K>, name: Option<&str>) -> Result<(), Error> {
    let wrong = name.into_iter().chain(api.namespace()).find(|text| !is_name(text));
    let Some(wrong) = wrong else { return Ok(()) };
    let problem = "is no name of an object: correct it where it is written".to_owned();
    Err(Error::Data { what: format!("{} {wrong:?}", K::kind(&())), problem })
}

/// Reads one object from the API server itself.
///
/// # Errors
/// When the read gave no answer; "not there" is an answer. When the name is none.
pub async fn get_live<K>(api: &Api<K>, name: &str) -> Result<Presence<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    checked(api, Some(name))?;
    let found = read(format!("get {}", name_of(api, name)), || api.get_opt(name)).await?;
    Ok(found.map_or(Presence::AbsentLive, Presence::Present))
}

/// Lists from the API server itself.
///
/// # Errors
/// When the read gave no answer, or there are more objects than we are prepared to hold.
pub async fn list_live<K>(api: &Api<K>, params: &ListParams) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let what = format!("list {} in {}", K::plural(&()), api.namespace().unwrap_or("all namespaces"));
    checked(api, None)?;
    let params = params.clone().limit(LIST_MAX);
    let list = read(what.clone(), || api.list(&params)).await?;
    if list.metadata.continue_.as_deref().is_some_and(|c| !c.is_empty()) {
        return Err(Error::Data { what, problem: format!("more than {LIST_MAX} objects: too many to judge by") });
    }
    Ok(list.items)
}

/// Lists what the API server knows since that resourceVersion of an object of the same kind: no older, and without waiting for more.
///
/// # Errors
/// When the read gave no answer, or there are more objects than we are prepared to hold.
pub async fn list_since<K>(api: &Api<K>, params: &ListParams, resource_version: &str) -> Result<Vec<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    list_live(api, &params.clone().at(resource_version).matching(VersionMatch::NotOlderThan)).await
}

/// Creates an object. That it exists already is no error: whoever needs it looks at it next.
///
/// # Errors
/// When the API server refuses it or does not answer.
pub async fn create<K>(api: &Api<K>, object: &K) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let params = PostParams { field_manager: Some("seaworthy".into()), ..PostParams::default() };
    let what = || format!("create {}", name_of(api, &object.name_any()));
    checked(api, None)?;
    match timed(what, api.create(&params, object)).await {
        Ok(_) => Ok(()),
        // With a quota that is used up, even a name that exists may answer "exceeded quota": the next visit reads it first.
        Err(e) if e.is_conflict() && e.message().contains("already exists") => Ok(()),
        Err(e) => Err(e),
    }
}

/// Replaces an object under its resourceVersion. Answers with the new metadata alone: who writes knows the rest, and to be sent all of it
/// back costs both sides as much as the writing.
///
/// # Errors
/// A conflict when it has changed since it was read.
pub async fn replace<K>(api: &Api<K>, object: &K) -> Result<PartialObjectMeta<K>, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + Debug,
{
    let params = PostParams { field_manager: Some("seaworthy".into()), ..PostParams::default() };
    let name = object.name_any();
    checked(api, Some(&name))?;
    let replace = async {
        let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
        let request = kube::core::Request::new(api.resource_url()).replace(&name, &params, body);
        let mut request = request.map_err(kube::Error::BuildRequest)?;
        request.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(METADATA));
        api.clone().into_client().request(request).await
    };
    timed(|| format!("replace {}", name_of(api, &name)), replace).await
}

/// Deletes the object of that name if it still has that UID, its dependents first.
///
/// # Errors
/// When the API server refuses it or does not answer. Gone already, or another UID, is no error.
pub async fn delete_uid<K>(api: &Api<K>, name: &str, uid: &str) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let params = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
        ..DeleteParams::default()
    };
    checked(api, Some(name))?;
    match timed(|| format!("delete {}", name_of(api, name)), api.delete(name, &params)).await {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.code(), 404 | 409) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Merges a patch into an object under the conditions that its UID and resourceVersion have not changed.
///
/// # Errors
/// 409 or 422 when they have: "not met".
pub async fn patch_if<K>(
    api: &Api<K>,
    name: &str,
    uid: &str,
    version: &str,
    mut patch: serde_json::Value,
) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    patch["metadata"]["resourceVersion"] = json!(version);
    patch_uid(api, name, uid, patch).await
}

/// Merges a patch into an object under the condition that it still has that UID.
///
/// # Errors
/// 409 or 422 when it has another: "not met".
pub async fn patch_uid<K>(api: &Api<K>, name: &str, uid: &str, mut patch: serde_json::Value) -> Result<K, Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    patch["metadata"]["uid"] = json!(uid);
    let params = PatchParams { field_manager: Some("seaworthy".into()), ..PatchParams::default() };
    checked(api, Some(name))?;
    timed(|| format!("patch {}", name_of(api, name)), api.patch(name, &params, &Patch::Merge(patch))).await
}

/// Puts our finalizer on an object, or takes it off, under its resourceVersion.
///
/// # Errors
/// A conflict when the object has changed since it was read.
pub async fn set_finalizer<K>(api: &Api<K>, object: &K, present: bool) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let meta: &ObjectMeta = object.meta();
    let mut finalizers = meta.finalizers.clone().unwrap_or_default();
    if finalizers.iter().any(|f| f == FINALIZER) == present {
        return Ok(());
    }
    if present {
        finalizers.push(FINALIZER.to_owned());
    } else {
        finalizers.retain(|f| f != FINALIZER);
    }
    let (uid, version) =
        (meta.uid.as_deref().unwrap_or_default(), meta.resource_version.as_deref().unwrap_or_default());
    match patch_if(api, &object.name_any(), uid, version, json!({"metadata": {"finalizers": finalizers}})).await {
        Ok(_) => Ok(()),
        Err(e) if e.code() == 404 => Ok(()),
        Err(e) => Err(e),
    }
}

/// How the API server is asked: with time limits and without retries of the client's own.
///
/// # Errors
/// When there is no usable configuration (in the cluster, or by kubeconfig).
pub async fn settings() -> anyhow::Result<kube::Config> {
    let mut config = kube::Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.read_timeout = Some(Duration::from_secs(295));
    config.write_timeout = Some(CALL);
    Ok(config)
}

/// A client with these [`settings`].
///
/// # Errors
/// When there is no usable configuration (in the cluster, or by kubeconfig).
pub async fn connect() -> anyhow::Result<Client> {
    Ok(client(settings().await?, &Clock::default())?)
}

/// A client that asks so, and sets this clock.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(config: kube::Config, clock: &Clock) -> kube::Result<Client> {
    let dated = DateLayer { clock: clock.clone() };
    Ok(ClientBuilder::try_from(config)?.with_layer(&dated).with_layer(&RetryAfterLayer).build())
}

/// The same, whose requests are counted.
///
/// # Errors
/// When the configuration cannot be used.
pub fn counted(config: kube::Config, clock: &Clock, requests: &Requests) -> kube::Result<Client> {
    let (dated, counted) = (DateLayer { clock: clock.clone() }, RequestsLayer(requests.clone()));
    let stack = ClientBuilder::try_from(config)?.with_layer(&counted).with_layer(&dated);
    Ok(stack.with_layer(&RetryAfterLayer).build())
}
