//! The API server's audit log: who asked for what, when, and what was sent. The cluster's policy keeps the bodies of writes of Jobs and of
//! our own kinds.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Who the operator is where Helm installs it.
pub(super) const OPERATOR: &str = "system:serviceaccount:seaworthy-system:seaworthy-operator";

/// A request that was answered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    /// `create`, `update`, `get`, ...
    pub(super) verb: String,
    user: User,
    /// On what.
    #[serde(default)]
    pub(super) object_ref: Object,
    /// The answer.
    #[serde(default)]
    response_status: Answer,
    /// When it was answered: from then on others can see what it did.
    pub(super) stage_timestamp: Timestamp,
    /// What was sent; null where the policy keeps none.
    #[serde(default)]
    pub(super) request_object: Value,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    code: u16,
}

/// The object of a request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    /// Plural.
    #[serde(default)]
    pub(super) resource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    /// `status`, `log`, or nothing.
    #[serde(default)]
    pub(super) subresource: String,
}

impl Event {
    /// Whether the operator asked.
    pub(super) fn by_operator(&self) -> bool {
        self.user.username == OPERATOR
    }

    /// Whether it is that verb on that resource (`jobs`, `jobs/status`), and did what it was to do.
    pub(super) fn did(&self, verb: &str, resource: &str) -> bool {
        self.verb == verb && self.path() == resource && (200..300).contains(&self.response_status.code)
    }

    /// `jobs`, `jobs/status`.
    pub(super) fn path(&self) -> String {
        let Object { resource, subresource, .. } = &self.object_ref;
        if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") }
    }

    /// The object's name; of one that was created, the name in its body.
    pub(super) fn name(&self) -> &str {
        let name = self.object_ref.name.as_str();
        if name.is_empty() { self.request_object["metadata"]["name"].as_str().unwrap_or_default() } else { name }
    }

    /// Whether the body sets a condition to True.
    pub(super) fn sets(&self, condition: &str) -> bool {
        let conditions = self.request_object["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == condition && c["status"] == "True"))
    }
}

/// Every answered request about objects in a namespace, in the order of the log.
pub(super) fn of_namespace(log: &Path, namespace: &str) -> Result<Vec<Event>> {
    let file = File::open(log).with_context(|| format!("could not open the audit log {}", log.display()))?;
    let needle = format!("\"{namespace}\"");
    let mut events = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if !line.contains(&needle) {
            continue;
        }
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Event>(&line) else { continue };
        if event.object_ref.namespace == namespace {
            events.push(event);
        }
    }
    Ok(events)
}

/// Seconds from one time to another.
#[expect(clippy::cast_precision_loss, reason = "a run lasts less than centuries")]
pub(super) fn between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_microsecond() - from.as_microsecond()) as f64 / 1e6
}
