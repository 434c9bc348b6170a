//! Numbers: two that want the same one, a crash in between, tags pushed by hand.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use seaworthy_api::{
    Release,
    core::{
        release::ReleasePhase,
        version::{
            Ledger,
            ledger::{Entry, State},
        },
    },
};
use seaworthy_tests::cluster::{Ground, HELD, sh};
use serde_json::json;

use crate::world::{Repo, create, create_plan, ends, plan, status, until, why};

/// A suite that waits for [`Ground::let_go`], and for a busy machine.
fn held() -> serde_json::Value {
    let mut task = sh(HELD).unwrap();
    task["timeout"] = json!("5m");
    task
}

/// Two plans of one repository, created at once: both come to 1.3.0, with labels of their own. One version is published once.
#[tokio::test]
async fn of_two_plans_that_race_for_a_number_one_gets_it() {
    let ground = Ground::new("race").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let (one, two) = (repo.commit("feat: one"), repo.commit("feat: two"));
    for (name, revision) in [("a", &one), ("b", &two)] {
        let mut slow = plan(name, &repo.url);
        slow["spec"]["gates"][0]["e2e"]["suites"][0]["task"] = held();
        create_plan(&ground, slow).await;
        create(&ground, name, name, revision).await;
    }
    let mut labels = Vec::new();
    for name in ["a", "b"] {
        let taken = ground.until::<Release>(name, "a version", |r| !status(r).version.is_empty()).await.unwrap();
        labels.push((status(&taken).candidate_version, name));
    }
    labels.sort();
    assert_eq!([labels[0].0.as_str(), labels[1].0.as_str()], ["1.3.0-rc.1", "1.3.0-rc.2"]);
    let [first, second] = [labels[0].1, labels[1].1];
    // Who is ready first, but came second to the number, waits for the other, and is refused when that one has it.
    for name in [first, second] {
        ground.until_runs(&format!("{name}-suites-one-run-1")).await.unwrap();
    }
    ground.let_go(&format!("{second}-suites-one-run-1")).unwrap();
    let (_, waits) = why(&until(&ground, second, "Queued").await);
    assert!(waits.contains("1.3.0-rc.1 is under way"), "{waits}");
    ground.let_go(&format!("{first}-suites-one-run-1")).unwrap();
    let done = status(&ends(&ground, first, ReleasePhase::Published, "Published").await);
    assert_eq!((done.version.as_str(), done.candidate_version.as_str()), ("1.3.0", "1.3.0-rc.1"));
    let (_, said) = why(&ends(&ground, second, ReleasePhase::Failed, "VersionRefused").await);
    assert!(said.contains("1.3.0 was released from the same ledger meanwhile"), "{said}");
    assert_eq!(ground.jobs_of(second).await.unwrap().iter().filter(|job| job.contains("publish")).count(), 0);
    let entries = entries(&ground).await;
    let state = |label: &str| entries.iter().find(|e| e.candidate_version().to_string() == label).unwrap().state;
    assert_eq!((entries.len(), state("1.3.0-rc.1"), state("1.3.0-rc.2")), (2, State::Published, State::Burned));
    ground.done().await.unwrap();
}

/// What the namespace's one ledger holds.
async fn entries(ground: &Ground) -> Vec<Entry> {
    let all = ground.api::<ConfigMap>().list(&ListParams::default()).await.unwrap();
    let mut ledgers = all.into_iter().filter(|map| map.name_any().starts_with("seaworthy-ledger-"));
    let found = ledgers.next().unwrap();
    assert!(ledgers.next().is_none(), "one repository, one ledger");
    Ledger::from_json(&found.data.unwrap()["ledger.json"]).unwrap().entries
}

/// Somebody breaks the ledger while a Release is under way, then deletes it: the Release says so and waits, then writes its number again.
#[tokio::test]
async fn a_ledger_that_was_broken_is_named_and_one_that_was_deleted_is_written_again() {
    let ground = Ground::new("noledger").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    let first = repo.commit("feat: one");
    let mut slow = plan("plan", &repo.url);
    slow["spec"]["gates"][0]["e2e"]["suites"][0]["task"] = held();
    create_plan(&ground, slow).await;
    create(&ground, "a", "plan", &first).await;
    ground.until_runs("a-suites-one-run-1").await.unwrap();
    let maps = ground.api::<ConfigMap>();
    let mut ledger = maps.list(&ListParams::default()).await.unwrap().into_iter().map(|map| map.name_any());
    let ledger = ledger.rfind(|name| name.starts_with("seaworthy-ledger-")).unwrap();
    ground.patch::<ConfigMap>(&ledger, json!({"data": {"ledger.json": "{ not closed"}})).await.unwrap();
    ground.let_go("a-suites-one-run-1").unwrap();
    let (_, waits) = why(&until(&ground, "a", "Queued").await);
    assert!(waits.contains(&format!("mend the ConfigMap \"{ledger}\"")), "{waits}");
    maps.delete(&ledger, &DeleteParams::default()).await.unwrap();
    let done = status(&ends(&ground, "a", ReleasePhase::Published, "Published").await);
    let entries = entries(&ground).await;
    assert_eq!((entries.len(), entries[0].state), (1, State::Published));
    assert_eq!(entries[0].candidate_version().to_string(), done.candidate_version);
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
    repo.git(&["checkout", "--quiet", "-b", "side", "v1.2.3"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "fix: elsewhere"]);
    repo.git(&["tag", "v1.2.5"]);
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["push", "--quiet", "origin", "v1.2.5", "side"]);
    create(&ground, "b", "plan", &second).await;
    let (_, said) = why(&ends(&ground, "b", ReleasePhase::Failed, "VersionRefused").await);
    assert!(said.contains("v1.2.5") && said.contains("not in this commit's history"), "{said}");
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
