//! Approval: with `Manual` a person says yes or no before anything is published, within a limit.

use super::{
    draft::{Draft, Flow},
    status::ReleasePhase,
};
use crate::condition::Reason;

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    let Some(policy) = d.policy() else { return Flow::Stop };
    if let Some(limit) = policy.approval {
        match &d.seen.spec.approval {
            Some(word) if word.approved => {}
            Some(word) => {
                let message = format!("a person rejected it: {}", word.reason);
                return d.end(ReleasePhase::Failed, Reason::Rejected, message);
            }
            None => {
                let expired = d.waited(limit);
                let message = format!(
                    "{} is ready; approve it with `kubectl seaworthy approve {}` within {limit}",
                    d.status.version, d.seen.meta.name
                );
                d.phase(ReleasePhase::AwaitingApproval, Reason::AwaitingApproval, message);
                if expired {
                    return d.end(
                        ReleasePhase::Failed,
                        Reason::ApprovalExpired,
                        format!("nobody approved within {limit}"),
                    );
                }
                return Flow::Stop;
            }
        }
    }
    if d.seen.spec.suspend {
        d.phase(ReleasePhase::AwaitingApproval, Reason::Suspended, "waits while spec.suspend is set");
        return Flow::Stop;
    }
    Flow::Next
}
