//! `E2ERun`: the shell of `seaworthy_core::e2e_run`.

mod build;
mod execute;
mod observe;

use seaworthy_api::E2ERun;
use seaworthy_core::{
    e2e_run::{self, E2eRunStatus, Effect, Observed},
    plan::Plan,
    time::Timestamp,
};

use crate::{Context, Error, controller::Kind};

/// The kind.
#[derive(Debug)]
pub struct E2eRunKind;

impl Kind for E2eRunKind {
    type Object = E2ERun;
    type Status = E2eRunStatus;
    type Observed = Observed;
    type Effect = Effect;
    const NAME: &'static str = "E2ERun";

    fn observe(ctx: &Context, object: &E2ERun) -> impl Future<Output = Result<Observed, Error>> + Send {
        observe::observe(ctx, object)
    }

    fn decide(observed: &Observed, now: Timestamp) -> Plan<E2eRunStatus, Effect> {
        e2e_run::decide(observed, now)
    }

    fn execute(ctx: &Context, object: &E2ERun, effect: &Effect) -> impl Future<Output = Result<(), Error>> + Send {
        execute::execute(ctx, object, effect)
    }

    fn changes_itself(effect: &Effect) -> bool {
        matches!(effect, Effect::AddFinalizer | Effect::RemoveFinalizer)
    }
}
