//! Traces show what was judged.

use seaworthy_soak::check::{Limit, LimitKind, Slopes, Trace, trace};
use seaworthy_soak::record::{Gap, GapReason, InventoryLook, InventoryPage};

use crate::world::{FROM, INTERVAL_MS, PHASES, TO, World, pod, slot, spec};

fn of(world: World, check: &str) -> Trace {
    trace(&spec(check, 0), &world.evidence(), &PHASES)
}

#[test]
fn a_level_with_its_gaps_and_lives() {
    let world = World::of(|k| match k {
        30..=32 => Some(slot(k).failed(GapReason::Timeout)),
        33 => None,
        50 => Some(slot(k).page(&[])),
        _ => Some(slot(k).page_of(
            "s",
            "t",
            if k < 90 { "c1" } else { "c2" },
            &[("m", f64::from(u32::try_from(k).unwrap()))],
        )),
    });
    let trace = of(world, r#"bound "max":200,"aggregate":"sum""#);
    assert_eq!((trace.what.as_str(), trace.lines.len()), ("m", 1));
    assert_eq!(trace.limits, [Limit { value: 200.0, kind: LimitKind::Max }]);
    assert_eq!(trace.judged_ms, (FROM * INTERVAL_MS, TO * INTERVAL_MS));
    let points = &trace.lines[0].points;
    assert_eq!(points.len(), 135);
    let lives: Vec<u32> = [10, 100].map(|i| points[i].life).into();
    assert_eq!(lives, [0, 1], "a restart begins another life");
    assert!((points[0].ms - 1.0).abs() < 1e-9, "the true time, not the planned one");
    let gaps: Vec<_> =
        trace.gaps.iter().map(|g| (g.from_ms / INTERVAL_MS, g.to_ms / INTERVAL_MS, &*g.reason)).collect();
    assert_eq!(gaps, [(30, 34, "Timeout"), (50, 51, "the metric is absent from the page")]);
}

#[test]
fn series_that_are_judged_each_by_itself_are_lines_each_by_itself() {
    let world = World::of(|k| Some(slot(k).page(&[("m{a=\"1\"}", 1.0), ("m{a=\"2\"}", 7.0)])));
    let trace = of(world, r#"bound "max":9,"min":0"#);
    let lines: Vec<_> = trace.lines.iter().map(|l| (l.name.as_str(), l.points.len())).collect();
    assert_eq!(lines, [("t m{a=\"2\"}", 140), ("t m{a=\"1\"}", 140)]);
    assert_eq!(trace.limits.len(), 2);
    let many: Vec<(String, f64)> = (0..40).map(|i| (format!("m{{a=\"{i}\"}}"), f64::from(i))).collect();
    let world = World::of(|k| Some(slot(k).page(&many.iter().map(|(n, v)| (n.as_str(), *v)).collect::<Vec<_>>())));
    let trace = of(world, r#"bound "max":9"#);
    assert_eq!((trace.lines.len(), trace.left_out, trace.lines[0].name.as_str()), (12, 28, "t m{a=\"39\"}"));
}

#[test]
fn a_counter_is_shown_by_what_it_gained() {
    let world = World::with_metric(|k| if k < 80 { 5.0 } else { 9.0 });
    let trace = of(world, r#"increase "max":3"#);
    let values: Vec<f64> = trace.lines[0].points.iter().map(|p| p.value).collect();
    assert_eq!((values.len(), values[0], values[119]), (120, 0.0, 4.0));
    // One a minute: ten in ten minutes.
    let world = World::with_metric(|k| f64::from(u32::try_from(k / 2).unwrap()));
    let trace = of(world, r#"progress "min":5"#);
    assert_eq!(trace.limits, [Limit { value: 5.0, kind: LimitKind::Min }]);
    assert!(trace.lines[0].points.iter().all(|p| (p.value - 10.0).abs() < 1e-9), "{:?}", trace.lines);
    assert_eq!(trace.lines[0].points.len(), 100, "the first period has no value");
}

#[test]
fn growth_shows_where_it_starts_from() {
    let world = World::with_metric(|k| if k < FROM { 50.0 } else { 10.0 });
    let trace = of(world, r#"growth "max":5"#);
    let limits: Vec<_> = trace.limits.iter().map(|l| (l.kind, l.value)).collect();
    assert_eq!(limits, [(LimitKind::Baseline, 10.0), (LimitKind::Max, 15.0)]);
}

#[test]
fn restarts_add_up() {
    let world = World::of(|k| Some(slot(k).pods(&[pod("p", u32::from(k >= 60) + u32::from(k >= 70), "Error")])));
    let trace = of(world, r#"restarts "max":1"#);
    let at = |k: usize| trace.lines[0].points[k - 20].value;
    let so_far = [59, 60, 69, 70, 139].map(|k| at(k).to_string());
    assert_eq!(so_far, ["0", "1", "1", "2", "2"]);
}

#[test]
fn what_was_never_seen_has_no_points_and_a_reason() {
    let world = World::of(|k| Some(slot(k).page(&[("other", 1.0)])));
    let trace = of(world, r#"bound "max":1,"aggregate":"sum""#);
    assert_eq!(trace.lines[0].points.len(), 0);
    assert_eq!(trace.gaps.len(), 1);
    let trace = of(World::empty(), r#"bound "max":1"#);
    assert_eq!((trace.lines.len(), trace.gaps.len()), (0, 0));
}

#[test]
fn a_trend_shows_the_floors_of_its_line() {
    // A saw-tooth of four minutes on a rise of 60 an hour.
    let value = |k: u64| f64::from(u32::try_from(k % 8 * 20 + k / 2).unwrap());
    let trace = of(World::with_metric(value), r#"trend "tolerablePerHour":10,"unacceptablePerHour":40"#);
    assert_eq!(trace.lines[0].points.len(), 140);
    assert!(trace.floors.len() >= 7, "{:?}", trace.floors);
    let (from, to) = trace.judged_ms;
    let (from, to) = (f64::from(u32::try_from(from).unwrap()), f64::from(u32::try_from(to).unwrap()));
    assert!(trace.floors.iter().all(|(ms, v)| (from..=to).contains(ms) && *v <= 75.0), "{:?}", trace.floors);
    assert_eq!(trace.slopes, Some(Slopes { tolerable: 10.0, unacceptable: 40.0 }));
    // Half a percent of the level, and a quarter of what is given.
    let default = of(World::with_metric(|_| 200.0), "trend");
    assert_eq!(default.slopes, Some(Slopes { tolerable: 1.0, unacceptable: 4.0 }));
    let given = of(World::with_metric(|_| 200.0), r#"trend "unacceptablePerHour":2"#);
    assert_eq!(given.slopes, Some(Slopes { tolerable: 0.5, unacceptable: 2.0 }));
    let flat = of(World::empty(), r#"trend "tolerablePerHour":10,"unacceptablePerHour":40"#);
    assert_eq!((flat.floors, flat.slopes), (vec![], None));
}

/// Gaps as slots.
fn gaps(trace: &Trace) -> Vec<(u64, u64, &str)> {
    trace.gaps.iter().map(|g| (g.from_ms / INTERVAL_MS, g.to_ms / INTERVAL_MS, &*g.reason)).collect()
}

#[test]
fn a_page_whose_life_is_not_known_begins_no_other_within_one() {
    let world = World::of(|k| {
        let life = match k {
            0..=2 | 70..=72 | 90 => "",
            3..=89 => "c1",
            _ => "c2",
        };
        Some(slot(k).page_of("s", "t", life, &[("m", 1.0)]))
    });
    let trace = of(world, r#"bound "max":9,"aggregate":"sum""#);
    let lives: Vec<u32> = trace.lines[0].points.iter().map(|p| p.life).collect();
    // Between two lives it may be of either: the end of the one that a leak shows, or the start of the other.
    assert_eq!((lives[90], &lives[..90], &lives[91..]), (1, &[0; 90][..], &[2; 49][..]));
}

#[test]
fn a_rate_is_shown_with_its_gaps_and_lives() {
    // Three in each slot, from nothing after a restart.
    let page = |k: u64| {
        let (life, began) = if k < 90 { ("c1", 0) } else { ("c2", 90) };
        let value = f64::from(u32::try_from(3 * (k - began)).unwrap());
        slot(k).page_of("s", "t", life, &[("m", value)])
    };
    let failed = |k| slot(k).failed(GapReason::Timeout);
    let world = World::of(|k| Some(if (40..42).contains(&k) { failed(k) } else { page(k) }));
    let trace = of(world, r#"trend "of":"Rate","tolerablePerHour":0.01,"unacceptablePerHour":0.04,"limit":9"#);
    assert_eq!(trace.limits, [Limit { value: 9.0, kind: LimitKind::Max }]);
    assert_eq!(gaps(&trace), [(40, 42, "Timeout")]);
    let points = &trace.lines[0].points;
    assert!(points.len() > 110 && points.iter().all(|p| (p.value - 0.1).abs() < 1e-9), "{points:?}");
    assert!(points.iter().all(|p| p.life == u32::from(p.ms > 90.0 * 30_000.0)), "{points:?}");
}

#[test]
fn rounds_that_failed_are_gaps() {
    let world = World::of(|k| {
        let failed = (60..63).contains(&k);
        let result = if failed {
            Err(Gap::new(GapReason::Forbidden, ""))
        } else {
            Ok(InventoryPage { objects: 1, ..InventoryPage::default() })
        };
        Some(slot(k).round(InventoryLook { check: "check-0".into(), result }))
    });
    let trace = of(world, r#"survivors "maxAgeSeconds":600"#);
    assert_eq!(gaps(&trace), [(60, 63, "Forbidden")]);
    assert_eq!(trace.lines[0].points.len(), 137);
}

#[test]
fn rounds_that_nobody_owes_are_no_gaps() {
    // The task of the inventory begins within warm-up, and is gone when measure is over.
    let world = World::long(TO + 12, |k| {
        let none = Err(Gap::new(GapReason::NoTarget, "the inventory task does not run (yet)"));
        let there = (8..TO).contains(&k) && k != 70;
        let page = InventoryPage { objects: 1, ..InventoryPage::default() };
        Some(slot(k).round(InventoryLook { check: "check-0".into(), result: if there { Ok(page) } else { none } }))
    });
    let trace = of(world, r#"survivors "maxAgeSeconds":600"#);
    let gaps: Vec<_> = gaps(&trace).into_iter().map(|(from, to, _)| (from, to)).collect();
    assert_eq!(gaps, [(70, 71)]);
}
