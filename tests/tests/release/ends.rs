//! Every end, as somebody with kubectl sees it; and what is left afterwards.

use std::collections::BTreeSet;

use futures::future::join_all;
use k8s_openapi::api::{
    apps::v1::{ControllerRevision, Deployment},
    batch::v1::Job,
    coordination::v1::Lease,
};
use kube::api::DeleteParams;
use seaworthy_api::{
    E2ERun, Release, ReleasePlan, SoakTest,
    core::{condition::types, release::ReleasePhase},
};
use seaworthy_tests::{
    api::ADMIN,
    cluster::{Ground, sh, variable},
    soak,
};
use serde_json::{Value, json};

use crate::{finished, phase, plan, reason, release};

#[tokio::test]
async fn release_deleted_in_every_phase_leaves_nothing() {
    let cases = [
        (ReleasePhase::Pending, "turn"),
        (ReleasePhase::Building, "candidate"),
        (ReleasePhase::Verifying, "suite"),
        (ReleasePhase::AwaitingApproval, "approval"),
        (ReleasePhase::Publishing, "publish"),
    ];
    let all = cases.map(async |(at, slow)| {
        let ground = Ground::new("gone").await.unwrap();
        let mut plan = plan("plan");
        match slow {
            "candidate" | "turn" => plan["spec"]["candidate"]["task"] = sh("sleep 50").unwrap(),
            "suite" => plan["spec"]["gates"][0]["e2e"]["suites"][0]["task"] = sh("sleep 50").unwrap(),
            "approval" => plan["spec"]["approvalPolicy"] = json!({"mode": "Manual"}),
            _ => plan["spec"]["publish"]["task"] = sh("sleep 4").unwrap(),
        }
        ground.create::<ReleasePlan>(plan).await.unwrap();
        if slow == "turn" {
            ground.create::<Release>(release("first", "plan", "1.3.0")).await.unwrap();
            ground.until::<Release>("first", slow, |r| phase(r) == ReleasePhase::Building).await.unwrap();
        }
        ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
        let waits = |r: &Release| slow != "turn" || reason(r, types::FINISHED) == "Queued";
        ground.until::<Release>("r", slow, |r| phase(r) == at && waits(r)).await.unwrap();
        ground.api::<Release>().delete("r", &DeleteParams::background()).await.unwrap();
        ground.until_gone::<Release>("r").await.unwrap();
        ground.until_gone::<E2ERun>("r-suites").await.unwrap();
        for job in ["r-candidate-1", "r-publish-1", "r-verify-1-1"] {
            ground.until_gone::<Job>(job).await.unwrap();
        }
        ground.until_gone::<ControllerRevision>("r-plan").await.unwrap();
        let turn = ground.api::<Lease>().get("seaworthy-plan-plan").await.unwrap();
        let holder = turn.spec.and_then(|s| s.holder_identity).unwrap_or_default();
        assert!(if slow == "turn" { holder.contains("/first/") } else { holder.is_empty() }, "{slow}: {holder}");
        ground.done().await.unwrap();
    });
    join_all(all).await;
}

/// What kubectl wrote; it must succeed.
async fn kubectl(ground: &Ground, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(variable("SEAWORTHY_TEST_KUBECTL").unwrap());
    let done = command.args(["--namespace", &ground.namespace]).args(arguments).output().await.unwrap();
    assert!(done.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Waits as CI does without a plugin, from before the end until it.
async fn waited_for(ground: &Ground, object: &str) {
    kubectl(ground, &["wait", "--for=condition=Finished", object, "--timeout=170s"]).await;
}

fn run(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

/// Plans and Releases that end in every way, by the phase that they end in. Each waits for what `provoke` does, or for nothing.
async fn releases(ground: &Ground) -> Vec<(&'static str, ReleasePhase)> {
    let table: [(&str, ReleasePhase, Value); 7] = [
        ("published", ReleasePhase::Published, json!({})),
        ("failed", ReleasePhase::Failed, json!({"candidate": {"task": sh("exit 1").unwrap()}})),
        ("unknown", ReleasePhase::PublishUnknown, json!({"publish": {"task": sh("exit 1").unwrap(), "verify": null}})),
        (
            "inconclusive",
            ReleasePhase::Inconclusive,
            json!({"gates": [{"name": "soak", "soak": {
            "targetRef": {"kind": "Deployment", "name": "nobody"}, "interval": "1s", "measure": "20s",
            "checks": [{"name": "restarts", "restarts": {"max": 0}}]}}]}),
        ),
        ("aborted", ReleasePhase::Aborted, json!({"candidate": {"task": sh("sleep 50").unwrap()}})),
        ("rejected", ReleasePhase::Failed, json!({"approvalPolicy": {"mode": "Manual"}})),
        ("refused", ReleasePhase::Failed, json!({})),
    ];
    for (name, _, edits) in &table {
        let mut plan = plan(name);
        for (field, value) in edits.as_object().unwrap() {
            let part = plan["spec"][field].take();
            plan["spec"][field] = match (part, value) {
                (Value::Object(mut part), Value::Object(more)) => {
                    part.extend(more.clone());
                    part.retain(|_, value| !value.is_null());
                    part.into()
                }
                (_, whole) => whole.clone(),
            };
        }
        ground.create::<ReleasePlan>(plan).await.unwrap();
        let mut release = release(name, name, "1.4.0");
        if *name == "refused" {
            // Its plan takes the version from the Release.
            release["spec"]["version"] = Value::Null;
        }
        ground.create::<Release>(release).await.unwrap();
    }
    // Two more of the plan of `aborted`, of which the later takes the earlier one's place; of two made in the same second, the name says
    // which that is.
    ground.until::<Release>("aborted", "building", |r| phase(r) == ReleasePhase::Building).await.unwrap();
    for (name, version) in [("superseded", "1.5.0"), ("the-newest", "1.6.0")] {
        ground.create::<Release>(release(name, "aborted", version)).await.unwrap();
        ground.until::<Release>(name, "queued", |r| reason(r, types::FINISHED) == "Queued").await.unwrap();
    }
    let mut all: Vec<_> = table.iter().map(|(name, phase, _)| (*name, *phase)).collect();
    all.push(("superseded", ReleasePhase::Superseded));
    all
}

/// E2ERuns and SoakTests that end in every way.
async fn runs(ground: &Ground) -> [(&'static str, &'static str); 8] {
    let suite = |line: &str| json!({"suites": [{"name": "a", "task": sh(line).unwrap()}]});
    let mut late = suite("sleep 50");
    late["deadline"] = json!("3s");
    for (name, spec) in [
        ("succeeded", suite("true")),
        ("failed", suite("exit 1")),
        ("inconclusive", late),
        ("aborted", suite("sleep 50")),
    ] {
        ground.create::<E2ERun>(run(name, &spec)).await.unwrap();
    }
    for (name, arguments) in [("succeeded", vec![]), ("failed", vec!["exit=8"]), ("aborted", vec![])] {
        ground.create::<Deployment>(soak::deployment(name, &soak::image(), &arguments)).await.unwrap();
    }
    for name in ["succeeded", "failed", "inconclusive", "aborted"] {
        let edit = |spec: &mut Value| {
            spec["checks"] = json!([{"name": "restarts", "restarts": {"max": 0}}]);
            spec.as_object_mut().unwrap().retain(|field, _| field != "workload" && field != "teardown");
        };
        ground.create::<SoakTest>(soak::soak(name, name, edit)).await.unwrap();
    }
    [
        ("e2erun/succeeded", "Succeeded"),
        ("e2erun/failed", "Failed"),
        ("e2erun/inconclusive", "Inconclusive"),
        ("e2erun/aborted", "Aborted"),
        ("soaktest/succeeded", "Succeeded"),
        ("soaktest/failed", "Failed"),
        ("soaktest/inconclusive", "Inconclusive"),
        ("soaktest/aborted", "Aborted"),
    ]
}

/// Every terminal phase of a Release that the definition knows.
fn terminal() -> BTreeSet<String> {
    let definitions = serde_json::to_value(seaworthy_api::crd::all().unwrap()).unwrap();
    let release = definitions.as_array().unwrap().iter().find(|d| d["spec"]["names"]["kind"] == "Release").unwrap();
    let schema = &release["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let phases = schema["properties"]["status"]["properties"]["phase"]["enum"].as_array().unwrap().clone();
    let phases = phases.into_iter().map(|phase| serde_json::from_value::<ReleasePhase>(phase).unwrap());
    phases.filter(|phase| phase.is_terminal()).map(|phase| format!("{phase:?}")).collect()
}

#[tokio::test]
async fn kubectl_wait_for_finished_returns_for_every_terminal_outcome() {
    let ground = Ground::new("waited").await.unwrap();
    let runs = runs(&ground).await;
    let releases = releases(&ground).await;
    let names = releases.iter().map(|(name, _)| format!("release/{name}"));
    let waits: Vec<String> = names.chain(runs.iter().map(|(object, _)| (*object).to_owned())).collect();
    let provoke = async {
        for object in ["release/aborted", "e2erun/aborted", "soaktest/aborted"] {
            kubectl(&ground, &["patch", object, "--type=merge", "--patch", r#"{"spec":{"abort":true}}"#]).await;
        }
        ground.until::<Release>("rejected", "awaiting", |r| phase(r) == ReleasePhase::AwaitingApproval).await.unwrap();
        let no = json!({"spec": {"approval": {"approved": false, "by": ADMIN, "reason": "not today"}}});
        ground.patch::<Release>("rejected", no).await.unwrap();
        // The same commit again: nothing to release.
        finished(&ground, "published").await;
        ground.create::<Release>(release("again", "published", "1.4.0")).await.unwrap();
        waited_for(&ground, "release/again").await;
    };
    let all = join_all(waits.iter().map(|object| waited_for(&ground, object)));
    tokio::join!(provoke, all);

    let mut seen = BTreeSet::new();
    for (name, expected) in releases.into_iter().chain([("again", ReleasePhase::NothingToRelease)]) {
        let ended = ground.api::<Release>().get(name).await.unwrap();
        assert_eq!(phase(&ended), expected, "{name}: {:#?}", ended.status);
        seen.insert(format!("{expected:?}"));
    }
    assert_eq!(seen, terminal(), "those waited for, and all that there are");
    for (object, expected) in runs {
        let phase = kubectl(&ground, &["get", object, "--output=jsonpath={.status.phase}"]).await;
        assert_eq!(phase, expected, "{object}");
    }
    ground.done().await.unwrap();
}

#[tokio::test]
async fn apply_of_the_same_object_twice_writes_nothing() {
    let ground = Ground::new("twice").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut objects = [
        ("ReleasePlan", plan("plan")),
        ("Release", release("r", "plan", "1.4.0")),
        ("E2ERun", run("run", &json!({"suites": [{"name": "a", "task": sh("true").unwrap()}]}))),
        ("SoakTest", soak::soak("soak", "nobody", |_| {})),
    ];
    let list: Vec<Value> = objects
        .iter_mut()
        .map(|(kind, object)| {
            object["apiVersion"] = json!("seaworthy.dev/v1alpha1");
            object["kind"] = json!(kind);
            object.clone()
        })
        .collect();
    let file = folder.path().join("objects.json");
    std::fs::write(&file, json!({"apiVersion": "v1", "kind": "List", "items": list}).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let applied = async |how: &[&str]| kubectl(&ground, &[&["apply", "--filename", file], how].concat()).await;
    let versions = async || {
        let path = "--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion} {end}";
        kubectl(&ground, &["get", "releaseplans,releases,e2eruns,soaktests", path]).await
    };
    assert_eq!(applied(&[]).await.matches("created").count(), 4);
    for object in ["release/r", "e2erun/run", "soaktest/soak"] {
        waited_for(&ground, object).await;
    }
    finished(&ground, "r").await;
    soak::finished(&ground, "soak").await;
    let published =
        |p: &ReleasePlan| p.status.as_ref().is_some_and(|s| s.last_published.is_some() && s.running.is_empty());
    ground.until::<ReleasePlan>("plan", "lastPublished", published).await.unwrap();
    let before = versions().await;
    // kubectl says "configured" where the server has filled in defaults within a list; what counts is that nothing was written.
    applied(&[]).await;
    assert_eq!(versions().await, before);
    // By the server as well: the second time of the same manager.
    let by_server = ["--server-side", "--field-manager=ci", "--force-conflicts"];
    applied(&by_server).await;
    let before = versions().await;
    applied(&by_server).await;
    assert_eq!(versions().await, before);
    ground.done().await.unwrap();
}
