//! All that can happen to an `E2ERun` beside what the operators do: the cluster, and people.

use std::sync::Arc;

use seaworthy_core::task::{Job, TaskState};

use super::world::{Stored, TICK, World};
use crate::{
    jobs::{End, evicted},
    play::{self, Cost, Person, Play},
};

/// The model of one scope.
pub type RunModel = Play<World>;

/// One thing that the cluster can do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A Job of this name ends with its pod.
    Ends(String, End),
    /// A Job of this name is marked failed while its pod still runs (its node is lost).
    Lost(String),
    /// The pod of a Job that is over, is being deleted or is gone ends.
    PodEnds(String),
    /// The garbage collector takes what belonged to the run.
    Collect,
}

impl play::World for World {
    type Event = Event;
    type Person = Person;
    const KIND: &'static str = "E2ERun";

    fn object(&self) -> &Arc<Stored> {
        &self.run
    }

    fn writes(&mut self) -> &mut u32 {
        &mut self.writes
    }

    fn tick(&mut self) {
        self.now = self.now + TICK;
        // Longer than anybody waits for the pods of a Job that is to be removed.
        let status = &self.run.status;
        let ending = |j: &&Job| {
            let mut records = status.suites.iter().filter_map(|s| s.current());
            j.is_deleting() || records.any(|(_, r)| r.state == TaskState::Stopping && r.uid.as_ref() == Some(&j.uid))
        };
        let slow: Vec<String> = self.jobs.by_name.values().filter(ending).map(|j| j.uid.clone()).collect();
        self.lingering.extend(slow);
    }

    fn events(&self, trouble: bool, events: &mut Vec<Event>) {
        for (name, job) in self.jobs.open() {
            if job.is_deleting() {
                continue;
            }
            events.push(Event::Ends(name.clone(), End::Well));
            if trouble {
                events.extend([End::Badly, End::Evicted].map(|end| Event::Ends(name.clone(), end)));
                events.push(Event::Lost(name.clone()));
            }
        }
        events.extend(self.jobs.due_pods().cloned().map(Event::PodEnds));
        if self.gone && !self.jobs.by_name.is_empty() {
            events.push(Event::Collect);
        }
    }

    fn cost(event: &Event) -> Cost {
        match event {
            Event::Ends(_, End::Badly | End::Evicted) | Event::Lost(_) => Cost::Trouble,
            Event::Ends(_, End::Well) | Event::PodEnds(_) | Event::Collect => Cost::Free,
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Ends(name, end) => {
                self.ended(&name, end == End::Well, end == End::Badly);
                self.jobs.end(&name, end.state());
            }
            Event::Lost(name) => {
                self.jobs.mark(&name, evicted());
                let uid = self.jobs.by_name.get(&name).map(|j| j.uid.clone());
                self.lingering.extend(uid);
                self.ended(&name, false, false);
            }
            Event::PodEnds(uid) => {
                self.jobs.pod_ends(&uid);
                self.lingering.remove(&uid);
                self.forget_removed();
            }
            Event::Collect => self.jobs.by_name.clear(),
        }
    }

    fn possible(&self, person: &Person) -> bool {
        let spec = &self.run.spec;
        match person {
            Person::Abort => !self.gone && !spec.abort,
            Person::Suspend => !self.gone && !spec.suspend,
            Person::Resume => !self.gone && spec.suspend,
            Person::Delete => !self.gone && self.run.deleted.is_none(),
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
                self.forget_removed();
            }
        }
    }

    fn holds(&self) -> Result<(), String> {
        self.check()
    }

    fn goes_well(&mut self) -> bool {
        let mut events = Vec::new();
        self.events(false, &mut events);
        // Pods that are due first: nobody can go on while one of them lives.
        events.sort_by_key(|e| !matches!(e, Event::PodEnds(_)));
        if let Some(event) = events.into_iter().next() {
            self.happens(event);
            return true;
        }
        if self.run.spec.suspend && !self.gone {
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
        let suites: Vec<String> = status
            .suites
            .iter()
            .map(|s| {
                let step = s.current().map_or_else(String::new, |(_, r)| format!(" {} {:?}", r.job, r.state));
                format!("{} {:?} {}{step}", s.name, s.state, s.attempts)
            })
            .collect();
        let jobs: Vec<&String> = self.jobs.by_name.values().map(|j| &j.uid).collect();
        let (pods, dirty) = (&self.jobs.pods, &self.dirty);
        let gone = if self.gone { ", gone" } else { "" };
        format!("{:?} {suites:?}; jobs {jobs:?}, pods {pods:?}, to be torn down {dirty:?}{gone}", status.phase)
    }
}

impl World {
    /// Somebody deletes the run.
    pub fn delete(&mut self) {
        let now = self.now;
        self.write().deleted.get_or_insert(now);
        self.gone = !self.run.finalizer;
    }
}
