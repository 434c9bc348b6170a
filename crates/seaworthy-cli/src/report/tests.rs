//! Golden reports of a small soak: a saw-tooth that stays in bounds, errors, a restart, a hole, and a hostile message.

use seaworthy_api::{SoakTest, convert::soak_test as convert};
use seaworthy_soak::{
    check::{Phases, Slopes, Verdict},
    evidence::Evidence,
    record::{
        ContainerState, FaultWindow, Gap, GapReason, InventoryPoint, Look, ObjectRef, Page, PageSample, PodPhase,
        PodState, RunInfo, SlotRecord,
    },
    recorder::Recorder,
};
use serde_json::json;

use super::{formats, html, model::Report, plot};
use crate::recorded::{Files, Recorded, Source};

const SLOTS: u64 = 180;
const START: i64 = 1_767_225_600_000;

fn object() -> SoakTest {
    let pages = json!({"name": "pages", "prometheus": {"port": 8080}});
    let check = |name: &str, kind: &str, metric: &str, max: &str| json!({"name": name, kind: {"source": "pages", "metric": metric, "max": max, "aggregate": "Sum"}});
    serde_json::from_value(json!({
        "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest",
        "metadata": {"name": "nightly", "namespace": "ops", "uid": "u-1"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "controller"},
            "candidate": {"release": "r", "version": "1.4.0", "candidateVersion": "1.4.0-rc.1",
                "artifacts": [{"name": "controller", "uri": "registry.example.org/controller", "digest": "sha256:ab"}]},
            "interval": "10s", "warmUp": "5m", "measure": "20m", "settle": "5m", "sources": [pages],
            "checks": [
                check("errors", "increase", "errors_total", "0"),
                check("cache", "growth", "cache_bytes", "40Mi"),
                check("memory", "bound", "memory_bytes", "8Gi"),
                {"name": "queues", "enforcement": "Advisory", "bound": {"source": "pages", "metric": "queue", "max": 5}},
                check("absent", "bound", "not_there", "1"),
                {"name": "restarts", "restarts": {"max": 1}},
            ],
        },
        "status": {
            "phase": "Failed", "startTime": "2026-01-01T00:00:00Z", "measureStartTime": "2026-01-01T00:05:00Z",
            "measureEndTime": "2026-01-01T00:25:00Z", "settleEndTime": "2026-01-01T00:30:00Z",
            "completionTime": "2026-01-01T00:30:05Z",
            "checks": [{"name": "errors", "verdict": "Passed"}],
        },
    }))
    .unwrap()
}

fn slot(slot: u64) -> SlotRecord {
    let k = f64::from(u32::try_from(slot).unwrap());
    let (life, restarts) = if slot < 100 { ("c1", 0) } else { ("c2", 1) };
    let sample = |series: &str, value: f64| PageSample { series: series.into(), value, timestamp_ms: None };
    let samples = vec![
        sample("errors_total", if slot < 100 { (k / 60.0).floor() } else { 0.0 }),
        sample("cache_bytes", (40.0 + k % 20.0) * 1_048_576.0),
        sample("memory_bytes", (100.0 + k / 10.0) * 1_048_576.0),
        sample("queue{name=\"<b>a</b>\"}", k % 4.0),
        sample("queue{name=\"b\"}", if slot == 90 { 9.0 } else { 1.0 }),
    ];
    let page = Page {
        late_ms: 3,
        incarnation: life.into(),
        series_on_page: 5,
        samples,
        types: std::collections::BTreeMap::new(),
    };
    let broken = Gap::new(GapReason::HttpStatus, "HTTP 503 <script>alert(1)</script>");
    let result = if (60..66).contains(&slot) { Err(broken) } else { Ok(page) };
    let container =
        ContainerState { name: "manager".into(), restarts, last_reason: "OOMKilled".into(), last_exit_code: 137 };
    let pod = PodState {
        name: "p".into(),
        uid: "p".into(),
        phase: PodPhase::Running,
        reason: String::new(),
        candidate: true,
        terminating: false,
        containers: vec![container],
    };
    SlotRecord {
        slot,
        unix_ms: START + i64::try_from(slot * 10_000).unwrap(),
        looks: vec![Look { source: "pages".into(), target: "p".into(), result }],
        pods: Some(Ok([pod].into())),
        inventories: Vec::new(),
    }
}

fn evidence() -> Evidence {
    evidence_of(SLOTS)
}

fn evidence_of(slots: u64) -> Evidence {
    let run = RunInfo { run: "u-1".into(), start_unix_ms: START, interval_ms: 10_000 };
    let mut recorder = Recorder::new(run.clone());
    for k in 0..slots {
        recorder.record(&slot(k)).unwrap();
    }
    recorder.fault(&FaultWindow { from_ms: 1_200_000, to_ms: 1_260_000, kind: "node drained".into() });
    let checkpoint = recorder.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap()
}

fn recorded() -> Recorded {
    let object = object();
    Recorded {
        published: None,
        source: Source::Cluster("Kubernetes v1.34.4 (linux/amd64)".into()),
        changes: vec!["queues.max=5".parse().unwrap()],
        checks: convert::checks(&object.spec.soak).unwrap(),
        phases: Phases { warm_up_ms: 300_000, measure_ms: 1_200_000, settle_ms: 300_000, elapsed_ms: 1_800_000 },
        evidence: evidence(),
        object,
    }
}

/// The report without what changes with versions: the words of the judge and the hash of the evidence.
fn report() -> Report {
    let mut report = Report::of(&recorded());
    report.facts.retain(|(name, _)| !["Evidence", "Judged by"].contains(name));
    for check in &mut report.checks {
        check.verdict.message = format!("why {} | <b>\"so\"</b>", check.spec.name);
    }
    report
}

#[test]
fn markdown() {
    insta::assert_snapshot!(formats::markdown(&report()));
}

#[test]
fn csv() {
    insta::assert_snapshot!(formats::csv(&report()).unwrap());
}

#[test]
fn junit() {
    insta::assert_snapshot!(formats::junit(&report()).unwrap());
}

#[test]
fn json_holds_the_whole_judgement() {
    let text = formats::json(&Report::of(&recorded())).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&document["verdict"], &document["phases"]["measureSeconds"]), (&json!("Failed"), &json!(1200)));
    assert_eq!(document["judgement"]["checks"].as_array().unwrap().len(), 6);
}

#[test]
fn html_needs_nothing_else_and_runs_nothing() {
    let page = html::page(&Report::of(&recorded())).unwrap();
    // One plot a screen width for each check but the one without values.
    assert_eq!(page.matches("<svg ").count(), 10);
    assert!(!page.contains("<script") && !page.contains("<b>a"), "what the cluster says is escaped");
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
    for outside in ["http://", "https://", "url(", "@import", "src="] {
        let others = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!others.contains(outside), "{outside}");
    }
    for said in
        ["Failed", "beyond the plot", "another life of the container", "declared fault", "There is nothing to draw"]
    {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_trend_is_drawn_with_its_floors_and_a_line_for_each_life() {
    let mut recorded = recorded();
    // Long enough to judge what comes after the restart, too.
    recorded.evidence = evidence_of(600);
    recorded.phases = Phases { measure_ms: 5_400_000, settle_ms: 0, elapsed_ms: 5_700_000, ..recorded.phases };
    let trend = json!({"name": "leak", "trend": {"source": "pages", "metric": "memory_bytes", "aggregate": "sum", "tolerablePerHour": 1e6}});
    recorded.checks.push(serde_json::from_value(trend).unwrap());
    let report = Report::of(&recorded);
    let page = html::page(&report).unwrap();
    assert!(
        page.contains("floors, a line for each life, and its interval (dashed)"),
        "{:?}",
        report.judgement.checks.last()
    );
    assert!(page.contains("tolerable 976.6Ki/h") && page.contains("unacceptable 3.81Mi/h"));
    let drawn = plot::plot(&report, report.checks.last().unwrap()).unwrap();
    let lines = |colour: &str, width: u32| {
        let stroke = format!("stroke=\"{colour}\" stroke-width=\"{width}\"");
        drawn.wide.lines().filter(|l| l.starts_with("<polyline") && l.contains(&stroke)).count()
    };
    let fits = plot::fits(report.checks.last().unwrap()).len();
    assert_eq!(fits, 2, "one restart");
    assert_eq!((lines("#010209", 2), lines("#010210", 1), lines("#010206", 1)), (fits, fits, fits));
    assert!(drawn.narrow.contains("<circle"), "floors");
}

#[test]
fn both_slopes_of_a_trend_are_told_and_what_it_finds() {
    let mut recorded = recorded();
    recorded.evidence = evidence_of(600);
    recorded.phases = Phases { measure_ms: 5_400_000, settle_ms: 0, elapsed_ms: 5_700_000, ..recorded.phases };
    let trend = json!({"name": "leak", "trend": {"source": "pages", "metric": "memory_bytes", "aggregate": "sum"}});
    recorded.checks.push(serde_json::from_value(trend).unwrap());
    let mut report = Report::of(&recorded);
    report.checks.last_mut().unwrap().verdict.needed_seconds = Some(14_805);
    let (page, markdown) = (html::page(&report).unwrap(), formats::markdown(&report));
    let junit = formats::junit(&report).unwrap();
    let found = report.checks.last().unwrap().verdict.detectable.unwrap();
    let found = report.checks.last().unwrap().amount(found);
    assert!(page.contains(&format!("<dt>Found from</dt><dd>{found}</dd>")), "{found}");
    assert!(!page.contains("Would have seen") && page.contains("<dt>Needed measure</dt><dd>4h6m</dd>"));
    let last = format!("\n- **leak**: found from {found}, needs a measure of 4h6m\n");
    assert!(markdown.ends_with(&last), "{markdown}");
    assert!(junit.contains(&format!("; found from {found}\"/>")), "{junit}");
    // Whatever the verdict was compared with: nobody has to know which of the two it was.
    for text in [&page, &markdown] {
        assert!(text.contains("1Mi/h tolerable, 4Mi/h not") && text.contains("a steady rise of so much"), "{text}");
    }
    // Other checks have nothing of the kind.
    report.checks.pop();
    assert!(!formats::markdown(&report).contains("- **leak**"));
}

#[test]
fn an_interval_above_what_was_passed_is_told_as_that_of_a_step() {
    let mut report = Report::of(&recorded());
    let check = report.checks.last_mut().unwrap();
    "trend".clone_into(&mut check.verdict.kind);
    let slopes = Slopes { tolerable: 1.0, unacceptable: 4.0 };
    check.trace.slopes = Some(slopes);
    for (verdict, interval, told) in [
        (Verdict::Passed, (3.83, 11.47), "3.83 to 11.47/h, a step included"),
        (Verdict::Passed, (1.5, 3.0), "1.5 to 3/h, a step included"),
        (Verdict::Passed, (0.5, 3.0), "0.5 to 3/h"),
        (Verdict::Failed, (1.5, 3.0), "1.5 to 3/h"),
    ] {
        let check = report.checks.last_mut().unwrap();
        (check.verdict.verdict, check.verdict.interval) = (verdict, Some(interval));
        assert!(formats::markdown(&report).contains(&format!("| {told} | 1/h tolerable, 4/h not |")), "{told}");
        assert!(html::page(&report).unwrap().contains(&format!("<dd>{told}</dd>")), "{told}");
    }
}

#[test]
fn no_floor_is_drawn_in_a_fault() {
    let mut recorded = recorded();
    recorded.evidence = evidence_of(600);
    recorded.phases = Phases { measure_ms: 5_400_000, settle_ms: 0, elapsed_ms: 5_700_000, ..recorded.phases };
    let trend = json!({"name": "leak", "trend": {"source": "pages", "metric": "memory_bytes", "aggregate": "sum"}});
    recorded.checks.push(serde_json::from_value(trend).unwrap());
    let mut report = Report::of(&recorded);
    let floors = report.checks.last().unwrap().trace.floors.clone();
    // A fault that a block of samples surrounds: they lie outside, their middle does not.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds of a run")]
    let middle = floors[floors.len() / 2].0 as u64;
    report.faults = vec![FaultWindow { from_ms: middle - 50_000, to_ms: middle + 40_000, kind: "node drained".into() }];
    let drawn = plot::plot(&report, report.checks.last().unwrap()).unwrap().wide;
    let number = |line: &str, name: &str| -> Option<f64> {
        line.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0.parse().ok()
    };
    let fault = drawn.lines().find(|l| l.starts_with("<rect") && l.contains("#010205")).unwrap();
    let (from, width) = (number(fault, "x").unwrap(), number(fault, "width").unwrap());
    let dots: Vec<f64> = drawn
        .lines()
        .filter(|l| l.starts_with("<circle") && l.contains("#010209"))
        .filter_map(|l| number(l, "cx"))
        .collect();
    assert_eq!(dots.len(), floors.len());
    assert!(
        width > 8.0 && !dots.iter().any(|x| (from + 1.0..from + width - 1.0).contains(x)),
        "{from} {width} {dots:?}"
    );
    // It stands at the nearest of its samples.
    assert!(dots.iter().any(|x| (x - from).abs() < 3.0 || (x - from - width).abs() < 3.0), "{from} {width} {dots:?}");
}

#[test]
fn a_baseline_is_drawn_with_what_was_allowed() {
    let mut recorded = recorded();
    recorded.published = Some((evidence(), recorded.phases));
    let baseline = json!({"name": "dearer", "baseline": {"source": "pages", "metric": "memory_bytes", "maxRise": 0.5}});
    recorded.checks.push(serde_json::from_value(baseline).unwrap());
    let report = Report::of(&recorded);
    let levels: Vec<f64> = report.checks.last().unwrap().trace.limits.iter().map(|l| l.value / 1_048_576.0).collect();
    // From 103 to 115 in the judged time, whose middle is 109.
    assert!((levels[0] - 109.0).abs() < 1.0 && (levels[1] - 1.5 * levels[0]).abs() < 1e-6, "{levels:?}");
    let page = html::page(&report).unwrap();
    assert!(page.contains("(the 50 % quantile)"));
}

#[test]
fn what_was_left_behind_is_listed_because_it_cannot_be_drawn() {
    let mut recorded = recorded();
    let object = |name: &str| ObjectRef {
        resource: "pods".into(),
        namespace: "demo".into(),
        name: name.into(),
        uid: name.into(),
        waiting_for: String::new(),
    };
    let run = recorded.evidence.run().clone();
    let mut writer = Recorder::new(run.clone());
    for k in 0..SLOTS {
        writer.record(&slot(k)).unwrap();
    }
    writer.inventory("left", InventoryPoint::Before, &[object("old")]);
    let after = std::iter::once("old".to_owned()).chain((0..30).map(|i| format!("new-{i:02}")));
    let after: Vec<ObjectRef> = after.map(|name| object(&name)).collect();
    writer.inventory("left", InventoryPoint::After, &after);
    let checkpoint = writer.checkpoint();
    let objects = checkpoint.sealed.into_iter().chain([checkpoint.head]).collect();
    recorded.evidence = Evidence::decode(&run, objects, checkpoint.tip.as_deref()).unwrap();
    recorded.checks = serde_json::from_value(json!([{"name": "left", "leftovers": {"max": 0}}])).unwrap();
    let page = html::page(&Report::of(&recorded)).unwrap();
    for said in ["no course over time to draw", "Before the load", "<dd>31</dd>", "pods demo/new-19", "and 10 more"] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("new-20"));
}

#[test]
fn files_that_lack_what_a_check_needs_say_so() {
    let mut object = serde_json::to_value(object()).unwrap();
    let pages = json!({"source": "pages", "metric": "memory_bytes", "maxRise": "0.1"});
    object["spec"]["serviceAccounts"] = json!(["a"]);
    object["spec"]["checks"] = json!([
        {"name": "left", "leftovers": {"clusterResources": [{"resource": "nodes"}], "serviceAccountName": "a"}},
        {"name": "dearer", "baseline": pages},
    ]);
    let dir = tempfile::tempdir().unwrap();
    let (soak, csv) = (dir.path().join("soak.json"), dir.path().join("evidence.csv"));
    std::fs::write(&soak, object.to_string()).unwrap();
    // As it was exported before it held inventories.
    std::fs::write(&csv, evidence().to_csv().replace(" inventories=- ", " ")).unwrap();
    let offline = Report::of(&crate::recorded::from_files(Files { soak: &soak, evidence: &csv }, None, &[]).unwrap());
    let said: Vec<_> = offline.judgement.checks.iter().map(|c| (c.verdict, c.message.as_str())).collect();
    for (open, words) in [(said[0], "no inventories to compare"), (said[1], "release to compare with")] {
        assert!(open.0 == Verdict::Inconclusive && open.1.contains(words), "{open:?}");
    }
}

#[test]
fn a_report_from_the_exported_files_says_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (soak, csv) = (dir.path().join("soak.json"), dir.path().join("evidence.csv"));
    std::fs::write(&soak, serde_json::to_string(&object()).unwrap()).unwrap();
    std::fs::write(&csv, evidence().to_csv()).unwrap();
    let offline = crate::recorded::from_files(Files { soak: &soak, evidence: &csv }, None, &[]).unwrap();
    let other =
        crate::recorded::from_files(Files { soak: &soak, evidence: &csv }, None, &["errors.max=5".parse().unwrap()])
            .unwrap();
    assert_eq!(Report::of(&other).judgement.checks[0].verdict, Verdict::Passed, "another threshold, another verdict");
    let (offline, online) = (Report::of(&offline), Report::of(&recorded()));
    assert_eq!(offline.judgement, online.judgement);
    assert_eq!(offline.faults, online.faults);
    assert_eq!(offline.faults[0].kind, "node drained");
    assert!(offline.warnings[0].contains("nobody vouches"), "{:?}", offline.warnings);
}

/// The report of a soak whose one check has all that it needs to pass, with these fields of its status.
fn ended(status: &serde_json::Value, edit: impl Fn(&mut serde_json::Value)) -> Report {
    let mut object = serde_json::to_value(object()).unwrap();
    let checks = object["spec"]["checks"].as_array_mut().unwrap();
    checks.retain(|check| check["name"] == "memory");
    object["status"].as_object_mut().unwrap().remove("checks");
    object["status"].as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
    edit(&mut object);
    let dir = tempfile::tempdir().unwrap();
    let (soak, csv) = (dir.path().join("soak.json"), dir.path().join("evidence.csv"));
    std::fs::write(&soak, object.to_string()).unwrap();
    std::fs::write(&csv, evidence().to_csv()).unwrap();
    Report::of(&crate::recorded::from_files(Files { soak: &soak, evidence: &csv }, None, &[]).unwrap())
}

#[test]
fn a_soak_passes_only_if_its_checks_decided_its_end() {
    use Verdict::{Failed, Inconclusive, Passed};
    let ending = |phase: &str, reason: &str, at: &str, checks: serde_json::Value| {
        let time = format!("2026-01-01T00:{at}Z");
        let ending = json!({"phase": phase, "reason": reason, "message": "so it was", "time": time});
        // Cleaning up took long.
        json!({"phase": phase, "ending": ending, "checks": checks, "completionTime": "2026-01-01T00:50:00Z"})
    };
    let judged = |verdict: &str| json!([{"name": "memory", "verdict": verdict}]);
    let told = Some("the soak ended as");
    for (status, verdict, check, warning) in [
        (ending("Succeeded", "Passed", "30:01", judged("Passed")), Passed, Passed, None),
        // Judged by its checks: other thresholds, or files, may say something else.
        (ending("Failed", "CheckFailed", "30:01", judged("Failed")), Passed, Passed, told),
        (ending("Inconclusive", "InsufficientEvidence", "30:01", judged("Inconclusive")), Passed, Passed, told),
        // Ended by something else, within measure and after it.
        (ending("Aborted", "Aborted", "24:50", json!([])), Inconclusive, Inconclusive, told),
        (ending("Aborted", "Aborted", "27:00", json!([])), Inconclusive, Passed, told),
        (ending("Aborted", "Deleted", "30:01", judged("Passed")), Inconclusive, Passed, told),
        (ending("Failed", "WorkloadFailed", "24:20", json!([])), Failed, Inconclusive, told),
        (ending("Failed", "NotTheCandidate", "26:00", json!([])), Failed, Passed, told),
        (ending("Inconclusive", "WorkloadFailed", "24:20", json!([])), Inconclusive, Inconclusive, told),
        (ending("Inconclusive", "DeadlineExceeded", "40:00", json!([])), Inconclusive, Passed, told),
        (ending("Inconclusive", "InsufficientEvidence", "30:01", json!([])), Inconclusive, Passed, told),
        // A status that somebody cut down, and one of a soak that goes on.
        (json!({"phase": "Aborted"}), Inconclusive, Passed, told),
        (json!({"phase": "Failed"}), Failed, Passed, told),
        (json!({"phase": "Settling"}), Inconclusive, Passed, None),
    ] {
        let report = ended(&status, |_| ());
        let found = report.warnings.iter().find(|w| w.starts_with("the soak ended as"));
        assert_eq!((report.judgement.verdict, report.checks[0].verdict.verdict), (verdict, check), "{status}");
        assert_eq!(found.is_some(), warning.is_some(), "{status}: {:?}", report.warnings);
        assert!(found.is_none_or(|w| status["ending"].is_null() || w.contains("so it was")), "{found:?}");
        let heading = format!("## Soak ops/nightly: {verdict:?}");
        assert!(formats::markdown(&report).starts_with(&heading), "{status}");
        let failures = usize::from(verdict == Failed) + usize::from(check == Failed);
        let errors = usize::from(verdict == Inconclusive) + usize::from(check == Inconclusive);
        let junit = formats::junit(&report).unwrap();
        assert!(junit.contains(&format!("tests=\"2\" failures=\"{failures}\" errors=\"{errors}\"")), "{junit}");
    }
    let lenient = ending("Failed", "InsufficientEvidence", "30:01", judged("Inconclusive"));
    let fails = ended(&lenient, |object| {
        object["spec"]["onInconclusive"] = json!("Fail");
        object["spec"]["checks"][0]["bound"]["metric"] = json!("not_there");
        object["spec"]["checks"][0]["onMissing"] = json!("Inconclusive");
    });
    assert_eq!(fails.judgement.verdict, Inconclusive);
    assert!(!fails.warnings.iter().any(|w| w.starts_with("the soak ended as")), "{:?}", fails.warnings);
}

#[test]
fn a_soak_without_a_required_check_is_an_error_in_junit() {
    let status = json!({"phase": "Succeeded"});
    let junit = formats::junit(&ended(&status, |object| {
        object["spec"]["checks"][0]["enforcement"] = json!("Advisory");
    }));
    let junit = junit.unwrap();
    assert!(junit.contains("failures=\"0\" errors=\"1\""), "{junit}");
    assert!(junit.contains("type=\"Inconclusive\" message=\"no check is required"), "{junit}");
}

#[test]
fn values_near_the_end_of_the_range_are_drawn_or_said_to_be_too_large() {
    let mut report = Report::of(&recorded());
    report.checks[2].trace.limits.clear();
    let drawn = |report: &mut Report, values: [f64; 2]| {
        for (k, point) in report.checks[2].trace.lines[0].points.iter_mut().enumerate() {
            point.value = values[k % 2];
        }
        let plot = plot::plot(report, &report.checks[2]).is_some();
        let said = html::page(report).unwrap().contains("The values are too large to be drawn");
        assert_eq!(plot, !said);
        plot
    };
    for beyond in [[1.0, f64::MAX], [1.2e308, 1.2e308], [f64::MIN, f64::MAX], [-1e308, 1e308], [f64::MIN, 0.0]] {
        assert!(!drawn(&mut report, beyond), "{beyond:?}");
    }
    for within in [
        [1e308, 1e308],
        [0.0, 1.6e308],
        [-7e307, 7e307],
        [1e300, 1.000_000_000_000_001e300],
        [1e16, 1e16 + 2.0],
        [5e-324, 1e-323],
        [f64::MIN_POSITIVE, 0.0],
    ] {
        assert!(drawn(&mut report, within), "{within:?}");
    }
}

#[test]
fn a_rate_has_another_unit_than_its_counter() {
    let mut report = Report::of(&recorded());
    let check = &mut report.checks[0];
    let rate =
        json!({"name": "cpu", "trend": {"source": "pages", "metric": "process_cpu_seconds_total", "of": "Rate"}});
    check.spec = serde_json::from_value(rate).unwrap();
    "trend".clone_into(&mut check.verdict.kind);
    (check.verdict.value, check.verdict.threshold) = (Some(0.0005), Some(0.001));
    check.verdict.interval = Some((0.0004, 0.0006));
    assert!(formats::markdown(&report).contains("| 0.0005/h | 0.0004 to 0.0006/h | 0.001/h |"));
    assert!(!html::page(&report).unwrap().contains("s/h"));
}
