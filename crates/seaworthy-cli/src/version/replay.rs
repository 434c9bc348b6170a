//! `version replay`: a policy over a repository's own past. For each final version: what it was, what the policy would have
//! chosen, and why they differ.
//!
//! A window runs from the highest lower final version among the tag's ancestors to the tag. Levels are compared, not numbers, so
//! that a number that was skipped by hand counts once. What a release *should* have been nobody knows; what it was is the measure.

use std::fmt::Write as _;
use std::process::ExitCode;

use seaworthy_core::version::{CommitVerdict, Input, Ledger, Level, Outcome, Policy, TagRef, plan, tag};
use seaworthy_git::{Git, facts};
use semver::Version;
use serde::Serialize;

use super::explain::Output;
use super::repo;

/// Most commits that a row names as the cause.
const MAX_CAUSES: usize = 3;

/// Runs a policy over the versions that a clone has tags of.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    repo: repo::Source,
    /// Begins after this version's tag.
    #[arg(long, value_name = "TAG")]
    since: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How the choice compares with what was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Match {
    /// The same level.
    Exact,
    /// A higher level than was released.
    TooHigh,
    /// A lower one.
    TooLow,
    /// No version: refused.
    Refused,
}

/// One release of the past.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    tag: String,
    commit: String,
    base: String,
    base_commit: String,
    actual: Level,
    chosen: Option<Version>,
    level: Level,
    result: Match,
    commits: u64,
    disputed: u64,
    /// Commits judged Major although the release was none.
    false_major: u64,
    why: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sums {
    releases: u64,
    exact: u64,
    too_high: u64,
    too_low: u64,
    refused: u64,
    /// Releases with a disputed commit.
    disputed: u64,
    /// Major chosen, but not released.
    false_majors: u64,
    /// Major released, but not chosen.
    missed_majors: u64,
    commits: u64,
    disputed_commits: u64,
    false_alarms_per_thousand_commits: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (git, policy) = (args.repo.git()?, args.repo.policy()?);
    let mut rows = Vec::new();
    for (version, tag) in releases(&git, &policy, args.since.as_deref())? {
        if let Some(row) = row(&git, &policy, &version, &tag)? {
            rows.push(row);
        }
    }
    let sums = sums(&rows);
    let mut out = String::new();
    match args.output {
        Output::Json => writeln!(out, "{}", serde_json::json!({"releases": rows, "sums": sums}))?,
        Output::Text => {
            text(&mut out, &rows, &sums)?;
        }
    }
    super::print(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// The final versions with tags, lowest first; of two tags of one version the first by name.
fn releases(git: &Git, policy: &Policy, since: Option<&str>) -> anyhow::Result<Vec<(Version, TagRef)>> {
    let format = tag::TagFormat::parse(&policy.tag_format)
        .ok_or_else(|| anyhow::anyhow!("tagFormat {:?} does not hold {{version}} exactly once", policy.tag_format))?;
    anyhow::ensure!(
        seaworthy_git::fetch::resolve(git, "HEAD")?.is_some(),
        "HEAD is no commit: there is no past to replay before the first commit"
    );
    let tags = facts::tags(git, "HEAD")?;
    let after = match since {
        None => None,
        Some(name) => {
            anyhow::ensure!(
                tags.iter().any(|tag| tag.name == name),
                "--since {name}: there is no such tag; `git tag` lists them, `git fetch --tags` brings them"
            );
            let version = format.version(name);
            Some(version.ok_or_else(|| anyhow::anyhow!("{name} is no version by {:?}", policy.tag_format))?)
        }
    };
    let all = tags.clone();
    let mut found: Vec<(Version, TagRef)> = tags
        .into_iter()
        .filter_map(|tag| format.version(&tag.name).map(|version| (version, tag)))
        .filter(|(version, _)| tag::is_final(version) && after.as_ref().is_none_or(|after| version > after))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
    if found.is_empty() && since.is_none() {
        repo::unlike(&all, &policy.tag_format);
    }
    found.dedup_by(|a, b| tag::core(&a.0) == tag::core(&b.0));
    Ok(found)
}

/// Replays one release; `None` for a first one, which has nothing to compare with, and for one without commits of its own.
fn row(git: &Git, policy: &Policy, version: &Version, released: &TagRef) -> anyhow::Result<Option<Row>> {
    let format = tag::TagFormat::parse(&policy.tag_format);
    let earlier = |tag: &TagRef| {
        let found = format.as_ref().and_then(|format| format.version(&tag.name));
        tag.ancestor && found.is_some_and(|found| tag::is_final(&found) && tag::core(&found) < tag::core(version))
    };
    let read = facts::read_with(git, &released.commit, policy, &[], earlier)?;
    let Some(base_commit) = read.base else { return Ok(None) };
    let of_base = read.facts.tags.iter().filter(|tag| tag.commit == base_commit);
    let base = of_base.filter_map(|tag| Some((format.as_ref()?.version(&tag.name)?, tag.name.clone()))).max();
    let Some((base_version, base)) = base else { return Ok(None) };
    let actual = step(&base_version, version);
    let window = read.facts.commits.len() as u64;
    let outcome = plan(&Input { policy: policy.clone(), facts: read.facts, ledger: Ledger::default(), owner: None });
    let mut row = Row {
        tag: released.name.clone(),
        commit: released.commit.clone(),
        base,
        base_commit,
        actual,
        chosen: None,
        level: Level::None,
        result: Match::Refused,
        commits: 0,
        disputed: 0,
        false_major: 0,
        why: Vec::new(),
    };
    let outcome = if let Outcome::Ask { strict, .. } = outcome { *strict } else { outcome };
    let commits = settle(&mut row, &base_version, outcome);
    // Who refuses judges no commit, but had some to judge.
    row.commits = if row.result == Match::Refused { window } else { commits.len() as u64 };
    if row.commits == 0 {
        return Ok(None);
    }
    row.disputed = commits.iter().filter(|commit| commit.disputed()).count() as u64;
    if actual != Level::Major && base_version.major > 0 {
        row.false_major = commits.iter().filter(|commit| commit.level == Level::Major).count() as u64;
    }
    row.why.extend(causes(&row, &commits));
    Ok(Some(row))
}

/// Takes over what was chosen; the commits that were judged.
fn settle(row: &mut Row, base: &Version, outcome: Outcome) -> Vec<CommitVerdict> {
    match outcome {
        Outcome::Next(plan) => {
            row.level = step(base, &plan.version);
            row.chosen = Some(plan.version);
            row.result = compare(row.level, row.actual);
            plan.commits
        }
        Outcome::NothingToRelease { reason, commits } => {
            row.result = Match::TooLow;
            row.why.push(reason.explain().to_owned());
            commits
        }
        Outcome::Refused { field, reason, .. } => {
            row.why.push(format!("{field}: {reason}"));
            Vec::new()
        }
        Outcome::Ask { .. } => Vec::new(),
    }
}

fn compare(chosen: Level, actual: Level) -> Match {
    match chosen.cmp(&actual) {
        std::cmp::Ordering::Equal => Match::Exact,
        std::cmp::Ordering::Greater => Match::TooHigh,
        std::cmp::Ordering::Less => Match::TooLow,
    }
}

/// Which number was raised.
fn step(from: &Version, to: &Version) -> Level {
    if to.major != from.major {
        Level::Major
    } else if to.minor != from.minor {
        Level::Minor
    } else {
        Level::Patch
    }
}

/// The commits that made the choice, or what is missing.
fn causes(row: &Row, commits: &[CommitVerdict]) -> Vec<String> {
    let name = |commit: &CommitVerdict| {
        let short = commit.id.get(..10).unwrap_or(&commit.id);
        format!("{short} {} by {:?}: {}", commit.level, commit.strict.rule, commit.header)
    };
    match row.result {
        Match::Exact | Match::Refused => Vec::new(),
        Match::TooHigh => {
            let highest = commits.iter().map(|commit| commit.level).max().unwrap_or_default();
            commits.iter().filter(|commit| commit.level == highest).take(MAX_CAUSES).map(name).collect()
        }
        Match::TooLow => {
            let hidden =
                commits.iter().filter(|commit| commit.lenient.as_ref().is_some_and(|other| other.level > commit.level));
            let mut why: Vec<String> =
                hidden.take(MAX_CAUSES).map(|commit| format!("disputed {}", name(commit))).collect();
            if why.is_empty() {
                why.push(format!("no commit says {}", row.actual));
            }
            why
        }
    }
}

fn sums(rows: &[Row]) -> Sums {
    let mut sums = Sums::default();
    let mut alarms = 0;
    for row in rows {
        sums.releases += 1;
        match row.result {
            Match::Exact => sums.exact += 1,
            Match::TooHigh => sums.too_high += 1,
            Match::TooLow => sums.too_low += 1,
            Match::Refused => sums.refused += 1,
        }
        sums.disputed += u64::from(row.disputed > 0);
        sums.false_majors += u64::from(row.level == Level::Major && row.actual != Level::Major);
        sums.missed_majors += u64::from(row.level != Level::Major && row.actual == Level::Major);
        sums.commits += row.commits;
        sums.disputed_commits += row.disputed;
        alarms += row.false_major;
    }
    sums.false_alarms_per_thousand_commits = per_thousand(alarms, sums.commits);
    sums
}

/// A rate with two digits behind the point.
#[expect(clippy::cast_precision_loss, reason = "a rate for people; histories are far below 2^52 commits")]
fn per_thousand(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 100_000.0 / whole as f64).round() / 100.0 }
}

fn text(out: &mut String, rows: &[Row], sums: &Sums) -> std::fmt::Result {
    for row in rows {
        let chosen = row.chosen.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let disputed = if row.disputed > 0 { format!(", {} disputed", row.disputed) } else { String::new() };
        writeln!(
            out,
            "{:8} {} ({} from {}): {chosen} ({}), {} commits{disputed}",
            format!("{:?}", row.result),
            row.tag,
            row.actual,
            row.base,
            row.level,
            row.commits
        )?;
        for why in &row.why {
            writeln!(out, "         {why}")?;
        }
    }
    writeln!(
        out,
        "{} releases: {} exact, {} too high, {} too low, {} refused; {} with disputed commits; {} false majors, {} missed majors",
        sums.releases,
        sums.exact,
        sums.too_high,
        sums.too_low,
        sums.refused,
        sums.disputed,
        sums.false_majors,
        sums.missed_majors
    )?;
    writeln!(
        out,
        "{} commits: {} disputed, {} false alarms per 1,000",
        sums.commits, sums.disputed_commits, sums.false_alarms_per_thousand_commits
    )
}
