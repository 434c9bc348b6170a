//! What the API server was asked for, from its audit log: the one witness who misses nothing that an operator did before it was killed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cluster::variable;

/// How often each object of a resource (`jobs`) was created in a namespace, by name.
///
/// # Errors
/// When the log cannot be read.
pub fn created(namespace: &str, resource: &str) -> Result<BTreeMap<String, usize>> {
    counted(namespace, resource, None, "create")
}

/// How many pods of each Job were given a node in a namespace, by the Job's name: only those can run.
///
/// # Errors
/// When the log cannot be read.
pub fn pods_started(namespace: &str) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for (pod, count) in counted(namespace, "pods", Some("binding"), "create")? {
        // The Job controller appends a dash and five characters.
        let job = pod.rsplit_once('-').map_or(pod.as_str(), |(job, _)| job);
        *counts.entry(job.to_owned()).or_default() += count;
    }
    Ok(counts)
}

/// How often each object of a resource was deleted in a namespace, by name.
///
/// # Errors
/// When the log cannot be read.
pub fn deleted(namespace: &str, resource: &str) -> Result<BTreeMap<String, usize>> {
    counted(namespace, resource, None, "delete")
}

fn counted(namespace: &str, resource: &str, part: Option<&str>, verb: &str) -> Result<BTreeMap<String, usize>> {
    let path = variable("SEAWORTHY_TEST_AUDIT_LOG")?;
    let file = File::open(&path).with_context(|| format!("could not open the audit log {path}"))?;
    let needle = format!("\"{namespace}\"");
    let mut counts = BTreeMap::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if !line.contains(&needle) {
            continue;
        }
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        let object = &event["objectRef"];
        let same = object["namespace"] == namespace && object["resource"] == resource && event["verb"] == verb;
        let done = event["responseStatus"]["code"].as_u64().is_some_and(|code| (200..300).contains(&code));
        if same && done && object["subresource"].as_str() == part {
            let name = object["name"].as_str().or(event["requestObject"]["metadata"]["name"].as_str());
            *counts.entry(name.unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}
