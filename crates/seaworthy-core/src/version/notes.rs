//! Release notes: a version plan in, a draft in Markdown out, for a person to edit and to approve.
//!
//! The default format is Keep a Changelog 1.1.0 with what breaks before everything else. Which commit types make which section is the
//! plan's, and so is the template, in Jinja's language: it sees [`View`]. A template runs with a bound on its steps and has neither
//! files nor includes.
//!
//! Deliberately absent: files, time (the day is given) and whether somebody has agreed.

use std::collections::BTreeSet;

use minijinja::{Environment, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::{Deserialize, Serialize};

use super::{CommitVerdict, Fate, Level, VersionPlan, message, revert};

/// Longest draft, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most entries that a draft lists.
pub const MAX_ENTRIES: usize = 1_000;
/// Most contributors that a draft lists.
pub const MAX_CONTRIBUTORS: usize = 100;
/// Steps that a template may take.
const FUEL: u64 = 2_000_000;

/// The format of Keep a Changelog.
pub const KEEP_A_CHANGELOG: &str = "\
## [{{ version }}] - {{ date }}
{% if breaking %}

### Breaking changes

{% for entry in breaking %}
- {{ entry.text }}{% if entry.note and entry.note != entry.description %}: {{ entry.note }}{% endif %}
{% if entry.link %} ([{{ entry.short }}]({{ entry.link }})){% else %} ({{ entry.short }}){% endif %}

{% endfor %}
{% endif %}
{% for section in sections %}

### {{ section.title }}

{% for entry in section.entries %}
- {{ entry.text }}{% if entry.link %} ([{{ entry.short }}]({{ entry.link }})){% else %} ({{ entry.short }}){% endif %}

{% endfor %}
{% endfor %}
{% if omitted %}

{{ omitted }} more commits are not listed.
{% endif %}
{% if contributors %}

### Contributors

{{ contributors | join(', ') }}
{% endif %}
{% if compare %}

[{{ version }}]: {{ compare }}
{% endif %}
";

/// How notes are drafted: `ReleasePlan.spec.version.notes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NotesRules {
    /// The sections in their order. A type that is in none of them is left out.
    pub sections: Vec<Section>,
    /// Whether the authors' names are listed.
    pub contributors: bool,
    /// The repository's page, without a slash at its end: commits are linked as `<page>/commit/<id>` and versions as
    /// `<page>/compare/<tag>...<tag>`. Empty: no links.
    pub web_url: String,
    /// A template in Jinja's language; empty: [`KEEP_A_CHANGELOG`].
    pub template: String,
}

/// One section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// The commit types in it, without regard to case; `*` is every type that no other section names, and what has no type.
    pub types: Vec<String>,
}

/// The sections of Keep a Changelog, as far as commit types tell them.
pub fn sections() -> Vec<Section> {
    [
        ("Added", &["feat"][..]),
        ("Changed", &["perf", "refactor", "deps"]),
        ("Removed", &["revert"]),
        ("Fixed", &["fix"]),
    ]
    .into_iter()
    .map(|(title, types)| Section { title: title.to_owned(), types: types.iter().map(|&t| t.to_owned()).collect() })
    .collect()
}

impl Default for NotesRules {
    fn default() -> Self {
        Self { sections: sections(), contributors: true, web_url: String::new(), template: String::new() }
    }
}

/// Why there is no draft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotesError {
    /// The template cannot be used.
    #[error("version.notes.template: {0}; correct it, or leave it out for Keep a Changelog")]
    Template(String),
    /// The draft is too long.
    #[error("version.notes.template: makes {0} bytes, more than {MAX_BYTES}; make it shorter")]
    TooLong(usize),
}

/// What a template sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The final version, e.g. `1.4.0`.
    pub version: String,
    /// Its tag.
    pub tag: String,
    /// The version before; empty for the first.
    pub previous_version: String,
    /// The day, as `2006-01-02`.
    pub date: String,
    /// `major`, `minor`, `patch` or `none`.
    pub level: String,
    /// What breaks, of whatever type; these are in no section.
    pub breaking: Vec<Entry>,
    /// The sections that are not empty.
    pub sections: Vec<Filled>,
    /// Authors by name; empty unless they are wanted.
    pub contributors: Vec<String>,
    /// The page that compares both versions; empty without `webUrl` or without a version before.
    pub compare: String,
    /// How many commits of the range are not listed because there are too many.
    pub omitted: u64,
}

/// A section with its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// Its heading.
    pub title: String,
    /// Newest first.
    pub entries: Vec<Entry>,
}

/// One commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The type in lower case; empty when the header has none.
    #[serde(rename = "type")]
    pub kind: String,
    /// The scope; empty without.
    pub scope: String,
    /// What stands behind the colon, or the whole header.
    pub description: String,
    /// The description with the scope in bold before it.
    pub text: String,
    /// What its `BREAKING CHANGE:` line says; empty without.
    pub note: String,
    /// The author's name; empty where it is not known.
    pub author: String,
    /// The full id.
    pub id: String,
    /// Its first seven characters.
    pub short: String,
    /// The commit's page; empty without `webUrl`.
    pub link: String,
}

/// What a template sees of a plan, on a day.
pub fn view(plan: &VersionPlan, rules: &NotesRules, date: &str) -> View {
    let web = rules.web_url.trim_end_matches('/');
    let previous = plan.previous_version.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut sections: Vec<Filled> =
        rules.sections.iter().map(|s| Filled { title: s.title.clone(), entries: Vec::new() }).collect();
    let (mut breaking, mut listed, mut left_out) = (Vec::new(), 0_usize, 0_u64);
    for commit in plan.commits.iter().filter(|commit| commit.fate == Fate::Counted) {
        let entry = entry(commit, web);
        let place = if commit.level == Level::Major {
            Some(&mut breaking)
        } else {
            place(&rules.sections, &entry.kind).and_then(|at| sections.get_mut(at)).map(|filled| &mut filled.entries)
        };
        let Some(place) = place else { continue };
        if listed < MAX_ENTRIES {
            place.push(entry);
            listed += 1;
        } else {
            left_out += 1;
        }
    }
    sections.retain(|filled| !filled.entries.is_empty());
    let known = u64::try_from(plan.commits.len()).unwrap_or(u64::MAX);
    View {
        version: plan.version.to_string(),
        tag: plan.tag.clone(),
        date: date.to_owned(),
        level: plan.level.to_string(),
        breaking,
        sections,
        contributors: if rules.contributors { contributors(&plan.commits) } else { Vec::new() },
        compare: match (web, &plan.previous_tag) {
            ("", _) | (_, None) => String::new(),
            (web, Some(before)) => format!("{web}/compare/{before}...{}", plan.tag),
        },
        omitted: left_out + plan.counts.total.saturating_sub(known),
        previous_version: previous,
    }
}

/// The draft, at most [`MAX_BYTES`]. Total and deterministic.
///
/// # Errors
/// When the template cannot be used, or makes too much.
pub fn draft(plan: &VersionPlan, rules: &NotesRules, date: &str) -> Result<String, NotesError> {
    render(&view(plan, rules, date), rules)
}

/// Tries the template on a made-up plan, so that a plan that cannot work is refused before anything runs.
///
/// # Errors
/// As [`draft`].
pub fn check(rules: &NotesRules) -> Result<(), NotesError> {
    let entry = Entry { description: "x".into(), text: "x".into(), id: "0".repeat(40), ..Entry::default() };
    let filled = Filled { title: "x".into(), entries: vec![entry.clone()] };
    render(&View { breaking: vec![entry], sections: vec![filled], ..View::default() }, rules).map(drop)
}

fn render(view: &View, rules: &NotesRules) -> Result<String, NotesError> {
    let mut jinja = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    jinja.set_syntax(syntax.map_err(|error| NotesError::Template(words(&error)))?);
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.set_fuel(Some(FUEL));
    let template = if rules.template.is_empty() { KEEP_A_CHANGELOG } else { &rules.template };
    let text = jinja.render_str(template, Serde(view)).map_err(|error| NotesError::Template(words(&error)))?;
    if text.len() > MAX_BYTES {
        return Err(NotesError::TooLong(text.len()));
    }
    let mut text = tidied(&text);
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

/// The engine's words, with the line.
fn words(error: &minijinja::Error) -> String {
    if error.kind() == ErrorKind::OutOfFuel {
        return "takes too many steps".into();
    }
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let line = error.line().map(|line| format!(" in line {line}")).unwrap_or_default();
    format!("{what}{line}").chars().take(300).collect()
}

/// Without blank lines at the ends, and at most one between.
fn tidied(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.trim().lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_some_and(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn entry(commit: &CommitVerdict, web: &str) -> Entry {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let header = clean(&commit.header);
    let (kind, scope, description) = match (message::prefix(&header), revert::header(&header)) {
        (_, Some(_)) => ("revert".to_owned(), String::new(), header.clone()),
        (Some(p), None) if !p.description.is_empty() => {
            (p.kind.to_ascii_lowercase(), p.scope.to_owned(), p.description.to_owned())
        }
        _ => (String::new(), String::new(), header.clone()),
    };
    let text = if scope.is_empty() { description.clone() } else { format!("**{scope}:** {description}") };
    Entry {
        kind,
        text,
        scope,
        description,
        note: clean(&commit.note),
        author: commit.author.clone(),
        short: commit.id.get(..7).unwrap_or(&commit.id).to_owned(),
        link: if web.is_empty() { String::new() } else { format!("{web}/commit/{}", commit.id) },
        id: commit.id.clone(),
    }
}

/// The section of a type.
fn place(sections: &[Section], kind: &str) -> Option<usize> {
    let named = |section: &Section| section.types.iter().any(|t| !kind.is_empty() && t.eq_ignore_ascii_case(kind));
    let rest = |section: &Section| section.types.iter().any(|t| t == "*");
    sections.iter().position(named).or_else(|| sections.iter().position(rest))
}

/// The authors, each once, in the order of their names; programs are left out.
fn contributors(commits: &[CommitVerdict]) -> Vec<String> {
    let people = commits.iter().map(|c| c.author.trim()).filter(|name| !name.is_empty() && !name.ends_with("[bot]"));
    let names: BTreeSet<&str> = people.collect();
    names.into_iter().take(MAX_CONTRIBUTORS).map(str::to_owned).collect()
}
