//! Releases that wait: too early, too few commits, a freeze.

use seaworthy_api::{Release, core::release::ReleasePhase};
use seaworthy_tests::cluster::Ground;
use serde_json::{Value, json};

use crate::world::{Repo, create, create_plan, ends, plan, status, until, why};

#[tokio::test]
async fn releases_outside_of_the_plans_pace_wait_and_the_newest_takes_their_place() {
    let ground = Ground::new("pace").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.0.0");
    let mut pace = plan("pace", &repo.url);
    pace["spec"]["batching"] = json!({"minimumCommits": 2, "minInterval": "1h"});
    create_plan(&ground, pace).await;
    create(&ground, "one", "pace", &repo.commit("fix: one")).await;
    let waiting = until(&ground, "one", "Batching").await;
    assert!(status(&waiting).start_time.is_none() && status(&waiting).phase == ReleasePhase::Pending);
    // The second brings enough, takes the first one's place, and collects what both bring.
    create(&ground, "two", "pace", &repo.commit("feat: two")).await;
    ends(&ground, "one", ReleasePhase::Superseded, "Superseded").await;
    let done = status(&ends(&ground, "two", ReleasePhase::Published, "Published").await);
    assert_eq!((done.version.as_str(), done.version_plan.unwrap().commits), ("1.1.0", 2));
    // The third brings enough, too soon.
    repo.commit("fix: three");
    create(&ground, "three", "pace", &repo.commit("fix: four")).await;
    let soon = ground.until::<Release>("three", "notBefore", |r| status(r).not_before.is_some()).await.unwrap();
    let from = done.completion_time.unwrap() + seaworthy_api::core::time::Seconds::hours(1);
    assert_eq!(status(&soon).not_before, Some(from));

    // A freeze of an hour began with this minute; of freezes that follow each other without an end, only the least is known.
    create_plan(&ground, frozen_plan("frozen", &repo.url, "2.x")).await;
    ground.create::<Release>(explicit("cold", "frozen", "2.0.0")).await.unwrap();
    let cold = status(&until(&ground, "cold", "Frozen").await);
    assert!(cold.not_before.is_some() && cold.start_time.is_none());
    let mut always = frozen_plan("always", &repo.url, "3.x");
    always["spec"]["batching"]["freeze"][0]["schedule"] = json!("* * * * *");
    create_plan(&ground, always).await;
    ground.create::<Release>(explicit("endless", "always", "3.0.0")).await.unwrap();
    let endless = until(&ground, "endless", "Frozen").await;
    let (_, said) = why(&endless);
    assert!(status(&endless).not_before.is_none() && said.contains("at least"), "{said}");
    ground.done().await.unwrap();
}

/// A plan that is frozen for an hour, from this minute on.
fn frozen_plan(name: &str, url: &str, line: &str) -> Value {
    let mut frozen = plan(name, url);
    let now = jiff::Timestamp::now().strftime("%M %H %d %m *").to_string();
    frozen["spec"]["batching"] = json!({"freeze": [{"schedule": now, "duration": "1h"}]});
    frozen["spec"]["version"]["line"] = json!(line);
    frozen["spec"]["version"]["policy"] = json!("Explicit");
    frozen
}

fn explicit(name: &str, plan: &str, version: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"planRef": {"name": plan},
        "revision": "0123456789abcdef0123456789abcdef01234567", "version": {"number": version}}})
}
