//! How often the operator writes for one Release, worked out from its plan: W.
//!
//! Why: requests are what an operator costs others, so each write has its place in this table, and a clean run must make exactly these.
//! The numbers are for a Release whose every task does well at its first attempt, whose soaks find their target ready and end their load
//! within settling, and that nobody edits. Deliberately absent: events and the plan's own status (they sum up, so how many there are
//! depends on the time between two), and plans whose records can come together or apart by chance: several gates or suites at the same
//! time, a person's approval, a history to read; of soaks those that may be extended, that look at other objects, or whose evidence
//! fills more than one object.

use std::collections::BTreeMap;

use seaworthy_soak::{cadence::Cadence, segment::SEGMENT_SLOTS};

use crate::{
    E2e, ReleasePlanSpec, Soak,
    release_plan::{ApprovalMode, CandidateFrom, VersionPolicyKind},
    soak_test::OnInconclusive,
};

/// Writes by verb and resource, as an audit log names them: `update releases/status`.
pub type Writes = BTreeMap<&'static str, u32>;

/// W of a Release of this plan; None where the plan alone does not say.
pub fn of(plan: &ReleasePlanSpec) -> Option<Writes> {
    if plan.version.policy != VersionPolicyKind::Explicit || plan.approval_policy.mode != ApprovalMode::Automatic {
        return None;
    }
    let builds = u32::from(plan.candidate.from == CandidateFrom::Task);
    let verifies = u32::from(plan.publish.verify.is_some());
    let mut writes = Writes::from([
        // Our finalizer, on and off.
        ("patch releases", 2),
        ("create controllerrevisions", 1),
        // The turn, taken and given back; the number, reserved and settled. What is there already is updated.
        ("write leases", 2),
        ("write configmaps", 2),
        // Pinned and queued, has its turn, version with the first task or the first gate; the publisher's UID, it runs, it is over; told. The
        // candidate and `verify`: each seen, and over with what follows.
        ("update releases/status", 7 + 2 * builds + 2 * verifies),
        ("create jobs", builds + 1 + verifies),
        ("patch jobs", 1),
    ]);
    for (at, gate) in plan.gates.iter().enumerate() {
        // One after the other: what follows a gate is recorded with its end.
        let before = at.checked_sub(1).map(|before| plan.gates[before].name.as_str());
        if !gate.run_after.iter().map(String::as_str).eq(before) {
            return None;
        }
        // The child seen; passed with what follows: the next gate, or the intent to publish.
        add(&mut writes, [("update releases/status", 2)]);
        add(&mut writes, gate.e2e.as_ref().map(e2e).or_else(|| gate.soak.as_ref().map(soak))??);
    }
    Some(writes)
}

fn add(writes: &mut Writes, more: impl IntoIterator<Item = (&'static str, u32)>) {
    more.into_iter().filter(|(_, n)| *n > 0).for_each(|(key, n)| *writes.entry(key).or_default() += n);
}

/// What an E2ERun costs in which every suite passes at once.
fn e2e(e2e: &E2e) -> Option<Writes> {
    if e2e.parallelism > 1 && e2e.suites.len() > 1 {
        return None;
    }
    let suites = jobs(e2e)?;
    Some(Writes::from([
        ("create e2eruns", 1),
        // It is created with our finalizer.
        ("patch e2eruns", 1),
        ("create jobs", suites),
        // The first task recorded; then each seen, and over with what follows.
        ("update e2eruns/status", 1 + 2 * suites),
    ]))
}

/// What a SoakTest costs whose target is ready when it begins.
fn soak(soak: &Soak) -> Option<Writes> {
    let inventories = soak.checks.iter().any(|check| check.leftovers.is_some() || check.survivors.is_some());
    let [interval, warm_up, measure, settle] =
        [soak.interval, soak.warm_up, soak.measure, soak.settle].map(|time| time.get().0.saturating_mul(1000));
    let slots = (warm_up + measure + settle) / interval.max(1) + 1;
    // Else how many objects it fills depends on what the pages hold.
    let one = usize::try_from(slots).is_ok_and(|slots| slots < SEGMENT_SLOTS);
    // Without settling the end of measure and the judgement are recorded together, or not.
    if !one || settle == 0 || inventories || soak.on_inconclusive == Some(OnInconclusive::Extend) {
        return None;
    }
    let heads = u32::try_from(Cadence::new(interval, warm_up, measure, slots, 1).times()).ok()?;
    let [setup, workload, teardown] =
        [&soak.setup, &soak.workload, &soak.teardown].map(|step| u32::from(step.is_some()));
    Some(Writes::from([
        ("create soaktests", 1),
        ("patch soaktests", 1),
        ("create jobs", setup + workload + teardown),
        // The turn on the target.
        ("write leases", 2),
        ("write configmaps", heads),
        // The load is ended by us.
        ("delete jobs", workload),
        // Waits for its turn; has it; the times, with the load; measures; settles; judged; torn down and finished. Setup and load: each seen,
        // and over. The teardown: recorded, and seen.
        ("update soaktests/status", 7 + 2 * (setup + workload + teardown)),
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
        ("delete", "jobs") => Some("delete jobs"),
        ("create", "controllerrevisions") => Some("create controllerrevisions"),
        ("create", "e2eruns") => Some("create e2eruns"),
        ("create", "soaktests") => Some("create soaktests"),
        ("patch", "soaktests") => Some("patch soaktests"),
        ("update", "soaktests/status") => Some("update soaktests/status"),
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

    fn soaked(edit: impl FnOnce(&mut serde_json::Value)) -> ReleasePlanSpec {
        plan(|p| {
            let task = json!({"task": {"image": "i"}});
            let mut soak = json!({"targetRef": {"kind": "Deployment", "name": "t"}, "setup": task, "workload": task, "teardown": task,
                "interval": "10s", "measure": "10m", "settle": "1m", "checks": [{"name": "restarts", "restarts": {"max": 0}}]});
            edit(&mut soak);
            let gate = json!({"name": "soak", "runAfter": ["suites"], "soak": soak});
            p["gates"].as_array_mut().unwrap().push(gate);
        })
    }

    #[test]
    fn a_soak_costs_its_steps_and_what_it_stores() {
        let all = of(&soaked(|_| {})).unwrap();
        assert_eq!((all["create jobs"], all["update releases/status"], all["update soaktests/status"]), (8, 15, 13));
        // 67 slots, stored after every 6th, after the 61st, where measure ends, and after the last.
        assert_eq!((all["write configmaps"], all["write leases"], all["delete jobs"]), (2 + 11 + 2, 4, 1));
        let bare = of(&soaked(|soak| {
            for step in ["setup", "workload", "teardown"] {
                soak.as_object_mut().unwrap().remove(step);
            }
        }))
        .unwrap();
        assert_eq!((bare["create jobs"], bare["update soaktests/status"], bare.get("delete jobs")), (5, 7, None));
    }

    #[test]
    fn what_comes_together_by_chance_is_not_guessed() {
        assert_eq!(of(&soaked(|soak| soak["onInconclusive"] = json!("Extend"))), None);
        assert_eq!(of(&soaked(|soak| soak["measure"] = json!("6h"))), None, "how many segments it fills");
        assert_eq!(of(&soaked(|soak| soak["settle"] = json!("0s"))), None);
        assert_eq!(
            of(&plan(|p| p["gates"].as_array_mut().unwrap().push(json!({"name": "s", "e2e": {"suites": []}})))),
            None
        );
        assert_eq!(of(&plan(|p| p["gates"][0]["e2e"]["parallelism"] = json!(2))), None);
        assert_eq!(of(&plan(|p| p["approvalPolicy"] = json!({"mode": "Manual"}))), None);
    }
}
