//! Plans about a SoakTest in words.

use seaworthy_core::{
    condition::Condition,
    soak_test::{Effect, Observed, SoakTestStatus, target::Rollout},
};
use seaworthy_operator::kinds::soak_test::SoakTestKind;

use super::{
    Told,
    job::{self, presence},
};
use crate::{look::Mark, tree::soak::mark};

impl Told for SoakTestKind {
    fn does(observed: &Observed, effect: &Effect) -> String {
        let target = &observed.spec.target;
        match effect {
            Effect::AddFinalizer => "put its finalizer on the SoakTest".into(),
            Effect::RemoveFinalizer => "take its finalizer off the SoakTest".into(),
            Effect::AcquireLock => format!("take the lock of {target}, so that no other soak shares it"),
            Effect::ReleaseLock => format!("give the lock of {target} back"),
            Effect::Task { role, effect } => job::effect(role.purpose(), effect),
        }
    }

    fn saw(observed: &Observed) -> Vec<(String, String)> {
        let target = &observed.spec.target;
        let seen = [
            (format!("the lock of {target}"), job::lock(&observed.lock)),
            (target.clone(), presence(&observed.target, rollout)),
            ("the evidence".into(), observed.sampler.broken.clone()),
            ("the pods".into(), observed.sampler.not_candidate.clone()),
            ("the checks".into(), observed.sampler.judgement.as_ref().map(|j| format!("{:?}", j.verdict))),
        ];
        let mut saw: Vec<(String, String)> =
            seen.into_iter().filter_map(|(what, state)| Some((what, state?))).collect();
        saw.extend(observed.jobs.iter().map(|(name, sight)| (format!("Job {name}"), job::sight(sight))));
        saw
    }

    fn conditions(status: &SoakTestStatus) -> &[Condition] {
        &status.conditions
    }

    fn phase(status: &SoakTestStatus) -> (String, Mark) {
        (format!("{:?}", status.phase), mark(status.phase))
    }
}

fn rollout(rollout: &Rollout) -> String {
    let ready = rollout.pods.iter().filter(|p| p.ready).count();
    let mut parts = vec![format!("{ready} of {} pods ready", rollout.desired)];
    parts.extend((!rollout.complete).then(|| "still rolling out".to_owned()));
    parts.extend((rollout.ending > 0).then(|| format!("{} still ending", rollout.ending)));
    let waiting = rollout.pods.iter().filter_map(|p| Some(format!("{}: {}", p.name, p.waiting.as_ref()?)));
    parts.extend(waiting);
    parts.join(", ")
}
