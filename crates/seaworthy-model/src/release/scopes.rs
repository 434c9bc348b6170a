//! Where searches begin, and how much may go wrong in each.
//!
//! A whole Release with everything at once has too many states to go through; each scope is small enough to be gone through to its end,
//! and together they cover every stage.

use seaworthy_core::{
    release::{
        GateKind,
        observed::{Concurrency, Policy, PublishRule},
    },
    time::Seconds,
    verdict::Verdict,
};

use super::{
    model::{Person, ReleaseModel},
    setting::{gate, policy, succeeded},
    world::World,
};
use crate::{Budget, jobs::failed, operator::Subject as _, play::Play};

/// The names of all scopes.
pub const NAMES: [&str; 9] =
    ["publish", "late", "publish-again", "unverified", "resolved", "external", "gates", "queue", "whole"];

/// The scope of that name; `more`: with so many more faults, acts of people and troubles than a test has time for.
pub fn scope(name: &str, more: u8) -> Option<ReleaseModel> {
    named(name).map(|model| model.more(more))
}

fn named(name: &str) -> Option<ReleaseModel> {
    let one = Policy { gates: vec![gate("suites", GateKind::E2ERun, &[])], ..policy() };
    let again = Policy { publish: PublishRule { max_attempts: 2, ..one.publish.clone() }, ..one.clone() };
    let unverified = Policy { publish: PublishRule { verify: None, ..one.publish.clone() }, ..one.clone() };
    let external = Policy {
        publish: PublishRule { external: true, timeout: Seconds::minutes(5), ..one.publish.clone() },
        ..one.clone()
    };
    let two = Policy {
        gates: vec![gate("suites", GateKind::E2ERun, &[]), gate("soak", GateKind::SoakTest, &[])],
        deadline: Seconds::minutes(15),
        ..policy()
    };
    let manual = Policy { approval: Some(Seconds::minutes(15)), concurrency: Concurrency::Supersede, ..one.clone() };
    let (verify, publish) = (Person::DeleteJob("rel-verify-1-1".into()), Person::DeleteJob("rel-publish-1".into()));
    Some(match name {
        "publish" => Play::new(
            verified(one),
            Budget { faults: 1, people: 1, trouble: 1, ticks: 0 },
            vec![publish.clone(), verify, Person::Abort, Person::Suspend, Person::Delete, Person::DeleteSnapshot],
        ),
        "late" => Play::new(
            verified(one),
            Budget { faults: 0, people: 1, trouble: 1, ticks: 2 },
            vec![publish, Person::Delete],
        ),
        "publish-again" => Play::new(
            verified(again),
            Budget { faults: 1, people: 1, trouble: 2, ticks: 0 },
            vec![publish, Person::DeleteJob("rel-publish-2".into()), Person::Delete],
        ),
        "unverified" => Play::new(
            verified(unverified),
            Budget { faults: 1, people: 1, trouble: 1, ticks: 0 },
            vec![publish, Person::Abort, Person::Delete],
        ),
        "resolved" => Play::new(
            unknown(unverified),
            Budget { faults: 1, people: 2, trouble: 1, ticks: 1 },
            vec![Person::Resolve, Person::Delete, Person::DeleteSnapshot],
        ),
        "external" => Play::new(
            verified(external),
            Budget { faults: 1, people: 3, trouble: 1, ticks: 1 },
            vec![Person::Publish, Person::Report(true), Person::Report(false), Person::Abort, Person::Delete],
        ),
        "gates" => Play::new(
            at_gates(two),
            Budget { faults: 1, people: 1, trouble: 1, ticks: 2 },
            vec![
                Person::DeleteChild("rel-suites".into()),
                Person::Waive("suites".into()),
                Person::Abort,
                Person::Suspend,
                Person::Delete,
            ],
        ),
        "queue" => Play::new(
            World::new(manual),
            Budget { faults: 1, people: 2, trouble: 0, ticks: 2 },
            vec![Person::Newer, Person::Approve(true), Person::Approve(false), Person::Suspend, Person::Resume],
        ),
        "whole" => Play::new(
            World::new(one),
            Budget { faults: 1, people: 1, trouble: 0, ticks: 0 },
            vec![
                Person::Abort,
                Person::Delete,
                Person::DeleteSnapshot,
                Person::DeleteJob("rel-candidate-1".into()),
                publish,
            ],
        ),
        _ => return None,
    })
}

/// A world whose Release has come as far as its gates' children.
pub fn at_gates(plan: Policy) -> World {
    let mut w = World::new(plan);
    w.settle();
    w.end_job("rel-candidate-1", succeeded());
    w.settle();
    w
}

/// A world whose Release has a publish Job that was marked failed while its pod still runs, and nobody to ask.
fn unknown(plan: Policy) -> World {
    let mut w = verified(plan);
    w.settle();
    w.jobs.mark("rel-publish-1", failed(1));
    w
}

/// A world whose Release has its gates passed in the next visits, and nothing else before publishing.
fn verified(plan: Policy) -> World {
    let mut w = at_gates(plan);
    w.end_child("rel-suites", Verdict::Passed);
    w
}
