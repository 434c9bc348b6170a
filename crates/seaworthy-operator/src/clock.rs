//! What time it is, for decisions and for samples: the API server's time, carried on by the monotonic clock.
//!
//! Deadlines are stored as points in time by whichever operator runs, and compared by the next one, perhaps on another node. So all of them
//! take the time from the one place that all of them talk to: the `Date` of the API server's first answer, one second exact; where this
//! machine's own clock agrees with it, that one, which has milliseconds. From there on only elapsed time counts: a clock that is set, here or there, moves no deadline of a running operator. That the clocks have come apart is
//! recorded: in the log, and as a metric. Deliberately absent: following a clock that was set; the next start does.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Instant,
};

use http::{Request, Response, header};
use kube::client::Body;
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use seaworthy_core::time::Timestamp;
use tower::{BoxError, Layer, Service};

/// Clocks that are no further apart, in milliseconds, agree: the header is cut to seconds, and the answer was under way.
const AGREES: i64 = 2000;
/// Clocks that are so far apart, in milliseconds, have been set; what is less is a slow answer or a worn crystal.
const APART: i64 = 60_000;

/// The clock of one operator. Cheap to clone; all clones are one clock.
#[derive(Clone)]
pub struct Clock {
    shared: Arc<Shared>,
}

struct Shared {
    /// What this machine believes; asked only before the API server has answered.
    wall: fn() -> Timestamp,
    /// This instant was that time.
    anchor: OnceLock<(Instant, Timestamp)>,
    /// How far the API server's clock is ahead of this one, in milliseconds, when it last answered.
    ahead: Gauge,
    /// How often the API server's clock was found to have been set.
    jumps: Counter,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("anchor", &self.shared.anchor).finish_non_exhaustive()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::of(|| jiff::Timestamp::now().into())
    }
}

impl Clock {
    /// A clock on a machine whose own clock says this.
    pub fn of(wall: fn() -> Timestamp) -> Self {
        let shared = Shared { wall, anchor: OnceLock::new(), ahead: Gauge::default(), jumps: Counter::default() };
        Self { shared: Arc::new(shared) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// The time at an instant.
    pub fn at(&self, instant: Instant) -> Timestamp {
        let Some((then, was)) = self.shared.anchor.get() else { return (self.shared.wall)() };
        let ahead = instant.saturating_duration_since(*then).as_millis();
        let behind = then.saturating_duration_since(instant).as_millis();
        let span = |millis: u128| i64::try_from(millis).unwrap_or(i64::MAX);
        Timestamp::from_millis(was.as_millis().saturating_add(span(ahead)).saturating_sub(span(behind)))
    }

    /// Shows what is known of the API server's clock among the operator's metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "How far the API server's clock is ahead of the one that deadlines are kept by; up to a second means nothing";
        registry.register("clock_ahead_milliseconds", help, self.shared.ahead.clone());
        registry.register("clock_jumps", "How often the API server's clock was set", self.shared.jumps.clone());
    }

    /// How far the API server's clock is ahead, in milliseconds, by its last answer; and how often it was set.
    pub fn seen(&self) -> (i64, u64) {
        (self.shared.ahead.get(), self.shared.jumps.get())
    }

    /// The API server said that it is this late, when its answer came at this instant.
    fn told(&self, date: Timestamp, instant: Instant) {
        self.shared.anchor.get_or_init(|| {
            let own = (self.shared.wall)();
            let apart = date.as_millis().saturating_sub(own.as_millis());
            if apart.saturating_abs() > APART {
                tracing::warn!(apart_ms = apart, "this machine's clock is not the API server's, whose time is taken");
            }
            (instant, if apart.saturating_abs() <= AGREES { own } else { date })
        });
        let ahead = date.as_millis().saturating_sub(self.at(instant).as_millis());
        let before = self.shared.ahead.set(ahead);
        if ahead.saturating_sub(before).saturating_abs() > APART {
            self.shared.jumps.inc();
            tracing::warn!(
                ahead_ms = ahead,
                "the API server's clock was set: deadlines go on by elapsed time until this operator is started again"
            );
        }
    }
}

/// Tells a clock what time the API server's answers say it is.
#[derive(Debug, Clone)]
pub struct DateLayer {
    /// The clock.
    pub clock: Clock,
}

impl<S> Layer<S> for DateLayer {
    type Service = Dated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Dated { inner, clock: self.clock.clone() }
    }
}

/// See [`DateLayer`].
#[derive(Debug, Clone)]
pub struct Dated<S> {
    inner: S,
    clock: Clock,
}

impl<S, B> Service<Request<Body>> for Dated<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (answer, clock) = (self.inner.call(request), self.clock.clone());
        Box::pin(async move {
            let answer = answer.await.map_err(Into::into)?;
            let text = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
            if let Some(date) = text.and_then(|text| jiff::fmt::rfc2822::parse(text).ok()) {
                clock.told(date.timestamp().into(), Instant::now());
            }
            Ok(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OWN: Timestamp = Timestamp::from_millis(1_000_000);

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_millis(OWN.as_millis() + seconds * 1000)
    }

    #[test]
    fn before_the_first_answer_it_is_this_machines_time_then_the_api_servers() {
        let (clock, now) = (Clock::of(|| OWN), Instant::now());
        assert_eq!(clock.at(now), OWN);
        clock.told(after(3600), now);
        assert_eq!(clock.at(now), after(3600));
        assert_eq!(clock.at(now + Duration::from_secs(5)), after(3605));
        assert_eq!(clock.seen(), (0, 0));
    }

    #[test]
    fn a_clock_that_is_set_moves_nothing_and_is_recorded() {
        let (clock, now) = (Clock::of(|| OWN), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        clock.told(after(0), now);
        // A second more or less is how exact the header is.
        clock.told(after(11), at(10));
        assert_eq!((clock.at(at(10)), clock.seen()), (after(10), (1000, 0)));
        for (ahead, jumps) in [(3600, 1), (3600, 1), (0, 2), (-3600, 3)] {
            clock.told(after(20 + ahead), at(20));
            assert_eq!((clock.at(at(20)), clock.seen()), (after(20), (ahead * 1000, jumps)));
        }
    }

    #[test]
    fn a_clock_that_agrees_keeps_its_milliseconds() {
        let (clock, now) = (Clock::of(|| Timestamp::from_millis(1_000_900)), Instant::now());
        clock.told(OWN, now);
        assert_eq!(clock.at(now), Timestamp::from_millis(1_000_900));
    }

    #[tokio::test]
    async fn the_date_of_an_answer_is_taken() {
        let clock = Clock::of(|| OWN);
        let inner = tower::service_fn(|_: Request<Body>| async {
            Ok::<_, BoxError>(Response::builder().header("date", "Fri, 02 Jan 2026 03:04:35 GMT").body(()).unwrap())
        });
        DateLayer { clock: clock.clone() }.layer(inner).call(Request::new(Body::empty())).await.unwrap();
        let date: Timestamp = "2026-01-02T03:04:35Z".parse().unwrap();
        assert_eq!(clock.now().since(date).0, 0);
        assert!(clock.now() >= date);
    }
}
