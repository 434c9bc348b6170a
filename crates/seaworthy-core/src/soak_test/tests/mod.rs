//! The decision against a small world: tables of ends, and every crash point.

mod crashes;
mod ends;
mod matching;
mod rests;
mod world;
