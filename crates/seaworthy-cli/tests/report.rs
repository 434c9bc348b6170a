//! `kubectl-seaworthy report` on the exported files of a made-up soak, the one whose pictures are in docs/cli.md. Its page stays in
//! `target/tmp/made-up-soak/report.html`.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use seaworthy_soak::{
    evidence::Evidence,
    record::{
        ContainerState, FaultWindow, Gap, GapReason, Look, Page, PageSample, PodPhase, PodState, RunInfo, SlotRecord,
    },
    recorder::Recorder,
};
use serde_json::json;

const START: i64 = 1_767_225_600_000;
const INTERVAL_MS: u64 = 30_000;
const SLOTS_PER_HOUR: u64 = 120;
/// Half an hour of warm-up and six hours of measure.
const SLOTS: u64 = 13 * SLOTS_PER_HOUR / 2;
const POD: &str = "controller-6c9f7d5b8d-x2k4q";
const MEBIBYTE: f64 = 1_048_576.0;

#[expect(clippy::cast_precision_loss, reason = "small")]
fn f(n: u64) -> f64 {
    n as f64
}

/// From 0 to 1, far from periodic, and the same for ever.
fn noise(k: u64) -> f64 {
    let mixed = (k + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    f(mixed >> 40 & 0xffff) / 65_535.0
}

/// A controller that leaks 3Mi an hour, was restarted once, did not answer for six minutes, and met a drained node.
fn slot(slot: u64) -> SlotRecord {
    let hours = f(slot) / f(SLOTS_PER_HOUR);
    let restarted = slot >= 11 * SLOTS_PER_HOUR / 4;
    let since = if restarted { hours - 2.75 } else { hours };
    let warming = if restarted { -17.0 * (-10.0 * since).exp() } else { 0.0 };
    let fault = (5 * SLOTS_PER_HOUR..5 * SLOTS_PER_HOUR + 40).contains(&slot);
    let level = if restarted { 137.0 } else { 129.0 } + 3.0 * since + warming + 15.0 * noise(slot);
    let sample = |series: &str, value: f64| PageSample { series: series.into(), value, timestamp_ms: None };
    let first = if restarted { 11 * SLOTS_PER_HOUR / 4 } else { 0 };
    let errors = u64::from(slot >= 5 * SLOTS_PER_HOUR) + u64::from(slot >= 5 * SLOTS_PER_HOUR + 20);
    let samples = vec![
        sample("process_resident_memory_bytes", ((level + if fault { 28.0 } else { 0.0 }) * MEBIBYTE).round()),
        sample("controller_runtime_reconcile_total", (60.0 * f(slot - first) + 12.0 * noise(slot + 7919)).round()),
        sample("controller_runtime_reconcile_errors_total", f(errors)),
    ];
    let page = Page {
        late_ms: 3,
        incarnation: if restarted { "c2" } else { "c1" }.into(),
        series_on_page: 3,
        samples,
        types: std::collections::BTreeMap::new(),
    };
    let silent = (200..212).contains(&slot);
    let container = ContainerState {
        name: "manager".into(),
        restarts: u32::from(restarted),
        last_reason: if restarted { "Error" } else { "" }.into(),
        last_exit_code: i32::from(restarted),
    };
    let pod = PodState {
        name: POD.into(),
        uid: "0b8f3c52".into(),
        phase: PodPhase::Running,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: vec![container],
    };
    let result = if silent { Err(Gap::new(GapReason::Timeout, "no answer in 5 s")) } else { Ok(page) };
    SlotRecord {
        slot,
        unix_ms: START + i64::try_from(slot * INTERVAL_MS).unwrap(),
        // A target is named by its pod, as the operator names it: so the requests to it are known for our own load.
        looks: vec![Look { source: "metrics".into(), target: POD.into(), result }],
        pods: Some(Ok([pod].into())),
        inventories: Vec::new(),
    }
}

fn evidence() -> Evidence {
    let run = RunInfo { run: "u-1".into(), start_unix_ms: START, interval_ms: INTERVAL_MS };
    let mut recorder = Recorder::new(run.clone());
    for k in 0..SLOTS {
        recorder.record(&slot(k)).unwrap();
    }
    recorder.fault(&FaultWindow { from_ms: 18_000_000, to_ms: 19_200_000, kind: "node drained".into() });
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap()
}

/// The soak and its evidence as kubectl and `evidence` would print them.
fn export(dir: &Path) -> [PathBuf; 2] {
    let of = |metric: &str, more: serde_json::Value| {
        let mut check = json!({"source": "metrics", "metric": metric});
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        check
    };
    let reconciles = json!({"of": "Rate", "tolerablePerHour": "0.1", "unacceptablePerHour": "0.4"});
    let soak = json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest",
        "metadata": {"name": "nightly", "namespace": "demo", "uid": "u-1"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "controller"},
            "interval": "30s", "warmUp": "30m", "measure": "6h",
            "sources": [{"name": "metrics", "prometheus": {"port": 8080}}],
            "checks": [
                {"name": "memory", "trend": of("process_resident_memory_bytes", json!({"limit": "512Mi"}))},
                {"name": "reconciles", "trend": of("controller_runtime_reconcile_total", reconciles)},
                {"name": "errors", "increase": of("controller_runtime_reconcile_errors_total", json!({"max": 3}))},
                {"name": "restarts", "restarts": {"max": 1}},
            ],
        },
        "status": {
            "phase": "Failed", "startTime": "2026-01-01T00:00:00Z", "measureStartTime": "2026-01-01T00:30:00Z",
            "measureEndTime": "2026-01-01T06:30:00Z", "settleEndTime": "2026-01-01T06:30:00Z",
            "completionTime": "2026-01-01T06:30:05Z",
            "ending": {"phase": "Failed", "reason": "CheckFailed", "message": "memory failed", "time": "2026-01-01T06:30:01Z"},
            "checks": [{"name": "memory", "verdict": "Failed"}],
        },
    });
    std::fs::create_dir_all(dir).unwrap();
    let paths = [dir.join("soak.yaml"), dir.join("evidence.csv")];
    // JSON is YAML too.
    std::fs::write(&paths[0], soak.to_string()).unwrap();
    std::fs::write(&paths[1], evidence().to_csv()).unwrap();
    paths
}

fn report(files: &[PathBuf; 2], format: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"));
    let output = command.args(["report", "--soak"]).arg(&files[0]).arg("--evidence").arg(&files[1]).arg(format);
    let output = output.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that do not change with versions: the hash of the evidence and the program's own one do.
fn lasting(text: &str) -> String {
    let changes = |line: &&str| line.contains("chain tip") || line.contains("Judged by");
    text.lines().filter(|line| !changes(line)).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn a_made_up_soak_is_told_whole() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made-up-soak");
    let files = export(&dir);
    let page = report(&files, "--html");
    std::fs::write(dir.join("report.html"), &page).unwrap();
    for said in [
        "708 of 720 slots (98 %), longest gap 6m",
        "780 requests to the target",
        "1Mi/h tolerable, 4Mi/h not",
        "0.1/h tolerable, 0.4/h not",
        "<dt>Found from</dt>",
        "found from: a steady rise of so much fails",
    ] {
        assert!(page.contains(said), "{said}");
    }
    insta::assert_snapshot!("made_up_soak_md", lasting(&report(&files, "--md")));
    insta::assert_snapshot!("made_up_soak_junit", lasting(&report(&files, "--junit")));
}
