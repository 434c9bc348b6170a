//! `SoakTest`: the shell of `seaworthy_core::soak_test`, beside the sampler.

mod build;
mod execute;
mod observe;
pub mod published;

use kube::runtime::{Controller, reflector::Store};
use seaworthy_api::SoakTest;
use seaworthy_core::{
    plan::Plan,
    soak_test::{self, Effect, Observed, SoakTestStatus},
    time::Timestamp,
};

use crate::{
    Context, Error,
    controller::Kind,
    metrics::{Metrics, SampleLabels},
};

/// The kind.
#[derive(Debug)]
pub struct SoakTestKind;

impl Kind for SoakTestKind {
    type Object = SoakTest;
    type Status = SoakTestStatus;
    type Observed = Observed;
    type Effect = Effect;
    const NAME: &'static str = "SoakTest";

    fn observe(ctx: &Context, object: &SoakTest) -> impl Future<Output = Result<Observed, Error>> + Send {
        observe::observe(ctx, object)
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<SoakTestStatus, Effect> {
        soak_test::decide(observed, now)
    }

    fn execute(ctx: &Context, object: &SoakTest, effect: &Effect) -> impl Future<Output = Result<(), Error>> + Send {
        execute::execute(ctx, object, effect)
    }

    /// What remains is whose turn it may be, and how much was sampled.
    fn lighten(object: &mut SoakTest) {
        let soak = &mut object.spec.soak;
        (soak.sources, soak.checks) = (Vec::new(), Vec::new());
        (soak.setup, soak.workload, soak.teardown) = (None, None, None);
        if let Some(status) = &mut object.status {
            (status.conditions, status.checks) = (Vec::new(), Vec::new());
            (status.setup, status.workload, status.inventory, status.teardown) = (None, None, None, None);
        }
    }

    fn changes_itself(effect: &Effect) -> bool {
        matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer)
    }

    fn gauges(metrics: &Metrics, store: Store<SoakTest>) {
        metrics.before_pages(move |metrics| {
            let (mut planned, mut obtained) = (0, 0);
            for samples in store.state().iter().filter_map(|soak| soak.status.as_ref().map(|s| &s.samples)) {
                planned += samples.planned;
                obtained += samples.obtained;
            }
            for (outcome, n) in
                [("planned", planned), ("obtained", obtained), ("lost", planned.saturating_sub(obtained))]
            {
                let n = i64::try_from(n).unwrap_or(i64::MAX);
                metrics.samples.get_or_create(&SampleLabels { outcome }).set(n);
            }
        });
    }

    fn triggers(controller: Controller<SoakTest>, ctx: &Context, store: &Store<SoakTest>) -> Controller<SoakTest> {
        match &ctx.sampler {
            Some(sampler) => controller.reconcile_on(sampler.wakes(store.clone())),
            None => controller,
        }
    }
}
