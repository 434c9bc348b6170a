//! Seaworthy's end-to-end tests: what several of them share.
//!
//! They run against the API server that `KUBECONFIG` names; `cargo xtask test` brings up a cluster and sets it.

pub mod api;
pub mod audit;
pub mod cluster;
pub mod counts;
pub mod faults;
pub mod operator;
pub mod shape;
pub mod soak;
pub mod writes;
