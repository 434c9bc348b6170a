//! A version's tag on the server: created, never moved.
//!
//! The same tag on the same commit is success, so that a repeat does no harm; on another commit it is a stop. The server itself refuses to
//! create what is there already, so two that push at once cannot both succeed. Deliberately absent: deleting, moving, signing.

use std::path::Path;

use crate::command::Git;
use crate::error::GitError;
use crate::fetch::{fetch, resolve};
use crate::remote::Remote;

/// Where the tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// On the commit, and was before.
    Before,
    /// On the commit, since now.
    Now,
    /// Nowhere. Only when it is not to be created.
    Missing,
}

/// Puts the tag on the commit, or with `create: false` says whether it is there.
///
/// `dir` is empty and `git`'s folder; `revision` as for [`fetch`].
///
/// # Errors
/// When the tag is on another commit, or the server refuses or does not answer.
pub fn put(
    git: &Git,
    dir: &Path,
    remote: &Remote,
    (revision, name): (&str, &str),
    create: bool,
) -> Result<Tagged, GitError> {
    let reference = format!("refs/tags/{name}");
    let plain = !name.is_empty() && !name.starts_with('-') && git.says_yes(&["check-ref-format", &reference])?;
    if !plain {
        return Err(GitError::BadTag(name.chars().take(200).collect()));
    }
    let commit = fetch(git, dir, remote, revision, false)?;
    if let Some(found) = resolve(git, &reference)? {
        return same(name, found, commit);
    }
    if !create {
        return Ok(Tagged::Missing);
    }
    let pushed = git.text(&["push", "--quiet", "origin", &format!("{commit}:{reference}")]);
    let Err(why) = pushed else { return Ok(Tagged::Now) };
    // Somebody may have been faster, or the answer was lost: what is there now decides.
    git.text(&["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", "+refs/tags/*:refs/tags/*"])?;
    match resolve(git, &reference)? {
        Some(found) => same(name, found, commit),
        None => Err(why),
    }
}

fn same(name: &str, found: String, commit: String) -> Result<Tagged, GitError> {
    if found == commit {
        Ok(Tagged::Before)
    } else {
        Err(GitError::TagElsewhere { tag: name.to_owned(), found, commit })
    }
}
