//! What the API server was asked for, from its audit log: the one witness who misses nothing that an operator did before it was killed.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;

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
    let log = variable("SEAWORTHY_TEST_AUDIT_LOG")?;
    let path = part.map_or_else(|| resource.to_owned(), |part| format!("{resource}/{part}"));
    let mut counts = BTreeMap::new();
    for event in seaworthy_audit::of_namespace(Path::new(&log), namespace)? {
        if event.did(verb, &path) {
            *counts.entry(event.name().to_owned()).or_default() += 1;
        }
    }
    Ok(counts)
}
