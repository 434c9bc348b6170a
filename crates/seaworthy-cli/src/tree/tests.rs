//! Golden trees: what people see for the states that matter, on a terminal of 110 columns without colour, and in a pipe.

use std::collections::BTreeMap;

use seaworthy_api::{E2ERun, Release, SoakTest};
use seaworthy_core::time::Timestamp;
use serde_json::{Value, json};

use super::release::build;
use crate::{
    look::Look,
    snapshot::{Child, Run, Snapshot},
};

const TERMINAL: Look = Look { symbols: true, colour: false, width: Some(110) };
const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const REVISION: &str = "4f2c0d1e8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d";

fn now() -> Timestamp {
    "2026-03-01T20:00:00Z".parse().unwrap()
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "observedGeneration": 1, "lastTransitionTime": "2026-03-01T12:00:00Z",
           "reason": reason, "message": message})
}

fn done(job: &str, from: &str, to: &str) -> Value {
    json!({"job": job, "attempt": 1, "uid": "u", "state": "Succeeded", "startTime": from, "completionTime": to})
}

fn task() -> Value {
    json!({"image": "example.org/suites:1", "command": ["true"]})
}

/// A Release that has been planned and built; `status` is laid over it.
fn release(spec: Value, status: Value) -> Release {
    let mut object = json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release",
        "metadata": {"name": "pepr-x7k2p", "namespace": "pepr-release", "uid": "r-1", "creationTimestamp": "2026-03-01T12:00:00Z"},
        "spec": {"planRef": {"name": "pepr"}, "revision": REVISION},
        "status": {
            "revision": REVISION, "version": "1.4.0", "candidateVersion": "1.4.0-rc.2", "previousVersion": "1.3.2", "tag": "v1.4.0",
            "planSnapshot": {"name": "pepr-x7k2p-plan", "hash": DIGEST},
            "versionPlan": {"level": "Minor", "commits": 7, "disputed": 1, "message": "feat: watch several namespaces"},
            "planning": done("pepr-x7k2p-plan-1", "2026-03-01T12:00:01Z", "2026-03-01T12:00:05Z"),
            "candidate": done("pepr-x7k2p-candidate-1", "2026-03-01T12:00:06Z", "2026-03-01T12:01:18Z"),
            "artifacts": [{"name": "controller", "uri": "registry.example.org/pepr/controller", "digest": DIGEST}],
            "startTime": "2026-03-01T12:00:05Z",
        },
    });
    merge(&mut object["spec"], spec);
    merge(&mut object["status"], status);
    serde_json::from_value(object).unwrap()
}

fn merge(into: &mut Value, from: Value) {
    let Value::Object(from) = from else { return };
    for (key, value) in from {
        into[key] = value;
    }
}

fn gate(name: &str, kind: &str, state: &str, more: Value) -> Value {
    let mut gate = json!({"name": name, "kind": kind, "child": format!("pepr-x7k2p-{name}"), "uid": format!("c-{name}"), "state": state,
                          "startTime": "2026-03-01T12:01:18Z"});
    merge(&mut gate, more);
    gate
}

fn e2e_run(name: &str, status: &Value) -> E2ERun {
    let suite = |name: &str| json!({"name": name, "task": task(), "maxAttempts": 3});
    serde_json::from_value(json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "E2ERun",
        "metadata": {"name": name, "namespace": "pepr-release", "uid": "c-examples", "creationTimestamp": "2026-03-01T12:01:18Z"},
        "spec": {"suites": [suite("hello-pepr-watch"), suite("hello-pepr-store"),
                            {"name": "hello-pepr-soak-ci", "task": task(), "enforcement": "Advisory"}]},
        "status": status,
    }))
    .unwrap()
}

fn suite(name: &str, state: &str, more: Value) -> Value {
    let mut suite = json!({"name": name, "state": state, "attempts": 1, "productFailures": 0, "infrastructureFailures": 0,
                           "durationSeconds": 192});
    merge(&mut suite, more);
    suite
}

fn passed_suites() -> E2ERun {
    let suites = [
        suite("hello-pepr-watch", "Passed", json!({"tests": 41})),
        suite(
            "hello-pepr-store",
            "Passed",
            json!({"tests": 12, "skipped": 1, "attempts": 2, "productFailures": 1, "flaky": true,
                                                   "cause": "Product", "message": "attempt 1: exit code 1: timeout of watch"}),
        ),
        suite(
            "hello-pepr-soak-ci",
            "Failed",
            json!({"tests": 9, "failed": 2, "productFailures": 1, "cause": "Product",
                                                     "message": "exit code 1"}),
        ),
    ];
    e2e_run(
        "pepr-x7k2p-examples",
        &json!({"phase": "Succeeded", "passed": 2, "failed": 1, "flaky": 1, "total": 3, "suites": suites,
               "startTime": "2026-03-01T12:01:18Z", "completionTime": "2026-03-01T12:09:00Z"}),
    )
}

fn soak_test(status: &Value) -> SoakTest {
    serde_json::from_value(json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest",
        "metadata": {"name": "pepr-x7k2p-soak", "namespace": "pepr-release", "uid": "c-soak", "creationTimestamp": "2026-03-01T12:09:00Z"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "pepr-soak-watcher", "namespace": "pepr-system"},
            "warmUp": "70m", "measure": "6h", "settle": "10m", "interval": "30s",
            "candidate": {"version": "1.4.0", "candidateVersion": "1.4.0-rc.2", "revision": REVISION},
            "checks": [{"name": "restarts", "restarts": {"max": 0}}, {"name": "memory", "bound": {"source": "usage", "metric": "container_memory_working_set_bytes", "max": "200Mi"}}],
        },
        "status": status,
    }))
    .unwrap()
}

fn soak_times() -> Value {
    json!({"startTime": "2026-03-01T12:10:00Z", "measureStartTime": "2026-03-01T13:20:00Z", "measureEndTime": "2026-03-01T19:20:00Z",
           "settleEndTime": "2026-03-01T19:30:00Z"})
}

fn passed_soak() -> SoakTest {
    let mut status = soak_times();
    merge(
        &mut status,
        json!({
            "phase": "Succeeded", "completionTime": "2026-03-01T19:31:00Z",
            "samples": {"planned": 880, "obtained": 878, "longestGapSeconds": 60},
            "setup": done("s", "2026-03-01T12:09:00Z", "2026-03-01T12:10:00Z"),
            "checks": [
                {"name": "restarts", "verdict": "Passed", "value": "0", "threshold": "0"},
                {"name": "memory", "verdict": "Passed", "value": "127926272", "threshold": "209715200", "message": "at most 122Mi of 200Mi"},
            ],
        }),
    );
    soak_test(&status)
}

fn snapshot(release: Release, e2e: Option<E2ERun>, soak: Option<SoakTest>) -> Snapshot {
    let mut children = BTreeMap::new();
    children.extend(e2e.map(|run| ("examples".to_owned(), Child::Found(Run::E2e(Box::new(run))))));
    children.extend(soak.map(|run| ("soak".to_owned(), Child::Found(Run::Soak(Box::new(run))))));
    Snapshot::Release(Box::new(release), children)
}

fn passed_gates() -> [Value; 2] {
    [
        gate("examples", "E2ERun", "Passed", json!({"completionTime": "2026-03-01T12:09:00Z", "reason": "Passed"})),
        gate("soak", "SoakTest", "Passed", json!({"completionTime": "2026-03-01T19:31:00Z", "reason": "Passed"})),
    ]
}

fn published() -> Snapshot {
    let status = json!({
        "phase": "Published", "completionTime": "2026-03-01T19:32:00Z", "gates": passed_gates(),
        "conditions": [
            condition("Accepted", "True", "Valid", "the plan is pinned"),
            condition("Verified", "True", "GatesPassed", "2 of 2 required gates passed"),
            condition("Published", "True", "Published", "1.4.0 is out, with the digests that were tested"),
            condition("Finished", "True", "Published", "1.4.0 is out, with the digests that were tested"),
        ],
        "publish": {"attempt": 1, "job": "pepr-x7k2p-publish-1", "uid": "p", "state": "Published", "startTime": "2026-03-01T19:31:05Z",
                    "verify": done("pepr-x7k2p-verify-1", "2026-03-01T19:31:40Z", "2026-03-01T19:31:48Z")},
    });
    snapshot(release(json!({}), status), Some(passed_suites()), Some(passed_soak()))
}

#[test]
fn published_on_a_terminal() {
    insta::assert_snapshot!(build(&published(), now()).text(TERMINAL));
}

#[test]
fn published_in_a_pipe() {
    let text = build(&published(), now()).text(Look::PLAIN);
    assert!(text.is_ascii(), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_failing_suite() {
    let message = "2 of 41 tests failed: exit code 1: expected 3 ConfigMaps, found 2";
    let suites = [
        suite(
            "hello-pepr-watch",
            "Failed",
            json!({"tests": 41, "failed": 2, "attempts": 4, "productFailures": 3,
                                                   "infrastructureFailures": 1, "cause": "Product", "message": message}),
        ),
        suite(
            "hello-pepr-store",
            "Running",
            json!({"attempts": 2, "productFailures": 1, "durationSeconds": null, "startTime": "2026-03-01T12:01:20Z",
            "run": {"job": "j", "attempt": 2, "state": "Running", "startTime": "2026-03-01T19:58:00Z", "reason": "Unschedulable",
                    "message": "no node can take its pod: 0/1 nodes are available: 1 Insufficient memory"}}),
        ),
        suite("hello-pepr-soak-ci", "Pending", json!({"attempts": 0, "durationSeconds": null})),
    ];
    let run = e2e_run(
        "pepr-x7k2p-examples",
        &json!({"phase": "Running", "passed": 0, "failed": 1, "total": 3, "suites": suites, "startTime": "2026-03-01T12:01:18Z"}),
    );
    let waiting = json!({"name": "soak", "kind": "SoakTest", "child": "pepr-x7k2p-soak", "state": "Pending"});
    let status = json!({
        "phase": "Verifying", "gates": [gate("examples", "E2ERun", "Running", json!({})), waiting],
        "estimatedCompletionTime": "2026-03-02T04:10:00Z", "deadline": "2026-03-03T00:00:05Z",
        "conditions": [
            condition("Accepted", "True", "Valid", ""),
            condition("Verified", "False", "Verifying", "gate examples runs"),
            condition("Published", "Unknown", "Pending", "not decided yet"),
            condition("Finished", "False", "Verifying", "gate examples runs"),
        ],
    });
    insta::assert_snapshot!(build(&snapshot(release(json!({}), status), Some(run), None), now()).text(TERMINAL));
}

fn inconclusive_soak() -> SoakTest {
    let mut status = soak_times();
    let why = "the slope is 2.1Mi per hour, between 0.4Mi and 3.8Mi: more than the tolerable 1Mi is possible, but not certain; \
               a measure of 11h would settle it";
    merge(
        &mut status,
        json!({
            "phase": "Inconclusive", "completionTime": "2026-03-01T19:31:00Z",
            "samples": {"planned": 880, "obtained": 612, "longestGapSeconds": 4260},
            "teardown": {"job": "t", "attempt": 1, "state": "Failed", "startTime": "2026-03-01T19:30:00Z",
                         "completionTime": "2026-03-01T19:31:00Z", "reason": "TaskFailed", "message": "exit code 1: release not found"},
            "checks": [
                {"name": "restarts", "verdict": "Passed", "value": "0", "threshold": "0"},
                {"name": "memory", "verdict": "Inconclusive", "value": "2202009.6", "interval": "419430.4 to 3984588.8", "threshold": "1048576",
                 "detectable": "3565158.4", "message": why},
                {"name": "descriptors", "enforcement": "Advisory", "verdict": "Failed", "value": "812", "threshold": "500",
                 "message": "812 descriptors at most, above 500"},
                {"name": "cache", "verdict": "Error", "message": "the evidence's chain is broken at segment 3"},
            ],
            "conditions": [
                condition("Accepted", "True", "Valid", ""),
                condition("Succeeded", "False", "InsufficientEvidence", "check memory is inconclusive"),
                condition("Finished", "True", "InsufficientEvidence", "check memory is inconclusive"),
            ],
            "evidence": {"chainTip": "ab12", "sealed": 7, "head": "pepr-x7k2p-soak-evidence-head"},
        }),
    );
    soak_test(&status)
}

#[test]
fn an_inconclusive_soak_of_a_release() {
    let gates = [
        gate("examples", "E2ERun", "Passed", json!({"completionTime": "2026-03-01T12:09:00Z"})),
        gate(
            "soak",
            "SoakTest",
            "Inconclusive",
            json!({"completionTime": "2026-03-01T19:31:00Z", "reason": "InsufficientEvidence",
                                                        "message": "check memory is inconclusive"}),
        ),
    ];
    let status = json!({
        "phase": "Inconclusive", "completionTime": "2026-03-01T19:32:00Z", "gates": gates,
        "conditions": [
            condition("Verified", "False", "GateInconclusive", "gate soak could not be judged: check memory is inconclusive"),
            condition("Finished", "True", "GateInconclusive", "gate soak could not be judged: check memory is inconclusive"),
        ],
    });
    // The E2ERun was deleted meanwhile: the Release's own record is what is left.
    let Snapshot::Release(release, mut children) =
        snapshot(release(json!({}), status), None, Some(inconclusive_soak()))
    else {
        unreachable!("a Release was given");
    };
    children.insert("examples".into(), Child::Gone);
    insta::assert_snapshot!(build(&Snapshot::Release(release, children), now()).text(TERMINAL));
}

#[test]
fn an_inconclusive_soak_alone() {
    insta::assert_snapshot!(build(&Snapshot::Run(Run::Soak(Box::new(inconclusive_soak()))), now()).text(TERMINAL));
}

#[test]
fn a_soak_under_way() {
    let mut status = soak_times();
    merge(
        &mut status,
        json!({
            "phase": "Measuring", "deadline": "2026-03-01T21:00:00Z", "estimatedCompletionTime": "2026-03-01T19:31:00Z",
            "setup": done("s", "2026-03-01T12:09:00Z", "2026-03-01T12:10:00Z"),
            "workload": {"job": "w", "attempt": 1, "state": "Running", "startTime": "2026-03-01T12:10:00Z"},
            "samples": {"planned": 400, "obtained": 400, "longestGapSeconds": 0},
            "checks": [{"name": "restarts"}, {"name": "memory", "message": "so far at most 122Mi of 200Mi"}],
            "conditions": [condition("Finished", "False", "Measuring", "samples are taken until 2026-03-01T19:20:00Z")],
        }),
    );
    let run = Snapshot::Run(Run::Soak(Box::new(soak_test(&status))));
    insta::assert_snapshot!(build(&run, "2026-03-01T15:29:00Z".parse().unwrap()).text(TERMINAL));
}

#[test]
fn awaiting_approval() {
    let status = json!({
        "phase": "AwaitingApproval", "gates": passed_gates(), "deadline": "2026-03-04T19:31:00Z",
        "conditions": [
            condition("Verified", "True", "GatesPassed", "2 of 2 required gates passed"),
            condition("Published", "False", "AwaitingApproval", "waits for a person until 2026-03-04T19:31:00Z"),
            condition("Finished", "False", "AwaitingApproval", "waits for a person until 2026-03-04T19:31:00Z"),
        ],
    });
    let snapshot = snapshot(release(json!({}), status), Some(passed_suites()), Some(passed_soak()));
    insta::assert_snapshot!(build(&snapshot, now()).text(TERMINAL));
}

#[test]
fn publish_unknown() {
    let message = "its Job was deleted while it ran, and there is no verify: look into the registry";
    let status = json!({
        "phase": "PublishUnknown", "completionTime": "2026-03-01T19:32:00Z", "gates": passed_gates(),
        "conditions": [
            condition("Verified", "True", "GatesPassed", "2 of 2 required gates passed"),
            condition("Published", "Unknown", "PublishUnknown", message),
            condition("Finished", "True", "PublishUnknown", message),
        ],
        "publish": {"attempt": 2, "job": "pepr-x7k2p-publish-2", "uid": "p", "state": "Unknown", "startTime": "2026-03-01T19:31:05Z",
                    "message": "JobDeleted: the Job vanished while it ran"},
    });
    let snapshot = snapshot(
        release(json!({"approval": {"approved": true, "by": "ann", "reason": "ship it"}}), status),
        None,
        None,
    );
    insta::assert_snapshot!(build(&snapshot, now()).text(TERMINAL));
}

#[test]
fn hostile_text_stays_text() {
    let status = json!({
        "phase": "Failed", "completionTime": "2026-03-01T19:32:00Z", "artifacts": [],
        "conditions": [condition("Finished", "True", "BuildFailed", "exit code 1: \u{1b}[2J\u{1b}]0;owned\u{7}\r\nerror: \u{202e}gnihton")],
        "candidate": {"job": "c", "attempt": 1, "state": "Failed", "startTime": "2026-03-01T12:00:06Z",
                      "completionTime": "2026-03-01T12:00:09Z", "reason": "TaskFailed", "message": "\u{1b}[31mred\u{0}\u{9b}1m"},
    });
    let text = build(&snapshot(release(json!({}), status), None, None), now()).text(TERMINAL);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_release_that_nobody_has_visited_yet() {
    let release: Release = serde_json::from_value(json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "Release",
        "metadata": {"name": "a", "namespace": "b", "uid": "u", "creationTimestamp": "2026-03-01T19:59:50Z"},
        "spec": {"planRef": {"name": "pepr"}, "revision": REVISION},
    }))
    .unwrap();
    insta::assert_snapshot!(build(&snapshot(release, None, None), now()).text(TERMINAL));
}
