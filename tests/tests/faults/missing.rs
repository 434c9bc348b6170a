//! What a task refers to is not there: it says so, waits until the deadline, and goes on when somebody creates it.

use k8s_openapi::api::{batch::v1::Job, core::v1::ServiceAccount};
use seaworthy_api::{
    Release,
    core::{
        condition::{self, types},
        release::ReleasePhase,
    },
};
use seaworthy_tests::{
    cluster::Ground,
    faults::{
        canonical::{self, RELEASE, Shape},
        lab::Lab,
        layer::Faults,
        node::Script,
        plan::Plan,
    },
};
use serde_json::{Value, json};

/// What the Release says, waiting or ended.
fn says(release: &Release) -> String {
    let status = release.status.clone().unwrap_or_default();
    let finished = condition::get(&status.conditions, types::FINISHED).cloned();
    finished.map_or_else(String::new, |c| format!("{}: {}", c.reason, c.message))
}

fn phase(release: &Release) -> ReleasePhase {
    release.status.clone().unwrap_or_default().phase
}

/// A plan whose publish runs as an account.
fn as_account(timeout: &str) -> Value {
    let mut plan = canonical::plan(Shape::short());
    plan["spec"]["serviceAccounts"] = json!(["publisher"]);
    plan["spec"]["publish"]["task"]["serviceAccountName"] = json!("publisher");
    plan["spec"]["publish"]["task"]["timeout"] = json!(timeout);
    plan["spec"]["publish"]["maxAttempts"] = json!(1);
    plan
}

async fn until_it_says(ground: &Ground, what: &str) {
    ground.until::<Release>(RELEASE, what, |r| says(r).contains(what)).await.unwrap();
}

#[tokio::test]
async fn fault_19_a_missing_service_account_is_named_and_waited_for_until_the_deadline() {
    let lab = Lab::shared().await;
    let clean = || Faults::new(Plan::Clean);
    let created = async {
        let ground = lab.ground("fault-19").await.unwrap();
        let _operator = lab.begin(&ground, as_account("5m"), &clean()).await.unwrap();
        until_it_says(&ground, "serviceaccount \"publisher\" not found").await;
        let account = json!({"metadata": {"name": "publisher"}});
        ground.create::<ServiceAccount>(account).await.unwrap();
        let release = lab.ended(&ground).await.unwrap();
        assert_eq!(phase(&release), ReleasePhase::Published, "{}", says(&release));
    };
    let never = async {
        let ground = lab.ground("fault-19").await.unwrap();
        let _operator = lab.begin(&ground, as_account("10s"), &clean()).await.unwrap();
        let release = lab.ended(&ground).await.unwrap();
        assert_eq!(phase(&release), ReleasePhase::Failed, "{}", says(&release));
        assert!(says(&release).contains("serviceaccount \"publisher\" not found"), "{}", says(&release));
        assert_eq!(lab.registry.out(&ground.namespace), [""; 0]);
    };
    futures::join!(created, never);
}

#[tokio::test]
async fn fault_19_a_missing_secret_is_named_and_waited_for_until_the_deadline() {
    let lab = Lab::shared().await;
    let ground = lab.ground("fault-19").await.unwrap();
    let mut plan = canonical::plan(Shape::short());
    let waits = Some(("CreateContainerConfigError".to_owned(), "secret \"token\" not found".to_owned()));
    plan["spec"]["candidate"]["task"] = Script { waits, ..Script::default() }.task();
    plan["spec"]["candidate"]["task"]["timeout"] = json!("15s");
    let _operator = lab.begin(&ground, plan, &Faults::new(Plan::Clean)).await.unwrap();
    let waiting = |r: &Release| says(r).contains("secret \"token\" not found") && phase(r) == ReleasePhase::Building;
    ground.until::<Release>(RELEASE, "waits for the secret", waiting).await.unwrap();
    let release = lab.ended(&ground).await.unwrap();
    assert_eq!(phase(&release), ReleasePhase::Failed, "{}", says(&release));
    assert!(says(&release).contains("secret \"token\" not found"), "{}", says(&release));
    assert!(ground.api::<Job>().get_opt("r-suites-suite-run-1").await.unwrap().is_none());
}
