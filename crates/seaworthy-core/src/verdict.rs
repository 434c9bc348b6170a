//! Verdicts and how they combine.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was found out about a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// There is positive evidence that the requirement holds.
    Passed,
    /// There is not enough evidence either way.
    Inconclusive,
    /// The evidence cannot be used at all (broken, forged, of another candidate).
    Error,
    /// There is positive evidence that the requirement does not hold.
    Failed,
}

impl Verdict {
    /// The verdict over several requirements that must all hold: the worst counts, and **none at all is Inconclusive**
    /// (`no-evidence-never-passes`).
    pub fn all<I: IntoIterator<Item = Self>>(verdicts: I) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::Inconclusive)
    }
}

/// Whether a gate, suite or check can stop a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
pub enum Enforcement {
    /// Must pass.
    #[default]
    Required,
    /// Runs and reports, never blocks.
    Advisory,
}

#[cfg(test)]
mod tests {
    use super::Verdict::{self, *};

    #[test]
    fn the_worst_counts_and_nothing_is_never_a_pass() {
        for (given, want) in [
            (&[][..], Inconclusive),
            (&[Passed], Passed),
            (&[Passed, Inconclusive], Inconclusive),
            (&[Inconclusive, Error, Passed], Error),
            (&[Failed, Error], Failed),
        ] {
            assert_eq!(Verdict::all(given.iter().copied()), want);
        }
    }
}
