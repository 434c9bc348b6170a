//! Every way in which a soak can end.

use super::{
    super::{SoakTestPhase, status::SoakTestPhase::*},
    world::{OTHER, World, fails, judgement, rollout, succeeds},
};
use crate::{
    condition::{self, ConditionStatus, Reason, types},
    presence::Presence,
    task::{Cause, JobState},
    time::Seconds,
    verdict::Verdict,
};

/// Runs the world to its end, and checks what every end has in common.
fn ends(mut world: World, phase: SoakTestPhase, reason: Reason) -> World {
    world.run_out();
    let status = &world.status;
    let say = |type_| condition::get(&status.conditions, type_).unwrap().clone();
    assert_eq!(status.phase, phase, "{:?}", status.conditions);
    assert_eq!(say(types::SUCCEEDED).reason, reason.as_str());
    let want = if phase == Succeeded { ConditionStatus::True } else { ConditionStatus::False };
    assert_eq!(say(types::SUCCEEDED).status, want);
    assert_eq!(say(types::FINISHED).status, ConditionStatus::True);
    assert_eq!(world.holder, None, "the turn is given back");
    assert!(!world.meta.finalizer);
    world
}

#[test]
fn the_clean_run_succeeds_and_cleans_up() {
    let world = ends(World::new(), Succeeded, Reason::Passed);
    let tasks: Vec<&String> = world.log.iter().filter(|l| !l.starts_with("note")).collect();
    assert_eq!(
        tasks,
        [
            "create soak-setup-1",
            "create soak-workload-1",
            "create soak-inventory-1",
            "stop soak-workload-1",
            "stop soak-inventory-1",
            "create soak-teardown-1",
            "released"
        ]
    );
    let notes: Vec<&str> = world.log.iter().filter_map(|l| l.strip_prefix("note ")).collect();
    assert_eq!(notes, ["SettingUp", "WarmingUp", "Measuring", "Settling", "Passed"]);
    let status = &world.status;
    assert_eq!(status.workload.as_ref().unwrap().state, crate::task::TaskState::Succeeded, "ended by us is no failure");
    assert_eq!(status.checks.len(), 1);
    let (start, end) = (status.start_time.unwrap(), status.settle_end_time.unwrap());
    assert_eq!(end, start + world.spec.total());
    assert!(world.writes <= 45, "{} writes", world.writes);
}

/// Extended in steps until it is settled, while the load goes on.
#[test]
fn an_extension_settles_what_is_inconclusive() {
    let mut world = World::new();
    (world.spec.max_extension, world.settled_by) = (Seconds(7200), Some(Seconds(5400)));
    let world = ends(world, Succeeded, Reason::Passed);
    let status = &world.status;
    let extension = status.extension.clone().unwrap();
    assert_eq!((extension.seconds, extension.times, extension.closed), (1800, 1, true));
    let (start, end) = (status.start_time.unwrap(), status.settle_end_time.unwrap());
    assert_eq!(end, start + world.spec.total() + Seconds(1800));
    assert_eq!(
        world.log.iter().filter(|l| l.contains("soak-workload")).count(),
        2,
        "one load all along: {:?}",
        world.log
    );
}

#[test]
fn an_extension_has_a_bound() {
    let mut world = World::new();
    (world.spec.max_extension, world.settled_by) = (Seconds(2000), Some(Seconds(90_000)));
    let world = ends(world, Inconclusive, Reason::InsufficientEvidence);
    let extension = world.status.extension.clone().unwrap();
    assert_eq!((extension.seconds, extension.closed), (2000, true));
    assert!(world.status.completion_time.unwrap() < world.status.start_time.unwrap() + world.spec.budget());
}

#[test]
fn nobody_asked_for_an_extension() {
    let mut world = World::new();
    world.settled_by = Some(Seconds(5400));
    let world = ends(world, Inconclusive, Reason::InsufficientEvidence);
    assert_eq!(world.status.extension, None);
    let mut world = World::new();
    (world.settled_by, world.spec.inconclusive_fails) = (Some(Seconds(5400)), true);
    ends(world, Failed, Reason::InsufficientEvidence);
}

/// What is clear at the end of measure is not measured longer.
#[test]
fn an_extension_is_for_what_it_can_settle() {
    for (verdict, phase, reason) in [
        (Verdict::Failed, Failed, Reason::CheckFailed),
        (Verdict::Inconclusive, Inconclusive, Reason::InsufficientEvidence),
    ] {
        let mut world = World::new();
        (world.spec.max_extension, world.verdict) = (Seconds(7200), verdict);
        let world = ends(world, phase, reason);
        assert_eq!(world.status.extended(), Seconds(0));
    }
}

/// The load starts after the inventory from before it, and the inventory task lives until the one from after settling.
#[test]
fn inventories_embrace_the_load() {
    let mut world = World::new();
    world.spec.leftovers = true;
    let world = ends(world, Succeeded, Reason::Passed);
    let tasks: Vec<&str> = world.log.iter().map(String::as_str).filter(|l| !l.starts_with("note")).collect();
    assert_eq!(
        tasks,
        [
            "create soak-setup-1",
            "create soak-inventory-1",
            "create soak-workload-1",
            "stop soak-workload-1",
            "stop soak-inventory-1",
            "create soak-teardown-1",
            "released"
        ]
    );
    // An inventory that cannot be taken holds nothing up for ever.
    let mut blind = World::new();
    (blind.spec.leftovers, blind.inventoried) = (true, false);
    let blind = ends(blind, Succeeded, Reason::Passed);
    let started = blind.status.workload.as_ref().unwrap().start_time;
    assert!(started >= blind.status.start_time.unwrap() + Seconds(120), "{started}");
    // But where measure is over by then, there was no load, and nothing was proven.
    let mut late = World::new();
    (late.spec.leftovers, late.inventoried) = (true, false);
    (late.spec.warm_up, late.spec.measure) = (Seconds(10), Seconds(60));
    let late = ends(late, Inconclusive, Reason::WorkloadFailed);
    assert!(late.status.workload.is_none());
}

/// Samples without load prove nothing: it may miss the first twentieth of measure, and no more.
#[test]
fn a_load_that_begins_late_proves_nothing() {
    for (warm_up, measure, phase, reason) in [
        (600, 3600, Succeeded, Reason::Passed),
        // It begins 120 s after the start, since there is no inventory before it.
        (30, 1900, Succeeded, Reason::Passed),
        (30, 1700, Inconclusive, Reason::WorkloadFailed),
        (0, 600, Inconclusive, Reason::WorkloadFailed),
    ] {
        let mut world = World::new();
        (world.spec.leftovers, world.inventoried) = (true, false);
        (world.spec.warm_up, world.spec.measure) = (Seconds(warm_up), Seconds(measure));
        let world = ends(world, phase, reason);
        assert_eq!(world.did("create soak-workload-1"), usize::from(phase == Succeeded), "{warm_up} {measure}");
        assert_eq!(world.did("create soak-teardown-1"), 1);
    }
}

/// An operator that is away while the load should have ended: what was left behind cannot be told any more.
#[test]
fn a_load_that_ran_through_settling_leaves_nothing_to_compare() {
    for (leftovers, settle, back, phase, reason) in [
        (true, 120, 60, Succeeded, Reason::Passed),
        (true, 120, 180, Inconclusive, Reason::WorkloadFailed),
        (true, 0, 180, Succeeded, Reason::Passed),
        // Nothing else looks at what comes after measure.
        (false, 120, 180, Succeeded, Reason::Passed),
    ] {
        let mut world = World::new();
        (world.spec.leftovers, world.spec.settle) = (leftovers, Seconds(settle));
        while world.status.phase != super::super::SoakTestPhase::Measuring {
            world.run_for(Seconds(10));
        }
        let end = world.status.measure_end_time.unwrap();
        world.run_for(Seconds(end.since(world.now).0 - 10));
        world.now = end + Seconds(back);
        let world = ends(world, phase, reason);
        assert_eq!(world.did("stop soak-workload-1"), 1, "{leftovers} {settle} {back}: {:?}", world.log);
        assert_eq!(world.did("create soak-teardown-1"), 1);
    }
}

#[test]
fn a_soak_without_tasks_runs_too() {
    let mut world = World::new();
    world.spec.setup = None;
    world.spec.workload = None;
    world.spec.teardown = None;
    world.spec.inventory = false;
    let world = ends(world, Succeeded, Reason::Passed);
    assert!(world.log.iter().all(|l| !l.starts_with("create")));
}

#[test]
fn verdicts_of_the_checks_decide() {
    for (verdict, phase, reason) in [
        (Verdict::Failed, Failed, Reason::CheckFailed),
        (Verdict::Inconclusive, Inconclusive, Reason::InsufficientEvidence),
        (Verdict::Error, Failed, Reason::EvidenceUnusable),
    ] {
        let mut world = World::new();
        world.verdict = verdict;
        let world = ends(world, phase, reason);
        assert_eq!(world.did("create soak-teardown-1"), 1);
    }
}

#[test]
fn without_a_judgement_there_is_no_success() {
    let mut world = World::new();
    world.stored_after = None;
    // Evidence that is never acknowledged is judged as it is stored, after a bounded wait.
    world.verdict = Verdict::Inconclusive;
    ends(world, Inconclusive, Reason::InsufficientEvidence);
}

/// Without the chain's tip nobody could tell later that evidence was taken away.
#[test]
fn what_is_known_of_the_evidence_outlives_a_restart() {
    let mut world = World::new();
    world.run_for(Seconds(4000));
    world.anew = true;
    let world = ends(world, Succeeded, Reason::Passed);
    assert!(world.status.evidence.is_some());
}

#[test]
fn what_the_load_does_early_counts() {
    for (course, phase) in [
        (succeeds(100), Inconclusive),
        (fails(100, Cause::Product, Reason::TaskFailed), Failed),
        (fails(2000, Cause::Infrastructure, Reason::Evicted), Inconclusive),
        (fails(1, Cause::Impossible, Reason::ImageNotFound), Inconclusive),
    ] {
        let mut world = World::new();
        world.courses.insert("workload", course);
        let world = ends(world, phase, Reason::WorkloadFailed);
        assert_eq!(world.did("create soak-teardown-1"), 1);
        assert_eq!(world.did("stop soak-inventory-1"), 1);
    }
    let mut world = World::new();
    world.courses.insert("workload", succeeds(600 + 3600 - 10));
    ends(world, Succeeded, Reason::Passed);
}

/// The candidate was idle all the while, or for the rest: its samples prove nothing.
#[test]
fn a_load_that_does_not_run_proves_nothing() {
    let waits = |message: &str| JobState::Waiting {
        cause: Some(Cause::Infrastructure),
        reason: Some(Reason::Unschedulable),
        message: message.into(),
    };
    let lost = JobState::Lost { message: "its node is lost".into() };
    let over = JobState::PodOver;
    for (from, state, says) in [
        (0, waits("no node can take its pod"), "no node can take its pod"),
        (0, JobState::Waiting { cause: None, reason: None, message: "its pod starts".into() }, "its pod starts"),
        (2000, lost, "its node is lost"),
        (2000, over, "its pod is over"),
    ] {
        let mut world = World::new();
        world.courses.insert("workload", Some((from, state)));
        let world = ends(world, Inconclusive, Reason::WorkloadFailed);
        let message = &world.status.ending.as_ref().unwrap().message;
        assert!(message.contains("the workload did not run") && message.contains(says), "{message}");
        assert_eq!(world.did("create soak-teardown-1"), 1);
    }
    let mut refused = World::new();
    refused.quota = true;
    let ended = ends(refused, Inconclusive, Reason::WorkloadFailed);
    assert!(ended.status.ending.unwrap().message.contains("exceeded quota"));
    // A pod takes its time to start.
    let mut world = World::new();
    world.run_for(Seconds(300));
    world.courses.insert("workload", Some((0, waits("pulls"))));
    world.run_for(Seconds(300));
    world.courses.insert("workload", None);
    ends(world, Succeeded, Reason::Passed);
}

/// Nobody was there while it waited, and it runs when somebody comes.
#[test]
fn a_load_whose_start_was_seen_late() {
    // Of measure, which begins after 600 s and is an hour long, 180 s may lack the load.
    for (starts, phase, reason) in [(770, Succeeded, Reason::Passed), (790, Inconclusive, Reason::WorkloadFailed)] {
        let mut world = World::new();
        world.run_for(Seconds(300));
        world.starts = Some(Seconds(starts));
        world.now = world.now + Seconds(1500);
        let world = ends(world, phase, reason);
        let message = world.status.ending.map(|ending| ending.message).unwrap_or_default();
        assert!(phase == Succeeded || message.contains("it began only at"), "{message}");
    }
}

#[test]
fn a_load_beside_which_only_others_run_does_not_run() {
    let mut world = World::new();
    world.run_for(Seconds(300));
    world.starts = None;
    let ended = ends(world, Inconclusive, Reason::WorkloadFailed).status.ending.unwrap();
    assert!(ended.message.contains("its own container has not begun"), "{}", ended.message);
}

/// What failed by its own word failed, also when nobody was there to see it before measure was over; and its deadline lies after measure.
#[test]
fn a_load_whose_end_was_seen_late() {
    for (course, phase, reason) in [
        (fails(3000, Cause::Product, Reason::TaskFailed), Failed, Reason::WorkloadFailed),
        (fails(3000, Cause::Limits, Reason::OOMKilled), Inconclusive, Reason::WorkloadFailed),
        (fails(4700, Cause::Limits, Reason::DeadlineExceeded), Succeeded, Reason::Passed),
    ] {
        let mut world = World::new();
        world.spec.settle = Seconds(0);
        world.courses.insert("workload", course);
        world.run_for(Seconds(2000));
        world.now = world.now + Seconds(2800);
        ends(world, phase, reason);
    }
}

#[test]
fn setup_is_tried_again_only_when_the_cluster_was_at_fault() {
    for (cause, phase, tries) in
        [(Cause::Product, Failed, 1), (Cause::Infrastructure, Inconclusive, 3), (Cause::Limits, Inconclusive, 1)]
    {
        let mut world = World::new();
        world.courses.insert("setup", fails(3, cause, Reason::TaskFailed));
        let world = ends(world, phase, Reason::SetupFailed);
        assert_eq!(world.log.iter().filter(|l| l.starts_with("create soak-setup")).count(), tries);
        assert_eq!(world.did("create soak-teardown-1"), 1, "teardown-always");
        assert!(world.status.start_time.is_none());
    }
}

#[test]
fn an_inventory_that_dies_is_started_again() {
    let mut world = World::new();
    world.courses.insert("inventory", fails(3, Cause::Infrastructure, Reason::Evicted));
    let world = ends(world, Succeeded, Reason::Passed);
    assert_eq!(world.did("create soak-inventory-3"), 1);
    assert_eq!(world.did("create soak-inventory-4"), 0);
}

#[test]
fn a_target_that_is_absent_or_never_ready_is_not_judged() {
    let mut never_ready = rollout(super::world::DIGEST);
    never_ready.pods[0].ready = false;
    never_ready.pods[0].waiting = Some("CrashLoopBackOff".into());
    for target in [Presence::AbsentLive, Presence::Present(never_ready)] {
        let mut world = World::new();
        world.target = target;
        let world = ends(world, Inconclusive, Reason::TargetNotFound);
        assert_eq!(world.did("create soak-workload-1"), 0);
        assert_eq!(world.did("create soak-teardown-1"), 1);
    }
}

#[test]
fn another_image_is_an_error_before_and_during_the_run() {
    let mut world = World::new();
    world.target = Presence::Present(rollout(OTHER));
    ends(world, Failed, Reason::NotTheCandidate);
    let mut world = World::new();
    world.run_for(Seconds(900));
    world.facts.not_candidate = Some("pod controller-2 runs something".into());
    let world = ends(world, Failed, Reason::NotTheCandidate);
    assert_eq!(world.did("create soak-teardown-1"), 1);
}

#[test]
fn a_broken_chain_is_never_judged() {
    let mut world = World::new();
    world.run_for(Seconds(900));
    world.facts.broken = Some("object 000001 was altered".into());
    ends(world, Failed, Reason::EvidenceUnusable);
}

/// Nothing may wait for a read that never succeeds: not the deadline, not an abort, not a deletion.
#[test]
fn evidence_that_cannot_be_read_holds_nothing_up() {
    let unreadable = || {
        let mut world = World::new();
        world.unread = Some("list configmaps in ns: Forbidden".into());
        world.run_for(Seconds(5000));
        let succeeded = condition::get(&world.status.conditions, types::SUCCEEDED).unwrap();
        assert_eq!(succeeded.status, ConditionStatus::Unknown);
        assert!(succeeded.message.contains("Forbidden"), "{}", succeeded.message);
        assert!(world.status.ending.is_none() && world.reads.get() > 1);
        world
    };
    let world = ends(unreadable(), Inconclusive, Reason::DeadlineExceeded);
    let ending = world.status.ending.unwrap();
    assert!(ending.time >= world.status.settle_end_time.unwrap() + Seconds::minutes(10), "it was waited for");
    assert!(ending.message.contains("could not be read: list configmaps in ns: Forbidden"), "{}", ending.message);
    assert!(world.log.contains(&"create soak-teardown-1".to_owned()) && world.status.checks.is_empty());

    let mut world = unreadable();
    (world.spec.abort, world.reads) = (true, 0.into());
    assert_eq!(ends(world, Aborted, Reason::Aborted).reads.get(), 0, "it is not even asked for");
    let mut world = unreadable();
    (world.meta.deleted, world.reads) = (Some(world.now), 0.into());
    assert_eq!(ends(world, Aborted, Reason::Deleted).reads.get(), 0, "it is not even asked for");

    let mut world = unreadable();
    world.unread = None;
    ends(world, Succeeded, Reason::Passed);
}

/// What it says meanwhile and at the end is what keeps it from a verdict: not the target, and not the measure.
#[test]
fn evidence_that_cannot_be_stored_is_told_while_that_lasts_and_at_the_end() {
    let succeeded = |world: &World| condition::get(&world.status.conditions, types::SUCCEEDED).unwrap().clone();
    let why = Some("create ConfigMap ns/soak-evidence-000001: exceeded quota: q".to_owned());
    let mut world = World::new();
    world.run_for(Seconds(900));
    (world.facts.unstored, world.facts.through) = (why.clone(), 20);
    world.run_for(Seconds(60));
    let told = succeeded(&world);
    assert_eq!((world.status.phase, told.reason.as_str()), (Measuring, "EvidenceUnusable"));
    let since = format!("samples from {} on are not stored", world.status.start_time.unwrap() + Seconds(600));
    for part in ["measures until", &since, "exceeded quota: q", "mend that"] {
        assert!(told.message.contains(part), "{part}: {}", told.message);
    }
    world.facts.unstored = None;
    world.run_for(Seconds(60));
    let told = succeeded(&world);
    assert!(told.reason == "Measuring" && !told.message.contains("quota"), "{}", told.message);

    (world.facts.unstored, world.verdict) = (why, Verdict::Inconclusive);
    let ended = ends(world, Inconclusive, Reason::InsufficientEvidence).status.ending.unwrap().message;
    assert!(ended.starts_with(&since) && ended.contains("exceeded quota: q: mend that and run again"), "{ended}");
    assert!(ended.contains("its reason"), "{ended}");
}

#[test]
fn a_fact_may_end_it_early() {
    let mut world = World::new();
    world.run_for(Seconds(900));
    let mut early = judgement(Verdict::Failed);
    early.fail_fast = true;
    world.facts.judgement = Some(early);
    world.facts.through = 20;
    let began = world.now;
    let world = ends(world, Failed, Reason::CheckFailed);
    assert!(world.now.since(began) < Seconds(300));
    assert_eq!(world.status.checks.len(), 1);
}

#[test]
fn abort_and_delete_end_it_at_any_time_and_tear_down_what_was_begun() {
    for after in [0, 1, 3, 8, 300, 900, 4300, 4345] {
        for delete in [false, true] {
            let mut world = World::new();
            world.run_for(Seconds(after));
            let begun = world.status.turn_time.is_some();
            let (reason, at) = if delete { (Reason::Deleted, world.now) } else { (Reason::Aborted, world.now) };
            if delete {
                world.meta.deleted = Some(at);
            } else {
                world.spec.abort = true;
            }
            let judged = world.status.ending.is_some();
            world.run_out();
            assert_eq!(world.gone, delete);
            if !judged {
                assert_eq!(world.status.phase, Aborted, "after {after}");
                let succeeded = condition::get(&world.status.conditions, types::SUCCEEDED).unwrap();
                assert_eq!(succeeded.reason, reason.as_str());
            }
            assert_eq!(world.did("create soak-teardown-1"), usize::from(begun), "after {after}: {:?}", world.log);
            assert_eq!(world.holder, None);
        }
    }
}

#[test]
fn an_abort_after_the_verdict_changes_nothing() {
    let mut world = World::new();
    world.verdict = Verdict::Failed;
    while world.status.phase != TearingDown {
        world.run_for(Seconds(1));
    }
    world.spec.abort = true;
    ends(world, Failed, Reason::CheckFailed);
}

#[test]
fn two_soaks_take_turns() {
    let mut world = World::new();
    world.holder = Some("SoakTest ns/first".into());
    world.run_for(Seconds(3600));
    assert_eq!(world.status.phase, Pending);
    let succeeded = condition::get(&world.status.conditions, types::SUCCEEDED).unwrap();
    assert_eq!(succeeded.reason, "TargetLocked");
    assert!(succeeded.message.contains("ns/first"), "{}", succeeded.message);
    assert!(world.log.iter().all(|l| !l.starts_with("create")));
    world.holder = None;
    ends(world, Succeeded, Reason::Passed);
}

#[test]
fn a_turn_that_never_comes_ends_without_a_teardown() {
    let mut world = World::new();
    world.holder = Some("SoakTest ns/first".into());
    world.run_for(Seconds(73 * 3600));
    assert_eq!(world.status.phase, Inconclusive);
    assert_eq!(world.did("create soak-teardown-1"), 0, "the target is another one's");
    assert!(!world.meta.finalizer);
    assert!(world.holder.is_some());
}

#[test]
fn suspend_holds_it_before_its_turn_and_never_inside() {
    let mut world = World::new();
    world.spec.suspend = true;
    world.run_for(Seconds(100 * 3600));
    assert_eq!(world.status.phase, Pending);
    assert_eq!(world.holder, None);
    world.spec.suspend = false;
    world.run_for(Seconds(60));
    assert!(world.status.turn_time.is_some());
    world.spec.suspend = true;
    ends(world, Succeeded, Reason::Passed);
}

#[test]
fn an_invalid_spec_ends_at_once_and_says_so() {
    let mut world = World::new();
    world.spec.problem = Some("checks[0].bound.max: \"x\" is no quantity".into());
    let world = ends(world, Failed, Reason::InvalidSpec);
    let accepted = condition::get(&world.status.conditions, types::ACCEPTED).unwrap();
    assert_eq!(accepted.status, ConditionStatus::False);
    assert!(world.log.iter().all(|l| !l.starts_with("create")));
}

#[test]
fn a_teardown_that_fails_is_reported_and_hides_nothing() {
    for (cause, tries) in [(Cause::Product, 1), (Cause::Infrastructure, 3)] {
        let mut world = World::new();
        world.courses.insert("teardown", fails(3, cause, Reason::TaskFailed));
        let world = ends(world, Succeeded, Reason::Passed);
        let finished = condition::get(&world.status.conditions, types::FINISHED).unwrap();
        assert_eq!(finished.reason, "TeardownFailed");
        assert_eq!(world.log.iter().filter(|l| l.starts_with("create soak-teardown")).count(), tries);
    }
    let mut world = World::new();
    world.courses.insert("teardown", None);
    ends(world, Succeeded, Reason::Passed);
}

#[test]
fn a_terminating_namespace_is_let_go() {
    let mut world = World::new();
    world.run_for(Seconds(900));
    world.meta.deleted = Some(world.now);
    world.meta.namespace_terminating = true;
    world.run_for(Seconds(30));
    assert!(world.gone, "{:?}", world.status);
    assert_eq!(world.did("create soak-teardown-1"), 0);
    assert_eq!(world.did("note TeardownFailed"), 1);
}

#[test]
fn a_lease_that_was_edited_by_hand() {
    let mut world = World::new();
    world.run_for(Seconds(900));
    world.holder = None;
    world.run_for(Seconds(120));
    assert_eq!(world.holder.as_deref(), Some("uid"), "it is taken again");
    let mut world = World::new();
    world.run_for(Seconds(900));
    world.holder = Some("SoakTest ns/second".into());
    world.spec.teardown = None;
    world.run_for(Seconds(7200));
    assert_eq!(world.status.phase, Inconclusive);
    assert!(world.holder.is_some());
}
