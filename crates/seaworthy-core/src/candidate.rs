//! The candidate: what was built, what is judged, and what is shipped, by digest.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One artifact of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// What the plan's tasks call it: `[a-z][a-z0-9-]*`, at most 40 characters.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z][a-z0-9-]*$"))]
    pub name: String,
    /// Where it can be fetched, without the digest, e.g. `ghcr.io/org/controller`.
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$"))]
    pub uri: String,
    /// The content's digest: `sha256:` and 64 hexadecimal digits.
    #[schemars(length(max = 71), regex(pattern = r"^sha256:[a-f0-9]{64}$"))]
    pub digest: String,
}

/// What is under judgement; handed to every child and every task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The Release's name.
    #[schemars(length(max = 253))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// The gate's name.
    #[schemars(length(max = 40))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gate: String,
    /// The final version, e.g. `1.4.0`; the bytes carry it already.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The candidate's label, e.g. `1.4.0-rc.2`.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub candidate_version: String,
    /// The tag of the final version, e.g. `v1.4.0`.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// The version published before, empty if there is none.
    #[schemars(length(max = 128))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub previous_version: String,
    /// The full commit id.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The canonical hash of the pinned plan.
    #[schemars(length(max = 71))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_hash: String,
    /// The artifacts, by digest. For a SoakTest the target's pods must run one of them, if any is given.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// The Release's parameters: tasks see them as `SEAWORTHY_PARAM_<NAME>`.
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = {"type": "string", "maxLength": 1024}))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

impl Candidate {
    /// The variables that every task sees, beside its own. Names of artifacts and parameters are upper-cased, `-` becomes `_`.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env: Vec<(String, String)> = [
            ("SEAWORTHY_RELEASE", &self.release),
            ("SEAWORTHY_GATE", &self.gate),
            ("SEAWORTHY_VERSION", &self.version),
            ("SEAWORTHY_CANDIDATE_VERSION", &self.candidate_version),
            ("SEAWORTHY_TAG", &self.tag),
            ("SEAWORTHY_PREVIOUS_VERSION", &self.previous_version),
            ("SEAWORTHY_REVISION", &self.revision),
        ]
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.clone()))
        .collect();
        let upper = |name: &str| name.to_ascii_uppercase().replace('-', "_");
        env.extend(
            self.artifacts
                .iter()
                .map(|a| (format!("SEAWORTHY_ARTIFACT_{}", upper(&a.name)), format!("{}@{}", a.uri, a.digest))),
        );
        env.extend(self.parameters.iter().map(|(k, v)| (format!("SEAWORTHY_PARAM_{}", upper(k)), v.clone())));
        env
    }
}
