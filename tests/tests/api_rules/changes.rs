//! What may not change after creation.

use seaworthy_tests::api::ADMIN;
use seaworthy_tests::shape::{e2e_run, edited, release, soak_test, suite, survivors, task};
use serde_json::{Value, json};

use crate::{Row, plans::artifact};

/// An object that is there, with the merge patch that is refused and the one that is accepted.
pub(crate) struct Change {
    pub(crate) object: Value,
    pub(crate) row: Row,
}

fn change(object: &Value, wrong: &Value, says: &[&str], right: &Value) -> Change {
    let says = says.iter().map(ToString::to_string).collect();
    Change { object: object.clone(), row: Row { wrong: json!({"spec": wrong}), says, right: json!({"spec": right}) } }
}

/// The given fields never change.
fn fixed(object: &Value, fields: &[(&str, Value)]) -> Vec<Change> {
    let one = |(field, value): &(&str, Value)| {
        let says = [&format!("spec.{field}"), "cannot be changed after creation: create a new"];
        change(object, &json!({(*field): value}), &says, &json!({"suspend": false}))
    };
    fields.iter().map(one).collect()
}

/// Everything that is fixed, latched, or given once.
pub(crate) fn changes() -> Vec<Change> {
    let step = json!({"task": task()});
    let mut all = fixed(
        &release(),
        &[
            ("planRef", json!({"name": "other"})),
            ("revision", json!("f".repeat(40))),
            ("version", json!({"number": "1.4.0"})),
            ("artifacts", json!([artifact("app")])),
            ("parameters", json!({"pr": "1"})),
        ],
    );
    all.extend(fixed(
        &e2e_run(),
        &[
            ("serviceAccounts", json!(["tester", "builder"])),
            ("candidate", json!({"version": "1.4.0"})),
            ("parallelism", json!(2)),
            ("failFast", json!(true)),
            ("setup", step.clone()),
            ("teardown", step.clone()),
            ("deadline", json!("1h")),
            ("suites", json!([suite("other")])),
        ],
    ));
    all.extend(fixed(
        &soak_test(),
        &[
            ("serviceAccounts", json!(["tester", "builder"])),
            ("namespaces", json!(["demo", "other"])),
            ("candidate", json!({"version": "1.4.0"})),
            ("targetRef", json!({"kind": "DaemonSet", "name": "controller"})),
            ("setup", step.clone()),
            ("workload", step.clone()),
            ("teardown", step),
            ("interval", json!("10s")),
            ("warmUp", json!("1m")),
            ("measure", json!("11m")),
            ("settle", json!("1m")),
            ("onInconclusive", json!("Fail")),
            ("maxExtension", json!("2h")),
            ("sources", json!([])),
            ("checks", json!([survivors("leftovers")])),
        ],
    ));
    for object in [release(), e2e_run(), soak_test()] {
        let aborted = edited(object, &[("/spec/abort", json!(true))]);
        let says = ["spec.abort", "abort cannot be taken back: create a new"];
        all.push(change(&aborted, &json!({"abort": false}), &says, &json!({"suspend": false})));
        all.push(change(&aborted, &json!({"abort": null}), &says, &json!({"abort": true})));
    }
    let digest = |of: char| format!("sha256:{}", of.to_string().repeat(64));
    let approved = edited(release(), &[("/spec/approval", json!({"approved": true, "by": ADMIN}))]);
    let says =
        ["spec.approval", "approval is given once for what it is for: it can be replaced by one with another digest"];
    all.push(change(&approved, &json!({"approval": {"approved": false}}), &says, &json!({"abort": true})));
    all.push(change(&approved, &json!({"approval": null}), &says, &json!({"approval": {"approved": true}})));
    all.push(change(
        &approved,
        &json!({"approval": {"reason": "x"}}),
        &says,
        &json!({"approval": {"digest": digest('a')}}),
    ));
    let bound = edited(approved, &[("/spec/approval/digest", json!(digest('a')))]);
    all.push(change(
        &bound,
        &json!({"approval": {"approved": false}}),
        &says,
        &json!({"approval": {"approved": false, "digest": digest('b')}}),
    ));
    all.push(change(&bound, &json!({"approval": {"digest": null}}), &says, &json!({"suspend": false})));
    let chosen = edited(release(), &[("/spec/onDisputed", json!("Strict"))]);
    let once = ["spec.onDisputed", "onDisputed is given once and cannot be changed or taken back"];
    all.push(change(&chosen, &json!({"onDisputed": "Higher"}), &once, &json!({"abort": true})));
    all.push(change(&chosen, &json!({"onDisputed": null}), &once, &json!({"onDisputed": "Strict"})));
    all.extend(resolutions());
    all.extend(reports());
    all.extend(waivers());
    all.push(change(
        &release(),
        &json!({"planRef": null}),
        &["spec.planRef", "Required value"],
        &json!({"approval": {"approved": false, "by": ADMIN}}),
    ));
    all
}

/// A word on what nobody knew: given where it ended so, once.
fn resolutions() -> Vec<Change> {
    let ended = |phase: &str| {
        let ending = json!({"phase": phase, "reason": "PublishUnknown", "message": "m"});
        edited(release(), &[("/status", json!({"phase": phase, "ending": ending}))])
    };
    let word = json!({"outcome": "Published", "by": ADMIN, "reason": "looked"});
    let only = ["spec.resolution", "resolution: only a Release that ended as PublishUnknown is resolved"];
    let resolved = edited(ended("PublishUnknown"), &[("/spec/resolution", word.clone())]);
    let once = ["spec.resolution", "resolution is given once and cannot be changed or taken back"];
    vec![
        change(&release(), &json!({"resolution": word}), &only, &json!({"abort": true})),
        change(&ended("Failed"), &json!({"resolution": word}), &only, &json!({"suspend": false})),
        change(
            &ended("PublishUnknown"),
            &json!({"resolution": {"outcome": "Published", "by": ADMIN}}),
            &["spec.resolution.reason", "Required value"],
            &json!({"resolution": word}),
        ),
        change(&resolved, &json!({"resolution": {"outcome": "NotPublished"}}), &once, &json!({"suspend": false})),
        change(&resolved, &json!({"resolution": null}), &once, &json!({"resolution": word})),
    ]
}

/// CI's report: given while it is waited for, once, with what it takes.
fn reports() -> Vec<Change> {
    let publish = |state: &str| json!({"attempt": 1, "state": state, "startTime": "2026-11-22T10:00:00Z"});
    let at = |state: &str| edited(release(), &[("/status", json!({"phase": "Publishing", "publish": publish(state)}))]);
    let artifact = |name: &str| json!({"name": name, "digest": format!("sha256:{}", "a".repeat(64))});
    let report = json!({"outcome": "Published", "by": ADMIN, "artifacts": [artifact("app")]});
    let none = ["spec.externalPublish", "externalPublish: no report is waited for"];
    let given = edited(at("External"), &[("/spec/externalPublish", report.clone())]);
    let once = ["spec.externalPublish", "externalPublish is given once and cannot be changed or taken back"];
    let asked = |wrong: Value, says: &str| {
        let says = ["spec.externalPublish", says];
        change(&at("External"), &json!({"externalPublish": wrong}), &says, &json!({"externalPublish": report}))
    };
    vec![
        change(&release(), &json!({"externalPublish": report}), &none, &json!({"abort": true})),
        change(&at("Ended"), &json!({"externalPublish": report}), &none, &json!({"abort": true})),
        change(&given, &json!({"externalPublish": {"outcome": "NotPublished"}}), &once, &json!({"suspend": false})),
        asked(
            json!({"outcome": "Published", "by": ADMIN}),
            "externalPublish.artifacts is required with outcome Published",
        ),
        asked(
            json!({"outcome": "NotPublished", "by": ADMIN}),
            "externalPublish.reason is required with outcome NotPublished",
        ),
        asked(
            json!({"outcome": "Published", "by": ADMIN, "artifacts": [artifact("app"), artifact("app")]}),
            "externalPublish.artifacts: the name app is there more than once",
        ),
    ]
}

/// Waivers are added, in time, and never changed.
fn waivers() -> Vec<Change> {
    let waiver = |gate: &str| json!({"gate": gate, "by": ADMIN, "reason": "a reason"});
    let list = |gates: &[&str]| json!({"waivers": gates.iter().map(|gate| waiver(gate)).collect::<Vec<_>>()});
    let ending = json!({"phase": "Failed", "reason": "GateFailed", "message": "m"});
    let ended = edited(release(), &[("/status", json!({"phase": "Failed", "ending": ending}))]);
    let publish = json!({"attempt": 1, "state": "Intended", "startTime": "2026-11-22T10:00:00Z"});
    let begun = edited(release(), &[("/status", json!({"phase": "Publishing", "publish": publish}))]);
    let two = edited(release(), &[("/spec/waivers", list(&["a", "b"])["waivers"].clone())]);
    let added = ["spec.waivers", "waivers are only added, at the end of the list"];
    let late = ["spec.waivers", "waivers: too late: the outcome is decided, or publishing has begun"];
    let more = list(&["a", "b", "c"]);
    vec![
        change(&two, &list(&["a"]), &added, &more),
        change(&two, &list(&["b", "a"]), &added, &list(&["a", "b"])),
        change(&two, &json!({"waivers": null}), &added, &more),
        change(&two, &list(&["a", "b", "a"]), &["spec.waivers", "waivers: a gate is waived more than once"], &more),
        change(&ended, &list(&["a"]), &late, &json!({"suspend": false})),
        change(&begun, &list(&["a"]), &late, &json!({"suspend": false})),
        change(
            &release(),
            &json!({"waivers": [{"gate": "a", "by": ADMIN}]}),
            &["spec.waivers[0].reason", "Required value"],
            &list(&["a"]),
        ),
    ]
}
