//! What is read for a decision about a SoakTest: live, and only what `needs` names. Sampling begins and ends here, as the recorded times say.

use std::collections::BTreeMap;

use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::Time};
use kube::{Api, ResourceExt as _};
use seaworthy_api::{SoakTest, convert::soak_test as convert};
use seaworthy_core::{
    lock::Lock,
    meta::{FINALIZER, Meta},
    presence::Presence,
    soak_test::{Observed, Role, SamplerFacts, SoakSpec, SoakTestStatus, load_is_over, needs},
    time::Timestamp,
};

use seaworthy_soak::check::CheckKind;

use super::{build, published};
use crate::{
    Context, Error,
    client::get_live,
    jobs::observe_job,
    locks::{self, Holder},
    sampler::{
        Tasks,
        evidence::{Store, known},
        judged, target,
        turn::Turn,
    },
};

pub(super) async fn observe(ctx: &Context, object: &SoakTest) -> Result<Observed, Error> {
    let spec = convert::spec(object);
    let status = object.status.clone().unwrap_or_default();
    let meta = meta(ctx, object).await?;
    let now = ctx.now();
    let reads = |through| needs(&meta, &spec, &status, through, now);
    let mut sampler = sampling(ctx, object, &spec, &status, reads(0).sampling, now);
    let reads = reads(sampler.through);
    if reads.judgement {
        // The deadline decides where that fails for good, so nothing else may fail with it.
        if let Err(error) = judge(ctx, object, &spec, &status, now, &mut sampler).await {
            tracing::warn!(soak = meta.name, %error, "the evidence cannot be read now");
            sampler.unread = Some(error.to_string());
        }
    }
    let mut jobs = BTreeMap::new();
    for name in &reads.jobs {
        jobs.insert(name.clone(), observe_job(ctx, &meta.uid, &meta.namespace, name).await?);
    }
    let lock = if reads.lock {
        locks::observe(ctx, &ctx.config.namespace, &build::lock_name(object), &Holder::of(object)).await?
    } else {
        Lock::Unknown
    };
    let target =
        if reads.target { target::observe(&ctx.client, &build::target(object)).await? } else { Presence::Unknown };
    Ok(Observed { meta, spec, status, jobs, lock, target, sampler })
}

async fn meta(ctx: &Context, object: &SoakTest) -> Result<Meta, Error> {
    let time = |time: Option<&Time>| time.map(|Time(t)| Timestamp::from(*t));
    let namespace = object.namespace().unwrap_or_default();
    let deleted = time(object.metadata.deletion_timestamp.as_ref());
    Ok(Meta {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        created: time(object.metadata.creation_timestamp.as_ref()).unwrap_or(Timestamp::from_millis(0)),
        finalizer: object.finalizers().iter().any(|f| f == FINALIZER),
        namespace_terminating: deleted.is_some() && terminating(ctx, &namespace).await?,
        namespace,
        deleted,
    })
}

/// Whether a namespace is on its way out.
async fn terminating(ctx: &Context, name: &str) -> Result<bool, Error> {
    let api: Api<Namespace> = Api::all(ctx.client.clone());
    Ok(match get_live(&api, name).await? {
        Presence::Present(found) => found.metadata.deletion_timestamp.is_some(),
        Presence::AbsentLive | Presence::Unknown => true,
    })
}

/// Hands the run over to the sampler, or ends it there; gives what is known of it.
fn sampling(
    ctx: &Context,
    object: &SoakTest,
    spec: &SoakSpec,
    status: &SoakTestStatus,
    wanted: bool,
    now: Timestamp,
) -> SamplerFacts {
    // Without a sampler (somebody asks what would be decided) nothing is begun.
    let Some(sampler) = &ctx.sampler else { return SamplerFacts::default() };
    let uid = object.uid().unwrap_or_default();
    let run = if wanted { build::run(object, spec, status) } else { None };
    let Some(run) = run else {
        sampler.stop(&uid);
        return SamplerFacts::default();
    };
    let job = |role: Role| role.record(status).and_then(|r| r.uid.clone());
    let tasks = Tasks {
        inventory: job(Role::Inventory),
        workload: job(Role::Workload),
        loaded: status.workload.is_some(),
        rested: load_is_over(spec, status, now),
    };
    sampler.ensure(run, &store(ctx, object), known(status.evidence.as_ref()), tasks)
}

fn store(ctx: &Context, object: &SoakTest) -> Store {
    Store::new(ctx.client.clone(), &object.namespace().unwrap_or_default(), build::owner(object))
}

/// Reads the whole evidence and judges it.
async fn judge(
    ctx: &Context,
    object: &SoakTest,
    spec: &SoakSpec,
    status: &SoakTestStatus,
    now: Timestamp,
    sampler: &mut SamplerFacts,
) -> Result<(), Error> {
    let Some(run) = build::run(object, spec, status) else { return Ok(()) };
    let compares = run.checks.iter().any(|c| matches!(c.kind, CheckKind::Baseline(_)));
    let store = store(ctx, object);
    // What it is compared with is unpacked as well, and may be much.
    let read = if compares {
        match Turn::soon().await {
            Ok(turn) => Ok((turn, store.load().await)),
            Err(busy) => Err(busy),
        }
    } else {
        store.load_in(Turn::soon()).await
    };
    let (turn, stored) = match read {
        Ok(read) => read,
        Err(busy) => {
            sampler.unread = Some(busy);
            return Ok(());
        }
    };
    let stored = match stored {
        Err(error @ Error::Data { .. }) => {
            sampler.broken = Some(error.to_string());
            return Ok(());
        }
        other => other?,
    };
    let phases = run.horizon.phases;
    let settled = status.settle_end_time.is_some_and(|end| now >= end);
    let elapsed = if settled { phases.elapsed_ms } else { phases.warm_up_ms + phases.measure_ms };
    let whose = if compares { published::last(&ctx.client, object).await? } else { None };
    let before = match &whose {
        Some(whose) => published::evidence(&ctx.client, &object.namespace().unwrap_or_default(), whose).await?,
        None => None,
    };
    match judged(turn, &run, stored, status.evidence.clone(), Some(elapsed), before).await {
        Ok(judgement) => sampler.judgement = judgement,
        Err(broken) => sampler.broken = Some(broken),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
