//! One HTML file that needs nothing else: no script, no font, no request. Every text of the cluster is escaped.

use askama::Template;
use seaworthy_core::time::Seconds;
use seaworthy_soak::{
    check::{CheckKind, LimitKind, TrendOf, Verdict},
    unit::{amount, plain},
};

use super::{
    model::{Compared, Judged, Report, word},
    plot::{LINES, Plot, fits, plot, rays},
};
use crate::{exit::Failure, look::span};

/// So many stretches without values are named below a plot.
const GAPS: usize = 6;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    name: &'r str,
    verdict: &'static str,
    facts: &'r [(&'static str, String)],
    warnings: &'r [String],
    checks: Vec<Check<'r>>,
}

struct Check<'r> {
    anchor: String,
    name: &'r str,
    kind: &'r str,
    advisory: bool,
    verdict: &'static str,
    mark: &'static str,
    message: &'r str,
    value: String,
    threshold: String,
    numbers: Vec<(&'static str, String)>,
    what: String,
    plot: Option<Plot>,
    undrawn: &'static str,
    left: Vec<String>,
    legend: Vec<Entry>,
    gaps: Vec<String>,
}

/// An entry of a legend: a swatch and what it stands for.
struct Entry {
    class: &'static str,
    colour: String,
    text: String,
}

impl Entry {
    fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, colour: String::new(), text: text.into() }
    }
}

/// The page.
pub(super) fn page(report: &Report) -> Result<String, Failure> {
    let checks = report.checks.iter().enumerate().map(|(i, check)| self::check(report, i, check)).collect();
    let page = Page {
        name: &report.name,
        verdict: word(report.judgement.verdict),
        facts: &report.facts,
        warnings: &report.warnings,
        checks,
    };
    let text = page.render();
    text.map(|t| t + "\n").map_err(|e| Failure::unusable(format!("cannot write the report: {e}")))
}

fn check<'r>(report: &Report, index: usize, check: &'r Judged) -> Check<'r> {
    let plot = plot(report, check);
    let v = &check.verdict;
    let counts = check.compared.as_ref().map(|c| (c.before.to_string(), c.after.to_string())).unwrap_or_default();
    let numbers = [
        ("Before the load", counts.0),
        ("After settle", counts.1),
        ("Value", check.shown(v.value)),
        ("Interval", check.interval()),
        ("Threshold", check.threshold()),
        ("Found from", check.shown(v.detectable)),
        ("Needed measure", check.needed()),
    ];
    let mut gaps: Vec<String> = check.trace.gaps.iter().take(GAPS).map(missing).collect();
    if check.trace.gaps.len() > GAPS {
        gaps.push(format!("and {} more", check.trace.gaps.len() - GAPS));
    }
    Check {
        anchor: format!("check-{index}"),
        name: &check.spec.name,
        kind: &v.kind,
        advisory: check.advisory(),
        verdict: word(v.verdict),
        mark: match v.verdict {
            Verdict::Passed => "✔",
            Verdict::Failed => "✖",
            Verdict::Inconclusive => "?",
            Verdict::Error => "!",
        },
        message: &v.message,
        value: check.shown(v.value),
        threshold: check.threshold(),
        numbers: numbers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        what: check.trace.what.clone(),
        legend: plot.as_ref().map(|plot| legend(report, check, plot)).unwrap_or_default(),
        plot,
        undrawn: undrawn(check),
        left: check.compared.as_ref().map(left).unwrap_or_default(),
        gaps,
    }
}

/// What stands where a plot would be.
fn undrawn(check: &Judged) -> &'static str {
    if matches!(check.spec.kind, CheckKind::Leftovers(_)) {
        "Two inventories are compared by the objects' UIDs: there is no course over time to draw."
    } else if check.trace.lines.iter().all(|line| line.points.is_empty()) {
        "There is nothing to draw."
    } else {
        "The values are too large to be drawn: `kubectl seaworthy evidence` prints them."
    }
}

fn left(compared: &Compared) -> Vec<String> {
    let mut left = compared.named.clone();
    if compared.left > left.len() {
        left.push(format!("and {} more", compared.left - left.len()));
    }
    left
}

fn missing(gap: &seaworthy_soak::check::Missing) -> String {
    let at = |ms: u64| span(Seconds(ms / 1000));
    format!("{} to {}: {}", at(gap.from_ms), at(gap.to_ms), crate::look::clean(&gap.reason))
}

fn legend(report: &Report, check: &Judged, plot: &Plot) -> Vec<Entry> {
    let trace = &check.trace;
    let many = trace.lines.len() > 1;
    let mut legend: Vec<Entry> = trace
        .lines
        .iter()
        .zip(LINES.iter().cycle())
        .map(|(line, c)| Entry {
            class: "line",
            colour: format!("rgb({},{},{})", c.0, c.1, c.2),
            text: if many { crate::look::clean(&line.name) } else { trace.what.clone() },
        })
        .collect();
    if trace.left_out > 0 {
        legend.push(Entry::new("none", format!("{} more series are not drawn", trace.left_out)));
    }
    for limit in &trace.limits {
        let value = amount(check.metric(), limit.value);
        let far = plot.far.contains(limit);
        let (class, name) = match limit.kind {
            LimitKind::Max => ("limit", "at most"),
            LimitKind::Min => ("limit", "at least"),
            LimitKind::Baseline => ("baseline", "baseline"),
        };
        let whose = if let CheckKind::Baseline(rule) = &check.spec.kind {
            format!(" (the {} % quantile)", plain(100.0 * rule.quantile))
        } else {
            String::new()
        };
        let note = if far { " (beyond the plot)" } else { whose.as_str() };
        legend.push(Entry::new(if far { "none" } else { class }, format!("{name} {value}{note}")));
    }
    if !trace.floors.is_empty() {
        let text = match fits(check).len() {
            0 => " to which the lines are fitted",
            1 => ", their line, and its interval (dashed)",
            _ => ", a line for each life, and its interval (dashed)",
        };
        let rate = matches!(&check.spec.kind, CheckKind::Trend(rule) if rule.of == TrendOf::Rate);
        legend.push(Entry::new("fit", format!("{}{text}", if rate { "medians of blocks" } else { "floors" })));
        legend.extend(rays(check).iter().map(|ray| {
            let (class, name) =
                if ray.tolerable { ("tolerable", "tolerable") } else { ("unacceptable", "unacceptable") };
            Entry::new(class, format!("{name} {}", check.amount(ray.per_hour)))
        }));
    }
    let lives = trace.lines.iter().flat_map(|l| &l.points).map(|p| p.life).max().unwrap_or(0);
    if lives > 0 {
        legend.push(Entry::new("life", format!("another life of the container ({lives})")));
    }
    if !trace.gaps.is_empty() {
        legend.push(Entry::new("gap", "no values"));
    }
    if !report.faults.is_empty() {
        legend.push(Entry::new("fault", "declared fault"));
    }
    legend.push(Entry::new("outside", "not judged"));
    legend
}
