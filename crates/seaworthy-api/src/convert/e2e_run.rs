//! `E2ERun`.

use seaworthy_core::e2e_run::spec::{self, Spec};

use crate::{E2ERun, Suite, Task};

/// What an E2ERun asks for.
pub fn spec(run: &E2ERun) -> Spec {
    let e2e = &run.spec.e2e;
    Spec {
        service_accounts: run.spec.service_accounts.clone(),
        parallelism: e2e.parallelism,
        fail_fast: e2e.fail_fast,
        setup: e2e.setup.as_ref().map(|step| task(&step.task)),
        teardown: e2e.teardown.as_ref().map(|step| task(&step.task)),
        deadline: e2e.deadline.get(),
        suites: e2e.suites.iter().map(suite).collect(),
        suspend: run.spec.suspend,
        abort: run.spec.abort,
    }
}

fn suite(suite: &Suite) -> spec::Suite {
    spec::Suite {
        name: suite.name.clone(),
        task: task(&suite.task),
        max_attempts: suite.max_attempts,
        min_tests: suite.min_tests,
        enforcement: suite.enforcement,
    }
}

fn task(task: &Task) -> spec::Task {
    spec::Task { timeout: task.timeout.get(), service_account: task.service_account_name.clone() }
}

#[cfg(test)]
mod tests {
    use seaworthy_core::{time::Seconds, verdict::Enforcement};
    use serde_json::json;

    use super::*;

    #[test]
    fn every_field_arrives() {
        let run: E2ERun = serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "E2ERun", "metadata": {"name": "r"},
            "spec": {
                "serviceAccounts": ["tester"], "suspend": true, "abort": true, "parallelism": 3, "failFast": true, "deadline": "2h",
                "setup": {"task": {"image": "i", "timeout": "1m", "serviceAccountName": "tester"}},
                "teardown": {"task": {"image": "i"}},
                "suites": [
                    {"name": "a", "task": {"image": "i", "timeout": "90s"}, "maxAttempts": 4, "minTests": 7, "enforcement": "Advisory"},
                    {"name": "b", "task": {"image": "i"}},
                ],
            },
        }))
        .unwrap();
        let task = |seconds, account: Option<&str>| spec::Task {
            timeout: Seconds(seconds),
            service_account: account.map(str::to_owned),
        };
        let want = Spec {
            service_accounts: vec!["tester".into()],
            parallelism: 3,
            fail_fast: true,
            setup: Some(task(60, Some("tester"))),
            teardown: Some(task(600, None)),
            deadline: Seconds::hours(2),
            suites: vec![
                spec::Suite {
                    name: "a".into(),
                    task: task(90, None),
                    max_attempts: 4,
                    min_tests: Some(7),
                    enforcement: Enforcement::Advisory,
                },
                spec::Suite {
                    name: "b".into(),
                    task: task(600, None),
                    max_attempts: 1,
                    min_tests: None,
                    enforcement: Enforcement::Required,
                },
            ],
            suspend: true,
            abort: true,
        };
        assert_eq!(spec(&run), want);
    }
}
