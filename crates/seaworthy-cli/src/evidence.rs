//! `evidence`: the slots that a soak recorded, as one CSV. Reads only, and verifies the chain before it prints anything.

use std::{borrow::Cow, io::IsTerminal as _, process::ExitCode};

use seaworthy_soak::evidence::MAX_EXPORTED_INVENTORIES;

use crate::{
    cluster::ClusterArgs,
    exit::{self, Code},
    look, recorded,
    target::Target,
};

/// Prints the evidence of a soak as one CSV: a row per slot, a column per series, the gaps with their reasons; declared faults stand in the
/// name of the column that begins with `@export`, inventories of leftovers checks in that of `@inventories`.
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
        if let Some(bytes) = recorded.evidence.too_large_to_export() {
            exit::remark(&format!(
                "the inventories take {bytes} bytes or more, and an export holds {MAX_EXPORTED_INVENTORIES} at most: they are left out, so leftovers are Inconclusive from files; judge {} here",
                look::shown(&args.name.to_string())
            ));
        }
        exit::paint(&written(&recorded.evidence.to_csv(), std::io::stdout().is_terminal()))?;
        Ok(Code::Done)
    })
}

/// A file keeps every byte, for it is read back; a terminal must not obey what stands in a label.
fn written(csv: &str, terminal: bool) -> Cow<'_, str> {
    if terminal { look::shown(csv) } else { Cow::Borrowed(csv) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_what_a_terminal_must_not_see() {
        let csv = "slot,\"p/t m{a=\"\"\u{85}\u{1b}[2J\"\"}\"\n";
        assert_eq!(written(csv, false), csv);
        assert!(!written(csv, true).contains(['\u{85}', '\u{1b}']));
    }
}
