//! Faults of the table in docs/reliability.md that need an operator of their own: each test bears its number.

use std::time::{Duration, Instant};

use k8s_openapi::api::{
    admissionregistration::v1::{
        ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
    },
    batch::v1::Job,
    core::v1::{Namespace, Pod},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, PostParams},
};
use seaworthy_api::{
    E2ERun, Release,
    core::{
        condition::{self, types},
        release::{PublishState, ReleasePhase, ReleaseStatus},
    },
};
use seaworthy_tests::{
    cluster::Ground,
    faults::{
        canonical::{self, RELEASE, Shape},
        instance::Instance,
        lab::Lab,
        layer::Faults,
        node::Script,
        plan::{Call, Fault, Plan, Verb},
    },
};
use serde_json::{Value, json};

fn clean() -> std::sync::Arc<Faults> {
    Faults::new(Plan::Clean)
}

fn status(release: &Release) -> ReleaseStatus {
    release.status.clone().unwrap_or_default()
}

fn said(release: &Release) -> (ReleasePhase, String) {
    let status = status(release);
    let finished = condition::get(&status.conditions, types::FINISHED).unwrap();
    (status.phase, format!("{}: {}", finished.reason, finished.message))
}

/// A plan of the short shape, changed.
fn plan(edit: impl FnOnce(&mut Value)) -> Value {
    let mut plan = canonical::plan(Shape::short());
    edit(&mut plan["spec"]);
    plan
}

/// Waits until the Release is in a phase.
async fn until(ground: &Ground, phase: ReleasePhase) -> Release {
    ground.until::<Release>(RELEASE, &format!("{phase:?}"), |r| status(r).phase == phase).await.unwrap()
}

#[tokio::test]
async fn fault_03_a_publish_job_of_somebody_else_is_not_adopted() {
    let lab = Lab::shared().await;
    let ground = lab.ground("fault-03").await.unwrap();
    let foreign = json!({"metadata": {"name": "r-publish-1"}, "spec": {"suspend": true, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.example/c:1"}]}}}});
    let before = ground.create::<Job>(foreign).await.unwrap();
    let _operator = lab.begin(&ground, plan(|_| ()), &clean()).await.unwrap();
    let release = lab.ended(&ground).await.unwrap();
    let (phase, why) = said(&release);
    assert_eq!(phase, ReleasePhase::Failed, "{why}");
    assert!(why.contains("r-publish-1") && why.contains("not ours"), "{why}");
    let after = ground.api::<Job>().get("r-publish-1").await.unwrap();
    assert_eq!((before.uid(), before.spec), (after.uid(), after.spec));
    assert_eq!(lab.registry.out(&ground.namespace), [""; 0]);
}

#[tokio::test]
async fn fault_04_who_is_asked_to_wait_waits() {
    let lab = Lab::shared().await;
    for (code, verb, what) in [(429, Verb::Post, "jobs/r-candidate-1"), (503, Verb::Put, "releases/r/status")] {
        let ground = lab.ground("fault-04").await.unwrap();
        let call = Call { verb, what: what.to_owned(), ordinal: 1 };
        let faults = Faults::new(Plan::At(vec![(call.clone(), Fault::Refuse(code, Some(4)))]));
        let _operator = lab.begin(&ground, plan(|_| ()), &faults).await.unwrap();
        let release = lab.ended(&ground).await.unwrap();
        assert_eq!(status(&release).phase, ReleasePhase::Published);
        let tries: Vec<_> = faults.records().into_iter().filter(|r| r.call == call).collect();
        assert_eq!((tries.len(), tries[0].code), (2, code));
        // Whatever changes meanwhile.
        let pause = tries[1].at - tries[0].at;
        assert!(pause >= Duration::from_millis(3900), "{code}: asked again after {pause:?}");
    }
}

#[tokio::test]
async fn fault_05_what_can_never_work_ends_at_once_what_is_forbidden_is_shown_an_error_passes() {
    let lab = Lab::shared().await;
    let refused = |code| Faults::new(Plan::Always(Verb::Post, "jobs/r-candidate", Fault::Refuse(code, None)));
    // What is wrong with the Job itself can never work.
    let ground = lab.ground("fault-05").await.unwrap();
    let _operator = lab.begin(&ground, plan(|_| ()), &refused(422)).await.unwrap();
    let began = Instant::now();
    let (phase, why) = said(&lab.ended(&ground).await.unwrap());
    assert_eq!(phase, ReleasePhase::Failed, "{why}");
    assert!(why.contains("a fault on purpose") && began.elapsed() < Duration::from_secs(60), "{why}");
    // A right may be given: it says what is missing, and waits until the task's deadline.
    let ground = lab.ground("fault-05").await.unwrap();
    let _operator = lab.begin(&ground, plan(|_| ()), &refused(403)).await.unwrap();
    let told = |r: &Release| status(r).candidate.is_some_and(|c| c.message.contains("a fault on purpose"));
    let release = ground.until::<Release>(RELEASE, "says what was refused", told).await.unwrap();
    assert_eq!(status(&release).phase, ReleasePhase::Building);
    // A server that fails once: it goes on.
    let ground = lab.ground("fault-05").await.unwrap();
    let call = |ordinal| Call { verb: Verb::Post, what: "jobs/r-candidate-1".into(), ordinal };
    let faults = Faults::new(Plan::At(vec![(call(1), Fault::Refuse(500, None))]));
    let _operator = lab.begin(&ground, plan(|_| ()), &faults).await.unwrap();
    assert_eq!(said(&lab.ended(&ground).await.unwrap()).0, ReleasePhase::Published);
}

#[tokio::test]
async fn fault_06_every_watch_is_cut_or_expired() {
    let lab = Lab::shared().await;
    let clean = lab.run("clean", Shape::short(), &clean(), None).await.unwrap();
    let cut = Plan::Always(Verb::Watch, "", Fault::CutWatch(Duration::from_millis(300)));
    let refused = Fault::Refuse(503, None);
    let plans = [
        cut,
        Plan::First(3, Verb::Watch, Fault::Gone),
        Plan::First(3, Verb::Watch, refused),
        // Each watch waits for itself: no number of them makes the others wait.
        Plan::First(6, Verb::List, refused),
    ];
    for plan in plans {
        let faults = Faults::new(plan);
        let run = lab.run("fault-06", Shape::short(), &faults, Some(&clean.world)).await.unwrap();
        assert_eq!(run.published, clean.published);
    }
}

#[tokio::test]
async fn fault_07_08_two_operators_and_one_of_them_writes_late() {
    let lab = Lab::shared().await;
    let clean = lab.run("clean", Shape::short(), &clean(), None).await.unwrap();
    let ground = lab.ground("fault-08").await.unwrap();
    // What it decided is a second old when it writes it, or wants it done.
    let late = Faults::new(Plan::Always(Verb::Put, "releases", Fault::Delay(Duration::from_millis(900))));
    let later = Faults::new(Plan::Always(Verb::Post, "jobs", Fault::Delay(Duration::from_millis(1500))));
    let _slow = Instance::start(&lab.kube, &ground.namespace, &late).unwrap();
    let _slower = Instance::start(&lab.kube, &ground.namespace, &later).unwrap();
    let _quick = lab.begin(&ground, plan(|_| ()), &self::clean()).await.unwrap();
    lab.ended(&ground).await.unwrap();
    lab.settled(&ground, Some(&clean.world)).await.unwrap();
    assert_eq!(lab.registry.out(&ground.namespace), clean.published);
    assert_eq!(lab.registry.most_at_once(&ground.namespace), 1);
    let refused = late.records().iter().filter(|r| r.code == 409).count();
    assert!(refused > 0, "no stale write was refused: nothing was tried");
}

#[tokio::test]
async fn fault_10_jobs_that_somebody_deletes() {
    let lab = Lab::shared().await;
    let ground = lab.ground("fault-10").await.unwrap();
    let slow = |ms, edit: fn(&mut Script)| {
        let mut script = Script { ms, ..Script::default() };
        edit(&mut script);
        script.task()
    };
    let plan = plan(|spec| {
        spec["gates"][0]["e2e"]["suites"][0]["task"] = slow(3000, |_| ());
        spec["publish"]["task"] = slow(4000, |s| s.publishes = true);
    });
    let _operator = lab.begin(&ground, plan, &clean()).await.unwrap();
    let runs = |j: &Job| j.status.as_ref().is_some_and(|s| s.active == Some(1));
    ground.until::<Job>("r-suites-suite-run-1", "running", runs).await.unwrap();
    ground.api::<Job>().delete("r-suites-suite-run-1", &DeleteParams::background()).await.unwrap();
    ground
        .until::<Release>(RELEASE, "publishing", |r| {
            status(r).publish.is_some_and(|p| p.attempt == 1 && p.state == PublishState::Running)
        })
        .await
        .unwrap();
    ground.until::<Job>("r-publish-1", "running", runs).await.unwrap();
    ground.api::<Job>().delete("r-publish-1", &DeleteParams::background()).await.unwrap();
    // Nothing was out, `verify` said so after the pod had gone, and one more attempt is allowed.
    let release = lab.ended(&ground).await.unwrap();
    assert_eq!(said(&release).0, ReleasePhase::Published, "{:?}", said(&release));
    assert_eq!(status(&release).publish.unwrap().attempt, 2);
    assert_eq!(lab.registry.out(&ground.namespace).len(), 1);
    assert_eq!(lab.registry.most_at_once(&ground.namespace), 1);
    let suite = ground.api::<E2ERun>().get("r-suites").await.unwrap().status.unwrap().suites.remove(0);
    assert_eq!((suite.attempts, suite.infrastructure_failures, suite.product_failures), (2, 1, 0));
}

#[tokio::test]
async fn fault_11_a_publish_pod_on_a_lost_node_is_waited_for() {
    let lab = Lab::shared().await;
    let ground = lab.ground("fault-11").await.unwrap();
    let plan = plan(|spec| {
        spec["publish"]["task"] = Script { publishes: true, lost: true, ..Script::default() }.task();
        spec["publish"]["task"]["timeout"] = json!("3s");
        spec["publish"]["maxAttempts"] = json!(1);
    });
    let _operator = lab.begin(&ground, plan, &clean()).await.unwrap();
    let ending = |r: &Release| status(r).publish.is_some_and(|p| p.state == PublishState::Ending);
    ground.until::<Release>(RELEASE, "the publish ends", ending).await.unwrap();
    // The Job is over, its pod is to go, and nobody knows whether it runs: no verify, no second attempt, no outcome.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let release = ground.api::<Release>().get(RELEASE).await.unwrap();
        assert!(ending(&release), "{:#?}", status(&release).publish);
        assert_eq!(
            ground
                .jobs_of(RELEASE)
                .await
                .unwrap()
                .iter()
                .filter(|j| j.contains("publish-2") || j.contains("verify"))
                .count(),
            0
        );
    }
    // A person takes the node away for good, and its pods with it.
    let pods = ground.api::<Pod>();
    let mine = ListParams::default().labels("batch.kubernetes.io/job-name=r-publish-1");
    let gone = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    pods.delete_collection(&gone, &mine).await.unwrap();
    let release = lab.ended(&ground).await.unwrap();
    assert!(status(&release).publish.unwrap().verify.is_some(), "{:?}", said(&release));
    assert_eq!(said(&release).0, ReleasePhase::Failed, "{:?}", said(&release));
}

#[tokio::test]
async fn fault_12_evicted_pods() {
    let lab = Lab::shared().await;
    let ground = lab.ground("fault-12").await.unwrap();
    let plan = plan(|spec| {
        spec["gates"][0]["e2e"]["suites"][0]["task"] = Script { ms: 50, evicted: 1, ..Script::default() }.task();
        spec["publish"]["task"] =
            Script { ms: 50, exits: vec![1, 0], evicted: 1, publishes: true, ..Script::default() }.task();
    });
    let _operator = lab.begin(&ground, plan, &clean()).await.unwrap();
    let release = lab.ended(&ground).await.unwrap();
    let suite = ground.api::<E2ERun>().get("r-suites").await.unwrap().status.unwrap().suites.remove(0);
    assert_eq!((suite.attempts, suite.infrastructure_failures, suite.product_failures), (2, 1, 0));
    // Evicted before anything was out: `verify` says so, and the second attempt publishes.
    assert_eq!((said(&release).0, status(&release).publish.unwrap().attempt), (ReleasePhase::Published, 2));
    assert_eq!(lab.registry.out(&ground.namespace).len(), 1);
}

#[tokio::test]
async fn fault_15_a_namespace_that_goes_takes_everything_with_it() {
    let lab = Lab::shared().await;
    let places = [
        (ReleasePhase::Building, "/candidate/task"),
        (ReleasePhase::Verifying, "/gates/0/e2e/suites/0/task"),
        (ReleasePhase::Publishing, "/publish/task"),
    ];
    let goes = |(phase, place): (ReleasePhase, &'static str)| async move {
        let ground = lab.ground("fault-15").await.unwrap();
        let slow = Script { ms: 5000, ..Script::default() }.task();
        let plan = plan(|spec| *spec.pointer_mut(place).unwrap() = slow);
        let _operator = lab.begin(&ground, plan, &clean()).await.unwrap();
        until(&ground, phase).await;
        let namespaces: Api<Namespace> = Api::all(ground.client.clone());
        namespaces.delete(&ground.namespace, &DeleteParams::default()).await.unwrap();
        let began = Instant::now();
        while namespaces.get_opt(&ground.namespace).await.unwrap().is_some() {
            assert!(began.elapsed() < Duration::from_secs(90), "{phase:?}: namespace {} does not go", ground.namespace);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    futures::future::join_all(places.map(goes)).await;
}

#[tokio::test]
async fn fault_21_a_policy_that_denies_is_named_and_a_webhook_that_is_down_is_waited_for() {
    let lab = Lab::shared().await;
    let ground = lab.ground("fault-21").await.unwrap();
    let (policy, here) =
        (format!("deny-{}", ground.namespace), json!({"kubernetes.io/metadata.name": ground.namespace}));
    let jobs = json!({"apiGroups": ["batch"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["jobs"]});
    let denies = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": policy},
        "spec": {"matchConstraints": {"resourceRules": [jobs.clone()]},
            "validations": [{"expression": "!object.metadata.name.contains('candidate')", "message": "no builds on a Sunday"}]}});
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": policy},
        "spec": {"policyName": policy, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {"matchLabels": here.clone()}}}});
    create::<ValidatingAdmissionPolicy>(&ground, denies).await;
    create::<ValidatingAdmissionPolicyBinding>(&ground, binding).await;
    // A policy is in force some time after it was made.
    until_denied(&ground).await;
    let operator = lab.begin(&ground, plan(|_| ()), &clean()).await.unwrap();
    let (phase, why) = said(&lab.ended(&ground).await.unwrap());
    assert_eq!(phase, ReleasePhase::Failed);
    assert!(why.contains("no builds on a Sunday"), "{why}");
    drop(operator);

    let ground = lab.ground("fault-21").await.unwrap();
    let name = format!("down-{}", ground.namespace);
    let down = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": name},
        "webhooks": [{"name": "down.seaworthy.test", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "timeoutSeconds": 1, "clientConfig": {"url": "https://127.0.0.1:1/"}, "rules": [jobs],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ground.namespace}}}]});
    create::<ValidatingWebhookConfiguration>(&ground, down).await;
    until_denied(&ground).await;
    let _operator = lab.begin(&ground, plan(|_| ()), &clean()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let release = ground.api::<Release>().get(RELEASE).await.unwrap();
    assert_eq!(status(&release).phase, ReleasePhase::Building, "{:?}", said(&release));
    Api::<ValidatingWebhookConfiguration>::all(ground.client.clone())
        .delete(&name, &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(said(&lab.ended(&ground).await.unwrap()).0, ReleasePhase::Published);
}

async fn create<K>(ground: &Ground, object: Value)
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(object).unwrap();
    Api::<K>::all(ground.client.clone()).create(&PostParams::default(), &object).await.unwrap();
}

/// Waits until a candidate's Job is not admitted, tried without creating one.
async fn until_denied(ground: &Ground) {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "candidate"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.example/c:1"}]}}}});
    let job: Job = serde_json::from_value(job).unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    for _ in 0..150 {
        if ground.api::<Job>().create(&dry, &job).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!("admitted", "denied", "the policy did not come into force");
}
