//! The programs that the test bed is made of: Debian packages and binaries built from the Go module in `crates/xtask/go`.
//!
//! Deliberately absent: downloads of prebuilt binaries. Everything comes from the Go module proxy and Debian.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::progress::Progress;

mod go;
mod packages;

/// Makes every program available, installing and building what is missing. Quick (a few milliseconds) when nothing is.
///
/// Errors: no Go, no network, an unknown distribution; each says what to do.
pub(crate) fn ensure(progress: &Progress) -> Result<()> {
    // What only a person can mend comes first, before a minute of installing.
    go::check()?;
    packages::ensure(progress)?;
    go::ensure(progress)?;
    Ok(())
}

/// The path of a program: `crane`, `helm`, `kubectl` and the cluster's own from the Go module, others from `PATH`.
///
/// Errors: not there yet; `cargo xtask cluster up` (or [`ensure`]) installs it.
pub(crate) fn path(name: &str) -> Result<PathBuf> {
    if go::is_ours(name) {
        let path = go::directory()?.join(name);
        if path.is_file() {
            return Ok(path);
        }
    } else if let Some(path) = packages::find(name) {
        return Ok(path);
    }
    bail!("the program {name:?} is not installed yet; run `cargo xtask cluster tools` first")
}

/// A name for the set of binaries in use: it changes with their versions and flags.
pub(crate) fn version() -> Result<String> {
    Ok(go::directory()?.file_name().unwrap_or_default().to_string_lossy().into_owned())
}
