//! Evidence objects as ConfigMaps: owned by their SoakTest, labelled with its UID, sealed ones immutable.

use std::collections::BTreeMap;

use k8s_openapi::{
    ByteString,
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, ResourceExt as _, api::ListParams};
use seaworthy_api::labels;
use seaworthy_core::{names, presence::Presence};
use seaworthy_soak::segment::Object;

use super::pods::controller;
use crate::{
    Error,
    client::{create, delete_uid, get_live, list_live, replace},
};

/// Which part of the evidence an object is: `head`, or the number of its link.
pub const PART: &str = "seaworthy.dev/evidence-part";
/// The key of the header.
pub const HEADER: &str = "header.json";
/// The key of the gzipped CSV.
pub const PAYLOAD: &str = "samples.csv.gz";

/// The evidence of one SoakTest in the cluster.
#[derive(Clone)]
pub struct Store {
    api: Api<ConfigMap>,
    owner: OwnerReference,
    namespace: String,
}

/// What is stored.
#[derive(Debug, Default)]
pub struct Stored {
    /// All objects, in no order.
    pub objects: Vec<Object>,
    /// The head's resourceVersion, if there is one.
    pub head: Option<String>,
    /// UIDs by object name.
    uids: BTreeMap<String, String>,
}

/// Why something was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Somebody else wrote: what is stored must be read again.
    #[error("the evidence was written by somebody else meanwhile")]
    Conflict,
    /// The call failed.
    #[error(transparent)]
    Call(#[from] Error),
}

impl Store {
    /// The evidence of the SoakTest that `owner` refers to.
    pub fn new(client: Client, namespace: &str, owner: OwnerReference) -> Self {
        Self { api: Api::namespaced(client, namespace), owner, namespace: namespace.to_owned() }
    }

    /// The name of the ConfigMap of a part.
    pub fn name(&self, part: &str) -> String {
        names::fit(&format!("{}-evidence-{part}", self.owner.name))
    }

    /// Everything that is stored, read live. Objects with our label that our SoakTest does not control are not ours.
    ///
    /// # Errors
    /// When the read gave no answer.
    pub async fn load(&self) -> Result<Stored, Error> {
        let params = ListParams::default().labels(&format!("{}={}", labels::EVIDENCE, self.owner.uid));
        let mut stored = Stored::default();
        for map in list_live(&self.api, &params).await? {
            if controller(&map).is_none_or(|o| o.uid != self.owner.uid) {
                continue;
            }
            let object = object(&map);
            if object.name == HEAD {
                stored.head = map.resource_version();
            }
            stored.uids.insert(object.name.clone(), map.uid().unwrap_or_default());
            stored.objects.push(object);
        }
        Ok(stored)
    }

    /// Removes an object of an unfinished seal.
    pub(crate) async fn discard(&self, stored: &Stored, part: &str) -> Result<(), Error> {
        let Some(uid) = stored.uids.get(part) else { return Ok(()) };
        delete_uid(&self.api, &self.name(part), uid).await
    }

    /// Stores a sealed object. The same one, stored before, is no error.
    pub(crate) async fn seal(&self, part: &Object) -> Result<(), StoreError> {
        create(&self.api, &self.build(part)).await?;
        // That it was created, or existed already, is not told apart: what counts is what is there.
        match get_live(&self.api, &self.name(&part.name)).await? {
            Presence::Present(map) if self.holds(&map, part) => Ok(()),
            Presence::Present(_) | Presence::AbsentLive | Presence::Unknown => Err(StoreError::Conflict),
        }
    }

    /// Stores the head: creates it, or replaces the version that we know. Returns the new version.
    pub(crate) async fn write_head(&self, head: &Object, known: Option<&str>) -> Result<String, StoreError> {
        let mut map = self.build(head);
        let Some(version) = known else {
            create(&self.api, &map).await?;
            return match get_live(&self.api, &self.name(&head.name)).await? {
                Presence::Present(map) if self.holds(&map, head) => Ok(map.resource_version().unwrap_or_default()),
                Presence::Present(_) | Presence::AbsentLive | Presence::Unknown => Err(StoreError::Conflict),
            };
        };
        map.metadata.resource_version = Some(version.to_owned());
        match replace(&self.api, &map).await {
            Ok(written) => Ok(written.resource_version().unwrap_or_default()),
            Err(e) if e.is_conflict() || e.code() == 404 => Err(StoreError::Conflict),
            // The answer may have been lost, not the write.
            Err(e) if e.code() == 0 => match get_live(&self.api, &self.name(&head.name)).await? {
                Presence::Present(map) if self.holds(&map, head) => Ok(map.resource_version().unwrap_or_default()),
                Presence::Present(_) | Presence::AbsentLive | Presence::Unknown => Err(e.into()),
            },
            Err(e) => Err(e.into()),
        }
    }

    fn holds(&self, map: &ConfigMap, part: &Object) -> bool {
        controller(map).is_some_and(|o| o.uid == self.owner.uid) && object(map) == *part
    }

    fn build(&self, part: &Object) -> ConfigMap {
        let labels = [
            (labels::MANAGED_BY, labels::MANAGER),
            (labels::EVIDENCE, self.owner.uid.as_str()),
            (PART, part.name.as_str()),
        ];
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name(&part.name)),
                namespace: Some(self.namespace.clone()),
                labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
                owner_references: Some(vec![self.owner.clone()]),
                ..ObjectMeta::default()
            },
            data: Some([(HEADER.to_owned(), part.header.clone())].into()),
            binary_data: Some([(PAYLOAD.to_owned(), ByteString(part.payload.clone()))].into()),
            immutable: part.sealed.then_some(true),
        }
    }
}

/// The part that the soak crate calls the head.
pub(crate) const HEAD: &str = "head";

fn object(map: &ConfigMap) -> Object {
    let header = map.data.as_ref().and_then(|d| d.get(HEADER)).cloned().unwrap_or_default();
    let payload = map.binary_data.as_ref().and_then(|d| d.get(PAYLOAD)).map(|p| p.0.clone()).unwrap_or_default();
    let name = map.labels().get(PART).cloned().unwrap_or_else(|| map.name_any());
    Object { sealed: name != HEAD, name, header, payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_survives_being_a_config_map() {
        let client = Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let owner = OwnerReference {
            name: "soak".into(),
            uid: "uid".into(),
            controller: Some(true),
            ..OwnerReference::default()
        };
        let store = Store::new(client, "n", owner);
        for (name, sealed) in [(HEAD, false), ("000003", true), ("000003-1", true)] {
            let part = Object { name: name.into(), sealed, header: "{}".into(), payload: vec![0, 255, 7] };
            let map = store.build(&part);
            assert_eq!(object(&map), part);
            assert!(store.holds(&map, &part));
            assert_eq!(map.immutable, sealed.then_some(true));
            assert_eq!(map.name_any(), format!("soak-evidence-{name}"));
            let mut foreign = map.clone();
            foreign.metadata.owner_references = None;
            assert!(!store.holds(&foreign, &part));
        }
    }
}
