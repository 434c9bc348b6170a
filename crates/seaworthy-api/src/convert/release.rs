//! `Release` and `ReleasePlan`.

use seaworthy_core::{
    release::{
        GateKind, check_freeze,
        observed::{
            self, Approval, Batching, Concurrency, ExternalPublish, GateRule, Policy, PublishRule, Resolution, Spec,
            VersionRule, Waiver,
        },
    },
    time::Seconds,
    version,
};

use crate::{
    Gate, Release, ReleasePlanSpec, hash,
    release::Choice,
    release_plan::{
        ApprovalMode, ConcurrencyPolicy, Freeze, Level, NotesSection, OnDisputed, VersionPolicy, VersionPolicyKind,
    },
};

/// What a Release asks for.
pub fn spec(release: &Release) -> Spec {
    let spec = &release.spec;
    Spec {
        plan: spec.plan_ref.name.clone(),
        revision: spec.revision.clone(),
        version: spec.version.as_ref().map(|v| v.number.clone()),
        artifacts: spec.artifacts.clone(),
        suspend: spec.suspend,
        abort: spec.abort,
        approval: spec.approval.as_ref().map(|a| Approval {
            approved: a.approved,
            by: a.by.clone(),
            digest: a.digest.clone(),
            reason: a.reason.clone(),
        }),
        on_disputed: spec.on_disputed.map(|choice| match choice {
            Choice::Strict => version::OnDisputed::Strict,
            Choice::Higher => version::OnDisputed::Higher,
        }),
        external_publish: spec.external_publish.as_ref().map(|report| ExternalPublish {
            outcome: report.outcome,
            artifacts: report.artifacts.clone(),
            by: report.by.clone(),
            reason: report.reason.clone(),
        }),
        waivers: spec
            .waivers
            .iter()
            .map(|w| Waiver { gate: w.gate.clone(), by: w.by.clone(), reason: w.reason.clone() })
            .collect(),
        resolution: spec.resolution.as_ref().map(|word| Resolution {
            outcome: word.outcome,
            by: word.by.clone(),
            reason: word.reason.clone(),
        }),
    }
}

/// A plan, as far as decisions need it.
///
/// # Errors
/// What the API server could not check, as field, value, remedy.
pub fn policy(plan: &ReleasePlanSpec) -> Result<Policy, String> {
    for (name, soak) in plan.gates.iter().filter_map(|g| Some((&g.name, g.soak.as_ref()?))) {
        super::soak_test::checks(soak).map_err(|e| format!("gates: {name:?}: {e}"))?;
    }
    Ok(Policy {
        version: VersionRule {
            explicit: plan.version.policy == VersionPolicyKind::Explicit,
            policy: version_policy(&plan.version)?,
        },
        candidate: plan.candidate.task.as_ref().map(|task| task.timeout.get()),
        gates: plan.gates.iter().map(gate).collect(),
        approval: (plan.approval_policy.mode == ApprovalMode::Manual).then(|| plan.approval_policy.timeout.get()),
        batching: batching(plan)?,
        choice: plan.approval_policy.timeout.get(),
        notes: notes(&plan.version)?,
        publish: PublishRule {
            timeout: match (&plan.publish.task, &plan.publish.external) {
                (Some(task), _) => task.timeout.get(),
                (None, Some(external)) => external.timeout.get(),
                (None, None) => return Err("publish: give exactly one of task and external".into()),
            },
            external: plan.publish.external.is_some(),
            verify: plan.publish.verify.as_ref().map(|v| v.task.timeout.get()),
            max_attempts: plan.publish.max_attempts,
        },
        concurrency: match plan.concurrency_policy {
            ConcurrencyPolicy::Latest => Concurrency::Latest,
            ConcurrencyPolicy::Queue => Concurrency::Queue,
            ConcurrencyPolicy::Supersede => Concurrency::Supersede,
        },
        deadline: plan.deadline.get(),
    })
}

fn gate(gate: &Gate) -> GateRule {
    let (kind, length) = match &gate.soak {
        Some(soak) => (GateKind::SoakTest, soak.warm_up.get() + soak.measure.get() + soak.settle.get()),
        None => (GateKind::E2ERun, Seconds(0)),
    };
    GateRule { name: gate.name.clone(), kind, run_after: gate.run_after.clone(), enforcement: gate.enforcement, length }
}

/// The rules by which versions are chosen.
///
/// # Errors
/// When a number in it is none.
pub fn version_policy(policy: &VersionPolicy) -> Result<version::Policy, String> {
    let initial_version = policy
        .initial_version
        .parse()
        .map_err(|e| format!("version.initialVersion: {:?} is no semantic version: {e}", policy.initial_version))?;
    Ok(version::Policy {
        tag_format: policy.tag_format.clone(),
        initial_version,
        breaking_before_v1: match policy.breaking_before_v1 {
            Level::Major => version::BreakingBeforeV1::Major,
            Level::Minor | Level::Patch | Level::None => version::BreakingBeforeV1::Minor,
        },
        minimum_level: level(policy.minimum_level),
        on_disputed: match policy.on_disputed {
            OnDisputed::Strict => version::OnDisputed::Strict,
            OnDisputed::Higher => version::OnDisputed::Higher,
            OnDisputed::Ask => version::OnDisputed::Ask,
            OnDisputed::Fail => version::OnDisputed::Fail,
        },
        types: policy.types.iter().map(|(k, v)| (k.clone(), level(*v))).collect(),
        paths: policy.paths.clone(),
        line: policy.line.clone(),
    })
}

/// When Releases may begin.
///
/// # Errors
/// When a schedule is no cron expression.
pub fn batching(plan: &ReleasePlanSpec) -> Result<Batching, String> {
    let window = |f: &Freeze| observed::Freeze { schedule: f.schedule.clone(), duration: f.duration.get() };
    let freeze: Vec<_> = plan.batching.freeze.iter().map(window).collect();
    check_freeze(&freeze)?;
    let minimum_commits = u64::from(plan.batching.minimum_commits);
    Ok(Batching { min_interval: plan.batching.min_interval.get(), minimum_commits, freeze })
}

/// The name of the ConfigMap with the numbers that were used: the same for every plan over the same repository, component and line.
/// Explicit plans without a repository have their own.
pub fn ledger_name(plan: &str, spec: &ReleasePlanSpec) -> String {
    let what = match &spec.version.git {
        Some(git) => format!("git {} {}", git.url, spec.version.line),
        None => format!("plan {plan} {}", spec.version.line),
    };
    let mut paths = spec.version.paths.clone();
    paths.sort();
    let what = if paths.is_empty() { what } else { format!("{what} {}", paths.join("\n")) };
    let digest = hash::digest(what.as_bytes());
    format!("seaworthy-ledger-{}", &digest[7..23])
}

/// How release notes are drafted; None with versions that nobody reads a history for.
///
/// # Errors
/// When the template cannot be used.
pub fn notes(policy: &VersionPolicy) -> Result<Option<version::NotesRules>, String> {
    if policy.policy == VersionPolicyKind::Explicit {
        return Ok(None);
    }
    let section = |s: &NotesSection| version::Section { title: s.title.clone(), types: s.types.clone() };
    let rules = version::NotesRules {
        sections: policy.notes.sections.iter().map(section).collect(),
        contributors: policy.notes.contributors,
        web_url: policy.notes.web_url.clone(),
        template: policy.notes.template.clone(),
    };
    version::notes::check(&rules).map_err(|error| error.to_string())?;
    Ok(Some(rules))
}

const fn level(level: Level) -> version::Level {
    match level {
        Level::None => version::Level::None,
        Level::Patch => version::Level::Patch,
        Level::Minor => version::Level::Minor,
        Level::Major => version::Level::Major,
    }
}
