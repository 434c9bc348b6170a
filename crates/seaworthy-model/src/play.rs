//! Everything that can happen around one object, generic over its kind: two operators step by step, the cluster, people, clocks.
//!
//! What a kind adds is its [`World`]: what else can happen there, what must hold in every state and when it is over. Progress is checked
//! as bounded safety ([`fair`]): from a state on, when nothing goes wrong any more and everybody does their part in turn, it is over after
//! so many rounds.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use stateright::{Model, Property};

use crate::{
    Budget, chance,
    operator::{Hand, Subject},
    spend,
    story::Told,
};

/// Rounds after which everything has ended once faults have stopped. A round is one whole visit of each operator, one event of the cluster,
/// and, when nobody has anything to do, one tick of the clock.
pub const FAIR_ROUNDS: u32 = 80;
/// More steps than any visit has.
const STEPS: u32 = 40;

/// What an event takes from the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Nothing: it is due.
    Free,
    /// Something does not end well.
    Trouble,
    /// The same, but it happens even when nothing is left of the budget: there is no other way to end.
    TroubleIfAny,
}

/// What people and CI do to an object that runs Jobs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Person {
    /// Set the abort latch.
    Abort,
    /// Set `suspend`.
    Suspend,
    /// Clear it.
    Resume,
    /// Delete the object.
    Delete,
    /// Delete the namespace, and with it the object.
    DeleteNamespace,
    /// Delete a Job; its pod may live on.
    DeleteJob(String),
}

/// A small world around one object.
pub trait World: Subject + Debug + PartialEq + Hash + Send + Sync + 'static {
    /// What the cluster can do.
    type Event: Clone + Debug + PartialEq + Eq + Hash + Send + Sync + 'static;
    /// What people can do.
    type Person: Clone + Debug + PartialEq + Eq + Hash + Send + Sync + 'static;
    /// The kind, and the name of the property under which violations are reported.
    const KIND: &'static str;

    /// The object as it is stored, or was last.
    fn object(&self) -> &Arc<Self::Object>;
    /// How often the object was written since this was last set to 0.
    fn writes(&mut self) -> &mut u32;
    /// Time passes.
    fn tick(&mut self);
    /// What can happen now; `trouble`: whether things may go wrong.
    fn events(&self, trouble: bool, events: &mut Vec<Self::Event>);
    /// What an event takes from the budget.
    fn cost(event: &Self::Event) -> Cost;
    /// It happens.
    fn happens(&mut self, event: Self::Event);
    /// Whether people can do this now.
    fn possible(&self, person: &Self::Person) -> bool;
    /// They do it.
    fn done(&mut self, person: &Self::Person);
    /// An operator died.
    fn died(&mut self) {}
    /// What must hold in every state.
    ///
    /// # Errors
    /// What is violated, beginning with the invariant's name.
    fn holds(&self) -> Result<(), String>;
    /// One event of a cluster in which everything goes well; false when nothing is due.
    fn goes_well(&mut self) -> bool;
    /// Whether nothing more is to be done, and nothing is held or left behind.
    ///
    /// # Errors
    /// What is not over, or is left: `everything-ends`, `nothing-left`.
    fn over(&self) -> Result<(), String>;
    /// What is worth knowing, in one line.
    fn sum_up(&self) -> String;
}

/// A state of a model.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct State<W: World> {
    /// The cluster.
    pub world: W,
    /// What the operators hold in memory.
    pub hands: [Hand<W>; 2],
    /// How many hours the operators' clocks are off.
    pub skew: [i8; 2],
    /// The object before its last write: what a read from the past shows.
    pub older: Option<Arc<W::Object>>,
    /// What may still go wrong.
    pub budget: Budget,
}

impl<W: World> State<W> {
    /// Two operators that come to this world.
    pub const fn new(world: W, budget: Budget) -> Self {
        Self { world, hands: [Hand::Idle, Hand::Idle], skew: [0; 2], older: None, budget }
    }

    /// One step of an operator; whoever holds a copy of what it wrote holds an old one.
    pub fn step(&mut self, n: usize, older: Option<Arc<W::Object>>) {
        let hand = std::mem::replace(&mut self.hands[n], Hand::Idle);
        *self.world.writes() = 0;
        let before = Arc::clone(self.world.object());
        self.hands[n] = hand.step(&mut self.world, self.skew[n], older);
        if *self.world.writes() > 0 {
            self.hands[1 - n].outdated();
            if matches!(&self.hands[n], Hand::Work { object, .. } if object != self.world.object()) {
                self.hands[n].outdated();
            }
            self.older = Some(before);
        }
        *self.world.writes() = 0;
    }

    /// Somebody else does something; whoever holds a copy of the object may hold an old one now.
    fn change(&mut self, act: impl FnOnce(&mut W)) {
        *self.world.writes() = 0;
        let before = Arc::clone(self.world.object());
        act(&mut self.world);
        if *self.world.writes() > 0 {
            self.hands.iter_mut().for_each(Hand::outdated);
            self.older = Some(before);
        }
        *self.world.writes() = 0;
    }
}

/// One thing that can happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act<E, P> {
    /// An operator's next step.
    Step(usize),
    /// An operator's next write is carried out, but its answer is lost: it begins anew.
    Lost(usize),
    /// An operator dies with what it held in memory.
    Crash(usize),
    /// An operator's next read shows the object as it was before its last write.
    Older(usize),
    /// An operator's clock jumps by so many hours.
    Jump(usize, i8),
    /// Time passes.
    Tick,
    /// The cluster.
    Event(E),
    /// A person or CI.
    Person(P),
}

/// What can happen in a world.
pub type ActOf<W> = Act<<W as World>::Event, <W as World>::Person>;

/// The model of one scope.
#[derive(Debug, Clone)]
pub struct Play<W: World> {
    /// Where it begins.
    pub begin: State<W>,
    /// What people may do in it.
    pub people: Vec<W::Person>,
    /// Of how many states one is followed to its end under fair conditions.
    pub fair_every: u64,
}

impl<W: World> Play<W> {
    /// Begins in this world, with so much that may go wrong.
    pub const fn new(world: W, budget: Budget, people: Vec<W::Person>) -> Self {
        Self { begin: State::new(world, budget), people, fair_every: 64 }
    }

    /// So much more may go wrong.
    #[must_use]
    pub fn more(mut self, more: u8) -> Self {
        let budget = &mut self.begin.budget;
        for part in [&mut budget.faults, &mut budget.people, &mut budget.trouble] {
            *part = part.saturating_add(more);
        }
        self
    }

    fn operators(state: &State<W>, acts: &mut Vec<ActOf<W>>) {
        let gone = state.world.read().is_none();
        for n in 0..2 {
            // Without an object there is nothing to begin a visit with.
            if !(gone && state.hands[n] == Hand::Idle) {
                acts.push(Act::Step(n));
            }
            if state.budget.faults == 0 {
                continue;
            }
            if state.hands[n].writes() {
                acts.push(Act::Lost(n));
            }
            if state.hands[n] == Hand::Idle {
                if state.older.is_some() && !gone {
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

    fn pay(budget: &mut Budget, act: &ActOf<W>) -> bool {
        match act {
            Act::Lost(_) | Act::Crash(_) | Act::Older(_) | Act::Jump(..) => spend(&mut budget.faults),
            Act::Person(_) => spend(&mut budget.people),
            Act::Tick => spend(&mut budget.ticks),
            Act::Step(_) => true,
            Act::Event(event) => match W::cost(event) {
                Cost::Free => true,
                Cost::Trouble => spend(&mut budget.trouble),
                Cost::TroubleIfAny => {
                    spend(&mut budget.trouble);
                    true
                }
            },
        }
    }

    /// What must hold in a state, and, for one in [`Play::fair_every`], what must come of it.
    fn verdict(&self, state: &State<W>) -> Result<(), String> {
        state.world.holds()?;
        if chance(state).is_multiple_of(self.fair_every) { fair(state) } else { Ok(()) }
    }
}

/// Everybody does their part in turn, nothing goes wrong: `everything-ends`, `nothing-left`.
///
/// # Errors
/// What has not ended after [`FAIR_ROUNDS`].
pub fn fair<W: World>(state: &State<W>) -> Result<(), String> {
    let mut state = state.clone();
    let mut last = Ok(());
    for _ in 0..FAIR_ROUNDS {
        let before = state.world.clone();
        for n in 0..state.hands.len() {
            for _ in 0..STEPS {
                state.step(n, None);
                if state.hands[n] == Hand::Idle {
                    break;
                }
            }
        }
        state.world.holds()?;
        if state.world == before && !state.world.goes_well() {
            last = state.world.over();
            if last.is_ok() {
                return last;
            }
            state.world.tick();
        }
    }
    last.and_then(|()| state.world.over())
}

impl<W: World> Model for Play<W> {
    type State = State<W>;
    type Action = ActOf<W>;

    fn init_states(&self) -> Vec<State<W>> {
        vec![self.begin.clone()]
    }

    fn actions(&self, state: &State<W>, acts: &mut Vec<ActOf<W>>) {
        Self::operators(state, acts);
        let mut events = Vec::new();
        state.world.events(state.budget.trouble > 0, &mut events);
        acts.extend(events.into_iter().map(Act::Event));
        if state.budget.ticks > 0 {
            acts.push(Act::Tick);
        }
        if state.budget.people > 0 {
            let possible = self.people.iter().filter(|p| state.world.possible(p));
            acts.extend(possible.cloned().map(Act::Person));
        }
    }

    fn next_state(&self, state: &State<W>, act: ActOf<W>) -> Option<State<W>> {
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
            Act::Crash(n) => {
                next.hands[n] = Hand::Idle;
                next.world.died();
            }
            Act::Older(n) => {
                let older = next.older.clone();
                next.step(n, older);
            }
            Act::Jump(n, hours) => next.skew[n] = hours,
            Act::Tick => next.change(W::tick),
            Act::Event(event) => next.change(|world| world.happens(event)),
            Act::Person(person) => next.change(|world| world.done(&person)),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(W::KIND, |model, state| model.verdict(state).is_ok())]
    }
}

impl<W: World> Told for Play<W> {
    fn tell(&self, state: &State<W>, act: &ActOf<W>) -> String {
        match act {
            Act::Step(n) => format!("operator {n} {}", state.hands[*n].next()),
            Act::Lost(n) => format!("operator {n} {}; the answer is lost", state.hands[*n].next()),
            Act::Crash(n) => format!("operator {n} dies before it {}", state.hands[*n].next()),
            Act::Older(n) => format!("operator {n} reads the object as it was before its last write"),
            Act::Jump(n, hours) => format!("operator {n}'s clock jumps by {hours} h"),
            Act::Tick => "time passes".into(),
            Act::Event(event) => format!("{event:?}"),
            Act::Person(person) => format!("somebody: {person:?}"),
        }
    }

    fn sum_up(&self, state: &State<W>) -> String {
        state.world.sum_up()
    }

    fn broken(&self, state: &State<W>) -> Option<String> {
        state.world.holds().and_then(|()| fair(state)).err()
    }
}
