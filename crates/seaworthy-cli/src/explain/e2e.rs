//! Plans about an E2ERun in words.

use seaworthy_core::{
    condition::Condition,
    e2e_run::{E2eRunStatus, Effect, Observed},
};
use seaworthy_operator::kinds::e2e_run::E2eRunKind;

use super::{Told, job};
use crate::{look::Mark, tree::e2e::mark};

impl Told for E2eRunKind {
    fn does(_: &Observed, effect: &Effect) -> String {
        match effect {
            Effect::AddFinalizer => "put its finalizer on the E2ERun".into(),
            Effect::RemoveFinalizer => "take its finalizer off the E2ERun".into(),
            Effect::Task { suite, step, attempt, effect } => {
                job::effect(&format!("{} of suite {suite}, attempt {attempt}:", step.as_str()), effect)
            }
        }
    }

    fn saw(observed: &Observed) -> Vec<(String, String)> {
        observed.jobs.iter().map(|(name, sight)| (format!("Job {name}"), job::sight(sight))).collect()
    }

    fn conditions(status: &E2eRunStatus) -> &[Condition] {
        &status.conditions
    }

    fn phase(status: &E2eRunStatus) -> (String, Mark) {
        (format!("{:?}", status.phase), mark(status.phase))
    }
}
