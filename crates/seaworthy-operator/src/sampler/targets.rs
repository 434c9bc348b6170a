//! The pods of one run's workload, slot after slot: asked for as seldom as can be, for most slots have those of the last one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use seaworthy_core::soak_test::target::{Match, runs_candidate};
use seaworthy_soak::record::{Gap, GapReason, PodState};
use tokio::time::{Instant, timeout};

use super::{
    Shared,
    pods::PodView,
    spec::RunSpec,
    target::{Owners, READ, Workload},
    watch::Picture,
};

/// How long what was read of the workload is good for: so long it may be gone, or be another one of its name, and leave its pods as they
/// are. Where it takes them along, it is read again at once.
pub(super) const WORKLOAD: Duration = Duration::from_secs(300);

/// The pods of a workload, those that ended included, and what follows from them alone.
#[derive(Clone)]
pub(super) struct Own {
    pub(super) pods: Arc<[Arc<PodView>]>,
    /// As evidence.
    pub(super) states: Arc<[PodState]>,
    /// One that runs something else than the candidate.
    pub(super) not_candidate: Option<String>,
}

/// The pods of a workload in one version of the picture.
#[derive(Clone)]
struct LastPods {
    version: u64,
    workload: String,
    own: Own,
}

/// Whom one run looks at.
pub(super) struct Targets {
    client: Client,
    spec: Arc<RunSpec>,
    owners: Owners,
    /// Of the target's namespace.
    pub(super) picture: Arc<Picture<Pod, PodView>>,
    pub(super) workload: Mutex<Option<(Instant, Arc<Workload>)>>,
    last: Mutex<Option<LastPods>>,
}

impl Targets {
    pub(super) fn new(shared: &Shared, spec: Arc<RunSpec>) -> Self {
        Self {
            client: shared.client.clone(),
            owners: Owners::new(shared.client.clone()),
            picture: shared.pods.of(&spec.target.namespace),
            workload: Mutex::default(),
            last: Mutex::default(),
            spec,
        }
    }

    /// What follows from these pods.
    fn own(&self, pods: Vec<Arc<PodView>>) -> Own {
        let artifacts = &self.spec.artifacts;
        let other = |p: &Arc<PodView>| match runs_candidate(&p.images(), artifacts) {
            Match::Other(what) => Some(format!("pod {}: {what}", p.name)),
            Match::Candidate | Match::Pending => None,
        };
        let not_candidate = pods.iter().filter(|p| !p.is_over()).find_map(other);
        let states = pods.iter().map(|p| p.state(artifacts)).collect();
        Own { pods: pods.into(), states, not_candidate }
    }

    /// The target's pods.
    ///
    /// # Errors
    /// A gap where there is no target, or the API server does not say.
    pub(super) async fn pods(&self) -> Result<Own, Gap> {
        let own = self.pods_of(&*self.workload(false).await?).await?;
        if !own.pods.is_empty() {
            return Ok(own);
        }
        // Made anew under the same name, maybe.
        let again = Box::pin(self.workload(true)).await?;
        self.pods_of(&again).await
    }

    /// The workload's pods: those of the last slot as long as nothing in their namespace changed, for most slots find it so.
    async fn pods_of(&self, workload: &Workload) -> Result<Own, Gap> {
        // Asked for before the selection, so that a change beside it is seen at the next slot.
        let version = self.picture.version();
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known.filter(|k| Some(k.version) == version && k.workload == workload.uid) {
            return Ok(known.own);
        }
        let some = self.picture.select(|pod| workload.may_own(pod)).await?;
        let own = self.own(self.owners.own(workload, some).await?);
        // Pods that are there may be adopted without a change of their own.
        let version = version.filter(|_| !own.pods.is_empty());
        let known = version.map(|version| LastPods { version, workload: workload.uid.clone(), own: own.clone() });
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(own)
    }

    async fn workload(&self, anew: bool) -> Result<Arc<Workload>, Gap> {
        let known = self.workload.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, workload)) = known.filter(|(at, _)| !anew && at.elapsed() < WORKLOAD) {
            return Ok(workload);
        }
        let found = match timeout(READ, Workload::get(&self.client, &self.spec.target)).await {
            Ok(Ok(found)) => found,
            Ok(Err(e)) => {
                let reason = if e.code() == 403 { GapReason::Forbidden } else { GapReason::Other };
                return Err(Gap::new(reason, e.to_string()));
            }
            Err(_) => return Err(Gap::new(GapReason::Other, "the API server did not give the target in time")),
        };
        // One that is absent is asked for again at the next slot.
        let workload = found.present().cloned().map(Arc::new);
        let read = workload.clone().map(|workload| (Instant::now(), workload));
        *self.workload.lock().unwrap_or_else(PoisonError::into_inner) = read;
        workload.ok_or_else(|| Gap::new(GapReason::NoTarget, format!("{} does not exist", self.spec.target.name)))
    }
}
