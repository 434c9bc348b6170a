//! What becomes of a Release: tables over the real `decide` in a small world.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod approval;
mod external;
mod freeze;
mod resolution;
mod waivers;

use std::sync::Arc;

use seaworthy_core::{
    condition::{self, ConditionStatus, types},
    lock::Lock,
    presence::Presence,
    release::{
        GateKind, GateState, PublishOutcome, PublishState, ReleasePhase, ReleaseStatus, ReportedArtifact,
        observed::{Approval, Concurrency, ExternalPublish, Notes, Policy, Resolution, Sibling, Waiver},
    },
    task::{Job, JobState},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
    version::{Commit, Facts, Ledger, NotesRules, OnDisputed, TagRef, ledger::State},
};
use seaworthy_model::{
    operator::Subject as _,
    release::{UID, World, failed, gate, policy, succeeded, yes},
};

/// A world whose Release has come as far as its gates' children.
fn at_gates(plan: Policy) -> World {
    let mut w = World::new(plan);
    assert!(w.settle());
    w.end_job("rel-candidate-1", succeeded());
    assert!(w.settle());
    w
}

/// A world whose Release has passed its gates.
fn verified(plan: Policy) -> World {
    let mut w = at_gates(plan);
    for name in ["rel-suites", "rel-soak"] {
        w.end_child(name, Verdict::Passed);
        assert!(w.settle());
    }
    w
}

/// A world whose publish Job runs.
fn publishing(plan: Policy) -> (World, String) {
    let w = verified(plan);
    let uid = w.jobs.by_name["rel-publish-1"].uid.clone();
    assert_eq!(w.unsuspends[&uid], 1);
    (w, uid)
}

fn publish_ends(w: &mut World, job: &str, uid: &str, out: bool, state: JobState) {
    if out {
        w.pod_publishes(uid);
    }
    w.end_job(job, state);
    w.jobs.pod_ends(uid);
    assert!(w.settle());
}

fn finished(w: &World, phase: ReleasePhase) {
    assert_eq!(w.status().phase, phase, "{:#?}", w.status().conditions);
    let ended = condition::get(&w.status().conditions, types::FINISHED).unwrap();
    assert_eq!(ended.status, ConditionStatus::True);
    assert!(!ended.message.is_empty());
    assert!(!w.release.finalizer, "what was held is given back");
    assert_ne!(w.turn, Lock::Mine);
    w.check().unwrap();
}

#[test]
fn a_fit_candidate_is_published_once_and_its_number_is_used() {
    let (mut w, uid) = publishing(policy());
    publish_ends(&mut w, "rel-publish-1", &uid, true, succeeded());
    w.end_job("rel-verify-1-1", succeeded());
    assert!(w.settle());
    finished(&w, ReleasePhase::Published);
    assert_eq!(
        (w.out.iter().count(), w.status().version.as_str(), w.status().candidate_version.as_str()),
        (1, "1.4.0", "1.4.0-rc.1")
    );
    assert_eq!(w.ledger.entry(UID).unwrap().state, State::Published);
    assert_eq!(w.status().artifacts.len(), 1);
}

#[test]
fn quiescent_when_nothing_changes() {
    let mut w = at_gates(policy());
    let before = w.clone();
    assert!(!w.round());
    assert_eq!(w, before);
}

#[test]
fn gates_run_in_order_and_a_failed_one_ends_the_release() {
    for (verdict, phase) in [
        (Verdict::Failed, ReleasePhase::Failed),
        (Verdict::Inconclusive, ReleasePhase::Inconclusive),
        (Verdict::Error, ReleasePhase::Inconclusive),
    ] {
        let mut w = at_gates(policy());
        assert_eq!(w.children.len(), 1, "the soak waits for the suites");
        w.end_child("rel-suites", verdict);
        assert!(w.settle());
        finished(&w, phase);
        assert_eq!(w.children.len(), 1);
        assert_eq!(w.ledger.entry(UID).unwrap().state, State::Burned);
    }
}

#[test]
fn an_advisory_gate_never_blocks_but_is_waited_for() {
    let mut plan = policy();
    plan.gates[0].enforcement = Enforcement::Advisory;
    let mut w = at_gates(plan);
    w.end_child("rel-suites", Verdict::Failed);
    assert!(w.settle());
    assert_eq!(w.children.len(), 2, "what runs after an advisory gate begins when that has finished");
    w.end_child("rel-soak", Verdict::Passed);
    assert!(w.settle());
    assert!(w.jobs.by_name.contains_key("rel-publish-1"));
}

#[test]
fn only_advisory_gates_prove_nothing() {
    let mut plan = policy();
    plan.gates.iter_mut().for_each(|g| g.enforcement = Enforcement::Advisory);
    let mut w = World::new(plan);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(condition::get(&w.status().conditions, types::ACCEPTED).unwrap().status, ConditionStatus::False);
}

#[test]
fn a_failed_gate_ends_the_others_before_the_outcome_is_told() {
    let mut plan = policy();
    plan.gates = vec![gate("suites", GateKind::E2ERun, &[]), gate("soak", GateKind::SoakTest, &[])];
    let mut w = at_gates(plan);
    w.end_child("rel-suites", Verdict::Failed);
    assert!(w.settle());
    assert!(w.children["rel-soak"].child.aborting);
    assert!(!condition::is_true(&w.status().conditions, types::FINISHED), "its teardown still runs");
    w.end_child("rel-soak", Verdict::Inconclusive);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
}

#[test]
fn a_gates_child_that_vanishes_is_no_evidence() {
    let mut w = at_gates(policy());
    w.children.clear();
    assert!(w.settle());
    finished(&w, ReleasePhase::Inconclusive);
}

#[test]
fn verify_decides_how_an_unhappy_publish_ended() {
    for (out, verify, phase) in [
        (true, succeeded(), ReleasePhase::Published),
        (false, failed(10), ReleasePhase::Failed),
        (false, failed(1), ReleasePhase::PublishUnknown),
        (true, failed(2), ReleasePhase::PublishUnknown),
    ] {
        let (mut w, uid) = publishing(policy());
        publish_ends(&mut w, "rel-publish-1", &uid, out, failed(1));
        w.end_job("rel-verify-1-1", verify);
        assert!(w.settle());
        finished(&w, phase);
        let published = condition::get(&w.status().conditions, types::PUBLISHED).unwrap().status;
        let known = phase != ReleasePhase::PublishUnknown;
        assert_eq!(published == ConditionStatus::Unknown, !known);
        assert_eq!(published == ConditionStatus::True, phase == ReleasePhase::Published);
    }
}

#[test]
fn a_negative_verify_after_success_is_unknown() {
    let (mut w, uid) = publishing(policy());
    publish_ends(&mut w, "rel-publish-1", &uid, false, succeeded());
    w.end_job("rel-verify-1-1", failed(10));
    assert!(w.settle());
    finished(&w, ReleasePhase::PublishUnknown);
}

#[test]
fn without_verify_any_unhappy_end_is_unknown() {
    let mut plan = policy();
    plan.publish.verify = None;
    let (mut w, uid) = publishing(plan);
    publish_ends(&mut w, "rel-publish-1", &uid, false, failed(1));
    finished(&w, ReleasePhase::PublishUnknown);
}

#[test]
fn verify_waits_for_the_last_pod_of_a_deleted_publish_job() {
    let (mut w, uid) = publishing(policy());
    w.jobs.remove("rel-publish-1");
    assert!(w.settle());
    assert!(!w.jobs.by_name.keys().any(|n| n.contains("verify")), "a pod still runs: asking now proves nothing");
    assert!(!w.jobs.by_name.contains_key("rel-publish-1"), "it is never run again");
    w.pod_publishes(&uid);
    w.jobs.pod_ends(&uid);
    assert!(w.settle());
    w.end_job("rel-verify-1-1", succeeded());
    assert!(w.settle());
    finished(&w, ReleasePhase::Published);
    assert!(w.out.is_some());
}

#[test]
fn a_second_attempt_comes_only_after_a_negative_verify() {
    let mut plan = policy();
    plan.publish.max_attempts = 2;
    let (mut w, uid) = publishing(plan);
    publish_ends(&mut w, "rel-publish-1", &uid, false, failed(1));
    assert!(!w.jobs.by_name.contains_key("rel-publish-2"));
    w.end_job("rel-verify-1-1", failed(10));
    assert!(w.settle());
    let uid = w.jobs.by_name["rel-publish-2"].uid.clone();
    publish_ends(&mut w, "rel-publish-2", &uid, true, succeeded());
    w.end_job("rel-verify-2-1", succeeded());
    assert!(w.settle());
    finished(&w, ReleasePhase::Published);
}

#[test]
fn a_lingering_publish_pod_ends_as_unknown() {
    let (mut w, _) = publishing(policy());
    w.jobs.remove("rel-publish-1");
    assert!(w.settle());
    w.now = w.now + Seconds::minutes(16);
    assert!(w.settle());
    finished(&w, ReleasePhase::PublishUnknown);
}

#[test]
fn abort_ends_everything_before_publishing_and_waits_after() {
    let mut w = at_gates(policy());
    w.write().spec.abort = true;
    assert!(w.settle());
    assert!(w.children["rel-suites"].child.aborting);
    w.end_child("rel-suites", Verdict::Inconclusive);
    assert!(w.settle());
    finished(&w, ReleasePhase::Aborted);

    let (mut w, uid) = publishing(policy());
    w.write().spec.abort = true;
    assert!(w.settle());
    assert!(!condition::is_true(&w.status().conditions, types::FINISHED));
    publish_ends(&mut w, "rel-publish-1", &uid, true, succeeded());
    w.end_job("rel-verify-1-1", succeeded());
    assert!(w.settle());
    finished(&w, ReleasePhase::Published);
}

#[test]
fn suspend_holds_between_steps() {
    let mut w = World::new(policy());
    w.write().spec.suspend = true;
    assert!(w.settle());
    assert!(w.jobs.by_name.is_empty() && w.turn == Lock::Free);
    w.write().spec.suspend = false;
    assert!(w.settle());
    w.end_job("rel-candidate-1", succeeded());
    w.write().spec.suspend = true;
    assert!(w.settle());
    assert!(w.children.is_empty());
    w.write().spec.suspend = false;
    assert!(w.settle());
    assert_eq!(w.children.len(), 1);
}

#[test]
fn manual_approval_is_given_rejected_or_expires() {
    let mut plan = policy();
    plan.approval = Some(Seconds::hours(1));
    let waiting = verified(plan);
    assert_eq!(waiting.status().phase, ReleasePhase::AwaitingApproval);
    assert!(!waiting.jobs.by_name.contains_key("rel-publish-1"));

    let mut w = waiting.clone();
    w.write().spec.approval = yes();
    assert!(w.settle());
    assert!(w.jobs.by_name.contains_key("rel-publish-1"));

    let mut w = waiting.clone();
    w.write().spec.approval = Some(Approval { approved: false, reason: "not today".into(), ..Approval::default() });
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);

    let mut w = waiting;
    w.now = w.now + Seconds::hours(1);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(condition::get(&w.status().conditions, types::FINISHED).unwrap().reason, "ApprovalExpired");
}

#[test]
fn the_deadline_ends_a_release_that_does_not() {
    let mut w = at_gates(policy());
    w.now = w.now + Seconds::hours(36);
    assert!(w.settle());
    w.end_child("rel-suites", Verdict::Inconclusive);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(condition::get(&w.status().conditions, types::FINISHED).unwrap().reason, "DeadlineExceeded");
}

#[test]
fn a_missing_plan_is_waited_for_and_then_named() {
    let mut w = World::new(policy());
    w.plan = None;
    assert!(w.settle());
    assert_eq!(condition::get(&w.status().conditions, types::ACCEPTED).unwrap().reason, "PlanNotFound");
    let waits = condition::get(&w.status().conditions, types::FINISHED).unwrap();
    assert_eq!((waits.status, waits.reason.as_str()), (ConditionStatus::False, "PlanNotFound"));
    assert!(waits.message.contains("create it"), "{}", waits.message);
    w.now = w.now + Seconds::minutes(10);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
}

#[test]
fn an_edited_plan_changes_nothing() {
    let mut w = at_gates(policy());
    w.plan = Some(Arc::new(Policy { gates: vec![], ..policy() }));
    assert!(w.settle());
    assert_eq!(w.status().gates.len(), 2);
}

fn sibling(name: &str, created: i64) -> Sibling {
    Sibling {
        name: name.into(),
        created: Timestamp::from_millis(1_000_000_000_000 + created * 1000),
        revision: String::new(),
        position: None,
        planned: true,
        started: false,
        published: None,
        phase: ReleasePhase::Pending,
        ending: false,
    }
}

#[test]
fn concurrency_policies_differ_in_who_gives_way() {
    use Concurrency::*;
    let held = Lock::Held("Release ns/other".into());
    for (policy_, sibling_, started, want) in [
        (Latest, sibling("newer", 5), false, ReleasePhase::Superseded),
        (Latest, sibling("older", -5), false, ReleasePhase::Pending),
        (Latest, sibling("newer", 5), true, ReleasePhase::Verifying),
        (Queue, sibling("newer", 5), false, ReleasePhase::Pending),
        (Queue, sibling("newer", 5), true, ReleasePhase::Verifying),
        (Supersede, sibling("newer", 5), false, ReleasePhase::Superseded),
        (Supersede, sibling("newer", 5), true, ReleasePhase::Superseded),
        (Supersede, sibling("older", -5), true, ReleasePhase::Verifying),
        // In the same second, with a name that comes before.
        (Supersede, sibling("a", 0), true, ReleasePhase::Superseded),
    ] {
        let plan = Policy { concurrency: policy_, ..policy() };
        let mut w = if started { at_gates(plan) } else { World::new(plan) };
        if !started {
            w.turn = held.clone();
        }
        w.siblings = vec![sibling_.clone()];
        assert!(w.settle());
        w.end_child("rel-suites", Verdict::Inconclusive);
        if want == ReleasePhase::Superseded {
            assert!(w.settle());
        }
        assert_eq!(w.status().phase, want, "{policy_:?} {sibling_:?} started: {started}");
    }
}

#[test]
fn a_full_queue_refuses_one_more() {
    let mut w = World::new(Policy { concurrency: Concurrency::Queue, ..policy() });
    w.turn = Lock::Held("Release ns/other".into());
    w.siblings = (0..50).map(|i| sibling(&format!("s{i}"), -100 - i)).collect();
    assert!(w.settle());
    assert_eq!(condition::get(&w.status().conditions, types::FINISHED).unwrap().reason, "QueueFull");
}

#[test]
fn deleted_in_any_phase_nothing_is_held_or_left() {
    let phases: Vec<World> = vec![World::new(policy()), at_gates(policy()), verified(policy())];
    for mut w in phases {
        w.delete();
        assert!(w.settle());
        if let Some(job) = w.jobs.by_name.get("rel-publish-1").cloned() {
            assert!(!w.gone, "a begun publish is brought to its end first");
            publish_ends(&mut w, "rel-publish-1", &job.uid, true, succeeded());
            w.end_job("rel-verify-1-1", succeeded());
            assert!(w.settle());
        }
        while let Some(name) = w.children.iter().find(|(_, c)| c.child.deleting).map(|(n, _)| n.clone()) {
            w.children.remove(&name);
            assert!(w.settle());
        }
        assert!(!w.release.finalizer);
        assert!(w.turn != Lock::Mine);
        assert!(w.ledger.entry(UID).is_none_or(|e| e.state != State::Reserved));
        w.check().unwrap();
    }
}

#[test]
fn a_candidate_that_names_nothing_is_refused() {
    let mut w = World::new(policy());
    assert!(w.settle());
    w.end_job("rel-candidate-1", JobState::Succeeded { report: seaworthy_core::task::Report::default() });
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(condition::get(&w.status().conditions, types::FINISHED).unwrap().reason, "NoArtifacts");
}

#[test]
fn a_foreign_publish_job_is_neither_adopted_nor_run() {
    let mut w = at_gates(policy());
    w.end_child("rel-suites", Verdict::Passed);
    assert!(w.settle());
    let foreign =
        Job { owned: false, uid: "foreign".into(), suspended: true, ..w.jobs.by_name["rel-candidate-1"].clone() };
    w.jobs.by_name.insert("rel-publish-1".into(), foreign);
    w.end_child("rel-soak", Verdict::Passed);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert!(w.unsuspends.is_empty());
}
