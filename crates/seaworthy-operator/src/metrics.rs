//! The operator's own metrics, in the Prometheus text format.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::requests::Requests;

/// Labels of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct KindLabels {
    /// The kind.
    pub kind: &'static str,
}

/// Labels of an error.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ErrorLabels {
    /// The kind.
    pub kind: &'static str,
    /// See [`crate::Error::category`].
    pub category: &'static str,
}

/// Labels of an effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EffectLabels {
    /// The kind.
    pub kind: &'static str,
    /// The effect's name.
    pub effect: String,
}

/// Labels of the Releases in a phase.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabels {
    /// The phase.
    pub phase: String,
}

/// Labels of the samples of soaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SampleLabels {
    /// `planned`, `obtained` or `lost`.
    pub outcome: &'static str,
}

/// Brings gauges up to date that are made of what is there.
type Refresh = Box<dyn Fn(&Metrics) + Send + Sync>;

/// What is done before a page is made.
#[derive(Clone, Default)]
struct Refreshes(Arc<Mutex<Vec<Refresh>>>);

impl std::fmt::Debug for Refreshes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Refreshes").finish_non_exhaustive()
    }
}

/// All metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    refreshes: Refreshes,
    /// Visits of objects whose last visit failed.
    pub retries: Family<KindLabels, Counter>,
    /// Objects that wait for their visit.
    pub queue: Family<KindLabels, Gauge>,
    /// Visits under way.
    pub running: Family<KindLabels, Gauge>,
    /// Requests to the API server.
    pub requests: Requests,
    /// Releases that are there, by phase.
    pub releases: Family<PhaseLabels, Gauge>,
    /// The age of the oldest Release of each phase that is not terminal, in seconds.
    pub release_age: Family<PhaseLabels, Gauge>,
    /// Samples of the SoakTests that are there.
    pub samples: Family<SampleLabels, Gauge>,
    /// Visits that began.
    pub reconciles: Family<KindLabels, Counter>,
    /// Visits that failed.
    pub errors: Family<ErrorLabels, Counter>,
    /// Effects that were carried out.
    pub effects: Family<EffectLabels, Counter>,
    /// Statuses that were written.
    pub status_writes: Family<KindLabels, Counter>,
    /// How long visits take, in seconds.
    pub duration: Family<KindLabels, Histogram, fn() -> Histogram>,
}

fn buckets() -> Histogram {
    Histogram::new([0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("seaworthy");
        let all = Self {
            registry: Arc::default(),
            refreshes: Refreshes::default(),
            retries: Family::default(),
            queue: Family::default(),
            running: Family::default(),
            requests: Family::default(),
            releases: Family::default(),
            release_age: Family::default(),
            samples: Family::default(),
            reconciles: Family::default(),
            errors: Family::default(),
            effects: Family::default(),
            status_writes: Family::default(),
            duration: Family::new_with_constructor(buckets as fn() -> Histogram),
        };
        registry.register("reconciles", "Visits that began", all.reconciles.clone());
        registry.register("reconcile_errors", "Visits that failed, by category", all.errors.clone());
        registry.register("effects", "Effects that were carried out", all.effects.clone());
        registry.register("status_writes", "Statuses that were written", all.status_writes.clone());
        registry.register("reconcile_duration_seconds", "How long visits take", all.duration.clone());
        registry.register("reconcile_retries", "Visits of objects whose last visit failed", all.retries.clone());
        registry.register("queue_depth", "Objects that wait for their visit", all.queue.clone());
        registry.register("reconciles_running", "Visits under way", all.running.clone());
        registry.register(
            "requests",
            "Requests to the API server, by verb and code (0: no answer)",
            all.requests.clone(),
        );
        registry.register("releases", "Releases that are there, by phase", all.releases.clone());
        registry.register(
            "release_oldest_age_seconds",
            "Age of the oldest Release of each phase that is not terminal",
            all.release_age.clone(),
        );
        registry.register(
            "soak_samples",
            "Samples of the SoakTests that are there, as their statuses count them: planned, obtained, lost",
            all.samples.clone(),
        );
        *all.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        all
    }
}

impl Metrics {
    /// Lets a part of the operator register what it counts itself.
    pub fn register<T>(&self, with: impl FnOnce(&mut Registry) -> T) -> T {
        with(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets a part of the operator set gauges anew before each page.
    pub fn before_pages(&self, refresh: impl Fn(&Self) + Send + Sync + 'static) {
        self.refreshes.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(refresh));
    }

    /// The page.
    pub fn page(&self) -> String {
        for refresh in self.refreshes.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            refresh(self);
        }
        let mut page = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        let _ = encode(&mut page, &registry);
        page
    }
}
