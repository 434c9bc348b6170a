//! Models of the cluster around the real `decide` functions: no copy of their logic, only of what the cluster does with effects.
//!
//! What: for each kind a small world (the API server's objects, Jobs that run, people who interfere), and two operators that visit it as
//! `seaworthy-operator/src/controller.rs` does, one step at a time: read the object, look at the rest and decide, write the whole status
//! under the resourceVersion that was read, carry out the effects one by one. Between any two steps everybody else can move, the operator
//! can die, an answer can be lost, a read can show an older object. Why: a checker then goes through all of it, and a table only through
//! what somebody thought of.
//!
//! Dev only. Deliberately absent: anything that decides, and time beyond a handful of ticks.

pub mod e2e_run;
pub mod jobs;
pub mod operator;
pub mod play;
pub mod release;
pub mod soak_test;
pub mod story;

use std::sync::Arc;

use seaworthy_core::time::Timestamp;

/// When every world begins.
pub const EPOCH: Timestamp = Timestamp::from_millis(1_000_000_000_000);

/// Something that a scope of a model fixes: the same in all its states, so it is no part of what tells them apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed<T>(pub Arc<T>);

impl<T> std::hash::Hash for Fixed<T> {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// How much may still go wrong in a scope: what bounds the number of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Budget {
    /// Deaths of an operator, lost answers, older views, jumps of a clock.
    pub faults: u8,
    /// Acts of people.
    pub people: u8,
    /// Jobs and children that do not end well.
    pub trouble: u8,
    /// Ticks of the clock.
    pub ticks: u8,
}

/// Takes one from a part of the budget; false when it is used up.
pub(crate) fn spend(part: &mut u8) -> bool {
    let left = *part > 0;
    *part = part.saturating_sub(1);
    left
}

/// A number that picks the same states in every run.
pub(crate) fn chance<T: std::hash::Hash>(value: &T) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
