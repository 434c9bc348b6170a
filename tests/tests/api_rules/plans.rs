//! `ReleasePlan`, `Release` and `E2ERun`: what is theirs alone.

use seaworthy_tests::shape::{e2e_run, edited, plan, release, soak, suite, task};
use serde_json::{Value, json};

use crate::{Row, row};

/// How versions are found.
pub(crate) fn versions() -> Vec<Row> {
    vec![
        row(
            &plan(),
            &[("/spec/version/policy", json!("ConventionalCommits"))],
            &["spec.version", "version.git is required with policy ConventionalCommits"],
            &[
                ("/spec/version/policy", json!("ConventionalCommits")),
                ("/spec/version/git/url", json!("https://git.example/app.git")),
            ],
        ),
        row(
            &plan(),
            &[("/spec/version/types", json!({"not ok": "Minor"}))],
            &["version.types: every name must match"],
            &[("/spec/version/types", json!({"feat": "Minor", "Docs-2": "None"}))],
        ),
        row(
            &plan(),
            &[("/spec/version/paths", json!(["/absolute"]))],
            &["spec.version.paths[0]", "should match"],
            &[("/spec/version/paths", json!(["packages/one", "README.md"]))],
        ),
        row(
            &plan(),
            &[("/spec/version/paths", json!(["packages/one", "packages/../../other"]))],
            &["version.paths: a path with .. leaves the repository"],
            &[("/spec/version/paths", json!(["packages/..one", "packages/two.."]))],
        ),
        row(
            &plan(),
            &[("/spec/version/onDisputed", json!("Guess"))],
            &["spec.version.onDisputed", "supported values"],
            &[("/spec/version/onDisputed", json!("Ask"))],
        ),
        row(
            &plan(),
            &[("/spec/version/notes/sections", json!([section("New", "feat"), section("New", "fix")]))],
            &["spec.version.notes.sections", "a title is there more than once: rename one"],
            &[("/spec/version/notes/sections", json!([section("New", "feat"), section("Other", "*")]))],
        ),
        row(
            &plan(),
            &[("/spec/version/notes/sections", json!([section("New", "two words")]))],
            &["spec.version.notes.sections[0].types[0]", "should match"],
            &[],
        ),
        row(
            &plan(),
            &[("/spec/version/notes/webUrl", json!("https://git.example/app/"))],
            &["spec.version.notes.webUrl", "should match"],
            &[("/spec/version/notes/webUrl", json!("https://git.example/app"))],
        ),
        row(
            &plan(),
            &[("/spec/version/notes/template", json!("x".repeat(8193)))],
            &["spec.version.notes.template", "8192"],
            &[("/spec/version/notes/template", json!("x".repeat(8192)))],
        ),
    ]
}

/// When versions may come.
pub(crate) fn pace() -> Vec<Row> {
    let freeze = |schedule: &str, duration: &str| json!([{"schedule": schedule, "duration": duration}]);
    vec![
        row(
            &plan(),
            &[("/spec/batching/minInterval", json!("313h"))],
            &["batching.minInterval 313h is out of bounds: it must be between 0s and 312h"],
            &[("/spec/batching/minInterval", json!("312h"))],
        ),
        row(
            &plan(),
            &[("/spec/batching/minimumCommits", json!(1001))],
            &["spec.batching.minimumCommits", "1000"],
            &[
                ("/spec/batching/minimumCommits", json!(1000)),
                ("/spec/version/policy", json!("ConventionalCommits")),
                ("/spec/version/git/url", json!("https://git.example/app.git")),
            ],
        ),
        row(
            &plan(),
            &[("/spec/batching/minimumCommits", json!(2))],
            &["batching.minimumCommits above 1 needs version.policy ConventionalCommits"],
            &[("/spec/batching/minimumCommits", json!(1)), ("/spec/concurrencyPolicy", json!("Queue"))],
        ),
        row(
            &plan(),
            &[
                ("/spec/batching/minimumCommits", json!(2)),
                ("/spec/concurrencyPolicy", json!("Queue")),
                ("/spec/version/policy", json!("ConventionalCommits")),
                ("/spec/version/git/url", json!("https://git.example/app.git")),
            ],
            &["batching.minimumCommits above 1 needs", "concurrencyPolicy Latest or Supersede"],
            &[
                ("/spec/batching/minimumCommits", json!(2)),
                ("/spec/concurrencyPolicy", json!("Supersede")),
                ("/spec/version/policy", json!("ConventionalCommits")),
                ("/spec/version/git/url", json!("https://git.example/app.git")),
            ],
        ),
        row(
            &plan(),
            &[("/spec/batching/freeze", freeze("0 18 * * FRI", "313h"))],
            &["batching.freeze.duration 313h is out of bounds: it must be between 1m and 312h"],
            &[("/spec/batching/freeze", freeze("0 18 * * FRI", "312h"))],
        ),
        row(
            &plan(),
            &[("/spec/batching/freeze", freeze("0 0 18 * * FRI", "1h"))],
            &["spec.batching.freeze[0].schedule", "should match"],
            &[],
        ),
    ]
}

/// Plans.
pub(crate) fn plans() -> Vec<Row> {
    vec![
        row(
            &plan(),
            &[("/spec/gates/1/name", json!("suites"))],
            &["spec.gates", "the name suites is there more than once: rename one"],
            &[("/spec/gates/1/name", json!("other"))],
        ),
        row(
            &plan(),
            &[("/spec/gates/0/runAfter", json!(["soak"]))],
            &["spec.gates", "runAfter of suites names a gate that does not stand before it"],
            &[("/spec/gates/1/runAfter", json!(["suites"]))],
        ),
        row(
            &plan(),
            &[("/spec/gates/1/runAfter", json!(["soak"]))],
            &["runAfter of soak names a gate that does not stand before it: correct the name or the order"],
            &[("/spec/gates/1/runAfter", json!([]))],
        ),
        row(
            &plan(),
            &[("/spec/gates/0/soak", soak())],
            &["spec.gates[0]", "give exactly one of e2e and soak"],
            &[("/spec/gates/0/e2e", Value::Null), ("/spec/gates/0/soak", soak())],
        ),
        row(&plan(), &[("/spec/gates", json!([]))], &["spec.gates", "at least 1 item"], &[]),
        row(
            &plan(),
            &[("/spec/deadline", json!("10m")), ("/spec/gates/1/soak/settle", json!("1s"))],
            &[
                "spec.deadline",
                "deadline 10m is shorter than warmUp + measure + maxExtension + settle of gate soak: lengthen",
            ],
            &[("/spec/deadline", json!("10m"))],
        ),
        row(
            &plan(),
            &[("/spec/deadline", json!("0s"))],
            &["spec.deadline", "deadline 0s is out of bounds: it must be between 1s and 8760h"],
            &[],
        ),
        row(
            &plan(),
            &[("/spec/approvalPolicy/timeout", json!("0m"))],
            &["approvalPolicy.timeout 0m is out of bounds: it must be between 1s and 8760h"],
            &[("/spec/approvalPolicy/timeout", json!("1s"))],
        ),
        row(
            &plan(),
            &[("/spec/candidate/task", Value::Null)],
            &["spec.candidate", "candidate.task is required with from: Task, and only there"],
            &[("/spec/candidate", json!({"from": "Release"}))],
        ),
        row(
            &plan(),
            &[("/spec/publish/external", json!({}))],
            &["spec.publish", "publish: give exactly one of task and external"],
            &[("/spec/publish", external())],
        ),
        row(
            &plan(),
            &[("/spec/publish", json!({"external": {}}))],
            &["spec.publish", "publish.external needs publish.verify"],
            &[("/spec/publish", external())],
        ),
        row(
            &plan(),
            &[("/spec/publish", edited(external(), &[("/maxAttempts", json!(2))]))],
            &["spec.publish", "publish.maxAttempts must be 1 with publish.external"],
            &[("/spec/publish", edited(external(), &[("/maxAttempts", json!(1))]))],
        ),
        row(
            &plan(),
            &[("/spec/publish", edited(external(), &[("/external/timeout", json!("8761h"))]))],
            &["spec.publish.external.timeout", "publish.external.timeout 8761h is out of bounds"],
            &[("/spec/publish", edited(external(), &[("/external/timeout", json!("8760h"))]))],
        ),
        row(
            &plan(),
            &[("/spec/publish/maxAttempts", json!(2))],
            &["spec.publish", "publish.maxAttempts above 1 needs publish.verify"],
            &[("/spec/publish/maxAttempts", json!(2)), ("/spec/publish/verify", json!({"task": task()}))],
        ),
    ]
}

/// CI publishes.
fn external() -> Value {
    json!({"external": {}, "verify": {"task": task()}})
}

fn section(title: &str, kind: &str) -> Value {
    json!({"title": title, "types": [kind]})
}

/// Runs and Releases.
pub(crate) fn runs() -> Vec<Row> {
    vec![
        row(
            &e2e_run(),
            &[("/spec/suites/-", suite("hello"))],
            &["spec.suites", "the name hello is there more than once: rename one"],
            &[("/spec/suites/-", suite("other"))],
        ),
        row(
            &e2e_run(),
            &[("/spec/deadline", json!("169h"))],
            &["deadline 169h is out of bounds: it must be between 1s and 168h"],
            &[("/spec/deadline", json!("168h"))],
        ),
        row(
            &release(),
            &[("/spec/parameters", json!({"Pr": "1"}))],
            &["spec.parameters", "every name must match [a-z]"],
            &[("/spec/parameters", json!({"pr-number": "1"}))],
        ),
        row(
            &release(),
            &[("/spec/artifacts", json!([artifact("app"), artifact("app")]))],
            &["spec.artifacts", "the name app is there more than once: rename one"],
            &[("/spec/artifacts", json!([artifact("app"), artifact("chart")]))],
        ),
        row(&release(), &[("/spec/revision", json!("0123abc"))], &["\"0123abc\"", "spec.revision"], &[]),
        row(
            &release(),
            &[("/spec/version/number", json!("1.4"))],
            &["spec.version.number", "\"1.4\""],
            &[("/spec/version/number", json!("1.4.0"))],
        ),
    ]
}

/// An artifact of a candidate.
pub(crate) fn artifact(name: &str) -> Value {
    json!({"name": name, "uri": "registry.example/app", "digest": format!("sha256:{}", "a".repeat(64))})
}
