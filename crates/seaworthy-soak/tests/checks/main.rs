//! Every rule: what passes, what fails, and that no evidence never passes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may")]

mod aggregates;
mod counters;
mod edges;
mod facts;
mod holes;
mod metrics;
mod no_evidence;
mod rates;
mod targets;
mod trace;
mod world;
