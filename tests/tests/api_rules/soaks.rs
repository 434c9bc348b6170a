//! `SoakTest`: times, sources, checks.

use seaworthy_tests::shape::{check, edited, leftovers, soak, soak_test, survivors};
use serde_json::{Value, json};

use crate::{Row, row};

/// Times of a soak.
pub(crate) fn times() -> Vec<Row> {
    let time = |path: &str, wrong: &str, says: &str, right: &str| {
        row(&soak_test(), &[(path, json!(wrong))], &[says], &[(path, json!(right))])
    };
    vec![
        time("/spec/interval", "31s", "interval 31s x 20 exceeds measure 10m: fewer samples prove nothing", "30s"),
        time("/spec/interval", "0s", "interval 0s is out of bounds: it must be between 1s and 1h", "1s"),
        time("/spec/warmUp", "169h", "warmUp 169h is out of bounds: it must be at most 168h", "168h"),
        time("/spec/measure", "721h", "measure 721h is out of bounds: it must be between 1s and 720h", "720h"),
        time("/spec/settle", "25h", "settle 25h is out of bounds: it must be at most 24h", "24h"),
        row(
            &soak_test(),
            &[("/spec/maxExtension", json!("1h"))],
            &["maxExtension goes with onInconclusive: Extend only, which needs it"],
            &[("/spec/maxExtension", json!("1h")), ("/spec/onInconclusive", json!("Extend"))],
        ),
        row(
            &soak_test(),
            &[("/spec/maxExtension", json!("721h")), ("/spec/onInconclusive", json!("Extend"))],
            &["maxExtension 721h is out of bounds: it must be between 1s and 720h"],
            &[("/spec/onInconclusive", json!("Fail"))],
        ),
        time(
            "/spec/checks/0/warmUp",
            "1s",
            "checks: restarts: warmUp 1s leaves less than 20 intervals of the soak, which ends after warmUp + measure: shorten it",
            "0s",
        ),
    ]
}

/// Where samples come from.
pub(crate) fn sources() -> Vec<Row> {
    vec![
        row(
            &soak_test(),
            &[("/spec/sources/1/name", json!("metrics"))],
            &["spec.sources", "the name metrics is there more than once: rename one"],
            &[("/spec/sources/1/name", json!("other"))],
        ),
        row(
            &soak_test(),
            &[("/spec/sources/1/prometheus", json!({"port": 1}))],
            &["spec.sources[1]", "give exactly one of prometheus and kubelet"],
            &[("/spec/sources/1", json!({"name": "usage", "prometheus": {"port": 1}}))],
        ),
        row(
            &soak_test(),
            &[("/spec/sources/0/prometheus/namespace", json!("demo"))],
            &["prometheus.namespace goes with prometheus.service"],
            &[("/spec/sources/0/prometheus", json!({"port": 1, "service": "auditor", "namespace": "demo"}))],
        ),
    ]
}

fn with_check(wrong: Value, says: &[&str], right: Value) -> Row {
    row(&soak_test(), &[("/spec/checks/0", wrong)], says, &[("/spec/checks/0", right)])
}

/// What is judged.
pub(crate) fn checks() -> Vec<Row> {
    let bound = check("a", "bound", "metrics", "m");
    let mut rows = vec![
        row(
            &soak_test(),
            &[("/spec/checks/-", soak()["checks"][0].clone())],
            &["spec.checks", "the name restarts is there more than once: rename one"],
            &[("/spec/checks/-", bound.clone())],
        ),
        with_check(
            edited(bound.clone(), &[("/restarts/max", json!(0))]),
            &[
                "spec.checks[0]",
                "give exactly one of bound, increase, growth, trend, progress, baseline, restarts, survivors and leftovers",
            ],
            bound.clone(),
        ),
        with_check(
            edited(bound.clone(), &[("/bound/max", Value::Null)]),
            &["bound: give min, max or both"],
            edited(bound.clone(), &[("/bound/max", Value::Null), ("/bound/min", json!("0.5"))]),
        ),
        with_check(
            edited(survivors("a"), &[("/survivors/maxAge", json!("0s"))]),
            &["maxAge 0s is out of bounds: it must be between 1s and 720h"],
            survivors("a"),
        ),
        with_check(
            edited(bound.clone(), &[("/bound/max", json!("many"))]),
            &["spec.checks[0].bound.max", "\"many\""],
            edited(bound, &[("/bound/max", json!("200Mi"))]),
        ),
    ];
    rows.extend(options());
    rows.extend(["bound", "increase", "growth", "trend", "progress", "baseline"].into_iter().flat_map(over_series));
    let counters = [("increase", None), ("progress", None), ("growth", Some("Increase")), ("trend", Some("Rate"))];
    rows.extend(counters.into_iter().flat_map(|(kind, of)| over_counters(kind, of)));
    rows
}

/// Options of single kinds of checks.
fn options() -> Vec<Row> {
    let trend = check("a", "trend", "metrics", "m");
    let unacceptable = "/trend/unacceptablePerHour";
    vec![
        with_check(
            edited(trend.clone(), &[(unacceptable, json!(5))]),
            &["trend: unacceptablePerHour must be more than tolerablePerHour"],
            edited(trend.clone(), &[(unacceptable, json!(6))]),
        ),
        with_check(
            edited(trend.clone(), &[("/failFast", json!(true))]),
            &["failFast goes with facts"],
            edited(check("a", "progress", "metrics", "m"), &[("/failFast", json!(true))]),
        ),
        with_check(
            edited(survivors("a"), &[("/onMissing", json!("Fail"))]),
            &["onMissing goes with checks of metrics and pods"],
            edited(trend, &[("/onMissing", json!("Inconclusive"))]),
        ),
        with_check(
            edited(leftovers("a"), &[("/leftovers/namespaces", Value::Null)]),
            &["leftovers: give resources with namespaces, clusterResources, or both"],
            edited(
                leftovers("a"),
                &[
                    ("/leftovers/namespaces", Value::Null),
                    ("/leftovers/resources", Value::Null),
                    ("/leftovers/clusterResources", json!([{"resource": "namespaces"}])),
                ],
            ),
        ),
        with_check(
            edited(check("a", "progress", "metrics", "m"), &[("/progress/period", json!("0s"))]),
            &["period 0s is out of bounds: it must be between 1s and 720h"],
            edited(check("a", "progress", "metrics", "m"), &[("/progress/period", json!("1s"))]),
        ),
        with_check(
            edited(check("a", "growth", "metrics", "m"), &[("/growth/baselineWindow", json!("721h"))]),
            &["baselineWindow 721h is out of bounds: it must be between 1s and 720h"],
            edited(check("a", "growth", "metrics", "m"), &[("/growth/baselineWindow", json!("599s"))]),
        ),
        with_check(
            edited(check("a", "growth", "metrics", "m"), &[("/growth/baselineWindow", json!("10m"))]),
            &[
                "checks: a: growth.baselineWindow 10m leaves nothing to compare with the baseline before the soak ends, after warmUp + measure: shorten it",
            ],
            edited(check("a", "growth", "metrics", "m"), &[("/growth/baselineWindow", json!("599s"))]),
        ),
    ]
}

/// What holds for each kind of check that looks at series.
fn over_series(kind: &str) -> Vec<Row> {
    let good = check("a", kind, "metrics", "m");
    let (label, aggregate) = (format!("/{kind}/label"), format!("/{kind}/aggregate"));
    let counters = matches!(kind, "increase" | "progress");
    vec![
        with_check(
            check("a", kind, "metric", "m"),
            &[&format!("checks: a: {kind}.source metric is none of sources: correct the name or add the source")],
            good.clone(),
        ),
        with_check(
            check("a", kind, "usage", "go_goroutines"),
            &[&format!(
                "checks: a: {kind}.metric go_goroutines is nothing that a kubelet measures: use container_cpu_"
            )],
            check("a", kind, "usage", "container_memory_working_set_bytes"),
        ),
        with_check(
            edited(good.clone(), &[(&label, json!("count"))]),
            &[kind, "label goes with aggregate: LabelSum only, and LabelSum needs it"],
            if counters { good } else { edited(good, &[(&label, json!("count")), (&aggregate, json!("LabelSum"))]) },
        ),
    ]
}

/// Counters are added or compared, by kind of check and what it is `of`.
fn over_counters(kind: &str, of: Option<&str>) -> Vec<Row> {
    let (label, aggregate, over) = (format!("/{kind}/label"), format!("/{kind}/aggregate"), format!("/{kind}/of"));
    let good = match of {
        Some(of) => edited(check("a", kind, "metrics", "m"), &[(&over, json!(of))]),
        None => check("a", kind, "metrics", "m"),
    };
    let refused = |word: &str, bad: Value, good: Value| {
        with_check(
            bad,
            &[&format!("{kind}.aggregate is {word}: counters take Sum, Max or Min: use one of these")],
            good,
        )
    };
    let with = |word: &str| edited(good.clone(), &[(&aggregate, json!(word))]);
    vec![
        refused("Last", with("Last"), with("Max")),
        refused("LabelSum", edited(with("LabelSum"), &[(&label, json!("count"))]), with("Min")),
    ]
}
