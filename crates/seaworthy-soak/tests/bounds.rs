//! How much evidence there may be: series are bounded in bytes as well as in number, and what is beyond is a gap.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use seaworthy_soak::check::{CheckSpec, Phases, Verdict, judge};
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::page::{Wants, read_page};
use seaworthy_soak::record::{Gap, GapReason, InventoryPoint, Look, ObjectRef, Page, RunInfo, SlotRecord};
use seaworthy_soak::recorder::{Checkpoint, MAX_NAME_BYTES_PER_LOOK, MAX_RUN_BYTES, Recorder};
use seaworthy_soak::scan::{Format, Limits};

fn run() -> RunInfo {
    RunInfo { run: "r".into(), start_unix_ms: 1_700_000_000_000, interval_ms: 1000 }
}

fn specs() -> Vec<CheckSpec> {
    let check = r#"{"name":"level","bound":{"source":"s","metric":"level","max":1000}}"#;
    vec![serde_json::from_str(check).unwrap()]
}

/// A page of `series` series whose names have about 1 KiB each, all of them new in every slot.
fn page(series: u64, slot: u64) -> Result<Page, Gap> {
    let line = |i| format!("level{{a=\"{slot:06}-{i:06}-{}\"}} 1\n", "x".repeat(1000));
    let page: String = (0..series).map(line).collect();
    read_page(page.as_bytes(), Format::Text, &Limits::default(), &Wants::of(&specs(), "s"), 1, "life")
}

fn record(slot: u64, result: Result<Page, Gap>) -> SlotRecord {
    let looks = vec![Look { source: "s".into(), target: "t".into(), result }];
    SlotRecord { slot, unix_ms: 1_700_000_000_000, looks, pods: None, inventories: vec![] }
}

/// Bytes that no compression makes smaller, as text.
fn noise(bytes: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 1u64;
    let letter = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
    };
    (0..bytes).map(letter).collect()
}

#[test]
fn a_page_with_long_names_is_a_gap_that_says_what_to_do() {
    let kept = page(240, 0).unwrap();
    assert_eq!(kept.samples.len(), 240);
    let gap = page(300, 0).unwrap_err();
    assert_eq!(gap.reason, GapReason::TooManySeries);
    assert!(gap.detail.contains("262144 bytes together: select fewer of them by their labels"), "{gap}");
    // The recorder has the same bound, whoever read the page.
    let mut sample = kept.samples[0].clone();
    sample.series = "x".repeat(MAX_NAME_BYTES_PER_LOOK + 1);
    let mut recorder = Recorder::new(run());
    recorder.record(&record(0, Ok(Page { samples: vec![sample], ..kept }))).unwrap();
    let evidence = Evidence::decode(&run(), vec![recorder.checkpoint().head], None).unwrap();
    assert!(evidence.to_csv().contains("s/t|TooManySeries|"));
    assert!(evidence.to_csv().len() < 1000);
}

#[test]
fn labels_that_are_new_each_time_are_bounded_between_two_seals() {
    let mut recorder = Recorder::new(run());
    for slot in 0..110 {
        recorder.record(&record(slot, page(200, slot))).unwrap();
    }
    let checkpoint = recorder.checkpoint();
    let evidence = Evidence::decode(
        &run(),
        checkpoint.sealed.into_iter().chain([checkpoint.head]).collect(),
        checkpoint.tip.as_deref(),
    );
    let csv = evidence.unwrap().to_csv();
    let header = csv.lines().next().unwrap().len();
    assert!((1 << 20..(2 << 20) + 100_000).contains(&header), "{header}");
    assert_eq!(csv.matches("s/t|TooManySeries|new series come all the time").count(), 100, "ten pages fit in");
    // A page like those before needs no room, however full the table is.
    recorder.record(&record(110, page(200, 9))).unwrap();
    let after = recorder.checkpoint();
    let evidence =
        Evidence::decode(&run(), after.sealed.into_iter().chain([after.head]).collect(), after.tip.as_deref());
    let last = evidence.unwrap().to_csv().lines().last().unwrap().to_owned();
    assert!(!last.contains("TooManySeries"), "{}", &last[..100]);
}

#[test]
fn a_run_that_has_its_most_evidence_goes_on_as_gaps_and_never_passes() {
    let object = ObjectRef {
        resource: "pods".into(),
        namespace: "n".into(),
        name: "p".into(),
        uid: "u".into(),
        waiting_for: noise(650 << 10),
    };
    let healthy = || page(1, 0);
    let mut recorder = Recorder::new(run());
    recorder.record(&record(0, healthy())).unwrap();
    // One object has about 490 KiB as it is stored.
    for n in 0..140 {
        recorder.inventory(&format!("check-{n}"), InventoryPoint::Before, std::slice::from_ref(&object));
    }
    let Checkpoint { sealed, head, tip, .. } = recorder.checkpoint();
    let size: u64 = sealed.iter().map(|o| (o.payload.len() + o.header.len()) as u64).sum();
    assert!((MAX_RUN_BYTES..MAX_RUN_BYTES + (4 << 20)).contains(&size), "{size}");
    let objects: Vec<_> = sealed.into_iter().chain([head]).collect();
    // What is stored counts after a resume as well.
    let mut resumed = Recorder::resume(run(), objects.clone(), tip.as_deref(), 1).unwrap().recorder;
    for recorder in [&mut recorder, &mut resumed] {
        for slot in 1..60 {
            recorder.record(&record(slot, healthy())).unwrap();
        }
    }
    let head = resumed.checkpoint().head;
    assert_eq!(recorder.checkpoint().head, head, "what was sealed here and what was found stored count alike");
    let objects = objects.into_iter().filter(|o| o.sealed).chain([head]).collect();
    let evidence = Evidence::decode(&run(), objects, tip.as_deref()).unwrap();
    assert_eq!(evidence.to_csv().matches("*|TooManySeries|this run's evidence has its most").count(), 59);
    let phases = Phases { warm_up_ms: 0, measure_ms: 60_000, settle_ms: 0, elapsed_ms: 60_000 };
    let verdict = judge(&specs(), &evidence, &phases);
    assert_eq!(verdict.verdict, Verdict::Inconclusive, "{verdict:?}");
    assert!(verdict.checks[0].message.contains("select fewer series by their labels"), "{verdict:?}");
}

/// What is seldom seen packs to nothing, and takes a cell a slot all the same where all rows stand side by side.
#[test]
fn a_run_that_is_too_large_unpacked_goes_on_as_gaps_though_it_packs_well() {
    let wide = |target: &str| {
        let line = |i| format!("level{{a=\"{i}\"}} 1\n");
        let page: String = (0..2000).map(line).collect();
        let result = read_page(page.as_bytes(), Format::Text, &Limits::default(), &Wants::of(&specs(), "s"), 1, "life");
        Look { source: "s".into(), target: target.into(), result }
    };
    let all = |slot| SlotRecord { looks: ["a", "b", "c", "d"].map(wide).into(), ..record(slot, page(1, 0)) };
    let mut recorder = Recorder::new(run());
    recorder.record(&all(0)).unwrap();
    recorder.record(&all(1)).unwrap();
    for slot in 2..600 {
        recorder.gap(slot, 0, &Gap::new(GapReason::Missed, "")).unwrap();
    }
    let checkpoint = recorder.checkpoint();
    recorder.committed(&checkpoint);
    let objects: Vec<_> = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let packed: usize = objects.iter().map(|o| o.payload.len()).sum();
    assert!(packed < 200_000, "{packed}");
    let tip = checkpoint.tip.as_deref();
    let (resumed, evidence) = Recorder::resume_with_evidence(&run(), objects.clone(), tip, 600).unwrap();
    assert_eq!(evidence, Evidence::decode(&run(), objects.clone(), tip).unwrap());
    let mut resumed = resumed.recorder;
    for recorder in [&mut recorder, &mut resumed] {
        recorder.record(&all(600)).unwrap();
        // It is full for good, whatever would still fit in.
        recorder.record(&record(601, page(1, 0))).unwrap();
    }
    let head = resumed.checkpoint().head;
    assert_eq!(recorder.checkpoint().head, head, "what was recorded here and what was found stored count alike");
    let objects = objects.into_iter().filter(|o| o.sealed).chain([head]).collect();
    let evidence = Evidence::decode(&run(), objects, tip).unwrap();
    assert_eq!(evidence.value("s", "a", "level{a=\"7\"}", 1), Some(1.0), "what was there before is kept");
    let csv = evidence.to_csv();
    assert_eq!(
        csv.matches("*|TooManySeries|this run's evidence has its most").count(),
        2,
        "{}",
        &csv[csv.len() - 400..]
    );
}
