//! Golden reports of a small soak: a saw-tooth that stays in bounds, errors, a restart, a hole, and a hostile message.

use seaworthy_api::{SoakTest, convert::soak_test as convert};
use seaworthy_soak::{
    check::{Phases, Verdict},
    evidence::Evidence,
    record::{
        ContainerState, FaultWindow, Gap, GapReason, Look, Page, PageSample, PodPhase, PodState, RunInfo, SlotRecord,
    },
    recorder::Recorder,
};
use serde_json::json;

use super::{formats, html, model::Report, plot};
use crate::recorded::{Recorded, Source};

const SLOTS: u64 = 180;
const START: i64 = 1_767_225_600_000;

fn object() -> SoakTest {
    let pages = json!({"name": "pages", "prometheus": {"port": 8080}});
    let check = |name: &str, kind: &str, metric: &str, max: &str| json!({"name": name, kind: {"source": "pages", "metric": metric, "max": max, "aggregate": "Sum"}});
    serde_json::from_value(json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest",
        "metadata": {"name": "nightly", "namespace": "ops", "uid": "u-1"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "controller"},
            "candidate": {"release": "r", "version": "1.4.0", "candidateVersion": "1.4.0-rc.1",
                "artifacts": [{"name": "controller", "uri": "registry.example.org/controller", "digest": "sha256:ab"}]},
            "interval": "10s", "warmUp": "5m", "measure": "20m", "settle": "5m", "sources": [pages],
            "checks": [
                check("errors", "increase", "errors_total", "0"),
                check("cache", "growth", "cache_bytes", "40Mi"),
                check("memory", "bound", "memory_bytes", "8Gi"),
                {"name": "queues", "enforcement": "Advisory", "bound": {"source": "pages", "metric": "queue", "max": 5}},
                check("absent", "bound", "not_there", "1"),
                {"name": "restarts", "restarts": {"max": 1}},
            ],
        },
        "status": {
            "phase": "Failed", "startTime": "2026-01-01T00:00:00Z", "measureStartTime": "2026-01-01T00:05:00Z",
            "measureEndTime": "2026-01-01T00:25:00Z", "settleEndTime": "2026-01-01T00:30:00Z",
            "completionTime": "2026-01-01T00:30:05Z",
            "checks": [{"name": "errors", "verdict": "Passed"}],
        },
    }))
    .unwrap()
}

fn slot(slot: u64) -> SlotRecord {
    let k = f64::from(u32::try_from(slot).unwrap());
    let (life, restarts) = if slot < 100 { ("c1", 0) } else { ("c2", 1) };
    let sample = |series: &str, value: f64| PageSample { series: series.into(), value, timestamp_ms: None };
    let samples = vec![
        sample("errors_total", if slot < 100 { (k / 60.0).floor() } else { 0.0 }),
        sample("cache_bytes", (40.0 + k % 20.0) * 1_048_576.0),
        sample("memory_bytes", (100.0 + k / 10.0) * 1_048_576.0),
        sample("queue{name=\"<b>a</b>\"}", k % 4.0),
        sample("queue{name=\"b\"}", if slot == 90 { 9.0 } else { 1.0 }),
    ];
    let page = Page {
        late_ms: 3,
        incarnation: life.into(),
        series_on_page: 5,
        samples,
        types: std::collections::BTreeMap::new(),
    };
    let broken = Gap::new(GapReason::HttpStatus, "HTTP 503 <script>alert(1)</script>");
    let result = if (60..66).contains(&slot) { Err(broken) } else { Ok(page) };
    let container =
        ContainerState { name: "manager".into(), restarts, last_reason: "OOMKilled".into(), last_exit_code: 137 };
    let pod = PodState {
        name: "p".into(),
        uid: "p".into(),
        phase: PodPhase::Running,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: vec![container],
    };
    SlotRecord {
        slot,
        unix_ms: START + i64::try_from(slot * 10_000).unwrap(),
        looks: vec![Look { source: "pages".into(), target: "p".into(), result }],
        pods: Some(Ok(vec![pod])),
        inventories: Vec::new(),
    }
}

fn evidence() -> Evidence {
    let run = RunInfo { run: "u-1".into(), start_unix_ms: START, interval_ms: 10_000 };
    let mut recorder = Recorder::new(run.clone());
    for k in 0..SLOTS {
        recorder.record(&slot(k)).unwrap();
    }
    recorder.fault(&FaultWindow { from_ms: 1_200_000, to_ms: 1_260_000, kind: "node drained".into() });
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap()
}

fn recorded() -> Recorded {
    let object = object();
    Recorded {
        published: None,
        source: Source::Cluster("Kubernetes v1.34.4 (linux/amd64)".into()),
        changes: vec!["queues.max=5".parse().unwrap()],
        checks: convert::checks(&object.spec.soak).unwrap(),
        phases: Phases { warm_up_ms: 300_000, measure_ms: 1_200_000, settle_ms: 300_000, elapsed_ms: 1_800_000 },
        evidence: evidence(),
        object,
    }
}

/// The report without what changes with versions: the words of the judge and the hash of the evidence.
fn report() -> Report {
    let mut report = Report::of(&recorded());
    report.facts.retain(|(name, _)| !["Evidence", "Judged by"].contains(name));
    for check in &mut report.checks {
        check.verdict.message = format!("why {} | <b>\"so\"</b>", check.spec.name);
    }
    report
}

#[test]
fn markdown() {
    insta::assert_snapshot!(formats::markdown(&report()));
}

#[test]
fn csv() {
    insta::assert_snapshot!(formats::csv(&report()).unwrap());
}

#[test]
fn junit() {
    insta::assert_snapshot!(formats::junit(&report()).unwrap());
}

#[test]
fn json_holds_the_whole_judgement() {
    let text = formats::json(&Report::of(&recorded())).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["verdict"], &document["phases"]["measureSeconds"]), (&json!("Failed"), &json!(1200)));
    assert_eq!(document["judgement"]["checks"].as_array().unwrap().len(), 6);
}

#[test]
fn html_needs_nothing_else_and_runs_nothing() {
    let page = html::page(&Report::of(&recorded())).unwrap();
    // One plot a screen width for each check but the one without values.
    assert_eq!(page.matches("<svg ").count(), 10);
    assert!(!page.contains("<script") && !page.contains("<b>a"), "what the cluster says is escaped");
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
    for outside in ["http://", "https://", "url(", "@import", "src="] {
        let others = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!others.contains(outside), "{outside}");
    }
    for said in
        ["Failed", "beyond the plot", "another life of the container", "declared fault", "There is nothing to draw"]
    {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_trend_is_drawn_with_its_floors_and_its_line() {
    let mut recorded = recorded();
    let trend = json!({"name": "leak", "trend": {"source": "pages", "metric": "memory_bytes", "aggregate": "sum"}});
    recorded.checks.push(serde_json::from_value(trend).unwrap());
    let report = Report::of(&recorded);
    let page = html::page(&report).unwrap();
    assert!(page.contains("floors to which the lines are fitted"), "{:?}", report.judgement.checks.last());
    let drawn = plot::plot(&report, report.checks.last().unwrap()).unwrap();
    assert!(drawn.wide.contains("#010209") && drawn.narrow.contains("<circle"), "floors");
}

#[test]
fn a_report_from_the_exported_files_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (soak, csv) = (dir.path().join("soak.json"), dir.path().join("evidence.csv"));
    std::fs::write(&soak, serde_json::to_string(&object()).unwrap()).unwrap();
    std::fs::write(&csv, evidence().to_csv()).unwrap();
    let offline = crate::recorded::from_files(&soak, &csv, &[]).unwrap();
    let other = crate::recorded::from_files(&soak, &csv, &["errors.max=5".parse().unwrap()]).unwrap();
    assert_eq!(Report::of(&other).judgement.checks[0].verdict, Verdict::Passed, "another threshold, another verdict");
    let (offline, online) = (Report::of(&offline), Report::of(&recorded()));
    assert_eq!(offline.judgement, online.judgement);
    assert!(offline.warnings[0].contains("nobody vouches"), "{:?}", offline.warnings);
}
