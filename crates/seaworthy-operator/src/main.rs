//! The operator's process: connects, runs one controller per kind, and stops in good order. Also the inventory task's, in its Jobs.

use clap::{Parser, Subcommand};
use seaworthy_operator::{Config, inventory, telemetry};

/// Proves release candidates of Kubernetes controllers and ships exactly what was proven.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Looks at objects for a SoakTest's `survivors` checks; run by the operator as a Job.
    Inventory {
        /// What is looked at, as JSON.
        #[arg(long, env = inventory::REQUEST)]
        request: String,
    },
}

// One thread: hundreds of soaks are a few percent of a processor, and to hand each wake to another thread costs more than the work behind it.
// What takes long (judging, large pages) is done beside it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    telemetry::init();
    match arguments.command {
        Some(Command::Inventory { request }) => inventory::run(&request).await,
        None => seaworthy_operator::run(arguments.config).await,
    }
}
