//! Tag names and version numbers: strict parsing, no guesses.
//!
//! A tag counts when it has the plan's `tagFormat` around a semantic version. `v1.2`, `1.02.0` and `v1.2.3.4` are names
//! like any other and are ignored, as are the tags of other components of a monorepo.

use semver::Version;

/// What was around `{version}` in a tag format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFormat {
    prefix: String,
    suffix: String,
}

impl TagFormat {
    /// Reads a `tagFormat`; `None` unless it holds `{version}` exactly once and makes a name that git accepts.
    pub fn parse(format: &str) -> Option<Self> {
        let (prefix, suffix) = format.split_once("{version}")?;
        if suffix.contains("{version}") {
            return None;
        }
        let format = Self { prefix: prefix.to_owned(), suffix: suffix.to_owned() };
        acceptable(&format.name(&Version::new(0, 0, 0))).then_some(format)
    }

    /// The tag of a version.
    pub fn name(&self, version: &Version) -> String {
        format!("{}{version}{}", self.prefix, self.suffix)
    }

    /// The version that a tag names; `None` when it is not of this format or not a semantic version.
    pub fn version(&self, tag: &str) -> Option<Version> {
        let tag = tag.strip_prefix("refs/tags/").unwrap_or(tag);
        let text = tag.strip_prefix(self.prefix.as_str())?.strip_suffix(self.suffix.as_str())?;
        Version::parse(text).ok()
    }
}

/// The rules of `git check-ref-format` for a tag's name.
fn acceptable(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !has_lock_suffix(part);
    name.split('/').all(part)
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.chars().any(|c| c.is_ascii_control() || " ~^:?*[\\".contains(c))
}

fn has_lock_suffix(part: &str) -> bool {
    part.rsplit_once('.').is_some_and(|(_, end)| end == "lock")
}

/// The number of a candidate label `X.Y.Z-rc.N`; `None` for any other version.
pub fn candidate_number(version: &Version) -> Option<u64> {
    let digits = version.pre.as_str().strip_prefix("rc.")?;
    (!digits.starts_with('+')).then(|| digits.parse().ok()).flatten()
}

/// A version without pre-release and build parts.
pub fn core(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch)
}

/// A final version: no pre-release part.
pub fn is_final(version: &Version) -> bool {
    version.pre.is_empty()
}

/// A maintenance line: `1.x` or `1.4.x`. The default has no ceiling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    major: Option<u64>,
    minor: Option<u64>,
}

impl Line {
    /// Reads a line; the empty string is the line without a ceiling. `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let (numbers, x) = text.rsplit_once('.')?;
        if x != "x" && x != "X" {
            return None;
        }
        match numbers.split_once('.') {
            None => Some(Self { major: Some(number(numbers)?), minor: None }),
            Some((major, minor)) => Some(Self { major: Some(number(major)?), minor: Some(number(minor)?) }),
        }
    }

    /// Whether a version belongs to the line.
    pub fn holds(&self, version: &Version) -> bool {
        self.major.is_none_or(|major| major == version.major) && self.minor.is_none_or(|minor| minor == version.minor)
    }

    /// Whether a version lies at or below the line's ceiling.
    pub fn below_ceiling(&self, version: &Version) -> bool {
        let ceiling = (self.major.unwrap_or(u64::MAX), self.minor.unwrap_or(u64::MAX));
        (version.major, version.minor) <= ceiling
    }
}

/// A number without sign or leading zero.
fn number(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
