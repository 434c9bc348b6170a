//! Requests per Release, from the audit log.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use super::audit;
use super::overhead::Pair;
use super::table;

/// Prints the operator's requests in each Release's namespace, by verb and resource.
pub(super) fn print(log: &Path, pairs: &[Pair]) -> Result<()> {
    let mut counts: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        for event in audit::of_namespace(log, &pair.namespace)?.iter().filter(|event| event.by_operator()) {
            let all = counts.entry((event.verb.clone(), event.path())).or_default();
            all.resize(pairs.len(), 0.0);
            if let Some(count) = all.get_mut(at) {
                *count += 1.0;
            }
        }
    }
    let rows: Vec<_> = counts
        .iter()
        .map(|((verb, path), all)| {
            let mut row = vec![format!("{verb} {path}")];
            row.extend(table::spread(all).map(|count| format!("{count:.0}")));
            row
        })
        .collect();
    table::print("API requests of the operator per Release", &["", "min", "median", "max"], &rows);
    Ok(())
}
