//! 500 random specs in two storms, as many of each kind.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream};
use k8s_openapi::{
    api::core::v1::ResourceQuota, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use seaworthy_tests::{
    api,
    cluster::{Ground, PATIENCE},
};
use serde_json::{Value, json};

use crate::generate::Draw;

/// Objects of each of the four kinds, in each storm.
const EACH: usize = 63;
/// Drawn at most, of each kind: the API server refuses what breaks a rule that the generator does not know.
const DRAWN: usize = 2 * EACH;
/// How long the operator may take to answer all of them.
const ANSWER: Duration = Duration::from_secs(60);
/// Asked for at the same time.
const AT_ONCE: usize = 16;

/// Throws them and waits until the operator has answered every one; then all go.
pub(crate) async fn thrown(storm: u8) {
    let ground = Ground::new("random").await.unwrap();
    // So many Jobs and pods may come of it; the rest meets a quota, which is bad input as well.
    let quota = json!({"metadata": {"name": "some"}, "spec": {"hard": {"count/jobs.batch": "60", "pods": "6"}}});
    ground.create::<ResourceQuota>(quota).await.unwrap();
    let definitions = seaworthy_api::crd::all().unwrap();
    assert_eq!(definitions.len(), 4);
    for (number, definition) in definitions.iter().enumerate() {
        all_of(&ground, definition, 4 * storm + u8::try_from(number).unwrap()).await;
    }
    for definition in &definitions {
        answered(&ground, &definition.spec.names.kind).await;
    }
    let namespace = ground.namespace.clone();
    let client = ground.client.clone();
    ground.done().await.unwrap();
    gone(&client, &namespace).await;
}

fn kind_of(ground: &Ground, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("seaworthy.dev", "v1alpha1", kind));
    Api::namespaced_with(ground.client.clone(), &ground.namespace, &resource)
}

/// Draws specs of a kind until the API server has accepted enough.
async fn all_of(ground: &Ground, definition: &CustomResourceDefinition, seed: u8) {
    let kind = definition.spec.names.kind.clone();
    let schema = serde_json::to_value(&definition.spec.versions[0].schema).unwrap();
    let schema = &schema["openAPIV3Schema"]["properties"]["spec"];
    let api = kind_of(ground, &kind);
    let mut draw = Draw::new(seed);
    let (mut accepted, mut drawn) = (0, 0);
    let mut refused = BTreeMap::<String, usize>::new();
    while accepted < EACH && drawn < DRAWN {
        let mut batch: Vec<Value> = (0..(EACH - accepted).min(AT_ONCE)).map(|_| draw.spec(schema)).collect();
        // Most Releases are of a plan that is there: its tasks and gates are as random.
        for (at, spec) in batch.iter_mut().enumerate().filter(|(at, spec)| at % 4 > 0 && spec["planRef"].is_object()) {
            spec["planRef"]["name"] = json!(format!("releaseplan-{}", usize::midpoint(drawn, at)));
        }
        drawn += batch.len();
        let first = drawn - batch.len();
        let creates = batch.into_iter().enumerate().map(|(at, spec)| {
            let (api, kind) = (api.clone(), kind.clone());
            async move {
                let name = format!("{}-{}", kind.to_lowercase(), first + at);
                let object = json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": kind,
                    "metadata": {"name": name}, "spec": spec});
                let object: DynamicObject = serde_json::from_value(object).unwrap();
                api.create(&PostParams::default(), &object).await
            }
        });
        for made in stream::iter(creates).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
            match made {
                Ok(_) => accepted += 1,
                Err(error) => *refused.entry(short(&api::said(&error))).or_default() += 1,
            }
        }
    }
    let mut most: Vec<_> = refused.into_iter().collect();
    most.sort_by_key(|(_, count)| usize::MAX - count);
    most.truncate(8);
    println!("{kind}: the API server accepted {accepted} of {drawn} drawn specs; of the others it said: {most:#?}");
    assert_eq!(accepted, EACH, "{kind}: too few of {drawn} drawn specs are valid");
}

/// A refusal without what differs from object to object.
fn short(message: &str) -> String {
    let what = message.split_once("is invalid: ").map_or(message, |(_, what)| what);
    what.chars().filter(|c| !c.is_ascii_digit()).take(120).collect()
}

/// Every object has its answer, and no answer is empty.
async fn answered(ground: &Ground, kind: &str) {
    let api = kind_of(ground, kind);
    let end = tokio::time::Instant::now() + ANSWER;
    loop {
        let all = api.list(&ListParams::default()).await.unwrap();
        assert!(all.items.len() >= EACH / 2, "{kind}: only {} are left", all.items.len());
        let left: BTreeMap<String, String> =
            all.iter().filter_map(|o| Some((o.name_any(), lacks(&o.data).err()?))).collect();
        if left.is_empty() {
            let mut outcomes = BTreeMap::<String, usize>::new();
            all.iter().for_each(|o| *outcomes.entry(outcome(&o.data)).or_default() += 1);
            println!("{kind}: all {} were answered: {outcomes:#?}", all.items.len());
            return;
        }
        assert!(tokio::time::Instant::now() < end, "{kind}: {} had no answer in {ANSWER:?}: {left:#?}", left.len());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Phase, and why.
fn outcome(object: &Value) -> String {
    let last = &object["status"]["conditions"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
    format!(
        "{} {}",
        object["status"]["phase"].as_str().unwrap_or_default(),
        last["reason"].as_str().unwrap_or_default()
    )
}

/// What an object's status lacks of an answer: every condition with its reason and words; and either it is refused and is told what to do, or
/// it is under way, or it waits and says for what.
fn lacks(object: &Value) -> Result<(), String> {
    let conditions = object["status"]["conditions"].as_array().ok_or("any condition")?;
    for condition in conditions {
        let said = condition["message"].as_str().unwrap_or_default();
        if condition["reason"].as_str().unwrap_or_default().is_empty() || said.len() < 8 {
            return Err(format!("words: {condition}"));
        }
    }
    let about = |type_: &str| conditions.iter().find(|c| c["type"] == type_).cloned().unwrap_or_default();
    let accepted = about("Accepted");
    // A refusal says field, value, why: and what to do after a colon.
    if accepted["status"] == "False" && !accepted["message"].as_str().is_some_and(|m| m.contains(": ")) {
        return Err(format!("a remedy: {accepted}"));
    }
    let finished = about("Finished");
    if finished.is_object() && finished["reason"] == "Pending" {
        return Err(format!("what it waits for: {finished}"));
    }
    Ok(())
}

/// The namespace goes, and everything in it: nothing random keeps the operator from letting go.
async fn gone(client: &kube::Client, namespace: &str) {
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    let gone = kube::runtime::wait::await_condition(api, namespace, |found: Option<&_>| found.is_none());
    tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| Ok(None)).unwrap();
    let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
    assert!(api.get_opt(namespace).await.unwrap().is_none(), "namespace {namespace} was not gone in {PATIENCE:?}");
}
