//! Stores one run's evidence, also while another operator stores the same run's (an update, a lost lease).
//!
//! The head decides what is evidence, and it is only ever replaced under the `resourceVersion` that the writer knows, so of two writers
//! one wins. What the winner's head names must be there for ever. Three rules see to that:
//!
//! 1. A writer names only links that an earlier head names, or that it created itself since it read the version that it replaces. One
//!    that was there already, though it be the same to the byte, is a conflict.
//! 2. Nobody deletes a link that the head which he read names.
//! 3. Before anybody deletes a link that no head names, he replaces the head that he read by itself with a mark, under its version.
//!
//! Why they suffice: let a link be deleted by rule 3, listed while the head had version R. Whoever created it did so while he knew R or an
//! earlier version, and by rule 1 only he may name it, only by replacing that version. The mark has replaced R, so he cannot any more: no
//! head names the link, nor ever will, however late the deletion is carried out (it names the UID, so it cannot meet another object of
//! that name). Crashes and lost answers only leave out steps or repeat them: a link whose creation was not answered counts as not created
//! by us, and a mark that was not answered is followed by no deletion.

use std::collections::BTreeMap;

use seaworthy_core::soak_test::EvidenceStatus;
use seaworthy_soak::{
    record::RunInfo,
    recorder::{Checkpoint, Recorder},
    segment::Known,
};

use super::{
    evidence::{HEAD, Store, StoreError, Stored},
    turn::Turn,
};
use crate::Error;

/// One writer of a run's evidence.
pub(super) struct Keeper {
    store: Store,
    /// The head's version that we know; None where there was no head.
    head: Option<String>,
    /// What we created since we know that version: hashes by name.
    made: BTreeMap<String, String>,
    sealed: usize,
    tip: Option<String>,
}

impl Keeper {
    /// A writer that has read nothing yet. `tip`: the chain's tip that is on record.
    pub(super) fn new(store: Store, tip: Option<String>) -> Self {
        Self { store, head: None, made: BTreeMap::new(), sealed: 0, tip }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// `Broken` when there is more than anybody may hold in memory.
    async fn read(&self) -> Result<Stored, StoreError> {
        whole(self.store.load().await)
    }

    /// The same, and the turn in which it may be unpacked.
    ///
    /// # Errors
    /// Why there was no turn.
    pub(super) async fn read_in<E>(
        &self,
        turn: impl Future<Output = Result<Turn, E>>,
    ) -> Result<(Turn, Result<Stored, StoreError>), E> {
        let (turn, stored) = self.store.load_in(turn).await?;
        Ok((turn, whole(stored)))
    }

    /// Goes on from a head of this version, which names so many links; others are met again as conflicts.
    pub(super) fn goes_on(&mut self, head: Option<String>, sealed: usize) {
        self.head = head;
        self.made.clear();
        self.sealed = sealed;
    }

    /// Stores a checkpoint.
    ///
    /// # Errors
    /// `Conflict` when what is stored is not what we know: it is to be taken over first.
    pub(super) async fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        for part in &checkpoint.sealed {
            let hash = part.hash();
            if self.made.get(&part.name) != Some(&hash) {
                self.store.seal(part).await?;
                self.made.insert(part.name.clone(), hash);
            }
        }
        self.head = Some(self.store.write_head(&checkpoint.head, self.head.as_deref()).await?);
        self.made.clear();
        self.sealed += checkpoint.sealed.len();
        self.tip.clone_from(&checkpoint.tip);
        Ok(())
    }

    /// Reads what somebody else stored, removes what he left unfinished, and gives the recorder that goes on from there. Slots before
    /// `through` are known to be stored.
    ///
    /// # Errors
    /// `Broken` when it is not what was written, or less than that. `Conflict` when he still writes.
    pub(super) async fn take_over(&mut self, run: &RunInfo, through: u64) -> Result<Recorder, StoreError> {
        let mut stored = self.read().await?;
        let objects = std::mem::take(&mut stored.objects);
        let head = objects.iter().find(|o| o.name == HEAD).cloned();
        let sealed = objects.iter().filter(|o| o.sealed).count();
        let known = Known { tip: self.tip.as_deref(), head: self.head.is_some(), through };
        let resumed = Recorder::resume(run.clone(), objects, known, 0);
        let resumed = resumed.map_err(|error| StoreError::Broken(error.to_string()))?;
        if !resumed.discard.is_empty() {
            let head = head.unwrap_or_else(|| Recorder::new(run.clone()).checkpoint().head);
            stored.head = Some(self.store.mark(&head, stored.head.as_deref()).await?);
            for part in &resumed.discard {
                self.store.discard(&stored, part).await?;
            }
        }
        self.goes_on(stored.head, sealed.saturating_sub(resumed.discard.len()));
        self.tip = resumed.recorder.tip().map(str::to_owned);
        Ok(resumed.recorder)
    }

    /// Whether there is a head, as far as we know.
    pub(super) const fn has_head(&self) -> bool {
        self.head.is_some()
    }

    /// The chain's tip.
    pub(super) const fn tip(&self) -> Option<&String> {
        self.tip.as_ref()
    }

    /// As the status says it, once something was written.
    pub(super) fn status(&self) -> EvidenceStatus {
        EvidenceStatus {
            chain_tip: self.tip.clone().unwrap_or_default(),
            sealed: u32::try_from(self.sealed).unwrap_or(u32::MAX),
            head: self.store.name(HEAD),
        }
    }
}

/// More than anybody may hold in memory will never be less.
fn whole(read: Result<Stored, Error>) -> Result<Stored, StoreError> {
    match read {
        Err(error @ Error::Data { .. }) => Err(StoreError::Broken(error.to_string())),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests;
