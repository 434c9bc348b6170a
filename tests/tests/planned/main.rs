//! Releases whose version comes from a real repository, read over http by the plan Job.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod batching;
mod git;
mod large;
mod ledger;
mod notes;
mod preview;
mod ssh;
mod tags;
mod world;
