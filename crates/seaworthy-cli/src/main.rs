//! `kubectl-seaworthy`: the command line beside the operator. One module a command; this file only dispatches.

mod abort;
mod approve;
mod cluster;
mod evidence;
mod exit;
mod explain;
mod judge;
mod lines;
mod look;
mod outcome;
mod plan;
mod published;
mod recorded;
mod report;
mod resolve;
mod scan;
mod snapshot;
mod status;
mod target;
mod tree;
mod version;
mod wait;
mod waive;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{cluster::ClusterArgs, exit::Code};

/// Releases that are proven fit before they ship.
#[derive(Debug, Parser)]
#[command(name = "kubectl-seaworthy", bin_name = "kubectl seaworthy", version, after_help = exit::HELP)]
struct Cli {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints the tree of a Release: gates, suites, checks; without a name, what is in the namespace.
    Status(status::Args),
    /// Waits until a Release or a run is finished; the exit code tells how it ended.
    Wait(wait::Args),
    /// Says what the operator would do now, and why; writes nothing.
    Explain(explain::Args),
    /// Ends a Release or a run; cannot be taken back.
    Abort(abort::Args),
    /// Approves a Release that waits for a person, or rejects it.
    Approve(approve::Args),
    /// Says whether a Release that ended as PublishUnknown is out.
    Resolve(resolve::Args),
    /// Reports what CI published, where the plan says `publish.external`.
    Published(published::Args),
    /// Waives a required gate for one Release.
    Waive(waive::Args),
    /// Judges stored evidence again, under other thresholds too, or series from a file.
    Judge(judge::Args),
    /// Prints the evidence of a soak as one CSV.
    Evidence(evidence::Args),
    /// Prints the report of a soak: Markdown, HTML with plots, CSV, JUnit or JSON.
    Report(report::Args),
    /// Reads a page of metrics from standard input and prints its samples.
    Scan(scan::Args),
    /// Shows what a plan would release now; imports other tools' settings.
    Plan(plan::Args),
    /// Works out levels and next versions.
    Version(version::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Standard output may be closed; then nobody reads the help.
            let _ = error.print();
            return if error.use_stderr() { Code::Unusable.into() } else { ExitCode::SUCCESS };
        }
    };
    match cli.command {
        Command::Status(args) => status::run(&args, &cli.cluster),
        Command::Wait(args) => wait::run(&args, &cli.cluster),
        Command::Explain(args) => explain::run(&args, &cli.cluster),
        Command::Abort(args) => abort::run(&args, &cli.cluster),
        Command::Approve(args) => approve::run(&args, &cli.cluster),
        Command::Resolve(args) => resolve::run(&args, &cli.cluster),
        Command::Published(args) => published::run(&args, &cli.cluster),
        Command::Waive(args) => waive::run(&args, &cli.cluster),
        Command::Judge(args) => judge::run(&args, &cli.cluster),
        Command::Evidence(args) => evidence::run(&args, &cli.cluster),
        Command::Report(args) => report::run(&args, &cli.cluster),
        Command::Scan(args) => scan::run(&args),
        Command::Plan(args) => plan::run(&args, &cli.cluster),
        Command::Version(args) => version::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_options_of_all_commands_fit_together() {
        super::Cli::command().debug_assert();
    }
}
