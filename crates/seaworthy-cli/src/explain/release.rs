//! Plans about a Release in words.

use seaworthy_core::{
    condition::Condition,
    release::{
        Effect, GateKind, Observed, ReleaseStatus, Settle,
        observed::{Child, Sibling},
    },
};
use seaworthy_operator::kinds::release::ReleaseKind;

use super::{
    Told,
    job::{self, presence},
};
use crate::{look::Mark, tree::release::mark};

impl Told for ReleaseKind {
    fn does(observed: &Observed, effect: &Effect) -> String {
        match effect {
            Effect::AddFinalizer => "put its finalizer on the Release".into(),
            Effect::RemoveFinalizer => "take its finalizer off the Release".into(),
            Effect::CreateSnapshot => format!("pin the plan {:?} as it is now", observed.spec.plan),
            Effect::Planning(effect) => job::effect("plan", effect),
            Effect::StoreFacts { .. } => "keep what the plan Job read from the repository".into(),
            Effect::AcquireTurn => "take the plan's turn, so that no other Release of it runs".into(),
            Effect::ReleaseTurn => "give the plan's turn back".into(),
            Effect::Reserve { version, candidate } => {
                format!("reserve version {version} (candidate {candidate}) in the ledger")
            }
            Effect::DraftNotes { .. } => "put the draft of the release notes beside the Release".into(),
            Effect::FreezeNotes { name, .. } => format!("make the release notes {name} unchangeable"),
            Effect::Settle(Settle::Published) => "mark its version in the ledger as published".into(),
            Effect::Settle(Settle::BurnCandidate) => "mark its candidate's label in the ledger as used up".into(),
            Effect::Settle(Settle::BurnFinal) => "mark its version in the ledger as used up".into(),
            Effect::Candidate(effect) => job::effect("candidate", effect),
            Effect::CreateChild { gate } => created(observed, *gate),
            Effect::AbortChild { kind, name, .. } => format!("ask {} to end", child_name(*kind, name)),
            Effect::DeleteChild { kind, name, uid } => format!("delete {} (UID {uid})", child_name(*kind, name)),
            Effect::CreatePublish { job, attempt } => {
                format!("create the suspended publish Job {job} (attempt {attempt})")
            }
            Effect::Unsuspend { job, uid, resource_version } => {
                format!("let the publish Job {job} run, if it still is UID {uid} in version {resource_version}")
            }
            Effect::StopPublish { job, uid } => format!("delete the publish Job {job} (UID {uid}), pods first"),
            Effect::Verify(effect) => job::effect("verify", effect),
        }
    }

    fn saw(observed: &Observed) -> Vec<(String, String)> {
        let seen = [
            (format!("plan {}", observed.spec.plan), presence(&observed.plan, |()| "there".into())),
            (
                "pinned plan".into(),
                presence(&observed.snapshot, |s| match &s.policy {
                    Ok(_) => format!("{} {}", s.name, s.hash),
                    Err(problem) => format!("{} cannot be worked with: {problem}", s.name),
                }),
            ),
            (
                "history".into(),
                presence(&observed.facts, |facts| match facts {
                    Ok(facts) => format!("{} commits, {} tags", facts.commits.len(), facts.tags.len()),
                    Err(problem) => problem.clone(),
                }),
            ),
            ("the plan's turn".into(), job::lock(&observed.turn)),
        ];
        let mut saw: Vec<(String, String)> =
            seen.into_iter().filter_map(|(what, state)| Some((what, state?))).collect();
        saw.extend(observed.jobs.iter().map(|(name, sight)| (format!("Job {name}"), job::sight(sight))));
        for (name, sight) in &observed.children {
            let refused = sight.refused.as_ref().map(|r| format!("; its create was refused: {}", r.message));
            let state = presence(&sight.child, child).unwrap_or_else(|| "could not be read".to_owned());
            saw.push((format!("child {name}"), state + &refused.unwrap_or_default()));
        }
        if let Some(pods) = observed.publish_pods.present() {
            saw.push(("pods of the publish Job that are not over".into(), pods.to_string()));
        }
        saw.extend(
            observed.siblings.present().into_iter().flatten().map(|s| (format!("release {}", s.name), sibling(s))),
        );
        saw
    }

    fn conditions(status: &ReleaseStatus) -> &[Condition] {
        &status.conditions
    }

    fn phase(status: &ReleaseStatus) -> (String, Mark) {
        (format!("{:?}", status.phase), mark(status.phase))
    }
}

fn created(observed: &Observed, gate: usize) -> String {
    match observed.status.gates.get(gate) {
        Some(gate) => format!("create {} for gate {}", child_name(gate.kind, &gate.child), gate.name),
        None => format!("create the child of gate {gate}"),
    }
}

fn child_name(kind: GateKind, name: &str) -> String {
    match kind {
        GateKind::E2ERun => format!("e2e/{name}"),
        GateKind::SoakTest => format!("soak/{name}"),
    }
}

fn child(child: &Child) -> String {
    let mut parts = vec![child.verdict.map_or_else(|| "not finished".to_owned(), |v| format!("finished: {v:?}"))];
    parts.extend((!child.owned).then(|| "not ours, or not for these digests and this plan".to_owned()));
    parts.extend(child.aborting.then(|| "asked to end".to_owned()));
    parts.extend(child.deleting.then(|| "being deleted".to_owned()));
    let why = [&child.reason, &child.message].into_iter().filter(|t| !t.is_empty());
    parts.extend(Some(why.map(String::as_str).collect::<Vec<_>>().join(": ")).filter(|t| !t.is_empty()));
    parts.join(", ")
}

fn sibling(sibling: &Sibling) -> String {
    let mut parts = vec![format!("{:?}", sibling.phase)];
    parts.extend(sibling.position.map(|p| format!("position {p} in history")));
    parts.extend(sibling.ending.then(|| "ending".to_owned()));
    parts.join(", ")
}
