//! What worlds are set up with: plans, artifacts, ends of Jobs.

use seaworthy_core::{
    candidate::Artifact,
    release::{
        GateKind,
        observed::{Approval, Concurrency, GateRule, Policy, PublishRule, VersionRule},
    },
    task::{JobState, Report},
    time::Seconds,
    verdict::Enforcement,
};

/// An explicit plan with an E2E gate and a soak after it, `verify`, and one attempt.
pub fn policy() -> Policy {
    Policy {
        version: VersionRule { explicit: true, ..VersionRule::default() },
        candidate: Some(Seconds::minutes(10)),
        gates: vec![gate("suites", GateKind::E2ERun, &[]), gate("soak", GateKind::SoakTest, &["suites"])],
        publish: PublishRule {
            timeout: Seconds::minutes(5),
            external: false,
            verify: Some(Seconds::minutes(5)),
            max_attempts: 1,
        },
        concurrency: Concurrency::Latest,
        deadline: Seconds::hours(36),
        ..Policy::default()
    }
}

/// A required gate.
pub fn gate(name: &str, kind: GateKind, run_after: &[&str]) -> GateRule {
    GateRule {
        name: name.into(),
        kind,
        run_after: run_after.iter().map(|s| (*s).to_owned()).collect(),
        enforcement: Enforcement::Required,
        length: Seconds(0),
    }
}

/// A task that did well, and named what it built.
pub fn succeeded() -> JobState {
    JobState::Succeeded { report: Report { known: true, artifacts: vec![artifact('a')], ..Report::default() } }
}

/// What a candidate task builds; each attempt has a letter of its own.
pub fn artifact(letter: char) -> Artifact {
    Artifact {
        name: "controller".into(),
        uri: "registry.example/c".into(),
        digest: format!("sha256:{}", letter.to_string().repeat(64)),
    }
}

/// A person's yes.
pub fn yes() -> Option<Approval> {
    Some(Approval { approved: true, ..Approval::default() })
}
