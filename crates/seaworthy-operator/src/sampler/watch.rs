//! A small, shared picture of one namespace: what is kept of its pods or endpoints, fed by one watch for all who look at it.
//!
//! Why not a list per slot: at 500 soaks it would be the operator's largest load on the API server. Why not one picture of the whole
//! cluster: only the namespaces of targets matter. While the watch is broken the looks list live instead, all of them together: a picture that
//! may be old is never taken for the present.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
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

/// How long pictures wait.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// A first look for the picture.
    first: Duration,
    /// How long a broken watch may be trusted: it is reconnected within this as a rule, and nothing is missed then.
    trusted: Duration,
    /// For the first event after a watch broke; then the picture is made anew, for a watch that goes on does not say so. Shorter than
    /// `trusted`, so that the new one is there before the old one is trusted no more.
    resumed: Duration,
    /// For the next event while the picture is being made.
    page: Duration,
    /// For a live list.
    list: Duration,
    /// How old a live list may be that several looks share.
    shared: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(4),
            trusted: Duration::from_secs(5),
            resumed: Duration::from_secs(3),
            page: Duration::from_secs(10),
            list: Duration::from_secs(4),
            shared: Duration::from_millis(900),
        }
    }
}

/// How long one watch lasts, in seconds. A connection that died without a word is found out within this and 5 s, and until then the picture
/// stands still: what pods say themselves is asked of them and not affected. Each watch costs a request in this time.
const WATCH: u32 = 120;
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
    patience: Patience,
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
    trust: Mutex<Trust<V>>,
    /// Held by the one who lists for all.
    listing: tokio::sync::Mutex<()>,
    patience: Patience,
}

/// Whether the picture is the present, and what stands in for it meanwhile.
struct Trust<V> {
    broken: Option<Instant>,
    listed: Option<(Instant, Listed<V>)>,
}

/// A live list, or why there is none.
type Listed<V> = Result<Arc<Vec<Arc<V>>>, Gap>;

impl<V> Content<V> {
    fn change(&self, with: impl FnOnce(&mut BTreeMap<String, Arc<V>>)) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        with(&mut views);
        self.version.fetch_add(1, Ordering::Release);
    }

    fn trust(&self) -> MutexGuard<'_, Trust<V>> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch is known to work: the server told us something that only a working one can.
    fn works(&self) {
        *self.trust() = Trust { broken: None, listed: None };
    }

    fn broke(&self) {
        self.trust().broken.get_or_insert_with(Instant::now);
    }

    fn is_trusted(&self) -> bool {
        self.trust().broken.is_none_or(|since| since.elapsed() < self.patience.trusted)
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
        Self { client, patience: Patience::default(), open: Mutex::default() }
    }

    /// The picture of a namespace; begins to watch it if nobody does yet.
    pub(crate) fn of(&self, namespace: &str) -> Arc<Picture<K, V>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(picture) = open.get(namespace).and_then(Weak::upgrade) {
            return picture;
        }
        open.retain(|_, picture| picture.strong_count() > 0);
        let picture = Arc::new(Picture::new(Api::namespaced(self.client.clone(), namespace), self.patience));
        open.insert(namespace.to_owned(), Arc::downgrade(&picture));
        picture
    }
}

impl<K, V> Picture<K, V>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    V: View<K>,
{
    fn new(api: Api<K>, patience: Patience) -> Self {
        let content = Arc::new(Content {
            views: RwLock::default(),
            version: AtomicU64::new(0),
            complete: watch::channel(false).0,
            trust: Mutex::new(Trust { broken: None, listed: None }),
            listing: tokio::sync::Mutex::default(),
            patience,
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
        let first = known
            || timeout(self.content.patience.first, complete.wait_for(|complete| *complete))
                .await
                .is_ok_and(|c| c.is_ok());
        if first && self.is_trusted() {
            let views = self.content.views.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(views.values().filter(|view| wanted(view)).cloned().collect());
        }
        Ok(self.listed().await?.iter().filter(|view| wanted(view)).cloned().collect())
    }

    /// A number that stays as long as a selection does; None while the picture is not complete, or not to be trusted.
    pub(crate) fn version(&self) -> Option<u64> {
        let known = *self.content.complete.borrow() && self.is_trusted();
        known.then(|| self.content.version.load(Ordering::Acquire))
    }

    /// Whether somebody feeds it, and the watch works or broke just now.
    fn is_trusted(&self) -> bool {
        self.content.is_trusted() && !self.feeding.is_finished()
    }

    /// A live list that is not older than a second; who comes while it is being asked for waits for the same answer.
    async fn listed(&self) -> Listed<V> {
        let _listing = self.content.listing.lock().await;
        let shared = self.content.patience.shared;
        let known = self.content.trust().listed.clone().filter(|(ended, _)| ended.elapsed() < shared);
        if let Some((_, listed)) = known {
            return listed;
        }
        let listed = self.list().await.map(Arc::new);
        let known = self.version().is_none().then(|| (Instant::now(), listed.clone()));
        self.content.trust().listed = known;
        listed
    }

    async fn list(&self) -> Result<Vec<Arc<V>>, Gap> {
        let what = K::plural(&());
        let params = ListParams::default().limit(MOST);
        match timeout(self.content.patience.list, self.api.list(&params)).await {
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

/// Feeds the picture by one watch after the other: a new one where it cannot be known whether the old one works.
async fn feed<K, V>(api: Api<K>, content: Arc<Content<V>>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
    V: View<K>,
{
    loop {
        let config = watcher::Config::default().page_size(200).timeout(WATCH);
        let mut events = watcher(api.clone(), config).default_backoff().boxed();
        let mut arriving = BTreeMap::new();
        let mut patience = Some(content.patience.page);
        // Without a bound while the watch works, and while it pauses before it lists again.
        while let Some(event) = match patience {
            Some(patience) => timeout(patience, events.next()).await.unwrap_or_default(),
            None => events.next().await,
        } {
            patience = take(event, &content, &mut arriving);
        }
        content.broke();
        tracing::debug!(kind = %K::kind(&()), "a watch for the sampler is begun anew");
    }
}

/// Takes over what the watch says; how long to wait for what it says next, if that is bounded.
fn take<K, V>(
    event: watcher::Result<Event<K>>,
    content: &Content<V>,
    arriving: &mut BTreeMap<String, Arc<V>>,
) -> Option<Duration>
where
    K: Resource<DynamicType = ()>,
    V: View<K>,
{
    match event {
        // Neither says that the server has been heard since.
        Ok(Event::Init) => {
            arriving.clear();
            return Some(content.patience.page);
        }
        Ok(Event::InitApply(object)) => {
            arriving.insert(object.name_any(), Arc::new(V::of(&object)));
            return Some(content.patience.page);
        }
        Ok(Event::InitDone) => {
            content.change(|views| *views = std::mem::take(arriving));
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
            content.broke();
            return goes_on(&error).then_some(content.patience.resumed);
        }
    }
    content.works();
    None
}

/// Whether a watch goes on after this where it was; else it begins with a list, and says so.
fn goes_on(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::WatchStartFailed(_) | watcher::Error::WatchFailed(_) => true,
        watcher::Error::WatchError(status) => status.code != 410,
        watcher::Error::InitialListFailed(_) | watcher::Error::NoResourceVersion => false,
    }
}

#[cfg(test)]
pub(super) mod played;
#[cfg(test)]
mod tests;
