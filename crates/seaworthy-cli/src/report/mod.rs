//! `report`: a soak's verdict with what explains it, judged again from the stored evidence by the operator's own code.

mod ended;
mod formats;
mod html;
mod model;
mod plot;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, process::ExitCode};

pub(crate) use self::model::{Judged, Report, word};
use crate::{
    cluster::ClusterArgs,
    exit::{self, Code, Failure},
    recorded::{self, Files, Recorded},
    target::Target,
};

/// Prints the report of a soak: Markdown, or one self-contained HTML file with a plot per check, CSV, JUnit or JSON.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kubectl seaworthy report soak/nightly --html > nightly.html
  kubectl seaworthy report soak/nightly --md >> \"$GITHUB_STEP_SUMMARY\"
  kubectl seaworthy report --soak nightly.yaml --evidence nightly.csv --html > nightly.html     without a cluster
  kubectl seaworthy report soak/nightly --set memory.max=300Mi                                  under another threshold

Exit codes: 0 printed, whatever the verdict; 2 the evidence is not what was written, and cannot be trusted; 4 could not be carried out")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    format: Format,
}

/// Which soak, and by which thresholds.
#[derive(Debug, clap::Args)]
pub(crate) struct Input {
    /// soak/NAME.
    #[arg(conflicts_with = "soak")]
    pub(crate) name: Option<Target>,
    /// A SoakTest in a file, as `kubectl get soaktest NAME -o yaml` prints it; needs --evidence.
    #[arg(long, value_name = "FILE", requires = "evidence")]
    pub(crate) soak: Option<PathBuf>,
    /// Its evidence in a file, as `kubectl seaworthy evidence soak/NAME` prints it.
    #[arg(long, value_name = "FILE", requires = "soak")]
    pub(crate) evidence: Option<PathBuf>,
    /// The SoakTest that `baseline` checks compare with, in a file; needs --baseline-evidence. Without it such a check is Inconclusive offline.
    #[arg(long, value_name = "FILE", requires_all = ["baseline_evidence", "soak"])]
    pub(crate) baseline_soak: Option<PathBuf>,
    /// Its evidence in a file.
    #[arg(long, value_name = "FILE", requires = "baseline_soak")]
    pub(crate) baseline_evidence: Option<PathBuf>,
    /// Judges with another value of a check's field: CHECK.FIELD=VALUE, e.g. memory.max=300Mi; repeatable.
    #[arg(long = "set", value_name = "CHECK.FIELD=VALUE")]
    pub(crate) set: Vec<recorded::Change>,
}

#[expect(clippy::struct_excessive_bools, reason = "one flag a format, of which clap lets at most one through")]
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Format {
    /// One HTML file that needs nothing else: plots, verdicts, coverage.
    #[arg(long)]
    html: bool,
    /// Markdown, for a CI job's summary; the default.
    #[arg(long)]
    md: bool,
    /// The table of verdicts as CSV; the samples come from `evidence`.
    #[arg(long)]
    csv: bool,
    /// JUnit XML: a test case per check, and one for the verdict.
    #[arg(long)]
    junit: bool,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl Input {
    /// Whether nothing was named.
    pub(crate) const fn is_empty(&self) -> bool {
        self.name.is_none() && self.soak.is_none()
    }

    /// Reads the soak and its evidence, with the changes made.
    pub(crate) async fn read(&self, cluster: &ClusterArgs) -> Result<Recorded, Failure> {
        match (&self.name, &self.soak, &self.evidence) {
            (Some(target), _, _) => {
                let cluster = cluster.connect().await?;
                recorded::read(&cluster, target, &self.set).await
            }
            (None, Some(soak), Some(evidence)) => {
                let baseline = self.baseline_soak.as_deref().zip(self.baseline_evidence.as_deref());
                let baseline = baseline.map(|(soak, evidence)| Files { soak, evidence });
                recorded::from_files(Files { soak, evidence }, baseline, &self.set)
            }
            (None, _, _) => Err(Failure::unusable("name a soak, or give --soak and --evidence")),
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        let recorded = args.input.read(cluster).await?;
        let report = Report::of(&recorded);
        let text = match &args.format {
            Format { html: true, .. } => html::page(&report)?,
            Format { csv: true, .. } => formats::csv(&report)?,
            Format { junit: true, .. } => formats::junit(&report)?,
            Format { json: true, .. } => formats::json(&report)?,
            Format { .. } => formats::markdown(&report),
        };
        exit::print(&text)?;
        Ok(Code::Done)
    })
}
