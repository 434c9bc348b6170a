//! What a report says, before it has a format.

use kube::ResourceExt as _;
use seaworthy_api::convert::soak_test as convert;
use seaworthy_core::{
    candidate::Candidate,
    soak_test::SoakTestStatus,
    time::{Seconds, Timestamp},
    verdict,
};
use seaworthy_soak::{
    check::{CheckSpec, CheckVerdict, Enforcement, Judgement, Phases, Published, Trace, Verdict, judge_against, trace},
    record::{FaultWindow, RunInfo},
};

use crate::{
    look::{self, clean, span},
    recorded::{Recorded, Source},
    unit::amount,
};

/// A soak, judged.
pub(crate) struct Report {
    /// `namespace/name`.
    pub(crate) name: String,
    /// The SoakTest's UID.
    pub(crate) uid: String,
    /// Names and values that say what was soaked, and how.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What a reader must know before believing the rest.
    pub(crate) warnings: Vec<String>,
    /// The schedule.
    pub(crate) run: RunInfo,
    /// The phases.
    pub(crate) phases: Phases,
    /// The verdicts.
    pub(crate) judgement: Judgement,
    /// The checks, in the order of the spec.
    pub(crate) checks: Vec<Judged>,
    /// Declared faults.
    pub(crate) faults: Vec<FaultWindow>,
}

/// One check.
pub(crate) struct Judged {
    /// What it asks.
    pub(crate) spec: CheckSpec,
    /// What came out.
    pub(crate) verdict: CheckVerdict,
    /// What it looked at.
    pub(crate) trace: Trace,
}

impl Judged {
    /// A value of this check as people read it.
    pub(crate) fn amount(&self, value: f64) -> String {
        let metric = self.spec.kind.select().map_or("", |s| s.metric.as_str());
        let per = if self.verdict.kind == "trend" { "/h" } else { "" };
        format!("{}{per}", amount(metric, value))
    }

    /// A value, or nothing.
    pub(crate) fn shown(&self, value: Option<f64>) -> String {
        value.map(|v| self.amount(v)).unwrap_or_default()
    }

    /// The interval, or nothing.
    pub(crate) fn interval(&self) -> String {
        let (Some((from, to)), kind) = (self.verdict.interval, &self.verdict.kind) else { return String::new() };
        let metric = self.spec.kind.select().map_or("", |s| s.metric.as_str());
        let per = if kind == "trend" { "/h" } else { "" };
        format!("{} to {}{per}", amount(metric, from), amount(metric, to))
    }

    /// Whether its verdict counts.
    pub(crate) fn advisory(&self) -> bool {
        self.spec.enforcement == Enforcement::Advisory
    }
}

/// A verdict in one word.
pub(crate) const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Inconclusive => "Inconclusive",
        Verdict::Error => "Error",
    }
}

impl Report {
    /// Judges what was recorded and puts everything together. Pure but for the program's own version.
    pub(crate) fn of(recorded: &Recorded) -> Self {
        let Recorded { object, checks, phases, evidence, published, .. } = recorded;
        let published = published.as_ref().map(|(evidence, phases)| Published { evidence, phases: *phases });
        let judgement = judge_against(checks, evidence, phases, published);
        let judged = checks.iter().zip(&judgement.checks).map(|(spec, verdict)| Judged {
            spec: spec.clone(),
            verdict: CheckVerdict { message: clean(&verdict.message), ..verdict.clone() },
            trace: trace(spec, evidence, phases),
        });
        let status = object.status.clone().unwrap_or_default();
        Self {
            name: format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()),
            uid: object.uid().unwrap_or_default(),
            facts: facts(recorded, &status, &judgement),
            warnings: warnings(recorded, &status, &judgement),
            run: evidence.run().clone(),
            phases: *phases,
            checks: judged.collect(),
            faults: evidence.faults().to_vec(),
            judgement,
        }
    }
}

fn facts(recorded: &Recorded, status: &SoakTestStatus, judgement: &Judgement) -> Vec<(&'static str, String)> {
    let Recorded { object, phases, evidence, .. } = recorded;
    let (kind, namespace, name) = convert::target(object);
    let mut facts = vec![("Target", format!("{kind:?} {namespace}/{name}"))];
    if let Some(candidate) = &object.spec.candidate {
        candidate_facts(candidate, &mut facts);
    }
    let run = evidence.run();
    let ms = |ms: u64| span(Seconds(ms / 1000));
    let start = Timestamp::from_millis(run.start_unix_ms);
    facts.push(("Start", look::clock(start)));
    facts.push((
        "Schedule",
        format!(
            "warm-up {}, measure {}, settle {}, a sample every {}",
            ms(phases.warm_up_ms),
            ms(phases.measure_ms),
            ms(phases.settle_ms),
            ms(run.interval_ms)
        ),
    ));
    let whole = phases.warm_up_ms + phases.measure_ms + phases.settle_ms;
    if phases.elapsed_ms < whole {
        facts.push(("Reached", format!("{} of {}", ms(phases.elapsed_ms), ms(whole))));
    }
    let coverage = &judgement.coverage;
    let percent = (coverage.obtained * 100).checked_div(coverage.planned).unwrap_or(0);
    let gap = ms(coverage.longest_gap_ms);
    facts.push((
        "Coverage",
        format!("{} of {} slots ({percent} %), longest gap {gap}", coverage.obtained, coverage.planned),
    ));
    facts.push(("Our own load", format!("{} requests to the target", coverage.requests)));
    if let Some(with) = &status.compared_with {
        facts.push(("Compared with", format!("Release {} (soak/{})", with.release, with.soak_test)));
    }
    if let Some(needed) = judgement.needed_seconds {
        facts.push(("Would settle it", format!("a measure of {}", span(Seconds(needed)))));
    }
    let tip = evidence.tip().or(status.evidence.as_ref().map(|e| e.chain_tip.as_str())).unwrap_or_default();
    if !tip.is_empty() {
        facts.push(("Evidence", format!("{} slots, chain tip {tip}", evidence.slots())));
    }
    if let Source::Cluster(server) = &recorded.source {
        facts.push(("Environment", server.clone()));
    }
    facts.push(("Judged by", format!("kubectl-seaworthy {}", env!("CARGO_PKG_VERSION"))));
    facts.into_iter().map(|(name, value)| (name, clean(&value))).collect()
}

fn candidate_facts(candidate: &Candidate, facts: &mut Vec<(&'static str, String)>) {
    let version = crate::tree::release::versions(&candidate.version, &candidate.candidate_version, "");
    let all = [("Version", version), ("Release", candidate.release.clone()), ("Revision", candidate.revision.clone())];
    facts.extend(all.into_iter().filter(|(_, value)| !value.is_empty()));
    facts.extend(candidate.artifacts.iter().map(|a| ("Artifact", format!("{} {}@{}", a.name, a.uri, a.digest))));
}

fn warnings(recorded: &Recorded, status: &SoakTestStatus, judgement: &Judgement) -> Vec<String> {
    let mut warnings = Vec::new();
    if !recorded.changes.is_empty() {
        let changes: Vec<String> = recorded.changes.iter().map(ToString::to_string).collect();
        warnings.push(format!("judged by other thresholds than the soak's own: {}", changes.join(", ")));
    }
    if matches!(recorded.source, Source::Files) {
        warnings.push(
            "read from files: nobody vouches that they are what was recorded; declared faults, inventories and what baselines compare with are not in them".into(),
        );
    }
    if status.completion_time.is_none() {
        warnings.push("the soak is not finished: everything here is what is known so far".into());
    }
    for check in &judgement.checks {
        let recorded = status.checks.iter().find(|c| c.name == check.name).and_then(|c| c.verdict);
        if let Some(before) = recorded.filter(|before| recorded_word(*before) != word(check.verdict)) {
            warnings.push(format!(
                "check {:?}: {} here, {} in the soak's status",
                check.name,
                word(check.verdict),
                recorded_word(before)
            ));
        }
    }
    warnings.into_iter().map(|w| clean(&w)).collect()
}

const fn recorded_word(verdict: verdict::Verdict) -> &'static str {
    match verdict {
        verdict::Verdict::Passed => "Passed",
        verdict::Verdict::Failed => "Failed",
        verdict::Verdict::Inconclusive => "Inconclusive",
        verdict::Verdict::Error => "Error",
    }
}
