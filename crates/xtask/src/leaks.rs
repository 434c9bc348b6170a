//! `cargo xtask leaks`: four real controllers, two of which leak, soaked side by side, and what is found.
//!
//! What: a cluster, the operator, `demo/leaks/`; then it waits, prints every verdict with its reason, and fails where one is not the right one.
//! Why a command and not a test: it takes twenty minutes, and a person wants to look at the plots. The end-to-end suite has the same controllers in
//! seconds. Deliberately absent: slopes that are expected; what was seen is in `docs/leaks.md`.

use anyhow::{Result, bail};
use jiff::SignedDuration;
use serde_json::Value;

use crate::cluster::{Cluster, Options};
use crate::demo::template::Values;
use crate::demo::{measure, report, seconds};
use crate::image::{self, Image};
use crate::progress::Progress;
use crate::{install, run};

/// Where everything of `demo/leaks/` is.
const NAMESPACE: &str = "leaks";

/// What each soak must end as, and for which check alone where it must fail.
const RIGHT: [(&str, &str, Option<&str>); 4] = [
    ("healthy", "Succeeded", None),
    ("leak", "Failed", Some("memory")),
    ("cache", "Succeeded", None),
    ("descriptors", "Failed", Some("files")),
];

/// What `measure` does not hold: warm-up, settling, the verdict; with leisure.
const BEYOND: SignedDuration = SignedDuration::from_mins(10);

/// `cargo xtask leaks ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the cluster; one of that name that runs already is used as it is.
    #[arg(long, default_value = "leaks")]
    name: String,
    /// How long is measured.
    #[arg(long, default_value = "20m", value_parser = measure)]
    measure: SignedDuration,
    /// Take the cluster down at the end.
    #[arg(long)]
    down: bool,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let cluster = Cluster::up(&Options { name: Some(arguments.name.clone()), scoped: false }, &progress)?;
    let context = image::Context::new(&progress)?;
    let cli = image::programs(&context)?;
    let push = |image: Image| image::push(&context, &image::build(&context, image)?, &cluster.registry);
    let (operator, git, target) = (push(Image::Operator)?, push(Image::Git)?, push(Image::TestTarget)?);
    install::operator(&context.root, &cluster, (&operator, &git), &progress)?;

    let mut values = Values::default();
    values.set("TARGET_IMAGE", target);
    values.set("MEASURE", seconds(arguments.measure));
    progress.step("four controllers");
    apply(&cluster, &values.fill_file(&context.root.join("demo/leaks/controllers.yaml"))?)?;
    let kubectl = |line: &[&str]| run::output(cluster.kubectl()?.args(["--namespace", NAMESPACE]).args(line));
    kubectl(&["rollout", "status", "deployment", "--timeout=120s"])?;
    apply(&cluster, &values.fill_file(&context.root.join("demo/leaks/soaks.yaml"))?)?;
    progress.step(&format!("sampling, {:#} and a minute of warm-up", arguments.measure));
    let timeout = seconds(arguments.measure + BEYOND);
    kubectl(&["wait", "--for=condition=Finished", "soaktest", "--all", &format!("--timeout={timeout}")])?;
    let soaks: Value = serde_json::from_str(&kubectl(&["get", "soaktests", "-o", "json"])?)?;
    progress.finish();

    for soak in soaks["items"].as_array().into_iter().flatten() {
        let name = soak["metadata"]["name"].as_str().unwrap_or_default();
        println!("\n{name}: {}", soak["status"]["phase"].as_str().unwrap_or("no phase"));
        for check in soak["status"]["checks"].as_array().into_iter().flatten() {
            let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
            println!("  {:<12} {:<12} {}", text("name"), text("verdict"), text("message"));
        }
        report::write(&cluster, &cli, NAMESPACE, name, &format!("leaks-{name}"))?;
    }
    let wrong = wrong(&soaks);
    if arguments.down {
        let progress = Progress::new();
        Cluster::down(Some(&arguments.name), &progress)?;
        progress.finish();
    }
    if !wrong.is_empty() {
        bail!("not the right verdicts: {}", wrong.join("; "));
    }
    Ok(())
}

/// The soaks that did not end as they must: what is right, and what was found.
fn wrong(soaks: &Value) -> Vec<String> {
    let all = || soaks["items"].as_array().into_iter().flatten();
    let found = |name: &str| {
        let soak = all().find(|soak| soak["metadata"]["name"] == name)?;
        let checks = soak["status"]["checks"].as_array().into_iter().flatten();
        let required = checks.filter(|check| check["enforcement"] != "Advisory" && check["verdict"] != "Passed");
        let failed: Vec<&str> = required.filter_map(|check| check["name"].as_str()).collect();
        Some((soak["status"]["phase"].as_str().unwrap_or("no phase"), failed))
    };
    let differs = |(name, phase, check): &(&str, &str, Option<&str>)| {
        let found = found(name);
        let right = found.as_ref().is_some_and(|(p, failed)| p == phase && failed.iter().copied().eq(*check));
        (!right).then(|| format!("{name}: {phase} for {check:?} is right, found {found:?}"))
    };
    RIGHT.iter().filter_map(differs).collect()
}

fn apply(cluster: &Cluster, text: &str) -> Result<()> {
    run::output_with_input(cluster.kubectl()?.args(["apply", "-f", "-"]), text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_right_verdicts_are_right() {
        let soak = |name: &str, phase: &str, checks: &[(&str, &str, &str)]| {
            let check = |(name, verdict, enforcement): &(&str, &str, &str)| json!({"name": name, "verdict": verdict, "enforcement": enforcement});
            json!({"metadata": {"name": name},
                "status": {"phase": phase, "checks": checks.iter().map(check).collect::<Vec<_>>()}})
        };
        let all = |leak: Value| {
            json!({"items": [
                soak("healthy", "Succeeded", &[("memory", "Passed", "Required"), ("working-set", "Inconclusive", "Advisory")]),
                leak,
                soak("cache", "Succeeded", &[]),
                soak("descriptors", "Failed", &[("files", "Failed", "Required")]),
            ]})
        };
        assert!(wrong(&all(soak("leak", "Failed", &[("memory", "Failed", "Required")]))).is_empty());
        for leak in [
            soak("leak", "Succeeded", &[("memory", "Passed", "Required")]),
            soak("leak", "Failed", &[("files", "Failed", "Required")]),
            soak("leak", "Failed", &[("memory", "Failed", "Required"), ("files", "Failed", "Required")]),
            soak("another", "Failed", &[("memory", "Failed", "Required")]),
        ] {
            assert_eq!(wrong(&all(leak)).len(), 1);
        }
    }
}
