//! `kubectl-seaworthy scan` on pages from standard input, as people and scripts call it.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// Scans this page; standard output, standard error and exit status.
fn scan(args: &[&str], page: impl AsRef<[u8]>) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"));
    let command = command.arg("scan").args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Who does not read standard input has closed it.
    let _ = child.stdin.take().unwrap().write_all(page.as_ref());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[track_caller]
fn expect(args: &[&str], page: &str, samples: &[Value]) {
    let (text, errors, code) = scan(args, page);
    assert_eq!((errors.as_str(), code), ("", 0), "{args:?}: {text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, samples, "{args:?}");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole: {text}");
}

#[test]
fn a_text_page_is_one_sample_a_line() {
    let page = r#"# HELP m What it is.
# TYPE m gauge
m{a="1",b="x\"y\\z\nü"} 1.5 1700000000123
m NaN

# a free comment
m{le="+Inf"} +Inf
n_total -Inf -1
n 1e3
"#;
    let samples = [
        json!({"name": "m", "labels": {"a": "1", "b": "x\"y\\z\nü"}, "value": "1.5", "timestamp_ms": 1_700_000_000_123_i64}),
        json!({"name": "m", "labels": {}, "value": "NaN", "timestamp_ms": null}),
        json!({"name": "m", "labels": {"le": "+Inf"}, "value": "+Inf", "timestamp_ms": null}),
        json!({"name": "n_total", "labels": {}, "value": "-Inf", "timestamp_ms": -1}),
        json!({"name": "n", "labels": {}, "value": "1000", "timestamp_ms": null}),
    ];
    expect(&["--format", "text"], page, &samples);
    expect(&[], page, &samples);
}

#[test]
fn an_openmetrics_page_is_one_sample_a_line() {
    let page = r#"# TYPE m gauge
m{a="1"} NaN 1700000000.5
m +Inf
# TYPE c counter
c_total{} 17.25 # {trace_id="t"} 1 1700000000
# EOF
"#;
    let samples = [
        json!({"name": "m", "labels": {"a": "1"}, "value": "NaN", "timestamp_ms": 1_700_000_000_500_i64}),
        json!({"name": "m", "labels": {}, "value": "+Inf", "timestamp_ms": null}),
        json!({"name": "c_total", "labels": {}, "value": "17.25", "timestamp_ms": null}),
    ];
    expect(&["--format", "openmetrics"], page, &samples);
}

#[test]
fn nothing_of_a_page_steers_a_terminal() {
    let (text, _, code) = scan(&[], "m{a=\"\u{9b}31m\u{202e}\u{7f}\"} 1\n");
    let sample: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((sample["labels"]["a"].as_str(), code), (Some("\u{9b}31m\u{202e}\u{7f}"), 0), "{text}");
    assert!(text.trim_end().chars().all(|c| c.is_ascii() && !c.is_control()), "{text:?}");
}

#[test]
fn a_bad_page_is_refused_where_it_is_bad_and_none_of_it_printed() {
    for (format, page, place) in [
        ("text", &b"m 1\nm{a=\"\xc3\xbc\" 2\n"[..], "line 2, column 9: expected ',' or '}'"),
        ("text", b"m 1\n\nm one\n", "line 3, column 3: expected a number"),
        ("text", b"m 1\nm 2", "line 2, column 4: expected a line feed"),
        ("text", b"m 1\nm{a=\"\xff\"} 2\n", "line 2, column 6: expected valid UTF-8"),
        // Seconds and exemplars are those of the other format, as are free comments.
        ("text", b"m 1\nm 2 1700000000.5\n# EOF\n", "line 2, column 5: expected a timestamp"),
        ("text", b"m 1\nm 2 # {t=\"x\"} 1\n# EOF\n", "line 2, column 5: expected a timestamp"),
        ("openmetrics", b"m 1\n# free\n# EOF\n", "line 2, column 1: expected HELP, TYPE, UNIT or EOF"),
        ("openmetrics", b"m 1\n", "line 2, column 1: expected '# EOF'"),
        ("openmetrics", b"m 1\n# EOF\nm 2\n", "line 3, column 1: expected nothing after '# EOF'"),
        ("openmetrics", b"", "line 1, column 1: expected '# EOF'"),
    ] {
        let (text, errors, code) = scan(&["--format", format], page);
        assert_eq!((text.as_str(), code), ("", 1), "{place}: {errors}");
        assert!(errors.starts_with(place) && errors.lines().count() == 1, "{place}: {errors}");
    }
}

#[test]
fn a_page_without_samples_is_valid() {
    for (format, page) in
        [("text", ""), ("text", "\n"), ("text", "# TYPE m gauge\n# EOF\n"), ("openmetrics", "# EOF\n")]
    {
        expect(&["--format", format], page, &[]);
    }
}

/// Scans this input, of whose output only the first line is read; standard error and exit status.
fn read_one_line(args: &[&str], input: &str) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"));
    let command = command.arg("scan").args(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    feeder.join().unwrap();
    (errors, child.wait().unwrap().code().unwrap())
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // Far more than a pipe holds.
    let page = (0..20_000).fold(String::new(), |mut page, k| {
        writeln!(page, "some_metric{{number=\"{k}\"}} {k}").unwrap();
        page
    });
    assert_eq!(read_one_line(&[], &page), (String::new(), 0));
    let lines: String = (0..4).map(|id| json!({"id": id, "page": page}).to_string() + "\n").collect();
    assert_eq!(read_one_line(&["--jsonl"], &format!("{{\"id\":0,\"page\":\"\"}}\n{lines}")), (String::new(), 0));
}

#[test]
fn a_line_without_a_page_ends_it() {
    let first = json!({"id": 1, "page": "m 1\n"});
    for (line, words) in [
        (r#"{"id":4}"#, "neither page nor page_b64"),
        (r#"{"id":4,"page":null}"#, "neither page nor page_b64"),
        (r#"{"id":4,"page":"m 1\n","page_b64":""}"#, "both page and page_b64"),
        (r#"{"id":4,"page_b64":"*"}"#, "page_b64"),
        (r#"{"page":""}"#, "missing field `id`"),
        ("[]", "id"),
        ("m 1", "expected value"),
    ] {
        let (text, errors, code) = scan(&["--jsonl"], format!("{first}\n\n{line}\n{first}\n"));
        assert_eq!(code, 4, "{line}: {text}");
        assert!(errors.starts_with("line 3: ") && errors.contains(words), "{line}: {errors}");
        assert_eq!(text.lines().count(), 1, "what came before is answered: {text}");
    }
    let (text, _, code) = scan(&["--jsonl"], "{\"id\":4,\"page\":\"\"}\n{\"id\":5,\"page_b64\":\"\"}\n");
    assert_eq!(
        (text.as_str(), code),
        ("{\"id\":4,\"ok\":true,\"samples\":[]}\n{\"id\":5,\"ok\":true,\"samples\":[]}\n", 0)
    );
}

#[test]
fn a_line_that_is_too_long_ends_it() {
    let mut input = b"{\"id\":1,\"page\":\"m 1\\n\"}\n{\"id\":2,\"page\":\"\"".to_vec();
    input.resize(65 << 20, b' ');
    input.extend(b"}\n");
    let (text, errors, code) = scan(&["--jsonl"], &input);
    assert_eq!((text.lines().count(), code), (1, 4), "what came before is answered: {text}");
    assert!(errors.starts_with("line 2: ") && errors.contains("64 MiB"), "{errors}");
}
