//! Jobs as the API server and the Job controller keep them, without what decisions never see.

use std::collections::{BTreeMap, BTreeSet};

use seaworthy_core::{
    condition::Reason,
    presence::Presence,
    task::{Cause, Job, JobState, Report, TaskEffect},
    time::Timestamp,
};

/// The Jobs of one namespace. UIDs are made of the name and the number of its birth, so that the order in which different Jobs are made
/// tells no states apart.
#[derive(Debug, Clone, PartialEq, Hash, Default)]
pub struct Jobs {
    /// Jobs by name.
    pub by_name: BTreeMap<String, Job>,
    /// How often a Job of that name was made.
    births: BTreeMap<String, u32>,
    /// Pods that are not terminal, by their Job's UID: they outlive their Job.
    pub pods: BTreeSet<String>,
}

impl Jobs {
    /// Makes a Job if its name is free; the pod of one that is not suspended starts at once. False when the name is taken.
    pub fn create(&mut self, name: &str, suspended: bool, now: Timestamp) -> bool {
        if self.by_name.contains_key(name) {
            return false;
        }
        let births = self.births.entry(name.to_owned()).or_default();
        *births += 1;
        let uid = format!("{name}#{births}");
        if !suspended {
            self.pods.insert(uid.clone());
        }
        let state = JobState::Waiting { cause: None, reason: None, message: String::new() };
        let job = Job {
            uid,
            owned: true,
            resource_version: "1".into(),
            deleted: None,
            suspended,
            created: now,
            began: None,
            live_pods: Presence::Unknown,
            state,
        };
        self.by_name.insert(name.to_owned(), job);
        true
    }

    /// What a live read shows.
    pub fn see(&self, name: &str) -> Presence<Job> {
        self.by_name.get(name).map_or(Presence::AbsentLive, |job| {
            let live_pods = Presence::Present(u32::from(self.pods.contains(&job.uid)));
            Presence::Present(Job { live_pods, ..job.clone() })
        })
    }

    /// What a live read of the Job alone shows: nobody looks at its pods.
    pub fn see_alone(&self, name: &str) -> Presence<Job> {
        self.by_name.get(name).map_or(Presence::AbsentLive, |job| Presence::Present(job.clone()))
    }

    /// Lets a suspended Job run under its UID and resourceVersion; false when they do not match.
    pub fn unsuspend(&mut self, name: &str, uid: &str, resource_version: &str) -> bool {
        let Some(job) = self.by_name.get_mut(name) else { return false };
        if job.uid != uid || job.resource_version != resource_version || !job.suspended || job.is_deleting() {
            return false;
        }
        job.suspended = false;
        job.resource_version = "2".into();
        self.pods.insert(uid.to_owned());
        true
    }

    /// Deletes a Job of that UID in the foreground: its pod ends first, in its own time.
    pub fn stop(&mut self, name: &str, uid: &str, now: Timestamp) {
        let Some(job) = self.by_name.get_mut(name).filter(|j| j.uid == uid) else { return };
        job.deleted.get_or_insert(now);
        if !self.pods.contains(uid) {
            self.by_name.remove(name);
        }
    }

    /// Somebody deletes a Job with its name free at once; its pod may live on for a while.
    pub fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    /// The Job's state becomes this; its pod may live on.
    pub fn mark(&mut self, name: &str, state: JobState) {
        if let Some(job) = self.by_name.get_mut(name) {
            job.began = job.began.or((state == JobState::Running).then_some(job.created));
            job.state = state;
        }
    }

    /// The pod ends; a Job that was only waiting for that to be deleted goes.
    pub fn pod_ends(&mut self, uid: &str) {
        self.pods.remove(uid);
        self.by_name.retain(|_, j| j.uid != uid || !j.is_deleting());
    }

    /// A Job and its pod end together.
    pub fn end(&mut self, name: &str, state: JobState) {
        let Some(job) = self.by_name.get_mut(name) else { return };
        job.state = state;
        let uid = job.uid.clone();
        self.pod_ends(&uid);
    }

    /// Carries out what a task asks for.
    pub fn apply(&mut self, effect: &TaskEffect, now: Timestamp) {
        match effect {
            TaskEffect::Create { job } => {
                self.create(job, false, now);
            }
            TaskEffect::Occupy { job } => {
                self.create(job, true, now);
            }
            TaskEffect::Stop { job, uid } => self.stop(job, uid, now),
        }
    }

    /// Pods that end next: their Job is over, is being deleted, or is gone.
    pub fn due_pods(&self) -> impl Iterator<Item = &String> {
        self.pods.iter().filter(|uid| {
            let job = self.by_name.get(name_of(uid)).filter(|job| job.uid == **uid);
            job.is_none_or(|job| job.is_deleting() || is_over(&job.state))
        })
    }

    /// Jobs that run and have not ended.
    pub fn open(&self) -> impl Iterator<Item = (&String, &Job)> {
        self.by_name.iter().filter(|(_, j)| !j.suspended && !is_over(&j.state))
    }
}

/// The name of the Job with this UID.
pub fn name_of(uid: &str) -> &str {
    uid.split('#').next().unwrap_or_default()
}

/// How a Job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// As it should.
    Well,
    /// By its own word: the product's fault.
    Badly,
    /// By the cluster's fault.
    Evicted,
}

impl End {
    /// What becomes of the Job.
    pub fn state(self) -> JobState {
        match self {
            Self::Well => succeeded(),
            Self::Badly => failed(1),
            Self::Evicted => evicted(),
        }
    }
}

/// Whether a Job has ended.
pub const fn is_over(state: &JobState) -> bool {
    matches!(state, JobState::Succeeded { .. } | JobState::Failed { .. })
}

/// A task that did well.
pub fn succeeded() -> JobState {
    JobState::Succeeded { report: Report { known: true, ..Report::default() } }
}

/// A task whose program ended with this exit code.
pub fn failed(exit_code: i32) -> JobState {
    let report = Report { exit_code: Some(exit_code), ..Report::default() };
    JobState::Failed {
        cause: Cause::Product,
        reason: Reason::TaskFailed,
        message: format!("exit code {exit_code}"),
        report: Some(report),
    }
}

/// A task that the cluster ended.
pub fn evicted() -> JobState {
    JobState::Failed { cause: Cause::Infrastructure, reason: Reason::Evicted, message: "evicted".into(), report: None }
}
