//! One run's evidence at a time is read, unpacked and judged, whoever asks: visits, runs that begin, runs that look for an early end.
//!
//! What that takes follows from what one run may record ([`MAX_UNPACKED_BYTES`](seaworthy_soak::recorder::MAX_UNPACKED_BYTES), 36 MiB), so
//! that one turn fits into the 256 MiB that the chart gives, beside the 45 MiB that the operator has with hundreds of soaks, and two
//! might not. In MiB at most: while it is read, 36 packed (it hardly packs to more than it is), 36 of ConfigMaps and 48 of the answer that
//! they are taken from, 165 with the operator; while it is unpacked, packed parts go as their cells come, which are twice as much where
//! vectors have just grown, 72, and the part under way, 20, is 137. What `baseline` compares with is unpacked after that and costs as
//! much again but for the operator: 229, of which half of the grown vectors is never touched. Rows that wait to be stored have their own
//! bound ([`room`](super::room)).
//!
//! Turns come in order. Each ends: reads and their tries are bounded in time and number, and the work by the same 36 MiB.

use std::time::Duration;

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

/// How long those wait that have something else to do, and come again: a visit within seconds, a run with its next checkpoint. So a soak
/// whose turn does not come says so in its status, and its deadline ends it all the same.
const PATIENCE: Duration = Duration::from_secs(10);

/// One for the process, for its memory is what is shared.
static TURNS: Semaphore = Semaphore::const_new(1);

/// The right to hold one run's evidence; given on to the work itself, for that goes on when nobody waits for it any more.
pub(crate) struct Turn {
    _permit: Option<SemaphorePermit<'static>>,
}

impl Turn {
    /// What needs no turn.
    pub(crate) const fn needless() -> Self {
        Self { _permit: None }
    }

    /// Waits for as long as it takes: for a run that has nothing else to do before.
    pub(crate) async fn come() -> Self {
        // Never closed, so that it is always given.
        Self { _permit: TURNS.acquire().await.ok() }
    }

    /// Waits for a while.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub(crate) async fn soon() -> Result<Self, String> {
        Self::within(PATIENCE).await
    }

    async fn within(patience: Duration) -> Result<Self, String> {
        timeout(patience, Self::come()).await.map_err(|_| {
            format!("that of other soaks was read and judged for {} s: tried again in a moment", patience.as_secs())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_and_who_waits_for_long_is_told() {
        let turn = Turn::come().await;
        let told = Turn::within(Duration::from_millis(20)).await.err().unwrap();
        assert!(told.contains("other soaks"), "{told}");
        drop(turn);
        Turn::come().await;
    }
}
