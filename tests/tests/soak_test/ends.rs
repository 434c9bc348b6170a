//! Verdicts: what passes, and each thing that must not.

use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease, core::v1::Service};
use kube::{Api, api::ListParams};
use seaworthy_api::{
    SoakTest,
    core::{condition::types, soak_test::SoakTestPhase::*, task::TaskState, verdict::Verdict},
};
use seaworthy_tests::{
    cluster::{Ground, sh},
    operator,
};
use serde_json::{Value, json};

use seaworthy_tests::soak::{
    candidate, check, deployment, ends, ends_with, evidence, image, level, looker, reason, soak, status, verdict,
};

/// One check of every kind, over a page of the target, one of a Service, the kubelet's figures, pods' states and an inventory.
fn everything(spec: &mut Value, namespace: &str) {
    spec["setup"] = json!({"task": sh("true").unwrap()});
    spec["candidate"] = candidate();
    spec["serviceAccounts"] = json!(["looker"]);
    spec["namespaces"] = json!([namespace]);
    spec["sources"] = json!([
        {"name": "page", "prometheus": {"port": 8080}},
        {"name": "service", "prometheus": {"port": 8080, "service": "target"}},
        {"name": "resources", "kubelet": {}},
    ]);
    spec["checks"] = json!([
        level(),
        {"name": "failures", "increase": {"source": "service", "metric": "target_failures_total", "max": 0}},
        {"name": "count", "bound": {"source": "page", "metric": "target_failure_count", "aggregate": "LabelSum", "label": "count", "max": 5}},
        {"name": "growth", "growth": {"source": "page", "metric": "target_level", "aggregate": "Sum", "max": 1}},
        {"name": "memory", "bound": {"source": "resources", "metric": "container_memory_working_set_bytes", "max": "48Mi"}},
        {"name": "resident", "bound": {"source": "resources", "metric": "container_memory_rss_bytes", "max": "48Mi"}},
        {"name": "restarts", "restarts": {"max": 0}},
        {"name": "old-pods", "survivors": {"resources": [{"resource": "pods"}], "namespaces": [namespace],
            "selector": "app=target", "maxAge": "15s", "max": 9, "serviceAccountName": "looker"}},
    ]);
}

#[tokio::test]
async fn a_fit_controller_succeeds_on_evidence_of_every_kind() {
    let ground = Ground::new("fit").await.unwrap();
    looker(&ground, "looker").await;
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    let service =
        json!({"metadata": {"name": "target"}, "spec": {"selector": {"app": "target"}, "ports": [{"port": 80}]}});
    ground.create::<Service>(service).await.unwrap();
    let namespace = ground.namespace.clone();
    ground.create::<SoakTest>(soak("soak", "target", |spec| everything(spec, &namespace))).await.unwrap();
    let soak = ends(&ground, "soak", Succeeded, "Passed").await;
    let status = status(&soak);
    assert_eq!(reason(&soak, types::FINISHED), "Passed");
    assert_eq!(status.checks.len(), 8);
    assert!(status.checks.iter().all(|c| c.verdict == Some(Verdict::Passed)), "{:#?}", status.checks);
    let measured = status.measure_end_time.unwrap().since(status.measure_start_time.unwrap());
    assert_eq!(measured.0, 20);
    let workload = status.workload.unwrap();
    assert_eq!((workload.state, workload.reason), (TaskState::Succeeded, None), "ended by us is no failure");
    assert_eq!(ground.jobs_of("soak").await.unwrap(), ["soak-setup-1", "soak-teardown-1"]);
    let evidence = evidence(&ground, &soak).await;
    assert_eq!(evidence.slots(), 3 + 20 + 2 + 1, "every slot is recorded");
    // The turn is given back.
    let leases: Api<Lease> = Api::namespaced(ground.client.clone(), operator::NAMESPACE);
    let all = leases.list(&ListParams::default()).await.unwrap();
    let held = |l: &Lease| l.spec.as_ref().and_then(|s| s.holder_identity.clone()).unwrap_or_default();
    assert!(all.iter().all(|l| !held(l).contains(&ground.namespace)), "{all:#?}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn bound_broken() {
    let arguments = ["level=9", "after=8"];
    let (ground, soak) = ends_with("bound", &arguments, |_| {}, Failed, "CheckFailed").await;
    assert_eq!(verdict(&soak, "level"), Verdict::Failed);
    assert_eq!(check(&soak, "level").value.as_deref(), Some("9"));
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_25_a_counter_that_rises() {
    let edit = |spec: &mut Value| {
        let rule = json!({"source": "page", "metric": "target_failures_total", "max": 2});
        spec["checks"] = json!([{"name": "failures", "increase": rule}]);
    };
    let (ground, soak) = ends_with("counter", &["rise=1"], edit, Failed, "CheckFailed").await;
    assert_eq!(verdict(&soak, "failures"), Verdict::Failed);
    ground.done().await.unwrap();
}

fn restarts(spec: &mut Value) {
    spec["checks"] = json!([{"name": "restarts", "restarts": {"max": 0}}]);
}

#[tokio::test]
async fn fault_25_a_restart() {
    let (ground, soak) = ends_with("restart", &["exit=14"], restarts, Failed, "CheckFailed").await;
    assert_eq!(verdict(&soak, "restarts"), Verdict::Failed);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_25_an_oom_kill_is_named() {
    let (ground, soak) = ends_with("oom", &["grow=20", "after=10"], restarts, Failed, "CheckFailed").await;
    let message = check(&soak, "restarts").message;
    assert!(message.contains("OOMKilled"), "{message}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_fact_ends_it_early_when_the_check_says_so() {
    let edit = |spec: &mut Value| {
        (spec["measure"], spec["checks"][0]["failFast"]) = (json!("10m"), json!(true));
        // Stored often enough to be judged within the test.
        spec["warmUp"] = json!("0s");
    };
    let (ground, soak) = ends_with("fast", &["level=9", "after=5"], edit, Failed, "CheckFailed").await;
    let status = status(&soak);
    assert!(status.completion_time < status.measure_end_time, "{status:#?}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn an_advisory_check_reports_and_does_not_block() {
    let edit = |spec: &mut Value| {
        let mut advisory = level();
        (advisory["name"], advisory["enforcement"]) = (json!("advice"), json!("Advisory"));
        let rule = json!({"source": "page", "metric": "target_age_seconds", "min": 0});
        spec["checks"] = json!([advisory, {"name": "age", "bound": rule}]);
    };
    let (ground, soak) = ends_with("advisory", &["level=9"], edit, Succeeded, "Passed").await;
    assert_eq!(verdict(&soak, "advice"), Verdict::Failed);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn old_objects_fail_and_an_account_without_rights_is_inconclusive() {
    let ground = Ground::new("survivors").await.unwrap();
    looker(&ground, "looker").await;
    ground.account("nobody").await.unwrap();
    let survivors = |account: &str, namespace: &str| {
        let (account, namespace) = (account.to_owned(), namespace.to_owned());
        move |spec: &mut Value| {
            spec["serviceAccounts"] = json!([account]);
            spec["namespaces"] = json!([namespace]);
            let rule = json!({"resources": [{"resource": "pods"}], "namespaces": [namespace], "selector": "app=a",
                "maxAge": "5s", "serviceAccountName": account});
            spec["checks"] = json!([{"name": "old", "survivors": rule}]);
        }
    };
    for target in ["a", "b"] {
        ground.create::<Deployment>(deployment(target, &image(), &[])).await.unwrap();
    }
    let namespace = ground.namespace.clone();
    ground.create::<SoakTest>(soak("a", "a", survivors("looker", &namespace))).await.unwrap();
    ground.create::<SoakTest>(soak("b", "b", survivors("nobody", &namespace))).await.unwrap();
    let failed = ends(&ground, "a", Failed, "CheckFailed").await;
    assert!(check(&failed, "old").message.contains("pods"), "{:#?}", failed.status);
    let blind = ends(&ground, "b", Inconclusive, "InsufficientEvidence").await;
    assert!(check(&blind, "old").message.contains("inventory"), "{:#?}", blind.status);
    let csv = evidence(&ground, &blind).await.to_csv();
    assert!(csv.contains("Forbidden"), "{csv}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_load_that_ends_early_or_fails() {
    let early = |spec: &mut Value| spec["workload"] = json!({"task": sh("sleep 3").unwrap()});
    let (ground, _) = ends_with("early", &[], early, Inconclusive, "WorkloadFailed").await;
    ground.done().await.unwrap();
    let fails = |spec: &mut Value| spec["workload"] = json!({"task": sh("sleep 3; exit 7").unwrap()});
    let (ground, soak) = ends_with("loadfails", &[], fails, Failed, "WorkloadFailed").await;
    let message = status(&soak).ending.unwrap().message;
    assert!(message.contains("exit code 7"), "{message}");
    ground.done().await.unwrap();
}

/// The candidate would look well: it has nothing to do.
#[tokio::test]
async fn a_load_that_never_runs() {
    let idle = |spec: &mut Value| {
        let mut task = sh("exec sleep 600").unwrap();
        task["resources"] = json!({"requests": {"cpu": "1000"}});
        spec["workload"] = json!({"task": task});
    };
    let (ground, soak) = ends_with("idle", &[], idle, Inconclusive, "WorkloadFailed").await;
    let message = status(&soak).ending.unwrap().message;
    assert!(message.contains("no node can take its pod"), "{message}");
    ground.done().await.unwrap();
}
