//! All that can happen to a Release beside what the operators do: the cluster, and people.

use std::sync::Arc;

use seaworthy_core::{
    lock::Lock,
    release::observed::{Approval, Resolution, Sibling, Waiver},
    task::JobState,
    time::Seconds,
    verdict::Verdict,
};

use super::{
    setting::{artifact, succeeded},
    world::{Stored, TICK, World},
};
use crate::{
    EPOCH,
    jobs::{End, failed, is_over, name_of},
    play::{self, Cost, Play},
};

/// The model of one scope.
pub type ReleaseModel = Play<World>;

/// One thing that the cluster can do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// The pod of the publish Job of this UID puts the artifacts out.
    Publishes(String),
    /// That pod ends, well or not; its Job is told, if it is there.
    PodEnds(String, bool),
    /// The publish Job of this name is marked failed while its pod still runs.
    JobFails(String),
    /// Another Job ends.
    TaskEnds(String, End),
    /// A child finishes.
    ChildEnds(String, Verdict),
    /// A child that is deleted is gone.
    ChildGone(String),
    /// Another Release gives the turn back.
    TurnFree,
    /// The garbage collector takes what belonged to the Release.
    Collect,
}

/// What people and CI do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Person {
    /// Set the abort latch.
    Abort,
    /// Set `suspend`.
    Suspend,
    /// Clear it.
    Resume,
    /// Approve, or reject.
    Approve(bool),
    /// Say what is so where nobody knew; somebody who looks while a publisher may still run waits.
    Resolve,
    /// CI publishes, once it has seen that it is to, and as long as it has not reported; soon or late.
    Publish,
    /// CI reports what it did: true to fact, or, with `false`, other bytes.
    Report(bool),
    /// Waive a gate.
    Waive(String),
    /// Delete the Release.
    Delete,
    /// Delete a Job; its pod may live on.
    DeleteJob(String),
    /// Delete a child for good.
    DeleteChild(String),
    /// Delete the pinned plan.
    DeleteSnapshot,
    /// Create a newer Release of the plan.
    Newer,
}

impl play::World for World {
    type Event = Event;
    type Person = Person;
    const KIND: &'static str = "Release";

    fn object(&self) -> &Arc<Stored> {
        &self.release
    }

    fn writes(&mut self) -> &mut u32 {
        &mut self.writes
    }

    fn tick(&mut self) {
        self.now = self.now + TICK;
    }

    fn cost(event: &Event) -> Cost {
        match event {
            // Free where it has no other way to end.
            Event::PodEnds(_, false) => Cost::TroubleIfAny,
            Event::JobFails(_)
            | Event::TaskEnds(_, End::Badly | End::Evicted)
            | Event::ChildEnds(_, Verdict::Failed) => Cost::Trouble,
            Event::Publishes(_)
            | Event::PodEnds(..)
            | Event::TaskEnds(..)
            | Event::ChildEnds(..)
            | Event::ChildGone(_)
            | Event::TurnFree
            | Event::Collect => Cost::Free,
        }
    }

    fn events(&self, trouble: bool, events: &mut Vec<Event>) {
        let world = self;
        for uid in world.jobs.pods.iter().filter(|uid| uid.starts_with("rel-publish")) {
            let name = name_of(uid);
            let job = world.jobs.by_name.get(name).filter(|j| j.uid == *uid && !is_over(&j.state));
            if world.out.as_ref() != world.cargo.get(uid) {
                events.push(Event::Publishes(uid.clone()));
            } else if job.is_some() {
                events.push(Event::PodEnds(uid.clone(), true));
            }
            // Without a Job that still counts it, or under one that is being deleted, a pod ends for no reason of its own.
            if trouble || job.is_none_or(seaworthy_core::task::Job::is_deleting) {
                events.push(Event::PodEnds(uid.clone(), false));
            }
            if trouble && job.is_some() {
                events.push(Event::JobFails(name.to_owned()));
            }
        }
        for (name, _) in world.jobs.open().filter(|(name, _)| !name.starts_with("rel-publish")) {
            events.push(Event::TaskEnds(name.clone(), End::Well));
            if trouble {
                events.extend([End::Badly, End::Evicted].map(|end| Event::TaskEnds(name.clone(), end)));
            }
        }
        for (name, made) in &world.children {
            if made.child.deleting {
                events.push(Event::ChildGone(name.clone()));
            }
            if made.child.verdict.is_none() {
                let well = if made.child.aborting { Verdict::Inconclusive } else { Verdict::Passed };
                events.push(Event::ChildEnds(name.clone(), well));
                if trouble {
                    events.push(Event::ChildEnds(name.clone(), Verdict::Failed));
                }
            }
        }
        if matches!(world.turn, Lock::Held(_)) {
            events.push(Event::TurnFree);
        }
        if world.gone && !(world.jobs.by_name.is_empty() && world.children.is_empty()) {
            events.push(Event::Collect);
        }
    }

    fn possible(&self, person: &Person) -> bool {
        let (world, spec) = (self, &self.release.spec);
        let here = !world.gone;
        match person {
            Person::Abort => here && !spec.abort,
            Person::Suspend => here && !spec.suspend,
            Person::Resume => here && spec.suspend,
            Person::Approve(_) => here && spec.approval.is_none(),
            Person::Resolve => here && spec.resolution.is_none() && world.found().is_some(),
            // The API server takes one until it is too late.
            Person::Waive(gate) => {
                let status = world.status();
                let late = status.ending.is_some() || status.publish.is_some();
                here && !late && !spec.waivers.iter().any(|w| w.gate == *gate)
            }
            Person::Publish => world.out.is_none() && world.asked && spec.external_publish.is_none(),
            Person::Report(true) => here && world.waits_for_report(),
            Person::Report(false) => here && world.waits_for_report() && world.out.is_some(),
            Person::Delete => here && world.release.deleted.is_none(),
            Person::DeleteJob(name) => world.jobs.by_name.contains_key(name),
            Person::DeleteChild(name) => world.children.contains_key(name),
            Person::DeleteSnapshot => world.snapshot.is_some(),
            Person::Newer => world.siblings.is_empty(),
        }
    }

    fn done(&mut self, person: &Person) {
        let world = self;
        match person {
            Person::Abort => world.write().spec.abort = true,
            Person::Suspend => world.write().spec.suspend = true,
            Person::Resume => world.write().spec.suspend = false,
            Person::Approve(approved) => {
                world.write().spec.approval = Some(Approval { approved: *approved, ..Approval::default() });
            }
            Person::Resolve => {
                let resolution =
                    world.found().map(|outcome| Resolution { outcome, by: "ann".into(), reason: "looked".into() });
                world.write().spec.resolution = resolution;
            }
            Person::Waive(gate) => {
                let waiver = Waiver { gate: gate.clone(), by: "ann".into(), reason: "a reason".into() };
                world.write().spec.waivers.push(waiver);
            }
            Person::Publish => world.out = Some(world.status().artifacts.clone()),
            Person::Report(right) => world.report(*right),
            Person::Delete => world.delete(),
            Person::DeleteJob(name) => world.jobs.remove(name),
            Person::DeleteChild(name) => {
                world.children.remove(name);
            }
            Person::DeleteSnapshot => world.snapshot = None,
            Person::Newer => world.siblings.push(Sibling {
                name: "newer".into(),
                created: EPOCH + Seconds(1),
                planned: true,
                ..Sibling::default()
            }),
        }
    }

    fn happens(&mut self, event: Event) {
        let world = self;
        match event {
            Event::Publishes(uid) => world.pod_publishes(&uid),
            Event::PodEnds(uid, well) => {
                let name = name_of(&uid);
                if world.jobs.by_name.get(name).is_some_and(|j| j.uid == uid && !is_over(&j.state)) {
                    world.jobs.mark(name, if well { succeeded() } else { failed(1) });
                }
                world.jobs.pod_ends(&uid);
            }
            Event::JobFails(name) => world.jobs.mark(&name, failed(1)),
            Event::TaskEnds(name, end) => task_ends(world, &name, end),
            Event::ChildEnds(name, verdict) => world.end_child(&name, verdict),
            Event::ChildGone(name) => {
                world.children.remove(&name);
            }
            Event::TurnFree => world.turn = Lock::Free,
            Event::Collect => {
                world.jobs.by_name.clear();
                world.children.clear();
                world.snapshot = None;
            }
        }
    }

    fn holds(&self) -> Result<(), String> {
        self.check()
    }

    fn goes_well(&mut self) -> bool {
        self.well()
    }

    fn over(&self) -> Result<(), String> {
        self.ended()
    }

    fn sum_up(&self) -> String {
        let (world, status) = (self, self.status());
        let publish = status.publish.as_ref().map_or_else(String::new, |p| {
            format!(", publish {} {:?} uid {}", p.attempt, p.state, p.uid.as_deref().unwrap_or("-"))
        });
        let jobs: Vec<String> = world.jobs.by_name.values().map(|j| j.uid.clone()).collect();
        let (pods, out) = (&world.jobs.pods, world.out.is_some());
        let ending = status.ending.as_ref().map_or_else(String::new, |e| format!(", ending {:?}", e.phase));
        format!("{:?}{publish}{ending}; jobs {jobs:?}, pods {pods:?}, out {out}, turn {:?}", status.phase, world.turn)
    }
}

fn task_ends(world: &mut World, name: &str, end: End) {
    let verify = name.contains("verify");
    let out = world.out.is_some();
    let state = match end {
        End::Well if verify && !out => failed(10),
        // Each build has bytes of its own: an attempt that is repeated must not be mixed up with the one before.
        End::Well if name.contains("candidate") && name.ends_with('2') => match succeeded() {
            JobState::Succeeded { mut report } => {
                report.artifacts = vec![artifact('b')];
                JobState::Succeeded { report }
            }
            other @ (JobState::Failed { .. }
            | JobState::Running
            | JobState::Lost { .. }
            | JobState::PodOver
            | JobState::Waiting { .. }) => other,
        },
        End::Well => succeeded(),
        End::Badly | End::Evicted => end.state(),
    };
    world.end_job(name, state);
}
