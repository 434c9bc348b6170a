//! `cargo xtask mutants`: plants one bug at a time and sees who catches it.
//!
//! Each bug is a small change of text ([`catalogue`]), made in a copy of the working tree that has its own target directory, and undone again.
//! The layers of tests are asked in the order of their cost until one fails. A bug that nobody catches is a hole in the tests, and an error
//! here; so is one whose text is gone, or that does not compile: then it was never planted. Deliberately absent: generated mutations; these
//! are the bugs that the protocols exist for.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use self::catalogue::{ALL, Layer, Mutant};
use crate::progress::Progress;
use crate::run;

mod catalogue;

/// `cargo xtask mutants ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only those whose name holds one of these.
    filter: Vec<String>,
    /// Only see that each can still be planted; nothing is built.
    #[arg(long)]
    check: bool,
}

/// What became of a planted bug.
struct Found {
    mutant: &'static Mutant,
    by: Option<Layer>,
    seconds: f64,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let root = crate::repository::root();
    let progress = Progress::new();
    let began = Instant::now();
    let tree = root.join("target/mutants");
    let chosen: Vec<&Mutant> = ALL
        .iter()
        .filter(|m| arguments.filter.is_empty() || arguments.filter.iter().any(|f| m.name.contains(f.as_str())))
        .collect();
    // Before anything is built: texts that are gone.
    for mutant in &chosen {
        plant(&root, mutant)?;
    }
    if arguments.check {
        progress.note(&format!("{} planted bugs still have their place", chosen.len()));
        progress.finish();
        return Ok(());
    }
    copy(&root, &tree)?;
    progress.step("the tree as it is: every layer must pass");
    for layer in layers(&chosen) {
        if !passes(&tree, layer)? {
            bail!(
                "{}: fails without any planted bug; see what `cargo {}` says",
                layer.name(),
                layer.arguments().join(" ")
            );
        }
    }
    let mut found = Vec::new();
    for mutant in chosen {
        progress.step(mutant.name);
        found.push(try_out(&tree, mutant)?);
    }
    progress.note(&table(&found));
    progress.note(&format!("{} planted bugs in {:.0} s", found.len(), began.elapsed().as_secs_f64()));
    progress.finish();
    let missed: Vec<&str> = found.iter().filter(|f| f.by.is_none()).map(|f| f.mutant.name).collect();
    if !missed.is_empty() {
        bail!("nobody caught: {}; a test is missing", missed.join("; "));
    }
    Ok(())
}

/// Every layer that some bug asks, once.
fn layers(mutants: &[&Mutant]) -> Vec<Layer> {
    let mut all = Vec::new();
    for layer in mutants.iter().flat_map(|m| m.layers) {
        if !all.contains(layer) {
            all.push(*layer);
        }
    }
    all
}

/// Copies what git knows of the working tree, changes included.
fn copy(root: &Path, tree: &Path) -> Result<()> {
    let mut list = run::command(Path::new("git"), ["ls-files", "--cached", "--others", "--exclude-standard"]);
    let files = run::output(list.current_dir(root)).context("git ls-files")?;
    for file in files.lines() {
        let (from, to) = (root.join(file), tree.join(file));
        let Ok(new) = std::fs::read(&from) else { continue };
        // What has not changed keeps its time, so that it is not compiled again.
        if std::fs::read(&to).ok().as_ref() == Some(&new) {
            continue;
        }
        std::fs::create_dir_all(to.parent().unwrap_or(tree))?;
        std::fs::write(&to, new).with_context(|| format!("{}: cannot be written", to.display()))?;
    }
    Ok(())
}

/// The file with the bug in it.
fn plant(tree: &Path, mutant: &Mutant) -> Result<(PathBuf, String, String)> {
    let path = tree.join(mutant.file);
    let text = std::fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
    match text.matches(mutant.old).count() {
        1 => {}
        n => bail!(
            "{:?}: its text stands {n} times in {}: it must stand there once; bring crates/xtask/src/mutants/catalogue.rs up to date",
            mutant.name,
            mutant.file
        ),
    }
    let planted = text.replacen(mutant.old, mutant.new, 1);
    Ok((path, text, planted))
}

fn try_out(tree: &Path, mutant: &'static Mutant) -> Result<Found> {
    let began = Instant::now();
    let (path, text, planted) = plant(tree, mutant)?;
    std::fs::write(&path, planted)?;
    let by = ask(tree, mutant);
    std::fs::write(&path, text)?;
    Ok(Found { mutant, by: by?, seconds: began.elapsed().as_secs_f64() })
}

fn ask(tree: &Path, mutant: &Mutant) -> Result<Option<Layer>> {
    for layer in mutant.layers {
        let mut build = command(tree, *layer);
        if !build.arg("--no-run").status()?.success() {
            bail!("{:?} does not compile: it was never planted", mutant.name);
        }
        if !passes(tree, *layer)? {
            return Ok(Some(*layer));
        }
    }
    Ok(None)
}

fn command(tree: &Path, layer: Layer) -> std::process::Command {
    let mut cargo = run::cargo([]);
    cargo.args(layer.arguments()).current_dir(tree).env("CARGO_TARGET_DIR", tree.join("target"));
    // A planted bug makes warnings, and its failures are what is wanted: neither is worth reading.
    cargo.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    cargo
}

fn passes(tree: &Path, layer: Layer) -> Result<bool> {
    let mut cargo = command(tree, layer);
    Ok(cargo.status().with_context(|| format!("could not start `{}`", run::display(&cargo)))?.success())
}

fn table(found: &[Found]) -> String {
    let mut out = "| planted bug | caught by | seconds |\n|---|---|---|\n".to_owned();
    for Found { mutant, by, seconds } in found {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "| {} | {} | {seconds:.0} |", mutant.name, by.map_or("**nobody**", Layer::name));
    }
    out
}
