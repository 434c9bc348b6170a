//! `kubectl seaworthy plan`: what would be released now, from the plan and the ledger in the cluster and a clone here.

use std::process::{Output, Stdio};

use k8s_openapi::api::{batch::v1::Job, core::v1::ConfigMap};
use kube::{ResourceExt, api::ListParams};
use seaworthy_api::{Release, core::release::ReleasePhase};
use seaworthy_tests::cluster::{Ground, PATIENCE, variable};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Repo, create, create_plan, ends, plan, status};

/// What the command says and how it ends.
async fn preview(ground: &Ground, repo: &Repo, args: &[&str]) -> (i32, String) {
    let running = Command::new(variable("SEAWORTHY_TEST_CLI").unwrap())
        .args(["plan", "plan", "-n", &ground.namespace, "--repo", &repo.clone_path()])
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Output { status, stdout, stderr } = tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// Names of what a preview could have left.
async fn objects(ground: &Ground) -> Vec<String> {
    let all = ListParams::default();
    let mut names: Vec<String> =
        ground.api::<ConfigMap>().list(&all).await.unwrap().iter().map(ResourceExt::name_any).collect();
    names.extend(ground.api::<Job>().list(&all).await.unwrap().iter().map(ResourceExt::name_any));
    names.extend(ground.api::<Release>().list(&all).await.unwrap().iter().map(ResourceExt::name_any));
    names
}

#[tokio::test]
async fn a_preview_says_what_a_release_would_be_and_creates_nothing() {
    let ground = Ground::new("preview").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let first = repo.commit("fix: a leak");
    let head = repo.commit("feat(cli): a flag\n\nbreaking change: the old one is gone");
    let mut batched = plan("plan", &repo.url);
    batched["spec"]["batching"] = json!({"minimumCommits": 3});
    create_plan(&ground, batched).await;
    let before = objects(&ground).await;
    let (code, said) = preview(&ground, &repo, &[]).await;
    assert_eq!(code, 0, "{said}");
    for part in [
        "1.3.0 (minor from 1.2.3), candidate 1.3.0-rc.1, tag v1.3.0",
        "2 commits: 0 major, 1 minor, 1 patch, 0 none, 0 reverted, 0 out of scope; 1 disputed",
        &format!("{} minor disputed feat(cli): a flag", &head[..10]),
        "or major by ",
        &format!("{} patch fix: a leak", &first[..10]),
        "would wait: brings 2 commits, the plan wants 3",
        "Draft of the notes:\n\n## [1.3.0] - ",
        "### Fixed\n\n- a leak (",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
    let (code, said) = preview(&ground, &repo, &["--revision", &first, "--output", "json"]).await;
    let document: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &document["outcome"]["next"]["version"]), (0, &json!("1.2.4")), "{said}");
    let (code, said) = preview(&ground, &repo, &["--revision", "nowhere"]).await;
    assert!(code == 4 && said.contains("\"nowhere\" is no commit of"), "{code}: {said}");
    assert_eq!(objects(&ground).await, before);

    // The third commit is enough, and the Release is what was shown.
    let third = repo.commit("fix: another");
    let (_, shown) = preview(&ground, &repo, &["--output", "json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["waits"], json!([]));
    create(&ground, "r", "plan", &third).await;
    let done = status(&ends(&ground, "r", ReleasePhase::Published, "Published").await);
    let next = &shown["outcome"]["next"];
    assert_eq!(
        (json!(done.version), json!(done.candidate_version)),
        (next["version"].clone(), next["candidateVersion"].clone())
    );
    assert_eq!(json!(done.notes.unwrap().preview), shown["notes"]);
    // The ledger knows it, although nobody pushed a tag.
    let (code, said) = preview(&ground, &repo, &[]).await;
    assert!(code == 0 && said.starts_with("nothing to release: "), "{code}: {said}");
    ground.done().await.unwrap();
}
