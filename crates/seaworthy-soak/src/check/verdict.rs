//! Verdicts: of a check, and of all checks together.

use serde::{Deserialize, Serialize};

use super::spec::Enforcement;

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// Enough evidence, and it is good.
    Passed,
    /// Evidence that the rule is broken.
    Failed,
    /// Too little evidence for either.
    Inconclusive,
    /// The evidence or the rule makes no sense: it cannot be judged.
    Error,
}

impl Verdict {
    /// How much it weighs where several come together: a proven failure outweighs what could not be judged.
    fn weight(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Inconclusive => 1,
            Self::Error => 2,
            Self::Failed => 3,
        }
    }

    /// The graver of two.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        if other.weight() > self.weight() { other } else { self }
    }
}

/// The verdict of one check, with everything that explains it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckVerdict {
    /// The check's name.
    pub name: String,
    /// The rule's word: `bound`, `trend`, …
    pub kind: String,
    /// Whether it decides over the run.
    pub enforcement: Enforcement,
    /// The verdict.
    pub verdict: Verdict,
    /// What was measured, in the metric's unit (per hour for trends, a count for restarts and survivors).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The interval in which the true value lies, where the rule knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<(f64, f64)>,
    /// What the value was compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The smallest value that would have been found, where the rule knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detectable: Option<f64>,
    /// How long a measure would settle it, in seconds, where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_seconds: Option<u64>,
    /// Whether no further sample can change it.
    pub settled: bool,
    /// The fact and, unless it passed, the remedy.
    pub message: String,
}

/// How much of what was planned was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Slots planned in the judged time.
    pub planned: u64,
    /// Slots in which every source gave its samples.
    pub obtained: u64,
    /// The longest time without, in milliseconds.
    pub longest_gap_ms: u64,
    /// Requests that were made to the candidate's own pages for it, the whole run long.
    pub requests: u64,
}

/// The verdict of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// Passed only if every required check passed, and there is at least one.
    pub verdict: Verdict,
    /// The checks, in the order of their specs.
    pub checks: Vec<CheckVerdict>,
    /// Coverage of the judged time.
    pub coverage: Coverage,
    /// The measure that would settle every required check that is inconclusive, if that can be told for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_seconds: Option<u64>,
    /// A required check with `failFast` has failed for good: the run may end now.
    pub fail_fast: bool,
}
