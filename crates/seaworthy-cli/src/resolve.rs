//! `resolve`: what a person found out where nobody could say whether it is out. Written once, so what makes no sense is refused before.

use std::process::ExitCode;

use seaworthy_api::Release;
use seaworthy_core::{condition, release::PublishOutcome};
use serde_json::json;

use crate::{
    abort::{patch, reason},
    approve::whoami,
    cluster::ClusterArgs,
    exit::{self, Code, Failure},
    look::clean,
    snapshot::get,
    target::{Kind, Target},
};

/// Says whether a Release that ended as PublishUnknown is out; cannot be taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Look at the registry first: are all artifacts there, under this version, with the digests that `kubectl seaworthy status NAME` lists? And make
sure that nothing of the attempt still runs. The runbook `publish-unknown` goes through it step by step.

Exit codes: 0 recorded (or the same word was already); 1 refused: it did not end as PublishUnknown; 4 could not be carried out")]
pub(crate) struct Args {
    /// NAME or release/NAME.
    name: Target,
    /// What you found: it is out with the digests that were tested, or it is not out and nothing will bring it out any more.
    #[arg(long, value_enum, ignore_case = true)]
    outcome: Outcome,
    /// How you know, on record.
    #[arg(long, value_parser = given)]
    reason: String,
}

/// What a person found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Outcome {
    /// It is out.
    #[value(name = "Published")]
    Published,
    /// It is not out.
    #[value(name = "NotPublished")]
    NotPublished,
}

impl Outcome {
    /// As the API says it.
    pub(crate) const fn word(self) -> PublishOutcome {
        match self {
            Self::Published => PublishOutcome::Published,
            Self::NotPublished => PublishOutcome::NotPublished,
        }
    }
}

/// A reason as the API takes it: there must be one.
pub(crate) fn given(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say why: it stays on record".to_owned()) } else { reason(text) }
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        if args.name.kind != Kind::Release {
            return Err(Failure::unusable(format!("{} is no Release: only Releases are resolved", args.name)));
        }
        let cluster = cluster.connect().await?;
        let release: Release = get(&cluster, &args.name).await?;
        if let Some(said) = sense(&release, args)? {
            return exit::print(&format!("{said}\n")).map(|()| Code::Done);
        }
        let resolution = json!({"outcome": args.outcome.word(), "by": whoami(&cluster).await?, "reason": args.reason});
        patch(&cluster, &args.name, &release, json!({"spec": {"resolution": resolution}})).await?;
        exit::print(&done(&release, args))?;
        Ok(Code::Done)
    })
}

/// Whether the word makes sense now: an error if not, a remark if it was given before.
fn sense(release: &Release, args: &Args) -> Result<Option<String>, Failure> {
    let status = release.status.clone().unwrap_or_default();
    let name = &args.name;
    if let Some(given) = &release.spec.resolution {
        let said = format!(
            "{name} was resolved before by {}: {:?} ({})",
            clean(&given.by),
            given.outcome,
            clean(&given.reason)
        );
        return if given.outcome == args.outcome.word() {
            Ok(Some(said))
        } else {
            Err(Failure::refused(format!("{said}, and that cannot be taken back")))
        };
    }
    if status.ending.as_ref().is_none_or(|e| e.phase != seaworthy_core::release::ReleasePhase::PublishUnknown) {
        let finished = condition::is_true(&status.conditions, condition::types::FINISHED);
        let why = if finished { "finished already, and known to be" } else { "not finished: it is" };
        return Err(Failure::refused(format!(
            "{name} is {why} {:?}; only what ended as PublishUnknown is resolved",
            status.phase
        )));
    }
    Ok(None)
}

/// What was done and what happens next.
fn done(release: &Release, args: &Args) -> String {
    let version = clean(&release.status.clone().unwrap_or_default().version);
    let next = match args.outcome {
        Outcome::Published => format!("the Release becomes Published, and the ledger keeps {version} as published"),
        Outcome::NotPublished => {
            format!(
                "the Release becomes Failed, and {version} is never used again: create a new Release for its commit"
            )
        }
    };
    format!("{}: resolved as {:?}; {next}\n", args.name, args.outcome.word())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn release(phase: &str, ending: &str, resolution: Value) -> Release {
        let mut object = json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": "a", "namespace": "b", "uid": "u"},
            "spec": {"planRef": {"name": "p"}, "revision": "4f2c0d1e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d"},
            "status": {"phase": phase, "version": "1.4.0"},
        });
        if !ending.is_empty() {
            let time = "2026-11-22T10:00:00Z";
            let reason = if ending == "Failed" { "PublishFailed" } else { ending };
            object["status"]["ending"] = json!({"phase": ending, "reason": reason, "message": "m"});
            object["status"]["conditions"] =
                json!([{"type": "Finished", "status": "True", "reason": reason, "lastTransitionTime": time}]);
        }
        if !resolution.is_null() {
            object["spec"]["resolution"] = resolution;
        }
        serde_json::from_value(object).unwrap()
    }

    fn args(outcome: Outcome) -> Args {
        Args { name: "a".parse().unwrap(), outcome, reason: "looked".into() }
    }

    #[test]
    fn only_the_unknown_is_resolved_and_only_once() {
        use Outcome::*;
        let given = json!({"outcome": "Published", "by": "ann", "reason": "it is there"});
        for (phase, ending, resolution, outcome, want) in [
            ("PublishUnknown", "PublishUnknown", Value::Null, Published, Ok(false)),
            ("PublishUnknown", "PublishUnknown", Value::Null, NotPublished, Ok(false)),
            ("Publishing", "", Value::Null, Published, Err("not finished: it is Publishing; only what ended as")),
            ("Failed", "Failed", Value::Null, Published, Err("finished already, and known to be Failed")),
            ("Published", "PublishUnknown", given.clone(), Published, Ok(true)),
            (
                "Published",
                "PublishUnknown",
                given,
                NotPublished,
                Err("resolved before by ann: Published (it is there)"),
            ),
        ] {
            let got = sense(&release(phase, ending, resolution), &args(outcome));
            match want {
                Ok(before) => assert_eq!(got.unwrap().is_some(), before, "{phase} {outcome:?}"),
                Err(text) => {
                    let failure = got.unwrap_err();
                    assert!(failure.message.contains(text), "{}", failure.message);
                    assert_eq!(failure.code, Code::Failed);
                }
            }
        }
    }

    #[test]
    fn what_happens_next_is_said_and_a_reason_is_needed() {
        let unknown = release("PublishUnknown", "PublishUnknown", Value::Null);
        assert_eq!(
            done(&unknown, &args(Outcome::NotPublished)),
            "release/a: resolved as NotPublished; the Release becomes Failed, and 1.4.0 is never used again: create a new Release for its commit\n"
        );
        assert!(given(" ").is_err() && given("it is there").is_ok());
    }
}
