//! Jobs: how they are seen, built, started and ended. One way for every kind and every task.

pub mod build;
pub mod observe;
pub mod pods;

use k8s_openapi::api::batch::v1::Job;
use kube::Api;
use seaworthy_core::task::{Cause, Refusal, TaskEffect};

pub use self::{
    build::{JobSpec, build_job},
    observe::{block, observe_alone, observe_job},
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
        TaskEffect::Occupy { job: name } => {
            let mut job = job();
            job.spec.get_or_insert_default().suspend = Some(true);
            create_job(ctx, &api, namespace, name, &job).await
        }
        TaskEffect::Stop { job: name, uid } => client::delete_uid(&api, name, uid).await,
    }
}

/// Creates a Job; remembers a refusal.
///
/// # Errors
/// When the API server does not answer, or answers that something is wrong for now. A permanent refusal is remembered instead.
pub async fn create_job(ctx: &Context, api: &Api<Job>, namespace: &str, name: &str, job: &Job) -> Result<(), Error> {
    remember(ctx, namespace, name, client::create(api, job).await)
}

/// Remembers whether a create was refused, for the next observation. What can never work is no failure of the visit: it is decided about at
/// once. Everything else is, so that it is tried again after a pause.
///
/// # Errors
/// The create's own, unless it is permanent.
pub fn remember(ctx: &Context, namespace: &str, name: &str, created: Result<(), Error>) -> Result<(), Error> {
    match created {
        Ok(()) => {
            ctx.created(namespace, name);
            Ok(())
        }
        Err(e) if e.code() == 0 => Err(e),
        Err(e) => {
            let refusal = Refusal::of(e.code(), &e.message());
            let never = refusal.cause == Cause::Impossible;
            ctx.refused(namespace, name, refusal);
            if never { Ok(()) } else { Err(e) }
        }
    }
}
