//! Gates: every required one must hold positive evidence for exactly these digests, or be waived (`published-implies-gates`, I2).
//!
//! All gates are brought to their end before anything is published, so that advisory ones have reported too.

use super::{
    draft::{Draft, Flow},
    observed::{Child, ChildSight, Effect, GateRule, Policy},
    status::{GateState, GateStatus, ReleasePhase},
    waivers,
};
use crate::{
    condition::{self, ConditionStatus, Reason, cut, types},
    names,
    presence::Presence,
    task::Cause,
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
};

/// Reasons of a child that goes on as it should.
const STEPS: [Reason; 7] = [
    Reason::Pending,
    Reason::Running,
    Reason::SettingUp,
    Reason::WarmingUp,
    Reason::Measuring,
    Reason::Settling,
    Reason::TearingDown,
];

pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    if condition::is_true(&d.seen.status.conditions, types::VERIFIED) {
        return Flow::Next;
    }
    let Some(policy) = d.policy() else { return Flow::Stop };
    d.status.phase = ReleasePhase::Verifying;
    let new = d.status.gates.len() != policy.gates.len();
    if new {
        d.status.gates = policy.gates.iter().map(|g| planned(d, g)).collect();
        d.status.estimated_completion_time = estimate(policy, d.now);
    }
    let now = d.now;
    for index in 0..policy.gates.len() {
        // A gate that is new in this plan is Pending, so it can only become Starting in it: nothing is created for it yet.
        let recorded = if new { d.status.gates.get(index) } else { d.seen.status.gates.get(index) };
        let Some(recorded) = recorded.cloned() else { continue };
        let sight = d.seen.children.get(&recorded.child).cloned().unwrap_or_default();
        d.status.gates[index] = match recorded.state {
            GateState::Pending if may_start(d, &policy.gates[index]) => {
                GateStatus { state: GateState::Starting, start_time: Some(now), ..recorded }
            }
            GateState::Starting => starting(d, index, recorded, &sight),
            GateState::Running => running(recorded, &sight.child, now),
            GateState::Pending
            | GateState::Passed
            | GateState::Failed
            | GateState::Inconclusive
            | GateState::Skipped => recorded,
        };
    }
    judge(d)
}

fn planned(d: &Draft<'_>, gate: &GateRule) -> GateStatus {
    GateStatus {
        name: gate.name.clone(),
        kind: gate.kind,
        enforcement: gate.enforcement,
        child: names::fit(&format!("{}-{}", d.seen.meta.name, gate.name)),
        uid: None,
        state: GateState::Pending,
        reason: String::new(),
        message: String::new(),
        start_time: None,
        completion_time: None,
    }
}

/// The longest chain of known lengths from now on; only where something is known.
fn estimate(policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let mut ends: Vec<(&str, Seconds)> = Vec::new();
    for gate in &policy.gates {
        let before = ends.iter().filter(|(n, _)| gate.run_after.iter().any(|a| a == n)).map(|(_, end)| *end).max();
        ends.push((&gate.name, before.unwrap_or_default() + gate.length));
    }
    ends.iter().map(|(_, end)| *end).max().filter(|end| end.0 > 0).map(|end| now + end)
}

fn may_start(d: &Draft<'_>, gate: &GateRule) -> bool {
    !d.seen.spec.suspend
        && gate.run_after.iter().all(|name| {
            d.status.gates.iter().any(|g| {
                g.name == *name
                    && (g.state == GateState::Passed || (!waivers::can_stop(&d.status, g) && g.state.is_finished()))
            })
        })
}

fn starting(d: &mut Draft<'_>, index: usize, gate: GateStatus, sight: &ChildSight) -> GateStatus {
    let now = d.now;
    match &sight.child {
        Presence::Unknown => gate,
        Presence::Present(child) if child.owned => {
            let gate =
                GateStatus { uid: Some(child.uid.clone()), state: GateState::Running, message: String::new(), ..gate };
            running(gate, &sight.child, now)
        }
        Presence::Present(_) => {
            let message = format!(
                "an object named {:?} exists and was not made for this Release and plan: delete it",
                gate.child
            );
            over(gate, GateState::Failed, Reason::NameTaken.as_str(), message, now)
        }
        Presence::AbsentLive => match &sight.refused {
            Some(refusal) if refusal.cause == Cause::Impossible => {
                over(gate, GateState::Failed, refusal.reason.as_str(), refusal.message.clone(), now)
            }
            refused => {
                d.effects.push(Effect::CreateChild { gate: index });
                let message = refused.as_ref().map(|r| cut(r.message.clone(), 256)).unwrap_or_default();
                GateStatus { message, ..gate }
            }
        },
    }
}

/// A running gate takes over its child's verdict, once the child is Finished.
pub(super) fn running(gate: GateStatus, child: &Presence<Child>, now: Timestamp) -> GateStatus {
    let ours = |c: &Child| gate.uid.as_deref() == Some(c.uid.as_str()) && c.owned;
    match child {
        Presence::Unknown => gate,
        Presence::Present(c) if ours(c) => {
            let state = match c.verdict {
                // How far it is, it says itself: to copy that would be a write for each of its steps. What it waits for is copied.
                None if c.reason.is_empty() || STEPS.iter().any(|step| c.reason == step.as_str()) => {
                    return GateStatus { message: String::new(), reason: String::new(), ..gate };
                }
                None => {
                    return GateStatus { message: cut(c.message.clone(), 256), reason: c.reason.clone(), ..gate };
                }
                Some(Verdict::Passed) => GateState::Passed,
                Some(Verdict::Failed) => GateState::Failed,
                Some(Verdict::Inconclusive | Verdict::Error) => GateState::Inconclusive,
            };
            over(gate, state, c.reason.clone(), c.message.clone(), now)
        }
        Presence::Present(_) | Presence::AbsentLive => {
            let message = "its run was deleted by somebody: there is no evidence";
            over(gate, GateState::Inconclusive, Reason::InsufficientEvidence.as_str(), message.into(), now)
        }
    }
}

pub(super) fn over(gate: GateStatus, state: GateState, reason: String, message: String, now: Timestamp) -> GateStatus {
    GateStatus { state, reason, message: cut(message, 256), completion_time: Some(now), ..gate }
}

fn judge(d: &mut Draft<'_>) -> Flow {
    let can_stop = |g: &&GateStatus| waivers::can_stop(&d.status, g);
    let bad =
        d.status.gates.iter().filter(can_stop).find(|g| matches!(g.state, GateState::Failed | GateState::Inconclusive));
    if let Some(gate) = bad {
        let (phase, reason) = if gate.state == GateState::Failed {
            (ReleasePhase::Failed, Reason::GateFailed)
        } else {
            (ReleasePhase::Inconclusive, Reason::GateInconclusive)
        };
        let message = format!("gate {:?}: {}: {}", gate.name, gate.reason, gate.message);
        return d.end(phase, reason, message);
    }
    let done = d.status.gates.iter().filter(|g| g.state.is_finished()).count();
    let all = d.status.gates.len();
    if done < all {
        let mut names: Vec<&str> = d
            .status
            .gates
            .iter()
            .filter(|g| matches!(g.state, GateState::Running | GateState::Starting))
            .map(|g| &*g.name)
            .collect();
        names.truncate(4);
        if names.is_empty() && d.seen.spec.suspend {
            d.phase(ReleasePhase::Verifying, Reason::Suspended, "waits while spec.suspend is set");
        } else {
            let message = format!("{done} of {all} gates are done; {} run", names.join(", "));
            d.phase(ReleasePhase::Verifying, Reason::Verifying, message);
        }
        return Flow::Stop;
    }
    // `published-implies-gates`: nothing but Passed on every required gate that is not waived gets here.
    let required = d.status.gates.iter().filter(|g| g.enforcement == Enforcement::Required);
    let (passed, other): (Vec<_>, Vec<_>) = required.partition(|g| g.state == GateState::Passed);
    let waived: Vec<_> = other.iter().take(4).map(|g| format!("{} ({:?})", g.name, g.state)).collect();
    let waived =
        if waived.is_empty() { String::new() } else { format!("; {} waived: {}", other.len(), waived.join(", ")) };
    let message = format!("{} required gates passed for {} artifacts{waived}", passed.len(), d.status.artifacts.len());
    d.say(types::VERIFIED, ConditionStatus::True, Reason::GatesPassed, message);
    d.arrived();
    d.status.estimated_completion_time = None;
    // Notes are frozen only after it is recorded; the intent to publish is recorded in the same write.
    if d.status.notes.is_some() { Flow::Stop } else { Flow::Next }
}
