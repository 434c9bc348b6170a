//! Tags made by a publish task with the image that reads repositories: created, never moved, over http and ssh.

use k8s_openapi::api::core::v1::Secret;
use seaworthy_api::{Release, core::release::ReleasePhase};
use seaworthy_tests::{
    api::ADMIN,
    cluster::{Ground, variable},
};
use serde_json::{Value, json};

use crate::{
    ssh::Sshd,
    world::{Repo, create, create_plan, ends, plan, status, until, why},
};

/// A plan whose publish task tags, and that a person approves first.
fn tagging(name: &str, url: &str, secret: Option<&str>) -> Value {
    let image = variable("SEAWORTHY_TEST_GIT_IMAGE").unwrap();
    let task = |more: &[&str]| {
        let args: Vec<&str> = ["tag", "--url", url].iter().chain(more).copied().collect();
        let mut task = json!({"image": image, "args": args, "timeout": "60s"});
        if let Some(secret) = secret {
            task["volumes"] = json!([{"name": "git", "secret": {"secretName": secret}}]);
            task["volumeMounts"] = json!([{"name": "git", "mountPath": "/etc/seaworthy/git", "readOnly": true}]);
        }
        task
    };
    let mut plan = plan(name, url);
    plan["spec"]["approvalPolicy"] = json!({"mode": "Manual"});
    plan["spec"]["publish"] = json!({"task": task(&[]), "verify": {"task": task(&["--verify"])}});
    if let Some(secret) = secret {
        plan["spec"]["version"]["git"]["credentialsSecretRef"] = json!({"name": secret});
    }
    plan
}

/// A repository with a version and a commit since.
fn repo(ground: &Ground, name: &str) -> (Repo, String) {
    let repo = Repo::new(ground, name);
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let head = repo.commit("fix: one");
    (repo, head)
}

async fn approve(ground: &Ground, name: &str) {
    let word = json!({"spec": {"approval": {"approved": true, "by": ADMIN}}});
    ground.patch::<Release>(name, word).await.unwrap();
}

#[tokio::test]
async fn a_publish_task_tags_once_and_never_moves_a_tag() {
    let ground = Ground::new("tags").await.unwrap();
    let sshd = Sshd::start();
    ground.create::<Secret>(sshd.secret("key", "user", "host")).await.unwrap();
    let repos = ["http", "ssh", "same", "elsewhere"].map(|name| (name, repo(&ground, name)));
    for (name, (repo, head)) in &repos {
        let ssh = sshd.url(&repo.path());
        let (url, secret) = if *name == "ssh" { (ssh.as_str(), Some("key")) } else { (repo.url.as_str(), None) };
        create_plan(&ground, tagging(name, url, secret)).await;
        create(&ground, name, name, head).await;
    }
    for (name, (repo, head)) in &repos {
        until(&ground, name, "AwaitingApproval").await;
        // Between planning and publishing somebody pushes a tag by hand.
        match *name {
            "same" => repo.git(&["tag", "-a", "-m", "by hand", "v1.2.4", head]),
            "elsewhere" => repo.git(&["tag", "v1.2.4", "v1.2.3"]),
            _ => continue,
        };
        repo.git(&["push", "--quiet", "origin", "v1.2.4"]);
    }
    for (name, _) in &repos {
        approve(&ground, name).await;
    }
    for (name, (repo, head)) in repos.iter().filter(|(name, _)| *name != "elsewhere") {
        let done = status(&ends(&ground, name, ReleasePhase::Published, "Published").await);
        assert_eq!((done.version.as_str(), done.tag.as_str()), ("1.2.4", "v1.2.4"), "{name}");
        assert_eq!(repo.on_server("v1.2.4"), *head, "{name}");
    }
    // Whose it is, is for a person to find out: the message says where the tag is.
    let (repo, head) = &repos[3].1;
    let (_, said) = why(&ends(&ground, "elsewhere", ReleasePhase::PublishUnknown, "PublishUnknown").await);
    let old = repo.git(&["rev-parse", "v1.2.3"]);
    assert!(said.contains(&format!("tag v1.2.4 is on {old}")), "{said}");
    assert_ne!(&old, head);
    assert_eq!(repo.on_server("v1.2.4"), old, "it stays where it is");
    ground.done().await.unwrap();
}
