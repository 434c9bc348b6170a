//! Reads the facts of one commit from a repository that is here.

use std::collections::BTreeSet;

use seaworthy_core::version::ledger::{Entry, State};
use seaworthy_core::version::{Commit, Facts, Input, Ledger, Outcome, Policy, TagRef, base_commits};
use semver::Version;

use crate::command::Git;
use crate::error::GitError;
use crate::fetch::{is_id, resolve};

/// Most bytes of commit messages that are held at once.
const MAX_MESSAGES: u64 = 96 * 1024 * 1024;

/// A version that the ledger has as published, with its commit: the base where no tag was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The final version.
    pub version: Version,
    /// The commit's full id.
    pub commit: String,
}

impl std::str::FromStr for Published {
    type Err = String;

    /// Reads `1.4.0=<full commit id>`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (version, commit) = text.split_once('=').ok_or("write <version>=<full commit id>")?;
        let version = Version::parse(version).map_err(|error| format!("{version:?}: {error}"))?;
        if !is_id(commit) {
            return Err(format!("{commit:?} is no full commit id"));
        }
        Ok(Self { version, commit: commit.to_owned() })
    }
}

/// Facts with the commit that the range starts after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The facts, commits in full.
    pub facts: Facts,
    /// The base's commit.
    pub base: Option<String>,
}

/// Reads tags, position and the commits since the base of `head` (a full id).
pub fn read(git: &Git, head: &str, policy: &Policy, published: &[Published]) -> Result<Read, GitError> {
    let mut read = read_with(git, head, policy, published, |_| true)?;
    read.facts.first_parent_count = count(git, head)?;
    Ok(read)
}

/// The same as if only some of the tags were there, to look at an earlier time; without the position in history.
pub fn read_with(
    git: &Git,
    head: &str,
    policy: &Policy,
    published: &[Published],
    keep: impl Fn(&TagRef) -> bool,
) -> Result<Read, GitError> {
    let tags = tags(git, head)?.into_iter().filter(keep).collect();
    let mut facts = Facts { head: head.to_owned(), tags, ..Facts::default() };
    for one in published {
        let known = resolve(git, &one.commit)?.is_some();
        if known && git.says_yes(&["merge-base", "--is-ancestor", &one.commit, head])? {
            facts.ancestors.push(one.commit.clone());
        }
    }
    let input = Input { policy: policy.clone(), facts, ledger: ledger(published), owner: None };
    let bases = base_commits(&input).map_err(|refusal| match *refusal {
        Outcome::Refused { field, reason, remedy } => GitError::Policy { field, reason, remedy },
        Outcome::Next(_) | Outcome::NothingToRelease { .. } | Outcome::Ask { .. } => {
            GitError::Unexpected { command: "base".into(), detail: "an answer in place of a refusal".into() }
        }
    })?;
    let mut facts = input.facts;
    let tagged = |commit: &String| facts.tags.iter().any(|tag| tag.ancestor && tag.commit == *commit);
    let by_tag: Vec<String> = bases.iter().filter(|commit| tagged(commit)).cloned().collect();
    let several = by_tag.len() > 1;
    let base = nearest(git, head, if by_tag.is_empty() { bases } else { by_tag })?;
    if several {
        // Of several tags of the base's version, the first one listed is the base.
        facts.tags.sort_by_key(|tag| Some(&tag.commit) != base.as_ref());
    }
    facts.commits = commits(git, head, base.as_deref(), policy)?;
    Ok(Read { facts, base })
}

/// The commit with the fewest others between it and the head.
fn nearest(git: &Git, head: &str, commits: Vec<String>) -> Result<Option<String>, GitError> {
    if commits.len() < 2 {
        return Ok(commits.into_iter().next());
    }
    let mut distances = Vec::new();
    for commit in commits {
        distances.push((number(git, &["rev-list", "--count", head, &format!("^{commit}")])?, commit));
    }
    Ok(distances.into_iter().min().map(|(_, commit)| commit))
}

/// The ledger as far as it decides about the base.
fn ledger(published: &[Published]) -> Ledger {
    let entry = |one: &Published| Entry {
        owner: one.commit.clone(),
        version: one.version.clone(),
        candidate: 1,
        commit: one.commit.clone(),
        state: State::Published,
        final_used: true,
    };
    Ledger { entries: published.iter().map(entry).collect(), ..Ledger::default() }
}

/// All tags that stand for commits. Tags of other objects are no versions.
pub fn tags(git: &Git, head: &str) -> Result<Vec<TagRef>, GitError> {
    const FORMAT: &str = "--format=%(refname)%09%(objecttype)%09%(objectname)%09%(*objecttype)%09%(*objectname)";
    let merged = git.text(&["for-each-ref", "--merged", head, "--format=%(refname)", "refs/tags"])?;
    let merged: BTreeSet<&str> = merged.lines().collect();
    let mut tags = Vec::new();
    for line in git.text(&["for-each-ref", FORMAT, "refs/tags"])?.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, kind, id, peeled_kind, peeled_id] = fields[..] else {
            return Err(GitError::Unexpected {
                command: "for-each-ref".into(),
                detail: line.chars().take(200).collect(),
            });
        };
        let commit = match (kind, peeled_kind) {
            ("commit", _) => Some(id.to_owned()),
            ("tag", "commit") => Some(peeled_id.to_owned()),
            // A tag of a tag: git peels one layer in this format.
            ("tag", "tag") => resolve(git, name)?,
            _ => None,
        };
        let Some(commit) = commit else { continue };
        let ancestor = merged.contains(name);
        tags.push(TagRef { name: name.strip_prefix("refs/tags/").unwrap_or(name).to_owned(), commit, ancestor });
    }
    Ok(tags)
}

fn count(git: &Git, head: &str) -> Result<u64, GitError> {
    number(git, &["rev-list", "--count", "--first-parent", head])
}

fn number(git: &Git, args: &[&str]) -> Result<u64, GitError> {
    let text = git.text(args)?;
    text.trim()
        .parse()
        .map_err(|_| GitError::Unexpected { command: "rev-list".into(), detail: text.chars().take(200).collect() })
}

/// The commits that are ancestors of the head and not of the base, children before parents.
fn commits(git: &Git, head: &str, base: Option<&str>, policy: &Policy) -> Result<Vec<Commit>, GitError> {
    let not_base = base.map(|base| format!("^{base}"));
    let range = || std::iter::once(head).chain(not_base.as_deref());
    let scopes: Vec<&str> = policy.paths.iter().map(|path| path.trim_start_matches("./").trim_matches('/')).collect();
    // Everything touches the whole tree.
    let everything = scopes.is_empty() || scopes.iter().any(|scope| scope.is_empty() || *scope == ".");
    let touching = if everything { None } else { Some(touching(git, &range().collect::<Vec<_>>(), &scopes)?) };
    let mut args = vec!["log", "-z", "--topo-order", "--no-decorate", "--format=%H %P%n%an%n%B"];
    args.extend(range());
    args.push("--");
    let mut commits = Vec::new();
    let mut bytes = 0_u64;
    git.records(&args, |record| {
        bytes += record.len() as u64;
        if bytes > MAX_MESSAGES {
            let remedy = "tag a version, so that the range is shorter";
            return Err(GitError::TooLarge {
                what: "commit messages in bytes",
                found: bytes,
                limit: MAX_MESSAGES,
                remedy,
            });
        }
        let mut commit = parse(record)?;
        commit.paths =
            touching.as_ref().map(|ids| if ids.contains(&commit.id) { policy.paths.clone() } else { Vec::new() });
        commits.push(commit);
        Ok(())
    })?;
    Ok(commits)
}

/// One record of the log: ids on the first line, the author on the second, then the message.
fn parse(record: &[u8]) -> Result<Commit, GitError> {
    let text = String::from_utf8_lossy(record);
    let (ids, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let (author, message) = rest.split_once('\n').unwrap_or((rest, ""));
    let mut ids = ids.split(' ').filter(|id| !id.is_empty()).map(str::to_owned);
    let id = ids.next().filter(|id| is_id(id));
    let id =
        id.ok_or_else(|| GitError::Unexpected { command: "log".into(), detail: text.chars().take(200).collect() })?;
    let (author, message) = (author.to_owned(), message.trim_end_matches('\n').to_owned());
    Ok(Commit { id, message, author, parents: ids.collect(), paths: None })
}

/// The commits of the range that change something under the policy's paths. A merge does when it differs from all its parents.
fn touching<'a>(git: &Git, range: &[&'a str], scopes: &[&'a str]) -> Result<BTreeSet<String>, GitError> {
    let list = |command: &[&'a str]| {
        let mut args = command.to_vec();
        args.extend(range);
        args.push("--");
        args.extend(scopes);
        git.text(&args)
    };
    let plain = list(&["rev-list", "--full-history", "--no-merges"])?;
    let mut found: BTreeSet<String> = plain.lines().map(str::to_owned).collect();
    // A list of merges has those that differ from any parent; their combined difference names the paths that differ from all.
    let merges = list(&["log", "--full-history", "--merges", "-c", "--no-renames", "--name-only", "--format=%x01%H"])?;
    let mut merge = None;
    for line in merges.lines().filter(|line| !line.is_empty()) {
        match line.strip_prefix('\u{1}') {
            Some(id) => merge = Some(id),
            None => found.extend(merge.map(str::to_owned)),
        }
    }
    Ok(found)
}
