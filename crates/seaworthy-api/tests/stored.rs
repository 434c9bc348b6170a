//! Fault 23, the definitions are upgraded: objects that a released version stored are read by this one without loss, and its definitions keep
//! every field of them.
//!
//! `stored/VERSION` holds objects as an API server had them at the end of a Release with a suite and a soak. A file is added for each
//! version of the API that is released, and none is changed afterwards.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::{fs, path::Path};

use kube::Resource;
use seaworthy_api::{E2ERun, Release, ReleasePlan, SoakTest, crd};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

fn stored() -> Vec<(String, Value)> {
    let versions = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stored")).unwrap();
    let files = versions.flat_map(|version| fs::read_dir(version.unwrap().path()).unwrap());
    let read = |file: fs::DirEntry| {
        (file.path().display().to_string(), serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap())
    };
    files.map(|file| read(file.unwrap())).collect()
}

fn again<K: Resource<DynamicType = ()> + Serialize + DeserializeOwned>(object: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<K>(object.clone()).unwrap()).unwrap()
}

#[test]
fn fault_23_stored_objects_of_every_version_are_read_without_loss() {
    let all = stored();
    assert!(all.len() >= 4, "one of each kind");
    for (file, object) in all {
        let read = match object["kind"].as_str().unwrap() {
            "ReleasePlan" => again::<ReleasePlan>(&object),
            "Release" => again::<Release>(&object),
            "E2ERun" => again::<E2ERun>(&object),
            "SoakTest" => again::<SoakTest>(&object),
            other => panic!("{file}: {other} is none of ours"),
        };
        assert_eq!(read, object, "{file}");
    }
}

/// Where a definition would prune a value; empty when it keeps all of it.
fn pruned(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let of_map = Some(&schema["additionalProperties"]).filter(|s| s.is_object());
                match schema["properties"].get(name).or(of_map) {
                    Some(schema) => pruned(schema, value, &format!("{at}.{name}"), found),
                    None => found.push(format!("{at}.{name}")),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| pruned(&schema["items"], item, at, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn fault_23_definitions_keep_every_field_that_was_stored() {
    let definitions = serde_json::to_value(crd::all().unwrap()).unwrap();
    for (file, object) in stored() {
        let version = object["apiVersion"].as_str().unwrap().rsplit('/').next().unwrap();
        let definition = definitions.as_array().unwrap().iter().find(|d| d["spec"]["names"]["kind"] == object["kind"]);
        let versions = definition.unwrap()["spec"]["versions"].as_array().unwrap();
        let served = versions.iter().find(|v| v["name"] == version && v["served"] == true);
        let schema = &served.unwrap_or_else(|| panic!("{file}: {version} is not served"))["schema"]["openAPIV3Schema"];
        let mut found = Vec::new();
        for part in ["spec", "status"] {
            pruned(&schema["properties"][part], &object[part], part, &mut found);
        }
        assert_eq!(found, [""; 0], "{file}");
    }
}
