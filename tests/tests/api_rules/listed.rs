//! Names that the lists at the top of a spec must hold: accounts and namespaces.

use seaworthy_tests::shape::{e2e_run, edited, leftovers, plan, soak_test, survivors, task};
use serde_json::{Value, json};

use crate::{Row, row};

fn account(object: &Value, path: &str, says: &str) -> Row {
    let remedy = "serviceAccountName builder is not in spec.serviceAccounts: add it there, or name one of those";
    let path = format!("/spec/{path}/serviceAccountName");
    row(object, &[(&path, json!("builder"))], &[says, remedy], &[(&path, json!("tester"))])
}

fn namespace(object: &Value, path: &str, says: &str) -> Row {
    let remedy = " other is not in spec.namespaces: add it there";
    let path = format!("/spec/{path}");
    row(object, &[(&path, json!("other"))], &[says, remedy], &[(&path, json!("demo"))])
}

/// In a plan: everywhere that a gate or a step can name one.
pub(crate) fn plans() -> Vec<Row> {
    let step = json!({"task": task()});
    let plan = edited(
        plan(),
        &[
            ("/spec/publish/verify", step.clone()),
            ("/spec/gates/0/e2e/setup", step.clone()),
            ("/spec/gates/0/e2e/teardown", step.clone()),
            ("/spec/gates/1/soak/setup", step.clone()),
            ("/spec/gates/1/soak/workload", step.clone()),
            ("/spec/gates/1/soak/teardown", step),
            ("/spec/gates/1/soak/checks/-", survivors("old")),
            ("/spec/gates/1/soak/checks/-", leftovers("left")),
            ("/spec/gates/1/soak/sources/0/prometheus/service", json!("auditor")),
        ],
    );
    let soak = "gates/1/soak";
    vec![
        account(&plan, "candidate/task", "spec.candidate.task.serviceAccountName"),
        account(&plan, "publish/task", "spec.publish.task.serviceAccountName"),
        account(&plan, "publish/verify/task", "spec.publish.verify.task.serviceAccountName"),
        account(&plan, "gates/0/e2e/setup/task", "gates: suites: e2e.setup.task."),
        account(&plan, "gates/0/e2e/teardown/task", "gates: suites: e2e.teardown.task."),
        account(&plan, "gates/0/e2e/suites/0/task", "gates: suites: e2e.suites: hello: task."),
        account(&plan, "gates/1/soak/setup/task", "gates: soak: soak.setup.task."),
        account(&plan, "gates/1/soak/workload/task", "gates: soak: soak.workload.task."),
        account(&plan, "gates/1/soak/teardown/task", "gates: soak: soak.teardown.task."),
        account(&plan, "gates/1/soak/checks/1/survivors", "gates: soak: soak.checks: old: survivors."),
        account(&plan, "gates/1/soak/checks/2/leftovers", "gates: soak: soak.checks: left: leftovers."),
        namespace(&plan, "gates/1/soak/targetRef/namespace", "gates: soak: soak.targetRef.namespace"),
        namespace(
            &plan,
            &format!("{soak}/sources/0/prometheus/namespace"),
            "gates: soak: soak.sources: metrics: prometheus.",
        ),
        namespace(
            &plan,
            &format!("{soak}/checks/1/survivors/namespaces/0"),
            "gates: soak: soak.checks: old: survivors.",
        ),
        namespace(
            &plan,
            &format!("{soak}/checks/2/leftovers/namespaces/0"),
            "gates: soak: soak.checks: left: leftovers.",
        ),
    ]
}

/// In runs that stand alone.
pub(crate) fn runs() -> Vec<Row> {
    let step = json!({"task": task()});
    let run = edited(e2e_run(), &[("/spec/setup", step.clone()), ("/spec/teardown", step.clone())]);
    let test = edited(
        soak_test(),
        &[
            ("/spec/setup", step.clone()),
            ("/spec/workload", step.clone()),
            ("/spec/teardown", step),
            ("/spec/checks/-", survivors("old")),
            ("/spec/checks/-", leftovers("left")),
            ("/spec/sources/0/prometheus/service", json!("auditor")),
        ],
    );
    let mut without_lists = account(
        &edited(run.clone(), &[("/spec/serviceAccounts", Value::Null)]),
        "setup/task",
        "spec.setup.task.serviceAccountName",
    );
    without_lists.right = run.clone();
    vec![
        account(&run, "setup/task", "spec.setup.task.serviceAccountName"),
        account(&run, "teardown/task", "spec.teardown.task.serviceAccountName"),
        account(&run, "suites/0/task", "spec.suites"),
        account(&test, "setup/task", "spec.setup.task.serviceAccountName"),
        account(&test, "workload/task", "spec.workload.task.serviceAccountName"),
        account(&test, "teardown/task", "spec.teardown.task.serviceAccountName"),
        account(&test, "checks/1/survivors", "checks: old: survivors."),
        account(&test, "checks/2/leftovers", "checks: left: leftovers."),
        namespace(&test, "targetRef/namespace", "spec.targetRef.namespace"),
        namespace(&test, "sources/0/prometheus/namespace", "sources: metrics: prometheus."),
        namespace(&test, "checks/1/survivors/namespaces/0", "checks: old: survivors."),
        namespace(&test, "checks/2/leftovers/namespaces/0", "checks: left: leftovers."),
        without_lists,
    ]
}
