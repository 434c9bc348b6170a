//! Random specs that the schema allows: drawn from the definitions themselves, so that a new field is thrown as soon as it exists.
//!
//! What the schema cannot say (a check names a source that exists, one member of a union) is put right afterwards, by the name of the field.
//! The API server has the last word on what is valid. Deliberately absent: shrinking; a fixed seed makes every object again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    string::string_regex,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use seaworthy_tests::api::ADMIN;
use serde_json::{Map, Value, json};

/// Durations that together often make sense, and their seconds.
const DURATIONS: [(&str, u64); 8] =
    [("1s", 1), ("2s", 2), ("5s", 5), ("30s", 30), ("60s", 60), ("10m", 600), ("1h", 3600), ("24h", 86_400)];
/// Texts that were written to do harm.
const HOSTILE: [&str; 10] = [
    "",
    "\u{202e}txet desrever",
    "\u{1b}[2J\u{1b}[31mred",
    "$(reboot) `reboot` ; reboot && reboot",
    "{{.Values.secret}} ${SECRET} %s%n",
    "../../../../etc/shadow",
    "'; drop table releases; --",
    "<script>alert(1)</script>",
    "\u{0}\u{1}\u{7f}\u{feff}",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﷽ ẞ İ \r\n\t line",
];

/// Draws objects; the same seed draws the same ones.
pub(crate) struct Draw {
    runner: TestRunner,
    patterns: BTreeMap<String, proptest::string::RegexGeneratorStrategy<String>>,
}

impl Draw {
    pub(crate) fn new(seed: u8) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        Self {
            runner: TestRunner::new_with_rng(proptest::test_runner::Config::default(), rng),
            patterns: BTreeMap::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (0..bound.max(1)).new_tree(&mut self.runner).map_or(0, |tree| tree.current())
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    /// A spec for this schema.
    pub(crate) fn spec(&mut self, schema: &Value) -> Value {
        let mut spec = self.value("spec", schema, 0);
        let (accounts, namespaces) = (texts(&spec["serviceAccounts"]), texts(&spec["namespaces"]));
        self.repair(&mut spec, &accounts, &namespaces);
        spec
    }

    fn value(&mut self, field: &str, schema: &Value, depth: usize) -> Value {
        if let Some(choices) = schema["enum"].as_array() {
            return choices[self.below(choices.len())].clone();
        }
        if schema["x-kubernetes-int-or-string"] == true {
            return json!((["0", "5", "1k", "64Mi", "0.5", "999999999999999"])[self.below(6)]);
        }
        match schema["type"].as_str() {
            Some("object") if schema["additionalProperties"].is_object() => self.map(schema, depth),
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(field, schema, depth),
            Some("boolean") => json!(self.one_in(2)),
            Some("integer" | "number") => self.integer(schema),
            _ => json!(self.text(field, schema)),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let (Some(properties), required) = (schema["properties"].as_object(), texts(&schema["required"])) else {
            return json!({});
        };
        let mut members = union(schema);
        let chosen = if members.is_empty() { String::new() } else { members.swap_remove(self.below(members.len())) };
        let mut object = Map::new();
        for (name, inner) in properties {
            let is_member = *name == chosen || members.contains(name);
            // The deeper, the less, or no object would end.
            let wanted = if is_member { *name == chosen } else { required.contains(name) || self.one_in(depth + 2) };
            if wanted {
                object.insert(name.clone(), self.value(name, inner, depth + 1));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, field: &str, schema: &Value, depth: usize) -> Value {
        let least = size(&schema["minItems"]).unwrap_or(0);
        let most = size(&schema["maxItems"]).unwrap_or(4).min(if depth < 3 { 4 } else { 2 }).max(least);
        let count = least + self.below(most - least + 1);
        let list: Vec<Value> = (0..count).map(|_| self.value(field, &schema["items"], depth + 1)).collect();
        Value::Array(list)
    }

    fn map(&mut self, schema: &Value, depth: usize) -> Value {
        let count = self.below(3);
        let key = |n: usize| format!("k{n}");
        (0..count)
            .map(|n| (key(n), self.value("value", &schema["additionalProperties"], depth + 1)))
            .collect::<Map<_, _>>()
            .into()
    }

    fn integer(&mut self, schema: &Value) -> Value {
        // The definitions write bounds as floating-point numbers.
        let bound = |name: &str| schema[name].as_f64().map(|bound| format!("{bound:.0}"));
        let bound = |name: &str, or: i64| bound(name).and_then(|text| text.parse().ok()).unwrap_or(or);
        let (least, most) = (bound("minimum", 0), bound("maximum", i64::from(i32::MAX)));
        json!(match self.below(4) {
            0 => most,
            1 => least,
            _ => least + i64::try_from(self.below(8)).unwrap_or(0).min(most - least),
        })
    }

    fn text(&mut self, field: &str, schema: &Value) -> String {
        let (least, most) = (size(&schema["minLength"]).unwrap_or(0), size(&schema["maxLength"]).unwrap_or(64));
        let Some(pattern) = schema["pattern"].as_str() else {
            let text = match self.below(HOSTILE.len() + 2) {
                at if at < HOSTILE.len() => HOSTILE[at].to_owned(),
                at if at == HOSTILE.len() => "x".repeat(most),
                _ => field.to_owned(),
            };
            return fitted(&text, least, most);
        };
        if pattern.ends_with("(s|m|h)$") {
            return self.duration(schema);
        }
        let inner = pattern.trim_start_matches('^');
        let whole = inner.strip_suffix('$').map_or_else(|| format!("{inner}.{{0,20}}"), str::to_owned);
        let strategy = self.patterns.entry(pattern.to_owned()).or_insert_with(|| string_regex(&whole).unwrap());
        // Long ones are drawn again; the last resort is a text that most patterns allow.
        for _ in 0..20 {
            let text = strategy.new_tree(&mut self.runner).unwrap().current();
            if (least..=most).contains(&text.chars().count()) {
                return text;
            }
        }
        "a".to_owned()
    }

    /// A duration within the bounds that the schema's rule writes down.
    fn duration(&mut self, schema: &Value) -> String {
        let rule = schema["x-kubernetes-validations"][0]["rule"].as_str().unwrap_or_default();
        let number = |after: &str| -> Option<u64> {
            let text = rule.split_once(after)?.1;
            text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())].parse().ok()
        };
        let (least, most) = (number(">= ").unwrap_or(0), number("<= ").unwrap_or(999_999));
        let fits: Vec<&str> =
            DURATIONS.iter().filter(|(_, seconds)| (least..=most).contains(seconds)).map(|(text, _)| *text).collect();
        fits[self.below(fits.len())].to_owned()
    }

    /// References point to what exists, times fit each other, and what goes only together is together.
    fn repair(&mut self, value: &mut Value, accounts: &[String], namespaces: &[String]) {
        match value {
            Value::Array(list) => {
                unique(list);
                for inner in list {
                    self.repair(inner, accounts, namespaces);
                }
            }
            Value::Object(object) => {
                self.pick(object, "serviceAccountName", accounts);
                self.pick(object, "namespace", namespaces);
                if object.contains_key("targetRef") {
                    self.soak(object, namespaces, !accounts.is_empty() && !namespaces.is_empty());
                }
                if object.contains_key("maxAge") {
                    object.insert("namespaces".into(), json!(namespaces));
                }
                if object.contains_key("planRef") {
                    // What only somebody with a Release before them can say, and who says it.
                    object.retain(|name, _| !["resolution", "externalPublish"].contains(&name.as_str()));
                }
                if object.contains_key("by") {
                    object.insert("by".into(), json!(ADMIN));
                }
                if let Some(volumes) = object.get_mut("volumes").and_then(Value::as_array_mut) {
                    unique(volumes);
                }
                self.mounts(object);
                together(object);
                object.remove("runAfter");
                object.values_mut().for_each(|inner| self.repair(inner, accounts, namespaces));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn pick(&mut self, object: &mut Map<String, Value>, field: &str, from: &[String]) {
        if !object.contains_key(field) || object[field].is_object() {
            return;
        }
        match from.get(self.below(from.len())) {
            Some(found) => drop(object.insert(field.into(), json!(found))),
            None => drop(object.remove(field)),
        }
    }

    fn soak(&mut self, soak: &mut Map<String, Value>, namespaces: &[String], may_look: bool) {
        soak.insert("interval".into(), json!("1s"));
        soak.insert("measure".into(), json!(["20s", "1h"][self.below(2)]));
        match soak.get("onInconclusive") {
            Some(what) if what == "Extend" => drop(soak.insert("maxExtension".into(), json!("30s"))),
            _ => drop(soak.remove("maxExtension")),
        }
        if let Some(sources) = soak.get_mut("sources").and_then(Value::as_array_mut) {
            unique(sources);
        }
        let sources: Vec<Value> = soak.get("sources").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(checks) = soak.get_mut("checks").and_then(Value::as_array_mut) else { return };
        for check in checks.iter_mut().filter_map(Value::as_object_mut) {
            check.remove("warmUp");
            let inventory = check.contains_key("survivors") || check.contains_key("leftovers");
            if inventory {
                check.remove("onMissing");
            }
            if check.contains_key("trend") {
                check.remove("failFast");
            }
            if let Some(leftovers) = check.get_mut("leftovers").and_then(Value::as_object_mut) {
                if leftovers.contains_key("resources") {
                    leftovers.insert("namespaces".into(), json!(namespaces));
                } else {
                    leftovers.remove("namespaces");
                    leftovers.entry("clusterResources").or_insert(json!([{"resource": "nodes"}]));
                }
            }
            for rule in check.values_mut().filter(|rule| rule["source"].is_string()) {
                let source = sources.get(self.below(sources.len())).cloned().unwrap_or_default();
                rule["source"] = source["name"].clone();
                if source["kubelet"].is_object() {
                    rule["metric"] = json!("container_memory_rss_bytes");
                }
            }
            // A check that has nothing to look at, or may not, becomes one that needs nothing.
            let blind = check.values().any(|rule| rule.get("source").is_some_and(Value::is_null));
            if blind || (inventory && !may_look) {
                check.retain(|name, _| name == "name");
                check.insert("restarts".into(), json!({"max": 0}));
            }
        }
    }

    fn mounts(&mut self, task: &mut Map<String, Value>) {
        let volumes = task.get("volumes").map(names).unwrap_or_default();
        let Some(mounts) = task.get_mut("volumeMounts").and_then(Value::as_array_mut) else { return };
        if volumes.is_empty() {
            mounts.clear();
        }
        for mount in mounts {
            mount["name"] = json!(volumes[self.below(volumes.len())]);
            if mount["subPath"].as_str().is_some_and(|path| path.contains("..")) {
                mount["subPath"] = json!("a/b");
            }
        }
    }
}

/// The rules between neighbouring fields, by their names.
fn together(object: &mut Map<String, Value>) {
    let has = |object: &Map<String, Value>, field: &str| object.contains_key(field);
    if has(object, "valueFrom") {
        object.remove("value");
    }
    if has(object, "port") && !has(object, "service") {
        object.remove("namespace");
    }
    if has(object, "metric") {
        match object.contains_key("label") {
            true => drop(object.insert("aggregate".into(), json!("LabelSum"))),
            false if object.get("aggregate").is_some_and(|a| a == "LabelSum") => drop(object.remove("aggregate")),
            false => {}
        }
    }
    for (kind, counters) in
        [("increase", None), ("progress", None), ("growth", Some("Increase")), ("trend", Some("Rate"))]
    {
        if let Some(rule) = object.get_mut(kind).and_then(Value::as_object_mut)
            && has(rule, "metric")
            && counters.is_none_or(|of| rule.get("of").is_some_and(|given| given == of))
        {
            rule.remove("label");
            rule.insert("aggregate".into(), json!("Max"));
        }
    }
    if let Some(bound) = object.get_mut("bound").and_then(Value::as_object_mut)
        && !has(bound, "min")
    {
        bound.entry("max").or_insert(json!(5));
    }
    if let Some(trend) = object.get_mut("trend").and_then(Value::as_object_mut)
        && has(trend, "unacceptablePerHour")
    {
        trend.insert("tolerablePerHour".into(), json!(0));
        trend.insert("unacceptablePerHour".into(), json!(7));
    }
    if has(object, "gates") {
        object.insert("deadline".into(), json!("8760h"));
        let built = object["candidate"]["task"].is_object();
        object["candidate"]["from"] = json!(if built { "Task" } else { "Release" });
        if !object["version"]["git"].is_object() {
            object["version"]["policy"] = json!("Explicit");
        }
        if object["publish"]["external"].is_object() {
            let verify = json!({"task": {"image": "registry.example/verify"}});
            object["publish"].as_object_mut().map(|publish| publish.entry("verify").or_insert(verify));
        }
        if !object["publish"]["verify"].is_object() || object["publish"]["external"].is_object() {
            object["publish"]["maxAttempts"] = json!(1);
        }
    }
}

/// What must not be there twice in a list is not.
fn unique(list: &mut [Value]) {
    let mut seen = BTreeSet::new();
    for (number, element) in list.iter_mut().enumerate() {
        // Several mounts may be of one volume.
        let fields: &[&str] = if element["mountPath"].is_string() { &[] } else { &["name", "title", "gate"] };
        for field in fields {
            let Some(name) = element[*field].as_str().map(str::to_owned) else { continue };
            if !seen.insert(name) {
                element[*field] = json!(format!("n{number}"));
            }
        }
    }
}

/// The members of which exactly one may be there, as the schema's own message says.
fn union(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let mut said =
        rules.filter_map(|rule| rule["message"].as_str()?.split_once("exactly one of ").map(|(_, list)| list));
    said.next().map(|list| list.replace(" and ", ", ").split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
}

fn size(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|n| usize::try_from(n).ok())
}

fn fitted(text: &str, least: usize, most: usize) -> String {
    let mut text: String = text.chars().take(most).collect();
    while text.chars().count() < least {
        text.push('x');
    }
    text
}
