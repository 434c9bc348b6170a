//! `ReleasePlan`: the shell of `seaworthy_core::release_plan`. Reads, sums up, writes; small enough for one file.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    Api, ResourceExt as _,
    api::ListParams,
    runtime::{
        Controller, WatchStreamExt as _,
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

    fn triggers(controller: Controller<ReleasePlan>, ctx: &Context, _: &Store<ReleasePlan>) -> Controller<ReleasePlan> {
        let releases =
            watcher(ctx.watched::<Release>(), watcher::Config::default()).default_backoff().touched_objects();
        controller.watches_stream(releases, |release| {
            Some(ObjectRef::new(&release.spec.plan_ref.name).within(release.metadata.namespace.as_deref()?))
        })
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
