//! A soak as a gate: whatever is wrong with what it sees, nothing is published; only a fit controller is.

use k8s_openapi::api::apps::v1::Deployment;
use seaworthy_api::{
    Release, ReleasePlan, SoakTest,
    core::{condition::types, release::ReleasePhase},
};
use seaworthy_tests::{
    cluster::{Ground, sh},
    soak,
};
use serde_json::{Value, json};

use crate::{finished, phase, reason, release};

/// A plan whose candidate CI names, with a soak of the target `name` as its only gate.
fn plan(name: &str, check: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "version": {"policy": "Explicit"},
        "candidate": {"from": "Release"},
        "gates": [{"name": "soak", "soak": {
            "targetRef": {"kind": "Deployment", "name": name},
            "interval": "1s", "warmUp": "2s", "measure": "20s", "settle": "1s",
            "sources": [{"name": "page", "prometheus": {"port": 8080}}],
            "checks": [check, {"name": "restarts", "restarts": {"max": 0}}],
        }}],
        "publish": {"task": sh("true").unwrap(), "verify": {"task": sh("true").unwrap()}},
    }})
}

/// What is wrong, the target's arguments, how the Release ends and why the soak did.
const WRONG: [(&str, &[&str], ReleasePhase, &str); 9] = [
    ("bound", &["level=9"], ReleasePhase::Failed, "CheckFailed"),
    ("counter", &["rise=1"], ReleasePhase::Failed, "CheckFailed"),
    ("restart", &["exit=14"], ReleasePhase::Failed, "CheckFailed"),
    ("oom", &["grow=20", "after=10"], ReleasePhase::Failed, "CheckFailed"),
    ("broken", &["manner=broken"], ReleasePhase::Inconclusive, "InsufficientEvidence"),
    ("slow", &["manner=drip"], ReleasePhase::Inconclusive, "InsufficientEvidence"),
    ("huge", &["manner=endless"], ReleasePhase::Inconclusive, "InsufficientEvidence"),
    ("absent", &["manner=absent"], ReleasePhase::Failed, "CheckFailed"),
    ("nobody", &[], ReleasePhase::Inconclusive, "TargetNotFound"),
];

async fn begin(ground: &Ground, name: &str, arguments: &[&str], digest: Option<&str>) {
    if name != "nobody" {
        ground.create::<Deployment>(soak::deployment(name, &soak::image(), arguments)).await.unwrap();
    }
    let rises =
        json!({"name": "failures", "increase": {"source": "page", "metric": "target_failures_total", "max": 2}});
    let check = if name == "counter" { rises } else { soak::level() };
    ground.create::<ReleasePlan>(plan(name, &check)).await.unwrap();
    let mut release = release(name, name, "1.4.0");
    release["spec"]["artifacts"] = soak::candidate()["artifacts"].clone();
    if let Some(digest) = digest {
        release["spec"]["artifacts"][0]["digest"] = json!(digest);
    }
    ground.create::<Release>(release).await.unwrap();
}

#[tokio::test]
async fn whatever_is_wrong_under_soak_is_never_published() {
    let ground = Ground::new("soaked").await.unwrap();
    for (name, arguments, _, _) in WRONG {
        begin(&ground, name, arguments, None).await;
    }
    let other = format!("sha256:{}", "0".repeat(64));
    begin(&ground, "other", &[], Some(&other)).await;
    begin(&ground, "fit", &[], None).await;
    let ends = WRONG.map(|(name, _, phase, reason)| (name, phase, reason));
    let more = [("other", ReleasePhase::Failed, "NotTheCandidate"), ("fit", ReleasePhase::Published, "Passed")];
    for (name, expected, why) in ends.into_iter().chain(more) {
        let ended = finished(&ground, name).await;
        let soak = ground.api::<SoakTest>().get(&format!("{name}-soak")).await.unwrap();
        let seen = (phase(&ended), soak::reason(&soak, types::SUCCEEDED));
        assert_eq!(seen, (expected, why.to_owned()), "{name}: {:#?}", soak.status);
        let status = ended.status.unwrap();
        let fit = expected == ReleasePhase::Published;
        assert_eq!(status.publish.is_some(), fit, "{name}");
        let jobs = ground.jobs_of(name).await.unwrap();
        assert_eq!(jobs.iter().any(|job| job.contains("publish")), fit, "{name}: {jobs:?}");
        let why = reason(&ground.api::<Release>().get(name).await.unwrap(), types::FINISHED);
        assert!(["GateFailed", "GateInconclusive", "Published"].contains(&why.as_str()), "{name}: {why}");
    }
    ground.done().await.unwrap();
}
