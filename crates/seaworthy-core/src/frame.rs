//! How a task hands over more than a termination message holds: one framed block on its standard output.
//!
//! ```text
//! -----BEGIN SEAWORTHY plan 1234 <sha256>-----
//! <1234 bytes>
//! -----END SEAWORTHY plan-----
//! ```
//!
//! The termination message names the block with its length and digest ([`announce`], read by [`crate::task::report`]); the block is then looked for in the
//! pod's log. Both come from a program that nobody vouches for, so everything is bounded and checked: the digest proves that the
//! log was read whole and that nothing was written in between, not that the content is true.
//!
//! Deliberately absent: what the payload means. Payloads are UTF-8 text, since a pod's log is.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::task::report::{Block, MAX_BYTES};

/// Longest payload, in bytes.
pub const MAX_PAYLOAD: usize = 512 * 1024;
/// Longest name of a block.
pub const MAX_NAME: usize = 40;
/// How many places that begin like the block are tried before it counts as missing.
const MAX_TRIES: usize = 16;

/// A block's name, length and digest, as the termination message has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockRef {
    /// Letters, digits and `-`, at most [`MAX_NAME`].
    pub name: String,
    /// Bytes of the payload, at most [`MAX_PAYLOAD`].
    pub length: usize,
    /// SHA-256 of the payload in lower-case hexadecimal.
    pub sha256: String,
}

/// Why a block is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The name is not one.
    #[error("block name {0:?} is not 1 to {MAX_NAME} letters, digits or '-'")]
    Name(String),
    /// The payload is too long.
    #[error("block of {0} bytes is above the limit of {MAX_PAYLOAD}; report less")]
    TooLong(usize),
    /// The digest is not one.
    #[error("block digest {0:?} is not 64 digits of lower-case hexadecimal")]
    Digest(String),
    /// No such block in the log, or none whose digest holds.
    #[error(
        "block {name} of {length} bytes is not in the log, or was changed or cut there; print it in one piece as the last thing"
    )]
    Missing {
        /// The block's name.
        name: String,
        /// The announced length.
        length: usize,
    },
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(payload: &[u8]) -> String {
    hex(&Sha256::digest(payload))
}

impl From<&Block> for BlockRef {
    /// Takes what a task announced; it is checked by [`BlockRef::find`].
    fn from(block: &Block) -> Self {
        let length = usize::try_from(block.length).unwrap_or(usize::MAX);
        Self { name: block.name.clone(), length, sha256: block.sha256.clone() }
    }
}

impl BlockRef {
    /// Describes a payload.
    pub fn of(name: &str, payload: &str) -> Result<Self, FrameError> {
        let block = Self { name: name.to_owned(), length: payload.len(), sha256: sha256(payload.as_bytes()) };
        block.check().map(|()| block)
    }

    fn check(&self) -> Result<(), FrameError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.name.is_empty() || self.name.len() > MAX_NAME || !self.name.chars().all(plain) {
            return Err(FrameError::Name(cut(&self.name)));
        }
        if self.length > MAX_PAYLOAD {
            return Err(FrameError::TooLong(self.length));
        }
        if self.sha256.len() != 64 || !self.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(FrameError::Digest(cut(&self.sha256)));
        }
        Ok(())
    }

    fn begin(&self) -> String {
        format!("-----BEGIN SEAWORTHY {} {} {}-----\n", self.name, self.length, self.sha256)
    }

    fn end(&self) -> String {
        format!("\n-----END SEAWORTHY {}-----", self.name)
    }

    /// Finds the block in a log: begin and end line, length and digest have to hold. What stands before and after is ignored.
    pub fn find<'a>(&self, log: &'a [u8]) -> Result<&'a str, FrameError> {
        self.check()?;
        let (begin, end) = (self.begin(), self.end());
        let missing = || FrameError::Missing { name: self.name.clone(), length: self.length };
        let mut rest = log;
        for _ in 0..MAX_TRIES {
            let at = find(rest, begin.as_bytes()).ok_or_else(missing)?;
            let line_start = at == 0 || rest[at - 1] == b'\n';
            let after = &rest[at + begin.len()..];
            if line_start && let Some((payload, tail)) = after.split_at_checked(self.length) {
                let closed = tail.starts_with(end.as_bytes());
                if closed && sha256(payload) == self.sha256 {
                    return std::str::from_utf8(payload).map_err(|_| missing());
                }
            }
            rest = after;
        }
        Err(missing())
    }
}

/// Prints a payload as a framed block, ending in a line feed.
pub fn print(name: &str, payload: &str) -> Result<(String, BlockRef), FrameError> {
    let block = BlockRef::of(name, payload)?;
    Ok((format!("{}{payload}{}\n", block.begin(), block.end()), block))
}

/// The termination message that announces a block.
pub fn announce(block: &BlockRef) -> String {
    serde_json::json!({ "block": block }).to_string()
}

/// The termination message of a failed task: one word in `CamelCase` for programs, and for people what is wrong and what to do.
/// The text is cut so that the whole fits [`MAX_BYTES`].
pub fn failure(reason: &str, message: &str) -> String {
    let text = |keep: usize| {
        let cut: String = message.chars().take(keep).collect();
        serde_json::json!({ "error": { "reason": reason, "message": cut } }).to_string()
    };
    let whole = text(MAX_BYTES);
    // JSON may need six bytes for one character.
    if whole.len() > MAX_BYTES { text(MAX_BYTES / 6 - 100) } else { whole }
}

/// A hostile text, short enough to repeat.
fn cut(text: &str) -> String {
    text.chars().take(MAX_NAME).collect()
}

/// Where `needle` begins in `hay`.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(hay, needle)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::task::report::Report;

    #[test]
    fn a_block_is_found_among_other_lines() {
        let (text, block) = print("plan", "{\"a\":\n1}").unwrap();
        assert!(text.starts_with(&format!("-----BEGIN SEAWORTHY plan 8 {}-----\n{{", block.sha256)));
        let log = format!("starting\n{text}done\n");
        assert_eq!(block.find(log.as_bytes()), Ok("{\"a\":\n1}"));
        assert_eq!(block.find(text.trim_end().as_bytes()), Ok("{\"a\":\n1}"), "the last line feed may be lost");
        let (text, block) = print("plan", "").unwrap();
        assert_eq!(block.find(text.as_bytes()), Ok(""));
    }

    #[test]
    fn a_false_beginning_does_not_hide_the_block() {
        let (text, block) = print("plan", "payload").unwrap();
        let log = format!("{}x\n{}{text}", block.begin(), block.begin());
        assert_eq!(block.find(log.as_bytes()), Ok("payload"));
        let log = format!("{}{text}", format!("{}x\n", block.begin()).repeat(MAX_TRIES));
        assert!(matches!(block.find(log.as_bytes()), Err(FrameError::Missing { .. })), "but only so many");
    }

    #[test]
    fn what_was_cut_changed_or_mixed_is_missing() {
        let (text, block) = print("plan", "some payload").unwrap();
        for log in [
            String::new(),
            text[..text.len() - 20].to_owned(),
            text.replace("some", "same"),
            text.replace("some", "some\nanother line\n"),
            text.replace("END", "AND"),
            format!("not at a line's start {text}"),
            text.replace('\n', "\r\n"),
        ] {
            assert!(matches!(block.find(log.as_bytes()), Err(FrameError::Missing { .. })), "{log:?}");
        }
        let other = BlockRef { name: "notes".into(), ..block.clone() };
        assert!(other.find(text.as_bytes()).is_err());
    }

    #[test]
    fn references_out_of_bounds_are_refused() {
        let good = BlockRef::of("plan", "x").unwrap();
        for bad in [
            BlockRef { name: String::new(), ..good.clone() },
            BlockRef { name: "a b".into(), ..good.clone() },
            BlockRef { name: "x".repeat(41), ..good.clone() },
            BlockRef { length: MAX_PAYLOAD + 1, ..good.clone() },
            BlockRef { length: usize::MAX, ..good.clone() },
            BlockRef { sha256: "0".repeat(63), ..good.clone() },
            BlockRef { sha256: "G".repeat(64), ..good.clone() },
        ] {
            assert!(bad.find(b"-----BEGIN SEAWORTHY").is_err(), "{bad:?}");
        }
        assert_eq!(print("plan", &"x".repeat(MAX_PAYLOAD + 1)), Err(FrameError::TooLong(MAX_PAYLOAD + 1)));
    }

    #[test]
    fn what_is_announced_is_read_as_a_report() {
        let (text, block) = print("plan", "x").unwrap();
        let report = Report::parse(&announce(&block));
        let read = BlockRef::from(report.block.as_ref().unwrap());
        assert_eq!((read.find(text.as_bytes()), read), (Ok("x"), block));
    }

    #[test]
    fn a_failure_fits_whatever_its_text() {
        for message in ["é".repeat(9_000), "\u{1}".repeat(9_000), "x".repeat(9_000), "m".into()] {
            let text = failure("UnknownRevision", &message);
            let report = Report::parse(&text);
            assert!(text.len() <= MAX_BYTES && report.problem.is_none());
            let error = report.error.unwrap();
            assert!(
                error.reason == "UnknownRevision" && message.starts_with(&error.message) && !error.message.is_empty()
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_printed_is_found(payload in any::<String>(), before in "[a-z\n]{0,40}", after in any::<String>()) {
            let (text, block) = print("plan", &payload).unwrap();
            let log = format!("{before}\n{text}{after}");
            prop_assert_eq!(block.find(log.as_bytes()), Ok(payload.as_str()));
        }

        #[test]
        fn a_changed_byte_is_noticed(payload in "[a-z]{1,60}", at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let (text, block) = print("plan", &payload).unwrap();
            let mut log = text.into_bytes();
            let end = log.len() - 1;
            let at = at.index(end);
            prop_assume!(log[at] != byte);
            log[at] = byte;
            prop_assert!(block.find(&log).is_err());
        }

        #[test]
        fn any_log_is_read(log in prop::collection::vec(any::<u8>(), 0..400)) {
            let block = BlockRef::of("plan", "x").unwrap();
            let _ = block.find(&log);
        }
    }
}
