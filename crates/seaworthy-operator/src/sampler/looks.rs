//! Everything that is looked at in one slot: the target's pods, each source's pages, the inventory. Each look gives a page or a gap, and all
//! of them end in time, whoever does not answer.
//!
//! One request at a time per target: a look whose predecessor still waits for its answer is a gap, so that what hangs costs one
//! connection, not one per slot.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt as _,
    future::{BoxFuture, join_all, maybe_done},
};
use k8s_openapi::api::{core::v1::Pod, discovery::v1::EndpointSlice};
use seaworthy_soak::{
    page::{Wants, read_page},
    record::{Gap, GapReason, Look, ObjectRef, Page, SlotRecord},
    scan::{ACCEPT, Format, Limits},
};
use tokio::time::{Instant, timeout_at};

use super::{
    Shared, Tasks,
    fetch::{Endpoint, Fetched, Fetcher, LARGE},
    inventory, late_ms,
    pods::PodView,
    slices::{SliceView, ready_pods},
    spec::{RunSpec, SourceKind, SourceSpec},
    targets::{Own, Targets},
    watch::Picture,
};

/// Until it must be known whom to ask in a slot, on from its beginning.
const WHOM: Duration = Duration::from_secs(10);
/// Until all that was asked has answered, or is a gap, on from there too.
const ANSWERS: Duration = Duration::from_secs(15);
/// The most pods that one source asks in one slot, or asks the kubelets about.
const MOST_PODS: usize = 64;

type Pods = Result<Own, Gap>;
/// Pods and where to ask them.
type Asked = Result<Vec<(Arc<PodView>, Option<IpAddr>)>, Gap>;
/// The pods and endpoints of a Service's namespace.
type ServicePictures = (Arc<Picture<Pod, PodView>>, Arc<Picture<EndpointSlice, SliceView>>);

/// Looks for one run.
pub(crate) struct Looker {
    shared: Arc<Shared>,
    spec: Arc<RunSpec>,
    targets: Targets,
    fetcher: Fetcher,
    /// Pictures of the namespaces that the run looks at; kept for as long as it lasts.
    own: Arc<Picture<Pod, PodView>>,
    services: Vec<Option<ServicePictures>>,
    busy: Arc<Mutex<HashSet<Arc<str>>>>,
    tasks: Mutex<Tasks>,
}

/// What a slot showed.
pub(crate) struct Seen {
    /// For the recorder.
    pub(crate) record: SlotRecord,
    /// A pod that runs something else than the candidate.
    pub(crate) not_candidate: Option<String>,
    /// The faults that the load declares, as it writes them.
    pub(crate) faults: Option<String>,
}

/// Marks a target as being asked, until dropped.
struct Busy {
    all: Arc<Mutex<HashSet<Arc<str>>>>,
    key: Arc<str>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Looker {
    pub(crate) fn new(shared: Arc<Shared>, spec: Arc<RunSpec>) -> Self {
        let services = spec.sources.iter().map(|source| match &source.kind {
            SourceKind::Prometheus { service: Some((namespace, _)), .. } => {
                Some((shared.pods.of(namespace), shared.slices.of(namespace)))
            }
            SourceKind::Prometheus { service: None, .. } | SourceKind::Kubelet => None,
        });
        Self {
            targets: Targets::new(&shared, Arc::clone(&spec)),
            fetcher: shared.fetcher.for_run(),
            own: shared.pods.of(&spec.namespace),
            services: services.collect(),
            busy: Arc::default(),
            tasks: Mutex::default(),
            shared,
            spec,
        }
    }

    /// The Jobs whose pods answer for the inventory and declare faults.
    pub(crate) fn tasks(&self, tasks: Tasks) {
        *self.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
    }

    fn known(&self) -> Tasks {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The pod of a Job that runs. Whoever makes a pod writes whose it is, and a Job of ours has one at a time: where two say so, neither is
    /// believed.
    async fn pod_of(&self, job: Option<String>) -> Result<Option<Arc<PodView>>, Gap> {
        let Some(job) = job else { return Ok(None) };
        let mine = |p: &PodView| p.controller.as_ref().is_some_and(|(k, _, uid)| k == "Job" && *uid == job);
        let mut claim = self.own.select(|p| mine(p) && !p.is_over() && !p.deleting).await?.into_iter();
        match (claim.next(), claim.next()) {
            (Some(one), Some(other)) => {
                let detail = format!("pods {} and {} both claim to be of the same Job", one.name, other.name);
                Err(Gap::new(GapReason::Other, detail))
            }
            (pod, _) => Ok(pod),
        }
    }

    /// Whether the load has been started, or may have been.
    pub(crate) fn loaded(&self) -> bool {
        self.known().loaded
    }

    /// Whether there is no load any more, nor will be.
    pub(crate) fn rested(&self) -> bool {
        self.known().rested
    }

    /// The objects that `leftovers` checks compare, seen no longer ago than `oldest`.
    pub(crate) async fn objects(
        &self,
        oldest: Duration,
    ) -> Result<HashMap<String, Result<Vec<ObjectRef>, String>>, Gap> {
        let none = || Gap::new(GapReason::NoTarget, "the inventory task does not run (yet)");
        let pod = self.pod_of(self.known().inventory).await?.ok_or_else(none)?;
        let address = *pod.addresses.first().ok_or_else(none)?;
        inventory::objects(&self.fetcher, address, oldest).await
    }

    /// The faults that the load declares, as written.
    async fn faults(&self, until: Instant) -> Option<String> {
        let pod = timeout_at(until, self.pod_of(self.known().workload)).await.ok()?.ok().flatten()?;
        pod.faults.clone()
    }

    /// Looks at everything. `planned` is when the slot was due; never fails, and ends within [`ANSWERS`].
    pub(crate) async fn look(&self, slot: u64, unix_ms: i64, planned: Instant) -> Seen {
        let begun = Instant::now();
        let until = begun + WHOM;
        let pods = whom(until, self.targets.pods()).await;
        let mut looks = Vec::new();
        for (source, service) in self.spec.sources.iter().zip(&self.services) {
            match &source.kind {
                SourceKind::Kubelet => self.kubelet(source, &pods, planned, &mut looks),
                SourceKind::Prometheus { port, path, tls, service: wanted } => {
                    let asked = match (wanted, service) {
                        (Some((_, name)), Some((pods, slices))) => whom(until, behind(name, pods, slices)).await,
                        _ => addressed(&pods),
                    };
                    self.pages(source, (*port, path, *tls), asked, planned, &mut looks);
                }
            }
        }
        let until = begun + ANSWERS;
        let (looks, inventories, faults) =
            futures::join!(together(looks, until), self.inventories(until), self.faults(until));
        for look in &looks {
            self.shared.count(&look.result);
        }
        let (states, not_candidate) = match pods {
            Ok(own) => (Ok(own.states), own.not_candidate),
            Err(gap) => (Err(gap), None),
        };
        let record = SlotRecord { slot, unix_ms, looks, pods: Some(states), inventories };
        Seen { record, not_candidate, faults }
    }

    /// Marks a target as being asked; None when it still is from an earlier slot.
    fn claim(&self, source: &str, target: &str) -> Option<Busy> {
        // A source's name has no blanks.
        let key: Arc<str> = [source, " ", target].concat().into();
        let mut all = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(Arc::clone(&key)).then(|| Busy { all: Arc::clone(&self.busy), key })
    }

    /// One look, unless its predecessor still runs.
    fn one<'a>(
        &'a self,
        source: &'a str,
        target: String,
        how: impl Future<Output = Result<Page, Gap>> + Send + 'a,
    ) -> Asking<'a> {
        let claim = self.claim(source, &target);
        let how = async move {
            match claim {
                Some(_busy) => how.await,
                None => Err(Gap::new(GapReason::Missed, "the answer to an earlier slot's request is still awaited")),
            }
        };
        Asking { source, target, how: how.boxed() }
    }

    fn nothing<'a>(&'a self, source: &'a SourceSpec, gap: Gap, looks: &mut Vec<Asking<'a>>) {
        looks.push(self.one(&source.name, "-".to_owned(), async { Err(gap) }));
    }

    fn pages<'a>(
        &'a self,
        source: &'a SourceSpec,
        (port, path, tls): (u16, &'a str, bool),
        asked: Asked,
        planned: Instant,
        looks: &mut Vec<Asking<'a>>,
    ) {
        let asked = match asked {
            Ok(asked) if asked.is_empty() => {
                return self.nothing(source, Gap::new(GapReason::NoTarget, "there is no pod to ask"), looks);
            }
            Ok(asked) if asked.len() > MOST_PODS => {
                return self.nothing(source, too_many(asked.len()), looks);
            }
            Ok(asked) => asked,
            Err(gap) => return self.nothing(source, gap, looks),
        };
        for (pod, address) in asked {
            let incarnation = pod.incarnation(port, &self.spec.artifacts).to_owned();
            let endpoint = address.map(|ip| Endpoint { address: SocketAddr::new(ip, port), tls, path });
            let how = async move {
                let endpoint = endpoint.ok_or_else(|| Gap::new(GapReason::NoTarget, "the pod has no address yet"))?;
                let late = late_ms(planned, Instant::now());
                // By itself, for it is large and would be moved about with what is around it.
                let fetched = Box::pin(self.fetcher.fetch(&endpoint, ACCEPT)).await?;
                read(fetched, &source.wants, late, incarnation).await
            };
            looks.push(self.one(&source.name, pod.name.clone(), how));
        }
    }

    fn kubelet<'a>(&'a self, source: &'a SourceSpec, pods: &Pods, planned: Instant, looks: &mut Vec<Asking<'a>>) {
        let pods = match pods {
            Ok(own) => &own.pods,
            Err(gap) => return self.nothing(source, gap.clone(), looks),
        };
        let running = || pods.iter().filter(|p| !p.is_over() && !p.deleting);
        let count = running().count();
        if count > MOST_PODS {
            return self.nothing(source, too_many(count), looks);
        }
        let mut any = false;
        for pod in running() {
            for container in &pod.containers {
                any = true;
                let (pod, container) = (Arc::clone(pod), container.clone());
                let target = format!("{}/{}", pod.name, container.name);
                let how = async move {
                    let unscheduled = || Gap::new(GapReason::NoTarget, "the pod has no node yet");
                    let node = pod.node.ok_or_else(unscheduled)?;
                    let (pod, container) = ((&*pod.namespace, &*pod.name), (&*container.name, &*container.life));
                    self.shared.kubelets.look(node, pod, container, &source.wants, planned).await
                };
                looks.push(self.one(&source.name, target, how));
            }
        }
        if !any {
            self.nothing(source, Gap::new(GapReason::NoTarget, "there is no pod to ask about"), looks);
        }
    }

    async fn inventories(&self, until: Instant) -> Vec<seaworthy_soak::record::InventoryLook> {
        if self.spec.inventories.is_empty() {
            return Vec::new();
        }
        let asked = async {
            let none = || Gap::new(GapReason::NoTarget, "the inventory task does not run (yet)");
            let pod = self.pod_of(self.known().inventory).await?.ok_or_else(none)?;
            let address = *pod.addresses.first().ok_or_else(none)?;
            let _busy = self.claim("@inventory", "-").ok_or_else(|| Gap::new(GapReason::Missed, "still awaited"))?;
            inventory::ask(&self.fetcher, address, self.spec.run.interval_ms).await
        };
        let answer: Result<inventory::Answer, Gap> = settled(timeout_at(until, caught(asked.boxed())).await.ok());
        self.spec.inventories.iter().map(|check| inventory::look(check, &answer)).collect()
    }
}

/// One look that is to be made.
struct Asking<'a> {
    source: &'a str,
    target: String,
    how: BoxFuture<'a, Result<Page, Gap>>,
}

/// Makes all these looks at the same time; what is not there by `until`, or fails in a way that nobody foresaw, is a gap of its own.
async fn together(looks: Vec<Asking<'_>>, until: Instant) -> Vec<Look> {
    let (mut named, mut running) = (Vec::with_capacity(looks.len()), Vec::with_capacity(looks.len()));
    for Asking { source, target, how } in looks {
        named.push((source, target));
        running.push(maybe_done(caught(how)));
    }
    // Late or not, those that are done have their answers.
    let _ = timeout_at(until, join_all(&mut running)).await;
    let mut made = Vec::with_capacity(named.len());
    for ((source, target), mut run) in named.into_iter().zip(running) {
        let result = settled(Pin::new(&mut run).take_output());
        made.push(Look { source: source.to_owned(), target, result });
    }
    made
}

/// A look whose panic is its own end only.
fn caught<T>(how: BoxFuture<'_, Result<T, Gap>>) -> impl Future<Output = std::thread::Result<Result<T, Gap>>> + Unpin {
    AssertUnwindSafe(how).catch_unwind()
}

/// What a look gave, if it did.
fn settled<T>(ended: Option<std::thread::Result<Result<T, Gap>>>) -> Result<T, Gap> {
    match ended {
        Some(Ok(result)) => result,
        Some(Err(_)) => Err(Gap::new(GapReason::Other, "the sampler failed on what it saw")),
        None => Err(Gap::new(GapReason::Missed, "the slot was closed before the answer was there")),
    }
}

/// Whom to ask, if that is known in time.
async fn whom<T>(until: Instant, found: impl Future<Output = Result<T, Gap>>) -> Result<T, Gap> {
    match timeout_at(until, AssertUnwindSafe(found).catch_unwind()).await {
        Ok(ended) => settled(Some(ended)),
        Err(_) => Err(Gap::new(GapReason::Other, "the API server did not say in time which pods there are")),
    }
}

fn too_many(pods: usize) -> Gap {
    Gap::new(GapReason::TooManySeries, format!("{pods} pods, at most {MOST_PODS}"))
}

/// The target's pods that run, each with the address to ask.
fn addressed(pods: &Pods) -> Asked {
    let own = pods.as_ref().map_err(Clone::clone)?;
    let running = own.pods.iter().filter(|p| !p.is_over() && !p.deleting);
    Ok(running.map(|p| (Arc::clone(p), p.addresses.first().copied())).collect())
}

/// The ready pods behind a Service.
async fn behind(service: &str, pods: &Picture<Pod, PodView>, slices: &Picture<EndpointSlice, SliceView>) -> Asked {
    let (pods, slices) = futures::join!(pods.select(|_| true), slices.select(|_| true));
    let found = ready_pods(service, &slices?, &pods?);
    if found.is_empty() {
        return Err(Gap::new(GapReason::NoTarget, format!("Service {service} has no ready pod")));
    }
    Ok(found.into_iter().map(|(pod, address)| (pod, Some(address))).collect())
}

async fn read(fetched: Fetched, wants: &Wants, late: i64, incarnation: String) -> Result<Page, Gap> {
    let Some(format) = Format::from_content_type(&fetched.content_type) else {
        let detail = format!("{:?} is no page of metrics", fetched.content_type);
        return Err(Gap::new(GapReason::Malformed, detail));
    };
    if fetched.body.len() <= LARGE {
        return read_page(&fetched.body, format, &Limits::default(), wants, late, &incarnation);
    }
    // Beside the other work, not among it.
    let wants = wants.clone();
    let read = tokio::task::spawn_blocking(move || {
        read_page(&fetched.body, format, &Limits::default(), &wants, late, &incarnation)
    });
    read.await.unwrap_or_else(|e| Err(Gap::new(GapReason::Other, format!("reading the page failed: {e}"))))
}

#[cfg(test)]
pub(super) mod tests;
