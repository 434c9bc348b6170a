//! `Release`: the shell of `seaworthy_core::release`.

mod build;
mod execute;
mod ledger;
mod observe;
pub(crate) mod pinned;

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::Time};
use kube::{
    ResourceExt as _,
    runtime::{
        Controller, PredicateConfig, WatchStreamExt as _, predicates,
        reflector::{ObjectRef, Store},
        watcher,
    },
};
use seaworthy_api::{E2ERun, Release, ReleasePlan, SoakTest, labels};
use seaworthy_core::{
    plan::Plan,
    release::{self, Effect, Observed, ReleaseStatus},
    time::Timestamp,
};

use crate::{
    Context, Error,
    controller::Kind,
    metrics::{Metrics, PhaseLabels},
    watching,
};

/// The kind.
#[derive(Debug)]
pub struct ReleaseKind;

impl Kind for ReleaseKind {
    type Object = Release;
    type Status = ReleaseStatus;
    type Observed = Observed;
    type Effect = Effect;
    const NAME: &'static str = "Release";

    fn observe(ctx: &Context, object: &Release) -> impl Future<Output = Result<Observed, Error>> + Send {
        observe::observe(ctx, object)
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<ReleaseStatus, Effect> {
        release::decide(observed, now)
    }

    fn execute(ctx: &Context, object: &Release, effect: &Effect) -> impl Future<Output = Result<(), Error>> + Send {
        execute::execute(ctx, object, effect)
    }

    fn changes_itself(effect: &Effect) -> bool {
        matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer)
    }

    fn gauges(metrics: &Metrics, store: Store<Release>) {
        metrics.before_pages(move |metrics| {
            let now = Timestamp::from(jiff::Timestamp::now());
            metrics.releases.clear();
            metrics.release_age.clear();
            for release in store.state() {
                let phase = release.status.as_ref().map(|s| s.phase).unwrap_or_default();
                let labels = PhaseLabels { phase: format!("{phase:?}") };
                metrics.releases.get_or_create(&labels).inc();
                if let Some(Time(created)) = release.creation_timestamp().filter(|_| !phase.is_terminal()) {
                    let age = i64::try_from(now.since(created.into()).0).unwrap_or(i64::MAX);
                    let oldest = metrics.release_age.get_or_create_owned(&labels);
                    oldest.set(oldest.get().max(age));
                }
            }
        });
    }

    fn triggers(controller: Controller<Release>, ctx: &Context, store: &Store<Release>) -> Controller<Release> {
        let mine = watcher::Config::default().labels(&format!("{}={}", labels::OWNER_KIND, Self::NAME));
        let (by_plan, by_sibling) = (store.clone(), store.clone());
        // A plan's status sums up its Releases: that it was written is no news for them.
        let plans = watching::touched::<ReleasePlan>(ctx, watcher::Config::default())
            .predicate_filter(predicates::generation, PredicateConfig::default());
        let ends = watching::whole::<Release>(ctx, watcher::Config::default()).touched_objects();
        controller
            .owns_stream(watching::touched::<E2ERun>(ctx, mine.clone()))
            .owns_stream(watching::touched::<SoakTest>(ctx, mine.clone()))
            .owns_stream(watching::touched::<ConfigMap>(ctx, mine))
            .watches_stream(plans, move |plan| {
                open(&by_plan, plan.namespace().as_deref(), Some(&plan.name_any()), None)
            })
            // Who waits for a turn, or may be replaced, is woken when another Release of the plan comes to its place or ends.
            .watches_stream(ends, move |other| {
                let status = other.status.clone().unwrap_or_default();
                let moved = status.ending.is_some() || status.phase.is_terminal() || status.position.is_some();
                let moved = moved || other.metadata.deletion_timestamp.is_some();
                let plan = moved.then_some(other.spec.plan_ref.name.as_str());
                open(&by_sibling, other.namespace().as_deref(), plan, Some(&other.name_any()))
            })
    }
}

/// The Releases of a plan that have not finished, but for one.
fn open(
    store: &Store<Release>,
    namespace: Option<&str>,
    plan: Option<&str>,
    but: Option<&str>,
) -> Vec<ObjectRef<Release>> {
    let Some(plan) = plan else { return Vec::new() };
    store
        .state()
        .into_iter()
        .filter(|r| {
            r.metadata.namespace.as_deref() == namespace
                && r.spec.plan_ref.name == plan
                && but != Some(r.name_any().as_str())
        })
        .filter(|r| r.status.as_ref().is_none_or(|s| !s.phase.is_terminal()))
        .map(|r| ObjectRef::from_obj(r.as_ref()))
        .collect()
}
