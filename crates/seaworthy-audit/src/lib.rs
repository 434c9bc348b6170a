//! An API server's audit log: who asked for what, when, and what was sent and stored.
//!
//! Why: it is the one witness who misses nothing that an operator did before it was killed. Tests hold it against what we promise, benches
//! take times and requests from it. Which bodies it keeps is for the cluster's policy. Deliberately absent: what any of it means.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Who the operator is where Helm installs it.
pub const OPERATOR: &str = "system:serviceaccount:seaworthy-system:seaworthy-operator";

/// A request that was answered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `create`, `update`, `get`, ...
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI", default)]
    pub uri: String,
    user: User,
    /// On what.
    #[serde(default)]
    pub object_ref: Object,
    #[serde(default)]
    response_status: Answer,
    /// When it was answered: from then on others can see what it did.
    pub stage_timestamp: Timestamp,
    /// What was sent; null where the policy keeps none.
    #[serde(default)]
    pub request_object: Value,
    /// What is stored now; null where the policy keeps none.
    #[serde(default)]
    pub response_object: Value,
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
#[serde(rename_all = "camelCase", default)]
pub struct Object {
    /// Empty for the core group.
    pub api_group: String,
    /// Plural.
    pub resource: String,
    /// `status`, `log`, or nothing.
    pub subresource: String,
    /// Empty for what is in none.
    pub namespace: String,
    /// Empty for a create whose name is in its body only.
    pub name: String,
}

impl Event {
    /// Who asked.
    pub fn user(&self) -> &str {
        &self.user.username
    }

    /// Whether the installed operator asked.
    pub fn by_operator(&self) -> bool {
        self.user() == OPERATOR
    }

    /// The HTTP status code of the answer, 0 when there was none.
    pub fn code(&self) -> u16 {
        self.response_status.code
    }

    /// Whether it did what it was to do. A dry run, also one that was answered well, did nothing.
    pub fn done(&self) -> bool {
        (200..300).contains(&self.code()) && !self.uri.contains("dryRun=")
    }

    /// Whether it is that verb on that resource (`jobs`, `jobs/status`), and did what it was to do.
    pub fn did(&self, verb: &str, resource: &str) -> bool {
        self.done() && self.verb == verb && self.path() == resource
    }

    /// `jobs`, `jobs/status`.
    pub fn path(&self) -> String {
        let Object { resource, subresource, .. } = &self.object_ref;
        if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") }
    }

    /// The object's name; of one that was created, the name in its body.
    pub fn name(&self) -> &str {
        let name = self.object_ref.name.as_str();
        if name.is_empty() { self.request_object["metadata"]["name"].as_str().unwrap_or_default() } else { name }
    }

    /// Whether the body sets a condition to True.
    pub fn sets(&self, condition: &str) -> bool {
        let conditions = self.request_object["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == condition && c["status"] == "True"))
    }
}

/// Shows every answered request whose line `matters`, in the order of the log. Most lines do not, and need not be parsed.
///
/// # Errors
/// When the log cannot be read.
pub fn each(log: &Path, matters: impl Fn(&str) -> bool, mut show: impl FnMut(Event)) -> Result<()> {
    let file = File::open(log).with_context(|| format!("could not open the audit log {}", log.display()))?;
    for line in BufReader::new(file).lines() {
        let line = line?;
        if !matters(&line) {
            continue;
        }
        // The last line may still be being written.
        if let Ok(event) = serde_json::from_str(&line) {
            show(event);
        }
    }
    Ok(())
}

/// Every answered request about objects in a namespace, in the order of the log.
///
/// # Errors
/// When the log cannot be read.
pub fn of_namespace(log: &Path, namespace: &str) -> Result<Vec<Event>> {
    let needle = format!("\"{namespace}\"");
    let mut events = Vec::new();
    each(log, |line| line.contains(&needle), |event| events.push(event))?;
    events.retain(|event| event.object_ref.namespace == namespace);
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_still_being_written_and_other_namespaces_are_passed_over() {
        let line = |namespace: &str| {
            format!(
                r#"{{"verb":"create","user":{{"username":"u"}},"stageTimestamp":"2026-01-01T00:00:00Z","responseStatus":{{"code":201}},
                "objectRef":{{"resource":"jobs","namespace":"{namespace}"}},"requestObject":{{"metadata":{{"name":"j"}}}}}}"#
            )
            .replace('\n', "")
        };
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.log");
        let text = [line("a"), line("b"), line("a")[..60].to_owned()].join("\n");
        std::fs::write(&log, text).unwrap();
        let events = of_namespace(&log, "a").unwrap();
        let [event] = events.as_slice() else { panic!("{events:?}") };
        assert!(event.did("create", "jobs") && event.name() == "j" && !event.by_operator() && event.code() == 201);
        let tried = line("a").replacen('{', r#"{"requestURI":"/apis/batch/v1/namespaces/a/jobs?dryRun=All","#, 1);
        std::fs::write(&log, tried).unwrap();
        let events = of_namespace(&log, "a").unwrap();
        assert!(
            !events[0].done() && !events[0].did("create", "jobs") && events[0].code() == 201,
            "a dry run created nothing"
        );
        assert!(of_namespace(&folder.path().join("none"), "a").unwrap_err().to_string().contains("audit log"));
    }
}
