//! Bad input at the running operator: random specs of every kind, hostile reports, hostile blocks and hostile pages, all at once. It stays up,
//! reconciles others meanwhile, and does not grow.
//!
//! In a program of its own, because it measures the operator's memory.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod generate;
mod reports;
mod specs;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _, api::LogParams};
use seaworthy_api::{Release, ReleasePlan, core::release::ReleasePhase};
use seaworthy_tests::{
    cluster::{Ground, sh},
    operator, soak,
};
use serde_json::{Value, json};

/// How much more the operator may hold after the second storm than after the first, which was as heavy: an allocator keeps what one storm
/// needed, and only what leaks with each object is added by the next. In bytes.
const GROWTH: u64 = 4 << 20;
/// What it may ever have held: a quarter of its limit stays free. In bytes.
const PEAK: u64 = 192 << 20;

#[tokio::test]
async fn bad_input_neither_stops_nor_grows_the_operator_and_others_are_reconciled_meanwhile() {
    let ground = Ground::new("bystander").await.unwrap();
    let (before, restarts) = operator::pod(&ground.client).await.unwrap();
    let mut resident = Vec::new();
    for storm in 1..=2 {
        let thrown = async {
            tokio::join!(specs::thrown(storm), reports::messages(), reports::blocks(), pages());
        };
        // Meanwhile, not after: the bystander must not wait for the end of the storm.
        let bystander = async {
            for number in 1..=3 {
                let version = format!("1.{storm}.{number}");
                published(&ground, &format!("meanwhile-{storm}-{number}"), &version).await;
            }
        };
        tokio::join!(thrown, bystander);
        resident.push(operator::resident(&ground.client).await.unwrap());
    }

    let (after, restarts_after) = operator::pod(&ground.client).await.unwrap();
    assert_eq!((after.uid(), restarts_after), (before.uid(), restarts), "the operator was started again");
    let log = Api::<Pod>::namespaced(ground.client.clone(), operator::NAMESPACE)
        .logs(&after.name_any(), &LogParams::default())
        .await
        .unwrap();
    let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked at")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
    let [(first, _), (second, peak)] = resident[..] else { unreachable!("two storms") };
    println!(
        "resident memory in KiB: {} after the first storm, {} after the second, {} at most",
        first >> 10,
        second >> 10,
        peak >> 10
    );
    assert!(second <= first + GROWTH, "it grew from {first} to {second} bytes by the second storm, more than {GROWTH}");
    assert!(peak <= PEAK, "it once held {peak} bytes, more than {PEAK}");
    ground.done().await.unwrap();
}

/// A healthy Release, from create to Published.
async fn published(ground: &Ground, name: &str, version: &str) {
    let build = r#"printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%064d"}]}' 1 > /dev/termination-log"#;
    let plan = json!({"metadata": {"name": name}, "spec": {
        "version": {"policy": "Explicit"},
        "candidate": {"from": "Task", "task": sh(build).unwrap()},
        "gates": [{"name": "suites", "e2e": {"suites": [{"name": "first", "task": sh("true").unwrap()}]}}],
        "publish": {"task": sh("true").unwrap()},
    }});
    ground.create::<ReleasePlan>(plan).await.unwrap();
    let revision = &seaworthy_api::hash::digest(version.as_bytes())[7..47];
    let release = json!({"metadata": {"name": name}, "spec": {
        "planRef": {"name": name}, "revision": revision, "version": {"number": version, "reason": "a test"}}});
    ground.create::<Release>(release).await.unwrap();
    let is = |r: &Release| r.status.as_ref().is_some_and(|s| s.phase == ReleasePhase::Published);
    ground.until::<Release>(name, "Published", is).await.unwrap();
}

/// Pages without end, pages that grow when unpacked, pages that never come; each sampled every second. What becomes of each soak is the
/// subject of other tests.
async fn pages() {
    let ground = Ground::new("pages").await.unwrap();
    let manners = ["broken", "hang", "drip", "endless", "bomb", "redirect", "html", "absent"];
    for manner in manners {
        let argument = format!("manner={manner}");
        let target = soak::deployment(manner, &soak::image(), &[&argument]);
        ground.create::<k8s_openapi::api::apps::v1::Deployment>(target).await.unwrap();
        let without_tasks = |spec: &mut Value| {
            let tasks = ["workload", "teardown"];
            spec.as_object_mut().unwrap().retain(|field, _| !tasks.contains(&field.as_str()));
        };
        ground.create::<seaworthy_api::SoakTest>(soak::soak(manner, manner, without_tasks)).await.unwrap();
    }
    for manner in manners {
        let ended = soak::finished(&ground, manner).await;
        assert!(soak::reason(&ended, "Succeeded") != "Passed", "{manner}: {:#?}", ended.status);
    }
    ground.done().await.unwrap();
}
