//! conventional-changelog's conventionalcommits preset: `.versionrc`.

use serde_json::{Value, json};

use super::Imported;

pub(super) fn import(config: &Value) -> Imported {
    let mut out = Imported::new("conventional-changelog");
    for (kind, level) in [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("revert", "Patch")] {
        out.level(kind, level);
    }
    // The recommended bump is a patch when nothing else is.
    out.set("minimumLevel", json!("Patch"));
    // A preset with options of its own has them beside its name.
    let preset =
        config.get("preset").and_then(Value::as_object).into_iter().flatten().filter(|(name, _)| *name != "name");
    let settings: Vec<_> = config.as_object().into_iter().flatten().chain(preset).collect();
    // Its programs turn `preMajor` on below 1.0.0 whatever the file says; not for a preset that is only named.
    let pre_major = !config.get("preset").is_some_and(Value::is_string);
    out.set("breakingBeforeV1", json!(if pre_major { "Minor" } else { "Major" }));
    if pre_major {
        out.leave("preMajor", "is on below 1.0.0 and also makes a feature a patch there; here it is a minor");
    }
    for (name, value) in settings {
        match (name.as_str(), value) {
            ("types", Value::Array(types)) => out.sections("types", types),
            ("tagPrefix", Value::String(prefix)) => out.set("tagFormat", json!(format!("{prefix}{{version}}"))),
            ("preMajor" | "$schema", _) | ("preset", Value::Object(_)) => {}
            ("preset", _) => out.leave(name, "types and their levels are in version.types"),
            ("commitUrlFormat" | "compareUrlFormat" | "issueUrlFormat" | "userUrlFormat", _) => {
                out.leave(name, "links come from version.notes.webUrl");
            }
            ("header" | "releaseCommitMessageFormat" | "skip" | "scripts" | "bumpFiles" | "packageFiles", _) => {
                out.leave(name, "no commit goes back to the branch");
            }
            _ => out.leave(name, "is not about the version: a task of the plan does that"),
        }
    }
    out.leave("url", "is not given: add version.git.url");
    out
}
