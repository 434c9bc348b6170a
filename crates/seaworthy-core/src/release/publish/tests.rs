//! What a publish that never starts says; the protocol itself is gone through by the models.

use std::collections::BTreeMap;

use super::*;
use crate::{
    lock::Lock,
    meta::Meta,
    release::observed::{Observed, Spec},
    time::Timestamp,
};

const RULE: PublishRule = PublishRule { timeout: Seconds(60), external: false, verify: None, max_attempts: 1 };
const MISSING: &str = "error looking up service account a/publisher: serviceaccount \"publisher\" not found";

fn t(s: i64) -> Timestamp {
    Timestamp::from_millis(s * 1000)
}

fn observed() -> Observed {
    Observed {
        meta: Meta {
            namespace: "a".into(),
            name: "r".into(),
            uid: "u".into(),
            generation: 1,
            created: t(0),
            deleted: None,
            finalizer: true,
            namespace_terminating: false,
        },
        spec: Spec::default(),
        status: ReleaseStatus::default(),
        plan: Presence::Unknown,
        snapshot: Presence::Unknown,
        facts: Presence::Unknown,
        ledger: Presence::Unknown,
        notes: Presence::Unknown,
        jobs: BTreeMap::new(),
        publish_pods: Presence::Unknown,
        children: BTreeMap::new(),
        turn: Lock::Mine,
        siblings: Presence::Unknown,
    }
}

/// The record of a running attempt after each of the Job's states was seen, one after another.
fn after(states: impl IntoIterator<Item = (i64, JobState)>) -> PublishStatus {
    let recorded = PublishStatus {
        attempt: 1,
        job: "r-publish-1".into(),
        uid: Some("j".into()),
        state: PublishState::Running,
        start_time: t(0),
        message: String::new(),
        report: None,
        verify: None,
    };
    states.into_iter().fold(recorded, |publish, (seconds, state)| {
        let job = Job {
            uid: "j".into(),
            owned: true,
            resource_version: "7".into(),
            deleted: None,
            suspended: false,
            created: t(0),
            began: None,
            live_pods: Presence::Present(u32::from(state == JobState::Running)),
            state,
        };
        let seen = observed();
        running(&mut Draft::new(&seen, t(seconds)), publish, &Sight::from(Presence::Present(job)), &RULE)
    })
}

fn no_account() -> JobState {
    let reason = Some(crate::condition::Reason::ReferenceNotFound);
    JobState::Waiting { cause: Some(Cause::Infrastructure), reason, message: MISSING.into() }
}

fn no_pod_yet() -> JobState {
    JobState::Waiting { cause: None, reason: None, message: "waits for its pod".into() }
}

fn deadline() -> JobState {
    let message = "ran into its timeout and was ended".into();
    JobState::Failed { cause: Cause::Limits, reason: Reason::DeadlineExceeded, message, report: None }
}

#[test]
fn what_a_publish_waited_for_until_its_deadline_is_named() {
    for states in [
        vec![(1, no_pod_yet()), (5, no_account()), (60, deadline())],
        // Events are forgotten before the Job is.
        vec![(5, no_account()), (20, no_pod_yet()), (60, deadline())],
        // Our own deadline, where the Job's did not come.
        vec![(5, no_account()), (60 + 600, no_account())],
    ] {
        let ended = after(states);
        assert_eq!(ended.state, PublishState::Ending);
        assert_eq!(ended.message, format!("did not start within its timeout of {}: {MISSING}", RULE.timeout));
    }
}

#[test]
fn a_pod_that_is_over_before_its_job_does_not_tell_that_it_ran() {
    let ended = after([(5, no_account()), (59, JobState::PodOver), (60, deadline())]);
    assert_eq!(ended.message, format!("did not start within its timeout of {}: {MISSING}", RULE.timeout));
}

#[test]
fn what_ran_until_its_deadline_did_not_wait() {
    let ended = after([(5, no_account()), (6, JobState::Running), (60, deadline())]);
    assert_eq!((ended.state, ended.message.as_str()), (PublishState::Ending, "ran into its timeout and was ended"));
    let ended = after([(5, JobState::Running), (60 + 600, JobState::Running)]);
    assert!(ended.message.starts_with("did not end within its timeout"), "{}", ended.message);
}
