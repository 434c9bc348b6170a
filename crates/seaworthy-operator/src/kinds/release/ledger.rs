//! The ledger's ConfigMap: read, changed by the pure ledger, written by compare-and-swap. It has no owner: numbers outlive Releases and plans.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _, api::ObjectMeta};
pub(super) use seaworthy_api::convert::release::ledger_name;
use seaworthy_api::{Release, ReleasePlanSpec, labels};
use seaworthy_core::{
    presence::Presence,
    release::Settle,
    version::{Burn, Ledger, LedgerError, tag},
};

use crate::{Context, Error, client};

/// The key of the document.
const KEY: &str = "ledger.json";

/// The name of a Release's ledger: the recorded one, else that of its pinned plan; None before a plan was pinned.
pub(super) fn name_for(release: &Release, pinned: Option<&ReleasePlanSpec>) -> Option<String> {
    let recorded = release.status.as_ref().and_then(|s| s.plan_snapshot.as_ref()).map(|s| s.ledger.clone());
    recorded
        .filter(|name| !name.is_empty())
        .or_else(|| pinned.map(|plan| ledger_name(&release.spec.plan_ref.name, plan)))
}

/// The ledger as it is stored; an absent one is empty.
pub(super) async fn read(ctx: &Context, namespace: &str, name: &str) -> Result<(Option<ConfigMap>, Ledger), Error> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    match client::get_live(&api, name).await? {
        Presence::Present(map) => {
            let text = map.data.as_ref().and_then(|d| d.get(KEY)).cloned().unwrap_or_default();
            let ledger = Ledger::from_json(&text).map_err(|e| problem(name, &e))?;
            Ok((Some(map), ledger))
        }
        Presence::AbsentLive | Presence::Unknown => Ok((None, Ledger::default())),
    }
}

fn problem(name: &str, error: &LedgerError) -> Error {
    Error::Data { what: format!("ConfigMap {name}"), problem: error.to_string() }
}

/// Reserves a number. Somebody else may be faster: the next observation tells.
pub(super) async fn reserve(
    ctx: &Context,
    namespace: &str,
    name: &str,
    (owner, commit): (&str, &str),
    (version, candidate): (&semver::Version, u64),
) -> Result<(), Error> {
    let (map, mut ledger) = read(ctx, namespace, name).await?;
    match ledger.reserve(owner, commit, version, candidate) {
        Ok(_) => write(ctx, namespace, name, map, &ledger).await,
        Err(LedgerError::Used { .. } | LedgerError::Closed { .. }) => Ok(()),
        Err(e) => Err(problem(name, &e)),
    }
}

/// Settles the number of this Release.
pub(super) async fn settle(
    ctx: &Context,
    namespace: &str,
    name: &str,
    release: &Release,
    settle: Settle,
) -> Result<(), Error> {
    let (map, mut ledger) = read(ctx, namespace, name).await?;
    let owner = &release.uid().unwrap_or_default();
    let settled = match settle {
        Settle::Published => {
            if let Some((version, candidate)) = number(release) {
                ledger.settle_published(owner, &release.spec.revision, &version, candidate);
                Ok(())
            } else {
                ledger.publish(owner)
            }
        }
        Settle::BurnCandidate => ledger.burn(owner, Burn::Candidate),
        Settle::BurnFinal => ledger.burn(owner, Burn::Final),
    };
    settled.map_err(|e| problem(name, &e))?;
    write(ctx, namespace, name, map, &ledger).await
}

/// The recorded version and the counter of its label.
fn number(release: &Release) -> Option<(semver::Version, u64)> {
    let status = release.status.as_ref()?;
    let label = semver::Version::parse(&status.candidate_version).ok()?;
    Some((semver::Version::parse(&status.version).ok()?, tag::candidate_number(&label)?))
}

async fn write(
    ctx: &Context,
    namespace: &str,
    name: &str,
    map: Option<ConfigMap>,
    ledger: &Ledger,
) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let data = BTreeMap::from([(KEY.to_owned(), ledger.to_json())]);
    let written = if let Some(mut map) = map {
        map.data = Some(data);
        map.managed_fields_mut().clear();
        client::replace(&api, &map).await.map(|_| ())
    } else {
        let labels = BTreeMap::from([(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned())]);
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        };
        client::create(&api, &ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }).await
    };
    match written {
        Err(e) if e.is_conflict() => Ok(()),
        other => other,
    }
}
