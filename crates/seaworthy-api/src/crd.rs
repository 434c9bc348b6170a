//! The CustomResourceDefinitions, as they are installed: generated from the types, then brought into the API conventions' shape.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::{E2ERun, Release, ReleasePlan, SoakTest};

/// All four, in the order of their names.
///
/// # Errors
/// When a generated definition is not what serde can read back, which a unit test rules out.
pub fn all() -> Result<Vec<CustomResourceDefinition>, serde_json::Error> {
    [E2ERun::crd(), ReleasePlan::crd(), Release::crd(), SoakTest::crd()].into_iter().map(polish).collect()
}

/// `nullable` is discouraged by the API conventions and comes from `Option`; unsigned formats are unknown to the API server;
/// a `default` of a required object says the same as its fields' defaults.
fn polish(crd: CustomResourceDefinition) -> Result<CustomResourceDefinition, serde_json::Error> {
    let mut json = serde_json::to_value(crd)?;
    walk(&mut json);
    serde_json::from_value(json)
}

fn walk(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("nullable");
            if let Some(Value::String(format)) = map.get_mut("format") {
                match format.as_str() {
                    "uint32" | "uint16" | "uint8" => *format = "int32".to_owned(),
                    "uint64" | "uint" => *format = "int64".to_owned(),
                    _ => {}
                }
            }
            map.values_mut().for_each(walk);
        }
        Value::Array(list) => list.iter_mut().for_each(walk),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_structural_and_without_nulls() {
        for crd in all().unwrap() {
            let text = serde_json::to_string(&crd).unwrap();
            assert!(!text.contains("nullable") && !text.contains("uint"), "{:?}", crd.metadata.name);
        }
    }
}
