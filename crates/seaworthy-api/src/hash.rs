//! Canonical hashes: the same content gives the same hash, however its keys were ordered.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// `sha256:` and 64 hexadecimal digits over the canonical JSON of `value`: keys sorted, no white space.
///
/// A value that does not serialize (none of ours) hashes as `null`.
pub fn canonical(value: &impl Serialize) -> String {
    // serde_json's Map is ordered by key unless its `preserve_order` feature is on, so it is sorted here by hand.
    let json = sorted(serde_json::to_value(value).unwrap_or_default());
    digest(json.to_string().as_bytes())
}

/// `sha256:` and 64 hexadecimal digits of `bytes`.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::from("sha256:"), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn sorted(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        serde_json::Value::Array(list) => serde_json::Value::Array(list.into_iter().map(sorted).collect()),
        other @ (serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_)) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_keys_does_not_matter() {
        let a: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":{"y":[1,2],"x":null}}"#).unwrap();
        let b: serde_json::Value = serde_json::from_str(r#"{"b":{"x":null,"y":[1,2]},"a":1}"#).unwrap();
        assert_eq!(canonical(&a), canonical(&b));
        assert_ne!(canonical(&a), canonical(&serde_json::json!({"a":2})));
        assert_eq!(canonical(&a).len(), 71);
    }
}
