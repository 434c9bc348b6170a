//! `ReleasePlan`: the shell of `seaworthy_core::release_plan`. Reads, sums up, writes; small enough for one file.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use futures::TryStreamExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, ResourceExt as _,
    api::ListParams,
    runtime::{
        Controller,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use seaworthy_api::{Release, ReleasePlan, ReleasePlanStatus, convert, release_plan::LastPublished};
use seaworthy_core::{
    condition::{self, ConditionStatus, Reason, Say, types},
    meta::FINALIZER,
    plan::{Plan, Wake},
    release_plan::{Member, Observed, sum_up},
    time::Timestamp,
};

use crate::{
    Context, Error,
    client::{self, list_live},
    controller::Kind,
};

/// The kind.
#[derive(Debug)]
pub struct ReleasePlanKind;

/// What is seen of a plan.
#[derive(Debug)]
pub struct Seen {
    generation: i64,
    status: ReleasePlanStatus,
    valid: Result<(), String>,
    releases: Observed,
}

/// What can be asked for.
#[derive(Debug)]
pub enum Effect {
    /// Delete a finished Release beyond `historyLimit`.
    DeleteRelease {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
}

impl Kind for ReleasePlanKind {
    type Object = ReleasePlan;
    type Status = ReleasePlanStatus;
    type Observed = Seen;
    type Effect = Effect;
    const NAME: &'static str = "ReleasePlan";
    const DEBOUNCE: Duration = Duration::from_millis(200);

    async fn observe(ctx: &Context, plan: &ReleasePlan) -> Result<Seen, Error> {
        let api: Api<Release> = Api::namespaced(ctx.client.clone(), &plan.namespace().unwrap_or_default());
        let name = plan.name_any();
        let all = list_live(&api, &ListParams::default()).await?;
        let members = all
            .iter()
            .filter(|r| r.spec.plan_ref.name == name && r.metadata.deletion_timestamp.is_none())
            .map(member)
            .collect();
        let keep = &plan.spec.history_limit;
        Ok(Seen {
            generation: plan.metadata.generation.unwrap_or_default(),
            status: plan.status.clone().unwrap_or_default(),
            valid: convert::release::policy(&plan.spec).map(|_| ()),
            releases: Observed { members, keep_published: keep.published as usize, keep_other: keep.other as usize },
        })
    }

    fn decide(seen: &Seen, now: Timestamp) -> Plan<ReleasePlanStatus, Effect> {
        let sum = sum_up(&seen.releases);
        let mut status = seen.status.clone();
        let (accepted, reason, message) = match &seen.valid {
            Ok(()) => (ConditionStatus::True, Reason::Valid, "Releases may name this plan".to_owned()),
            Err(why) => (ConditionStatus::False, Reason::InvalidSpec, why.clone()),
        };
        let say = Say { type_: types::ACCEPTED, status: accepted, reason, message };
        condition::set(&mut status.conditions, say, seen.generation, now);
        status.running = sum.running;
        status.waiting = sum.waiting;
        if let Some((version, revision, release)) = sum.last_published {
            status.last_published = Some(LastPublished { version, revision, release });
        }
        let effects = sum.surplus.into_iter().map(|(name, uid)| Effect::DeleteRelease { name, uid }).collect();
        Plan { status, effects, wake: Wake::OnChange, notes: Vec::new() }
    }

    async fn execute(ctx: &Context, plan: &ReleasePlan, effect: &Effect) -> Result<(), Error> {
        let Effect::DeleteRelease { name, uid } = effect;
        let api: Api<Release> = Api::namespaced(ctx.client.clone(), &plan.namespace().unwrap_or_default());
        client::delete_uid(&api, name, uid).await
    }

    fn changes_itself(_: &Effect) -> bool {
        false
    }

    fn triggers(controller: Controller<ReleasePlan>, ctx: &Context, _: &Store<ReleasePlan>) -> Controller<ReleasePlan> {
        let mut told = Told::default();
        let releases = crate::watching::whole::<Release>(ctx, watcher::Config::default());
        let releases = releases.try_filter_map(move |event| std::future::ready(Ok(told.news(event))));
        controller.watches_stream(releases, |release| {
            Some(ObjectRef::new(&release.spec.plan_ref.name).within(release.metadata.namespace.as_deref()?))
        })
    }
}

/// What was told of each Release, by UID, as a hash: each is written some twenty times, and what a plan says of it changes less often.
#[derive(Debug, Default)]
struct Told(HashMap<String, u64>);

impl Told {
    /// The Release of an event, if there is news of it for its plan.
    fn news(&mut self, event: watcher::Event<Release>) -> Option<Release> {
        match event {
            watcher::Event::Apply(release) | watcher::Event::InitApply(release) => {
                let mut hasher = DefaultHasher::new();
                (member(&release), release.metadata.deletion_timestamp.is_some()).hash(&mut hasher);
                let now = hasher.finish();
                (self.0.insert(release.uid().unwrap_or_default(), now) != Some(now)).then_some(release)
            }
            watcher::Event::Delete(release) => {
                self.0.remove(&release.uid().unwrap_or_default());
                Some(release)
            }
            // What was deleted while nobody watched must not be kept for ever.
            watcher::Event::Init => {
                self.0.clear();
                None
            }
            watcher::Event::InitDone => None,
        }
    }
}

fn member(release: &Release) -> Member {
    let status = release.status.clone().unwrap_or_default();
    Member {
        name: release.name_any(),
        uid: release.uid().unwrap_or_default(),
        created: release.creation_timestamp().map_or(Timestamp::from_millis(0), |Time(t)| t.into()),
        completed: status.completion_time,
        phase: status.phase,
        started: status.start_time.is_some(),
        finalizer: release.finalizers().iter().any(|f| f == FINALIZER),
        version: status.version,
        revision: release.spec.revision.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn release(phase: &str, message: &str) -> Release {
        serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release",
            "metadata": {"name": "r", "namespace": "n", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"planRef": {"name": "p"}, "revision": "0123456789012345678901234567890123456789"},
            "status": {"phase": phase, "conditions": [{"type": "Finished", "status": "False", "reason": "Running",
                "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_plan_hears_of_what_it_tells_and_of_every_end() {
        let mut told = Told::default();
        let mut news = |event| told.news(event).is_some();
        assert!(news(watcher::Event::Apply(release("Building", "a"))));
        assert!(!news(watcher::Event::Apply(release("Building", "b"))));
        assert!(news(watcher::Event::Apply(release("Verifying", "b"))));
        assert!(news(watcher::Event::Delete(release("Verifying", "b"))), "also when nothing else of it changed");
        assert!(news(watcher::Event::Apply(release("Verifying", "b"))));
        assert!(!news(watcher::Event::Init));
        assert!(news(watcher::Event::InitApply(release("Verifying", "b"))), "what was missed may concern it");
    }
}
