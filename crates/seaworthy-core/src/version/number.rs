//! From a range's level to the next version: base, bump, ceiling of the line, candidate label.
//!
//! Rules, in order: the base is the highest final version of the line among the commit's ancestors, by tags and ledger; the
//! level is applied to it; the result has to be inside the line and above every final number used in it. Numbers that the
//! ledger burned are stepped over; a number that somebody else used (a tag on another branch) is refused, since histories that
//! went apart are for people to bring together.
//!
//! Deliberately absent: reserving (`ledger`), and any state between two calls.

use std::collections::BTreeSet;

use semver::Version;

use super::ledger::{self, State};
use super::level::Level;
use super::policy::{BreakingBeforeV1, Policy};
use super::range::RangeReading;
use super::tag::{self, Line, TagFormat};
use super::{Input, NothingReason, TagRef};

/// The policy's strings, parsed.
pub(super) struct Rules<'a> {
    pub(super) policy: &'a Policy,
    pub(super) format: TagFormat,
    pub(super) initial: Version,
    pub(super) line: Line,
}

/// A refusal: field, reason, remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}; {remedy}")]
pub struct Refusal {
    pub(super) field: &'static str,
    pub(super) reason: String,
    pub(super) remedy: String,
}

impl Refusal {
    pub(super) fn new(field: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field, reason: reason.into(), remedy: remedy.into() }
    }
}

impl<'a> Rules<'a> {
    pub(super) fn parse(policy: &'a Policy) -> Result<Self, Refusal> {
        let format = TagFormat::parse(&policy.tag_format).ok_or_else(|| {
            let reason = format!("{:?} is no tag name with {{version}} in it exactly once", policy.tag_format);
            Refusal::new("spec.version.tagFormat", reason, "write for example v{version}")
        })?;
        let line = Line::parse(&policy.line).ok_or_else(|| {
            let reason = format!("{:?} is no line", policy.line);
            Refusal::new("spec.version.line", reason, "write 1.x or 1.4.x, or leave it empty")
        })?;
        let initial = Version::parse(&policy.initial_version).ok().filter(|v| tag::is_final(v) && v.build.is_empty());
        let initial = initial.ok_or_else(|| {
            let reason = format!("{:?} is no final semantic version", policy.initial_version);
            Refusal::new("spec.version.initialVersion", reason, "write for example 0.1.0")
        })?;
        policy.check_paths()?;
        Ok(Self { policy, format, initial, line })
    }
}

/// Where the range starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) version: Version,
    pub(super) commit: String,
}

/// The versions that tags name, with their tags.
fn tagged<'t>(rules: &Rules<'_>, tags: &'t [TagRef]) -> Vec<(Version, &'t TagRef)> {
    tags.iter().filter_map(|tag| rules.format.version(&tag.name).map(|version| (version, tag))).collect()
}

/// The highest final version below the line's ceiling that is an ancestor of the head, by tags and by the ledger. Of tags with the same
/// version (build metadata do not count) the first one listed: see [`bases`].
pub(super) fn base(rules: &Rules<'_>, input: &Input) -> Option<Base> {
    bases(rules, input).into_iter().next()
}

/// Every place where the highest version is, in the order of the tags. Which of them is the nearest, history says: who reads it lists that
/// one's tag first.
pub(super) fn bases(rules: &Rules<'_>, input: &Input) -> Vec<Base> {
    let facts = &input.facts;
    let known: BTreeSet<&str> = std::iter::once(facts.head.as_str())
        .chain(facts.ancestors.iter().map(String::as_str))
        .chain(facts.commits.iter().map(|commit| commit.id.as_str()))
        .collect();
    let tags = tagged(rules, &facts.tags).into_iter().filter(|(version, tag)| tag.ancestor && tag::is_final(version));
    let tags = tags.map(|(version, tag)| Base { version: tag::core(&version), commit: tag.commit.clone() });
    let published = input.ledger.entries.iter().filter(|entry| {
        entry.state == State::Published && known.contains(entry.commit.as_str()) && !is_own(input, &entry.owner)
    });
    let published = published.map(|entry| Base { version: entry.version.clone(), commit: entry.commit.clone() });
    let all: Vec<Base> = tags.chain(published).filter(|base| rules.line.below_ceiling(&base.version)).collect();
    let highest = all.iter().map(|base| base.version.clone()).max();
    all.into_iter().filter(|base| Some(&base.version) == highest.as_ref()).collect()
}

fn is_own(input: &Input, owner: &str) -> bool {
    input.owner.as_deref() == Some(owner)
}

/// The next final version for a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Version { version: Version, level: Level, stepped_over: Vec<Version> },
    Nothing(NothingReason),
    Refused(Refusal),
}

/// Applies a level to the base.
pub(super) fn next(rules: &Rules<'_>, input: &Input, base: Option<&Base>, range: &RangeReading, level: Level) -> Next {
    if let Some(base) = base
        && (base.commit == input.facts.head || range.counts.total == 0)
    {
        let published = base.commit == input.facts.head;
        return Next::Nothing(if published { NothingReason::AlreadyPublished } else { NothingReason::EmptyRange });
    }
    // By the other reading of a disputed commit there may be something where the strict one finds nothing.
    if range.is_empty() && level == Level::None {
        return Next::Nothing(if range.counts.reverted > 0 {
            NothingReason::OnlyReverted
        } else if range.counts.out_of_scope > 0 {
            NothingReason::OutOfScope
        } else {
            NothingReason::EmptyRange
        });
    }
    let level = level.max(rules.policy.minimum_level);
    let version = match base {
        None => Some(rules.initial.clone()),
        Some(_) if level == Level::None => return Next::Nothing(NothingReason::NoLevel),
        Some(base) => bump(&base.version, level, rules.policy.breaking_before_v1),
    };
    let Some(version) = version else {
        return Next::Refused(Refusal::new(
            "version",
            "the number does not fit 64 bits",
            "give a version in the Release's spec",
        ));
    };
    match above_used(rules, input, base, version) {
        Ok((version, stepped_over)) => Next::Version { version, level, stepped_over },
        Err(refusal) => Next::Refused(refusal),
    }
}

/// Raises a version; `None` when a number overflows.
fn bump(base: &Version, level: Level, breaking: BreakingBeforeV1) -> Option<Version> {
    let minor = || base.minor.checked_add(1).map(|minor| Version::new(base.major, minor, 0));
    match level {
        Level::None => Some(base.clone()),
        Level::Patch => base.patch.checked_add(1).map(|patch| Version::new(base.major, base.minor, patch)),
        Level::Minor => minor(),
        Level::Major if base.major == 0 && breaking == BreakingBeforeV1::Minor => minor(),
        Level::Major => base.major.checked_add(1).map(|major| Version::new(major, 0, 0)),
    }
}

/// Puts the version above everything used in the line, or says what is in the way.
pub(super) fn above_used(
    rules: &Rules<'_>,
    input: &Input,
    base: Option<&Base>,
    mut version: Version,
) -> Result<(Version, Vec<Version>), Refusal> {
    inside(rules, &version)?;
    let base = base.map(|base| &base.version);
    let foreign = tagged(rules, &input.facts.tags)
        .into_iter()
        .filter(|(used, tag)| {
            tag::is_final(used) && rules.line.holds(used) && Some(&tag::core(used)) != base && !tag.ancestor
        })
        .max_by(|a, b| a.0.cmp_precedence(&b.0));
    if let Some((used, tag)) = foreign
        && version <= tag::core(&used)
    {
        return Err(not_above(&version, &used, &format!("tag {} on commit {}", tag.name, tag.commit)));
    }
    let others =
        || input.ledger.entries.iter().filter(|entry| !is_own(input, &entry.owner) && rules.line.holds(&entry.version));
    let published = others().filter(|entry| entry.state == State::Published && Some(&entry.version) != base);
    if let Some(entry) = published.max_by(|a, b| a.version.cmp(&b.version))
        && version <= entry.version
    {
        return Err(not_above(
            &version,
            &entry.version,
            &format!("the ledger, published from commit {}", entry.commit),
        ));
    }
    let burned = others().filter(|entry| entry.final_used).map(|entry| &entry.version);
    let mark = input.ledger.high_water.version.as_ref().filter(|mark| rules.line.holds(mark));
    let mut stepped_over = Vec::new();
    if let Some(highest) = burned.chain(mark).max()
        && version <= *highest
    {
        stepped_over.push(version);
        if stepped_over[0] != *highest {
            stepped_over.push(highest.clone());
        }
        version = bump(highest, Level::Patch, BreakingBeforeV1::Minor).ok_or_else(|| {
            Refusal::new("version", "the number does not fit 64 bits", "give a version in the Release's spec")
        })?;
        inside(rules, &version)?;
    }
    Ok((version, stepped_over))
}

fn inside(rules: &Rules<'_>, version: &Version) -> Result<(), Refusal> {
    if rules.line.holds(version) {
        return Ok(());
    }
    let reason = format!("{version} is outside of the line {}", rules.policy.line);
    Err(Refusal::new("spec.version.line", reason, "release this commit from another line, or take the change back"))
}

fn not_above(version: &Version, used: &Version, by: &str) -> Refusal {
    let reason = format!("{version} is not above {used}, used by {by}, which is not in this commit's history");
    let remedy = "merge that history, give the plan a line of its own (spec.version.line), or give a higher version with a \
                  reason in the Release's spec.version";
    Refusal::new("version", reason, remedy)
}

/// The label of the next candidate: 1 + the highest number ever used for this version by any tag or in the ledger.
pub(super) fn candidate(rules: &Rules<'_>, input: &Input, version: &Version) -> Result<Version, Refusal> {
    let tags = tagged(rules, &input.facts.tags).into_iter().filter(|(tag, _)| tag::core(tag) == *version);
    let highest = tags.filter_map(|(tag, _)| tag::candidate_number(&tag)).max().unwrap_or(0);
    let highest = highest.max(input.ledger.highest_candidate(version));
    let Some(number) = highest.checked_add(1) else {
        let reason = format!("the candidates of {version} are used up");
        return Err(Refusal::new("version", reason, "delete the tag with the highest candidate number"));
    };
    Ok(ledger::label(version, number))
}
