//! `abort`: sets `spec.abort` and says what happens next. Refuses what is finished already.

use std::process::ExitCode;

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use seaworthy_api::{E2ERun, Release, SoakTest};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, ClusterArgs},
    exit::{self, Code, Failure},
    outcome::outcome,
    snapshot::{Run, Snapshot, get},
    target::{Kind, Target},
    tree::release::ABORT_REASON,
};

/// Ends a Release or a run; cannot be taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What was started is ended, and teardown runs. Once publishing has begun, an abort waits until that attempt is decided.
The reason is kept in the annotation seaworthy.dev/abort-reason.

Exit codes: 0 requested (or it was already); 1 refused: it is finished; 4 could not be carried out")]
pub(crate) struct Args {
    /// NAME or release/NAME, e2e/NAME, soak/NAME.
    name: Target,
    /// Why, on record.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = reason)]
    reason: String,
}

/// A reason as the API takes it.
pub(crate) fn reason(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > 1024 { Err(format!("{length} characters; at most 1024 are kept")) } else { Ok(text.to_owned()) }
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        let cluster = cluster.connect().await?;
        let said = match args.name.kind {
            Kind::Release => {
                let release: Release = get(&cluster, &args.name).await?;
                let (asked, begun) = (release.spec.abort, release.status.as_ref().is_some_and(|s| s.publish.is_some()));
                let now = Snapshot::Release(Box::new(release.clone()), std::collections::BTreeMap::new());
                abort(&cluster, args, &release, &now, asked, begun).await?
            }
            Kind::E2ERun => {
                let run: E2ERun = get(&cluster, &args.name).await?;
                let now = Snapshot::Run(Run::E2e(Box::new(run.clone())));
                abort(&cluster, args, &run, &now, run.spec.abort, false).await?
            }
            Kind::SoakTest => {
                let run: SoakTest = get(&cluster, &args.name).await?;
                let now = Snapshot::Run(Run::Soak(Box::new(run.clone())));
                abort(&cluster, args, &run, &now, run.spec.abort, false).await?
            }
        };
        exit::print(&(said + "\n"))?;
        Ok(Code::Done)
    })
}

async fn abort<K>(
    cluster: &Cluster,
    args: &Args,
    object: &K,
    now: &Snapshot,
    asked: bool,
    publishing: bool,
) -> Result<String, Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let outcome = outcome(now);
    let name = &args.name;
    if outcome.code.is_some() {
        return Err(Failure::refused(format!(
            "{name} is finished already ({}): there is nothing to abort",
            outcome.phase
        )));
    }
    let follow = format!("follow it with: kubectl seaworthy wait {name} -n {}", cluster.namespace);
    if asked {
        return Ok(format!("{name}: abort was requested before; {follow}"));
    }
    patch(cluster, name, object, change(&args.reason)).await?;
    let next = if publishing {
        "publishing has begun and cannot be interrupted: the abort waits until it is known whether the candidate is out"
    } else {
        "what was started is ended now, and teardown runs"
    };
    Ok(format!("{name}: abort requested; {next}; {follow}"))
}

fn change(reason: &str) -> Value {
    let mut change = json!({"spec": {"abort": true}});
    if !reason.is_empty() {
        change["metadata"] = json!({"annotations": {ABORT_REASON: reason}});
    }
    change
}

/// Changes exactly the object that was looked at: one of the same name that came later is refused by the API server.
pub(crate) async fn patch<K>(cluster: &Cluster, target: &Target, object: &K, mut change: Value) -> Result<(), Failure>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    change["metadata"]["uid"] = json!(object.meta().uid);
    let api: Api<K> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let params = PatchParams { field_manager: Some("kubectl-seaworthy".into()), ..PatchParams::default() };
    let request = async { api.patch(&target.name, &params, &Patch::Merge(&change)).await };
    cluster.ask(&format!("cannot change {target}"), request).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_changed() {
        assert_eq!(change(""), json!({"spec": {"abort": true}}));
        let with = change("wrong branch");
        assert_eq!(with["metadata"], json!({"annotations": {"seaworthy.dev/abort-reason": "wrong branch"}}));
        assert!(reason(&"x".repeat(1024)).is_ok() && reason(&"x".repeat(1025)).is_err());
    }
}
