//! What people and CI say about publishing, on the real cluster: where nobody could say whether it is out, a person does; where CI publishes,
//! its report stands for a Job.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{ResourceExt as _, api::ListParams};
use seaworthy_api::{
    Release, ReleasePlan,
    core::{
        condition::{self, ConditionStatus, types},
        release::{GateState, PublishOutcome, PublishState, ReleasePhase},
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

/// A plan by which CI publishes, and a Release of it that waits for the report.
async fn external(prefix: &str, timeout: &str, verify: &str) -> (Ground, Release) {
    let ground = Ground::new(prefix).await.unwrap();
    let mut plan = plan();
    plan["spec"]["publish"] = json!({"external": {"timeout": timeout}, "verify": {"task": sh(verify).unwrap()}});
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("r", "1.4.0")).await.unwrap();
    let asked = |r: &Release| {
        r.status.as_ref().and_then(|s| s.publish.as_ref()).is_some_and(|p| p.state == PublishState::External)
    };
    let asked = ground.until::<Release>("r", "CI is asked", asked).await.unwrap();
    (ground, asked)
}

fn report(digest: &str) -> Value {
    json!({"spec": {"externalPublish": {
        "outcome": "Published", "by": ADMIN, "artifacts": [{"name": "controller", "digest": digest}]}}})
}

#[tokio::test]
async fn ci_publishes_what_was_tested_and_reports_it_once() {
    let (ground, asked) = external("external", "10m", "exit 0").await;
    let status = asked.status.unwrap();
    let says = condition::get(&status.conditions, types::PUBLISHED).unwrap();
    assert_eq!((says.status, says.reason.as_str()), (ConditionStatus::Unknown, "AwaitingReport"));
    assert!(condition::is_true(&status.conditions, types::VERIFIED), "nobody is asked before the gates have passed");
    let right = report(&status.artifacts[0].digest);
    ground.patch::<Release>("r", right.clone()).await.unwrap();
    let status = until_phase(&ground, "r", ReleasePhase::Published).await.status.unwrap();
    let kept = status.publish.unwrap().report.unwrap();
    assert_eq!(
        (kept.outcome, kept.by.as_str(), &kept.artifacts[0].digest),
        (PublishOutcome::Published, ADMIN, &status.artifacts[0].digest)
    );
    assert_eq!(ground.jobs_of("r").await.unwrap(), ["r-candidate-1", "r-verify-1-1"], "no publish Job");
    assert!(ledger(&ground).await.entries.iter().all(|e| e.state == State::Published));
    let again =
        refused(&ground, "r", json!({"spec": {"externalPublish": {"outcome": "NotPublished", "reason": "x"}}})).await;
    assert!(again.contains("externalPublish is given once and cannot be changed or taken back"), "{again}");
    // Who is not asked, is told so.
    let mut early = release("early", "1.5.0");
    early["spec"]["suspend"] = json!(true);
    ground.create::<Release>(early).await.unwrap();
    let says = refused(&ground, "early", right).await;
    assert!(says.contains("no report is waited for"), "{says}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_report_of_other_bytes_and_silence_are_unknown() {
    let (ground, _) = external("external-other", "10m", "exit 0").await;
    ground.patch::<Release>("r", report(&format!("sha256:{}", "f".repeat(64)))).await.unwrap();
    let status = until_phase(&ground, "r", ReleasePhase::PublishUnknown).await.status.unwrap();
    let message = &condition::get(&status.conditions, types::FINISHED).unwrap().message;
    assert!(message.contains("controller is out as sha256:ffff"), "{message}");
    ground.done().await.unwrap();

    // Nobody reports: only a `verify` that finds it out settles it. One that does not, proves nothing.
    for (verify, phase) in [("exit 0", ReleasePhase::Published), ("exit 10", ReleasePhase::PublishUnknown)] {
        let (ground, _) = external("external-silent", "3s", verify).await;
        let status = until_phase(&ground, "r", phase).await.status.unwrap();
        assert_eq!(status.publish.unwrap().report, None);
        ground.done().await.unwrap();
    }
}

#[tokio::test]
async fn a_waived_gate_fails_and_the_release_goes_on_with_that_on_record() {
    let ground = Ground::new("waived").await.unwrap();
    let mut plan = plan();
    plan["spec"]["publish"]["task"] = sh("true").unwrap();
    plan["spec"]["gates"][0]["e2e"]["suites"][0]["task"] = sh("exit 3").unwrap();
    ground.create::<ReleasePlan>(plan).await.unwrap();
    let waiver = |gate: &str| json!({"gate": gate, "by": ADMIN, "reason": "the lab is down"});
    let with = |name: &str, version: &str, gate: &str| {
        let mut release = release(name, version);
        release["spec"]["waivers"] = json!([waiver(gate)]);
        release
    };
    // A name that is none is refused, and says which there are.
    ground.create::<Release>(with("typo", "1.4.0", "suite")).await.unwrap();
    let status = until_phase(&ground, "typo", ReleasePhase::Failed).await.status.unwrap();
    let accepted = condition::get(&status.conditions, types::ACCEPTED).unwrap();
    assert_eq!((accepted.status, accepted.reason.as_str()), (ConditionStatus::False, "InvalidSpec"));
    assert!(accepted.message.contains("it has suites"), "{}", accepted.message);

    ground.create::<Release>(with("r", "1.5.0", "suites")).await.unwrap();
    let says = refused(&ground, "r", json!({"spec": {"waivers": null}})).await;
    assert!(says.contains("waivers are only added"), "{says}");
    let status = until_phase(&ground, "r", ReleasePhase::Published).await.status.unwrap();
    assert_eq!(status.gates[0].state, GateState::Failed, "its own verdict stays on record");
    let kept = &status.waivers[0];
    assert_eq!((kept.gate.as_str(), kept.by.as_str(), kept.reason.as_str()), ("suites", ADMIN, "the lab is down"));
    assert_eq!(kept.digests, [status.artifacts[0].digest.as_str()], "for these bytes and no others");
    let verified = condition::get(&status.conditions, types::VERIFIED).unwrap();
    assert!(verified.message.contains("1 waived: suites (Failed)"), "{}", verified.message);
    // Nobody changes that afterwards.
    for change in [json!(null), json!([]), json!([waiver("suites"), waiver("more")])] {
        let says = refused(&ground, "r", json!({"spec": {"waivers": change}})).await;
        assert!(says.contains("waivers are only added") || says.contains("waivers: too late"), "{says}");
    }
    ground.done().await.unwrap();
}
