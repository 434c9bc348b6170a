//! What every visit has at hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Client, Resource};
use seaworthy_core::{task::Refusal, time::Timestamp};

use crate::{
    clock::Clock, events::Events, jobs::pods::PodNames, kinds::release::pinned::PinnedPlans, metrics::Metrics,
    sampler::Sampler,
};

/// How the operator is set up.
#[derive(Debug, Clone, clap::Parser)]
#[command(version, about = "Proves release candidates of Kubernetes controllers and ships exactly what was proven.")]
pub struct Config {
    /// The namespace that the operator runs in; locks on targets live there.
    #[arg(long, env = "SEAWORTHY_NAMESPACE", default_value = "seaworthy-system")]
    pub namespace: String,
    /// The only namespace whose objects it looks after; all of them when not set. Set it where the operator may not watch the whole cluster,
    /// and give every such operator a namespace of its own.
    #[arg(long, env = "SEAWORTHY_WATCH_NAMESPACE")]
    pub watch_namespace: Option<String>,
    /// The operator's own image, for inventory Jobs.
    #[arg(long, env = "SEAWORTHY_IMAGE", default_value = "")]
    pub image: String,
    /// The image of the plan Job, which reads repositories.
    #[arg(long, env = "SEAWORTHY_GIT_IMAGE", default_value = "")]
    pub git_image: String,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, env = "SEAWORTHY_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: std::net::SocketAddr,
    /// How many objects of a kind are visited at the same time.
    #[arg(long, env = "SEAWORTHY_CONCURRENCY", default_value_t = 16)]
    pub concurrency: u16,
    /// Whether kubelets are asked without verifying their certificates: only where they are not signed by the cluster's authority.
    #[arg(long, env = "SEAWORTHY_KUBELET_INSECURE_TLS", default_value_t = false)]
    pub kubelet_insecure_tls: bool,
    /// What time it is; its client's [`DateLayer`](crate::clock::DateLayer) sets it.
    #[arg(skip)]
    pub clock: Clock,
}

/// What every visit has at hand. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The API server.
    pub client: Client,
    /// How the operator is set up.
    pub config: Arc<Config>,
    /// Sends events.
    pub events: Arc<Events>,
    /// Counts.
    pub metrics: Metrics,
    /// Samples SoakTests; absent where nothing is to be begun (somebody asks what would be decided).
    pub sampler: Option<Sampler>,
    /// Which pods to read; knows none where nothing is watched (somebody asks what would be decided).
    pub pods: PodNames,
    /// The pinned plans of Releases under way.
    pub(crate) pinned: PinnedPlans,
    /// What the API server last said to a create that it refused, by namespace and name; only for messages and for ending early what can
    /// never work, so it may be lost.
    refusals: Arc<Mutex<HashMap<(String, String), Refusal>>>,
}

/// Refusals that are kept at most.
const REFUSALS: usize = 10_000;

impl Context {
    /// A context for this client.
    pub fn new(client: Client, config: Config, metrics: Metrics) -> Self {
        let events = Arc::new(Events::new(client.clone()));
        let (pods, pinned, refusals) = (PodNames::default(), PinnedPlans::default(), Arc::default());
        Self { client, config: Arc::new(config), events, metrics, sampler: None, pods, pinned, refusals }
    }

    /// The objects of a kind that this operator looks after.
    pub fn watched<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<K> {
        match &self.config.watch_namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// The time: the only place where the operator asks for it on behalf of decisions.
    pub fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// Remembers that a create was refused.
    pub fn refused(&self, namespace: &str, name: &str, refusal: Refusal) {
        let mut all = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REFUSALS {
            all.clear();
        }
        all.insert((namespace.to_owned(), name.to_owned()), refusal);
    }

    /// Forgets a refusal.
    pub fn created(&self, namespace: &str, name: &str) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// What the API server last said to a create of that name.
    pub fn refusal(&self, namespace: &str, name: &str) -> Option<Refusal> {
        let key = (namespace.to_owned(), name.to_owned());
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }
}
