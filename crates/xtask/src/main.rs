//! Developer commands of Seaworthy: `cargo xtask COMMAND`.
//!
//! What: everything that a developer or a CI run needs beyond `cargo build`: a real cluster on one Linux machine today,
//! one module per command. Why Rust and not shell: one language, typed arguments, messages that name the remedy.
//! Deliberately absent: anything that ships to users.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod acceptance;
mod bench;
mod cluster;
mod demo;
mod generate;
mod hash;
mod image;
mod install;
mod leaks;
mod model;
mod mutants;
mod progress;
mod repository;
mod rights;
mod run;
mod test;
mod tidy;
mod tools;

/// Developer commands of Seaworthy.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// One variant per command; each dispatches to the `main` of its module.
#[derive(Subcommand)]
enum Command {
    /// The acceptance numbers of the trend verdict, over 500 runs of every family.
    Acceptance(acceptance::Arguments),
    /// The operator under faults by chance: many seeds, or one that failed again.
    Chaos(test::faults::Arguments),
    /// What the operator costs: time between Jobs, memory, image, requests. Printed, never a test.
    Bench(bench::Arguments),
    /// A real one-node Kubernetes cluster in namespaces of its own.
    Cluster(cluster::cli::Arguments),
    /// Writes what is generated from Rust: CustomResourceDefinitions, RBAC, admission policies.
    Gen(generate::Arguments),
    /// Everything once, from an empty machine to a published release of the real Pepr.
    Demo(demo::Arguments),
    /// Four controllers, two of which leak, soaked side by side: what is found, and why.
    Leaks(leaks::Arguments),
    /// Container images, built without a daemon.
    Image(image::Arguments),
    /// Goes through the models around `decide`, deeper than the tests, or replays a counterexample.
    Model(model::Arguments),
    /// Plants bugs one at a time and sees which layer of tests catches each.
    Mutants(mutants::Arguments),
    /// Compares the operator's rights with what it asked for, by an audit log.
    Rights(rights::Arguments),
    /// Everything that must hold: format, lints, unit tests, drift, chart, end-to-end suite.
    Test(test::Arguments),
    /// The rules of this repository that no compiler checks.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Acceptance(arguments) => match acceptance::main(&arguments) {
            // Its exit status says whether every number was reached.
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Chaos(arguments) => test::faults::chaos(&arguments),
        Command::Bench(arguments) => bench::main(&arguments),
        Command::Cluster(arguments) => cluster::cli::main(arguments),
        Command::Demo(arguments) => match demo::main(&arguments) {
            // Its exit status is the Release's.
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Gen(arguments) => generate::main(&arguments),
        Command::Image(arguments) => image::main(arguments),
        Command::Leaks(arguments) => leaks::main(&arguments),
        Command::Model(arguments) => model::main(&arguments),
        Command::Mutants(arguments) => mutants::main(&arguments),
        Command::Rights(arguments) => rights::main(&arguments),
        Command::Test(arguments) => test::main(&arguments),
        Command::Tidy => tidy::main(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes in full, never a backtrace: these messages are for whoever typed the command.
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
