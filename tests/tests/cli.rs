//! `kubectl seaworthy` on the real cluster: what it prints, what it writes, and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::process::{Output, Stdio};

use k8s_openapi::api::batch::v1::Job;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use seaworthy_api::{E2ERun, Release, ReleasePlan, core::release::ReleasePhase};
use seaworthy_tests::cluster::{Ground, PATIENCE, sh, variable};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

const REVISION: &str = "7c1d0e5f9a3b8c2d6e4f1a0b5c9d3e7f8a2b6c4d";

const BUILD: &str = r#"d=$(printf '%s' "$SEAWORTHY_VERSION" | sha256sum | cut -d' ' -f1)
printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%s"}]}' "$d" > /dev/termination-log"#;

fn plan(suite: &str) -> Value {
    json!({
        "metadata": {"name": "plan"},
        "spec": {
            "version": {"policy": "Explicit"},
            "candidate": {"task": sh(BUILD).unwrap()},
            "gates": [{"name": "examples", "e2e": {"suites": [{"name": "hello", "task": sh(suite).unwrap()}]}}],
            "publish": {"task": sh("true").unwrap(), "verify": {"task": sh("exit 0").unwrap()}},
        },
    })
}

fn release(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "planRef": {"name": "plan"}, "revision": REVISION, "version": {"number": "1.4.0", "reason": "a test"}}})
}

async fn ground(prefix: &str, plan: Value) -> Ground {
    let ground = Ground::new(prefix).await.unwrap();
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("r")).await.unwrap();
    ground
}

/// The command in the test's namespace, started.
fn start(ground: &Ground, args: &[&str]) -> Child {
    Command::new(variable("SEAWORTHY_TEST_CLI").unwrap())
        .args(args)
        .args(["-n", &ground.namespace])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What a command said and how it ended.
struct Said {
    out: String,
    err: String,
    code: i32,
}

async fn end(child: Child) -> Said {
    let Output { status, stdout, stderr } =
        tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    Said {
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
        code: status.code().unwrap(),
    }
}

async fn run(ground: &Ground, args: &[&str]) -> Said {
    end(start(ground, args)).await
}

async fn until_phase(ground: &Ground, phase: ReleasePhase) {
    let what = format!("phase {phase:?}");
    ground.until::<Release>("r", &what, |r| r.status.as_ref().is_some_and(|s| s.phase == phase)).await.unwrap();
}

#[tokio::test]
async fn wait_follows_a_release_until_it_is_published() {
    let ground = ground("cli-published", plan("sleep 2")).await;
    let said = run(&ground, &["wait", "release.seaworthy.dev/r"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for line in ["gate/examples/hello: Running", "gate/examples/hello: Passed", "release/r: Published"] {
        assert!(said.err.contains(line), "{line}: {}", said.err);
    }
    let digest = seaworthy_api::hash::digest(b"1.4.0");
    for text in ["[ok] Release", "[ok] hello  Passed", "[ok] Publish  Published", &digest] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
    assert!(said.out.is_ascii() && !said.out.contains('\u{1b}'), "{}", said.out);
    // The document says the same, and an object that is finished is not waited for.
    let again = run(&ground, &["wait", "r", "--output", "json"]).await;
    let document: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((again.code, &document["exitCode"], &document["phase"]), (0, &json!(0), &json!("Published")));
    assert_eq!(document["children"][0]["child"]["status"]["phase"], "Succeeded");
    assert_eq!(again.err, "");
    // The child alone, and the namespace.
    assert_eq!(run(&ground, &["wait", "e2e/r-examples"]).await.code, 0);
    // A plan sums up a moment later.
    let told = |p: &ReleasePlan| p.status.as_ref().is_some_and(|s| s.last_published.is_some());
    ground.until::<ReleasePlan>("plan", "lastPublished", told).await.unwrap();
    let all = run(&ground, &["status"]).await;
    assert!(all.out.contains("ReleasePlan plan  last published 1.4.0 (r)"), "{}", all.out);
    // What is finished can neither be aborted nor approved.
    for args in [["abort", "r"], ["approve", "r"]] {
        let refused = run(&ground, &args).await;
        assert_eq!(refused.code, 1, "{args:?}");
        assert!(refused.err.contains("finished already (Published)"), "{}", refused.err);
    }
    ground.done().await.unwrap();
}

#[tokio::test]
async fn wait_says_failed_with_one_and_why() {
    let ground = ground("cli-failed", plan("exit 3")).await;
    let said = run(&ground, &["wait", "r"]).await;
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("[FAIL] hello  Failed") && said.out.contains("exit code 3"), "{}", said.out);
    assert_eq!(run(&ground, &["status", "r"]).await.code, 0, "status says how things are, not how they ended");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn waiting_ends_with_the_timeout_or_with_the_object() {
    let ground = ground("cli-ends", plan("sleep 600")).await;
    let late = run(&ground, &["wait", "r", "--timeout", "1s"]).await;
    assert_eq!(late.code, 3, "{}{}", late.out, late.err);
    assert!(late.err.contains("release/r is not finished after 1s"), "{}", late.err);
    let waiting = start(&ground, &["wait", "r"]);
    until_phase(&ground, ReleasePhase::Verifying).await;
    ground.api::<Release>().delete("r", &DeleteParams::default()).await.unwrap();
    let gone = end(waiting).await;
    assert_eq!(gone.code, 1, "{}{}", gone.out, gone.err);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_four() {
    let ground = Ground::new("cli-four").await.unwrap();
    for args in [&["wait", "nope"][..], &["status", "soak/nope"], &["abort", "nope"], &["wait", "pod/x"], &["wait"]] {
        let said = run(&ground, args).await;
        assert_eq!(said.code, 4, "{args:?}: {}", said.err);
    }
    let nope = run(&ground, &["status", "soak/nope"]).await;
    assert!(
        nope.err.contains(&format!("there is no SoakTest \"nope\" in namespace {:?}", ground.namespace)),
        "{}",
        nope.err
    );
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_person_approves_once() {
    let mut plan = plan("true");
    plan["spec"]["approvalPolicy"] = json!({"mode": "Manual"});
    let ground = ground("cli-approve", plan).await;
    let early = run(&ground, &["approve", "r"]).await;
    assert_eq!(early.code, 1, "{}", early.err);
    assert!(early.err.contains("does not wait for approval"), "{}", early.err);
    until_phase(&ground, ReleasePhase::AwaitingApproval).await;
    let tree = run(&ground, &["status", "r"]).await;
    assert!(tree.out.contains("[run] Approval  waits for a person"), "{}", tree.out);
    let given = run(&ground, &["approve", "r", "--reason", "looks good"]).await;
    assert_eq!(given.code, 0, "{}", given.err);
    assert!(given.out.contains("approved 1.4.0") && given.out.contains("sha256:"), "{}", given.out);
    assert_eq!(run(&ground, &["approve", "r", "--reject"]).await.code, 1, "a word is written once");
    assert_eq!(run(&ground, &["wait", "r"]).await.code, 0);
    let object = ground.api::<Release>().get("r").await.unwrap();
    assert_eq!(object.spec.approval.unwrap().reason, "looks good");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn an_abort_ends_what_runs() {
    let ground = ground("cli-abort", plan("sleep 600")).await;
    until_phase(&ground, ReleasePhase::Verifying).await;
    let said = run(&ground, &["abort", "r", "--reason", "wrong branch"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let ended = run(&ground, &["wait", "r"]).await;
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("Aborted") && ended.out.contains("wrong branch"), "{}", ended.out);
    ground.done().await.unwrap();
}

/// Versions of everything that an explanation could have touched.
async fn versions(ground: &Ground) -> Vec<(String, Option<String>)> {
    let all = ListParams::default();
    let mut versions = Vec::new();
    versions
        .extend(ground.api::<Release>().list(&all).await.unwrap().iter().map(|o| (o.name_any(), o.resource_version())));
    versions
        .extend(ground.api::<E2ERun>().list(&all).await.unwrap().iter().map(|o| (o.name_any(), o.resource_version())));
    versions.extend(ground.api::<Job>().list(&all).await.unwrap().iter().map(|o| (o.name_any(), o.resource_version())));
    versions
}

#[tokio::test]
async fn explain_says_what_is_next_and_writes_nothing() {
    let mut plan = plan("true");
    plan["spec"]["approvalPolicy"] = json!({"mode": "Manual"});
    let ground = ground("cli-explain", plan).await;
    until_phase(&ground, ReleasePhase::AwaitingApproval).await;
    // The operator has nothing more to do once the child is cleaned up; neither has the explanation.
    ground.until::<E2ERun>("r-examples", "no finalizer", |run| run.finalizers().is_empty()).await.unwrap();
    let before = versions(&ground).await;
    let said = run(&ground, &["explain", "r"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    for text in ["Nothing to do now", "AwaitingApproval", "r-plan sha256:"] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
    let document: Value = serde_json::from_str(&run(&ground, &["explain", "r", "-o", "json"]).await.out).unwrap();
    assert_eq!((&document["changes"], &document["effects"]), (&json!([]), &json!([])));
    assert_eq!(run(&ground, &["explain", "e2e/r-examples"]).await.code, 0);
    assert_eq!(versions(&ground).await, before);
    ground.done().await.unwrap();
}
