//! How often the operator writes for one Release, worked out from its plan: W.
//!
//! Why: requests are what an operator costs others, so each write has its place in this table, and a clean run must make exactly these.
//! The numbers are for a Release whose every task does well at its first attempt and that nobody edits. Deliberately absent: events and the
//! plan's own status (they sum up, so how many there are depends on the time between two), and plans whose records can come together
//! or apart by chance: several gates or suites at the same time, soaks, a person's approval, a history to read.

use std::collections::BTreeMap;

use crate::{
    E2e, ReleasePlanSpec,
    release_plan::{ApprovalMode, CandidateFrom, VersionPolicyKind},
};

/// Writes by verb and resource, as an audit log names them: `update releases/status`.
pub type Writes = BTreeMap<&'static str, u32>;

/// W of a Release of this plan; None where the plan alone does not say.
pub fn of(plan: &ReleasePlanSpec) -> Option<Writes> {
    let [gate] = plan.gates.as_slice() else { return None };
    let e2e = gate.e2e.as_ref().filter(|e2e| e2e.parallelism == 1 || e2e.suites.len() == 1)?;
    if plan.version.policy != VersionPolicyKind::Explicit || plan.approval_policy.mode != ApprovalMode::Automatic {
        return None;
    }
    let builds = u32::from(plan.candidate.from == CandidateFrom::Task);
    let verifies = u32::from(plan.publish.verify.is_some());
    let suites = jobs(e2e)?;
    Some(BTreeMap::from([
        // Our finalizer, on and off.
        ("patch releases", 2),
        ("create controllerrevisions", 1),
        // The turn, taken and given back; the number, reserved and settled. What is there already is updated.
        ("write leases", 2),
        ("write configmaps", 2),
        // Pinned and queued, has its turn, version with the first task or the gate; the gate's child seen; passed with the intent to publish;
        // the publisher's UID, it runs, it is over; told. The candidate and `verify`: each seen, and over with what follows.
        ("update releases/status", 9 + 2 * builds + 2 * verifies),
        ("create e2eruns", 1),
        ("create jobs", builds + 1 + verifies + suites),
        ("patch jobs", 1),
        // It is created with our finalizer.
        ("patch e2eruns", 1),
        // The first task recorded; then each seen, and over with what follows.
        ("update e2eruns/status", 1 + 2 * suites),
    ]))
}

/// Jobs of a run in which every suite passes at once.
fn jobs(e2e: &E2e) -> Option<u32> {
    let each = 1 + u32::from(e2e.setup.is_some()) + u32::from(e2e.teardown.is_some());
    u32::try_from(e2e.suites.len()).ok()?.checked_mul(each)
}

/// The key under which a write is counted; None for what W leaves out.
pub fn key(verb: &str, path: &str) -> Option<&'static str> {
    match (verb, path) {
        ("create" | "update", "leases") => Some("write leases"),
        ("create" | "update", "configmaps") => Some("write configmaps"),
        ("patch", "releases") => Some("patch releases"),
        ("patch", "e2eruns") => Some("patch e2eruns"),
        ("patch", "jobs") => Some("patch jobs"),
        ("create", "controllerrevisions") => Some("create controllerrevisions"),
        ("create", "e2eruns") => Some("create e2eruns"),
        ("create", "jobs") => Some("create jobs"),
        ("update", "releases/status") => Some("update releases/status"),
        ("update", "e2eruns/status") => Some("update e2eruns/status"),
        ("create" | "patch", "events") | ("update", "releaseplans/status") | ("get" | "list" | "watch", _) => None,
        _ => Some("anything else"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(edit: impl FnOnce(&mut serde_json::Value)) -> ReleasePlanSpec {
        let task = json!({"image": "i"});
        let mut plan = json!({
            "version": {"policy": "Explicit"}, "candidate": {"from": "Task", "task": task},
            "gates": [{"name": "suites", "e2e": {"suites": [{"name": "a", "task": task}, {"name": "b", "task": task}]}}],
            "publish": {"task": task, "verify": {"task": task}},
        });
        edit(&mut plan);
        serde_json::from_value(plan).unwrap()
    }

    #[test]
    fn each_task_costs_two_records_and_a_job() {
        let all = of(&plan(|_| {})).unwrap();
        assert_eq!((all["create jobs"], all["update releases/status"], all["update e2eruns/status"]), (5, 13, 5));
        let bare = of(&plan(|p| {
            p["candidate"] = json!({"from": "Release"});
            p["publish"].as_object_mut().unwrap().remove("verify");
            p["gates"][0]["e2e"]["teardown"] = json!({"task": {"image": "i"}});
        }))
        .unwrap();
        assert_eq!((bare["create jobs"], bare["update releases/status"], bare["update e2eruns/status"]), (5, 9, 9));
    }

    #[test]
    fn what_comes_together_by_chance_is_not_guessed() {
        assert_eq!(of(&plan(|p| p["gates"][0]["e2e"]["parallelism"] = json!(2))), None);
        assert_eq!(of(&plan(|p| p["approvalPolicy"] = json!({"mode": "Manual"}))), None);
    }
}
