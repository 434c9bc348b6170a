//! A person says what became of a publish that ended as `PublishUnknown`.

use super::*;

/// A world whose Release ended without anybody knowing whether it is out.
fn unknown() -> World {
    let mut plan = policy();
    plan.publish.verify = None;
    let (mut w, uid) = publishing(plan);
    publish_ends(&mut w, "rel-publish-1", &uid, false, failed(1));
    finished(&w, ReleasePhase::PublishUnknown);
    w
}

fn word(outcome: PublishOutcome) -> Resolution {
    Resolution { outcome, by: "ann".into(), reason: "looked at the registry".into() }
}

#[test]
fn a_person_resolves_the_unknown_once_and_the_ledger_follows() {
    for (outcome, phase, published, number) in [
        (PublishOutcome::Published, ReleasePhase::Published, ConditionStatus::True, State::Published),
        (PublishOutcome::NotPublished, ReleasePhase::Failed, ConditionStatus::False, State::Burned),
    ] {
        let mut w = unknown();
        assert!(!w.release.finalizer && w.turn == Lock::Free, "the next Release need not wait for a person");
        let before = w.status().clone();
        let entry = w.ledger.entry(UID).unwrap();
        assert_eq!((entry.state, entry.final_used), (State::Burned, true), "until then the number counts as used");
        w.now = w.now + Seconds::hours(5);
        if outcome == PublishOutcome::Published {
            w.out = Some(w.status().artifacts.clone());
        }
        w.write().spec.resolution = Some(word(outcome));
        // Recorded first; the ledger next; told last.
        assert!(w.round());
        assert_eq!(w.status().resolution.as_ref().unwrap().time, w.now);
        assert_eq!(w.status().phase, ReleasePhase::PublishUnknown);
        assert!(w.settle());
        finished(&w, phase);
        let status = w.status();
        for type_ in [types::PUBLISHED, types::FINISHED] {
            let condition = condition::get(&status.conditions, type_).unwrap();
            assert_eq!(condition.reason, "Resolved");
            assert!(condition.message.contains("ann") && condition.message.contains("looked at the registry"));
        }
        assert_eq!(condition::get(&status.conditions, types::PUBLISHED).unwrap().status, published);
        let entry = w.ledger.entry(UID).unwrap();
        assert_eq!((entry.state, entry.final_used), (number, true));
        // What was decided before stays on record.
        assert_eq!((&status.ending, &status.publish), (&before.ending, &before.publish));
        assert_eq!(status.completion_time, before.completion_time);
        let finished_at =
            |s: &ReleaseStatus| condition::get(&s.conditions, types::FINISHED).unwrap().last_transition_time;
        assert_eq!(finished_at(status), finished_at(&before), "it stayed Finished");
        w.check().unwrap();
        w.ended().unwrap();

        // A second word, which the API server refuses, would count for nothing.
        let told = w.status().clone();
        w.write().spec.resolution = Some(word(match outcome {
            PublishOutcome::Published => PublishOutcome::NotPublished,
            PublishOutcome::NotPublished => PublishOutcome::Published,
        }));
        assert!(w.settle());
        assert_eq!(*w.status(), told);
    }
}

#[test]
fn a_resolution_counts_for_the_unknown_only() {
    let ended = |verify| {
        let (mut w, uid) = publishing(policy());
        publish_ends(&mut w, "rel-publish-1", &uid, verify == 0, failed(1));
        w.end_job("rel-verify-1-1", if verify == 0 { succeeded() } else { failed(verify) });
        assert!(w.settle());
        w
    };
    for mut w in [at_gates(policy()), verified(policy()), ended(0), ended(10)] {
        let before = w.status().clone();
        w.write().spec.resolution = Some(word(PublishOutcome::Published));
        assert!(w.settle());
        assert_eq!(*w.status(), before);
    }
}

#[test]
fn a_resolution_with_the_number_folded_away_or_lost_is_told() {
    for outcome in [PublishOutcome::Published, PublishOutcome::NotPublished] {
        let mut w = unknown();
        w.ledger = Ledger::default();
        w.write().spec.resolution = Some(word(outcome));
        assert!(w.settle());
        assert!(w.status().phase != ReleasePhase::PublishUnknown);
    }
}

#[test]
fn a_resolution_before_the_number_is_settled_settles_it_right() {
    let mut plan = policy();
    plan.publish.verify = None;
    let (mut w, uid) = publishing(plan);
    w.pod_publishes(&uid);
    w.jobs.mark("rel-publish-1", failed(1));
    w.jobs.pod_ends(&uid);
    while w.status().phase != ReleasePhase::PublishUnknown {
        assert!(w.round());
    }
    assert!(w.release.finalizer && w.ledger.entry(UID).unwrap().state == State::Reserved);
    w.write().spec.resolution = Some(word(PublishOutcome::Published));
    assert!(w.settle());
    finished(&w, ReleasePhase::Published);
    assert_eq!(w.ledger.entry(UID).unwrap().state, State::Published);
    w.ended().unwrap();
    w.check().unwrap();
}
