//! A soak's evidence with all that is needed to judge it again: from the cluster, or from files that were exported earlier.

use std::{fmt, path::Path, str::FromStr};

use kube::{Resource as _, ResourceExt as _};
use seaworthy_api::{
    SoakTest,
    convert::soak_test as convert,
    soak_test::{Check, Leftovers, Select, Survivors},
};
use seaworthy_core::{soak_test::SoakTestStatus, time::Timestamp};
use seaworthy_operator::{
    kinds::soak_test::published::{evidence, last},
    sampler::{
        Before,
        evidence::{Store, known},
    },
};
use seaworthy_soak::{
    check::{CheckSpec, Phases},
    evidence::Evidence,
};
use serde_json::Value;

use crate::{
    cluster::{Cluster, chain},
    exit::{self, Code, Failure},
    look,
    snapshot::get,
    target::{Kind, Target},
    version::repo,
};

/// Longest file that is read, in bytes: days of a soak are some tens of MiB as CSV.
const MOST: u64 = 1 << 30;

/// Where it was read.
pub(crate) enum Source {
    /// A cluster, with its evidence verified; the server's version.
    Cluster(String),
    /// Files, which anybody may have edited.
    Files,
}

/// A soak and its evidence.
pub(crate) struct Recorded {
    /// Where it was read.
    pub(crate) source: Source,
    /// What was changed in its checks before they are judged.
    pub(crate) changes: Vec<Change>,
    /// The SoakTest.
    pub(crate) object: SoakTest,
    /// Its checks, as the judge takes them.
    pub(crate) checks: Vec<CheckSpec>,
    /// How far it got.
    pub(crate) phases: Phases,
    /// What was recorded.
    pub(crate) evidence: Evidence,
    /// What `baseline` checks compare with: the evidence of the Release that was published last, and its phases.
    pub(crate) published: Option<(Evidence, Phases)>,
}

/// Reads the evidence of a SoakTest from the cluster and verifies its chain.
pub(crate) async fn read(cluster: &Cluster, target: &Target, changes: &[Change]) -> Result<Recorded, Failure> {
    if target.kind != Kind::SoakTest {
        return Err(Failure::unusable(format!("{target} has no evidence of its own: name a soak, as soak/NAME")));
    }
    let object: SoakTest = get(cluster, target).await?;
    let owner = object.controller_owner_ref(&()).unwrap_or_default();
    let stored = Store::new(cluster.client.clone(), &cluster.namespace, owner).load().await;
    let stored =
        stored.map_err(|e| Failure::unusable(format!("cannot read the evidence of {target}: {}", chain(&e))))?;
    let status = object.status.clone().unwrap_or_default();
    let known = known(status.evidence.as_ref());
    if stored.objects.is_empty() && !known.head {
        return Err(Failure::unusable(format!("{target} has no evidence yet: samples are stored from warm-up on")));
    }
    let run = convert::run(&object.uid().unwrap_or_default(), &object.spec.soak, &status)
        .ok_or_else(|| Failure::unusable(format!("{target} has not begun: its status has no startTime")))?;
    let evidence = Evidence::decode(&run, stored.objects, known).map_err(|e| Failure {
        code: Code::Inconclusive,
        message: format!("the evidence of {target} cannot be trusted: {e}"),
    })?;
    // The environment is worth a line in a report, not a failure.
    let server = cluster.ask("cannot ask for the version", cluster.client.apiserver_version()).await;
    let server = server.map_or_else(|_| String::new(), |v| format!("Kubernetes {} ({})", v.git_version, v.platform));
    let published = published(cluster, &object).await?;
    Ok(Recorded { published, ..complete(&object, evidence, Source::Cluster(server), changes)? })
}

/// The evidence that `baseline` checks were, or would now be, compared with.
async fn published(cluster: &Cluster, object: &SoakTest) -> Result<Option<(Evidence, Phases)>, Failure> {
    if object.spec.soak.checks.iter().all(|c| c.baseline.is_none()) {
        return Ok(None);
    }
    let unread = |e: &seaworthy_operator::Error| {
        Failure::unusable(format!("cannot read the evidence of the release that was published last: {}", chain(e)))
    };
    let status = object.status.clone().unwrap_or_default();
    let whose = match status.compared_with {
        None if status.completion_time.is_none() => last(&cluster.client, object).await.map_err(|e| unread(&e))?,
        recorded => recorded,
    };
    let Some(whose) = whose else { return Ok(None) };
    let stored = evidence(&cluster.client, &cluster.namespace, &whose).await.map_err(|e| unread(&e))?;
    Ok(stored.and_then(Before::decode))
}

/// Reads a SoakTest as `kubectl get -o yaml` or `-o json` prints it, and its evidence as `kubectl seaworthy evidence` prints it.
pub(crate) fn from_files(soak: &Path, csv: &Path, changes: &[Change]) -> Result<Recorded, Failure> {
    let text = |path: &Path| {
        exit::read(path, MOST).map_err(|e| Failure::unusable(format!("cannot read {}: {e}", path.display())))
    };
    let (yaml, csv_text) = (text(soak)?, text(csv)?);
    let no_soak = |e: &dyn std::fmt::Display| Failure::unusable(format!("{} is no SoakTest: {e}", soak.display()));
    // By way of a plain value: numbers that may also be strings are told apart there as the API server does.
    let value: serde_json::Value = serde_saphyr::from_str(&yaml).map_err(|e| no_soak(&e))?;
    if let Some(field) = unknown(&value)? {
        return Err(no_soak(&format!("{field}: there is no such field; `kubectl explain soaktest.spec` lists them")));
    }
    let object: SoakTest = serde_json::from_value(value).map_err(|e| no_soak(&e))?;
    let status = object.status.clone().unwrap_or_default();
    let run = convert::run(&object.uid().unwrap_or_default(), &object.spec.soak, &status).ok_or_else(|| {
        Failure::unusable(format!("{} has no status.startTime: write it with `kubectl get -o yaml`", soak.display()))
    })?;
    let evidence =
        Evidence::from_csv(&run, &csv_text).map_err(|e| Failure::unusable(format!("{}: {e}", csv.display())))?;
    complete(&object, evidence, Source::Files, changes)
}

/// The first field that a SoakTest does not have: left out without a word, it would change what is judged.
fn unknown(soak: &Value) -> Result<Option<String>, Failure> {
    let all = seaworthy_api::crd::all()?;
    let soaks = all.iter().find(|crd| crd.spec.names.kind == "SoakTest");
    let versions = soaks.map(|crd| crd.spec.versions.as_slice()).unwrap_or_default();
    let schema = serde_json::to_value(versions.first().and_then(|v| v.schema.as_ref()))?;
    let properties = &schema["openAPIV3Schema"]["properties"];
    Ok(["spec", "status"].into_iter().find_map(|part| repo::unknown(part, &soak[part], &properties[part])))
}

fn complete(object: &SoakTest, evidence: Evidence, source: Source, changes: &[Change]) -> Result<Recorded, Failure> {
    let object = changed(object, changes)?;
    let checks = convert::checks(&object.spec.soak).map_err(|e| Failure::unusable(format!("the soak's spec: {e}")))?;
    let status = object.status.clone().unwrap_or_default();
    let phases = phases(convert::phases(&object.spec.soak), &status, look::now());
    Ok(Recorded { source, changes: changes.to_vec(), object, checks, phases, evidence, published: None })
}

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

/// The SoakTest with the changes made to its checks.
fn changed(object: &SoakTest, changes: &[Change]) -> Result<SoakTest, Failure> {
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
        // What is not a field of the rule would be left out without a word.
        let read = serde_json::from_value::<SoakTest>(value.clone());
        let read = read.map_err(|e| match &before {
            // A list or a map of names is no threshold, whatever is written for it.
            Some(Value::Array(_) | Value::Object(_)) => refused(&decided(change, before.as_ref())),
            _ => refused(&e.to_string()),
        })?;
        let again = serde_json::to_value(&read)?;
        if again["spec"]["checks"] != value["spec"]["checks"] {
            return Err(refused("the check has no such field"));
        }
        let kept = &object.spec.soak.checks;
        let check = read.spec.soak.checks.iter().find(|c| c.name == change.check);
        if check.is_some_and(|check| !was_recorded(kept, check)) {
            return Err(refused(&decided(change, before.as_ref())));
        }
    }
    Ok(serde_json::from_value(value)?)
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

/// The phases as they were recorded, and how far the run got.
fn phases(planned: Phases, status: &SoakTestStatus, now: Timestamp) -> Phases {
    let (Some(start), Some(from), Some(to), Some(end)) =
        (status.start_time, status.measure_start_time, status.measure_end_time, status.settle_end_time)
    else {
        return planned;
    };
    let ms = |from: Timestamp, to: Timestamp| u64::try_from(to.as_millis() - from.as_millis()).unwrap_or(0);
    // Nothing is sampled for the checks once the end was decided, however long cleaning up takes.
    let reached = status.ending.as_ref().map(|e| e.time).or(status.completion_time).unwrap_or(now);
    Phases {
        warm_up_ms: ms(start, from),
        measure_ms: ms(from, to),
        settle_ms: ms(to, end),
        elapsed_ms: ms(start, reached).min(ms(start, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_api::Quantity;
    use seaworthy_core::{
        condition::Reason,
        soak_test::{Ending, SoakTestPhase},
    };
    use serde_json::json;

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

    #[test]
    fn a_soak_that_was_cut_short_is_judged_as_far_as_it_got() {
        let at = |s: i64| Some(Timestamp::from_millis(s * 1000));
        let planned = Phases { warm_up_ms: 1, measure_ms: 2, settle_ms: 3, elapsed_ms: 6 };
        let mut status = SoakTestStatus {
            start_time: at(100),
            measure_start_time: at(160),
            measure_end_time: at(760),
            settle_end_time: at(790),
            ..SoakTestStatus::default()
        };
        let now = Timestamp::from_millis(400_000);
        let so_far = phases(planned, &status, now);
        assert_eq!(
            (so_far.warm_up_ms, so_far.measure_ms, so_far.settle_ms, so_far.elapsed_ms),
            (60_000, 600_000, 30_000, 300_000)
        );
        status.completion_time = at(200);
        assert_eq!(phases(planned, &status, now).elapsed_ms, 100_000);
        status.completion_time = at(900);
        assert_eq!(phases(planned, &status, now).elapsed_ms, 690_000);
        status.ending = Some(Ending {
            phase: SoakTestPhase::Aborted,
            reason: Reason::Aborted,
            message: "spec.abort was set before it was judged".into(),
            time: Timestamp::from_millis(300_000),
        });
        assert_eq!(phases(planned, &status, now).elapsed_ms, 200_000, "not until the teardown was over");
        assert_eq!(phases(planned, &SoakTestStatus::default(), now), planned);
    }
}
