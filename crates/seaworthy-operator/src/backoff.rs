//! How often an object is visited while its visits fail (I6): pauses that grow, and a budget of requests once it has failed for a minute.
//!
//! An object is *failing* from a visit that failed until one that did not. In the first minute pauses double from half a second, so that what
//! passes soon costs little time. From the second minute on, a visit that made n requests is followed by a pause of at least n times 10 s,
//! and reads are no longer repeated within a visit: at most 6 requests a minute, however many a visit needs. Deliberately absent: limits on
//! what a visit that succeeds may cost, and on visits that a change wakes; changes are news, and a plan's Jobs are few.

use std::{
    cell::Cell,
    collections::HashMap,
    future::Future,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::client::{Error, Retry};

/// The first pause.
const FIRST: Duration = Duration::from_millis(500);
/// The first pause after somebody was faster: to observe again usually helps.
const FIRST_CONFLICT: Duration = Duration::from_millis(20);
/// Where pauses stop to grow, but for the budget.
const LONGEST: Duration = Duration::from_secs(60);
/// What one request costs, once an object has failed for [`PATIENT`]: at most 6 a minute.
const REQUEST: Duration = Duration::from_secs(10);
/// How long an object fails before its requests are counted.
const PATIENT: Duration = Duration::from_secs(60);
/// The shortest pause where somebody must change something.
const ON_CHANGE: Duration = Duration::from_secs(5);

/// One visit, as its calls see it.
#[derive(Debug)]
struct Visit {
    requests: Cell<u32>,
    /// Whether a read that failed may be repeated at once.
    repeats: bool,
}

tokio::task_local! {
    static VISIT: Visit;
}

/// Counts a request of the visit under way, if there is one.
pub(crate) fn request() {
    // Whoever asks outside of a visit keeps a pace of their own.
    let _ = VISIT.try_with(|visit| visit.requests.set(visit.requests.get().saturating_add(1)));
}

/// Whether a read that failed may be repeated at once.
pub(crate) fn repeats() -> bool {
    VISIT.try_with(|visit| visit.repeats).unwrap_or(true)
}

/// Runs a visit; returns its result with the number of requests that it made.
pub(crate) async fn counted<T>(repeats: bool, visit: impl Future<Output = T>) -> (T, u32) {
    let both = async {
        let result = visit.await;
        (result, VISIT.with(|visit| visit.requests.get()))
    };
    VISIT.scope(Visit { requests: Cell::new(0), repeats }, both).await
}

/// The objects of one kind whose last visit failed.
#[derive(Debug, Default)]
pub(crate) struct Failing {
    objects: Mutex<HashMap<String, Object>>,
}

#[derive(Debug)]
struct Object {
    /// Visits in a row that failed.
    times: u32,
    /// When the first of them did.
    since: Instant,
    /// Not visited before this, whatever changes: the API server asked for a pause, or does not answer. None where a change may help.
    pause: Option<Instant>,
}

impl Failing {
    /// How long an object is still to be left alone.
    pub(crate) fn paused(&self, key: &str, now: Instant) -> Option<Duration> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let left = objects.get(key)?.pause?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Whether the next visit of an object may repeat its reads.
    pub(crate) fn repeats(&self, key: &str, now: Instant) -> bool {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.get(key).is_none_or(|object| now.saturating_duration_since(object.since) < PATIENT)
    }

    /// Whether the last visit of an object failed.
    pub(crate) fn has_failed(&self, key: &str) -> bool {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    /// A visit succeeded.
    pub(crate) fn succeeded(&self, key: &str) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// A visit that made so many requests failed: when the next one begins, if nothing changes before.
    pub(crate) fn failed(&self, key: &str, uid: &str, error: &Error, requests: u32, now: Instant) -> Duration {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Object { times: 0, since: now, pause: None };
        let object = objects.entry(key.to_owned()).or_insert(fresh);
        let first = if error.is_conflict() { FIRST_CONFLICT } else { FIRST };
        let grown = first.saturating_mul(2u32.saturating_pow(object.times.min(16))).min(LONGEST);
        object.times = object.times.saturating_add(1);
        let late = now.saturating_duration_since(object.since) >= PATIENT;
        let budget = if late { REQUEST.saturating_mul(requests) } else { Duration::ZERO };
        let asked = match error.retry() {
            _ if error.is_conflict() => Duration::ZERO,
            Retry::After(asked) => asked,
            Retry::OnChange => ON_CHANGE,
        };
        let pause = (grown.max(budget) * spread(uid) / 100).max(asked);
        // What somebody else wrote is news.
        let change_helps = error.is_conflict() || error.retry() == Retry::OnChange;
        object.pause = (!change_helps).then(|| now + pause);
        pause
    }
}

/// 100 to 149 percent, so that objects that failed together do not come back together; the UID's hash is as good as chance here.
fn spread(uid: &str) -> u32 {
    uid.bytes().fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte))) % 50 + 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Error {
        Error::Timeout { what: "a call".to_owned() }
    }

    fn refused(code: u16) -> Error {
        let status = kube::core::Status::failure("no", "Reason").with_code(code);
        Error::Call { what: "a call".to_owned(), source: Box::new(kube::Error::Api(Box::new(status))) }
    }

    /// When visits begin that each make so many requests and fail, within ten minutes.
    fn visits(error: &Error, uid: &str, requests: u32) -> Vec<Duration> {
        let (failing, began) = (Failing::default(), Instant::now());
        let mut at = Duration::ZERO;
        let mut all = Vec::new();
        while at < Duration::from_secs(600) {
            all.push(at);
            at += failing.failed("n/r", uid, error, requests, began + at);
        }
        all
    }

    /// I6: from the second minute on, at most 6 requests a minute.
    #[test]
    fn what_fails_costs_6_requests_a_minute_at_most() {
        for error in [server(), refused(403), refused(422), refused(409), refused(500), refused(429)] {
            for requests in [1, 3, 6, 7, 20] {
                for uid in ["", "a", "another"] {
                    let late: Vec<Duration> =
                        visits(&error, uid, requests).into_iter().filter(|at| at.as_secs() >= 60).collect();
                    let pairs = late.windows(2).map(|w| w[1].saturating_sub(w[0]));
                    assert!(
                        late.len() > 1 && pairs.min().unwrap() >= REQUEST * requests,
                        "{error} {requests}: {late:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_passes_soon_is_tried_soon() {
        let early = visits(&server(), "", 20);
        assert!(early[1] < Duration::from_secs(1) && early[4] < Duration::from_secs(12), "{early:?}");
        assert!(visits(&refused(409), "", 20)[1] < Duration::from_millis(40));
    }

    #[test]
    fn a_change_wakes_only_where_it_may_help_and_success_forgets() {
        let (failing, now) = (Failing::default(), Instant::now());
        for (error, paused) in [(server(), true), (refused(429), true), (refused(403), false), (refused(409), false)] {
            failing.failed("n/r", "", &error, 1, now);
            assert_eq!(failing.paused("n/r", now).is_some(), paused, "{error}");
        }
        assert!(failing.repeats("n/r", now) && !failing.repeats("n/r", now + PATIENT));
        failing.succeeded("n/r");
        assert!(failing.paused("n/r", now).is_none() && failing.repeats("n/r", now + PATIENT));
        assert!(failing.failed("n/r", "", &server(), 1, now) < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn requests_are_counted_by_visit() {
        request();
        let visit = async {
            request();
            tokio::task::yield_now().await;
            request();
            repeats()
        };
        assert_eq!(counted(false, visit).await, (false, 2));
        assert!(repeats());
    }
}
