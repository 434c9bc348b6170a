//! Seaworthy.

fn main() {}
