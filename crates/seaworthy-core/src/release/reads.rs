//! What a visit has to read, so that the shell need not judge. Pure.

use super::{
    observed::{Concurrency, Policy},
    resolution,
    status::{GateKind, PublishState, ReleaseStatus},
};
use crate::{condition, lock::Lock, meta::Meta};

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
    /// The plan's other Releases; see also [`Reads::siblings_beside`].
    pub siblings: bool,
    /// Jobs by name, with their pods.
    pub jobs: Vec<String>,
    /// Jobs by name of which only the Job itself is looked at.
    pub jobs_alone: Vec<String>,
    /// Children by kind and name.
    pub children: Vec<(GateKind, String)>,
    /// The UID by which to list the publisher's pods.
    pub publish_pods: Option<String>,
}

impl Reads {
    /// Whether to read the plan's other Releases once the turn is seen: who has it already begins, whoever else waits.
    pub fn siblings_beside(&self, turn: &Lock) -> bool {
        self.siblings && !(self.turn && *turn == Lock::Mine)
    }
}

/// What a decision on this status will look at.
pub fn reads(meta: &Meta, status: &ReleaseStatus, policy: Option<&Policy>) -> Reads {
    let finished = condition::is_true(&status.conditions, condition::types::FINISHED);
    let closing = meta.deleted.is_some() || finished;
    let verified = condition::is_true(&status.conditions, condition::types::VERIFIED);
    let started = status.start_time.is_some();
    let resolving = status.resolution.is_some() && resolution::is_open(status) && meta.deleted.is_none();
    // From the last gate on: what is verified may be published in the same visit, and not under a number that another Release used.
    let last = !status.gates.is_empty() && status.gates.iter().filter(|gate| !gate.state.is_finished()).count() <= 1;
    let publishes_next = last && status.publish.is_none() && status.ending.is_none();
    let numbers = started && (status.version.is_empty() || publishes_next);
    let mut reads = Reads {
        plan: status.plan_snapshot.is_none() && !closing,
        facts: !closing && status.version.is_empty(),
        ledger: if closing { meta.finalizer || resolving } else { numbers },
        notes: !closing
            && status.ending.is_none()
            && status.publish.is_none()
            && started
            && policy.is_some_and(|p| p.notes.is_some()),
        turn: if closing { meta.finalizer } else { !started },
        siblings: !closing
            && status.ending.is_none()
            // Whoever has no place in the queue yet looks at nobody else's.
            && policy.is_some_and(|p| p.version.explicit || status.position.is_some())
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
        match publish.state {
            // It is suspended: what counts is whether it is there, and whether it still is.
            PublishState::Intended | PublishState::Created => reads.jobs_alone.push(publish.job.clone()),
            PublishState::Running => reads.jobs.push(publish.job.clone()),
            PublishState::Ending => {
                reads.jobs_alone.push(publish.job.clone());
                reads.publish_pods.clone_from(&publish.uid);
            }
            // Only `verify`, or CI, is left to be asked, or nobody.
            PublishState::External
            | PublishState::Completed
            | PublishState::Ended
            | PublishState::Published
            | PublishState::NotPublished
            | PublishState::Unknown => {}
        }
        if let Some(verify) = publish.verify.as_ref().filter(|v| !v.state.is_finished()) {
            reads.jobs.push(verify.job.clone());
        }
    }
    reads
}
