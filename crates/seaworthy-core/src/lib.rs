//! The decisions of Seaworthy: what to do next about a `Release`, an `E2ERun` or a `SoakTest`, given what was observed.
//!
//! Why a crate of its own: everything that can be decided wrongly is here, and nothing here can do I/O, so all of it is
//! tested by tables, properties and models. Deliberately absent: Kubernetes clients, async, clocks, the environment,
//! randomness and hash maps (their order is random). Time enters as an argument, the world as an `Observed`.
//!
//! Each kind has one function `decide(&Observed, now) -> Plan` that is total and deterministic; see [`plan`] for the contract.

pub mod candidate;
pub mod condition;
pub mod e2e_run;
pub mod frame;
pub mod lock;
pub mod meta;
pub mod names;
pub mod plan;
pub mod presence;
pub mod release;
pub mod release_plan;
pub mod soak_test;
pub mod task;
#[cfg(test)]
mod testing;
pub mod time;
pub mod verdict;
pub mod version;
