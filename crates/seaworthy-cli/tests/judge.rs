//! `kubectl-seaworthy judge` and `report` on exported files, as people and scripts call them.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

/// Runs the program; standard output and exit status.
fn run(args: &[&str]) -> (String, i32) {
    let (text, _, code) = told(args, "");
    (text, code)
}

/// Runs the program on this input; standard output, standard error and exit status.
fn told(args: &[&str], input: impl AsRef<[u8]>) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"));
    let command = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who does not read standard input has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
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
        "slot,unix_ms,gap,pods,@export u 1767225600000 10000 rows=30 tip=- faults=[],p/t @incarnation,p/t @late_ms,p/t m\n"
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
fn what_was_cut_short_does_not_pass() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    for (phase, reason, exit) in
        [("Aborted", "Aborted", 2), ("Failed", "WorkloadFailed", 1), ("Failed", "CheckFailed", 0)]
    {
        // Measure was over.
        let ending = json!({"phase": phase, "reason": reason, "message": "why", "time": "2026-01-01T00:05:00Z"});
        rewritten(&files, |soak| soak["status"]["ending"] = ending.clone(), str::to_owned);
        let (text, code) = run(&with("judge", &files, &[]));
        assert_eq!(code, exit, "{text}");
        assert!(
            text.contains("[ok] level  Passed") && text.contains(&format!("the soak ended as {phase}: why")),
            "{text}"
        );
    }
}

/// The soak and the evidence of `export`, with other contents.
fn rewritten(files: &[String; 4], change: impl Fn(&mut Value), csv: impl Fn(&str) -> String) {
    let mut soak: Value = serde_json::from_str(&std::fs::read_to_string(&files[1]).unwrap()).unwrap();
    change(&mut soak);
    std::fs::write(&files[1], soak.to_string()).unwrap();
    std::fs::write(&files[3], csv(&std::fs::read_to_string(&files[3]).unwrap())).unwrap();
}

#[test]
fn evidence_is_not_judged_by_what_it_was_not_recorded_for() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    let counted = |csv: &str| {
        let rows = csv.lines().enumerate().map(|(k, line)| {
            let (fixed, rest) = line.match_indices(',').nth(4).map(|(at, _)| line.split_at(at)).unwrap();
            format!("{fixed},{}{rest}\n", if k == 0 { "@inventory/old objects,@inventory/old older" } else { "5,0" })
        });
        rows.collect()
    };
    let survivors =
        json!({"resources": [{"resource": "pods"}], "namespaces": ["n"], "maxAge": "4m", "serviceAccountName": "a"});
    let checked = |soak: &mut Value| {
        soak["spec"]["checks"] = json!([{"name": "old", "survivors": survivors}]);
        soak["spec"]["serviceAccounts"] = json!(["a"]);
    };
    rewritten(&files, checked, counted);
    let (text, code) = run(&with("judge", &files, &["--set", "old.max=1"]));
    assert_eq!(code, 0, "{text}");
    for command in ["judge", "report"] {
        let (text, code) = run(&with(command, &files, &["--set", "old.maxAge=10m"]));
        assert_eq!((text.as_str(), code), ("", 4), "counted by another age");
    }
}

#[test]
fn a_soak_of_more_slots_than_are_judged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    let spec: Value = serde_json::from_str(&std::fs::read_to_string(&files[1]).unwrap()).unwrap();
    for (place, value, words) in [
        ("/spec/measure", json!("720h"), "interval: 10s gives 259201 slots, at most 100000 can be judged: lengthen"),
        (
            "/status/settleEndTime",
            json!("2026-03-01T00:00:00Z"),
            "status.settleEndTime: 2026-03-01T00:00:00Z is 509761 slots of 10s after status.startTime, at most 100000 can be",
        ),
        ("/status/measureStartTime", json!("2025-01-01T00:00:00Z"), "after status.measureStartTime"),
        ("/status/extension", json!({"seconds": u64::MAX}), "status.extension.seconds: 18446744073709551615 gives"),
        ("/status/extension", json!({"seconds": 9_000_000}), "status.extension.seconds: 9000000 gives 900031 slots"),
    ] {
        let mut soak = spec.clone();
        match soak.pointer_mut(place) {
            Some(field) => *field = value,
            None => soak["status"]["extension"] = value,
        }
        std::fs::write(&files[1], soak.to_string()).unwrap();
        for command in ["judge", "report"] {
            let (text, errors, code) = told(&with(command, &files, &[]), "");
            assert_eq!((text.len(), code), (0, 4), "{place}: {errors}");
            assert!(errors.contains("soak.yaml: ") && errors.contains(words), "{place}: {errors}");
        }
    }
}

#[test]
fn a_field_that_does_not_exist_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    rewritten(&files, |soak| soak["spec"]["checks"][0]["bound"]["labels"] = json!({"code": "500"}), str::to_owned);
    let (text, errors, code) = told(&with("judge", &files, &[]), "");
    assert_eq!((text.as_str(), code), ("", 4));
    assert!(errors.contains("spec.checks.bound.labels: there is no such field"), "{errors}");
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

const SERIES: [&str; 6] = ["judge", "--series", "-", "--tolerable-per-hour", "1", "--unacceptable-per-hour=4"];

#[test]
fn every_line_of_series_is_answered() {
    let lines = [
        "\u{feff}{\"id\": 1, \"t\": [1], \"v\": [1]}\r",
        r#"{"id": 2, "t": [1, 2], "v": [1, NaN]}"#,
        r#"{"id": 3, "t": [1, 2], "v": [1, 1e999]}"#,
        "",
        r#"{"id": 4, "t": [1, null], "v": [1, 2]}"#,
        r#"{"t": [1, 2], "v": [1, 2]}"#,
        r#"{"id": 6, "t": [1, 2], "v": [1, 2], "faults": [[1, 2, 3]]}"#,
        r#"{"id": 7, "t": [1, 2], "v": [1, 2], "faults": [[9000, 7200]]}"#,
        r#"{"id": 8, "t": [1, 2"#,
        r#"{"id": 9, "t": [1, 2], "v": [1, 2], "faults": null}"#,
    ];
    let mut input = lines.join("\n").into_bytes();
    input.extend(b"\n\xff\n{\"id\": 10, \"t\": [], \"v\": []}");
    let (text, errors, code) = told(&SERIES, &input);
    let replies: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = replies.iter().map(|r| (&r["id"], r["verdict"].as_str().unwrap())).collect();
    let ids: Vec<Value> = [1, 2, 3, 4].into_iter().map(Value::from).collect();
    let (error, open, null) = ("Error", "Inconclusive", Value::Null);
    let late: Vec<Value> = (6..=10).map(Value::from).collect();
    let wanted = [
        (&ids[0], open),
        (&ids[1], open),
        (&ids[2], error),
        (&ids[3], error),
        (&null, error),
        (&late[0], error),
        (&late[1], error),
        (&late[2], error),
        (&late[3], open),
        (&null, error),
        (&late[4], open),
    ];
    assert_eq!(seen, wanted);
    assert!(replies[3]["reason"].as_str().unwrap().starts_with("line 5, column 23: "), "{}", replies[3]);
    assert_eq!((code, errors.as_str()), (1, "lines that are no series: 7; their answers say why\n"));
}

#[test]
fn nothing_of_a_series_steers_a_terminal() {
    let (text, ..) = told(&["judge", "--series", "-"], "{\"id\":\"\u{9b}31m\u{202e}\",\"t\":[],\"v\":[]}\n");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["id"], "\u{9b}31m\u{202e}", "{text}");
    assert!(text.trim_end().chars().all(|c| c.is_ascii() && !c.is_control()), "{text:?}");
}

#[test]
fn a_line_is_answered_before_the_next_is_written() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"))
        .args(SERIES)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        while answers.read_line(&mut line).is_ok_and(|n| n > 0) {
            let _ = send.send(std::mem::take(&mut line));
        }
    });
    for id in 0..3 {
        // An empty line, and the beginning of another, are nothing to answer.
        write!(input, "{{\"id\": {id}, \"t\": [1], \"v\": [1]}}\n\n ").unwrap();
        input.flush().unwrap();
        let answer = receive.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(answer.starts_with(&format!("{{\"id\":{id},")), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_line_that_is_too_long_is_answered_and_the_next_one_read() {
    let mut input = b"{\"id\": 1, \"t\": [".to_vec();
    input.resize(65 << 20, b' ');
    input.extend(b"], \"v\": []}\n{\"id\": 2, \"t\": [1], \"v\": [1]}\n");
    let (text, errors, code) = told(&SERIES, &input);
    let replies: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> = replies.iter().map(|r| (&r["id"], r["verdict"].as_str().unwrap())).collect();
    assert_eq!((seen, code), (vec![(&json!(1), "Error"), (&json!(2), "Inconclusive")], 1), "{errors}");
    let reason = replies[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("line 1: ") && reason.contains("64 MiB"), "{reason}");
    // As long as a line may be, its line feed not counted.
    let mut longest = b"{\"id\": 3, \"t\": [1], \"v\": [1]}".to_vec();
    longest.resize(64 << 20, b' ');
    assert_eq!(told(&SERIES, [&longest[..], b"\n"].concat()).2, 0);
    assert_eq!(told(&SERIES, [&longest[..], b" \n"].concat()).2, 1);
}

#[test]
fn thresholds_that_make_no_sense_end_it_at_once() {
    let (text, errors, code) = told(&["judge", "--series", "-", "--tolerable-per-hour", "0"], "{}\n");
    assert_eq!((text.as_str(), code), ("", 4));
    assert!(errors.contains("give --unacceptable-per-hour too"), "{errors}");
}

#[test]
fn amounts_of_series_are_those_of_specs() {
    let series = r#"{"id": 1, "t": [1], "v": [1]}"#;
    for amount in ["20m", "1T", "1Ti", "1Mi", "0.5", "2k"] {
        let (_, errors, code) = told(&["judge", "--series", "-", "--tolerable-per-hour", amount], series);
        assert_eq!((errors.as_str(), code), ("", 0), "{amount}");
    }
    let long = "9".repeat(400);
    for amount in ["nan", "inf", "-inf", "1e6", "1Xi", "Mi", "", &long] {
        for flag in ["--tolerable-per-hour", "--unacceptable-per-hour"] {
            let (text, errors, code) = told(&["judge", "--series", "-", &format!("{flag}={amount}")], series);
            assert_eq!((text.as_str(), code), ("", 4), "{flag} {amount}");
            assert!(errors.contains(flag) && errors.contains("200Mi"), "{errors}");
        }
    }
    for flag in ["--tolerable-per-hour", "--unacceptable-per-hour"] {
        let (text, errors, code) = told(&["judge", "--series", "-", flag, "-3Ki"], series);
        assert_eq!((text.as_str(), code), ("", 4));
        assert!(errors.contains(&format!("{flag} is -3072: give ")), "{errors}");
    }
}

#[test]
fn a_warm_up_is_a_time() {
    let series = r#"{"id": 1, "t": [1], "v": [1]}"#;
    for time in ["nan", "inf", "-inf", "-1", "1e999", "5m", ""] {
        let (text, errors, code) = told(&["judge", "--series", "-", "--warm-up", time], series);
        assert_eq!((text.as_str(), code), ("", 4), "{time}");
        for part in ["--warm-up", &format!("'{time}'"), "give seconds"] {
            assert!(errors.contains(part), "{time}: {errors}");
        }
    }
    for time in ["0", "0.5", "600", "1e3"] {
        assert_eq!(told(&["judge", "--series", "-", "--warm-up", time], series).2, 0, "{time}");
    }
}

#[test]
fn what_the_api_server_would_refuse_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let files = export(dir.path());
    for (sets, words) in [
        (&["level.label=x"][..], "label is \"x\""),
        (&["level.label=x", "level.aggregate=Max"], "label is \"x\""),
        (&["level.aggregate=LabelSum"], "level.label"),
        (&["level.label=x", "level.aggregate=Sum"], "level.aggregate=LabelSum"),
        (&["level.max=0000000000000000000000000000001Mi"], "at most 30"),
    ] {
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        for command in ["judge", "report"] {
            let (text, errors, code) = told(&with(command, &files, &sets), "");
            assert_eq!((text.as_str(), code), ("", 4), "{sets:?}: {errors}");
            assert!(errors.contains("--set level.") && errors.contains(words), "{errors}");
        }
    }
    // Each needs the other, in any order.
    for sets in [["level.label=x", "level.aggregate=LabelSum"], ["level.aggregate=LabelSum", "level.label=x"]] {
        let (text, errors, code) = told(&with("judge", &files, &["--set", sets[0], "--set", sets[1]]), "");
        assert_ne!(code, 4, "{text}{errors}");
    }
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
