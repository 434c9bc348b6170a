//! An in-memory cluster of Jobs for tests of decisions: Jobs are created, stopped and observed as a real cluster would show them, and what
//! each one does is scripted by its name. Absent: chance; time moves only when a test says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    condition::Reason,
    presence::Presence,
    task::{Cause, Job, JobState, Refusal, Report, Sight, TaskEffect},
    time::{Seconds, Timestamp},
};

/// How long a scripted Job waits before its container runs.
const STARTS_AFTER: Seconds = Seconds(2);
/// When a scripted Job ends, from its creation.
const ENDS_AFTER: Seconds = Seconds(20);
/// How long a removed Job takes to be gone.
const GONE_AFTER: Seconds = Seconds(3);

/// What a Job does.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    /// Ends with 0 and this report.
    Succeeds(Report),
    /// Fails with this report.
    Fails(Cause, Reason, &'static str, Option<Report>),
    /// Never starts, for this reason.
    Waits(Cause, Reason, &'static str),
    /// Never starts and never says why.
    Starts,
    /// Runs for ever.
    Hangs,
    /// Runs for ever, and does not even end when it is removed.
    HangsUndying,
    /// Somebody deletes it after it has run for a while.
    IsDeleted,
    /// Its create is refused.
    Refused(Cause, Reason, &'static str),
    /// Its create is refused until this time; then it succeeds.
    RefusedUntil(Timestamp, Reason, &'static str),
}

impl Script {
    pub(crate) fn ok() -> Self {
        Self::Succeeds(Report::default())
    }

    pub(crate) fn exit_1() -> Self {
        Self::Fails(Cause::Product, Reason::TaskFailed, "exit code 1: boom", None)
    }

    pub(crate) fn evicted() -> Self {
        Self::Fails(Cause::Infrastructure, Reason::Evicted, "its pod was evicted", None)
    }
}

#[derive(Debug, Clone)]
struct FakeJob {
    uid: String,
    created: Timestamp,
    removed: Option<Timestamp>,
    foreign: bool,
}

/// The cluster.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// What time it is.
    pub(crate) now: Timestamp,
    /// The names of all Jobs that were ever created, in order.
    pub(crate) created: Vec<String>,
    scripts: BTreeMap<String, Script>,
    jobs: BTreeMap<String, FakeJob>,
    refused: BTreeMap<String, Refusal>,
    /// Names that a suspended Job has.
    occupied: BTreeSet<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: Timestamp::from_millis(1_000_000_000_123),
            created: Vec::new(),
            scripts: BTreeMap::new(),
            jobs: BTreeMap::new(),
            refused: BTreeMap::new(),
            occupied: BTreeSet::new(),
        }
    }

    /// What the Job of this name will do; without a script it succeeds.
    pub(crate) fn script(&mut self, job: &str, script: Script) {
        self.scripts.insert(job.to_owned(), script);
    }

    /// Puts somebody else's Job there.
    pub(crate) fn foreign(&mut self, job: &str) {
        let job_there = FakeJob { uid: "foreign".into(), created: self.now, removed: None, foreign: true };
        self.jobs.insert(job.to_owned(), job_there);
    }

    pub(crate) fn apply(&mut self, effect: &TaskEffect) {
        match effect {
            TaskEffect::Create { job } => {
                if let Some(refusal) = self.refusal(job) {
                    self.refused.insert(job.clone(), refusal);
                } else if !self.jobs.contains_key(job) {
                    self.refused.remove(job);
                    let uid = format!("00000000-0000-0000-0000-{:012}", self.created.len());
                    self.created.push(job.clone());
                    let made = FakeJob { uid, created: self.now, removed: None, foreign: false };
                    self.jobs.insert(job.clone(), made);
                }
            }
            TaskEffect::Occupy { job } => {
                if !self.jobs.contains_key(job) {
                    self.occupied.insert(job.clone());
                }
            }
            TaskEffect::Stop { job, uid } => {
                if let Some(found) = self.jobs.get_mut(job).filter(|f| f.uid == *uid) {
                    found.removed = found.removed.or(Some(self.now));
                }
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are created")]
    fn refusal(&self, job: &str) -> Option<Refusal> {
        let (cause, reason, message) = match *self.scripts.get(job)? {
            Script::Refused(cause, reason, message) => Some((cause, reason, message)),
            Script::RefusedUntil(until, reason, message) if self.now < until => {
                Some((Cause::Infrastructure, reason, message))
            }
            _ => None,
        }?;
        Some(Refusal { cause, reason, message: message.to_owned() })
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
        let (now, scripts) = (self.now, &self.scripts);
        self.jobs.retain(|name, job| {
            let script = scripts.get(name);
            let undying = matches!(script, Some(Script::HangsUndying));
            let deleted = matches!(script, Some(Script::IsDeleted)) && now >= job.created + ENDS_AFTER;
            !deleted && (undying || job.removed.is_none_or(|r| now < r + GONE_AFTER))
        });
    }

    /// When something changes by itself next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let of = |job: &FakeJob| {
            [Some(job.created + STARTS_AFTER), Some(job.created + ENDS_AFTER), job.removed.map(|r| r + GONE_AFTER)]
        };
        let times = self.jobs.values().flat_map(of).flatten();
        let raised = self
            .scripts
            .values()
            .filter_map(|s| if let Script::RefusedUntil(until, ..) = s { Some(*until) } else { None });
        times.chain(raised).filter(|t| *t > self.now).min()
    }

    pub(crate) fn see(&self, name: &str) -> Sight {
        if self.occupied.contains(name) {
            return Sight::from(Presence::Present(Job {
                uid: format!("occupied-{name}"),
                owned: true,
                resource_version: "1".into(),
                deleted: None,
                suspended: true,
                created: self.now,
                began: None,
                live_pods: Presence::Present(0),
                state: JobState::Waiting { cause: None, reason: None, message: "is suspended".into() },
            }));
        }
        let Some(job) = self.jobs.get(name) else {
            return Sight { job: Presence::AbsentLive, refused: self.refused.get(name).cloned() };
        };
        let state = self.state(name, job);
        let live = matches!(state, JobState::Waiting { .. } | JobState::Running);
        Sight::from(Presence::Present(Job {
            uid: job.uid.clone(),
            owned: !job.foreign,
            resource_version: "1".into(),
            deleted: job.removed,
            suspended: false,
            created: job.created,
            began: None,
            live_pods: Presence::Present(u32::from(live)),
            state,
        }))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all others run until something else happens")]
    fn state(&self, name: &str, job: &FakeJob) -> JobState {
        let starts = JobState::Waiting { cause: None, reason: None, message: "its pod starts".into() };
        if self.now < job.created + STARTS_AFTER || job.foreign {
            return starts;
        }
        let over = self.now >= job.created + ENDS_AFTER && job.removed.is_none();
        let ok = Script::ok();
        match self.scripts.get(name).unwrap_or(&ok) {
            Script::Starts => starts,
            Script::Waits(cause, reason, message) => {
                JobState::Waiting { cause: Some(*cause), reason: Some(*reason), message: (*message).to_owned() }
            }
            Script::Succeeds(report) if over => JobState::Succeeded { report: report.clone() },
            Script::Refused(..) | Script::RefusedUntil(..) if over => JobState::Succeeded { report: Report::default() },
            Script::Fails(cause, reason, message, report) if over => JobState::Failed {
                cause: *cause,
                reason: *reason,
                message: (*message).to_owned(),
                report: report.clone(),
            },
            _ => JobState::Running,
        }
    }

    /// The names of the Jobs whose create was refused last.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.keys().cloned().collect()
    }

    /// How many names are taken by Jobs that never run.
    pub(crate) fn occupied(&self) -> usize {
        self.occupied.len()
    }

    /// The Jobs whose containers run or could still run.
    pub(crate) fn live(&self) -> Vec<String> {
        let live = |(name, job): (&String, &FakeJob)| {
            let state = self.state(name, job);
            (!job.foreign && matches!(state, JobState::Waiting { .. } | JobState::Running)).then(|| name.clone())
        };
        self.jobs.iter().filter_map(live).collect()
    }
}
