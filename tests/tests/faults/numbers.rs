//! Numbers under faults: a crash between the ledger's write and what follows, two Releases that race for a number under two operators.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use seaworthy_api::{
    Release, ReleasePlan,
    core::{
        condition::{self, types},
        release::{ReleasePhase, ReleaseStatus},
        version::{
            Ledger,
            ledger::{Entry, State},
        },
    },
};
use seaworthy_tests::{
    cluster::Ground,
    faults::{
        canonical::{self, RELEASE, Shape},
        instance::Instance,
        lab::Lab,
        layer::Faults,
        plan::{AT_EVERY_WRITE, Call, Fault, Plan, Verb},
    },
};
use serde_json::json;

fn status(release: &Release) -> ReleaseStatus {
    release.status.clone().unwrap_or_default()
}

/// What the ledgers of the namespace hold.
async fn entries(ground: &Ground) -> Vec<Entry> {
    let all = ground.api::<ConfigMap>().list(&ListParams::default()).await.unwrap();
    let ledgers = all.into_iter().filter(|map| map.name_any().starts_with("seaworthy-ledger-"));
    ledgers.flat_map(|map| Ledger::from_json(&map.data.unwrap()["ledger.json"]).unwrap().entries).collect()
}

fn is_ledger(call: &Call) -> bool {
    call.what.starts_with("configmaps/seaworthy-ledger-")
}

/// The number is written into the ledger, then recorded, then the candidate's Job is created. The operator dies around each of these writes, or
/// loses its answer: there is one number in the end, the one of a clean run, and it is the Release's.
#[tokio::test]
async fn fault_01_02_a_crash_between_the_ledger_and_what_follows_takes_no_second_number() {
    let lab = Lab::shared().await;
    let clean = Faults::new(Plan::Clean);
    let run = lab.run("numbers", Shape::short(), &clean, None).await.unwrap();
    let writes: Vec<Call> = run.records.into_iter().map(|r| r.call).filter(|call| call.verb.writes()).collect();
    let reserve = writes.iter().position(is_ledger).expect("the ledger is written");
    // From the reservation to the Job's creation.
    let job =
        writes.iter().position(|call| call.verb == Verb::Post && call.what.starts_with("jobs/r-candidate")).unwrap();
    let between = &writes[reserve..=job];
    assert!(between.len() >= 3, "{between:?}");
    let tries = between.iter().flat_map(|call| AT_EVERY_WRITE.map(|fault| (call.clone(), fault)));
    let outcomes = tries.map(|(call, fault)| async move {
        let ground = lab.ground("numbers").await.unwrap();
        let faults = Faults::new(Plan::At(vec![(call.clone(), fault)]));
        let operator = lab.begin(&ground, canonical::plan(Shape::short()), &faults).await.unwrap();
        let release = lab.ended(&ground).await.unwrap();
        assert_eq!(faults.done(), [(call.clone(), fault)], "it did not come to {fault} at {call}");
        let deaths = u32::from(!matches!(fault, Fault::DropReply));
        assert_eq!(operator.lives(), 1 + deaths, "{fault} at {call}");
        let (seen, entries) = (status(&release), entries(&ground).await);
        assert_eq!(seen.phase, ReleasePhase::Published, "{fault} at {call}");
        let [entry] = &entries[..] else { panic!("{fault} at {call}: {entries:?}") };
        assert_eq!((entry.state, Some(&entry.owner)), (State::Published, release.metadata.uid.as_ref()));
        let label = entry.candidate_version().to_string();
        assert_eq!(
            (label.as_str(), seen.candidate_version.as_str()),
            ("1.4.0-rc.1", "1.4.0-rc.1"),
            "{fault} at {call}"
        );
    });
    futures::future::join_all(outcomes).await;
}

/// Two plans with one ledger, two Releases for the same number, two operators that see both: each label once, the version once.
#[tokio::test]
async fn fault_08_two_releases_that_race_for_a_number_under_two_operators_get_two() {
    let lab = Lab::shared().await;
    let ground = lab.ground("race").await.unwrap();
    for name in ["plan", "other"] {
        let mut plan = canonical::plan(Shape::short());
        plan["metadata"]["name"] = json!(name);
        // What two plans have in common is the repository; nobody reads it.
        plan["spec"]["version"]["git"] = json!({"url": "https://git.example/app.git"});
        ground.create::<ReleasePlan>(plan).await.unwrap();
    }
    let operators = [0, 1].map(|_| Instance::start(&lab.kube, &ground.namespace, &Faults::new(Plan::Clean)).unwrap());
    for (name, plan) in [(RELEASE, "plan"), ("s", "other")] {
        let mut release = canonical::release();
        release["metadata"]["name"] = json!(name);
        release["spec"]["planRef"]["name"] = json!(plan);
        release["spec"]["revision"] = json!(seaworthy_api::hash::digest(name.as_bytes())[7..47]);
        ground.create::<Release>(release).await.unwrap();
    }
    let mut ends = Vec::new();
    for name in [RELEASE, "s"] {
        let over =
            |r: &Release| condition::is_true(&status(r).conditions, types::FINISHED) && r.finalizers().is_empty();
        ends.push(status(&ground.until::<Release>(name, "the end", over).await.unwrap()));
    }
    drop(operators);
    ends.sort_by(|a, b| a.candidate_version.cmp(&b.candidate_version));
    let entries = entries(&ground).await;
    let out = lab.registry.out(&ground.namespace);
    assert_eq!((ends[0].phase, out.len()), (ReleasePhase::Published, 1), "{ends:#?}");
    // Who came so late that the number was out already never had one.
    let late = ends.iter().find(|end| end.phase != ReleasePhase::Published).expect("one version, one Release");
    let words = condition::get(&late.conditions, types::FINISHED).map(|c| c.message.clone()).unwrap_or_default();
    assert_eq!(late.phase, ReleasePhase::Failed, "{words}");
    assert!(words.contains("1.4.0"), "{words}");
    let mut labels: Vec<String> = entries.iter().map(|entry| entry.candidate_version().to_string()).collect();
    labels.sort();
    labels.dedup();
    assert_eq!(labels.len(), entries.len(), "{entries:?}");
    assert_eq!(entries.iter().filter(|entry| entry.state == State::Published).count(), 1, "{entries:?}");
    ground.api::<Release>().delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
}
