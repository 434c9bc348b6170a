//! Checks: rules over the evidence, each with its own verdict, and all of them together.
//!
//! No evidence is never a pass: a metric that is absent, a source that never answered, a measure that was cut short and holes
//! beyond a rule's own bound all end as something other than `Passed`, with the reason and a remedy in the message. A broken rule
//! that is a fact (a bound, a counter, a restart) fails even so: what was missed cannot undo it.

mod baseline;
mod bound;
mod counter;
mod finding;
mod growth;
mod increase;
mod judge;
mod leftovers;
mod lives;
mod progress;
mod restarts;
mod shown;
mod spec;
pub(crate) mod stats;
mod survivors;
mod trace;
mod trend;
mod verdict;
mod view;
mod window;

pub use judge::{Published, judge, judge_against};
pub use spec::{
    Aggregate, Baseline, Bound, CheckKind, CheckSpec, Enforcement, Growth, GrowthBaseline, GrowthOf, Increase,
    Leftovers, Matcher, OnMissing, Operator, Progress, Restarts, Select, SpecError, Survivors, Trend, TrendOf,
};
pub use trace::{Limit, LimitKind, Line, Missing, Point, Slopes, Trace, trace};
pub use verdict::{CheckVerdict, Coverage, Judgement, Verdict};
pub use window::Phases;
