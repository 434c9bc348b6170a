//! What decisions need to know of an object's metadata, and of the namespace that it is in.

use k8s_openapi::{api::core::v1::Namespace, apimachinery::pkg::apis::meta::v1::Time};
use kube::{Api, Resource, ResourceExt as _};
use seaworthy_core::{
    meta::{FINALIZER, Meta},
    presence::Presence,
    time::Timestamp,
};

use crate::{Context, Error, client::get_live};

/// The metadata of an object that was just read. The namespace is looked at only when the object is being deleted: before that, a namespace
/// that terminates shows itself by deleting the object.
///
/// # Errors
/// When the namespace cannot be read.
pub async fn observe<K: Resource<DynamicType = ()>>(ctx: &Context, object: &K) -> Result<Meta, Error> {
    let namespace = object.namespace().unwrap_or_default();
    let deleted = object.meta().deletion_timestamp.as_ref().map(|Time(t)| Timestamp::from(*t));
    Ok(Meta {
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        generation: object.meta().generation.unwrap_or_default(),
        created: object.creation_timestamp().map_or(Timestamp::from_millis(0), |Time(t)| t.into()),
        finalizer: object.finalizers().iter().any(|f| f == FINALIZER),
        namespace_terminating: deleted.is_some() && terminating(ctx, &namespace).await?,
        deleted,
        namespace,
    })
}

async fn terminating(ctx: &Context, name: &str) -> Result<bool, Error> {
    let api: Api<Namespace> = Api::all(ctx.client.clone());
    Ok(match get_live(&api, name).await? {
        Presence::Present(found) => found.metadata.deletion_timestamp.is_some(),
        Presence::AbsentLive | Presence::Unknown => true,
    })
}
