//! What is the operator's: Jobs, their pods, records, evidence, children.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use kube::{ResourceExt as _, api::DeleteParams};
use seaworthy_tests::shape::{e2e_run, release, soak_test};
use serde_json::{Value, json};

use crate::{OPERATOR, PATIENCE, Try, World};

const ALL: &[&str] = &["create", "get", "update", "patch", "delete"];
const TENANT: &str = "tenant@example";

/// A tenant that may do to Jobs, pods, records and runs whatever `edit` allows, and the operator.
async fn world() -> Result<World> {
    let world = World::new().await?;
    for user in [TENANT, OPERATOR] {
        let rights: [(&str, &str, &[&str]); 6] = [
            ("batch", "jobs", ALL),
            ("", "configmaps", ALL),
            ("", "pods", ALL),
            ("apps", "controllerrevisions", ALL),
            ("seaworthy.dev", "e2eruns", ALL),
            ("seaworthy.dev", "soaktests", ALL),
        ];
        world.allow(user, &world.namespace, &rights).await?;
    }
    Ok(world)
}

fn ours() -> Value {
    json!({"app.kubernetes.io/managed-by": "seaworthy", "seaworthy.dev/owner-kind": "Release"})
}

fn pod_spec() -> Value {
    json!({"restartPolicy": "Never", "containers": [{"name": "task", "image": "registry.example/none:1", "imagePullPolicy": "Never"}]})
}

fn object(api_version: &str, kind: &str, fields: &Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "made-by-the-operator"}});
    for (name, value) in fields.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}

/// One of everything that the operator makes; without labels and owners.
fn things() -> [Value; 5] {
    let [run, soak] = [e2e_run(), soak_test()].map(|mut object| {
        object["metadata"]["name"] = json!("made-by-the-operator");
        object["spec"].as_object_mut().into_iter().for_each(|spec| {
            spec.remove("serviceAccounts");
            spec.remove("namespaces");
        });
        object
    });
    [
        object("batch/v1", "Job", &json!({"spec": {"suspend": true, "template": {"spec": pod_spec()}}})),
        object("v1", "ConfigMap", &json!({"data": {"ledger.json": "{}"}})),
        object("apps/v1", "ControllerRevision", &json!({"revision": 1, "data": {"spec": {}}})),
        run,
        soak,
    ]
}

#[tokio::test]
async fn release_notes_are_peoples_to_edit_and_stay_the_releases() -> Result<()> {
    let world = world().await?;
    let owner = world.create(None, &release()).await?;
    let notes = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"NOTES.md": "draft"},
        "metadata": {
            "name": "release-notes", "labels": {"seaworthy.dev/notes": "", "seaworthy.dev/owner-kind": "Release"},
            "ownerReferences": [{
                "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "name": owner.name_any(), "uid": owner.uid(),
            }],
        },
    });
    let says = ["belongs to Seaworthy, and only the operator creates, changes or deletes it"];
    world.denied(Some(TENANT), Try::Create(&notes), &says).await?;
    let name = world.create(Some(OPERATOR), &notes).await?.name_any();
    world.allowed(Some(TENANT), Try::Change(&notes, &name, json!({"data": {"NOTES.md": "better"}}))).await?;
    for change in [
        json!({"metadata": {"labels": {"seaworthy.dev/notes": null}}}),
        json!({"metadata": {"labels": {"seaworthy.dev/owner-kind": null}}}),
        json!({"metadata": {"ownerReferences": null}}),
    ] {
        world.denied(Some(TENANT), Try::Change(&notes, &name, change), &says).await?;
    }
    world.denied(Some(TENANT), Try::Delete(&notes, &name, DeleteParams::default()), &says).await?;
    world.end().await
}

#[tokio::test]
async fn nobody_but_the_operator_makes_or_changes_what_is_its_own() -> Result<()> {
    let world = world().await?;
    let owner = world.create(None, &release()).await?;
    let owners = json!([{
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "name": owner.name_any(), "uid": owner.uid(), "controller": true,
    }]);
    let says =
        ["belongs to Seaworthy, and only the operator creates, changes or deletes it: abort or delete its Release"];
    for plain in things() {
        let mut labelled = plain.clone();
        labelled["metadata"]["labels"] = ours();
        let mut claimed = plain.clone();
        claimed["metadata"]["ownerReferences"] = owners.clone();
        for forged in [&labelled, &claimed] {
            world.denied(Some(TENANT), Try::Create(forged), &says).await?;
            world.allowed(Some(OPERATOR), Try::Create(forged)).await?;
        }
        world.allowed(Some(TENANT), Try::Create(&plain)).await?;
        if plain["kind"] == "E2ERun" || plain["kind"] == "SoakTest" {
            continue;
        }
        labelled["metadata"]["ownerReferences"] = owners.clone();
        let name = world.create(Some(OPERATOR), &labelled).await?.name_any();
        let change = json!({"metadata": {"annotations": {"a": "b"}}});
        let relabel = json!({"metadata": {"labels": null, "ownerReferences": null}});
        world.denied(Some(TENANT), Try::Change(&plain, &name, change.clone()), &says).await?;
        world.denied(Some(TENANT), Try::Change(&plain, &name, relabel), &says).await?;
        world.denied(Some(TENANT), Try::Delete(&plain, &name, DeleteParams::default()), &[&name, says[0]]).await?;
        world.allowed(Some(OPERATOR), Try::Change(&plain, &name, change.clone())).await?;
        world.allowed(Some(OPERATOR), Try::Delete(&plain, &name, DeleteParams::default())).await?;
        // A cluster administrator has the verb `override`, as every verb.
        world.allowed(None, Try::Change(&plain, &name, change)).await?;
    }
    let [job, ..] = things();
    let unsuspend = json!({"spec": {"suspend": false}});
    world.denied(Some(TENANT), Try::Change(&job, "made-by-the-operator", unsuspend), &says).await?;

    // The garbage collector is not kept from its work.
    world.admin(&release()).delete(&owner.name_any(), &DeleteParams::default()).await?;
    let started = Instant::now();
    while world.admin(&job).get_opt("made-by-the-operator").await?.is_some() {
        if started.elapsed() > PATIENCE {
            bail!("the Job of a deleted owner is still there after {PATIENCE:?}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.end().await
}

#[tokio::test]
async fn fault_18_evidence_is_nobody_elses_not_even_an_administrators() -> Result<()> {
    let world = world().await?;
    let [_, mut evidence, ..] = things();
    evidence["metadata"]["labels"] = json!({"seaworthy.dev/evidence": "0f9b"});
    let name = world.create(Some(OPERATOR), &evidence).await?.name_any();
    let says = ["is evidence of a SoakTest: only the operator writes and deletes it"];
    let edit = json!({"data": {"head": "better"}});
    let hide = json!({"metadata": {"labels": null}});
    for user in [Some(TENANT), None] {
        world.denied(user, Try::Create(&evidence), &says).await?;
        world.denied(user, Try::Change(&evidence, &name, edit.clone()), &[&name, says[0]]).await?;
        world.denied(user, Try::Change(&evidence, &name, hide.clone()), &says).await?;
        world.denied(user, Try::Delete(&evidence, &name, DeleteParams::default()), &says).await?;
    }
    world.allowed(Some(OPERATOR), Try::Change(&evidence, &name, edit)).await?;
    // The namespace goes, and the evidence with it.
    world.end().await
}

#[tokio::test]
async fn a_tasks_pod_is_neither_forced_away_nor_hidden() -> Result<()> {
    let world = world().await?;
    let mut pod = object("v1", "Pod", &json!({"spec": pod_spec()}));
    pod["metadata"]["labels"] = json!({"seaworthy.dev/owner-kind": "Release", "controller-uid": "0f9b"});
    let name = world.create(Some(OPERATOR), &pod).await?.name_any();
    let forced = || DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    let hide = json!({"metadata": {"labels": {"controller-uid": "other"}}});
    let unmark = json!({"metadata": {"labels": {"seaworthy.dev/owner-kind": null}}});
    for user in [Some(TENANT), None] {
        let says = ["pod made-by-the-operator runs a task of Seaworthy: its program may outlive a forced deletion"];
        world.denied(user, Try::Delete(&pod, &name, forced()), &says).await?;
        for change in [&hide, &unmark] {
            let says = ["its labels and owner references are how it is found again, leave them as they are"];
            world.denied(user, Try::Change(&pod, &name, change.clone()), &says).await?;
        }
        world.allowed(user, Try::Change(&pod, &name, json!({"metadata": {"annotations": {"a": "b"}}}))).await?;
        world.allowed(user, Try::Delete(&pod, &name, DeleteParams::default())).await?;
    }
    world.allowed(Some(OPERATOR), Try::Delete(&pod, &name, forced())).await?;
    world.end().await
}
