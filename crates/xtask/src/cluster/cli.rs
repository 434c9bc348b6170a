//! `cargo xtask cluster`: arguments and what is printed.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::cgroup::Cgroups;
use super::{Cluster, Options, check, health, preflight, state};
use crate::progress::Progress;
use crate::{run, tools};

/// Arguments of `cargo xtask cluster`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Name of the cluster; by default it is derived from the path of the checkout.
    #[arg(long, global = true, env = "SEAWORTHY_CLUSTER")]
    name: Option<String>,
    /// Use this context of your own kubeconfig, an existing cluster, instead of one made here.
    #[arg(long, global = true, conflicts_with = "name")]
    context: Option<String>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start a cluster, installing and building what is missing first; return when it is ready.
    Up {
        /// Stay in the foreground; the cluster ends with this process.
        #[arg(long)]
        foreground: bool,
    },
    /// Remove the cluster and the remains of dead ones.
    Down,
    /// Show the clusters of this machine, or the health of one given by --name.
    Status,
    /// Run kubectl against the cluster.
    Kubectl {
        /// Arguments for kubectl.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run a command inside the node's namespaces, for example `cluster node ip route`.
    Node {
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        line: Vec<String>,
    },
    /// Kill components with SIGKILL; they are started again at once. For fault tests.
    Kill {
        /// Names, for example etcd kube-apiserver; the cluster's log folder has them all.
        #[arg(required = true)]
        components: Vec<String>,
    },
    /// Copy an image into the cluster's registry and print its reference by digest.
    Load {
        /// A path (OCI folder, archive), a skopeo source such as oci:DIR or docker-archive:FILE, or a local buildah image.
        image: String,
        /// Repository in the registry, with or without a tag; by default it follows the image's name.
        #[arg(long = "as", value_name = "REPOSITORY[:TAG]")]
        repository: Option<String>,
    },
    /// Prove the test bed on clusters of its own: workloads, two side by side, nothing left after any end. About a minute.
    Check,
    /// Install packages and build binaries, without starting anything.
    Tools,
}

/// Runs the command.
pub(crate) fn main(arguments: Arguments) -> Result<()> {
    if let Some(context) = arguments.context {
        return existing(&context, arguments.action);
    }
    let name = arguments.name.as_deref();
    let progress = Progress::new();
    match arguments.action {
        Action::Up { foreground } => up(arguments.name, foreground, &progress),
        Action::Down => down(name, &progress),
        Action::Status => status(name),
        Action::Kubectl { arguments } => {
            progress.finish();
            replace_process(Cluster::find(name)?.kubectl()?.args(arguments))
        }
        Action::Node { line } => {
            progress.finish();
            replace_process(&mut Cluster::find(name)?.inside(line.iter().map(String::as_str))?)
        }
        Action::Kill { components } => {
            let cluster = Cluster::find(name)?;
            components.iter().try_for_each(|component| cluster.kill(component))
        }
        Action::Load { image, repository } => {
            let reference = Cluster::find(name)?.load(&image, repository.as_deref())?;
            progress.finish();
            println!("{reference}");
            Ok(())
        }
        Action::Check => {
            let result = check::main(name, &progress);
            progress.finish();
            result
        }
        Action::Tools => {
            preflight::root()?;
            tools::ensure(&progress)?;
            progress.finish();
            println!("everything is installed and built");
            Ok(())
        }
    }
}

fn up(name: Option<String>, foreground: bool, progress: &Progress) -> Result<()> {
    let started = Instant::now();
    let cluster = Cluster::up(&Options { name, scoped: foreground }, progress)?;
    progress.finish();
    println!("cluster    {} is ready after {:.1} s", cluster.name, started.elapsed().as_secs_f64());
    describe(&cluster);
    if foreground {
        println!("It ends with this process (Ctrl-C).");
        while cluster.state.init().is_some() {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        bail!("the cluster {:?} has ended", cluster.name);
    }
    Ok(())
}

fn down(name: Option<&str>, progress: &Progress) -> Result<()> {
    progress.step("removing the cluster");
    let existed = Cluster::down(name, progress)?;
    progress.finish();
    println!("{}", if existed { "the cluster is gone" } else { "there was no such cluster" });
    Ok(())
}

fn status(name: Option<&str>) -> Result<()> {
    if let Some(name) = name {
        let cluster = Cluster::find(Some(name))?;
        describe(&cluster);
        let parts = health::parts(&cluster)?;
        for (part, ready) in &parts {
            println!("{part:<16} {}", if *ready { "ready" } else { "not ready" });
        }
        if parts.iter().any(|(_, ready)| !ready) {
            bail!("the cluster {name:?} is not healthy; its logs are in {}", cluster.state_dir.join("logs").display());
        }
        return Ok(());
    }
    let states = state::State::all()?;
    if states.is_empty() {
        println!("no clusters on this machine (cgroup {})", Cgroups::detect()?.version());
    }
    for state in states {
        let address = state.slot().map_or_else(|| "?".to_owned(), |slot| slot.node_ip().to_string());
        let life = if state.init().is_some() { "running" } else { "dead (swept by the next up or down)" };
        println!("{:<30} {address:<15} {life}", state.name);
    }
    Ok(())
}

fn describe(cluster: &Cluster) {
    println!("kubeconfig {}", cluster.kubeconfig.display());
    println!("registry   {}", cluster.registry);
    println!("git        {} (bare repositories in {})", cluster.git_url(), cluster.git_root().display());
    println!("audit log  {}", cluster.audit_log.display());
    println!("logs       {}", cluster.state_dir.join("logs").display());
}

/// `--context`: the cluster is somebody else's; only what needs nothing of ours.
fn existing(context: &str, action: Action) -> Result<()> {
    let program = tools::path("kubectl").unwrap_or_else(|_| "kubectl".into());
    let mut kubectl = Command::new(program);
    kubectl.args(["--context", context]);
    match action {
        Action::Up { .. } | Action::Status => {
            let version = run::output(kubectl.args(["version", "--request-timeout=10s"]))?;
            println!("context {context} answers:\n{version}");
            Ok(())
        }
        Action::Kubectl { arguments } => replace_process(kubectl.args(arguments)),
        Action::Down => bail!("--context {context} is an existing cluster; it is not taken down from here"),
        Action::Node { .. } | Action::Kill { .. } => {
            bail!("--context {context} is an existing cluster; its nodes are not reached from here")
        }
        Action::Load { .. } => {
            bail!("--context {context} has a registry of its own; push the image there with skopeo or crane")
        }
        Action::Check | Action::Tools => bail!("checks and tools are the same for every cluster; leave --context out"),
    }
}

/// Hands the terminal to a program and ends with its exit code.
fn replace_process(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    bail!("could not start `{}`: {error}", run::display(command))
}
