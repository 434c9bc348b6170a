//! What every `decide` returns.
//!
//! The contract that makes a crash at any instant harmless:
//! - **A plan never holds an effect that relies on a status written by the same plan** (`recorded-before-effect`). Irrevocable steps wait
//!   until the recorded fact has been observed.
//! - Quiescence: the same observation gives the same plan; a plan without effects whose status equals the observed one ends the visit.
//! - A terminal verdict never changes for an object's UID (`terminal-is-final`).
//!
//! Absent: errors. An invalid spec is a value that yields a status which says so.

use crate::{condition::Reason, time::Timestamp};

/// What to record, do, and wait for. `S` is the kind's status, `E` its effects.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<S, E> {
    /// The whole status to record; written only when it differs from the observed one.
    pub status: S,
    /// What to do in the cluster, in this order; each is idempotent or carries its precondition.
    pub effects: Vec<E>,
    /// When to look again if nothing changes before.
    pub wake: Wake,
    /// What people are told, once: events.
    pub notes: Vec<Note>,
}

impl<S, E> Plan<S, E> {
    /// A plan that records `status` and does nothing more until something changes.
    pub const fn rest(status: S) -> Self {
        Self { status, effects: Vec::new(), wake: Wake::OnChange, notes: Vec::new() }
    }
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Wake {
    /// Only when something that is watched changes (a periodic resync catches lost events).
    #[default]
    OnChange,
    /// At this time at the latest.
    At(Timestamp),
}

impl Wake {
    /// The earlier of the two.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::At(a), Self::At(b)) => Self::At(a.min(b)),
            (Self::At(a), Self::OnChange) | (Self::OnChange, Self::At(a)) => Self::At(a),
            (Self::OnChange, Self::OnChange) => Self::OnChange,
        }
    }

    /// This, but no later than `at`.
    #[must_use]
    pub fn by(self, at: Timestamp) -> Self {
        self.or(Self::At(at))
    }
}

/// Something that people are told once, as an Event. Emitted on transitions only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Whether somebody should worry.
    pub kind: NoteKind,
    /// The same vocabulary as conditions.
    pub reason: Reason,
    /// Fact and remedy.
    pub message: String,
}

/// The type of an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// As expected.
    Normal,
    /// Somebody should look.
    Warning,
}
