//! `evidence`: everything that a soak recorded, as one CSV. Reads only, and verifies the chain before it prints anything.

use std::process::ExitCode;

use crate::{
    cluster::ClusterArgs,
    exit::{self, Code},
    recorded,
    target::Target,
};

/// Prints the evidence of a soak as one CSV: a row per slot, a column per series, the gaps with their reasons.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl seaworthy evidence soak/nightly > nightly.csv
  kubectl get soaktest nightly -o yaml > nightly.yaml
  kubectl seaworthy report --soak nightly.yaml --evidence nightly.csv --html > nightly.html     later, without a cluster

Exit codes: 0 printed; 2 the evidence is not what was written, and cannot be trusted; 4 could not be carried out")]
pub(crate) struct Args {
    /// soak/NAME.
    name: Target,
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        let cluster = cluster.connect().await?;
        let recorded = recorded::read(&cluster, &args.name, &[]).await?;
        exit::print(&recorded.evidence.to_csv())?;
        Ok(Code::Done)
    })
}
