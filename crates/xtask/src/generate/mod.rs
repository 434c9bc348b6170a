//! `cargo xtask gen`: everything installable that has its source in Rust, written where people and tools look for it.
//!
//! What: the CustomResourceDefinitions, the RBAC rules and the admission policies, each once for kustomize (`config/`) and
//! once for the chart. Why generated: two ways to install must never disagree, and the types are the only source of a schema.
//! `--check` compares and writes nothing. Deliberately absent: what differs between the two by nature (Deployment, values), which
//! is written by hand and held together by tests.

mod admission;
mod crds;
mod rbac;
mod yaml;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

pub(crate) use rbac::{Asked, operator_rights};

/// Arguments of `gen`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a file is not what would be written.
    #[arg(long)]
    check: bool,
}

/// One generated file.
struct File {
    /// Relative to the root of the repository.
    path: String,
    content: String,
}

/// Which of the two ways to install a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flavour {
    /// `config/`: names are fixed.
    Kustomize,
    /// `charts/seaworthy`: names follow the release's.
    Chart,
}

impl Flavour {
    /// The name of a cluster-wide object of ours.
    fn name(self, suffix: &str) -> String {
        match self {
            Self::Kustomize => format!("seaworthy-{suffix}"),
            Self::Chart => format!("{{{{ include `seaworthy.fullname` . }}}}-{suffix}"),
        }
    }

    /// The user name of the operator's service account.
    fn operator_user(self) -> String {
        match self {
            Self::Kustomize => "system:serviceaccount:seaworthy-system:seaworthy-operator".to_owned(),
            Self::Chart => {
                "system:serviceaccount:{{ .Release.Namespace }}:{{ include `seaworthy.serviceAccountName` . }}"
                    .to_owned()
            }
        }
    }
}

/// Folders that hold generated files only: what is there and not generated any more is an error, or removed.
const OWNED: [&str; 6] = [
    "config/admission",
    "config/crd",
    "config/rbac",
    "charts/seaworthy/templates/admission",
    "charts/seaworthy/templates/crds",
    "charts/seaworthy/templates/rbac",
];

/// Generates, or with `--check` compares.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let root = crate::repository::root();
    let files = files()?;
    let stray = stray(&root, &files)?;
    if !arguments.check {
        for file in &files {
            write(&root, file)?;
        }
        for path in stray {
            fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        }
        return Ok(());
    }
    let mut drift: Vec<String> = files.iter().filter_map(|file| differs(&root, file)).collect();
    drift.extend(stray.iter().map(|path| format!("{}: is not generated any more", path.display())));
    if !drift.is_empty() {
        bail!(
            "generated files are out of date:\n  {}\nrun `cargo xtask gen` and commit the result",
            drift.join("\n  ")
        );
    }
    println!("{} generated files are up to date", files.len());
    Ok(())
}

fn files() -> Result<Vec<File>> {
    let mut files = crds::files()?;
    files.extend(rbac::files()?);
    files.extend(admission::files()?);
    Ok(files)
}

fn write(root: &Path, file: &File) -> Result<()> {
    let path = root.join(&file.path);
    if differs(root, file).is_none() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("could not create {}", parent.display()))?;
    }
    fs::write(&path, &file.content).with_context(|| format!("could not write {}", path.display()))?;
    println!("wrote {}", file.path);
    Ok(())
}

/// How the file on disk differs, by its first line that does; `None` when it does not.
fn differs(root: &Path, file: &File) -> Option<String> {
    let Ok(found) = fs::read_to_string(root.join(&file.path)) else {
        return Some(format!("{}: is missing", file.path));
    };
    if found == file.content {
        return None;
    }
    let line = found.lines().zip(file.content.lines()).take_while(|(found, due)| found == due).count() + 1;
    Some(format!("{}: differs from line {line} on", file.path))
}

fn stray(root: &Path, files: &[File]) -> Result<Vec<PathBuf>> {
    let due: Vec<PathBuf> = files.iter().map(|file| root.join(&file.path)).collect();
    let mut stray = Vec::new();
    for folder in OWNED {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            let path = entry?.path();
            if !due.contains(&path) {
                stray.push(path);
            }
        }
    }
    stray.sort();
    Ok(stray)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_holds_what_is_generated() {
        if let Err(error) = main(&Arguments { check: true }) {
            panic!("{error}");
        }
    }

    #[test]
    fn two_runs_give_the_same_bytes() {
        let contents = || files().unwrap().into_iter().map(|f| (f.path, f.content)).collect::<Vec<_>>();
        assert_eq!(contents(), contents());
    }

    #[test]
    fn drift_is_named_by_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = File { path: "a.yaml".into(), content: "one\ntwo\n".into() };
        assert_eq!(differs(folder.path(), &file).unwrap(), "a.yaml: is missing");
        fs::write(folder.path().join("a.yaml"), "one\n2\n").unwrap();
        assert_eq!(differs(folder.path(), &file).unwrap(), "a.yaml: differs from line 2 on");
        write(folder.path(), &file).unwrap();
        assert_eq!(differs(folder.path(), &file), None);
    }
}
