//! The status at the API's bounds: 48 suites, 16 at a time, with the longest names, counts and messages, stays below 16 KiB.

use super::*;
use crate::task::Cause;

const LIMIT: usize = 16 * 1024;
const LOUD: &str = "panic: a very long message of a very unhappy test that wants to be heard by everybody who looks at the status \
    of this run, whatever it costs, because nothing is more annoying than a message that was cut before it came to the point";

/// The largest status that is ever written in a run whose attempts all fail like this.
fn largest(cause: Cause, reason: Reason, max_attempts: u32) -> usize {
    let names: Vec<String> = (0..48).map(|n| format!("s{n:02}-{}", "s".repeat(36))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut run = Run::new(Spec { parallelism: 16, ..spec(&names) });
    run.observed.meta.name = "r".repeat(63);
    for suite in &mut run.observed.spec.suites {
        suite.max_attempts = max_attempts;
    }
    for (suite, n) in names.iter().flat_map(|s| (1..13).map(move |n| (s, n))) {
        let job = crate::names::child(&run.observed.meta.name, &format!("{suite}-run"), n);
        let report = Report { skipped: Some(100_000), ..counted(100_000, 100_000) };
        run.world.script(&job, Script::Fails(cause, reason, LOUD, Some(report)));
        let job = crate::names::child(&run.observed.meta.name, &format!("{suite}-setup"), n);
        let until = run.at(20_000);
        run.world.script(&job, Script::RefusedUntil(until, Reason::QuotaExceeded, LOUD));
    }
    for suite in &mut run.observed.spec.suites {
        suite.task.timeout = Seconds::hours(1);
    }
    run.observed.spec.setup = Some(Task { timeout: Seconds::hours(10), service_account: None });
    let mut most = 0;
    for _ in 0..10_000 {
        let (changed, wake) = run.round();
        most = most.max(serde_json::to_vec(run.status()).unwrap().len());
        if run.finished() {
            assert_eq!(run.status().suites.iter().filter(|s| !s.message.is_empty()).count(), 48);
            return most;
        }
        if !changed {
            run.step(wake);
        }
    }
    panic!("does not end");
}

#[test]
fn status_at_the_bounds_is_below_16_kib() {
    for (cause, reason, max_attempts) in [
        (Cause::Product, Reason::TaskFailed, 10),
        (Cause::Infrastructure, Reason::ReferenceNotFound, 1),
        (Cause::Limits, Reason::DeadlineExceeded, 1),
    ] {
        let most = largest(cause, reason, max_attempts);
        assert!((LIMIT / 2..LIMIT).contains(&most), "{cause:?}: {most} bytes");
    }
}
