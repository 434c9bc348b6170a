//! Hostile and broken pages, from their bytes to the verdict: each ends as a recorded gap, as no evidence or as a failure, never as a pass.
//!
//! What an endpoint does to the connection (hanging, redirects, a handshake that never ends) is the sampler's, and tested there.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use seaworthy_soak::check::{CheckSpec, CheckVerdict, Phases, Verdict, judge};
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::page::{Wants, read_page};
use seaworthy_soak::record::{ContainerState, Gap, GapReason, Look, Page, PodPhase, PodState, RunInfo, SlotRecord};
use seaworthy_soak::recorder::Recorder;
use seaworthy_soak::scan::{Format, Limits};

const INTERVAL_MS: u64 = 10_000;
const SLOTS: u64 = 60;
const START: i64 = 1_767_225_600_000;

/// One check of each kind that reads a page, over the metrics `level` and `events_total`.
const CHECKS: [&str; 6] = [
    r#"{"name":"bound","bound":{"source":"s","metric":"level","max":1000}}"#,
    r#"{"name":"quantile","bound":{"source":"s","metric":"level","max":1000,"quantile":0.9}}"#,
    r#"{"name":"growth","growth":{"source":"s","metric":"level","max":1000,"baseline":"first"}}"#,
    r#"{"name":"trend","trend":{"source":"s","metric":"level","tolerablePerHour":1000,"unacceptablePerHour":100000}}"#,
    r#"{"name":"increase","increase":{"source":"s","metric":"events_total","max":1000000}}"#,
    r#"{"name":"progress","progress":{"source":"s","metric":"events_total","min":1,"periodSeconds":60}}"#,
];

fn specs() -> Vec<CheckSpec> {
    CHECKS.iter().map(|check| serde_json::from_str(check).unwrap()).collect()
}

fn unix_ms(slot: u64) -> i64 {
    START + i64::try_from(slot * INTERVAL_MS).unwrap()
}

fn healthy(slot: u64) -> Vec<u8> {
    format!("# TYPE level gauge\nlevel {}\n# TYPE events_total counter\nevents_total {}\n", 100 + slot % 7, slot * 5)
        .into_bytes()
}

/// The page of a slot, as the sampler reads it.
fn read(page: &[u8]) -> Result<Page, Gap> {
    read_page(page, Format::Text, &Limits::default(), &Wants::of(&specs(), "s"), 1, "life-1")
}

fn pod(restarts: u32) -> PodState {
    let container = ContainerState { name: "m".into(), restarts, last_reason: "Error".into(), last_exit_code: 1 };
    let (reason, candidate, terminating) = (String::new(), true, false);
    let containers = vec![container];
    PodState { name: "p".into(), uid: "u".into(), phase: PodPhase::Running, reason, candidate, terminating, containers }
}

/// The evidence of a run whose pages are these, and the verdicts on it.
fn soak(page: impl Fn(u64) -> Vec<u8>, restarts: impl Fn(u64) -> u32, more: &[&str]) -> (Evidence, Vec<CheckVerdict>) {
    let run = RunInfo { run: "r".into(), start_unix_ms: START, interval_ms: INTERVAL_MS };
    let mut recorder = Recorder::new(run.clone());
    for slot in 0..SLOTS {
        let looks = vec![Look { source: "s".into(), target: "t".into(), result: read(&page(slot)) }];
        let pods = Some(Ok([pod(restarts(slot))].into()));
        recorder.record(&SlotRecord { slot, unix_ms: unix_ms(slot), looks, pods, inventories: vec![] }).unwrap();
    }
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let evidence = Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap();
    let phases =
        Phases { warm_up_ms: 0, measure_ms: SLOTS * INTERVAL_MS, settle_ms: 0, elapsed_ms: SLOTS * INTERVAL_MS };
    let mut specs = specs();
    specs.extend(more.iter().map(|check| serde_json::from_str::<CheckSpec>(check).unwrap()));
    let checks = judge(&specs, &evidence, &phases).checks;
    (evidence, checks)
}

/// No check passes, and the reason stands in the evidence.
fn nothing_passes(what: &str, reason: &str, page: impl Fn(u64) -> Vec<u8>) {
    let (evidence, checks) = soak(page, |_| 0, &[]);
    for check in checks {
        assert_ne!(check.verdict, Verdict::Passed, "{what}: {} {}", check.name, check.message);
    }
    let csv = evidence.to_csv();
    assert!(csv.contains(reason), "{what}: no {reason} in\n{}", csv.lines().take(4).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_healthy_run_passes() {
    let (_, checks) = soak(healthy, |_| 0, &[]);
    for check in checks {
        assert_eq!(check.verdict, Verdict::Passed, "{}: {}", check.name, check.message);
    }
}

#[test]
fn a_liar_that_crash_loops_fails() {
    let page = |slot| [healthy(slot), b"restarts 0\n".to_vec()].concat();
    let rule = r#"{"name":"restarts","restarts":{"max":0}}"#;
    let own = r#"{"name":"own","bound":{"source":"s","metric":"restarts","max":0}}"#;
    let (_, checks) = soak(page, |slot| u32::try_from(slot / 6).unwrap(), &[rule, own]);
    let of = |name: &str| checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(of("restarts").verdict, Verdict::Failed, "{}", of("restarts").message);
}

#[test]
fn pages_beyond_a_bound_are_gaps() {
    let line = format!("level{{a=\"{}\"}} 1\n", "x".repeat(10 << 20)).into_bytes();
    assert_eq!(read(&line).unwrap_err().reason, GapReason::TooLarge, "a line of 10 MB");
    let within = format!("level{{a=\"{}\"}} 1\n", "x".repeat(17 << 10)).into_bytes();
    nothing_passes("a line that is too long", "TooLarge", |slot| [healthy(slot), within.clone()].concat());
    let million = b"x 1\n".repeat(1 << 20);
    assert_eq!(read(&million).unwrap_err().reason, GapReason::TooManySeries, "a million series");
    let many: Vec<String> = (0..3000).map(|i| format!("level{{i=\"{i}\"}} 1\n")).collect();
    let many = many.concat();
    nothing_passes("more series of a metric than are kept", "TooManySeries", |_| many.clone().into_bytes());
}

#[test]
fn values_that_are_no_numbers_are_no_samples() {
    let (_, checks) = soak(|_| b"level NaN\nevents_total NaN\n".to_vec(), |_| 0, &[]);
    for check in checks {
        assert_eq!(check.verdict, Verdict::Inconclusive, "{} {}", check.name, check.message);
        assert!(check.message.contains("60 values are not finite numbers"), "{}", check.message);
    }
}

#[test]
fn what_is_infinite_is_beyond_any_bound_and_no_counter() {
    use Verdict::{Error, Failed, Inconclusive, Passed};
    let least = r#"{"name":"least","bound":{"source":"s","metric":"level","min":1}}"#;
    let sum = r#"{"name":"sum","bound":{"source":"s","metric":"level","max":1000,"aggregate":"sum"}}"#;
    // Everywhere, then on few pages: the verdict on each check of CHECKS, on the least, and on the sum. A quantile needs coverage, a sample beyond a bound does not.
    for (value, few, expected) in [
        ("+Inf", false, [Failed, Inconclusive, Inconclusive, Inconclusive, Error, Error, Inconclusive, Failed]),
        ("-Inf", false, [Inconclusive, Inconclusive, Inconclusive, Inconclusive, Error, Error, Failed, Inconclusive]),
        ("+Inf", true, [Failed, Passed, Failed, Passed, Error, Error, Passed, Failed]),
        ("-Inf", true, [Passed, Passed, Passed, Passed, Error, Error, Failed, Passed]),
    ] {
        let page = |slot: u64| {
            if few && slot % 30 != 7 {
                healthy(slot)
            } else {
                format!("level {value}\nevents_total {value}\n").into_bytes()
            }
        };
        let (_, checks) = soak(page, |_| 0, &[least, sum]);
        let found: Vec<(&str, Verdict)> = checks.iter().map(|c| (c.name.as_str(), c.verdict)).collect();
        assert_eq!(found.iter().map(|f| f.1).collect::<Vec<_>>(), expected, "{value}, few: {few}: {found:?}");
        assert!(checks.iter().all(|c| c.value.is_none_or(f64::is_finite)), "{checks:?}");
    }
}

#[test]
fn what_is_no_number_or_not_there_hides_no_fall_of_a_counter() {
    let growth = r#"{"name":"increase","growth":{"source":"s","metric":"events_total","of":"Increase","max":1000000}}"#;
    let rate = r#"{"name":"increase","trend":{"source":"s","metric":"events_total","of":"Rate","tolerablePerHour":1e6,"unacceptablePerHour":1e9}}"#;
    let counters = ["increase", "progress"];
    // At slot 30, before it falls. Series go with their labels, and may begin anew.
    for (what, hidden, expected) in [
        ("a number", "events_total 1500\n", Verdict::Error),
        ("NaN", "events_total NaN\n", Verdict::Error),
        ("nothing", "", Verdict::Error),
        ("nothing, with labels", "", Verdict::Passed),
    ] {
        let labels = if what.contains("labels") { "{queue=\"a\"}" } else { "" };
        let page = |slot: u64| {
            let count = if slot < 30 { 1000 + slot * 5 } else { slot * 5 };
            let own = format!("events_total{labels} {count}\n");
            let other = if labels.is_empty() { "" } else { "events_total{queue=\"b\"} 7\n" };
            format!("level 100\n{other}{}", if slot == 30 { hidden } else { &own }).into_bytes()
        };
        let (_, checks) = soak(page, |_| 0, &[growth, rate]);
        for check in checks.iter().filter(|check| counters.contains(&check.name.as_str())) {
            assert_eq!(check.verdict, expected, "{what}: {} {}", check.kind, check.message);
        }
    }
}

#[test]
fn times_from_the_past_and_the_future_are_stale() {
    for (what, offset) in [("an hour ago", -3_600_000_i64), ("in an hour", 3_600_000)] {
        nothing_passes(what, "Stale", |slot| {
            let time = unix_ms(slot) + offset;
            format!("level 1 {time}\nevents_total {} {time}\n", slot * 5).into_bytes()
        });
    }
    nothing_passes("a time that stands still", "Repeated", |slot| {
        format!("level 1 {START}\nevents_total {} {START}\n", slot * 5).into_bytes()
    });
}

#[test]
fn a_counter_that_goes_down_without_a_restart_is_an_error() {
    let page = |slot: u64| format!("level 100\nevents_total {}\n", 1000 * (slot % 10)).into_bytes();
    let (_, checks) = soak(page, |_| 0, &[]);
    for check in checks.iter().filter(|check| ["increase", "progress"].contains(&check.name.as_str())) {
        assert_eq!(check.verdict, Verdict::Error, "{}", check.message);
        assert!(check.message.contains("fell from 9000 to 0 without a restart"), "{}", check.message);
    }
}

#[test]
fn a_metric_that_becomes_another_is_absent() {
    // A histogram where a gauge was: its series have other names, and the gauge is gone.
    nothing_passes("a page that changes type", "@late_ms", |slot| {
        if slot < 30 {
            return healthy(slot);
        }
        b"# TYPE level histogram\nlevel_bucket{le=\"+Inf\"} 1\nlevel_sum 1\nlevel_count 1\n".to_vec()
    });
    // The same name and value, declared as another type from one scrape to the next.
    nothing_passes("a metric that changes type", "level is a counter here and was a gauge before", |slot| {
        let kind = if slot % 2 == 0 { "gauge" } else { "counter" };
        format!(
            "# TYPE level {kind}\nlevel {}\n# TYPE events_total counter\nevents_total {}\n",
            100 + slot % 7,
            slot * 5
        )
        .into_bytes()
    });
    nothing_passes("a page that is sometimes no page", "Malformed", |slot| {
        if slot % 2 == 0 { healthy(slot) } else { b"# TYPE level meter\nlevel 1\n".to_vec() }
    });
}

#[test]
fn a_page_that_is_cut_or_says_things_twice_is_a_gap() {
    nothing_passes("a page that is cut", "Truncated", |slot| {
        let mut page = healthy(slot);
        page.truncate(page.len() - 1);
        page
    });
    nothing_passes("a series that stands twice", "Malformed", |slot| [healthy(slot), healthy(slot)].concat());
}
