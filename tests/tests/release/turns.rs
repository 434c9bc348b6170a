//! Whose turn it is, within a plan and between plans.

use seaworthy_api::{
    Release, ReleasePlan,
    core::{condition::types, release::ReleasePhase},
};
use seaworthy_tests::cluster::{Ground, HELD, sh};
use serde_json::json;

use crate::{BUILD, ends, phase, plan, reason, release};

#[tokio::test]
async fn latest_keeps_only_the_newest_waiting_one() {
    let ground = Ground::new("latest").await.unwrap();
    let mut plan = plan("plan");
    plan["spec"]["candidate"]["task"] = sh(&format!("sleep 8\n{BUILD}")).unwrap();
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("a", "plan", "1.0.0")).await.unwrap();
    ground.until::<Release>("a", "building", |r| phase(r) == ReleasePhase::Building).await.unwrap();
    ground.create::<Release>(release("b", "plan", "1.1.0")).await.unwrap();
    ground.until::<Release>("b", "queued", |r| reason(r, types::FINISHED) == "Queued").await.unwrap();
    ground.create::<Release>(release("c", "plan", "1.2.0")).await.unwrap();
    ends(&ground, "b", ReleasePhase::Superseded, "Superseded").await;
    ends(&ground, "a", ReleasePhase::Published, "Published").await;
    ends(&ground, "c", ReleasePhase::Published, "Published").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn queue_keeps_all_in_order_and_supersede_replaces_the_running_one() {
    let ground = Ground::new("queue").await.unwrap();
    let mut queue = plan("queue");
    queue["spec"]["concurrencyPolicy"] = json!("Queue");
    let mut supersede = plan("supersede");
    supersede["spec"]["concurrencyPolicy"] = json!("Supersede");
    supersede["spec"]["candidate"]["task"] = sh(&format!("sleep 20\n{BUILD}")).unwrap();
    ground.create::<ReleasePlan>(queue).await.unwrap();
    ground.create::<ReleasePlan>(supersede).await.unwrap();
    ground.create::<Release>(release("old", "supersede", "2.0.0")).await.unwrap();
    // Of Releases of the same second the one that begins is the older: the first has begun before others are there.
    ground.create::<Release>(release("q-a", "queue", "1.0.0")).await.unwrap();
    ground.until::<Release>("q-a", "building", |r| phase(r) == ReleasePhase::Building).await.unwrap();
    for (name, version) in [("q-b", "1.1.0"), ("q-c", "1.2.0")] {
        ground.create::<Release>(release(name, "queue", version)).await.unwrap();
    }
    ground.until::<Release>("old", "building", |r| phase(r) == ReleasePhase::Building).await.unwrap();
    ground.create::<Release>(release("new", "supersede", "2.1.0")).await.unwrap();
    ends(&ground, "old", ReleasePhase::Superseded, "Superseded").await;
    let mut starts = Vec::new();
    for name in ["q-a", "q-b", "q-c"] {
        let done = ends(&ground, name, ReleasePhase::Published, "Published").await.status.unwrap();
        starts.push((done.start_time.unwrap(), done.completion_time.unwrap()));
    }
    assert!(starts.windows(2).all(|w| w[0].1 <= w[1].0), "one after another: {starts:?}");
    ends(&ground, "new", ReleasePhase::Published, "Published").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn two_plans_side_by_side_do_not_wait_for_each_other() {
    let ground = Ground::new("two").await.unwrap();
    let mut slow = plan("slow");
    slow["spec"]["candidate"]["task"] = sh(&format!("{HELD}\n{BUILD}")).unwrap();
    ground.create::<ReleasePlan>(slow).await.unwrap();
    ground.create::<ReleasePlan>(plan("quick")).await.unwrap();
    ground.create::<Release>(release("s", "slow", "1.0.0")).await.unwrap();
    ground.until_runs("s-candidate-1").await.unwrap();
    ground.create::<Release>(release("q", "quick", "1.0.0")).await.unwrap();
    ends(&ground, "q", ReleasePhase::Published, "Published").await;
    assert_eq!(phase(&ground.api::<Release>().get("s").await.unwrap()), ReleasePhase::Building);
    ground.let_go("s-candidate-1").unwrap();
    ends(&ground, "s", ReleasePhase::Published, "Published").await;
    ground.done().await.unwrap();
}
