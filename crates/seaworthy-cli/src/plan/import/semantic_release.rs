//! semantic-release: `.releaserc`, `release.config.*`, `release` in package.json.

use serde_json::{Value, json};

use super::Imported;

/// Why settings of how messages are read stay behind.
const MESSAGES: &str = "messages are read as Conventional Commits 1.0 has them";
/// Why settings of how notes are written stay behind.
const NOTES: &str = "write a template in version.notes.template";

pub(super) fn import(config: &Value) -> Imported {
    let mut out = Imported::new("semantic-release");
    // Its own defaults: only feat, fix, perf and reverts make a release, 0.x is like any other, the first one is 1.0.0.
    for (kind, level) in [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("revert", "Patch")] {
        out.level(kind, level);
    }
    out.set("minimumLevel", json!("None"));
    out.set("breakingBeforeV1", json!("Major"));
    out.set("initialVersion", json!("1.0.0"));
    for (name, value) in config.as_object().into_iter().flatten() {
        match name.as_str() {
            "tagFormat" => match value.as_str() {
                Some(format) if format.matches("${version}").count() == 1 => {
                    out.set("tagFormat", json!(format.replace("${version}", "{version}")));
                }
                _ => out.leave("tagFormat", "does not hold ${version} once"),
            },
            "repositoryUrl" => match value.as_str().map(|url| url.strip_prefix("git+").unwrap_or(url)) {
                Some(url) if url.starts_with("http") || url.starts_with("ssh") => out.set("git", json!({"url": url})),
                _ => out.leave("repositoryUrl", "write version.git.url as https:// or ssh://"),
            },
            "branches" | "branch" => branches(&mut out, value),
            "plugins" => value.as_array().into_iter().flatten().for_each(|one| plugin(&mut out, one)),
            // What stands here is an option of every plugin.
            "parserOpts" => out.leave(name, MESSAGES),
            "writerOpts" => out.leave(name, NOTES),
            "preset" => preset(&mut out, value),
            "presetConfig" => preset_config(&mut out, value),
            "releaseRules" => rules(&mut out, value),
            "extends" => out.leave("extends", "settings of another package: print the merged ones and import those"),
            "ci" | "dryRun" | "debug" => out.leave(name, "`kubectl seaworthy plan` shows without doing"),
            _ => out.leave(name, "is not about the version: a task of the plan does that"),
        }
    }
    if !out.version.contains_key("git") {
        out.leave("repositoryUrl", "is not given: add version.git.url");
    }
    out
}

fn branches(out: &mut Imported, value: &Value) {
    for branch in value.as_array().map_or_else(|| vec![value.clone()], Clone::clone) {
        let name = branch.as_str().or_else(|| branch.get("name").and_then(Value::as_str)).unwrap_or_default();
        let line = name.strip_suffix(".x").is_some_and(|rest| rest.split('.').all(|part| part.parse::<u32>().is_ok()));
        let why = if line {
            format!("make a plan of its own with version.line: \"{name}\"")
        } else if branch.get("prerelease").is_some_and(|p| p != &json!(false)) {
            "every Release is a candidate first; there are no channels of pre-releases".to_owned()
        } else {
            "a Release names its commit, whatever the branch".to_owned()
        };
        out.leave(&format!("branches: {name}"), &why);
    }
}

fn plugin(out: &mut Imported, plugin: &Value) {
    let (name, options) = match plugin.as_array() {
        Some(pair) => (pair.first().and_then(Value::as_str).unwrap_or_default(), pair.get(1)),
        None => (plugin.as_str().unwrap_or_default(), None),
    };
    let why = match name {
        "@semantic-release/commit-analyzer" => MESSAGES,
        "@semantic-release/release-notes-generator" => NOTES,
        "@semantic-release/changelog" => {
            return out
                .leave(name, "no commit goes back to the branch; the publish task has the notes in $SEAWORTHY_NOTES");
        }
        "@semantic-release/git" => return out.leave(name, "no commit goes back to the branch"),
        _ => return out.leave(name, "let publish.task do that"),
    };
    for (option, value) in options.and_then(Value::as_object).into_iter().flatten() {
        match option.as_str() {
            "preset" => preset(out, value),
            "presetConfig" => preset_config(out, value),
            "releaseRules" => rules(out, value),
            _ => out.leave(&format!("{name}: {option}"), why),
        }
    }
}

fn preset(out: &mut Imported, value: &Value) {
    match value.as_str().unwrap_or_default() {
        "angular" => out.leave("preset: angular", "does not know `!`; here `feat!:` is a breaking change"),
        "conventionalcommits" => {}
        name => out.leave(&format!("preset: {name}"), "other conventions than Conventional Commits are not read"),
    }
}

fn preset_config(out: &mut Imported, value: &Value) {
    for (option, value) in value.as_object().into_iter().flatten() {
        match (option.as_str(), value) {
            ("types", Value::Array(types)) => out.sections("presetConfig.types", types),
            _ => out.leave(&format!("presetConfig: {option}"), NOTES),
        }
    }
}

fn rules(out: &mut Imported, value: &Value) {
    for rule in value.as_array().into_iter().flatten() {
        let alone = rule.as_object().into_iter().flatten().all(|(name, _)| name == "type" || name == "release");
        let level = match rule.get("release") {
            Some(Value::Bool(false) | Value::Null) => Some("None"),
            Some(Value::String(level)) => match level.as_str() {
                "major" => Some("Major"),
                "minor" => Some("Minor"),
                "patch" => Some("Patch"),
                _ => None,
            },
            _ => None,
        };
        let plain = |kind: &&str| kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        match (rule.get("type").and_then(Value::as_str).filter(plain), level) {
            (Some(kind), Some(level)) if alone => out.level(kind, level),
            _ => out.leave(&format!("releaseRules: {rule}"), "levels are by commit type alone"),
        }
    }
}
