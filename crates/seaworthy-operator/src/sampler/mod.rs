//! The sampler.
#![expect(dead_code, reason = "wip")]
mod fetch;
mod tls;
