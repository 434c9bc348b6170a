//! Evidence objects as ConfigMaps: owned by their SoakTest, labelled with its UID, sealed ones immutable.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    ByteString,
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, ListParams, ObjectList, PostParams, Preconditions, PropagationPolicy},
};
use seaworthy_api::labels;
use seaworthy_core::{names, presence::Presence, soak_test::EvidenceStatus};
use seaworthy_soak::segment::{Known, Object};

use super::{pods::controller, turn::Turn};
use crate::{
    Error, backoff,
    client::{get_live, replace, timed},
};

/// Which part of the evidence an object is: `head`, or the number of its link.
pub const PART: &str = "seaworthy.dev/evidence-part";
/// The key of the header.
pub const HEADER: &str = "header.json";
/// The key of the gzipped CSV.
pub const PAYLOAD: &str = "samples.csv.gz";

/// On a head that was replaced by itself: the version that it replaced.
const REPLACED: &str = "seaworthy.dev/evidence-replaced";
/// So many bytes, as they are stored, are unpacked and judged beside others: some hundred kilobytes of samples.
const LITTLE: usize = 16 << 10;
/// How many objects one answer may bring.
const PAGE: u32 = 64;
/// How often one answer is asked for.
const READS: u32 = 3;
/// More bytes than these, as they are stored, are not read: unpacked they are many times as much, and all are judged at once.
const MOST: usize = 96 << 20;

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

impl Stored {
    /// Adds an object that `owner` controls; says how many bytes it has.
    fn add(&mut self, map: &ConfigMap, owner: &OwnerReference) -> usize {
        if controller(map).is_none_or(|o| o.uid != owner.uid) {
            return 0;
        }
        let object = object(map);
        if object.name == HEAD {
            self.head = map.resource_version();
        }
        self.uids.insert(object.name.clone(), map.uid().unwrap_or_default());
        let bytes = object.payload.len() + object.header.len();
        self.objects.push(object);
        bytes
    }
}

/// What a status knows of the evidence: what is stored must at least have that.
pub fn known(status: Option<&EvidenceStatus>) -> Known<'_> {
    let tip = status.map(|e| e.chain_tip.as_str()).filter(|tip| !tip.is_empty());
    Known { head: status.is_some_and(|e| !e.head.is_empty()), ..tip.into() }
}

/// Why something was not stored, or cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Somebody else wrote: what is stored must be read again.
    #[error("the evidence was written by somebody else meanwhile")]
    Conflict,
    /// What is stored is not what was written, and will never be judged.
    #[error("{0}")]
    Broken(String),
    /// The call failed.
    #[error(transparent)]
    Call(#[from] Error),
}

impl StoreError {
    /// The API server's words, or ours.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Call(error) => error.message(),
            Self::Conflict | Self::Broken(_) => self.to_string(),
        }
    }
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
    /// When the read gave no answer; [`Error::Data`] when there is more than may be held in memory. Never a part of it.
    pub async fn load(&self) -> Result<Stored, Error> {
        self.load_within(MOST).await
    }

    /// Everything that is stored, and the turn in which it may be unpacked. What is little needs none: hundreds of soaks may begin or end
    /// at the same moment, and have little.
    ///
    /// # Errors
    /// Why there was no turn.
    pub(crate) async fn load_in<E>(
        &self,
        turn: impl Future<Output = Result<Turn, E>>,
    ) -> Result<(Turn, Result<Stored, Error>), E> {
        match self.little().await {
            Ok(Some(stored)) => Ok((Turn::needless(), Ok(stored))),
            Ok(None) => Ok((turn.await?, self.load().await)),
            Err(error) => Ok((Turn::needless(), Err(error))),
        }
    }

    /// Everything that is stored, where that is one object at most and a small one.
    async fn little(&self) -> Result<Option<Stored>, Error> {
        let page = self.page(&self.all().limit(1)).await?;
        let ends = page.metadata.continue_.as_deref().unwrap_or_default().is_empty();
        let mut stored = Stored::default();
        let bytes: usize = page.items.iter().map(|map| stored.add(map, &self.owner)).sum();
        Ok(Some(stored).filter(|_| ends && bytes <= LITTLE))
    }

    fn all(&self) -> ListParams {
        ListParams::default().labels(&format!("{}={}", labels::EVIDENCE, self.owner.uid))
    }

    async fn load_within(&self, most: usize) -> Result<Stored, Error> {
        let mut params = self.all().limit(PAGE);
        let (mut stored, mut bytes) = (Stored::default(), 0);
        // The pages of one list show one moment: what was written meanwhile is in none of them.
        loop {
            let page = self.page(&params).await?;
            for map in page.items {
                bytes += stored.add(&map, &self.owner);
                if bytes > most {
                    let what = format!("the evidence of SoakTest {}/{}", self.namespace, self.owner.name);
                    let problem = format!("more than {} MiB: keep fewer series, or measure for less long", most >> 20);
                    return Err(Error::Data { what, problem });
                }
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => return Ok(stored),
            }
        }
    }

    /// One page, asked for again while its failure may be passing.
    async fn page(&self, params: &ListParams) -> Result<ObjectList<ConfigMap>, Error> {
        let what = || format!("list configmaps in {}", self.namespace);
        let mut pause = Duration::from_millis(50);
        for _ in 1..if backoff::repeats() { READS } else { 1 } {
            match timed(what, self.api.list(params)).await {
                Err(e) if matches!(e.category(), "throttled" | "server" | "connection" | "timeout") => {
                    tokio::time::sleep(pause).await;
                    pause *= 4;
                }
                other => return other,
            }
        }
        timed(what, self.api.list(params)).await
    }

    /// Removes a link that no head names, nor ever will.
    pub(crate) async fn discard(&self, stored: &Stored, part: &str) -> Result<(), Error> {
        let Some(uid) = stored.uids.get(part) else { return Ok(()) };
        let params = DeleteParams {
            // Nothing depends on it, and its name is wanted again at once.
            propagation_policy: Some(PropagationPolicy::Background),
            preconditions: Some(Preconditions { uid: Some(uid.clone()), resource_version: None }),
            ..DeleteParams::default()
        };
        let name = self.name(part);
        let what = || format!("delete ConfigMap {}/{name}", self.namespace);
        match timed(what, self.api.delete(&name, &params)).await {
            Ok(_) => Ok(()),
            Err(e) if matches!(e.code(), 404 | 409) => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Creates a sealed object. One that is there already, even the same one, is a conflict.
    pub(crate) async fn seal(&self, part: &Object) -> Result<(), StoreError> {
        let map = self.create(&self.build(part)).await?;
        // Something between us and the store may change what it is given.
        if self.holds(&map, part) { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// Replaces the head by itself, marked, so that whoever knows the version that we read cannot replace it any more; where there is
    /// none, creates this one. Returns the new version.
    pub(crate) async fn mark(&self, head: &Object, known: Option<&str>) -> Result<String, StoreError> {
        let mut map = self.build(head);
        map.annotations_mut().insert(REPLACED.to_owned(), known.unwrap_or_default().to_owned());
        map.metadata.resource_version = known.map(str::to_owned);
        let conflict = |e: Error| if matches!(e.code(), 404 | 409) { StoreError::Conflict } else { e.into() };
        let written = if known.is_none() {
            self.create(&map).await?.metadata
        } else {
            replace(&self.api, &map).await.map_err(conflict)?.metadata
        };
        Ok(written.resource_version.unwrap_or_default())
    }

    /// Creates what must not be there yet.
    async fn create(&self, map: &ConfigMap) -> Result<ConfigMap, StoreError> {
        let params = PostParams { field_manager: Some("seaworthy".into()), ..PostParams::default() };
        let what = || format!("create ConfigMap {}/{}", self.namespace, map.name_any());
        timed(what, self.api.create(&params, map)).await.map_err(|e| match e.code() {
            409 => StoreError::Conflict,
            _ => e.into(),
        })
    }

    /// Stores the head: creates it, or replaces the version that we know. Returns the new version.
    pub(crate) async fn write_head(&self, head: &Object, known: Option<&str>) -> Result<String, StoreError> {
        let mut map = self.build(head);
        let Some(version) = known else {
            let there = match self.create(&map).await {
                // Maybe by us, and the answer was lost.
                Err(StoreError::Conflict) => get_live(&self.api, &self.name(&head.name)).await?,
                made => Presence::Present(made?),
            };
            return match there {
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

pub(super) fn object(map: &ConfigMap) -> Object {
    let header = map.data.as_ref().and_then(|d| d.get(HEADER)).cloned().unwrap_or_default();
    let payload = map.binary_data.as_ref().and_then(|d| d.get(PAYLOAD)).map(|p| p.0.clone()).unwrap_or_default();
    let name = map.labels().get(PART).cloned().unwrap_or_else(|| map.name_any());
    Object { sealed: name != HEAD, name, header, payload }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{
        super::played::{self, Played},
        *,
    };

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

    /// What is judged is everything, however much it is, or nothing.
    #[tokio::test]
    async fn evidence_is_read_in_pages_to_the_end_and_only_so_much_of_it() {
        let server: Arc<Mutex<Played>> = Arc::default();
        let store = played::store(played::at_once(&server));
        let parts = 3 * PAGE + 5;
        for number in 0..parts {
            let part = Object { name: format!("{number:06}"), sealed: true, header: "{}".into(), payload: vec![7; 8] };
            store.seal(&part).await.unwrap();
        }
        let stored = store.load().await.unwrap();
        assert_eq!((stored.objects.len(), stored.uids.len()), (197, 197));
        let bytes = 10 * 197;
        assert_eq!(store.load_within(bytes).await.unwrap().objects.len(), 197);
        let error = store.load_within(bytes - 1).await.unwrap_err();
        assert!(matches!(&error, Error::Data { problem, .. } if problem.contains("keep fewer series")), "{error}");
    }
}
