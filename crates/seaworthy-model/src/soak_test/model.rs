//! All that can happen to a `SoakTest` beside what the operators do: the cluster, another soak, and people.

use std::sync::Arc;

use seaworthy_core::task::JobState;

use super::world::{Holder, Stored, TICK, World};
use crate::{
    jobs::{End, name_of},
    play::{self, Cost, Person, Play},
};

/// How the names of the load's Jobs begin.
const LOAD: &str = "soak-workload";

/// The model of one scope.
pub type SoakModel = Play<World>;

/// One thing that the cluster can do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// The load's pod runs.
    Runs(String),
    /// A Job of this name ends with its pod.
    Ends(String, End),
    /// The pod of a Job that is over, is being deleted or is gone ends.
    PodEnds(String),
    /// The other soak takes the target, if the lock says that it is free.
    OtherTakes,
    /// The other soak is done with it.
    OtherLeaves,
    /// The garbage collector takes what belonged to the soak.
    Collect,
}

impl play::World for World {
    type Event = Event;
    type Person = Person;
    const KIND: &'static str = "SoakTest";

    fn object(&self) -> &Arc<Stored> {
        &self.soak
    }

    fn writes(&mut self) -> &mut u32 {
        &mut self.writes
    }

    fn tick(&mut self) {
        self.now = self.now + TICK;
        self.due();
        // As long as a soak waits for what it ends.
        if self.status().ending.is_some() {
            self.lingering.extend(self.jobs.pods.iter().cloned());
        }
    }

    fn died(&mut self) {
        self.sampling = false;
    }

    fn events(&self, trouble: bool, events: &mut Vec<Event>) {
        for (name, job) in self.jobs.open() {
            if job.is_deleting() {
                continue;
            }
            // A load runs until it is ended.
            if name.starts_with(LOAD) {
                events.extend((job.state != JobState::Running).then(|| Event::Runs(name.clone())));
            } else {
                events.push(Event::Ends(name.clone(), End::Well));
            }
            if trouble {
                events.extend([End::Badly, End::Evicted].map(|end| Event::Ends(name.clone(), end)));
            }
        }
        events.extend(self.jobs.due_pods().cloned().map(Event::PodEnds));
        if self.other_waits && self.is_free() {
            events.push(Event::OtherTakes);
        }
        if self.holder == Holder::Other {
            events.push(Event::OtherLeaves);
        }
        if self.gone && !self.jobs.by_name.is_empty() {
            events.push(Event::Collect);
        }
    }

    fn cost(event: &Event) -> Cost {
        match event {
            Event::Ends(_, End::Badly | End::Evicted) => Cost::Trouble,
            Event::Runs(_)
            | Event::Ends(_, End::Well)
            | Event::PodEnds(_)
            | Event::OtherTakes
            | Event::OtherLeaves
            | Event::Collect => Cost::Free,
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Runs(name) => {
                self.jobs.mark(&name, JobState::Running);
                self.ran = true;
            }
            Event::Ends(name, end) => {
                self.jobs.end(&name, end.state());
                self.torn_down(&name);
            }
            Event::PodEnds(uid) => {
                self.jobs.pod_ends(&uid);
                self.lingering.remove(&uid);
                self.torn_down(name_of(&uid));
            }
            Event::OtherTakes => self.other_takes(),
            Event::OtherLeaves => self.holder = Holder::Nobody,
            Event::Collect => self.jobs.by_name.clear(),
        }
    }

    fn possible(&self, person: &Person) -> bool {
        let spec = &self.soak.spec;
        match person {
            Person::Abort => !self.gone && !spec.abort,
            Person::Suspend => !self.gone && !spec.suspend,
            Person::Resume => !self.gone && spec.suspend,
            Person::Delete => !self.gone && self.soak.deleted.is_none(),
            Person::DeleteNamespace => !self.gone && !self.terminating,
            Person::DeleteJob(name) => self.jobs.by_name.contains_key(name),
        }
    }

    fn done(&mut self, person: &Person) {
        match person {
            Person::Abort => self.write().spec.abort = true,
            Person::Suspend => self.write().spec.suspend = true,
            Person::Resume => self.write().spec.suspend = false,
            Person::Delete => self.delete(),
            Person::DeleteNamespace => {
                self.terminating = true;
                self.delete();
            }
            Person::DeleteJob(name) => {
                self.lingering.extend(self.jobs.by_name.get(name).map(|j| j.uid.clone()));
                self.jobs.remove(name);
                self.deleted.insert(name.clone());
                self.torn_down(name);
            }
        }
    }

    fn holds(&self) -> Result<(), String> {
        self.wrong.clone().map_or(Ok(()), Err)
    }

    fn goes_well(&mut self) -> bool {
        let mut events = Vec::new();
        self.events(false, &mut events);
        // The other soak wants the target only after ours: it is what would show a lock that was let go too early.
        events.sort_by_key(|e| !matches!(e, Event::PodEnds(_) | Event::OtherLeaves));
        if let Some(event) = events.into_iter().next() {
            self.happens(event);
            return true;
        }
        if self.soak.spec.suspend && !self.gone {
            self.write().spec.suspend = false;
            return true;
        }
        false
    }

    fn over(&self) -> Result<(), String> {
        self.is_done()
    }

    fn sum_up(&self) -> String {
        let status = self.status();
        let tasks: Vec<String> = [&status.setup, &status.workload, &status.teardown]
            .into_iter()
            .flatten()
            .map(|r| format!("{} {:?}", r.job, r.state))
            .collect();
        let jobs: Vec<&String> = self.jobs.by_name.values().map(|j| &j.uid).collect();
        let ending = status.ending.as_ref().map_or_else(String::new, |e| format!(", ending {:?}", e.phase));
        let (pods, samples) = (&self.jobs.pods, &self.slots);
        let minutes = self.now.since(crate::EPOCH).0 / 60;
        format!(
            "{minutes} min, {:?}{ending} {tasks:?}; jobs {jobs:?}, pods {pods:?}, target {:?}, samples {samples:?}",
            status.phase, self.holder
        )
    }
}
