//! A person takes a required gate its power to stop one Release.

use super::*;

fn waive(w: &mut World, gate: &str) {
    let waiver = Waiver { gate: gate.into(), by: "ann".into(), reason: "known flake".into() };
    w.write().spec.waivers.push(waiver);
    assert!(w.settle());
}

#[test]
fn a_waived_gate_runs_reports_and_stops_nothing() {
    for verdict in [Verdict::Failed, Verdict::Inconclusive, Verdict::Error] {
        // Before it runs, and while it runs.
        for early in [true, false] {
            let mut w = World::new(policy());
            if early {
                w.write().spec.waivers =
                    vec![Waiver { gate: "suites".into(), by: "ann".into(), reason: "flake".into() }];
            }
            assert!(w.settle());
            w.end_job("rel-candidate-1", succeeded());
            assert!(w.settle());
            if !early {
                waive(&mut w, "suites");
            }
            assert!(!w.children.contains_key("rel-soak"), "what runs after it waits for its end");
            w.end_child("rel-suites", verdict);
            assert!(w.settle());
            assert!(w.children.contains_key("rel-soak"));
            w.end_child("rel-soak", Verdict::Passed);
            assert!(w.settle());
            let status = w.status();
            assert!(w.jobs.by_name.contains_key("rel-publish-1"));
            let state = if verdict == Verdict::Failed { GateState::Failed } else { GateState::Inconclusive };
            assert_eq!(status.gates[0].state, state, "its own verdict stays on record");
            assert_eq!((status.waivers[0].gate.as_str(), status.waivers[0].by.as_str()), ("suites", "ann"));
            assert_eq!(status.waivers[0].digests, [status.artifacts[0].digest.as_str()]);
            let says = &condition::get(&status.conditions, types::VERIFIED).unwrap().message;
            assert!(says.contains("1 waived: suites"), "{says}");
            w.check().unwrap();
        }
    }
}

#[test]
fn a_waiver_is_for_its_gate_alone_and_comes_in_time() {
    // Another gate still stops it.
    let mut w = at_gates(policy());
    waive(&mut w, "suites");
    w.end_child("rel-suites", Verdict::Failed);
    assert!(w.settle());
    w.end_child("rel-soak", Verdict::Failed);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);

    // What is decided stays so, even if the API server let one through.
    let mut w = at_gates(policy());
    w.end_child("rel-suites", Verdict::Failed);
    while w.status().ending.is_none() {
        assert!(w.round());
    }
    waive(&mut w, "suites");
    finished(&w, ReleasePhase::Failed);
    assert!(w.status().waivers.is_empty());

    // A waiver for a passed gate changes nothing; one that comes after all were judged is refused on record.
    let mut plan = policy();
    plan.approval = Some(Seconds::hours(1));
    let mut w = verified(plan);
    waive(&mut w, "soak");
    assert_eq!(w.status().phase, ReleasePhase::AwaitingApproval);
    assert!(w.status().waivers[0].refused.contains("judged already"));
}

#[test]
fn a_waiver_for_an_unknown_gate_is_refused_visibly() {
    let mut w = World::new(policy());
    w.write().spec.waivers = vec![Waiver { gate: "sock".into(), by: "ann".into(), reason: "typo".into() }];
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    let says = condition::get(&w.status().conditions, types::ACCEPTED).unwrap();
    assert_eq!(says.reason, "InvalidSpec");
    assert!(says.message.contains("sock") && says.message.contains("it has suites, soak"), "{}", says.message);

    let mut w = at_gates(policy());
    waive(&mut w, "sock");
    assert!(w.status().waivers[0].refused.contains("it has suites, soak"));
    w.end_child("rel-suites", Verdict::Failed);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
}
