//! Names of the pods of our Jobs, from the watches that the controllers hold anyway.
//!
//! Why: a list waits until the API server's cache has caught up with every write to anything, up to 100 ms; a read by name does not wait.
//! So the watches say which names to read, and nothing more: what is decided on is read live, and that a pod is *not* known here proves
//! nothing (`absence-is-live`). Absent: the pods' states.

use std::sync::{Arc, PoisonError, RwLock};

use k8s_openapi::api::core::v1::Pod;
use kube::{ResourceExt as _, core::PartialObjectMeta, runtime::reflector::Store};

use super::observe::CONTROLLER_UID;

/// Names of pods, as the watches of this process know them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PodNames {
    stores: Arc<RwLock<Vec<Store<PartialObjectMeta<Pod>>>>>,
}

impl PodNames {
    /// Adds what one more watch knows.
    pub fn add(&self, store: Store<PartialObjectMeta<Pod>>) {
        self.stores.write().unwrap_or_else(PoisonError::into_inner).push(store);
    }

    /// The names of the pods that are known of a Job, by its UID. There may be others.
    pub fn of(&self, namespace: &str, job_uid: &str) -> Vec<String> {
        let stores = self.stores.read().unwrap_or_else(PoisonError::into_inner);
        let mut names = Vec::new();
        for pod in stores.iter().flat_map(Store::state) {
            if pod.namespace().as_deref() == Some(namespace)
                && pod.labels().get(CONTROLLER_UID).is_some_and(|uid| uid == job_uid)
            {
                names.push(pod.name_any());
            }
        }
        names
    }
}
