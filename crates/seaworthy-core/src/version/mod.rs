//! Versioning: commits, tags and the ledger in, the next version out, with the reason for every commit.
//!
//! One code for every place that asks: the operator, the Job that reads the repository, the CLI's preview and replay. The
//! same input gives the same answer, whoever asks and how often.
//!
//! Deliberately absent: git, files and time. Bounds are the caller's ([`Facts`] come from a document of at
//! most 512 KiB); everything here is linear in its input but for logarithms, and total.
//!
//! - `message`, `level`: one message, two readings
//! - `revert`, `range`: a range of commits
//! - `tag`, `number`: tags, lines, the next number
//! - `ledger`: the numbers that were ever used
//! - `notes`: the draft of the release notes

pub mod ledger;
pub mod level;
mod message;
pub mod notes;
mod number;
pub mod policy;
pub mod range;
mod revert;
pub mod tag;
#[cfg(test)]
mod tests;

use semver::Version;
use serde::{Deserialize, Serialize};

pub use ledger::{Burn, Ledger, LedgerError};
pub use level::{Level, MessageVerdict, Reading, Rule};
pub use message::Warning;
pub use notes::{NotesError, NotesRules, Section};
pub use policy::{BreakingBeforeV1, OnDisputed, Policy};
pub use range::{Commit, CommitVerdict, Counts, Fate, RangeReading};

pub use number::Refusal;
use number::{Base, Next, Rules};

/// Most disputes that a [`VersionPlan`] lists; `counts.disputed` has the true number.
pub const MAX_DISPUTES: usize = 100;

/// A tag with the commit that it stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRef {
    /// Without `refs/tags/`.
    pub name: String,
    /// The peeled commit's id.
    pub commit: String,
    /// The head itself or an ancestor of it.
    pub ancestor: bool,
}

/// What a repository says about one commit: the result of the plan Job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The pinned commit's full id.
    pub head: String,
    /// How many commits the first-parent history of the head has: its position in the line of development.
    #[serde(default)]
    pub first_parent_count: u64,
    /// All tags, also those that are no ancestors.
    #[serde(default)]
    pub tags: Vec<TagRef>,
    /// Those of the asked commits (published ones of the ledger) that are the head or ancestors of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<String>,
    /// The commits that are ancestors of the head but not of the base; more are harmless, less are not. Empty with `reduced`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
    /// The range already read, by the same code and policy, where its commits would be too many to hand on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced: Option<RangeReading>,
}

impl Facts {
    /// How many commits a Release of this one would bring: those in the plan's scope that are in no version, `published` being the commits
    /// of versions that came out since the repository was read. Of a range that was read in the Job only the whole is known.
    pub fn count(&self, policy: &Policy, published: &[&str]) -> u64 {
        match &self.reduced {
            Some(range) => range.counts.total - range.counts.out_of_scope.min(range.counts.total),
            None => range::count(&self.commits, published, policy),
        }
    }
}

/// Everything that the decision depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// How versions are chosen.
    pub policy: Policy,
    /// What the repository says.
    pub facts: Facts,
    /// The numbers that were ever used.
    pub ledger: Ledger,
    /// UID of the Release that asks: a number that it holds already stays its number. `None` for a preview.
    pub owner: Option<String>,
}

/// Why there is nothing to release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NothingReason {
    /// The commit carries the last final version.
    AlreadyPublished,
    /// No commit since the last final version.
    EmptyRange,
    /// There are commits since the last final version, none within the plan's `paths`.
    OutOfScope,
    /// Every change of the range was taken back in it.
    OnlyReverted,
    /// No commit has a level, and the plan has no minimum.
    NoLevel,
}

impl NothingReason {
    /// A sentence for people.
    pub fn explain(self) -> &'static str {
        match self {
            Self::AlreadyPublished => "the commit is published already",
            Self::EmptyRange => "no commit since the last release",
            Self::OutOfScope => "no commit since the last release touches the plan's paths",
            Self::OnlyReverted => "every change since the last release was taken back",
            Self::NoLevel => "no commit since the last release has a level, and minimumLevel is None",
        }
    }
}

/// A disputed commit with both readings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The commit's id.
    pub id: String,
    /// Its first line.
    pub header: String,
    /// The specification's reading.
    pub strict: Reading,
    /// The other one.
    pub lenient: Reading,
}

/// The next version and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionPlan {
    /// The final version, stamped into the candidate.
    pub version: Version,
    /// The candidate's label, `<version>-rc.N`.
    pub candidate_version: Version,
    /// The final version's tag.
    pub tag: String,
    /// The base: the last final version in the commit's history.
    pub previous_version: Option<Version>,
    /// The base's commit.
    pub previous_commit: Option<String>,
    /// The base's tag, as the plan's format has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_tag: Option<String>,
    /// The level of the range, the plan's minimum included.
    pub level: Level,
    /// How many commits have which level.
    pub counts: Counts,
    /// The disputed commits, at most [`MAX_DISPUTES`].
    pub disputes: Vec<Dispute>,
    /// Burned numbers that were stepped over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stepped_over: Vec<Version>,
    /// Every commit with its level, rule and reason (large ranges: those of consequence).
    pub commits: Vec<CommitVerdict>,
}

impl VersionPlan {
    /// N of the label `<version>-rc.N`, as [`Ledger::reserve`] takes it.
    pub fn candidate_number(&self) -> u64 {
        tag::candidate_number(&self.candidate_version).unwrap_or(1)
    }
}

/// The answer.
#[expect(clippy::large_enum_variant, reason = "one value per Release; a box would only make it harder to use")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Release this.
    Next(VersionPlan),
    /// There is nothing to release.
    NothingToRelease {
        /// Why.
        reason: NothingReason,
        /// The commits that were looked at.
        commits: Vec<CommitVerdict>,
    },
    /// There is no right answer; a person has to change something.
    Refused {
        /// Which field of the plan or of the input.
        field: String,
        /// What is wrong with its value.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// The readings of disputed commits lead to different answers, and the plan wants a person to choose.
    Ask {
        /// By the specification's reading. `Next`, `NothingToRelease` or `Refused`.
        strict: Box<Outcome>,
        /// By the other one.
        alternative: Box<Outcome>,
        /// What is in dispute, at most [`MAX_DISPUTES`].
        disputes: Vec<Dispute>,
    },
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { field: refusal.field.to_owned(), reason: refusal.reason, remedy: refusal.remedy }
    }
}

/// Decides the next version. Total and deterministic.
///
/// When the owner holds a number in the ledger for this commit, that number is the answer: a repeat after a crash changes
/// nothing, whatever was tagged or reserved meanwhile.
pub fn plan(input: &Input) -> Outcome {
    decide(input).unwrap_or_else(Outcome::from)
}

/// Takes a version that a person gave, with the same checks: inside the line, above everything used in it.
pub fn plan_explicit(input: &Input, number: &str) -> Outcome {
    explicit(input, number).unwrap_or_else(Outcome::from)
}

/// The commits at which the base version is, tags before the ledger: more than one where tags differ in build metadata alone. The first of
/// them is the base: a range that is read elsewhere has to start after it. `Err` has the refusal that [`plan`] would give for the same policy.
pub fn base_commits(input: &Input) -> Result<Vec<String>, Box<Outcome>> {
    let rules = Rules::parse(&input.policy).map_err(|refusal| Box::new(refusal.into()))?;
    let mut commits = Vec::new();
    for base in number::bases(&rules, input) {
        if !commits.contains(&base.commit) {
            commits.push(base.commit);
        }
    }
    Ok(commits)
}

/// What both ways to a version need.
struct Context<'a> {
    rules: Rules<'a>,
    base: Option<Base>,
    range: RangeReading,
}

fn context(input: &Input) -> Result<Context<'_>, Refusal> {
    let rules = Rules::parse(&input.policy)?;
    let base = number::base(&rules, input);
    let start = base.as_ref().map(|base| base.commit.as_str());
    let range = match &input.facts.reduced {
        None => range::read(&input.facts.commits, start, &input.policy),
        Some(reduced) if reduced.base.as_deref() == start => reduced.clone(),
        Some(reduced) => {
            let from = |commit: Option<&str>| commit.unwrap_or("the beginning").to_owned();
            let reason = format!("the range was read from {}, not from {}", from(reduced.base.as_deref()), from(start));
            return Err(Refusal::new("facts", reason, "read the repository again"));
        }
    };
    Ok(Context { rules, base, range })
}

fn decide(input: &Input) -> Result<Outcome, Refusal> {
    let context = context(input)?;
    let Context { rules, base, range } = &context;
    if let Some(held) = input.owner.as_deref().and_then(|owner| input.ledger.entry(owner)) {
        return held_number(input, &context, held);
    }
    let next = |level| number::next(rules, input, base.as_ref(), range, level);
    let strict = next(range.strict);
    let (lowest, highest) = (next(range.lowest), next(range.highest));
    let finish = |next: Next| finish(input, &context, next);
    if input.policy.on_disputed == OnDisputed::Higher {
        return finish(highest);
    }
    let alternative = if highest == strict { lowest } else { highest };
    let matters = !same_answer(&strict, &alternative);
    match input.policy.on_disputed {
        OnDisputed::Ask if matters => Ok(Outcome::Ask {
            strict: Box::new(finish(strict).unwrap_or_else(Outcome::from)),
            alternative: Box::new(finish(alternative).unwrap_or_else(Outcome::from)),
            disputes: disputes(range),
        }),
        OnDisputed::Fail if matters => {
            let first = range.commits.iter().find(|commit| commit.disputed());
            let which = first.map_or_else(String::new, |commit| format!(", first {} {:?}", commit.id, commit.header));
            let reason = format!("{} commits are disputed{which}", range.counts.disputed);
            let remedy = "give the version with a reason in the Release's spec.version, or set onDisputed to Strict, Higher or Ask";
            Err(Refusal::new("spec.version.onDisputed", reason, remedy))
        }
        OnDisputed::Strict | OnDisputed::Higher | OnDisputed::Ask | OnDisputed::Fail => finish(strict),
    }
}

/// Whether two answers name the same version, or neither names one for the same reason.
fn same_answer(a: &Next, b: &Next) -> bool {
    match (a, b) {
        (Next::Version { version: a, .. }, Next::Version { version: b, .. }) => a == b,
        (Next::Nothing(_), Next::Nothing(_)) => true,
        _ => a == b,
    }
}

fn finish(input: &Input, context: &Context<'_>, next: Next) -> Result<Outcome, Refusal> {
    match next {
        Next::Nothing(reason) => Ok(Outcome::NothingToRelease { reason, commits: context.range.commits.clone() }),
        Next::Refused(refusal) => Err(refusal),
        Next::Version { version, level, stepped_over } => {
            let candidate = number::candidate(&context.rules, input, &version)?;
            Ok(Outcome::Next(assemble(context, version, candidate, level, stepped_over)))
        }
    }
}

/// The number that the owner holds already.
fn held_number(input: &Input, context: &Context<'_>, held: &ledger::Entry) -> Result<Outcome, Refusal> {
    if held.commit != input.facts.head {
        let reason = format!("this Release holds {} for commit {}", held.candidate_version(), held.commit);
        return Err(Refusal::new("spec.revision", reason, "create a new Release for this commit"));
    }
    let level = context.range.strict.max(input.policy.minimum_level);
    Ok(Outcome::Next(assemble(context, held.version.clone(), held.candidate_version(), level, Vec::new())))
}

fn explicit(input: &Input, number: &str) -> Result<Outcome, Refusal> {
    const FIELD: &str = "spec.version.number";
    let context = context(input)?;
    if let Some(held) = input.owner.as_deref().and_then(|owner| input.ledger.entry(owner)) {
        return held_number(input, &context, held);
    }
    let version = Version::parse(number).ok().filter(|version| tag::is_final(version) && version.build.is_empty());
    let Some(version) = version else {
        let reason = format!("{number:?} is no final semantic version");
        return Err(Refusal::new(FIELD, reason, "write three numbers without leading zeros, for example 1.4.0"));
    };
    if context.base.as_ref().is_some_and(|base| base.commit == input.facts.head) {
        let reason = NothingReason::AlreadyPublished;
        return Ok(Outcome::NothingToRelease { reason, commits: Vec::new() });
    }
    if let Some(base) = context.base.as_ref().filter(|base| version <= base.version) {
        let reason = format!("{version} is not above {}, the last version in this commit's history", base.version);
        return Err(Refusal::new(FIELD, reason, "give a higher version"));
    }
    let (above, stepped_over) = number::above_used(&context.rules, input, context.base.as_ref(), version.clone())?;
    if !stepped_over.is_empty() {
        let reason = format!("{version} is not above the numbers that the ledger has burned");
        return Err(Refusal::new(FIELD, reason, format!("give {above} or a higher version")));
    }
    let candidate = number::candidate(&context.rules, input, &version)?;
    Ok(Outcome::Next(assemble(&context, version, candidate, context.range.strict, Vec::new())))
}

fn assemble(
    context: &Context<'_>,
    version: Version,
    candidate_version: Version,
    level: Level,
    stepped_over: Vec<Version>,
) -> VersionPlan {
    VersionPlan {
        tag: context.rules.format.name(&version),
        version,
        candidate_version,
        previous_version: context.base.as_ref().map(|base| base.version.clone()),
        previous_commit: context.base.as_ref().map(|base| base.commit.clone()),
        previous_tag: context.base.as_ref().map(|base| context.rules.format.name(&base.version)),
        level,
        counts: context.range.counts,
        disputes: disputes(&context.range),
        stepped_over,
        commits: context.range.commits.clone(),
    }
}

fn disputes(range: &RangeReading) -> Vec<Dispute> {
    let disputed = range.commits.iter().filter_map(|commit| {
        let lenient = commit.lenient.clone()?;
        Some(Dispute { id: commit.id.clone(), header: commit.header.clone(), strict: commit.strict.clone(), lenient })
    });
    disputed.take(MAX_DISPUTES).collect()
}
