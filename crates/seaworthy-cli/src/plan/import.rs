//! `plan import`: the settings of another release tool in, a plan's version section out.
//!
//! What is carried over is what says which version comes next and what the notes look like. Everything else is named with a reason, so that
//! nothing is lost in silence. Deliberately absent: running the other tool's configuration, which may be a program.

mod cliff;
mod imported;
mod package_json;
mod release_please;
mod semantic_release;
mod shared;
#[cfg(test)]
mod tests;
mod versionrc;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};

use self::imported::Imported;
use crate::exit::{self, Code, Failure};

/// Longest file that is read.
const MAX: u64 = 1024 * 1024;
/// What is looked for in a folder, in this order.
const NAMES: [&str; 21] = [
    ".releaserc",
    ".releaserc.json",
    ".releaserc.yaml",
    ".releaserc.yml",
    ".releaserc.js",
    ".releaserc.cjs",
    ".releaserc.mjs",
    ".releaserc.ts",
    "release.config.js",
    "release.config.cjs",
    "release.config.mjs",
    "release.config.ts",
    "package.json",
    "release-please-config.json",
    "cliff.toml",
    ".cliff.toml",
    ".config/cliff.toml",
    ".versionrc",
    ".versionrc.json",
    ".versionrc.js",
    ".versionrc.cjs",
];

/// Where the settings are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looked for in a folder, in this order: .releaserc[.json|.yaml|.yml|.js|.cjs|.mjs|.ts], release.config.[js|cjs|mjs|ts],
package.json, release-please-config.json (with .release-please-manifest.json), cliff.toml, .cliff.toml, .config/cliff.toml, .versionrc[.json|.js|.cjs].

Read in package.json: one of `release`, `commit-and-tag-version`, `standard-version`, and `changelog` or
`conventional-changelog` with a `preset`. Read in Cargo.toml and pyproject.toml, when named: git-cliff's tables.

Exit codes: 0 printed; 1 nothing that can be read; 4 could not be carried out")]
pub(super) struct Args {
    /// A file, or a folder with one.
    #[arg(default_value = ".")]
    from: PathBuf,
}

pub(super) fn run(args: &Args) -> ExitCode {
    exit::run(async {
        let (path, all) = import(&args.from)?;
        let mut text = String::new();
        for one in &all {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", shown(&path, one)?);
        }
        exit::print(&text)?;
        Ok(Code::Done)
    })
}

fn shown(path: &Path, one: &Imported) -> Result<String, Failure> {
    let mut text = format!(
        "# from {}{}\n",
        path.display(),
        if one.name.is_empty() { String::new() } else { format!(", {}", one.name) }
    );
    if !one.left.is_empty() {
        text.push_str("# not carried over as it is:\n");
    }
    for line in &one.left {
        let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# - {clean}");
    }
    let section = json!({"version": one.version});
    let yaml = serde_saphyr::to_string(&section)
        .map_err(|error| Failure::unusable(format!("cannot write the section: {error}")))?;
    text.push_str(yaml.trim_end());
    text.push_str("\n\n");
    Ok(text)
}

/// The file that was read, and what it says.
fn import(from: &Path) -> Result<(PathBuf, Vec<Imported>), Failure> {
    if !from.is_dir() {
        return read(from).map(|all| (from.to_owned(), all));
    }
    let there: Vec<PathBuf> = NAMES.map(|name| from.join(name)).into_iter().filter(|path| path.is_file()).collect();
    let mut why = None;
    for path in &there {
        match read(path) {
            Ok(mut all) => {
                for other in there.iter().filter(|other| *other != path && !is_package_without(other)) {
                    for one in &mut all {
                        one.leave(
                            &other.display().to_string(),
                            "stands beside it and was not read: name it to import that one",
                        );
                    }
                }
                return Ok((path.clone(), all));
            }
            // A program may stand beside settings that can be read, and package.json is there for other reasons too.
            Err(failure) => why = why.or(Some(failure)),
        }
    }
    Err(why.unwrap_or_else(|| {
        Failure::refused(format!("{}: none of {} is there; name the file", from.display(), NAMES.join(", ")))
    }))
}

/// Whether it is a package.json that says nothing about versions.
fn is_package_without(path: &Path) -> bool {
    path.ends_with("package.json")
        && text_of(path)
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok())
            .is_some_and(|package| !package_json::has_settings(&package))
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let cannot = |error: std::io::Error| Failure::unusable(format!("cannot read {shown}: {error}"));
    exit::read(path, MAX).map_err(cannot)
}

fn read(path: &Path) -> Result<Vec<Imported>, Failure> {
    let shown = path.display();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    if ["js", "cjs", "mjs", "ts"].contains(&extension.as_str()) {
        let settings = if name.starts_with(".versionrc") { ".versionrc.json" } else { ".releaserc.json" };
        return Err(Failure::refused(format!(
            "{shown} is a program, which is not run here: print what it exports into a file and import that: node -e 'import(\"./{name}\").then(m => console.log(JSON.stringify(m.default)))' > {settings}"
        )));
    }
    let cannot = |error: &dyn std::fmt::Display| Failure::unusable(format!("cannot read {shown}: {error}"));
    let text = text_of(path)?;
    // JSON is YAML.
    let value: Value = if extension == "toml" {
        toml::from_str(&text).map_err(|error| cannot(&error))?
    } else {
        serde_saphyr::from_str(&text).map_err(|error| cannot(&error))?
    };
    if !value.is_object() {
        return Err(Failure::refused(format!("{shown} holds no settings: they are an object, or a table")));
    }
    let has = |field: &str| value.get(field).is_some();
    let unknown = || Failure::refused(format!("{shown}: none of the tools' settings is recognised in it"));
    Ok(match name.as_str() {
        "package.json" => {
            vec![package_json::import(&value).map_err(|why| Failure::refused(format!("{shown} {why}")))?]
        }
        name if name.starts_with(".versionrc") => vec![versionrc::import(&value)],
        _ if extension == "toml" => vec![cliff::import(cliff::settings(&name, &value).ok_or_else(unknown)?)],
        _ if has("packages") || has("release-type") => {
            let manifest = path.with_file_name(".release-please-manifest.json");
            let released: Value = match exit::read(&manifest, MAX).ok() {
                Some(text) => serde_saphyr::from_str(&text).map_err(|error| cannot(&error))?,
                None => Value::Null,
            };
            release_please::import(&value, &released)
        }
        name if name.starts_with(".releaserc") => vec![semantic_release::import(&value)],
        _ if ["plugins", "branches", "tagFormat", "extends", "releaseRules", "analyzeCommits", "generateNotes"]
            .into_iter()
            .any(has) =>
        {
            vec![semantic_release::import(&value)]
        }
        _ if ["types", "tagPrefix", "bumpFiles", "packageFiles"].into_iter().any(has) => {
            vec![versionrc::import(&value)]
        }
        _ if has("preset") => vec![semantic_release::import(&value)],
        _ => return Err(unknown()),
    })
}
