//! What becomes of an E2ERun on the real cluster, from create to its end.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Pod, ResourceQuota},
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, PropagationPolicy},
};
use seaworthy_api::{
    E2ERun,
    core::{
        condition::{self, Condition, ConditionStatus, types},
        e2e_run::{E2eRunPhase, SuiteState, SuiteStatus},
        task::Cause,
    },
};
use seaworthy_tests::cluster::{Ground, sh};
use serde_json::{Value, json};

/// Runs until it is told to end.
const HANGS: &str = "trap 'exit 1' TERM; sleep 600 & wait";

/// A suite that runs a line of shell.
fn suite(name: &str, line: &str) -> Value {
    json!({"name": name, "task": sh(line).unwrap()})
}

/// A run `r` of these suites.
fn run(suites: &[Value]) -> Value {
    json!({"metadata": {"name": "r"}, "spec": {"suites": suites}})
}

/// The same with a setup and a teardown before and after each attempt.
fn in_fresh_worlds(mut run: Value) -> Value {
    run["spec"]["setup"] = json!({"task": sh("true").unwrap()});
    run["spec"]["teardown"] = json!({"task": sh("true").unwrap()});
    run
}

fn condition(run: &E2ERun, type_: &str) -> Option<Condition> {
    run.status.as_ref().and_then(|s| condition::get(&s.conditions, type_)).cloned()
}

/// Why it is not finished yet, or how it ended.
fn doing(run: &E2ERun) -> String {
    condition(run, types::FINISHED).map(|c| c.reason).unwrap_or_default()
}

fn of(run: &E2ERun, suite: &str) -> SuiteStatus {
    run.status.as_ref().unwrap().suites.iter().find(|s| s.name == suite).unwrap().clone()
}

async fn begins(prefix: &str, run: Value) -> Ground {
    let ground = Ground::new(prefix).await.unwrap();
    ground.create::<E2ERun>(run).await.unwrap();
    ground
}

async fn ends(ground: &Ground, phase: E2eRunPhase, reason: &str) -> E2ERun {
    let finished = |r: &E2ERun| {
        condition(r, types::FINISHED).is_some_and(|c| c.status == ConditionStatus::True) && r.finalizers().is_empty()
    };
    let run = ground.until::<E2ERun>("r", "Finished", finished).await.unwrap();
    let succeeded = condition(&run, types::SUCCEEDED).unwrap();
    let status = run.status.as_ref().unwrap();
    assert_eq!((status.phase, succeeded.reason.as_str()), (phase, reason), "{status:#?}");
    assert_eq!(succeeded.status == ConditionStatus::True, phase == E2eRunPhase::Succeeded);
    for suite in &status.suites {
        assert!(suite.state.is_decided() && suite.current().is_none(), "{suite:#?}");
    }
    run
}

async fn is_running(ground: &Ground, job: &str) {
    let runs = |j: &Job| j.status.as_ref().is_some_and(|s| s.ready == Some(1));
    ground.until::<Job>(job, "a running pod", runs).await.unwrap();
}

fn is_complete(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|c| c.type_ == "Complete" && c.status == "True")
}

async fn completed(ground: &Ground, job: &str) {
    let job = ground.api::<Job>().get(job).await.unwrap();
    assert!(is_complete(&job), "{:#?}", job.status);
}

#[tokio::test]
async fn suites_pass_each_in_a_fresh_world_and_know_where_they_are() {
    let knows = r#"test "$SEAWORTHY_SUITE/$SEAWORTHY_ATTEMPT/$SEAWORTHY_VERSION" = a/1/1.4.0 && printf '{"tests":3,"failed":0,"skipped":1}' > /dev/termination-log"#;
    let mut spec = in_fresh_worlds(run(&[suite("a", knows), suite("b", "true")]));
    spec["spec"]["candidate"] = json!({"version": "1.4.0"});
    spec["spec"]["suites"][0]["minTests"] = json!(3);
    let ground = begins("pass", spec).await;
    let run = ends(&ground, E2eRunPhase::Succeeded, "Passed").await;
    let a = of(&run, "a");
    assert_eq!((a.attempts, a.tests, a.tests_failed, a.tests_skipped), (1, Some(3), Some(0), Some(1)));
    let jobs = ["r-a-run-1", "r-a-setup-1", "r-a-teardown-1", "r-b-run-1", "r-b-setup-1", "r-b-teardown-1"];
    assert_eq!(ground.jobs_of("r").await.unwrap(), jobs);
    for type_ in [types::ACCEPTED, types::SUCCEEDED, types::FINISHED] {
        assert_eq!(condition(&run, type_).map(|c| (c.status, c.observed_generation)), Some((ConditionStatus::True, 1)));
    }
    ground.done().await.unwrap();
}

#[tokio::test]
async fn failing_suite_attempts_counted() {
    let fails = r#"printf '{"tests":41,"failed":5}' > /dev/termination-log; exit 3"#;
    let mut spec = run(&[suite("bad", fails), suite("good", "true")]);
    spec["spec"]["suites"][0]["maxAttempts"] = json!(2);
    let ground = begins("failing", spec).await;
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    let bad = of(&run, "bad");
    assert_eq!((bad.state, bad.attempts, bad.product_failures), (SuiteState::Failed, 2, 2));
    assert_eq!((bad.cause, bad.tests, bad.tests_failed), (Some(Cause::Product), Some(41), Some(5)));
    assert!(bad.message.contains("exit code 3") && bad.message.contains("r-bad-run-2"), "{}", bad.message);
    assert_eq!(of(&run, "good").state, SuiteState::Passed, "others are run all the same");
    assert_eq!(ground.jobs_of("r").await.unwrap(), ["r-bad-run-1", "r-bad-run-2", "r-good-run-1"]);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn suite_that_hangs_is_ended_at_its_timeout() {
    let mut spec = in_fresh_worlds(run(&[suite("hangs", HANGS)]));
    spec["spec"]["suites"][0]["task"]["timeout"] = json!("4s");
    let ground = begins("hangs", spec).await;
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    let hangs = of(&run, "hangs");
    assert_eq!((hangs.attempts, hangs.cause), (1, Some(Cause::Limits)));
    assert!(hangs.message.starts_with("DeadlineExceeded") && hangs.message.contains("timeout"), "{}", hangs.message);
    completed(&ground, "r-hangs-teardown-1").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn flaky_suite_that_passes_at_the_second_attempt_is_marked() {
    let mut spec = in_fresh_worlds(run(&[suite("flaky", r#"test "$SEAWORTHY_ATTEMPT" -ge 2"#)]));
    spec["spec"]["suites"][0]["maxAttempts"] = json!(3);
    let ground = begins("flaky", spec).await;
    let run = ends(&ground, E2eRunPhase::Succeeded, "Passed").await;
    let flaky = of(&run, "flaky");
    assert!(flaky.flaky && flaky.attempts == 2 && flaky.product_failures == 1, "{flaky:#?}");
    assert_eq!(run.status.as_ref().unwrap().flaky, 1);
    let message = condition(&run, types::SUCCEEDED).unwrap().message;
    assert!(message.contains("flaky: flaky (passed at attempt 2"), "{message}");
    assert_eq!(ground.jobs_of("r").await.unwrap().len(), 6, "each attempt has a world of its own");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_26_unpullable_image_and_root_only_image_end_early_with_the_reason() {
    let registry = seaworthy_tests::cluster::tools_image().unwrap();
    let registry = registry.split('/').next().unwrap();
    let unpullable = json!({"image": format!("{registry}/no/such-image:1"), "timeout": "10m"});
    // Tasks never run as root, and nobody else can reach a program there.
    let mut root_only = sh("").unwrap();
    root_only["command"] = json!(["/root/program"]);
    for (task, reason, part) in
        [(unpullable, "ImageNotFound", "cannot be pulled"), (root_only, "CannotStart", "permission denied")]
    {
        let mut spec = run(&[json!({"name": "never", "task": task, "maxAttempts": 5})]);
        spec["spec"]["teardown"] = json!({"task": sh("true").unwrap()});
        let ground = begins("never", spec).await;
        let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
        let never = of(&run, "never");
        assert_eq!((never.attempts, never.cause), (1, Some(Cause::Impossible)), "{never:#?}");
        assert!(never.message.starts_with(reason) && never.message.contains(part), "{}", never.message);
        completed(&ground, "r-never-teardown-1").await;
        ground.done().await.unwrap();
    }
}

#[tokio::test]
async fn oom_killed_suite_is_named_so() {
    let mut spec = run(&[suite("greedy", "exec dd if=/dev/zero of=/dev/null bs=256M count=1")]);
    spec["spec"]["suites"][0]["task"]["resources"] = json!({"limits": {"memory": "32Mi"}});
    let ground = begins("oom", spec).await;
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    let greedy = of(&run, "greedy");
    assert_eq!(greedy.cause, Some(Cause::Limits));
    assert!(greedy.message.starts_with("OOMKilled") && greedy.message.contains("memory"), "{}", greedy.message);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn unschedulable_suite_waits_visibly_and_is_no_fault_of_the_candidate() {
    let mut spec = run(&[suite("nowhere", "true")]);
    spec["spec"]["suites"][0]["task"]["nodeSelector"] = json!({"example.org/no-such": "node"});
    spec["spec"]["suites"][0]["task"]["timeout"] = json!("5s");
    let ground = begins("nowhere", spec).await;
    ground.until::<E2ERun>("r", "Unschedulable", |r| doing(r) == "Unschedulable").await.unwrap();
    let run = ends(&ground, E2eRunPhase::Inconclusive, "InsufficientEvidence").await;
    let nowhere = of(&run, "nowhere");
    assert_eq!((nowhere.state, nowhere.product_failures), (SuiteState::Inconclusive, 0));
    assert_eq!((nowhere.attempts, nowhere.infrastructure_failures), (3, 3));
    assert!(nowhere.message.starts_with("Unschedulable"), "{}", nowhere.message);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn teardown_runs_after_failure_and_its_own_failure_hides_nothing() {
    let mut spec = in_fresh_worlds(run(&[suite("a", "exit 1"), suite("b", "true")]));
    spec["spec"]["teardown"]["task"] = sh(r#"test "$SEAWORTHY_SUITE" = a"#).unwrap();
    let ground = begins("teardown", spec).await;
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    completed(&ground, "r-a-teardown-1").await;
    let b = of(&run, "b");
    assert_eq!((b.state, b.teardown_failures), (SuiteState::Passed, 1));
    assert!(b.message.contains("teardown of attempt 1 failed"), "{}", b.message);
    let message = condition(&run, types::SUCCEEDED).unwrap().message;
    assert!(message.contains("something may have stayed behind: b"), "{message}");
    let jobs = ground.jobs_of("r").await.unwrap();
    assert!(jobs.contains(&"r-b-teardown-again-1".to_owned()), "{jobs:?}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn teardown_runs_after_abort() {
    let ground = begins("abort", in_fresh_worlds(run(&[suite("a", HANGS), suite("b", "true")]))).await;
    is_running(&ground, "r-a-run-1").await;
    ground.patch::<E2ERun>("r", json!({"spec": {"abort": true}})).await.unwrap();
    let run = ends(&ground, E2eRunPhase::Aborted, "Aborted").await;
    assert_eq!((of(&run, "a").state, of(&run, "b").state), (SuiteState::Inconclusive, SuiteState::Skipped));
    completed(&ground, "r-a-teardown-1").await;
    let jobs = ground.jobs_of("r").await.unwrap();
    assert!(!jobs.iter().any(|j| j.starts_with("r-b-")), "{jobs:?}");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_14_teardown_runs_after_delete_and_nothing_is_left() {
    for policy in [PropagationPolicy::Background, PropagationPolicy::Foreground] {
        let ground = begins("delete", in_fresh_worlds(run(&[suite("a", HANGS)]))).await;
        is_running(&ground, "r-a-run-1").await;
        let params = DeleteParams { propagation_policy: Some(policy.clone()), ..DeleteParams::default() };
        ground.api::<E2ERun>().delete("r", &params).await.unwrap();
        ground.until::<Job>("r-a-teardown-1", "Complete", is_complete).await.unwrap();
        ground.until_gone::<E2ERun>("r").await.unwrap();
        for job in ["r-a-setup-1", "r-a-run-1", "r-a-teardown-1"] {
            ground.until_gone::<Job>(job).await.unwrap();
        }
        let pods = ground.api::<Pod>().list(&ListParams::default()).await.unwrap().items;
        for pod in pods {
            ground.until_gone::<Pod>(&pod.name_any()).await.unwrap();
        }
        ground.done().await.unwrap();
    }
}

#[tokio::test]
async fn fault_15_deleted_namespace_is_not_held() {
    let ground = begins("gone", in_fresh_worlds(run(&[suite("a", HANGS)]))).await;
    is_running(&ground, "r-a-run-1").await;
    let again = ground.clone();
    ground.done().await.unwrap();
    again.until_gone::<E2ERun>("r").await.unwrap();
}

#[tokio::test]
async fn suspend_holds_between_attempts_and_resume_goes_on() {
    let ground = begins("suspend", in_fresh_worlds(run(&[suite("a", "sleep 3"), suite("b", "true")]))).await;
    is_running(&ground, "r-a-run-1").await;
    ground.patch::<E2ERun>("r", json!({"spec": {"suspend": true}})).await.unwrap();
    let held = ground.until::<E2ERun>("r", "Suspended", |r| doing(r) == "Suspended").await.unwrap();
    assert_eq!((of(&held, "a").state, of(&held, "b").state), (SuiteState::Passed, SuiteState::Pending));
    assert_eq!(ground.jobs_of("r").await.unwrap(), ["r-a-run-1", "r-a-setup-1", "r-a-teardown-1"]);
    ground.patch::<E2ERun>("r", json!({"spec": {"suspend": false}})).await.unwrap();
    let run = ends(&ground, E2eRunPhase::Succeeded, "Passed").await;
    let deadline = run.status.as_ref().unwrap().deadline;
    assert!(deadline >= held.status.as_ref().unwrap().deadline, "the time for which it was held does not count");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_20_quota_exhausted_then_raised() {
    let ground = Ground::new("quota").await.unwrap();
    let quota = |pods: &str| json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": pods}}});
    ground.create::<ResourceQuota>(quota("0")).await.unwrap();
    let counted = |q: &ResourceQuota| q.status.as_ref().is_some_and(|s| s.hard.is_some());
    ground.until::<ResourceQuota>("q", "counted", counted).await.unwrap();
    ground.create::<E2ERun>(run(&[suite("a", "true")])).await.unwrap();
    let waits = ground.until::<E2ERun>("r", "QuotaExceeded", |r| doing(r) == "QuotaExceeded").await.unwrap();
    let message = condition(&waits, types::FINISHED).unwrap().message;
    assert!(message.contains("raise it"), "{message}");
    ground.patch::<ResourceQuota>("q", json!({"spec": {"hard": {"pods": "5"}}})).await.unwrap();
    let run = ends(&ground, E2eRunPhase::Succeeded, "Passed").await;
    assert_eq!(of(&run, "a").attempts, 1, "waiting is no attempt");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn run_that_passes_its_deadline_cleans_up_and_says_so() {
    let mut spec = in_fresh_worlds(run(&[suite("a", HANGS), suite("b", "true")]));
    spec["spec"]["deadline"] = json!("15s");
    spec["spec"]["suites"][0]["task"]["timeout"] = json!("10m");
    let ground = begins("deadline", spec).await;
    let run = ends(&ground, E2eRunPhase::Inconclusive, "DeadlineExceeded").await;
    assert_eq!((of(&run, "a").state, of(&run, "b").state), (SuiteState::Inconclusive, SuiteState::Skipped));
    completed(&ground, "r-a-teardown-1").await;
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fail_fast_ends_suites_that_are_under_way() {
    let mut spec = run(&[suite("slow", HANGS), suite("bad", "exit 1"), suite("later", "true")]);
    spec["spec"]["parallelism"] = json!(2);
    spec["spec"]["failFast"] = json!(true);
    let ground = begins("failfast", spec).await;
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    let states = ["slow", "bad", "later"].map(|s| of(&run, s).state);
    assert_eq!(states, [SuiteState::Inconclusive, SuiteState::Failed, SuiteState::Skipped]);
    assert!(!ground.jobs_of("r").await.unwrap().contains(&"r-later-run-1".to_owned()));
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_10_job_that_somebody_deletes_is_an_attempt_of_the_cluster() {
    let ground =
        begins("deleted", run(&[suite("a", &format!(r#"test "$SEAWORTHY_ATTEMPT" = 2 && exit; {HANGS}"#))])).await;
    is_running(&ground, "r-a-run-1").await;
    ground.api::<Job>().delete("r-a-run-1", &DeleteParams::background()).await.unwrap();
    let run = ends(&ground, E2eRunPhase::Succeeded, "Passed").await;
    let a = of(&run, "a");
    assert_eq!((a.attempts, a.infrastructure_failures, a.product_failures, a.flaky), (2, 1, 0, false));
    ground.done().await.unwrap();
}

#[tokio::test]
async fn fault_03_somebody_elses_job_is_neither_adopted_nor_touched() {
    let ground = Ground::new("taken").await.unwrap();
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": seaworthy_tests::cluster::tools_image().unwrap(), "command": ["true"]}]});
    let theirs = json!({"metadata": {"name": "r-a-run-1"}, "spec": {"suspend": true, "template": {"spec": pod}}});
    let theirs = ground.create::<Job>(theirs).await.unwrap();
    ground.create::<E2ERun>(run(&[suite("a", "true")])).await.unwrap();
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    assert!(of(&run, "a").message.starts_with("NameTaken"), "{}", of(&run, "a").message);
    assert_eq!(ground.api::<Job>().get("r-a-run-1").await.unwrap().uid(), theirs.uid());
    ground.done().await.unwrap();
}

#[tokio::test]
async fn too_few_tests_are_no_pass() {
    let mut spec = run(&[suite("none", r#"printf '{"tests":0}' > /dev/termination-log"#), suite("silent", "true")]);
    for n in [0, 1] {
        spec["spec"]["suites"][n]["minTests"] = json!(1);
    }
    let ground = begins("mintests", spec).await;
    let run = ends(&ground, E2eRunPhase::Failed, "SuiteFailed").await;
    assert!(of(&run, "none").message.contains("reported 0 tests, minTests is 1"), "{}", of(&run, "none").message);
    assert!(of(&run, "silent").message.contains("reported no count of tests"), "{}", of(&run, "silent").message);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn finished_run_is_never_written_again() {
    let ground = begins("quiet", run(&[suite("a", "true")])).await;
    let finished = ends(&ground, E2eRunPhase::Succeeded, "Passed").await;
    // The abort comes too late: the verdict stays, and so does the object but for its spec.
    let after = ground.patch::<E2ERun>("r", json!({"spec": {"abort": true}})).await.unwrap();
    assert_eq!(after.status, finished.status);
    // Another run is visited after it; by then this one has been visited as well.
    let mut other = run(&[suite("a", "true")]);
    other["metadata"]["name"] = json!("later");
    ground.create::<E2ERun>(other).await.unwrap();
    let over = |r: &E2ERun| condition(r, types::FINISHED).is_some_and(|c| c.status == ConditionStatus::True);
    ground.until::<E2ERun>("later", "Finished", over).await.unwrap();
    let last = ground.api::<E2ERun>().get("r").await.unwrap();
    assert_eq!((last.resource_version(), last.status), (after.resource_version(), finished.status));
    ground.done().await.unwrap();
}
