//! Running other programs, with errors that say what was run and what it printed.
//!
//! Deliberately absent: async and shells. Commands are short, and arguments are never quoted by hand.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How many trailing bytes of a failed command's output are kept in its error.
const TAIL_BYTES: usize = 2_000;

/// A command with arguments, nothing inherited changed.
pub(crate) fn command<I, S>(program: impl AsRef<OsStr>, arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The cargo that runs this program, so that a toolchain override holds for what it starts.
///
/// Without what `cargo run` says of xtask itself: some build scripts look at it, and would have half of the dependencies compiled again
/// whenever a build is started from here and then by hand.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO" {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// The command line as a person would type it, for messages only.
pub(crate) fn display(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// Runs to the end and returns standard output; a non-zero exit is an error that quotes standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    command.stdin(Stdio::null());
    let finished = command.output().with_context(|| format!("could not start `{}`", display(command)))?;
    check(command, &finished)?;
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

/// Like [`output`], with `input` on standard input.
pub(crate) fn output_with_input(command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("could not start `{}`", display(command)))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that stops reading early reports why on its standard error, which `check` quotes.
        let _ = stdin.write_all(input.as_bytes());
    }
    let finished = child.wait_with_output()?;
    check(command, &finished)?;
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

/// Runs to the end; true when it exited 0. Output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// SIGKILL to processes; one that is gone already is no error. By the shell's own `kill`: a small system has no other.
pub(crate) fn kill(pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let _ = succeeds(command("sh", ["-c", "for pid; do kill -KILL $pid; done", "sh"]).args(pids));
}

/// Polls `condition` every `every` until it holds; false when `deadline` has passed.
pub(crate) fn wait_until(deadline: Instant, every: Duration, mut condition: impl FnMut() -> bool) -> bool {
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(every);
    }
}

/// The last lines of a text, bounded, for error messages.
pub(crate) fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let mut start = text.len().saturating_sub(TAIL_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

fn check(command: &Command, finished: &Output) -> Result<()> {
    if finished.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&finished.stderr);
    let stdout = String::from_utf8_lossy(&finished.stdout);
    let said = if stderr.trim().is_empty() { stdout } else { stderr };
    bail!("`{}` ended with {}:\n{}", display(command), finished.status, tail(&said))
}
