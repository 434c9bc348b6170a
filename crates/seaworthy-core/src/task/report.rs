//! What a task reports by its termination message: hostile input, bounded and parsed tolerantly.

use serde::Deserialize;

use crate::candidate::Artifact;

/// The longest termination message that Kubernetes keeps, in bytes.
pub const MAX_BYTES: usize = 4096;
/// The most artifacts that a candidate can have.
pub const MAX_ARTIFACTS: usize = 16;

/// A task's report. Everything is optional; a message that is no JSON object is no report.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    /// What the candidate task built.
    pub artifacts: Vec<Artifact>,
    /// How many tests ran.
    pub tests: Option<u32>,
    /// How many of them failed.
    pub failed: Option<u32>,
    /// How many were skipped.
    pub skipped: Option<u32>,
    /// Announces a framed block on standard output.
    pub block: Option<Block>,
    /// Why the task failed, in its own words.
    pub error: Option<TaskError>,
    /// The exit code of the program that reports; from the pod, never from the message.
    #[serde(skip)]
    pub exit_code: Option<i32>,
    /// Whether the message was a report at all.
    #[serde(skip)]
    pub known: bool,
    /// Why a message that looks like a report is none.
    #[serde(skip)]
    pub problem: Option<String>,
}

/// A framed block's announcement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Deserialize)]
pub struct Block {
    /// What it holds.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its digest, hexadecimal.
    pub sha256: String,
}

/// A failure in a task's own words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Deserialize)]
pub struct TaskError {
    /// A CamelCase word.
    pub reason: String,
    /// For people.
    pub message: String,
}

impl Report {
    /// Reads a termination message; never fails, says in `problem` what was wrong.
    pub fn parse(message: &str) -> Self {
        let text = message.trim();
        if !text.starts_with('{') {
            return Self::default();
        }
        if text.len() > MAX_BYTES {
            return Self::bad(format!("the report is {} bytes, at most {MAX_BYTES} are read", text.len()));
        }
        let mut report: Self = match serde_json::from_str(text) {
            Ok(report) => report,
            Err(e) => return Self::bad(format!("the report is no valid JSON: {e}")),
        };
        report.known = true;
        if report.artifacts.len() > MAX_ARTIFACTS {
            return Self::bad(format!("{} artifacts, at most {MAX_ARTIFACTS} are allowed", report.artifacts.len()));
        }
        for (i, a) in report.artifacts.iter().enumerate() {
            if let Err(why) = check(a) {
                return Self::bad(format!("artifacts[{i}]: {why}"));
            }
            if report.artifacts[..i].iter().any(|b| b.name == a.name) {
                return Self::bad(format!("artifacts[{i}]: the name {:?} is there twice", a.name));
            }
        }
        report
    }

    fn bad(problem: String) -> Self {
        Self { problem: Some(problem), ..Self::default() }
    }
}

/// Whether an artifact that a task reports is well-formed; the API's schema says the same of those in a spec.
fn check(a: &Artifact) -> Result<(), String> {
    let name_ok = a.name.len() <= 40
        && a.name.starts_with(|c: char| c.is_ascii_lowercase())
        && a.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !name_ok {
        return Err(format!("name {:?} must match [a-z][a-z0-9-]* with at most 40 characters", a.name));
    }
    let uri_ok = !a.uri.is_empty()
        && a.uri.len() <= 512
        && a.uri.starts_with(|c: char| c.is_ascii_alphanumeric())
        && a.uri.chars().all(|c| c.is_ascii_alphanumeric() || "._:/@+-".contains(c));
    if !uri_ok {
        return Err(format!("uri {:?} must be a reference without a digest, at most 512 characters", a.uri));
    }
    let hex = a.digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)) {
        return Err(format!("digest {:?} must be sha256: and 64 hexadecimal digits", a.digest));
    }
    Ok(())
}
