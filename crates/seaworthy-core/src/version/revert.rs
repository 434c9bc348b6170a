//! Reverts and their originals inside one range: what cancels out is no change.
//!
//! Exact is what git writes: `This reverts commit <id>.` with an id of the range. Everything weaker (under a revert's header the number of
//! a pull request or a bare title; git's sentence under any other header) is read both ways, so the commit is disputed.
//! A revert that is itself reverted does nothing: its original counts again. One that touches nothing of the plan's paths takes nothing
//! back that does.
//!
//! Deliberately absent: whether a revert of something released needs more than the plan's types say.

use std::collections::{BTreeMap, BTreeSet};

use super::message;
use super::range::Graph;

/// Most references that one message may hold; further ones are not read.
const MAX_REFERENCES: usize = 1_000;
/// Most reverted merges of one range whose merged commits are looked up.
const MAX_MERGES: usize = 200;
/// Fewest digits of an abbreviated id.
const MIN_HEX: usize = 7;

/// A header that reverts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header<'a> {
    /// How many reverts are nested; `Reapply` counts as two.
    pub(super) depth: usize,
    /// The innermost header.
    pub(super) inner: &'a str,
    /// The header directly inside the outermost revert.
    pub(super) direct: &'a str,
    /// `revert!:`
    pub(super) bang: bool,
}

/// Reads `Revert "x"`, `Reapply "x"` and `revert: x`; `None` for any other header.
pub(super) fn header(header: &str) -> Option<Header<'_>> {
    let mut found: Option<Header<'_>> = None;
    let mut rest = header.trim();
    while let Some((depth, inner, bang)) = unwrap(rest) {
        found = Some(match found {
            None => Header { depth, inner, direct: inner, bang },
            Some(outer) => Header { depth: outer.depth + depth, inner, ..outer },
        });
        rest = inner;
    }
    found
}

/// Takes one layer off.
fn unwrap(header: &str) -> Option<(usize, &str, bool)> {
    for (word, depth) in [("Revert ", 1), ("revert ", 1), ("Reapply ", 2), ("reapply ", 2)] {
        let Some(quoted) = header.strip_prefix(word).and_then(|rest| rest.strip_prefix(['"', '\u{201c}'])) else {
            continue;
        };
        // A title may be cut by its forge: then the closing quote is missing.
        let end = quoted.rfind(['"', '\u{201d}']).unwrap_or(quoted.len());
        return Some((depth, quoted[..end].trim(), false));
    }
    let prefix = message::prefix(header).filter(|prefix| prefix.kind.eq_ignore_ascii_case("revert"))?;
    Some((1, prefix.description.trim_matches('"'), prefix.bang))
}

/// What a message says that it reverts.
#[derive(Debug, Default, PartialEq, Eq)]
struct References<'a> {
    /// Ids, each with the id that a reverted merge was merged into.
    commits: Vec<(&'a str, Option<&'a str>)>,
    pulls: Vec<u64>,
}

fn references(text: &str) -> References<'_> {
    const SENTENCE: &str = "This reverts commit";
    let mut found = References::default();
    for (at, _) in text.match_indices(SENTENCE).take(MAX_REFERENCES) {
        let rest = &text[at + SENTENCE.len()..];
        let Some((id, rest)) = hex(rest) else { continue };
        let into = rest.strip_prefix(", reversing").and_then(|rest| {
            let rest = rest.trim_start().strip_prefix("changes made to")?;
            hex(rest).map(|(id, _)| id)
        });
        found.commits.push((id, into));
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("Reverts ")).take(MAX_REFERENCES) {
        let word = line.split_whitespace().next().unwrap_or_default();
        let number = word.rsplit_once('#').and_then(|(_, digits)| digits.trim_end_matches('.').parse::<u64>().ok());
        found.pulls.extend(number);
    }
    found
}

/// The id at the start of the text, and what follows it.
fn hex(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    (MIN_HEX..=64).contains(&end).then(|| text.split_at(end))
}

/// The number of a pull request at the end of a squashed header or in a merge's subject.
fn pull_of(header: &str) -> Option<u64> {
    let squashed =
        header.trim_end().strip_suffix(')').and_then(|rest| rest.rsplit_once("(#")).map(|(_, digits)| digits);
    let merged = || header.strip_prefix("Merge pull request #").and_then(|rest| rest.split_whitespace().next());
    squashed.or_else(merged)?.parse().ok()
}

/// A header without the number of its pull request.
fn title(header: &str) -> &str {
    match pull_of(header) {
        Some(_) if header.trim_end().ends_with(')') => {
            header.rsplit_once("(#").map_or(header, |(title, _)| title).trim()
        }
        _ => header.trim(),
    }
}

/// One reverting commit and what it takes back.
struct Edge {
    reverter: usize,
    targets: BTreeSet<usize>,
    /// Everything that the message names is in the range, so that the revert itself is spent.
    complete: bool,
    in_strict: bool,
    in_lenient: bool,
}

/// For each commit of the range whether it is cancelled, by the strict and by the lenient reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cancelled {
    pub(super) strict: Vec<bool>,
    pub(super) lenient: Vec<bool>,
}

/// Finds the pairs of a range. `messages` are repaired texts, by the graph's numbers; cancelled entries of `alive`
/// are not looked at (the base's ancestors). `within`: what touches the plan's paths.
pub(super) fn pairs(graph: &Graph<'_>, messages: &[String], alive: &[bool], within: &[bool]) -> Cancelled {
    let headers: Vec<&str> = messages.iter().map(|text| message::header_line(text)).collect();
    let mut titles: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut pulls: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, line) in headers.iter().enumerate().filter(|(at, _)| alive[*at]) {
        titles.entry(title(line)).or_default().push(at);
        if let Some(number) = pull_of(line) {
            pulls.entry(number).or_default().push(at);
        }
    }
    let mut edges = Vec::new();
    let mut merges = 0;
    for (at, text) in messages.iter().enumerate().filter(|(at, _)| alive[*at]) {
        let revert = header(headers[at]);
        let named = references(text);
        if !named.commits.is_empty() {
            edges.extend(by_id(graph, at, &named, revert.is_some(), alive, &mut merges));
        } else if revert.is_some() && !named.pulls.is_empty() {
            edges.extend(by_number(graph, at, &named.pulls, &pulls, &mut merges));
        } else if let Some(revert) = revert {
            edges.extend(by_title(at, &revert, &titles));
        }
    }
    for edge in edges.iter_mut().filter(|edge| !within[edge.reverter]) {
        edge.targets.retain(|target| !within[*target]);
    }
    Cancelled {
        strict: cancelled(messages.len(), &edges, |edge| edge.in_strict),
        lenient: cancelled(messages.len(), &edges, |edge| edge.in_lenient),
    }
}

fn by_id(
    graph: &Graph<'_>,
    at: usize,
    named: &References<'_>,
    is_revert: bool,
    alive: &[bool],
    merges: &mut usize,
) -> Option<Edge> {
    let mut targets = BTreeSet::new();
    let mut complete = true;
    for (id, into) in &named.commits {
        match graph.find(id).filter(|target| *target != at && alive[*target]) {
            Some(target) => {
                targets.insert(target);
                if into.is_some() && *merges < MAX_MERGES {
                    *merges += 1;
                    targets.extend(graph.merged_by(target));
                }
            }
            None => complete = false,
        }
    }
    targets.remove(&at);
    (!targets.is_empty()).then_some(Edge { reverter: at, targets, complete, in_strict: is_revert, in_lenient: true })
}

fn by_number(
    graph: &Graph<'_>,
    at: usize,
    named: &[u64],
    pulls: &BTreeMap<u64, Vec<usize>>,
    merges: &mut usize,
) -> Option<Edge> {
    let mut targets = BTreeSet::new();
    let mut complete = true;
    for number in named {
        let Some(found) = pulls.get(number) else {
            complete = false;
            continue;
        };
        for target in found.iter().filter(|target| **target != at) {
            targets.insert(*target);
            if graph.is_merge(*target) && *merges < MAX_MERGES {
                *merges += 1;
                targets.extend(graph.merged_by(*target));
            }
        }
    }
    targets.remove(&at);
    (!targets.is_empty()).then_some(Edge { reverter: at, targets, complete, in_strict: true, in_lenient: false })
}

/// By title alone only where exactly one other commit has it.
fn by_title(at: usize, revert: &Header<'_>, titles: &BTreeMap<&str, Vec<usize>>) -> Option<Edge> {
    let named = titles.get(title(revert.direct))?;
    let mut others = named.iter().copied().filter(|other| *other != at);
    let only = others.next()?;
    if others.next().is_some() {
        return None;
    }
    let targets = BTreeSet::from([only]);
    Some(Edge { reverter: at, targets, complete: true, in_strict: true, in_lenient: false })
}

/// A commit is undone when a revert of it stands; a revert stands unless it is undone itself. A revert whose targets are
/// all in the range is spent.
fn cancelled(count: usize, edges: &[Edge], counts: impl Fn(&Edge) -> bool) -> Vec<bool> {
    let mut reverters: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in edges.iter().filter(|edge| counts(edge)) {
        for target in &edge.targets {
            reverters[*target].push(edge.reverter);
        }
    }
    let undone = undone(&reverters);
    let mut result = undone.clone();
    for edge in edges.iter().filter(|edge| counts(edge) && edge.complete) {
        result[edge.reverter] = true;
    }
    result
}

/// Resolves chains of reverts without recursion. A cycle cannot come from real ids; in a made-up one the revert that closes
/// it does nothing.
fn undone(reverters: &[Vec<usize>]) -> Vec<bool> {
    const NEW: u8 = 0;
    const OPEN: u8 = 1;
    const DONE: u8 = 2;
    let mut undone = vec![false; reverters.len()];
    let mut state = vec![NEW; reverters.len()];
    for start in 0..reverters.len() {
        let mut stack = vec![(start, 0_usize)];
        while let Some((at, next)) = stack.pop() {
            if state[at] == DONE {
                continue;
            }
            state[at] = OPEN;
            match reverters[at].get(next) {
                Some(by) if state[*by] == NEW => {
                    stack.push((at, next));
                    stack.push((*by, 0));
                }
                Some(by) => {
                    undone[at] |= state[*by] == DONE && !undone[*by];
                    stack.push((at, next + 1));
                }
                None => state[at] = DONE,
            }
        }
    }
    undone
}
