//! The operator's own metrics, in the Prometheus text format.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

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

/// All metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
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
        *all.registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
        all
    }
}

impl Metrics {
    /// Lets a part of the operator register what it counts itself.
    pub fn register<T>(&self, with: impl FnOnce(&mut Registry) -> T) -> T {
        with(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The page.
    pub fn page(&self) -> String {
        let mut page = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String cannot fail.
        let _ = encode(&mut page, &registry);
        page
    }
}
