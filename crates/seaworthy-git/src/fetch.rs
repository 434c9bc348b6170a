//! Brings a remote's history here and pins one commit of it.
//!
//! Without files where the server allows it: commits alone, or commits and folders when the plan has paths. All branches and
//! tags are fetched, since a number may be used on any of them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::command::Git;
use crate::error::GitError;
use crate::remote::Remote;

const BRANCHES: &str = "+refs/heads/*:refs/heads/*";
const TAGS: &str = "+refs/tags/*:refs/tags/*";

/// Fetches into `dir` (empty, `git`'s folder) and returns the full id of the pinned commit.
///
/// `revision` is a full commit id, or the name of a branch or tag. With `trees`, folders are fetched too, for path scopes.
pub fn fetch(git: &Git, dir: &Path, remote: &Remote, revision: &str, trees: bool) -> Result<String, GitError> {
    git.text(&["init", "--quiet", "--bare", "."])?;
    if is_shallow(git, dir, remote).map_err(|error| explain(error, remote))? {
        return Err(GitError::Shallow(remote.url.clone()));
    }
    let filter = if trees { "blob:none" } else { "tree:0" };
    let first = fetch_refs(git, remote, filter, &[BRANCHES, TAGS]);
    let fetched = match first {
        // Some servers leave out the folders that a tag names when no folders are wanted.
        Err(GitError::Failed { detail, .. }) if detail.contains("did not send all necessary objects") => {
            fetch_refs(git, remote, "blob:none", &[BRANCHES, TAGS])
        }
        other => other,
    };
    fetched.map_err(|error| explain(error, remote))?;
    if let Some(id) = local(git, revision)? {
        return Ok(id);
    }
    // Whether the server still has a commit that no branch holds is worth knowing: it tells a force-push from a typing error.
    if is_id(revision) && fetch_refs(git, remote, filter, &[&format!("{revision}:refs/seaworthy/pinned")]).is_ok() {
        return Err(GitError::RevisionNotOnBranch(revision.to_owned()));
    }
    Err(GitError::UnknownRevision(revision.to_owned()))
}

/// Fetches refs without the objects that the filter leaves out. A server that knows no filters sends everything.
fn fetch_refs(git: &Git, remote: &Remote, filter: &str, refs: &[&str]) -> Result<(), GitError> {
    let setting = |name: &str, value: &str| git.text(&["config", name, value]).map(drop);
    setting("remote.origin.url", &remote.url)?;
    setting("remote.origin.promisor", "true")?;
    setting("remote.origin.partialclonefilter", filter)?;
    let filter = format!("--filter={filter}");
    let mut args = vec!["fetch", "--quiet", &filter, "--no-tags", "--no-write-fetch-head", "origin"];
    args.extend(refs);
    let fetched = git.text(&args);
    // From here on a missing object is missing, and not to be fetched one by one.
    setting("remote.origin.promisor", "false")?;
    git.text(&["config", "--unset-all", "remote.origin.partialclonefilter"])?;
    fetched.map(drop)
}

/// Whether the server's own history is cut, asked before anything is fetched: a filtered fetch from such a server runs in
/// circles after the commits that it does not have (git 2.39). Only the first protocol says so up front, and git shows it
/// only in its trace.
fn is_shallow(git: &Git, dir: &Path, remote: &Remote) -> Result<bool, GitError> {
    let trace = dir.join("seaworthy-trace");
    let mut asking = git.clone();
    asking.env("GIT_TRACE_PACKET", &trace).config("protocol.version=0");
    asking.text(&["ls-remote", "--quiet", "--end-of-options", &remote.url])?;
    let trace = std::fs::File::open(&trace).map_err(GitError::io("cannot read git's trace"))?;
    let mut lines = BufReader::new(trace).split(b'\n');
    Ok(lines.any(|line| line.is_ok_and(|line| is_shallow_packet(&String::from_utf8_lossy(&line)))))
}

/// `… packet: ls-remote< shallow <id>`
fn is_shallow_packet(line: &str) -> bool {
    line.split_once("< shallow ").is_some_and(|(_, id)| is_id(id.trim()))
}

/// The commit that a revision names, if it is here and a branch or tag holds it.
fn local(git: &Git, revision: &str) -> Result<Option<String>, GitError> {
    let names = if is_id(revision) {
        vec![revision.to_owned()]
    } else {
        vec![format!("refs/heads/{revision}"), format!("refs/tags/{revision}")]
    };
    for name in names {
        let Some(id) = resolve(git, &name)? else { continue };
        // Prints the commit unless a branch or tag reaches it.
        let apart = git.text(&["rev-list", "--max-count=1", &id, "--not", "--branches", "--tags"])?;
        return if apart.trim().is_empty() { Ok(Some(id)) } else { Err(GitError::RevisionNotOnBranch(id)) };
    }
    Ok(None)
}

/// The full id of the commit that a name stands for in this repository.
pub fn resolve(git: &Git, name: &str) -> Result<Option<String>, GitError> {
    if name.is_empty() || name.starts_with('-') || name.len() > 1000 || name.contains(char::is_control) {
        return Ok(None);
    }
    match git.text(&["rev-parse", "--quiet", "--verify", "--end-of-options", &format!("{name}^{{commit}}")]) {
        Ok(id) if is_id(id.trim()) => Ok(Some(id.trim().to_owned())),
        Ok(_) | Err(GitError::Failed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A full id, SHA-1 or SHA-256.
pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Finds out from git's words why a fetch failed.
fn explain(error: GitError, remote: &Remote) -> GitError {
    let GitError::Failed { detail, .. } = &error else { return error };
    let words = detail.to_lowercase();
    let (url, detail) = (remote.url.clone(), gist(detail));
    let says = |any: &[&str]| any.iter().any(|part| words.contains(part));
    if says(&["host key verification failed", "remote host identification has changed"]) {
        GitError::HostKeyRejected { url, detail }
    } else if says(&[
        "permission denied",
        "authentication failed",
        "could not read username",
        "could not read password",
    ]) || says(&["returned error: 401", "returned error: 403", "invalid format", "error in libcrypto"])
    {
        GitError::AuthenticationFailed { url, detail }
    } else if says(&["could not resolve host", "connection refused", "timed out", "unreachable", "failed to connect"])
        || says(&[
            "couldn't connect",
            "certificate",
            "connection reset",
            "connection closed",
            "name or service not known",
        ])
    {
        GitError::Unreachable { url, detail }
    } else if says(&["not found", "does not appear to be a git repository", "no such file", "returned error: 404"]) {
        GitError::RepositoryNotFound { url, detail }
    } else {
        error
    }
}

/// Git's and ssh's words without frames and general advice, on one line.
fn gist(detail: &str) -> String {
    let noise = |line: &str| {
        line.is_empty()
            || line.starts_with('@')
            || line.starts_with("Please make sure")
            || line == "and the repository exists."
    };
    let lines: Vec<&str> = detail.lines().map(str::trim).filter(|line| !noise(line)).collect();
    lines.join("; ").chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gits_words_are_understood() {
        let remote = Remote::parse("ssh://git@example.org/a").unwrap();
        let end = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.";
        for (words, reason) in [
            ("git@example.org: Permission denied (publickey).", "AuthenticationFailed"),
            ("Load key \"/tmp/key\": error in libcrypto", "AuthenticationFailed"),
            (
                "@@@@@@\r\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\n@@@@@@\r\nHost key verification failed.",
                "HostKeyRejected",
            ),
            ("No ED25519 host key is known for example.org\r\nHost key verification failed.", "HostKeyRejected"),
            ("ssh: connect to host example.org port 22: Connection timed out", "Unreachable"),
            ("ssh: Could not resolve hostname example.org: Name or service not known", "Unreachable"),
            (
                "fatal: unable to access 'https://example.org/a/': SSL certificate problem: self-signed certificate",
                "Unreachable",
            ),
            ("fatal: '/a' does not appear to be a git repository", "RepositoryNotFound"),
            ("remote: Repository not found.", "RepositoryNotFound"),
            ("fatal: the remote end hung up unexpectedly", "GitFailed"),
        ] {
            let error = GitError::Failed { command: "fetch".into(), status: 128, detail: format!("{words}\n{end}") };
            let error = explain(error, &remote);
            assert_eq!(error.reason(), reason, "{words}");
            assert!(
                reason == "GitFailed"
                    || !error.to_string().contains(['\n', '@', '\r'])
                    || error.to_string().contains("git@")
            );
        }
    }
}
