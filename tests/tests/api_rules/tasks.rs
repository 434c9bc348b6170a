//! Tasks: the allow-listed slice of a Job.

use seaworthy_tests::shape::{e2e_run, edited, task};
use serde_json::{Value, json};

use crate::{Row, row};

/// A run with one suite whose task has these fields beside its image.
fn in_task(wrong: &Value, says: &[&str], right: &Value) -> Row {
    let with = |fields: &Value| {
        let mut task = task();
        for (name, value) in fields.as_object().into_iter().flatten() {
            task[name] = value.clone();
        }
        edited(e2e_run(), &[("/spec/suites/0/task", task)])["spec"].clone()
    };
    row(&e2e_run(), &[("/spec", with(wrong))], says, &[("/spec", with(right))])
}

/// A task's own rules.
pub(crate) fn tasks() -> Vec<Row> {
    vec![
        in_task(
            &json!({"timeout": "25h"}),
            &["timeout 25h is out of bounds: it must be between 1s and 24h"],
            &json!({"timeout": "24h"}),
        ),
        in_task(
            &json!({"timeout": "1d"}),
            &["timeout", "\"1d\"", "should match '^[0-9]{1,6}(s|m|h)$'"],
            &json!({"timeout": "90s"}),
        ),
        in_task(
            &json!({"image": "one two"}),
            &["spec.suites[0].task.image", "\"one two\""],
            &json!({"image": "host:5000/a/b:1@sha256:0123"}),
        ),
        in_task(
            &json!({"securityContext": {"runAsUser": 0}}),
            &["securityContext.runAsUser", "greater than or equal to 1"],
            &json!({"securityContext": {"runAsUser": 1}}),
        ),
    ]
}

/// Variables of a task.
pub(crate) fn variables() -> Vec<Row> {
    let key = json!({"name": "s", "key": "k"});
    vec![
        in_task(
            &json!({"env": [{"name": "SEAWORTHY_TAG", "value": "1"}]}),
            &["env: SEAWORTHY_TAG is set by Seaworthy itself, as all that begin with SEAWORTHY_: choose another name"],
            &json!({"env": [{"name": "TAG", "value": "1"}]}),
        ),
        in_task(
            &json!({"env": [{"name": "A", "value": "1", "valueFrom": {"secretKeyRef": key}}]}),
            &["env: give value or valueFrom, not both"],
            &json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": key}}]}),
        ),
        in_task(
            &json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": key, "configMapKeyRef": key}}]}),
            &["valueFrom: give exactly one of secretKeyRef and configMapKeyRef"],
            &json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": key}}]}),
        ),
        in_task(
            &json!({"envFrom": [{"prefix": "A_"}]}),
            &["envFrom: give exactly one of secretRef and configMapRef"],
            &json!({"envFrom": [{"secretRef": {"name": "s"}}]}),
        ),
    ]
}

/// Volumes of a task and where they are mounted.
pub(crate) fn volumes() -> Vec<Row> {
    let volume = |name: &str| json!({"name": name, "emptyDir": {}});
    let mounted = |name: &str, sub_path: &str| json!({"volumes": [volume("data")], "volumeMounts": [{"name": name, "mountPath": "/data", "subPath": sub_path}]});
    vec![
        in_task(
            &json!({"volumes": [{"name": "a", "emptyDir": {}, "secret": {"secretName": "s"}}]}),
            &["volumes: give exactly one of emptyDir, configMap, secret, projected and persistentVolumeClaim"],
            &json!({"volumes": [{"name": "a", "secret": {"secretName": "s"}}]}),
        ),
        in_task(
            &json!({"volumes": [{"name": "a", "projected": {"sources": [{}]}}]}),
            &["projected.sources: give exactly one of secret and configMap"],
            &json!({"volumes": [{"name": "a", "projected": {"sources": [{"secret": {"name": "s"}}]}}]}),
        ),
        in_task(
            &json!({"volumes": [volume("a"), volume("a")]}),
            &["volumes: the name a is there more than once: rename one"],
            &json!({"volumes": [volume("a"), volume("b")]}),
        ),
        in_task(
            &mounted("date", "a"),
            &["volumeMounts: date is none of volumes: add the volume or remove the mount"],
            &mounted("data", "a"),
        ),
        in_task(
            &mounted("data", "a/../.."),
            &["subPath a/../.. leaves the volume: remove the dots"],
            &mounted("data", "a/b"),
        ),
    ]
}
