//! conventional-changelog's presets: `.versionrc` of standard-version and commit-and-tag-version, and a preset that is only named.

use serde_json::{Map, Value, json};

use super::{Imported, shared};

/// Settings of a preset that the programs hand on to their default one, and to no other.
const OF_PRESET: [&str; 8] = [
    "types",
    "preMajor",
    "commitUrlFormat",
    "compareUrlFormat",
    "issueUrlFormat",
    "userUrlFormat",
    "issuePrefixes",
    "releaseCommitMessageFormat",
];

/// Settings of one of the programs.
pub(super) fn import(config: &Value) -> Imported {
    read(config, true)
}

/// `{"preset": ...}`, for a program that is not named.
pub(super) fn preset(config: &Value) -> Imported {
    read(config, false)
}

fn read(config: &Value, program: bool) -> Imported {
    let mut out = Imported::new("conventional-changelog");
    let config = config.as_object().cloned().unwrap_or_default();
    let given = config.get("preset").filter(|preset| !preset.is_null());
    // A preset with options of its own has them beside its name.
    let options = given.and_then(Value::as_object).cloned().unwrap_or_default();
    let name = given.and_then(|preset| preset.as_str().or_else(|| options.get("name")?.as_str())).map(short);
    levels(&mut out, name);
    // The programs turn `preMajor` on below 1.0.0 whatever the file says; not for a preset that is only named.
    let forced = program && !given.is_some_and(Value::is_string);
    let asked = options.get("preMajor").or_else(|| config.get("preMajor")) == Some(&json!(true));
    out.set("breakingBeforeV1", json!(if forced || asked { "Minor" } else { "Major" }));
    if forced {
        out.leave("preMajor", "is on below 1.0.0 and also makes a feature a patch there; here it is a minor");
    }
    if asked {
        out.leave(
            "preMajor: true",
            "lowers each level by one, from 1.0.0 on too; here only a breaking change, and only below 1.0.0",
        );
    }
    if program {
        out.leave(
            "initialVersion",
            "without a tag it begins with the version in package.json; here with 0.1.0: write it",
        );
    }
    for (setting, value) in &config {
        if given.is_some() && program && OF_PRESET.contains(&setting.as_str()) {
            out.leave(setting, "has no effect there beside preset; here it counts");
        }
        one(&mut out, setting, value);
    }
    // The programs come with a preset that does not know it.
    let strictly = !program && options.get("bumpStrict") == Some(&json!(true));
    for (option, value) in options.iter().filter(|(option, _)| *option != "name") {
        if !(strictly && option == "bumpStrict") {
            one(&mut out, option, value);
        }
    }
    if strictly {
        strict(&mut out, &options);
    }
    if config.get("noBumpWhenEmptyChanges") == Some(&json!(true)) {
        out.set("minimumLevel", json!("None"));
        for kind in ["perf", "revert"] {
            out.level(kind, "None");
        }
        // Whatever the preset, the program itself looks for features and fixes, and for nothing else.
        out.level("feature", "Minor");
    }
    out.leave("url", "is not given: add version.git.url");
    out
}

/// `conventional-changelog-angular`, a path to it, and `angular` are the same.
fn short(name: &str) -> &str {
    if name.contains("conventionalcommits") {
        return "conventionalcommits";
    }
    name.rsplit("conventional-changelog-").next().unwrap_or(name)
}

fn levels(out: &mut Imported, preset: Option<&str>) {
    for (kind, level) in [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("revert", "Patch")] {
        out.level(kind, level);
    }
    // The recommended bump is a patch when nothing else is.
    out.set("minimumLevel", json!("Patch"));
    match preset {
        None | Some("conventionalcommits") => out.level("feature", "Minor"),
        Some("angular") => out.leave("preset: angular", shared::ANGULAR),
        Some(other) => out.leave(&format!("preset: {other}"), shared::CONVENTIONS),
    }
}

/// `bumpStrict`: what the preset hides releases nothing.
fn strict(out: &mut Imported, options: &Map<String, Value>) {
    out.set("minimumLevel", json!("None"));
    out.leave(
        "bumpStrict",
        "a type that is in no entry of types is a patch there; here it releases nothing: write it into version.types",
    );
    let Some(Value::Array(types)) = options.get("types") else { return };
    for entry in types {
        if let Some(kind) = entry.get("type").and_then(Value::as_str).filter(|kind| super::imported::is_type(kind)) {
            let feature = ["feat", "feature"].contains(&kind);
            let level = match entry.get("hidden") == Some(&json!(true)) {
                _ if feature => "Minor",
                true => "None",
                false => "Patch",
            };
            out.level(kind, level);
        }
    }
}

fn one(out: &mut Imported, name: &str, value: &Value) {
    // Off is what they are anyway.
    let flags = [
        "firstRelease",
        "prerelease",
        "commitAll",
        "sign",
        "signoff",
        "noVerify",
        "tagForce",
        "dryRun",
        "silent",
        "verbose",
        "noBumpWhenEmptyChanges",
        "bumpStrict",
    ];
    if value.is_null() || (value == &json!(false) && flags.contains(&name)) {
        return;
    }
    let why = match (name, value) {
        ("types", Value::Array(types)) => return out.sections("types", types),
        ("tagPrefix", Value::String(prefix)) => return out.tag_format("tagPrefix", &format!("{prefix}{{version}}")),
        ("path", Value::String(path)) => return folder(out, path),
        ("preset", Value::String(_) | Value::Object(_))
        | ("preMajor" | "$schema", _)
        | ("noBumpWhenEmptyChanges", Value::Bool(true)) => return,
        ("types" | "tagPrefix" | "path" | "preset", _) => "is not of the form that the tool reads",
        ("releaseAs", _) => shared::FORCED,
        ("prerelease", _) => shared::CHANNELS,
        ("firstRelease", _) => "tags the version in package.json as it is: write it into version.initialVersion",
        ("tagForce", _) => "a tag is never replaced: publish.task sets it on the commit that was released, once",
        ("sign", _) => "there is no commit to sign; publish.task signs the tag",
        ("gitTagFallback", _) => "versions come from tags alone, never from files",
        ("lernaPackage", _) => "tags such as package@1.0.0 are found by tagFormat: write \"package@{version}\"",
        ("scripts", _) => "tasks of the plan do that; for a version that prebump prints, Release.spec.version",
        ("skip", _) => "no commit goes back to the branch; publish.task tags and publishes, as it is written",
        ("packageFiles" | "bumpFiles", _) => {
            "no commit goes back to the branch and versions come from tags: the candidate is built with $SEAWORTHY_VERSION"
        }
        ("infile" | "releaseCount" | "outputUnreleased", _) => {
            "notes are of one version; the publish task has them in $SEAWORTHY_NOTES"
        }
        ("header" | "changelogHeader" | "writerOpts", _) => "write a template in version.notes.template",
        ("parserOpts", _) => "messages are read as Conventional Commits 1.0 has them",
        ("commitUrlFormat" | "compareUrlFormat" | "issueUrlFormat" | "userUrlFormat" | "issuePrefixes", _) => {
            shared::LINKS
        }
        ("releaseCommitMessageFormat" | "message" | "commitAll" | "signoff" | "noVerify", _) => shared::NO_COMMIT,
        ("dryRun", _) => "`kubectl seaworthy plan` shows without doing",
        ("config", _) => "names another file with settings: import that one",
        ("scope" | "scopeOnly", _) => {
            "levels and sections are by commit type, whatever the scope; version.paths makes a component"
        }
        ("ignoreCommits", _) => "every commit of the range counts",
        ("bumpStrict", _) => "is not known to that program's preset; write minimumLevel None and a level for each type",
        _ => "is not about the version: a task of the plan does that",
    };
    let said = value.as_str().filter(|_| ["releaseAs", "prerelease", "lernaPackage"].contains(&name));
    let setting = said.map_or_else(|| name.to_owned(), |text| format!("{name}: {text}"));
    out.leave(&setting, why);
}

/// Commits below a folder: the component's.
fn folder(out: &mut Imported, path: &str) {
    let clean = path.trim_start_matches("./").trim_end_matches('/');
    let plain = !clean.is_empty() && clean.len() <= 200 && !clean.starts_with('/');
    let strange = clean.contains(['*', '?', ':', '[']) || clean.contains(char::is_control);
    if plain && !strange && !clean.split('/').any(|part| part == "." || part == "..") {
        out.set("paths", json!([clean]));
        out.leave(
            "path",
            "is seen from where the tool runs; version.paths from the repository's top: see that it is the same",
        );
    } else {
        out.leave(
            &format!("path: {path:?}"),
            "write the component's folder, from the repository's top, into version.paths",
        );
    }
}
