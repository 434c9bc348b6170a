//! Where searches begin, and how much may go wrong in each.

use seaworthy_core::{e2e_run::Spec, time::Seconds};

use super::{
    model::RunModel,
    world::{World, spec, suite},
};
use crate::{
    Budget,
    operator::Subject as _,
    play::{Person, Play},
};

/// The names of all scopes.
pub const NAMES: [&str; 5] = ["e2e", "e2e-again", "e2e-late", "e2e-two", "e2e-ends"];

/// The scope of that name; `more`: with so many more faults, acts of people and troubles than a test has time for.
pub fn scope(name: &str, more: u8) -> Option<RunModel> {
    named(name).map(|model| model.more(more))
}

fn named(name: &str) -> Option<RunModel> {
    let one = spec(vec![suite("a", 1)]);
    let short = Spec { deadline: Seconds::minutes(15), ..one.clone() };
    let again = Spec { setup: None, ..spec(vec![suite("a", 2)]) };
    let two = Spec { setup: None, parallelism: 2, fail_fast: true, ..spec(vec![suite("a", 1), suite("b", 1)]) };
    let jobs = |names: &[&str]| names.iter().map(|n| Person::DeleteJob((*n).to_owned())).collect::<Vec<_>>();
    let with = |mut people: Vec<Person>, more: &[Person]| {
        people.extend_from_slice(more);
        people
    };
    Some(match name {
        // One suite from its first visit to its end.
        "e2e" => Play::new(World::new(one), Budget { faults: 1, people: 0, trouble: 1, ticks: 0 }, Vec::new()),
        "e2e-again" => Play::new(World::new(again), Budget { faults: 0, people: 0, trouble: 2, ticks: 0 }, Vec::new()),
        "e2e-late" => Play::new(World::new(short), Budget { faults: 0, people: 0, trouble: 1, ticks: 2 }, Vec::new()),
        "e2e-two" => Play::new(
            under_way(two),
            Budget { faults: 0, people: 1, trouble: 1, ticks: 0 },
            with(jobs(&["run-a-run-1"]), &[Person::Abort, Person::Delete]),
        ),
        "e2e-ends" => Play::new(
            World::new(one),
            Budget { faults: 0, people: 1, trouble: 0, ticks: 0 },
            with(
                jobs(&["run-a-setup-1", "run-a-run-1", "run-a-teardown-1"]),
                &[Person::Abort, Person::Suspend, Person::Delete, Person::DeleteNamespace],
            ),
        ),
        _ => return None,
    })
}

/// A world in which the first suites run.
fn under_way(spec: Spec) -> World {
    let mut world = World::new(spec);
    world.settle();
    world
}
