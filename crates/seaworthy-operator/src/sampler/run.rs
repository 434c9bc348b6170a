//! One run: opens slots when they are due, records them, stores evidence, and publishes facts.

mod judging;
mod storing;

use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use seaworthy_core::soak_test::{Inventories, SamplerFacts};
use seaworthy_soak::{
    cadence::Cadence,
    check::{Phases, judge},
    record::{FaultWindow, Gap, GapReason, InventoryPoint},
    recorder::{Recorder, Resumed},
    segment::{ChainError, Known, Object},
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{
    Shared, Tasks,
    evidence::{Store, StoreError, Stored},
    faults,
    keeper::Keeper,
    late_ms,
    ledger::{Counts, Ledger, Outcome},
    looks::{Looker, Seen},
    spec::{Horizon, RunSpec},
    turn::Turn,
};
use storing::blocking;

pub use judging::Before;
pub(crate) use judging::judged;

/// The longest pause between two tries to read or store evidence.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// The most slots that are missed at once: the recorder takes no more in one go.
const FARTHEST: u64 = 100_000;
/// Slots of all runs are looked at together, at common moments so far apart, or a fiftieth of their interval if that is less: what one look
/// brings into the processor's caches is there for the next.
const TOGETHER: Duration = Duration::from_millis(100);

/// A run under way.
pub(super) struct Run {
    shared: Arc<Shared>,
    spec: Arc<RunSpec>,
    horizon: watch::Sender<Horizon>,
    looker: Looker,
    facts: Mutex<SamplerFacts>,
    /// The run's clock: this instant was that wall time, in milliseconds since the epoch.
    anchor: (Instant, i64),
    ledger: Mutex<Option<Ledger>>,
    keeper: tokio::sync::Mutex<Keeper>,
    /// Whether evidence was stored before this run began.
    stored: bool,
    store_now: Notify,
    stop: watch::Sender<Option<End>>,
    ended: watch::Sender<bool>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// What was recorded is stored.
    Stores,
    /// Whose it was is gone: there is nothing to store for.
    Drops,
}

impl Run {
    /// Begins to sample, where stored evidence ends.
    pub(super) fn start(shared: Arc<Shared>, spec: RunSpec, store: Store, known: Known<'_>) -> Arc<Self> {
        let spec = Arc::new(spec);
        let now = Instant::now();
        let run = Arc::new(Self {
            anchor: (now, shared.clock.at(now.into_std()).as_millis()),
            looker: Looker::new(Arc::clone(&shared), Arc::clone(&spec)),
            shared,
            horizon: watch::channel(spec.horizon).0,
            spec,
            facts: Mutex::default(),
            ledger: Mutex::new(None),
            keeper: tokio::sync::Mutex::new(Keeper::new(store, known.tip.map(str::to_owned))),
            stored: known.head,
            store_now: Notify::new(),
            stop: watch::channel(None).0,
            ended: watch::channel(false).0,
        });
        let mine = Arc::clone(&run);
        tokio::spawn(async move {
            mine.live().await;
            mine.ended.send_replace(true);
        });
        run
    }

    pub(super) fn facts(&self) -> SamplerFacts {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn tasks(&self, tasks: Tasks) {
        self.looker.tasks(tasks);
    }

    /// Takes over how far it goes.
    pub(super) fn extend(&self, horizon: Horizon) {
        self.horizon.send_if_modified(|known| std::mem::replace(known, horizon) != horizon);
    }

    pub(super) fn spec(&self) -> &RunSpec {
        &self.spec
    }

    pub(super) const fn looker(&self) -> &Looker {
        &self.looker
    }

    /// When settling ends, as far as is known now: maybe between two slots.
    pub(super) fn settled(&self) -> Instant {
        let Phases { warm_up_ms, measure_ms, settle_ms, .. } = self.horizon.borrow().phases;
        self.at(warm_up_ms.saturating_add(measure_ms).saturating_add(settle_ms))
    }

    /// So many milliseconds after slot 0, by the run's clock.
    pub(super) fn at(&self, elapsed_ms: u64) -> Instant {
        let elapsed = i64::try_from(elapsed_ms).unwrap_or(i64::MAX);
        let ahead = self.spec.run.start_unix_ms.saturating_add(elapsed).saturating_sub(self.anchor.1);
        let span = Duration::from_millis(ahead.unsigned_abs());
        if ahead >= 0 { self.anchor.0 + span } else { self.anchor.0.checked_sub(span).unwrap_or(self.anchor.0) }
    }

    pub(super) fn store_soon(&self) {
        self.store_now.notify_one();
    }

    fn slots(&self) -> u64 {
        self.horizon.borrow().slots
    }

    pub(super) fn stop(&self, how: End) {
        self.stop.send_replace(Some(how));
    }

    /// Whether it has ended, though a new one could go on.
    pub(super) fn is_over(&self) -> bool {
        *self.ended.borrow() && self.facts().broken.is_none()
    }

    /// Resolves when what was recorded is stored, or will not be.
    pub(super) async fn ended(&self) {
        // A sender that is gone is as good as told; it is not, for it is ours.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    fn publish(&self, change: impl FnOnce(&mut SamplerFacts)) {
        change(&mut self.facts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Wall time as this run counts it: elapsed time since the anchor, whatever the clock does meanwhile.
    fn unix_ms(&self, at: Instant) -> i64 {
        self.anchor.1 + late_ms(self.anchor.0, at)
    }

    fn due(&self, slot: u64) -> Instant {
        self.at(self.spec.run.planned_ms(slot))
    }

    /// When slots are looked at together of which one is due at that moment: then, or a little later.
    fn together(&self, due: Instant) -> Instant {
        let step = TOGETHER.min(Duration::from_millis(self.spec.run.interval_ms) / 50);
        let into = due.saturating_duration_since(self.shared.began).as_nanos() % step.as_nanos().max(1);
        let rest = step.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)));
        if into == 0 { due } else { due + rest }
    }

    /// The slot that is due now, or was last.
    fn slot_now(&self) -> u64 {
        let elapsed = self.unix_ms(Instant::now()).saturating_sub(self.spec.run.start_unix_ms);
        u64::try_from(elapsed).unwrap_or(0) / self.spec.run.interval_ms.max(1)
    }

    /// What takes room and is seldom done lives on the heap only while it is done: there are hundreds of these.
    async fn live(self: &Arc<Self>) {
        let mut stop = self.stop.subscribe();
        tokio::select! {
            loaded = Box::pin(self.load()) => if !loaded { return },
            _ = stop.wait_for(Option::is_some) => return,
        }
        let storing = tokio::spawn(Arc::clone(self).keep_storing());
        // The room of a task is kept as long as its handle, whether it has ended or not.
        let compares = !self.spec.leftovers.is_empty();
        let inventories = compares.then(|| tokio::spawn(Arc::clone(self).keep_inventories()));
        tokio::select! {
            biased;
            // First: a look whose answers are there is over, though the stop is there too.
            () = self.keep_looking() => {}
            _ = stop.wait_for(Option::is_some) => {}
        }
        inventories.inspect(tokio::task::JoinHandle::abort);
        storing.abort();
        // Whoever was storing has ended or will not go on; what is left is stored by us.
        let _ = storing.await;
        if *stop.borrow() != Some(End::Drops) {
            self.with(Ledger::give_up);
            Box::pin(self.store_last()).await;
        }
    }

    /// Reads what is stored and goes on from there. False when it can never be gone on from.
    async fn load(&self) -> bool {
        let mut pause = Duration::from_millis(500);
        loop {
            let mut keeper = self.keeper.lock().await;
            let turn = async { Ok::<_, Infallible>(Turn::come().await) };
            let Ok((turn, stored)) = keeper.read_in(turn).await;
            match stored {
                Ok(stored) => match self.resume(turn, &mut keeper, stored).await {
                    Err(StoreError::Broken(what)) => {
                        self.broken(what);
                        return false;
                    }
                    Err(error) => {
                        tracing::warn!(soak = self.spec.name, %error, "cannot go on from the stored evidence");
                    }
                    Ok(()) => return true,
                },
                Err(StoreError::Broken(what)) => {
                    self.broken(what);
                    return false;
                }
                Err(error) => tracing::warn!(soak = self.spec.name, %error, "cannot read the stored evidence"),
            }
            drop(keeper);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn resume(&self, turn: Turn, keeper: &mut Keeper, stored: Stored) -> Result<(), StoreError> {
        // A slot that is late by less than an interval is still looked at.
        let now = if self.unix_ms(Instant::now()) < self.spec.run.start_unix_ms { 0 } else { self.slot_now() };
        let now = now.min(self.slots());
        let (spec, objects, head) = (Arc::clone(&self.spec), stored.objects, self.stored);
        let (tip, none) = (keeper.tip().cloned(), objects.is_empty());
        let sealed = objects.iter().filter(|o| o.sealed).count();
        let resume = move || {
            let _turn = turn;
            resumed(&spec, objects, Known { head, ..tip.as_deref().into() }, now)
        };
        // Hours of samples are read and counted: beside the other work, where there are any.
        let resumed = if none { resume() } else { blocking(resume).await? };
        let (resumed, counts) = resumed.map_err(|error| StoreError::Broken(error.to_string()))?;
        if let Some(hole) = &resumed.hole {
            tracing::info!(soak = self.spec.name, from = hole.start, to = hole.end, "slots without an operator");
        }
        keeper.goes_on(stored.head, sealed.saturating_sub(resumed.discard.len()));
        let ledger = Ledger::new(resumed.recorder, counts, self.shared.room.part());
        let inventories = self.inventories(&ledger);
        let through = ledger.through();
        let shown = ledger.counts().shown();
        if resumed.hole.is_some_and(|hole| self.cadence().stores_after(&hole)) {
            // What nobody recorded is stored as the hole that it is: it is long, or nothing more will be looked at.
            self.store_now.notify_one();
        }
        *self.ledger.lock().unwrap_or_else(PoisonError::into_inner) = Some(ledger);
        self.publish(|facts| {
            facts.through = through;
            facts.samples = shown;
            facts.inventories = inventories;
        });
        Ok(())
    }

    /// Which inventories the ledger has.
    fn inventories(&self, ledger: &Ledger) -> Inventories {
        let has = |point| ledger.has_inventories(&self.spec.leftovers, point);
        Inventories { before: has(InventoryPoint::Before), after: has(InventoryPoint::After) }
    }

    fn broken(&self, what: String) {
        tracing::error!(soak = self.spec.name, error = what, "the stored evidence is not what was written");
        self.publish(|facts| facts.broken = Some(what));
        self.shared.wake(&self.spec);
    }

    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Ledger) -> T) -> Option<T> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(what)
    }

    /// Opens slots when they are due, until all are done.
    async fn keep_looking(self: &Arc<Self>) {
        let mut looking = FuturesUnordered::new();
        let mut horizon = self.horizon.subscribe();
        loop {
            let Some(next) = self.with(|ledger| ledger.next()) else { return };
            let slots = horizon.borrow_and_update().slots;
            if next >= slots {
                while looking.next().await.is_some() {}
                // Sampled to the end, unless measure is extended; the visit stops this run once it has judged.
                match timeout(self.shared.linger, horizon.changed()).await {
                    Ok(Ok(())) => continue,
                    // What is not stored yet is tried again until somebody ends it.
                    Err(_) if self.with(|ledger| ledger.dirty()).unwrap_or(false) => continue,
                    Ok(Err(_)) | Err(_) => return,
                }
            }
            tokio::select! {
                () = sleep_until(self.together(self.due(next))) => {}
                Some(()) = looking.next() => continue,
            }
            // After a pause of the whole process the slots in between are missed, not hurried through.
            let now = self.slot_now();
            let slot = now.clamp(next, (slots - 1).min(next + FARTHEST));
            if now > slot {
                self.missed(slot);
                continue;
            }
            self.with(|ledger| ledger.open(slot));
            looking.push(caught(self.look(slot)).map(move |look| self.looked(slot, look)));
        }
    }

    /// A slot that is late by an interval or more, because nothing was looked at for so long or because measure was extended later than it
    /// would have been due: what is seen now is nothing of then.
    fn missed(&self, slot: u64) {
        let due = self.due(slot);
        let late = Instant::now().saturating_duration_since(due).as_secs();
        let gap = Gap::new(GapReason::Missed, format!("its turn came only {late} s after it was due"));
        self.close(Outcome::Nothing { slot, unix_ms: self.unix_ms(due), gap }, &[]);
    }

    /// A slot is over; stores evidence where it is time.
    fn close(&self, outcome: Outcome, faults: &[FaultWindow]) {
        let done = self.with(|ledger| ledger.close(outcome, faults)).unwrap_or_default();
        if self.cadence().stores_after(&done) {
            self.store_now.notify_one();
        }
    }

    /// Sees to it that a slot is over whatever became of its look: one that stays open holds up all later ones.
    fn looked(&self, slot: u64, look: Result<(), Gap>) {
        let Err(gap) = look else { return };
        tracing::error!(soak = self.spec.name, slot, %gap, "a slot was not recorded");
        let unix_ms = self.unix_ms(self.due(slot));
        let close = || self.with(|ledger| ledger.close(Outcome::Nothing { slot, unix_ms, gap }, &[]));
        if catch_unwind(AssertUnwindSafe(close)).is_err() {
            tracing::error!(soak = self.spec.name, slot, "nor as a gap");
        }
    }

    async fn look(&self, slot: u64) {
        let planned = self.due(slot);
        let now = Instant::now();
        self.shared.lateness.observe(now.saturating_duration_since(planned).as_secs_f64());
        let unix_ms = self.unix_ms(now);
        let (outcome, faults, not_candidate) = match caught(Box::pin(self.looker.look(slot, unix_ms, planned))).await {
            Ok(Seen { record, not_candidate, faults }) => {
                (Outcome::Seen(record), self.faults(faults.as_deref()), not_candidate)
            }
            Err(gap) => {
                tracing::error!(soak = self.spec.name, slot, %gap, "a look failed");
                (Outcome::Nothing { slot, unix_ms, gap }, Vec::new(), None)
            }
        };
        self.close(outcome, &faults);
        if let Some(what) = not_candidate {
            self.publish(|facts| facts.not_candidate = Some(what));
            self.shared.wake(&self.spec);
        }
    }

    fn cadence(&self) -> Cadence {
        let Horizon { slots, phases } = *self.horizon.borrow();
        let soaks = self.shared.sampled.load(Ordering::Relaxed);
        Cadence::new(self.spec.run.interval_ms, phases.warm_up_ms, phases.measure_ms, slots, soaks)
    }

    /// The faults that the load declares.
    fn faults(&self, declared: Option<&str>) -> Vec<FaultWindow> {
        let Some(text) = declared else { return Vec::new() };
        faults::parse(text, self.spec.run.start_unix_ms).unwrap_or_else(|error| {
            tracing::warn!(
                soak = self.spec.name,
                error,
                "the annotation of faults on the workload's pod cannot be read"
            );
            Vec::new()
        })
    }
}

/// A look whose defect is its own end only: it must not take the slots after it along.
async fn caught<T>(look: impl Future<Output = T>) -> Result<T, Gap> {
    let defect = |_| Gap::new(GapReason::Other, "the look ended in a defect of the operator: see its log");
    AssertUnwindSafe(look).catch_unwind().await.map_err(defect)
}

/// A recorder that goes on with these objects, and coverage until now.
fn resumed(spec: &RunSpec, objects: Vec<Object>, known: Known<'_>, now: u64) -> Result<(Resumed, Counts), ChainError> {
    if objects.is_empty() {
        return Ok((Recorder::resume(spec.run.clone(), objects, known, now)?, Counts::default()));
    }
    let (resumed, evidence) = Recorder::resume_with_evidence(&spec.run, objects, known, now)?;
    // Of the slots that are stored, whatever phase they belong to: as slots are counted from here on.
    let stored_ms = evidence.slots().saturating_mul(spec.run.interval_ms);
    let so_far = Phases { warm_up_ms: 0, measure_ms: stored_ms, settle_ms: 0, elapsed_ms: stored_ms };
    let coverage = judge(&spec.checks, &evidence, &so_far).coverage;
    Ok((resumed, Counts::from(coverage.planned, coverage.obtained, coverage.longest_gap_ms)))
}

#[cfg(test)]
mod tests;
