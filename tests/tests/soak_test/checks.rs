//! Checks that judge a run as a whole: leaks, silence, extension, declared faults. Hours are scaled to seconds; the arithmetic is the same.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::Pod,
    rbac::v1::{Role, RoleBinding},
};
use kube::ResourceExt as _;
use seaworthy_api::{
    Release, ReleasePlan, SoakTest,
    core::{release::ReleasePhase, soak_test::SoakTestPhase::*, verdict::Verdict},
};
use seaworthy_tests::{
    cluster::{Ground, sh},
    counts,
};
use serde_json::{Value, json};

use seaworthy_tests::soak::{
    candidate, check, deployment, ends, ends_with, evidence, image, level, soak, status, verdict,
};

/// A MiB a minute is tolerable, four are not.
fn trend(name: &str, metric: &str, tolerable: &str, unacceptable: &str) -> Value {
    json!({"name": name, "trend": {"source": "page", "metric": metric, "tolerablePerHour": tolerable, "unacceptablePerHour": unacceptable}})
}

fn memory() -> Value {
    trend("memory", "process_resident_memory_bytes", "60Mi", "240Mi")
}

#[tokio::test]
async fn a_leak_fails_and_the_message_says_how_fast() {
    let edit = |spec: &mut Value| {
        spec["measure"] = json!("35s");
        spec["checks"] = json!([memory(), trend("files", "process_open_fds", "60", "240")]);
    };
    // 15 MiB and 60 files a minute.
    let (ground, soak) = ends_with("leak", &["grow=0.25", "fds=1"], edit, Failed, "CheckFailed").await;
    for name in ["memory", "files"] {
        let found = check(&soak, name);
        assert_eq!(found.verdict, Some(Verdict::Failed), "{found:#?}");
        assert!(found.message.contains("above the tolerable slope") && found.interval.is_some(), "{found:#?}");
    }
    ground.done().await.unwrap();
}

#[tokio::test]
async fn a_heap_that_saws_is_healthy() {
    let edit = |spec: &mut Value| {
        (spec["measure"], spec["checks"]) =
            (json!("40s"), json!([memory(), trend("files", "process_open_fds", "60", "240")]));
    };
    let (ground, soak) = ends_with("saw", &["saw=6", "period=4"], edit, Succeeded, "Passed").await;
    assert!(check(&soak, "memory").detectable.is_some(), "{:#?}", soak.status);
    ground.done().await.unwrap();
}

#[tokio::test]
async fn work_that_goes_silent_fails() {
    let edit = |spec: &mut Value| {
        let rule = json!({"source": "page", "metric": "target_events_total", "min": 10, "period": "5s"});
        spec["checks"] = json!([{"name": "work", "progress": rule}]);
    };
    let (ground, soak) = ends_with("silent", &["work=10", "silent=14"], edit, Failed, "CheckFailed").await;
    assert!(check(&soak, "work").message.contains("stood still"), "{:#?}", soak.status);
    ground.done().await.unwrap();
    let (ground, _) = ends_with("works", &["work=10"], edit, Succeeded, "Passed").await;
    ground.done().await.unwrap();
}

/// Four teeth show no floor; eleven do.
#[tokio::test]
async fn an_extension_settles_what_is_inconclusive() {
    let edit = |spec: &mut Value| {
        (spec["measure"], spec["checks"]) = (json!("24s"), json!([memory()]));
        (spec["onInconclusive"], spec["maxExtension"]) = (json!("Extend"), json!("60s"));
    };
    let (ground, soak) = ends_with("extend", &["saw=12", "period=6"], edit, Succeeded, "Passed").await;
    let seen = status(&soak);
    let extension = seen.extension.clone().unwrap();
    assert!(extension.closed && extension.times >= 1 && extension.seconds >= 20, "{extension:?}");
    let measured = seen.measure_end_time.unwrap().since(seen.measure_start_time.unwrap());
    assert_eq!(measured.0, 24 + extension.seconds);
    let slots = evidence(&ground, &soak).await.slots();
    assert_eq!(slots, 3 + measured.0 + 2 + 1, "every slot of the extension is in the evidence");
    let made = counts::created(&ground.namespace, "jobs").unwrap();
    let once = ["soak-teardown-1", "soak-workload-1"].map(|job| (job.to_owned(), 1));
    assert_eq!(made, once.into(), "one load all along");
    ground.done().await.unwrap();
}

#[tokio::test]
async fn an_inconclusive_soak_fails_where_that_is_wanted() {
    let edit = |spec: &mut Value| {
        (spec["onInconclusive"], spec["checks"]) = (json!("Fail"), json!([memory()]));
    };
    let (ground, soak) = ends_with("strict", &["saw=12", "period=8"], edit, Failed, "InsufficientEvidence").await;
    assert_eq!(verdict(&soak, "memory"), Verdict::Inconclusive);
    ground.done().await.unwrap();
}

/// The load declares by its own pod's annotation what it breaks; trends leave that out, ceilings do not.
#[tokio::test]
async fn declared_faults_reach_the_evidence() {
    let ground = Ground::new("declared").await.unwrap();
    ground.account("breaker").await.unwrap();
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "patch"]}]);
    ground.create::<Role>(json!({"metadata": {"name": "breaker"}, "rules": rules})).await.unwrap();
    let binding = json!({"metadata": {"name": "breaker"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "breaker"},
        "subjects": [{"kind": "ServiceAccount", "name": "breaker", "namespace": ground.namespace}]});
    ground.create::<RoleBinding>(binding).await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &[])).await.unwrap();
    let edit = |spec: &mut Value| {
        let script = r#"sleep 6; t=$(date -u +%Y-%m-%dT%H:%M:%SZ); sleep 4; e=$(date -u +%Y-%m-%dT%H:%M:%SZ)
            kubectl annotate pod "$HOSTNAME" "seaworthy.dev/faults=[{\"start\":\"$t\",\"end\":\"$e\",\"kind\":\"network cut\"}]"
            exec sleep 600"#;
        let mut task = sh(script).unwrap();
        (task["serviceAccountName"], task["env"]) = (json!("breaker"), json!([{"name": "HOME", "value": "/tmp"}]));
        (spec["serviceAccounts"], spec["workload"]) = (json!(["breaker"]), json!({"task": task}));
    };
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let soak = ends(&ground, "soak", Succeeded, "Passed").await;
    let evidence = evidence(&ground, &soak).await;
    let [window] = evidence.faults() else { panic!("{:?} {:?}", evidence.faults(), pods(&ground).await) };
    assert_eq!(window.kind, "network cut");
    assert!((3000..=6000).contains(&(window.to_ms - window.from_ms)), "{window:?}");
    ground.done().await.unwrap();
}

/// What the load makes and nobody removes is found, by name; what was there before is not.
#[tokio::test]
async fn what_stays_behind_is_found() {
    let ground = Ground::new("leftovers").await.unwrap();
    for (name, verbs) in [("maker", json!(["create", "delete"])), ("lister", json!(["list"]))] {
        ground.account(name).await.unwrap();
        let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]);
        ground.create::<Role>(json!({"metadata": {"name": name}, "rules": rules})).await.unwrap();
        let binding = json!({"metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": ground.namespace}]});
        ground.create::<RoleBinding>(binding).await.unwrap();
    }
    for (name, maker) in [("before", "load"), ("before-too", "tidy")] {
        let before = json!({"metadata": {"name": name, "labels": {"made-by": maker}}});
        ground.create::<k8s_openapi::api::core::v1::ConfigMap>(before).await.unwrap();
    }
    for target in ["a", "b"] {
        ground.create::<Deployment>(deployment(target, &image(), &[])).await.unwrap();
    }
    let namespace = ground.namespace.clone();
    let load = |name: &'static str, script: &'static str| {
        let namespace = namespace.clone();
        move |spec: &mut Value| {
            let mut task = sh(script).unwrap();
            (task["serviceAccountName"], task["env"]) = (json!("maker"), json!([{"name": "HOME", "value": "/tmp"}]));
            spec["serviceAccounts"] = json!(["maker", "lister"]);
            spec["namespaces"] = json!([namespace]);
            spec["workload"] = json!({"task": task});
            let selector = format!("made-by={name}");
            let rule = json!({"resources": [{"resource": "configmaps"}], "namespaces": [namespace], "selector": selector,
                "serviceAccountName": "lister"});
            spec["checks"] = json!([{"name": "left", "leftovers": rule}]);
            // The load waits for the inventory before it, whose pod takes a while to start beside those of other tests.
            (spec["warmUp"], spec["settle"]) = (json!("20s"), json!("5s"));
        }
    };
    let messy = r#"printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"forgotten","labels":{"made-by":"load"}}}' | kubectl create -f -
        exec sleep 600"#;
    let tidy = r#"printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"removed","labels":{"made-by":"tidy"}}}' | kubectl create -f -
        kubectl delete configmap removed; exec sleep 600"#;
    ground.create::<SoakTest>(soak("a", "a", load("load", messy))).await.unwrap();
    ground.create::<SoakTest>(soak("b", "b", load("tidy", tidy))).await.unwrap();
    let failed = ends(&ground, "a", Failed, "CheckFailed").await;
    let message = check(&failed, "left").message;
    assert!(message.contains("1 objects were left behind") && message.contains("forgotten"), "{message}");
    ends(&ground, "b", Succeeded, "Passed").await;
    let made = counts::created(&ground.namespace, "jobs").unwrap();
    let once = ["a-inventory-1", "a-workload-1"].iter().all(|job| made.get(*job) == Some(&1));
    assert!(once, "one load, and one Job that looks before and after it: {made:?}");
    ground.done().await.unwrap();
}

/// The second release of a plan is compared with the first, whose evidence is still there.
#[tokio::test]
async fn a_level_is_compared_with_the_last_published_release() {
    let ground = Ground::new("baseline").await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), &["level=1"])).await.unwrap();
    let mut gate = soak("unused", "target", |spec| {
        (spec["measure"], spec["warmUp"]) = (json!("52s"), json!("0s"));
        let rule = json!({"source": "page", "metric": "target_level", "maxRise": "0.5"});
        spec["checks"] = json!([level(), {"name": "as-before", "enforcement": "Advisory", "baseline": rule}]);
    });
    let plan = json!({"metadata": {"name": "plan"}, "spec": {
        "version": {"policy": "Explicit"}, "candidate": {"from": "Release"},
        "gates": [{"name": "soak", "soak": gate["spec"].take()}],
        "publish": {"task": sh("true").unwrap()}}});
    ground.create::<ReleasePlan>(plan).await.unwrap();
    let mut found = Vec::new();
    for (number, level) in [("1.0.0", "level=1"), ("1.1.0", "level=3")] {
        let with = deployment("target", &image(), &[level]);
        ground.patch::<Deployment>("target", json!({"spec": with["spec"]})).await.unwrap();
        let name = format!("r{}", number.replace('.', ""));
        let revision = &seaworthy_api::hash::digest(number.as_bytes())[7..47];
        let release = json!({"metadata": {"name": name}, "spec": {"planRef": {"name": "plan"}, "revision": revision,
            "version": {"number": number, "reason": "a test"}, "artifacts": candidate()["artifacts"]}});
        ground.create::<Release>(release).await.unwrap();
        let published = |r: &Release| r.status.as_ref().is_some_and(|s| s.phase == ReleasePhase::Published);
        ground.until::<Release>(&name, "Published", published).await.unwrap();
        let told = |p: &ReleasePlan| {
            p.status.as_ref().and_then(|s| s.last_published.as_ref()).is_some_and(|l| l.version == number)
        };
        ground.until::<ReleasePlan>("plan", "lastPublished", told).await.unwrap();
        let soak = ground.api::<SoakTest>().get(&format!("{name}-soak")).await.unwrap();
        found.push(check(&soak, "as-before"));
    }
    assert_eq!(found[0].verdict, Some(Verdict::Inconclusive), "{:#?}", found[0]);
    assert!(found[0].message.contains("no published release to compare with"), "{:#?}", found[0]);
    assert_eq!(found[1].verdict, Some(Verdict::Failed), "{:#?}", found[1]);
    assert!(found[1].message.contains("is 3, 1 in the last published release"), "{:#?}", found[1]);
    ground.done().await.unwrap();
}

async fn pods(ground: &Ground) -> Vec<String> {
    let pods = ground.api::<Pod>().list(&kube::api::ListParams::default()).await.unwrap();
    pods.iter().map(|p| format!("{} {:?}", p.name_any(), p.annotations())).collect()
}
