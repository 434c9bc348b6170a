//! Objects at the bounds of the schema, where the cost of the rules is highest, and objects one beyond.

use seaworthy_tests::shape::{check, e2e_run, edited, leftovers, plan, soak, soak_test, suite, survivors, task};
use serde_json::{Value, json};

use crate::{Row, row};

/// Gates of a plan, suites of a gate, checks and sources of a soak, and what else is listed.
const GATES: usize = 16;
const SUITES: usize = 48;
const CHECKS: usize = 32;
const SOURCES: usize = 16;
const LISTED: usize = 8;
const VARIABLES: usize = 32;
const ARGUMENTS: usize = 32;

fn list(count: usize, element: impl Fn(usize) -> Value) -> Value {
    (0..count).map(element).collect()
}

/// A name as long as names may be.
fn name(prefix: &str, index: usize) -> String {
    format!("{prefix}-{}-{index:02}", "x".repeat(36 - prefix.len()))
}

/// A service account or namespace as long as they may be.
fn listed(index: usize) -> Value {
    json!(format!("{}{index}", "y".repeat(62)))
}

/// A task with every list full; the last account, which is found last.
fn full_task(arguments: usize) -> Value {
    let volume = |i| json!({"name": name("volume", i), "emptyDir": {}});
    let mount = |i| json!({"name": name("volume", LISTED - 1 - i), "mountPath": format!("/{i}"), "subPath": "a"});
    let variable = |i| json!({"name": format!("V{i}"), "value": "1"});
    edited(
        task(),
        &[
            ("/serviceAccountName", listed(LISTED - 1)),
            ("/volumes", list(LISTED, volume)),
            ("/volumeMounts", list(LISTED, mount)),
            ("/env", list(if arguments > 0 { VARIABLES } else { 4 }, variable)),
            ("/args", list(arguments, |_| json!("a".repeat(1024)))),
            ("/timeout", json!("86400s")),
        ],
    )
}

fn full_soak() -> Value {
    let source = |i| match i {
        0 => json!({"name": name("source", i), "kubelet": {}}),
        _ => {
            json!({"name": name("source", i), "prometheus": {"port": 1, "service": "s", "namespace": listed(LISTED - 1)}})
        }
    };
    let checks = |i| {
        let kind = ["bound", "increase", "growth", "trend", "progress", "baseline"][i % 6];
        let base = match i % 4 {
            3 if i % 8 == 7 => edited(
                leftovers(""),
                &[
                    ("/leftovers/serviceAccountName", listed(LISTED - 1)),
                    ("/leftovers/namespaces", list(LISTED, listed)),
                ],
            ),
            3 => edited(
                survivors(""),
                &[
                    ("/survivors/serviceAccountName", listed(LISTED - 1)),
                    ("/survivors/namespaces", list(LISTED, listed)),
                ],
            ),
            _ => {
                let base = check("", kind, &name("source", SOURCES - 1), &"m".repeat(200));
                let aggregate = format!("/{kind}/aggregate");
                // Counters go by no label.
                match kind {
                    "increase" | "progress" => edited(base, &[(&aggregate, json!("Sum"))]),
                    _ => edited(base, &[(&format!("/{kind}/label"), json!("l")), (&aggregate, json!("LabelSum"))]),
                }
            }
        };
        edited(base, &[("/name", json!(name("check", i))), ("/warmUp", json!("1s"))])
    };
    let step = json!({"task": full_task(0)});
    edited(
        soak(),
        &[
            ("/targetRef/namespace", listed(LISTED - 1)),
            ("/setup", step.clone()),
            ("/workload", step.clone()),
            ("/teardown", step),
            ("/interval", json!("3600s")),
            ("/warmUp", json!("168h")),
            ("/measure", json!("720h")),
            ("/settle", json!("24h")),
            ("/onInconclusive", json!("Extend")),
            ("/maxExtension", json!("720h")),
            ("/sources", list(SOURCES, source)),
            ("/checks", list(CHECKS, checks)),
        ],
    )
}

fn full_e2e(tasks: &Value) -> Value {
    let step = json!({"task": tasks});
    let suites = list(SUITES, |i| edited(suite(&name("suite", i)), &[("/task", tasks.clone())]));
    json!({"parallelism": 16, "deadline": "168h", "setup": step, "teardown": step, "suites": suites})
}

fn full_plan(gate: &Value) -> Value {
    let after = |i: usize| list(i.min(LISTED), |j| json!(name("gate", i - 1 - j)));
    let gates = list(GATES, |i| edited(gate.clone(), &[("/name", json!(name("gate", i))), ("/runAfter", after(i))]));
    edited(
        plan(),
        &[
            ("/spec/serviceAccounts", list(LISTED, listed)),
            ("/spec/namespaces", list(LISTED, listed)),
            ("/spec/gates", gates),
            (
                "/spec/publish",
                json!({"task": full_task(ARGUMENTS), "verify": {"task": full_task(ARGUMENTS)}, "maxAttempts": 5}),
            ),
            ("/spec/candidate/task", full_task(ARGUMENTS)),
            ("/spec/deadline", json!("8760h")),
        ],
    )
}

/// The largest objects of each kind.
pub(crate) fn reached() -> Vec<(&'static str, Value)> {
    let lists = [("/spec/serviceAccounts", list(LISTED, listed)), ("/spec/namespaces", list(LISTED, listed))];
    let spec = |object: Value, fields: Value| {
        let mut object = edited(object, &lists);
        for (name, value) in fields.as_object().into_iter().flatten() {
            object["spec"][name] = value.clone();
        }
        object
    };
    let mut run = spec(e2e_run(), full_e2e(&full_task(16)));
    run["spec"].as_object_mut().into_iter().for_each(|spec| drop(spec.remove("namespaces")));
    vec![
        ("a plan with 16 gates of 48 suites", full_plan(&json!({"e2e": full_e2e(&full_task(0))}))),
        ("a plan with 16 soaks of 16 sources and 32 checks", full_plan(&json!({"soak": full_soak()}))),
        ("a run with 48 suites", run),
        ("a soak with 16 sources and 32 checks", spec(soak_test(), full_soak())),
    ]
}

/// One more than the schema allows.
pub(crate) fn exceeded() -> Vec<Row> {
    let too_many = |object: Value, path: &str, most: usize, element: &dyn Fn(usize) -> Value| {
        let says = format!(
            "{}: Too many: {}: must have at most {most} items",
            path[1..].replace("/0", "[0]").replace('/', "."),
            most + 1
        );
        row(&object, &[(path, list(most + 1, element))], &[&says], &[(path, list(most, element))])
    };
    let first_suite = |path: &str| format!("/spec/suites/0/task/{path}");
    vec![
        too_many(plan(), "/spec/gates", GATES, &|i| json!({"name": name("g", i), "e2e": {"suites": [suite("s")]}})),
        too_many(plan(), "/spec/serviceAccounts", LISTED, &listed),
        too_many(plan(), "/spec/namespaces", LISTED, &listed),
        too_many(e2e_run(), "/spec/suites", SUITES, &|i| suite(&name("s", i))),
        too_many(e2e_run(), &first_suite("env"), VARIABLES, &|i| json!({"name": format!("V{i}")})),
        too_many(e2e_run(), &first_suite("args"), ARGUMENTS, &|_| json!("a")),
        too_many(e2e_run(), &first_suite("command"), ARGUMENTS, &|_| json!("a")),
        too_many(soak_test(), "/spec/sources", SOURCES, &|i| json!({"name": name("s", i), "kubelet": {}})),
        too_many(soak_test(), "/spec/checks", CHECKS, &|i| json!({"name": name("c", i), "restarts": {"max": 0}})),
        row(
            &e2e_run(),
            &[("/spec/suites/0/name", json!("n".repeat(41)))],
            &["spec.suites[0].name", "Too long: may not be more than 40"],
            &[("/spec/suites/0/name", json!("n".repeat(40)))],
        ),
        row(
            &e2e_run(),
            &[("/spec/suites/0/task/args", json!(["n".repeat(1025)]))],
            &["Too long: may not be more than 1024"],
            &[("/spec/suites/0/task/args", json!(["n".repeat(1024)]))],
        ),
    ]
}
