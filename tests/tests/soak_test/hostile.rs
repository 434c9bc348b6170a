//! Endpoints that do not give what they should: each ends as a recorded gap, never as a pass.

use futures::future::BoxFuture;
use k8s_openapi::api::apps::v1::Deployment;
use seaworthy_api::{SoakTest, core::soak_test::SoakTestPhase::*};
use seaworthy_tests::cluster::Ground;

use seaworthy_tests::soak::{check, deployment, ends, ends_with, evidence, image, soak, status};

/// A soak of a target in this manner is inconclusive, and the reason stands in its evidence and its message.
fn gap<'a>(manner: &'a str, reason: &'a str) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        let argument = format!("manner={manner}");
        let (ground, soak) = ends_with(manner, &[&argument], |_| {}, Inconclusive, "InsufficientEvidence").await;
        let message = check(&soak, "level").message;
        // While one request waits for its answer, the slots that follow are missed.
        assert!(message.contains(reason) || message.contains("still awaited"), "{manner}: {message}");
        let csv = evidence(&ground, &soak).await.to_csv();
        assert!(csv.contains(reason), "{csv}");
        assert_eq!(status(&soak).samples.obtained, 0);
        ground.done().await.unwrap();
    })
}

#[tokio::test]
async fn an_endpoint_that_answers_500_all_along() {
    gap("broken", "HttpStatus").await;
}

#[tokio::test]
async fn fault_17_an_endpoint_that_hangs() {
    gap("hang", "Timeout").await;
}

#[tokio::test]
async fn an_endpoint_that_is_slow() {
    gap("drip", "Timeout").await;
}

#[tokio::test]
async fn fault_16_a_page_that_is_huge() {
    gap("endless", "TooLarge").await;
}

#[tokio::test]
async fn fault_16_a_page_that_is_a_bomb() {
    gap("bomb", "TooLarge").await;
}

#[tokio::test]
async fn an_endpoint_that_redirects() {
    gap("redirect", "Redirect").await;
}

#[tokio::test]
async fn fault_16_a_page_that_is_none() {
    gap("html", "Malformed").await;
}

#[tokio::test]
async fn a_metric_that_is_absent() {
    let (ground, soak) = ends_with("absent", &["manner=absent"], |_| {}, Failed, "CheckFailed").await;
    assert!(check(&soak, "level").message.contains("absent"), "{:#?}", soak.status);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_17_one_that_hangs_takes_no_samples_from_the_others() {
    let ground = Ground::new("beside").await.unwrap();
    ground.create::<Deployment>(deployment("good", &image(), &[])).await.unwrap();
    ground.create::<Deployment>(deployment("hung", &image(), &["manner=hang"])).await.unwrap();
    for name in ["hung", "good"] {
        ground.create::<SoakTest>(soak(name, name, |_| {})).await.unwrap();
    }
    ends(&ground, "hung", Inconclusive, "InsufficientEvidence").await;
    ends(&ground, "good", Succeeded, "Passed").await;
    ground.done().await.unwrap();
}
