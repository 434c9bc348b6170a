//! What decisions need to know of an object's metadata.

use crate::time::Timestamp;

/// The finalizer that holds an object until what owner references cannot collect has been cleaned up.
pub const FINALIZER: &str = "seaworthy.dev/cleanup";

/// The metadata of the object under decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`; verdicts are bound to it.
    pub uid: String,
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: i64,
    /// `metadata.creationTimestamp`.
    pub created: Timestamp,
    /// `metadata.deletionTimestamp`.
    pub deleted: Option<Timestamp>,
    /// Whether our [`FINALIZER`] is on the object.
    pub finalizer: bool,
    /// Whether the namespace itself is terminating: nothing can be created in it any more.
    pub namespace_terminating: bool,
}
