//! One run: opens slots when they are due, records them, stores evidence, and publishes facts.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use seaworthy_api::convert::soak_test as convert;
use seaworthy_core::soak_test::{ComparedWith, EvidenceStatus, Inventories, Judgement, SamplerFacts};
use seaworthy_soak::{
    cadence::Cadence,
    check::{Phases, Published, judge, judge_against},
    evidence::Evidence,
    record::{FaultWindow, InventoryPoint, RunInfo},
    recorder::Recorder,
    segment::Object,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    Shared, Tasks,
    evidence::{HEAD, Store, StoreError, Stored},
    faults, late_ms,
    ledger::{Counts, Ledger},
    looks::Looker,
    spec::{Horizon, RunSpec},
};

/// The longest pause between two tries to read or store evidence.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long a run that has nothing more to do stays, in case nobody stops it.
const LINGER: Duration = Duration::from_secs(3600);

/// A run under way.
pub(super) struct Run {
    shared: Arc<Shared>,
    spec: Arc<RunSpec>,
    horizon: watch::Sender<Horizon>,
    store: Store,
    looker: Looker,
    facts: Mutex<SamplerFacts>,
    /// The run's clock: this instant was that wall time, in milliseconds since the epoch.
    anchor: (Instant, i64),
    ledger: Mutex<Option<Ledger>>,
    stored: tokio::sync::Mutex<Known>,
    store_now: Notify,
    stop: watch::Sender<bool>,
    ended: watch::Sender<bool>,
}

/// What we know of the stored evidence.
#[derive(Default)]
struct Known {
    head: Option<String>,
    sealed: u32,
    tip: Option<String>,
}

impl Run {
    /// Begins to sample, where stored evidence ends.
    pub(super) fn start(shared: Arc<Shared>, spec: RunSpec, store: Store, tip: Option<String>) -> Arc<Self> {
        let spec = Arc::new(spec);
        let now = Instant::now();
        let run = Arc::new(Self {
            anchor: (now, shared.clock.at(now.into_std()).as_millis()),
            looker: Looker::new(Arc::clone(&shared), Arc::clone(&spec)),
            shared,
            horizon: watch::channel(spec.horizon).0,
            spec,
            store,
            facts: Mutex::default(),
            ledger: Mutex::new(None),
            stored: tokio::sync::Mutex::new(Known { tip, ..Known::default() }),
            store_now: Notify::new(),
            stop: watch::channel(false).0,
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

    /// When settling ends, as far as is known now.
    pub(super) fn settled(&self) -> Instant {
        let slots = self.slots();
        self.due(slots.saturating_sub(1))
    }

    pub(super) fn store_soon(&self) {
        self.store_now.notify_one();
    }

    fn slots(&self) -> u64 {
        self.horizon.borrow().slots
    }

    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
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
        let planned = i64::try_from(self.spec.run.planned_ms(slot)).unwrap_or(i64::MAX);
        let ahead = self.spec.run.start_unix_ms.saturating_add(planned).saturating_sub(self.anchor.1);
        let span = Duration::from_millis(ahead.unsigned_abs());
        if ahead >= 0 { self.anchor.0 + span } else { self.anchor.0.checked_sub(span).unwrap_or(self.anchor.0) }
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
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let storing = tokio::spawn(Arc::clone(self).keep_storing());
        let inventories = tokio::spawn(Arc::clone(self).keep_inventories());
        tokio::select! {
            () = self.keep_looking() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        inventories.abort();
        storing.abort();
        // Whoever was storing has ended or will not go on; what is left is stored by us.
        let _ = storing.await;
        if let Err(error) = Box::pin(self.checkpoint()).await {
            tracing::warn!(soak = self.spec.name, %error, "the last evidence was not stored");
        }
    }

    /// Reads what is stored and goes on from there. False when it can never be gone on from.
    async fn load(&self) -> bool {
        let mut pause = Duration::from_millis(500);
        loop {
            match self.store.load().await {
                Ok(stored) => return self.resume(stored).await,
                Err(error) => tracing::warn!(soak = self.spec.name, %error, "cannot read the stored evidence"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn resume(&self, stored: Stored) -> bool {
        let mut known = self.stored.lock().await;
        // A slot that is late by less than an interval is still looked at.
        let now = if self.unix_ms(Instant::now()) < self.spec.run.start_unix_ms { 0 } else { self.slot_now() };
        let now = now.min(self.slots());
        let counts = self.counted(&stored, known.tip.as_deref());
        let resumed = Recorder::resume(self.spec.run.clone(), stored.objects.clone(), known.tip.as_deref(), now);
        let resumed = match resumed {
            Ok(resumed) => resumed,
            Err(error) => {
                self.broken(error.to_string());
                return false;
            }
        };
        if let Some(hole) = &resumed.hole {
            tracing::info!(soak = self.spec.name, from = hole.start, to = hole.end, "slots without an operator");
        }
        self.clear(&stored, &resumed.discard).await;
        *known = Known::of(&stored, &resumed.discard, known.tip.take());
        let ledger = Ledger::new(resumed.recorder, counts);
        let stored = |point| ledger.has_inventories(&self.spec.leftovers, point);
        let inventories = Inventories { before: stored(InventoryPoint::Before), after: stored(InventoryPoint::After) };
        let through = ledger.through();
        let shown = ledger.counts().shown();
        if ledger.next() >= self.slots() && ledger.dirty() {
            // Nothing more will be looked at; what nobody recorded is stored as the hole that it is.
            self.store_now.notify_one();
        }
        *self.ledger.lock().unwrap_or_else(PoisonError::into_inner) = Some(ledger);
        self.publish(|facts| {
            facts.through = through;
            facts.samples = shown;
            facts.inventories = inventories;
        });
        true
    }

    /// Coverage until now, from what is stored.
    fn counted(&self, stored: &Stored, tip: Option<&str>) -> Counts {
        let Ok(evidence) = Evidence::decode(&self.spec.run, stored.objects.clone(), tip) else {
            return Counts::default();
        };
        let coverage = judge(&self.spec.checks, &evidence, &self.spec.phases_at(evidence.slots())).coverage;
        Counts::from(coverage.planned, coverage.obtained, coverage.longest_gap_ms)
    }

    /// Objects of an unfinished seal go first; one that cannot be removed now is met again as a conflict.
    async fn clear(&self, stored: &Stored, discard: &[String]) {
        for part in discard {
            if let Err(error) = self.store.discard(stored, part).await {
                tracing::warn!(soak = self.spec.name, part, %error, "an unfinished part of the evidence is still there");
            }
        }
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
        let mut looking = JoinSet::new();
        let mut horizon = self.horizon.subscribe();
        loop {
            let Some(next) = self.with(|ledger| ledger.next()) else { return };
            let slots = horizon.borrow_and_update().slots;
            if next >= slots {
                while looking.join_next().await.is_some() {}
                // Sampled to the end, unless measure is extended; the visit stops this run once it has judged.
                match tokio::time::timeout(LINGER, horizon.changed()).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) | Err(_) => return,
                }
            }
            tokio::select! {
                () = sleep_until(self.due(next)) => {}
                Some(_) = looking.join_next() => continue,
            }
            // After a pause of the whole process the slots in between are missed, not hurried through.
            let slot = self.slot_now().clamp(next, slots - 1);
            self.with(|ledger| ledger.open(slot));
            looking.spawn(Arc::clone(self).look(slot));
        }
    }

    async fn look(self: Arc<Self>, slot: u64) {
        let planned = self.due(slot);
        let now = Instant::now();
        self.shared.lateness.observe(now.saturating_duration_since(planned).as_secs_f64());
        let seen = self.looker.look(slot, self.unix_ms(now), planned).await;
        let faults = self.faults(seen.faults.as_deref());
        let done = self.with(|ledger| ledger.close(seen.record, &faults)).unwrap_or_default();
        if let Some(what) = seen.not_candidate {
            self.publish(|facts| facts.not_candidate = Some(what));
            self.shared.wake(&self.spec);
        }
        if self.cadence().stores_after(&done) {
            self.store_now.notify_one();
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

    /// Stores evidence whenever that is asked for, and again after failures.
    async fn keep_storing(self: Arc<Self>) {
        let mut failures = 0u32;
        loop {
            let pause = match failures {
                0 => LINGER,
                n => Duration::from_secs(1 << n.min(5)).min(PAUSE_MAX),
            };
            // Either way what is there is stored.
            let _ = tokio::time::timeout(pause, self.store_now.notified()).await;
            match Box::pin(self.checkpoint()).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    tracing::warn!(soak = self.spec.name, %error, failures, "evidence was not stored");
                }
            }
            if self.facts().broken.is_some() {
                return;
            }
        }
    }

    /// Stores what is not stored yet; takes over what somebody else stored meanwhile.
    async fn checkpoint(&self) -> Result<(), StoreError> {
        let mut known = self.stored.lock().await;
        match self.write(&mut known).await {
            Err(StoreError::Conflict) => {
                self.take_over(&mut known).await?;
                self.write(&mut known).await
            }
            other => other,
        }
    }

    async fn write(&self, known: &mut Known) -> Result<(), StoreError> {
        let Some(Some(checkpoint)) = self.with(|l| l.dirty().then(|| l.checkpoint())) else { return Ok(()) };
        for part in &checkpoint.sealed {
            self.store.seal(part).await?;
        }
        known.head = Some(self.store.write_head(&checkpoint.head, known.head.as_deref()).await?);
        known.sealed += u32::try_from(checkpoint.sealed.len()).unwrap_or(0);
        let sealed = known.tip != checkpoint.tip;
        known.tip.clone_from(&checkpoint.tip);
        self.shared.checkpoints.inc();
        let through = self.with(|ledger| {
            ledger.committed(&checkpoint);
            let stored = |point| ledger.has_inventories(&self.spec.leftovers, point) && !ledger.dirty();
            let inventories =
                Inventories { before: stored(InventoryPoint::Before), after: stored(InventoryPoint::After) };
            (ledger.through(), ledger.counts().shown(), inventories)
        });
        let Some((through, samples, inventories)) = through else { return Ok(()) };
        let cadence = self.cadence();
        let before = self.facts().through;
        let measured = (before..through).contains(&cadence.measured);
        let evidence = EvidenceStatus {
            chain_tip: known.tip.clone().unwrap_or_default(),
            sealed: known.sealed,
            head: self.store.name(HEAD),
        };
        self.publish(|facts| {
            facts.through = through;
            facts.samples = samples;
            facts.evidence = Some(evidence);
            facts.inventories.before |= inventories.before;
            facts.inventories.after |= inventories.after;
        });
        let early = if self.spec.fails_fast() { self.judge_so_far(known).await } else { false };
        if sealed || early || measured || through >= cadence.slots {
            self.shared.wake(&self.spec);
        }
        Ok(())
    }

    /// Whether a fact in the stored evidence ends the run.
    async fn judge_so_far(&self, known: &Known) -> bool {
        let Ok(stored) = self.store.load().await else { return false };
        let Ok(Some(judgement)) = judged(&self.spec, stored, known.tip.as_deref(), None, None).await else {
            return false;
        };
        let ends = judgement.fail_fast;
        if ends {
            self.publish(|facts| facts.judgement = Some(judgement));
        }
        ends
    }

    async fn take_over(&self, known: &mut Known) -> Result<(), StoreError> {
        let stored = self.store.load().await?;
        match Recorder::resume(self.spec.run.clone(), stored.objects.clone(), known.tip.as_deref(), 0) {
            Ok(resumed) => {
                self.clear(&stored, &resumed.discard).await;
                *known = Known::of(&stored, &resumed.discard, known.tip.take());
                self.with(|ledger| ledger.take_over(resumed.recorder));
                Ok(())
            }
            Err(error) => {
                self.broken(error.to_string());
                Ok(())
            }
        }
    }
}

impl Known {
    fn of(stored: &Stored, discard: &[String], tip: Option<String>) -> Self {
        let sealed = stored.objects.iter().filter(|o| o.sealed && !discard.contains(&o.name)).count();
        Self { head: stored.head.clone(), sealed: u32::try_from(sealed).unwrap_or(u32::MAX), tip }
    }
}

/// The stored evidence of the release that was published last.
#[derive(Debug)]
pub struct Before {
    /// Whose it is.
    pub whose: ComparedWith,
    /// Its run.
    pub run: RunInfo,
    /// What is stored of it.
    pub objects: Vec<Object>,
    /// Its chain's tip, as recorded.
    pub tip: Option<String>,
    /// Its phases.
    pub phases: Phases,
}

impl Before {
    /// The evidence and its phases; None where it is not what was written: what was altered leaves nothing to compare with, and says
    /// nothing of the run that is judged.
    pub fn decode(self) -> Option<(Evidence, Phases)> {
        let evidence = Evidence::decode(&self.run, self.objects, self.tip.as_deref()).ok()?;
        Some((evidence, self.phases))
    }
}

/// Judges stored evidence beside the other work; None when there is none yet. `elapsed_ms` is how far the run is, as far as stored if None.
///
/// # Errors
/// Why the evidence can never be judged.
pub(crate) async fn judged(
    spec: &RunSpec,
    stored: Stored,
    tip: Option<&str>,
    elapsed_ms: Option<u64>,
    before: Option<Before>,
) -> Result<Option<Judgement>, String> {
    if stored.objects.is_empty() && elapsed_ms.is_none() {
        return Ok(None);
    }
    let (spec, tip) = (spec.clone(), tip.map(str::to_owned));
    let work = tokio::task::spawn_blocking(move || {
        let evidence = Evidence::decode(&spec.run, stored.objects, tip.as_deref()).map_err(|e| e.to_string())?;
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
