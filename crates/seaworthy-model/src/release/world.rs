//! The cluster around a `Release`: the API server's objects, and a publisher whose pods can really publish.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    sync::Arc,
};

use seaworthy_core::{
    candidate::Artifact,
    condition,
    lock::Lock,
    meta::Meta,
    plan::Plan,
    presence::Presence,
    release::{
        self, Effect, Observed, PublishOutcome, PublishState, ReleasePhase, ReleaseStatus, ReportedArtifact, Settle,
        WaiverStatus,
        observed::{Child, ChildSight, ExternalPublish, Notes, Policy, Sibling, Snapshot, Spec},
        reads,
    },
    task::{JobState, Report, Sight, TaskEffect},
    time::{Seconds, Timestamp},
    verdict::{Enforcement, Verdict},
    version::{Burn, Facts, Ledger},
};

use crate::{
    EPOCH,
    jobs::Jobs,
    operator::{Subject, shifted},
};

/// The Release's UID.
pub const UID: &str = "release-uid";
/// The step in which the clock moves.
pub const TICK: Seconds = Seconds::minutes(10);

/// The Release as the API server holds it.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Stored {
    /// What was asked for.
    pub spec: Spec,
    /// What is recorded.
    pub status: ReleaseStatus,
    /// Whether our finalizer is on it.
    pub finalizer: bool,
    /// When it was deleted.
    pub deleted: Option<Timestamp>,
}

/// A gate's child, with what it was made for.
#[derive(Debug, Clone, PartialEq, Hash)]
pub struct MadeChild {
    /// As decisions see it; `owned` is worked out when it is looked at.
    pub child: Child,
    /// The digests that it is about.
    pub artifacts: Vec<Artifact>,
}

/// A world with one Release in it.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The time.
    pub now: Timestamp,
    /// The Release; behind an Arc because operators hold copies of it.
    pub release: Arc<Stored>,
    /// How often the Release was written since this was last set to zero: tells who holds an old copy.
    pub writes: u32,
    /// Whether it is gone.
    pub gone: bool,
    /// The plan as it is now.
    pub plan: Option<Arc<Policy>>,
    /// The pinned plan.
    pub snapshot: Option<Arc<Policy>>,
    /// What the repository said.
    pub facts: Option<Result<Facts, String>>,
    /// The numbers that were used.
    pub ledger: Ledger,
    /// The release notes.
    pub notes: Presence<Notes>,
    /// Jobs and their pods.
    pub jobs: Jobs,
    /// Children by name.
    pub children: BTreeMap<String, MadeChild>,
    /// Who has the turn.
    pub turn: Lock,
    /// Other Releases of the plan.
    pub siblings: Vec<Sibling>,
    /// How often a publish Job was unsuspended, by UID.
    pub unsuspends: BTreeMap<String, u32>,
    /// What each publish Job was made to publish, by UID.
    pub cargo: BTreeMap<String, Vec<Artifact>>,
    /// What is really out.
    pub out: Option<Vec<Artifact>>,
    /// Whether CI was asked to publish.
    pub asked: bool,
    /// Gates whose child really passed, with the digests.
    pub passed: BTreeSet<(String, Vec<Artifact>)>,
    /// Attempts after whose last pod the registry was found not to have it.
    pub clean: BTreeSet<u32>,
    /// The outcome that was told first.
    pub outcome: Option<(ReleasePhase, String)>,
    /// The first thing that happened and must not.
    pub wrong: Option<String>,
}

// By hand: what a scope fixes (plans), and what only the first state of a scope sets (facts, siblings' details), tells no states apart.
impl Hash for World {
    fn hash<H: Hasher>(&self, h: &mut H) {
        (self.now, &self.release, self.gone, self.plan.is_some(), self.snapshot.is_some(), self.facts.is_some())
            .hash(h);
        (&self.ledger.closed, self.notes.present()).hash(h);
        for e in &self.ledger.entries {
            (&e.owner, e.candidate, e.state as u8, e.final_used).hash(h);
        }
        (&self.jobs, &self.children, &self.turn, self.siblings.len(), &self.unsuspends).hash(h);
        (&self.out, self.asked, &self.passed, &self.clean, &self.outcome, &self.wrong).hash(h);
    }
}

impl World {
    /// A new Release under `plan`.
    pub fn new(plan: Policy) -> Self {
        let spec = Spec {
            plan: "plan".into(),
            revision: "4f2c0d7b1e6a9c3f5d8b2a4e6c1f3b5d7a9e0c2b".into(),
            version: Some("1.4.0".into()),
            ..Spec::default()
        };
        Self {
            now: EPOCH,
            release: Arc::new(Stored { spec, status: ReleaseStatus::default(), finalizer: false, deleted: None }),
            writes: 0,
            gone: false,
            plan: Some(Arc::new(plan)),
            snapshot: None,
            facts: None,
            ledger: Ledger::default(),
            notes: Presence::AbsentLive,
            jobs: Jobs::default(),
            children: BTreeMap::new(),
            turn: Lock::Free,
            siblings: Vec::new(),
            unsuspends: BTreeMap::new(),
            cargo: BTreeMap::new(),
            out: None,
            asked: false,
            passed: BTreeSet::new(),
            clean: BTreeSet::new(),
            outcome: None,
            wrong: None,
        }
    }

    /// What is recorded.
    pub fn status(&self) -> &ReleaseStatus {
        &self.release.status
    }

    /// Writes the Release.
    pub fn write(&mut self) -> &mut Stored {
        self.writes += 1;
        Arc::make_mut(&mut self.release)
    }

    /// Somebody deletes the Release.
    pub fn delete(&mut self) {
        let now = self.now;
        self.write().deleted.get_or_insert(now);
        self.gone = !self.release.finalizer;
    }

    /// What live reads show now, beside the given copy of the Release.
    pub fn observe(&self, held: &Stored) -> Observed {
        let meta = Meta {
            namespace: "ns".into(),
            name: "rel".into(),
            uid: UID.into(),
            generation: 1,
            created: EPOCH,
            deleted: held.deleted,
            finalizer: held.finalizer,
            namespace_terminating: false,
        };
        let status = &held.status;
        let wanted = reads(&meta, status, self.snapshot.as_deref());
        let turn = if wanted.turn { self.turn.clone() } else { Lock::Unknown };
        let there = |b: bool| if b { Presence::Present(()) } else { Presence::AbsentLive };
        Observed {
            spec: held.spec.clone(),
            status: status.clone(),
            plan: if wanted.plan { there(self.plan.is_some()) } else { Presence::Unknown },
            snapshot: self.snapshot.as_ref().map_or(Presence::AbsentLive, |policy| {
                let policy = Ok(Policy::clone(policy));
                Presence::Present(Snapshot {
                    name: "rel-plan".into(),
                    hash: "sha256:0".into(),
                    ledger: "ledger".into(),
                    policy,
                })
            }),
            facts: match (&self.facts, wanted.facts) {
                (Some(facts), true) => Presence::Present(facts.clone()),
                (None, true) => Presence::AbsentLive,
                (_, false) => Presence::Unknown,
            },
            ledger: if wanted.ledger { Presence::Present(self.ledger.clone()) } else { Presence::Unknown },
            notes: if wanted.notes { self.notes.clone() } else { Presence::Unknown },
            jobs: wanted
                .jobs
                .iter()
                .map(|name| (name.clone(), Sight::from(self.jobs.see(name))))
                .chain(wanted.jobs_alone.iter().map(|name| (name.clone(), Sight::from(self.jobs.see_alone(name)))))
                .collect(),
            publish_pods: wanted
                .publish_pods
                .as_ref()
                .map_or(Presence::Unknown, |uid| Presence::Present(u32::from(self.jobs.pods.contains(uid)))),
            children: wanted.children.iter().map(|(_, name)| (name.clone(), self.child(name, status))).collect(),
            siblings: if wanted.siblings_beside(&turn) {
                Presence::Present(self.siblings.clone())
            } else {
                Presence::Unknown
            },
            turn,
            meta,
        }
    }

    fn child(&self, name: &str, status: &ReleaseStatus) -> ChildSight {
        let child = self.children.get(name).map_or(Presence::AbsentLive, |made| {
            let owned = made.child.owned && made.artifacts == status.artifacts;
            Presence::Present(Child { owned, ..made.child.clone() })
        });
        ChildSight { child, refused: None }
    }

    fn create_child(&mut self, gate: usize, held: &ReleaseStatus) {
        let Some(name) = held.gates.get(gate).map(|g| g.child.clone()) else { return };
        let child = Child {
            uid: format!("{name}#1"),
            owned: true,
            aborting: false,
            deleting: false,
            verdict: None,
            reason: String::new(),
            message: String::new(),
        };
        self.children.entry(name).or_insert(MadeChild { child, artifacts: held.artifacts.clone() });
    }

    /// What must hold at the moment in which a publish Job is let go: `published-implies-gates`, and the order of attempts.
    fn unsuspended(&mut self, uid: &str) {
        let times = self.unsuspends.entry(uid.to_owned()).or_default();
        *times += 1;
        let attempt = self.release.status.publish.as_ref().map_or(1, |p| p.attempt);
        let cargo = self.cargo.get(uid).cloned().unwrap_or_default();
        let wrong = if *times > 1 {
            Some("publish-at-most-one-pod: a publish Job was let go twice".to_owned())
        } else if (1..attempt).any(|n| !self.clean.contains(&n)) {
            Some("publish-at-most-one-pod: another attempt without a negative verify after the last pod".to_owned())
        } else {
            let policy = self.snapshot.as_deref();
            let missing = policy.into_iter().flat_map(|p| &p.gates).find(|g| {
                g.enforcement == Enforcement::Required
                    && !self.passed.contains(&(g.name.clone(), cargo.clone()))
                    && !self.waived(&g.name)
            });
            missing.map(|g| format!("published-implies-gates: gate {} did not pass for these digests", g.name))
        };
        self.wrong = self.wrong.take().or(wrong);
    }

    /// Whether the API server would take CI's report.
    pub fn waits_for_report(&self) -> bool {
        let state = self.status().publish.as_ref().map(|p| p.state);
        self.release.spec.external_publish.is_none() && state == Some(PublishState::External)
    }

    /// CI reports what is so, or other bytes than those that it was to publish.
    pub fn report(&mut self, right: bool) {
        let digest = |digest: &str| if right { digest.to_owned() } else { format!("sha256:{}", "f".repeat(64)) };
        let artifacts = self.out.iter().flatten();
        let artifacts: Vec<_> =
            artifacts.map(|a| ReportedArtifact { name: a.name.clone(), digest: digest(&a.digest) }).collect();
        let outcome = if artifacts.is_empty() { PublishOutcome::NotPublished } else { PublishOutcome::Published };
        self.write().spec.external_publish =
            Some(ExternalPublish { outcome, artifacts, by: "ci".into(), reason: "a reason".into() });
    }

    /// Whether a person waived the gate, and that is on record, for exactly what was built.
    pub fn waived(&self, gate: &str) -> bool {
        let given = self.release.spec.waivers.iter().any(|w| w.gate == gate);
        let built = || self.status().artifacts.iter().map(|artifact| &artifact.digest);
        let counts = |w: &WaiverStatus| w.gate == gate && w.refused.is_empty() && w.digests.iter().eq(built());
        given && self.status().waivers.iter().any(counts)
    }

    /// What a person finds who looks after `PublishUnknown`, when nothing that was begun can change it any more.
    pub fn found(&self) -> Option<PublishOutcome> {
        let ending = self.status().ending.as_ref().map(|e| e.phase);
        let runs = self.jobs.pods.iter().any(|uid| uid.starts_with("rel-publish"));
        if ending != Some(ReleasePhase::PublishUnknown) || runs {
            return None;
        }
        Some(if self.out.is_some() { PublishOutcome::Published } else { PublishOutcome::NotPublished })
    }

    /// The pod of a publish Job does its work, whether or not anybody still watches.
    pub fn pod_publishes(&mut self, uid: &str) {
        if self.jobs.pods.contains(uid) {
            self.out = self.cargo.get(uid).cloned();
        }
    }

    /// A Job ends, and its pod with it. A `verify` tells what it saw.
    pub fn end_job(&mut self, name: &str, state: JobState) {
        if let JobState::Failed { report: Some(Report { exit_code: Some(10), .. }), .. } = &state
            && let Some(attempt) = name.strip_prefix("rel-verify-").and_then(|n| n.split('-').next()?.parse().ok())
            && !self.jobs.pods.iter().any(|uid| uid.starts_with("rel-publish"))
        {
            self.clean.insert(attempt);
        }
        self.jobs.end(name, state);
    }

    /// A child ends with a verdict.
    pub fn end_child(&mut self, name: &str, verdict: Verdict) {
        if let Some(made) = self.children.get_mut(name) {
            made.child.verdict = Some(verdict);
            made.child.reason = format!("{verdict:?}");
            if verdict == Verdict::Passed {
                let gate = name.trim_start_matches("rel-").to_owned();
                self.passed.insert((gate, made.artifacts.clone()));
            }
        }
    }
}

impl Subject for World {
    type Object = Stored;
    type Status = ReleaseStatus;
    type Effect = Effect;

    fn read(&self) -> Option<Arc<Stored>> {
        (!self.gone).then(|| Arc::clone(&self.release))
    }

    fn status(object: &Stored) -> &ReleaseStatus {
        &object.status
    }

    fn decide(&mut self, held: &Stored, skew: i8) -> Plan<ReleaseStatus, Effect> {
        release::decide(&self.observe(held), shifted(self.now, skew))
    }

    fn record(&mut self, status: ReleaseStatus) -> Arc<Stored> {
        if let Some(word) = self.release.status.resolution.clone()
            && status.resolution.as_ref() != Some(&word)
        {
            self.wrong.get_or_insert_with(|| format!("terminal-is-final: {word:?} became {:?}", status.resolution));
        }
        self.write().status = status;
        self.asked |= self.release.status.publish.as_ref().is_some_and(|p| p.state == PublishState::External);
        let told = &self.release.status;
        let now = condition::is_true(&told.conditions, condition::types::FINISHED);
        let reason = condition::get(&told.conditions, condition::types::FINISHED).map(|c| c.reason.clone());
        let now = now.then(|| (told.phase, reason.unwrap_or_default()));
        match (&self.outcome, now) {
            (None, now) => self.outcome = now,
            // The one exception: a person's word, once, where nobody knew.
            (Some((ReleasePhase::PublishUnknown, _)), Some(now))
                if told.resolution.is_some() && now.0 != ReleasePhase::PublishUnknown =>
            {
                self.outcome = Some(now);
            }
            (Some(first), now) if now.as_ref() != Some(first) => {
                let wrong = format!("terminal-is-final: {first:?} became {now:?}");
                self.wrong.get_or_insert(wrong);
            }
            (Some(_), _) => {}
        }
        Arc::clone(&self.release)
    }

    fn apply(&mut self, held: &Stored, effect: &Effect, stale: bool) -> bool {
        match effect {
            Effect::AddFinalizer | Effect::RemoveFinalizer if self.gone || stale => return false,
            Effect::AddFinalizer => self.write().finalizer = true,
            Effect::RemoveFinalizer => {
                self.write().finalizer = false;
                self.gone = self.release.deleted.is_some();
            }
            Effect::CreateSnapshot => {
                if self.snapshot.is_none() {
                    self.snapshot.clone_from(&self.plan);
                }
            }
            Effect::StoreFacts { .. } => {
                let commit = held.spec.revision.clone();
                self.facts.get_or_insert(Ok(Facts { head: commit, first_parent_count: 1, ..Facts::default() }));
            }
            Effect::AcquireTurn => {
                if self.turn == Lock::Free {
                    self.turn = Lock::Mine;
                }
            }
            Effect::ReleaseTurn => {
                if self.turn == Lock::Mine {
                    self.turn = Lock::Free;
                }
            }
            // Somebody was faster: the next observation tells.
            Effect::Reserve { version, candidate } => {
                if self.snapshot.is_none() {
                    return false;
                }
                return self.ledger.reserve(UID, &held.spec.revision, version, *candidate).is_ok();
            }
            Effect::DraftNotes { text } => {
                if self.notes == Presence::AbsentLive {
                    let digest = format!("{:x}", text.len());
                    self.notes = Presence::Present(Notes { owned: true, digest, ..Notes::default() });
                }
            }
            Effect::FreezeNotes { .. } => {
                if let Presence::Present(notes) = &mut self.notes {
                    notes.frozen = true;
                }
            }
            Effect::Settle(settle) => {
                return match settle {
                    Settle::Published => self.ledger.publish(UID),
                    Settle::BurnCandidate => self.ledger.burn(UID, Burn::Candidate),
                    Settle::BurnFinal => self.ledger.burn(UID, Burn::Final),
                }
                .is_ok();
            }
            // What is built, is built from the pinned plan.
            Effect::CreateChild { .. } | Effect::CreatePublish { .. } if self.snapshot.is_none() => return false,
            Effect::Planning(TaskEffect::Create { .. })
            | Effect::Candidate(TaskEffect::Create { .. })
            | Effect::Verify(TaskEffect::Create { .. })
                if self.snapshot.is_none() =>
            {
                return false;
            }
            Effect::Planning(task) | Effect::Candidate(task) | Effect::Verify(task) => self.jobs.apply(task, self.now),
            Effect::CreateChild { gate } => self.create_child(*gate, &held.status),
            Effect::AbortChild { name, uid, .. } => {
                if let Some(made) = self.children.get_mut(name).filter(|c| c.child.uid == *uid) {
                    made.child.aborting = true;
                }
            }
            Effect::DeleteChild { name, uid, .. } => {
                if let Some(made) = self.children.get_mut(name).filter(|c| c.child.uid == *uid) {
                    made.child.deleting = true;
                }
            }
            Effect::CreatePublish { job, .. } => {
                self.jobs.create(job, true, self.now);
                if let Presence::Present(job) = self.jobs.see(job) {
                    self.cargo.entry(job.uid).or_insert_with(|| held.status.artifacts.clone());
                }
            }
            Effect::Unsuspend { job, uid, resource_version } => {
                if self.jobs.unsuspend(job, uid, resource_version) {
                    self.unsuspended(uid);
                }
            }
            Effect::StopPublish { job, uid } => self.jobs.stop(job, uid, self.now),
        }
        true
    }
}
