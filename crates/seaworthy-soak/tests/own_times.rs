//! Metrics that carry their own times, from the page to the verdict: what stands still proves nothing, and what is renewed
//! seldom is not missing.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use seaworthy_soak::check::{CheckSpec, CheckVerdict, Phases, Verdict, judge};
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::page::{Wants, read_page};
use seaworthy_soak::record::{Look, RunInfo, SlotRecord};
use seaworthy_soak::recorder::Recorder;
use seaworthy_soak::scan::{Format, Limits};

const INTERVAL_MS: u64 = 10_000;
const SLOTS: u64 = 60;
const START: i64 = 1_767_225_600_000;

const ERRORS: &str = r#"{"name":"errors","increase":{"source":"s","metric":"m_total","max":0,"labels":[{"label":"code","values":["500"]}]}}"#;
const WORK: &str = r#"{"name":"work","progress":{"source":"s","metric":"m_total","min":1,"periodSeconds":60,"labels":[{"label":"code","values":["500"]}]}}"#;
const LEVEL: &str = r#"{"name":"level","bound":{"source":"s","metric":"level","max":1000}}"#;
const EVENTS: &str = r#"{"name":"events","increase":{"source":"s","metric":"events_total","max":1000}}"#;
const EVENTS_GO_ON: &str =
    r#"{"name":"go on","progress":{"source":"s","metric":"events_total","min":1,"periodSeconds":60}}"#;

/// The time of a slot, as pages write it.
fn at(slot: u64) -> i64 {
    START + i64::try_from(slot * INTERVAL_MS).unwrap()
}

/// The last slot of every `n`.
fn each(n: u64, slot: u64) -> u64 {
    slot - slot % n
}

fn soak(checks: &[&str], page: impl Fn(u64) -> String) -> (Evidence, Vec<CheckVerdict>) {
    let specs: Vec<CheckSpec> = checks.iter().map(|check| serde_json::from_str(check).unwrap()).collect();
    let wants = Wants::of(&specs, "s");
    let run = RunInfo { run: "r".into(), start_unix_ms: START, interval_ms: INTERVAL_MS };
    let mut recorder = Recorder::new(run.clone());
    for slot in 0..SLOTS {
        let result = read_page(page(slot).as_bytes(), Format::Text, &Limits::default(), &wants, 1, "life");
        let looks = vec![Look { source: "s".into(), target: "t".into(), result }];
        recorder.record(&SlotRecord { slot, unix_ms: at(slot), looks, pods: None, inventories: vec![] }).unwrap();
    }
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let evidence = Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap();
    let length = SLOTS * INTERVAL_MS;
    let phases = Phases { warm_up_ms: 0, measure_ms: length, settle_ms: 0, elapsed_ms: length };
    let checks = judge(&specs, &evidence, &phases).checks;
    (evidence, checks)
}

#[track_caller]
fn expect(checks: &[CheckVerdict], name: &str, want: Verdict, words: &str) {
    let check = checks.iter().find(|check| check.name == name).unwrap();
    assert_eq!(check.verdict, want, "{name}: {}", check.message);
    assert!(check.message.contains(words), "{name}: {}", check.message);
}

#[test]
fn a_page_that_stands_still_is_no_zero() {
    for page in [
        format!("m_total{{code=\"500\"}} 0 {START}\nm_total{{code=\"200\"}} 5 {START}\n"),
        // Nothing of what was asked for is on the page, and what is beside it stands still.
        format!("m_total{{code=\"200\"}} 5 {START}\n"),
    ] {
        let (evidence, checks) = soak(&[ERRORS, WORK], |_| page.clone());
        let gaps = evidence.to_csv().matches("s/t|Repeated|").count();
        assert!(gaps > 20, "{gaps} in\n{}", evidence.to_csv());
        expect(&checks, "errors", Verdict::Inconclusive, "Repeated");
        expect(&checks, "work", Verdict::Inconclusive, "Repeated");
    }
}

#[test]
fn a_counter_without_events_is_still_at_zero() {
    let page = |slot| format!("m_total{{code=\"200\"}} 5 {}\n", at(slot));
    expect(&soak(&[ERRORS], page).1, "errors", Verdict::Passed, "rose by 0");
    let untimed = |_| "m_total{code=\"200\"} 5\n".to_owned();
    expect(&soak(&[ERRORS], untimed).1, "errors", Verdict::Passed, "rose by 0");
}

#[test]
fn what_stands_still_beside_what_moves_is_a_gap_of_its_own() {
    // Just often enough that the time is not too far away from now.
    let old = |slot: u64| at(each(25, slot));
    let page = |slot: u64| {
        let old = old(slot);
        format!(
            "m_total{{code=\"500\"}} 0 {old}\nm_total{{code=\"200\"}} 5 {old}\nlevel 7 {old}\nevents_total {slot}\n"
        )
    };
    let (_, checks) = soak(&[ERRORS, LEVEL, EVENTS, EVENTS_GO_ON], page);
    for name in ["errors", "level"] {
        expect(&checks, name, Verdict::Inconclusive, "Repeated: the metrics' own times do not move on");
    }
    expect(&checks, "events", Verdict::Passed, "rose by 59");
    expect(&checks, "go on", Verdict::Passed, "");
    // The series that is asked for has never been there: its metric stands still all the same.
    let page = |slot: u64| format!("m_total{{code=\"200\"}} 5 {}\nevents_total {slot}\n", old(slot));
    expect(&soak(&[ERRORS, EVENTS], page).1, "errors", Verdict::Inconclusive, "Repeated");
}

#[test]
fn what_is_renewed_seldom_stands_meanwhile() {
    let page = |slot: u64| {
        let (renewed, time) = (each(3, slot), at(each(3, slot)));
        format!("level 7 {time}\nevents_total {slot}\nm_total{{code=\"500\"}} {renewed} {time}\n")
    };
    let (evidence, checks) = soak(&[LEVEL, EVENTS, EVENTS_GO_ON, WORK], page);
    expect(&checks, "level", Verdict::Passed, "");
    expect(&checks, "events", Verdict::Passed, "");
    expect(&checks, "go on", Verdict::Passed, "");
    expect(&checks, "work", Verdict::Passed, "rose by at least 6 in every");
    // A repeated value is in the evidence as what it is: a cell with its age, and none with a value.
    let csv = evidence.to_csv();
    assert!(csv.lines().next().unwrap().contains("s/t @age_ms level"), "{csv}");
    assert_eq!((evidence.value("s", "t", "level", 3), evidence.value("s", "t", "level", 4)), (Some(7.0), None));
    assert_eq!(evidence.value("s", "t", "@age_ms level", 4), Some(10_000.0));
}

#[test]
fn a_counter_that_is_renewed_too_seldom_is_not_silent() {
    let alone = |slot: u64| format!("m_total{{code=\"500\"}} {} {}\n", each(12, slot), at(each(12, slot)));
    expect(&soak(&[WORK], alone).1, "work", Verdict::Inconclusive, "Repeated");
    let beside = |slot: u64| alone(slot) + &format!("events_total {slot}\n");
    expect(&soak(&[WORK, EVENTS], beside).1, "work", Verdict::Inconclusive, "Repeated");
}

#[test]
fn a_rate_goes_by_the_rows_in_which_its_counters_were_new() {
    // 5 a second, from two counters of which one is renewed in every other slot, and later in every one.
    let page = |slot: u64| {
        let renewed = if slot < SLOTS / 2 { each(2, slot) } else { slot };
        format!("m_total{{c=\"a\"}} {}\nm_total{{c=\"b\"}} {} {}\n", 20 * slot, 30 * renewed, at(renewed))
    };
    let check = r#"{"name":"rate","trend":{"source":"s","metric":"m_total","of":"Rate","tolerablePerHour":1,"unacceptablePerHour":20}}"#;
    expect(&soak(&[check], page).1, "rate", Verdict::Passed, "changes by 0 per hour");
}
