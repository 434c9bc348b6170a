//! What the owner of a release process decides about versions: `ReleasePlan.spec.version` without the git part.
//!
//! The serialised form is that of the API (camelCase fields, `PascalCase` values), so a plan's section reads as it stands.
//! Validation happens in [`super::plan`], which names the field that it refuses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Level, Refusal};

/// What to do with a commit on which the strict and the lenient reading differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OnDisputed {
    /// The specification's reading counts; the other one is on record.
    #[default]
    Strict,
    /// The higher of both readings counts.
    Higher,
    /// A person decides, when the readings lead to different versions.
    Ask,
    /// The plan is refused, when the readings lead to different versions.
    Fail,
}

/// What a breaking change does below 1.0.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BreakingBeforeV1 {
    /// From 0.4.2 to 0.5.0.
    #[default]
    Minor,
    /// From 0.4.2 to 1.0.0.
    Major,
}

/// How versions are chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// How a tag is named; holds `{version}` exactly once. Tags of any other shape are ignored.
    pub tag_format: String,
    /// The version of the first Release, when no tag counts: a final semantic version.
    pub initial_version: String,
    /// What a breaking change does below 1.0.0.
    pub breaking_before_v1: BreakingBeforeV1,
    /// The least level of a range that is not empty. `None`: a range without a level is nothing to release.
    pub minimum_level: Level,
    /// What to do where the two readings differ.
    pub on_disputed: OnDisputed,
    /// The level of each commit type, without regard to case. A type that is not listed has none.
    pub types: BTreeMap<String, Level>,
    /// Folders or files of one component, relative to the top; empty: everything counts.
    pub paths: Vec<String>,
    /// A maintenance line, `1.x` or `1.4.x`: versions outside are refused. Empty: no ceiling.
    pub line: String,
}

impl Default for Policy {
    fn default() -> Self {
        let types = [
            ("feat", Level::Minor),
            ("fix", Level::Patch),
            ("perf", Level::Patch),
            ("revert", Level::Patch),
            ("deps", Level::Patch),
        ];
        Self {
            tag_format: "v{version}".into(),
            initial_version: "0.1.0".into(),
            breaking_before_v1: BreakingBeforeV1::Minor,
            minimum_level: Level::Patch,
            on_disputed: OnDisputed::Strict,
            types: types.into_iter().map(|(name, level)| (name.to_owned(), level)).collect(),
            paths: Vec::new(),
            line: String::new(),
        }
    }
}

impl Policy {
    /// The level of a commit type.
    pub(super) fn level_of(&self, kind: &str) -> Option<Level> {
        let lower = kind.to_ascii_lowercase();
        self.types
            .get(&lower)
            .or_else(|| self.types.iter().find(|(name, _)| name.eq_ignore_ascii_case(&lower)).map(|(_, level)| level))
            .copied()
    }

    /// Checks that the paths lie in the repository.
    ///
    /// # Errors
    /// The first one that does not: an absolute one, or one that goes up.
    pub fn check_paths(&self) -> Result<(), Refusal> {
        let outside = |path: &&String| path.starts_with('/') || path.split('/').any(|part| part == "..");
        self.paths.iter().find(outside).map_or(Ok(()), |path| {
            let reason = format!("{path:?} leaves the repository");
            Err(Refusal::new("spec.version.paths", reason, "name a folder in it, such as crates/app"))
        })
    }

    /// Whether a changed path belongs to the component.
    pub(super) fn covers(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|scope| under(path, scope))
    }
}

/// Whether `path` is `scope` or lies below it, component by component.
fn under(path: &str, scope: &str) -> bool {
    let scope = scope.trim_start_matches("./").trim_matches('/');
    if scope.is_empty() || scope == "." {
        return true;
    }
    path.trim_start_matches("./").strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
