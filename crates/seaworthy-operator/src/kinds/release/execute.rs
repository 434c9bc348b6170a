//! Carries out what was decided about a Release. Every write is idempotent or carries its precondition.

use k8s_openapi::api::{apps::v1::ControllerRevision, batch::v1::Job, core::v1::ConfigMap};
use kube::{Api, ResourceExt as _};
use seaworthy_api::{E2ERun, Release, ReleasePlan, ReleasePlanSpec, SoakTest, Task};
use seaworthy_core::{
    frame::BlockRef,
    presence::Presence,
    release::{Effect, GateKind},
    task::{TaskEffect, TaskStatus},
    version::ledger::State,
};
use serde_json::json;

use super::{
    build::{self, Child},
    ledger, pinned,
};
use crate::{
    Context, Error,
    client::{self, get_live},
    jobs::{self, execute_task},
    locks::{self, Holder},
};

/// How long the plan Job may read, a little less than its task's timeout so that it can say why it gave up.
const READ_SECONDS: u32 = 600;

pub(super) async fn execute(ctx: &Context, release: &Release, effect: &Effect) -> Result<(), Error> {
    let namespace = release.namespace().unwrap_or_default();
    let api: Api<Release> = Api::namespaced(ctx.client.clone(), &namespace);
    let turn = build::turn_name(release);
    let me = Holder::of(release);
    match effect {
        Effect::AddFinalizer => client::set_finalizer(&api, release, true).await,
        Effect::RemoveFinalizer => client::set_finalizer(&api, release, false).await,
        Effect::CreateSnapshot => snapshot(ctx, release, &namespace).await,
        Effect::StoreFacts { job_uid } => store_facts(ctx, release, &namespace, job_uid).await,
        Effect::AcquireTurn => locks::acquire(ctx, &namespace, &turn, &me).await,
        Effect::ReleaseTurn => locks::release(ctx, &namespace, &turn, &me).await,
        Effect::Reserve { version, candidate } => {
            let plan = pinned::plan(ctx, release, &namespace).await?;
            let name = ledger::ledger_name(&release.spec.plan_ref.name, &plan);
            let uid = release.uid().unwrap_or_default();
            ledger::reserve(ctx, &namespace, &name, (&uid, &release.spec.revision), (version, *candidate)).await
        }
        Effect::Settle(settle) => {
            let name = match ledger::name_for(release, None) {
                Some(name) => name,
                None => {
                    ledger::ledger_name(&release.spec.plan_ref.name, &pinned::plan(ctx, release, &namespace).await?)
                }
            };
            ledger::settle(ctx, &namespace, &name, release, *settle).await
        }
        Effect::DraftNotes { text } => {
            let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), &namespace);
            client::create(&api, &build::notes(release, text.clone())).await
        }
        Effect::FreezeNotes { name, uid, resource_version } => {
            freeze(ctx, &namespace, (name, uid, resource_version)).await
        }
        Effect::Planning(effect) => {
            let (task, attempt) = match effect {
                TaskEffect::Create { .. } => planning(ctx, release, &namespace).await?,
                TaskEffect::Occupy { .. } | TaskEffect::Stop { .. } => (None, 0),
            };
            run(ctx, release, effect, "plan", attempt, task.as_ref()).await
        }
        Effect::Candidate(effect) => {
            let task = to_create(ctx, release, &namespace, effect).await?.and_then(|plan| plan.candidate.task);
            let attempt = attempt_of(release.status.as_ref().and_then(|s| s.candidate.as_ref()));
            run(ctx, release, effect, "candidate", attempt, task.as_ref()).await
        }
        Effect::Verify(effect) => {
            let task = to_create(ctx, release, &namespace, effect).await?.and_then(|plan| plan.publish.verify);
            let publish = release.status.as_ref().and_then(|s| s.publish.as_ref());
            let attempt = attempt_of(publish.and_then(|p| p.verify.as_ref()));
            run(ctx, release, effect, "verify", attempt, task.as_ref().map(|s| &s.task)).await
        }
        Effect::CreateChild { gate } => create_child(ctx, release, &namespace, *gate).await,
        Effect::AbortChild { kind, name, uid } => abort_child(ctx, &namespace, *kind, name, uid).await,
        Effect::DeleteChild { kind: GateKind::E2ERun, name, uid } => {
            client::delete_uid(&Api::<E2ERun>::namespaced(ctx.client.clone(), &namespace), name, uid).await
        }
        Effect::DeleteChild { kind: GateKind::SoakTest, name, uid } => {
            client::delete_uid(&Api::<SoakTest>::namespaced(ctx.client.clone(), &namespace), name, uid).await
        }
        Effect::CreatePublish { job, attempt } => {
            let plan = pinned::plan(ctx, release, &namespace).await?;
            let Some(task) = &plan.publish.task else {
                return Err(Error::Data { what: format!("Job {job}"), problem: "CI publishes by this plan".into() });
            };
            let api: Api<Job> = Api::namespaced(ctx.client.clone(), &namespace);
            let built = build::task(release, job, "publish", *attempt, task, true);
            jobs::create_job(ctx, &api, &namespace, job, &built).await
        }
        Effect::Unsuspend { job, uid, resource_version } => {
            let api: Api<Job> = Api::namespaced(ctx.client.clone(), &namespace);
            met(client::patch_if(&api, job, uid, resource_version, json!({"spec": {"suspend": false}})).await)
        }
        Effect::StopPublish { job, uid } => {
            client::delete_uid(&Api::<Job>::namespaced(ctx.client.clone(), &namespace), job, uid).await
        }
    }
}

/// A precondition that is not met, or an object that is gone, is seen by the next observation.
fn met<T>(result: Result<T, Error>) -> Result<(), Error> {
    match result {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.code(), 404 | 409 | 422) => Ok(()),
        Err(e) => Err(e),
    }
}

fn attempt_of(task: Option<&TaskStatus>) -> u32 {
    task.map_or(1, |t| t.attempt)
}

async fn run(
    ctx: &Context,
    release: &Release,
    effect: &TaskEffect,
    purpose: &str,
    attempt: u32,
    task: Option<&Task>,
) -> Result<(), Error> {
    let namespace = release.namespace().unwrap_or_default();
    if let (TaskEffect::Create { job }, None) = (effect, task) {
        return Err(Error::Data {
            what: format!("Job {job}"),
            problem: format!("the pinned plan has no {purpose} task"),
        });
    }
    let placeholder = build::placeholder();
    let task = if matches!(effect, TaskEffect::Occupy { .. }) { Some(&placeholder) } else { task };
    let (TaskEffect::Create { job: name } | TaskEffect::Occupy { job: name } | TaskEffect::Stop { job: name, .. }) =
        effect;
    let built = task.map(|task| build::task(release, name, purpose, attempt, task, false)).unwrap_or_default();
    execute_task(ctx, &namespace, effect, || built).await
}

async fn snapshot(ctx: &Context, release: &Release, namespace: &str) -> Result<(), Error> {
    let plans: Api<ReleasePlan> = Api::namespaced(ctx.client.clone(), namespace);
    let Presence::Present(plan) = get_live(&plans, &release.spec.plan_ref.name).await? else { return Ok(()) };
    let api: Api<ControllerRevision> = Api::namespaced(ctx.client.clone(), namespace);
    client::create(&api, &build::snapshot(release, &plan.spec)).await
}

/// The pinned plan where a Job is to be built from it; a Job can be ended without, even when somebody deleted the plan.
async fn to_create(
    ctx: &Context,
    release: &Release,
    namespace: &str,
    effect: &TaskEffect,
) -> Result<Option<ReleasePlanSpec>, Error> {
    match effect {
        TaskEffect::Create { .. } => pinned::plan(ctx, release, namespace).await.map(Some),
        TaskEffect::Occupy { .. } | TaskEffect::Stop { .. } => Ok(None),
    }
}

async fn planning(ctx: &Context, release: &Release, namespace: &str) -> Result<(Option<Task>, u32), Error> {
    let plan = pinned::plan(ctx, release, namespace).await?;
    let name = ledger::ledger_name(&release.spec.plan_ref.name, &plan);
    let (_, known) = ledger::read(ctx, namespace, &name).await?;
    let published: Vec<_> = known
        .entries
        .iter()
        .filter(|e| e.state == State::Published)
        .map(|e| (e.version.to_string(), e.commit.clone()))
        .collect();
    let task = build::planning_task(&ctx.config.git_image, &plan, &published, READ_SECONDS);
    Ok((Some(task), attempt_of(release.status.as_ref().and_then(|s| s.planning.as_ref()))))
}

/// Keeps what the plan Job wrote, or why it cannot be used; both for good.
async fn store_facts(ctx: &Context, release: &Release, namespace: &str, job_uid: &str) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let result = match jobs::block(ctx, namespace, job_uid).await? {
        Some((block, log)) => read_block(&block, &log),
        None => Err("the plan Job's pod is gone before its result was read".into()),
    };
    client::create(&api, &build::facts(release, result)).await
}

/// Makes the notes unchangeable if they are what was decided on; if not, the next observation tells.
async fn freeze(
    ctx: &Context,
    namespace: &str,
    (name, uid, resource_version): (&str, &str, &str),
) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let Presence::Present(mut notes) = get_live(&api, name).await? else { return Ok(()) };
    if notes.uid().as_deref() != Some(uid) || notes.resource_version().as_deref() != Some(resource_version) {
        return Ok(());
    }
    notes.immutable = Some(true);
    notes.managed_fields_mut().clear();
    met(client::replace(&api, &notes).await)
}

fn read_block(block: &BlockRef, log: &str) -> Result<String, String> {
    block.find(log.as_bytes()).map(str::to_owned).map_err(|e| format!("the plan Job's result is broken: {e}"))
}

async fn create_child(ctx: &Context, release: &Release, namespace: &str, index: usize) -> Result<(), Error> {
    let plan = pinned::plan(ctx, release, namespace).await?;
    let status = release.status.as_ref().and_then(|s| s.gates.get(index));
    let (Some(gate), Some(status)) = (plan.gates.get(index), status) else { return Ok(()) };
    let created = match build::child(release, &plan, gate, status) {
        Some(Child::E2e(run)) => client::create(&Api::<E2ERun>::namespaced(ctx.client.clone(), namespace), &run).await,
        Some(Child::Soak(soak)) => {
            client::create(&Api::<SoakTest>::namespaced(ctx.client.clone(), namespace), &soak).await
        }
        None => Ok(()),
    };
    jobs::remember(ctx, namespace, &status.child, created)
}

async fn abort_child(ctx: &Context, namespace: &str, kind: GateKind, name: &str, uid: &str) -> Result<(), Error> {
    let patch = json!({"spec": {"abort": true}});
    match kind {
        GateKind::E2ERun => {
            let api: Api<E2ERun> = Api::namespaced(ctx.client.clone(), namespace);
            met(client::patch_uid(&api, name, uid, patch).await)
        }
        GateKind::SoakTest => {
            let api: Api<SoakTest> = Api::namespaced(ctx.client.clone(), namespace);
            met(client::patch_uid(&api, name, uid, patch).await)
        }
    }
}
