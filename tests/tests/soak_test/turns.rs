//! Turns on a target, and holding a soak back.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt as _;
use seaworthy_api::{
    SoakTest,
    core::{condition::types, soak_test::SoakTestPhase::*},
};
use seaworthy_tests::cluster::Ground;
use serde_json::json;

use seaworthy_tests::soak::{deployment, ends, image, reason, soak, status};

#[tokio::test]
async fn two_soaks_on_one_target_take_turns() {
    let ground = Ground::new("turns").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    for name in ["one", "two"] {
        ground.create::<SoakTest>(soak(name, "target", |_| {})).await.unwrap();
    }
    let names = ["one", "two"];
    let mut ended = Vec::new();
    for name in names {
        ended.push(status(&ends(&ground, name, Succeeded, "Passed").await));
    }
    ended.sort_by_key(|s| s.turn_time);
    let (first, second) = (&ended[0], &ended[1]);
    assert!(first.completion_time <= second.turn_time, "the second began after the first had cleaned up");
    // It is woken by the first one's end, not by chance.
    let waited = second.turn_time.unwrap().as_millis() - first.completion_time.unwrap().as_millis();
    assert!(waited < 5000, "{waited} ms");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn suspend_holds_it_before_its_turn() {
    let ground = Ground::new("suspend").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    ground.create::<SoakTest>(soak("held", "target", |spec| spec["suspend"] = json!(true))).await.unwrap();
    let held =
        ground.until::<SoakTest>("held", "Suspended", |s| reason(s, types::SUCCEEDED) == "Suspended").await.unwrap();
    assert_eq!(status(&held).phase, Pending);
    // It does not stand in the way of others.
    ground.create::<SoakTest>(soak("other", "target", |_| {})).await.unwrap();
    ends(&ground, "other", Succeeded, "Passed").await;
    ground.patch::<SoakTest>("held", json!({"spec": {"suspend": false}})).await.unwrap();
    ends(&ground, "held", Succeeded, "Passed").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_spec_that_cannot_work_is_refused_with_a_remedy() {
    let ground = Ground::new("invalid").await.unwrap();
    let edit = |spec: &mut serde_json::Value| spec["sources"][0]["prometheus"]["scheme"] = json!("https");
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let soak = ends(&ground, "soak", Failed, "InvalidSpec").await;
    assert_eq!(reason(&soak, types::ACCEPTED), "InvalidSpec");
    assert!(status(&soak).ending.unwrap().message.contains("insecureSkipVerify"));
    assert!(soak.finalizers().is_empty() && ground.jobs_of("soak").await.unwrap().is_empty());
    ground.done().await.unwrap();
}
