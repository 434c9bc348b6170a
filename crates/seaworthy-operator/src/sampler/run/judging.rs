//! Judging stored evidence, beside the other work.

use seaworthy_api::convert::soak_test as convert;
use seaworthy_core::soak_test::{ComparedWith, EvidenceStatus, Judgement};
use seaworthy_soak::{
    check::{Phases, Published, judge_against},
    evidence::Evidence,
    record::RunInfo,
    segment::Object,
};

use super::super::{
    evidence::{Stored, known},
    spec::RunSpec,
    turn::Turn,
};

/// The stored evidence of the release that was published last.
#[derive(Debug)]
pub struct Before {
    /// Whose it is.
    pub whose: ComparedWith,
    /// Its run.
    pub run: RunInfo,
    /// What is stored of it.
    pub objects: Vec<Object>,
    /// What its status says of it.
    pub status: Option<EvidenceStatus>,
    /// Its phases.
    pub phases: Phases,
}

impl Before {
    /// The evidence and its phases; None where it is not what was written: what was altered leaves nothing to compare with, and says
    /// nothing of the run that is judged.
    pub fn decode(self) -> Option<(Evidence, Phases)> {
        let evidence = Evidence::decode(&self.run, self.objects, known(self.status.as_ref())).ok()?;
        Some((evidence, self.phases))
    }
}

/// Judges stored evidence beside the other work; None when there is none yet. It was read in this `turn`, which ends with this. `status` is
/// what is on record of it, `elapsed_ms` is how far the run is, as far as stored if None.
///
/// # Errors
/// Why the evidence can never be judged.
pub(crate) async fn judged(
    turn: Turn,
    spec: &RunSpec,
    stored: Stored,
    status: Option<EvidenceStatus>,
    elapsed_ms: Option<u64>,
    before: Option<Before>,
) -> Result<Option<Judgement>, String> {
    if stored.objects.is_empty() && !known(status.as_ref()).head && elapsed_ms.is_none() {
        return Ok(None);
    }
    let spec = spec.clone();
    let work = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let known = known(status.as_ref());
        let evidence = Evidence::decode(&spec.run, stored.objects, known).map_err(|e| e.to_string())?;
        let mut phases = spec.phases_at(evidence.slots());
        if let Some(elapsed) = elapsed_ms {
            phases.elapsed_ms = elapsed;
        }
        let whose = before.as_ref().map(|b| b.whose.clone());
        let before = before.and_then(Before::decode);
        let published = before.as_ref().map(|(evidence, phases)| Published { evidence, phases: *phases });
        let judgement = convert::judgement(&judge_against(&spec.checks, &evidence, &phases, published));
        Ok(Some(Judgement { compared_with: whose.filter(|_| before.is_some()), ..judgement }))
    });
    work.await.unwrap_or_else(|e| Err(format!("judging failed: {e}")))
}
