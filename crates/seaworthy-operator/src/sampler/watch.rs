//! A small, shared picture of one namespace: what is kept of its pods or endpoints, fed by one watch for all who look at it.
//!
//! Why not a list per slot: at 500 soaks it would be the operator's largest load on the API server. Why not one picture of the whole
//! cluster: only the namespaces of targets matter. While the watch is broken each look lists live instead: a picture that may be old is
//! never taken for the present.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    sync::{
        Arc, Mutex, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::ListParams,
    runtime::{WatchStreamExt as _, watcher, watcher::Event},
};
use seaworthy_soak::record::{Gap, GapReason};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::AbortHandle, time::timeout};

/// How long a first look waits for the picture.
const FIRST: Duration = Duration::from_secs(4);
/// How long a broken watch may be trusted: it is reconnected within this as a rule, and nothing is missed then.
const TRUSTED: Duration = Duration::from_secs(5);
/// How long a live list may take.
const LIST: Duration = Duration::from_secs(4);
/// The most objects of one namespace.
const MOST: u32 = 5000;

/// What is kept of a `K`.
pub(crate) trait View<K>: Sized + Send + Sync + 'static {
    /// Takes from the object what is kept.
    fn of(object: &K) -> Self;
}

/// The pictures of all namespaces that somebody looks at.
pub(crate) struct Pictures<K, V> {
    client: Client,
    open: Mutex<HashMap<String, Weak<Picture<K, V>>>>,
}

/// The picture of one namespace; its watch ends when nobody looks any more.
pub(crate) struct Picture<K, V> {
    api: Api<K>,
    content: Arc<Content<V>>,
    feeding: AbortHandle,
}

struct Content<V> {
    views: RwLock<BTreeMap<String, Arc<V>>>,
    /// Grows with every change of `views`, under its lock.
    version: AtomicU64,
    complete: watch::Sender<bool>,
    broken: Mutex<Option<Instant>>,
}

impl<V> Content<V> {
    fn change(&self, with: impl FnOnce(&mut BTreeMap<String, Arc<V>>)) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        with(&mut views);
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl<K, V> Drop for Picture<K, V> {
    fn drop(&mut self) {
        self.feeding.abort();
    }
}

impl<K, V> Pictures<K, V>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    V: View<K>,
{
    pub(crate) fn new(client: Client) -> Self {
        Self { client, open: Mutex::default() }
    }

    /// The picture of a namespace; begins to watch it if nobody does yet.
    pub(crate) fn of(&self, namespace: &str) -> Arc<Picture<K, V>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = open.get(namespace).and_then(Weak::upgrade) {
            return picture;
        }
        open.retain(|_, picture| picture.strong_count() > 0);
        let picture = Arc::new(Picture::new(Api::namespaced(self.client.clone(), namespace)));
        open.insert(namespace.to_owned(), Arc::downgrade(&picture));
        picture
    }
}

impl<K, V> Picture<K, V>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    V: View<K>,
{
    fn new(api: Api<K>) -> Self {
        let content = Arc::new(Content {
            views: RwLock::default(),
            version: AtomicU64::new(0),
            complete: watch::channel(false).0,
            broken: Mutex::new(None),
        });
        let feeding = tokio::spawn(feed(api.clone(), Arc::clone(&content))).abort_handle();
        Self { api, content, feeding }
    }

    /// What is wanted of everything that is in the namespace now.
    ///
    /// # Errors
    /// A gap when the API server does not say.
    pub(crate) async fn select(&self, wanted: impl Fn(&V) -> bool + Send) -> Result<Vec<Arc<V>>, Gap> {
        let mut complete = self.content.complete.subscribe();
        let known = *complete.borrow();
        let first = known || timeout(FIRST, complete.wait_for(|complete| *complete)).await.is_ok_and(|c| c.is_ok());
        if first && self.is_trusted() {
            let views = self.content.views.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(views.values().filter(|view| wanted(view)).cloned().collect());
        }
        let mut all = self.list().await?;
        all.retain(|view| wanted(view));
        Ok(all)
    }

    /// A number that stays as long as a selection does; None while the picture is not complete, or not to be trusted.
    pub(crate) fn version(&self) -> Option<u64> {
        let known = *self.content.complete.borrow() && self.is_trusted();
        known.then(|| self.content.version.load(Ordering::Acquire))
    }

    fn is_trusted(&self) -> bool {
        let broken = self.content.broken.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed());
        broken.is_none_or(|broken| broken < TRUSTED)
    }

    async fn list(&self) -> Result<Vec<Arc<V>>, Gap> {
        let what = K::plural(&());
        let params = ListParams::default().limit(MOST);
        match timeout(LIST, self.api.list(&params)).await {
            Ok(Ok(list)) if list.metadata.continue_.as_deref().is_some_and(|c| !c.is_empty()) => {
                Err(Gap::new(GapReason::TooManySeries, format!("more than {MOST} {what} in the namespace")))
            }
            Ok(Ok(list)) => Ok(list.items.iter().map(|o| Arc::new(V::of(o))).collect()),
            Ok(Err(e)) => Err(refused(&what, &e)),
            Err(_) => Err(Gap::new(GapReason::Other, format!("the API server did not list {what} in time"))),
        }
    }
}

/// A gap for an answer of the API server's.
pub(crate) fn refused(what: &str, error: &kube::Error) -> Gap {
    let forbidden = matches!(error, kube::Error::Api(status) if status.code == 403);
    let reason = if forbidden { GapReason::Forbidden } else { GapReason::Other };
    Gap::new(reason, format!("the API server did not give {what}: {error}"))
}

async fn feed<K, V>(api: Api<K>, content: Arc<Content<V>>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    V: View<K>,
{
    let config = watcher::Config::default().page_size(200);
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut arriving = BTreeMap::new();
    while let Some(event) = events.next().await {
        let ok = event.is_ok();
        match event {
            Ok(Event::Init) => arriving = BTreeMap::new(),
            Ok(Event::InitApply(object)) => {
                arriving.insert(object.name_any(), Arc::new(V::of(&object)));
            }
            Ok(Event::InitDone) => {
                content.change(|views| *views = std::mem::take(&mut arriving));
                content.complete.send_replace(true);
            }
            Ok(Event::Apply(object)) => {
                let view = Arc::new(V::of(&object));
                content.change(|views| drop(views.insert(object.name_any(), view)));
            }
            Ok(Event::Delete(object)) => {
                content.change(|views| drop(views.remove(&object.name_any())));
            }
            Err(error) => {
                tracing::debug!(kind = %K::kind(&()), %error, "a watch for the sampler broke; it is tried again");
            }
        }
        let mut broken = content.broken.lock().unwrap_or_else(PoisonError::into_inner);
        *broken = if ok { None } else { Some(broken.unwrap_or_else(Instant::now)) };
    }
}
