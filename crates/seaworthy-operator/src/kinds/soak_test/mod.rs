//! `SoakTest`: the shell of `seaworthy_core::soak_test`, beside the sampler.

mod build;
mod execute;
mod observe;

use kube::runtime::{Controller, reflector::Store};
use seaworthy_api::SoakTest;
use seaworthy_core::{
    plan::Plan,
    soak_test::{self, Effect, Observed, SoakTestStatus},
    time::Timestamp,
};

use crate::{Context, Error, controller::Kind};

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

    fn changes_itself(effect: &Effect) -> bool {
        matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer)
    }

    fn triggers(controller: Controller<SoakTest>, ctx: &Context, store: &Store<SoakTest>) -> Controller<SoakTest> {
        match &ctx.sampler {
            Some(sampler) => controller.reconcile_on(sampler.wakes(store.clone())),
            None => controller,
        }
    }
}
