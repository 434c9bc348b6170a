//! What fails for long costs little (I6): from the second minute on, 6 requests a minute at most.

use std::time::{Duration, Instant};

use seaworthy_tests::faults::{
    canonical::{self, Shape},
    lab::Lab,
    layer::{Faults, Record},
    plan::{Fault, Plan, Verb},
};

/// How long a Release fails.
const WATCHED: Duration = Duration::from_secs(170);
/// From when on its requests are counted, after the first call that failed.
const LATE: Duration = Duration::from_secs(60);
/// One request in so long, on average over the pause that follows a visit.
const REQUEST: Duration = Duration::from_secs(10);
/// Requests that are so far apart belong to two visits.
const APART: Duration = Duration::from_secs(3);

/// The visits among these requests: when each began, and how many requests it made.
fn visits(records: &[Record]) -> Vec<(Instant, u32)> {
    let mut visits: Vec<(Instant, u32)> = Vec::new();
    let mut last: Option<Instant> = None;
    for record in records {
        match visits.last_mut() {
            Some(visit) if last.is_some_and(|last| record.at.saturating_duration_since(last) < APART) => visit.1 += 1,
            _ => visits.push((record.at, 1)),
        }
        last = Some(record.at);
    }
    visits
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_fails_costs_6_requests_a_minute_at_most() {
    let lab = Lab::shared().await;
    let refuse = |verb, what, code| (format!("{verb:?} {what} {code}"), verb, what, Fault::Refuse(code, None));
    let failing = [
        refuse(Verb::Get, "releases/r", 503),
        refuse(Verb::Put, "releases/r/status", 500),
        refuse(Verb::Put, "releases/r/status", 409),
        refuse(Verb::Post, "jobs/r-candidate", 403),
        refuse(Verb::Post, "jobs/r-candidate", 500),
        ("lost".to_owned(), Verb::Put, "releases/r/status", Fault::DropReply),
    ];
    futures::future::join_all(failing.map(|(what, verb, call, fault)| async move {
        let ground = lab.ground("pace").await.unwrap();
        let faults = Faults::new(Plan::Always(verb, call, fault));
        let began = Instant::now();
        let _operator = lab.begin(&ground, canonical::plan(Shape::short()), &faults).await.unwrap();
        tokio::time::sleep(WATCHED).await;
        let mut records = faults.records();
        // Events are sent once each, beside the visits; watches are not about one object, and wait by themselves.
        records.retain(|r| r.call.verb != Verb::Watch && !r.call.what.starts_with("events"));
        records.sort_by_key(|r| r.at);
        let since = records.iter().find(|r| r.call.verb == verb && r.call.what.starts_with(call)).unwrap().at;
        let visits = visits(&records);
        let shown: Vec<_> = visits.iter().map(|(at, n)| (at.duration_since(began).as_secs(), n)).collect();
        eprintln!("{what}: visits (second, requests) {shown:?}");
        assert!(visits.len() >= 4, "{what}: it did not fail: {shown:?}");
        let late = visits.windows(2).filter(|w| w[0].0 >= since + LATE + Duration::from_secs(3));
        for pair in late {
            let pause = pair[1].0.duration_since(pair[0].0);
            assert!(
                pause >= REQUEST * pair[0].1,
                "{what}: {} requests, and more after {pause:?}: {shown:?}",
                pair[0].1
            );
        }
        assert!(visits.iter().any(|v| v.0 >= since + LATE), "{what}: it gave up: {shown:?}");
    }))
    .await;
}
