//! Acceptance: our finalizer, and the plan pinned as it is now. Editing the plan later never touches this Release.

use super::{
    draft::{Draft, Flow},
    observed::{Effect, Policy},
    status::{PlanSnapshot, ReleasePhase},
    waivers,
};
use crate::{
    condition::{ConditionStatus, Reason, types},
    presence::Presence,
    time::Seconds,
    verdict::Enforcement,
};

/// How long a Release waits for its plan to appear.
pub(super) const PLAN_WAIT: Seconds = Seconds::minutes(10);

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    if !d.seen.meta.finalizer {
        // What is to be told is told with the first thing that is known.
        d.status = d.seen.status.clone();
        d.effects.push(Effect::AddFinalizer);
        // Whatever comes between the two: a Release without the one or the other is taken up here again.
        let unpinned = d.seen.status.plan_snapshot.is_none() && d.seen.snapshot == Presence::AbsentLive;
        if unpinned && d.seen.plan == Presence::Present(()) {
            d.effects.push(Effect::CreateSnapshot);
        }
        return Flow::Stop;
    }
    match (&d.seen.status.plan_snapshot, &d.seen.snapshot) {
        (_, Presence::Unknown) => Flow::Stop,
        (None, Presence::AbsentLive) => pin(d),
        (None, Presence::Present(found)) => {
            d.status.plan_snapshot =
                Some(PlanSnapshot { name: found.name.clone(), hash: found.hash.clone(), ledger: found.ledger.clone() });
            d.arrived();
            let checked = found.policy.as_ref().map_err(Clone::clone).and_then(|policy| check(d, policy));
            match checked {
                Ok(()) => {
                    d.say(types::ACCEPTED, ConditionStatus::True, Reason::Valid, "the plan is pinned");
                    Flow::Next
                }
                Err(why) => {
                    d.say(types::ACCEPTED, ConditionStatus::False, Reason::InvalidSpec, why.clone());
                    d.end(ReleasePhase::Failed, Reason::InvalidSpec, why)
                }
            }
        }
        (Some(pinned), Presence::Present(found)) if found.hash == pinned.hash && found.policy.is_ok() => Flow::Next,
        (Some(pinned), Presence::Present(_) | Presence::AbsentLive) => {
            let message = format!(
                "the pinned plan {:?} was deleted or altered: what was tested can no longer be held against it; create the Release anew",
                pinned.name
            );
            d.end(ReleasePhase::Failed, Reason::InvalidSpec, message)
        }
    }
}

fn pin(d: &mut Draft<'_>) -> Flow {
    match d.seen.plan {
        Presence::Unknown => {}
        Presence::Present(()) => {
            d.status = d.seen.status.clone();
            d.effects.push(Effect::CreateSnapshot);
        }
        Presence::AbsentLive => {
            let message = format!(
                "spec.planRef.name: there is no ReleasePlan {:?} in this namespace: create it",
                d.seen.spec.plan
            );
            d.say(types::ACCEPTED, ConditionStatus::Unknown, Reason::PlanNotFound, message.clone());
            d.phase(ReleasePhase::Pending, Reason::PlanNotFound, message.clone());
            if d.waited(PLAN_WAIT) {
                return d.end(ReleasePhase::Failed, Reason::PlanNotFound, message);
            }
        }
    }
    Flow::Stop
}

/// What the API server cannot check, because it concerns the plan and the Release together.
fn check(d: &Draft<'_>, policy: &Policy) -> Result<(), String> {
    let spec = &d.seen.spec;
    if policy.version.explicit && spec.version.is_none() {
        return Err("spec.version is required: the plan's version.policy is Explicit".into());
    }
    match (policy.candidate.is_some(), spec.artifacts.is_empty()) {
        (true, false) => {
            return Err(
                "spec.artifacts must be empty: the plan builds the candidate itself (candidate.from: Task)".into()
            );
        }
        (false, true) => return Err("spec.artifacts is required: the plan says candidate.from: Release".into()),
        (true, true) | (false, false) => {}
    }
    for waiver in &spec.waivers {
        if let Some(why) = waivers::unknown(policy, &waiver.gate) {
            return Err(format!("spec.waivers: gate {:?}: {why}; correct it in a new Release", waiver.gate));
        }
    }
    if !policy.gates.iter().any(|g| g.enforcement == Enforcement::Required) {
        return Err(
            "the plan has no required gate: nothing could ever be proven; make one of gates[].enforcement Required"
                .into(),
        );
    }
    Ok(())
}
