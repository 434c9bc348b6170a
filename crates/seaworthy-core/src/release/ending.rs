//! Ends: what was started is ended, the outcome is told, what is held is given back.
//!
//! `terminal-is-final`: an outcome is recorded in `status.ending` first and carried out afterwards; nothing replaces it.

use super::{
    draft::{Draft, Flow},
    gates::{over, running},
    number,
    observed::{Effect, Settle},
    publish,
    status::{Ending, GateState, ReleasePhase},
};
use crate::{
    condition::{ConditionStatus, Reason, types},
    lock::Lock,
    presence::Presence,
    task::{TaskStatus, cancel},
    time::Seconds,
    version::ledger::State,
};

/// The abort latch, as long as nothing has been handed to the publisher.
pub(super) fn abort(d: &mut Draft<'_>) -> Flow {
    if d.seen.spec.abort {
        return d.end(ReleasePhase::Aborted, Reason::Aborted, "a person aborted it");
    }
    Flow::Next
}

/// Ends what runs; then tells the outcome.
pub(super) fn carry_out(d: &mut Draft<'_>) {
    let Some(ending) = d.seen.status.ending.clone() else { return };
    let quiet = end_tasks(d, ending.reason) & end_children(d);
    if !quiet {
        let message = format!("ends what still runs; then: {}", ending.message);
        d.phase(d.seen.status.phase, ending.reason, message);
        d.by(d.now + Seconds(10));
        return;
    }
    tell(d, &ending);
}

fn end_tasks(d: &mut Draft<'_>, reason: Reason) -> bool {
    let mut quiet = true;
    let mut one = |d: &mut Draft<'_>, task: Option<TaskStatus>, effect: fn(crate::task::TaskEffect) -> Effect| {
        let task = task?;
        let step = cancel(&task, &d.sight(&task.job), reason, d.now);
        quiet &= step.record.state.is_finished();
        d.wake = d.wake.or(step.wake);
        d.effects.extend(step.effect.map(effect));
        Some(step.record)
    };
    d.status.planning = one(d, d.seen.status.planning.clone(), Effect::Planning);
    d.status.candidate = one(d, d.seen.status.candidate.clone(), Effect::Candidate);
    quiet
}

fn end_children(d: &mut Draft<'_>) -> bool {
    let mut quiet = true;
    let now = d.now;
    for (index, gate) in d.seen.status.gates.clone().into_iter().enumerate() {
        let child = d.seen.children.get(&gate.child).map(|s| s.child.clone()).unwrap_or_default();
        let skip =
            |gate| over(gate, GateState::Skipped, Reason::Aborted.as_str(), "the Release ended before".into(), now);
        d.status.gates[index] = match (gate.state, &child) {
            (GateState::Passed | GateState::Failed | GateState::Inconclusive | GateState::Skipped, _) => gate,
            (GateState::Pending, _) | (GateState::Starting, Presence::AbsentLive) => skip(gate),
            (GateState::Starting, Presence::Present(c)) if !c.owned => skip(gate),
            (GateState::Starting | GateState::Running, Presence::Unknown) => {
                quiet = false;
                gate
            }
            (GateState::Starting | GateState::Running, seen) => {
                let uid = gate.uid.clone().or_else(|| seen.present().map(|c| c.uid.clone()));
                let next = running(super::GateStatus { uid, state: GateState::Running, ..gate }, &child, now);
                if let (false, Presence::Present(c)) = (next.state.is_finished(), &child) {
                    quiet = false;
                    if !c.aborting {
                        let (kind, name, uid) = (next.kind, next.child.clone(), c.uid.clone());
                        d.effects.push(Effect::AbortChild { kind, name, uid });
                    }
                }
                next
            }
        };
    }
    quiet
}

/// Tells the outcome: the last change of this Release's verdict.
fn tell(d: &mut Draft<'_>, ending: &Ending) {
    let Ending { phase, reason, message } = ending.clone();
    let published = if phase == ReleasePhase::Published {
        ConditionStatus::True
    } else if phase == ReleasePhase::PublishUnknown {
        ConditionStatus::Unknown
    } else {
        ConditionStatus::False
    };
    if !crate::condition::is_true(&d.status.conditions, types::VERIFIED) {
        d.say(types::VERIFIED, ConditionStatus::False, reason, message.clone());
    }
    if crate::condition::get(&d.status.conditions, types::ACCEPTED)
        .is_some_and(|c| c.status == ConditionStatus::Unknown)
    {
        d.say(types::ACCEPTED, ConditionStatus::False, reason, message.clone());
    }
    d.say(types::PUBLISHED, published, reason, message.clone());
    d.say(types::FINISHED, ConditionStatus::True, reason, message);
    d.status.phase = phase;
    d.status.completion_time = Some(d.now);
    d.arrived();
    d.status.estimated_completion_time = None;
}

/// After the outcome: the number is settled, the turn given back, the finalizer taken off. Every step is repeated until it is seen done.
pub(super) fn clean_up(d: &mut Draft<'_>) {
    if !d.seen.meta.finalizer {
        return;
    }
    give_back(d);
}

fn give_back(d: &mut Draft<'_>) {
    if d.seen.meta.namespace_terminating {
        // Nothing can be written here any more, and everything in it goes anyway.
        d.effects.push(Effect::RemoveFinalizer);
        return;
    }
    let (Presence::Present(ledger), turn) = (&d.seen.ledger, &d.seen.turn) else {
        d.by(d.now + number::LOOK);
        return;
    };
    let uid = &d.seen.meta.uid;
    // A Release that had its turn may have asked for a number by a write that is still under way: its name is struck off.
    let may_ask = d.seen.status.start_time.is_some() && !ledger.is_closed(uid);
    let open = ledger.entry(uid).map_or(may_ask, |e| e.state == State::Reserved);
    if open {
        // What is resolved as published and has no number (any more) is only kept from taking one late.
        let lost = ledger.entry(uid).is_none() && d.seen.status.resolution.is_some();
        let settle = if lost { Settle::BurnFinal } else { publish::settlement(&d.seen.status) };
        d.effects.push(Effect::Settle(settle));
        return;
    }
    match turn {
        Lock::Mine => d.effects.push(Effect::ReleaseTurn),
        Lock::Unknown => d.by(d.now + Seconds(5)),
        Lock::Free | Lock::Held(_) => d.effects.push(Effect::RemoveFinalizer),
    }
}

/// The Release was deleted: tasks are ended, children deleted (each cleans up after itself), then what is held is given back.
pub(super) fn delete(d: &mut Draft<'_>) {
    if !d.seen.meta.finalizer {
        return;
    }
    if d.seen.meta.namespace_terminating {
        d.effects.push(Effect::RemoveFinalizer);
        return;
    }
    let mut quiet = end_tasks(d, Reason::Deleted);
    for gate in d.seen.status.gates.iter().filter(|g| g.start_time.is_some()) {
        let child = d.seen.children.get(&gate.child).map(|s| s.child.clone()).unwrap_or_default();
        match child {
            Presence::AbsentLive => {}
            Presence::Unknown => quiet = false,
            Presence::Present(c) if !c.owned => {}
            Presence::Present(c) => {
                quiet = false;
                if !c.deleting {
                    d.effects.push(Effect::DeleteChild { kind: gate.kind, name: gate.child.clone(), uid: c.uid });
                }
            }
        }
    }
    d.phase(d.seen.status.phase, Reason::Deleted, "is being deleted: ends what runs and gives back what it holds");
    if quiet {
        give_back(d);
    } else {
        d.by(d.now + Seconds(5));
    }
}
