//! Numbers: two that want the same one, a crash in between, tags pushed by hand.

use seaworthy_api::{Release, core::release::ReleasePhase};
use seaworthy_tests::cluster::{Ground, sh};
use serde_json::json;

use crate::world::{Repo, create, create_plan, ends, plan, status};

#[tokio::test]
async fn two_plans_that_race_for_a_number_get_two() {
    let ground = Ground::new("race").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let (first, second) = (repo.commit("feat: one"), repo.commit("feat: two"));
    for (name, revision) in [("a", &first), ("b", &second)] {
        create_plan(&ground, plan(name, &repo.url)).await;
        create(&ground, name, name, revision).await;
    }
    let mut labels = Vec::new();
    for name in ["a", "b"] {
        let taken = ground.until::<Release>(name, "a version", |r| !status(r).version.is_empty()).await.unwrap();
        labels.push(status(&taken).candidate_version);
    }
    labels.sort();
    // The same core is reserved twice until one is out; the labels never are the same.
    assert!(labels[0] != labels[1] && labels.iter().all(|label| label.contains("-rc.")), "{labels:?}");
    for name in ["a", "b"] {
        ground.until::<Release>(name, "the end", |r| status(r).phase.is_terminal()).await.unwrap();
    }
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_tag_pushed_by_hand_and_a_published_commit_are_minded() {
    let ground = Ground::new("byhand").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let first = repo.commit("fix: one");
    create_plan(&ground, plan("plan", &repo.url)).await;
    create(&ground, "a", "plan", &first).await;
    let done = status(&ends(&ground, "a", ReleasePhase::Published, "Published").await);
    assert_eq!((done.version.as_str(), done.previous_version.as_str()), ("1.2.4", "1.2.3"));
    // The same commit again is nothing to release, though nobody pushed a tag for it.
    create(&ground, "again", "plan", &first).await;
    ends(&ground, "again", ReleasePhase::NothingToRelease, "NothingToRelease").await;
    // Somebody tags the number that would be next.
    let second = repo.commit("fix: two");
    repo.git(&["branch", "side", "v1.2.3"]);
    repo.git(&["tag", "v1.2.5", "side"]);
    repo.git(&["push", "--quiet", "origin", "v1.2.5", "side"]);
    create(&ground, "b", "plan", &second).await;
    let over = ground.until::<Release>("b", "the end", |r| status(r).phase.is_terminal()).await.unwrap();
    assert_ne!(status(&over).version, "1.2.5", "a used number is never taken again");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_failed_release_gives_its_number_back_and_not_its_label() {
    let ground = Ground::new("burned").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let head = repo.commit("feat: one");
    let mut failing = plan("plan", &repo.url);
    failing["spec"]["gates"][0]["e2e"]["suites"][0]["task"] =
        sh("test \"$SEAWORTHY_CANDIDATE_VERSION\" != 1.3.0-rc.1").unwrap();
    failing["spec"]["version"]["minimumLevel"] = json!("None");
    create_plan(&ground, failing).await;
    create(&ground, "a", "plan", &head).await;
    ends(&ground, "a", ReleasePhase::Failed, "GateFailed").await;
    create(&ground, "b", "plan", &head).await;
    let done = status(&ends(&ground, "b", ReleasePhase::Published, "Published").await);
    assert_eq!((done.version.as_str(), done.candidate_version.as_str()), ("1.3.0", "1.3.0-rc.2"));
    ground.done().await.unwrap();
}
