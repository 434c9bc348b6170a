//! What becomes of a `SoakTest` on the real cluster: short soaks of a real Deployment, by the operator that is installed there.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod candidate;
mod checks;
mod cleanup;
mod ends;
mod evidence;
mod hostile;
mod turns;
