//! What the operator wrote in a namespace, from the audit log, to be held against W (`seaworthy_api::writes`).

use std::path::Path;

use anyhow::Result;
use seaworthy_api::writes::{Writes, key};

use crate::cluster::variable;

/// The writes of the installed operator in a namespace that were carried out, without those that W leaves out.
///
/// # Errors
/// When the log cannot be read.
pub fn made(namespace: &str) -> Result<Writes> {
    let log = variable("SEAWORTHY_TEST_AUDIT_LOG")?;
    let mut writes = Writes::new();
    let events = seaworthy_audit::of_namespace(Path::new(&log), namespace)?;
    for event in events.iter().filter(|event| event.by_operator() && event.done()) {
        if let Some(key) = key(&event.verb, &event.path()) {
            *writes.entry(key).or_default() += 1;
        }
    }
    Ok(writes)
}
