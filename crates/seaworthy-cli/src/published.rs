//! `published`: CI's report on what it published, where the plan says `publish.external`. Given once.

use std::process::ExitCode;

use seaworthy_api::Release;
use seaworthy_core::release::{PublishOutcome, PublishState, ReportedArtifact};
use serde_json::json;

use crate::{
    abort::{patch, reason},
    approve::whoami,
    cluster::ClusterArgs,
    exit::{self, Code, Failure},
    look::clean,
    resolve::Outcome,
    snapshot::get,
    target::{Kind, Target},
};

/// Reports what CI published, where the plan says `publish.external`; cannot be taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Report the digests as the registry answers them after the push, not as they were asked for: they are compared with what was tested, and
`verify` asks the registry on top. With --outcome NotPublished, be sure that nothing that was begun will bring it out any more.

Exit codes: 0 recorded (or the same outcome was already); 1 refused: no report is waited for; 4 could not be carried out")]
pub(crate) struct Args {
    /// NAME or release/NAME.
    name: Target,
    /// Whether it is out.
    #[arg(long, value_enum, ignore_case = true, default_value = "Published")]
    outcome: Outcome,
    /// What is out, once for each artifact.
    #[arg(long = "artifact", value_name = "NAME=DIGEST", value_parser = artifact, required_if_eq("outcome", "Published"))]
    artifacts: Vec<ReportedArtifact>,
    /// Why, on record.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = reason, required_if_eq("outcome", "NotPublished"))]
    reason: String,
}

fn artifact(text: &str) -> Result<ReportedArtifact, String> {
    let (name, digest) = text.split_once('=').ok_or_else(|| format!("{text:?}: write NAME=sha256:..."))?;
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(format!("{digest:?} is no digest: write sha256: and 64 hexadecimal digits"));
    }
    Ok(ReportedArtifact { name: name.to_owned(), digest: digest.to_owned() })
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        if args.name.kind != Kind::Release {
            return Err(Failure::unusable(format!("{} is no Release: only Releases are published", args.name)));
        }
        let cluster = cluster.connect().await?;
        let release: Release = get(&cluster, &args.name).await?;
        let follow = format!("follow it with: kubectl seaworthy wait {} -n {}", args.name.name, cluster.namespace);
        if let Some(said) = sense(&release, args)? {
            return exit::print(&format!("{said}; {follow}\n")).map(|()| Code::Done);
        }
        let mut report = json!({"outcome": args.outcome.word(), "by": whoami(&cluster).await?, "reason": args.reason});
        if !args.artifacts.is_empty() {
            report["artifacts"] = json!(args.artifacts);
        }
        patch(&cluster, &args.name, &release, json!({"spec": {"externalPublish": report}})).await?;
        exit::print(&format!(
            "{}: reported as {:?}; `verify` is asked now; {follow}\n",
            args.name,
            args.outcome.word()
        ))?;
        Ok(Code::Done)
    })
}

/// Whether a report makes sense now: an error if not, a remark if it was given before.
fn sense(release: &Release, args: &Args) -> Result<Option<String>, Failure> {
    let status = release.status.clone().unwrap_or_default();
    let name = &args.name;
    if let Some(given) = &release.spec.external_publish {
        let said = format!("{name} was reported before by {} as {:?}", clean(&given.by), given.outcome);
        let same = given.outcome == args.outcome.word()
            && (given.outcome == PublishOutcome::NotPublished || given.artifacts == args.artifacts);
        return if same {
            Ok(Some(said))
        } else {
            Err(Failure::refused(format!(
                "{said}, with other digests or another outcome, and that cannot be taken back"
            )))
        };
    }
    if status.publish.as_ref().is_some_and(|p| p.state == PublishState::External) {
        return Ok(None);
    }
    let why = if status.publish.is_none() && !status.phase.is_terminal() {
        "it is not to be published yet; wait until status.publish.state is External"
    } else {
        "no report is waited for (any more)"
    };
    Err(Failure::refused(format!("{name} is {:?}: {why}", status.phase)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn release(state: &str, report: Value) -> Release {
        let mut object = json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": "a", "namespace": "b", "uid": "u"},
            "spec": {"planRef": {"name": "p"}, "revision": "4f2c0d1e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d"},
            "status": {"phase": "Publishing", "version": "1.4.0"},
        });
        if !state.is_empty() {
            object["status"]["publish"] = json!({"attempt": 1, "state": state, "startTime": "2026-11-22T10:00:00Z"});
        }
        if !report.is_null() {
            object["spec"]["externalPublish"] = report;
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_report_is_given_when_it_is_waited_for_and_once() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let given = json!({"outcome": "Published", "by": "ci", "artifacts": [{"name": "c", "digest": digest}]});
        let args = |outcome, text: &str| Args {
            name: "a".parse().unwrap(),
            outcome,
            artifacts: vec![artifact(text).unwrap()],
            reason: String::new(),
        };
        let (own, other) = (format!("c={digest}"), format!("c=sha256:{}", "b".repeat(64)));
        for (state, report, outcome, text, want) in [
            ("External", Value::Null, Outcome::Published, &own, Ok(false)),
            ("", Value::Null, Outcome::Published, &own, Err("it is not to be published yet")),
            ("Ended", Value::Null, Outcome::Published, &own, Err("no report is waited for")),
            ("Running", Value::Null, Outcome::Published, &own, Err("no report is waited for")),
            ("Completed", given.clone(), Outcome::Published, &own, Ok(true)),
            ("Completed", given.clone(), Outcome::Published, &other, Err("cannot be taken back")),
            ("Completed", given, Outcome::NotPublished, &own, Err("cannot be taken back")),
        ] {
            let got = sense(&release(state, report), &args(outcome, text));
            match want {
                Ok(before) => assert_eq!(got.unwrap().is_some(), before, "{state}"),
                Err(text) => {
                    let failure = got.unwrap_err();
                    assert!(failure.message.contains(text), "{}", failure.message);
                    assert_eq!(failure.code, Code::Failed);
                }
            }
        }
        assert!(artifact("c").is_err() && artifact("c=sha256:ab").is_err() && artifact(&own.to_uppercase()).is_err());
    }
}
