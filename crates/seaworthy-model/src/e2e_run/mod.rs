//! An `E2ERun` in a small world.
//!
//! [`world`] is the cluster around it and what must hold in it, [`model`] all that people and the cluster can do, [`scopes`] where a
//! search begins and how much may go wrong.

pub mod model;
pub mod scopes;
pub mod world;

pub use self::{
    model::{Event, RunModel},
    world::World,
};
