//! `approve`: a person's word on a Release that waits for one. It is written once, so what makes no sense is refused before.

use std::{fmt::Write as _, process::ExitCode};

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use kube::{Api, api::PostParams};
use seaworthy_api::Release;
use seaworthy_core::{condition, release::ReleasePhase};
use serde_json::json;

use crate::{
    abort::{patch, reason},
    cluster::{Cluster, ClusterArgs, chain},
    exit::{self, Code, Failure},
    look::clean,
    snapshot::get,
    target::{Kind, Target},
    tree::release::versions,
};

/// Approves a Release that waits for a person, or rejects it; cannot be taken back.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
`kubectl seaworthy status NAME` shows what is to be approved: version, digests, gates.

Exit codes: 0 recorded (or the same word was already); 1 refused: it does not wait for approval; 4 could not be carried out")]
pub(crate) struct Args {
    /// NAME or release/NAME.
    name: Target,
    /// Rejects it: it ends without being published.
    #[arg(long)]
    reject: bool,
    /// Gives the word before the Release asks for it.
    #[arg(long)]
    early: bool,
    /// What it is for: `status.approval.digest` as it was looked at; without it, as it is now.
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Why, on record.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = reason)]
    reason: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args, cluster: &ClusterArgs) -> ExitCode {
    exit::run(async {
        if args.name.kind != Kind::Release {
            return Err(Failure::unusable(format!("{} is no Release: only Releases are approved", args.name)));
        }
        let cluster = cluster.connect().await?;
        let release: Release = get(&cluster, &args.name).await?;
        let follow = format!("kubectl seaworthy wait {} -n {}", args.name.name, cluster.namespace);
        if let Some(said) = sense(&release, args)? {
            return exit::print(&format!("{said}; follow it with: {follow}\n")).map(|()| Code::Done);
        }
        let by = whoami(&cluster).await?;
        let mut approval = json!({"approved": !args.reject, "by": by, "reason": args.reason});
        let seen = release.status.as_ref().and_then(|status| status.approval.as_ref());
        if let Some(digest) = args.digest.clone().or_else(|| seen.map(|seen| seen.digest.clone())) {
            approval["digest"] = json!(digest);
        }
        patch(&cluster, &args.name, &release, json!({"spec": {"approval": approval}})).await?;
        exit::print(&(done(&release, args) + &format!("follow it with: {follow}\n")))?;
        Ok(Code::Done)
    })
}

/// The name by which the API server knows who asks.
pub(crate) async fn whoami(cluster: &Cluster) -> Result<String, Failure> {
    let api: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let review =
        review.map_err(|error| Failure::unusable(format!("cannot find out who gives the word: {}", chain(&error))))?;
    let name = review.status.and_then(|status| status.user_info).and_then(|user| user.username);
    name.ok_or_else(|| {
        Failure::unusable("the API server does not say who gives the word: use an account with a name".to_owned())
    })
}

/// Whether the word makes sense now: an error if not, a remark if it was given before.
fn sense(release: &Release, args: &Args) -> Result<Option<String>, Failure> {
    let status = release.status.clone().unwrap_or_default();
    let name = &args.name;
    let word = |approved| if approved { "approved" } else { "rejected" };
    let asked = status.approval.as_ref().map(|approval| approval.digest.as_str());
    let word_of = status.approval.as_ref().and_then(|approval| approval.word.as_ref());
    // What was approved has changed since: another word is due.
    let outdated = word_of.is_some_and(|word| Some(word.digest.as_str()) != asked);
    if let Some(given) = release.spec.approval.as_ref().filter(|_| !outdated) {
        let reason = if given.reason.is_empty() { String::new() } else { format!(" ({})", clean(&given.reason)) };
        let said = format!("{name} was {} before{reason}", word(given.approved));
        return if given.approved == args.reject {
            Err(Failure::refused(format!("{said}, and that cannot be taken back; `abort` may still end it")))
        } else {
            Ok(Some(said))
        };
    }
    if condition::is_true(&status.conditions, condition::types::FINISHED) || status.phase.is_terminal() {
        return Err(Failure::refused(format!("{name} is finished already ({:?})", status.phase)));
    }
    if status.publish.is_some() {
        return Err(Failure::refused(format!("{name} is being published already")));
    }
    if status.phase != ReleasePhase::AwaitingApproval && !args.early {
        let why = format!("{name} does not wait for approval: it is {:?}", status.phase);
        return Err(Failure::refused(format!(
            "{why}; with --early the word is recorded now and counts when it is asked for"
        )));
    }
    Ok(None)
}

/// What was done and what happens next.
fn done(release: &Release, args: &Args) -> String {
    let status = release.status.clone().unwrap_or_default();
    let version = versions(&status.version, &status.candidate_version, "");
    let of = if version.is_empty() { String::new() } else { format!(" {}", clean(&version)) };
    if args.reject {
        return format!("{}: rejected{of}; it ends without being published\n", args.name);
    }
    let waits = status.phase == ReleasePhase::AwaitingApproval;
    let next = if waits {
        "these digests are published next"
    } else {
        "it is published without asking once its gates have passed"
    };
    let mut text = format!("{}: approved{of}; {next}\n", args.name);
    if let Some(notes) = &status.notes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  notes  configmap/{}  {}", clean(&notes.config_map), clean(&notes.digest));
    }
    for artifact in &status.artifacts {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}  {}@{}", clean(&artifact.name), clean(&artifact.uri), artifact.digest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn release(phase: &str, approval: Value) -> Release {
        let mut object = json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": "a", "namespace": "b", "uid": "u"},
            "spec": {"planRef": {"name": "p"}, "revision": "4f2c0d1e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d"},
            "status": {"phase": phase, "version": "1.4.0", "candidateVersion": "1.4.0-rc.1",
                       "artifacts": [{"name": "c", "uri": "r/c", "digest": "sha256:ab"}]},
        });
        if !approval.is_null() {
            object["spec"]["approval"] = approval;
        }
        serde_json::from_value(object).unwrap()
    }

    fn args(reject: bool, early: bool) -> Args {
        Args { name: "a".parse().unwrap(), reject, early, digest: None, reason: String::new() }
    }

    #[test]
    fn a_word_is_taken_when_it_makes_sense() {
        let given = json!({"approved": true, "by": "ann", "reason": "ship it"});
        for (phase, approval, reject, early, want) in [
            ("AwaitingApproval", Value::Null, false, false, Ok(false)),
            ("AwaitingApproval", Value::Null, true, false, Ok(false)),
            ("Verifying", Value::Null, false, false, Err("does not wait for approval: it is Verifying")),
            ("Verifying", Value::Null, false, true, Ok(false)),
            ("Published", Value::Null, false, true, Err("finished already")),
            ("AwaitingApproval", given.clone(), false, false, Ok(true)),
            (
                "AwaitingApproval",
                given,
                true,
                false,
                Err("was approved before (ship it), and that cannot be taken back"),
            ),
        ] {
            let got = sense(&release(phase, approval), &args(reject, early));
            match want {
                Ok(before) => assert_eq!(got.unwrap().is_some(), before, "{phase} {reject} {early}"),
                Err(text) => {
                    let failure = got.unwrap_err();
                    assert!(failure.message.contains(text), "{}", failure.message);
                    assert_eq!(failure.code, Code::Failed);
                }
            }
        }
    }

    #[test]
    fn what_was_approved_is_said_by_digest() {
        assert_eq!(
            done(&release("AwaitingApproval", Value::Null), &args(false, false)),
            "release/a: approved 1.4.0, tested as 1.4.0-rc.1; these digests are published next\n  c  r/c@sha256:ab\n"
        );
        assert_eq!(
            done(&release("AwaitingApproval", Value::Null), &args(true, false)),
            "release/a: rejected 1.4.0, tested as 1.4.0-rc.1; it ends without being published\n"
        );
    }
}
