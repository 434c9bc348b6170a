//! The Jobs of an E2ERun. Pure.

use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource as _, ResourceExt as _};
use seaworthy_api::{E2ERun, Task, labels};
use seaworthy_core::e2e_run::Step;

use crate::jobs::{JobSpec, build_job};

/// The label with the suite that a Job is for.
const SUITE: &str = "seaworthy.dev/suite";

/// The Job of one step of one attempt; None when the spec has no such step or suite, which `decide` never asks for.
pub(super) fn job(run: &E2ERun, name: &str, suite: &str, step: Step, attempt: u32) -> Option<Job> {
    let namespace = run.namespace().unwrap_or_default();
    let candidate = run.spec.candidate.clone().unwrap_or_default();
    let mut env = candidate.env();
    env.push(("SEAWORTHY_SUITE".to_owned(), suite.to_owned()));
    env.push(("SEAWORTHY_ATTEMPT".to_owned(), attempt.to_string()));
    let mut job = build_job(&JobSpec {
        name,
        namespace: &namespace,
        owner: owner(run),
        purpose: step.as_str(),
        task: task(run, suite, step)?,
        env,
        suspend: false,
    });
    let labels = [(SUITE, suite), (labels::RELEASE, &candidate.release), (labels::GATE, &candidate.gate)];
    let labels = labels.into_iter().filter(|(_, value)| !value.is_empty() && value.len() <= 63);
    job.metadata.labels.get_or_insert_default().extend(labels.map(|(k, v)| (k.to_owned(), v.to_owned())));
    Some(job)
}

/// The run as the controller of its Jobs. None of them blocks its deletion: in a foreground deletion the garbage collector removes what
/// blocks, a teardown that has just begun included, while our finalizer waits for that very teardown.
fn owner(run: &E2ERun) -> OwnerReference {
    OwnerReference { block_owner_deletion: Some(false), ..run.controller_owner_ref(&()).unwrap_or_default() }
}

fn task<'a>(run: &'a E2ERun, suite: &str, step: Step) -> Option<&'a Task> {
    let e2e = &run.spec.e2e;
    match step {
        Step::Setup => e2e.setup.as_ref().map(|s| &s.task),
        Step::Run => e2e.suites.iter().find(|s| s.name == suite).map(|s| &s.task),
        Step::Teardown => e2e.teardown.as_ref().map(|s| &s.task),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn run() -> E2ERun {
        serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "E2ERun", "metadata": {"name": "r", "namespace": "n", "uid": "u"},
            "spec": {
                "setup": {"task": {"image": "setup"}}, "teardown": {"task": {"image": "teardown"}},
                "suites": [{"name": "a", "task": {"image": "suite-a"}}, {"name": "b", "task": {"image": "suite-b"}}],
                "candidate": {"release": "rel", "gate": "examples", "version": "1.2.3"},
            },
        }))
        .unwrap()
    }

    #[test]
    fn each_step_runs_its_own_task_and_knows_where_it_is() {
        for (step, image) in [(Step::Setup, "setup"), (Step::Run, "suite-b"), (Step::Teardown, "teardown")] {
            let job = serde_json::to_value(job(&run(), "r-b-x-2", "b", step, 2).unwrap()).unwrap();
            let container = &job["spec"]["template"]["spec"]["containers"][0];
            let env = |name: &str| {
                let found = container["env"].as_array().unwrap().iter().find(|e| e["name"] == name);
                found.map(|e| e["value"].clone())
            };
            assert_eq!(container["image"], image);
            assert_eq!(env("SEAWORTHY_SUITE"), Some(Value::from("b")));
            assert_eq!(env("SEAWORTHY_ATTEMPT"), Some(Value::from("2")));
            assert_eq!(env("SEAWORTHY_GATE"), Some(Value::from("examples")));
            assert_eq!(env("SEAWORTHY_VERSION"), Some(Value::from("1.2.3")));
            let meta = &job["metadata"];
            assert_eq!(meta["ownerReferences"][0]["uid"], "u");
            assert_eq!(meta["ownerReferences"][0]["controller"], true);
            assert_eq!(meta["ownerReferences"][0]["blockOwnerDeletion"], false);
            assert_eq!(meta["labels"]["seaworthy.dev/purpose"], step.as_str());
            assert_eq!(meta["labels"]["seaworthy.dev/suite"], "b");
            assert_eq!(meta["labels"]["seaworthy.dev/release"], "rel");
        }
        assert_eq!(job(&run(), "x", "nowhere", Step::Run, 1), None);
    }
}
