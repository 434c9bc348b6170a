//! Approvals, and what they are for.

use super::*;

/// A world that waits for approval of notes that people can edit.
fn asked() -> World {
    let mut plan = policy();
    plan.version.explicit = false;
    plan.notes = Some(NotesRules::default());
    plan.approval = Some(Seconds::hours(72));
    let mut w = World::new(plan);
    w.facts = Some(Ok(Facts { head: w.release.spec.revision.clone(), ..Facts::default() }));
    assert!(w.settle());
    w.end_job("rel-candidate-1", succeeded());
    assert!(w.settle());
    for name in ["rel-suites", "rel-soak"] {
        w.end_child(name, Verdict::Passed);
        assert!(w.settle());
    }
    assert_eq!(w.status().phase, ReleasePhase::AwaitingApproval);
    w
}

fn edit(w: &mut World, text: &str) {
    let Presence::Present(notes) = &mut w.notes else { unreachable!("there are notes") };
    text.clone_into(&mut notes.digest);
    assert!(w.settle());
}

fn reason(w: &World) -> String {
    condition::get(&w.status().conditions, types::FINISHED).unwrap().reason.clone()
}

#[test]
fn an_approval_is_for_what_was_seen_and_a_change_revokes_it() {
    let mut w = asked();
    let seen = w.status().approval.clone().unwrap();
    assert!(w.status().notes.is_some() && seen.word.is_none());
    edit(&mut w, "another text");
    let now = w.status().approval.clone().unwrap().digest;
    assert_ne!(seen.digest, now, "the notes are part of what is approved");

    // A word for what was there before counts for nothing, and is on record.
    w.write().spec.approval =
        Some(Approval { approved: true, by: "ann".into(), digest: Some(seen.digest), ..Approval::default() });
    assert!(w.settle());
    assert_eq!((w.status().phase, reason(&w).as_str()), (ReleasePhase::AwaitingApproval, "ApprovalRevoked"));
    assert_eq!(w.status().approval.clone().unwrap().word.unwrap().by, "ann");
    assert!(!w.jobs.by_name.contains_key("rel-publish-1"));

    w.write().spec.approval =
        Some(Approval { approved: true, by: "bob".into(), digest: Some(now), ..Approval::default() });
    assert!(w.settle());
    assert!(w.jobs.by_name.contains_key("rel-publish-1"));
    assert!(
        matches!(&w.notes, Presence::Present(notes) if notes.frozen),
        "nothing is published with notes that can change"
    );
    w.check().unwrap();
}

#[test]
fn a_word_without_a_digest_is_for_what_it_was_recorded_for() {
    let mut plan = policy();
    plan.version.explicit = false;
    plan.notes = Some(NotesRules::default());
    plan.approval = Some(Seconds::hours(72));
    let mut w = World::new(plan);
    w.facts = Some(Ok(Facts { head: w.release.spec.revision.clone(), ..Facts::default() }));
    w.write().spec.approval = yes();
    assert!(w.settle());
    assert!(
        w.status().approval.clone().unwrap().word.is_some(),
        "an early word is recorded as soon as there is a version"
    );
    edit(&mut w, "another text");
    w.end_job("rel-candidate-1", succeeded());
    assert!(w.settle());
    for name in ["rel-suites", "rel-soak"] {
        w.end_child(name, Verdict::Passed);
        assert!(w.settle());
    }
    assert_eq!(reason(&w), "ApprovalRevoked");
    assert!(!w.jobs.by_name.contains_key("rel-publish-1"));
    w.now = w.now + Seconds::hours(73);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(reason(&w), "ApprovalExpired");
}

#[test]
fn notes_that_vanish_or_are_somebody_elses_end_it() {
    let mut w = asked();
    w.notes = Presence::AbsentLive;
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    let mut plan = policy();
    plan.version.explicit = false;
    plan.notes = Some(NotesRules::default());
    let mut w = World::new(plan);
    w.facts = Some(Ok(Facts { head: w.release.spec.revision.clone(), ..Facts::default() }));
    w.notes = Presence::Present(Notes::default());
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(reason(&w), "NameTaken");
}

#[test]
fn a_dispute_waits_for_a_persons_choice() {
    let disputed = || {
        let mut plan = policy();
        plan.version.explicit = false;
        plan.version.policy.on_disputed = OnDisputed::Ask;
        (plan.choice, plan.deadline) = (Seconds::hours(72), Seconds::hours(100));
        let mut w = World::new(plan);
        w.write().spec.version = None;
        let head = w.release.spec.revision.clone();
        let commit = |id: &str, message: &str, parents: &[&str]| Commit {
            id: id.into(),
            message: message.into(),
            parents: parents.iter().map(|&p| p.to_owned()).collect(),
            ..Commit::default()
        };
        let commits = vec![commit(&head, "fix: x\n\nbreaking change: y", &["b"])];
        let tags = vec![TagRef { name: "v1.2.3".into(), commit: "b".into(), ancestor: true }];
        w.facts = Some(Ok(Facts { head, tags, commits, ..Facts::default() }));
        assert!(w.settle());
        assert_eq!((w.status().phase, reason(&w).as_str()), (ReleasePhase::AwaitingApproval, "VersionDisputed"));
        assert!(w.jobs.by_name.is_empty());
        w
    };
    for (choice, version) in [(OnDisputed::Strict, "1.2.4"), (OnDisputed::Higher, "2.0.0")] {
        let mut w = disputed();
        w.write().spec.on_disputed = Some(choice);
        assert!(w.settle());
        assert_eq!(w.status().version, version);
    }
    let mut w = disputed();
    w.now = w.now + Seconds::hours(73);
    assert!(w.settle());
    finished(&w, ReleasePhase::Failed);
    assert_eq!(reason(&w), "ApprovalExpired");
}
