//! All that can happen to a Release: two operators, the cluster, and people.

use std::sync::Arc;

use seaworthy_core::{
    lock::Lock,
    release::observed::{Approval, Resolution, Sibling},
    task::JobState,
    time::Seconds,
    verdict::Verdict,
};
use stateright::{Model, Property};

use super::{
    check::fair,
    setting::{artifact, succeeded},
    world::{EPOCH, Stored, TICK, World},
};
use crate::{
    Budget, chance,
    jobs::{evicted, failed, is_over},
    operator::Hand,
    spend,
    story::Told,
};

/// A state of the model.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct State {
    /// The cluster.
    pub world: World,
    /// What the operators hold in memory.
    pub hands: [Hand<World>; 2],
    /// How many hours the operators' clocks are off.
    pub skew: [i8; 2],
    /// The Release before its last write: what a read from the past shows.
    pub older: Option<Arc<Stored>>,
    /// What may still go wrong.
    pub budget: Budget,
}

impl State {
    /// One step of an operator; whoever holds a copy of what it wrote holds an old one.
    pub fn step(&mut self, n: usize, older: Option<Arc<Stored>>) {
        let hand = std::mem::replace(&mut self.hands[n], Hand::Idle);
        self.world.writes = 0;
        let before = Arc::clone(&self.world.release);
        self.hands[n] = hand.step(&mut self.world, self.skew[n], older);
        if self.world.writes > 0 {
            self.hands[1 - n].outdated();
            if matches!(&self.hands[n], Hand::Work { object, .. } if *object != self.world.release) {
                self.hands[n].outdated();
            }
            self.older = Some(before);
        }
        self.world.writes = 0;
    }

    /// Somebody else does something; whoever holds a copy of the Release may hold an old one now.
    fn change(&mut self, act: impl FnOnce(&mut World)) {
        self.world.writes = 0;
        let before = Arc::clone(&self.world.release);
        act(&mut self.world);
        if self.world.writes > 0 {
            self.hands.iter_mut().for_each(Hand::outdated);
            self.older = Some(before);
        }
        self.world.writes = 0;
    }
}

/// One thing that can happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act {
    /// An operator's next step.
    Step(usize),
    /// An operator's next write is carried out, but its answer is lost: it begins anew.
    Lost(usize),
    /// An operator dies with what it held in memory.
    Crash(usize),
    /// An operator's next read shows the Release as it was before its last write.
    Older(usize),
    /// An operator's clock jumps by so many hours.
    Jump(usize, i8),
    /// Ten minutes pass.
    Tick,
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
    /// A person or CI.
    Person(Person),
}

/// How a task's Job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// As it should; a `verify` says what is so.
    Well,
    /// With an exit code that means nothing.
    Badly,
    /// By the cluster's fault.
    Evicted,
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

/// The model of one scope.
#[derive(Debug, Clone)]
pub struct ReleaseModel {
    /// Where it begins.
    pub begin: State,
    /// What people may do in it.
    pub people: Vec<Person>,
    /// Of how many states one is followed to its end under fair conditions.
    pub fair_every: u64,
}

impl ReleaseModel {
    fn operator_acts(state: &State, acts: &mut Vec<Act>) {
        for n in 0..2 {
            acts.push(Act::Step(n));
            if state.budget.faults == 0 {
                continue;
            }
            if state.hands[n].writes() {
                acts.push(Act::Lost(n));
            }
            if state.hands[n] == Hand::Idle {
                if state.older.is_some() && !state.world.gone {
                    acts.push(Act::Older(n));
                }
            } else {
                acts.push(Act::Crash(n));
            }
            if n == 1 && state.skew[n] == 0 {
                acts.extend([Act::Jump(n, 1), Act::Jump(n, -1)]);
            }
        }
    }

    fn cluster_acts(state: &State, acts: &mut Vec<Act>) {
        let (world, trouble) = (&state.world, state.budget.trouble > 0);
        for uid in world.jobs.pods.iter().filter(|uid| uid.starts_with("rel-publish")) {
            let name = uid.split('#').next().unwrap_or_default();
            let job = world.jobs.by_name.get(name).filter(|j| j.uid == *uid && !is_over(&j.state));
            if world.out.as_ref() != world.cargo.get(uid) {
                acts.push(Act::Publishes(uid.clone()));
            } else if job.is_some() {
                acts.push(Act::PodEnds(uid.clone(), true));
            }
            // Without a Job that still counts it, or under one that is being deleted, a pod ends for no reason of its own.
            if trouble || job.is_none_or(|j| j.deleting) {
                acts.push(Act::PodEnds(uid.clone(), false));
            }
            if trouble && job.is_some() {
                acts.push(Act::JobFails(name.to_owned()));
            }
        }
        for (name, _) in world.jobs.open().filter(|(name, _)| !name.starts_with("rel-publish")) {
            acts.push(Act::TaskEnds(name.clone(), End::Well));
            if trouble {
                acts.extend([End::Badly, End::Evicted].map(|end| Act::TaskEnds(name.clone(), end)));
            }
        }
        for (name, made) in &world.children {
            if made.child.deleting {
                acts.push(Act::ChildGone(name.clone()));
            }
            if made.child.verdict.is_none() {
                let well = if made.child.aborting { Verdict::Inconclusive } else { Verdict::Passed };
                acts.push(Act::ChildEnds(name.clone(), well));
                if trouble {
                    acts.push(Act::ChildEnds(name.clone(), Verdict::Failed));
                }
            }
        }
        if matches!(world.turn, Lock::Held(_)) {
            acts.push(Act::TurnFree);
        }
        if world.gone && !(world.jobs.by_name.is_empty() && world.children.is_empty()) {
            acts.push(Act::Collect);
        }
        if state.budget.ticks > 0 {
            acts.push(Act::Tick);
        }
    }

    fn possible(state: &State, person: &Person) -> bool {
        let (world, spec) = (&state.world, &state.world.release.spec);
        let here = !world.gone;
        match person {
            Person::Abort => here && !spec.abort,
            Person::Suspend => here && !spec.suspend,
            Person::Resume => here && spec.suspend,
            Person::Approve(_) => here && spec.approval.is_none(),
            Person::Resolve => here && spec.resolution.is_none() && world.found().is_some(),
            Person::Delete => here && world.release.deleted.is_none(),
            Person::DeleteJob(name) => world.jobs.by_name.contains_key(name),
            Person::DeleteChild(name) => world.children.contains_key(name),
            Person::DeleteSnapshot => world.snapshot.is_some(),
            Person::Newer => world.siblings.is_empty(),
        }
    }

    fn person(world: &mut World, person: &Person) {
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
                other @ (JobState::Failed { .. } | JobState::Running | JobState::Waiting { .. }) => other,
            },
            End::Well => succeeded(),
            End::Badly => failed(1),
            End::Evicted => evicted(),
        };
        world.end_job(name, state);
    }

    fn cluster(world: &mut World, act: Act) {
        match act {
            Act::Publishes(uid) => world.pod_publishes(&uid),
            Act::PodEnds(uid, well) => {
                let name = uid.split('#').next().unwrap_or_default();
                if world.jobs.by_name.get(name).is_some_and(|j| j.uid == uid && !is_over(&j.state)) {
                    world.jobs.mark(name, if well { succeeded() } else { failed(1) });
                }
                world.jobs.pod_ends(&uid);
            }
            Act::JobFails(name) => world.jobs.mark(&name, failed(1)),
            Act::TaskEnds(name, end) => Self::task_ends(world, &name, end),
            Act::ChildEnds(name, verdict) => world.end_child(&name, verdict),
            Act::ChildGone(name) => {
                world.children.remove(&name);
            }
            Act::TurnFree => world.turn = Lock::Free,
            Act::Collect => {
                world.jobs.by_name.clear();
                world.children.clear();
                world.snapshot = None;
            }
            Act::Tick => world.now = world.now + TICK,
            Act::Person(person) => Self::person(world, &person),
            Act::Step(_) | Act::Lost(_) | Act::Crash(_) | Act::Older(_) | Act::Jump(..) => {}
        }
    }

    fn pay(budget: &mut Budget, act: &Act) -> bool {
        match act {
            Act::Lost(_) | Act::Crash(_) | Act::Older(_) | Act::Jump(..) => spend(&mut budget.faults),
            Act::Person(_) => spend(&mut budget.people),
            Act::PodEnds(_, false) => {
                // Free where it has no other way to end.
                spend(&mut budget.trouble);
                true
            }
            Act::JobFails(_) | Act::TaskEnds(_, End::Badly | End::Evicted) | Act::ChildEnds(_, Verdict::Failed) => {
                spend(&mut budget.trouble)
            }
            Act::Tick => spend(&mut budget.ticks),
            Act::Step(_)
            | Act::Publishes(_)
            | Act::PodEnds(..)
            | Act::TaskEnds(..)
            | Act::ChildEnds(..)
            | Act::ChildGone(_)
            | Act::TurnFree
            | Act::Collect => true,
        }
    }

    /// What must hold in a state, and, for one in [`ReleaseModel::fair_every`], what must come of it.
    fn verdict(&self, state: &State) -> Result<(), String> {
        state.world.check()?;
        if chance(state).is_multiple_of(self.fair_every) { fair(state) } else { Ok(()) }
    }
}

impl Model for ReleaseModel {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        vec![self.begin.clone()]
    }

    fn actions(&self, state: &State, acts: &mut Vec<Act>) {
        Self::operator_acts(state, acts);
        Self::cluster_acts(state, acts);
        if state.budget.people > 0 {
            let possible = self.people.iter().filter(|p| Self::possible(state, p));
            acts.extend(possible.cloned().map(Act::Person));
        }
    }

    fn next_state(&self, state: &State, act: Act) -> Option<State> {
        let mut next = state.clone();
        if !Self::pay(&mut next.budget, &act) {
            return None;
        }
        match act {
            Act::Step(n) => next.step(n, None),
            Act::Lost(n) => {
                next.step(n, None);
                next.hands[n] = Hand::Idle;
            }
            Act::Crash(n) => next.hands[n] = Hand::Idle,
            Act::Older(n) => {
                let older = next.older.clone();
                next.step(n, older);
            }
            Act::Jump(n, hours) => next.skew[n] = hours,
            other @ (Act::Tick
            | Act::Publishes(_)
            | Act::PodEnds(..)
            | Act::JobFails(_)
            | Act::TaskEnds(..)
            | Act::ChildEnds(..)
            | Act::ChildGone(_)
            | Act::TurnFree
            | Act::Collect
            | Act::Person(_)) => next.change(|world| Self::cluster(world, other)),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("release", |model, state| model.verdict(state).is_ok())]
    }
}

impl Told for ReleaseModel {
    fn tell(&self, state: &State, act: &Act) -> String {
        match act {
            Act::Step(n) => format!("operator {n} {}", state.hands[*n].next()),
            Act::Lost(n) => format!("operator {n} {}; the answer is lost", state.hands[*n].next()),
            Act::Crash(n) => format!("operator {n} dies before it {}", state.hands[*n].next()),
            Act::Older(n) => format!("operator {n} reads the object as it was before its last write"),
            other @ (Act::Jump(..)
            | Act::Tick
            | Act::Publishes(_)
            | Act::PodEnds(..)
            | Act::JobFails(_)
            | Act::TaskEnds(..)
            | Act::ChildEnds(..)
            | Act::ChildGone(_)
            | Act::TurnFree
            | Act::Collect
            | Act::Person(_)) => format!("{other:?}"),
        }
    }

    fn sum_up(&self, state: &State) -> String {
        let (world, status) = (&state.world, state.world.status());
        let publish = status.publish.as_ref().map_or_else(String::new, |p| {
            format!(", publish {} {:?} uid {}", p.attempt, p.state, p.uid.as_deref().unwrap_or("-"))
        });
        let jobs: Vec<String> = world.jobs.by_name.values().map(|j| j.uid.clone()).collect();
        let (pods, out) = (&world.jobs.pods, world.out.is_some());
        let ending = status.ending.as_ref().map_or_else(String::new, |e| format!(", ending {:?}", e.phase));
        format!("{:?}{publish}{ending}; jobs {jobs:?}, pods {pods:?}, out {out}, turn {:?}", status.phase, world.turn)
    }

    fn broken(&self, state: &State) -> Option<String> {
        state.world.check().and_then(|()| fair(state)).err()
    }
}
