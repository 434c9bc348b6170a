//! `SoakTest`: its spec for the decision, its checks for the judge, and the judge's words for its status.

use kube::ResourceExt as _;
use seaworthy_core::{
    soak_test::{CheckStatus, Judgement, SampleCounts, SoakSpec, SoakTestStatus},
    time::Seconds,
    verdict::{Enforcement, Verdict},
};
use seaworthy_soak::{
    check::{self, CheckKind, CheckSpec, Matcher, Operator, Phases, Select},
    record::RunInfo,
};

use crate::{
    Check, Quantity, Soak, SoakTest, Source,
    soak_test::{
        self, Aggregate, Growth, GrowthOf, LabelMatcher, LabelOperator, OnInconclusive, OnMissing, Scheme, TargetKind,
        Trend, TrendOf,
    },
};

/// The most slots of a soak: its evidence is put together in memory to be judged.
pub const MAX_SLOTS: u64 = 100_000;

/// A soak's spec, as far as decisions need it, with what the API server could not check in `problem`.
pub fn spec(object: &SoakTest) -> SoakSpec {
    let soak = &object.spec.soak;
    let (kind, namespace, name) = target(object);
    let timeout = |step: &Option<crate::Step>| step.as_ref().map(|s| s.task.timeout.get());
    let candidate = object.spec.candidate.as_ref();
    let spec = SoakSpec {
        problem: None,
        target: format!("{kind:?} {namespace}/{name}"),
        setup: timeout(&soak.setup),
        workload: timeout(&soak.workload),
        teardown: timeout(&soak.teardown),
        inventory: inventory_account(soak).is_some(),
        leftovers: soak.checks.iter().any(|c| c.leftovers.is_some()),
        interval: soak.interval.get(),
        warm_up: soak.warm_up.get(),
        measure: soak.measure.get(),
        settle: soak.settle.get(),
        max_extension: soak.max_extension.map_or(Seconds(0), crate::Duration::get),
        inconclusive_fails: soak.on_inconclusive == Some(OnInconclusive::Fail),
        artifacts: candidate.map(|c| c.artifacts.clone()).unwrap_or_default(),
        suspend: object.spec.suspend,
        abort: object.spec.abort,
    };
    let problem = checks(soak).err().or_else(|| problem(object, spec.slots(spec.max_extension)));
    SoakSpec { problem, ..spec }
}

/// Kind, namespace and name of the workload under test.
pub fn target(object: &SoakTest) -> (TargetKind, String, String) {
    let target = &object.spec.soak.target_ref;
    let namespace = target.namespace.clone().or_else(|| object.namespace()).unwrap_or_default();
    (target.kind, namespace, target.name.clone())
}

/// The account of the inventory task, if a check needs one.
pub fn inventory_account(soak: &Soak) -> Option<&str> {
    inventories(soak).map(|(account, _)| account).next()
}

/// Account and namespaces of each check that needs the inventory task.
fn inventories(soak: &Soak) -> impl Iterator<Item = (&str, &[String])> {
    soak.checks.iter().filter_map(|c| match (&c.survivors, &c.leftovers) {
        (Some(s), _) => Some((s.service_account_name.as_str(), s.namespaces.as_slice())),
        (None, Some(l)) => Some((l.service_account_name.as_str(), l.namespaces.as_slice())),
        (None, None) => None,
    })
}

/// What the API server could not check, as field, value, remedy. It has checked some of this already; who may be asked for metrics, and
/// who may run, is worth a second look.
fn problem(object: &SoakTest, slots: u64) -> Option<String> {
    let soak = &object.spec.soak;
    if slots > MAX_SLOTS {
        let message = format!(
            "interval: {} gives {slots} slots, at most {MAX_SLOTS} can be judged: lengthen the interval, or shorten measure or maxExtension",
            soak.interval
        );
        return Some(message);
    }
    let accounts = [&soak.setup, &soak.workload, &soak.teardown].into_iter().flatten();
    let accounts = accounts.filter_map(|s| s.task.service_account_name.as_deref());
    let accounts = accounts.chain(inventories(soak).map(|(account, _)| account));
    for account in accounts {
        if !object.spec.service_accounts.iter().any(|a| a == account) {
            return Some(format!("serviceAccountName: {account:?} is none of spec.serviceAccounts: add it there"));
        }
    }
    if let Some(first) = inventory_account(soak)
        && let Some((other, _)) = inventories(soak).find(|(account, _)| *account != first)
    {
        let message = format!(
            "checks: checks of objects name the accounts {first:?} and {other:?}, but one task looks for all of them: name one account"
        );
        return Some(message);
    }
    let own = object.namespace().unwrap_or_default();
    let services = soak.sources.iter().filter_map(|s| s.prometheus.as_ref()?.namespace.as_deref());
    let namespaces = soak.target_ref.namespace.iter().map(String::as_str).chain(services);
    let namespaces =
        namespaces.chain(inventories(soak).flat_map(|(_, namespaces)| namespaces.iter().map(String::as_str)));
    for namespace in namespaces {
        if namespace != own && !object.spec.namespaces.iter().any(|n| n == namespace) {
            return Some(format!("namespace: {namespace:?} is none of spec.namespaces: add it there"));
        }
    }
    soak.sources.iter().find_map(source_problem)
}

fn source_problem(source: &Source) -> Option<String> {
    let prometheus = source.prometheus.as_ref()?;
    let skips = prometheus.tls.as_ref().is_some_and(|t| t.insecure_skip_verify);
    let name = &source.name;
    match prometheus.scheme {
        Scheme::Https if !skips => Some(format!(
            "sources: {name:?} has scheme https and no tls.insecureSkipVerify: pods are asked at their address, which no authority vouches for; set it to true"
        )),
        Scheme::Http if prometheus.tls.is_some() => {
            Some(format!("sources: {name:?} has tls with scheme http: remove tls or set scheme to https"))
        }
        Scheme::Http | Scheme::Https => None,
    }
}

/// The checks for the judge.
///
/// # Errors
/// The first one that cannot be judged as it is written: name, field, value, remedy.
pub fn checks(soak: &Soak) -> Result<Vec<CheckSpec>, String> {
    soak.checks.iter().map(|c| one(c, soak).map_err(|e| format!("checks: {:?}: {e}", c.name))).collect()
}

fn one(check: &Check, soak: &Soak) -> Result<CheckSpec, String> {
    let spec = CheckSpec {
        name: check.name.clone(),
        warm_up_seconds: check.warm_up.map(|w| w.get().0),
        enforcement: match check.enforcement {
            Enforcement::Required => check::Enforcement::Required,
            Enforcement::Advisory => check::Enforcement::Advisory,
        },
        on_missing: match check.on_missing.unwrap_or_default() {
            OnMissing::Fail => check::OnMissing::Fail,
            OnMissing::Inconclusive => check::OnMissing::Inconclusive,
        },
        fail_fast: check.fail_fast,
        kind: kind(check)?,
    };
    spec.validate().map_err(|e| e.to_string())?;
    if let Some(select) = spec.kind.select()
        && !soak.sources.iter().any(|s| s.name == select.source)
    {
        return Err(format!("source is {:?}: it is none of sources; correct the name or add it", select.source));
    }
    Ok(spec)
}

fn kind(check: &Check) -> Result<CheckKind, String> {
    if let Some(bound) = &check.bound {
        let (min, max) = (number(bound.min.as_ref(), "bound.min")?, number(bound.max.as_ref(), "bound.max")?);
        let quantile = number(bound.quantile.as_ref(), "bound.quantile")?;
        return Ok(CheckKind::Bound(check::Bound { select: select(&bound.select), min, max, quantile }));
    }
    if let Some(i) = &check.increase {
        let max = value(&i.max, "increase.max")?;
        return Ok(CheckKind::Increase(check::Increase { select: select(&i.select), max }));
    }
    if let Some(g) = &check.growth {
        return growth(g).map(CheckKind::Growth);
    }
    if let Some(t) = &check.trend {
        return trend(t).map(CheckKind::Trend);
    }
    if let Some(p) = &check.progress {
        let (min, period_seconds) = (value(&p.min, "progress.min")?, p.period.get().0);
        return Ok(CheckKind::Progress(check::Progress { select: select(&p.select), min, period_seconds }));
    }
    if let Some(b) = &check.baseline {
        let quantile = number(b.quantile.as_ref(), "baseline.quantile")?.unwrap_or(0.5);
        let max_rise = value(&b.max_rise, "baseline.maxRise")?;
        return Ok(CheckKind::Baseline(check::Baseline { select: select(&b.select), quantile, max_rise }));
    }
    if let Some(restarts) = &check.restarts {
        return Ok(CheckKind::Restarts(check::Restarts { max: u64::from(restarts.max) }));
    }
    if let Some(survivors) = &check.survivors {
        let max_age_seconds = survivors.max_age.get().0;
        return Ok(CheckKind::Survivors(check::Survivors { max_age_seconds, max: u64::from(survivors.max) }));
    }
    if let Some(leftovers) = &check.leftovers {
        return Ok(CheckKind::Leftovers(check::Leftovers { max: u64::from(leftovers.max) }));
    }
    Err("it has no rule: give one of bound, increase, growth, trend, progress, baseline, restarts, survivors and leftovers".into())
}

fn growth(growth: &Growth) -> Result<check::Growth, String> {
    Ok(check::Growth {
        select: select(&growth.select),
        max: value(&growth.max, "growth.max")?,
        of: match growth.of {
            GrowthOf::Level => check::GrowthOf::Level,
            GrowthOf::Increase => check::GrowthOf::Increase,
        },
        baseline: growth
            .baseline_window
            .map_or(check::GrowthBaseline::First, |window| check::GrowthBaseline::Median { seconds: window.get().0 }),
    })
}

fn trend(trend: &Trend) -> Result<check::Trend, String> {
    Ok(check::Trend {
        select: select(&trend.select),
        of: match trend.of {
            TrendOf::Level => check::TrendOf::Level,
            TrendOf::Rate => check::TrendOf::Rate,
        },
        tolerable_per_hour: number(trend.tolerable_per_hour.as_ref(), "trend.tolerablePerHour")?,
        unacceptable_per_hour: number(trend.unacceptable_per_hour.as_ref(), "trend.unacceptablePerHour")?,
        limit: number(trend.limit.as_ref(), "trend.limit")?,
    })
}

fn select(given: &soak_test::Select) -> Select {
    let equal = |(label, value): (&String, &String)| Matcher {
        label: label.clone(),
        operator: Operator::In,
        values: vec![value.clone()],
    };
    let condition = |given: &LabelMatcher| Matcher {
        label: given.key.clone(),
        operator: match given.operator {
            LabelOperator::In => Operator::In,
            LabelOperator::NotIn => Operator::NotIn,
            LabelOperator::Exists => Operator::Exists,
            LabelOperator::DoesNotExist => Operator::DoesNotExist,
        },
        values: given.values.clone(),
    };
    Select {
        source: given.source.clone(),
        metric: given.metric.clone(),
        labels: given.match_labels.iter().map(equal).chain(given.match_expressions.iter().map(condition)).collect(),
        aggregate: given.aggregate.map(|a| match a {
            Aggregate::Sum => check::Aggregate::Sum,
            Aggregate::Max => check::Aggregate::Max,
            Aggregate::Min => check::Aggregate::Min,
            Aggregate::Last => check::Aggregate::Last,
            Aggregate::LabelSum => check::Aggregate::LabelSum { label: given.label.clone().unwrap_or_default() },
        }),
    }
}

fn value(quantity: &Quantity, field: &str) -> Result<f64, String> {
    quantity.value().map_err(|e| format!("{field}: {e}"))
}

fn number(quantity: Option<&Quantity>, field: &str) -> Result<Option<f64>, String> {
    quantity.map(|q| value(q, field)).transpose()
}

/// The schedule of a soak whose start is recorded.
pub fn run(uid: &str, soak: &Soak, status: &SoakTestStatus) -> Option<RunInfo> {
    let start = status.start_time?;
    let interval_ms = soak.interval.get().0.saturating_mul(1000);
    Some(RunInfo { run: uid.to_owned(), start_unix_ms: start.as_millis(), interval_ms })
}

/// The phases of a soak at its end.
pub fn phases(soak: &Soak) -> Phases {
    let ms = |s: Seconds| s.0.saturating_mul(1000);
    let (warm_up, measure, settle) = (soak.warm_up.get(), soak.measure.get(), soak.settle.get());
    Phases {
        warm_up_ms: ms(warm_up),
        measure_ms: ms(measure),
        settle_ms: ms(settle),
        elapsed_ms: ms(warm_up + measure + settle),
    }
}

/// What the judge said, for the decision and the status.
pub fn judgement(said: &check::Judgement) -> Judgement {
    let checks = said.checks.iter().map(|c| CheckStatus {
        name: c.name.clone(),
        enforcement: match c.enforcement {
            check::Enforcement::Required => Enforcement::Required,
            check::Enforcement::Advisory => Enforcement::Advisory,
        },
        verdict: Some(verdict(c.verdict)),
        value: c.value.map(shown),
        interval: c.interval.map(|(from, to)| format!("{} to {}", shown(from), shown(to))),
        threshold: c.threshold.map(shown),
        detectable: c.detectable.map(shown),
        message: seaworthy_core::condition::cut(c.message.clone(), 320),
    });
    Judgement {
        verdict: verdict(said.verdict),
        checks: checks.collect(),
        samples: SampleCounts {
            planned: said.coverage.planned,
            obtained: said.coverage.obtained,
            longest_gap_seconds: said.coverage.longest_gap_ms / 1000,
        },
        compared_with: None,
        fail_fast: said.fail_fast,
        needed: said.needed_seconds.map(Seconds),
        extend_to: extend_to(&said.checks),
    }
}

/// The measure that would settle every required check that is still open; none where one has failed, or no measure would settle it. What
/// `leftovers` finds comes only after measure.
fn extend_to(checks: &[check::CheckVerdict]) -> Option<Seconds> {
    let required = checks.iter().filter(|c| c.enforcement == check::Enforcement::Required && c.kind != "leftovers");
    let mut longest = None;
    for check in required {
        match check.verdict {
            check::Verdict::Passed => {}
            check::Verdict::Inconclusive => longest = longest.max(Some(check.needed_seconds?)),
            check::Verdict::Failed | check::Verdict::Error => return None,
        }
    }
    longest.map(Seconds)
}

fn verdict(said: check::Verdict) -> Verdict {
    match said {
        check::Verdict::Passed => Verdict::Passed,
        check::Verdict::Failed => Verdict::Failed,
        check::Verdict::Inconclusive => Verdict::Inconclusive,
        check::Verdict::Error => Verdict::Error,
    }
}

/// A number with at most six digits after the point: a status is for people, the evidence has all of them.
fn shown(value: f64) -> String {
    let text = format!("{value:.6}");
    if value.is_finite() { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(change: impl FnOnce(&mut Value)) -> SoakTest {
        let mut json = json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "soak", "namespace": "own"},
            "spec": {
                "serviceAccounts": ["tester"], "namespaces": ["demo"],
                "targetRef": {"kind": "Deployment", "name": "controller", "namespace": "demo"},
                "workload": {"task": {"image": "i", "timeout": "5m", "serviceAccountName": "tester"}},
                "interval": "10s", "warmUp": "1m", "measure": "10m", "settle": "30s",
                "sources": [{"name": "pages", "prometheus": {"port": 8080}}, {"name": "resources", "kubelet": {}}],
                "checks": [
                    {"name": "a", "bound": {"source": "pages", "metric": "m", "aggregate": "LabelSum", "label": "count", "max": "5"}},
                    {"name": "b", "warmUp": "0s", "increase": {"source": "pages", "metric": "n", "matchLabels": {"code": "500"}, "max": 0}},
                    {"name": "c", "growth": {"source": "resources", "metric": "container_memory_working_set_bytes", "max": "10Mi"}},
                    {"name": "d", "enforcement": "Advisory", "failFast": true, "restarts": {"max": 0}},
                    {"name": "e", "survivors": {"resources": [{"resource": "pods"}], "namespaces": ["demo"], "maxAge": "10m",
                        "serviceAccountName": "tester"}}
                ]
            }
        });
        change(&mut json["spec"]);
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_spec_is_carried_over() {
        let object = object(|_| ());
        let spec = spec(&object);
        assert_eq!(spec.problem, None);
        assert_eq!(spec.target, "Deployment demo/controller");
        assert_eq!((spec.workload, spec.setup, spec.inventory), (Some(Seconds(300)), None, true));
        assert_eq!(spec.slots(Seconds(0)), 70);
        let checks = checks(&object.spec.soak).unwrap();
        let words: Vec<&str> = checks.iter().map(|c| c.kind.word()).collect();
        assert_eq!(words, ["bound", "increase", "growth", "restarts", "survivors"]);
        assert_eq!(checks[1].warm_up_seconds, Some(0));
        assert_eq!(checks[3].enforcement, check::Enforcement::Advisory);
        let CheckKind::Growth(growth) = &checks[2].kind else { panic!("{:?}", checks[2]) };
        assert!((growth.max - 10.0 * 1024.0 * 1024.0).abs() < 1e-9);
    }

    #[test]
    fn every_option_reaches_the_judge() {
        let object = object(|s| {
            s["checks"] = json!([
                {"name": "a", "onMissing": "Inconclusive",
                    "bound": {"source": "pages", "metric": "m", "max": 1, "quantile": "0.99",
                        "matchExpressions": [{"key": "code", "operator": "NotIn", "values": ["200"]}]}},
                {"name": "b", "growth": {"source": "pages", "metric": "m", "max": 1, "of": "Increase", "baselineWindow": "5m"}},
                {"name": "c", "trend": {"source": "resources", "metric": "container_cpu_usage_seconds_total", "of": "Rate",
                    "tolerablePerHour": "1m", "unacceptablePerHour": "4m", "limit": 1}},
                {"name": "d", "progress": {"source": "pages", "metric": "m", "min": 5}},
            ]);
        });
        let checks = checks(&object.spec.soak).unwrap();
        let text = serde_json::to_value(&checks).unwrap();
        assert_eq!((&text[0]["onMissing"], &text[0]["bound"]["quantile"]), (&json!("Inconclusive"), &json!(0.99)));
        assert_eq!(text[0]["bound"]["labels"], json!([{"label": "code", "operator": "NotIn", "values": ["200"]}]));
        assert_eq!(text[1]["growth"]["baseline"], json!({"median": {"seconds": 300}}));
        assert_eq!((&text[1]["growth"]["of"], &text[2]["trend"]["of"]), (&json!("Increase"), &json!("Rate")));
        let limits = ["tolerablePerHour", "unacceptablePerHour", "limit"].map(|f| text[2]["trend"][f].clone());
        assert_eq!(limits, [json!(0.001), json!(0.004), json!(1.0)]);
        assert_eq!((&text[3]["progress"]["min"], &text[3]["progress"]["periodSeconds"]), (&json!(5.0), &json!(600)));
    }

    #[test]
    fn what_cannot_work_is_named() {
        type Change = fn(&mut Value);
        let cases: [(&str, Change); 14] = [
            ("increase.aggregate is Last: counters take Sum, Max or Min", |s| {
                s["checks"][1]["increase"]["aggregate"] = json!("Last");
            }),
            ("no quantity", |s| s["checks"][0]["bound"]["max"] = json!("x")),
            ("none of sources", |s| s["checks"][1]["increase"]["source"] = json!("other")),
            ("none of spec.serviceAccounts", |s| s["serviceAccounts"] = json!([])),
            ("none of spec.namespaces", |s| s["namespaces"] = json!(["else"])),
            ("insecureSkipVerify", |s| s["sources"][0]["prometheus"]["scheme"] = json!("https")),
            ("remove tls", |s| s["sources"][0]["prometheus"]["tls"] = json!({})),
            ("at most 100000", |s| (s["interval"], s["measure"]) = (json!("1s"), json!("720h"))),
            ("bound.min", |s| s["checks"][0]["bound"]["min"] = json!(7)),
            ("bound.quantile", |s| s["checks"][0]["bound"]["quantile"] = json!("1.5")),
            ("more than tolerablePerHour", |s| {
                s["checks"][2] = json!({"name": "c", "trend": {"source": "pages", "metric": "m", "tolerablePerHour": "1Mi",
                    "unacceptablePerHour": "900Ki"}});
            }),
            ("progress.min", |s| {
                s["checks"][2] = json!({"name": "c", "progress": {"source": "pages", "metric": "m", "min": 0}});
            }),
            ("labels.values", |s| {
                s["checks"][1]["increase"]["matchExpressions"] = json!([{"key": "code", "operator": "NotIn"}]);
            }),
            ("name one account", |s| {
                s["serviceAccounts"] = json!(["tester", "other"]);
                let mut second = s["checks"][4].clone();
                second["name"] = json!("f");
                second["survivors"]["serviceAccountName"] = json!("other");
                s["checks"].as_array_mut().unwrap().push(second);
            }),
        ];
        for (words, change) in cases {
            let problem = spec(&object(change)).problem.unwrap_or_default();
            assert!(problem.contains(words), "{words}: {problem}");
        }
    }

    #[test]
    fn numbers_are_shown_for_people() {
        for (value, text) in
            [(0.0, "0"), (5.0, "5"), (0.5, "0.5"), (1e-9, "0"), (10_485_760.0, "10485760"), (f64::INFINITY, "inf")]
        {
            assert_eq!(shown(value), text);
        }
    }
}
