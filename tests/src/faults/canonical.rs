//! The Release that faults are tried on: a candidate, an end-to-end gate whose suite passes at its second attempt, a soak, a publish, a verify.
//!
//! The soak's gate is advisory: a kill in the middle of a soak of seconds costs more samples than a verdict may miss, and then it has to say
//! Inconclusive (`no-evidence-never-passes`); what follows it must be the same all the same.

use serde_json::{Value, json};

use super::node::{NODE, Script};

/// The plan's name.
pub const PLAN: &str = "plan";
/// The Release's name.
pub const RELEASE: &str = "r";
/// The target's name.
pub const TARGET: &str = "target";

/// What of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Attempts that the suite needs; at most 3.
    pub attempts: u32,
    /// Whether there is a soak, and where its page is served.
    pub soak: Option<u16>,
    /// How often the publish Job fails after its bytes are not out.
    pub publish_fails: u32,
    /// Whether somebody else's tag is where the version's should go: the publisher refuses to move it, `verify` says where it is.
    pub tag_elsewhere: bool,
}

impl Shape {
    /// The whole of it.
    pub const fn canonical(port: u16) -> Self {
        Self { attempts: 2, soak: Some(port), publish_fails: 0, tag_elsewhere: false }
    }

    /// Without a soak, and without a second attempt: the shortest that still has every kind of write but the sampler's.
    pub const fn short() -> Self {
        Self { attempts: 1, soak: None, publish_fails: 0, tag_elsewhere: false }
    }
}

/// The candidate's digest.
pub fn digest() -> String {
    seaworthy_api::hash::digest(b"the candidate")
}

fn image() -> String {
    format!("registry.example/controller@{}", digest())
}

/// The plan.
pub fn plan(shape: Shape) -> Value {
    let artifact =
        json!({"artifacts": [{"name": "controller", "uri": "registry.example/controller", "digest": digest()}]});
    let build = Script { ms: 50, message: artifact.to_string(), ..Script::default() };
    let failures = |n: u32| -> Vec<i32> { (0..n).map(|_| 1).chain([0]).collect() };
    let suite = json!({"name": "suite", "task": Script::exits(&failures(shape.attempts - 1)).task(), "maxAttempts": 3});
    let mut gates = vec![json!({"name": "suites", "e2e": {"suites": [suite]}})];
    if let Some(port) = shape.soak {
        gates.push(json!({"name": "soak", "runAfter": ["suites"], "enforcement": "Advisory", "soak": soak(port)}));
    }
    let publish = Script { ms: 300, publishes: true, exits: failures(shape.publish_fails), ..Script::default() };
    let verify = Script { ms: 50, verifies: true, ..Script::default() };
    let refuses = |script: Script| Script {
        exits: vec![1],
        verifies: false,
        message: "tag v1.4.0 is on 0123456789abcdef0123456789abcdef01234567, which nobody of us put there".into(),
        ..script
    };
    let [publish, verify] = [publish, verify].map(|script| if shape.tag_elsewhere { refuses(script) } else { script });
    json!({
        "metadata": {"name": PLAN},
        "spec": {
            "version": {"policy": "Explicit"},
            "candidate": {"from": "Task", "task": build.task()},
            "gates": gates,
            "publish": {"task": publish.task(), "verify": {"task": verify.task()}, "maxAttempts": 3},
        },
    })
}

/// The soak of the target, as short as the rules allow.
pub fn soak(port: u16) -> Value {
    json!({
        "targetRef": {"kind": "Deployment", "name": TARGET},
        "setup": {"task": Script::exits(&[0]).task()},
        "workload": {"task": Script { ms: 600_000, ..Script::default() }.task()},
        "teardown": {"task": Script::exits(&[0]).task()},
        "interval": "1s", "warmUp": "0s", "measure": "20s", "settle": "1s",
        "sources": [{"name": "page", "prometheus": {"port": port}}],
        "checks": [{"name": "level", "bound": {"source": "page", "metric": "target_level", "max": 5}}],
    })
}

/// The target, which runs the candidate.
pub fn target() -> Value {
    json!({
        "metadata": {"name": TARGET},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": TARGET}},
            "template": {
                "metadata": {"labels": {"app": TARGET}},
                "spec": {
                    "nodeSelector": {NODE: "true"},
                    "tolerations": [{"key": NODE, "operator": "Exists"}],
                    "containers": [{"name": "manager", "image": image()}],
                },
            },
        },
    })
}

/// The Release.
pub fn release() -> Value {
    json!({"metadata": {"name": RELEASE}, "spec": {
        "planRef": {"name": PLAN}, "revision": "4f2c0d7b1e6a9c3f5d8b2a4e6c1f3b5d7a9e0c2b",
        "version": {"number": "1.4.0", "reason": "a test"}}})
}
