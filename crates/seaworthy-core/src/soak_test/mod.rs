//! `SoakTest`: runs a controller under load for a time, samples it, and says whether it stayed fit.

pub mod status;

pub use status::{CheckStatus, EvidenceStatus, SampleCounts, SoakTestPhase, SoakTestStatus};
