//! What a visit has to read, so that the shell need not judge. Pure.

use super::{
    observed::{Concurrency, Policy},
    resolution,
    status::{GateKind, PublishState, ReleaseStatus},
};
use crate::{condition, meta::Meta};

/// What to read in this visit.
#[expect(clippy::struct_excessive_bools, reason = "a list of independent yes or no")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reads {
    /// Whether the plan is there.
    pub plan: bool,
    /// What the repository said.
    pub facts: bool,
    /// The ledger.
    pub ledger: bool,
    /// The release notes.
    pub notes: bool,
    /// The plan's turn.
    pub turn: bool,
    /// The plan's other Releases.
    pub siblings: bool,
    /// Jobs by name.
    pub jobs: Vec<String>,
    /// Children by kind and name.
    pub children: Vec<(GateKind, String)>,
    /// The UID by which to list the publisher's pods.
    pub publish_pods: Option<String>,
}

/// What a decision on this status will look at.
pub fn reads(meta: &Meta, status: &ReleaseStatus, policy: Option<&Policy>) -> Reads {
    let finished = condition::is_true(&status.conditions, condition::types::FINISHED);
    let closing = meta.deleted.is_some() || finished;
    let verified = condition::is_true(&status.conditions, condition::types::VERIFIED);
    let started = status.start_time.is_some();
    let resolving = status.resolution.is_some() && resolution::is_open(status) && meta.deleted.is_none();
    let mut reads = Reads {
        plan: status.plan_snapshot.is_none() && !closing,
        facts: !closing && status.version.is_empty(),
        ledger: if closing { meta.finalizer || resolving } else { started && status.version.is_empty() },
        notes: !closing
            && status.ending.is_none()
            && status.publish.is_none()
            && started
            && policy.is_some_and(|p| p.notes.is_some()),
        turn: if closing { meta.finalizer } else { !started },
        siblings: !closing
            && status.ending.is_none()
            && (!started || policy.is_some_and(|p| p.concurrency == Concurrency::Supersede && !verified)),
        ..Reads::default()
    };
    if finished && meta.deleted.is_none() {
        return reads;
    }
    let tasks = [&status.planning, &status.candidate];
    reads.jobs.extend(tasks.into_iter().flatten().filter(|t| !t.state.is_finished()).map(|t| t.job.clone()));
    for gate in &status.gates {
        let open = !gate.state.is_finished() || meta.deleted.is_some();
        let begun = gate.start_time.is_some();
        if open && begun {
            reads.children.push((gate.kind, gate.child.clone()));
        }
    }
    if let Some(publish) = &status.publish {
        let open =
            !matches!(publish.state, PublishState::Published | PublishState::NotPublished | PublishState::Unknown);
        if open {
            reads.jobs.push(publish.job.clone());
            reads.publish_pods = publish.uid.clone().filter(|_| publish.state == PublishState::Ending);
        }
        if let Some(verify) = publish.verify.as_ref().filter(|v| !v.state.is_finished()) {
            reads.jobs.push(verify.job.clone());
        }
    }
    reads
}
