//! Seaworthy.
