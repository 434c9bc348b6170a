//! The operator is killed in every phase of a Release and of an E2ERun: the end is the same, no Job ran twice, no verdict is lost.
//!
//! In a program of its own: an operator that dies must disturb no other test. A task that is held keeps its phase until the operator is dead,
//! and ends while nobody looks.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::collections::BTreeMap;

use k8s_openapi::api::{admissionregistration::v1::ValidatingWebhookConfiguration, batch::v1::Job};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use seaworthy_api::{
    E2ERun, Release, ReleasePlan,
    core::{
        condition::{self, types},
        e2e_run::{E2eRunPhase, E2eRunStatus, Step, SuiteState},
        release::{GateState, PublishState, ReleasePhase, ReleaseStatus},
    },
};
use seaworthy_tests::{
    api::ADMIN,
    cluster::{Ground, HELD, PATIENCE, sh},
    counts, operator,
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// One operator dies at a time: whoever kills it waits for the next one.
static OPERATOR: Mutex<()> = Mutex::const_new(());

/// Kills the operator, then does `meanwhile`, then waits until there is another one.
async fn killed<T>(ground: &Ground, meanwhile: impl AsyncFnOnce() -> T) -> T {
    let _alone = OPERATOR.lock().await;
    let killed = operator::kill_and_remove(&ground.client).await.unwrap();
    let seen = meanwhile().await;
    killed.replaced().await.unwrap();
    seen
}

/// Every Job was created once, every Job had one pod, and none was removed.
fn nothing_ran_twice(ground: &Ground, jobs: &[&str]) {
    let once: BTreeMap<String, usize> = jobs.iter().map(|job| ((*job).to_owned(), 1)).collect();
    assert_eq!(counts::created(&ground.namespace, "jobs").unwrap(), once);
    assert_eq!(counts::deleted(&ground.namespace, "jobs").unwrap(), BTreeMap::new());
    assert_eq!(counts::pods_started(&ground.namespace).unwrap(), once);
}

fn held(and_then: &str) -> Value {
    sh(&format!("{HELD}\n{and_then}")).unwrap()
}

/// Reports one artifact whose digest is that of the version.
const REPORT: &str = r#"d=$(printf '%s' "$SEAWORTHY_VERSION" | sha256sum | cut -d' ' -f1)
printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%s"}]}' "$d" > /dev/termination-log"#;

fn plan() -> Value {
    json!({"metadata": {"name": "plan"}, "spec": {
        "version": {"policy": "Explicit"},
        "candidate": {"from": "Task", "task": held(REPORT)},
        "gates": [{"name": "suites", "e2e": {"suites": [{"name": "first", "task": held("true")}]}}],
        "approvalPolicy": {"mode": "Manual"},
        "publish": {"task": held("true"), "verify": {"task": held("true")}},
    }})
}

fn release(name: &str, version: &str) -> Value {
    let revision = &seaworthy_api::hash::digest(version.as_bytes())[7..47];
    json!({"metadata": {"name": name}, "spec": {
        "planRef": {"name": "plan"}, "revision": revision, "version": {"number": version, "reason": "a test"}}})
}

fn status(release: &Release) -> ReleaseStatus {
    release.status.clone().unwrap_or_default()
}

fn reason(release: &Release) -> String {
    condition::get(&status(release).conditions, types::FINISHED).map(|c| c.reason.clone()).unwrap_or_default()
}

/// The operator dies while this Job runs; the Job ends meanwhile. Returns what was recorded when it died.
async fn killed_during(ground: &Ground, job: &str) -> ReleaseStatus {
    ground.until_runs(job).await.unwrap();
    let recorded =
        |r: &Release| serde_json::to_string(&r.status).is_ok_and(|s| s.contains(job) || job.contains("suites"));
    ground.until::<Release>("r", job, recorded).await.unwrap();
    killed(ground, async || {
        let seen = ground.api::<Release>().get("r").await.unwrap();
        ground.let_go(job).unwrap();
        status(&seen)
    })
    .await
}

#[tokio::test]
async fn operator_killed_in_every_phase_of_a_release() {
    let ground = Ground::new("killed").await.unwrap();
    ground.create::<ReleasePlan>(plan()).await.unwrap();
    ground.create::<Release>(release("r", "1.4.0")).await.unwrap();
    ground.until_runs("r-candidate-1").await.unwrap();
    ground.create::<Release>(release("next", "1.5.0")).await.unwrap();
    let queued = |r: &Release| reason(r) == "Queued";
    ground.until::<Release>("next", "Queued", queued).await.unwrap();

    let building = killed_during(&ground, "r-candidate-1").await;
    assert_eq!((building.phase, building.version.as_str()), (ReleasePhase::Building, "1.4.0"));
    let verifying = killed_during(&ground, "r-suites-first-run-1").await;
    assert_eq!((verifying.phase, verifying.gates[0].state), (ReleasePhase::Verifying, GateState::Running));

    let awaits = |r: &Release| status(r).phase == ReleasePhase::AwaitingApproval;
    ground.until::<Release>("r", "AwaitingApproval", awaits).await.unwrap();
    let given = json!({"spec": {"approval": {"approved": true, "by": ADMIN, "reason": "looked at it"}}});
    killed(&ground, async || ground.patch::<Release>("r", given).await.unwrap()).await;

    let publishing = killed_during(&ground, "r-publish-1").await;
    assert_eq!(publishing.phase, ReleasePhase::Publishing);
    let verified = killed_during(&ground, "r-verify-1-1").await;
    let publish = verified.publish.unwrap();
    assert_eq!((publish.state, publish.attempt), (PublishState::Completed, 1));

    let published = |r: &Release| status(r).phase == ReleasePhase::Published && r.finalizers().is_empty();
    let before = ground.until::<Release>("r", "Published", published).await.unwrap();
    // What was recorded before each death stands, and nothing ran twice.
    let end = status(&before);
    let uid = |task: &Option<seaworthy_api::core::task::TaskStatus>| task.as_ref().and_then(|t| t.uid.clone());
    assert_eq!(uid(&end.candidate), uid(&building.candidate));
    assert_eq!(end.gates[0].uid, verifying.gates[0].uid);
    assert_eq!(end.publish.as_ref().unwrap().uid, publish.uid);
    assert_eq!(end.artifacts[0].digest, seaworthy_api::hash::digest(b"1.4.0"));
    nothing_ran_twice_of_r(&ground);
    // What is over is not touched by an operator that begins anew.
    ground.until_runs("next-candidate-1").await.unwrap();
    killed(&ground, async || ground.let_go("next-candidate-1").unwrap()).await;
    ground.until_runs("next-suites-first-run-1").await.unwrap();
    assert_eq!(ground.api::<Release>().get("r").await.unwrap().resource_version(), before.resource_version());
    ground.done().await.unwrap();
}

/// The Jobs of the Release `r`; another one waits behind it.
fn nothing_ran_twice_of_r(ground: &Ground) {
    let of_r = |all: BTreeMap<String, usize>| all.into_iter().filter(|(job, _)| job.starts_with("r-")).collect();
    let once: BTreeMap<String, usize> =
        ["r-candidate-1", "r-suites-first-run-1", "r-publish-1", "r-verify-1-1"].map(|job| (job.to_owned(), 1)).into();
    let jobs: BTreeMap<String, usize> = of_r(counts::created(&ground.namespace, "jobs").unwrap());
    let pods: BTreeMap<String, usize> = of_r(counts::pods_started(&ground.namespace).unwrap());
    assert_eq!((jobs, pods), (once.clone(), once));
    assert_eq!(counts::deleted(&ground.namespace, "jobs").unwrap(), BTreeMap::new());
}

/// The webhooks that stand in for an API server that fails at just this call: nobody answers them, so it is an error that passes.
fn hooks(namespace: &str, calls: &[(&str, &str)]) -> Value {
    let hook = |(operation, job): &(&str, &str)| {
        json!({
            "name": format!("{}.{job}.seaworthy.test", operation.to_lowercase()),
            "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [{"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": [operation], "resources": ["jobs"]}],
            "matchConditions": [{"name": "job", "expression": format!("object.metadata.name == '{job}'")}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        })
    };
    json!({"webhooks": calls.iter().map(hook).collect::<Vec<_>>()})
}

/// Waits until the API server asks the webhook: it is in force some time after it was made.
async fn until_blocked(ground: &Ground, job: &str) {
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]});
    let job = json!({"metadata": {"name": job}, "spec": {"suspend": true, "template": {"spec": pod}}});
    let job: Job = serde_json::from_value(job).unwrap();
    let try_only = PostParams { dry_run: true, ..PostParams::default() };
    let end = tokio::time::Instant::now() + PATIENCE;
    while ground.api::<Job>().create(&try_only, &job).await.is_ok() {
        assert!(tokio::time::Instant::now() < end, "the webhook is not in force after {PATIENCE:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// The states of a publish that pass within milliseconds are held by an API server that does not carry out the next call.
#[tokio::test]
async fn operator_killed_in_every_short_state_of_a_publish() {
    let ground = Ground::new("killed").await.unwrap();
    let api: Api<ValidatingWebhookConfiguration> = Api::all(ground.client.clone());
    let calls = [("CREATE", "r-publish-1"), ("UPDATE", "r-publish-1"), ("CREATE", "r-verify-1-1")];
    let mut all = hooks(&ground.namespace, &calls);
    all["metadata"] = json!({"name": ground.namespace});
    let all: ValidatingWebhookConfiguration = serde_json::from_value(all).unwrap();
    api.create(&PostParams::default(), &all).await.unwrap();
    until_blocked(&ground, "r-publish-1").await;
    let mut plan = plan();
    for part in ["candidate", "publish"] {
        plan["spec"][part]["task"] = sh(if part == "publish" { "true" } else { REPORT }).unwrap();
    }
    plan["spec"]["publish"]["verify"]["task"] = sh("true").unwrap();
    plan["spec"]["gates"][0]["e2e"]["suites"][0]["task"] = sh("true").unwrap();
    plan["spec"]["approvalPolicy"] = json!({"mode": "Automatic"});
    ground.create::<ReleasePlan>(plan).await.unwrap();
    ground.create::<Release>(release("r", "1.4.0")).await.unwrap();
    for (number, state) in
        [PublishState::Intended, PublishState::Created, PublishState::Completed].into_iter().enumerate()
    {
        let is = |r: &Release| status(r).publish.is_some_and(|p| p.state == state);
        ground.until::<Release>("r", &format!("{state:?}"), is).await.unwrap();
        killed(&ground, async || {
            let now = ground.api::<Release>().get("r").await.unwrap();
            assert_eq!(status(&now).publish.unwrap().state, state, "it is still held there");
            // From here on the call is carried out.
            let left = Patch::Merge(hooks(&ground.namespace, &calls[number + 1..]));
            api.patch(&ground.namespace, &PatchParams::default(), &left).await.unwrap();
        })
        .await;
    }
    let published = |r: &Release| status(r).phase == ReleasePhase::Published && r.finalizers().is_empty();
    let end = status(&ground.until::<Release>("r", "Published", published).await.unwrap());
    assert_eq!(end.publish.unwrap().attempt, 1);
    nothing_ran_twice_of_r(&ground);
    api.delete(&ground.namespace, &DeleteParams::default()).await.unwrap();
    ground.done().await.unwrap();
}

fn suite(run: &E2eRunStatus, name: &str) -> seaworthy_api::core::e2e_run::SuiteStatus {
    run.suites.iter().find(|s| s.name == name).unwrap().clone()
}

/// The operator dies while this Job runs; the Job ends meanwhile. Returns what was recorded when it died.
async fn run_killed_during(ground: &Ground, job: &str) -> E2eRunStatus {
    ground.until_runs(job).await.unwrap();
    let recorded = |r: &E2ERun| {
        let status = r.status.clone().unwrap_or_default();
        status.suites.iter().any(|s| s.current().is_some_and(|(_, task)| task.job == job && task.uid.is_some()))
    };
    ground.until::<E2ERun>("r", job, recorded).await.unwrap();
    killed(ground, async || {
        let seen = ground.api::<E2ERun>().get("r").await.unwrap();
        ground.let_go(job).unwrap();
        seen.status.unwrap()
    })
    .await
}

#[tokio::test]
async fn operator_killed_in_every_phase_of_an_e2e_run() {
    let ground = Ground::new("killed").await.unwrap();
    let broken = held(r#"printf '{"tests":3,"failed":2}' > /dev/termination-log; exit 1"#);
    let run = json!({"metadata": {"name": "r"}, "spec": {
        "setup": {"task": held("true")},
        "teardown": {"task": held("true")},
        "suites": [{"name": "a", "task": broken, "maxAttempts": 1}, {"name": "b", "task": sh("true").unwrap()}],
        "failFast": true,
    }});
    ground.create::<E2ERun>(run).await.unwrap();
    for (job, step) in [("r-a-setup-1", Step::Setup), ("r-a-run-1", Step::Run), ("r-a-teardown-1", Step::Teardown)] {
        let seen = run_killed_during(&ground, job).await;
        assert_eq!(suite(&seen, "a").current().unwrap().0, step);
    }
    let over = |r: &E2ERun| {
        let status = r.status.clone().unwrap_or_default();
        condition::is_true(&status.conditions, types::FINISHED) && r.finalizers().is_empty()
    };
    let before = ground.until::<E2ERun>("r", "Finished", over).await.unwrap();
    let end = before.status.clone().unwrap();
    let a = suite(&end, "a");
    assert_eq!(end.phase, E2eRunPhase::Failed, "{end:#?}");
    assert_eq!((a.state, a.attempts, a.product_failures), (SuiteState::Failed, 1, 1), "the verdict is not lost");
    assert_eq!((a.tests, a.tests_failed), (Some(3), Some(2)));
    assert_eq!(suite(&end, "b").state, SuiteState::Skipped);
    nothing_ran_twice(&ground, &["r-a-setup-1", "r-a-run-1", "r-a-teardown-1"]);
    killed(&ground, async || {}).await;
    // An operator that begins anew has looked at everything once it reconciles something new.
    ground
        .create::<E2ERun>(json!({"metadata": {"name": "new"}, "spec": {"suspend": true, "suites":
        [{"name": "a", "task": sh("true").unwrap()}]}}))
        .await
        .unwrap();
    ground.until::<E2ERun>("new", "is seen", |r| r.status.is_some()).await.unwrap();
    assert_eq!(ground.api::<E2ERun>().get("r").await.unwrap().resource_version(), before.resource_version());
    ground.done().await.unwrap();
}
