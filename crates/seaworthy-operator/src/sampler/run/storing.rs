//! When a run stores what it recorded, and what follows from that.

use std::{sync::Arc, time::Duration};

use seaworthy_core::soak_test::Inventories;
use seaworthy_soak::{record::InventoryPoint, recorder::Checkpoint};
use tokio::time::timeout;

use super::{
    super::{SHUTDOWN, evidence::StoreError, keeper::Keeper, turn::Turn},
    PAUSE_MAX, Run, judged,
};
use crate::Error;

/// How long nobody may ask for anything to be stored before that is done all the same.
const IDLE: Duration = Duration::from_secs(3600);

/// So many failures one after another are told; fewer pass.
const TOLD: u32 = 3;

impl Run {
    /// Stores what is left, again and again until the process has to end.
    pub(super) async fn store_last(&self) {
        let tries = async {
            let mut pause = Duration::from_millis(250);
            while let Err(error) = self.checkpoint().await {
                tracing::warn!(soak = self.spec.name, %error, "the last evidence was not stored");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        };
        if timeout(SHUTDOWN, tries).await.is_err() {
            tracing::error!(soak = self.spec.name, "the last evidence was not stored in time");
        }
    }

    /// Stores evidence whenever that is asked for, and again after failures.
    pub(super) async fn keep_storing(self: Arc<Self>) {
        let mut failures = 0u32;
        loop {
            let pause = match failures {
                0 => IDLE,
                n => Duration::from_secs(1 << n.min(5)).min(PAUSE_MAX),
            };
            // Either way what is there is stored.
            let _ = timeout(pause, self.store_now.notified()).await;
            match Box::pin(self.checkpoint()).await {
                Ok(()) => {
                    failures = 0;
                    self.unstored_for(None);
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(soak = self.spec.name, %error, failures, "evidence was not stored");
                    if failures >= TOLD {
                        self.unstored_for(Some(error.message()));
                    }
                }
            }
            if self.facts().broken.is_some() {
                return;
            }
        }
    }

    /// Publishes why evidence cannot be stored, or that it can; wakes the visit where that is new.
    fn unstored_for(&self, why: Option<String>) {
        let mut new = false;
        self.publish(|facts| {
            new = facts.unstored != why;
            facts.unstored = why;
        });
        if new {
            self.shared.wake(&self.spec);
        }
    }

    /// Stores what is not stored yet; takes over what somebody else stored meanwhile. Evidence that was found broken is never written again.
    pub(super) async fn checkpoint(&self) -> Result<(), StoreError> {
        let mut keeper = self.keeper.lock().await;
        if self.facts().broken.is_some() {
            return Ok(());
        }
        let stored = match self.write(&mut keeper).await {
            Err(StoreError::Conflict) => match self.take_over(&mut keeper).await {
                Ok(()) => self.write(&mut keeper).await,
                other => other,
            },
            other => other,
        };
        match stored {
            Err(StoreError::Broken(what)) => {
                self.broken(what);
                Ok(())
            }
            other => other,
        }
    }

    /// Takes over what is stored: somebody else wrote it, or we did and were not answered. Either way it is known to be stored now.
    async fn take_over(&self, keeper: &mut Keeper) -> Result<(), StoreError> {
        let through = self.with(|ledger| ledger.through()).unwrap_or_default();
        let tip = keeper.tip().cloned();
        let inventories = {
            let _turn = Turn::come().await;
            let recorder = keeper.take_over(&self.spec.run, through).await?;
            let has = |point| self.spec.leftovers.iter().all(|check| recorder.has_inventory(check, point));
            let stored = Inventories { before: has(InventoryPoint::Before), after: has(InventoryPoint::After) };
            self.with(|ledger| ledger.take_over(recorder));
            stored
        };
        if keeper.has_head() {
            self.tell(keeper, tip.as_ref(), inventories).await;
        }
        Ok(())
    }

    /// What is to be stored, and which inventories are then.
    async fn unstored(&self) -> Result<Option<(Checkpoint, Inventories)>, StoreError> {
        let here = self.with(|ledger| {
            if !ledger.dirty() {
                return None;
            }
            let inventories = self.inventories(ledger);
            let made = match ledger.copy() {
                Some(copy) => Err(copy),
                None => Ok(ledger.checkpoint()),
            };
            Some((made, inventories))
        });
        let Some((made, inventories)) = here.flatten() else { return Ok(None) };
        let checkpoint = match made {
            Ok(checkpoint) => checkpoint,
            Err(mut copy) => {
                let encode = move || {
                    let checkpoint = copy.checkpoint();
                    (copy, checkpoint)
                };
                let (copy, checkpoint) = blocking(encode).await?;
                self.with(|ledger| ledger.take_over(copy));
                checkpoint
            }
        };
        Ok(Some((checkpoint, inventories)))
    }

    async fn write(&self, keeper: &mut Keeper) -> Result<(), StoreError> {
        let Some((checkpoint, inventories)) = self.unstored().await? else { return Ok(()) };
        let tip = keeper.tip().cloned();
        keeper.write(&checkpoint).await?;
        self.shared.checkpoints.inc();
        self.with(|ledger| ledger.committed(&checkpoint));
        self.tell(keeper, tip.as_ref(), inventories).await;
        Ok(())
    }

    /// Publishes what is stored now, these inventories among it, and wakes the visit where it waits for that. `tip` was the chain's before.
    async fn tell(&self, keeper: &Keeper, tip: Option<&String>, inventories: Inventories) {
        let known = self.with(|ledger| (ledger.through(), ledger.counts().shown()));
        let Some((through, samples)) = known else { return };
        let cadence = self.cadence();
        let before = self.facts();
        let measured = (before.through..through).contains(&cadence.measured);
        // The load waits for the one, the verdict for the other.
        let news = inventories.before && !before.inventories.before || inventories.after && !before.inventories.after;
        let evidence = keeper.status();
        self.publish(|facts| {
            facts.through = through;
            facts.samples = samples;
            facts.evidence = Some(evidence);
            facts.inventories.before |= inventories.before;
            facts.inventories.after |= inventories.after;
        });
        let early = if self.spec.fails_fast() { self.judge_so_far(keeper).await } else { false };
        let sealed = keeper.tip() != tip;
        if sealed || early || measured || news || through >= cadence.slots {
            self.shared.wake(&self.spec);
        }
    }

    /// Whether a fact in the stored evidence ends the run.
    async fn judge_so_far(&self, keeper: &Keeper) -> bool {
        let Ok((turn, Ok(stored))) = keeper.read_in(Turn::soon()).await else { return false };
        let Ok(Some(judgement)) = judged(turn, &self.spec, stored, Some(keeper.status()), None, None).await else {
            return false;
        };
        let ends = judgement.fail_fast;
        if ends {
            self.publish(|facts| facts.judgement = Some(judgement));
        }
        ends
    }
}

/// Does what takes long beside the other work.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Data { what: "work on the evidence".to_owned(), problem: error.to_string() }.into())
}
