//! The memory for pages that all requests share, and each run's part of it.
//!
//! A page asks for all that it can have up to [`LARGE`], and again, for the rest, if it is larger. Large ones take turns: one at a time has as
//! much as a page may have, and must have arrived within [`TURN`]. Always its run's part first, then that of all, in the order of arrival; who has
//! the turn waits for nobody. So those that hold something can always go on, and one run takes no more than every other turn. A run whose turn
//! ended without a whole page stands in no line any more until [`OWED`] of its turns ended well: it has the turn only while nobody waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use seaworthy_soak::record::{Gap, GapReason};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout_at},
};

/// All pages in memory together may have so many bytes beyond their first [`FREE`] ones, but for the one that is large.
const POOL: usize = 32 << 20;
/// Those of one run.
const SHARE: usize = POOL / 4;
/// What each page may have without asking.
pub(super) const FREE: usize = 64 << 10;
/// Larger pages take turns.
pub(in crate::sampler) const LARGE: usize = 256 << 10;
/// How long a turn is.
pub(super) const TURN: Duration = Duration::from_secs(1);
/// So many turns of a run must end well, in a row, before it stands in line again.
const OWED: u32 = 10;
/// How often such a run looks whether nobody waits.
const LOOK: Duration = Duration::from_millis(20);
/// The unit of the pool.
const UNIT: usize = 64 << 10;

/// The pool, and one run's share of it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Pool {
    all: Arc<Semaphore>,
    pub(super) share: Arc<Semaphore>,
    pub(super) turns: Arc<Semaphore>,
    turns_of_run: Arc<Semaphore>,
    /// So many turns must end well before the run stands in line.
    owed: Arc<AtomicU32>,
}

/// What a page holds of the pool, given back when dropped: of its run's part, and of that of all.
pub(super) struct Memory {
    share: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
    turn: Option<Turn>,
}

/// The turn of a large page. Dropped before the page is whole, it ended badly.
struct Turn {
    _permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    owed: Arc<AtomicU32>,
    whole: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let owed = if self.whole { self.owed.load(Relaxed).saturating_sub(1) } else { OWED };
        self.owed.store(owed, Relaxed);
    }
}

impl Pool {
    pub(super) fn new() -> Self {
        let (all, turns) = (Arc::new(Semaphore::new(POOL / UNIT)), Arc::new(Semaphore::new(1)));
        let (share, turns_of_run) = (Arc::new(Semaphore::new(SHARE / UNIT)), Arc::new(Semaphore::new(1)));
        Self { all, turns, share, turns_of_run, owed: Arc::default() }
    }

    /// The same pool with a share that is nobody else's.
    pub(super) fn with_own_share(&self) -> Self {
        Self { all: Arc::clone(&self.all), turns: Arc::clone(&self.turns), ..Self::new() }
    }

    /// Memory for a page of `bytes`, up to [`LARGE`].
    ///
    /// # Errors
    /// A gap when there was none until then: that is the sampler's doing, not the target's.
    pub(super) async fn memory(&self, bytes: usize, until: Instant) -> Result<Memory, Gap> {
        let units = u32::try_from(units(bytes.min(LARGE))).unwrap_or(u32::MAX);
        let (share, all) = both(&self.share, &self.all, units, until).await?;
        Ok(Memory { share, all, turn: None })
    }

    /// The turn of a page that is large.
    ///
    /// # Errors
    /// As [`Self::memory`].
    pub(super) async fn turn(&self, memory: &mut Memory, until: Instant) -> Result<(), Gap> {
        let turn = async {
            let own = Arc::clone(&self.turns_of_run).acquire_owned().await.map_err(stops)?;
            if self.owed.load(Relaxed) == 0 {
                return Ok((own, Arc::clone(&self.turns).acquire_owned().await.map_err(stops)?));
            }
            loop {
                // There is none to be had while anybody waits for it.
                match Arc::clone(&self.turns).try_acquire_owned() {
                    Ok(turn) => return Ok((own, turn)),
                    Err(_) => sleep(LOOK).await,
                }
            }
        };
        let permits = timeout_at(until, turn).await.unwrap_or_else(|_| Err(busy()))?;
        memory.turn = Some(Turn { _permits: permits, owed: Arc::clone(&self.owed), whole: false });
        Ok(())
    }
}

/// So much of one, and then of the other.
async fn both(
    run: &Arc<Semaphore>,
    all: &Arc<Semaphore>,
    units: u32,
    until: Instant,
) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), Gap> {
    let acquired = async {
        let run = Arc::clone(run).acquire_many_owned(units).await?;
        Ok((run, Arc::clone(all).acquire_many_owned(units).await?))
    };
    timeout_at(until, acquired).await.map_or_else(|_| Err(busy()), |both| both.map_err(stops))
}

fn busy() -> Gap {
    Gap::new(GapReason::Other, "the sampler's memory for pages is in use: its other pages take long")
}

fn stops(_: AcquireError) -> Gap {
    Gap::new(GapReason::Other, "the sampler stops")
}

impl Memory {
    /// What a whole page of so many bytes needs of it; the rest is given back.
    pub(super) fn shrunk(mut self, bytes: usize) -> Option<Self> {
        if let Some(turn) = &mut self.turn {
            turn.whole = true;
        }
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
