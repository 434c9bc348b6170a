//! The life of one suite: attempts, each of them setup, run and teardown, and what their ends mean for the suite.
//!
//! Absent: which suites may begin when (`decide.rs`), and what their states mean for the run (`verdict.rs`).

use super::{
    Effect, Observed,
    spec::Suite,
    status::{AttemptOutcome, Ending, Step, SuiteState, SuiteStatus},
};
use crate::{
    condition::{Reason, cut},
    plan::{Note, NoteKind, Wake},
    task::{self, Advance, Cause, Job, Report, Sight, TaskState, TaskStatus},
    time::{Seconds, Timestamp},
};

/// How often an attempt of a suite may fail by the cluster's fault; with the last of these the suite is Inconclusive.
pub const INFRASTRUCTURE_BUDGET: u32 = 3;
/// How long we wait for the pods of a removed Job before the run ends without them: a pod on a lost node may never be seen to end.
pub const STOP_LIMIT: Seconds = Seconds::minutes(5);
/// The longest message of a suite, in bytes.
pub(super) const MAX_MESSAGE: usize = 200;

/// One look at a run: what is known, and what the plan will hold.
pub(super) struct Visit<'a> {
    pub(super) observed: &'a Observed,
    pub(super) now: Timestamp,
    pub(super) ending: Option<Ending>,
    pub(super) effects: Vec<Effect>,
    pub(super) notes: Vec<Note>,
    pub(super) wake: Wake,
}

impl Visit<'_> {
    /// Looks after a suite that is under way; never begins an attempt.
    pub(super) fn drive(&mut self, suite: &mut SuiteStatus, spec: &Suite) {
        if suite.state.is_decided() {
            return;
        }
        let Some((step, before)) = suite.current().map(|(step, record)| (step, record.clone())) else {
            if suite.state == SuiteState::Running && self.ending.is_some() {
                self.judge_failed(suite, spec);
            }
            return;
        };
        let Advance { record, effect, wake, report } = self.look(suite, step, &before, spec);
        self.wake = self.wake.or(wake);
        if let Some(effect) = effect {
            self.effects.push(Effect::Task { suite: spec.name.clone(), step, attempt: record.attempt, effect });
        }
        if step == Step::Run
            && let Some(report) = &report
            && report.known
        {
            (suite.tests, suite.tests_failed, suite.tests_skipped) = (report.tests, report.failed, report.skipped);
        }
        if !record.state.is_finished() {
            let record = quiet(record);
            self.say_what_it_waits_for(spec, step, &before, &record);
            suite.set_current(Some((step, record)));
            return;
        }
        suite.set_current(None);
        match step {
            Step::Setup => self.setup_ended(suite, spec, &record),
            Step::Run => self.run_ended(suite, spec, &record, report.as_ref()),
            Step::Teardown => self.teardown_ended(suite, spec, &record),
        }
    }

    /// Begins the next attempt: records its first task, no more.
    pub(super) fn begin(&self, suite: &mut SuiteStatus, spec: &Suite) {
        suite.attempts += 1;
        suite.state = SuiteState::Running;
        suite.outcome = None;
        suite.start_time = suite.start_time.or(Some(self.now));
        let first = if self.observed.spec.setup.is_some() { Step::Setup } else { Step::Run };
        self.record(suite, spec, first);
    }

    /// Will not be run any more, or never was.
    pub(super) fn skip(&self, suite: &mut SuiteStatus) {
        let why = self.ending.map_or_else(String::new, |e| format!(": {}", words(e.reason)));
        self.decided(suite, SuiteState::Skipped, format!("not run{why}"));
    }

    fn record(&self, suite: &mut SuiteStatus, spec: &Suite, step: Step) {
        let purpose = format!("{}-{}", spec.name, step.as_str());
        let record = TaskStatus::new(&self.observed.meta.name, &purpose, suite.attempts, self.now);
        suite.set_current(Some((step, record)));
    }

    /// A teardown's second try has a name of its own.
    fn again(&self, spec: &Suite, attempt: u32) -> TaskStatus {
        TaskStatus::new(&self.observed.meta.name, &format!("{}-teardown-again", spec.name), attempt, self.now)
    }

    fn look(&self, suite: &mut SuiteStatus, step: Step, record: &TaskStatus, spec: &Suite) -> Advance {
        let unseen = Sight::default();
        let seen = self.observed.jobs.get(&record.job).unwrap_or(&unseen);
        let timeout = self.timeout(step, spec);
        let over = seen.job.present().is_some_and(task::Job::is_over);
        let looked = match self.ending {
            // What is over already is judged by what it showed.
            Some(ending) if step != Step::Teardown && !over => task::cancel(record, seen, ending.reason, self.now),
            Some(_) | None => task::advance(record, seen, timeout, self.now),
        };
        let removed = seen.job.present().is_some_and(Job::is_deleting);
        self.give_up(step, removed, suite, looked)
    }

    /// `everything-ends`: nobody waits for ever for a pod that cannot be seen to end. A suite that is to be tried again does wait: its next
    /// attempt must not meet the last one, so only the run's deadline ends that.
    fn give_up(&self, step: Step, removed: bool, suite: &mut SuiteStatus, mut looked: Advance) -> Advance {
        if looked.record.state != TaskState::Stopping {
            suite.stopping_since = None;
            return looked;
        }
        let since = *suite.stopping_since.get_or_insert(self.now);
        if looked.effect.is_some() && self.now >= since + Seconds::minutes(1) {
            // It could not be removed until now, so its pods only begin to end.
            suite.stopping_since = Some(self.now);
        }
        if !removed || step != Step::Teardown && self.ending.is_none() {
            return looked;
        }
        if self.now < since + STOP_LIMIT {
            looked.wake = looked.wake.by(since + STOP_LIMIT);
            return looked;
        }
        let what = looked.record.message;
        looked.record.message =
            cut(format!("its pod was not seen to end (a lost node?), so it may still run: {what}"), 256);
        looked.record.state = TaskState::Failed;
        looked.record.completion_time = Some(self.now);
        suite.stopping_since = None;
        Advance { effect: None, wake: Wake::OnChange, ..looked }
    }

    fn timeout(&self, step: Step, spec: &Suite) -> Seconds {
        let of = |task: &Option<super::spec::Task>| task.as_ref().map_or(Seconds(0), |t| t.timeout);
        match step {
            Step::Setup => of(&self.observed.spec.setup),
            Step::Run => spec.task.timeout,
            Step::Teardown => of(&self.observed.spec.teardown),
        }
    }

    fn setup_ended(&mut self, suite: &mut SuiteStatus, spec: &Suite, record: &TaskStatus) {
        if record.state == TaskState::Failed {
            self.attempt_failed(suite, spec, Step::Setup, record);
        } else if self.ending.is_some() {
            suite.outcome = Some(AttemptOutcome::Cancelled);
        } else {
            return self.record(suite, spec, Step::Run);
        }
        self.clean_up(suite, spec);
    }

    fn run_ended(&mut self, suite: &mut SuiteStatus, spec: &Suite, record: &TaskStatus, report: Option<&Report>) {
        let shortfall = report.and_then(|r| shortfall(spec, r));
        match (record.state, shortfall) {
            (TaskState::Succeeded, None) => suite.outcome = Some(AttemptOutcome::Passed),
            (TaskState::Succeeded, Some(message)) => {
                let (cause, reason) = (Some(Cause::Product), Some(Reason::InsufficientEvidence));
                let record = TaskStatus { reason, cause, message, ..record.clone() };
                self.attempt_failed(suite, spec, Step::Run, &record);
            }
            (TaskState::Pending | TaskState::Running | TaskState::Stopping | TaskState::Failed, _) => {
                self.attempt_failed(suite, spec, Step::Run, record);
            }
        }
        self.clean_up(suite, spec);
    }

    fn attempt_failed(&mut self, suite: &mut SuiteStatus, spec: &Suite, step: Step, record: &TaskStatus) {
        let cause = record.cause.unwrap_or(Cause::Infrastructure);
        let reason = record.reason.unwrap_or(Reason::TaskFailed);
        if cause == Cause::Infrastructure && self.ending.is_some_and(|e| e.reason == reason) {
            suite.outcome = Some(AttemptOutcome::Cancelled);
            return;
        }
        suite.outcome = Some(AttemptOutcome::Failed);
        suite.cause = Some(cause);
        match cause {
            Cause::Product | Cause::Limits => suite.product_failures += 1,
            Cause::Infrastructure => suite.infrastructure_failures += 1,
            Cause::Impossible => {}
        }
        let of = if step == Step::Setup { "setup of " } else { "" };
        suite.message = with_log(&format!("{reason:?} in {of}attempt {}: {}", record.attempt, record.message), record);
        let count = match cause {
            Cause::Product | Cause::Limits => {
                format!(" (failure {} of at most {})", suite.product_failures, spec.max_attempts)
            }
            Cause::Infrastructure => {
                let n = suite.infrastructure_failures;
                format!(" (not the candidate's fault; {n} of at most {INFRASTRUCTURE_BUDGET} such failures)")
            }
            Cause::Impossible => " (it can never work as it is written, so it is not tried again)".to_owned(),
        };
        self.note(NoteKind::Warning, reason, format!("suite {:?}: {}{count}", spec.name, suite.message));
    }

    /// `teardown-always`: what an attempt has shown is recorded together with the teardown that is now due.
    fn clean_up(&mut self, suite: &mut SuiteStatus, spec: &Suite) {
        if self.observed.spec.teardown.is_some() {
            self.record(suite, spec, Step::Teardown);
        } else {
            self.conclude(suite, spec, None);
        }
    }

    fn teardown_ended(&mut self, suite: &mut SuiteStatus, spec: &Suite, record: &TaskStatus) {
        if record.state == TaskState::Succeeded {
            return self.conclude(suite, spec, None);
        }
        let again = self.again(spec, record.attempt);
        // What ran into its limits, or can never work, does not do better a second time.
        let worth_it = matches!(record.cause, Some(Cause::Product | Cause::Infrastructure) | None)
            && (self.now < record.start_time + self.timeout(Step::Teardown, spec) || never_began(record));
        if worth_it && record.job != again.job {
            suite.set_current(Some((Step::Teardown, again)));
            return;
        }
        suite.teardown_failures += 1;
        let what = with_log(&format!("teardown of attempt {} failed: {}", record.attempt, record.message), record);
        let message = format!("suite {:?}: {what}; something may have stayed behind: look, and remove it", spec.name);
        self.note(NoteKind::Warning, Reason::TeardownFailed, message);
        self.conclude(suite, spec, Some(what));
    }

    /// An attempt and its teardown are over.
    fn conclude(&mut self, suite: &mut SuiteStatus, spec: &Suite, teardown: Option<String>) {
        match suite.outcome.take() {
            Some(AttemptOutcome::Passed) => self.judge_passed(suite, spec),
            Some(AttemptOutcome::Failed) => self.judge_failed(suite, spec),
            Some(AttemptOutcome::Cancelled) | None => {
                let why = self.ending.map_or("ended from outside", |e| words(e.reason));
                let message = format!("attempt {} was ended: {why}", suite.attempts);
                self.decided(suite, SuiteState::Inconclusive, message);
            }
        }
        if let Some(teardown) = teardown {
            let before = if suite.message.is_empty() { String::new() } else { cut(suite.message.clone(), 96) + "; " };
            suite.message = cut(before + &teardown, MAX_MESSAGE);
        }
    }

    fn judge_passed(&mut self, suite: &mut SuiteStatus, spec: &Suite) {
        suite.flaky = suite.product_failures > 0;
        let n = suite.attempts;
        let message = if n > 1 { format!("passed at attempt {n}; before: {}", suite.message) } else { String::new() };
        self.decided(suite, SuiteState::Passed, message);
        let name = &spec.name;
        if suite.flaky {
            let message = format!("suite {name:?} is flaky: it {}", suite.message);
            self.note(NoteKind::Warning, Reason::Passed, message);
        } else {
            self.note(NoteKind::Normal, Reason::Passed, format!("suite {name:?} passed at attempt {n}"));
        }
    }

    /// Whether a suite whose last attempt failed is decided by that.
    fn judge_failed(&mut self, suite: &mut SuiteStatus, spec: &Suite) {
        let state = match suite.cause {
            Some(Cause::Impossible) => SuiteState::Failed,
            _ if suite.product_failures >= spec.max_attempts => SuiteState::Failed,
            _ if suite.infrastructure_failures >= INFRASTRUCTURE_BUDGET => SuiteState::Inconclusive,
            _ if self.ending.is_some() => SuiteState::Inconclusive,
            // The next attempt may begin.
            Some(_) | None => return,
        };
        let message = std::mem::take(&mut suite.message);
        self.decided(suite, state, message);
        let (name, message) = (&spec.name, &suite.message);
        if state == SuiteState::Failed {
            self.note(NoteKind::Warning, Reason::SuiteFailed, format!("suite {name:?} failed: {message}"));
        } else {
            let message = format!("suite {name:?} could not be judged: {message}");
            self.note(NoteKind::Warning, Reason::InsufficientEvidence, message);
        }
    }

    fn decided(&self, suite: &mut SuiteStatus, state: SuiteState, message: String) {
        suite.state = state;
        suite.message = cut(message, MAX_MESSAGE);
        suite.outcome = None;
        suite.set_current(None);
        suite.duration_seconds = suite.start_time.take().map(|t| self.now.since(t).0);
    }

    fn say_what_it_waits_for(&mut self, spec: &Suite, step: Step, before: &TaskStatus, after: &TaskStatus) {
        if let Some(reason) = after.reason
            && before.reason != Some(reason)
            && after.state != TaskState::Stopping
        {
            let (name, step, n) = (&spec.name, step.as_str(), after.attempt);
            let message = format!("suite {name:?}: {step} of attempt {n} waits: {}", after.message);
            self.note(NoteKind::Warning, reason, message);
        }
    }

    pub(super) fn note(&mut self, kind: NoteKind, reason: Reason, message: String) {
        self.notes.push(Note { kind, reason, message: cut(message, 1000) });
    }
}

/// Whether nobody came to create a task's Job in time: the operator was away, or a clock jumped.
fn never_began(record: &TaskStatus) -> bool {
    record.uid.is_none() && record.reason == Some(Reason::DeadlineExceeded)
}

/// "Starts" is no news: without a reason nothing is said, so that nothing is written for it.
fn quiet(mut record: TaskStatus) -> TaskStatus {
    if record.reason.is_none() {
        record.message.clear();
    }
    record
}

/// What is missing from the report of a suite that ended with 0, if something is.
fn shortfall(spec: &Suite, report: &Report) -> Option<String> {
    let broken = report.problem.as_ref().map_or(String::new(), |p| format!(" ({p})"));
    if let Some(min) = spec.min_tests
        && report.tests.unwrap_or(0) < min
    {
        let n = report.tests.map_or("no count of".to_owned(), |n| n.to_string());
        return Some(format!(
            "reported {n} tests{broken}, minTests is {min}: let it report {{\"tests\": N}}, or find why so few ran"
        ));
    }
    let failed = report.failed.filter(|n| *n > 0)?;
    Some(format!("reported {failed} failed tests, yet ended with 0: a suite with failures must end with another code"))
}

/// A message with where to read on; the message is cut, the pointer is not.
fn with_log(message: &str, record: &TaskStatus) -> String {
    if record.uid.is_none() {
        return cut(message.to_owned(), MAX_MESSAGE);
    }
    let pointer = format!(" [job {}]", record.job);
    cut(message.to_owned(), MAX_MESSAGE - pointer.len()) + &pointer
}

/// Why a run ends before its time, in words.
pub(super) fn words(reason: Reason) -> &'static str {
    [
        (Reason::Aborted, "the run was aborted"),
        (Reason::Deleted, "the run was deleted"),
        (Reason::DeadlineExceeded, "the run's deadline passed"),
        (Reason::SuiteFailed, "another suite failed and failFast is set"),
    ]
    .into_iter()
    .find(|(r, _)| *r == reason)
    .map_or("the run ended", |(_, words)| words)
}
