//! From the API's types to what decisions need. One file per kind.

pub mod e2e_run;
pub mod release;
pub mod soak_test;
