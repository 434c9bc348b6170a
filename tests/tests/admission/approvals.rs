//! Approving is more than writing a field of a Release.

use anyhow::Result;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use seaworthy_tests::api::ADMIN;
use seaworthy_tests::shape::{edited, release};
use serde_json::json;

use crate::{Try, World};

#[tokio::test]
async fn only_who_has_the_verb_approves() -> Result<()> {
    let world = World::new().await?;
    let (ci, editor, approver) = ("ci@example", "editor@example", "approver@example");
    world.allow(ci, &world.namespace, &[("seaworthy.dev", "releases", &["create"])]).await?;
    world.allow(editor, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch"])]).await?;
    world.allow(approver, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "approve"])]).await?;

    let says =
        ["may not set spec.approval: ask for the verb approve on releases.seaworthy.dev in namespace admission-"];
    let said = |by: &str| json!({"approved": true, "by": by});
    let approval = json!({"spec": {"approval": said(editor)}});
    let mut given = edited(release(), &[("/spec/approval", said(ci))]);
    world.denied(Some(ci), Try::Create(&given), &says).await?;
    world.allowed(Some(ci), Try::Create(&release())).await?;
    let name = world.create(None, &release()).await?.name_any();
    world.denied(Some(editor), Try::Change(&release(), &name, approval.clone()), &[editor, says[0]]).await?;
    world.allowed(Some(editor), Try::Change(&release(), &name, json!({"spec": {"suspend": false}}))).await?;
    let choice = json!({"spec": {"onDisputed": "Higher"}});
    let may_not = ["may not set spec.onDisputed: ask for the verb approve on releases.seaworthy.dev"];
    world.denied(Some(editor), Try::Change(&release(), &name, choice.clone()), &may_not).await?;
    world.allowed(Some(approver), Try::Change(&release(), &name, choice)).await?;

    // Who approves does so in their own name.
    let not_you =
        ["spec.approval.by editor@example is not who asks: user approver@example approves in their own name only"];
    world.denied(Some(approver), Try::Change(&release(), &name, approval), &not_you).await?;
    let own = json!({"spec": {"approval": said(approver)}});
    world.allowed(Some(approver), Try::Change(&release(), &name, own)).await?;

    // Once given, the approval is no obstacle to others' changes.
    given["metadata"]["name"] = json!("given");
    given["spec"]["approval"]["by"] = json!(ADMIN);
    world.create(None, &given).await?;
    world.allowed(Some(editor), Try::Change(&given, "given", json!({"spec": {"abort": true}}))).await?;

    // Nor can it be replaced in another's name.
    let digest = format!("sha256:{}", "a".repeat(64));
    let other = |by: &str| json!({"spec": {"approval": {"digest": digest, "by": by}}});
    world.denied(Some(editor), Try::Change(&given, "given", other(editor)), &[editor, says[0]]).await?;
    let not_you = ["is not who asks: user approver@example approves in their own name only"];
    world.denied(Some(approver), Try::Change(&given, "given", other(ADMIN)), &not_you).await?;
    world.allowed(Some(approver), Try::Change(&given, "given", other(approver))).await?;
    world.end().await
}

#[tokio::test]
async fn only_who_has_the_verb_resolves_and_in_their_own_name() -> Result<()> {
    let world = World::new().await?;
    let (editor, resolver) = ("editor@example", "resolver@example");
    world.allow(editor, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "approve"])]).await?;
    world.allow(resolver, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "resolve"])]).await?;
    let name = world.create(None, &release()).await?.name_any();
    let ending = json!({"phase": "PublishUnknown", "reason": "PublishUnknown", "message": "m"});
    let status = json!({"status": {"phase": "PublishUnknown", "ending": ending}});
    world.admin(&release()).patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;

    let found = |by: &str| json!({"spec": {"resolution": {"outcome": "Published", "by": by, "reason": "looked"}}});
    let may_not =
        ["may not set spec.resolution: ask for the verb resolve on releases.seaworthy.dev in namespace", editor];
    world.denied(Some(editor), Try::Change(&release(), &name, found(editor)), &may_not).await?;
    let not_you = ["is not who asks: user resolver@example resolves in their own name only"];
    world.denied(Some(resolver), Try::Change(&release(), &name, found(editor)), &not_you).await?;
    world.allowed(Some(resolver), Try::Change(&release(), &name, found(resolver))).await?;
    world.allowed(Some(editor), Try::Change(&release(), &name, json!({"spec": {"suspend": false}}))).await?;
    world.end().await
}

#[tokio::test]
async fn only_who_has_the_verb_reports_and_in_their_own_name() -> Result<()> {
    let world = World::new().await?;
    let (editor, publisher) = ("editor@example", "publisher@example");
    world
        .allow(editor, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "approve", "resolve"])])
        .await?;
    world.allow(publisher, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "publish"])]).await?;
    let name = world.create(None, &release()).await?.name_any();
    let publish = json!({"attempt": 1, "state": "External", "startTime": "2026-11-22T10:00:00Z"});
    let status = json!({"status": {"phase": "Publishing", "publish": publish}});
    world.admin(&release()).patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;

    let reported =
        |by: &str| json!({"spec": {"externalPublish": {"outcome": "NotPublished", "by": by, "reason": "x"}}});
    let may_not = ["may not set spec.externalPublish: ask for the verb publish on releases.seaworthy.dev", editor];
    world.denied(Some(editor), Try::Change(&release(), &name, reported(editor)), &may_not).await?;
    let not_you = ["is not who asks: user publisher@example reports in their own name only"];
    world.denied(Some(publisher), Try::Change(&release(), &name, reported(editor)), &not_you).await?;
    world.allowed(Some(publisher), Try::Change(&release(), &name, reported(publisher))).await?;
    world.end().await
}

#[tokio::test]
async fn only_who_has_the_verb_waives_and_in_their_own_name() -> Result<()> {
    let world = World::new().await?;
    let (ci, editor, waiver) = ("ci@example", "editor@example", "waiver@example");
    world.allow(ci, &world.namespace, &[("seaworthy.dev", "releases", &["create"])]).await?;
    world.allow(editor, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "approve"])]).await?;
    world.allow(waiver, &world.namespace, &[("seaworthy.dev", "releases", &["get", "patch", "waive"])]).await?;
    let one = |gate: &str, by: &str| json!({"gate": gate, "by": by, "reason": "x"});
    let may_not = ["may not set spec.waivers: ask for the verb waive on releases.seaworthy.dev"];
    let given = edited(release(), &[("/spec/waivers", json!([one("a", ADMIN)]))]);
    world
        .denied(Some(ci), Try::Create(&edited(release(), &[("/spec/waivers", json!([one("a", ci)]))])), &may_not)
        .await?;
    let name = world.create(None, &given).await?.name_any();
    let list = |by: &str| json!({"spec": {"waivers": [one("a", ADMIN), one("b", by)]}});
    world.denied(Some(editor), Try::Change(&release(), &name, list(editor)), &may_not).await?;
    let not_you = ["user waiver@example waives in their own name only"];
    world.denied(Some(waiver), Try::Change(&release(), &name, list(editor)), &not_you).await?;
    // Beside somebody else's, which stays theirs.
    world.allowed(Some(waiver), Try::Change(&release(), &name, list(waiver))).await?;
    world.allowed(Some(editor), Try::Change(&release(), &name, json!({"spec": {"suspend": false}}))).await?;
    world.end().await
}
