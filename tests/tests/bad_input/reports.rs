//! Termination messages and framed blocks that were written to do harm.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt as _;
use seaworthy_api::{
    E2ERun, Release, ReleasePlan,
    core::{
        condition::{self, types},
        e2e_run::SuiteState,
        release::ReleasePhase,
    },
};
use seaworthy_tests::{
    api,
    cluster::{Ground, sh, tools_image},
    operator,
};
use serde_json::{Value, json};

/// Lines of shell that leave hostile termination messages; each task then exits 0.
const MESSAGES: [(&str, &str); 12] = [
    ("bytes", r"printf '\377\376\000\001{' > /dev/termination-log"),
    ("random", "head -c 4096 /dev/urandom > /dev/termination-log"),
    ("huge", "head -c 1000000 /dev/zero | tr '\\0' '{' > /dev/termination-log"),
    (
        "deep",
        r#"printf '{"artifacts":' > /dev/termination-log; head -c 4000 /dev/zero | tr '\0' '[' >> /dev/termination-log"#,
    ),
    ("number", r#"printf '{"tests":99999999999999999999,"failed":1e999}' > /dev/termination-log"#),
    ("negative", r#"printf '{"tests":-1,"failed":-1}' > /dev/termination-log"#),
    ("types", r#"printf '{"tests":"many","artifacts":{},"block":[],"error":0}' > /dev/termination-log"#),
    ("twice", r#"printf '{"tests":1,"tests":2,"failed":0,"failed":5}' > /dev/termination-log"#),
    (
        "artifact",
        r#"printf '{"artifacts":[{"name":"../..","uri":"javascript:alert(1)","digest":"sha256:"}]}' > /dev/termination-log"#,
    ),
    (
        "escape",
        r#"printf '{"error":{"reason":"\033[2J","message":"\033]0;title\007 %s"}}' "$(head -c 3000 /dev/zero | tr '\0' x)" > /dev/termination-log"#,
    ),
    (
        "block",
        r#"printf '{"block":{"name":"../x","length":18446744073709551615,"sha256":"%s"}}' zz > /dev/termination-log"#,
    ),
    ("log", "head -c 30000000 /dev/zero | tr '\\0' y"),
];

/// Each message from a suite that passes and from one that fails, and from a candidate task.
pub(crate) async fn messages() {
    let ground = Ground::new("messages").await.unwrap();
    let suite = |name: String, line: String| json!({"name": name, "task": sh(&line).unwrap(), "maxAttempts": 1});
    let suites: Vec<Value> = MESSAGES
        .iter()
        .flat_map(|(name, line)| {
            [suite((*name).to_owned(), (*line).to_owned()), suite(format!("{name}-fails"), format!("{line}; exit 1"))]
        })
        .collect();
    let run = json!({"metadata": {"name": "r"}, "spec": {"parallelism": 8, "suites": suites}});
    ground.create::<E2ERun>(run).await.unwrap();
    for (name, line) in MESSAGES {
        release_of(&ground, name, &json!({"from": "Task", "task": sh(line).unwrap()})).await;
    }
    let over = |r: &E2ERun| condition::is_true(&r.status.clone().unwrap_or_default().conditions, types::FINISHED);
    let run = ground.until::<E2ERun>("r", "Finished", over).await.unwrap();
    for suite in run.status.unwrap().suites {
        // What says that tests failed outweighs the exit code; what says nothing that can be read is no reason to doubt it.
        let failed = suite.name.ends_with("-fails");
        assert!(suite.state.is_decided() && (!failed || suite.state == SuiteState::Failed), "{suite:#?}");
        assert!(suite.message.len() <= 200, "{suite:#?}");
    }
    for (name, _) in MESSAGES {
        // None of these names an artifact that could be published.
        let ended = finished(&ground, name).await;
        let status = ended.status.unwrap();
        assert_eq!(status.phase, ReleasePhase::Failed, "{name}: {status:#?}");
        assert!(status.artifacts.is_empty() && status.publish.is_none());
    }
    ground.done().await.unwrap();
}

/// What stands in the log of a plan Job, and what its termination message announces.
fn blocks_() -> [(&'static str, &'static str); 6] {
    [
        ("missing", r#"announce 10 "$(printf x | sha256sum | cut -c1-64)""#),
        (
            "endless",
            r#"announce 18446744073709551615 "$(printf x | sha256sum | cut -c1-64)"; head -c 30000000 /dev/zero | tr '\0' x"#,
        ),
        (
            "cut",
            r#"d=$(printf '{}' | sha256sum | cut -c1-64); announce 2 "$d"; printf -- '-----BEGIN SEAWORTHY plan 2 %s-----\n{' "$d""#,
        ),
        (
            "many",
            r#"d=$(printf x | sha256sum | cut -c1-64); announce 2 "$d"; for i in $(seq 2000); do printf -- '-----BEGIN SEAWORTHY plan 2 %s-----\n' "$d"; done"#,
        ),
        ("garbage", r#"p=$(head -c 3000 /dev/zero | tr '\0' '['); block "$p""#),
        ("numbers", r#"block '{"head":-1,"commits":[{"id":1e999}],"count":99999999999999999999,"tags":{"a":null}}'"#),
    ]
}

/// Shell for both halves of a framed block.
const FRAME: &str = r#"announce() { printf '{"block":{"name":"plan","length":%s,"sha256":"%s"}}' "$1" "$2" > /dev/termination-log; }
block() {
  d=$(printf '%s' "$1" | sha256sum | cut -c1-64); announce ${#1} "$d"
  printf -- '-----BEGIN SEAWORTHY plan %s %s-----\n%s\n-----END SEAWORTHY plan-----\n' ${#1} "$d" "$1"
}
"#;

/// Blocks in the logs of plan Jobs. The operator's own image prints none of these, so each Job is put in its place beforehand, as only the
/// operator itself could.
pub(crate) async fn blocks() {
    let ground = Ground::new("blocks").await.unwrap();
    let account = format!("system:serviceaccount:{0}:seaworthy-operator", operator::NAMESPACE);
    let operator = api::client_as(&account, &["system:serviceaccounts", "system:authenticated"]).await.unwrap();
    let as_operator = Ground { client: operator, namespace: ground.namespace.clone() };
    for (name, line) in blocks_() {
        let release = json!({"metadata": {"name": name}, "spec": {
            "planRef": {"name": format!("plan-{name}")}, "revision": revision(name)}});
        // Without its plan it waits.
        let release: Release = ground.create(release).await.unwrap();
        let job = json!({
            "metadata": {"name": format!("{name}-plan-1"), "ownerReferences": [{
                "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "name": name, "uid": release.uid(),
                "controller": true}],
                "labels": {"app.kubernetes.io/managed-by": "seaworthy", "seaworthy.dev/owner-kind": "Release",
                    "seaworthy.dev/owner": name}},
            "spec": {"backoffLimit": 0, "template": {
                "metadata": {"labels": {"seaworthy.dev/owner-kind": "Release", "seaworthy.dev/owner": name}},
                "spec": {"restartPolicy": "Never", "containers": [{
                    "name": "task", "image": tools_image().unwrap(), "command": ["sh", "-c", format!("{FRAME}{line}")]}]}}},
        });
        as_operator.create::<Job>(job).await.unwrap();
        let mut plan = plan(&format!("plan-{name}"), &json!({"from": "Task", "task": sh("true").unwrap()}));
        plan["spec"]["version"] =
            json!({"policy": "ConventionalCommits", "git": {"url": "http://git.invalid/none.git"}});
        ground.create::<ReleasePlan>(plan).await.unwrap();
    }
    for (name, _) in blocks_() {
        let ended = finished(&ground, name).await;
        let status = ended.status.unwrap();
        let said = condition::get(&status.conditions, types::FINISHED).cloned().unwrap();
        assert_eq!((status.phase, said.reason.as_str()), (ReleasePhase::Failed, "PlanningFailed"), "{name}: {said:#?}");
        assert!(said.message.contains("result"), "{name}: {}", said.message);
    }
    ground.done().await.unwrap();
}

fn revision(name: &str) -> String {
    seaworthy_api::hash::digest(name.as_bytes())[7..47].to_owned()
}

fn plan(name: &str, candidate: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "version": {"policy": "Explicit"},
        "candidate": candidate,
        "gates": [{"name": "suites", "e2e": {"suites": [{"name": "first", "task": sh("true").unwrap()}]}}],
        "publish": {"task": sh("true").unwrap()},
    }})
}

async fn release_of(ground: &Ground, name: &str, candidate: &Value) {
    ground.create::<ReleasePlan>(plan(name, candidate)).await.unwrap();
    let release = json!({"metadata": {"name": name}, "spec": {"planRef": {"name": name}, "revision": revision(name),
        "version": {"number": "1.0.0", "reason": "a test"}}});
    ground.create::<Release>(release).await.unwrap();
}

async fn finished(ground: &Ground, name: &str) -> Release {
    let over = |r: &Release| condition::is_true(&r.status.clone().unwrap_or_default().conditions, types::FINISHED);
    ground.until::<Release>(name, "Finished", over).await.unwrap()
}
