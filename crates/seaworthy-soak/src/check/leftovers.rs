//! `leftovers`: what was not there before the load is gone after it has settled.
//!
//! Compared by UID: an object that was deleted and made anew under its old name is new.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::spec::Leftovers;
use super::verdict::Verdict;
use super::view::View;
use super::window::Phases;
use crate::record::{InventoryPoint, ObjectRef};

pub(super) fn judge(view: &View<'_>, name: &str, rule: &Leftovers, phases: &Phases) -> Finding {
    let inventory = |point| view.evidence.inventory(name, point);
    let end = phases.warm_up_ms.saturating_add(phases.measure_ms).saturating_add(phases.settle_ms);
    let Some(before) = inventory(InventoryPoint::Before) else {
        let message = "no inventory from before the load: check what the run may list, and run again";
        return Finding::new(Verdict::Inconclusive, message);
    };
    let Some(after) = inventory(InventoryPoint::After) else {
        let message = if phases.elapsed_ms < end {
            "the inventory is taken again after settle"
        } else {
            "no inventory from after settle: check what the run may list, and that the load's pods end within settle, and run again"
        };
        return Finding::new(Verdict::Inconclusive, message);
    };
    if before.is_empty() && after.is_empty() {
        // A mistyped selector looks just like this.
        let message =
            "neither inventory saw any object: widen the selection to something that is there before the load";
        return Finding { settled: true, ..Finding::new(Verdict::Inconclusive, message) };
    }
    let known: BTreeSet<&str> = before.iter().map(|o| o.uid.as_str()).collect();
    let left: Vec<&ObjectRef> = after.iter().filter(|o| !known.contains(o.uid.as_str())).collect();
    #[expect(clippy::cast_precision_loss, reason = "counts of objects are far below 2^53")]
    let (value, max) = (left.len() as f64, rule.max as f64);
    if left.len() as u64 > rule.max {
        let named: Vec<String> = left.iter().take(3).map(|o| words(o)).collect();
        let message = format!(
            "{} objects were left behind, {} allowed: {}: find out why the candidate does not remove them",
            left.len(),
            rule.max,
            named.join(", ")
        );
        return Finding::fact(message).measured(value, max);
    }
    let message = format!(
        "{} objects were left behind, {} allowed; {} before the load, {} after settle",
        left.len(),
        rule.max,
        before.len(),
        after.len()
    );
    Finding { settled: true, ..Finding::new(Verdict::Passed, message).measured(value, max) }
}

fn words(object: &ObjectRef) -> String {
    let ObjectRef { resource, namespace, name, waiting_for, .. } = object;
    let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    let held =
        if waiting_for.is_empty() { String::new() } else { format!(" (being deleted, waits for {waiting_for})") };
    format!("{resource} {place}{name}{held}")
}
