//! `git.commit_parsers`: which commits are shown where, and which count at all.

use serde_json::{Value, json};

use super::{super::Imported, message_pattern};

/// What a skipped type means for a range.
const ALONE: &str = "releases nothing there; here a range of such commits alone is a patch: write minimumLevel None and a level for each type";

/// `{message = "^feat", group = "Features"}`: sections by type. Of several parsers that find a commit, the first counts.
pub(super) fn import(out: &mut Imported, parsers: &[Value], filter: bool, protected: bool) {
    let mut types: Vec<Value> = Vec::new();
    let mut skips = Vec::new();
    for parser in parsers {
        let setting = format!("git.commit_parsers: {parser}");
        let text = |name: &str| parser.get(name).and_then(Value::as_str).unwrap_or_default();
        let skip = parser.get("skip") == Some(&json!(true));
        if let Some(scope) = parser.get("default_scope").or_else(|| parser.get("scope")) {
            out.leave(&format!("git.commit_parsers: scope {scope}"), "a scope is shown as the commit has it");
        }
        let of_message = ["message", "group", "skip", "default_scope", "scope"];
        let alone =
            parser.as_object().is_some_and(|fields| fields.keys().all(|field| of_message.contains(&field.as_str())));
        let kinds =
            if alone { parser.get("message").and_then(Value::as_str).and_then(message_pattern::types) } else { None };
        // A leading comment orders groups; here the list does.
        let title = text("group").rsplit("-->").next().unwrap_or_default().trim();
        let known = |kind: &str| types.iter().any(|entry| entry["type"] == kind || entry["type"] == "*");
        match kinds {
            None if skip && text("message").contains("release") => {
                out.leave(&setting, "no commit goes back to the branch, so no new release commits come");
            }
            None if skip => out.leave(
                &setting,
                "a type is left out as a whole, when no section has it: give such commits a type of their own",
            ),
            None => out.leave(&setting, "sections are made of commit types"),
            Some(_) if title.contains(['$', '{']) => {
                out.leave(&setting, "a group that is made of the message; sections have fixed titles");
            }
            Some(kinds) => {
                let new: Vec<String> = kinds.into_iter().filter(|kind| !known(kind)).collect();
                for kind in &new {
                    types.push(json!({"type": kind, "section": title, "hidden": skip}));
                }
                if skip && !new.is_empty() {
                    skips.push((setting, new));
                }
            }
        }
    }
    let rest = types.iter().find(|entry| entry["type"] == "*");
    let rest_shown = rest.is_some_and(|entry| entry["hidden"] == false);
    let rest_hidden = rest.map_or(filter, |entry| entry["hidden"] == true);
    for (setting, kinds) in skips {
        for kind in kinds.iter().filter(|kind| *kind != "*") {
            out.level(kind, "None");
        }
        if rest_shown {
            out.leave(&setting, "the section of type * shows it here: write the types that it shall show instead of *");
        }
        if !rest_hidden {
            out.leave(&setting, ALONE);
        }
        if !protected {
            out.leave(&setting, "a breaking change of it counts here, and is shown");
        }
    }
    if rest_hidden {
        only(out, &types);
    }
    if !types.is_empty() {
        out.sections("git.commit_parsers", &types);
    }
}

/// Only what a parser shows makes a version, at least a patch.
fn only(out: &mut Imported, types: &[Value]) {
    out.set("minimumLevel", json!("None"));
    let shown: Vec<&str> =
        types.iter().filter(|entry| entry["hidden"] == false).filter_map(|entry| entry["type"].as_str()).collect();
    for kind in ["feat", "fix", "perf", "revert"].into_iter().filter(|kind| !shown.contains(kind)) {
        out.level(kind, "None");
    }
    for kind in shown.into_iter().filter(|kind| *kind != "feat") {
        out.level(kind, "Patch");
    }
}
