//! Who is soaked: the target must be there, and be the candidate, all along.

use k8s_openapi::api::apps::v1::Deployment;
use seaworthy_api::{SoakTest, core::soak_test::SoakTestPhase::*};
use seaworthy_tests::cluster::Ground;
use serde_json::{Value, json};

use seaworthy_tests::soak::{candidate, deployment, ends, ends_with, image, soak, status};

fn other() -> Value {
    let mut other = candidate();
    other["artifacts"][0]["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    other
}

#[tokio::test]
async fn the_running_image_is_not_the_candidate() {
    let edit = |spec: &mut Value| spec["candidate"] = other();
    let (ground, soak) = ends_with("other", &[], edit, Failed, "NotTheCandidate").await;
    assert_eq!(status(&soak).start_time, None, "nothing was sampled");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn an_image_that_is_named_by_tag_is_not_the_candidate() {
    let ground = Ground::new("tag").await.unwrap();
    let image = image();
    let (repository, _) = image.split_once('@').unwrap();
    let tagged = format!("{repository}:{}", env!("CARGO_PKG_VERSION"));
    ground.create::<Deployment>(deployment("target", &tagged, &[])).await.unwrap();
    ground.create::<SoakTest>(soak("soak", "target", |spec| spec["candidate"] = candidate())).await.unwrap();
    let soak = ends(&ground, "soak", Failed, "NotTheCandidate").await;
    let message = status(&soak).ending.unwrap().message;
    assert!(message.contains("without a digest"), "{message}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn an_image_that_is_swapped_in_the_middle_of_the_measure() {
    let ground = Ground::new("swap").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    let edit = |spec: &mut Value| (spec["candidate"], spec["measure"]) = (candidate(), json!("5m"));
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    ground.until::<SoakTest>("soak", "Measuring", |s| status(s).phase == Measuring).await.unwrap();
    let image = image();
    let (repository, _) = image.split_once('@').unwrap();
    let tagged = format!("{repository}:{}", env!("CARGO_PKG_VERSION"));
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "manager", "image": tagged}]}}}});
    ground.patch::<Deployment>("target", patch).await.unwrap();
    ends(&ground, "soak", Failed, "NotTheCandidate").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn the_target_is_absent() {
    let ground = Ground::new("notarget").await.unwrap();
    ground.create::<SoakTest>(soak("soak", "target", |_| {})).await.unwrap();
    let soak = ends(&ground, "soak", Inconclusive, "TargetNotFound").await;
    assert_eq!(ground.jobs_of("soak").await.unwrap(), ["soak-teardown-1"], "no load, but a teardown");
    assert!(status(&soak).ending.unwrap().message.contains("does not exist"));
    ground.done().await.unwrap();
}

#[tokio::test]
async fn pods_that_only_wear_the_targets_labels_are_not_the_target() {
    let ground = Ground::new("imposter").await.unwrap();
    // The imposter's page is bad; were it taken for the target, the soak would fail.
    let mut imposter = deployment("imposter", &image(), &["level=9"]);
    imposter["spec"]["selector"]["matchLabels"]["role"] = json!("imposter");
    imposter["spec"]["template"]["metadata"]["labels"] = json!({"app": "target", "role": "imposter"});
    imposter["spec"]["selector"]["matchLabels"]["app"] = json!("target");
    ground.create::<Deployment>(imposter).await.unwrap();
    let mut target = deployment("target", &image(), &[]);
    target["spec"]["replicas"] = json!(2);
    ground.create::<Deployment>(target).await.unwrap();
    ground.create::<SoakTest>(soak("soak", "target", |_| {})).await.unwrap();
    ends(&ground, "soak", Succeeded, "Passed").await;
    ground.done().await.unwrap();
}
