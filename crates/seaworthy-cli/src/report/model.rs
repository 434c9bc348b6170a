//! What a report says, before it has a format.

use std::collections::BTreeSet;

use kube::ResourceExt as _;
use seaworthy_api::{convert::soak_test as convert, soak_test::OnInconclusive};
use seaworthy_core::{
    candidate::Candidate,
    soak_test::SoakTestStatus,
    time::{Seconds, Timestamp},
    verdict,
};
use seaworthy_soak::{
    check::{
        CheckKind, CheckSpec, CheckVerdict, Enforcement, Judgement, Limit, LimitKind, Phases, Published, Slopes, Trace,
        TrendOf, Verdict, judge_against, trace,
    },
    evidence::{Evidence, Without},
    record::{FaultWindow, InventoryPoint, ObjectRef, RunInfo},
    unit::amount,
};

use super::ended::Ended;
use crate::{
    look::{self, clean, span},
    recorded::{Recorded, Source},
};

/// So many declared faults are told.
const FAULTS: usize = 6;
/// What the words beside a verdict with an interval mean, see docs/trend-verdict.md.
const WORDS: &str = "found from: a steady rise of so much fails in 74 to 95 of 100 soaks like this one, by how its level moves, and a smaller one may fail, too; interval: each end is on the right side of what is true in 98 to 99 of 100 soaks, the lower one in 93 where the level wanders for hours (it lies further below where several required trends share one error); a trend fails where the interval lies above what is tolerable, and passes where it stays below what is not, or where one step explains the rise (a step included)";
/// What no trend can tell, see docs/trend-verdict.md.
const LIMITS: &str = "a level that wanders at random fails in about 9 of 100 soaks; a level that rises ever more slowly, or a bounded cache that fills evenly, cannot be told from a leak: measure longer, lengthen the warm-up, or make the cache smaller; a leak that comes in one large lump is taken for what is loaded once: measure for several lumps";

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
    /// The verdicts: the soak's is no better than how it ended.
    pub(crate) judgement: Judgement,
    /// Why the soak's verdict is what it is, in one line.
    pub(crate) why: String,
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
    /// What `leftovers` compared.
    pub(crate) compared: Option<Compared>,
}

/// The inventories before the load and after settle.
pub(crate) struct Compared {
    /// Objects before the load.
    pub(crate) before: usize,
    /// Objects after settle.
    pub(crate) after: usize,
    /// How many of these were not there before.
    pub(crate) left: usize,
    /// The first of them, at most [`Compared::NAMED`].
    pub(crate) named: Vec<String>,
}

impl Compared {
    /// So many objects that stayed behind are named.
    pub(crate) const NAMED: usize = 20;

    fn of(evidence: &Evidence, check: &str) -> Option<Self> {
        let (before, after) =
            (evidence.inventory(check, InventoryPoint::Before)?, evidence.inventory(check, InventoryPoint::After)?);
        let known: BTreeSet<&str> = before.iter().map(|o| o.uid.as_str()).collect();
        let left: Vec<&ObjectRef> = after.iter().filter(|o| !known.contains(o.uid.as_str())).collect();
        let words = |o: &&ObjectRef| {
            let place = if o.namespace.is_empty() { String::new() } else { format!("{}/", o.namespace) };
            clean(&format!("{} {place}{}", o.resource, o.name))
        };
        let named = left.iter().take(Self::NAMED).map(words).collect();
        Some(Self { before: before.len(), after: after.len(), left: left.len(), named })
    }
}

impl Judged {
    /// A value of this check as people read it.
    pub(crate) fn amount(&self, value: f64) -> String {
        let per = if self.verdict.kind == "trend" { "/h" } else { "" };
        format!("{}{per}", amount(self.metric(), value))
    }

    /// The metric whose name tells the unit; none where a rate is judged, which has another one.
    pub(crate) fn metric(&self) -> &str {
        let rate = matches!(&self.spec.kind, CheckKind::Trend(rule) if rule.of == TrendOf::Rate);
        self.spec.kind.select().filter(|_| !rate).map_or("", |s| s.metric.as_str())
    }

    /// A value, or nothing.
    pub(crate) fn shown(&self, value: Option<f64>) -> String {
        value.map(|v| self.amount(v)).unwrap_or_default()
    }

    /// The interval, or nothing.
    pub(crate) fn interval(&self) -> String {
        let (Some((from, to)), kind) = (self.verdict.interval, &self.verdict.kind) else { return String::new() };
        let per = if kind == "trend" { "/h" } else { "" };
        let step = if self.passed_by_a_step() { ", a step included" } else { "" };
        format!("{} to {}{per}{step}", amount(self.metric(), from), amount(self.metric(), to))
    }

    /// Whether a trend passed although its interval would not let it: then one step explains the rise, and the interval is that of the whole.
    fn passed_by_a_step(&self) -> bool {
        let reaches =
            |((lower, upper), slopes): ((f64, f64), Slopes)| lower > slopes.tolerable || upper > slopes.unacceptable;
        self.verdict.verdict == Verdict::Passed && self.verdict.interval.zip(self.trace.slopes).is_some_and(reaches)
    }

    /// What the value was compared with, or nothing: of a trend both slopes.
    pub(crate) fn threshold(&self) -> String {
        let Some(slopes) = self.trace.slopes else { return self.shown(self.verdict.threshold) };
        format!("{} tolerable, {} not", self.amount(slopes.tolerable), self.amount(slopes.unacceptable))
    }

    /// The measure that would settle it, or nothing.
    pub(crate) fn needed(&self) -> String {
        self.verdict.needed_seconds.map(|n| span(Seconds(n))).unwrap_or_default()
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
        let mut judgement = judge_against(checks, evidence, phases, published);
        if matches!(recorded.source, Source::Files) {
            for (spec, verdict) in checks.iter().zip(&mut judgement.checks) {
                without_files(recorded, spec, verdict);
            }
        }
        let judged = |(spec, verdict): (&CheckSpec, &CheckVerdict)| {
            let mut trace = trace(spec, evidence, phases);
            trace.limits.extend(levels(spec, verdict, published));
            let verdict = CheckVerdict { message: clean(&verdict.message), ..verdict.clone() };
            Judged { spec: spec.clone(), verdict, trace, compared: Compared::of(evidence, &spec.name) }
        };
        let judged: Vec<Judged> = checks.iter().zip(&judgement.checks).map(judged).collect();
        let status = object.status.clone().unwrap_or_default();
        let ended = Ended::of(&status);
        judgement.verdict = Ended::verdict(ended.as_ref(), judgement.verdict);
        let fails = object.spec.soak.on_inconclusive == Some(OnInconclusive::Fail);
        let end = ended.as_ref().and_then(|e| e.warning(judgement.verdict, fails));
        Self {
            name: format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any()),
            uid: object.uid().unwrap_or_default(),
            facts: facts(recorded, &status, &judgement),
            warnings: warnings(recorded, &status, &judgement, end),
            why: why(ended.as_ref(), &judgement),
            run: evidence.run().clone(),
            phases: *phases,
            checks: judged,
            faults: evidence.faults().to_vec(),
            judgement,
        }
    }
}

/// The level that a `baseline` check compared with, and the one that was allowed: the verdict holds their difference, which is a known part of
/// the level.
fn levels(spec: &CheckSpec, verdict: &CheckVerdict, published: Option<Published<'_>>) -> Vec<Limit> {
    let (CheckKind::Baseline(rule), Some(allowed), Some(before)) = (&spec.kind, verdict.threshold, published) else {
        return Vec::new();
    };
    if rule.max_rise <= 0.0 {
        return Vec::new();
    }
    let before = trace(spec, before.evidence, &before.phases);
    let values = || before.lines.iter().flat_map(|l| &l.points).map(|p| p.value);
    let below_zero = 2 * values().filter(|v| *v < 0.0).count() > values().count();
    let size = allowed / rule.max_rise;
    let level = if below_zero { -size } else { size };
    vec![Limit { value: level, kind: LimitKind::Baseline }, Limit { value: level + allowed, kind: LimitKind::Max }]
}

/// Says of a check what exported files do not tell it: neither "run again" nor silence would be true.
fn without_files(recorded: &Recorded, spec: &CheckSpec, verdict: &mut CheckVerdict) {
    let Recorded { object, evidence, published, .. } = recorded;
    let there = || format!("judge soak/{} in the cluster", object.name_any());
    match &spec.kind {
        CheckKind::Leftovers(_) => match evidence.without_inventories() {
            Some(Without::OldExport) => {
                let what =
                    "this export is of an older program and holds no inventories to compare: export it again, or";
                verdict.message = format!("{what} {}", there());
            }
            Some(Without::TooLarge) => {
                let what = "the inventories were too large to be exported, so there are none to compare";
                verdict.message = format!("{what}: {}", there());
            }
            None => {}
        },
        CheckKind::Baseline(_) if published.is_none() => {
            let what =
                "files do not hold the release to compare with: give it by --baseline-soak and --baseline-evidence, or";
            verdict.message = format!("{what} {}", there());
        }
        CheckKind::Trend(_)
        | CheckKind::Baseline(_)
        | CheckKind::Bound(_)
        | CheckKind::Increase(_)
        | CheckKind::Growth(_)
        | CheckKind::Restarts(_)
        | CheckKind::Survivors(_)
        | CheckKind::Progress(_) => {}
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
    if !evidence.faults().is_empty() {
        facts.push(("Declared faults", faults(evidence.faults())));
    }
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
    if let Source::Cluster(server) = &recorded.source
        && !server.is_empty()
    {
        facts.push(("Environment", format!("{server} when this was written")));
    }
    if judgement.checks.iter().any(|check| check.detectable.is_some()) {
        facts.push(("Words", WORDS.to_owned()));
    }
    if judgement.checks.iter().any(|check| check.kind == "trend") {
        facts.push(("Known limits of trends", LIMITS.to_owned()));
    }
    facts.push(("Judged by", format!("kubectl-seaworthy {}", env!("CARGO_PKG_VERSION"))));
    facts.into_iter().map(|(name, value)| (name, clean(&value))).collect()
}

/// The first declared faults, with their times since the start.
fn faults(all: &[FaultWindow]) -> String {
    let at = |ms: u64| span(Seconds(ms / 1000));
    let told = |f: &FaultWindow| format!("{} ({} to {})", f.kind, at(f.from_ms), at(f.to_ms));
    let mut words: Vec<String> = all.iter().take(FAULTS).map(told).collect();
    if all.len() > FAULTS {
        words.push(format!("and {} more", all.len() - FAULTS));
    }
    format!("{}; trends leave them out", words.join(", "))
}

fn candidate_facts(candidate: &Candidate, facts: &mut Vec<(&'static str, String)>) {
    let version = crate::tree::release::versions(&candidate.version, &candidate.candidate_version, "");
    let all = [("Version", version), ("Release", candidate.release.clone()), ("Revision", candidate.revision.clone())];
    facts.extend(all.into_iter().filter(|(_, value)| !value.is_empty()));
    facts.extend(candidate.artifacts.iter().map(|a| ("Artifact", format!("{} {}@{}", a.name, a.uri, a.digest))));
}

/// Why the soak's verdict is what it is.
fn why(ended: Option<&Ended>, judgement: &Judgement) -> String {
    let required = judgement.checks.iter().filter(|c| c.enforcement == Enforcement::Required);
    let required: Vec<String> = required.map(|c| format!("{} {}", c.name, word(c.verdict))).collect();
    let checks = if required.is_empty() {
        "no check is required, so nothing can pass: make one Required".to_owned()
    } else {
        format!("required checks: {}", required.join(", "))
    };
    clean(&match ended {
        None => format!("the soak has not ended; {checks}"),
        Some(ended) => ended.before(&checks),
    })
}

fn warnings(recorded: &Recorded, status: &SoakTestStatus, judgement: &Judgement, end: Option<String>) -> Vec<String> {
    let mut warnings: Vec<String> = end.into_iter().collect();
    if !recorded.changes.is_empty() {
        let changes: Vec<String> = recorded.changes.iter().map(ToString::to_string).collect();
        warnings.push(format!("judged by other thresholds than the soak's own: {}", changes.join(", ")));
    }
    if matches!(recorded.source, Source::Files) {
        warnings.push("read from files: nobody vouches that they are what was recorded".into());
    }
    if matches!(recorded.source, Source::Files) && recorded.published.is_some() && status.compared_with.is_none() {
        warnings.push("baselines are compared with files that the soak's status does not name".into());
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
