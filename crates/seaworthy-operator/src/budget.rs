//! Whose visit begins next: budgets, so that objects that fail, and namespaces with very many objects, leave room for the others.
//!
//! All visits of a kind share so many places. Objects whose last visit failed get a quarter of them, and one namespace three quarters:
//! whatever fails, and wherever, most places are free for what does not. Who finds no place waits here, in the order of arrival, so this is
//! also where the length of the queue is known. Deliberately absent: the pause between two visits of one object.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budgets of one kind.
#[derive(Debug)]
pub(crate) struct Budget {
    all: Arc<Semaphore>,
    failing: Arc<Semaphore>,
    of_namespace: usize,
    namespaces: Mutex<HashMap<String, Arc<Semaphore>>>,
    queue: Gauge,
    running: Gauge,
}

/// A place for one visit, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permits: Vec<OwnedSemaphorePermit>,
    _running: Counted,
}

/// Counts one more as long as it lives, even where whoever waits is dropped.
#[derive(Debug)]
struct Counted(Gauge);

impl Counted {
    fn one_more(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Budget {
    /// So many places in all; who waits and who has one is shown by these gauges.
    pub(crate) fn new(places: usize, queue: Gauge, running: Gauge) -> Self {
        let places = places.max(1);
        Self {
            all: Arc::new(Semaphore::new(places)),
            failing: Arc::new(Semaphore::new((places / 4).max(1))),
            of_namespace: (places - places / 4).max(1),
            namespaces: Mutex::default(),
            queue,
            running,
        }
    }

    /// Waits for a place; `failing`: the object's last visit failed. None when the operator stops.
    pub(crate) async fn enter(&self, namespace: &str, failing: bool) -> Option<Place> {
        let waiting = Counted::one_more(&self.queue);
        let mut permits = Vec::with_capacity(3);
        // The narrow doors first, so that nobody holds a place that many want while waiting for one that few may have.
        if failing {
            permits.push(Arc::clone(&self.failing).acquire_owned().await.ok()?);
        }
        permits.push(self.namespace(namespace).acquire_owned().await.ok()?);
        permits.push(Arc::clone(&self.all).acquire_owned().await.ok()?);
        drop(waiting);
        Some(Place { _permits: permits, _running: Counted::one_more(&self.running) })
    }

    fn namespace(&self, name: &str) -> Arc<Semaphore> {
        let mut all = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        // Namespaces in which nothing happens are forgotten.
        all.retain(|other, places| other == name || Arc::strong_count(places) > 1);
        Arc::clone(all.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.of_namespace))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn enters(budget: &Budget, namespace: &str, failing: bool) -> Option<Place> {
        tokio::time::timeout(Duration::from_millis(20), budget.enter(namespace, failing)).await.ok().flatten()
    }

    #[tokio::test]
    async fn what_fails_leaves_three_quarters_of_the_places() {
        let (queue, running) = (Gauge::default(), Gauge::default());
        let budget = Budget::new(8, queue.clone(), running.clone());
        let mut places = Vec::new();
        for _ in 0..2 {
            places.push(enters(&budget, "bad", true).await.unwrap());
        }
        assert!(enters(&budget, "bad", true).await.is_none(), "the third that fails waits");
        for n in 0..6 {
            let namespace = if n % 2 == 0 { "good" } else { "other" };
            places.push(enters(&budget, namespace, false).await.unwrap());
        }
        assert_eq!((queue.get(), running.get()), (0, 8), "who gave up waiting is not counted");
        drop(places);
        assert_eq!(running.get(), 0);
        assert!(enters(&budget, "bad", true).await.is_some());
    }

    #[tokio::test]
    async fn one_namespace_leaves_room_for_the_others() {
        let budget = Budget::new(8, Gauge::default(), Gauge::default());
        let mut places = Vec::new();
        for _ in 0..6 {
            places.push(enters(&budget, "busy", false).await.unwrap());
        }
        assert!(enters(&budget, "busy", false).await.is_none());
        assert!(enters(&budget, "calm", false).await.is_some());
        drop(places);
        assert!(enters(&budget, "busy", false).await.is_some());
    }

    #[tokio::test]
    async fn with_one_place_everybody_gets_it_in_turn() {
        let budget = Budget::new(1, Gauge::default(), Gauge::default());
        let place = enters(&budget, "a", true).await.unwrap();
        assert!(enters(&budget, "b", false).await.is_none());
        drop(place);
        assert!(enters(&budget, "b", false).await.is_some());
    }
}
