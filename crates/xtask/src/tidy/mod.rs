//! `cargo xtask tidy`: the rules of this repository that no compiler checks.
//!
//! What: which crate may depend on which, what judging code may not touch, how files look and how long they are, one version everywhere.
//! Each finding names the file, the line, what is wrong and what to do. Deliberately absent: what rustfmt and clippy find.

mod direction;
mod files;
mod sources;

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::run;

/// Something that is against the rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// File and, where it helps, line.
    place: String,
    /// What is wrong and what to do.
    message: String,
    /// Whether it fails the run, or is only shown.
    fails: bool,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), fails: true }
    }

    fn shown(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { fails: false, ..Self::new(place, message) }
    }
}

/// A text file of the repository.
struct Text {
    /// Relative to the root.
    path: String,
    content: String,
}

impl Text {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

/// Checks everything.
pub(crate) fn main() -> Result<()> {
    let root = crate::repository::root();
    let texts = texts(&root)?;
    let mut findings = direction::check(&root)?;
    findings.extend(texts.iter().flat_map(files::check));
    findings.extend(texts.iter().flat_map(sources::check));
    findings.extend(files::versions(&texts));
    findings.sort();
    for finding in &findings {
        let kind = if finding.fails { "error" } else { "note" };
        println!("{kind}: {}: {}", finding.place, finding.message);
    }
    let wrong = findings.iter().filter(|finding| finding.fails).count();
    if wrong > 0 {
        bail!("{wrong} findings in {} files", texts.len());
    }
    println!("{} files are tidy", texts.len());
    Ok(())
}

/// Every file that git knows or would add, if it is text.
fn texts(root: &Path) -> Result<Vec<Text>> {
    let mut git = run::command("git", ["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = run::output(git.current_dir(root)).context("tidy looks at the files that git knows")?;
    let read = |path: &str| {
        let content = std::fs::read(root.join(path)).ok().and_then(|bytes| String::from_utf8(bytes).ok())?;
        Some(Text { path: path.to_owned(), content })
    };
    Ok(listed.lines().filter_map(read).collect())
}
