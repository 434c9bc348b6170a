//! Rules over pods and inventories.

use seaworthy_soak::check::{Phases, Verdict};
use seaworthy_soak::record::{
    Gap, GapReason, InventoryLook, InventoryPage, InventoryPoint, ObjectAge, ObjectRef, PodPhase, PodState,
};

use crate::world::{PHASES, World, expect, pod, slot};

fn pods(show: impl Fn(u64) -> Vec<PodState>) -> World {
    World::of(|k| Some(slot(k).pods(&show(k))))
}

#[test]
fn restarts_by_cause() {
    let oom = pods(|k| vec![pod("web", u32::from(k >= 50), if k >= 50 { "OOMKilled" } else { "" })]);
    let verdict = oom.judge("restarts");
    expect(&verdict, Verdict::Failed, "1 restarts, 0 allowed: 1 x OOMKilled");
    assert!(verdict.settled);
    assert_eq!((verdict.value, verdict.threshold), (Some(1.0), Some(0.0)));
    let many = pods(|k| vec![pod("web", if k >= 50 { 3 } else { 0 }, "Error")]);
    expect(&many.judge("restarts"), Verdict::Failed, "1 x Error (exit code 0), 2 x Restarted");
    let allowed = pods(|k| vec![pod("web", u32::from(k >= 50), "Completed")]);
    expect(&allowed.judge(r#"restarts "max":1"#), Verdict::Passed, "1 restarts, 1 allowed: 1 x Completed");
    // Restarts before the judged time are not counted, whatever the counter says.
    let early = pods(|k| vec![pod("web", u32::from(k >= 5), "Error")]);
    expect(&early.judge("restarts"), Verdict::Passed, "no restart");
}

#[test]
fn the_count_bridges_a_hole() {
    let world = |from: u64, to: u64| {
        World::of(move |k| {
            let state = pod("web", u32::from(k >= 50), "Error");
            Some(if (from..to).contains(&k) { slot(k) } else { slot(k).pods(&[state]) })
        })
    };
    expect(&world(48, 53).judge("restarts"), Verdict::Failed, "1 x Error");
    expect(&world(60, 65).judge(r#"restarts "max":1"#), Verdict::Passed, "");
    expect(&world(60, 70).judge(r#"restarts "max":1"#), Verdict::Inconclusive, "110 of 120");
}

#[test]
fn a_restart_before_the_first_look_at_the_pods() {
    // Nobody saw the pods in the first three judged slots; then the count is 1 already. The judged time begins at 1700000600.
    let world = |life: &'static str, restarts: u32| {
        World::of(move |k| {
            let slot = slot(k).page_of("s", "web", life, &[("m", 0.0)]);
            Some(if k < 23 { slot } else { slot.pods(&[pod("web", restarts, "OOMKilled")]) })
        })
    };
    expect(&world("c@1700000650", 1).judge("restarts"), Verdict::Failed, "1 restarts, 0 allowed: 1 x OOMKilled");
    expect(&world("c@1700000500", 1).judge("restarts"), Verdict::Passed, "no restart");
    expect(&world("c@1700000650", 0).judge("restarts"), Verdict::Passed, "no restart");
    // It restarted in the judged time once at least; of the time before nobody knows.
    expect(
        &world("c@1700000650", 3).judge(r#"restarts "max":1"#),
        Verdict::Inconclusive,
        "2 restarts came before the first look",
    );
    expect(
        &world("", 1).judge("restarts"),
        Verdict::Inconclusive,
        "1 restarts came before the first look at the pods, 11m30s into the run",
    );
    expect(&world("", 1).judge(r#"restarts "max":1"#), Verdict::Passed, "");
}

#[test]
fn recreated_and_evicted_pods() {
    let recreated = pods(|k| vec![pod(if k < 70 { "web-a" } else { "web-b" }, 0, "")]);
    expect(&recreated.judge("restarts"), Verdict::Failed, "1 x Recreated");
    let evicted = pods(|k| {
        let mut old = pod("web-a", 0, "");
        if k >= 70 {
            old.phase = PodPhase::Failed;
            old.reason = "Evicted".into();
        }
        match k {
            0..70 => vec![old],
            70..100 => vec![old, pod("web-b", 0, "")],
            _ => vec![pod("web-b", 0, "")],
        }
    });
    // Counted once: as evicted, not again as recreated.
    expect(&evicted.judge("restarts"), Verdict::Failed, "1 restarts, 0 allowed: 1 x Evicted");
    let scaled = pods(|k| if k < 70 { vec![pod("a", 0, "")] } else { vec![pod("a", 0, ""), pod("b", 0, "")] });
    expect(&scaled.judge("restarts"), Verdict::Passed, "no restart");
    let gone = pods(|k| if k < 70 { vec![pod("a", 0, "")] } else { vec![] });
    expect(&gone.judge("restarts"), Verdict::Failed, "1 x Recreated");
}

#[test]
fn a_pod_that_one_look_did_not_show_is_the_same_pod() {
    // Three restarts before measure; slot 70 shows no such pod.
    let missing = |others: &'static [&'static str], restarts: u32| {
        pods(move |k| {
            let own = (k != 70).then(|| pod("web-a", if k < 70 { 3 } else { restarts }, "Error"));
            own.into_iter().chain(others.iter().map(|name| pod(name, 0, ""))).collect()
        })
    };
    for others in [&["web-b"] as &'static [&'static str], &[]] {
        expect(&missing(others, 3).judge("restarts"), Verdict::Passed, "no restart");
        let once = missing(others, 4).judge("restarts");
        expect(&once, Verdict::Failed, "1 restarts, 0 allowed: 1 x Error (exit code 0): see");
    }
    // As long as it is not back it counts as recreated, and once however often it goes.
    let gone = |at: &'static [u64]| {
        pods(move |k| {
            let own = (!at.contains(&k)).then(|| pod("web-a", 3, ""));
            own.into_iter().chain([pod("web-b", 0, "")]).collect()
        })
    };
    expect(&gone(&[70, 80, 139]).judge("restarts"), Verdict::Failed, "1 restarts, 0 allowed: 1 x Recreated: see");
    expect(&gone(&[10, 19, 20, 70]).judge("restarts"), Verdict::Passed, "no restart");
    // One that was evicted is, even if a look does not show it.
    let evicted = pods(|k| {
        let (phase, reason) = if k < 60 { (PodPhase::Running, "") } else { (PodPhase::Failed, "Evicted") };
        let own = (k != 70).then(|| PodState { phase, reason: reason.into(), ..pod("web-a", 0, "") });
        own.into_iter().chain([pod("web-b", 0, "")]).collect()
    });
    expect(&evicted.judge("restarts"), Verdict::Failed, "1 restarts, 0 allowed: 1 x Evicted: see");
}

#[test]
fn a_pod_that_is_gone_ends_the_run_early_once_the_next_look_does_not_show_it_either() {
    let fails = |slots: u64, restarts: u32| {
        let show = move |k: u64| if k < 70 { vec![pod("web-a", 0, "")] } else { vec![pod("web-b", restarts, "Error")] };
        let phases = Phases { elapsed_ms: slots * 30_000, ..PHASES };
        let judgement = pods(show).judge_all(&[r#"restarts |"failFast":true"#], &phases);
        (judgement.verdict, judgement.fail_fast)
    };
    assert_eq!(fails(70, 0), (Verdict::Inconclusive, false));
    assert_eq!(fails(71, 0), (Verdict::Failed, false));
    assert_eq!(fails(72, 0), (Verdict::Failed, true));
    // What was seen is a fact at once.
    assert_eq!(fails(71, 1), (Verdict::Failed, true));
}

#[test]
fn what_a_pod_went_through_while_no_look_showed_it_lies_where_it_was_seen_before_and_after() {
    // Not shown where measure begins; the restart may have been in warm-up.
    let missing = |life: &'static str| {
        World::of(move |k| {
            let own = (!(15..25).contains(&k)).then(|| pod("web-a", u32::from(k > 20), "Error"));
            let pods: Vec<PodState> = own.into_iter().chain([pod("web-b", 0, "")]).collect();
            Some(slot(k).page_of("s", "web-a", life, &[("m", 0.0)]).pods(&pods))
        })
        .judge("restarts")
    };
    expect(&missing("c"), Verdict::Inconclusive, "1 restarts came in a gap before the first look");
    expect(&missing("c@1700000500"), Verdict::Passed, "no restart");
    expect(&missing("c@1700000700"), Verdict::Failed, "1 x Error");
}

#[test]
fn a_target_without_pods_is_no_evidence() {
    expect(&pods(|_| vec![]).judge("restarts"), Verdict::Failed, "a pod of the target is absent");
    let unknown = World::of(|k| Some(slot(k))).judge("restarts");
    expect(&unknown, Verdict::Inconclusive, "no sample of a pod of the target (Missed)");
}

#[test]
fn a_liar_is_found_out() {
    // The page says that all is well while the pod restarts again and again.
    let world = World::of(|k| {
        let restarts = u32::try_from(k / 10).unwrap();
        Some(slot(k).page(&[("m", 0.0)]).pods(&[pod("web", restarts, "Error")]))
    });
    let judgement = world.judge_all(&[r#"bound "max":0"#, "restarts"], &PHASES);
    assert_eq!(judgement.verdict, Verdict::Failed);
    assert_eq!(judgement.checks[0].verdict, Verdict::Passed);
    assert_eq!(judgement.checks[1].value, Some(11.0));
}

fn round(objects: u64, ages: &[u64]) -> InventoryLook {
    let object = |age: &u64| ObjectAge {
        resource: "pods".into(),
        namespace: "demo".into(),
        name: format!("job-{age}"),
        uid: format!("u{age}"),
        age_seconds: *age,
    };
    let oldest: Vec<_> = ages.iter().map(object).collect();
    InventoryLook { check: "check-0".into(), result: Ok(InventoryPage { objects, older: oldest.len() as u64, oldest }) }
}

/// A round every 5 minutes.
fn rounds(show: impl Fn(u64) -> Option<InventoryLook>) -> World {
    World::of(|k| {
        let round = if k % 10 == 0 { show(k) } else { None };
        Some(match round {
            Some(round) => slot(k).round(round),
            None => slot(k),
        })
    })
}

const SURVIVORS: &str = r#"survivors "maxAgeSeconds":600"#;

#[test]
fn survivors_are_named() {
    expect(&rounds(|_| Some(round(4, &[]))).judge(SURVIVORS), Verdict::Passed, "0 objects at most older than allowed");
    let one = || rounds(|k| Some(round(4, if k == 90 { &[900, 700] } else { &[] })));
    let verdict = one().judge(SURVIVORS);
    expect(&verdict, Verdict::Failed, "2 objects older than 10m, 0 allowed, 45m into the run: pods demo/job-900 (15m)");
    assert!(verdict.settled);
    expect(&one().judge(r#"survivors "maxAgeSeconds":600,"max":2"#), Verdict::Passed, "");
}

#[test]
fn survivors_need_rounds_that_found_something() {
    expect(&rounds(|_| None).judge(SURVIVORS), Verdict::Inconclusive, "no round of the inventory succeeded");
    expect(&rounds(|_| Some(round(0, &[]))).judge(SURVIVORS), Verdict::Inconclusive, "no round found any object");
    let lenient = rounds(|_| Some(round(0, &[]))).judge(&format!("{SURVIVORS}|\"onMissing\":\"Inconclusive\""));
    expect(&lenient, Verdict::Inconclusive, "check resources, namespaces and selector");
    let hole = rounds(|k| (!(60..100).contains(&k)).then(|| round(4, &[])));
    expect(&hole.judge(SURVIVORS), Verdict::Inconclusive, "no round of the inventory for 25m, at most 10m");
    let failing = rounds(|k| {
        let failed = InventoryLook { check: "check-0".into(), result: Err(Gap::new(GapReason::Forbidden, "")) };
        Some(if k % 40 == 0 { failed } else { round(4, &[]) })
    });
    expect(&failing.judge(SURVIVORS), Verdict::Inconclusive, "3 of 12 rounds of the inventory failed");
    let so_far = rounds(|_| Some(round(4, &[]))).judge_at(SURVIVORS, &Phases { elapsed_ms: 3_000_000, ..PHASES });
    expect(&so_far, Verdict::Inconclusive, "rounds so far");
}

#[test]
fn survivors_need_rounds_in_nearly_all_slots() {
    let looked = |seen: fn(u64) -> bool| World::of(move |k| seen(k).then(|| slot(k).round(round(5, &[]))));
    let words = |failed: u64| format!("{failed} of 120 rounds of the inventory failed, at most 5 % may");
    let patient = r#"survivors "maxAgeSeconds":3600"#;
    expect(&looked(|_| true).judge(patient), Verdict::Passed, "in 120 rounds");
    // The operator is away for nearly all of measure, or for a tenth of it, a slot here and there.
    expect(&looked(|k| k <= 20 || k == 139).judge(patient), Verdict::Inconclusive, &words(118));
    expect(&looked(|k| k % 10 != 0).judge(patient), Verdict::Inconclusive, &words(12));
    expect(&looked(|k| k % 20 != 0).judge(patient), Verdict::Passed, "in 114 rounds");
    // It never comes back.
    expect(&looked(|k| k <= 130).judge(patient), Verdict::Inconclusive, &words(9));
}

#[test]
fn survivors_can_grow_too_old_within_the_run() {
    let world = |ages: &'static [u64]| World::of(move |k| Some(slot(k).round(round(5, ages))));
    let young = |age: u64| world(&[]).judge(&format!(r#"survivors "maxAgeSeconds":{age}"#));
    expect(&young(4199), Verdict::Passed, "");
    let words = "maxAge of 1h10m is not shorter than warm-up and measure (1h10m)";
    expect(&young(4200), Verdict::Inconclusive, words);
    expect(&young(86_400), Verdict::Inconclusive, "shorten maxAge, or measure longer");
    // What was too old from the start is a fact even so.
    let old = world(&[90_000]).judge(r#"survivors "maxAgeSeconds":86400"#);
    expect(&old, Verdict::Failed, "1 objects older than 24h");
}

fn object(uid: &str, waiting_for: &str) -> ObjectRef {
    ObjectRef {
        resource: "pods".into(),
        namespace: "demo".into(),
        name: format!("pod-{uid}"),
        uid: uid.into(),
        waiting_for: waiting_for.into(),
    }
}

#[test]
fn leftovers_are_told_by_uid() {
    let world = |before: Option<&[ObjectRef]>, after: Option<&[ObjectRef]>| {
        let mut world = World::of(|k| Some(slot(k)));
        for (point, objects) in [(InventoryPoint::Before, before), (InventoryPoint::After, after)] {
            if let Some(objects) = objects {
                world.inventory(point, objects);
            }
        }
        world
    };
    let (a, b, held) = (object("a", ""), object("b", ""), object("c", "example.dev/cleanup"));
    let clean = world(Some(&[a.clone(), b.clone()]), Some(std::slice::from_ref(&a)));
    expect(
        &clean.judge("leftovers"),
        Verdict::Passed,
        "0 objects were left behind, 0 allowed; 2 before the load, 1 after",
    );
    let left = || world(Some(std::slice::from_ref(&a)), Some(&[a.clone(), b.clone(), held.clone()]));
    let words = "2 objects were left behind, 0 allowed: pods demo/pod-b, pods demo/pod-c (being deleted, waits for example.dev/cleanup)";
    expect(&left().judge("leftovers"), Verdict::Failed, words);
    expect(&left().judge(r#"leftovers "max":2"#), Verdict::Passed, "");
    expect(&world(None, Some(&[])).judge("leftovers"), Verdict::Inconclusive, "no inventory from before the load");
    expect(&world(Some(&[]), None).judge("leftovers"), Verdict::Inconclusive, "no inventory from after settle");
    expect(&world(Some(&[]), Some(&[])).judge("leftovers"), Verdict::Inconclusive, "neither inventory saw any object");
    let early = world(Some(&[]), None).judge_at("leftovers", &Phases { elapsed_ms: 5, ..PHASES });
    expect(&early, Verdict::Inconclusive, "taken again after settle");
}
