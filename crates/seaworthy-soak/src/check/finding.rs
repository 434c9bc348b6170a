//! What a rule finds: a verdict with its numbers and words, not yet bound to a check's name.

use super::verdict::Verdict;
use super::window::{Objection, duration};

/// The outcome of a rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    pub(crate) value: Option<f64>,
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) threshold: Option<f64>,
    pub(crate) detectable: Option<f64>,
    pub(crate) needed_seconds: Option<u64>,
    pub(crate) settled: bool,
    pub(crate) message: String,
}

impl Finding {
    pub(crate) fn new(verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            verdict,
            value: None,
            interval: None,
            threshold: None,
            detectable: None,
            needed_seconds: None,
            settled: false,
            message: message.into(),
        }
    }

    /// A fact that no further sample can undo.
    pub(crate) fn fact(message: impl Into<String>) -> Self {
        Self { settled: true, ..Self::new(Verdict::Failed, message) }
    }

    /// What is not finite stands in the message alone: JSON has no word for it.
    pub(crate) fn measured(mut self, value: f64, threshold: f64) -> Self {
        self.value = Some(value).filter(|v| v.is_finite());
        self.threshold = Some(threshold);
        self
    }

    /// The finding, unless too little was seen to say so. What was measured stays in it.
    pub(crate) fn unless(mut self, objection: Objection) -> Self {
        if let Some((verdict, message)) = objection {
            self.settled = verdict == Verdict::Failed;
            self.verdict = verdict;
            self.message = message;
            self.needed_seconds = None;
        }
        self
    }
}

/// When something happened, for people.
pub(crate) fn at(ms: u64) -> String {
    if ms == 0 { "at the start of the run".to_owned() } else { format!("{} into the run", duration(ms)) }
}
