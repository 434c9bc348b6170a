//! What was not read is not absent: nothing follows from it but waiting (`absence-is-live`).

use seaworthy_core::{
    plan::{Plan, Wake},
    presence::Presence,
    release::{self, Effect, Observed, PublishState, ReleaseStatus},
    verdict::Verdict,
};
use seaworthy_model::{
    operator::Subject as _,
    release::{World, policy, scopes::at_gates, succeeded},
};

/// Without its last read, the decision of a world that stands still but for it.
fn unread(w: &World, hide: impl FnOnce(&mut Observed)) -> Plan<ReleaseStatus, Effect> {
    let mut seen = w.observe(&w.release);
    hide(&mut seen);
    release::decide(&seen, w.now)
}

#[test]
fn nobody_takes_a_turn_without_having_looked_who_else_waits() {
    let mut w = World::new(policy());
    while !matches!(unread(&w, |_| {}).effects.as_slice(), [Effect::AcquireTurn]) {
        assert!(w.round());
    }
    let plan = unread(&w, |seen| seen.siblings = Presence::Unknown);
    assert!(plan.effects.is_empty() && plan.wake != Wake::OnChange, "{plan:?}");
}

#[test]
fn a_publish_is_not_over_while_nobody_looked_for_its_pods() {
    let mut w = at_gates(policy());
    for name in ["rel-suites", "rel-soak"] {
        w.end_child(name, Verdict::Passed);
        assert!(w.settle());
    }
    let uid = w.jobs.by_name["rel-publish-1"].uid.clone();
    w.pod_publishes(&uid);
    w.end_job("rel-publish-1", succeeded());
    let state = |plan: Plan<ReleaseStatus, Effect>| plan.status.publish.map(|p| p.state);
    assert_eq!(state(unread(&w, |_| {})), Some(PublishState::Completed));
    let plan = unread(&w, |seen| {
        let sight = seen.jobs.get_mut("rel-publish-1").unwrap();
        if let Presence::Present(job) = &mut sight.job {
            job.live_pods = Presence::Unknown;
        }
    });
    assert_eq!(state(plan), Some(PublishState::Running));
    assert_eq!(state(unread(&w, |seen| seen.jobs.clear())), Some(PublishState::Running), "not read is not absent");
}
