//! One object and its children, as they are in the cluster now.
//!
//! Children are followed by the UIDs that the Release recorded: a namesake that somebody made later is not shown as evidence.

use std::collections::BTreeMap;

use kube::{Api, Resource, ResourceExt};
use seaworthy_api::{E2ERun, Release, SoakTest};
use seaworthy_core::{
    e2e_run::E2eRunPhase,
    release::{GateKind, GateStatus},
    soak_test::SoakTestPhase,
};
use serde::de::DeserializeOwned;

use crate::{
    cluster::Cluster,
    exit::Failure,
    target::{Kind, Target},
};

/// A run, alone or as the child of a gate.
#[derive(Debug, Clone)]
pub(crate) enum Run {
    /// Suites.
    E2e(Box<E2ERun>),
    /// A soak.
    Soak(Box<SoakTest>),
}

impl Run {
    /// Whether it has left its first phase, in which it waits for something.
    pub(crate) fn has_begun(&self) -> bool {
        match self {
            Self::E2e(run) => run.status.as_ref().is_some_and(|s| s.phase != E2eRunPhase::Pending),
            Self::Soak(run) => run.status.as_ref().is_some_and(|s| s.phase != SoakTestPhase::Pending),
        }
    }

    /// Its `metadata.uid`.
    pub(crate) fn uid(&self) -> Option<&str> {
        match self {
            Self::E2e(run) => run.metadata.uid.as_deref(),
            Self::Soak(run) => run.metadata.uid.as_deref(),
        }
    }
}

/// What became of a gate's child.
#[derive(Debug, Clone)]
pub(crate) enum Child {
    /// Not created, or its UID not recorded yet.
    NotYet,
    /// This is the one that the Release recorded.
    Found(Run),
    /// It was deleted; only what the Release recorded of it is left.
    Gone,
    /// It may not be read, and why.
    Unreadable(String),
}

/// One object with its children.
#[derive(Debug, Clone)]
pub(crate) enum Snapshot {
    /// A Release, with a child for each gate by the gate's name.
    Release(Box<Release>, BTreeMap<String, Child>),
    /// A run that is looked at by itself.
    Run(Run),
}

/// Reads the target and, of a Release, its children.
pub(crate) async fn read(cluster: &Cluster, target: &Target) -> Result<Snapshot, Failure> {
    Ok(match target.kind {
        Kind::Release => {
            let release: Release = get(cluster, target).await?;
            let mut children = BTreeMap::new();
            for gate in release.status.iter().flat_map(|s| &s.gates) {
                children.insert(gate.name.clone(), child(cluster, gate).await);
            }
            Snapshot::Release(Box::new(release), children)
        }
        Kind::E2ERun => Snapshot::Run(Run::E2e(Box::new(get(cluster, target).await?))),
        Kind::SoakTest => Snapshot::Run(Run::Soak(Box::new(get(cluster, target).await?))),
    })
}

/// Reads an object that must be there.
pub(crate) async fn get<K>(cluster: &Cluster, target: &Target) -> Result<K, Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let what = format!("cannot read {target}");
    cluster.ask(&what, find(api, &target.name)).await?.ok_or_else(|| cluster.missing(target))
}

/// Reads an object that may be absent. Not `get_opt`: to that, a kind which this cluster does not serve is merely absent.
async fn find<K: Clone + std::fmt::Debug + DeserializeOwned>(api: Api<K>, name: &str) -> kube::Result<Option<K>> {
    match api.get(name).await {
        Err(kube::Error::Api(status)) if status.code == 404 && status.reason == "NotFound" => Ok(None),
        other => other.map(Some),
    }
}

/// Reads the child of a gate. What is wrong with it is part of the answer: the Release itself can still be shown.
async fn child(cluster: &Cluster, gate: &GateStatus) -> Child {
    let Some(uid) = &gate.uid else { return Child::NotYet };
    let found = match gate.kind {
        GateKind::E2ERun => optional(cluster, &gate.child).await.map(|o| o.map(|run| Run::E2e(Box::new(run)))),
        GateKind::SoakTest => optional(cluster, &gate.child).await.map(|o| o.map(|run| Run::Soak(Box::new(run)))),
    };
    match found {
        Ok(Some(run)) if run.uid() == Some(uid) => Child::Found(run),
        Ok(_) => Child::Gone,
        Err(failure) => Child::Unreadable(failure.message),
    }
}

async fn optional<K>(cluster: &Cluster, name: &str) -> Result<Option<K>, Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    cluster.ask(&format!("cannot read {} {name:?}", K::kind(&())), find(api, name)).await
}

impl Snapshot {
    /// Its `metadata.uid`.
    pub(crate) fn uid(&self) -> String {
        match self {
            Self::Release(release, _) => release.uid(),
            Self::Run(Run::E2e(run)) => run.uid(),
            Self::Run(Run::Soak(run)) => run.uid(),
        }
        .unwrap_or_default()
    }
}
