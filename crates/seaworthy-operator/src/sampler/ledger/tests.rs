//! Slots in any order, evidence of others, and what is never stored.

use seaworthy_soak::{
    evidence::Evidence,
    record::{Look, Page, PageSample, RunInfo},
    recorder::MAX_LOOKS,
};

use super::{super::room::Room, *};

fn ledger() -> Ledger {
    ledger_in(&Room::default())
}

fn ledger_in(room: &Room) -> Ledger {
    let run = RunInfo { run: "uid".into(), start_unix_ms: 1_000_000, interval_ms: 1000 };
    Ledger::new(Recorder::new(run), Counts::default(), room.part())
}

fn slot(slot: u64, ok: bool) -> Outcome {
    let page = Page {
        late_ms: 0,
        incarnation: String::new(),
        series_on_page: 0,
        samples: vec![],
        types: std::collections::BTreeMap::new(),
    };
    let result = if ok { Ok(page) } else { Err(Gap::new(GapReason::Timeout, "5 s")) };
    let look = Look { source: "s".into(), target: "p".into(), result };
    Outcome::Seen(SlotRecord { slot, unix_ms: 1_000_000, looks: vec![look], pods: None, inventories: vec![] })
}

/// A slot of one page with so many values.
fn wide(number: u64, values: usize) -> Outcome {
    let mut wide = slot(number, true);
    if let Outcome::Seen(SlotRecord { looks, .. }) = &mut wide
        && let Ok(page) = &mut looks[0].result
    {
        let sample = |n| PageSample { series: format!("m{{n=\"{n}\"}}"), value: 1.0, timestamp_ms: None };
        page.samples = (0..values).map(sample).collect();
    }
    wide
}

/// What is recorded, as people read it.
fn csv(ledger: &mut Ledger) -> String {
    let checkpoint = ledger.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    Evidence::decode(ledger.recorder.run(), objects, None).unwrap().to_csv()
}

#[test]
fn slots_are_recorded_in_order_whenever_they_come_back() {
    let mut ledger = ledger();
    for n in 0..3 {
        assert_eq!(ledger.next(), n);
        ledger.open(n);
    }
    assert_eq!(ledger.close(slot(2, true), &[]), 0..0);
    assert_eq!(ledger.close(slot(0, false), &[]), 0..1);
    assert_eq!(ledger.close(slot(1, false), &[]), 1..3);
    assert_eq!(ledger.next(), 3);
    let want = SampleCounts { planned: 3, obtained: 1, longest_gap_seconds: 2 };
    assert_eq!(ledger.counts().shown(), want);
    let checkpoint = ledger.checkpoint();
    assert_eq!((ledger.through(), checkpoint.through), (0, 3));
    ledger.committed(&checkpoint);
    assert!(ledger.through() == 3 && !ledger.dirty());
}

#[test]
fn what_somebody_else_stored_is_taken_over() {
    let (mut ours, mut theirs) = (ledger(), ledger());
    for n in 0..5 {
        ours.open(n);
        ours.close(slot(n, true), &[]);
    }
    for n in 0..3 {
        theirs.open(n);
        theirs.close(slot(n, true), &[]);
    }
    let head = theirs.checkpoint().head;
    let run = ours.recorder.run().clone();
    let resumed = Recorder::resume(run, vec![head], None, 0).unwrap();
    assert_eq!(resumed.hole, None);
    ours.take_over(resumed.recorder);
    assert_eq!((ours.next(), ours.through()), (5, 3));
}

#[test]
fn rows_that_were_sealed_and_not_stored_go_on_too() {
    let mut ours = ledger();
    let mut stored = None;
    for n in 0..130 {
        ours.close(slot(n, n % 7 > 0), &[]);
        if n == 99 {
            let checkpoint = ours.checkpoint();
            ours.committed(&checkpoint);
            stored = Some(checkpoint.head);
        }
    }
    assert_eq!(ours.checkpoint().sealed.len(), 1, "written by nobody");
    let want = csv(&mut ours);
    let run = ours.recorder.run().clone();
    ours.take_over(Recorder::resume(run, stored.into_iter().collect(), None, 0).unwrap().recorder);
    assert_eq!((ours.next(), ours.through()), (130, 100));
    assert_eq!(csv(&mut ours), want);
}

#[test]
fn what_is_never_stored_stays_bounded() {
    let mut ledger = ledger();
    for n in 0..1000 {
        ledger.open(n);
        ledger.close(slot(n, true), &[]);
    }
    assert_eq!(ledger.next(), 1000);
    let csv = csv(&mut ledger);
    let bare = csv.lines().filter(|row| row.contains("stored no evidence for too long")).count();
    assert_eq!(u64::try_from(bare).unwrap(), 1000 - UNSTORED, "only their gaps are kept");
}

/// Nobody was there for longer than slots may wait to be stored: what is seen from then on is kept.
#[test]
fn what_is_seen_after_a_long_hole_is_kept() {
    let run = ledger().recorder.run().clone();
    let resumed = Recorder::resume(run, Vec::new(), None, 300).unwrap();
    assert_eq!(resumed.hole, Some(0..300));
    let mut ledger = Ledger::new(resumed.recorder, Counts::default(), Room::default().part());
    ledger.close(wide(300, 2), &[]);
    // The process was frozen, and nothing was stored meanwhile.
    for n in 700..702 {
        ledger.close(wide(n, 2), &[]);
    }
    let csv = csv(&mut ledger);
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(rows.len(), 702);
    for seen in [300, 700, 701] {
        assert!(!rows[seen].contains('|') && rows[seen].contains(",1"), "no gap, and values: {}", rows[seen]);
    }
    for n in 702..1000 {
        ledger.close(wide(n, 2), &[]);
    }
    let bare = self::csv(&mut ledger).lines().filter(|row| row.contains("stored no evidence for too long")).count();
    assert_eq!(u64::try_from(bare).unwrap(), 1000 - 700 - UNSTORED, "the bound still holds");
}

#[test]
fn a_slot_with_too_many_looks_is_over_all_the_same() {
    let mut ledger = ledger();
    let crowded = |number| {
        let mut crowded = slot(number, true);
        if let Outcome::Seen(SlotRecord { looks, .. }) = &mut crowded {
            *looks = vec![looks[0].clone(); MAX_LOOKS + 1];
        }
        crowded
    };
    ledger.open(0);
    assert_eq!(ledger.close(crowded(0), &[]), 0..1);
    assert_eq!(ledger.next(), 1, "it is not opened again");
    let csv = csv(&mut ledger);
    assert!(csv.contains("TooManySeries") && csv.contains("watch fewer targets"), "{csv}");
    // The same where somebody else's evidence is taken over.
    ledger.take_over(Recorder::new(ledger.recorder.run().clone()));
    assert!(ledger.next() == 1 && self::csv(&mut ledger) == csv);
    assert_eq!(ledger.counts().shown(), SampleCounts { planned: 1, obtained: 0, longest_gap_seconds: 1 });
}

/// A slot of six pages with 2,000 values each.
fn widest(number: u64) -> Outcome {
    let mut widest = wide(number, 2000);
    if let Outcome::Seen(SlotRecord { looks, .. }) = &mut widest {
        *looks = (0..6).map(|pod| Look { target: format!("p{pod}"), ..looks[0].clone() }).collect();
    }
    widest
}

/// How many rows have values, and how many a gap for want of room.
fn kept(ledger: &mut Ledger) -> (usize, usize) {
    let csv = csv(ledger);
    let full = csv.lines().filter(|row| row.contains("TooManySeries") && row.contains("bytes of memory")).count();
    (csv.lines().skip(1).filter(|row| !row.contains('|')).count(), full)
}

#[test]
fn rows_of_very_many_series_are_bounded_until_they_are_stored() {
    let mut ledger = ledger();
    for n in 0..UNSTORED {
        ledger.close(widest(n), &[]);
    }
    let most = ledger.recorder.held_bytes();
    assert!((16 << 20..20 << 20).contains(&most), "{most}");
    let checkpoint = ledger.checkpoint();
    ledger.committed(&checkpoint);
    ledger.close(widest(UNSTORED), &[]);
    let rest = ledger.recorder.held_bytes();
    assert!(rest < 8 << 20, "{rest}");
    let objects = checkpoint.sealed.into_iter().chain([ledger.checkpoint().head]).collect();
    let csv = Evidence::decode(ledger.recorder.run(), objects, None).unwrap().to_csv();
    let full = |row: &str| row.contains("TooManySeries") && row.contains("of this soak");
    let rows: Vec<bool> = csv.lines().skip(1).map(full).collect();
    let first = rows.iter().position(|full| *full).unwrap();
    assert!(rows[first..240].iter().all(|full| *full) && first > 60 && !rows[240], "{rows:?}");
}

#[test]
fn a_soak_with_many_series_has_gaps_where_others_have_all_memory_and_one_with_few_has_none() {
    let room = Room::default();
    let mut other = room.part();
    other.is(100 << 20);
    let (mut many, mut few) = (ledger_in(&room), ledger_in(&room));
    let mut next = |n| {
        many.close(wide(n, 2000), &[]);
        few.close(wide(n, 20), &[]);
    };
    (0..3).for_each(&mut next);
    drop(other);
    (3..5).for_each(&mut next);
    assert_eq!((kept(&mut many), kept(&mut few)), ((3, 2), (5, 0)));
    assert_eq!(many.counts().shown(), SampleCounts { planned: 5, obtained: 3, longest_gap_seconds: 2 });
}

#[test]
fn a_slot_that_gives_nothing_holds_up_none_after_it() {
    let mut ledger = ledger();
    (0..2).for_each(|n| ledger.open(n));
    ledger.close(slot(1, true), &[]);
    let gap = Gap::new(GapReason::Other, "the look failed");
    assert_eq!(ledger.close(Outcome::Nothing { slot: 0, unix_ms: 1_000_000, gap }, &[]), 0..2);
    assert!(csv(&mut ledger).contains("the look failed"));
}

#[test]
fn what_is_done_behind_a_slot_under_way_is_recorded_when_nobody_looks_on() {
    let mut ledger = ledger();
    (0..4).for_each(|n| ledger.open(n));
    ledger.close(slot(0, true), &[]);
    ledger.close(slot(2, true), &[]);
    ledger.give_up();
    assert_eq!(ledger.checkpoint().through, 3, "3 may still be looked at by whoever comes next");
    let csv = csv(&mut ledger);
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert!(rows.len() == 3 && rows[1].contains("OperatorDown") && !rows[2].contains("OperatorDown"), "{csv}");
}

#[test]
fn a_checkpoint_made_elsewhere_is_the_same() {
    assert!(ledger().copy().is_none(), "what is small is stored as it is");
    let (mut one, mut other) = (ledger(), ledger());
    let objects = || {
        let (resource, namespace, name, uid) = ("pods".into(), "n".into(), "o".into(), "u".into());
        vec![ObjectRef { resource, namespace, name, uid, waiting_for: String::new() }]
    };
    for n in 0..130 {
        one.close(wide(n, WIDE), &[]);
        other.close(wide(n, WIDE), &[]);
    }
    let want = one.checkpoint();
    let mut copy = other.copy().unwrap();
    // Meanwhile it goes on.
    for ledger in [&mut one, &mut other] {
        ledger.close(wide(130, WIDE), &[FaultWindow { from_ms: 1, to_ms: 2, kind: "k".into() }]);
        ledger.inventory("check", InventoryPoint::Before, objects());
    }
    assert_eq!(copy.checkpoint(), want);
    other.take_over(copy);
    for ledger in [&mut one, &mut other] {
        ledger.committed(&want);
    }
    assert_eq!((other.next(), other.through()), (131, 130));
    assert_eq!(one.checkpoint(), other.checkpoint());
}

#[test]
fn coverage_counts_slots_whatever_became_of_them() {
    let mut ledger = ledger();
    ledger.close(slot(0, true), &[]);
    ledger.close(slot(3, false), &[]);
    ledger.close(wide(4, 2), &[]);
    assert_eq!(ledger.counts().shown(), SampleCounts { planned: 5, obtained: 2, longest_gap_seconds: 3 });
}
