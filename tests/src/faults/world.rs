//! What a Release left behind, in a form in which two runs can be compared: without times, and with UIDs replaced by whose they are, so that
//! a recorded UID that is another object's, or nobody's, is a difference.

use std::{collections::BTreeMap, fmt::Debug};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::ControllerRevision,
        batch::v1::Job,
        coordination::v1::Lease,
        core::v1::{ConfigMap, Pod},
    },
};
use kube::{Api, Client, Resource, ResourceExt, api::ListParams};
use seaworthy_api::{E2ERun, Release, ReleasePlan, SoakTest, labels};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::node::Load;

/// How long a change in the cluster may take to be seen by who watches, in seconds.
const NEWS: f64 = 3.0;

/// Objects by kind and name.
pub type World = BTreeMap<String, Value>;

/// What was seen of the loads of a namespace's soaks.
#[derive(Debug, Clone, Copy)]
pub struct Loads {
    /// The first that ran.
    pub ran: Option<Load>,
    /// Whether nothing kept any from running.
    pub all: bool,
}

/// What there is in a namespace, and that soaks judged no further than they saw.
///
/// # Errors
/// When something cannot be read, or a soak's verdict is not what its samples and its load allow.
pub async fn world(client: &Client, namespace: &str, loads: Loads) -> Result<World> {
    let mut names = BTreeMap::from([(namespace.to_owned(), "NAMESPACE".to_owned())]);
    let mut found: Vec<(String, Value)> = Vec::new();
    of::<ReleasePlan>(client, namespace, &mut names, &mut found).await?;
    of::<Release>(client, namespace, &mut names, &mut found).await?;
    of::<E2ERun>(client, namespace, &mut names, &mut found).await?;
    of::<SoakTest>(client, namespace, &mut names, &mut found).await?;
    of::<Job>(client, namespace, &mut names, &mut found).await?;
    of::<ControllerRevision>(client, namespace, &mut names, &mut found).await?;
    of::<Lease>(client, namespace, &mut names, &mut found).await?;
    of::<ConfigMap>(client, namespace, &mut names, &mut found).await?;
    of::<Pod>(client, namespace, &mut names, &mut found).await?;
    let mut world = World::new();
    for (key, object) in found {
        let Some((key, object)) = kept(&key, object, loads)? else { continue };
        let mut object = object;
        anonymous(&mut object, &names);
        let mut key = Value::String(key);
        anonymous(&mut key, &names);
        world.insert(key.as_str().unwrap_or_default().to_owned(), object);
    }
    Ok(world)
}

async fn of<K>(
    client: &Client,
    namespace: &str,
    names: &mut BTreeMap<String, String>,
    found: &mut Vec<(String, Value)>,
) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
{
    let kind = K::kind(&());
    for object in Api::<K>::namespaced(client.clone(), namespace).list(&ListParams::default()).await? {
        let mut name = object.name_any();
        if kind == "Lease" && !name.starts_with("seaworthy-") {
            "of the target".clone_into(&mut name);
        }
        if kind == "Pod" {
            // The Job's name is fixed, the rest of the pod's is by chance.
            name = object.labels().get("batch.kubernetes.io/job-name").cloned().unwrap_or_default();
        }
        names.insert(object.uid().unwrap_or_default(), format!("UID of {kind} {name}"));
        found.push((format!("{kind} {name}"), serde_json::to_value(&object)?));
    }
    Ok(())
}

/// The part of an object that has to be the same in every run.
fn kept(key: &str, mut object: Value, loads: Loads) -> Result<Option<(String, Value)>> {
    let kind = key.split(' ').next().unwrap_or_default();
    let meta = json!({"owners": object["metadata"]["ownerReferences"], "finalizers": object["metadata"]["finalizers"],
        "deleted": object["metadata"].get("deletionTimestamp").is_some(), "labels": object["metadata"]["labels"]});
    let conditions = |object: &Value| -> Vec<Value> {
        let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|c| c["status"] == "True").map(|c| json!([c["type"], c["reason"]])).collect()
    };
    let rest = match kind {
        "Job" => {
            json!({"conditions": conditions(&object), "suspend": object["spec"]["suspend"], "template": object["spec"]["template"]["spec"]})
        }
        "Pod" => {
            if object["metadata"]["labels"].get(labels::PURPOSE).is_none() {
                return Ok(None);
            }
            json!({"phase": object["status"]["phase"]})
        }
        "Lease" => object["spec"].take(),
        "ConfigMap" => {
            if object["metadata"]["labels"].get(labels::EVIDENCE).is_some() || key.ends_with("kube-root-ca.crt") {
                return Ok(None);
            }
            let text = object["data"]["ledger.json"].as_str().map(serde_json::from_str::<Value>).transpose()?;
            text.unwrap_or_else(|| object["data"].take())
        }
        "SoakTest" => {
            let status = object["status"].take();
            judged_by_what_was_seen(&status, loads)?;
            json!({"spec": object["spec"], "teardown": status["teardown"], "setup": status["setup"], "workload": status["workload"]["attempt"]})
        }
        "Release" => {
            let mut status = object["status"].take();
            for gate in status["gates"].as_array_mut().into_iter().flatten().filter(|g| g["kind"] == "SoakTest") {
                gate["state"] = json!(if gate["completionTime"].is_null() { "open" } else { "ended" });
                gate["reason"] = Value::Null;
                gate["message"] = Value::Null;
            }
            json!({"spec": object["spec"], "status": status})
        }
        "E2ERun" | "ReleasePlan" => json!({"spec": object["spec"], "status": object["status"]}),
        _ => object["data"].take(),
    };
    let mut all = json!({"meta": meta, "rest": rest});
    if kind == "Pod" || kind == "Job" {
        all["meta"]["labels"] = Value::Null;
    }
    Ok(Some((key.to_owned(), all)))
}

/// A soak that missed too much, or whose load was not known to run while it measured, says Inconclusive; one that saw enough of a healthy
/// target under load says Succeeded; nothing else is true here.
fn judged_by_what_was_seen(status: &Value, loads: Loads) -> Result<()> {
    let number = |name: &str| status["samples"][name].as_u64().unwrap_or(0);
    let (planned, obtained) = (number("planned"), number("obtained"));
    let enough = obtained * 100 >= planned * 95;
    let end: Option<Timestamp> = status["measureEndTime"].as_str().and_then(|at| at.parse().ok());
    // By how many seconds before the end of measure.
    let before = |at: Timestamp| end.map(|end| end.duration_since(at).as_secs_f64());
    let (began, known) = (loads.ran.and_then(|load| before(load.began)), loads.ran.and_then(|load| before(load.known)));
    let phase = status["phase"].as_str().unwrap_or_default();
    let failed = |c: &Value| c["type"] == "Succeeded" && c["reason"] == "WorkloadFailed";
    let idle = status["conditions"].as_array().is_some_and(|all| all.iter().any(failed));
    let late = !loads.all && known.is_none_or(|before| before < NEWS);
    let right = match phase {
        // Containers begin at whole seconds, by what is said of them.
        "Succeeded" => enough && planned > 0 && began.is_some_and(|before| before > -1.0),
        "Inconclusive" => !enough || idle && late,
        _ => false,
    };
    ensure!(
        right,
        "a soak of a healthy target with {obtained} of {planned} samples, whose load began {began:?} s before measure was over, which was \
         known {known:?} s before, ended as {phase}: {:#}",
        status["conditions"]
    );
    Ok(())
}

/// Times become "TIME"; what took how long is left out.
fn anonymous(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            if text.parse::<Timestamp>().is_ok() {
                "TIME".clone_into(text);
                return;
            }
            for (of, name) in names {
                if text.contains(of.as_str()) {
                    *text = text.replace(of.as_str(), name);
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|v| anonymous(v, names)),
        Value::Object(map) => {
            map.remove("durationSeconds");
            map.values_mut().for_each(|v| anonymous(v, names));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Where two worlds differ, a line for each place; empty when they are the same.
pub fn differences(clean: &World, other: &World) -> Vec<String> {
    let mut all = Vec::new();
    let keys: std::collections::BTreeSet<_> = clean.keys().chain(other.keys()).collect();
    for key in keys {
        let of = |world: &World| world.get(key).cloned().unwrap_or(Value::Null);
        compare(key, &of(clean), &of(other), &mut all);
    }
    all
}

fn compare(place: &str, clean: &Value, other: &Value, all: &mut Vec<String>) {
    match (clean, other) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let of = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&format!("{place}.{key}"), &of(a), &of(b), all);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}[{n}]"), a, b, all);
            }
        }
        (a, b) if a == b => {}
        (a, b) => all.push(format!("{place}: {a} in the clean run, {b} here")),
    }
}

/// The version that a Release took and the phase that it ended in.
///
/// # Errors
/// When it cannot be read.
pub async fn ended(client: &Client, namespace: &str, name: &str) -> Result<String> {
    let release = Api::<Release>::namespaced(client.clone(), namespace).get(name).await.context("no Release")?;
    Ok(format!("{:?}", release.status.unwrap_or_default().phase))
}
