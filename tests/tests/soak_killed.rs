//! The operator is killed in every phase of a soak. In a program of its own: nothing else may be measured meanwhile.

use std::collections::BTreeMap;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use seaworthy_api::{
    SoakTest,
    core::{
        soak_test::{SoakTestPhase::*, SoakTestStatus},
        task::TaskStatus,
    },
};
use seaworthy_tests::{
    cluster::{Ground, HELD, sh},
    counts, operator,
    soak::{deployment, evidence, finished, image, reason, soak, status},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// One soak at a time: whoever kills the operator would disturb the other.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Slots that the operator has looked at, by its own page.
const LOOKED: &str = "seaworthy_sampler_lateness_seconds_count";

#[tokio::test]
async fn fault_01_operator_killed_in_every_phase_of_a_soak() {
    let _alone = ALONE.lock().await;
    let ground = Ground::new("killed").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    let edit = |spec: &mut Value| {
        (spec["warmUp"], spec["settle"]) = (json!("15s"), json!("15s"));
        spec["setup"] = json!({"task": sh(HELD).unwrap()});
        spec["teardown"] = json!({"task": sh(HELD).unwrap()});
        spec["checks"] = json!([{"name": "restarts", "restarts": {"max": 0}}]);
    };
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let mut seen = Vec::new();
    let phases = [
        (SettingUp, Some("soak-setup-1")),
        (WarmingUp, None),
        (Settling, None),
        (TearingDown, Some("soak-teardown-1")),
    ];
    for (phase, job) in phases {
        if let Some(job) = job {
            ground.until_runs(job).await.unwrap();
        }
        // Its Job is on record, not only there.
        let is = |s: &SoakTest| {
            let status = status(s);
            let task = match phase {
                SettingUp => &status.setup,
                TearingDown => &status.teardown,
                Pending | WarmingUp | Measuring | Settling | Succeeded | Failed | Inconclusive | Aborted => {
                    &status.workload
                }
            };
            status.phase == phase && uid(task.as_ref()).is_some()
        };
        seen.push(status(&ground.until::<SoakTest>("soak", &format!("{phase:?}"), is).await.unwrap()));
        let killed = operator::kill_and_remove(&ground.client).await.unwrap();
        if let Some(job) = job {
            ground.let_go(job).unwrap();
        }
        killed.replaced().await.unwrap();
    }
    let soak = finished(&ground, "soak").await;
    let end = status(&soak);
    assert_eq!((end.phase, reason(&soak, "Succeeded").as_str()), (Succeeded, "Passed"), "{:#?}", end.checks);
    // What was recorded before each death stands.
    assert_eq!(uid(seen[0].setup.as_ref()), uid(end.setup.as_ref()));
    assert_eq!((seen[1].start_time, seen[1].settle_end_time), (end.start_time, end.settle_end_time));
    assert_eq!(uid(seen[1].workload.as_ref()), uid(end.workload.as_ref()));
    let judged = |status: &SoakTestStatus| status.ending.as_ref().map(|e| (e.phase, e.time));
    assert!(judged(&seen[3]).is_some() && judged(&seen[3]) == judged(&end), "no verdict is lost or found again");
    let once = ["soak-setup-1", "soak-workload-1", "soak-teardown-1"].map(|job| (job.to_owned(), 1)).into();
    assert_eq!(counts::created(&ground.namespace, "jobs").unwrap(), once);
    assert_eq!(counts::pods_started(&ground.namespace).map(|all| of_jobs(&all)).unwrap(), once);
    ground.done().await.unwrap();
}

fn uid(task: Option<&TaskStatus>) -> Option<String> {
    task.and_then(|t| t.uid.clone())
}

/// Without the target's own pods.
fn of_jobs(all: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    all.iter().filter(|(name, _)| name.starts_with("soak-")).map(|(name, count)| (name.clone(), *count)).collect()
}

#[tokio::test]
async fn fault_01_operator_killed_in_the_middle_evidence_survives_and_the_hole_is_recorded() {
    let _alone = ALONE.lock().await;
    let ground = Ground::new("killed").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    let edit = |spec: &mut Value| {
        // Of so many samples, those that a kill costs may be missing.
        spec["measure"] = json!("80s");
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
    // Some slots were looked at after what is stored, so that there is something to lose.
    let looked = operator::metric(&ground.client, LOOKED).await.unwrap();
    operator::until_metric(&ground.client, LOOKED, looked + 2.0).await.unwrap();
    operator::kill(&ground.client).await.unwrap();
    let after = finished(&ground, "soak").await;
    let (was, is) = (status(&before), status(&after));
    assert_eq!((was.start_time, was.settle_end_time), (is.start_time, is.settle_end_time), "the schedule stands");
    assert_eq!(was.workload.unwrap().uid, is.workload.unwrap().uid, "no Job ran twice");
    let evidence = evidence(&ground, &after).await;
    assert_eq!(evidence.slots(), 3 + 80 + 2 + 1);
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
