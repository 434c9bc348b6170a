//! Fault injection: the operator itself in the test's process, a real API server, and between them a layer that breaks calls on purpose.
//!
//! What: [`layer`] is the tower layer, [`instance`] runs the operator and kills it, [`node`] is a node whose kubelet is played by the test, so
//! that a task costs two writes and no process, [`lab`] brings them together, [`world`] compares what a Release left behind. Why in one
//! process: a kill at an exact write needs no signal that arrives in time. Deliberately absent: anything of this in what is shipped; the
//! operator takes whatever client it is given.

pub mod canonical;
pub mod instance;
pub mod lab;
pub mod layer;
pub mod node;
pub mod plan;
pub mod process;
pub mod world;
