//! `kubectl-seaworthy judge` and `report` on exported files whose checks need more than samples: inventories, and another soak.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::{collections::BTreeMap, path::Path, process::Command};

use seaworthy_soak::{
    evidence::Evidence,
    record::{InventoryPoint, Look, ObjectRef, Page, PageSample, RunInfo, SlotRecord},
    recorder::Recorder,
};
use serde_json::{Value, json};

const START: i64 = 1_767_225_600_000;

/// Runs the program; standard output, standard error and exit status.
fn run(args: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy")).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

/// A soak of a measure of ten minutes with this check, that has ended.
fn soak(uid: &str, check: &Value) -> Value {
    json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": uid, "namespace": "n", "uid": uid},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "t"}, "interval": "10s", "measure": "10m", "serviceAccounts": ["a"],
            "sources": [{"name": "p", "prometheus": {"port": 80}}], "checks": [check],
        },
        "status": {"phase": "Succeeded", "startTime": "2026-01-01T00:00:00Z", "measureStartTime": "2026-01-01T00:00:00Z",
            "measureEndTime": "2026-01-01T00:10:00Z", "settleEndTime": "2026-01-01T00:10:00Z", "completionTime": "2026-01-01T00:10:01Z"},
    })
}

/// Evidence of such a soak, with a level of about `level`, and the names of the objects before the load and after it.
fn evidence(uid: &str, level: f64, inventories: Option<[&[&str]; 2]>) -> String {
    let run = RunInfo { run: uid.into(), start_unix_ms: START, interval_ms: 10_000 };
    let mut recorder = Recorder::new(run.clone());
    for slot in 0..60_u32 {
        let sample = PageSample { series: "m".into(), value: level + f64::from(slot % 3), timestamp_ms: None };
        let page = Page {
            late_ms: 1,
            incarnation: "c".into(),
            series_on_page: 1,
            samples: vec![sample],
            types: BTreeMap::new(),
        };
        let look = Look { source: "p".into(), target: "t".into(), result: Ok(page) };
        let unix_ms = START + i64::from(slot) * 10_000;
        let record = SlotRecord { slot: slot.into(), unix_ms, looks: vec![look], pods: None, inventories: vec![] };
        recorder.record(&record).unwrap();
    }
    let object = |name: &&str| ObjectRef {
        resource: "configmaps".into(),
        namespace: "n".into(),
        name: (*name).into(),
        uid: format!("uid-{name}"),
        waiting_for: String::new(),
    };
    for (point, names) in
        [InventoryPoint::Before, InventoryPoint::After].into_iter().zip(inventories.into_iter().flatten())
    {
        let objects: Vec<_> = names.iter().map(object).collect();
        recorder.inventory("left", point, &objects);
    }
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap().to_csv()
}

/// Files with these contents, as options.
fn files(dir: &Path, prefix: &str, soak: &Value, csv: &str) -> [String; 4] {
    let name = soak["metadata"]["uid"].as_str().unwrap();
    let path = |extension: &str| dir.join(format!("{name}.{extension}"));
    std::fs::write(path("yaml"), soak.to_string()).unwrap();
    std::fs::write(path("csv"), csv).unwrap();
    let shown = |extension: &str| path(extension).display().to_string();
    [format!("--{prefix}soak"), shown("yaml"), format!("--{prefix}evidence"), shown("csv")]
}

fn with<'a>(command: &'a str, files: &[&'a [String]], more: &[&'a str]) -> Vec<&'a str> {
    let files = files.iter().flat_map(|files| files.iter().map(String::as_str));
    std::iter::once(command).chain(files).chain(more.iter().copied()).collect()
}

fn leftovers() -> Value {
    let resources = json!([{"resource": "configmaps"}]);
    soak(
        "u",
        &json!({"name": "left", "leftovers": {"resources": resources, "namespaces": ["n"], "serviceAccountName": "a"}}),
    )
}

#[test]
fn leftovers_are_judged_from_an_export() {
    let dir = tempfile::tempdir().unwrap();
    let judged = |after: &[&str], more: &[&str]| {
        let files = files(dir.path(), "", &leftovers(), &evidence("u", 1.0, Some([&["a", "b"], after])));
        let (json, errors, code) = run(&with("judge", &[&files], &[&["-o", "json"], more].concat()));
        let (report, _, printed) = run(&with("report", &[&files], &[&["--md"], more].concat()));
        assert_eq!(printed, 0, "{report}");
        let document: Value = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{e}: {errors}"));
        let check = &document["judgement"]["checks"][0];
        (code, check["verdict"].clone(), check["message"].to_string(), report)
    };
    let (code, verdict, message, report) = judged(&["b"], &[]);
    assert_eq!((code, verdict), (0, json!("Passed")), "{message}");
    assert!(message.contains("2 before the load, 1 after settle"), "{message}");
    assert!(report.starts_with("## Soak n/u: Passed"), "{report}");
    let (code, verdict, message, report) = judged(&["b", "c"], &[]);
    assert_eq!((code, verdict), (1, json!("Failed")), "{message}");
    assert!(message.contains("configmaps n/c"), "{message}");
    assert!(report.starts_with("## Soak n/u: Failed") && report.contains("configmaps n/c"), "{report}");
    let (code, verdict, ..) = judged(&["b", "c"], &["--set", "left.max=1"]);
    assert_eq!((code, verdict), (0, json!("Passed")));
}

#[test]
fn without_whole_inventories_leftovers_do_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let csv = evidence("u", 1.0, Some([&["a"], &["a"]]));
    let none = evidence("u", 1.0, None);
    for (csv, code, words) in [
        (csv.replace("uid-a", "uid-b"), 4, "cut, altered or added"),
        (none.replace(" inventories=- ", " "), 2, "this export is of an older program and holds no inventories"),
        (none.replace(" inventories=- ", " inventories=too-large "), 2, "too large to be exported"),
        (none, 2, "no inventory from before the load"),
    ] {
        let files = files(dir.path(), "", &leftovers(), &csv);
        let (text, errors, ended) = run(&with("judge", &[&files], &[]));
        assert_eq!(ended, code, "{words}: {text}{errors}");
        assert!(format!("{text}{errors}").contains(words), "{words}: {text}{errors}");
    }
}

#[test]
fn a_baseline_is_compared_with_another_export() {
    let dir = tempfile::tempdir().unwrap();
    let check = json!({"name": "dearer", "baseline": {"source": "p", "metric": "m", "maxRise": "0.1"}});
    let mut now = soak("now", &check);
    now["status"]["comparedWith"] = json!({"release": "r", "soakTest": "before", "uid": "before"});
    let files_now = files(dir.path(), "", &now, &evidence("now", 100.0, None));
    let judged = |level: f64, uid: &str, more: &[&str]| {
        let before = files(dir.path(), "baseline-", &soak(uid, &check), &evidence(uid, level, None));
        run(&with("judge", &[&files_now, &before], more))
    };
    let (text, errors, code) = run(&with("judge", &[&files_now], &[]));
    assert_eq!(code, 2, "{text}{errors}");
    assert!(text.contains("give it by --baseline-soak and --baseline-evidence"), "{text}");
    let (text, errors, code) = judged(99.0, "before", &[]);
    assert_eq!(code, 0, "{text}{errors}");
    assert!(text.contains("[ok] dearer  Passed"), "{text}");
    let (text, errors, code) = judged(50.0, "before", &[]);
    assert_eq!(code, 1, "{text}{errors}");
    assert_eq!(judged(50.0, "before", &["--set", "dearer.maxRise=2"]).2, 0);
    let (_, errors, code) = judged(50.0, "other", &[]);
    assert_eq!(code, 4, "{errors}");
    assert!(errors.contains("was compared with soak/before of Release r"), "{errors}");
    // Not on record: it may be compared, and that is said.
    let files_now = files(dir.path(), "", &soak("now", &check), &evidence("now", 100.0, None));
    let before = files(dir.path(), "baseline-", &soak("other", &check), &evidence("other", 50.0, None));
    let (text, _, code) = run(&with("report", &[&files_now, &before], &[]));
    assert_eq!(code, 0);
    assert!(text.starts_with("## Soak n/now: Failed") && text.contains("status does not name"), "{text}");
    let (_, errors, code) =
        run(&with("judge", &[&files(dir.path(), "", &leftovers(), &evidence("u", 1.0, None)), &before], &[]));
    assert_eq!(code, 4);
    assert!(errors.contains("no baseline check"), "{errors}");
    assert_eq!(run(&with("judge", &[&files_now, &before[..2]], &[])).2, 4, "one without the other");
    assert_eq!(run(&with("judge", &[&before], &[])).2, 4, "to compare with nothing");
    assert_eq!(run(&with("judge", &[&before], &["--series", "-"])).2, 4);
}
