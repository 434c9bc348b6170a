//! An export is what was recorded, inventories and declared faults included, or it is refused.

#![expect(clippy::unwrap_used, reason = "helpers of tests may")]

use seaworthy_soak::evidence::{Evidence, MAX_EXPORTED_INVENTORIES, Without};
use seaworthy_soak::record::{FaultWindow, InventoryPoint, Look, ObjectRef, Page, PageSample, RunInfo, SlotRecord};
use seaworthy_soak::recorder::Recorder;
use sha2::{Digest as _, Sha256};

const START: i64 = 1_700_000_000_000;

fn run() -> RunInfo {
    RunInfo { run: "4cf1d3a0".into(), start_unix_ms: START, interval_ms: 30_000 }
}

/// So many slots with a value each.
fn recorded(slots: u32) -> Recorder {
    let mut recorder = Recorder::new(run());
    for slot in 0..slots {
        let sample = PageSample { series: "m".into(), value: 0.1 * f64::from(slot), timestamp_ms: None };
        let page = Page {
            late_ms: 12,
            incarnation: "containerd://abc".into(),
            series_on_page: 90,
            samples: vec![sample],
            types: std::collections::BTreeMap::new(),
        };
        let look = Look { source: "watcher".into(), target: "web-1/manager".into(), result: Ok(page) };
        let unix_ms = START + i64::from(slot) * 30_000;
        let record = SlotRecord { slot: slot.into(), unix_ms, looks: vec![look], pods: None, inventories: vec![] };
        recorder.record(&record).unwrap();
    }
    recorder
}

fn evidence(recorder: &mut Recorder) -> Evidence {
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    Evidence::decode(&run(), objects, checkpoint.tip.as_deref()).unwrap()
}

#[test]
fn an_export_that_was_cut_or_is_of_another_run_is_refused() {
    let evidence = evidence(&mut recorded(130));
    let csv = evidence.to_csv();
    let read = Evidence::from_csv(&run(), &csv).unwrap();
    assert_eq!((read.slots(), read.tip(), read.faults()), (130, evidence.tip(), &[][..]));
    let problem = |run: &RunInfo, csv: &str| Evidence::from_csv(run, csv).unwrap_err().to_string();
    for keep in 0..csv.len() {
        assert!(Evidence::from_csv(&run(), &csv[..keep]).is_err(), "cut after {keep} bytes");
    }
    let whole_lines = &csv[..=csv[..csv.len() - 1].rfind('\n').unwrap()];
    assert!(problem(&run(), whole_lines).contains("rows are missing"));
    for other in [
        RunInfo { run: "other".into(), ..run() },
        RunInfo { interval_ms: 10_000, ..run() },
        RunInfo { start_unix_ms: START + 1, ..run() },
    ] {
        assert!(problem(&other, &csv).contains("another run"));
    }
    let fault = r#"{""fromMs"":1,""toMs"":2,""kind"":""a b""}"#;
    let faulty = |n: usize| {
        csv.replacen("@export", "\"@export", 1).replacen(
            "faults=[]",
            &format!("faults=[{}]\"", vec![fault; n].join(",")),
            1,
        )
    };
    assert_eq!(Evidence::from_csv(&run(), &faulty(64)).unwrap().faults().len(), 64);
    assert!(problem(&run(), &faulty(65)).contains("more declared faults"));
    let unmarked = csv.replace("@export", "@exports");
    assert!(problem(&run(), &unmarked).contains("how many rows"));
}

/// Evidence with two inventories, of objects whose texts have all that a mark or a CSV is written with.
fn inventoried() -> Evidence {
    let mut recorder = recorded(3);
    let object = |name: &str| ObjectRef {
        resource: "leases.coordination.k8s.io".into(),
        namespace: String::new(),
        name: name.into(),
        uid: format!("uid of {name}"),
        waiting_for: "a.example/x, b.example/\"y\"\n faults=[] é".into(),
    };
    recorder.inventory("clean", InventoryPoint::Before, &[object("one"), object("two")]);
    recorder.inventory("clean", InventoryPoint::After, &[object("two"), object("three")]);
    recorder.inventory("other", InventoryPoint::Before, &[]);
    recorder.fault(&FaultWindow { from_ms: 1, to_ms: 2, kind: "a b".into() });
    evidence(&mut recorder)
}

#[test]
fn an_export_holds_the_inventories() {
    let evidence = inventoried();
    let csv = evidence.to_csv();
    let read = Evidence::from_csv(&run(), &csv).unwrap();
    assert_eq!(read, evidence);
    assert_eq!(read.inventory("clean", InventoryPoint::After).unwrap()[1].uid, "uid of three");
    assert_eq!(read.inventory("other", InventoryPoint::Before), Some(&[][..]));
    assert_eq!(read.inventory("other", InventoryPoint::After), None);
    assert_eq!((read.to_csv(), read.faults().len(), read.without_inventories()), (csv, 1, None));
}

#[test]
fn inventories_that_were_cut_altered_or_added_are_refused() {
    let csv = inventoried().to_csv();
    for keep in 0..csv.len() {
        if csv.is_char_boundary(keep) {
            assert!(Evidence::from_csv(&run(), &csv[..keep]).is_err(), "cut after {keep} bytes");
        }
    }
    let (at, end) = (csv.find("\"@inventories").unwrap(), csv.find(",watcher/").unwrap());
    let column = &csv[at..end];
    let hash = csv.split("inventories=").nth(1).unwrap()[..64].to_owned();
    let problem = |altered: &str| {
        assert_ne!(altered, csv);
        Evidence::from_csv(&run(), altered).unwrap_err().to_string()
    };
    let without_cell = |csv: &str| csv.replace(",,containerd", ",containerd");
    for altered in [
        csv.replace("uid of one", "uid of two"),
        csv.replace("\"\"Before\"\"", "\"\"After\"\""),
        csv.replace(&hash, &hash.replace(hash.chars().next().unwrap(), "x")),
        csv.replace(&hash, "-"),
        csv.replace(&hash, "too-large"),
        csv.replace(&format!(" inventories={hash}"), ""),
        without_cell(&csv.replace(&format!("{column},"), "")),
    ] {
        assert!(problem(&altered).contains("cut, altered or added"), "{}", problem(&altered));
    }
}

#[test]
fn inventories_that_make_no_sense_are_refused_whatever_their_hash() {
    let csv = evidence(&mut recorded(3)).to_csv();
    let with = |json: &str| {
        let hash = Sha256::digest(json).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
        let column = format!(",\"@inventories {}\",watcher", json.replace('"', "\"\""));
        csv.replace("inventories=-", &format!("inventories={hash}"))
            .replacen(",watcher", &column, 1)
            .replace(",,containerd", ",,,containerd")
    };
    let one = |point: &str| format!(r#"{{"check":"c","point":"{point}","objects":[["pods","n","p","u",""]]}}"#);
    let good = Evidence::from_csv(&run(), &with(&format!("[{},{}]", one("Before"), one("After")))).unwrap();
    assert_eq!(good.inventory("c", InventoryPoint::After).unwrap()[0].name, "p");
    let huge = format!("[{}{}]", one("Before"), " ".repeat(MAX_EXPORTED_INVENTORIES));
    for (json, words) in [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        (r#"[{"check":"c","point":"Between","objects":[]}]"#, "cannot be read"),
        (r#"[{"check":"c","point":"Before","objects":[["pods","n","p","u"]]}]"#, "cannot be read"),
        (r#"[{"check":"c","point":"Before"}]"#, "cannot be read"),
        (&format!("[{},{}]", one("Before"), one("Before")), "twice"),
        (&huge, "larger than any"),
    ] {
        let problem = Evidence::from_csv(&run(), &with(json)).unwrap_err().to_string();
        assert!(problem.contains(words), "{words}: {problem}");
    }
}

#[test]
fn an_export_from_before_inventories_is_read_and_says_so() {
    let csv = evidence(&mut recorded(3)).to_csv();
    let old = csv.replace(" inventories=- ", " ");
    assert_ne!(old, csv);
    let read = Evidence::from_csv(&run(), &old).unwrap();
    assert_eq!((read.slots(), read.without_inventories()), (3, Some(Without::OldExport)));
    assert_eq!(read.inventory("clean", InventoryPoint::Before), None);
    assert_eq!(read.to_csv(), old);
    assert_eq!(Evidence::from_csv(&run(), &csv).unwrap().without_inventories(), None);
}

#[test]
fn inventories_beyond_the_bound_are_left_out_and_said_to_be() {
    let object = |n: usize| ObjectRef {
        resource: "pods".into(),
        namespace: "demo".into(),
        name: format!("p-{n}"),
        uid: format!("00000000-0000-0000-0000-{n:012}"),
        waiting_for: String::new(),
    };
    let exported = |objects: usize| {
        let mut recorder = recorded(3);
        let objects: Vec<_> = (0..objects).map(object).collect();
        recorder.inventory("clean", InventoryPoint::Before, &objects);
        evidence(&mut recorder)
    };
    let within = exported(100_000);
    assert_eq!(within.too_large_to_export(), None);
    assert_eq!(Evidence::from_csv(&run(), &within.to_csv()).unwrap(), within);
    for beyond in [130_000, 200_000] {
        let beyond = exported(beyond);
        assert!(beyond.too_large_to_export().unwrap() > MAX_EXPORTED_INVENTORIES);
        let csv = beyond.to_csv();
        assert!(csv.len() < 1000);
        let read = Evidence::from_csv(&run(), &csv).unwrap();
        assert_eq!(read.without_inventories(), Some(Without::TooLarge));
        assert_eq!(read.to_csv(), csv);
    }
}
