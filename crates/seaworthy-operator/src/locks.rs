//! Turns as Leases: taken and given back by compare-and-swap, never by time.
//!
//! A holder is written as `Kind/namespace/name/uid`. A lock whose holder no longer exists under that UID, or is finished and without our
//! finalizer, is free: nobody has to clean up after a crash, and a clock that jumps frees nothing.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DynamicObject, ObjectMeta},
    core::{ApiResource, GroupVersionKind},
};
use seaworthy_api::{GROUP, Release, SoakTest, VERSION, labels};
use seaworthy_core::{lock::Lock, meta::FINALIZER, presence::Presence};

use crate::{
    Context, Error,
    client::{self, get_live, timed},
};

/// Who wants, or has, a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    kind: String,
    namespace: String,
    name: String,
    uid: String,
}

impl Holder {
    /// This object.
    pub fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        Self {
            kind: K::kind(&()).into_owned(),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, '/').map(str::to_owned);
        let found = Self { kind: parts.next()?, namespace: parts.next()?, name: parts.next()?, uid: parts.next()? };
        // Whoever may write the Lease may write anything there, and a request's path is made of it.
        let ours = [Release::kind(&()), SoakTest::kind(&())].contains(&found.kind.as_str().into());
        (ours && client::is_name(&found.namespace) && client::is_name(&found.name)).then_some(found)
    }

    fn identity(&self) -> String {
        format!("{}/{}/{}/{}", self.kind, self.namespace, self.name, self.uid)
    }

    fn shown(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Looks at a lock.
///
/// # Errors
/// When a read gave no answer.
pub async fn observe(ctx: &Context, namespace: &str, name: &str, me: &Holder) -> Result<Lock, Error> {
    let api: Api<Lease> = Api::namespaced(ctx.client.clone(), namespace);
    Ok(match get_live(&api, name).await? {
        Presence::AbsentLive => Lock::Free,
        Presence::Unknown => Lock::Unknown,
        Presence::Present(lease) => seen(ctx, &lease, me).await?,
    })
}

async fn seen(ctx: &Context, lease: &Lease, me: &Holder) -> Result<Lock, Error> {
    let identity = lease.spec.as_ref().and_then(|s| s.holder_identity.as_deref()).unwrap_or_default();
    if identity.is_empty() {
        return Ok(Lock::Free);
    }
    let Some(holder) = Holder::parse(identity) else {
        return Ok(Lock::Held(format!("{identity:?}, which is none of ours: clear holderIdentity of the Lease")));
    };
    if holder == *me {
        return Ok(Lock::Mine);
    }
    Ok(if still_holds(ctx, &holder).await? { Lock::Held(holder.shown()) } else { Lock::Free })
}

async fn still_holds(ctx: &Context, holder: &Holder) -> Result<bool, Error> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, VERSION, &holder.kind));
    let resource = ApiResource { plural: format!("{}s", holder.kind.to_ascii_lowercase()), ..resource };
    let api: Api<DynamicObject> = Api::namespaced_with(ctx.client.clone(), &holder.namespace, &resource);
    let found = timed(|| format!("get {}", holder.shown()), api.get_opt(&holder.name)).await?;
    let Some(object) = found else { return Ok(false) };
    let finished = object.data.pointer("/status/conditions").and_then(|c| c.as_array()).is_some_and(|all| {
        all.iter().any(|c| c["type"] == seaworthy_core::condition::types::FINISHED && c["status"] == "True")
    });
    let cleaned = !object.finalizers().iter().any(|f| f == FINALIZER);
    Ok(object.uid().as_deref() == Some(&holder.uid) && !(finished && cleaned))
}

/// Takes a lock that is free. Somebody else may be faster: the next observation tells.
///
/// # Errors
/// When the API server refuses it or does not answer.
pub async fn acquire(ctx: &Context, namespace: &str, name: &str, me: &Holder) -> Result<(), Error> {
    let api: Api<Lease> = Api::namespaced(ctx.client.clone(), namespace);
    let spec = LeaseSpec { holder_identity: Some(me.identity()), ..LeaseSpec::default() };
    match get_live(&api, name).await? {
        Presence::Present(mut lease) => {
            if seen(ctx, &lease, me).await? != Lock::Free {
                return Ok(());
            }
            lease.spec = Some(spec);
            taken(client::replace(&api, &lease).await.map(|_| ()))
        }
        Presence::AbsentLive | Presence::Unknown => {
            let labels = [(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned())].into();
            let metadata = ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                labels: Some(labels),
                ..ObjectMeta::default()
            };
            client::create(&api, &Lease { metadata, spec: Some(spec) }).await
        }
    }
}

/// Gives a lock back, if it is ours.
///
/// # Errors
/// When the API server refuses it or does not answer.
pub async fn release(ctx: &Context, namespace: &str, name: &str, me: &Holder) -> Result<(), Error> {
    let api: Api<Lease> = Api::namespaced(ctx.client.clone(), namespace);
    let Presence::Present(mut lease) = get_live(&api, name).await? else { return Ok(()) };
    let identity = lease.spec.as_ref().and_then(|s| s.holder_identity.clone());
    if identity.as_deref() != Some(&me.identity()) {
        return Ok(());
    }
    lease.spec = Some(LeaseSpec::default());
    taken(client::replace(&api, &lease).await.map(|_| ()))
}

/// Somebody was faster: no error, the next observation tells.
fn taken(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(e) if e.is_conflict() => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_as_it_was_written() {
        let holder = |kind: &str| Holder {
            kind: kind.into(),
            namespace: "team-a".into(),
            name: "pepr-1.4.0".into(),
            uid: "6d3f".into(),
        };
        for kind in ["Release", "SoakTest"] {
            assert_eq!(Holder::parse(&holder(kind).identity()), Some(holder(kind)));
        }
    }

    #[test]
    fn no_request_is_made_of_a_holder_that_is_none_of_ours() {
        for text in [
            "",
            "Release",
            "Release/a/b",
            "Secret/team-a/token/u",
            "Release/../../api/v1/secrets/u",
            "Release/team-a/../u",
            "Release/team-a/r?watch=1/u",
            "Release/team-a/r%2f..%2fs/u",
            "Release//r/u",
            "release/team-a/r/u",
        ] {
            assert_eq!(Holder::parse(text), None, "{text}");
        }
    }
}
