//! Where searches begin, and how much may go wrong in each.

use seaworthy_core::soak_test::SoakSpec;

use super::{
    model::SoakModel,
    world::{World, spec},
};
use crate::{
    Budget,
    operator::Subject as _,
    play::{Person, Play, World as _},
};

/// The names of all scopes.
pub const NAMES: [&str; 4] = ["soak-turn", "soak-sampled", "soak-ends", "soak-cleanup"];

/// The scope of that name; `more`: with so many more faults, acts of people and troubles than a test has time for.
pub fn scope(name: &str, more: u8) -> Option<SoakModel> {
    named(name).map(|model| model.more(more))
}

fn named(name: &str) -> Option<SoakModel> {
    let without_setup = SoakSpec { setup: None, ..spec() };
    let jobs = |names: &[&str]| names.iter().map(|n| Person::DeleteJob((*n).to_owned())).collect::<Vec<_>>();
    Some(match name {
        // The target is wanted by two.
        "soak-turn" => Play::new(
            World::new(spec()),
            Budget { faults: 1, people: 1, trouble: 0, ticks: 0 },
            vec![Person::Suspend, Person::Abort, Person::Delete, Person::DeleteNamespace],
        ),
        // From the first slot to the verdict, and what a death of an operator costs.
        "soak-sampled" => {
            Play::new(sampled(without_setup, 0), Budget { faults: 1, people: 0, trouble: 0, ticks: 5 }, Vec::new())
        }
        // Every end from outside while the load runs.
        "soak-ends" => Play::new(
            sampled(without_setup, 1),
            Budget { faults: 1, people: 1, trouble: 1, ticks: 0 },
            [jobs(&["soak-workload-1", "soak-teardown-1"]), vec![Person::Abort, Person::Delete]].concat(),
        ),
        // The teardown, while clocks run.
        "soak-cleanup" => {
            let mut world = sampled(without_setup, 1);
            world.write().spec.abort = true;
            Play::new(world, Budget { faults: 1, people: 0, trouble: 1, ticks: 3 }, Vec::new())
        }
        _ => return None,
    })
}

/// A world whose soak is so many ticks after its first slot.
fn sampled(spec: SoakSpec, ticks: u32) -> World {
    let mut world = World::new(spec);
    world.settle();
    for _ in 0..ticks {
        world.tick();
        world.settle();
    }
    world
}
