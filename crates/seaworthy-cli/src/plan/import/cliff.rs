//! git-cliff: `cliff.toml`.

mod message_pattern;
mod parsers;
mod tag_pattern;

use serde_json::{Value, json};

use super::Imported;

const TABLES: [&str; 4] = ["changelog", "git", "remote", "bump"];

/// Where in a file git-cliff's settings are; `None` when there are none.
pub(super) fn settings<'a>(file: &str, value: &'a Value) -> Option<&'a Value> {
    let at = |pointer: &str| value.pointer(pointer);
    let settings = match file {
        "Cargo.toml" => at("/workspace/metadata/git-cliff").or_else(|| at("/package/metadata/git-cliff")),
        "pyproject.toml" => at("/tool/git-cliff"),
        _ => Some(value),
    };
    settings.filter(|config| TABLES.iter().any(|table| config.get(table).is_some_and(Value::is_object)))
}

pub(super) fn import(config: &Value) -> Imported {
    let mut out = Imported::new("git-cliff");
    for (kind, level) in [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("revert", "Patch")] {
        out.level(kind, level);
    }
    // Its own default: any commit is at least a patch.
    out.set("minimumLevel", json!("Patch"));
    out.set("breakingBeforeV1", json!("Major"));
    let at = |table: &str, name: &str| config.get(table).and_then(|settings| settings.get(name));
    tags(&mut out, at("git", "tag_pattern"), at("bump", "initial_tag"));
    let is = |name: &str| at("git", name) == Some(&json!(true));
    let all = at("git", "commit_parsers").and_then(Value::as_array);
    if all.is_some() || is("filter_commits") {
        let all = all.map_or(&[][..], Vec::as_slice);
        parsers::import(&mut out, all, is("filter_commits"), is("protect_breaking_commits"));
    }
    for (table, settings) in config.as_object().into_iter().flatten() {
        match settings.as_object().filter(|_| TABLES.contains(&table.as_str())) {
            Some(settings) => settings.iter().for_each(|(name, value)| setting(&mut out, table, name, value)),
            None => out.leave(table, "is not one of git-cliff's tables"),
        }
    }
    out.leave("url", "is not given: add version.git.url");
    out
}

/// The tags that are there are those of the pattern; the first one only tells where there is none yet.
fn tags(out: &mut Imported, pattern: Option<&Value>, first: Option<&Value>) {
    if let Some(pattern) = pattern {
        let text = pattern.as_str().unwrap_or_default();
        let setting = format!("git.tag_pattern: {pattern}");
        match tag_pattern::beginning(text) {
            Some(found) => {
                out.tag_format(&setting, &format!("{}{{version}}", found.prefix));
                if !found.anchored {
                    out.leave(&setting, &format!("finds {:?} anywhere in a tag; here a tag begins with it", found.prefix));
                }
                if !found.rest.is_empty() {
                    let why = format!("only its beginning is in tagFormat; not what {:?} says", found.rest);
                    out.leave(&setting, &why);
                }
            }
            None => out.leave(&setting, "is not plainly a text before a digit: write tagFormat yourself, and version.line for a line such as 1.x"),
        }
    }
    match first {
        Some(first) => first_tag(out, first.as_str().unwrap_or_default()),
        None if !out.version.contains_key("tagFormat") => {
            out.leave("tagFormat", "git-cliff keeps what stands before the last tag's version; here it is v{version}: see that tags are so");
        }
        None => {}
    }
}

fn first_tag(out: &mut Imported, tag: &str) {
    let setting = format!("bump.initial_tag: {tag:?}");
    let number = tag.trim_start_matches(|c: char| !c.is_ascii_digit());
    if !semver::Version::parse(number).is_ok_and(|version| version.pre.is_empty() && version.build.is_empty()) {
        out.leave(
            &setting,
            "does not end with a final version such as 1.0.0: write initialVersion and tagFormat yourself",
        );
        return;
    }
    out.set("initialVersion", json!(number));
    let format = format!("{}{{version}}", tag.strip_suffix(number).unwrap_or_default());
    match out.version.get("tagFormat").and_then(Value::as_str).map(str::to_owned) {
        None => out.tag_format(&setting, &format),
        Some(known) if known != format => {
            out.leave(
                &setting,
                &format!("makes tags as {format}, git.tag_pattern finds those as {known}: tagFormat is the latter"),
            );
        }
        Some(_) => {}
    }
}

fn setting(out: &mut Imported, table: &str, name: &str, value: &Value) {
    let yes = value == &json!(true);
    let why = match (table, name) {
        // These are read before; parsers are named one by one.
        ("git", "tag_pattern") | ("bump", "initial_tag") => return,
        ("git", "filter_commits") if value.is_boolean() => return,
        ("git", "commit_parsers") if value.is_array() => return,
        ("bump", "breaking_always_bump_major") => {
            out.set("breakingBeforeV1", json!(if value == &json!(false) { "Minor" } else { "Major" }));
            return;
        }
        ("bump", "features_always_bump_minor")
        | ("git", "conventional_commits" | "filter_unconventional" | "protect_breaking_commits")
        | ("changelog", "trim")
            if yes =>
        {
            return;
        }
        ("bump", "features_always_bump_minor") => "a feature is a minor below 1.0.0 too",
        ("bump", "bump_type") => {
            "one level for every version; here commits say it, and a version is forced in Release.spec.version"
        }
        ("bump", "custom_major_increment_regex" | "custom_minor_increment_regex") => {
            "write each type that it finds into version.types with its level"
        }
        ("git", "require_conventional" | "fail_on_unmatched_commit" | "split_commits")
        | ("changelog", "render_always")
            if value == &json!(false) =>
        {
            return;
        }
        ("git", "protect_breaking_commits") => "a breaking change always counts and is always shown",
        ("git", "filter_unconventional") => "a commit without a type is shown in a section of type * alone",
        ("git", "sort_commits" | "topo_order" | "topo_order_commits") => "the notes have an order of their own",
        ("git", "skip_tags" | "ignore_tags" | "count_tags" | "use_branch_tags") => {
            "tags are recognised by version.tagFormat alone; of those, only final versions begin a range"
        }
        ("git", "include_path" | "exclude_path" | "include_paths" | "exclude_paths") => {
            "write the component's folders into version.paths"
        }
        ("git", "link_parsers") => "write links in version.notes.template",
        ("git", "limit_commits") => "every commit since the last version counts",
        ("git", _) => "messages are read as they are in the repository, as Conventional Commits",
        ("changelog", "output") => "no file is written; the publish task has the notes in $SEAWORTHY_NOTES",
        ("changelog", _) => "write a template in version.notes.template, in Jinja's language",
        ("remote", _) => "links come from version.notes.webUrl",
        _ => "has no counterpart",
    };
    out.leave(&format!("{table}.{name}"), why);
}
