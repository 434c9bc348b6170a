//! semantic-release's `releaseRules`: what a rule says about one commit type becomes its level.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::import::imported::{Imported, is_type};

/// What one rule says.
enum Rule<'a> {
    /// The level of a type.
    Type(&'a str, &'static str),
    /// A breaking change is a major: of a type, or any.
    Breaking(Option<&'a str>),
    /// What a plan cannot say, and why.
    Left(&'static str),
}

pub(super) fn import(out: &mut Imported, setting: &str, value: &Value) {
    let Some(rules) = value.as_array() else {
        out.leave(
            &format!("{setting}: {value}"),
            "names a module: write its rules in its place, or levels into version.types",
        );
        return;
    };
    let mut levels: BTreeMap<&str, &'static str> = BTreeMap::new();
    let mut breaking = Vec::new();
    for rule in rules {
        match read(rule) {
            Rule::Type(kind, level) => {
                let known = levels.get(kind).copied();
                levels.insert(kind, later(known, level));
            }
            Rule::Breaking(kind) => breaking.push(kind),
            Rule::Left(why) => out.leave(&format!("releaseRules: {rule}"), why),
        }
    }
    for (kind, level) in &levels {
        out.level(kind, level);
        // Its own rules for breaking changes are not asked about a commit that one of these finds.
        if *level != "Major" && !breaking.contains(&None) && !breaking.contains(&Some(*kind)) {
            let why = format!("with a breaking change it is {} there too; here that is a major", level.to_lowercase());
            out.leave(&format!("releaseRules: type {kind}"), &why);
        }
    }
}

/// Of several rules that find a commit, the highest level counts, but a later one for no release puts down all before it.
fn later(known: Option<&'static str>, level: &'static str) -> &'static str {
    let rank = |level: &str| ["None", "Patch", "Minor", "Major"].iter().position(|one| *one == level);
    match known {
        Some(known) if known == "Major" || (level != "None" && rank(known) > rank(level)) => known,
        _ => level,
    }
}

fn read(rule: &Value) -> Rule<'_> {
    let level = match rule.get("release") {
        Some(Value::Bool(false) | Value::Null) => "None",
        Some(Value::String(level)) => match level.as_str() {
            "major" => "Major",
            "minor" => "Minor",
            "patch" => "Patch",
            _ => return Rule::Left("a level is major, minor, patch or none; candidates are <version>-rc.N"),
        },
        _ => return Rule::Left("has no release: a level is major, minor, patch or none"),
    };
    let on = |flag: &str| rule.get(flag) == Some(&Value::Bool(true));
    let text = |field: &str| rule.get(field).and_then(Value::as_str);
    // A flag that is off asks for nothing.
    let off = |name: &str, value: &Value| ["breaking", "revert"].contains(&name) && value == &Value::Bool(false);
    let fields = rule.as_object().into_iter().flatten().filter(|(name, value)| *name != "release" && !off(name, value));
    let mut names: Vec<&str> = fields.map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.as_slice() {
        ["breaking"] if level == "Major" => Rule::Breaking(None),
        ["breaking", "type"] if level == "Major" && on("breaking") => match text("type").filter(|kind| plain(kind)) {
            Some(kind) => Rule::Breaking(Some(kind)),
            None => Rule::Left(KIND),
        },
        ["revert"] if on("revert") => Rule::Type("revert", level),
        ["type"] => match text("type") {
            Some(kind) if plain(kind) => Rule::Type(kind, level),
            Some(kind) if kind.ends_with('!') => {
                Rule::Left("a type has no `!`, so it finds nothing there; a breaking change is a major here")
            }
            _ => Rule::Left(KIND),
        },
        [] => Rule::Left("finds every commit: write minimumLevel, and a level for each type that has another one"),
        names if names.contains(&"breaking") => {
            Rule::Left("a breaking change is always a major; below 1.0.0 breakingBeforeV1 says what it is")
        }
        names if names.contains(&"scope") => {
            Rule::Left("levels are by commit type, whatever the scope: give such commits a type of their own")
        }
        _ => Rule::Left("levels are by commit type alone"),
    }
}

/// Why a type stays behind.
const KIND: &str = "levels are by single types in lower case: write each one into version.types";

fn plain(kind: &str) -> bool {
    is_type(kind) && !kind.contains(|c: char| c.is_ascii_uppercase())
}
