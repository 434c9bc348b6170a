//! Carries out what was decided about an E2ERun. Every write is idempotent or carries its precondition.

use k8s_openapi::api::batch::v1::Job;
use kube::{Api, ResourceExt as _};
use seaworthy_api::E2ERun;
use seaworthy_core::{e2e_run::Effect, task::TaskEffect};

use super::build;
use crate::{Context, Error, client, jobs::execute_task};

pub(super) async fn execute(ctx: &Context, run: &E2ERun, effect: &Effect) -> Result<(), Error> {
    let namespace = run.namespace().unwrap_or_default();
    let api: Api<E2ERun> = Api::namespaced(ctx.client.clone(), &namespace);
    match effect {
        Effect::AddFinalizer => client::set_finalizer(&api, run, true).await,
        Effect::RemoveFinalizer => client::set_finalizer(&api, run, false).await,
        Effect::Task { suite, step, attempt, effect } => {
            let built = match effect {
                TaskEffect::Create { job } | TaskEffect::Occupy { job } => build::job(run, job, suite, *step, *attempt)
                    .ok_or_else(|| Error::Data {
                        what: format!("E2ERun {namespace}/{}", run.name_any()),
                        problem: format!("its spec has no {} for suite {suite:?} any more", step.as_str()),
                    })?,
                TaskEffect::Stop { .. } => Job::default(),
            };
            execute_task(ctx, &namespace, effect, || built).await
        }
    }
}
