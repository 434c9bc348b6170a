//! The rules of the schema on the real API server: the wrong object is refused with a message that helps, its right neighbour is accepted.
//!
//! One row a rule. A last check compares the rows with the schema, so that no rule is without one.
//! Everything is a dry run but the few objects whose changes are judged; those are suspended.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use seaworthy_tests::{
    api,
    shape::{Edit, edited},
};
use serde_json::{Value, json};

mod bounds;
mod changes;
mod listed;
mod plans;
mod soaks;
mod tasks;

use changes::Change;

/// One rule, as it is on one field.
struct Row {
    /// What is refused ...
    wrong: Value,
    /// ... with a message that holds all of these.
    says: Vec<String>,
    /// What is accepted.
    right: Value,
}

fn row(object: &Value, wrong: &[Edit<'_>], says: &[&str], right: &[Edit<'_>]) -> Row {
    Row {
        wrong: edited(object.clone(), wrong),
        says: says.iter().map(ToString::to_string).collect(),
        right: edited(object.clone(), right),
    }
}

/// A place on the server for the objects of one test.
struct Place {
    client: Client,
    namespace: String,
}

impl Place {
    async fn new() -> Result<Self> {
        let client = api::client().await?;
        api::install_definitions(&client).await?;
        let namespace = api::create_namespace(&client, "api-rules").await?;
        Ok(Self { client, namespace })
    }

    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let kind = object["kind"].as_str().unwrap_or_default();
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("seaworthy.dev", "v1alpha1", kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    async fn create(&self, object: &Value, dry_run: bool) -> Result<String, String> {
        let parameters = PostParams { dry_run, ..PostParams::default() };
        let mut object_to_create: DynamicObject = serde_json::from_value(object.clone()).map_err(|e| e.to_string())?;
        if !dry_run {
            object_to_create.metadata.generate_name =
                object_to_create.metadata.name.take().map(|name| format!("{name}-"));
        }
        let created =
            self.api(object).create(&parameters, &object_to_create).await.map_err(|error| api::said(&error))?;
        Ok(created.metadata.name.unwrap_or_default())
    }

    /// What is given only when the status asks for it, is given after the status.
    async fn create_with_status(&self, object: &Value) -> Result<String, String> {
        if object["status"].is_null() {
            return self.create(object, false).await;
        }
        let late = ["resolution", "externalPublish"];
        let early = late.map(|field| (format!("/spec/{field}"), Value::Null));
        let early: Vec<Edit<'_>> = early.iter().map(|(path, value)| (path.as_str(), value.clone())).collect();
        let name = self.create(&edited(object.clone(), &early), false).await?;
        let (api, parameters) = (self.api(object), PatchParams::default());
        let status = json!({"status": object["status"]});
        let said = |error: kube::Error| api::said(&error);
        api.patch_status(&name, &parameters, &Patch::Merge(status)).await.map_err(said)?;
        api.patch(&name, &parameters, &Patch::Merge(json!({"spec": object["spec"]}))).await.map_err(said)?;
        Ok(name)
    }

    async fn change(&self, object: &Value, name: &str, merge: &Value) -> Result<(), String> {
        let parameters = PatchParams { dry_run: true, ..PatchParams::default() };
        self.api(object)
            .patch(name, &parameters, &Patch::Merge(merge))
            .await
            .map(drop)
            .map_err(|error| api::said(&error))
    }

    async fn end(self) -> Result<()> {
        api::delete_namespace(&self.client, &self.namespace).await
    }
}

/// What was found wrong with the answers of the server, and all that it said.
#[derive(Default)]
struct Findings {
    faults: Vec<String>,
    said: String,
}

impl Findings {
    fn judge(&mut self, row: &Row, refused: Result<(), String>, accepted: Result<(), String>) {
        match refused {
            Ok(()) => self.faults.push(format!("accepted {}", row.wrong)),
            Err(message) => {
                for part in row.says.iter().filter(|part| !message.contains(*part)) {
                    self.faults.push(format!("the message lacks {part:?}: {message}"));
                }
                self.said.push_str(&message);
            }
        }
        if let Err(message) = accepted {
            self.faults.push(format!("refused {}: {message}", row.right));
        }
    }

    fn end(self) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        bail!("{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

#[tokio::test]
async fn every_rule_refuses_the_wrong_object_and_accepts_its_neighbour() -> Result<()> {
    let place = Place::new().await?;
    let mut findings = Findings::default();
    for row in rows() {
        let refused = place.create(&row.wrong, true).await.map(drop);
        let accepted = place.create(&row.right, true).await.map(drop);
        findings.judge(&row, refused, accepted);
    }
    for Change { object, row } in changes::changes() {
        let name = place.create_with_status(&object).await.map_err(anyhow::Error::msg)?;
        let refused = place.change(&object, &name, &row.wrong).await;
        let accepted = place.change(&object, &name, &row.right).await;
        findings.judge(&row, refused, accepted);
    }
    for rule in rules()? {
        if !findings.said.contains(&rule) {
            findings.faults.push(format!("no row breaks the rule that says {rule:?}"));
        }
    }
    place.end().await?;
    findings.end()
}

fn rows() -> Vec<Row> {
    let tables = [
        listed::plans(),
        listed::runs(),
        plans::plans(),
        plans::versions(),
        plans::pace(),
        plans::runs(),
        tasks::tasks(),
        tasks::variables(),
        tasks::volumes(),
        soaks::times(),
        soaks::sources(),
        soaks::checks(),
        bounds::exceeded(),
    ];
    tables.into_iter().flatten().collect()
}

#[tokio::test]
async fn objects_at_the_bounds_are_accepted() -> Result<()> {
    let place = Place::new().await?;
    let mut findings = Findings::default();
    for (name, object) in bounds::reached() {
        if let Err(message) = place.create(&object, true).await {
            findings.faults.push(format!("{name}: {message}"));
        }
    }
    place.end().await?;
    findings.end()
}

/// What the rules of all four definitions say: their message, or the longest fixed part of the expression that makes it.
fn rules() -> Result<BTreeSet<String>> {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        for rule in value["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let expression = rule["messageExpression"].as_str().unwrap_or_default();
            let longest = expression.split('\'').max_by_key(|part| if part.contains("self") { 0 } else { part.len() });
            found.insert(rule["message"].as_str().or(longest).unwrap_or_default().to_owned());
        }
        match value {
            Value::Object(map) => map.values().for_each(|value| walk(value, found)),
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = BTreeSet::new();
    for crd in seaworthy_api::crd::all()? {
        walk(&serde_json::to_value(crd)?, &mut found);
    }
    Ok(found)
}
