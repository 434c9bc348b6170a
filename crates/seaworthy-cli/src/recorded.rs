//! A soak's evidence with all that is needed to judge it again: from the cluster, or from files that were exported earlier.

mod change;

use std::path::Path;

use kube::{Resource as _, ResourceExt as _};
use seaworthy_api::{
    SoakTest,
    convert::soak_test::{self as convert, MAX_SLOTS},
};
use seaworthy_core::{
    soak_test::SoakTestStatus,
    time::{Seconds, Timestamp},
};
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

pub(crate) use self::change::Change;
use self::change::{changed, schema};
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

/// A SoakTest and its evidence in files: as `kubectl get -o yaml` or `-o json` prints the one, and `kubectl seaworthy evidence` the other.
#[derive(Clone, Copy)]
pub(crate) struct Files<'p> {
    /// The SoakTest.
    pub(crate) soak: &'p Path,
    /// Its evidence.
    pub(crate) evidence: &'p Path,
}

impl Files<'_> {
    fn read(self) -> Result<(SoakTest, Evidence), Failure> {
        let Self { soak, evidence: csv } = self;
        let text = |path: &Path| {
            exit::read(path, MOST).map_err(|e| Failure::unusable(format!("cannot read {}: {e}", path.display())))
        };
        let (yaml, csv_text) = (text(soak)?, text(csv)?);
        let no_soak = |e: &dyn std::fmt::Display| Failure::unusable(format!("{} is no SoakTest: {e}", soak.display()));
        // By way of a plain value: numbers that may also be strings are told apart there as the API server does.
        let value: serde_json::Value = serde_saphyr::from_str(&yaml).map_err(|e| no_soak(&e))?;
        if let Some(field) = unknown(&value)? {
            let problem = format!("{field}: there is no such field; `kubectl explain soaktest.spec` lists them");
            return Err(no_soak(&problem));
        }
        let object: SoakTest = serde_json::from_value(value).map_err(|e| no_soak(&e))?;
        let status = object.status.clone().unwrap_or_default();
        // What the operator would not have begun, nor judged.
        if let Some(problem) = convert::spec(&object).problem.or_else(|| too_many_slots(&object, &status)) {
            return Err(Failure::unusable(format!("{}: {problem}", soak.display())));
        }
        let run = convert::run(&object.uid().unwrap_or_default(), &object.spec.soak, &status).ok_or_else(|| {
            let path = soak.display();
            Failure::unusable(format!("{path} has no status.startTime: write it with `kubectl get -o yaml`"))
        })?;
        let evidence =
            Evidence::from_csv(&run, &csv_text).map_err(|e| Failure::unusable(format!("{}: {e}", csv.display())))?;
        Ok((object, evidence))
    }
}

/// Reads a soak from files, and the one that its `baseline` checks compare with.
pub(crate) fn from_files(
    files: Files<'_>,
    baseline: Option<Files<'_>>,
    changes: &[Change],
) -> Result<Recorded, Failure> {
    let (object, evidence) = files.read()?;
    let published = baseline.map(|files| before(&object, files)).transpose()?;
    Ok(Recorded { published, ..complete(&object, evidence, Source::Files, changes)? })
}

/// What `baseline` checks of `object` compare with, from files: only what the operator would compare them with, where it is on record.
fn before(object: &SoakTest, files: Files<'_>) -> Result<(Evidence, Phases), Failure> {
    if object.spec.soak.checks.iter().all(|c| c.baseline.is_none()) {
        let message = "the soak has no baseline check: leave out --baseline-soak and --baseline-evidence";
        return Err(Failure::unusable(message));
    }
    let (before, evidence) = files.read()?;
    let compared = object.status.as_ref().and_then(|s| s.compared_with.as_ref());
    if let Some(with) = compared.filter(|with| before.uid().as_deref() != Some(with.uid.as_str())) {
        return Err(Failure::unusable(format!(
            "--baseline-soak is soak/{} with the UID {:?}, and this one was compared with soak/{} of Release {} with the UID {:?}: give that one",
            before.name_any(),
            before.uid().unwrap_or_default(),
            with.soak_test,
            with.release,
            with.uid
        )));
    }
    // As far as it went: what was published had passed.
    let planned = convert::phases(&before.spec.soak);
    let more = before.status.clone().unwrap_or_default().extended().0.saturating_mul(1000);
    let measure_ms = planned.measure_ms.saturating_add(more);
    Ok((evidence, Phases { measure_ms, elapsed_ms: planned.elapsed_ms.saturating_add(more), ..planned }))
}

/// What is wrong with a status that has more slots than are judged: its times may say anything.
fn too_many_slots(object: &SoakTest, status: &SoakTestStatus) -> Option<String> {
    let remedy = format!("at most {MAX_SLOTS} can be judged: write the SoakTest again with `kubectl get -o yaml`");
    let (spec, interval) = (convert::spec(object), object.spec.soak.interval);
    let (seconds, every) = (status.extended().0, spec.interval.0.max(1));
    let slots = spec.slots(Seconds(0)).saturating_add(seconds / every);
    if slots > MAX_SLOTS {
        return Some(format!("status.extension.seconds: {seconds} gives {slots} slots, {remedy}"));
    }
    let times = [
        ("startTime", status.start_time),
        ("measureStartTime", status.measure_start_time),
        ("measureEndTime", status.measure_end_time),
        ("settleEndTime", status.settle_end_time),
    ];
    let times = || times.iter().filter_map(|(name, time)| Some((name, (*time)?)));
    let ((first, from), (last, to)) = (times().min_by_key(|(_, time)| *time)?, times().max_by_key(|(_, time)| *time)?);
    let seconds = u64::try_from(to.as_millis() - from.as_millis()).unwrap_or(0) / 1000;
    let slots = seconds / every + 1;
    (slots > MAX_SLOTS)
        .then(|| format!("status.{last}: {to} is {slots} slots of {interval} after status.{first}, {remedy}"))
}

/// The first field that a SoakTest does not have: left out without a word, it would change what is judged.
fn unknown(soak: &Value) -> Result<Option<String>, Failure> {
    let schema = schema()?;
    let properties = &schema["properties"];
    Ok(["spec", "status"].into_iter().find_map(|part| repo::unknown(part, &soak[part], &properties[part])))
}

fn complete(object: &SoakTest, evidence: Evidence, source: Source, changes: &[Change]) -> Result<Recorded, Failure> {
    let object = changed(object, changes)?;
    let checks = convert::checks(&object.spec.soak).map_err(|e| Failure::unusable(format!("the soak's spec: {e}")))?;
    let status = object.status.clone().unwrap_or_default();
    let phases = phases(convert::phases(&object.spec.soak), &status, look::now());
    Ok(Recorded { source, changes: changes.to_vec(), object, checks, phases, evidence, published: None })
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
    use seaworthy_core::{
        condition::Reason,
        soak_test::{Ending, SoakTestPhase},
    };

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
