//! The workload under test and which pods are its own, by owner references, never by labels alone.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use k8s_openapi::{
    api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet},
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use kube::{
    Api, Client,
    core::{Selector, SelectorExt as _},
};
use seaworthy_api::soak_test::TargetKind;
use seaworthy_core::{
    presence::Presence,
    soak_test::target::{Rollout, Target},
};
use seaworthy_soak::record::{Gap, GapReason};
use tokio::time::timeout;

use super::{
    pods::{PodView, controller},
    watch::refused,
};
use crate::{
    Error,
    client::{get_live, is_name},
};

/// How long one read for a slot may take.
pub(super) const READ: Duration = Duration::from_secs(4);
/// The most `ReplicaSets` whose owners are remembered.
const REMEMBERED: usize = 256;
/// Longer UIDs are nobody's: those that the API server gives have 36 characters.
const LONGEST_UID: usize = 64;
/// The most `ReplicaSets` whose pods may wear one workload's labels at a time.
const MOST_SETS: usize = 64;

/// What stands between a Deployment and its pods.
const REPLICA_SET: &str = "ReplicaSet";

/// Which workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetName {
    /// Its kind.
    pub(crate) kind: TargetKind,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// A workload, as far as its pods are concerned.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    /// Its UID.
    pub(crate) uid: String,
    selector: Selector,
    desired: u32,
    complete: bool,
}

impl Workload {
    /// Reads it live.
    ///
    /// # Errors
    /// When the read gave no answer.
    pub(crate) async fn get(client: &Client, target: &TargetName) -> Result<Presence<Self>, Error> {
        let namespace = &target.namespace;
        Ok(match target.kind {
            TargetKind::Deployment => {
                let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
                map(get_live(&api, &target.name).await?, |d| Self::deployment(&d))
            }
            TargetKind::StatefulSet => {
                let api: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
                map(get_live(&api, &target.name).await?, |s| Self::stateful_set(&s))
            }
            TargetKind::DaemonSet => {
                let api: Api<DaemonSet> = Api::namespaced(client.clone(), namespace);
                map(get_live(&api, &target.name).await?, |d| Self::daemon_set(&d))
            }
        })
    }

    fn deployment(object: &Deployment) -> Self {
        let (spec, status) = (object.spec.as_ref(), object.status.clone().unwrap_or_default());
        let desired = spec.and_then(|s| s.replicas).unwrap_or(1);
        let (all, updated) = (status.replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
        let complete = seen(&object.metadata, status.observed_generation) && updated >= desired && all == updated;
        Self::new(&object.metadata, spec.map(|s| &s.selector), desired, complete)
    }

    fn stateful_set(object: &StatefulSet) -> Self {
        let (spec, status) = (object.spec.as_ref(), object.status.clone().unwrap_or_default());
        let desired = spec.and_then(|s| s.replicas).unwrap_or(1);
        let current = status.current_revision == status.update_revision;
        let updated = current || status.updated_replicas.unwrap_or(0) >= desired;
        let complete = seen(&object.metadata, status.observed_generation) && updated;
        Self::new(&object.metadata, spec.map(|s| &s.selector), desired, complete)
    }

    fn daemon_set(object: &DaemonSet) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let desired = status.desired_number_scheduled;
        let updated = status.updated_number_scheduled.unwrap_or(0) >= desired;
        let complete = seen(&object.metadata, status.observed_generation) && updated;
        Self::new(&object.metadata, object.spec.as_ref().map(|s| &s.selector), desired, complete)
    }

    fn new(meta: &ObjectMeta, selector: Option<&LabelSelector>, desired: i32, complete: bool) -> Self {
        // A selector that kube cannot read selects nothing here; the API server would not have stored it.
        let selector = selector.and_then(|s| Selector::try_from(s.clone()).ok()).unwrap_or_default();
        let uid = meta.uid.clone().unwrap_or_default();
        Self { uid, selector, desired: u32::try_from(desired).unwrap_or(0), complete }
    }

    /// Whether the pod may be one of its own: by whom it says that it is controlled, and by a selector that does not match everything.
    pub(crate) fn may_own(&self, pod: &PodView) -> bool {
        let controlled = pod.controller.as_ref().is_some_and(|(kind, _, uid)| kind == REPLICA_SET || *uid == self.uid);
        controlled && !self.selector.selects_all() && self.selector.matches(&pod.labels)
    }
}

fn map<T, U>(presence: Presence<T>, with: impl FnOnce(T) -> U) -> Presence<U> {
    match presence {
        Presence::Present(t) => Presence::Present(with(t)),
        Presence::AbsentLive => Presence::AbsentLive,
        Presence::Unknown => Presence::Unknown,
    }
}

fn seen(meta: &ObjectMeta, observed: Option<i64>) -> bool {
    observed.unwrap_or(0) >= meta.generation.unwrap_or(0)
}

/// Finds a workload's pods; remembers which `ReplicaSet` belongs to which Deployment for as long as the workload is the same: one that is
/// made anew may adopt what another left behind. No UID is given twice, and a `ReplicaSet` is there before its pods are, so that one that
/// is gone stays so.
pub(crate) struct Owners {
    client: Client,
    sets: Mutex<Sets>,
}

/// The UIDs of owners by those of their `ReplicaSets`, as seen while this was the workload.
#[derive(Default)]
struct Sets {
    workload: String,
    owners: HashMap<String, String>,
}

impl Owners {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, sets: Mutex::default() }
    }

    /// Those of `pods` that the workload owns; only such as it may own ([`Workload::may_own`]) are to be asked about.
    ///
    /// # Errors
    /// A gap when the API server does not say whose a `ReplicaSet` is, or when there are more of them than anybody needs: whoever makes
    /// pods could have us ask for any number.
    pub(crate) async fn own(&self, workload: &Workload, pods: Vec<Arc<PodView>>) -> Result<Vec<Arc<PodView>>, Gap> {
        let sets = pods.iter().filter_map(|p| p.controller.as_ref()).filter(|(kind, ..)| kind == REPLICA_SET);
        let sets = sets.map(|(_, _, uid)| uid.as_str()).collect::<HashSet<_>>().len();
        if sets > MOST_SETS {
            let detail = format!("pods of {sets} ReplicaSets wear the target's labels, at most {MOST_SETS}");
            return Err(Gap::new(GapReason::TooManySeries, detail));
        }
        self.forget_unless(&workload.uid);
        let mut own = Vec::with_capacity(pods.len());
        for pod in pods {
            let Some((kind, name, uid)) = &pod.controller else { continue };
            let owned = if kind == REPLICA_SET {
                // Whoever makes a pod writes whose it is; a request's path is made of the name, and the UID is kept.
                let may_be = is_name(name) && uid.len() <= LONGEST_UID;
                may_be && Box::pin(self.owner_of(&pod.namespace, name, uid)).await? == workload.uid
            } else {
                *uid == workload.uid
            };
            if owned {
                own.push(pod);
            }
        }
        Ok(own)
    }

    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was seen while another workload was asked about.
    fn forget_unless(&self, workload: &str) {
        let mut sets = self.sets();
        if sets.workload != workload {
            *sets = Sets { workload: workload.to_owned(), owners: HashMap::new() };
        }
    }

    /// Whose a `ReplicaSet` is, "" for nobody's.
    async fn owner_of(&self, namespace: &str, name: &str, uid: &str) -> Result<String, Gap> {
        if let Some(owner) = self.sets().owners.get(uid) {
            return Ok(owner.clone());
        }
        let api: Api<ReplicaSet> = Api::namespaced(self.client.clone(), namespace);
        let found = match timeout(READ, api.get_opt(name)).await {
            Ok(Ok(found)) => found,
            Ok(Err(e)) => return Err(refused("a ReplicaSet", &e)),
            Err(_) => return Err(Gap::new(GapReason::Other, "the API server did not give a ReplicaSet in time")),
        };
        // One that is gone, or is another one of the same name, is nobody's.
        let set = found.filter(|s| s.metadata.uid.as_deref() == Some(uid));
        let owner = set.as_ref().and_then(controller).map(|o| o.uid.clone()).unwrap_or_default();
        // One that is there and nobody's may be adopted the next moment.
        if set.is_none() || !owner.is_empty() {
            let mut sets = self.sets();
            if sets.owners.len() >= REMEMBERED {
                sets.owners.clear();
            }
            sets.owners.insert(uid.to_owned(), owner.clone());
        }
        Ok(owner)
    }
}

/// The target and its pods, read live, for the decision that waits for it.
///
/// # Errors
/// When a read gave no answer.
pub(crate) async fn observe(client: &Client, target: &TargetName) -> Result<Target, Error> {
    let workload = match Workload::get(client, target).await? {
        Presence::Present(workload) => workload,
        Presence::AbsentLive => return Ok(Presence::AbsentLive),
        Presence::Unknown => return Ok(Presence::Unknown),
    };
    let api: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &target.namespace);
    let params = kube::api::ListParams::default().labels_from(&workload.selector);
    let pods = crate::client::list_live(&api, &params).await?;
    let views = pods.iter().map(|p| Arc::new(PodView::of(p))).filter(|p| workload.may_own(p)).collect();
    let Ok(own) = Owners::new(client.clone()).own(&workload, views).await else {
        return Ok(Presence::Unknown);
    };
    let (ending, staying): (Vec<_>, Vec<_>) = own.into_iter().filter(|p| !p.is_over()).partition(|p| p.deleting);
    Ok(Presence::Present(Rollout {
        desired: workload.desired,
        complete: workload.complete,
        pods: staying.iter().map(|p| p.target()).collect(),
        ending: u32::try_from(ending.len()).unwrap_or(u32::MAX),
    }))
}
