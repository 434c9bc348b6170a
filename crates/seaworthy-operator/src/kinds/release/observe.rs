//! Reads what a decision about a Release looks at: live, in the order in which the reads depend on each other.

use std::{collections::BTreeMap, sync::Arc};

use futures::FutureExt as _;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Namespace, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::{Api, Resource, ResourceExt as _, api::ListParams};
use seaworthy_api::{E2ERun, Release, ReleasePlan, ReleasePlanSpec, SoakTest, convert, hash};
use seaworthy_core::{
    candidate::Candidate,
    condition::{self, ConditionStatus, types},
    e2e_run::E2eRunPhase,
    lock::Lock,
    meta::{FINALIZER, Meta},
    presence::Presence,
    release::{
        GateKind, Observed, Reads, ReleasePhase, ReleaseStatus,
        observed::{Child, ChildSight, Notes, Sibling},
        reads,
    },
    soak_test::SoakTestPhase,
    task::Sight,
    time::Timestamp,
    verdict::Verdict,
    version::{Facts, Ledger},
};

use super::{
    build, ledger,
    pinned::{self, Pinned, owned},
};
use crate::{
    Context, Error,
    client::{get_live, list_live, list_since},
    jobs::{observe::CONTROLLER_UID, observe_alone, observe_job},
    locks::{self, Holder},
};

/// How much of the notes a decision is shown, in characters.
const PREVIEW: usize = 1200;

pub(super) async fn observe(ctx: &Context, release: &Release) -> Result<Observed, Error> {
    let namespace = release.namespace().unwrap_or_default();
    let status = release.status.clone().unwrap_or_default();
    let meta = meta(ctx, release).await?;
    // Once the pinned plan is known, nothing that is to be read depends on another read but the place in the queue.
    let known = ctx.pinned.recorded(release);
    let wanted = reads(&meta, &status, known.as_deref().and_then(Pinned::policy));
    let queue = async {
        let turn = turn(ctx, release, &namespace, wanted.turn).await?;
        let rest = match &known {
            Some(pinned) => Some(rest(ctx, release, &wanted, &turn, Some(pinned)).await?),
            None => None,
        };
        Ok((turn, rest))
    };
    let (pinned, (jobs, publish_pods), children, plan, facts, (turn, early)) = tokio::try_join!(
        pinned::look(ctx, release, &namespace).boxed(),
        jobs(ctx, &meta.uid, &namespace, &wanted).boxed(),
        children(ctx, release, &wanted).boxed(),
        when(wanted.plan, plan(ctx, release, &namespace)).boxed(),
        when(wanted.facts, facts(ctx, release, &namespace)).boxed(),
        queue.boxed(),
    )?;
    let (ledger, notes, siblings) = if let Some(read) = early {
        read
    } else {
        let pinned = pinned.present().map(Arc::as_ref);
        let wanted = reads(&meta, &status, pinned.and_then(Pinned::policy));
        rest(ctx, release, &wanted, &turn, pinned).await?
    };
    let snapshot = match pinned {
        Presence::Present(pinned) => Presence::Present(pinned.seen().clone()),
        Presence::AbsentLive => Presence::AbsentLive,
        Presence::Unknown => Presence::Unknown,
    };
    Ok(Observed {
        spec: convert::release::spec(release),
        meta,
        status,
        plan,
        snapshot,
        facts,
        ledger,
        notes,
        jobs,
        publish_pods,
        children,
        turn,
        siblings,
    })
}

/// What depends on the pinned plan: ledger, notes, the plan's other Releases.
async fn rest(
    ctx: &Context,
    release: &Release,
    wanted: &Reads,
    turn: &Lock,
    pinned: Option<&Pinned>,
) -> Result<(Presence<Ledger>, Presence<Notes>, Presence<Vec<Sibling>>), Error> {
    let namespace = release.namespace().unwrap_or_default();
    let explicit = pinned.and_then(Pinned::policy).is_some_and(|p| p.version.explicit);
    tokio::try_join!(
        when(wanted.ledger, ledger(ctx, release, pinned.and_then(Pinned::spec), &namespace)).boxed(),
        when(wanted.notes, notes(ctx, release, &namespace)).boxed(),
        when(wanted.siblings_beside(turn), siblings(ctx, release, &namespace, explicit)).boxed(),
    )
}

async fn turn(ctx: &Context, release: &Release, namespace: &str, wanted: bool) -> Result<Lock, Error> {
    if !wanted {
        return Ok(Lock::Unknown);
    }
    locks::observe(ctx, namespace, &build::turn_name(release), &Holder::of(release)).await
}

/// What is not wanted is not read, and so Unknown.
async fn when<T>(wanted: bool, read: impl Future<Output = Result<Presence<T>, Error>>) -> Result<Presence<T>, Error> {
    if wanted { read.await } else { Ok(Presence::Unknown) }
}

/// The Jobs, and then the publisher's pods: that a Job is over counts only together with a later list of its pods.
async fn jobs(
    ctx: &Context,
    owner: &str,
    namespace: &str,
    wanted: &Reads,
) -> Result<(BTreeMap<String, Sight>, Presence<u32>), Error> {
    let mut jobs = BTreeMap::new();
    for job in &wanted.jobs {
        jobs.insert(job.clone(), observe_job(ctx, owner, namespace, job).await?);
    }
    for job in &wanted.jobs_alone {
        jobs.insert(job.clone(), observe_alone(ctx, owner, namespace, job).await?);
    }
    let pods = match &wanted.publish_pods {
        Some(uid) => Presence::Present(live_pods(ctx, namespace, uid).await?),
        None => Presence::Unknown,
    };
    Ok((jobs, pods))
}

async fn children(ctx: &Context, release: &Release, wanted: &Reads) -> Result<BTreeMap<String, ChildSight>, Error> {
    let mut children = BTreeMap::new();
    for (kind, name) in &wanted.children {
        children.insert(name.clone(), child(ctx, release, *kind, name).await?);
    }
    Ok(children)
}

async fn meta(ctx: &Context, release: &Release) -> Result<Meta, Error> {
    let deleted = release.metadata.deletion_timestamp.as_ref().map(|Time(t)| Timestamp::from(*t));
    Ok(Meta {
        namespace: release.namespace().unwrap_or_default(),
        name: release.name_any(),
        uid: release.uid().unwrap_or_default(),
        generation: release.metadata.generation.unwrap_or_default(),
        created: release.creation_timestamp().map_or(Timestamp::from_millis(0), |Time(t)| t.into()),
        finalizer: release.finalizers().iter().any(|f| f == FINALIZER),
        namespace_terminating: deleted.is_some()
            && namespace_terminating(ctx, &release.namespace().unwrap_or_default()).await?,
        deleted,
    })
}

/// Whether a namespace is on its way out.
async fn namespace_terminating(ctx: &Context, name: &str) -> Result<bool, Error> {
    let api: Api<Namespace> = Api::all(ctx.client.clone());
    Ok(match get_live(&api, name).await? {
        Presence::Present(found) => found.metadata.deletion_timestamp.is_some(),
        Presence::AbsentLive | Presence::Unknown => true,
    })
}

async fn plan(ctx: &Context, release: &Release, namespace: &str) -> Result<Presence<()>, Error> {
    let api: Api<ReleasePlan> = Api::namespaced(ctx.client.clone(), namespace);
    Ok(match get_live(&api, &release.spec.plan_ref.name).await? {
        Presence::Present(_) => Presence::Present(()),
        Presence::AbsentLive => Presence::AbsentLive,
        Presence::Unknown => Presence::Unknown,
    })
}

async fn facts(ctx: &Context, release: &Release, namespace: &str) -> Result<Presence<Result<Facts, String>>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let found = match get_live(&api, &build::facts_name(release)).await? {
        Presence::Present(found) if owned(&found, release) => found,
        Presence::Present(_) | Presence::AbsentLive => return Ok(Presence::AbsentLive),
        Presence::Unknown => return Ok(Presence::Unknown),
    };
    let data = found.data.unwrap_or_default();
    Ok(Presence::Present(match (data.get(build::FACTS), data.get(build::PROBLEM)) {
        (Some(facts), None) => {
            serde_json::from_str(facts).map_err(|e| format!("its result is not what it must be: {e}"))
        }
        (_, Some(problem)) => Err(problem.clone()),
        (None, None) => Err("its stored result is empty".into()),
    }))
}

async fn notes(ctx: &Context, release: &Release, namespace: &str) -> Result<Presence<Notes>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let found = match get_live(&api, &build::notes_name(release)).await? {
        Presence::Present(found) => found,
        Presence::AbsentLive => return Ok(Presence::AbsentLive),
        Presence::Unknown => return Ok(Presence::Unknown),
    };
    let text = found.data.as_ref().and_then(|data| data.get(build::NOTES)).map_or("", String::as_str);
    let ours = |labels: &BTreeMap<String, String>| labels.contains_key(seaworthy_api::labels::NOTES);
    Ok(Presence::Present(Notes {
        name: found.name_any(),
        uid: found.uid().unwrap_or_default(),
        resource_version: found.resource_version().unwrap_or_default(),
        owned: ours(found.labels())
            && found.owner_references().iter().any(|o| Some(&o.uid) == release.metadata.uid.as_ref()),
        frozen: found.immutable == Some(true),
        digest: hash::digest(text.as_bytes()),
        preview: text.chars().take(PREVIEW).collect(),
    }))
}

async fn ledger(
    ctx: &Context,
    release: &Release,
    plan: Option<&ReleasePlanSpec>,
    namespace: &str,
) -> Result<Presence<Ledger>, Error> {
    let Some(name) = ledger::name_for(release, plan) else {
        // Before a plan was pinned nothing was reserved.
        return Ok(Presence::Present(Ledger::default()));
    };
    match ledger::read(ctx, namespace, &name).await {
        Ok((_, ledger)) => Ok(Presence::Present(ledger)),
        // A person broke it. What is decided on it waits; limits, abort and everything else go on.
        Err(error @ Error::Data { .. }) => {
            tracing::warn!(namespace, release = release.name_any(), %error, "the ledger cannot be read");
            Ok(Presence::Unknown)
        }
        Err(error) => Err(error),
    }
}

/// The plan's other Releases, no older than this Release as it is held: whoever came before its last write is seen. Who comes later is
/// behind, as if they had come after the read.
async fn siblings(
    ctx: &Context,
    release: &Release,
    namespace: &str,
    explicit: bool,
) -> Result<Presence<Vec<Sibling>>, Error> {
    let api: Api<Release> = Api::namespaced(ctx.client.clone(), namespace);
    let since = release.resource_version().unwrap_or_default();
    let all = list_since(&api, &ListParams::default(), &since).await?;
    let siblings = all
        .into_iter()
        .filter(|r| r.spec.plan_ref.name == release.spec.plan_ref.name && r.metadata.uid != release.metadata.uid)
        .filter(|r| r.metadata.deletion_timestamp.is_none())
        .map(|r| {
            let status: ReleaseStatus = r.status.clone().unwrap_or_default();
            Sibling {
                created: r.creation_timestamp().map_or(Timestamp::from_millis(0), |Time(t)| t.into()),
                revision: r.spec.revision.clone(),
                position: status.position,
                planned: condition::is_true(&status.conditions, types::ACCEPTED)
                    && (explicit || status.position.is_some()),
                started: status.start_time.is_some(),
                published: status.completion_time.filter(|_| status.phase == ReleasePhase::Published),
                phase: status.phase,
                ending: status.ending.is_some(),
                name: r.name_any(),
            }
        })
        .collect();
    Ok(Presence::Present(siblings))
}

async fn live_pods(ctx: &Context, namespace: &str, uid: &str) -> Result<u32, Error> {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), namespace);
    let pods = list_live(&api, &ListParams::default().labels(&format!("{CONTROLLER_UID}={uid}"))).await?;
    let live = pods.iter().filter(|p| {
        let phase = p.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default();
        phase != "Succeeded" && phase != "Failed"
    });
    Ok(u32::try_from(live.count()).unwrap_or(u32::MAX))
}

async fn child(ctx: &Context, release: &Release, kind: GateKind, name: &str) -> Result<ChildSight, Error> {
    let namespace = release.namespace().unwrap_or_default();
    let child = match kind {
        GateKind::E2ERun => {
            let api: Api<E2ERun> = Api::namespaced(ctx.client.clone(), &namespace);
            map(get_live(&api, name).await?, |run| {
                let status = run.status.clone().unwrap_or_default();
                let verdict = match status.phase {
                    E2eRunPhase::Succeeded => Some(Verdict::Passed),
                    E2eRunPhase::Failed => Some(Verdict::Failed),
                    E2eRunPhase::Inconclusive | E2eRunPhase::Aborted => Some(Verdict::Inconclusive),
                    E2eRunPhase::Pending | E2eRunPhase::Running | E2eRunPhase::TearingDown => None,
                };
                seen(release, run, run.spec.candidate.as_ref(), run.spec.abort, &status.conditions, verdict)
            })
        }
        GateKind::SoakTest => {
            let api: Api<SoakTest> = Api::namespaced(ctx.client.clone(), &namespace);
            map(get_live(&api, name).await?, |soak| {
                let status = soak.status.clone().unwrap_or_default();
                let verdict = match status.phase {
                    SoakTestPhase::Succeeded => Some(Verdict::Passed),
                    SoakTestPhase::Failed => Some(Verdict::Failed),
                    SoakTestPhase::Inconclusive | SoakTestPhase::Aborted => Some(Verdict::Inconclusive),
                    SoakTestPhase::Pending
                    | SoakTestPhase::SettingUp
                    | SoakTestPhase::WarmingUp
                    | SoakTestPhase::Measuring
                    | SoakTestPhase::Settling
                    | SoakTestPhase::TearingDown => None,
                };
                seen(release, soak, soak.spec.candidate.as_ref(), soak.spec.abort, &status.conditions, verdict)
            })
        }
    };
    Ok(ChildSight { child, refused: ctx.refusal(&namespace, name) })
}

fn map<T, U>(found: Presence<T>, with: impl FnOnce(&T) -> U) -> Presence<U> {
    match found {
        Presence::Present(object) => Presence::Present(with(&object)),
        Presence::AbsentLive => Presence::AbsentLive,
        Presence::Unknown => Presence::Unknown,
    }
}

/// A verdict counts only with Finished=True, a pass only with Succeeded=True as well.
fn seen<K: Resource>(
    release: &Release,
    object: &K,
    candidate: Option<&Candidate>,
    aborting: bool,
    conditions: &[condition::Condition],
    verdict: Option<Verdict>,
) -> Child {
    let status = release.status.clone().unwrap_or_default();
    let hash = status.plan_snapshot.map(|s| s.hash).unwrap_or_default();
    let same = candidate
        .is_some_and(|c| c.plan_hash == hash && c.artifacts == status.artifacts && c.version == status.version);
    let verdict = verdict.filter(|_| condition::is_true(conditions, types::FINISHED)).map(|verdict| {
        let proven = verdict != Verdict::Passed || condition::is_true(conditions, types::SUCCEEDED);
        if proven { verdict } else { Verdict::Inconclusive }
    });
    // What was decided is told once it is finished: until then it cleans up.
    let waits = |c: &&condition::Condition| c.status == ConditionStatus::Unknown;
    let told = condition::get(conditions, types::SUCCEEDED).filter(|c| verdict.is_some() || waits(c));
    Child {
        uid: object.meta().uid.clone().unwrap_or_default(),
        owned: owned(object, release) && same,
        aborting,
        deleting: object.meta().deletion_timestamp.is_some(),
        verdict,
        reason: told.map(|c| c.reason.clone()).unwrap_or_default(),
        message: told.map(|c| c.message.clone()).unwrap_or_default(),
    }
}
