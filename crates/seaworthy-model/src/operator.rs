//! An operator at work, one step at a time, generic over what it works on.
//!
//! The steps are those of a visit in `seaworthy-operator/src/controller.rs`: read the object; read the rest and decide; write the status if
//! it differs; each effect. A `Hand` is what an operator holds in memory between two of them, and loses when it dies.

use std::{fmt::Debug, hash::Hash, sync::Arc};

use seaworthy_core::{
    plan::Plan,
    time::{Seconds, Timestamp},
};

/// What a clock shows that is so many hours off.
pub fn shifted(now: Timestamp, skew: i8) -> Timestamp {
    let off = Seconds::hours(u64::from(skew.unsigned_abs()));
    if skew < 0 { now - off } else { now + off }
}

/// What an operator works on: a small world with one object of a kind in it.
pub trait Subject: Clone {
    /// The object as the API server holds it: spec, status and metadata.
    type Object: Clone + Debug + PartialEq + Hash + Send + Sync;
    /// Its status.
    type Status: Clone + Debug + PartialEq + Hash + Send + Sync;
    /// What `decide` can ask for.
    type Effect: Clone + Debug + PartialEq + Hash + Send + Sync;

    /// A live read; None when the object is gone.
    fn read(&self) -> Option<Arc<Self::Object>>;
    /// The object's status.
    fn status(object: &Self::Object) -> &Self::Status;
    /// Looks at everything else as it is now, and decides.
    fn decide(&mut self, object: &Self::Object, skew: i8) -> Plan<Self::Status, Self::Effect>;
    /// Stores the whole status; returns the object as it is then.
    fn record(&mut self, status: Self::Status) -> Arc<Self::Object>;
    /// Carries out an effect as the API server would. `stale`: the object has changed since it was read. False: refused.
    fn apply(&mut self, object: &Self::Object, effect: &Self::Effect, stale: bool) -> bool;

    /// One round of a visit with a live view: observe, decide, record, execute. False when there was nothing to do.
    fn round(&mut self) -> bool {
        let Some(held) = self.read() else { return false };
        let plan = self.decide(&held, 0);
        let changed = plan.status != *Self::status(&held);
        let held = if changed { self.record(plan.status) } else { held };
        for effect in &plan.effects {
            self.apply(&held, effect, false);
        }
        changed || !plan.effects.is_empty()
    }

    /// Rounds until nothing more is to do; false when that takes more than 100.
    fn settle(&mut self) -> bool {
        (0..100).any(|_| !self.round())
    }
}

/// What an operator holds in memory.
#[derive(Debug, Clone, PartialEq, Hash)]
pub enum Hand<S: Subject> {
    /// Nothing: between two visits.
    Idle,
    /// The object, as it was read.
    Read {
        /// The object.
        object: Arc<S::Object>,
        /// Whether it has changed since.
        stale: bool,
    },
    /// A decision that is being carried out.
    Work {
        /// The object that it was made for.
        object: Arc<S::Object>,
        /// Whether it has changed since.
        stale: bool,
        /// The status to record, until it is.
        status: Option<Arc<S::Status>>,
        /// The effects that remain, the next one last.
        effects: Vec<S::Effect>,
    },
}

impl<S: Subject> Hand<S> {
    /// The object was written: what is held of it is old from now on.
    pub fn outdated(&mut self) {
        match self {
            Self::Idle => {}
            Self::Read { stale, .. } | Self::Work { stale, .. } => *stale = true,
        }
    }

    /// What the next step would do, for people.
    pub fn next(&self) -> String {
        match self {
            Self::Idle => "reads the object".into(),
            Self::Read { stale: false, .. } => "looks at everything else and decides".into(),
            Self::Read { stale: true, .. } => {
                "looks at everything else and decides, on an object that has changed since".into()
            }
            Self::Work { status: Some(_), stale, .. } => {
                format!("writes the whole status{}", if *stale { " under an old resourceVersion" } else { "" })
            }
            Self::Work { effects, .. } => effects.last().map_or_else(|| "ends its visit".into(), |e| format!("{e:?}")),
        }
    }

    /// Whether the next step writes to the cluster.
    pub const fn writes(&self) -> bool {
        matches!(self, Self::Work { .. })
    }

    /// One step. `older`: what a read that is answered from the past shows.
    #[must_use]
    pub fn step(self, world: &mut S, skew: i8, older: Option<Arc<S::Object>>) -> Self {
        match self {
            Self::Idle => match (older, world.read()) {
                (Some(object), _) => Self::Read { object, stale: true },
                (None, Some(object)) => Self::Read { object, stale: false },
                (None, None) => Self::Idle,
            },
            Self::Read { object, stale } => {
                let Plan { status, mut effects, .. } = world.decide(&object, skew);
                effects.reverse();
                let status = (status != *S::status(&object)).then(|| Arc::new(status));
                Self::Work { object, stale, status, effects }.settled()
            }
            // The PUT carries the resourceVersion that was read: on a conflict the visit begins again.
            Self::Work { status: Some(_), stale: true, .. } => Self::Idle,
            Self::Work { status: Some(status), stale: false, effects, .. } => {
                let object = world.record(Arc::unwrap_or_clone(status));
                Self::Work { object, stale: false, status: None, effects }.settled()
            }
            Self::Work { object, stale, status: None, mut effects } => {
                let Some(effect) = effects.pop() else { return Self::Idle };
                if !world.apply(&object, &effect, stale) {
                    return Self::Idle;
                }
                Self::Work { object, stale, status: None, effects }.settled()
            }
        }
    }

    fn settled(self) -> Self {
        if let Self::Work { status: None, effects, .. } = &self
            && effects.is_empty()
        {
            return Self::Idle;
        }
        self
    }
}
