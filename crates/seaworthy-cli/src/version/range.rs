//! `version next`: of a clone, or of a range without a repository (`--json -`).
//!
//! The object: `{id, policy {channel: final|rc, …}, tags [{name, commit, ancestor}], ledger [{version, state, commit?}], head,
//! commits [{id, message, parents, paths?}]}`; `last_tag` may be there and is not looked at, for the tags tell it. The policy is the plan's `spec.version`; its words may be in lower case. A
//! missing `minimumLevel` is None here, so that levels show.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use seaworthy_core::version::ledger::{Entry, State};
use seaworthy_core::version::{Commit, Facts, Input, Ledger, Level, Outcome, Policy, TagRef, plan, tag};
use semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use super::explain::Output;
use super::repo;
use crate::exit;

/// Prints the next version of a clone, or of a range that is given as JSON.
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
    /// Prints the candidate's label in place of the final version.
    #[arg(long)]
    candidate: bool,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// A range in place of a clone: a file, or `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["repo", "plan", "tag_format", "revision", "since"])]
    json: Option<String>,
    /// Reads one such object a line from standard input and prints {id, version, disputed}.
    #[arg(long, conflicts_with_all = ["repo", "plan", "tag_format", "revision", "since", "json"])]
    jsonl: bool,
}

/// The fields of the object, of a tag, a commit and a used number: any other is a mistake in writing that would change the answer.
const FIELDS: [&str; 7] = ["id", "policy", "tags", "last_tag", "ledger", "head", "commits"];
const LISTS: [(&str, &[&str]); 3] = [
    ("tags", &["name", "commit", "ancestor"]),
    ("commits", &["id", "message", "author", "parents", "paths"]),
    ("ledger", &["version", "state", "commit"]),
];

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    policy: Value,
    #[serde(default)]
    tags: Vec<TagRef>,
    #[serde(default)]
    ledger: Vec<Used>,
    head: String,
    #[serde(default)]
    commits: Vec<Commit>,
}

#[derive(Deserialize)]
struct Used {
    version: Version,
    state: String,
    #[serde(default)]
    commit: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.jsonl {
        let mut out = String::new();
        for (at, line) in super::input()?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let answered = range(line).and_then(|range| Ok((range.id.clone(), answer(range)?)));
            // What was answered before is answered.
            let (id, answer) = match answered {
                Ok(answered) => answered,
                Err(error) => {
                    super::print(&out)?;
                    return Err(error.context(format!("line {}", at + 1)));
                }
            };
            out.push_str(&json!({"id": id, "version": answer.words, "disputed": answer.disputed}).to_string());
            out.push('\n');
        }
        super::print(&out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = match args.json.as_deref() {
        None => words(&args.repo.outcome(&args.revision, args.since.as_deref())?, args.candidate),
        Some("-") => one(&super::input()?)?,
        Some(path) => {
            one(&exit::read(Path::new(path), super::MAX_INPUT).with_context(|| format!("cannot read {path}"))?)?
        }
    };
    let text = match args.output {
        Output::Text => format!("{}{}\n", answer.words, if answer.disputed { " disputed" } else { "" }),
        Output::Json => {
            let mut object = json!({"version": answer.words, "disputed": answer.disputed});
            if let Some(why) = &answer.why {
                object["reason"] = json!(why);
            }
            format!("{object}\n")
        }
    };
    super::print(&text)?;
    if let Some(why) = &answer.why {
        // Nothing is left to report to when standard error is closed.
        let _ = writeln!(std::io::stderr(), "refused: {}", crate::look::shown(why));
    }
    Ok(if answer.words == "refuse" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn one(text: &str) -> anyhow::Result<Answer> {
    answer(range(text)?)
}

fn range(text: &str) -> anyhow::Result<Range> {
    const WHAT: &str = "the range is not the expected JSON object";
    let value: Value = serde_json::from_str(text).context(WHAT)?;
    only("", &value, &FIELDS)?;
    for (list, fields) in LISTS {
        for (at, one) in value[list].as_array().into_iter().flatten().enumerate() {
            only(&format!("{list}[{at}]."), one, fields)?;
        }
    }
    serde_json::from_value(value).context(WHAT)
}

fn only(path: &str, object: &Value, fields: &[&str]) -> anyhow::Result<()> {
    match object.as_object().and_then(|object| object.keys().find(|key| !fields.contains(&key.as_str()))) {
        None => Ok(()),
        Some(field) => anyhow::bail!("{path}{field}: there is no such field; those known are {}", fields.join(", ")),
    }
}

struct Answer {
    words: String,
    disputed: bool,
    /// Why it is refused, and what to do.
    why: Option<String>,
}

fn answer(range: Range) -> anyhow::Result<Answer> {
    let (policy, rc) = policy(range.policy)?;
    let facts = Facts { head: range.head, tags: range.tags, commits: range.commits, ..Facts::default() };
    let entries =
        range.ledger.into_iter().enumerate().map(|(at, used)| entry(at, used)).collect::<anyhow::Result<_>>()?;
    let ledger = Ledger { entries, ..Ledger::default() };
    Ok(words(&plan(&Input { policy, facts, ledger, owner: None }), rc))
}

fn words(outcome: &Outcome, rc: bool) -> Answer {
    match outcome {
        Outcome::Next(plan) => {
            let version = if rc { &plan.candidate_version } else { &plan.version };
            Answer { words: version.to_string(), disputed: plan.counts.disputed > 0, why: None }
        }
        Outcome::NothingToRelease { commits, .. } => {
            let disputed = commits.iter().any(|commit| commit.lenient.is_some());
            Answer { words: "none".into(), disputed, why: None }
        }
        Outcome::Refused { field, reason, remedy } => Answer {
            words: "refuse".into(),
            disputed: field == "spec.version.onDisputed",
            why: Some(format!("{field}: {reason}: {remedy}")),
        },
        Outcome::Ask { strict, .. } => Answer { disputed: true, ..words(strict, rc) },
    }
}

/// Reads the policy with words in any case, and whether the candidate's label is asked for.
fn policy(mut value: Value) -> anyhow::Result<(Policy, bool)> {
    if value.is_null() {
        value = json!({});
    }
    let channel = value.as_object_mut().and_then(|fields| fields.remove("channel")).unwrap_or_else(|| json!("final"));
    let rc = match channel.as_str().map(str::to_lowercase).as_deref() {
        Some("final") => false,
        Some("rc") => true,
        _ => anyhow::bail!("policy.channel: {channel} is neither \"final\" nor \"rc\""),
    };
    if let Some(field) = repo::unknown("policy", &value, repo::schema()?) {
        anyhow::bail!("{field}: there is no such field; `kubectl explain releaseplan.spec.version` lists them");
    }
    if let Some(fields) = value.as_object_mut() {
        for name in ["breakingBeforeV1", "minimumLevel", "onDisputed"] {
            if let Some(Value::String(word)) = fields.get_mut(name) {
                *word = capitalised(word);
            }
        }
        if let Some(Value::Object(types)) = fields.get_mut("types") {
            for level in types.values_mut() {
                if let Value::String(word) = level {
                    *word = capitalised(word);
                }
            }
        }
        fields.entry("minimumLevel").or_insert(json!(Level::None));
        fields.retain(|_, value| !value.is_null());
    }
    Ok((serde_json::from_value(value).context("policy")?, rc))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

/// A used number without an owner: a candidate's label is spent alone, a final number as a whole.
fn entry(at: usize, used: Used) -> anyhow::Result<Entry> {
    let state = match used.state.to_lowercase().as_str() {
        "reserved" => State::Reserved,
        "published" => State::Published,
        "burned" => State::Burned,
        other => anyhow::bail!("ledger: state {other:?} is none of reserved, published, burned"),
    };
    Ok(Entry {
        owner: format!("entry {at}"),
        version: tag::core(&used.version),
        candidate: tag::candidate_number(&used.version).unwrap_or(0),
        commit: used.commit,
        state,
        final_used: tag::is_final(&used.version),
    })
}
