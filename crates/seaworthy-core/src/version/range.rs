//! A range of commits in, what it says as a whole out: the level by each reading and a verdict for every commit.
//!
//! The result does not depend on the order in which commits are listed, only on their ids and parents. It can be serialised
//! ([`RangeReading`]), so that a range too large to hand on as commits is read where it was found, by this same code.
//!
//! Deliberately absent: which commit the range starts from and what number comes out (`number`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::level::{self, Level, MessageVerdict, Reading, Rule};
use super::message::{self, Warning};
use super::policy::{OnDisputed, Policy};
use super::revert;

/// One commit as git has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The full id, in lower-case hexadecimal.
    pub id: String,
    /// The whole message; bytes that are no UTF-8 replaced by U+FFFD.
    pub message: String,
    /// The author's name; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// The parents' ids; the first one is the line of development.
    #[serde(default)]
    pub parents: Vec<String>,
    /// The changed paths, or those of the plan's `paths` that were touched; unknown counts as touching everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
}

/// Longest author's name that a verdict carries, in characters.
pub const MAX_AUTHOR: usize = 60;
/// Longest note on a breaking change that a verdict carries, in characters.
pub const MAX_NOTE: usize = 500;

/// What became of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    /// It counts.
    #[default]
    Counted,
    /// It and its revert are both in the range.
    Reverted,
    /// It touches nothing of the plan's `paths`.
    OutOfScope,
}

/// One commit of a range, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitVerdict {
    /// The commit's id.
    pub id: String,
    /// Its first line, repaired and cut to [`level::MAX_HEADER`] characters.
    pub header: String,
    /// The author's name, cut to [`MAX_AUTHOR`] characters; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// What its `BREAKING CHANGE:` line says, cut to [`MAX_NOTE`] characters; empty when there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The level that counts under the plan's `onDisputed` (the strict one, but for `Higher`).
    pub level: Level,
    /// The specification's reading, with its rule and reason.
    pub strict: Reading,
    /// The other reading, present exactly when it has another level: then the commit is disputed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lenient: Option<Reading>,
    /// Whether it counts at all.
    #[serde(default)]
    pub fate: Fate,
    /// What was repaired or refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl CommitVerdict {
    /// Whether the two readings differ in level.
    pub fn disputed(&self) -> bool {
        self.lenient.is_some()
    }
}

/// How many commits of a range have which level (the level that counts), and how many were disputed or left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Commits after the base.
    pub total: u64,
    /// With level Major.
    pub major: u64,
    /// With level Minor.
    pub minor: u64,
    /// With level Patch.
    pub patch: u64,
    /// Without a level.
    pub none: u64,
    /// Disputed.
    pub disputed: u64,
    /// Cancelled with their reverts.
    pub reverted: u64,
    /// Outside of the plan's `paths`.
    pub out_of_scope: u64,
}

/// What a range says as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RangeReading {
    /// Where the range starts: the commit of the base version; `None` when there is none.
    pub base: Option<String>,
    /// How many commits have which level.
    pub counts: Counts,
    /// The highest level by the strict reading.
    pub strict: Level,
    /// The level if each disputed commit took its lower reading.
    pub lowest: Level,
    /// The level if each disputed commit took its higher reading.
    pub highest: Level,
    /// The commits, newest first as far as they were listed so; see `cut`.
    pub commits: Vec<CommitVerdict>,
    /// How many commits without consequence were left out of `commits` to keep the document small.
    #[serde(default)]
    pub cut: u64,
}

impl RangeReading {
    /// Whether nothing is left after reverted pairs and commits out of scope.
    pub fn is_empty(&self) -> bool {
        self.counts.total == self.counts.reverted + self.counts.out_of_scope
    }

    /// Leaves at most `keep` verdicts, those that matter most: disputed ones and the highest levels first.
    pub fn shrink(&mut self, keep: usize) {
        if self.commits.len() <= keep {
            return;
        }
        let mut order: Vec<usize> = (0..self.commits.len()).collect();
        order.sort_by_key(|at| {
            let commit = &self.commits[*at];
            let highest = commit.lenient.as_ref().map_or(commit.level, |other| commit.level.max(other.level));
            (std::cmp::Reverse(highest), !commit.disputed(), *at)
        });
        let kept: BTreeSet<usize> = order.into_iter().take(keep).collect();
        let before = self.commits.len();
        let mut at = 0;
        self.commits.retain(|_| {
            at += 1;
            kept.contains(&(at - 1))
        });
        self.cut += u64::try_from(before - self.commits.len()).unwrap_or(u64::MAX);
    }
}

/// Commits by number, with their parents inside the range.
pub(super) struct Graph<'a> {
    ids: BTreeMap<&'a str, usize>,
    parents: Vec<Vec<Option<usize>>>,
}

impl<'a> Graph<'a> {
    fn new(commits: &[&'a Commit]) -> Self {
        let ids: BTreeMap<&str, usize> =
            commits.iter().enumerate().map(|(at, commit)| (commit.id.as_str(), at)).collect();
        let parents = commits
            .iter()
            .map(|commit| commit.parents.iter().map(|parent| ids.get(parent.as_str()).copied()).collect())
            .collect();
        Self { ids, parents }
    }

    /// The one commit of the range with this id or abbreviated id.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        let id = id.to_ascii_lowercase();
        let mut found = self.ids.range(id.as_str()..).take_while(|(full, _)| full.starts_with(&id)).map(|(_, at)| *at);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    pub(super) fn is_merge(&self, at: usize) -> bool {
        self.parents[at].len() > 1
    }

    /// The commits of the range that came in with this merge: reachable from it, but not from its first parent.
    pub(super) fn merged_by(&self, at: usize) -> BTreeSet<usize> {
        if !self.is_merge(at) {
            return BTreeSet::new();
        }
        let (first, others) = self.parents[at].split_at(1);
        let main = self.reachable(first.iter().flatten().copied());
        let side = self.reachable(others.iter().flatten().copied());
        side.difference(&main).copied().collect()
    }

    fn reachable(&self, from: impl Iterator<Item = usize>) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let mut stack: Vec<usize> = from.collect();
        while let Some(at) = stack.pop() {
            if seen.insert(at) {
                stack.extend(self.parents[at].iter().flatten());
            }
        }
        seen
    }
}

/// How many commits there are that are neither one of `published`, nor an ancestor of one, nor outside of the plan's `paths`. Each counts once.
pub(super) fn count(commits: &[Commit], published: &[&str], policy: &Policy) -> u64 {
    let listed: Vec<&Commit> = commits.iter().collect();
    let graph = Graph::new(&listed);
    let out = graph.reachable(published.iter().filter_map(|id| graph.ids.get(id).copied()));
    let counts = |at: usize| !out.contains(&at) && (policy.paths.is_empty() || !outside(listed[at], policy));
    u64::try_from(graph.ids.values().filter(|at| counts(**at)).count()).unwrap_or(u64::MAX)
}

/// Whether a commit is known to touch nothing of the plan's paths.
fn outside(commit: &Commit, policy: &Policy) -> bool {
    commit.paths.as_ref().is_some_and(|paths| !paths.iter().any(|path| policy.covers(path)))
}

/// Reads the commits after `base`. Commits that are the base or its ancestors are dropped where they are listed; a commit
/// that is listed twice counts once.
pub fn read(commits: &[Commit], base: Option<&str>, policy: &Policy) -> RangeReading {
    let mut seen = BTreeSet::new();
    let commits: Vec<&Commit> = commits.iter().filter(|commit| seen.insert(commit.id.as_str())).collect();
    let graph = Graph::new(&commits);
    let mut alive = vec![true; commits.len()];
    if let Some(start) = base.and_then(|base| graph.ids.get(base).copied()) {
        for at in graph.reachable(std::iter::once(start)) {
            alive[at] = false;
        }
    }
    let texts: Vec<String> = commits.iter().map(|commit| message::repair(&commit.message).text).collect();
    let within: Vec<bool> = commits.iter().map(|commit| policy.paths.is_empty() || !outside(commit, policy)).collect();
    let cancelled = revert::pairs(&graph, &texts, &alive, &within);
    let mut reading = RangeReading { base: base.map(str::to_owned), ..RangeReading::default() };
    for (at, commit) in commits.iter().enumerate().filter(|(at, _)| alive[*at]) {
        let undone = (cancelled.strict[at], cancelled.lenient[at]);
        add(&mut reading, verdict(commit, &texts[at], undone, policy));
    }
    reading
}

fn verdict(commit: &Commit, text: &str, undone: (bool, bool), policy: &Policy) -> CommitVerdict {
    let MessageVerdict { header, strict, lenient, warnings } = level::read(&commit.message, policy);
    let mut result = CommitVerdict {
        id: commit.id.clone(),
        header,
        author: commit.author.chars().filter(|c| !c.is_control()).take(MAX_AUTHOR).collect(),
        note: message::breaking_note(text, MAX_NOTE),
        level: Level::None,
        strict,
        lenient: None,
        fate: Fate::Counted,
        warnings,
    };
    if outside(commit, policy) && !policy.paths.is_empty() {
        result.strict = Reading::new(Level::None, Rule::OutOfScope, "touches nothing of the plan's paths");
        result.fate = Fate::OutOfScope;
        return result;
    }
    let revert = revert::header(&result.header).is_some();
    // A revert that says BREAKING CHANGE itself breaks something, whatever it undoes.
    let breaks = revert && result.strict.level == Level::Major && result.strict.rule != Rule::RevertOfRevert;
    let pair = || Reading::new(Level::None, Rule::RevertPair, "cancels out with its revert or original in the range");
    let lenient = if undone.1 && !breaks { pair() } else { lenient };
    if undone.0 && !breaks {
        result.strict = pair();
        result.fate = Fate::Reverted;
    }
    if lenient.level != result.strict.level {
        result.lenient = Some(lenient);
    }
    let higher = result.lenient.as_ref().map_or(result.strict.level, |other| other.level.max(result.strict.level));
    result.level = if policy.on_disputed == OnDisputed::Higher { higher } else { result.strict.level };
    result
}

fn add(reading: &mut RangeReading, verdict: CommitVerdict) {
    let counts = &mut reading.counts;
    counts.total += 1;
    counts.disputed += u64::from(verdict.disputed());
    match (verdict.fate, verdict.level) {
        (Fate::OutOfScope, _) => counts.out_of_scope += 1,
        (Fate::Reverted, Level::None) => counts.reverted += 1,
        (_, Level::Major) => counts.major += 1,
        (_, Level::Minor) => counts.minor += 1,
        (_, Level::Patch) => counts.patch += 1,
        (Fate::Counted, Level::None) => counts.none += 1,
    }
    let other = verdict.lenient.as_ref().map_or(verdict.strict.level, |other| other.level);
    reading.strict = reading.strict.max(verdict.strict.level);
    reading.lowest = reading.lowest.max(verdict.strict.level.min(other));
    reading.highest = reading.highest.max(verdict.strict.level.max(other));
    reading.commits.push(verdict);
}
