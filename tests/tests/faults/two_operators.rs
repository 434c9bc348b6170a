//! Two operators store the evidence of one soak, over more than one sealed segment: what the head names is there, and the soak is judged by it.

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::DeleteParams;
use seaworthy_api::{
    SoakTest,
    core::soak_test::SoakTestPhase::{Measuring, Succeeded},
};
use seaworthy_tests::{
    faults::{canonical, instance::Instance, lab::Lab, layer::Faults, plan::Plan},
    soak::{ends, evidence, status},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_seal_the_same_slots_and_nothing_is_lost() {
    let lab = Lab::shared().await;
    let ground = lab.ground("two-operators").await.unwrap();
    ground.create::<Deployment>(canonical::target()).await.unwrap();
    let start = || Instance::start(&lab.kube, &ground.namespace, &Faults::new(Plan::Clean)).unwrap();
    let _operators = [start(), start()];
    // 142 slots: a segment is sealed after 120.
    lab.soak(&ground, "soak", "140s").await.unwrap();
    let sealed = |s: &SoakTest| status(s).evidence.is_some_and(|e| e.sealed > 0) && status(s).phase == Measuring;
    ground.until::<SoakTest>("soak", "a sealed segment", sealed).await.unwrap();
    let soak = ends(&ground, "soak", Succeeded, "Passed").await;
    let evidence = evidence(&ground, &soak).await;
    assert_eq!(evidence.slots(), 140 + 1 + 1);
    assert!(evidence.tip().is_some(), "a segment is sealed");
    ground.api::<Deployment>().delete(canonical::TARGET, &DeleteParams::background()).await.unwrap();
}
