//! Turns: at most one holder of something at a time (a plan's running Release, a soak's target).
//!
//! A lock is an object in the cluster that names its holder by UID, taken and given back by compare-and-swap. It never expires by
//! time: it is free again when its holder gives it back, or is gone, or is finished and cleaned up. Absent: clocks.

/// What a live read of a lock said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Lock {
    /// Nobody holds it, or its holder no longer exists.
    Free,
    /// The object under decision holds it.
    Mine,
    /// Another object holds it: `kind/namespace/name`, for messages.
    Held(String),
    /// Not read.
    #[default]
    Unknown,
}
