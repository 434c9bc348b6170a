//! W in runs without a fault: the operator wrote for the Release exactly what its plan says that it must.
//!
//! Which runs are without a fault is known by their namespace, see [`PREFIX`]. Of those, only plans that alone say what W is are held to it,
//! and only where every task did well at its first attempt. Deliberately absent: soaks, see `seaworthy_api::writes`.

use std::collections::BTreeMap;

use seaworthy_api::{
    ReleasePlanSpec,
    writes::{self, Writes},
};
use seaworthy_audit::Event;

/// How the names of namespaces begin in which nothing was broken, and which had one Release.
pub(super) const PREFIX: &str = "clean-";
/// What W does not know.
const UNKNOWN: &str = "anything else";

/// What was written in a namespace.
#[derive(Default)]
struct Ground {
    plan: Option<ReleasePlanSpec>,
    published: bool,
    /// A Job of a further attempt: something did not do well at once.
    again: bool,
    writes: Writes,
}

/// The namespaces of runs without a fault.
#[derive(Default)]
pub(super) struct Clean(BTreeMap<String, Ground>);

impl Clean {
    /// Looks at a request; `ours`: an operator may have sent it.
    pub(super) fn enter(&mut self, event: &Event, ours: bool) {
        let (namespace, path) = (&event.object_ref.namespace, event.path());
        if !ours || !event.done() || !namespace.starts_with(PREFIX) {
            return;
        }
        let ground = self.0.entry(namespace.clone()).or_default();
        match (event.verb.as_str(), path.as_str()) {
            ("create", "releaseplans") => {
                ground.plan = serde_json::from_value(event.request_object["spec"].clone()).ok();
            }
            ("create", "jobs") => ground.again |= !event.name().ends_with("-1"),
            ("update", "releases/status") => ground.published |= event.request_object["status"]["phase"] == "Published",
            _ => {}
        }
        if let Some(key) = writes::key(&event.verb, &path).filter(|key| *key != UNKNOWN) {
            *ground.writes.entry(key).or_default() += 1;
        }
    }

    /// How many Releases were held to W, and what was not as it says.
    pub(super) fn close(&self) -> (usize, Vec<String>) {
        let (mut held, mut findings) = (0, Vec::new());
        for (namespace, ground) in self.0.iter().filter(|(_, ground)| ground.published && !ground.again) {
            let Some(wanted) = ground.plan.as_ref().and_then(writes::of) else { continue };
            held += 1;
            let keys = wanted.keys().chain(ground.writes.keys()).copied().collect::<std::collections::BTreeSet<_>>();
            let of = |writes: &Writes, key| writes.get(key).copied().unwrap_or(0);
            let apart = keys.into_iter().map(|key| (key, of(&ground.writes, key), of(&wanted, key)));
            findings.extend(
                apart.filter(|(_, made, wanted)| made != wanted).map(|(key, made, wanted)| {
                    format!("W: `{key}` was done {made} times in {namespace}, not {wanted}")
                }),
            );
        }
        (held, findings)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A run with so many statuses of the Release and this Job.
    fn run(namespace: &str, statuses: usize, job: &str) -> (usize, Vec<String>) {
        let task = json!({"image": "i"});
        let plan = json!({"spec": {"version": {"policy": "Explicit"}, "candidate": {"from": "Release"}, "publish": {"task": task},
            "gates": [{"name": "suites", "e2e": {"suites": [{"name": "a", "task": task}]}}]}});
        let published = json!({"status": {"phase": "Published"}});
        let mut clean = Clean::default();
        let mut told = |times: usize, verb: &str, resource: &str, sub: &str, name: &str, body: &Value, code: u16| {
            let event = json!({"verb": verb, "user": {"username": "u"}, "stageTimestamp": "2026-01-01T00:00:00Z",
                "objectRef": {"resource": resource, "subresource": sub, "namespace": namespace, "name": name},
                "responseStatus": {"code": code}, "requestObject": body});
            let event = serde_json::from_value(event).unwrap();
            (0..times).for_each(|_| clean.enter(&event, true));
        };
        told(1, "create", "releaseplans", "", "p", &plan, 201);
        for (times, verb, resource, sub) in [
            (2, "patch", "releases", ""),
            (1, "create", "controllerrevisions", ""),
            (2, "update", "leases", ""),
            (2, "update", "configmaps", ""),
            (statuses, "update", "releases", "status"),
            (1, "create", "e2eruns", ""),
            (1, "patch", "e2eruns", ""),
            (3, "update", "e2eruns", "status"),
            (5, "update", "releaseplans", "status"),
        ] {
            told(times, verb, resource, sub, "r", &published, 200);
        }
        told(2, "create", "jobs", "", job, &Value::Null, 201);
        told(1, "patch", "jobs", "", job, &Value::Null, 200);
        told(3, "update", "releases", "status", "r", &Value::Null, 409);
        clean.close()
    }

    #[test]
    fn a_write_too_many_or_too_few_is_found() {
        assert_eq!(run("clean-a", 9, "r-publish-1"), (1, vec![]));
        for made in [8, 10] {
            let (held, findings) = run("clean-a", made, "r-publish-1");
            let wanted = format!("W: `update releases/status` was done {made} times in clean-a, not 9");
            assert_eq!((held, findings), (1, vec![wanted]));
        }
    }

    #[test]
    fn what_was_tried_again_or_broken_is_not_held_to_it() {
        assert_eq!(run("clean-a", 10, "r-publish-2"), (0, vec![]));
        assert_eq!(run("fault-a", 10, "r-publish-1"), (0, vec![]));
    }
}
