//! Markdown for a CI job's summary, CSV, JUnit and JSON.

use std::borrow::Cow;

use askama::Template;
use serde_json::json;

use super::model::{Judged, Report, word};
use crate::exit::Failure;
use seaworthy_soak::check::Verdict;

/// The symbol of a verdict: GitHub and GitLab show it in colour.
const fn symbol(check: &Judged) -> &'static str {
    match check.verdict.verdict {
        Verdict::Passed => "✅",
        Verdict::Failed => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::Error => "⚠️",
    }
}

/// Markdown.
pub(super) fn markdown(report: &Report) -> String {
    let mut lines =
        vec![format!("## Soak {}: {}", escaped(&report.name), word(report.judgement.verdict)), String::new()];
    for warning in &report.warnings {
        lines.push(format!("> {}", escaped(warning)));
        lines.push(">".into());
    }
    lines.extend(report.facts.iter().map(|(name, value)| format!("- **{name}**: {}", escaped(value))));
    lines.push(String::new());
    lines.push("| | check | verdict | value | interval | threshold | why |".into());
    lines.push("|---|---|---|---:|---|---:|---|".into());
    for check in &report.checks {
        let advisory = if check.advisory() { " (advisory)" } else { "" };
        lines.push(format!(
            "| {} | {} | {}{advisory} | {} | {} | {} | {} |",
            symbol(check),
            escaped(&check.spec.name),
            word(check.verdict.verdict),
            check.shown(check.verdict.value),
            check.interval(),
            check.threshold(),
            escaped(&check.verdict.message),
        ));
    }
    let powers: Vec<String> = report.checks.iter().filter_map(power).collect();
    if !powers.is_empty() {
        lines.push(String::new());
        lines.extend(powers);
    }
    lines.join("\n") + "\n"
}

/// What a check with an interval could have found, and how long a measure it needs; under the table, where most have neither.
fn power(check: &Judged) -> Option<String> {
    let found = check.verdict.detectable.map(|from| format!("found from {}", check.amount(from)));
    let needed = Some(check.needed()).filter(|n| !n.is_empty()).map(|n| format!("needs a measure of {n}"));
    let words: Vec<String> = found.into_iter().chain(needed).collect();
    (!words.is_empty()).then(|| format!("- **{}**: {}", escaped(&check.spec.name), words.join(", ")))
}

/// Text that neither begins a tag, nor ends a table's cell, nor formats anything.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// The table of verdicts.
pub(super) fn csv(report: &Report) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |e: &dyn std::fmt::Display| Failure::unusable(format!("cannot write the CSV: {e}"));
    let header = [
        "check",
        "kind",
        "enforcement",
        "verdict",
        "value",
        "lower",
        "upper",
        "threshold",
        "detectable",
        "needed_seconds",
        "message",
    ];
    writer.write_record(header).map_err(|e| failed(&e))?;
    for check in &report.checks {
        let v = &check.verdict;
        let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
        let row = [
            v.name.clone(),
            v.kind.clone(),
            format!("{:?}", v.enforcement),
            word(v.verdict).to_owned(),
            number(v.value),
            number(v.interval.map(|i| i.0)),
            number(v.interval.map(|i| i.1)),
            number(v.threshold),
            number(v.detectable),
            v.needed_seconds.map(|n| n.to_string()).unwrap_or_default(),
            v.message.clone(),
        ];
        writer.write_record(row).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}

/// JUnit XML, as CI systems read it: an inconclusive check is an error, an advisory one never fails the build. The soak's own verdict, which
/// may be none that its checks make, is a case of its own.
#[derive(Template)]
#[template(path = "report.junit.xml", escape = "html")]
struct Junit<'r> {
    name: &'r str,
    cases: Vec<Case<'r>>,
    failures: usize,
    errors: usize,
    seconds: u64,
    facts: &'r [(&'static str, String)],
}

struct Case<'r> {
    name: &'r str,
    kind: &'r str,
    outcome: Outcome,
    word: &'static str,
    message: Cow<'r, str>,
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Passed,
    Failure,
    Error,
    Advisory,
}

/// The message of a check. How long a measure it needs stands there already.
fn told(check: &Judged) -> Cow<'_, str> {
    let message = &check.verdict.message;
    match check.verdict.detectable {
        Some(from) => Cow::Owned(format!("{message}; found from {}", check.amount(from))),
        None => Cow::Borrowed(message),
    }
}

/// JUnit.
pub(super) fn junit(report: &Report) -> Result<String, Failure> {
    let outcome = |verdict: Verdict, advisory: bool| match verdict {
        Verdict::Passed => Outcome::Passed,
        Verdict::Failed | Verdict::Inconclusive | Verdict::Error if advisory => Outcome::Advisory,
        Verdict::Failed => Outcome::Failure,
        Verdict::Inconclusive | Verdict::Error => Outcome::Error,
    };
    let verdict = report.judgement.verdict;
    let whole = Case {
        name: "verdict",
        kind: "verdict",
        outcome: outcome(verdict, false),
        word: word(verdict),
        message: Cow::Borrowed(&report.why),
    };
    let checks = report.checks.iter().map(|check| Case {
        name: &check.spec.name,
        kind: &check.verdict.kind,
        outcome: outcome(check.verdict.verdict, check.advisory()),
        word: word(check.verdict.verdict),
        message: told(check),
    });
    let cases: Vec<Case<'_>> = checks.chain([whole]).collect();
    let count = |wanted: &Outcome| cases.iter().filter(|c| c.outcome == *wanted).count();
    let (failures, errors) = (count(&Outcome::Failure), count(&Outcome::Error));
    let seconds = report.phases.elapsed_ms / 1000;
    let page = Junit { name: &report.name, cases, failures, errors, seconds, facts: &report.facts };
    let text = page.render();
    text.map(|t| t + "\n").map_err(|e| Failure::unusable(format!("cannot write the report: {e}")))
}

/// JSON.
pub(super) fn json(report: &Report) -> Result<String, Failure> {
    let document = json!({
        "name": report.name,
        "uid": report.uid,
        "verdict": report.judgement.verdict,
        "warnings": report.warnings,
        "facts": report.facts.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
        "run": report.run,
        "faults": report.faults,
        "phases": {
            "warmUpSeconds": report.phases.warm_up_ms / 1000,
            "measureSeconds": report.phases.measure_ms / 1000,
            "settleSeconds": report.phases.settle_ms / 1000,
            "elapsedSeconds": report.phases.elapsed_ms / 1000,
        },
        "judgement": report.judgement,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
