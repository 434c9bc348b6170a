//! One look for one check: lists the metadata of what it selects, page by page, all or nothing.

use std::time::Duration;

use kube::{
    Api, Client, ResourceExt as _,
    api::{DynamicObject, ListParams},
    core::{ApiResource, PartialObjectMeta},
};
use seaworthy_soak::record::InventoryPage;
use tokio::time::timeout;

use super::page::{Found, Old, Resource, Round, Selection};

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(20);
/// Objects of one answer of the API server.
const PAGE: u32 = 500;
/// The most objects of one look.
const MOST: u64 = 100_000;

/// Looks for one check.
pub(super) async fn look(client: &Client, selection: &Selection) -> Round {
    let looked = timeout(LOOK, all(client, selection)).await;
    let result = looked.unwrap_or_else(|_| Err(format!("the look did not end within {} s", LOOK.as_secs())));
    Round { check: selection.check.clone(), result }
}

async fn all(client: &Client, selection: &Selection) -> Result<Found, String> {
    let mut found = Found::default();
    for resource in &selection.resources {
        for namespace in &selection.namespaces {
            list(client, selection, resource, namespace, &mut found).await?;
        }
    }
    Ok(found)
}

async fn list(
    client: &Client,
    selection: &Selection,
    resource: &Resource,
    namespace: &str,
    found: &mut Found,
) -> Result<(), String> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &api_resource(resource));
    let mut params = ListParams::default().limit(PAGE);
    if !selection.selector.is_empty() {
        params = params.labels(&selection.selector);
    }
    loop {
        let what = || format!("list {} in namespace {namespace}", resource.name());
        let page = api.list_metadata(&params).await.map_err(|e| format!("cannot {}: {e}", what()))?;
        let now = jiff::Timestamp::now();
        for object in &page.items {
            count(found, &resource.name(), object, now, selection.max_age_seconds);
        }
        if found.objects > MOST {
            return Err(format!("cannot {}: more than {MOST} objects; narrow the selector", what()));
        }
        match page.metadata.continue_ {
            Some(token) if !token.is_empty() => params = params.continue_token(&token),
            Some(_) | None => return Ok(()),
        }
    }
}

/// For lists of metadata, in which the kind does not matter.
pub(super) fn api_resource(resource: &Resource) -> ApiResource {
    let Resource { group, version, resource: plural } = resource;
    let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
    ApiResource {
        group: group.clone(),
        version: version.clone(),
        api_version,
        kind: String::new(),
        plural: plural.clone(),
    }
}

fn count(
    found: &mut Found,
    resource: &str,
    object: &PartialObjectMeta<DynamicObject>,
    now: jiff::Timestamp,
    max_age: u64,
) {
    found.objects += 1;
    let born = object.metadata.creation_timestamp.as_ref().map_or(now, |t| t.0);
    let age_seconds = u64::try_from(now.as_second() - born.as_second()).unwrap_or(0);
    if age_seconds <= max_age {
        return;
    }
    found.older += 1;
    let old = Old {
        resource: resource.to_owned(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        age_seconds,
    };
    let at = found.oldest.partition_point(|o| o.age_seconds >= age_seconds);
    found.oldest.insert(at, old);
    found.oldest.truncate(InventoryPage::NAMED);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_kept_in_order() {
        let now: jiff::Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
        let mut found = Found::default();
        for minute in (0..40u32).rev() {
            let json = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata":
                {"name": format!("p{minute}"), "namespace": "n", "uid": "u", "creationTimestamp": format!("2026-01-01T00:{minute:02}:00Z")}});
            let object: PartialObjectMeta<DynamicObject> = serde_json::from_value(json).unwrap();
            count(&mut found, "pods", &object, now, 30 * 60);
        }
        assert_eq!((found.objects, found.older, found.oldest.len()), (40, 30, InventoryPage::NAMED));
        assert_eq!(found.oldest[0].name, "p0");
        assert_eq!(found.oldest[0].age_seconds, 3600);
        assert!(found.oldest.windows(2).all(|w| w[0].age_seconds >= w[1].age_seconds));
    }
}
