//! What the inventory task is asked for, and what it answers: the JSON between it and the sampler.

use serde::{Deserialize, Serialize};

/// What is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Seconds between two looks.
    pub every_seconds: u64,
    /// One entry a `survivors` check.
    pub checks: Vec<Selection>,
    /// One entry a `leftovers` check.
    #[serde(default)]
    pub leftovers: Vec<Scope>,
}

/// What one `leftovers` check compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// The check's name.
    pub check: String,
    /// Namespaced resources.
    pub resources: Vec<Resource>,
    /// In which namespaces.
    pub namespaces: Vec<String>,
    /// Resources without namespaces.
    pub cluster_resources: Vec<Resource>,
    /// Label selector; empty for all.
    #[serde(default)]
    pub selector: String,
}

/// What one check looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selection {
    /// The check's name.
    pub check: String,
    /// Which resources.
    pub resources: Vec<Resource>,
    /// In which namespaces.
    pub namespaces: Vec<String>,
    /// Label selector; empty for all.
    #[serde(default)]
    pub selector: String,
    /// Older than this is too old.
    pub max_age_seconds: u64,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The API group.
    pub group: String,
    /// The version.
    pub version: String,
    /// The plural name.
    pub resource: String,
}

impl Resource {
    /// As RBAC writes it: `pods`, `deployments.apps`.
    pub fn name(&self) -> String {
        if self.group.is_empty() { self.resource.clone() } else { format!("{}.{}", self.resource, self.group) }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// How long ago the look began.
    pub age_ms: u64,
    /// One entry a check.
    pub rounds: Vec<Round>,
}

/// The answer about objects for `leftovers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objects {
    /// How long ago the look began.
    pub age_ms: u64,
    /// One entry a check.
    pub scopes: Vec<Listed>,
}

/// The objects of one check, or why they could not be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The check's name.
    pub check: String,
    /// All of them.
    pub result: Result<Vec<Object>, String>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The resource: `pods`, `deployments.apps`.
    pub resource: String,
    /// Its namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its finalizers, when it is being deleted and waits for them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub waiting_for: String,
}

/// What was seen for one check, or why nothing was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// The check's name.
    pub check: String,
    /// What was seen.
    pub result: Result<Found, String>,
}

/// Objects that were found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// All that the selection names.
    pub objects: u64,
    /// Those that are too old.
    pub older: u64,
    /// The oldest of them, oldest first.
    pub oldest: Vec<Old>,
}

/// An object that is too old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Old {
    /// The resource: `pods`, `deployments.apps`.
    pub resource: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Seconds since its creation.
    pub age_seconds: u64,
}
