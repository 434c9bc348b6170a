//! Known answers first, then properties.

mod bad_input;
mod design;
mod messages;
mod notes;
mod numbers;
mod properties;
mod ranges;

use super::*;

/// A policy without a minimum, so that levels show.
fn policy() -> Policy {
    Policy { minimum_level: Level::None, ..Policy::default() }
}

/// A made-up full id.
fn id(number: usize) -> String {
    format!("{number:040x}")
}

fn tag(name: &str, commit: usize) -> TagRef {
    TagRef { name: name.into(), commit: id(commit), ancestor: true }
}

/// Commits 1, 2, 3 … each on top of the one before; commit 0 is the base and not listed.
fn line(messages: &[&str]) -> Vec<Commit> {
    messages
        .iter()
        .enumerate()
        .map(|(at, message)| Commit {
            id: id(at + 1),
            message: (*message).to_owned(),
            parents: vec![id(at)],
            ..Commit::default()
        })
        .collect()
}

/// A linear history since `v<base>` on commit 0.
fn since(base: &str, messages: &[&str]) -> Input {
    Input {
        policy: policy(),
        facts: Facts {
            head: id(messages.len()),
            first_parent_count: 1,
            tags: vec![tag(&format!("v{base}"), 0)],
            commits: line(messages),
            ..Facts::default()
        },
        ..Input::default()
    }
}

/// The version, or a word for the other outcomes.
fn version(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Next(plan) => plan.version.to_string(),
        Outcome::NothingToRelease { reason, .. } => format!("nothing: {reason:?}"),
        Outcome::Refused { field, .. } => format!("refused: {field}"),
        Outcome::Ask { .. } => "ask".to_owned(),
    }
}

fn candidate(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Next(plan) => plan.candidate_version.to_string(),
        Outcome::NothingToRelease { .. } | Outcome::Refused { .. } | Outcome::Ask { .. } => version(outcome),
    }
}

fn next(outcome: Outcome) -> VersionPlan {
    match outcome {
        Outcome::Next(plan) => plan,
        Outcome::NothingToRelease { .. } | Outcome::Refused { .. } | Outcome::Ask { .. } => {
            panic!("no version: {outcome:?}")
        }
    }
}
