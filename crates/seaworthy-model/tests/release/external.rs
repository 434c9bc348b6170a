//! CI publishes and reports.

use super::*;

/// A world whose Release waits for CI's report.
fn external() -> World {
    let mut plan = policy();
    (plan.publish.external, plan.publish.timeout) = (true, Seconds::hours(24));
    let w = verified(plan);
    let status = w.status();
    assert_eq!(status.publish.as_ref().unwrap().state, PublishState::External);
    assert_eq!((status.phase, status.deadline), (ReleasePhase::Publishing, Some(w.now + Seconds::hours(24))));
    for type_ in [types::PUBLISHED, types::FINISHED] {
        let says = condition::get(&status.conditions, type_).unwrap();
        assert_eq!(says.reason, "AwaitingReport");
        assert!(says.message.contains("kubectl seaworthy published rel"), "{}", says.message);
    }
    assert!(!w.jobs.by_name.keys().any(|name| name.contains("publish")));
    w
}

#[test]
fn with_external_publishing_the_report_is_recorded_and_verify_decides() {
    // What is out, what is reported (None: nothing, until the time is over), what `verify` says, and what comes of it.
    let rows = [
        (true, Some(true), Some(0), ReleasePhase::Published, State::Published),
        (true, Some(true), Some(10), ReleasePhase::PublishUnknown, State::Burned),
        (true, Some(true), Some(1), ReleasePhase::PublishUnknown, State::Burned),
        (true, Some(false), None, ReleasePhase::PublishUnknown, State::Burned),
        (false, Some(true), Some(10), ReleasePhase::Failed, State::Burned),
        (false, Some(true), Some(0), ReleasePhase::Published, State::Published),
        (true, None, Some(0), ReleasePhase::Published, State::Published),
        (false, None, Some(10), ReleasePhase::PublishUnknown, State::Burned),
        (false, None, Some(1), ReleasePhase::PublishUnknown, State::Burned),
    ];
    for (out, report, verify, phase, number) in rows {
        let mut w = external();
        w.out = out.then(|| w.status().artifacts.clone());
        match report {
            Some(right) => w.report(right),
            None => w.now = w.now + Seconds::hours(24),
        }
        assert!(w.settle());
        let recorded = w.status().publish.as_ref().unwrap().report.clone();
        assert_eq!(recorded.map(|r| r.by), report.map(|_| "ci".to_owned()));
        if verify == Some(0) {
            w.out = Some(w.status().artifacts.clone());
        }
        assert_eq!(w.jobs.by_name.contains_key("rel-verify-1-1"), verify.is_some());
        if let Some(code) = verify {
            w.end_job("rel-verify-1-1", if code == 0 { succeeded() } else { failed(code) });
            assert!(w.settle());
        }
        finished(&w, phase);
        let entry = w.ledger.entry(UID).unwrap();
        assert_eq!((entry.state, entry.final_used), (number, true), "{out} {report:?} {verify:?}");
        w.check().unwrap();
    }
}

#[test]
fn a_report_must_name_every_artifact_with_its_digest() {
    let tested = |w: &World| ReportedArtifact {
        name: w.status().artifacts[0].name.clone(),
        digest: w.status().artifacts[0].digest.clone(),
    };
    let more = ReportedArtifact { name: "chart".into(), digest: format!("sha256:{}", "a".repeat(64)) };
    let w = external();
    let right = tested(&w);
    let wrong = ReportedArtifact { digest: more.digest.replace('a', "b"), ..right.clone() };
    for (artifacts, says) in [
        (vec![], "does not say that controller is out"),
        (vec![right, more], "no artifact of that name was tested"),
        (vec![wrong], "was tested"),
    ] {
        let mut w = external();
        w.write().spec.external_publish = Some(ExternalPublish {
            outcome: PublishOutcome::Published,
            artifacts,
            by: "ci".into(),
            reason: String::new(),
        });
        assert!(w.settle());
        finished(&w, ReleasePhase::PublishUnknown);
        let message = &condition::get(&w.status().conditions, types::FINISHED).unwrap().message;
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn external_publishing_outlasts_the_deadline_and_abort_waits() {
    let mut w = external();
    w.now = w.now + Seconds::hours(23);
    w.write().spec.abort = true;
    assert!(w.settle());
    assert!(!condition::is_true(&w.status().conditions, types::FINISHED));
    let says = condition::get(&w.status().conditions, types::FINISHED).unwrap();
    assert!(says.message.contains("wait for its end"), "{}", says.message);
    w.out = Some(w.status().artifacts.clone());
    w.report(true);
    assert!(w.settle());
    w.end_job("rel-verify-1-1", succeeded());
    assert!(w.settle());
    finished(&w, ReleasePhase::Published);
}

#[test]
fn a_report_before_it_is_asked_for_counts_for_nothing() {
    let mut plan = policy();
    (plan.publish.external, plan.publish.timeout) = (true, Seconds::hours(24));
    let mut w = at_gates(plan);
    w.report(true);
    w.end_child("rel-suites", Verdict::Failed);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert!(w.status().publish.is_none());
}
