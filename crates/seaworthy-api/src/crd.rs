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
                    "uint32" | "uint16" | "uint8" => "int32".clone_into(format),
                    "uint64" | "uint" => "int64".clone_into(format),
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

    /// What a value may be at most; the API server refuses rules over anything that is not bounded.
    fn unbounded(schema: &Value, path: &str, found: &mut Vec<String>) {
        let has = |key: &str| schema.get(key).is_some();
        match schema["type"].as_str() {
            Some("string") if !has("enum") && !has("format") && !has("maxLength") => found.push(path.to_owned()),
            Some("array") => {
                if !has("maxItems") {
                    found.push(path.to_owned());
                }
                unbounded(&schema["items"], &format!("{path}[]"), found);
            }
            Some("object") if has("additionalProperties") => {
                if !has("maxProperties") {
                    found.push(path.to_owned());
                }
                unbounded(&schema["additionalProperties"], &format!("{path}{{}}"), found);
            }
            Some("integer") if !has("maximum") || !has("minimum") => found.push(path.to_owned()),
            _ => {}
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            unbounded(property, &format!("{path}.{name}"), found);
        }
    }

    #[test]
    fn every_value_of_a_spec_is_bounded() {
        for crd in all().unwrap() {
            let crd = serde_json::to_value(&crd).unwrap();
            let spec = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
            let mut found = Vec::new();
            unbounded(spec, "spec", &mut found);
            assert_eq!(found, Vec::<String>::new(), "{}", crd["metadata"]["name"]);
        }
    }

    #[test]
    fn definitions_are_structural_and_without_nulls() {
        for crd in all().unwrap() {
            let text = serde_json::to_string(&crd).unwrap();
            assert!(!text.contains("nullable") && !text.contains("uint"), "{:?}", crd.metadata.name);
        }
    }
}
