//! The operator under faults, on an API server of its own: `cargo xtask test --faults`.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod beside;
mod clean;
mod clock;
mod every_write;
mod killed;
mod missing;
mod numbers;
mod pace;
mod random;
mod rows;
mod two_operators;
