//! `kubectl seaworthy report`, `evidence` and `judge` on a SoakTest of the real cluster, and on what was exported of it.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::{path::Path, process::Stdio};

use k8s_openapi::api::apps::v1::Deployment;
use seaworthy_api::{SoakTest, core::soak_test::SoakTestPhase::Succeeded};
use seaworthy_tests::{
    cluster::{Ground, PATIENCE, variable},
    soak::{deployment, ends, image, soak, status},
};
use serde_json::{Value, json};
use tokio::process::Command;

/// Standard output and exit code.
async fn run(ground: &Ground, args: &[&str]) -> (String, i32) {
    let mut command = Command::new(variable("SEAWORTHY_TEST_CLI").unwrap());
    command.args(args).args(["-n", &ground.namespace]).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    eprintln!("{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    (String::from_utf8(ended.stdout).unwrap(), ended.status.code().unwrap())
}

/// Name, verdict and message of each check in a judgement.
fn verdicts(judgement: &Value) -> Vec<[Value; 3]> {
    let of = |check: &Value| ["name", "verdict", "message"].map(|field| check[field].clone());
    judgement["checks"].as_array().unwrap().iter().map(of).collect()
}

async fn reports(ground: &Ground) {
    for (format, begins, holds) in [
        ("--html", "<!doctype html>", "<svg"),
        ("--md", "## Soak ", "| level |"),
        ("--csv", "check,kind", "level,bound"),
        ("--junit", "<?xml", "<testcase"),
        ("--json", "{", "\"level\""),
    ] {
        let (text, code) = run(ground, &["report", "soak/soak", format]).await;
        assert_eq!(code, 0, "{format}: {text}");
        assert!(text.starts_with(begins) && text.contains(holds), "{format}: {text}");
        let requests = ["http://", "https://", "<script", "@import", "url("];
        let asks =
            format == "--html" && requests.iter().any(|r| text.replace("http://www.w3.org/2000/svg", "").contains(r));
        assert!(!asks, "the page needs nothing else");
    }
}

/// What was exported is judged as what is stored, by files alone.
async fn offline(ground: &Ground, folder: &Path, stored: &Value, soak: &SoakTest) {
    let (spec, evidence) = (folder.join("soak.yaml"), folder.join("evidence.csv"));
    // JSON is YAML too.
    std::fs::write(&spec, serde_json::to_vec(soak).unwrap()).unwrap();
    let (csv, code) = run(ground, &["evidence", "soak/soak"]).await;
    assert_eq!(code, 0, "{csv}");
    assert!(csv.starts_with("slot,unix_ms,gap,pods") && csv.contains("target_level"), "{csv}");
    std::fs::write(&evidence, csv).unwrap();
    let files = ["--soak", spec.to_str().unwrap(), "--evidence", evidence.to_str().unwrap(), "-o", "json"];
    let judge = async |more: &[&str]| {
        let arguments = ["judge"].iter().chain(&files).chain(more).copied().collect::<Vec<_>>();
        let ended = Command::new(variable("SEAWORTHY_TEST_CLI").unwrap()).args(arguments).output().await.unwrap();
        let document: Value = serde_json::from_slice(&ended.stdout).unwrap();
        (document["judgement"].clone(), ended.status.code().unwrap())
    };
    let (same, code) = judge(&[]).await;
    assert_eq!((verdicts(&same), code), (verdicts(stored), 0));
    let (stricter, code) = judge(&["--set", "level.max=2"]).await;
    assert_eq!((&stricter["verdict"], code), (&json!("Failed"), 1));
}

#[tokio::test]
async fn a_soak_is_reported_and_judged_again_with_and_without_the_cluster() {
    let ground = Ground::new("cli-soak").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &["level=3"])).await.unwrap();
    let edit = |spec: &mut Value| {
        let checks = spec["checks"].as_array_mut().unwrap();
        checks.push(json!({"name": "restarts", "restarts": {"max": 0}}));
    };
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let soak = ends(&ground, "soak", Succeeded, "Passed").await;
    let (text, code) = run(&ground, &["judge", "soak/soak", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0, "{text}");
    // The same code over the same evidence says what the operator said.
    let recorded: Vec<Value> = status(&soak).checks.iter().map(|c| serde_json::to_value(c).unwrap()).collect();
    let recorded = verdicts(&json!({ "checks": recorded }));
    assert_eq!(verdicts(&document["judgement"]), recorded);
    let (text, code) = run(&ground, &["judge", "soak/soak", "--set", "level.max=2"]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("[FAIL] level  Failed"), "{text}");
    reports(&ground).await;
    let folder = tempfile::tempdir().unwrap();
    offline(&ground, folder.path(), &document["judgement"], &soak).await;
    ground.done().await.unwrap();
}
