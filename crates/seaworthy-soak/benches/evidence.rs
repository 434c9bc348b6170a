//! What keeping and judging evidence costs: `cargo bench -p seaworthy-soak --bench evidence`.
//!
//! Judging: each kind of check over 24 hours at 15 seconds, and the trend alone over 10,000 series. Keeping: 50 series over 6 hours, checkpoints
//! as the operator makes them, against measurements as a list in an object's status, one write each, as analysis runs of other tools keep
//! them. The exit code is 1 when a promised number is missed. Deliberately absent: the API server; bytes and writes are counted where
//! they leave us.

#![expect(clippy::cast_precision_loss, reason = "counts, sizes and slots of a bench are far below 2^53")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use seaworthy_soak::check::{CheckSpec, Phases, Published, judge_against};
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::record::{
    ContainerState, InventoryLook, InventoryPage, Look, Page, PageSample, PodPhase, PodState, RunInfo, SlotRecord,
};
use seaworthy_soak::recorder::Recorder;
use seaworthy_soak::segment::Object;
use seaworthy_soak::trend::{self, Of, Params, Sample};

/// A check over 5,760 samples takes at most this.
const CHECK: Duration = Duration::from_millis(1);
/// 10,000 series of 720 points are judged within this.
const SERIES: Duration = Duration::from_secs(30);
const START: i64 = 1_767_225_600_000;

const CHECKS: [&str; 12] = [
    r#"{"name":"bound","bound":{"source":"s","metric":"heap_bytes","max":1e9}}"#,
    r#"{"name":"bound, quantile","bound":{"source":"s","metric":"heap_bytes","max":1e9,"quantile":0.99}}"#,
    r#"{"name":"increase","increase":{"source":"s","metric":"errors_total","max":100000}}"#,
    r#"{"name":"growth","growth":{"source":"s","metric":"heap_bytes","max":1e9,"baseline":{"median":{"seconds":600}}}}"#,
    r#"{"name":"trend","trend":{"source":"s","metric":"heap_bytes"}}"#,
    r#"{"name":"trend of a rate","trend":{"source":"s","metric":"cpu_seconds_total","of":"Rate","tolerablePerHour":0.01,"unacceptablePerHour":0.1}}"#,
    r#"{"name":"trend of a sum of 4 series","trend":{"source":"s","metric":"objects","aggregate":"sum","tolerablePerHour":1,"unacceptablePerHour":10}}"#,
    r#"{"name":"restarts","restarts":{"max":0}}"#,
    r#"{"name":"survivors","survivors":{"maxAgeSeconds":600,"max":0}}"#,
    r#"{"name":"progress","progress":{"source":"s","metric":"cpu_seconds_total","min":1,"periodSeconds":600}}"#,
    r#"{"name":"baseline, against as many","baseline":{"source":"s","metric":"heap_bytes","maxRise":0.1}}"#,
    r#"{"name":"pages","bound":{"source":"s","metric":"up","min":1}}"#,
];

fn main() -> ExitCode {
    let good = [checks(), series(), store()];
    if good.iter().all(|good| *good) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Noise that is the same in each run (`SplitMix64`), between 0 and 1.
fn noise(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn word(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

/// The shortest of some runs: what the work takes on a machine that does nothing else.
fn shortest(runs: u32, mut work: impl FnMut()) -> Duration {
    (0..runs).fold(Duration::MAX, |best, _| {
        let began = Instant::now();
        work();
        best.min(began.elapsed())
    })
}

fn sample(series: String, value: f64) -> PageSample {
    PageSample { series, value, timestamp_ms: None }
}

/// One slot of a pod with a saw-tooth heap, counters, and `objects` gauges.
fn slot(slot: u64, interval_ms: u64, objects: u64) -> SlotRecord {
    let k = slot as f64;
    let mut samples = vec![
        sample("heap_bytes".into(), (1.2e8 + (slot % 32) as f64 * 8e5 + noise(slot) * 1e6).round()),
        sample("errors_total".into(), (k / 100.0).floor()),
        sample("cpu_seconds_total".into(), ((k + noise(slot)) * 17.0).round() / 100.0),
        sample("up".into(), 1.0),
    ];
    samples
        .extend((0..objects).map(|i| {
            sample(format!("objects{{kind=\"kind-{i}\"}}"), (100.0 + noise(slot ^ (i << 32)) * 20.0).round())
        }));
    let page = Page {
        late_ms: 3 + i64::from(slot.is_multiple_of(7)),
        incarnation: "c1".into(),
        series_on_page: 300,
        samples,
        types: std::collections::BTreeMap::new(),
    };
    let container =
        ContainerState { name: "manager".into(), restarts: 0, last_reason: String::new(), last_exit_code: 0 };
    let pod = PodState {
        name: "pod-1".into(),
        uid: "5f0c".into(),
        phase: PodPhase::Running,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: vec![container],
    };
    let inventory = InventoryPage { objects: 5, oldest: vec![], older: 0 };
    SlotRecord {
        slot,
        unix_ms: START + i64::try_from(slot * interval_ms).expect("within a day"),
        looks: vec![Look { source: "s".into(), target: "pod-1".into(), result: Ok(page) }],
        pods: Some(Ok([pod].into())),
        inventories: vec![InventoryLook { check: "survivors".into(), result: Ok(inventory) }],
    }
}

fn run(interval_ms: u64) -> RunInfo {
    RunInfo { run: "7d3f".into(), start_unix_ms: START, interval_ms }
}

fn checks() -> bool {
    const SLOTS: u64 = 5_760;
    const INTERVAL_MS: u64 = 15_000;
    const TURNS: u32 = 40;
    const RUNS: u32 = 6;
    let mut recorder = Recorder::new(run(INTERVAL_MS));
    for k in 0..SLOTS {
        recorder.record(&slot(k, INTERVAL_MS, 4)).expect("slots in order");
    }
    let checkpoint = recorder.checkpoint();
    let objects: Vec<Object> = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let evidence = Evidence::decode(&run(INTERVAL_MS), objects, checkpoint.tip.as_deref()).expect("a whole chain");
    let measure_ms = SLOTS * INTERVAL_MS;
    let phases = Phases { warm_up_ms: 0, measure_ms, settle_ms: 0, elapsed_ms: measure_ms };
    println!("One check over {SLOTS} slots (24 h at 15 s)\n\n| check | samples | ms | verdict |\n|---|---|---|---|");
    let specs = CHECKS.map(|text| [serde_json::from_str::<CheckSpec>(text).expect("a check")]);
    let judged = |specs: &[CheckSpec]| {
        // Without anything to compare with, none of it would be read.
        let compares = specs[0].name.starts_with("baseline");
        judge_against(specs, &evidence, &phases, compares.then_some(Published { evidence: &evidence, phases }))
    };
    // In turns, so that a time in which the machine is slow meets all of them.
    let mut took = [Duration::MAX; CHECKS.len()];
    for _ in 0..TURNS {
        for (specs, took) in specs.iter().zip(&mut took) {
            *took = shortest(RUNS, || drop(black_box(judged(specs)))).min(*took);
        }
    }
    let mut worst = Duration::ZERO;
    for (specs, took) in specs.iter().zip(took) {
        let name = &specs[0].name;
        let series: u32 = match name.as_str() {
            name if name.starts_with("baseline") => 2,
            name if name.ends_with("4 series") => 4,
            _ => 1,
        };
        worst = worst.max(took / series);
        let (samples, ms) = (SLOTS * u64::from(series), took.as_secs_f64() * 1e3);
        println!("| {name} | {samples} | {ms:.3} | {:?} |", judged(specs).verdict);
    }
    println!("\npromised: at most {} ms for {SLOTS} samples: {}\n", CHECK.as_millis(), word(worst <= CHECK));
    worst <= CHECK
}

fn series() -> bool {
    const SERIES_COUNT: u32 = 10_000;
    const POINTS: u32 = 720;
    let params = Params { tolerable_per_hour: 1.0, unacceptable_per_hour: 4.0, limit: None, of: Of::Minimum };
    let mut took = Duration::ZERO;
    for series in 0..SERIES_COUNT {
        let point = |k: u32| {
            let (seconds, noise) = (f64::from(k) * 30.0, noise(u64::from(series) << 20 | u64::from(k)));
            let value = 120.0 + f64::from(series % 5) * seconds / 3600.0 + f64::from(k % 16) * 1.5 + noise;
            Sample { seconds, value, incarnation: 0 }
        };
        let samples: Vec<Sample> = (0..POINTS).map(point).collect();
        let began = Instant::now();
        black_box(trend::judge(&samples, &params));
        took += began.elapsed();
    }
    let each = took.as_secs_f64() * 1e3 / f64::from(SERIES_COUNT);
    println!("{SERIES_COUNT} series of {POINTS} points: {:.2} s, {each:.3} ms each", took.as_secs_f64());
    println!("promised: under {} s: {}\n", SERIES.as_secs(), word(took < SERIES));
    took < SERIES
}

/// What analysis runs elsewhere keep of one sample, in a list in status, and write with the whole status each time.
const MEASUREMENT: &str = r#"{"finishedAt":"2026-01-01T00:00:30Z","phase":"Successful","startedAt":"2026-01-01T00:00:30Z","value":"[131072000]"},"#;

fn store() -> bool {
    const SLOTS: u64 = 720;
    const INTERVAL_MS: u64 = 30_000;
    /// Slots between checkpoints.
    const CHECKPOINT: u64 = 5;
    const SERIES_COUNT: u64 = 50;
    let mut recorder = Recorder::new(run(INTERVAL_MS));
    let (mut writes, mut written, mut sealed_bytes, mut head_bytes) = (0_usize, 0_usize, 0_usize, 0_usize);
    let size = |object: &Object| object.header.len() + object.payload.len();
    for k in 0..SLOTS {
        recorder.record(&slot(k, INTERVAL_MS, SERIES_COUNT - 4)).expect("slots in order");
        if (k + 1) % CHECKPOINT == 0 {
            let checkpoint = recorder.checkpoint();
            let sealed: usize = checkpoint.sealed.iter().map(size).sum();
            head_bytes = size(&checkpoint.head);
            sealed_bytes += sealed;
            written += sealed + head_bytes;
            // A seal is also told in status.
            writes += checkpoint.sealed.len() + 1 + usize::from(checkpoint.tip.is_some());
            recorder.committed(&checkpoint);
        }
    }
    let samples = (SLOTS * SERIES_COUNT) as f64;
    let kept = (sealed_bytes + head_bytes) as f64;
    let theirs = MEASUREMENT.len() as f64;
    let (ours_writes, their_writes) = (writes as f64 / samples, 1.0);
    println!("{SERIES_COUNT} series over {SLOTS} slots ({samples:.0} samples)\n");
    println!("| | ours | measurements in status | ratio |\n|---|---|---|---|");
    println!("| bytes kept a sample | {:.2} | {theirs:.0} | {:.0} |", kept / samples, theirs * samples / kept);
    println!("| API writes a sample | {ours_writes:.4} | {their_writes:.0} | {:.0} |", their_writes / ours_writes);
    // Each of their writes carries the whole list of its metric so far: half of it, on average.
    let their_written = samples * theirs * SLOTS as f64 / 2.0;
    let written = written as f64;
    println!(
        "| bytes written a sample | {:.1} | {:.0} | {:.0} |",
        written / samples,
        their_written / samples,
        their_written / written
    );
    let good = kept <= 300e3 && ours_writes <= 0.1;
    println!(
        "\nkept in all: {:.0} KB of evidence, every sample; promised: at most 300 KB and 0.1 writes a sample: {}",
        kept / 1e3,
        word(good)
    );
    good
}
