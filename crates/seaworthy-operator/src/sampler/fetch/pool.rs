//! The memory for pages that all requests share, and each run's part of it.
//!
//! A page asks once for all that it can have, and holds nothing of the pool while it waits: so those that hold some can always go on, and
//! none waits for another that waits. First its run's share, then the pool, for everybody in the same order.

use std::sync::Arc;

use seaworthy_soak::record::{Gap, GapReason};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

/// All pages in memory together may have so many bytes beyond their first [`FREE`] ones.
const POOL: usize = 32 << 20;
/// Those of one run: two of any size, or as many smaller ones that say how long they are.
const SHARE: usize = POOL / 4;
/// What each page may have without asking.
pub(super) const FREE: usize = 64 << 10;
/// The unit of the pool.
const UNIT: usize = 64 << 10;

/// The pool, and one run's share of it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool {
    all: Arc<Semaphore>,
    share: Arc<Semaphore>,
}

/// What a page holds of the pool, given back when dropped.
pub(super) struct Memory {
    share: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(POOL / UNIT)), share: Arc::new(Semaphore::new(SHARE / UNIT)) }
    }

    /// The same pool with a share that is nobody else's.
    pub(super) fn with_own_share(&self) -> Self {
        Self { all: Arc::clone(&self.all), share: Arc::new(Semaphore::new(SHARE / UNIT)) }
    }

    /// Memory for a page of `bytes`, which counts as no larger than a share.
    ///
    /// # Errors
    /// A gap when there was none until then: that is the sampler's doing, not the target's.
    pub(super) async fn memory(&self, bytes: usize, until: Instant) -> Result<Memory, Gap> {
        let units = u32::try_from(units(bytes).min(SHARE / UNIT)).unwrap_or(u32::MAX);
        let acquired = async {
            let share = Arc::clone(&self.share).acquire_many_owned(units).await?;
            let all = Arc::clone(&self.all).acquire_many_owned(units).await?;
            Ok(Memory { share, all })
        };
        match timeout_at(until, acquired).await {
            Ok(memory) => {
                memory.map_err(|_: tokio::sync::AcquireError| Gap::new(GapReason::Other, "the sampler stops"))
            }
            Err(_) => {
                Err(Gap::new(GapReason::Other, "the sampler's memory for pages is in use: its other pages take long"))
            }
        }
    }
}

impl Memory {
    /// What a page of so many bytes needs of it; the rest is given back.
    pub(super) fn shrunk(mut self, bytes: usize) -> Option<Self> {
        let units = units(bytes);
        (units > 0).then_some(())?;
        let surplus = self.all.num_permits().saturating_sub(units);
        drop((self.share.split(surplus), self.all.split(surplus)));
        Some(self)
    }
}

/// What a page of so many bytes needs.
const fn units(bytes: usize) -> usize {
    bytes.saturating_sub(FREE).div_ceil(UNIT)
}
