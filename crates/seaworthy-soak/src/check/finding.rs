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

    pub(crate) fn measured(mut self, value: f64, threshold: f64) -> Self {
        self.value = Some(value);
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

/// A number for people: at most six significant digits.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        // Zero from below is zero.
        return "0".to_owned();
    }
    if !value.is_finite() {
        return value.to_string();
    }
    if !(1e-4..1e15).contains(&magnitude) {
        return format!("{value:.4e}");
    }
    let mut digits = 5i32;
    let mut bound = 10.0;
    while digits > 0 && magnitude >= bound {
        digits -= 1;
        bound *= 10.0;
    }
    let mut digits = usize::try_from(digits).unwrap_or(0);
    let mut small = 1.0;
    while magnitude < small {
        digits += 1;
        small /= 10.0;
    }
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// When something happened, for people.
pub(crate) fn at(ms: u64) -> String {
    if ms == 0 { "at the start of the run".to_owned() } else { format!("{} into the run", duration(ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (5.0, "5"),
            (-1.5, "-1.5"),
            (123_456_789.0, "123456789"),
            (155_189_248.4, "155189248"),
            (1_234.567_89, "1234.57"),
            (0.1, "0.1"),
            (0.012_345_678, "0.0123457"),
            (1e-9, "1.0000e-9"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }
}
