//! Requests per Release, from the audit log.

use std::collections::BTreeMap;

use anyhow::Result;
use seaworthy_api::writes;

use super::overhead::{Pair, plan_of};
use super::stage::Stage;
use super::table;

/// Prints the operator's requests in each Release's namespace, by verb and resource.
pub(super) fn print(stage: &Stage, pairs: &[Pair]) -> Result<()> {
    let mut counts: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        for event in seaworthy_audit::of_namespace(&stage.cluster.audit_log, &pair.namespace)?
            .iter()
            .filter(|event| event.by_operator())
        {
            let all = counts.entry((event.verb.clone(), event.path())).or_default();
            all.resize(pairs.len(), 0.0);
            if let Some(count) = all.get_mut(at) {
                *count += 1.0;
            }
        }
    }
    let mut wanted = writes::of(&serde_json::from_value(plan_of(stage)["spec"].take())?);
    let rows: Vec<_> = counts
        .iter()
        .map(|((verb, path), all)| {
            let mut row = vec![format!("{verb} {path}")];
            row.extend(table::spread(all).map(|count| format!("{count:.0}")));
            // Where it is created in one Release and updated in the next, both stand under the first of them.
            let count = writes::key(verb, path).and_then(|key| wanted.as_mut()?.remove(key));
            row.push(count.map_or_else(String::new, |count| count.to_string()));
            row
        })
        .collect();
    table::print("API requests of the operator per Release", &["", "min", "median", "max", "W of the plan"], &rows);
    Ok(())
}
