//! Every way in which a page can lie, break or take too much, at the same time, against the operator that is installed. Alone in its
//! program, because it measures the operator's memory: nothing else may run meanwhile.

use k8s_openapi::api::apps::v1::Deployment;
use seaworthy_api::{
    SoakTest,
    core::{
        soak_test::SoakTestPhase::{self, Failed, Inconclusive, Succeeded},
        verdict::Verdict,
    },
};
use seaworthy_tests::{
    cluster::Ground,
    operator,
    soak::{deployment, ends, evidence, finished, image, level, reason, soak, status},
};
use serde_json::{Value, json};

/// What all of them together may take at their height, and leave behind.
const MOST: u64 = 8 << 20;

/// A target, and what becomes of its soak.
struct Case {
    name: &'static str,
    arguments: &'static [&'static str],
    https: bool,
    phase: SoakTestPhase,
    why: &'static str,
    /// What stands in the evidence or in a check's message.
    says: &'static str,
}

const fn case(name: &'static str, arguments: &'static [&'static str], says: &'static str) -> Case {
    Case { name, arguments, https: false, phase: Inconclusive, why: "InsufficientEvidence", says }
}

const fn failed(name: &'static str, arguments: &'static [&'static str], why: &'static str, says: &'static str) -> Case {
    Case { phase: Failed, why, ..case(name, arguments, says) }
}

const CASES: [Case; 16] = [
    failed("liar", &["exit=14"], "CheckFailed", "restart"),
    case("bomb", &["manner=bomb"], "TooLarge"),
    case("endless", &["manner=endless"], "TooLarge"),
    case("line", &["manner=line"], "TooLarge"),
    case("million", &["manner=million"], "TooManySeries"),
    case("churn", &["manner=churn"], "TooManySeries"),
    case("past", &["manner=past"], "Stale"),
    case("future", &["manner=future"], "Stale"),
    case("retyped", &["manner=retyped"], " here and was a "),
    case("redirect", &["manner=redirect"], "Redirect"),
    case("drip", &["manner=drip"], "Timeout"),
    case("html", &["manner=html"], "Malformed"),
    case("broken", &["manner=broken"], "HttpStatus"),
    Case { https: true, ..case("handshake", &["manner=hang"], "Tls") },
    failed("falling", &["manner=falling"], "EvidenceUnusable", "without a restart"),
    case("nan", &["manner=nan"], "no sample of target_level"),
];

fn of(case: &Case) -> Value {
    soak(case.name, case.name, |spec| {
        let failures = json!({"source": "page", "metric": "target_failures_total", "max": 1_000_000});
        let claims = json!({"source": "page", "metric": "target_restarts", "max": 0});
        spec["checks"] = json!([level(), {"name": "failures", "increase": failures}, {"name": "claims", "bound": claims},
            {"name": "restarts", "restarts": {"max": 0}}]);
        if case.https {
            let tls = json!({"insecureSkipVerify": true});
            spec["sources"][0]["prometheus"] = json!({"port": 8080, "scheme": "https", "tls": tls});
        }
    })
}

#[tokio::test]
async fn hostile_pages_all_at_once_never_pass_and_cost_at_most_eight_mebibytes() {
    let ground = Ground::new("hostile").await.unwrap();
    ground.create::<Deployment>(deployment("good", &image(), &[])).await.unwrap();
    // One that exits is started together with its soak: later its pod would be held back.
    let (exits, stays): (Vec<_>, Vec<_>) = CASES.iter().partition(|case| case.name == "liar");
    for case in stays {
        ground.create::<Deployment>(deployment(case.name, &image(), case.arguments)).await.unwrap();
    }
    // What a first soak takes, in code and tables, is not the hostile ones' doing.
    ground.create::<SoakTest>(soak("good", "good", |_| {})).await.unwrap();
    ends(&ground, "good", Succeeded, "Passed").await;

    let (before, _) = operator::resident(&ground.client).await.unwrap();
    operator::forget_peak(&ground.client).await.unwrap();
    for case in exits {
        ground.create::<Deployment>(deployment(case.name, &image(), case.arguments)).await.unwrap();
    }
    for case in &CASES {
        ground.create::<SoakTest>(of(case)).await.unwrap();
    }
    let mut wrong = Vec::new();
    for case in &CASES {
        let soak = finished(&ground, case.name).await;
        let seen = status(&soak);
        let csv = evidence(&ground, &soak).await.to_csv();
        let told = csv.contains(case.says) || seen.checks.iter().any(|c| c.message.contains(case.says));
        let passed = seen.checks.iter().any(|c| c.name == "level" && c.verdict == Some(Verdict::Passed));
        let how = (seen.phase, reason(&soak, "Succeeded"));
        if how != (case.phase, case.why.to_owned()) || !told || (passed && case.phase == Inconclusive) {
            wrong.push(format!("{}: {how:?} {:#?}", case.name, seen.checks));
        }
    }
    let (after, peak) = operator::resident(&ground.client).await.unwrap();
    let grown = |to: u64| to.saturating_sub(before) / 1024;
    println!("operator: {} KiB before; {} KiB more after, {} at the peak", before / 1024, grown(after), grown(peak));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(after.saturating_sub(before) <= MOST, "{} KiB more after all of them", grown(after));
    assert!(peak.saturating_sub(before) <= MOST, "{} KiB more at the peak", grown(peak));
    ground.done().await.unwrap();
}
