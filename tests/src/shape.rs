//! Objects for tests: small valid ones of each kind, and edits of them by JSON pointer.

use serde_json::{Value, json};

/// An edit: a JSON pointer and what is put there; `null` removes what is there. Parents are made, `-` appends to a list.
pub type Edit<'a> = (&'a str, Value);

/// A task that could run.
pub fn task() -> Value {
    json!({"image": "registry.example/task:1"})
}

/// The smallest `ReleasePlan` that is accepted, with one gate of each kind.
pub fn plan() -> Value {
    json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "ReleasePlan", "metadata": {"name": "plan"},
        "spec": {
            "serviceAccounts": ["tester"],
            "namespaces": ["demo"],
            "version": {"policy": "Explicit"},
            "candidate": {"task": task()},
            "gates": [{"name": "suites", "e2e": {"suites": [suite("hello")]}}, {"name": "soak", "soak": soak()}],
            "publish": {"task": task()},
        },
    })
}

/// The smallest `Release` that is accepted.
pub fn release() -> Value {
    json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release", "metadata": {"name": "release"},
        "spec": {"planRef": {"name": "plan"}, "revision": "0123456789abcdef0123456789abcdef01234567", "suspend": true},
    })
}

/// The smallest `E2ERun` that is accepted.
pub fn e2e_run() -> Value {
    json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "E2ERun", "metadata": {"name": "run"},
        "spec": {"serviceAccounts": ["tester"], "suspend": true, "suites": [suite("hello")]},
    })
}

/// The smallest `SoakTest` that is accepted, with a source of each kind.
pub fn soak_test() -> Value {
    let mut spec = json!({"serviceAccounts": ["tester"], "namespaces": ["demo"], "suspend": true});
    if let (Value::Object(spec), Value::Object(soak)) = (&mut spec, soak()) {
        spec.extend(soak);
    }
    json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "soak"}, "spec": spec})
}

/// A suite.
pub fn suite(name: &str) -> Value {
    json!({"name": name, "task": task()})
}

/// What a gate and a `SoakTest` share.
pub fn soak() -> Value {
    json!({
        "targetRef": {"kind": "Deployment", "name": "controller"},
        "interval": "30s",
        "measure": "10m",
        "sources": [{"name": "metrics", "prometheus": {"port": 8080}}, {"name": "usage", "kubelet": {}}],
        "checks": [{"name": "restarts", "restarts": {"max": 0}}],
    })
}

/// A check of the given kind over the given source.
pub fn check(name: &str, kind: &str, source: &str, metric: &str) -> Value {
    let threshold = match kind {
        "trend" => "tolerablePerHour",
        "progress" => "min",
        "baseline" => "maxRise",
        _ => "max",
    };
    json!({"name": name, kind: {"source": source, "metric": metric, threshold: 5}})
}

/// A check for objects that grow too old.
pub fn survivors(name: &str) -> Value {
    json!({"name": name, "survivors": {
        "resources": [{"resource": "pods"}], "namespaces": ["demo"], "maxAge": "10m", "serviceAccountName": "tester",
    }})
}

/// A check for objects that stay behind.
pub fn leftovers(name: &str) -> Value {
    json!({"name": name, "leftovers": {
        "resources": [{"resource": "pods"}], "namespaces": ["demo"], "serviceAccountName": "tester",
    }})
}

/// The object with all edits made.
#[must_use]
pub fn edited(mut object: Value, edits: &[Edit<'_>]) -> Value {
    for (pointer, value) in edits {
        edit(&mut object, pointer.trim_start_matches('/'), value);
    }
    object
}

fn edit(at: &mut Value, path: &str, value: &Value) {
    let (key, rest) = path.split_once('/').unwrap_or((path, ""));
    if let Value::Array(list) = at {
        let index = key.parse().unwrap_or(list.len());
        if index == list.len() {
            list.push(Value::Null);
        }
        return enter(&mut list[index], rest, value);
    }
    if rest.is_empty() && value.is_null() {
        if let Value::Object(map) = at {
            map.remove(key);
        }
        return;
    }
    if at.is_null() {
        *at = json!({});
    }
    enter(&mut at[key], rest, value);
}

fn enter(at: &mut Value, rest: &str, value: &Value) {
    if rest.is_empty() {
        *at = value.clone();
    } else {
        edit(at, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_make_parents_append_replace_and_remove() {
        let edits =
            [("/a/b", json!(1)), ("/c/-", json!(3)), ("/c/0/d", json!(4)), ("/e", Value::Null), ("/f/0", json!("new"))];
        let object = edited(json!({"c": [{"x": 2}], "e": 5, "f": ["old"]}), &edits);
        assert_eq!(object, json!({"a": {"b": 1}, "c": [{"x": 2, "d": 4}, 3], "f": ["new"]}));
    }
}
