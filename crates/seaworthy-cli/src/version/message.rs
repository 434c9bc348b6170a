//! `version level`: one message, its level and why.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use seaworthy_core::version::{MessageVerdict, Policy, level};
use serde::Deserialize;
use serde_json::{Value, json};

/// Reads one commit message from standard input and prints its level.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Prints both readings with their rules, and what was repaired.
    #[arg(long)]
    explain: bool,
    /// Reads one JSON object {id, message} a line and prints {id, level, disputed, rule, reason}.
    #[arg(long, conflicts_with = "explain")]
    jsonl: bool,
}

#[derive(Deserialize)]
struct Case {
    id: Value,
    message: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let policy = Policy::default();
    let input = super::input()?;
    let mut out = String::new();
    if args.jsonl {
        for (at, line) in input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let case = serde_json::from_str::<Case>(line).with_context(|| format!("line {}", at + 1));
            // What was answered before is answered.
            let case = match case {
                Ok(case) => case,
                Err(error) => {
                    super::print(&out)?;
                    return Err(error);
                }
            };
            let verdict = level::read(&case.message, &policy);
            let strict = &verdict.strict;
            let answer = json!({"id": case.id, "level": strict.level.to_string(), "disputed": verdict.disputed(),
                "rule": strict.rule, "reason": strict.reason, "warnings": verdict.warnings});
            writeln!(out, "{answer}")?;
        }
    } else {
        let verdict = level::read(&input, &policy);
        writeln!(out, "{}{}", verdict.strict.level, if verdict.disputed() { " disputed" } else { "" })?;
        if args.explain {
            explain(&mut out, &verdict)?;
        }
    }
    super::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

fn explain(out: &mut String, verdict: &MessageVerdict) -> std::fmt::Result {
    writeln!(out, "header   {}", verdict.header)?;
    writeln!(out, "strict   {} by {:?}: {}", verdict.strict.level, verdict.strict.rule, verdict.strict.reason)?;
    if verdict.disputed() {
        writeln!(out, "lenient  {} by {:?}: {}", verdict.lenient.level, verdict.lenient.rule, verdict.lenient.reason)?;
    }
    for warning in &verdict.warnings {
        writeln!(out, "warning  {warning:?}")?;
    }
    Ok(())
}
