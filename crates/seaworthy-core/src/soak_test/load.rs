//! The load: when it starts, and whether it runs through the whole of measure. Samples of an idle candidate prove nothing.

use super::{
    Role,
    decide::Visit,
    spec::{BEFORE, STARTS},
    status::SoakTestPhase,
    steps::blame,
};
use crate::{
    condition::Reason,
    presence::Presence,
    task::{GRACE, Job, JobState, TaskState, TaskStatus},
    time::{Seconds, Timestamp},
};

impl Visit<'_> {
    /// Where inventories are compared, the load starts once the first one is stored, or has been waited for long enough.
    pub(super) fn load_after_inventory(&mut self) {
        let Some(start) = self.status.start_time.filter(|_| self.load_is_missing()) else { return };
        if self.seen.sampler.inventories.before || self.now >= start + BEFORE {
            self.new_task(Role::Workload, 1);
            self.soon();
        } else {
            self.wake_at(start + BEFORE);
        }
    }

    fn load_is_missing(&self) -> bool {
        self.seen.spec.workload.is_some() && self.status.workload.is_none()
    }

    /// Whether the load can begin too late, because the inventory before it was waited for: samples without load prove nothing, so no more
    /// of measure may lack it than may lack samples.
    pub(super) fn load_is_late(&mut self, measure_start: Timestamp) -> bool {
        if !self.load_is_missing() {
            return false;
        }
        let limit = measure_start + self.seen.spec.loadless();
        if self.now <= limit {
            self.wake_at(limit + Seconds(1));
            return false;
        }
        let message =
            format!("the inventory before the load took until {}, when measure had begun: lengthen warmUp", self.now);
        self.end(SoakTestPhase::Inconclusive, Reason::WorkloadFailed, message);
        true
    }

    /// Whether nobody was there to end the load before settling was over: then an inventory from after settling shows what the load holds,
    /// not what is left of it. Everything else is judged from measure alone, through which the load ran as planned.
    pub(super) fn load_never_rested(&mut self, settle_end: Timestamp) -> bool {
        let spec = &self.seen.spec;
        let runs = |load: &TaskStatus| matches!(load.state, TaskState::Pending | TaskState::Running);
        let rests = spec.leftovers && spec.settle > Seconds(0);
        if !rests || self.now < settle_end || !self.status.workload.as_ref().is_some_and(runs) {
            return false;
        }
        let message = "the load ran on until settling was over, for no operator was there to end it: what it leaves behind is not known; run again";
        self.end(SoakTestPhase::Inconclusive, Reason::WorkloadFailed, message.into());
        true
    }

    /// Whether the load ended before measure did, or does not run although it must by now; or whether that is not known yet. A load that
    /// fails by its own word counts against the candidate, whenever it does.
    pub(super) fn load_failed(&mut self, measure_start: Timestamp, measure_end: Timestamp) -> bool {
        let Some(record) = self.status.workload.clone() else { return false };
        let (phase, message) = match record.state {
            TaskState::Pending | TaskState::Running => {
                let Some(why) = self.idle(&record, measure_start, measure_end) else {
                    return self.load_ended(&record, measure_end);
                };
                let message =
                    format!("the workload did not run while measure did: {why}: mend that, or lengthen warmUp");
                (SoakTestPhase::Inconclusive, message)
            }
            TaskState::Succeeded => {
                // One interval of grace, for a load that keeps time by itself.
                if record.completion_time.unwrap_or(self.now) + self.seen.spec.interval >= measure_end {
                    return false;
                }
                let message = "the workload ended by itself before measure was over: let it run until it is ended";
                (SoakTestPhase::Inconclusive, message.to_owned())
            }
            TaskState::Stopping | TaskState::Failed if record.reason == Some(Reason::Settling) => return false,
            TaskState::Stopping | TaskState::Failed => {
                (blame(&record), format!("the workload failed before measure was over: {}", record.message))
            }
        };
        self.end(phase, Reason::WorkloadFailed, message);
        true
    }

    /// Why a load that must run by now does not. Of one that has ended its record will say more.
    fn idle(&mut self, record: &TaskStatus, measure_start: Timestamp, measure_end: Timestamp) -> Option<String> {
        let limit = (measure_start + self.seen.spec.loadless().max(STARTS)).min(measure_end);
        if self.now < limit {
            self.wake_at(limit);
            return None;
        }
        let sight = self.sight(record);
        match &sight.job {
            Presence::AbsentLive if record.state == TaskState::Pending => {
                Some(sight.refused.map_or_else(|| "its Job was not created".into(), |refusal| refusal.message))
            }
            Presence::Present(job) if job.suspended => Some("its Job is suspended".into()),
            // Nobody may have been there to see it wait.
            Presence::Present(Job { began: Some(began), state: JobState::Running, .. }) if *began > limit => {
                Some(format!("it began only at {began} by the clock of its node, and measure at {measure_start}"))
            }
            // What was put into its pod beside it runs, or ran.
            Presence::Present(Job { began: None, state: JobState::Running, .. }) => {
                Some("its own container has not begun".into())
            }
            Presence::Present(job) => match &job.state {
                JobState::Waiting { message, .. } | JobState::Lost { message } => Some(message.clone()),
                // Its Job will say how it ended, unless the control plane has nothing to say.
                JobState::PodOver if self.now >= measure_end + GRACE => Some("its pod is over".into()),
                JobState::PodOver | JobState::Running | JobState::Succeeded { .. } | JobState::Failed { .. } => None,
            },
            Presence::AbsentLive | Presence::Unknown => None,
        }
    }

    /// Whether the load, when measure is over, has ended by itself: then that is recorded first, and decides in the next visit.
    fn load_ended(&mut self, record: &TaskStatus, measure_end: Timestamp) -> bool {
        let by_itself = match &self.sight(record).job {
            Presence::Unknown => false,
            Presence::AbsentLive => true,
            Presence::Present(job) if record.uid.as_ref().is_some_and(|uid| *uid != job.uid) => true,
            Presence::Present(job) => match &job.state {
                // Its own deadline lies after measure, so through all of that it ran.
                JobState::Failed { reason, .. } => *reason != Reason::DeadlineExceeded,
                JobState::Succeeded { .. } | JobState::PodOver => true,
                JobState::Waiting { .. } | JobState::Running | JobState::Lost { .. } => false,
            },
        };
        let ended = by_itself && self.now >= measure_end;
        if ended {
            self.drive(Role::Workload, self.now + Seconds(1));
            self.soon();
        }
        ended
    }
}
