//! Objects that this version of the operator cannot read are passed over, one by one.
//!
//! Why: after a downgrade the API server may hold an object that only a later version understands. A watch that gives up on the first of them
//! would stop every other object of its kind. Deliberately absent: guessing at what such an object says.

use std::fmt::Debug;

use futures::{Stream, StreamExt as _};
use kube::{
    core::{DeserializeGuard, error_boundary::InvalidObject},
    runtime::watcher::{self, Event},
};

/// What can be read of a watch; what cannot is logged.
pub(crate) fn readable<K: Debug>(
    events: impl Stream<Item = Result<Event<DeserializeGuard<K>>, watcher::Error>>,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> {
    events.filter_map(|event| std::future::ready(event.map(read).transpose()))
}

fn read<K>(event: Event<DeserializeGuard<K>>) -> Option<Event<K>> {
    match event {
        Event::Apply(DeserializeGuard(Ok(object))) => Some(Event::Apply(object)),
        Event::InitApply(DeserializeGuard(Ok(object))) => Some(Event::InitApply(object)),
        Event::Delete(DeserializeGuard(Ok(object))) => Some(Event::Delete(object)),
        Event::Init => Some(Event::Init),
        Event::InitDone => Some(Event::InitDone),
        Event::Apply(DeserializeGuard(Err(unread)))
        | Event::InitApply(DeserializeGuard(Err(unread)))
        | Event::Delete(DeserializeGuard(Err(unread))) => {
            passed_over(&unread);
            None
        }
    }
}

fn passed_over(object: &InvalidObject) {
    let (namespace, name) = (object.metadata.namespace.as_deref().unwrap_or_default(), object.metadata.name.as_deref());
    tracing::error!(
        namespace,
        name = name.unwrap_or_default(),
        error = object.error,
        "this version cannot read the object and leaves it alone: run the version that wrote it, or a later one"
    );
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use kube::ResourceExt as _;
    use seaworthy_api::Release;
    use serde_json::json;

    use super::*;

    fn guarded(name: &str, plan: &serde_json::Value) -> DeserializeGuard<Release> {
        let object = json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": name},
            "spec": {"planRef": plan, "revision": "0123456789012345678901234567890123456789"}});
        serde_json::from_value(object).unwrap()
    }

    #[tokio::test]
    async fn one_object_that_cannot_be_read_stops_no_other() {
        let (good, bad) = (json!({"name": "p"}), json!("a form of a later version"));
        let events = vec![
            Ok(Event::Init),
            Ok(Event::InitApply(guarded("unread", &bad))),
            Ok(Event::InitApply(guarded("first", &good))),
            Ok(Event::InitDone),
            Ok(Event::Apply(guarded("unread", &bad))),
            Ok(Event::Delete(guarded("second", &good))),
        ];
        let seen: Vec<String> = readable(stream::iter(events))
            .map(|event| match event.unwrap() {
                Event::Init => "init".to_owned(),
                Event::InitDone => "done".to_owned(),
                Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => object.name_any(),
            })
            .collect()
            .await;
        assert_eq!(seen, ["init", "first", "done", "second"]);
    }
}
