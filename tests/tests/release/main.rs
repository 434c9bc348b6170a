//! What becomes of a Release on the real cluster, from create to its end.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod ends;
mod publish;
mod soaks;
mod turns;

use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    batch::v1::Job,
    coordination::v1::Lease,
    core::v1::{ConfigMap, ResourceQuota},
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use seaworthy_api::{
    E2ERun, Release, ReleasePlan,
    core::{
        condition::{self, ConditionStatus, types},
        release::ReleasePhase,
    },
};
use seaworthy_tests::cluster::{Ground, HELD, sh};
use serde_json::{Value, json};

/// Reports one artifact whose digest is that of the version.
pub(crate) const BUILD: &str = r#"d=$(printf '%s' "$SEAWORTHY_VERSION" | sha256sum | cut -d' ' -f1)
printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%s"}]}' "$d" > /dev/termination-log"#;

pub(crate) fn plan(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "version": {"policy": "Explicit"},
            "candidate": {"from": "Task", "task": sh(BUILD).unwrap()},
            "gates": [{"name": "suites", "e2e": {"suites": [
                {"name": "first", "task": sh(r#"test -n "$SEAWORTHY_ARTIFACT_CONTROLLER""#).unwrap()},
                {"name": "second", "task": sh("true").unwrap()},
            ]}}],
            "publish": {
                "task": sh(r#"echo "$SEAWORTHY_ARTIFACT_CONTROLLER as $SEAWORTHY_TAG""#).unwrap(),
                "verify": {"task": sh("exit 0").unwrap()},
            },
        },
    })
}

/// Each version is of a commit of its own: a published commit is never released again.
pub(crate) fn release(name: &str, plan: &str, version: &str) -> Value {
    let revision = &seaworthy_api::hash::digest(version.as_bytes())[7..47];
    json!({"metadata": {"name": name}, "spec": {
        "planRef": {"name": plan}, "revision": revision, "version": {"number": version, "reason": "a test"}}})
}

pub(crate) fn phase(release: &Release) -> ReleasePhase {
    release.status.as_ref().map(|s| s.phase).unwrap_or_default()
}

pub(crate) fn reason(release: &Release, type_: &str) -> String {
    let status = release.status.clone().unwrap_or_default();
    condition::get(&status.conditions, type_).map(|c| c.reason.clone()).unwrap_or_default()
}

pub(crate) async fn finished(ground: &Ground, name: &str) -> Release {
    ground
        .until::<Release>(name, "Finished", |r| {
            r.status.as_ref().is_some_and(|s| condition::is_true(&s.conditions, types::FINISHED))
                && r.finalizers().is_empty()
        })
        .await
        .unwrap()
}

pub(crate) async fn ends(ground: &Ground, name: &str, phase_: ReleasePhase, reason_: &str) -> Release {
    let release = finished(ground, name).await;
    assert_eq!(
        (phase(&release), reason(&release, types::FINISHED).as_str()),
        (phase_, reason_),
        "{:#?}",
        release.status
    );
    release
}

/// A plan with one part replaced, a Release of it, and how that ends.
pub(crate) async fn ends_with(
    prefix: &str,
    edit: impl FnOnce(&mut Value),
    phase_: ReleasePhase,
    reason_: &str,
) -> (Ground, Release) {
    let ground = Ground::new(prefix).await.unwrap();
    let mut plan = plan("plan");
    edit(&mut plan["spec"]);
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
    let release = ends(&ground, "r", phase_, reason_).await;
    (ground, release)
}

#[tokio::test]
async fn happy_path_the_record_is_bound_to_version_digest_and_plan() {
    let (ground, release) = ends_with("happy", |_| {}, ReleasePhase::Published, "Published").await;
    let status = release.status.unwrap();
    for type_ in [types::ACCEPTED, types::VERIFIED, types::PUBLISHED, types::FINISHED] {
        assert!(condition::is_true(&status.conditions, type_), "{type_}");
        assert_eq!(condition::get(&status.conditions, type_).unwrap().observed_generation, 1);
    }
    // The digest is the version's, the child's is the same, and so is the plan's hash.
    let digest = seaworthy_api::hash::digest(b"1.4.0");
    assert_eq!(status.artifacts[0].digest, digest);
    let run = ground.api::<E2ERun>().get(&status.gates[0].child).await.unwrap();
    let candidate = run.spec.candidate.clone().unwrap();
    let pinned = status.plan_snapshot.unwrap();
    assert_eq!((candidate.artifacts, &candidate.plan_hash), (status.artifacts, &pinned.hash));
    assert_eq!(run.uid(), status.gates[0].uid);
    // The hash is that of the plan as it was pinned.
    let pinned = ground.api::<ControllerRevision>().get(&pinned.name).await.unwrap();
    assert_eq!(seaworthy_api::hash::canonical(&pinned.data.unwrap().0), candidate.plan_hash);
    assert_eq!(
        ground.jobs_of("r").await.unwrap(),
        ["r-candidate-1", "r-publish-1", "r-verify-1-1"],
        "every Job ran once"
    );
    // The turn is given back and the number is on record.
    let turn = ground.api::<Lease>().get("seaworthy-plan-plan").await.unwrap();
    assert_eq!(turn.spec.unwrap().holder_identity, None);
    let maps = ground.api::<ConfigMap>().list(&ListParams::default()).await.unwrap();
    let ledger = maps.iter().find(|m| m.name_any().starts_with("seaworthy-ledger-")).unwrap();
    assert!(ledger.data.as_ref().unwrap()["ledger.json"].contains(r#""state":"Published""#));
    // The plan says what was published last.
    let plan = ground
        .until::<ReleasePlan>("plan", "lastPublished", |p| {
            p.status.as_ref().and_then(|s| s.last_published.as_ref()).is_some_and(|l| l.version == "1.4.0")
        })
        .await
        .unwrap();
    assert_eq!(plan.status.unwrap().running, "");
    // Each write has its place in the table, and no other was made.
    let wanted = seaworthy_api::writes::of(&plan.spec).unwrap();
    assert_eq!(seaworthy_tests::writes::made(&ground.namespace).unwrap(), wanted);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn plan_edited_mid_run_changes_nothing() {
    let ground = Ground::new("edited").await.unwrap();
    let mut plan = plan("plan");
    plan["spec"]["candidate"]["task"] = sh(&format!("{HELD}\n{BUILD}")).unwrap();
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
    ground.until_runs("r-candidate-1").await.unwrap();
    let pinned = ground.api::<Release>().get("r").await.unwrap().status.unwrap().plan_snapshot.unwrap();
    // Every part that is still to come would fail now.
    let poison = sh("exit 1").unwrap();
    let edits = json!({"spec": {
        "candidate": {"task": poison},
        "gates": [{"name": "suites", "e2e": {"suites": [{"name": "first", "task": poison}]}}],
        "approvalPolicy": {"mode": "Manual"}, "publish": {"task": poison, "verify": {"task": poison}},
    }});
    ground.patch::<ReleasePlan>("plan", edits).await.unwrap();
    ground.let_go("r-candidate-1").unwrap();
    let ended = ends(&ground, "r", ReleasePhase::Published, "Published").await;
    assert_eq!(ended.status.unwrap().plan_snapshot, Some(pinned));
    // The next one is of the plan as it is now.
    ground.create::<Release>(release("next", "plan", "1.5.0")).await.unwrap();
    let next = ends(&ground, "next", ReleasePhase::Failed, "BuildFailed").await;
    let said = condition::get(&next.status.unwrap().conditions, types::FINISHED).unwrap().message.clone();
    assert!(said.contains("exit code 1"), "{said}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn failing_suite_publishes_nothing() {
    let edit = |spec: &mut Value| spec["gates"][0]["e2e"]["suites"][1]["task"] = sh("exit 3").unwrap();
    let (ground, release) = ends_with("failing", edit, ReleasePhase::Failed, "GateFailed").await;
    let status = release.status.unwrap();
    assert!(status.publish.is_none() && !condition::is_true(&status.conditions, types::VERIFIED));
    assert_eq!(ground.jobs_of("r").await.unwrap(), ["r-candidate-1"]);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn candidate_that_cannot_be_built_says_why() {
    let edit = |spec: &mut Value| spec["candidate"]["task"] = sh("echo no compiler; exit 7").unwrap();
    let (ground, release) = ends_with("build", edit, ReleasePhase::Failed, "BuildFailed").await;
    let message = condition::get(&release.status.unwrap().conditions, types::FINISHED).unwrap().message.clone();
    assert!(message.contains("exit code 7") && message.contains("no compiler"), "{message}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn candidate_that_reports_nothing_is_refused() {
    let edit = |spec: &mut Value| spec["candidate"]["task"] = sh("true").unwrap();
    let (ground, _) = ends_with("nothing", edit, ReleasePhase::Failed, "NoArtifacts").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn abort_before_publishing_ends_it_and_its_gates() {
    let ground = Ground::new("abort").await.unwrap();
    let mut plan = plan("plan");
    plan["spec"]["gates"][0]["e2e"]["suites"][0]["task"] = sh("sleep 50").unwrap();
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
    ground.until::<Release>("r", "verifying", |r| phase(r) == ReleasePhase::Verifying).await.unwrap();
    ground
        .until::<Job>("r-suites-first-run-1", "running", |j| j.status.as_ref().is_some_and(|s| s.active == Some(1)))
        .await
        .unwrap();
    ground.patch::<Release>("r", json!({"spec": {"abort": true}})).await.unwrap();
    ends(&ground, "r", ReleasePhase::Aborted, "Aborted").await;
    let run = ground.api::<E2ERun>().get("r-suites").await.unwrap();
    assert!(condition::is_true(&run.status.unwrap().conditions, types::FINISHED));
    ground.done().await.unwrap();
}

#[tokio::test]
async fn suspend_holds_and_resume_goes_on() {
    let ground = Ground::new("suspend").await.unwrap();
    ground.create::<ReleasePlan>(plan("plan")).await.unwrap();
    let mut held = release("r", "plan", "1.4.0");
    held["spec"]["suspend"] = json!(true);
    ground.create::<Release>(held).await.unwrap();
    let waits = |r: &Release| reason(r, types::FINISHED) == "Suspended";
    ground.until::<Release>("r", "held", waits).await.unwrap();
    assert!(ground.jobs_of("r").await.unwrap().is_empty());
    ground.patch::<Release>("r", json!({"spec": {"suspend": false}})).await.unwrap();
    ends(&ground, "r", ReleasePhase::Published, "Published").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn missing_plan_is_named_and_picked_up_when_it_comes() {
    let ground = Ground::new("noplan").await.unwrap();
    ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
    let named = |r: &Release| reason(r, types::ACCEPTED) == "PlanNotFound";
    let waiting = ground.until::<Release>("r", "PlanNotFound", named).await.unwrap();
    let accepted = condition::get(&waiting.status.as_ref().unwrap().conditions, types::ACCEPTED).unwrap().clone();
    assert_eq!(accepted.status, ConditionStatus::Unknown);
    assert!(accepted.message.contains("plan"));
    ground.create::<ReleasePlan>(plan("plan")).await.unwrap();
    ends(&ground, "r", ReleasePhase::Published, "Published").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn explicit_policy_needs_a_version_and_refuses_a_used_one() {
    let ground = Ground::new("explicit").await.unwrap();
    ground.create::<ReleasePlan>(plan("plan")).await.unwrap();
    let mut bare = release("bare", "plan", "1.4.0");
    bare["spec"].as_object_mut().unwrap().remove("version");
    ground.create::<Release>(bare).await.unwrap();
    let bare = ends(&ground, "bare", ReleasePhase::Failed, "InvalidSpec").await;
    assert!(
        condition::get(&bare.status.unwrap().conditions, types::FINISHED).unwrap().message.contains("spec.version")
    );
    ground.create::<Release>(release("first", "plan", "1.4.0")).await.unwrap();
    ends(&ground, "first", ReleasePhase::Published, "Published").await;
    let mut again = release("again", "plan", "1.4.0");
    again["spec"]["revision"] = json!("5f2c0d7b1e6a9c3f5d8b2a4e6c1f3b5d7a9e0c2b");
    ground.create::<Release>(again).await.unwrap();
    ends(&ground, "again", ReleasePhase::Failed, "VersionRefused").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn quota_exhausted_is_shown_and_a_raised_one_lets_it_go_on() {
    let ground = Ground::new("quota").await.unwrap();
    let quota = json!({"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    ground.create::<ResourceQuota>(quota).await.unwrap();
    ground.create::<ReleasePlan>(plan("plan")).await.unwrap();
    ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
    let shown = |r: &Release| {
        let status = r.status.clone().unwrap_or_default();
        condition::get(&status.conditions, types::FINISHED).is_some_and(|c| c.message.contains("quota"))
    };
    ground.until::<Release>("r", "names the quota", shown).await.unwrap();
    ground.api::<ResourceQuota>().delete("none", &DeleteParams::default()).await.unwrap();
    ends(&ground, "r", ReleasePhase::Published, "Published").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn history_limit_keeps_the_newest() {
    let ground = Ground::new("history").await.unwrap();
    let mut plan = plan("plan");
    plan["spec"]["historyLimit"] = json!({"published": 1, "other": 1});
    ground.create::<ReleasePlan>(plan).await.unwrap();
    for (name, version) in [("a", "1.0.0"), ("b", "1.1.0")] {
        ground.create::<Release>(release(name, "plan", version)).await.unwrap();
        ground.until::<Release>(name, "Published", |r| phase(r) == ReleasePhase::Published).await.unwrap();
    }
    ground.until_gone::<Release>("a").await.unwrap();
    assert_eq!(phase(&ground.api::<Release>().get("b").await.unwrap()), ReleasePhase::Published);
    ground.done().await.unwrap();
}
