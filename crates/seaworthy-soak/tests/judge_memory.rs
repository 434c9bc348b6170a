//! How much memory checks take to judge counters whose labels are new in every slot.
//!
//! One test: the allocator counts for the whole process, so tests beside each other would count each other's.

use peak_alloc::PeakAlloc;
use seaworthy_soak::check::{CheckSpec, Phases, Verdict, judge};
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::record::{Look, Page, PageSample, RunInfo, SlotRecord};
use seaworthy_soak::recorder::Recorder;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const SLOTS: u64 = 600;
/// Series of a page, none of which is on any other.
const EACH: u64 = 5;

#[test]
fn judging_takes_memory_by_what_was_recorded() {
    let run = RunInfo { run: "r".into(), start_unix_ms: 0, interval_ms: 30_000 };
    let mut recorder = Recorder::new(run.clone());
    for slot in 0..SLOTS {
        let sample = |n| PageSample { series: format!("m{{o=\"{slot}-{n}\"}}"), value: 1.0, timestamp_ms: None };
        let samples: Vec<PageSample> = (0..EACH).map(sample).collect();
        let page = Page {
            late_ms: 1,
            incarnation: "c".into(),
            series_on_page: EACH,
            samples,
            types: std::collections::BTreeMap::new(),
        };
        let look = Look { source: "s".into(), target: "t".into(), result: Ok(page) };
        let unix_ms = (slot * 30_000).cast_signed();
        recorder.record(&SlotRecord { slot, unix_ms, looks: vec![look], pods: None, inventories: vec![] }).unwrap();
    }
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let evidence = Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap();
    let measure_ms = SLOTS * 30_000;
    let phases = Phases { warm_up_ms: 0, measure_ms, settle_ms: 0, elapsed_ms: measure_ms };
    for rule in [
        r#"[{"name":"a","increase":{"source":"s","metric":"m","max":1e9}}]"#,
        r#"[{"name":"a","growth":{"source":"s","metric":"m","of":"Increase","max":1e9}}]"#,
        r#"[{"name":"a","progress":{"source":"s","metric":"m","min":1,"periodSeconds":600}}]"#,
    ] {
        let checks: Vec<CheckSpec> = serde_json::from_str(rule).unwrap();
        HEAP.reset_peak_usage();
        let before = HEAP.current_usage();
        let verdict = judge(&checks, &evidence, &phases).checks.remove(0);
        let used = HEAP.peak_usage().saturating_sub(before);
        // A number for each series and slot would be 14.4 MB.
        assert!(used < 5_000_000, "{rule}: {used} bytes");
        assert_ne!(verdict.verdict, Verdict::Error, "{}", verdict.message);
        assert!(verdict.value.is_some_and(|value| value > 0.0), "{}", verdict.message);
    }
}
