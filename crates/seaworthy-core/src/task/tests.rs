//! How a task goes on, case by case.

use super::{facts::*, *};

fn t(s: i64) -> Timestamp {
    Timestamp::from_millis(s * 1000)
}

fn job(state: JobState) -> Job {
    Job {
        uid: "u1".into(),
        owned: true,
        resource_version: "7".into(),
        deleted: None,
        suspended: false,
        created: t(0),
        began: None,
        live_pods: Presence::Present(u32::from(matches!(state, JobState::Running | JobState::Waiting { .. }))),
        state,
    }
}

fn recorded(state: TaskState) -> TaskStatus {
    let mut r = TaskStatus::new("run", "suite", 1, t(0));
    r.state = state;
    r.uid = (state != TaskState::Pending).then(|| "u1".into());
    r
}

fn absent() -> Sight {
    Sight::from(Presence::AbsentLive)
}

const HOUR: Seconds = Seconds(3600);

#[test]
fn a_recorded_attempt_creates_its_job_once() {
    let r = recorded(TaskState::Pending);
    let a = advance(&r, &absent(), HOUR, t(1));
    assert_eq!(a.effect, Some(TaskEffect::Create { job: "run-suite-1".into() }));
    let a = advance(&r, &Sight::default(), HOUR, t(1));
    assert_eq!(a.effect, None, "absence counts only when it was read live");
    let a = advance(&r, &Sight::from(Presence::Present(job(JobState::Running))), HOUR, t(1));
    assert_eq!((a.effect, a.record.state, a.record.uid.as_deref()), (None, TaskState::Running, Some("u1")));
}

#[test]
fn a_vanished_job_is_never_run_again() {
    let a = advance(&recorded(TaskState::Running), &absent(), HOUR, t(1));
    assert_eq!((a.record.state, a.record.reason, a.effect), (TaskState::Failed, Some(Reason::JobDeleted), None));
    let other = Job { uid: "u2".into(), ..job(JobState::Running) };
    let a = advance(&recorded(TaskState::Running), &Sight::from(Presence::Present(other)), HOUR, t(1));
    assert_eq!((a.record.state, a.effect), (TaskState::Failed, None));
}

#[test]
fn somebody_elses_job_is_not_adopted() {
    let foreign = Job { owned: false, ..job(JobState::Succeeded { report: Report::default() }) };
    let a = advance(&recorded(TaskState::Pending), &Sight::from(Presence::Present(foreign)), HOUR, t(1));
    assert_eq!((a.record.state, a.record.reason), (TaskState::Failed, Some(Reason::NameTaken)));
}

#[test]
fn a_task_that_hangs_is_ended_and_over_only_when_its_pods_are() {
    let hung = Sight::from(Presence::Present(job(JobState::Running)));
    let a = advance(&recorded(TaskState::Running), &hung, HOUR, t(3611));
    assert_eq!((a.record.state, a.record.reason), (TaskState::Stopping, Some(Reason::DeadlineExceeded)));
    assert_eq!(a.effect, None, "the end is recorded before the Job is removed");
    let b = advance(&a.record, &hung, HOUR, t(3612));
    assert_eq!(b.effect, Some(TaskEffect::Stop { job: "run-suite-1".into(), uid: "u1".into() }));
    let c = advance(&b.record, &absent(), HOUR, t(3613));
    assert_eq!((c.record.state, c.record.reason), (TaskState::Failed, Some(Reason::DeadlineExceeded)));
}

#[test]
fn a_create_that_may_be_under_way_finds_its_name_taken() {
    let pending = recorded(TaskState::Pending);
    let occupy = Some(TaskEffect::Occupy { job: "run-suite-1".into() });
    let waiting = JobState::Waiting { cause: None, reason: None, message: String::new() };
    let taken =
        Sight::from(Presence::Present(Job { suspended: true, live_pods: Presence::Present(0), ..job(waiting) }));
    let late = |seen: &Sight| advance(&pending, seen, HOUR, t(3611));
    let ended = |seen: &Sight| cancel(&pending, seen, Reason::Aborted, t(1));
    let refusal = Refusal { cause: Cause::Infrastructure, reason: Reason::QuotaExceeded, message: "quota".into() };
    let refused = Sight { job: Presence::AbsentLive, refused: Some(refusal) };
    for (reason, look) in [(Reason::DeadlineExceeded, &late as &dyn Fn(&Sight) -> Advance), (Reason::Aborted, &ended)] {
        let a = look(&absent());
        assert_eq!((a.effect, a.record.state), (occupy.clone(), TaskState::Pending), "not over before that is certain");
        let a = look(&taken);
        assert_eq!((a.record.state, a.record.reason, a.effect), (TaskState::Failed, Some(reason), None));
        let a = look(&Sight::from(Presence::Present(job(JobState::Running))));
        assert_eq!(a.record.state, TaskState::Stopping, "it came first: it is ended like any other");
        let a = look(&refused);
        assert_eq!((a.record.state, a.effect), (TaskState::Failed, None), "what is refused does not come");
    }
}

fn pod_waiting(reason: &str, message: &str) -> Pod {
    Pod {
        phase: "Pending".into(),
        containers: vec![Container { waiting: Some((reason.into(), message.into())), ..Container::default() }],
        ..Pod::default()
    }
}

fn pod_ended(exit_code: i32, reason: &str, message: &str) -> Pod {
    let terminated = Some(Terminated { exit_code, reason: reason.into(), message: message.into() });
    Pod { phase: "Failed".into(), containers: vec![Container { terminated, ..Container::default() }], ..Pod::default() }
}

#[test]
fn failures_are_classed_by_cause() {
    use Cause::*;
    let open = JobEnd::Open;
    let failed = JobEnd::Failed { deadline: false };
    let evicted = Pod { reason: "Evicted".into(), phase: "Failed".into(), ..Pod::default() };
    let unschedulable = Pod { unschedulable: Some("0/1 nodes".into()), phase: "Pending".into(), ..Pod::default() };
    for (end, pods, refused, cause, reason) in [
        (open, vec![pod_waiting("ErrImagePull", "x: not found")], None, Impossible, Reason::ImageNotFound),
        (
            open,
            vec![pod_waiting("ErrImagePull", "503 Service Unavailable")],
            None,
            Infrastructure,
            Reason::ImagePullBackOff,
        ),
        (open, vec![pod_waiting("InvalidImageName", "bad")], None, Impossible, Reason::ImageNotFound),
        (
            open,
            vec![pod_waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")],
            None,
            Impossible,
            Reason::CannotStart,
        ),
        (
            open,
            vec![pod_waiting("CreateContainerConfigError", "secret \"x\" not found")],
            None,
            Infrastructure,
            Reason::ReferenceNotFound,
        ),
        (open, vec![unschedulable], None, Infrastructure, Reason::Unschedulable),
        (open, vec![], Some("pods \"x\" is forbidden: exceeded quota: q"), Infrastructure, Reason::QuotaExceeded),
        (open, vec![], Some("pods \"x\" is forbidden: violates PodSecurity"), Impossible, Reason::AdmissionDenied),
        (
            open,
            vec![],
            Some("Internal error occurred: failed calling webhook \"x\": connection refused"),
            Infrastructure,
            Reason::AdmissionDenied,
        ),
        (
            open,
            vec![],
            Some("error looking up service account a/b: serviceaccount \"b\" not found"),
            Infrastructure,
            Reason::ReferenceNotFound,
        ),
        (failed, vec![pod_ended(1, "Error", "")], None, Product, Reason::TaskFailed),
        (failed, vec![pod_ended(137, "OOMKilled", "")], None, Limits, Reason::OOMKilled),
        (failed, vec![pod_ended(128, "StartError", "permission denied")], None, Impossible, Reason::CannotStart),
        (JobEnd::Failed { deadline: true }, vec![], None, Limits, Reason::DeadlineExceeded),
        (failed, vec![evicted], None, Infrastructure, Reason::Evicted),
        (failed, vec![], None, Infrastructure, Reason::NodeLost),
    ] {
        let state = classify(end, &pods, refused);
        let got = match &state {
            JobState::Failed { cause, reason, .. } => Some((*cause, *reason)),
            JobState::Waiting { cause, reason, .. } => cause.zip(*reason),
            JobState::Running | JobState::Lost { .. } | JobState::PodOver | JobState::Succeeded { .. } => None,
        };
        assert_eq!(got, Some((cause, reason)), "{pods:?} {refused:?} -> {state:?}");
    }
}

#[test]
fn hostile_reports_are_bounded_and_named() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let good =
        format!(r#"{{"artifacts":[{{"name":"controller","uri":"r.example/c","digest":"{digest}"}}],"tests":3}}"#);
    let report = Report::parse(&good);
    assert!(report.known && report.problem.is_none() && report.artifacts.len() == 1 && report.tests == Some(3));
    for (text, part) in [
        (r#"{"artifacts": 3}"#.to_owned(), "valid JSON"),
        (format!("{{\"x\":\"{}\"}}", "y".repeat(5000)), "4096"),
        (good.replace("controller", "../etc"), "artifacts[0]: name"),
        (good.replace("r.example/c", "a b"), "artifacts[0]: uri"),
        (good.replace(&digest, "sha256:zz"), "artifacts[0]: digest"),
        (r#"{"tests": -1}"#.to_owned(), "valid JSON"),
    ] {
        let report = Report::parse(&text);
        assert!(report.problem.as_deref().unwrap_or_default().contains(part), "{text}: {report:?}");
        assert!(report.artifacts.is_empty());
    }
    assert_eq!(Report::parse("panic at the disco"), Report::default());
}

#[test]
fn a_refused_create_is_told_and_only_a_final_one_ends_the_attempt() {
    for (code, message, cause, state) in [
        (403, "jobs.batch is forbidden: exceeded quota: q", Cause::Infrastructure, TaskState::Pending),
        (403, "admission webhook \"x\" denied the request: no", Cause::Impossible, TaskState::Failed),
        (422, "Job is invalid: spec.x", Cause::Impossible, TaskState::Failed),
        (500, "failed calling webhook: connection refused", Cause::Infrastructure, TaskState::Pending),
    ] {
        let seen = Sight { job: Presence::AbsentLive, refused: Some(Refusal::of(code, message)) };
        let a = advance(&recorded(TaskState::Pending), &seen, HOUR, t(1));
        assert_eq!((a.record.cause, a.record.state), (Some(cause), state), "{message}");
        assert_eq!(a.effect.is_some(), state == TaskState::Pending, "{message}");
        assert!(!a.record.message.is_empty());
    }
}

#[test]
fn a_job_that_never_ran_did_not_meet_its_limits() {
    let waiting = JobState::Waiting {
        cause: Some(Cause::Infrastructure),
        reason: Some(Reason::Unschedulable),
        message: "0/1 nodes".into(),
    };
    let late = classify(JobEnd::Failed { deadline: true }, &[], None);
    let over = |state| Sight::from(Presence::Present(Job { live_pods: Presence::Present(0), ..job(state) }));
    let a = advance(&recorded(TaskState::Running), &over(waiting), HOUR, t(3595));
    let podless = classify(JobEnd::Open, &[], None);
    let a = advance(&a.record, &over(podless), HOUR, t(3600));
    let b = advance(&a.record, &over(late.clone()), HOUR, t(3601));
    assert_eq!((b.record.cause, b.record.reason), (Some(Cause::Infrastructure), Some(Reason::Unschedulable)));
    assert_eq!(b.record.message, "did not start within 1h: 0/1 nodes");
    // Its pod went before the Job says that it failed: a kubelet says of what never started that it ended.
    let gone = classify(JobEnd::Open, &[pod_ended(137, "ContainerStatusUnknown", "")], None);
    let unread = |state| Sight::from(Presence::Present(Job { live_pods: Presence::Unknown, ..job(state) }));
    let b = advance(&a.record, &unread(gone), HOUR, t(3600));
    let b = advance(&b.record, &over(late.clone()), HOUR, t(3601));
    assert_eq!(b.record.message, "did not start within 1h: 0/1 nodes");
    let c = advance(&a.record, &Sight::from(Presence::Present(job(JobState::Running))), HOUR, t(3596));
    let d = advance(&c.record, &over(late), HOUR, t(3601));
    assert_eq!((d.record.cause, d.record.reason), (Some(Cause::Limits), Some(Reason::DeadlineExceeded)));
}

#[test]
fn a_start_error_is_told_without_the_runtimes_preamble() {
    let runtime = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
        unable to start container process: error during container init: exec: \"/x\": stat /x: permission denied";
    let JobState::Failed { message, .. } =
        classify(JobEnd::Failed { deadline: false }, &[pod_ended(128, "StartError", runtime)], None)
    else {
        panic!("failed");
    };
    assert_eq!(message, "its container cannot start: exec: \"/x\": stat /x: permission denied");
}

/// `absence-is-live`: nobody looked for its pods, so nobody knows that they have ended.
#[test]
fn pods_that_nobody_looked_for_may_still_run() {
    let r = recorded(TaskState::Running);
    let unread = |state| Sight::from(Presence::Present(Job { live_pods: Presence::Unknown, ..job(state) }));
    let evicted = JobState::Failed {
        cause: Cause::Infrastructure,
        reason: Reason::Evicted,
        message: "evicted".into(),
        report: None,
    };
    assert_eq!(advance(&r, &unread(evicted.clone()), HOUR, t(9)).record.state, TaskState::Stopping);
    let stopping = recorded(TaskState::Stopping);
    assert_eq!(advance(&stopping, &unread(evicted), HOUR, t(9)).record.state, TaskState::Stopping);
    let starts = JobState::Waiting { cause: None, reason: None, message: "its pod starts".into() };
    let a = advance(&r, &unread(starts.clone()), HOUR, t(9));
    assert_eq!((a.record.message.as_str(), a.wake), ("", Wake::At(t(9) + SETTLES)), "somebody will have to look");
    let a = advance(&r, &Sight::from(Presence::Present(job(starts))), HOUR, t(9));
    assert_eq!(a.wake, Wake::At(t(24)));
}
