//! Objects that always fail beside others: what works is not held up by what does not.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{ResourceExt as _, api::ListParams};
use seaworthy_api::{E2ERun, core::condition::types};
use seaworthy_tests::{
    cluster::is_true,
    faults::{
        instance::Instance,
        lab::{Lab, PATIENCE},
        layer::Faults,
        node::Script,
        plan::{Fault, Plan, Verb},
    },
};
use serde_json::{Value, json};

/// So many that work, and so many that do not.
const MANY: usize = 50;
/// How long the API server takes to refuse: each refusal holds one of the operator's places for as long.
const SLOW: Duration = Duration::from_millis(300);

fn run(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"suites": [{"name": "suite", "task": Script::exits(&[0]).task()}]}})
}

/// How long those that work took, sorted; which calls were refused meanwhile, and how often.
async fn round(lab: &Lab, names: &[&str]) -> (Vec<Duration>, BTreeMap<String, usize>) {
    let ground = lab.ground("beside").await.unwrap();
    let faults = Faults::new(Plan::Always(Verb::Put, "e2eruns/bad-", Fault::RefuseLate(SLOW, 500)));
    let _operator = Instance::start(&lab.kube, &ground.namespace, &faults).unwrap();
    let all: Vec<String> = (0..MANY).flat_map(|n| names.iter().map(move |name| format!("{name}-{n}"))).collect();
    let created: BTreeMap<String, Instant> = stream::iter(all)
        .map(async |name| {
            let began = Instant::now();
            ground.create::<E2ERun>(run(&name)).await.map(|_| (name, began))
        })
        .buffered(10)
        .try_collect()
        .await
        .unwrap();
    let (began, mut took) = (Instant::now(), BTreeMap::new());
    while took.len() < MANY {
        assert!(began.elapsed() < PATIENCE, "{} of {MANY} runs that work ended in {PATIENCE:?}", took.len());
        for run in ground.api::<E2ERun>().list(&ListParams::default()).await.unwrap() {
            let name = run.name_any();
            if run.status.as_ref().is_some_and(|s| is_true(&s.conditions, types::FINISHED)) {
                assert!(name.starts_with("good-"), "{name} came to an end");
                let since = created[&name];
                took.entry(name).or_insert_with(|| since.elapsed());
            }
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let mut took: Vec<Duration> = took.into_values().collect();
    took.sort_unstable();
    let mut refused = BTreeMap::new();
    for (call, _) in faults.done() {
        *refused.entry(call.what).or_default() += 1;
    }
    (took, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_that_always_fail_at_most_double_the_time_of_fifty_that_work() {
    let lab = Lab::shared().await;
    // Alone before and after: what else the machine does in the meantime meets both.
    let (before, _) = round(lab, &["good"]).await;
    let (beside, refused) = round(lab, &["bad", "good"]).await;
    let (after, _) = round(lab, &["good"]).await;
    assert_eq!(refused.len(), MANY, "they did not all fail: {refused:?}");
    let refused: usize = refused.values().sum();
    for (what, at) in [("half of them", MANY / 2), ("all of them", MANY - 1)] {
        let alone = (before[at] + after[at]) / 2;
        eprintln!("{what}: {:.1?} beside {refused} refusals, {alone:.1?} alone", beside[at]);
        assert!(beside[at] <= 2 * alone, "{what} took {:?} beside others that fail, {alone:?} alone", beside[at]);
    }
}
