//! The sampler: looks at targets by schedule, records what it saw, and stores it as evidence.
//!
//! One sampler for the process. Which SoakTests are sampled follows from their recorded times alone: whoever visits one hands it over with
//! [`Sampler::ensure`], again and again, and ends it with [`Sampler::stop`]. Slot k is at `startTime + k * interval` whoever runs it, so a
//! restart goes on where the stored evidence ends and records the hole.
//!
//! Absent: judgement. What was seen becomes pages and gaps here, and verdicts in `seaworthy-soak`. Nothing here writes a status: progress
//! is published as facts, and the SoakTest's visit is woken when they matter.

pub mod evidence;
mod faults;
mod fetch;
mod inventory;
mod keeper;
mod kubelet;
mod ledger;
mod leftovers;
mod looks;
#[cfg(test)]
mod played;
mod pods;
mod room;
mod run;
mod slices;
pub(crate) mod spec;
pub(crate) mod target;
mod targets;
mod tls;
pub(crate) mod turn;
mod watch;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::Stream;
use k8s_openapi::api::{core::v1::Pod, discovery::v1::EndpointSlice};
use kube::{
    Api, Client, ResourceExt as _,
    runtime::reflector::{ObjectRef, Store},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use seaworthy_api::{SoakTest, convert::soak_test as convert};
use seaworthy_core::{presence::Presence, soak_test::SamplerFacts};
use seaworthy_soak::{
    record::{Gap, Page},
    segment::Known,
};
use tokio::{sync::mpsc, time::Instant};

use self::{
    evidence::Store as Evidence,
    fetch::{Bounds, Fetcher},
    kubelet::Kubelets,
    pods::PodView,
    room::Room,
    run::{End, Run},
    slices::SliceView,
    spec::RunSpec,
    watch::Pictures,
};
use crate::{client::get_live, clock::Clock};

/// How long the end of the process waits for evidence to be stored.
const SHUTDOWN: Duration = Duration::from_secs(10);
/// Wakes that may wait; what finds no room is woken by its own deadline.
const WAKES: usize = 1024;
/// How often runs are looked for whose SoakTest is gone.
const SWEEP: Duration = Duration::from_secs(60);

/// How long a run that has nothing more to do stays, in case nobody stops it.
const LINGER: Duration = Duration::from_secs(3600);

/// Labels of a look.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookLabels {
    /// `Page`, or the reason of the gap.
    result: Cow<'static, str>,
}

pub use self::run::Before;
pub(crate) use self::run::judged;

/// The Jobs of a run whose pods matter to the sampler, by UID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// Looks at objects.
    pub(crate) inventory: Option<String>,
    /// Makes the load; its pod may declare faults.
    pub(crate) workload: Option<String>,
    /// Whether the load has been started, or may have been: then it is too late for the inventory from before it.
    pub(crate) loaded: bool,
    /// Whether there is no load any more, nor will be: only then can be seen what it leaves behind.
    pub(crate) rested: bool,
}

/// What all runs share.
pub(crate) struct Shared {
    client: Client,
    /// When the sampler was made.
    began: Instant,
    fetcher: Fetcher,
    kubelets: Kubelets,
    clock: Clock,
    pods: Pictures<Pod, PodView>,
    slices: Pictures<EndpointSlice, SliceView>,
    looks: Family<LookLabels, Counter>,
    lateness: Histogram,
    checkpoints: Counter,
    /// The memory for what they recorded.
    room: Room,
    /// How many runs there are.
    sampled: AtomicUsize,
    /// How long a run that has nothing more to do stays, in case nobody stops it.
    linger: Duration,
    wake: mpsc::Sender<ObjectRef<SoakTest>>,
}

impl Shared {
    fn count(&self, result: &Result<Page, Gap>) {
        let label = match result {
            Ok(_) => "Page".into(),
            Err(gap) => format!("{:?}", gap.reason).into(),
        };
        self.looks.get_or_create(&LookLabels { result: label }).inc();
    }

    /// Wakes the SoakTest's visit.
    fn wake(&self, spec: &RunSpec) {
        // A full channel only delays: every visit has a time of its own, too.
        let _ = self.wake.try_send(ObjectRef::new(&spec.name).within(&spec.namespace));
    }
}

/// The runs by the UIDs of their SoakTests.
#[derive(Default)]
struct Runs {
    open: HashMap<String, Arc<Run>>,
    /// Whether the process ends: no run begins any more.
    closed: bool,
}

/// Samples SoakTests. Cheap to clone.
#[derive(Clone)]
pub struct Sampler {
    shared: Arc<Shared>,
    runs: Arc<Mutex<Runs>>,
    woken: Arc<Mutex<Option<mpsc::Receiver<ObjectRef<SoakTest>>>>>,
    all: Arc<Mutex<Option<Store<SoakTest>>>>,
}

impl Sampler {
    /// A sampler. `kubelets` are the credentials by which they are asked, and whether their certificates are not verified.
    pub fn new(client: Client, kubelets: (kube::Config, bool), clock: Clock, registry: &mut Registry) -> Self {
        let (wake, woken) = mpsc::channel(WAKES);
        let shared = Shared {
            fetcher: Fetcher::new(Bounds::default()),
            kubelets: Kubelets::new(kubelets.0, kubelets.1),
            clock,
            pods: Pictures::new(client.clone()),
            slices: Pictures::new(client.clone()),
            client,
            began: Instant::now(),
            looks: Family::default(),
            lateness: Histogram::new([0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]),
            checkpoints: Counter::default(),
            room: Room::default(),
            sampled: AtomicUsize::default(),
            linger: LINGER,
            wake,
        };
        registry.register("sampler_looks", "Looks at targets, by result", shared.looks.clone());
        registry.register("sampler_lateness_seconds", "How late slots began", shared.lateness.clone());
        registry.register("sampler_checkpoints", "Evidence that was stored", shared.checkpoints.clone());
        Self {
            shared: Arc::new(shared),
            runs: Arc::default(),
            woken: Arc::new(Mutex::new(Some(woken))),
            all: Arc::default(),
        }
    }

    /// SoakTests whose facts changed in a way that matters. To be taken once; `all` are those that may wait for each other.
    pub fn wakes(&self, all: Store<SoakTest>) -> impl Stream<Item = ObjectRef<SoakTest>> + Send + 'static {
        *self.all.lock().unwrap_or_else(PoisonError::into_inner) = Some(all);
        tokio::spawn(self.clone().keep_sweeping());
        let taken = self.woken.lock().unwrap_or_else(PoisonError::into_inner).take();
        futures::stream::unfold(taken, |taken| async move {
            let mut receiver = taken?;
            let next = receiver.recv().await?;
            Some((next, Some(receiver)))
        })
    }

    /// Wakes the SoakTests that may wait for the target that this one has given back.
    pub(crate) fn wake_waiting(&self, done: &SoakTest) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let target = convert::target(done);
        let waits = |other: &SoakTest| {
            other.uid() != done.uid()
                && other.status.as_ref().is_none_or(|s| s.turn_time.is_none() && s.ending.is_none())
                && convert::target(other) == target
        };
        for other in all.iter().flat_map(Store::state).filter(|other| waits(other)) {
            let _ = self.shared.wake.try_send(ObjectRef::from_obj(other.as_ref()));
        }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that this run is sampled, and returns what is known of it. `known` is what its status says of its evidence.
    pub(crate) fn ensure(&self, spec: RunSpec, store: &Evidence, known: Known<'_>, tasks: Tasks) -> SamplerFacts {
        let mut runs = self.runs();
        if runs.closed && !runs.open.contains_key(&spec.run.run) {
            return SamplerFacts::default();
        }
        let horizon = spec.horizon;
        // Where measure is extended, one that has ended for want of anything to do has something to do again.
        if !runs.closed && runs.open.get(&spec.run.run).is_some_and(|run| run.is_over()) {
            runs.open.remove(&spec.run.run);
        }
        let run = runs
            .open
            .entry(spec.run.run.clone())
            .or_insert_with(|| Run::start(Arc::clone(&self.shared), spec, store.clone(), known));
        let run = Arc::clone(run);
        self.shared.sampled.store(runs.open.len(), Ordering::Relaxed);
        drop(runs);
        run.extend(horizon);
        run.tasks(tasks);
        run.facts()
    }

    /// Ends a run that is sampled no more; what it recorded is stored.
    pub(crate) fn stop(&self, uid: &str) {
        self.end(uid, End::Stores);
    }

    fn end(&self, uid: &str, how: End) {
        let run = {
            let mut runs = self.runs();
            let run = runs.open.remove(uid);
            self.shared.sampled.store(runs.open.len(), Ordering::Relaxed);
            run
        };
        if let Some(run) = run {
            run.stop(how);
        }
    }

    async fn keep_sweeping(self) {
        while !self.runs().closed {
            tokio::time::sleep(SWEEP).await;
            self.sweep().await;
        }
    }

    /// Ends the runs whose SoakTest is gone without a visit having ended them: somebody took its finalizer off. Those that are not among
    /// the known ones are suspects, no more, for that list may be incomplete: the API server is asked for each.
    async fn sweep(&self) {
        let known: HashSet<String> = {
            let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.iter().flat_map(Store::state).filter_map(|soak| soak.uid()).collect()
        };
        let suspects: Vec<(String, Arc<Run>)> = {
            let runs = self.runs();
            let unknown = runs.open.iter().filter(|(uid, _)| !known.contains(*uid));
            unknown.map(|(uid, run)| (uid.clone(), Arc::clone(run))).collect()
        };
        for (uid, run) in suspects {
            let soaks: Api<SoakTest> = Api::namespaced(self.shared.client.clone(), &run.spec().namespace);
            let gone = match get_live(&soaks, &run.spec().name).await {
                Ok(Presence::Present(soak)) => soak.uid().as_deref() != Some(&uid),
                Ok(Presence::AbsentLive) => true,
                Ok(Presence::Unknown) | Err(_) => false,
            };
            if gone {
                tracing::info!(soak = run.spec().name, "gone: it is sampled no more");
                self.end(&uid, End::Drops);
            }
        }
    }

    /// Stores what all runs recorded, and ends them. None begins after that.
    pub async fn shutdown(&self) {
        // They stay known: visits that still run are told of them what is.
        let runs: Vec<Arc<Run>> = {
            let mut runs = self.runs();
            runs.closed = true;
            runs.open.values().cloned().collect()
        };
        let count = runs.len();
        let ended = futures::future::join_all(runs.iter().map(|run| {
            run.stop(End::Stores);
            run.ended()
        }));
        if tokio::time::timeout(SHUTDOWN, ended).await.is_err() {
            tracing::warn!("some evidence was not stored in time; its slots will be a recorded hole");
        }
        tracing::info!(runs = count, "sampler stopped");
    }
}

/// Milliseconds from `planned` to `then`; negative when it was early.
pub(crate) fn late_ms(planned: Instant, then: Instant) -> i64 {
    let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    match then.checked_duration_since(planned) {
        Some(late) => ms(late),
        None => -ms(planned.duration_since(then)),
    }
}
