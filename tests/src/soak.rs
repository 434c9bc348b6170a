//! A target, a soak of it, and how that ends. For tests alone: what does not hold here has failed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a test that meets what it does not expect has failed"
)]

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::ConfigMap,
    rbac::v1::{Role, RoleBinding},
};
use kube::{ResourceExt as _, api::ListParams};
use seaworthy_api::{
    SoakTest,
    convert::soak_test as convert,
    core::{
        condition::{self, types},
        soak_test::{CheckStatus, SoakTestPhase, SoakTestStatus},
        verdict::Verdict,
    },
    labels,
    soak::{evidence::Evidence, record::RunInfo, segment::Object},
};
use serde_json::{Value, json};

use crate::cluster::{Ground, sh, variable};

/// The target's image, `repository@digest`.
pub fn image() -> String {
    variable("SEAWORTHY_TEST_TARGET_IMAGE").unwrap()
}

/// A Deployment of the test target with these arguments, as a task's setup would make it.
pub fn deployment(name: &str, image: &str, arguments: &[&str]) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{
                        "name": "manager", "image": image, "args": arguments, "ports": [{"containerPort": 8080}],
                        "resources": {"limits": {"memory": "64Mi"}},
                    }],
                },
            },
        },
    })
}

/// A soak of `target` that lasts half a minute, with one check; edits follow.
pub fn soak(name: &str, target: &str, edit: impl FnOnce(&mut Value)) -> Value {
    let mut object = json!({
        "metadata": {"name": name},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": target},
            "workload": {"task": sh("exec sleep 600").unwrap()},
            "teardown": {"task": sh("true").unwrap()},
            "interval": "1s", "warmUp": "3s", "measure": "20s", "settle": "2s",
            "sources": [{"name": "page", "prometheus": {"port": 8080}}],
            "checks": [level()],
        },
    });
    edit(&mut object["spec"]);
    object
}

/// `target_level` stays at or below 5.
pub fn level() -> Value {
    json!({"name": "level", "bound": {"source": "page", "metric": "target_level", "max": 5}})
}

/// The target's image as the candidate.
pub fn candidate() -> Value {
    let image = image();
    let (uri, digest) = image.split_once('@').unwrap();
    json!({"artifacts": [{"name": "controller", "uri": uri, "digest": digest}]})
}

/// Its status.
pub fn status(soak: &SoakTest) -> SoakTestStatus {
    soak.status.clone().unwrap_or_default()
}

/// The reason of a condition.
pub fn reason(soak: &SoakTest, type_: &str) -> String {
    condition::get(&status(soak).conditions, type_).map(|c| c.reason.clone()).unwrap_or_default()
}

/// Waits until it is finished and let go.
pub async fn finished(ground: &Ground, name: &str) -> SoakTest {
    ground
        .until::<SoakTest>(name, "Finished", |s| {
            condition::is_true(&status(s).conditions, types::FINISHED) && s.finalizers().is_empty()
        })
        .await
        .unwrap()
}

/// Waits until it is finished, and checks how.
pub async fn ends(ground: &Ground, name: &str, phase: SoakTestPhase, why: &str) -> SoakTest {
    let soak = finished(ground, name).await;
    let seen = (status(&soak).phase, reason(&soak, types::SUCCEEDED));
    assert_eq!(seen, (phase, why.to_owned()), "{:#?}", soak.status);
    let succeeded = condition::is_true(&status(&soak).conditions, types::SUCCEEDED);
    assert_eq!(succeeded, phase == SoakTestPhase::Succeeded);
    soak
}

/// A soak of a target with these arguments, and how it ends.
pub async fn ends_with(
    prefix: &str,
    arguments: &[&str],
    edit: impl FnOnce(&mut Value),
    phase: SoakTestPhase,
    why: &str,
) -> (Ground, SoakTest) {
    let ground = Ground::new(prefix).await.unwrap();
    ground.create::<Deployment>(deployment("target", &image(), arguments)).await.unwrap();
    ground.create::<SoakTest>(soak("soak", "target", edit)).await.unwrap();
    let soak = ends(&ground, "soak", phase, why).await;
    let made = ground.jobs_of("soak").await.unwrap();
    assert!(made.contains(&"soak-teardown-1".to_owned()), "the teardown ran: {made:?}");
    (ground, soak)
}

/// The verdict of a check.
pub fn check(soak: &SoakTest, name: &str) -> CheckStatus {
    let checks = status(soak).checks;
    checks.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no check {name} in {checks:#?}")).clone()
}

/// What was found.
pub fn verdict(soak: &SoakTest, name: &str) -> Verdict {
    check(soak, name).verdict.unwrap()
}

/// The stored evidence, verified, as whoever has `kubectl` can read it.
pub async fn evidence(ground: &Ground, soak: &SoakTest) -> Evidence {
    let uid = soak.uid().unwrap();
    let params = ListParams::default().labels(&format!("{}={uid}", labels::EVIDENCE));
    let maps = ground.api::<ConfigMap>().list(&params).await.unwrap();
    let objects = maps.into_iter().map(|map| {
        let part = map.labels()["seaworthy.dev/evidence-part"].clone();
        assert_eq!(map.owner_references()[0].uid, uid);
        Object {
            sealed: part != "head",
            name: part,
            header: map.data.unwrap_or_default().remove("header.json").unwrap_or_default(),
            payload: map.binary_data.unwrap_or_default().remove("samples.csv.gz").unwrap_or_default().0,
        }
    });
    let status = status(soak);
    let run: RunInfo = convert::run(&uid, &soak.spec.soak, &status).unwrap();
    let tip = status.evidence.map(|e| e.chain_tip).filter(|tip| !tip.is_empty());
    Evidence::decode(&run, objects.collect(), tip.as_deref()).unwrap()
}

/// An account that may list pods in the test's namespace.
pub async fn looker(ground: &Ground, name: &str) {
    ground.account(name).await.unwrap();
    let role =
        json!({"metadata": {"name": name}, "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]});
    ground.create::<Role>(role).await.unwrap();
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": ground.namespace}]});
    ground.create::<RoleBinding>(binding).await.unwrap();
}
