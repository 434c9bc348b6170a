//! Takes the inventories that `leftovers` checks compare: one before the load, one after settling.
//!
//! The first is taken only while the load has not been started; the last only from a look that began after settling had ended. Either way it
//! is evidence once it is stored, and the visit is told then.

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
        while !self.looker().loaded() && !self.take(InventoryPoint::Before, began.elapsed()).await {
            sleep(AGAIN).await;
        }
        loop {
            // Where measure is extended, settling ends later.
            let settled = self.settled();
            let now = Instant::now();
            if now < settled {
                sleep((settled - now).min(Duration::from_secs(30))).await;
            } else if self.take(InventoryPoint::After, now - settled).await {
                return;
            } else {
                sleep(AGAIN).await;
            }
        }
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
                if point == InventoryPoint::Before && self.looker().loaded() {
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
