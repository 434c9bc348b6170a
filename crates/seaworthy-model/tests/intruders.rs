//! What others do to a Release while it runs: objects of theirs under its names, writes that come late, a pinned plan that is deleted.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use seaworthy_core::{release::ReleasePhase, verdict::Verdict, version::ledger::State};
use seaworthy_model::{
    operator::Subject as _,
    release::{UID, World, policy, scopes::at_gates, succeeded},
};

fn ends(w: &World, phase: ReleasePhase) {
    assert_eq!(w.status().phase, phase, "{:#?}", w.status().conditions);
    assert!(!w.release.finalizer, "what was held is given back");
    w.check().unwrap();
}

#[test]
fn a_foreign_child_is_no_evidence() {
    let mut w = World::new(policy());
    assert!(w.settle());
    let mut passed = at_gates(policy()).children["rel-suites"].clone();
    passed.child.owned = false;
    passed.child.verdict = Some(Verdict::Passed);
    w.children.insert("rel-suites".into(), passed);
    w.end_job("rel-candidate-1", succeeded());
    assert!(w.settle());
    ends(&w, ReleasePhase::Failed);
}

#[test]
fn a_number_that_is_asked_for_too_late_is_not_given() {
    let mut w = World::new(policy());
    while w.status().start_time.is_none() {
        assert!(w.round());
    }
    assert!(w.ledger.entries.is_empty());
    let late = w.read().unwrap();
    let plan = w.decide(&late, 0);
    w.write().spec.abort = true;
    assert!(w.settle());
    ends(&w, ReleasePhase::Aborted);
    for effect in &plan.effects {
        w.apply(&late, effect, true);
    }
    assert!(!plan.effects.is_empty() && w.ledger.entries.is_empty());
}

#[test]
fn without_its_pinned_plan_a_release_still_ends_and_settles_its_number() {
    for publishing in [false, true] {
        let mut w = at_gates(policy());
        for name in ["rel-suites", "rel-soak"].into_iter().filter(|_| publishing) {
            w.end_child(name, Verdict::Passed);
            assert!(w.settle());
        }
        assert_eq!(w.unsuspends.len(), usize::from(publishing));
        w.snapshot = None;
        w.settle();
        w.end_child("rel-suites", Verdict::Inconclusive);
        assert!(w.settle());
        ends(&w, if publishing { ReleasePhase::PublishUnknown } else { ReleasePhase::Failed });
        let entry = w.ledger.entry(UID).unwrap();
        assert_eq!((entry.state, entry.final_used), (State::Burned, publishing));
    }
}
