//! Follows an object and, of a Release, the children of its gates, each by a watch on that one name.
//!
//! One name a watch, so that a role which allows certain names only is enough, and no namespace is listed.

use std::collections::{BTreeMap, BTreeSet};

use futures::{
    StreamExt,
    stream::{BoxStream, SelectAll},
};
use kube::{
    Api,
    runtime::{WatchStreamExt, watcher},
};
use seaworthy_api::{E2ERun, Release, SoakTest};
use seaworthy_core::release::GateKind;
use serde::de::DeserializeOwned;

use crate::{
    cluster::{Cluster, chain},
    exit::Failure,
    snapshot::{Child, Run, Snapshot},
    target::{Kind, Target},
};

/// What a watch said.
enum Update {
    /// The object itself; `None`: it is gone.
    Root(Option<Snapshot>),
    /// The child of a gate; `None`: it is gone.
    Child(String, Option<Run>),
    /// The watch of the object (`None`) or of a gate's child broke.
    Broken(Option<String>, watcher::Error),
}

/// What the caller has to know of it.
pub(super) enum Seen {
    /// The snapshot may have changed.
    Change,
    /// The object is gone, and what to tell.
    Deleted(String),
    /// Something that people should read.
    Remark(String),
}

/// An object and its children, kept current.
pub(super) struct Follower {
    /// As it was seen last.
    pub(super) snapshot: Snapshot,
    cluster: Cluster,
    target: Target,
    updates: SelectAll<BoxStream<'static, Update>>,
    /// Gates whose children are watched.
    gates: BTreeSet<String>,
    /// Whether the object's own watch has ever said anything.
    heard: bool,
    /// Whether the last thing it said was an error.
    broken: bool,
}

impl Follower {
    /// Begins to follow what `snapshot` shows.
    pub(super) fn new(cluster: &Cluster, target: &Target, snapshot: Snapshot) -> Self {
        let name = &target.name;
        let root = match target.kind {
            Kind::Release => watch(cluster, name, None, |o: Option<Release>| {
                Update::Root(o.map(|r| Snapshot::Release(Box::new(r), BTreeMap::new())))
            }),
            Kind::E2ERun => watch(cluster, name, None, |o: Option<E2ERun>| {
                Update::Root(o.map(|r| Snapshot::Run(Run::E2e(Box::new(r)))))
            }),
            Kind::SoakTest => watch(cluster, name, None, |o: Option<SoakTest>| {
                Update::Root(o.map(|r| Snapshot::Run(Run::Soak(Box::new(r)))))
            }),
        };
        let mut follower = Self {
            snapshot,
            cluster: cluster.clone(),
            target: target.clone(),
            updates: futures::stream::select_all([root]),
            gates: BTreeSet::new(),
            heard: false,
            broken: false,
        };
        follower.follow_children();
        follower
    }

    /// Waits for the next thing that is worth a look.
    pub(super) async fn next(&mut self) -> Result<Seen, Failure> {
        match self.updates.next().await {
            Some(Update::Root(root)) => {
                self.heard = true;
                let was_broken = std::mem::take(&mut self.broken);
                Ok(match self.root(root) {
                    Seen::Change if was_broken => Seen::Remark("the connection is back".into()),
                    seen @ (Seen::Change | Seen::Deleted(_) | Seen::Remark(_)) => seen,
                })
            }
            Some(Update::Child(gate, run)) => {
                self.child(&gate, run);
                Ok(Seen::Change)
            }
            Some(Update::Broken(None, error)) => self.trouble(&error),
            Some(Update::Broken(Some(gate), error)) => {
                self.child_trouble(&gate, &error);
                Ok(Seen::Change)
            }
            // Watches never end by themselves.
            None => Err(Failure::unusable(format!("the watch of {} ended", self.target))),
        }
    }

    fn root(&mut self, root: Option<Snapshot>) -> Seen {
        let Some(root) = root else {
            return Seen::Deleted(format!("{} was deleted while waiting for it", self.target));
        };
        if root.uid() != self.snapshot.uid() {
            return Seen::Deleted(format!(
                "{} was deleted while waiting for it; what has its name now is another one",
                self.target
            ));
        }
        self.snapshot = match (root, &mut self.snapshot) {
            (Snapshot::Release(release, _), Snapshot::Release(_, children)) => {
                Snapshot::Release(release, std::mem::take(children))
            }
            (root, _) => root,
        };
        self.follow_children();
        Seen::Change
    }

    /// Watches every child that the Release has recorded by now.
    fn follow_children(&mut self) {
        let Snapshot::Release(release, children) = &mut self.snapshot else { return };
        for gate in release.status.iter().flat_map(|s| &s.gates) {
            let finished = gate.state.is_finished() && matches!(children.get(&gate.name), Some(Child::Found(_)));
            if gate.uid.is_none() || finished || !self.gates.insert(gate.name.clone()) {
                continue;
            }
            let name = gate.name.clone();
            let stream = match gate.kind {
                GateKind::E2ERun => watch(&self.cluster, &gate.child, Some(&gate.name), move |o: Option<E2ERun>| {
                    Update::Child(name.clone(), o.map(|run| Run::E2e(Box::new(run))))
                }),
                GateKind::SoakTest => {
                    watch(&self.cluster, &gate.child, Some(&gate.name), move |o: Option<SoakTest>| {
                        Update::Child(name.clone(), o.map(|run| Run::Soak(Box::new(run))))
                    })
                }
            };
            self.updates.push(stream);
        }
    }

    fn child(&mut self, name: &str, run: Option<Run>) {
        let Snapshot::Release(release, children) = &mut self.snapshot else { return };
        let Some(gate) = release.status.iter().flat_map(|s| &s.gates).find(|g| g.name == name) else { return };
        let child = match run {
            Some(run) if run.uid() == gate.uid.as_deref() => Child::Found(run),
            Some(_) | None => Child::Gone,
        };
        children.insert(name.to_owned(), child);
    }

    /// The object's own watch broke: it is taken up again by itself, unless it never can.
    fn trouble(&mut self, error: &watcher::Error) -> Result<Seen, Failure> {
        if let Some(error) = api_error(error)
            && !self.heard
            && let kube::Error::Api(status) = error
            && matches!(status.code, 401 | 403 | 404)
        {
            let what = format!("cannot watch {} (this needs get, list and watch)", self.target);
            return Err(Cluster::explain(&what, error));
        }
        let first = !std::mem::replace(&mut self.broken, true);
        Ok(if first {
            Seen::Remark(format!("the connection broke, trying again: {}", chain(error)))
        } else {
            Seen::Change
        })
    }

    /// A child that may not be watched is shown as far as the Release speaks of it.
    fn child_trouble(&mut self, gate: &str, error: &watcher::Error) {
        let Some(kube::Error::Api(status)) = api_error(error) else { return };
        if let (403, Snapshot::Release(_, children)) = (status.code, &mut self.snapshot) {
            children.entry(gate.to_owned()).or_insert_with(|| Child::Unreadable(status.message.clone()));
        }
    }
}

fn api_error(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(e) | watcher::Error::WatchStartFailed(e) | watcher::Error::WatchFailed(e) => {
            Some(e)
        }
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}

fn watch<K>(
    cluster: &Cluster,
    name: &str,
    gate: Option<&str>,
    map: impl Fn(Option<K>) -> Update + Send + 'static,
) -> BoxStream<'static, Update>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let gate = gate.map(str::to_owned);
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let events = watcher::watch_object(api, name).default_backoff();
    events
        .map(move |event| match event {
            Ok(object) => map(object),
            Err(error) => Update::Broken(gate.clone(), error),
        })
        .boxed()
}
