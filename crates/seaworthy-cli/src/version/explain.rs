//! `version explain`: the next version of a clone with every commit's level, rule and reason.

use std::fmt::Write as _;
use std::process::ExitCode;

use seaworthy_core::version::{CommitVerdict, Outcome, VersionPlan};

use super::repo;

/// Prints the next version of a clone and why.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    repo: repo::Source,
    /// The commit to release.
    #[arg(long, default_value = "HEAD")]
    revision: String,
    /// Looks from this version's tag on, as if later versions had no tags.
    #[arg(long, value_name = "TAG")]
    since: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let outcome = args.repo.outcome(&args.revision, args.since.as_deref())?;
    let mut out = String::new();
    match args.output {
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&outcome)?)?,
        Output::Text => {
            print(&mut out, &outcome)?;
        }
    }
    super::print(&out)?;
    Ok(if matches!(outcome, Outcome::Refused { .. }) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Prints an answer and why.
pub(crate) fn print(out: &mut String, outcome: &Outcome) -> std::fmt::Result {
    match outcome {
        Outcome::Next(plan) => next(out, plan),
        Outcome::NothingToRelease { reason, commits: all } => {
            writeln!(out, "nothing to release: {}", reason.explain())?;
            commits(out, all)
        }
        Outcome::Refused { field, reason, remedy } => writeln!(out, "refused: {field}: {reason}\nwhat to do: {remedy}"),
        Outcome::Ask { strict, alternative, disputes } => {
            writeln!(out, "a person has to choose: {} commits are disputed\n\nby the strict reading:", disputes.len())?;
            print(out, strict)?;
            writeln!(out, "\nby the other one:")?;
            print(out, alternative)
        }
    }
}

fn next(out: &mut String, plan: &VersionPlan) -> std::fmt::Result {
    let from = plan.previous_version.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let counts = plan.counts;
    writeln!(
        out,
        "{} ({} from {from}), candidate {}, tag {}",
        plan.version, plan.level, plan.candidate_version, plan.tag
    )?;
    writeln!(
        out,
        "{} commits: {} major, {} minor, {} patch, {} none, {} reverted, {} out of scope; {} disputed",
        counts.total,
        counts.major,
        counts.minor,
        counts.patch,
        counts.none,
        counts.reverted,
        counts.out_of_scope,
        counts.disputed
    )?;
    for version in &plan.stepped_over {
        writeln!(out, "{version} is burned and was stepped over")?;
    }
    commits(out, &plan.commits)
}

fn commits(out: &mut String, commits: &[CommitVerdict]) -> std::fmt::Result {
    for commit in commits {
        let short = commit.id.get(..10).unwrap_or(&commit.id);
        let dispute = if commit.disputed() { " disputed" } else { "" };
        writeln!(out, "{short} {:5}{dispute} {}", commit.level.to_string(), commit.header)?;
        writeln!(out, "           {:?}: {}", commit.strict.rule, commit.strict.reason)?;
        if let Some(other) = &commit.lenient {
            writeln!(out, "           or {} by {:?}: {}", other.level, other.rule, other.reason)?;
        }
        for warning in &commit.warnings {
            writeln!(out, "           warning {warning:?}")?;
        }
    }
    Ok(())
}
