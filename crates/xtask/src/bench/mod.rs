//! `cargo xtask bench`: what the operator costs, measured on a real cluster and printed beside what it may cost.
//!
//! What: its time between Jobs, its memory at rest and under soaks, its image, its requests per Release. Why a command and not a test: figures
//! of a busy machine prove nothing, so they are looked at by people and never turn a run red. Times are the API server's own, from its
//! audit log. Deliberately absent: thresholds that fail, averages (one slow run hides in them), and any load but our own.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cluster::{Cluster, Options};
use crate::image::{self, Image};
use crate::install;
use crate::progress::Progress;

mod memory;
mod overhead;
mod requests;
mod scale;
mod stage;
mod table;

use stage::Stage;

/// `cargo xtask bench ...`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Name of the bench's cluster.
    #[arg(long)]
    name: Option<String>,
    /// Leave the cluster running afterwards; one of that name that runs already is used as it is.
    #[arg(long)]
    keep: bool,
    /// Pairs of a Release and the same Jobs by kubectl.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=50))]
    pairs: u16,
    /// SoakTests that run at the same time; 0 leaves them out.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(0..=60))]
    soaks: u16,
}

/// What is a command of its own, because it takes long.
#[derive(Debug, clap::Subcommand)]
enum Part {
    /// Hundreds of soaks in one operator: lateness, memory, and what a measurement costs.
    SoakScale(scale::Arguments),
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    if let Some(Part::SoakScale(arguments)) = &arguments.part {
        return scale::main(arguments);
    }
    let progress = Progress::new();
    let name = arguments.name.clone().unwrap_or_else(|| format!("bench-{}", std::process::id()));
    let cluster = Cluster::up(&Options { name: Some(name), scoped: !arguments.keep }, &progress)?;
    let context = image::Context::new(&progress)?;
    image::programs(&context)?;
    let operator = image::build(&context, Image::Operator)?;
    let push = |image: Image| image::push(&context, &image::build(&context, image)?, &cluster.registry);
    let operator_reference = image::push(&context, &operator, &cluster.registry)?;
    let (git, tools, target) = (push(Image::Git)?, push(Image::Tools)?, push(Image::TestTarget)?);
    install::operator(&context.root, &cluster, (&operator_reference, &git), &progress)?;
    let stage = Stage { cluster, tools, target };

    let fresh = memory::at_rest(&stage, &progress)?;
    let pairs = overhead::measure(&stage, arguments.pairs, &progress)?;
    let rested = memory::at_rest(&stage, &progress)?;
    let soaking = if arguments.soaks > 0 { Some(memory::soaking(&stage, arguments.soaks, &progress)?) } else { None };
    progress.finish();

    println!("{}", machine().context("could not read what machine this is")?);
    overhead::print(&pairs);
    memory::print(fresh, rested, soaking.as_ref(), arguments.soaks);
    image_size(&operator);
    requests::print(&stage, &pairs)?;
    stage.clean()
}

/// What the figures were measured on.
fn machine() -> Result<String> {
    let cpus = std::thread::available_parallelism()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let text = std::fs::read_to_string(PathBuf::from("/proc/cpuinfo"))?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    Ok(format!(
        "\nmeasured on {cpus} processors ({}), load average {load} at the end",
        model.trim_matches(['\t', ' ', ':'])
    ))
}

fn image_size(built: &image::Built) {
    let mib = |bytes: u64| format!("{:.1} MiB", table::mebibytes(bytes));
    let target = built.image.limit_mib().map_or_else(String::new, |limit| format!("at most {limit} MiB"));
    table::print(
        "Image of the operator",
        &["", "size", "target"],
        &[
            vec!["layers on a node".into(), mib(built.unpacked), target],
            vec!["layers in the registry, compressed".into(), mib(built.compressed), String::new()],
        ],
    );
}
