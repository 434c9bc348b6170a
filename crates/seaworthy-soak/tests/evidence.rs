//! Evidence lasts: every value comes back bit for bit, every alteration is found, every crash loses only what was not
//! acknowledged.

#![expect(clippy::unwrap_used, reason = "helpers of tests may")]

use proptest::prelude::*;
use seaworthy_soak::evidence::Evidence;
use seaworthy_soak::record::{
    FaultWindow, Gap, GapReason, InventoryPoint, Look, ObjectRef, Page, PageSample, PodPhase, PodState, RunInfo,
    SlotRecord,
};
use seaworthy_soak::recorder::{Checkpoint, RecordError, Recorder};
use seaworthy_soak::segment::{ChainError, Known, Object, SHARD_BYTES};
use seaworthy_soak::types::MetricType;

const START: i64 = 1_700_000_000_000;

fn run() -> RunInfo {
    RunInfo { run: "4cf1d3a0".into(), start_unix_ms: START, interval_ms: 30_000 }
}

fn sample(series: &str, value: f64) -> PageSample {
    PageSample { series: series.into(), value, timestamp_ms: None }
}

fn page(samples: Vec<PageSample>) -> Page {
    Page {
        late_ms: 12,
        incarnation: "containerd://abc".into(),
        series_on_page: 90,
        samples,
        types: std::collections::BTreeMap::new(),
    }
}

fn record(slot: u64, result: Result<Page, Gap>) -> SlotRecord {
    let look = Look { source: "watcher".into(), target: "web-1/manager".into(), result };
    let unix_ms = START + i64::try_from(slot).unwrap() * 30_000 + 7;
    SlotRecord { slot, unix_ms, looks: vec![look], pods: None, inventories: vec![] }
}

fn values(slot: u64, values: &[f64]) -> SlotRecord {
    let samples = values.iter().zip(0..).map(|(v, i)| sample(&format!("m{{i=\"{i}\"}}"), *v)).collect();
    record(slot, Ok(page(samples)))
}

/// The objects in the cluster: what a checkpoint writes, object by object.
#[derive(Default, Clone)]
struct Store(Vec<Object>);

impl Store {
    fn put(&mut self, object: &Object) {
        self.0.retain(|o| o.name != object.name);
        self.0.push(object.clone());
    }

    fn write(&mut self, checkpoint: &Checkpoint) {
        checkpoint.sealed.iter().for_each(|o| self.put(o));
        self.put(&checkpoint.head);
    }
}

fn commit(recorder: &mut Recorder, store: &mut Store) -> Option<String> {
    let checkpoint = recorder.checkpoint();
    store.write(&checkpoint);
    recorder.committed(&checkpoint);
    checkpoint.tip
}

fn filled(slots: u64) -> (Recorder, Store, Option<String>) {
    let mut recorder = Recorder::new(run());
    let mut store = Store::default();
    let mut tip = None;
    for slot in 0..slots {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        recorder.record(&values(slot, &[slot as f64, 0.1 * slot as f64])).unwrap();
        if slot % 5 == 4 {
            tip = commit(&mut recorder, &mut store);
        }
    }
    tip = commit(&mut recorder, &mut store).or(tip);
    (recorder, store, tip)
}

#[test]
fn people_can_read_it() {
    let mut recorder = Recorder::new(run());
    recorder.record(&record(0, Ok(page(vec![sample("m{l=\"a b\"}", 1.5)])))).unwrap();
    recorder.record(&record(2, Err(Gap::new(GapReason::Timeout, "no answer in 5 s")))).unwrap();
    let pod = PodState {
        name: "web-1".into(),
        uid: "u1".into(),
        phase: PodPhase::Running,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: vec![],
    };
    recorder.record(&SlotRecord { pods: Some(Ok([pod].into())), ..values(3, &[]) }).unwrap();
    let mut store = Store::default();
    commit(&mut recorder, &mut store);
    let evidence = Evidence::decode(&run(), store.0, None).unwrap();
    assert_eq!(
        evidence.to_csv(),
        "slot,unix_ms,gap,pods,@export 4cf1d3a0 1700000000000 30000 rows=4 tip=- inventories=- faults=[],watcher/web-1/manager @incarnation,watcher/web-1/manager @late_ms,\"watcher/web-1/manager m{l=\"\"a b\"\"}\",watcher/web-1/manager scrape_samples_scraped\n\
         0,1700000000007,,,,containerd://abc,12,1.5,90\n\
         1,1700000030000,*|Missed|,,,,,,\n\
         2,1700000060007,watcher/web-1/manager|Timeout|no answer in 5 s,,,,,,\n\
         3,1700000090007,,web-1|u1|Running,,containerd://abc,12,,90\n"
    );
    assert_eq!(Evidence::from_csv(&run(), &evidence.to_csv()).unwrap().to_csv(), evidence.to_csv());
    assert!(Evidence::from_csv(&run(), "a,b\n").is_err());
}

#[test]
fn segments_are_sealed_and_chained() {
    let (recorder, store, tip) = filled(400);
    let names: Vec<_> = store.0.iter().map(|o| (o.name.as_str(), o.sealed)).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    for name in ["000000", "000001", "000002"] {
        assert!(names.contains(&(name, true)), "{names:?}");
    }
    let evidence = Evidence::decode(&run(), store.0, tip.as_deref()).unwrap();
    assert_eq!((evidence.slots(), recorder.next_slot(), recorder.acknowledged()), (400, 400, 400));
    assert_eq!(evidence.tip(), tip.as_deref());
    assert!(!recorder.dirty());
}

#[test]
fn slots_only_move_forward() {
    let mut recorder = Recorder::new(run());
    recorder.record(&values(3, &[1.0])).unwrap();
    assert_eq!(recorder.record(&values(3, &[1.0])), Err(RecordError::Past { slot: 3, next: 4 }));
    assert!(matches!(recorder.record(&values(1 << 40, &[1.0])), Err(RecordError::TooFar { .. })));
    recorder.gap(4, START, &Gap::new(GapReason::ClockJump, "an hour")).unwrap();
    assert_eq!(recorder.next_slot(), 5);
}

#[test]
fn repeated_and_stale_times_are_no_samples() {
    let mut recorder = Recorder::new(run());
    let timed = |slot: u64, time: i64| {
        let mut record = record(slot, Ok(page(vec![PageSample { timestamp_ms: Some(time), ..sample("m", 1.0) }])));
        record.unix_ms = START + 1000;
        record
    };
    for (slot, time) in [START, START, START + 1, START - 3_600_000, START + 3_600_000].into_iter().enumerate() {
        recorder.record(&timed(slot as u64, time)).unwrap();
    }
    let mut store = Store::default();
    commit(&mut recorder, &mut store);
    let csv = Evidence::decode(&run(), store.0, None).unwrap().to_csv();
    let gaps: Vec<_> = csv.lines().skip(1).map(|l| l.split(',').nth(2).unwrap()).collect();
    let target = "watcher/web-1/manager";
    assert_eq!(gaps[0], "");
    assert_eq!(gaps[1], format!("{target}|Repeated|"));
    assert_eq!(gaps[2], "");
    assert_eq!(gaps[3], format!("{target}|Stale|a metric's own time is 3601 s away from now"));
    assert_eq!(gaps[4], format!("{target}|Stale|a metric's own time is 3599 s away from now"));
}

#[test]
fn types_outlive_the_recorder() {
    let typed = |slot: u64, kind: MetricType| {
        record(slot, Ok(Page { types: [("m".to_owned(), kind)].into(), ..page(vec![sample("m", 1.0)]) }))
    };
    let mut recorder = Recorder::new(run());
    let mut store = Store::default();
    recorder.record(&typed(0, MetricType::Gauge)).unwrap();
    commit(&mut recorder, &mut store);
    let mut recorder = Recorder::resume(run(), store.0.clone(), None, 1).unwrap().recorder;
    recorder.record(&typed(1, MetricType::Counter)).unwrap();
    recorder.record(&typed(2, MetricType::Gauge)).unwrap();
    let tip = commit(&mut recorder, &mut store);
    let evidence = Evidence::decode(&run(), store.0, tip.as_deref()).unwrap();
    let at = |slot| evidence.value("watcher", "web-1/manager", "m", slot);
    assert_eq!((at(0), at(1), at(2)), (Some(1.0), None, Some(1.0)));
    assert!(evidence.to_csv().contains("m is a counter here and was a gauge before"));
}

#[test]
fn a_hole_is_on_record() {
    let (_, store, tip) = filled(130);
    let resumed = Recorder::resume(run(), store.0.clone(), tip.as_deref(), 140).unwrap();
    assert_eq!(resumed.hole, Some(130..140));
    assert!(resumed.discard.is_empty());
    let mut recorder = resumed.recorder;
    assert_eq!(recorder.next_slot(), 140);
    assert!(recorder.dirty());
    recorder.record(&values(140, &[1.0])).unwrap();
    let mut store = store;
    let tip = commit(&mut recorder, &mut store);
    let evidence = Evidence::decode(&run(), store.0.clone(), tip.as_deref()).unwrap();
    assert_eq!(evidence.slots(), 141);
    assert_eq!(evidence.to_csv().matches("*|OperatorDown|").count(), 10);
    // An operator that comes back in time leaves no hole, and one with nothing stored starts with what it missed.
    assert_eq!(Recorder::resume(run(), store.0, tip.as_deref(), 141).unwrap().hole, None);
    assert_eq!(Recorder::resume(run(), vec![], None, 2).unwrap().hole, Some(0..2));
}

#[test]
fn a_wide_table_is_split_and_put_together() {
    let mut recorder = Recorder::new(run());
    let mut store = Store::default();
    let mut state = 1u64;
    for slot in 0..125 {
        let noise: Vec<f64> = (0..1500)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                f64::from_bits(state)
            })
            .collect();
        recorder.record(&values(slot, &noise)).unwrap();
    }
    let tip = commit(&mut recorder, &mut store);
    assert!(store.0.len() > 3, "{}", store.0.len());
    assert!(store.0.iter().all(|o| o.payload.len() <= SHARD_BYTES));
    let evidence = Evidence::decode(&run(), store.0.clone(), tip.as_deref()).unwrap();
    assert_eq!(evidence.slots(), 125);
    let csv = evidence.to_csv();
    assert_eq!(csv.lines().nth(1).unwrap().split(',').count(), 4 + 1 + 3 + 1500);
    // A part that is not there is told.
    store.0.retain(|o| o.name != "000001");
    assert!(matches!(Evidence::decode(&run(), store.0, tip.as_deref()), Err(ChainError::Missing { .. })));
}

#[test]
fn inventories_and_faults_travel_along() {
    let (mut recorder, mut store, _) = filled(3);
    let object = |n: u32| ObjectRef {
        resource: "pods".into(),
        namespace: "demo".into(),
        name: format!("p-{n}"),
        uid: format!("u-{n}"),
        waiting_for: String::new(),
    };
    recorder.inventory("clean", InventoryPoint::Before, &[object(1), object(2)]);
    recorder.inventory("clean", InventoryPoint::Before, &[]);
    let window = FaultWindow { from_ms: 1000, to_ms: 2000, kind: "node lost".into() };
    recorder.fault(&window);
    recorder.fault(&window);
    assert!(recorder.dirty());
    let tip = commit(&mut recorder, &mut store);
    assert!(!recorder.dirty());
    let evidence = Evidence::decode(&run(), store.0.clone(), tip.as_deref()).unwrap();
    assert_eq!(evidence.faults(), [window]);
    assert_eq!(evidence.slots(), 3);
    assert_eq!(evidence.inventory("clean", InventoryPoint::Before), Some([object(1), object(2)].as_slice()));
    assert_eq!(evidence.inventory("clean", InventoryPoint::After), None);
    let resumed = Recorder::resume(run(), store.0, tip.as_deref(), 3).unwrap().recorder;
    assert!(resumed.has_inventory("clean", InventoryPoint::Before));
    assert!(!resumed.has_inventory("other", InventoryPoint::Before));
}

#[test]
fn foreign_and_newer_evidence_is_refused() {
    let (_, store, tip) = filled(10);
    let other = RunInfo { interval_ms: 10_000, ..run() };
    assert!(matches!(Evidence::decode(&other, store.0.clone(), None), Err(ChainError::OtherRun { .. })));
    let mut newer = store.0.clone();
    newer[0].header = newer[0].header.replace("\"version\":1", "\"version\":2");
    assert!(matches!(Evidence::decode(&run(), newer, None), Err(ChainError::Version { version: 2, .. })));
    let mut twice = store.0.clone();
    twice.push(store.0[0].clone());
    assert!(matches!(Evidence::decode(&run(), twice, None), Err(ChainError::Misplaced { .. })));
    assert!(tip.is_none());
    let gone = Evidence::decode(&run(), vec![], Some("abc"));
    assert!(matches!(gone, Err(ChainError::Missing { .. })));
    let replaced = Evidence::decode(&run(), store.0, Some("abc"));
    assert!(matches!(replaced, Err(ChainError::UnknownTip { .. })));
}

#[test]
fn a_head_that_was_lost_or_rolled_back_before_the_first_seal_is_found() {
    let (mut recorder, mut store, tip) = filled(10);
    let old = store.clone();
    recorder.record(&values(10, &[1.0])).unwrap();
    commit(&mut recorder, &mut store);
    assert_eq!(tip, None, "no seal yet, so no tip tells");
    let known = Known { tip: None, head: true, through: recorder.acknowledged() };
    assert_eq!(Recorder::resume(run(), store.0.clone(), known, 11).unwrap().hole, None);
    let lost = Recorder::resume(run(), vec![], known, 11).unwrap_err();
    assert_eq!(lost, ChainError::Missing { name: "head".into() });
    let known_head = Known { head: true, ..Known::default() };
    assert!(Recorder::resume(run(), vec![], known_head, 11).is_err());
    let back = Evidence::decode(&run(), old.0.clone(), known).unwrap_err();
    assert_eq!(back, ChainError::RolledBack { through: 10, known: 11 });
    // What only the status knows, that there was a head, is true of the older one, too.
    assert!(Evidence::decode(&run(), old.0, known_head).is_ok());
}

#[test]
fn texts_that_are_too_long_for_one_object_are_split_by_rows() {
    let mut state = 1u64;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    let mut recorder = Recorder::new(run());
    for slot in 0..125 {
        let gap = |_| Look {
            source: "watcher".into(),
            target: (0..12).map(|_| word()).collect(),
            result: Err(Gap::new(GapReason::Timeout, "")),
        };
        let looks = (0..200).map(gap).collect();
        recorder.record(&SlotRecord { looks, ..values(slot, &[]) }).unwrap();
    }
    let checkpoint = recorder.checkpoint();
    assert!(checkpoint.sealed.len() > 3, "{}", checkpoint.sealed.len());
    let objects: Vec<_> = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let largest = objects.iter().map(|o| o.payload.len()).max().unwrap();
    assert!(largest <= SHARD_BYTES, "{largest}");
    let evidence = Evidence::decode(&run(), objects, checkpoint.tip.as_deref()).unwrap();
    assert_eq!(evidence.slots(), 125);
    assert_eq!(evidence.to_csv().matches("|Timeout|").count(), 125 * 200);
}

/// Objects as version 1 wrote them, byte for byte: two sealed inventories, one segment, the head.
#[test]
fn evidence_of_version_1_is_read() {
    macro_rules! object {
        ($name:literal) => {
            Object {
                name: $name.into(),
                sealed: $name != "head",
                header: include_str!(concat!("evidence-v1/", $name, ".json")).trim_end().into(),
                payload: include_bytes!(concat!("evidence-v1/", $name, ".csv.gz")).to_vec(),
            }
        };
    }
    let objects = vec![object!("head"), object!("000000"), object!("000001"), object!("000002")];
    let tip = include_str!("evidence-v1/tip").trim_end();
    let evidence = Evidence::decode(&run(), objects.clone(), Some(tip)).unwrap();
    assert_eq!((evidence.slots(), evidence.tip()), (125, Some(tip)));
    let value = |slot| evidence.value("watcher", "web-1/manager", "m{i=\"1\"}", slot).map(f64::to_bits);
    assert_eq!((value(0), value(124)), (Some(0.0f64.to_bits()), Some((0.1f64 * 124.0).to_bits())));
    assert_eq!(evidence.faults(), [FaultWindow { from_ms: 1000, to_ms: 2000, kind: "node lost".into() }]);
    let count = |point| evidence.inventory("clean", point).map(<[ObjectRef]>::len);
    assert_eq!((count(InventoryPoint::Before), count(InventoryPoint::After)), (Some(2), Some(1)));
    assert_eq!(Recorder::resume(run(), objects, Some(tip), 125).unwrap().recorder.next_slot(), 125);
}

#[test]
fn every_flip_cut_swap_and_loss_is_found() {
    let (mut recorder, mut store, _) = filled(260);
    recorder.fault(&FaultWindow { from_ms: 1000, to_ms: 2000, kind: "node lost".into() });
    let typed = Page { types: [("m".to_owned(), MetricType::Gauge)].into(), ..page(vec![]) };
    recorder.record(&record(260, Ok(typed))).unwrap();
    let tip = commit(&mut recorder, &mut store);
    assert!(Evidence::decode(&run(), store.0.clone(), tip.as_deref()).is_ok());
    for at in 0..store.0.len() {
        let object = &store.0[at];
        for byte in 0..object.payload.len() {
            for bit in [0x01, 0x80] {
                let mut objects = store.0.clone();
                objects[at].payload[byte] ^= bit;
                assert!(Evidence::decode(&run(), objects, tip.as_deref()).is_err(), "{} {byte}", object.name);
            }
        }
        for keep in 0..object.payload.len() {
            let mut objects = store.0.clone();
            objects[at].payload.truncate(keep);
            assert!(Evidence::decode(&run(), objects, tip.as_deref()).is_err(), "{} {keep}", object.name);
        }
        for byte in 0..object.header.len() {
            let mut objects = store.0.clone();
            let mut header = objects[at].header.clone().into_bytes();
            header[byte] ^= 0x01;
            objects[at].header = String::from_utf8(header).unwrap();
            let decoded = Evidence::decode(&run(), objects, tip.as_deref());
            assert!(decoded.is_err(), "{} header {byte}", object.name);
        }
        let mut objects = store.0.clone();
        objects.remove(at);
        assert!(Evidence::decode(&run(), objects, tip.as_deref()).is_err(), "{} lost", object.name);
        for other in 0..at {
            let mut objects = store.0.clone();
            let (a, b) = (objects[at].clone(), objects[other].clone());
            objects[at] = Object { name: a.name.clone(), ..b.clone() };
            objects[other] = Object { name: b.name, ..a };
            assert!(Evidence::decode(&run(), objects, tip.as_deref()).is_err(), "{at} and {other} swapped");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back_bit_for_bit(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(any::<u64>()), 0..6), 1..150),
        series in prop::collection::vec("[ -~é\n\"]{1,12}", 6),
    ) {
        let mut recorder = Recorder::new(run());
        let mut store = Store::default();
        let mut want = Vec::new();
        let keys: Vec<_> = series.iter().zip(0..).map(|(s, i)| {
            let labels = [("l".into(), s.as_str().into()), ("i".into(), format!("{i}").into())];
            seaworthy_soak::scan::series_key("m", labels)
        }).collect();
        for (slot, row) in rows.iter().enumerate() {
            let cells: Vec<_> = row.iter().zip(&keys).filter_map(|(bits, key)| Some((key.clone(), (*bits)?))).collect();
            let samples = cells.iter().map(|(key, bits)| sample(key, f64::from_bits(*bits))).collect();
            recorder.record(&record(slot as u64, Ok(page(samples)))).unwrap();
            want.push(cells);
        }
        let tip = commit(&mut recorder, &mut store);
        let evidence = Evidence::decode(&run(), store.0, tip.as_deref()).unwrap();
        for (slot, cells) in want.iter().enumerate() {
            for key in &keys {
                let got = evidence.value("watcher", "web-1/manager", key, slot as u64).map(f64::to_bits);
                let want = cells.iter().find(|(k, _)| k == key).map(|(_, bits)| *bits);
                prop_assert_eq!(got, want);
            }
        }
    }

    /// Writes stop after any number of objects, the operator dies, another one goes on.
    #[test]
    fn a_crash_loses_only_what_was_not_acknowledged(
        steps in prop::collection::vec((1u64..90, 0usize..5), 1..12),
    ) {
        let mut store = Store::default();
        let mut recorder = Recorder::new(run());
        let mut status_tip: Option<String> = None;
        let mut acknowledged = 0;
        let mut written = std::collections::BTreeSet::new();
        for (slots, survive) in steps {
            for _ in 0..slots {
                let slot = recorder.next_slot();
                recorder.record(&values(slot, &[1.0])).unwrap();
                written.insert(slot);
            }
            let checkpoint = recorder.checkpoint();
            // A retry gives the same sealed objects, whatever was recorded in between.
            prop_assert_eq!(&recorder.checkpoint().sealed, &checkpoint.sealed);
            let objects: Vec<_> = checkpoint.sealed.iter().chain([&checkpoint.head]).collect();
            let done = survive.min(objects.len());
            objects[..done].iter().for_each(|o| store.put(o));
            if done == objects.len() {
                recorder.committed(&checkpoint);
                acknowledged = checkpoint.through;
                status_tip.clone_from(&checkpoint.tip);
                continue;
            }
            let resumed = Recorder::resume(run(), store.0.clone(), status_tip.as_deref(), acknowledged).unwrap();
            prop_assert_eq!(resumed.recorder.next_slot(), acknowledged);
            prop_assert_eq!(resumed.hole, None);
            store.0.retain(|o| !resumed.discard.contains(&o.name));
            recorder = resumed.recorder;
            written.retain(|slot| *slot < acknowledged);
        }
        let evidence = Evidence::decode(&run(), store.0, status_tip.as_deref()).unwrap();
        prop_assert_eq!(evidence.slots(), acknowledged);
        for slot in 0..acknowledged {
            prop_assert_eq!(evidence.value("watcher", "web-1/manager", "m{i=\"0\"}", slot).is_some(), written.contains(&slot));
        }
    }

    #[test]
    fn hostile_objects_end_as_errors(header in "[ -~]{0,80}", payload in prop::collection::vec(any::<u8>(), 0..80)) {
        let object = Object { name: "head".into(), sealed: false, header, payload };
        prop_assert!(Evidence::decode(&run(), vec![object], None).is_err());
    }

    /// Objects that were written, with some bytes of one changed, put in or left out: an error, or the same evidence.
    #[test]
    fn altered_objects_end_as_errors(
        which in 0usize..2,
        at in any::<prop::sample::Index>(),
        edit in 0u8..3,
        with in prop::collection::vec(any::<u8>(), 1..6),
        in_header in any::<bool>(),
    ) {
        let (_, store, tip) = filled(130);
        let good = Evidence::decode(&run(), store.0.clone(), tip.as_deref()).unwrap();
        let mut objects = store.0;
        let object = &mut objects[which];
        let mut bytes = if in_header { object.header.clone().into_bytes() } else { object.payload.clone() };
        let from = at.index(bytes.len());
        let to = (from + with.len()).min(bytes.len());
        match edit {
            0 => drop(bytes.splice(from..to, with)),
            1 => drop(bytes.splice(from..from, with)),
            _ => drop(bytes.drain(from..to)),
        }
        if in_header {
            object.header = String::from_utf8_lossy(&bytes).into_owned();
        } else {
            object.payload = bytes;
        }
        let decoded = Evidence::decode(&run(), objects, tip.as_deref());
        prop_assert!(decoded.is_err() || decoded.is_ok_and(|evidence| evidence == good));
    }
}
