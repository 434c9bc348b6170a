//! The kinds. Each has `observe` (reads), `build` (objects, pure) and `execute` (writes); its `decide` is in `seaworthy-core`.

pub mod e2e_run;
pub mod release;
pub mod release_plan;
pub mod soak_test;

use std::sync::Arc;

use tokio::{sync::watch, task::JoinSet};

use crate::{
    Context,
    admin::Ready,
    controller::{self, Kind},
};

/// Starts one controller per kind; each stops when `stopped` becomes true. Returns one readiness per controller.
pub fn start(ctx: &Context, stopped: &watch::Receiver<bool>, controllers: &mut JoinSet<()>) -> Vec<Ready> {
    vec![
        one::<release::ReleaseKind>(ctx, stopped, controllers),
        one::<release_plan::ReleasePlanKind>(ctx, stopped, controllers),
        one::<e2e_run::E2eRunKind>(ctx, stopped, controllers),
        one::<soak_test::SoakTestKind>(ctx, stopped, controllers),
    ]
}

/// Starts one kind's controller.
fn one<K: Kind>(ctx: &Context, stopped: &watch::Receiver<bool>, controllers: &mut JoinSet<()>) -> Ready {
    let (ready, mut stopped) = (Ready::default(), stopped.clone());
    let stop = async move {
        // A sender that is gone is as good as told.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    controllers.spawn(controller::run::<K>(ctx.clone(), Arc::clone(&ready), stop));
    ready
}
