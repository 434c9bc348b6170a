//! Lines of an input of any making: one that never ends takes no more memory than the longest that is read.

use std::io::{self, BufRead, Read as _};

/// The most bytes that a line may have, its line feed not counted. A page of metrics in JSON has far fewer, and so has a series of a month of seconds.
pub(crate) const MOST: usize = 64 << 20;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Nothing: the input has ended.
    End,
    /// A line, with its line feed where it has one.
    Line,
    /// The beginning of a line that has more bytes than are read; the rest of it is skipped.
    TooLong,
}

/// Reads the next line of `input` in the place of what is in `line`.
///
/// # Errors
/// The input cannot be read.
pub(crate) fn read(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Read> {
    line.clear();
    if input.by_ref().take(MOST as u64 + 1).read_until(b'\n', line)? == 0 {
        return Ok(Read::End);
    }
    if line.len() <= MOST || line.ends_with(b"\n") {
        return Ok(Read::Line);
    }
    input.skip_until(b'\n')?;
    Ok(Read::TooLong)
}

/// What is wrong with a line that is too long.
pub(crate) fn too_long() -> String {
    format!("it is longer than {} MiB, and so is not read: write each object on a line of its own", MOST >> 20)
}
