//! Numbers as people read them: those of the checks' messages, so that beside one of them its number reads the same.

pub(crate) use seaworthy_soak::unit::{amount, is_bytes, plain};
