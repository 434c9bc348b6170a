//! A plan's version section in the making.

use std::collections::BTreeSet;

use seaworthy_core::version::tag::TagFormat;
use serde_json::{Map, Value, json};

/// A plan's version section, and what is not in it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Imported {
    /// What it is for, where a file is for several plans.
    pub(super) name: String,
    /// The fields of `spec.version`.
    pub(super) version: Map<String, Value>,
    /// `setting: why not, and what to do`.
    pub(super) left: Vec<String>,
}

impl Imported {
    pub(super) fn new(name: &str) -> Self {
        let version = Map::from_iter([("policy".to_owned(), json!("ConventionalCommits"))]);
        Self { name: name.to_owned(), version, left: Vec::new() }
    }

    pub(super) fn set(&mut self, field: &str, value: Value) {
        self.version.insert(field.to_owned(), value);
    }

    pub(super) fn leave(&mut self, setting: &str, why: &str) {
        let line = format!("{setting}: {why}");
        if !self.left.contains(&line) {
            self.left.push(line);
        }
    }

    /// The level of a commit type.
    pub(super) fn level(&mut self, kind: &str, level: &str) {
        let types = self.version.entry("types").or_insert_with(|| json!({}));
        types[kind] = json!(level);
    }

    /// How tags are named, where `format` can be said here; otherwise it is named.
    pub(super) fn tag_format(&mut self, setting: &str, format: &str) {
        let braces = format.matches(['{', '}']).count();
        if braces == 2 && format.len() <= 100 && TagFormat::parse(format).is_some() {
            self.set("tagFormat", json!(format));
        } else {
            self.leave(
                setting,
                &format!("{format:?} is no tag name with {{version}} in it once: write tagFormat yourself"),
            );
        }
    }

    /// The notes' sections, from `[{type, section, hidden}]`, as conventional-changelog and release-please have them: the first entry of a
    /// type counts, and what has none is left out.
    pub(super) fn sections(&mut self, setting: &str, types: &[Value]) {
        let mut sections: Vec<(String, Vec<String>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in types {
            let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
            let (kind, title) = (text("type"), text("section"));
            let why = if !(kind == "*" || is_type(kind)) || entry.get("scope").is_some_and(|scope| !scope.is_null()) {
                "is not of a type alone; sections are made of types"
            } else if !seen.insert(kind) || entry.get("hidden").and_then(Value::as_bool) == Some(true) {
                continue;
            } else if title.is_empty() || title.len() > 60 || title.contains(char::is_control) {
                "has no title of 1 to 60 characters: write one into version.notes.sections"
            } else {
                let at = sections.iter().position(|(known, _)| known == title).unwrap_or_else(|| {
                    sections.push((title.to_owned(), Vec::new()));
                    sections.len() - 1
                });
                match sections.get_mut(at) {
                    Some((_, kinds)) if at < 16 && kinds.len() < 16 => {
                        kinds.push(kind.to_owned());
                        continue;
                    }
                    _ => "is one too many: there are 16 sections at most, with 16 types each",
                }
            };
            self.leave(&format!("{setting}: {entry}"), why);
        }
        let sections: Vec<Value> = sections
            .into_iter()
            .filter(|(_, types)| !types.is_empty())
            .map(|(title, types)| json!({"title": title, "types": types}))
            .collect();
        if !seen.is_empty() || types.is_empty() {
            self.set("notes", json!({"sections": sections}));
        }
    }
}

/// Whether the plan's schema takes it as a commit type.
pub(super) fn is_type(kind: &str) -> bool {
    kind.len() <= 40
        && kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
