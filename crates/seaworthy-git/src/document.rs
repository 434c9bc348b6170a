//! The facts as one document that fits a framed block.
//!
//! What does not fit is read here, by the operator's own code and policy, and handed on as the reading: the levels and counts are
//! exact, the list of commits is cut to those of consequence. Fifty thousand commits come to a few hundred kilobytes.

use seaworthy_core::version::tag::{TagFormat, core};
use seaworthy_core::version::{Facts, Policy, range};

use crate::error::GitError;
use crate::facts::Read;

/// Verdicts of a reduced range, at first; halved until the document fits.
const FIRST_KEEP: usize = 2_000;

/// The document, at most `limit` bytes of JSON.
pub fn fit(read: Read, policy: &Policy, limit: usize) -> Result<String, GitError> {
    let Read { mut facts, base } = read;
    let whole = json(&facts)?;
    if whole.len() <= limit {
        return Ok(whole);
    }
    let mut reading = range::read(&facts.commits, base.as_deref(), policy);
    facts.commits = Vec::new();
    keep_relevant_tags(&mut facts, base.as_deref(), policy);
    let mut keep = FIRST_KEEP;
    loop {
        reading.shrink(keep);
        facts.reduced = Some(reading.clone());
        let text = json(&facts)?;
        if text.len() <= limit {
            return Ok(text);
        }
        if keep == 0 {
            let found = facts.tags.len() as u64;
            let remedy = "narrow the plan's tagFormat, or tag a newer version in this commit's history";
            return Err(GitError::TooLarge {
                what: "tags above the last version",
                found,
                limit: limit as u64 / 100,
                remedy,
            });
        }
        keep /= 2;
    }
}

/// Drops tags that cannot matter: no versions of this format, and versions below the base, which no number is compared with.
fn keep_relevant_tags(facts: &mut Facts, base: Option<&str>, policy: &Policy) {
    let Some(format) = TagFormat::parse(&policy.tag_format) else { return };
    let of_base = facts.tags.iter().filter(|tag| Some(tag.commit.as_str()) == base && tag.ancestor);
    let lowest = of_base.filter_map(|tag| format.version(&tag.name)).map(|version| core(&version)).max();
    facts.tags.retain(|tag| {
        format.version(&tag.name).is_some_and(|version| lowest.as_ref().is_none_or(|lowest| core(&version) >= *lowest))
    });
}

fn json(facts: &Facts) -> Result<String, GitError> {
    serde_json::to_string(facts)
        .map_err(|error| GitError::Unexpected { command: "facts".into(), detail: error.to_string() })
}
