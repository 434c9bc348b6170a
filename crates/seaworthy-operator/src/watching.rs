//! What wakes a controller: watches that mend themselves, each at its own pace.
//!
//! Why: `kube`'s controller pauses *all* its watches after an error of any, longer each time; where a server fails for seconds, that adds up
//! to a minute in which nothing is seen. Here every watch waits for itself, and the controller adds no pause ([`AtOnce`]).

use std::{fmt::Debug, time::Duration};

use futures::Stream;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Resource,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{WatchStreamExt as _, utils::Backoff, watcher},
};
use serde::de::DeserializeOwned;

use crate::{Context, readable::readable};

/// Every whole object of a kind that this version can read.
pub(crate) fn whole<K>(
    ctx: &Context,
    config: watcher::Config,
) -> impl Stream<Item = Result<watcher::Event<K>, watcher::Error>> + Send + 'static
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    readable(watcher(ctx.watched::<DeserializeGuard<K>>(), config).default_backoff())
}

/// The metadata of every object of a kind that appears, changes or goes.
pub(crate) fn touched<K>(
    ctx: &Context,
    config: watcher::Config,
) -> impl Stream<Item = Result<PartialObjectMeta<K>, watcher::Error>> + Send + 'static
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Send + 'static,
{
    watcher(ctx.watched::<PartialObjectMeta<K>>(), config).default_backoff().touched_objects()
}

/// No pause of the controller's own: only for streams that pause themselves.
#[derive(Debug)]
pub(crate) struct AtOnce;

impl Iterator for AtOnce {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

impl Backoff for AtOnce {
    fn reset(&mut self) {}
}
