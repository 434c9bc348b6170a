//! Carries out what was decided about a SoakTest. Every write is idempotent or carries its precondition.

use k8s_openapi::api::batch::v1::Job;
use kube::{Api, ResourceExt as _};
use seaworthy_api::{SoakTest, convert::soak_test as convert};
use seaworthy_core::{
    condition::Reason,
    soak_test::{Effect, Role},
    task::{Cause, Refusal, TaskEffect},
};

use super::build;
use crate::{
    Context, Error, client,
    jobs::execute_task,
    locks::{self, Holder},
};

pub(super) async fn execute(ctx: &Context, object: &SoakTest, effect: &Effect) -> Result<(), Error> {
    let namespace = object.namespace().unwrap_or_default();
    let api: Api<SoakTest> = Api::namespaced(ctx.client.clone(), &namespace);
    let (lock, me) = (build::lock_name(object), Holder::of(object));
    match effect {
        Effect::AddFinalizer => client::set_finalizer(&api, object, true).await,
        Effect::RemoveFinalizer => client::set_finalizer(&api, object, false).await,
        Effect::AcquireLock => locks::acquire(ctx, &ctx.config.namespace, &lock, &me).await,
        Effect::ReleaseLock => {
            locks::release(ctx, &ctx.config.namespace, &lock, &me).await?;
            if let Some(sampler) = &ctx.sampler {
                sampler.wake_waiting(object);
            }
            Ok(())
        }
        Effect::Task { role, effect } => task(ctx, object, *role, effect).await,
    }
}

async fn task(ctx: &Context, object: &SoakTest, role: Role, effect: &TaskEffect) -> Result<(), Error> {
    let namespace = object.namespace().unwrap_or_default();
    let (TaskEffect::Create { job: name } | TaskEffect::Occupy { job: name }) = effect else {
        return execute_task(ctx, &namespace, effect, Job::default).await;
    };
    if role == Role::Inventory && ctx.config.image.is_empty() {
        let message = "the operator does not know its own image: start it with --image".to_owned();
        ctx.refused(&namespace, name, Refusal { cause: Cause::Impossible, reason: Reason::CannotStart, message });
        return Ok(());
    }
    let Some(job) = build::job(object, &convert::spec(object), role, name, &ctx.config.image) else {
        let message = format!("the spec has no {} task", role.purpose());
        ctx.refused(&namespace, name, Refusal { cause: Cause::Impossible, reason: Reason::InvalidSpec, message });
        return Ok(());
    };
    execute_task(ctx, &namespace, effect, || job).await
}
