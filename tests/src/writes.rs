//! What the operator wrote in a namespace, from the audit log, to be held against W (`seaworthy_api::writes`).

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
};

use anyhow::{Context as _, Result};
use seaworthy_api::writes::{Writes, key};
use serde_json::Value;

use crate::cluster::variable;

/// Who the operator is where Helm installs it.
const OPERATOR: &str = "system:serviceaccount:seaworthy-system:seaworthy-operator";

/// The writes of the installed operator in a namespace that were carried out, without those that W leaves out.
///
/// # Errors
/// When the log cannot be read.
pub fn made(namespace: &str) -> Result<Writes> {
    let path = variable("SEAWORTHY_TEST_AUDIT_LOG")?;
    let file = File::open(&path).with_context(|| format!("could not open the audit log {path}"))?;
    let needle = format!("\"{namespace}\"");
    let mut writes = Writes::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if !line.contains(&needle) {
            continue;
        }
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        let object = &event["objectRef"];
        let done = event["responseStatus"]["code"].as_u64().is_some_and(|code| (200..300).contains(&code));
        if object["namespace"] != namespace || event["user"]["username"] != OPERATOR || !done {
            continue;
        }
        let part = object["subresource"].as_str().map_or_else(String::new, |part| format!("/{part}"));
        let path = format!("{}{part}", object["resource"].as_str().unwrap_or_default());
        if let Some(key) = key(event["verb"].as_str().unwrap_or_default(), &path) {
            *writes.entry(key).or_default() += 1;
        }
    }
    Ok(writes)
}
