//! `kubectl-seaworthy`: the command line beside the operator.

mod scan;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Releases that are proven fit before they ship.
#[derive(Debug, Parser)]
#[command(name = "kubectl-seaworthy", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reads a page of metrics from standard input and prints its samples.
    Scan(scan::Args),
    /// Works out levels and next versions.
    Version(version::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Scan(args) => scan::run(&args),
        Command::Version(args) => version::run(&args),
    }
}
