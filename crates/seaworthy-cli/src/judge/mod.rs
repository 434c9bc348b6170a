//! `judge`: a soak's stored evidence under its own or other thresholds, or the trend verdict on series from anywhere.
//!
//! The operator's own code on the same evidence gives the operator's verdicts; `--set` asks what another threshold would have said.

mod line;
mod series;

use std::process::ExitCode;

use seaworthy_soak::check::Verdict;
use serde_json::json;

use crate::{
    cluster::ClusterArgs,
    exit::{self, Code, Failure},
    look::{self, Look, Mark, span},
    report::{Input, Judged, Report, word},
    status::Output,
    tree::Node,
};
use seaworthy_core::time::Seconds;

/// Judges a soak's stored evidence again, or series from a file: is there a leak?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl seaworthy judge soak/nightly --set memory.max=300Mi
  kubectl seaworthy judge --soak nightly.yaml --evidence nightly.csv
  kubectl seaworthy judge --series - --tolerable-per-hour 1Mi --unacceptable-per-hour 4Mi < series.jsonl

Exit codes of a soak: 0 passed; 1 failed; 2 inconclusive, or the evidence cannot be judged; 4 could not be carried out
Exit codes of --series: 0 every line was read and answered, whatever the verdicts; 1 a line is no series and was answered with Error;
4 an unreadable FILE or wrong options")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// How to print a soak's verdicts.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    series: series::Args,
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    if args.series.given() {
        return series::run(&args.series);
    }
    exit::run(async {
        if args.input.is_empty() {
            return Err(Failure::unusable("name a soak, as soak/NAME, or give --soak and --evidence, or --series"));
        }
        let recorded = args.input.read(cluster).await?;
        let report = Report::of(&recorded);
        let text = match args.output {
            Output::Text => tree(&report).text(Look::stdout()),
            Output::Json => {
                let document = json!({
                    "name": report.name, "uid": report.uid, "warnings": report.warnings, "judgement": report.judgement,
                });
                serde_json::to_string_pretty(&document)? + "\n"
            }
        };
        exit::print(&text)?;
        Ok(match report.judgement.verdict {
            Verdict::Passed => Code::Done,
            Verdict::Failed => Code::Failed,
            Verdict::Inconclusive | Verdict::Error => Code::Inconclusive,
        })
    })
}

/// The verdicts as a tree.
fn tree(report: &Report) -> Node {
    let verdict = report.judgement.verdict;
    let mut root =
        Node::new("judge", mark(verdict, false), format!("Soak {}", look::clean(&report.name)), word(verdict));
    for warning in &report.warnings {
        root.note(warning);
    }
    root.children = report.checks.iter().map(check).collect();
    root
}

fn check(check: &Judged) -> Node {
    let v = &check.verdict;
    let name = look::clean(&v.name);
    let mut node = Node::new(name.clone(), mark(v.verdict, check.advisory()), name, word(v.verdict));
    if check.advisory() {
        node.fact("advisory");
    }
    let needed = v.needed_seconds.map(|n| span(Seconds(n))).unwrap_or_default();
    for (name, value) in [
        ("value", check.shown(v.value)),
        ("interval", check.interval()),
        ("threshold", check.shown(v.threshold)),
        ("found from", check.shown(v.detectable)),
        ("needed measure", needed),
    ] {
        if !value.is_empty() {
            node.fact(format!("{name} {value}"));
        }
    }
    node.note(&v.message);
    node
}

const fn mark(verdict: Verdict, advisory: bool) -> Mark {
    match verdict {
        Verdict::Passed => Mark::Passed,
        Verdict::Failed if advisory => Mark::Warning,
        Verdict::Failed => Mark::Failed,
        Verdict::Inconclusive | Verdict::Error => Mark::Unclear,
    }
}
