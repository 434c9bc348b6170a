//! Jobs: how they are seen, built, started and ended. One way for every kind and every task.

pub mod build;
pub mod observe;

use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use seaworthy_core::task::{Refusal, TaskEffect};

pub use self::{
    build::{JobSpec, build_job},
    observe::{observe_job, pod_log},
};
use crate::{Context, Error, client};

/// Carries out what `task::advance` asked for.
///
/// A create that the API server refuses is remembered for the next observation and is no failure of the visit: `decide` says what it means.
///
/// # Errors
/// When the API server does not answer.
pub async fn execute_task(
    ctx: &Context,
    namespace: &str,
    effect: &TaskEffect,
    job: impl FnOnce() -> Job + Send,
) -> Result<(), Error> {
    let api: Api<Job> = Api::namespaced(ctx.client.clone(), namespace);
    match effect {
        TaskEffect::Create { job: name } => create_job(ctx, &api, namespace, name, &job()).await,
        TaskEffect::Stop { job: name, uid } => client::delete_uid(&api, name, uid).await,
    }
}

/// Creates a Job; remembers a refusal.
///
/// # Errors
/// When the API server does not answer, or answers that something is wrong for now. A permanent refusal is remembered instead.
pub async fn create_job(ctx: &Context, api: &Api<Job>, namespace: &str, name: &str, job: &Job) -> Result<(), Error> {
    match client::create(api, job).await {
        Ok(()) => {
            ctx.created(namespace, name);
            Ok(())
        }
        Err(e) => {
            let refusal = Refusal::of(e.code(), &e.message());
            let told = e.code() != 0;
            if told {
                ctx.refused(namespace, name, refusal);
            }
            // What can never work is decided about at once; everything else is tried again after a pause.
            if told
                && matches!(e.code(), 400 | 403 | 422)
                && ctx.refusal(namespace, name).is_some_and(|r| r.cause == seaworthy_core::task::Cause::Impossible)
            {
                return Ok(());
            }
            Err(e)
        }
    }
}
