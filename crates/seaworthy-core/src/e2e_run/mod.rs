//! `E2ERun`: runs suites as Jobs, each attempt in a fresh world, and says whether the candidate passed them.

pub mod status;

pub use status::{E2eRunPhase, E2eRunStatus, SuiteState, SuiteStatus};
