//! semantic-release: `.releaserc`, `release.config.*`, `release` in package.json.

mod rules;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Imported, shared};

const ANALYZER: &str = "@semantic-release/commit-analyzer";
const GENERATOR: &str = "@semantic-release/release-notes-generator";

/// Why settings of how messages are read stay behind.
const MESSAGES: &str = "messages are read as Conventional Commits 1.0 has them";
/// Why settings of how notes are written stay behind.
const NOTES: &str = "write a template in version.notes.template";

/// Options of one step, by name, each with where it stands. What stands nearer to the step counts.
type Options = BTreeMap<String, (String, Value)>;

pub(super) fn import(config: &Value) -> Imported {
    let mut out = Imported::new("semantic-release");
    // Its own defaults: only feat, fix, perf and reverts make a release, 0.x is like any other, the first one is 1.0.0.
    for (kind, level) in [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("revert", "Patch")] {
        out.level(kind, level);
    }
    out.set("minimumLevel", json!("None"));
    out.set("breakingBeforeV1", json!("Major"));
    out.set("initialVersion", json!("1.0.0"));
    let (mut analyzer, mut generator) = (Options::new(), Options::new());
    for (name, value) in config.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        match name.as_str() {
            "tagFormat" => match value.as_str() {
                Some(format) if format.matches("${version}").count() == 1 => {
                    out.tag_format("tagFormat", &format.replace("${version}", "{version}"));
                }
                _ => out.leave("tagFormat", "does not hold ${version} once"),
            },
            "repositoryUrl" => match value.as_str().map(|url| url.strip_prefix("git+").unwrap_or(url)) {
                Some(url) if ["http://", "https://", "ssh://"].iter().any(|scheme| url.starts_with(scheme)) => {
                    out.set("git", json!({"url": url}));
                }
                _ => out.leave("repositoryUrl", "write version.git.url as https:// or ssh://"),
            },
            "branches" | "branch" => branches(&mut out, value),
            "plugins" | "analyzeCommits" | "generateNotes" => {}
            // What stands here is an option of every plugin.
            "preset" | "presetConfig" | "config" | "parserOpts" => {
                analyzer.insert(name.clone(), (name.clone(), value.clone()));
                generator.insert(name.clone(), (name.clone(), value.clone()));
            }
            "releaseRules" => drop(analyzer.insert(name.clone(), (name.clone(), value.clone()))),
            "writerOpts" => drop(generator.insert(name.clone(), (name.clone(), value.clone()))),
            "extends" => out.leave("extends", "settings of another package: print the merged ones and import those"),
            "ci" | "noCi" | "dryRun" | "debug" => out.leave(name, "`kubectl seaworthy plan` shows without doing"),
            "verifyConditions" | "verifyRelease" => out.leave(name, "let a gate of the plan check that"),
            "prepare" => out.leave(name, "let candidate.task do that; no commit goes back to the branch"),
            "publish" | "addChannel" => out.leave(name, "let publish.task do that"),
            "success" | "fail" => out.leave(name, "the plan's notifications tell how a Release ended"),
            _ => out.leave(name, "is not about the version: a task of the plan does that"),
        }
    }
    match config.get("plugins").filter(|plugins| !plugins.is_null()) {
        Some(plugins) => {
            for one in several(plugins) {
                plugin(&mut out, one, &mut analyzer, &mut generator);
            }
        }
        None => out.leave("plugins", "are not given, so it publishes to npm and GitHub: let publish.task do that"),
    }
    for (name, expected, options) in
        [("analyzeCommits", ANALYZER, &mut analyzer), ("generateNotes", GENERATOR, &mut generator)]
    {
        for one in config.get(name).into_iter().flat_map(several) {
            step(&mut out, name, expected, one, options);
        }
    }
    if !["branches", "branch"].iter().any(|name| config.get(name).is_some_and(|value| !value.is_null())) {
        out.leave(
            "branches",
            &format!("are not given, so it releases from branches such as 1.x and 1.2.x, too: {LINES}"),
        );
    }
    analyze(&mut out, &analyzer);
    generate(&mut out, &generator);
    if !out.version.contains_key("git") {
        out.leave("repositoryUrl", "is not given: add version.git.url");
    }
    out
}

/// What becomes of a pattern that stands for maintenance branches.
const LINES: &str = "for each such line make a plan of its own with version.line, e.g. \"1.x\"";

fn several(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

fn branches(out: &mut Imported, value: &Value) {
    for branch in several(value) {
        let field = |field: &str| branch.get(field).and_then(Value::as_str);
        let name = branch.as_str().or_else(|| field("name")).unwrap_or_default();
        let range = field("range").unwrap_or(name);
        let lines = range.strip_suffix(".x").is_some();
        let line = range.strip_suffix(".x").is_some_and(|rest| rest.split('.').all(|part| part.parse::<u32>().is_ok()));
        let why = if branch.get("prerelease").is_some_and(|p| p != &json!(false)) {
            shared::CHANNELS.to_owned()
        } else if line {
            format!("make a plan of its own with version.line: \"{range}\"")
        } else if lines {
            LINES.to_owned()
        } else if branch.get("channel").is_some() {
            "a Release names its commit, whatever the branch, and publish.task says where it goes".to_owned()
        } else {
            "a Release names its commit, whatever the branch".to_owned()
        };
        out.leave(&format!("branches: {name}"), &why);
    }
}

/// A plugin's name and options: `"name"`, `["name", {}]` or `{"path": "name"}`.
fn parts(plugin: &Value) -> (&str, Vec<(&String, &Value)>) {
    let (name, options) = if let Some(pair) = plugin.as_array() {
        (pair.first(), pair.get(1))
    } else if plugin.is_object() {
        (plugin.get("path"), Some(plugin))
    } else {
        (Some(plugin), None)
    };
    let options = options.and_then(Value::as_object).into_iter().flatten().filter(|(option, _)| *option != "path");
    (name.and_then(Value::as_str).unwrap_or_default(), options.collect())
}

fn plugin(out: &mut Imported, plugin: &Value, analyzer: &mut Options, generator: &mut Options) {
    let (name, options) = parts(plugin);
    match name {
        ANALYZER | GENERATOR => {
            let target = if name == ANALYZER { analyzer } else { generator };
            for (option, value) in options {
                target.insert(option.clone(), (format!("{name}: {option}"), value.clone()));
            }
        }
        "@semantic-release/changelog" => {
            out.leave(name, "no commit goes back to the branch; the publish task has the notes in $SEAWORTHY_NOTES");
        }
        "@semantic-release/git" => out.leave(name, "no commit goes back to the branch"),
        "@semantic-release/exec" => {
            for (option, _) in options {
                let why = match option.as_str() {
                    "analyzeCommitsCmd" => "a command decides levels there; write them into version.types",
                    "generateNotesCmd" => NOTES,
                    "verifyConditionsCmd" | "verifyReleaseCmd" => "let a gate of the plan check that",
                    _ => "let a task of the plan do that",
                };
                out.leave(&format!("{name}: {option}"), why);
            }
        }
        "" => out.leave(&format!("plugins: {plugin}"), "has no name: let publish.task do what it does"),
        name if name.starts_with("@semantic-release/") => out.leave(name, "let publish.task do that"),
        name => out.leave(
            name,
            "let publish.task do that; if it decides levels or notes, write version.types and version.notes",
        ),
    }
}

/// The older form: what a step does is named by the step.
fn step(out: &mut Imported, step: &str, expected: &str, value: &Value, options: &mut Options) {
    // An object without a path has options for the plugin that is there anyway.
    let (name, own) = parts(value);
    if value.is_null() || (value == &json!(false) && step == "generateNotes") {
        return;
    }
    if name != expected && !(name.is_empty() && value.is_object()) {
        let why = "another program does that step; what it decides is written in version.types or version.notes here";
        out.leave(&format!("{step}: {value}"), why);
        return;
    }
    for (option, value) in own {
        options.insert(option.clone(), (format!("{step}: {option}"), value.clone()));
    }
}

fn analyze(out: &mut Imported, options: &Options) {
    if !options.contains_key("preset") && !options.contains_key("config") {
        out.leave(
            "preset",
            "is angular where none is given, which does not know `!`; here `feat!:` is a breaking change",
        );
    }
    for (option, (setting, value)) in options {
        match option.as_str() {
            "preset" => preset(out, value),
            "releaseRules" => rules::import(out, setting, value),
            "config" => out.leave(setting, "other conventions than Conventional Commits are not read"),
            // It stands for both steps there, and only the other one has sections.
            "presetConfig" if setting == option => {}
            _ => out.leave(setting, MESSAGES),
        }
    }
}

fn generate(out: &mut Imported, options: &Options) {
    let name = options.get("preset").and_then(|(_, preset)| preset.as_str()).unwrap_or("angular").to_lowercase();
    for (option, (setting, value)) in options {
        match option.as_str() {
            "preset" => preset(out, value),
            "presetConfig" => {
                if name != "conventionalcommits" {
                    let why =
                        format!("has no effect there with preset {name}; its types are carried over all the same");
                    out.leave(setting, &why);
                }
                preset_config(out, setting, value);
            }
            "config" => out.leave(setting, "other conventions than Conventional Commits are not read"),
            "parserOpts" => out.leave(setting, MESSAGES),
            "host" | "linkCompare" | "linkReferences" | "commit" | "issue" => out.leave(setting, shared::LINKS),
            _ => out.leave(setting, NOTES),
        }
    }
}

fn preset(out: &mut Imported, value: &Value) {
    match value.as_str().unwrap_or_default().to_lowercase().as_str() {
        "angular" => out.leave("preset: angular", shared::ANGULAR),
        "conventionalcommits" => {}
        _ => out.leave(&format!("preset: {value}"), shared::CONVENTIONS),
    }
}

fn preset_config(out: &mut Imported, setting: &str, value: &Value) {
    let Some(options) = value.as_object() else {
        out.leave(setting, NOTES);
        return;
    };
    for (option, value) in options {
        match (option.as_str(), value) {
            ("types", Value::Array(types)) => out.sections("presetConfig.types", types),
            ("issueUrlFormat" | "commitUrlFormat" | "compareUrlFormat" | "userUrlFormat", _) => {
                out.leave(&format!("presetConfig: {option}"), shared::LINKS);
            }
            _ => out.leave(&format!("presetConfig: {option}"), NOTES),
        }
    }
}
