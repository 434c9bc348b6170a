//! Teardown runs after failure, abort and delete; nothing that we made is left.

use k8s_openapi::api::{
    apps::v1::Deployment,
    batch::v1::Job,
    core::v1::{ConfigMap, Pod},
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use seaworthy_api::{SoakTest, core::soak_test::SoakTestPhase::*, labels};
use seaworthy_tests::cluster::{Ground, sh};
use serde_json::{Value, json};

use seaworthy_tests::soak::{deployment, ends, image, reason, soak, status};

/// The teardown leaves a trace that outlives the soak.
fn traced(spec: &mut Value) {
    spec["serviceAccounts"] = json!(["tracer"]);
    spec["measure"] = json!("5m");
    let mut task = sh("kubectl create configmap torn-down").unwrap();
    task["serviceAccountName"] = json!("tracer");
    task["env"] = json!([{"name": "HOME", "value": "/tmp"}]);
    spec["teardown"] = json!({"task": task});
}

async fn ground(prefix: &str) -> Ground {
    let ground = Ground::new(prefix).await.unwrap();
    ground.account("tracer").await.unwrap();
    let role = json!({"metadata": {"name": "tracer"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]});
    ground.create::<k8s_openapi::api::rbac::v1::Role>(role).await.unwrap();
    let binding = json!({"metadata": {"name": "tracer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "tracer"},
        "subjects": [{"kind": "ServiceAccount", "name": "tracer", "namespace": ground.namespace}]});
    ground.create::<k8s_openapi::api::rbac::v1::RoleBinding>(binding).await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    ground
}

async fn torn_down(ground: &Ground) -> bool {
    ground.api::<ConfigMap>().get_opt("torn-down").await.unwrap().is_some()
}

#[tokio::test]
async fn after_failure() {
    let ground = ground("tearfail").await;
    let edit = |spec: &mut Value| {
        traced(spec);
        spec["setup"] = json!({"task": sh("exit 3").unwrap()});
    };
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let soak = ends(&ground, "soak", Failed, "SetupFailed").await;
    assert!(torn_down(&ground).await, "{:#?}", soak.status);
    assert!(status(&soak).ending.unwrap().message.contains("exit code 3"));
    ground.done().await.unwrap();
}

#[tokio::test]
async fn after_abort() {
    let ground = ground("tearabort").await;
    ground.create::<SoakTest>(soak("soak", "target", traced)).await.unwrap();
    ground.until::<SoakTest>("soak", "Measuring", |s| status(s).phase == Measuring).await.unwrap();
    ground.patch::<SoakTest>("soak", json!({"spec": {"abort": true}})).await.unwrap();
    let soak = ends(&ground, "soak", Aborted, "Aborted").await;
    assert!(torn_down(&ground).await, "{:#?}", soak.status);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_14_after_delete_and_nothing_is_left() {
    let ground = ground("teardelete").await;
    ground.create::<SoakTest>(soak("soak", "target", traced)).await.unwrap();
    ground.until::<SoakTest>("soak", "Measuring", |s| status(s).phase == Measuring).await.unwrap();
    ground.api::<SoakTest>().delete("soak", &DeleteParams::default()).await.unwrap();
    ground.until_gone::<SoakTest>("soak").await.unwrap();
    assert!(torn_down(&ground).await);
    let ours = ListParams::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
    for _ in 0..300 {
        let maps = ground.api::<ConfigMap>().list(&ours).await.unwrap().items.len();
        let jobs = ground.api::<Job>().list(&ours).await.unwrap().items.len();
        let pods = ground.api::<Pod>().list(&ours).await.unwrap().items.len();
        if maps + jobs + pods == 0 {
            return ground.done().await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("something of ours is left in {}", ground.namespace);
}

#[tokio::test]
async fn a_teardown_that_fails_is_reported_and_hides_nothing() {
    let ground = ground("tearbad").await;
    let edit = |spec: &mut Value| spec["teardown"] = json!({"task": sh("exit 4").unwrap()});
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let soak = ends(&ground, "soak", Succeeded, "Passed").await;
    assert_eq!(reason(&soak, "Finished"), "TeardownFailed");
    assert!(soak.finalizers().is_empty());
    ground.done().await.unwrap();
}
