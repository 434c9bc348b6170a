//! The evidence of the plan's last published Release, for `baseline` checks: by its gate of the same name.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use seaworthy_api::{Release, ReleasePlan, SoakTest, convert::soak_test as convert};
use seaworthy_core::{presence::Presence, soak_test::ComparedWith};

use super::build;
use crate::{
    Error,
    client::get_live,
    sampler::{Before, evidence::Store},
};

/// Whose evidence a soak is to be compared with. None where nothing was published yet, or its soak is not there any more, or the soak belongs
/// to no Release.
///
/// # Errors
/// When a read gave no answer: then it is not known whether there is any.
pub async fn last(client: &Client, object: &SoakTest) -> Result<Option<ComparedWith>, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let Some(own) = release_of(object) else { return Ok(None) };
    let releases: Api<Release> = Api::namespaced(client.clone(), &namespace);
    let Some(own) = present(get_live(&releases, &own.name).await?, &own.uid) else { return Ok(None) };
    let me = object.name_any();
    let gates = |release: &Release| release.status.clone().unwrap_or_default().gates;
    let Some(gate) = gates(&own).into_iter().find(|g| g.child == me).map(|g| g.name) else { return Ok(None) };

    let plans: Api<ReleasePlan> = Api::namespaced(client.clone(), &namespace);
    let Presence::Present(plan) = get_live(&plans, &own.spec.plan_ref.name).await? else { return Ok(None) };
    let Some(last) = plan.status.and_then(|s| s.last_published).map(|l| l.release) else { return Ok(None) };
    if last == own.name_any() {
        return Ok(None);
    }
    let Presence::Present(last) = get_live(&releases, &last).await? else { return Ok(None) };
    let Some(gate) = gates(&last).into_iter().find(|g| g.name == gate) else { return Ok(None) };
    let (release, soak_test, uid) = (last.name_any(), gate.child, gate.uid.unwrap_or_default());
    Ok(Some(ComparedWith { release, soak_test, uid }))
}

/// Its stored evidence. None where it is not there any more, or is more than may be held in memory.
///
/// # Errors
/// When a read gave no answer.
pub async fn evidence(client: &Client, namespace: &str, whose: &ComparedWith) -> Result<Option<Before>, Error> {
    let soaks: Api<SoakTest> = Api::namespaced(client.clone(), namespace);
    let Some(soak) = present(get_live(&soaks, &whose.soak_test).await?, &whose.uid) else { return Ok(None) };
    let status = soak.status.clone().unwrap_or_default();
    let Some(run) = convert::run(&whose.uid, &soak.spec.soak, &status) else { return Ok(None) };
    let owner = soak.controller_owner_ref(&()).unwrap_or_default();
    let stored = match Store::new(client.clone(), namespace, owner).load().await {
        Err(Error::Data { .. }) => return Ok(None),
        other => other?,
    };
    let phases = build::phases(&soak.spec.soak, &status);
    Ok(Some(Before { whose: whose.clone(), run, objects: stored.objects, status: status.evidence, phases }))
}

/// The Release that a SoakTest was made for.
fn release_of(object: &SoakTest) -> Option<OwnerReference> {
    let ours = |o: &&OwnerReference| o.controller == Some(true) && o.kind == Release::kind(&());
    object.owner_references().iter().find(ours).cloned()
}

/// The object, if it is there and still the same one.
fn present<K: kube::Resource>(found: Presence<K>, uid: &str) -> Option<K> {
    match found {
        Presence::Present(object) if object.meta().uid.as_deref() == Some(uid) => Some(object),
        Presence::Present(_) | Presence::AbsentLive | Presence::Unknown => None,
    }
}
