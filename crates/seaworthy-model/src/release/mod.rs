//! A Release in a small world.
//!
//! [`world`] is the cluster around it, [`model`] all that people and the cluster can do in it, [`check`] what must hold in
//! every state and what must come of it, [`scopes`] where a search begins and how much may go wrong.

pub mod check;
pub mod model;
pub mod scopes;
pub mod setting;
pub mod world;

pub use self::{
    model::{Event, Person, ReleaseModel},
    setting::{artifact, gate, policy, succeeded, yes},
    world::{UID, World},
};
pub use crate::jobs::failed;
