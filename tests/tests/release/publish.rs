//! Approval and publishing: what is out is what was tested, and what is not known is said to be unknown.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use futures::future::join_all;
use k8s_openapi::api::batch::v1::Job;
use kube::api::DeleteParams;
use seaworthy_api::{
    Release, ReleasePlan,
    core::{
        condition::{self, types},
        release::{PublishState, ReleasePhase},
    },
};
use seaworthy_tests::{
    api::ADMIN,
    cluster::{Ground, sh},
    soak,
};
use serde_json::{Value, json};

use crate::{ends, ends_with, phase, plan, release};

#[tokio::test]
async fn publish_job_fails_and_verify_decides() {
    let cases = [
        ("exit 0", ReleasePhase::Published, "Published"),
        ("exit 10", ReleasePhase::Failed, "PublishFailed"),
        ("exit 1", ReleasePhase::PublishUnknown, "PublishUnknown"),
    ];
    let all = cases.map(async |(verify, phase_, reason_)| {
        let edit = |spec: &mut Value| {
            spec["publish"]["task"] = sh("exit 1").unwrap();
            spec["publish"]["verify"]["task"] = sh(verify).unwrap();
        };
        let (ground, _) = ends_with("verify", edit, phase_, reason_).await;
        ground.done().await.unwrap();
    });
    join_all(all).await;
}

#[tokio::test]
async fn publish_without_verify_that_fails_is_unknown() {
    let edit = |spec: &mut Value| spec["publish"] = json!({"task": sh("exit 1").unwrap()});
    let (ground, _) = ends_with("unknown", edit, ReleasePhase::PublishUnknown, "PublishUnknown").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn publish_job_that_dies_is_as_one_that_fails() {
    let greedy = {
        let mut task = sh("exec dd if=/dev/zero of=/dev/null bs=256M count=1").unwrap();
        task["resources"] = json!({"limits": {"memory": "32Mi"}});
        task
    };
    let hangs = {
        let mut task = sh("trap 'exit 1' TERM; sleep 600 & wait").unwrap();
        task["timeout"] = json!("3s");
        task
    };
    let cases = [
        (&greedy, Some("exit 0"), ReleasePhase::Published, "Published"),
        (&hangs, Some("exit 10"), ReleasePhase::Failed, "PublishFailed"),
        (&hangs, Some("exit 1"), ReleasePhase::PublishUnknown, "PublishUnknown"),
        (&greedy, None, ReleasePhase::PublishUnknown, "PublishUnknown"),
    ];
    let all = cases.map(async |(task, verify, phase_, reason_)| {
        let edit = |spec: &mut Value| {
            spec["publish"] = json!({"task": task});
            if let Some(verify) = verify {
                spec["publish"]["verify"] = json!({"task": sh(verify).unwrap()});
            }
        };
        let (ground, release) = ends_with("dies", edit, phase_, reason_).await;
        assert_eq!(release.status.unwrap().publish.unwrap().attempt, 1, "it is never run again");
        ground.done().await.unwrap();
    });
    join_all(all).await;
}

#[tokio::test]
async fn publish_whose_account_is_missing_names_it() {
    let edit = |spec: &mut Value| {
        spec["serviceAccounts"] = json!(["nobody-made-it"]);
        spec["publish"]["task"]["serviceAccountName"] = json!("nobody-made-it");
        spec["publish"]["task"]["timeout"] = json!("10s");
        spec["publish"]["verify"]["task"] = sh("exit 10").unwrap();
    };
    let (ground, release) = ends_with("account", edit, ReleasePhase::Failed, "PublishFailed").await;
    let status = release.status.unwrap();
    let said = &condition::get(&status.conditions, types::FINISHED).unwrap().message;
    assert!(said.contains("did not start") && said.contains(r#"serviceaccount "nobody-made-it" not found"#), "{said}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn publish_job_deleted_while_it_runs_is_never_run_again() {
    let cases = [
        (Some("exit 10"), ReleasePhase::Failed, "PublishFailed"),
        (Some("exit 0"), ReleasePhase::Published, "Published"),
        (None, ReleasePhase::PublishUnknown, "PublishUnknown"),
    ];
    let all = cases.map(async |(verify, phase_, reason_)| {
        let ground = Ground::new("deleted").await.unwrap();
        let mut plan = plan("plan");
        plan["spec"]["publish"] = json!({"task": sh("sleep 50").unwrap()});
        let mut left = vec!["r-candidate-1"];
        if let Some(verify) = verify {
            plan["spec"]["publish"]["verify"] = json!({"task": sh(verify).unwrap()});
            left.push("r-verify-1-1");
        }
        ground.create::<ReleasePlan>(plan).await.unwrap();
        ground.create::<Release>(release("r", "plan", "1.4.0")).await.unwrap();
        ground
            .until::<Release>("r", "publishing", |r| {
                r.status.as_ref().and_then(|s| s.publish.as_ref()).is_some_and(|p| p.state == PublishState::Running)
            })
            .await
            .unwrap();
        ground.api::<Job>().delete("r-publish-1", &DeleteParams::background()).await.unwrap();
        let release = ends(&ground, "r", phase_, reason_).await;
        assert_eq!(release.status.unwrap().publish.unwrap().attempt, 1);
        assert_eq!(ground.jobs_of("r").await.unwrap(), left);
        ground.done().await.unwrap();
    });
    join_all(all).await;
}

#[tokio::test]
async fn approval_given_rejected_and_expired() {
    let ground = Ground::new("approval").await.unwrap();
    let mut slow = plan("slow");
    slow["spec"]["approvalPolicy"] = json!({"mode": "Manual", "timeout": "1h"});
    slow["spec"]["concurrencyPolicy"] = json!("Queue");
    let mut fast = plan("fast");
    fast["spec"]["approvalPolicy"] = json!({"mode": "Manual", "timeout": "2s"});
    ground.create::<ReleasePlan>(slow).await.unwrap();
    ground.create::<ReleasePlan>(fast).await.unwrap();
    for (name, plan, version) in [("yes", "slow", "1.4.0"), ("late", "fast", "1.4.0")] {
        ground.create::<Release>(release(name, plan, version)).await.unwrap();
    }
    ground.until::<Release>("yes", "awaiting", |r| phase(r) == ReleasePhase::AwaitingApproval).await.unwrap();
    assert!(!ground.jobs_of("yes").await.unwrap().iter().any(|j| j.contains("publish")));
    ground
        .patch::<Release>(
            "yes",
            json!({"spec": {"approval": {"approved": true, "by": ADMIN, "reason": "looked at it"}}}),
        )
        .await
        .unwrap();
    ends(&ground, "yes", ReleasePhase::Published, "Published").await;
    ends(&ground, "late", ReleasePhase::Failed, "ApprovalExpired").await;
    ground.create::<Release>(release("no", "slow", "1.5.0")).await.unwrap();
    ground.until::<Release>("no", "awaiting", |r| phase(r) == ReleasePhase::AwaitingApproval).await.unwrap();
    ground
        .patch::<Release>("no", json!({"spec": {"approval": {"approved": false, "by": ADMIN, "reason": "not today"}}}))
        .await
        .unwrap();
    ends(&ground, "no", ReleasePhase::Failed, "Rejected").await;
    ground.done().await.unwrap();
}

/// The digest under a tag, as the registry itself says.
fn digest_of(repository: &str, tag: &str) -> String {
    let (host, path) = repository.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let accept = "application/vnd.oci.image.manifest.v1+json";
    write!(stream, "HEAD /v2/{path}/manifests/{tag} HTTP/1.0\r\nHost: {host}\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.take(65_536).read_to_string(&mut answer).unwrap();
    let header = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("docker-content-digest").then(|| value.trim().to_owned())
    });
    header.unwrap_or(answer)
}

#[tokio::test]
async fn what_the_registry_holds_under_the_version_is_what_was_recorded() {
    let image = soak::image();
    let (repository, digest) = image.split_once('@').unwrap();
    let to = format!("{}/release-{}", repository.split_once('/').unwrap().0, std::process::id());
    // The candidate is staged under its own label; publishing gives that digest its final tag.
    let build = format!(
        r#"set -e; crane copy --insecure {image} {to}:$SEAWORTHY_CANDIDATE_VERSION >&2
d=$(crane digest --insecure {to}:$SEAWORTHY_CANDIDATE_VERSION)
printf '{{"artifacts":[{{"name":"controller","uri":"{to}","digest":"%s"}}]}}' "$d" > /dev/termination-log"#
    );
    let edit = |spec: &mut Value| {
        spec["candidate"]["task"] = sh(&build).unwrap();
        spec["publish"] = json!({
            "task": sh(r#"crane tag --insecure "$SEAWORTHY_ARTIFACT_CONTROLLER" "$SEAWORTHY_VERSION""#).unwrap(),
            "verify": {"task": sh(&format!(r#"test "$(crane digest --insecure {to}:$SEAWORTHY_VERSION)" = "${{SEAWORTHY_ARTIFACT_CONTROLLER#*@}}""#)).unwrap()},
        });
    };
    let (ground, release) = ends_with("registry", edit, ReleasePhase::Published, "Published").await;
    let status = release.status.unwrap();
    assert_eq!((status.version.as_str(), status.artifacts[0].uri.as_str()), ("1.4.0", to.as_str()));
    assert_eq!(status.artifacts[0].digest, digest);
    assert_eq!(digest_of(&to, "1.4.0"), digest);
    assert_eq!(digest_of(&to, &status.candidate_version), digest);
    ground.done().await.unwrap();
}
