//! External publishing: CI publishes, and its report stands for a Job. The same protocol otherwise.
//!
//! The intent is recorded, so nothing of it is published before its gates have passed; CI publishes exactly the recorded digests and reports
//! once; then `verify` decides. A report of other bytes is `PublishUnknown`, and so is silence, unless `verify` finds it out: who has not
//! reported may still publish, so silence never proves that it is not out.

use super::{
    draft::{Draft, Flow},
    observed::ExternalPublish,
    publish::to,
    status::{PublishOutcome, PublishState, PublishStatus, ReleasePhase, ReportStatus, ReportedArtifact},
};
use crate::{
    candidate::Artifact,
    condition::{ConditionStatus, Reason, types},
    time::Seconds,
};

/// Records the intent and says what CI must do.
pub(super) fn begin(d: &mut Draft<'_>, timeout: Seconds) -> Flow {
    d.arrived();
    d.status.publish = Some(PublishStatus {
        attempt: 1,
        job: String::new(),
        uid: None,
        state: PublishState::External,
        start_time: d.now,
        message: String::new(),
        report: None,
        verify: None,
    });
    d.status.deadline = Some(d.now + timeout);
    let (name, version) = (&d.seen.meta.name, &d.status.version);
    let message = format!(
        "publish {version} with exactly the digests in status.artifacts, then report within {timeout}: `kubectl seaworthy published {name} --artifact NAME=DIGEST`; from here on suspend and abort wait"
    );
    d.phase(ReleasePhase::Publishing, Reason::AwaitingReport, message.clone());
    d.say(types::PUBLISHED, ConditionStatus::Unknown, Reason::AwaitingReport, message);
    Flow::Stop
}

/// Waits for the report, for a while.
pub(super) fn awaited(d: &mut Draft<'_>, publish: PublishStatus, timeout: Seconds) -> PublishStatus {
    let limit = publish.start_time + timeout;
    if let Some(report) = &d.seen.spec.external_publish {
        d.status.deadline = None;
        let ExternalPublish { outcome, artifacts, by, reason } = report.clone();
        let wrong = difference(&d.status.artifacts, &artifacts);
        let publish = PublishStatus {
            report: Some(ReportStatus { outcome, artifacts, by: by.clone(), reason: reason.clone(), time: d.now }),
            ..publish
        };
        return match (outcome, wrong) {
            (PublishOutcome::NotPublished, _) => {
                to(publish, PublishState::Ended, format!("{by} reports that it was not published: {reason}"))
            }
            (PublishOutcome::Published, None) => to(publish, PublishState::Completed, ""),
            (PublishOutcome::Published, Some(wrong)) => to(publish, PublishState::Unknown, wrong),
        };
    }
    if d.now >= limit {
        d.status.deadline = None;
        return to(publish, PublishState::Ended, format!("nobody reported within {timeout}"));
    }
    d.by(limit);
    publish
}

/// In what the reported artifacts differ from the tested ones.
fn difference(tested: &[Artifact], reported: &[ReportedArtifact]) -> Option<String> {
    let missing = tested.iter().find(|t| !reported.iter().any(|r| r.name == t.name));
    let other = reported.iter().find(|r| !tested.iter().any(|t| t.name == r.name && t.digest == r.digest));
    match (other, missing) {
        (Some(ReportedArtifact { name, digest }), _) => Some(match tested.iter().find(|t| t.name == *name) {
            Some(t) => format!("the report says that {name} is out as {digest}, but {} was tested", t.digest),
            None => format!("the report says that {name} is out as {digest}, but no artifact of that name was tested"),
        }),
        (None, Some(t)) => Some(format!("the report does not say that {} is out, which was tested", t.name)),
        (None, None) => None,
    }
}
