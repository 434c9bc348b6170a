//! Where nobody could say whether it is out, a person does, on the real cluster.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{ResourceExt as _, api::ListParams};
use seaworthy_api::{
    Release, ReleasePlan,
    core::{
        condition::{self, ConditionStatus, types},
        release::{PublishOutcome, ReleasePhase},
        version::{Ledger, ledger::State},
    },
};
use seaworthy_tests::{
    api::{ADMIN, said},
    cluster::{Ground, sh},
};
use serde_json::{Value, json};

/// Reports one artifact whose digest is that of the version.
const BUILD: &str = r#"d=$(printf '%s' "$SEAWORTHY_VERSION" | sha256sum | cut -d' ' -f1)
printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%s"}]}' "$d" > /dev/termination-log"#;

fn plan() -> Value {
    json!({
        "metadata": {"name": "plan"},
        "spec": {
            "version": {"policy": "Explicit"},
            "candidate": {"task": sh(BUILD).unwrap()},
            "gates": [{"name": "suites", "e2e": {"suites": [{"name": "first", "task": sh("true").unwrap()}]}}],
            "publish": {"task": sh("exit 1").unwrap()},
        },
    })
}

fn release(name: &str, version: &str) -> Value {
    let revision = &seaworthy_api::hash::digest(version.as_bytes())[7..47];
    json!({"metadata": {"name": name}, "spec": {
        "planRef": {"name": "plan"}, "revision": revision, "version": {"number": version, "reason": "a test"}}})
}

fn word(outcome: &str) -> Value {
    json!({"spec": {"resolution": {"outcome": outcome, "by": ADMIN, "reason": "looked at the registry"}}})
}

async fn until_phase(ground: &Ground, name: &str, phase: ReleasePhase) -> Release {
    let held = |r: &Release| r.status.as_ref().is_some_and(|s| s.phase == phase) && r.finalizers().is_empty();
    ground.until::<Release>(name, &format!("phase {phase:?}"), held).await.unwrap()
}

async fn ledger(ground: &Ground) -> Ledger {
    let maps = ground.api::<ConfigMap>().list(&ListParams::default()).await.unwrap();
    let map = maps.iter().find(|m| m.name_any().starts_with("seaworthy-ledger-")).unwrap();
    Ledger::from_json(&map.data.as_ref().unwrap()["ledger.json"]).unwrap()
}

/// The API server's answer to a change that it must refuse.
async fn refused(ground: &Ground, name: &str, change: Value) -> String {
    said(&ground.patch::<Release>(name, change).await.unwrap_err().downcast::<kube::Error>().unwrap())
}

#[tokio::test]
async fn a_person_resolves_what_nobody_knew() {
    let ground = Ground::new("resolved").await.unwrap();
    ground.create::<ReleasePlan>(plan()).await.unwrap();
    ground.create::<Release>(release("out", "1.4.0")).await.unwrap();
    // Too early: it is not known yet that nobody will know.
    let only = "only a Release that ended as PublishUnknown is resolved";
    assert!(refused(&ground, "out", word("Published")).await.contains(only));
    let unknown = until_phase(&ground, "out", ReleasePhase::PublishUnknown).await;
    let before = unknown.status.clone().unwrap();
    let message = &condition::get(&before.conditions, types::FINISHED).unwrap().message;
    assert!(message.contains("kubectl seaworthy resolve out") && message.contains("publish-unknown"), "{message}");
    let uid = unknown.uid().unwrap();
    let entry = ledger(&ground).await.entry(&uid).cloned().unwrap();
    assert_eq!((entry.state, entry.final_used), (State::Burned, true));

    // It blocks nobody: the next Release comes as far.
    ground.create::<Release>(release("not", "1.5.0")).await.unwrap();
    until_phase(&ground, "not", ReleasePhase::PublishUnknown).await;

    for (name, outcome, phase, published, number) in [
        ("out", PublishOutcome::Published, ReleasePhase::Published, ConditionStatus::True, State::Published),
        ("not", PublishOutcome::NotPublished, ReleasePhase::Failed, ConditionStatus::False, State::Burned),
    ] {
        ground.patch::<Release>(name, word(&format!("{outcome:?}"))).await.unwrap();
        let resolved = until_phase(&ground, name, phase).await;
        let status = resolved.status.clone().unwrap();
        let kept = status.resolution.as_ref().unwrap();
        assert_eq!((kept.outcome, kept.by.as_str(), kept.reason.as_str()), (outcome, ADMIN, "looked at the registry"));
        let says = condition::get(&status.conditions, types::PUBLISHED).unwrap();
        assert_eq!((says.status, says.reason.as_str()), (published, "Resolved"));
        assert!(condition::is_true(&status.conditions, types::FINISHED));
        assert_eq!(
            status.ending.unwrap().phase,
            ReleasePhase::PublishUnknown,
            "what was decided first stays on record"
        );
        let entry = ledger(&ground).await.entry(&resolved.uid().unwrap()).cloned().unwrap();
        assert_eq!((entry.state, entry.final_used), (number, true), "{name}");
        for other in ["Published", "NotPublished"].into_iter().filter(|o| *o != format!("{outcome:?}")) {
            let says = refused(&ground, name, word(other)).await;
            assert!(says.contains("resolution is given once and cannot be changed or taken back"), "{says}");
        }
    }
    // A number that is burned is never given again.
    ground.create::<Release>(release("again", "1.5.0")).await.unwrap();
    let again = until_phase(&ground, "again", ReleasePhase::Failed).await.status.unwrap();
    assert_eq!(condition::get(&again.conditions, types::FINISHED).unwrap().reason, "VersionRefused");
    let counts = |p: &ReleasePlan| {
        p.status.as_ref().and_then(|s| s.last_published.as_ref()).is_some_and(|l| l.version == "1.4.0")
    };
    ground.until::<ReleasePlan>("plan", "lastPublished", counts).await.unwrap();
    ground.done().await.unwrap();
}
