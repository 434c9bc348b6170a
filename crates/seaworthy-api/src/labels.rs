//! Labels and annotations on what we create.

/// Marks the release notes, which people may edit.
pub const NOTES: &str = "seaworthy.dev/notes";
/// `app.kubernetes.io/managed-by`, with the value [`MANAGER`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Who manages what we create.
pub const MANAGER: &str = "seaworthy";
/// The kind of the owner: `Release`, `E2ERun` or `SoakTest`.
pub const OWNER_KIND: &str = "seaworthy.dev/owner-kind";
/// The name of the owner; on Jobs and their pods, so that a pod's change wakes its owner.
pub const OWNER: &str = "seaworthy.dev/owner";
/// What a Job is for: `candidate`, `setup`, `publish`, ...
pub const PURPOSE: &str = "seaworthy.dev/purpose";
/// The UID of the SoakTest whose evidence a ConfigMap holds.
pub const EVIDENCE: &str = "seaworthy.dev/evidence";
/// The name of the Release that a child belongs to.
pub const RELEASE: &str = "seaworthy.dev/release";
/// The name of the gate that a child is for.
pub const GATE: &str = "seaworthy.dev/gate";

/// Annotation on a workload's pod: the faults that the load makes, a JSON list of `{"start": ..., "end": ..., "kind": ...}` with RFC 3339
/// times. Trends leave samples from these windows out.
pub const FAULTS: &str = "seaworthy.dev/faults";
