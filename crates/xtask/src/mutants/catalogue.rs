//! The planted bugs: each is one change of a line or two, and the layers that are asked, cheapest first.

/// What tries to catch a bug, in the order of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// Tables and properties of the core.
    Core,
    /// Tables and properties of sampling and judging.
    Soak,
    /// Tables over whole Releases in a small world.
    Tables,
    /// What goes over the wire.
    Calls,
    /// The models.
    Model,
}

impl Layer {
    /// As in the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Core => "core tables",
            Self::Soak => "soak tables",
            Self::Tables => "release tables",
            Self::Calls => "calls",
            Self::Model => "model",
        }
    }

    /// The arguments of `cargo` that ask it.
    pub(super) const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Core => &["test", "--package", "seaworthy-core", "--lib"],
            Self::Soak => &["test", "--package", "seaworthy-soak"],
            Self::Tables => &["test", "--package", "seaworthy-model", "--test", "release", "--test", "intruders"],
            Self::Calls => &["test", "--package", "seaworthy-operator", "--lib", "--test", "calls"],
            Self::Model => &["test", "--package", "seaworthy-model", "--test", "models"],
        }
    }
}

/// One planted bug.
pub(super) struct Mutant {
    /// For the table.
    pub(super) name: &'static str,
    /// The file, from the root of the repository.
    pub(super) file: &'static str,
    /// What stands there, exactly once.
    pub(super) old: &'static str,
    /// What stands there instead.
    pub(super) new: &'static str,
    /// Who is asked.
    pub(super) layers: &'static [Layer],
}

const CORE: &[Layer] = &[Layer::Core];
const RELEASE: &[Layer] = &[Layer::Tables, Layer::Model];
const CALLS: &[Layer] = &[Layer::Calls];
const MODEL: &[Layer] = &[Layer::Model];

const PUBLISH: &str = "crates/seaworthy-core/src/release/publish.rs";
const ENDING: &str = "crates/seaworthy-core/src/release/ending.rs";
const TASK: &str = "crates/seaworthy-core/src/task/mod.rs";
const CLIENT: &str = "crates/seaworthy-operator/src/client.rs";

/// All of them.
pub(super) const ALL: &[Mutant] = &[
    Mutant {
        name: "unsuspended before its UID is recorded",
        file: PUBLISH,
        old: "            PublishStatus { uid: Some(job.uid.clone()), ..to(publish, PublishState::Created, \"\") }",
        new: "            d.effects.push(Effect::Unsuspend { job: publish.job.clone(), uid: job.uid.clone(), resource_version: job.resource_version.clone() });\n            if job.suspended { publish } else { PublishStatus { uid: Some(job.uid.clone()), ..to(publish, PublishState::Running, \"\") } }",
        layers: RELEASE,
    },
    Mutant {
        name: "verify before the last pod ended",
        file: PUBLISH,
        old: "if over && d.seen.publish_pods.present() == Some(&0) {",
        new: "if over {",
        layers: RELEASE,
    },
    Mutant {
        name: "no answer of verify taken for a no",
        file: PUBLISH,
        old: "        TaskState::Failed if record.exit_code == Some(NOT_OUT) => {",
        new: "        TaskState::Failed if record.exit_code != Some(0) => {",
        layers: RELEASE,
    },
    Mutant {
        name: "silence of CI taken for a no",
        file: PUBLISH,
        old: "        TaskState::Failed if record.exit_code == Some(NOT_OUT) && rule.external && publish.report.is_none() => {",
        new: "        TaskState::Failed if record.exit_code == Some(NOT_OUT) && rule.external && rule.verify.is_none() => {",
        layers: RELEASE,
    },
    Mutant {
        name: "a waiver that was refused on record counts",
        file: "crates/seaworthy-core/src/release/waivers.rs",
        old: "    status.waivers.iter().any(|w| w.gate == gate.name && w.refused.is_empty())",
        new: "    status.waivers.iter().any(|w| w.gate == gate.name || !w.refused.is_empty())",
        layers: RELEASE,
    },
    Mutant {
        name: "a publish Job that vanished is run again",
        file: PUBLISH,
        old: "        return to(publish, PublishState::Ending, \"its Job was deleted by somebody while it ran\");",
        new: "        return attempt(d, publish.attempt);",
        layers: RELEASE,
    },
    Mutant {
        name: "missing owner check before publishing",
        file: PUBLISH,
        old: "        Presence::Present(job) if job.owned => {",
        new: "        Presence::Present(job) if job.owned || job.suspended => {",
        layers: RELEASE,
    },
    Mutant {
        name: "abort ends a publish that has begun",
        file: "crates/seaworthy-core/src/release/mod.rs",
        old: "    if publish::is_open(&seen.status) {",
        new: "    if publish::is_open(&seen.status) && !seen.spec.abort {",
        layers: RELEASE,
    },
    Mutant {
        name: "verdict recomputed after the end",
        file: "crates/seaworthy-core/src/release/mod.rs",
        old: "    if seen.status.ending.is_some() {",
        new: "    if seen.status.ending.is_some() && !seen.spec.abort {",
        layers: RELEASE,
    },
    Mutant {
        name: "a gate that could not be judged counts as passed",
        file: "crates/seaworthy-core/src/release/gates.rs",
        old: "find(|g| matches!(g.state, GateState::Failed | GateState::Inconclusive));",
        new: "find(|g| matches!(g.state, GateState::Failed));",
        layers: RELEASE,
    },
    Mutant {
        name: "somebody else's evidence",
        file: "crates/seaworthy-core/src/release/gates.rs",
        old: "        Presence::Present(child) if child.owned => {",
        new: "        Presence::Present(child) if child.owned || child.verdict.is_some() => {",
        layers: RELEASE,
    },
    Mutant {
        name: "children run on after the end",
        file: ENDING,
        old: "                    if !c.aborting {",
        new: "                    if false {",
        layers: RELEASE,
    },
    Mutant {
        name: "the number is never settled",
        file: ENDING,
        old: "    if open {",
        new: "    if open && d.seen.status.publish.is_some() {",
        layers: RELEASE,
    },
    Mutant {
        name: "a number is given to a Release that is over",
        file: ENDING,
        old: "d.seen.status.start_time.is_some() && !ledger.is_closed(uid);",
        new: "false;",
        layers: &[Layer::Model],
    },
    Mutant {
        name: "lost finalizer",
        file: "crates/seaworthy-core/src/release/accept.rs",
        old: "    if !d.seen.meta.finalizer {\n        // What is to be told",
        new: "    if false {\n        // What is to be told",
        layers: RELEASE,
    },
    Mutant {
        name: "a wait that begins anew in every visit",
        file: "crates/seaworthy-core/src/release/draft.rs",
        old: "let since = *self.status.waiting_since.get_or_insert(self.now);\n        self.status.deadline",
        new: "let since = self.now;\n        self.status.deadline",
        layers: RELEASE,
    },
    Mutant {
        name: "a deadline that moves with the clock",
        file: "crates/seaworthy-core/src/task/mod.rs",
        old: "pub fn advance(record: &TaskStatus, seen: &Sight, timeout: Seconds, now: Timestamp) -> Advance {\n    let limit = record.start_time",
        new: "pub fn advance(record: &TaskStatus, seen: &Sight, timeout: Seconds, now: Timestamp) -> Advance {\n    let limit = now",
        layers: CORE,
    },
    Mutant {
        name: "teardown skipped on abort (E2ERun)",
        file: "crates/seaworthy-core/src/e2e_run/suite.rs",
        old: "        if self.observed.spec.teardown.is_some() {\n            self.record(",
        new: "        if self.observed.spec.teardown.is_some() && self.ending.is_none() {\n            self.record(",
        layers: CORE,
    },
    Mutant {
        name: "teardown skipped on abort (SoakTest)",
        file: "crates/seaworthy-core/src/soak_test/cleanup.rs",
        old: "        if self.status.turn_time.is_none() || self.seen.spec.teardown.is_none() {",
        new: "        if self.status.turn_time.is_none() || self.seen.spec.teardown.is_none() || self.seen.spec.abort {",
        layers: CORE,
    },
    Mutant {
        name: "an attempt begun without the finalizer",
        file: "crates/seaworthy-core/src/e2e_run/decide.rs",
        old: "    if !meta.finalizer {\n        visit.effects.retain(",
        new: "    if false {\n        visit.effects.retain(",
        layers: CORE,
    },
    Mutant {
        name: "a create that is under way is forgotten on abort",
        file: TASK,
        old: "        (TaskState::Pending, Presence::AbsentLive) if seen.refused.is_none() => occupy(record, now),\n",
        new: "",
        layers: MODEL,
    },
    Mutant {
        name: "a create that is under way is forgotten when it is late",
        file: TASK,
        old: "            Presence::AbsentLive if now >= limit && seen.refused.is_none() => occupy(record, now),\n",
        new: "",
        layers: CORE,
    },
    Mutant {
        name: "a teardown that never began is given up (E2ERun)",
        file: "crates/seaworthy-core/src/e2e_run/suite.rs",
        old: " || never_began(record));",
        new: " || false && never_began(record));",
        layers: CORE,
    },
    Mutant {
        name: "the finalizer goes before the teardown (E2ERun)",
        file: "crates/seaworthy-core/src/e2e_run/decide.rs",
        old: "        if before.ending.is_some() && !busy(&before.suites) {",
        new: "        if before.ending.is_some() {",
        layers: MODEL,
    },
    Mutant {
        name: "a failure counts twice",
        file: "crates/seaworthy-core/src/e2e_run/suite.rs",
        old: "            Cause::Product | Cause::Limits => suite.product_failures += 1,",
        new: "            Cause::Product | Cause::Limits => suite.product_failures += 2,",
        layers: MODEL,
    },
    Mutant {
        name: "the target is given back before the teardown",
        file: "crates/seaworthy-core/src/soak_test/cleanup.rs",
        old: "        if !self.all_ended(&ending) {",
        new: "        self.effect(Effect::ReleaseLock);\n        if !self.all_ended(&ending) {",
        layers: MODEL,
    },
    Mutant {
        name: "too little evidence passes",
        file: "crates/seaworthy-core/src/soak_test/running.rs",
        old: "            Verdict::Passed => {\n                (SoakTestPhase::Succeeded,",
        new: "            Verdict::Passed | Verdict::Inconclusive => {\n                (SoakTestPhase::Succeeded,",
        layers: MODEL,
    },
    Mutant {
        name: "the outcome of a soak is decided again",
        file: "crates/seaworthy-core/src/soak_test/decide.rs",
        old: "        if self.status.ending.is_some() {",
        new: "        if self.status.ending.is_some() && !self.seen.spec.abort {",
        layers: MODEL,
    },
    Mutant {
        name: "forgotten gap",
        file: "crates/seaworthy-soak/src/recorder.rs",
        old: "        for missed in next..slot {",
        new: "        for missed in next..next {",
        layers: &[Layer::Soak],
    },
    Mutant {
        name: "dropped UID precondition of a delete",
        file: CLIENT,
        old: "        preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),",
        new: "        preconditions: Some(Preconditions { uid: None.or((uid.len() > 999).then(|| uid.to_owned())), resource_version: None }),",
        layers: CALLS,
    },
    Mutant {
        name: "dropped resourceVersion of an unsuspend",
        file: CLIENT,
        old: "    patch[\"metadata\"][\"resourceVersion\"] = json!(version);",
        new: "    patch[\"metadata\"][\"generation\"] = json!(version);",
        layers: CALLS,
    },
    Mutant {
        name: "status written without resourceVersion",
        file: "crates/seaworthy-operator/src/controller.rs",
        old: "    *object.status_mut() = Some(status);",
        new: "    *object.status_mut() = Some(status);\n    object.meta_mut().resource_version = None;",
        layers: CALLS,
    },
    Mutant {
        name: "retry of a POST",
        file: CLIENT,
        old: "    match timed(what, api.create(&params, object)).await {",
        new: "    match timed(what, async {\n        match api.create(&params, object).await {\n            Err(_) => api.create(&params, object).await,\n            done => done,\n        }\n    })\n    .await\n    {",
        layers: CALLS,
    },
    Mutant {
        name: "pods counted from a cache",
        file: CLIENT,
        old: "    let params = params.clone().limit(LIST_MAX);",
        new: "    let params = params.clone().match_any();",
        layers: CALLS,
    },
    Mutant {
        name: "generated Job name",
        file: "crates/seaworthy-operator/src/jobs/build.rs",
        old: "            name: Some(spec.name.to_owned()),",
        new: "            generate_name: Some(spec.name.to_owned()),",
        layers: CALLS,
    },
    Mutant {
        name: "objects that fail take every place",
        file: "crates/seaworthy-operator/src/budget.rs",
        old: "            failing: Arc::new(Semaphore::new((places / 4).max(1))),",
        new: "            failing: Arc::new(Semaphore::new(places)),",
        layers: CALLS,
    },
    Mutant {
        name: "requests of what fails are not counted",
        file: "crates/seaworthy-operator/src/backoff.rs",
        old: "        let budget = if late { REQUEST.saturating_mul(requests) } else { Duration::ZERO };",
        new: "        let budget = if late { REQUEST.saturating_mul(requests.min(1)) } else { Duration::ZERO };",
        layers: CALLS,
    },
];
