//! `cargo xtask model`: goes through the models of `crates/seaworthy-model`, deeper than the tests, or tells the story of one seed.

use anyhow::{Result, bail};

use crate::run;

/// `cargo xtask model ...`
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this scope.
    #[arg(long)]
    scope: Option<String>,
    /// So many more faults, acts of people and troubles than in the tests.
    #[arg(long, default_value_t = 0)]
    more: u8,
    /// So many steps of each scope instead of what a test has time for.
    #[arg(long)]
    steps: Option<usize>,
    /// Tells the story of a counterexample: the `SCOPE:SEED` that was printed with it.
    #[arg(long, conflicts_with_all = ["scope", "more"])]
    replay: Option<String>,
}

/// Runs the command.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    let mut tests = run::cargo(["test", "--package", "seaworthy-model", "--test", "models", "--", "--nocapture"]);
    tests.current_dir(crate::repository::root()).env("SEAWORTHY_MODEL_MORE", arguments.more.to_string());
    if let Some(steps) = arguments.steps {
        tests.env("SEAWORTHY_MODEL_STEPS", steps.to_string());
    }
    if let Some(scope) = &arguments.scope {
        tests.env("SEAWORTHY_MODEL_SCOPE", scope);
    }
    if let Some(seed) = &arguments.replay {
        tests.env("SEAWORTHY_MODEL_REPLAY", seed).arg("replay");
    }
    if !tests.status()?.success() {
        bail!("the models do not hold: see above");
    }
    Ok(())
}
