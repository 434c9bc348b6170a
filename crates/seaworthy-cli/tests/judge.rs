//! `kubectl-seaworthy judge` and `report` on exported files, as people and scripts call them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::{fmt::Write as _, path::Path, process::Command};

use serde_json::{Value, json};

/// Runs the program; standard output and exit status.
fn run(args: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy")).args(args).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

/// A soak of 30 judged slots whose level rises to 129, and its evidence, as kubectl and `evidence` would print them.
fn export(dir: &Path) -> [String; 4] {
    let soak = json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "s", "namespace": "n", "uid": "u"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "t"}, "interval": "10s", "measure": "5m",
            "sources": [{"name": "p", "prometheus": {"port": 80}}],
            "checks": [{"name": "level", "bound": {"source": "p", "metric": "m", "max": 150}}],
        },
        "status": {"phase": "Succeeded", "startTime": "2026-01-01T00:00:00Z", "measureStartTime": "2026-01-01T00:00:00Z",
            "measureEndTime": "2026-01-01T00:05:00Z", "settleEndTime": "2026-01-01T00:05:00Z", "completionTime": "2026-01-01T00:05:01Z"},
    });
    let mut csv =
        "slot,unix_ms,gap,pods,@export u 1767225600000 10000 rows=30 tip=-,p/t @incarnation,p/t @late_ms,p/t m\n"
            .to_owned();
    for slot in 0..30 {
        writeln!(csv, "{slot},{},,,,c,1,{}", 1_767_225_600_000_i64 + slot * 10_000, 100 + slot).unwrap();
    }
    let (soak_path, csv_path) = (dir.join("soak.yaml"), dir.join("evidence.csv"));
    // JSON is YAML too.
    std::fs::write(&soak_path, soak.to_string()).unwrap();
    std::fs::write(&csv_path, csv).unwrap();
    ["--soak".into(), soak_path.display().to_string(), "--evidence".into(), csv_path.display().to_string()]
}

fn with<'a>(command: &'a str, files: &'a [String; 4], more: &[&'a str]) -> Vec<&'a str> {
    std::iter::once(command).chain(files.iter().map(String::as_str)).chain(more.iter().copied()).collect()
}

#[test]
fn stored_evidence_is_judged_again_and_under_other_thresholds() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    let (text, code) = run(&with("judge", &files, &[]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("[ok] level  Passed") && text.contains("nobody vouches"), "{text}");
    let (text, code) = run(&with("judge", &files, &["--set", "level.max=120", "-o", "json"]));
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &document["judgement"]["verdict"]), (1, &json!("Failed")));
    let (text, code) = run(&with("judge", &files, &["--set", "level.warmUp=4m50s"]));
    assert_eq!(code, 4, "{text}");
    let (text, code) = run(&with("judge", &files, &["--set", "level.warmUp=280s"]));
    assert_eq!(code, 2, "two samples prove nothing: {text}");
}

#[test]
fn a_report_is_printed_whatever_the_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    for (format, begins) in [
        ("--md", "## Soak n/s: Failed"),
        ("--html", "<!doctype html>"),
        ("--csv", "check,kind"),
        ("--junit", "<?xml"),
        ("--json", "{"),
    ] {
        let (text, code) = run(&with("report", &files, &["--set", "level.max=1", format]));
        assert_eq!(code, 0, "{format}");
        assert!(text.starts_with(begins), "{format}: {text}");
    }
    assert_eq!(run(&with("report", &files, &["--md", "--html"])).1, 4, "one format at a time");
}

#[test]
fn what_is_not_given_is_asked_for() {
    for args in [
        &["judge"][..],
        &["report"],
        &["judge", "--soak", "x"],
        &["judge", "--series", "-", "soak/x"],
        &["judge", "--soak", "/nope", "--evidence", "/nope"],
    ] {
        assert_eq!(run(args).1, 4, "{args:?}");
    }
}
