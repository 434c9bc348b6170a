//! Models of the cluster around the real `decide` functions: no copy of their logic, only of what the cluster does with effects.
//!
//! Dev only. Deliberately absent: anything that decides.

pub mod release;
