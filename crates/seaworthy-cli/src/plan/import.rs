//! `plan import`: the settings of another release tool in, a plan's version section out.
//!
//! What is carried over is what says which version comes next and what the notes look like. Everything else is named with a reason, so that
//! nothing is lost in silence. Deliberately absent: running the other tool's configuration, which may be a program.

mod cliff;
mod release_please;
mod semantic_release;
#[cfg(test)]
mod tests;
mod versionrc;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Map, Value, json};

use crate::exit::{self, Code, Failure};

/// Longest file that is read.
const MAX: u64 = 1024 * 1024;

/// Where the settings are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looked for in a folder, in this order: .releaserc[.json|.yaml|.yml], release.config.*, package.json with a `release`,
release-please-config.json (with .release-please-manifest.json), cliff.toml, .versionrc[.json|.js|.cjs].

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

    /// The notes' sections, from `[{type, section, hidden}]`, as conventional-changelog and release-please have them.
    fn sections(&mut self, setting: &str, types: &[Value]) {
        let mut sections: Vec<(String, Vec<String>)> = Vec::new();
        for entry in types {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
            let (kind, title) = (text("type"), text("section"));
            if entry.get("hidden").and_then(Value::as_bool) == Some(true) || title.is_empty() {
                continue;
            }
            if kind.is_empty() || entry.get("scope").is_some() {
                self.leave(setting, "an entry that is not of a type alone; sections are made of types");
                continue;
            }
            match sections.iter_mut().find(|(known, _)| known == title) {
                Some((_, kinds)) => kinds.push(kind.to_owned()),
                None => sections.push((title.to_owned(), vec![kind.to_owned()])),
            }
        }
        let sections: Vec<Value> =
            sections.into_iter().map(|(title, types)| json!({"title": title, "types": types})).collect();
        if !sections.is_empty() {
            self.set("notes", json!({"sections": sections}));
        }
    }
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
    let names = [
        ".releaserc",
        ".releaserc.json",
        ".releaserc.yaml",
        ".releaserc.yml",
        "release.config.js",
        "release.config.cjs",
        "release.config.mjs",
        "release.config.ts",
        "package.json",
        "release-please-config.json",
        "cliff.toml",
        ".versionrc",
        ".versionrc.json",
        ".versionrc.js",
        ".versionrc.cjs",
    ];
    let mut why = None;
    for path in names.map(|name| from.join(name)).into_iter().filter(|path| path.is_file()) {
        match read(&path) {
            Ok(all) => return Ok((path, all)),
            // package.json is there for other reasons too; a program may stand beside settings that can be read.
            Err(failure) => why = why.or(Some(failure)),
        }
    }
    Err(why.unwrap_or_else(|| {
        Failure::refused(format!("{}: none of {} is there; name the file", from.display(), names.join(", ")))
    }))
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
    let size = fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if size > MAX {
        return Err(Failure::unusable(format!("{shown} has {size} bytes, more than {MAX}")));
    }
    let text = fs::read_to_string(path).map_err(|error| cannot(&error))?;
    // JSON is YAML.
    let value: Value = if extension == "toml" {
        toml::from_str(&text).map_err(|error| cannot(&error))?
    } else {
        serde_saphyr::from_str(&text).map_err(|error| cannot(&error))?
    };
    let has = |field: &str| value.get(field).is_some();
    Ok(match name.as_str() {
        "package.json" => {
            if let Some(release) = value.get("release") {
                vec![semantic_release::import(release)]
            } else if let Some(settings) = value.get("commit-and-tag-version").or_else(|| value.get("standard-version"))
            {
                vec![versionrc::import(settings)]
            } else {
                return Err(Failure::refused(format!(
                    "{shown} has none of `release`, `commit-and-tag-version`, `standard-version`: there is nothing to import"
                )));
            }
        }
        name if name.starts_with(".versionrc") => vec![versionrc::import(&value)],
        _ if extension == "toml" => vec![cliff::import(&value)],
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
        _ if has("plugins") || has("branches") || has("tagFormat") || has("preset") || has("extends") => {
            vec![semantic_release::import(&value)]
        }
        _ if has("types") => vec![versionrc::import(&value)],
        _ => return Err(Failure::refused(format!("{shown}: none of the tools' settings is recognised in it"))),
    })
}
