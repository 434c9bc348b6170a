//! The operator is killed in the middle of a soak. In a program of its own: nothing else may be measured meanwhile.

use std::time::Duration;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use seaworthy_api::{SoakTest, core::soak_test::SoakTestPhase::*};
use seaworthy_tests::{
    cluster::Ground,
    operator,
    soak::{deployment, evidence, finished, image, reason, soak, status},
};
use serde_json::{Value, json};

#[tokio::test]
async fn fault_01_operator_killed_in_the_middle_evidence_survives_and_the_hole_is_recorded() {
    let ground = Ground::new("killed").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    let edit = |spec: &mut Value| {
        spec["measure"] = json!("60s");
        let rule = json!({"source": "page", "metric": "target_failures_total", "max": 0});
        spec["checks"] = json!([{"name": "failures", "increase": rule}, {"name": "restarts", "restarts": {"max": 0}}]);
    };
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    // In the middle of the measure, when something is stored.
    let stored = ground
        .until::<ConfigMap>("soak-evidence-head", "20 stored slots", |head| {
            let header = head.data.as_ref().and_then(|d| d.get("header.json"));
            let header = header.and_then(|h| serde_json::from_str::<Value>(h).ok()).unwrap_or_default();
            header["slots"].as_u64().unwrap_or(0) >= 20
        })
        .await
        .unwrap();
    let before = ground.api::<SoakTest>().get("soak").await.unwrap();
    // Some slots after what is stored, so that there is something to lose.
    tokio::time::sleep(Duration::from_secs(3)).await;
    operator::kill(&ground.client).await.unwrap();
    let after = finished(&ground, "soak").await;
    let (was, is) = (status(&before), status(&after));
    assert_eq!((was.start_time, was.settle_end_time), (is.start_time, is.settle_end_time), "the schedule stands");
    assert_eq!(was.workload.unwrap().uid, is.workload.unwrap().uid, "no Job ran twice");
    let evidence = evidence(&ground, &after).await;
    assert_eq!(evidence.slots(), 3 + 60 + 2 + 1);
    let csv = evidence.to_csv();
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    let holes: Vec<usize> = (0..rows.len()).filter(|i| rows[*i].contains("OperatorDown")).collect();
    assert!(!holes.is_empty(), "the hole is recorded:\n{csv}");
    assert!(holes.windows(2).all(|w| w[1] == w[0] + 1), "there is one hole: {holes:?}");
    // What was stored before is there as it was.
    let payload = stored.binary_data.unwrap()["samples.csv.gz"].0.clone();
    assert!(!payload.is_empty());
    assert!(holes[0] >= 20, "no stored slot is lost: {holes:?}");
    // The counter bridges the hole: the kill cost samples, not the verdict.
    assert_eq!((is.phase, reason(&after, "Succeeded").as_str()), (Succeeded, "Passed"), "{:#?}", is.checks);
    ground.done().await.unwrap();
}
