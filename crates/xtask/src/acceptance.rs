//! `cargo xtask acceptance`: the acceptance numbers of the trend verdict, over fixed seeds, with the table of all families.
//!
//! Why a command of its own: 500 runs of every family need optimised code and minutes; `cargo xtask test` has a fast subset of the same
//! families. Deliberately absent: the numbers themselves, which stand beside the families in `seaworthy-soak`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::run;

/// `cargo xtask acceptance ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Runs a family.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(20..=100_000))]
    runs: u32,
}

/// Prints the table. Fails when a number is not reached.
pub(crate) fn main(arguments: &Arguments) -> Result<ExitCode> {
    let runs = arguments.runs.to_string();
    let status = run::cargo(["run", "--release", "--quiet", "-p", "seaworthy-soak", "--example", "acceptance", &runs])
        .current_dir(crate::repository::root())
        .status()
        .context("could not start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
