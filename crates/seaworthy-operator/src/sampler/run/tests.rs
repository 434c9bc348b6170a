//! Runs on a played API server: what is stored at the end, and what holds up nothing.

use std::time::Instant as Begun;

use k8s_openapi::api::core::v1::ConfigMap;
use prometheus_client::registry::Registry;
use seaworthy_core::{candidate::Artifact, soak_test::EvidenceStatus};
use seaworthy_soak::{
    check::CheckSpec,
    record::{Look, RunInfo, SlotRecord},
};
use serde_json::json;

use super::{
    super::{
        Sampler,
        played::{self, Played},
        target::TargetName,
    },
    *,
};
use crate::clock::Clock;

mod inventories;

type Server = Arc<Mutex<Played>>;

fn sampler(server: &Server) -> Sampler {
    let kubelets = (kube::Config::new("http://127.0.0.1:1".parse().unwrap()), false);
    Sampler::new(played::at_once(server), kubelets, Clock::default(), &mut Registry::default())
}

/// A run that began so many slots ago, whose target is not there.
fn spec(uid: &str, ago: i64) -> RunSpec {
    let phases = Phases { warm_up_ms: 0, measure_ms: 3_600_000, settle_ms: 0, elapsed_ms: 0 };
    let start_unix_ms = Clock::default().now().as_millis() - ago * 1000;
    RunSpec {
        namespace: "n".into(),
        name: "soak".into(),
        run: RunInfo { run: uid.into(), start_unix_ms, interval_ms: 1000 },
        horizon: Horizon { slots: 3601, phases },
        target: TargetName {
            kind: seaworthy_api::soak_test::TargetKind::Deployment,
            namespace: "n".into(),
            name: "t".into(),
        },
        artifacts: Vec::<Artifact>::new(),
        sources: Vec::new(),
        checks: Vec::<CheckSpec>::new(),
        inventories: Vec::new(),
        leftovers: Vec::new(),
        unloaded_until_ms: None,
    }
}

/// Begins a run, and waits until it has read what is stored.
async fn begun(sampler: &Sampler, server: &Server, spec: RunSpec, known: Known<'_>) -> Arc<Run> {
    let uid = spec.run.run.clone();
    sampler.ensure(spec, &played::store(played::at_once(server)), known, Tasks::default());
    let run = Arc::clone(&sampler.runs().open[&uid]);
    let began = Begun::now();
    while run.with(|_| ()).is_none() && run.facts().broken.is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not begin");
        tokio::task::yield_now().await;
    }
    run
}

/// What the stored head says of itself.
fn header(server: &Server) -> Option<serde_json::Value> {
    let map = server.lock().unwrap().get("soak-evidence-head").cloned()?;
    let map: ConfigMap = serde_json::from_value(map).unwrap();
    Some(serde_json::from_str(&map.data.unwrap()["header.json"]).unwrap())
}

#[tokio::test]
async fn runs_look_together_soon_after_they_are_due() {
    let server = Server::default();
    let sampler = sampler(&server);
    let start = spec("uid", -3600).run.start_unix_ms;
    let mut begun = Vec::new();
    for (uid, ahead, interval_ms) in [("a", 0, 5000), ("b", 13, 5000), ("c", 49, 5000), ("d", 7, 1000)] {
        let mut spec = spec(uid, -3600);
        spec.run.start_unix_ms = start + ahead;
        spec.run.interval_ms = interval_ms;
        sampler.ensure(spec, &played::store(played::at_once(&server)), Known::default(), Tasks::default());
        begun.push(Arc::clone(&sampler.runs().open[uid]));
    }
    let mut moments: Vec<_> = begun.iter().map(|run| run.together(run.due(3))).collect();
    for (run, moment) in begun.iter().zip(&moments) {
        let wait = moment.checked_duration_since(run.due(3)).expect("not before it is due");
        assert!(wait < Duration::from_millis(run.spec.run.interval_ms / 50), "{wait:?}");
        assert_eq!(run.together(*moment), *moment);
    }
    // 13 ms apart are often the same moment, and 49 at most two.
    let _own_interval = moments.pop();
    moments.dedup();
    assert!(moments.len() <= 2, "{moments:?}");
}

#[tokio::test]
async fn what_was_recorded_is_stored_at_the_end_however_often_that_is_refused_and_none_begins_then() {
    let server = Server::default();
    let sampler = sampler(&server);
    begun(&sampler, &server, spec("uid", 5), Known::default()).await;
    assert_eq!(header(&server), None, "nothing is stored yet");
    let mut left = 2;
    server.lock().unwrap().refuses = Some(Box::new(move |_, _| {
        left -= 1;
        left >= 0
    }));
    sampler.shutdown().await;
    let slots = header(&server).unwrap()["slots"].as_u64().unwrap();
    assert!((5..8).contains(&slots), "{slots} slots of 5 and the time that this took");
    let facts =
        sampler.ensure(spec("other", 0), &played::store(played::at_once(&server)), Known::default(), Tasks::default());
    assert!(facts == SamplerFacts::default() && !sampler.runs().open.contains_key("other"));
    let facts =
        sampler.ensure(spec("uid", 5), &played::store(played::at_once(&server)), Known::default(), Tasks::default());
    assert_eq!(facts.through, slots, "what is known of those that were there is still told");
}

#[tokio::test]
async fn a_run_whose_soak_is_gone_ends_and_stores_nothing() {
    let server = Server::default();
    let sampler = sampler(&server);
    let path = "/apis/seaworthy.dev/v1alpha1/namespaces/n/soaktests/soak";
    let soak = |uid: &str| {
        json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "soak", "uid": uid},
            "spec": {"targetRef": {"kind": "Deployment", "name": "t"}, "interval": "1s", "measure": "1h",
                "sources": [], "checks": []}})
    };
    begun(&sampler, &server, spec("uid", 5), Known::default()).await;
    server.lock().unwrap().others.insert(path.to_owned(), soak("uid"));
    sampler.sweep().await;
    assert!(sampler.runs().open.contains_key("uid"), "that it is on no list proves nothing");
    for there in [Some(soak("another")), None] {
        let run = begun(&sampler, &server, spec("uid", 5), Known::default()).await;
        match there {
            Some(another) => drop(server.lock().unwrap().others.insert(path.to_owned(), another)),
            None => drop(server.lock().unwrap().others.remove(path)),
        }
        sampler.sweep().await;
        assert!(sampler.runs().open.is_empty());
        run.ended().await;
        assert_eq!(header(&server), None);
    }
}

#[tokio::test]
async fn evidence_that_is_on_record_and_not_there_is_broken() {
    let server = Server::default();
    let sampler = sampler(&server);
    let known = Known { head: true, ..Known::default() };
    let run = begun(&sampler, &server, spec("uid", 5), known).await;
    assert!(run.facts().broken.is_some_and(|what| what.contains("head is missing")));
    let status = EvidenceStatus { head: "head".into(), ..EvidenceStatus::default() };
    let none = judged(Turn::come().await, &spec("uid", 5), Stored::default(), Some(status), Some(5000), None).await;
    assert!(none.is_err_and(|what| what.contains("head is missing")), "no verdict on nothing");
    // Before anything was stored it is a hole.
    assert!(judged(Turn::come().await, &spec("uid", 5), Stored::default(), None, Some(5000), None).await.is_ok());
}

/// A slot in which the one page was or was not there.
fn slot(slot: u64) -> Outcome {
    let look = Look { source: "s".into(), target: "p".into(), result: Err(Gap::new(GapReason::NoTarget, "")) };
    Outcome::Seen(SlotRecord { slot, unix_ms: 0, looks: vec![look], pods: None, inventories: vec![] })
}

#[tokio::test]
async fn an_inventory_is_known_to_be_stored_though_slots_go_on_meanwhile() {
    let server = Server::default();
    let sampler = sampler(&server);
    let spec = RunSpec { leftovers: vec!["check".into()], ..spec("uid", -3600) };
    let run = begun(&sampler, &server, spec, Known::default()).await;
    run.with(|ledger| ledger.inventory("check", InventoryPoint::Before, Vec::new()));
    let again = Arc::clone(&run);
    server.lock().unwrap().before_write = Some(Box::new(move || {
        again.with(|ledger| ledger.close(slot(0), &[]));
    }));
    run.checkpoint().await.unwrap();
    assert!(run.with(|ledger| ledger.dirty()).unwrap(), "more was recorded while it was stored");
    assert_eq!(run.facts().inventories, Inventories { before: true, after: false });
    let woken = sampler.woken.lock().unwrap().as_mut().unwrap().try_recv();
    assert_eq!(woken.unwrap().name, "soak", "the load waits for it");
}

#[tokio::test]
async fn coverage_after_a_restart_counts_what_is_stored() {
    let spec = spec("uid", 0);
    let mut recorder = Recorder::new(spec.run.clone());
    for n in 0..30 {
        recorder.gap(n, 0, &Gap::new(GapReason::NoTarget, "")).unwrap();
    }
    let head = recorder.checkpoint().head;
    let (resumed, counts) = resumed(&spec, vec![head], Known::default(), 30).unwrap();
    assert_eq!((resumed.hole, counts.shown().planned), (None, 30), "of 3601 planned slots");
}

#[tokio::test]
async fn a_look_that_fails_is_a_gap() {
    let defect = caught(async { assert_eq!(1, 2, "a defect on purpose") }).await.unwrap_err();
    assert!(defect.reason == GapReason::Other && defect.detail.contains("defect"), "{defect}");
    assert_eq!(caught(async { 7 }).await.unwrap(), 7);
}

#[tokio::test]
async fn a_slot_whose_recording_fails_is_a_gap_and_holds_up_none() {
    let server = Server::default();
    let sampler = sampler(&server);
    let run = begun(&sampler, &server, spec("uid", -3600), Known::default()).await;
    run.with(|ledger| {
        ledger.open(0);
        ledger.open(1);
    });
    run.looked(0, caught(async { assert_eq!(1, 2, "a defect on purpose") }).await);
    run.with(|ledger| ledger.close(slot(1), &[]));
    assert_eq!(run.with(|ledger| ledger.checkpoint().through), Some(2));
}

/// What is recorded of a slot, as people read it.
fn recorded(run: &Run, slot: u64) -> String {
    let checkpoint = run.with(Ledger::checkpoint).unwrap();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    let csv = seaworthy_soak::evidence::Evidence::decode(&run.spec.run, objects, None).unwrap().to_csv();
    csv.lines().nth(usize::try_from(slot).unwrap() + 1).unwrap().to_owned()
}

#[tokio::test]
async fn a_long_hole_is_stored_soon() {
    let server = Server::default();
    let sampler = sampler(&server);
    let run = begun(&sampler, &server, spec("uid", 300), Known::default()).await;
    at_rest().await;
    assert_eq!(run.facts().through, 300);
}

/// Measure is extended later than it is extended by: what is seen then is no sample of a slot that was due long before.
#[tokio::test]
async fn a_slot_that_is_late_by_an_interval_is_missed() {
    let server = Server::default();
    let sampler = sampler(&server);
    let ended = RunSpec { horizon: Horizon { slots: 5, ..spec("uid", 0).horizon }, ..spec("uid", 20) };
    let run = begun(&sampler, &server, ended, Known::default()).await;
    at_rest().await;
    assert_eq!(run.with(|ledger| ledger.next()), Some(5));
    run.extend(Horizon { slots: 8, ..run.spec.horizon });
    at_rest().await;
    assert_eq!(run.with(|ledger| ledger.next()), Some(8));
    let last = recorded(&run, 7);
    assert!(last.contains("Missed|") && last.contains("after it was due"), "{last}");
    assert_eq!(header(&server).unwrap()["slots"], 8, "it is the last one, and stored");
}

/// Its answer was lost, so it is met as somebody else's; what waits for it is told all the same.
#[tokio::test]
async fn what_was_stored_without_an_answer_is_known_to_be_stored() {
    let server = Server::default();
    let sampler = sampler(&server);
    let until = Horizon { slots: 121, ..spec("uid", 0).horizon };
    let spec = RunSpec { leftovers: vec!["check".into()], horizon: until, ..spec("uid", -3600) };
    let run = begun(&sampler, &server, spec, Known::default()).await;
    run.with(|ledger| ledger.close(slot(0), &[]));
    run.checkpoint().await.unwrap();
    let mut left = 1;
    server.lock().unwrap().loses = Some(Box::new(move |_, name| {
        let lost = name.ends_with("-head") && left > 0;
        left -= i32::from(lost);
        lost
    }));
    run.with(|ledger| {
        ledger.inventory("check", InventoryPoint::Before, Vec::new());
        for n in 1..121 {
            ledger.close(slot(n), &[]);
        }
    });
    assert!(matches!(run.checkpoint().await, Err(StoreError::Call(_))), "the answer was lost");
    assert!(run.facts().through == 1 && sampler.woken.lock().unwrap().as_mut().unwrap().try_recv().is_err());
    run.checkpoint().await.unwrap();
    let facts = run.facts();
    assert_eq!((facts.through, facts.samples.planned), (121, 121));
    assert_eq!(facts.inventories, Inventories { before: true, after: false });
    let evidence = facts.evidence.unwrap();
    assert_eq!((evidence.sealed, evidence.chain_tip.is_empty()), (2, false), "an inventory and a segment");
    let woken = sampler.woken.lock().unwrap().as_mut().unwrap().try_recv();
    assert_eq!(woken.unwrap().name, "soak", "the verdict waits for it");
}

#[tokio::test]
async fn evidence_that_is_never_stored_is_told_and_told_no_more_once_it_is() {
    let server = Server::default();
    let sampler = sampler(&server);
    let run = begun(&sampler, &server, spec("uid", -3600), Known::default()).await;
    run.with(|ledger| ledger.close(slot(0), &[]));
    let woken = || sampler.woken.lock().unwrap().as_mut().unwrap().try_recv().is_ok();
    server.lock().unwrap().refuses = Some(Box::new(|_, _| true));
    for told in [false, false, true, true] {
        run.store_soon();
        at_rest().await;
        let unstored = run.facts().unstored;
        assert_eq!(unstored.as_ref().is_some_and(|why| why.contains("InternalError")), told, "{unstored:?}");
    }
    assert!(woken() && !woken(), "once, for it did not change");
    server.lock().unwrap().refuses = None;
    run.store_soon();
    at_rest().await;
    assert!(run.facts().unstored.is_none() && run.facts().through == 1 && woken());
}

#[tokio::test]
async fn a_run_that_has_nothing_more_to_do_stays_while_something_is_not_stored() {
    let server = Server::default();
    let mut sampler = sampler(&server);
    Arc::get_mut(&mut sampler.shared).unwrap().linger = Duration::from_millis(20);
    server.lock().unwrap().refuses = Some(Box::new(|_, _| true));
    let over = RunSpec { horizon: Horizon { slots: 5, ..spec("uid", 0).horizon }, ..spec("uid", 20) };
    let run = begun(&sampler, &server, over, Known::default()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    run.extend(Horizon { slots: 8, ..run.spec.horizon });
    at_rest().await;
    assert_eq!(run.with(|ledger| ledger.next()), Some(8), "it goes on when measure is extended");
    server.lock().unwrap().refuses = None;
    run.store_soon();
    run.ended().await;
    assert_eq!(header(&server).unwrap()["slots"], 8);
}

#[tokio::test]
async fn a_run_that_ended_by_itself_begins_anew_and_one_that_is_broken_does_not() {
    let server = Server::default();
    let sampler = sampler(&server);
    let spec = spec("uid", 5);
    let run = begun(&sampler, &server, spec.clone(), Known::default()).await;
    run.stop(End::Stores);
    run.ended().await;
    let anew = begun(&sampler, &server, spec.clone(), Known::default()).await;
    assert!(!Arc::ptr_eq(&run, &anew) && !*anew.ended.borrow(), "its slots are looked at again");
    anew.stop(End::Stores);
    anew.ended().await;
    drop(server.lock().unwrap().remove("soak-evidence-head"));
    let known = Known { head: true, ..Known::default() };
    let broken = begun(&sampler, &server, spec.clone(), known).await;
    broken.ended().await;
    let again = begun(&sampler, &server, spec.clone(), known).await;
    assert!(Arc::ptr_eq(&broken, &again) && again.facts().broken.is_some());
    sampler.shutdown().await;
}

/// Until every task waits: nothing here waits for time, or for anything outside of this thread.
async fn at_rest() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn little_evidence_is_read_while_other_is() {
    let server = Server::default();
    let sampler = sampler(&server);
    let _turn = Turn::come().await;
    begun(&sampler, &server, spec("uid", 5), Known::default()).await;
    assert_eq!(server.lock().unwrap().listed, 1);
}

#[tokio::test]
async fn more_evidence_is_read_while_no_other_is() {
    let server = Server::default();
    let sampler = sampler(&server);
    let turn = Turn::come().await;
    let owner = json!({"apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "name": "soak", "uid": "uid", "controller": true});
    let labels = json!({"seaworthy.dev/evidence": "uid", "seaworthy.dev/evidence-part": "head"});
    let metadata = json!({"name": "soak-evidence-head", "uid": "head", "resourceVersion": "1", "labels": labels, "ownerReferences": [owner]});
    let altered = json!({"metadata": metadata, "data": {"header.json": "?".repeat(20_000)}});
    server.lock().unwrap().put("soak-evidence-head", altered);
    sampler.ensure(spec("uid", 5), &played::store(played::at_once(&server)), Known::default(), Tasks::default());
    at_rest().await;
    assert_eq!(server.lock().unwrap().listed, 1, "it looked how much there is, and waits");
    drop(turn);
    assert!(begun(&sampler, &server, spec("uid", 5), Known::default()).await.facts().broken.is_some());
    assert_eq!(server.lock().unwrap().listed, 2);
}
