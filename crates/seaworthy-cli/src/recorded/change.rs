//! `--set`: a SoakTest with other values in its checks. Refused is what its evidence cannot tell, and what the API server would not take.

use std::{fmt, str::FromStr, sync::OnceLock};

use seaworthy_api::{
    SoakTest,
    soak_test::{Aggregate, Check, Leftovers, Select, Survivors},
};
use serde_json::Value;

use crate::{exit::Failure, version::repo};

/// Another value for a field of a check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    check: String,
    field: String,
    value: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}={}", self.check, self.field, self.value)
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (place, value) = text.split_once('=')?;
            let (check, field) = place.split_once('.')?;
            let ok = ![check, field, value].contains(&"");
            ok.then(|| Self { check: check.into(), field: field.into(), value: value.into() })
        };
        parts()
            .ok_or_else(|| format!("{text:?} is no change of a check: write CHECK.FIELD=VALUE, e.g. memory.max=300Mi"))
    }
}

/// The SoakTest with the changes made to its checks: one that the API server would take.
pub(super) fn changed(object: &SoakTest, changes: &[Change]) -> Result<SoakTest, Failure> {
    if changes.is_empty() {
        return Ok(object.clone());
    }
    let schema = schema()?;
    let schema = &schema["properties"]["spec"]["properties"]["checks"]["items"];
    let mut value = serde_json::to_value(object)?;
    for change in changes {
        let refused = |why: &str| Failure::unusable(format!("--set {change}: {why}"));
        let checks = value["spec"]["checks"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
        let check = checks.iter_mut().find(|c| c["name"] == change.check.as_str());
        let check = check.ok_or_else(|| refused("the soak has no check of that name"))?;
        let new = [
            change.value.parse::<i64>().ok().map(Value::from),
            change.value.parse::<bool>().ok().map(Value::from),
            Some(Value::from(change.value.as_str())),
        ];
        let new = new.into_iter().flatten().next().unwrap_or_default();
        let own = ["warmUp", "enforcement", "onMissing", "failFast"].contains(&change.field.as_str());
        let rule = check
            .as_object_mut()
            .and_then(|c| if own { Some(c) } else { c.values_mut().find_map(Value::as_object_mut) });
        let rule = rule.ok_or_else(|| refused("the check has no rule"))?;
        let before = rule.insert(change.field.clone(), new);
        // It would be left out without a word.
        if repo::unknown("checks", check, schema).is_some() {
            return Err(refused("the check has no such field"));
        }
        let read = serde_json::from_value::<SoakTest>(value.clone());
        let read = read.map_err(|e| match &before {
            // A list or a map of names is no threshold, whatever is written for it.
            Some(Value::Array(_) | Value::Object(_)) => refused(&decided(change, before.as_ref())),
            _ => refused(&e.to_string()),
        })?;
        let kept = &object.spec.soak.checks;
        let check = read.spec.soak.checks.iter().find(|c| c.name == change.check);
        if check.is_some_and(|check| !was_recorded(kept, check)) {
            return Err(refused(&decided(change, before.as_ref())));
        }
    }
    let result: SoakTest = serde_json::from_value(value.clone())?;
    // Not before all are made: one may need another.
    for change in changes {
        let written = value["spec"]["checks"].as_array().into_iter().flatten();
        let bound = written
            .filter(|c| c["name"] == change.check.as_str())
            .find_map(|check| out_of_bounds(&change.check, check, schema));
        let rule = || result.spec.soak.checks.iter().find(|c| c.name == change.check).and_then(unfit);
        if let Some(why) = bound.or_else(rule) {
            return Err(Failure::unusable(format!("--set {change}: {why}")));
        }
    }
    Ok(result)
}

/// What the API server would refuse of a value by the bounds of its schema.
fn out_of_bounds(field: &str, value: &Value, schema: &Value) -> Option<String> {
    let bound = |name: &str| schema[name].as_f64();
    let wrong = |number: f64, least: &str, most: &str| {
        bound(least).is_some_and(|least| number < least) || bound(most).is_some_and(|most| number > most)
    };
    let words = |least: &str, most: &str| {
        let bounds = [("at least", bound(least)), ("at most", bound(most))];
        let bounds: Vec<String> = bounds.into_iter().filter_map(|(w, b)| Some(format!("{w} {}", b?))).collect();
        bounds.join(" and ")
    };
    match value {
        Value::Object(fields) => {
            fields.iter().find_map(|(name, inner)| out_of_bounds(name, inner, &schema["properties"][name]))
        }
        Value::Array(all) => all.iter().find_map(|inner| out_of_bounds(field, inner, &schema["items"])),
        Value::Number(number) => {
            let out = number.as_f64().is_some_and(|n| wrong(n, "minimum", "maximum"));
            out.then(|| format!("{field} is {number}: give {}", words("minimum", "maximum")))
        }
        Value::String(text) => {
            let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            let out = wrong(f64::from(length), "minLength", "maxLength");
            let words = || words("minLength", "maxLength");
            out.then(|| format!("{field} is {text:?}, {length} characters: give {}", words()))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// What the API server would refuse of a check by its own rules (CEL), which only it evaluates: options that do not go together, and would
/// change nothing. What the judge cannot do with is refused by [`seaworthy_api::convert::soak_test::checks`]. A rule about checks that is new there belongs here, too;
/// a test knows all of them.
fn unfit(check: &Check) -> Option<String> {
    let name = &check.name;
    if let Some(select) = check.select() {
        let aggregate = select.aggregate.map_or_else(|| "not given".to_owned(), |a| format!("{a:?}"));
        match (select.aggregate, &select.label) {
            (Some(Aggregate::LabelSum), None) => {
                return Some(format!(
                    "aggregate is LabelSum, which adds up the numbers of a label, and label is not given: set {name}.label too, or another aggregate"
                ));
            }
            (None | Some(Aggregate::Sum | Aggregate::Max | Aggregate::Min | Aggregate::Last), Some(label)) => {
                return Some(format!(
                    "label is {label:?}, and goes with aggregate LabelSum only, which is {aggregate}: set {name}.aggregate=LabelSum too, or leave label out"
                ));
            }
            (Some(Aggregate::LabelSum), Some(_))
            | (None | Some(Aggregate::Sum | Aggregate::Max | Aggregate::Min | Aggregate::Last), None) => {}
        }
    }
    let inventory = check.survivors.is_some() || check.leftovers.is_some();
    if let Some(missing) = check.on_missing.filter(|_| inventory) {
        return Some(format!(
            "onMissing is {missing:?}, and goes with checks of metrics and pods only: an inventory that finds nothing is always Inconclusive; leave it out"
        ));
    }
    if check.fail_fast && (check.trend.is_some() || check.baseline.is_some() || check.leftovers.is_some()) {
        return Some(
            "failFast is true, and goes with facts only: no trend, baseline or leftover is certain before its measure is over; leave it out".into(),
        );
    }
    let window = check.growth.as_ref().and_then(|g| g.baseline_window).map(|window| ("baselineWindow", window));
    let period = check.progress.as_ref().map(|p| ("period", p.period));
    let (field, out) = window.into_iter().chain(period).find(|(_, d)| !(1..=2_592_000).contains(&d.get().0))?;
    Some(format!("{field} is {out}: give between 1s and 720h"))
}

/// Why a field cannot be changed afterwards.
fn decided(change: &Change, before: Option<&Value>) -> String {
    let Change { field, value, .. } = change;
    let before = match before {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "not given".into(),
    };
    format!(
        "{field} decided what was recorded ({before} in the soak), so this evidence says nothing about {value}: run a soak with {field}: {value}, or change what only judges, such as max"
    )
}

/// Whether what `check` looks at is what the checks of the soak had recorded.
fn was_recorded(kept: &[Check], check: &Check) -> bool {
    if let Some(select) = check.select() {
        return kept.iter().filter_map(Check::select).any(|kept| covers(kept, select));
    }
    // An inventory keeps counts, made with every field of its check but the one that they are held against.
    let counted = |c: &Check| {
        let survivors = c.survivors.clone().map(|s| Survivors { max: 0, ..s });
        (survivors, c.leftovers.clone().map(|l| Leftovers { max: 0, ..l }))
    };
    kept.iter().any(|kept| kept.name == check.name && counted(kept) == counted(check))
}

/// Whether all series that `select` means were kept for `kept`: pages are narrowed to what some check asks for.
fn covers(kept: &Select, select: &Select) -> bool {
    (&kept.source, &kept.metric) == (&select.source, &select.metric)
        && kept.match_labels.iter().all(|(name, value)| select.match_labels.get(name) == Some(value))
        && kept.match_expressions.iter().all(|one| select.match_expressions.contains(one))
}

/// The schema of a SoakTest, made once.
pub(super) fn schema() -> Result<&'static Value, Failure> {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    if let Some(made) = SCHEMA.get() {
        return Ok(made);
    }
    let all = seaworthy_api::crd::all()?;
    let soaks = all.iter().find(|crd| crd.spec.names.kind == "SoakTest");
    let versions = soaks.map(|crd| crd.spec.versions.as_slice()).unwrap_or_default();
    let mut schema = serde_json::to_value(versions.first().and_then(|v| v.schema.as_ref()))?;
    Ok(SCHEMA.get_or_init(|| schema["openAPIV3Schema"].take()))
}

#[cfg(test)]
mod tests {
    use seaworthy_api::Quantity;
    use serde_json::json;

    use super::*;

    #[test]
    fn thresholds_can_be_changed_and_typos_are_found() {
        let object: SoakTest = serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "a"},
            "spec": {"targetRef": {"kind": "Deployment", "name": "t"}, "measure": "1h", "sources": [{"name": "s", "kubelet": {}}],
                     "checks": [{"name": "memory", "bound": {"source": "s", "metric": "m_bytes", "max": "100Mi"}},
                                {"name": "restarts", "restarts": {"max": 0}}]},
        }))
        .unwrap();
        let set = |text: &str| changed(&object, &[text.parse().unwrap()]);
        let bound = |text: &str| set(text).unwrap().spec.soak.checks[0].bound.clone().unwrap();
        let written = |q: Option<Quantity>| q.unwrap().to_string();
        assert_eq!(written(bound("memory.max=300Mi").max), "300Mi");
        assert_eq!(written(bound("memory.min=5").min), "5");
        assert_eq!(set("restarts.max=2").unwrap().spec.soak.checks[1].restarts.as_ref().unwrap().max, 2);
        assert_eq!(set("restarts.warmUp=5m").unwrap().spec.soak.checks[1].warm_up.unwrap().to_string(), "5m");
        for (text, why) in [
            ("memory.maximum=5", "no such field"),
            ("cpu.max=5", "no check of that name"),
            ("restarts.max=many", "invalid type"),
        ] {
            let message = set(text).unwrap_err().message;
            assert!(message.contains(why), "{message}");
        }
        for text in ["memory", "memory.max", "memory=5", ".max=5", "memory.max="] {
            assert!(text.parse::<Change>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_api_server_would_refuse_is_refused() {
        let series = |kind: &str, more: Value| {
            let mut rule = json!({"source": "s", "metric": "m"});
            rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"name": kind, kind: rule})
        };
        let object: SoakTest = serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "a"},
            "spec": {"targetRef": {"kind": "Deployment", "name": "t"}, "measure": "1h", "sources": [{"name": "s", "prometheus": {"port": 80}}],
                "checks": [
                    series("bound", json!({"max": 5})), series("growth", json!({"max": 5})), series("trend", json!({})),
                    series("progress", json!({"min": 5})), series("baseline", json!({"maxRise": "0.1"})),
                    {"name": "restarts", "restarts": {"max": 0}},
                    {"name": "survivors", "survivors": {"resources": [{"resource": "pods"}], "namespaces": ["n"], "maxAge": "4h",
                        "serviceAccountName": "x"}},
                    {"name": "leftovers", "leftovers": {"clusterResources": [{"resource": "nodes"}], "serviceAccountName": "x"}},
                ]},
        }))
        .unwrap();
        let set = |texts: &str| {
            let changes: Vec<Change> = texts.split(' ').map(|text| text.parse().unwrap()).collect();
            changed(&object, &changes)
        };
        for (texts, why) in [
            ("bound.label=x", "label is \"x\", and goes with aggregate LabelSum only, which is not given"),
            ("growth.label=x growth.aggregate=Max", "aggregate LabelSum only, which is Max"),
            ("trend.aggregate=LabelSum", "set trend.label too"),
            ("survivors.onMissing=Fail", "onMissing is Fail"),
            ("leftovers.onMissing=Inconclusive", "onMissing is Inconclusive"),
            ("trend.failFast=true", "failFast is true"),
            ("baseline.failFast=true", "failFast is true"),
            ("leftovers.failFast=true", "failFast is true"),
            ("growth.baselineWindow=0s", "baselineWindow is 0s: give between 1s and 720h"),
            ("progress.period=721h", "period is 721h: give between"),
            ("restarts.max=1000001", "max is 1000001: give at least 0 and at most 1000000"),
            ("leftovers.max=1000001", "at most 1000000"),
            ("bound.max=0000000000000000000000000000001Mi", "33 characters: give at most 30"),
        ] {
            let message = set(texts).unwrap_err().message;
            assert!(message.contains(why) && message.starts_with("--set "), "{message}");
        }
        for texts in [
            "bound.label=x bound.aggregate=LabelSum",
            "bound.aggregate=LabelSum bound.label=x",
            "bound.failFast=true",
            "survivors.failFast=true",
            "trend.failFast=false",
            "restarts.onMissing=Inconclusive",
            "growth.baselineWindow=720h",
            "restarts.max=1000000",
        ] {
            set(texts).unwrap();
        }
    }

    /// Rules that only the API server evaluates: a new one is to be repeated in [`unfit`], or left out here with a reason.
    #[test]
    fn every_rule_of_the_api_server_about_checks_is_known_here() {
        let schema = schema().unwrap();
        let mut rules = std::collections::BTreeSet::new();
        collect(&schema["properties"]["spec"]["properties"]["checks"]["items"], &mut rules);
        let known = [
            // No field that can be set adds or removes a rule.
            "checks: give exactly one of",
            // In `unfit`.
            "onMissing goes with",
            "failFast goes with",
            "label goes with",
            "baselineWindow ",
            "period ",
            // By `CheckSpec::validate`.
            "bound: give min, max or both",
            ".aggregate is ",
            "unacceptablePerHour must be more",
            // They decided what was recorded, and cannot be changed.
            "maxAge ",
            "leftovers: give resources",
        ];
        let new: Vec<_> = rules.iter().filter(|rule| !known.iter().any(|known| rule.contains(known))).collect();
        assert_eq!(new, Vec::<&String>::new());
        assert!(known.iter().all(|known| rules.iter().any(|rule| rule.contains(known))), "{rules:?}");
    }

    fn collect(schema: &Value, rules: &mut std::collections::BTreeSet<String>) {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().or(rule["messageExpression"].as_str());
            rules.insert(message.unwrap_or_default().to_owned());
        }
        let inner = schema["properties"].as_object().into_iter().flat_map(|p| p.values());
        inner.chain([&schema["items"]]).filter(|s| !s.is_null()).for_each(|schema| collect(schema, rules));
    }

    #[test]
    fn what_shaped_the_evidence_cannot_be_changed() {
        let object: SoakTest = serde_json::from_value(json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest", "metadata": {"name": "a"},
            "spec": {"targetRef": {"kind": "Deployment", "name": "t"}, "measure": "1h",
                "sources": [{"name": "s", "prometheus": {"port": 80}}, {"name": "other", "prometheus": {"port": 81}}],
                "checks": [
                    {"name": "level", "bound": {"source": "s", "metric": "m", "max": 5}},
                    {"name": "errors", "increase": {"source": "s", "metric": "n", "matchLabels": {"code": "500"}, "max": 0}},
                    {"name": "old", "survivors": {"resources": [{"resource": "pods"}], "namespaces": ["n"], "maxAge": "4h", "selector": "a=b",
                        "serviceAccountName": "x"}},
                    {"name": "left", "leftovers": {"clusterResources": [{"resource": "nodes"}], "serviceAccountName": "x"}},
                ]},
        }))
        .unwrap();
        let set = |text: &str| changed(&object, &[text.parse().unwrap()]);
        for allowed in [
            "old.max=3",
            "old.enforcement=Advisory",
            "old.warmUp=5m",
            "left.max=2",
            "level.quantile=0.9",
            "level.aggregate=Sum",
            "errors.metric=n",
        ] {
            set(allowed).unwrap();
        }
        // Everything of "m" was kept, but of "n" only what has the label.
        set("errors.metric=m").unwrap();
        for refused in [
            "old.maxAge=10m",
            "old.selector=a=c",
            "old.resources=pods",
            "old.namespaces=m",
            "left.clusterResources=pods",
            "left.selector=a=b",
            "level.metric=other",
            "level.metric=n",
            "level.source=other",
            "errors.matchLabels=code",
        ] {
            let message = set(refused).unwrap_err().message;
            let (field, value) = refused.split_once('.').unwrap().1.split_once('=').unwrap();
            for part in [format!("{field} decided what was recorded"), format!("run a soak with {field}: {value}")] {
                assert!(message.contains(&part), "{message}");
            }
        }
        assert!(set("old.maxAge=10m").unwrap_err().message.contains("(4h in the soak)"));
    }
}
