//! Without a fault: the operator writes exactly as often as the plan says.

use seaworthy_api::{
    ReleasePlanSpec,
    writes::{self, Writes},
};
use seaworthy_tests::faults::{
    canonical::{self, Shape},
    lab::Lab,
    layer::{Faults, Record},
    plan::{Plan, Verb},
};

/// As an audit log would name it.
fn key(record: &Record) -> Option<&'static str> {
    let verb = match record.call.verb {
        Verb::Post => "create",
        Verb::Put => "update",
        Verb::Patch => "patch",
        Verb::Delete => "delete",
        Verb::Get | Verb::List | Verb::Watch => "get",
    };
    let parts: Vec<&str> = record.call.what.split('/').collect();
    let status = if parts.last() == Some(&"status") { "/status" } else { "" };
    writes::key(verb, &format!("{}{status}", parts[0]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_with_suites_and_a_soak_writes_as_often_as_its_plan_says() {
    let lab = Lab::shared().await;
    let shape = Shape { attempts: 1, ..Shape::canonical(lab.port) };
    let plan: ReleasePlanSpec = serde_json::from_value(canonical::plan(shape)["spec"].clone()).unwrap();
    let run = lab.run("clean", shape, &Faults::new(Plan::Clean), None).await.unwrap();
    assert_eq!(run.published.len(), 1);
    let mut made = Writes::new();
    for key in run.records.iter().filter(|record| (200..300).contains(&record.code)).filter_map(key) {
        *made.entry(key).or_default() += 1;
    }
    let wanted = writes::of(&plan).unwrap();
    let calls: Vec<String> = run.records.iter().filter(|r| r.call.verb.writes()).map(|r| r.call.to_string()).collect();
    assert_eq!(made, wanted, "{}", calls.join("\n"));
}
