//! All checks of a run over its evidence.

use super::finding::Finding;
use super::restarts::pods_in;
use super::spec::{CheckKind, CheckSpec, Enforcement};
use super::verdict::{CheckVerdict, Coverage, Judgement, Verdict};
use super::view::{Row, View, stale};
use super::window::{Phases, Window};
use super::{baseline, bound, growth, increase, leftovers, progress, restarts, shown, survivors, trend};
use crate::evidence::Evidence;
use crate::record::{PodPhase, PodState};
use crate::series::INVENTORY;
use crate::text::{Place, PlacedGap};
use crate::trend::{ALPHA, holm};

/// Judges a run: the one function for the operator, offline judgement and reports.
///
/// Total and deterministic. It works while the run goes on: then facts may have failed already, and everything else is
/// inconclusive so far. A run without any required check never passes.
pub fn judge(specs: &[CheckSpec], evidence: &Evidence, phases: &Phases) -> Judgement {
    judge_against(specs, evidence, phases, None)
}

/// The evidence of the release that was published last, and its phases: what `baseline` checks compare with.
#[derive(Debug, Clone, Copy)]
pub struct Published<'e> {
    /// Its evidence.
    pub evidence: &'e Evidence,
    /// Its phases.
    pub phases: Phases,
}

/// [`judge`], with something for `baseline` checks to compare with.
pub fn judge_against(
    specs: &[CheckSpec],
    evidence: &Evidence,
    phases: &Phases,
    published: Option<Published<'_>>,
) -> Judgement {
    let view = View::of(evidence);
    let before = published.map(|p| (View::of(p.evidence), p.phases));
    let first: Vec<_> = specs.iter().map(|spec| check(&view, spec, phases, before.as_ref())).collect();
    let findings = correct(specs, first);
    let told = |(spec, finding)| named(spec, with_targets(&view, spec, phases, finding));
    let checks: Vec<CheckVerdict> = specs.iter().zip(findings).map(told).collect();
    let required = || checks.iter().filter(|c| c.enforcement == Enforcement::Required);
    let verdict = required().map(|c| c.verdict).reduce(Verdict::graver).unwrap_or(Verdict::Inconclusive);
    let open: Vec<_> = required().filter(|c| c.verdict == Verdict::Inconclusive).map(|c| c.needed_seconds).collect();
    let needed_seconds = open.iter().copied().collect::<Option<Vec<_>>>().and_then(|n| n.into_iter().max());
    let ends_run = |(spec, verdict): (&CheckSpec, &CheckVerdict)| {
        spec.fail_fast
            && verdict.enforcement == Enforcement::Required
            && verdict.verdict == Verdict::Failed
            && verdict.settled
    };
    let fail_fast = specs.iter().zip(&checks).any(ends_run);
    let coverage = coverage(&view, specs, phases);
    Judgement { verdict, checks, coverage, needed_seconds, fail_fast }
}

/// A metric that only some of the targets show, or a target that became smaller, may be meant so, but is never left unsaid.
fn with_targets(view: &View<'_>, spec: &CheckSpec, phases: &Phases, mut finding: Finding) -> Finding {
    let Some(select) = spec.kind.select() else { return finding };
    let window = Window::new(view, phases, spec.warm_up_seconds);
    for told in [shown::told(view, select, &window), shown::shrank(view, &window)].into_iter().flatten() {
        finding.message = format!("{}; {told}", finding.message);
    }
    finding
}

fn named(spec: &CheckSpec, finding: Finding) -> CheckVerdict {
    CheckVerdict {
        name: spec.name.clone(),
        kind: spec.kind.word().to_owned(),
        enforcement: spec.enforcement,
        verdict: finding.verdict,
        value: finding.value,
        interval: finding.interval,
        threshold: finding.threshold,
        detectable: finding.detectable,
        needed_seconds: finding.needed_seconds,
        settled: finding.settled,
        message: finding.message,
    }
}

/// A check that is judged, or a trend that waits for the others.
enum Checked {
    Done(Finding),
    Waits(Box<trend::Prepared>),
}

/// Decides the trends. The required ones share one error level, since any of them may stop a release; the others have their own.
fn correct(specs: &[CheckSpec], checked: Vec<Checked>) -> Vec<Finding> {
    let mut required = Vec::new();
    for (spec, one) in specs.iter().zip(&checked) {
        if let (Checked::Waits(prepared), Enforcement::Required) = (one, spec.enforcement) {
            required.push(prepared.p_value());
        }
    }
    let (mut levels, trends) = (holm(&required).into_iter(), required.len());
    let mut decide = |(spec, one): (&CheckSpec, Checked)| match one {
        Checked::Done(finding) => finding,
        Checked::Waits(prepared) => {
            let own = if spec.enforcement == Enforcement::Required { levels.next() } else { None };
            trend::decide(&prepared, own.unwrap_or(ALPHA), trends)
        }
    };
    specs.iter().zip(checked).map(&mut decide).collect()
}

fn check(view: &View<'_>, spec: &CheckSpec, phases: &Phases, published: Option<&(View<'_>, Phases)>) -> Checked {
    if let Err(error) = spec.validate() {
        return Checked::Done(Finding::new(Verdict::Error, error.to_string()));
    }
    let window = Window::new(view, phases, spec.warm_up_seconds);
    if let Some(message) = foreign_pod(view, &window) {
        return Checked::Done(Finding { settled: true, ..Finding::new(Verdict::Error, message) });
    }
    let on_missing = spec.on_missing;
    let before = published.map(|(view, phases)| (view, Window::new(view, phases, spec.warm_up_seconds)));
    Checked::Done(match &spec.kind {
        CheckKind::Trend(rule) => match trend::prepare(view, rule, on_missing, &window) {
            Ok(prepared) => return Checked::Waits(Box::new(prepared)),
            Err(finding) => finding,
        },
        CheckKind::Bound(rule) => bound::judge(view, rule, on_missing, &window),
        CheckKind::Increase(rule) => increase::judge(view, rule, on_missing, &window),
        CheckKind::Growth(rule) => growth::judge(view, rule, on_missing, &window),
        CheckKind::Progress(rule) => progress::judge(view, rule, on_missing, &window),
        CheckKind::Restarts(rule) => restarts::judge(view, rule, on_missing, &window),
        CheckKind::Survivors(rule) => survivors::judge(view, &spec.name, rule, &window),
        CheckKind::Leftovers(rule) => leftovers::judge(view, &spec.name, rule, phases),
        CheckKind::Baseline(rule) => baseline::judge(view, rule, on_missing, &window, before),
    })
}

/// A pod that runs something other than the candidate: its evidence says nothing about the candidate.
fn foreign_pod(view: &View<'_>, window: &Window) -> Option<String> {
    let runs = |phase| matches!(phase, PodPhase::Running | PodPhase::Pending | PodPhase::Unknown);
    let foreign = |p: &&PodState| !p.candidate && !p.terminating && runs(p.phase);
    view.pictures().flatten().find(foreign)?;
    let pod = window.rows().find_map(|row| pods_in(view, row).ok()?.iter().find(foreign))?;
    Some(format!(
        "pod {} does not run the candidate: this evidence is not about it; check the target's image and setup",
        pod.name
    ))
}

/// Coverage of the judged time over all sources that the checks read.
fn coverage(view: &View<'_>, specs: &[CheckSpec], phases: &Phases) -> Coverage {
    let window = Window::new(view, phases, None);
    let mut sources: Vec<&str> = specs.iter().filter_map(|s| s.kind.select()).map(|s| s.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let watches_pods = specs.iter().any(|s| matches!(s.kind, CheckKind::Restarts(_)));
    let mut coverage = Coverage { planned: window.planned, requests: requests(view), ..Coverage::default() };
    let gave: Vec<_> = sources.iter().map(|source| (*source, view.rows(source))).collect();
    // What the checks hold for seen: a page with nothing new, too, as long as its values stand.
    let gives = |source: &str, row: usize, gave: Row| match gave {
        Row::Pages | Row::Repeated => !stale(view, source, row),
        Row::Gap(_) => false,
    };
    let mut missing = 0;
    for row in window.rows() {
        let seen = gave.iter().all(|(source, gave)| gives(source, row, gave(row)))
            && (!watches_pods || pods_in(view, row).is_ok());
        if seen {
            coverage.obtained += 1;
            missing = 0;
        } else {
            missing += view.interval_ms();
            coverage.longest_gap_ms = coverage.longest_gap_ms.max(missing);
        }
    }
    coverage
}

/// Requests to the target's own pages, the whole run long: a harness must know its own load. The kubelet, which is asked about
/// `pod/container`, and the pods of other Services bear theirs themselves.
fn requests(view: &View<'_>) -> u64 {
    let own = view.pod_names();
    // Where nobody ever saw the pods, who is asked by name alone counts as the target.
    let is_own = |target: &str| if own.is_empty() { !target.contains('/') } else { own.contains(target) };
    let asked = |placed: &&PlacedGap| match &placed.place {
        Place::Target { source, target } => source != INVENTORY && is_own(target) && placed.gap.reason.asked(),
        Place::Everywhere | Place::Pods => false,
    };
    let sources = view.sources();
    let rows = || 0..view.evidence.table.rows();
    let targets = sources.iter().flat_map(|source| view.targets(source)).filter(|(name, _)| is_own(name));
    let answered: usize = targets.map(|(_, target)| rows().filter(|row| target.seen(*row)).count()).sum();
    let unanswered: usize = rows().map(|row| view.gaps(row).iter().filter(asked).count()).sum();
    (answered + unanswered) as u64
}
