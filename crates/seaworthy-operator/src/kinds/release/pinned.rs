//! The pinned plan: read, understood once, and found again by its hash.
//!
//! Why: every look at a Release needs it, and what it says never changes. What is remembered counts only while its hash is the recorded one,
//! so it may be lost, and can never be another plan. That the object is still there is read live all the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Api, Resource, ResourceExt as _};
use seaworthy_api::{Release, ReleasePlanSpec, convert, hash};
use seaworthy_core::{
    presence::Presence,
    release::observed::{Policy, Snapshot},
};

use super::{build, ledger};
use crate::{Context, Error, client::get_live};

/// Plans that are remembered at most.
const REMEMBERED: usize = 64;

/// A pinned plan.
#[derive(Debug)]
pub(crate) struct Pinned {
    /// The object that holds it: UID and resourceVersion.
    object: (Option<String>, Option<String>),
    seen: Snapshot,
    spec: Result<ReleasePlanSpec, String>,
}

impl Pinned {
    fn read(release: &Release, found: ControllerRevision) -> Self {
        let object = (found.uid(), found.resource_version());
        let data = found.data.map(|data| data.0).unwrap_or_default();
        let hash = hash::canonical(&data);
        let spec =
            serde_json::from_value::<ReleasePlanSpec>(data).map_err(|e| format!("the pinned plan cannot be read: {e}"));
        let policy = spec.as_ref().map_err(Clone::clone).and_then(convert::release::policy);
        let ledger =
            spec.as_ref().map_or_else(|_| String::new(), |s| ledger::ledger_name(&release.spec.plan_ref.name, s));
        Self { object, seen: Snapshot { name: build::snapshot_name(release), hash, ledger, policy }, spec }
    }

    /// What a decision sees of it.
    pub(super) fn seen(&self) -> &Snapshot {
        &self.seen
    }

    /// What decisions need of it; None when it makes no sense.
    pub(super) fn policy(&self) -> Option<&Policy> {
        self.seen.policy.as_ref().ok()
    }

    /// The plan; None when it cannot be read.
    pub(super) fn spec(&self) -> Option<&ReleasePlanSpec> {
        self.spec.as_ref().ok()
    }
}

/// Plans by the UID of the Release that pinned them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct PinnedPlans(Arc<Mutex<HashMap<String, Arc<Pinned>>>>);

impl PinnedPlans {
    /// The plan whose hash the Release has recorded, if it is remembered.
    pub(super) fn recorded(&self, release: &Release) -> Option<Arc<Pinned>> {
        let recorded = &release.status.as_ref()?.plan_snapshot.as_ref()?.hash;
        self.of(release).filter(|pinned| pinned.seen.hash == *recorded)
    }

    fn of(&self, release: &Release) -> Option<Arc<Pinned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(release.metadata.uid.as_ref()?).cloned()
    }

    fn remember(&self, release: &Release, pinned: &Arc<Pinned>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(release.uid().unwrap_or_default(), Arc::clone(pinned));
    }
}

/// Looks whether the pinned plan is there, and what it says.
pub(super) async fn look(ctx: &Context, release: &Release, namespace: &str) -> Result<Presence<Arc<Pinned>>, Error> {
    let api: Api<ControllerRevision> = Api::namespaced(ctx.client.clone(), namespace);
    let found = match get_live(&api, &build::snapshot_name(release)).await? {
        Presence::Present(found) if owned(&found, release) => found,
        Presence::Present(_) | Presence::AbsentLive => return Ok(Presence::AbsentLive),
        Presence::Unknown => return Ok(Presence::Unknown),
    };
    let object = (found.uid(), found.resource_version());
    if let Some(known) = ctx.pinned.of(release).filter(|known| known.object == object) {
        return Ok(Presence::Present(known));
    }
    let pinned = Arc::new(Pinned::read(release, found));
    ctx.pinned.remember(release, &pinned);
    Ok(Presence::Present(pinned))
}

/// The pinned plan, for an effect that needs what it says.
pub(super) async fn plan(ctx: &Context, release: &Release, namespace: &str) -> Result<ReleasePlanSpec, Error> {
    let lost = |problem: String| Error::Data {
        what: format!("ControllerRevision {}", build::snapshot_name(release)),
        problem,
    };
    let pinned = match ctx.pinned.recorded(release) {
        Some(pinned) => pinned,
        None => match look(ctx, release, namespace).await? {
            Presence::Present(pinned) => pinned,
            Presence::AbsentLive | Presence::Unknown => return Err(lost("is gone".into())),
        },
    };
    pinned.spec.clone().map_err(lost)
}

/// Whether a Release controls an object.
pub(super) fn owned<K: Resource>(object: &K, release: &Release) -> bool {
    object
        .owner_references()
        .iter()
        .any(|o| o.controller == Some(true) && Some(&o.uid) == release.metadata.uid.as_ref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(uid: &str, hash: &str) -> Release {
        serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": "r", "namespace": "n", "uid": uid},
            "spec": {"planRef": {"name": "p"}, "revision": "0123456789012345678901234567890123456789"},
            "status": {"planSnapshot": {"name": "r-plan", "hash": hash, "ledger": "l"}},
        }))
        .unwrap()
    }

    fn pinned(release: &Release, version: &str) -> Arc<Pinned> {
        let data = json!({"candidate": {"from": "Spec"}, "line": version});
        let object = json!({"metadata": {"name": "r-plan", "uid": "c", "resourceVersion": version}, "revision": 1, "data": data});
        Arc::new(Pinned::read(release, serde_json::from_value(object).unwrap()))
    }

    #[test]
    fn what_is_remembered_counts_only_while_its_hash_is_the_recorded_one() {
        let plans = PinnedPlans::default();
        let unknown = release("u", "");
        let kept = pinned(&unknown, "1");
        plans.remember(&unknown, &kept);
        let hash = kept.seen.hash.as_str();
        assert!(plans.recorded(&release("u", hash)).is_some());
        assert!(plans.recorded(&release("other", hash)).is_none(), "it is another Release's");
        let altered = pinned(&unknown, "2");
        assert_ne!(altered.seen.hash, hash);
        plans.remember(&unknown, &altered);
        assert!(plans.recorded(&release("u", hash)).is_none(), "it is not what was recorded");
    }

    #[test]
    fn memory_has_a_bound() {
        let plans = PinnedPlans::default();
        for number in 0..3 * REMEMBERED {
            let release = release(&number.to_string(), "h");
            plans.remember(&release, &pinned(&release, "1"));
            assert!(plans.of(&release).is_some() && plans.0.lock().unwrap().len() <= REMEMBERED);
        }
    }
}
