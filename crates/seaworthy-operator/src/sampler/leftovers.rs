//! Takes the inventories that `leftovers` checks compare: one before the load, one after settling.
//!
//! The first is taken only while the load has not been started, or without one before measure is well under way; the last only from a look
//! that began after settling had ended and the load was known to be over for good. Either way it is evidence once it is stored, and the
//! visit is told then.

use std::{sync::Arc, time::Duration};

use seaworthy_soak::record::InventoryPoint;
use tokio::time::{Instant, sleep};

use super::run::Run;

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(500);

impl Run {
    /// Takes both inventories, each when its time has come; for runs that compare any.
    pub(super) async fn keep_inventories(self: Arc<Self>) {
        let began = Instant::now();
        while !self.too_late() && !self.take(InventoryPoint::Before, began.elapsed()).await {
            sleep(AGAIN).await;
        }
        let mut rested = None;
        loop {
            // Where measure is extended, settling ends later.
            let settled = self.settled();
            let now = Instant::now();
            if now < settled {
                sleep((settled - now).min(Duration::from_secs(30))).await;
                continue;
            }
            // The load may be under way still: the visit decides only now if measure is extended, and ended tasks take their time to be gone.
            if self.looker().rested() {
                let since = *rested.get_or_insert(now);
                if self.take(InventoryPoint::After, now - since).await {
                    return;
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// Whether an inventory is none from before the load any more.
    fn too_late(&self) -> bool {
        let latest = self.spec().unloaded_until_ms.map(|ms| self.at(ms));
        self.looker().loaded() || latest.is_some_and(|latest| Instant::now() > latest)
    }

    /// Takes what is missing of one point from a look that is no older than `oldest`. True when nothing is missing.
    async fn take(&self, point: InventoryPoint, oldest: Duration) -> bool {
        let checks = &self.spec().leftovers;
        if self.with(|ledger| ledger.has_inventories(checks, point)).unwrap_or(false) {
            return true;
        }
        match self.looker().objects(oldest).await {
            Ok(mut answer) => {
                // The load may have been started meanwhile.
                if point == InventoryPoint::Before && self.too_late() {
                    return true;
                }
                for check in checks {
                    if let Some(Ok(objects)) = answer.remove(check) {
                        self.with(|ledger| ledger.inventory(check, point, objects));
                    }
                }
            }
            Err(gap) => tracing::debug!(soak = self.spec().name, %gap, ?point, "no inventory yet"),
        }
        let complete = self.with(|ledger| ledger.has_inventories(checks, point)).unwrap_or(false);
        if complete {
            self.store_soon();
        }
        complete
    }
}
