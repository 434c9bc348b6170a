//! The operator is upgraded in the middle of a Release, and back: what the newer one recorded stays, and the end is the clean run's.
//!
//! There is no earlier release whose program could be run. What a newer one leaves behind is made here: fields of each status that this
//! program does not know, in definitions that know them.

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
};
use seaworthy_api::{E2ERun, Release, ReleasePlan, SoakTest};
use seaworthy_tests::{
    cluster::Ground,
    faults::{
        canonical::{self, RELEASE, Shape},
        instance::Instance,
        lab::Lab,
        layer::Faults,
        plan::Plan,
        world::differences,
    },
};
use serde_json::{Value, json};

/// The field of the newer operator.
const NEWER: &str = "newer";

fn newer() -> Value {
    json!({"since": "a later version", "count": 3})
}

/// The definitions of the newer version: each status has one more field.
async fn upgrade_definitions(client: &Client) {
    let all: Api<CustomResourceDefinition> = Api::all(client.clone());
    let apply = PatchParams::apply("seaworthy-tests").force();
    for crd in seaworthy_api::crd::all().unwrap() {
        let name = crd.name_any();
        let mut crd = serde_json::to_value(crd).unwrap();
        let status = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        status["properties"][NEWER] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        all.patch(&name, &apply, &Patch::Apply(&crd)).await.unwrap();
    }
}

/// How long the API server may be busy with definitions that were changed.
const BUSY: Duration = Duration::from_secs(60);

/// Does it again while the API server says that it is busy with definitions that were changed, or until it gives what is wanted.
async fn busy<T>(what: &str, mut attempt: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> T {
    let began = Instant::now();
    loop {
        match attempt().await {
            Ok(Some(wanted)) => return wanted,
            Ok(None) => {}
            Err(e) => {
                let busy = matches!(e.downcast_ref::<kube::Error>(), Some(kube::Error::Api(s)) if s.code == 429);
                assert!(busy, "{what}: {e:?}");
            }
        }
        assert!(began.elapsed() < BUSY, "{what}: not within {BUSY:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What the newer operator records, once the API server keeps it.
async fn record<K>(ground: &Ground, name: &str)
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + serde::de::DeserializeOwned,
{
    let status = json!({"status": {NEWER: newer()}});
    busy("what the newer one records is kept", async || {
        let api = ground.api::<K>();
        let stored = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await?;
        Ok((serde_json::to_value(&stored)?["status"][NEWER] == newer()).then_some(()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_22_upgraded_and_downgraded_in_the_middle_of_a_soak() {
    let lab = Lab::shared().await;
    let clean = &super::clean(lab).await.0;
    let ground = lab.ground("fault-22").await.unwrap();
    upgrade_definitions(&ground.client).await;
    let plan = canonical::plan(Shape::canonical(lab.port));
    busy("a plan", async || ground.create::<ReleasePlan>(plan.clone()).await.map(Some)).await;
    ground.create::<Deployment>(canonical::target()).await.unwrap();
    let faults = Faults::new(Plan::Clean);
    let old = Instance::start(&lab.kube, &ground.namespace, &faults).unwrap();
    busy("a Release", async || ground.create::<Release>(canonical::release()).await.map(Some)).await;
    busy("samples", async || {
        let Some(soak) = ground.api::<SoakTest>().get_opt("r-soak").await? else { return Ok(None) };
        let status = serde_json::to_value(&soak.status)?;
        Ok(status["samples"]["obtained"].as_u64().is_some_and(|n| n > 1).then_some(()))
    })
    .await;
    drop(old);
    // The newer one at work.
    record::<Release>(&ground, RELEASE).await;
    record::<E2ERun>(&ground, "r-suites").await;
    record::<SoakTest>(&ground, "r-soak").await;
    let _old = Instance::start(&lab.kube, &ground.namespace, &faults).unwrap();
    lab.ended(&ground).await.unwrap();
    let world = lab.settled(&ground, None).await.unwrap();
    let (own, other): (Vec<_>, Vec<_>) =
        differences(&clean.world, &world).into_iter().partition(|d| d.contains(&format!(".{NEWER}:")));
    assert_eq!(other, [""; 0]);
    assert_eq!(own.len(), 2, "Release and E2ERun keep what was recorded: {own:?}");
    let soak = ground.api::<SoakTest>().get("r-soak").await.unwrap();
    assert_eq!(serde_json::to_value(&soak).unwrap()["status"][NEWER], newer());
    assert_eq!(lab.registry.out(&ground.namespace), clean.published);
}
