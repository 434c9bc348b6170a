//! git-cliff: `cliff.toml`.

use serde_json::{Value, json};

use super::Imported;

pub(super) fn import(config: &Value) -> Imported {
    let mut out = Imported::new("git-cliff");
    for (kind, level) in [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("revert", "Patch")] {
        out.level(kind, level);
    }
    // Its own default: any commit is at least a patch.
    out.set("minimumLevel", json!("Patch"));
    out.set("breakingBeforeV1", json!("Major"));
    for (table, settings) in config.as_object().into_iter().flatten() {
        for (name, value) in settings.as_object().into_iter().flatten() {
            setting(&mut out, table, name, value);
        }
    }
    out.leave("url", "is not given: add version.git.url");
    out
}

fn setting(out: &mut Imported, table: &str, name: &str, value: &Value) {
    let why = match (table, name) {
        ("bump", "initial_tag") => {
            let tag = value.as_str().unwrap_or_default();
            let number = tag.trim_start_matches(|c: char| !c.is_ascii_digit());
            let final_number = semver::Version::parse(number).is_ok_and(|version| version.pre.is_empty());
            if final_number {
                out.set("initialVersion", json!(number));
                out.set("tagFormat", json!(format!("{}{{version}}", tag.strip_suffix(number).unwrap_or_default())));
            } else {
                out.leave(
                    &format!("bump.initial_tag: {tag:?}"),
                    "does not end with a final version such as 1.0.0: write initialVersion and tagFormat yourself",
                );
            }
            return;
        }
        ("bump", "breaking_always_bump_major") => {
            out.set("breakingBeforeV1", json!(if value == &json!(false) { "Minor" } else { "Major" }));
            return;
        }
        ("git", "commit_parsers") => return parsers(out, value.as_array().map_or(&[], Vec::as_slice)),
        ("bump", "features_always_bump_minor") if value == &json!(true) => return,
        ("git", "conventional_commits" | "filter_unconventional" | "sort_commits" | "topo_order")
        | ("changelog", "trim" | "output") => return,
        ("bump", "features_always_bump_minor") => "a feature is a minor below 1.0.0 too",
        ("git", "tag_pattern" | "skip_tags" | "ignore_tags") => "tags are recognised by version.tagFormat alone",
        ("git", "include_path" | "exclude_path" | "include_paths" | "exclude_paths") => {
            "write the component's folders into version.paths"
        }
        ("git", _) => "messages are read as they are in the repository",
        ("changelog", _) => "write a template in version.notes.template, in Jinja's language",
        ("remote", _) => "links come from version.notes.webUrl",
        _ => "has no counterpart",
    };
    out.leave(&format!("{table}.{name}"), why);
}

/// `{message = "^feat", group = "Features"}`: sections by type.
fn parsers(out: &mut Imported, parsers: &[Value]) {
    let mut types = Vec::new();
    for parser in parsers.iter().filter(|parser| parser.get("skip") != Some(&json!(true))) {
        let text = |name: &str| parser.get(name).and_then(Value::as_str).unwrap_or_default();
        // A leading comment orders groups; here the list does.
        let title = text("group").rsplit("-->").next().unwrap_or_default().trim();
        let message = text("message").trim_start_matches('^');
        let kind: String = message.chars().take_while(char::is_ascii_alphanumeric).collect();
        let rest = message.get(kind.len()..).unwrap_or_default();
        let of_type = rest.is_empty() || rest.starts_with([':', '!', '.', '(', '[', '\\']);
        if let Some(scope) = parser.get("default_scope").or_else(|| parser.get("scope")) {
            out.leave(&format!("git.commit_parsers: scope {scope}"), "a scope is shown as the commit has it");
        }
        if title.is_empty() || (kind.is_empty() && message != ".*") || !of_type {
            out.leave(&format!("git.commit_parsers: {parser}"), "sections are made of commit types");
        } else {
            let kind = if kind.is_empty() { "*" } else { &kind };
            types.push(json!({"type": kind, "section": title}));
        }
    }
    out.sections("git.commit_parsers", &types);
}
