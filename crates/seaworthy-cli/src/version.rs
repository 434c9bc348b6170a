//! `version`: levels and next versions without a cluster, by the same code as the operator.
//!
//! Deliberately absent: anything that writes. Exit status: 0 answered, 1 refused, 2 the input could not be read.

pub(crate) mod explain;
mod message;
mod range;
mod replay;
pub(crate) mod repo;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::look;

/// Most bytes that are read from standard input.
const MAX_INPUT: u64 = 256 * 1024 * 1024;

/// Works out levels and next versions.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Reads one commit message from standard input and prints its level, and `disputed` where the readings differ.
    Level(message::Args),
    /// Prints the next version of a range, `none` or `refuse`, and `disputed` where a commit of it is.
    Next(range::Args),
    /// Prints the next version of a clone with every commit's level, rule and reason.
    Explain(explain::Args),
    /// Runs a policy over a clone's own past and compares it with what was released.
    Replay(replay::Args),
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let result = match &args.command {
        Command::Level(args) => message::run(args),
        Command::Next(args) => range::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Replay(args) => replay::run(args),
    };
    result.unwrap_or_else(|error| {
        // Nothing is left to report to when standard error is closed as well.
        let _ = writeln!(std::io::stderr(), "error: {}", look::shown(&format!("{error:#}")));
        ExitCode::from(2)
    })
}

/// All of standard input, bytes that are no UTF-8 replaced.
fn input() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_INPUT + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
    anyhow::ensure!(bytes.len() as u64 <= MAX_INPUT, "standard input has more than {MAX_INPUT} bytes");
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Prints; a reader that went away is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(look::shown(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}
