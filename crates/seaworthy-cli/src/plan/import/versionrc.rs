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
    out.set("breakingBeforeV1", json!(if config.get("preMajor") == Some(&json!(true)) { "Minor" } else { "Major" }));
    for (name, value) in config.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("types", Value::Array(types)) => out.sections("types", types),
            ("tagPrefix", Value::String(prefix)) => out.set("tagFormat", json!(format!("{prefix}{{version}}"))),
            ("preMajor" | "$schema", _) => {}
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
