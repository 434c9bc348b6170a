//! Release notes: drafted with the version, kept beside the Release, a person's to edit until they are approved or publishing begins.
//!
//! Absent: what the notes say (`version::notes`), and whether somebody agreed ([`super::approval`]).

use super::{
    draft::{Draft, Flow},
    observed::{Effect, Notes},
    status::{NotesStatus, ReleasePhase},
};
use crate::{
    condition::{Reason, cut},
    presence::Presence,
    version::{VersionPlan, notes},
};

/// Longest beginning of the notes in the status, in bytes.
const PREVIEW: usize = 1024;

/// Puts the draft beside the Release before the version is recorded, so that a version with a history never lacks notes.
pub(super) fn draft(d: &mut Draft<'_>, plan: &VersionPlan) -> Flow {
    let Some(rules) = d.policy().and_then(|policy| policy.notes.as_ref()) else { return Flow::Next };
    match &d.seen.notes {
        Presence::Unknown => Flow::Stop,
        Presence::Present(found) if found.owned => {
            d.status.notes = Some(status(found));
            Flow::Next
        }
        Presence::Present(found) => taken(d, found),
        Presence::AbsentLive => {
            let day: String = d.now.to_string().chars().take(10).collect();
            match notes::draft(plan, rules, &day) {
                Ok(text) => {
                    d.effects.push(Effect::DraftNotes { text });
                    Flow::Stop
                }
                Err(why) => d.end(ReleasePhase::Failed, Reason::PlanningFailed, why.to_string()),
            }
        }
    }
}

/// Follows what people write until publishing begins.
pub(super) fn stage(d: &mut Draft<'_>) -> Flow {
    let Some(recorded) = d.seen.status.notes.clone() else { return Flow::Next };
    match &d.seen.notes {
        Presence::Unknown => Flow::Stop,
        Presence::Present(found) if found.owned => {
            d.status.notes = Some(status(found));
            Flow::Next
        }
        Presence::Present(found) => taken(d, found),
        Presence::AbsentLive => {
            let message = format!("the release notes {:?} were deleted: create the Release anew", recorded.config_map);
            d.end(ReleasePhase::Failed, Reason::InvalidSpec, message)
        }
    }
}

/// Nothing is published with notes that somebody can still change.
pub(super) fn freeze(d: &mut Draft<'_>) -> Flow {
    let (Some(_), Presence::Present(found)) = (&d.seen.status.notes, &d.seen.notes) else { return Flow::Next };
    if found.frozen {
        return Flow::Next;
    }
    d.effects.push(Effect::FreezeNotes {
        name: found.name.clone(),
        uid: found.uid.clone(),
        resource_version: found.resource_version.clone(),
    });
    Flow::Stop
}

fn taken(d: &mut Draft<'_>, found: &Notes) -> Flow {
    let message = format!("a ConfigMap {:?} is there and is not of this Release: delete it", found.name);
    d.end(ReleasePhase::Failed, Reason::NameTaken, message)
}

fn status(found: &Notes) -> NotesStatus {
    NotesStatus {
        config_map: found.name.clone(),
        digest: found.digest.clone(),
        preview: cut(found.preview.clone(), PREVIEW),
    }
}
