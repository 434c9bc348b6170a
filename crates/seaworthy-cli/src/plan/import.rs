//! `plan import`: the settings of another release tool in, a plan's version section out.
//!
//! What is carried over is what says which version comes next and what the notes look like. Everything else is named with a reason, so that
//! nothing is lost in silence. Deliberately absent: running the other tool's configuration, which may be a program.

mod cliff;
mod message_pattern;
mod package_json;
mod release_please;
mod release_rules;
mod semantic_release;
mod shared;
mod tag_pattern;
#[cfg(test)]
mod tests;
mod versionrc;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use seaworthy_core::version::tag::TagFormat;
use serde_json::{Map, Value, json};

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
package.json, release-please-config.json (with .release-please-manifest.json), cliff.toml, .versionrc[.json|.js|.cjs].

Read in package.json: one of `release`, `commit-and-tag-version`, `standard-version`, and `changelog` or
`conventional-changelog` with a `preset`. Read in Cargo.toml and pyproject.toml, when named: git-cliff's tables.

Exit codes: 0 printed; 1 nothing that can be read; 4 could not be carried out")]
pub(super) struct Args {
    /// A file, or a folder with one.
    #[arg(default_value = ".")]
    from: PathBuf,
}

/// A plan's version section, and what is not in it.
#[derive(Debug, Default, PartialEq)]
struct Imported {
    /// What it is for, where a file is for several plans.
    name: String,
    /// The fields of `spec.version`.
    version: Map<String, Value>,
    /// `setting: why not, and what to do`.
    left: Vec<String>,
}

impl Imported {
    fn new(name: &str) -> Self {
        let version = Map::from_iter([("policy".to_owned(), json!("ConventionalCommits"))]);
        Self { name: name.to_owned(), version, left: Vec::new() }
    }

    fn set(&mut self, field: &str, value: Value) {
        self.version.insert(field.to_owned(), value);
    }

    fn leave(&mut self, setting: &str, why: &str) {
        let line = format!("{setting}: {why}");
        if !self.left.contains(&line) {
            self.left.push(line);
        }
    }

    /// The level of a commit type.
    fn level(&mut self, kind: &str, level: &str) {
        let types = self.version.entry("types").or_insert_with(|| json!({}));
        types[kind] = json!(level);
    }

    /// How tags are named, where `format` can be said here; otherwise it is named.
    fn tag_format(&mut self, setting: &str, format: &str) {
        let braces = format.matches(['{', '}']).count();
        if braces == 2 && format.len() <= 100 && TagFormat::parse(format).is_some() {
            self.set("tagFormat", json!(format));
        } else {
            self.leave(
                setting,
                &format!("{format:?} is no tag name with {{version}} in it once: write tagFormat yourself"),
            );
        }
    }

    /// The notes' sections, from `[{type, section, hidden}]`, as conventional-changelog and release-please have them: the first entry of a
    /// type counts, and what has none is left out.
    fn sections(&mut self, setting: &str, types: &[Value]) {
        let mut sections: Vec<(String, Vec<String>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in types {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
            let (kind, title) = (text("type"), text("section"));
            let why = if !(kind == "*" || is_type(kind)) || entry.get("scope").is_some_and(|scope| !scope.is_null()) {
                "is not of a type alone; sections are made of types"
            } else if !seen.insert(kind) || entry.get("hidden").and_then(Value::as_bool) == Some(true) {
                continue;
            } else if title.is_empty() || title.len() > 60 || title.contains(char::is_control) {
                "has no title of 1 to 60 characters: write one into version.notes.sections"
            } else {
                let at = sections.iter().position(|(known, _)| known == title).unwrap_or_else(|| {
                    sections.push((title.to_owned(), Vec::new()));
                    sections.len() - 1
                });
                match sections.get_mut(at) {
                    Some((_, kinds)) if at < 16 && kinds.len() < 16 => {
                        kinds.push(kind.to_owned());
                        continue;
                    }
                    _ => "is one too many: there are 16 sections at most, with 16 types each",
                }
            };
            self.leave(&format!("{setting}: {entry}"), why);
        }
        let sections: Vec<Value> = sections
            .into_iter()
            .filter(|(_, types)| !types.is_empty())
            .map(|(title, types)| json!({"title": title, "types": types}))
            .collect();
        if !seen.is_empty() || types.is_empty() {
            self.set("notes", json!({"sections": sections}));
        }
    }
}

/// Whether the plan's schema takes it as a commit type.
fn is_type(kind: &str) -> bool {
    kind.len() <= 40
        && kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
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
        text.push_str("# not carried over:\n");
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
    let size = fs::metadata(path).map_err(cannot)?.len();
    if size > MAX {
        return Err(Failure::unusable(format!("{shown} has {size} bytes, more than {MAX}")));
    }
    fs::read_to_string(path).map_err(cannot)
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
            let manifest =
                fs::metadata(&manifest).ok().filter(|m| m.len() <= MAX).and_then(|_| fs::read_to_string(manifest).ok());
            let released: Value = match manifest {
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
