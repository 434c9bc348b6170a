//! Which images are the candidate, and when a target is ready.

use super::{
    super::target::{Match, Readiness, RunningImage, readiness, runs_candidate},
    world::{DIGEST, OTHER, artifact, rollout},
};

fn image(spec: &str, id: &str) -> RunningImage {
    RunningImage { container: "c".into(), image: spec.into(), image_id: id.into() }
}

#[test]
fn digests_decide() {
    let by_digest = format!("registry.example/controller@{DIGEST}");
    let cases: Vec<(Vec<RunningImage>, &str)> = vec![
        (vec![image(&by_digest, &by_digest)], "yes"),
        (vec![image(&by_digest, DIGEST)], "yes"),
        (vec![image(&by_digest, &format!("mirror.example/x@{DIGEST}"))], "yes"),
        (vec![image(&by_digest, "")], "pending"),
        (vec![], "pending"),
        (vec![image(&by_digest, &format!("registry.example/controller@{OTHER}"))], "no"),
        (vec![image("registry.example/controller:1.0", &by_digest)], "no"),
        (vec![image(&format!("registry.example/controller@{OTHER}"), &by_digest)], "no"),
        (vec![image("other.example/tool:1", &by_digest)], "no"),
        (vec![image(&by_digest, &by_digest), image("other.example/sidecar:1", "x")], "yes"),
        (vec![image(&by_digest, &by_digest), image("registry.example:5000/other:1", "")], "yes"),
        (vec![image(&by_digest, &by_digest), image("registry.example/controller:old", OTHER)], "no"),
        (vec![image(&by_digest, &format!("x{DIGEST}"))], "no"),
        (vec![image(&by_digest, &by_digest[..by_digest.len() - 1])], "no"),
    ];
    for (containers, want) in cases {
        let got = match runs_candidate(&containers, &[artifact()]) {
            Match::Candidate => "yes",
            Match::Pending => "pending",
            Match::Other(_) => "no",
        };
        assert_eq!(got, want, "{containers:?}");
        assert_eq!(runs_candidate(&containers, &[]), Match::Candidate);
    }
}

#[test]
fn a_target_is_ready_when_its_rollout_is_over() {
    let a = [artifact()];
    assert_eq!(readiness(&rollout(DIGEST), &a), Readiness::Ready);
    assert!(matches!(readiness(&rollout(OTHER), &a), Readiness::Other(_)));
    let mut incomplete = rollout(OTHER);
    incomplete.complete = false;
    assert!(matches!(readiness(&incomplete, &a), Readiness::Waiting(_)), "an old pod may still be replaced");
    let mut ending = rollout(DIGEST);
    ending.ending = 1;
    assert!(matches!(readiness(&ending, &a), Readiness::Waiting(_)));
    let mut none = rollout(DIGEST);
    none.desired = 0;
    assert!(matches!(readiness(&none, &a), Readiness::Waiting(_)));
    let mut missing = rollout(DIGEST);
    missing.desired = 2;
    assert!(matches!(readiness(&missing, &a), Readiness::Waiting(_)));
}
