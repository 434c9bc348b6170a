//! What a new status changes in an old one, value by value.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

/// One value that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Where: `conditions[Verified].reason`.
    pub(crate) path: String,
    /// What was there.
    pub(crate) from: Option<String>,
    /// What is there then.
    pub(crate) to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{}: {from} -> {to}", self.path),
            (None, Some(to)) => write!(f, "{}: {to}", self.path),
            (Some(from), None) => write!(f, "{}: {from} -> nothing", self.path),
            (None, None) => f.write_str(&self.path),
        }
    }
}

/// The changes from `before` to `after`, in the order of `after`'s paths. Bookkeeping of conditions is left out.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
    flatten(before, String::new(), &mut old);
    flatten(after, String::new(), &mut new);
    let paths: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| Change { path: path.clone(), from: old.get(path).cloned(), to: new.get(path).cloned() })
        .collect()
}

fn flatten(value: &Value, path: String, out: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key != "lastTransitionTime" && key != "observedGeneration" {
                    let dot = if path.is_empty() { "" } else { "." };
                    flatten(value, format!("{path}{dot}{key}"), out);
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                // Items of our lists have a name of their own, which says more than a number.
                let name = ["type", "name"].into_iter().find_map(|key| item.get(key)?.as_str());
                let name = name.map_or_else(|| i.to_string(), str::to_owned);
                flatten(item, format!("{path}[{name}]"), out);
            }
        }
        Value::String(text) => {
            out.insert(path, text.clone());
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => {
            out.insert(path, value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_named_by_their_path() {
        let before = json!({"phase": "Verifying", "passed": 1, "gone": true, "conditions": [
            {"type": "Verified", "status": "False", "reason": "Verifying", "lastTransitionTime": "a"}]});
        let after = json!({"phase": "Publishing", "passed": 1, "gates": [{"name": "soak", "state": "Passed"}], "conditions": [
            {"type": "Verified", "status": "True", "reason": "GatesPassed", "lastTransitionTime": "b"}]});
        let said: Vec<String> = changes(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "conditions[Verified].reason: Verifying -> GatesPassed",
                "conditions[Verified].status: False -> True",
                "gates[soak].name: soak",
                "gates[soak].state: Passed",
                "gone: true -> nothing",
                "phase: Verifying -> Publishing",
            ]
        );
        assert_eq!(changes(&after, &after), []);
    }
}
