//! The target and its pods: whether it is ready, and whether what runs is the candidate.
//!
//! The rule (`runs-the-candidate`): every container whose image comes from an artifact's repository, and at least one container of every
//! pod, names its image by a digest of the candidate and reports that digest as what it runs. Sidecars from elsewhere are left alone.

use crate::{candidate::Artifact, presence::Presence};

/// What a live read said about the target: absent, or its rollout and pods.
pub type Target = Presence<Rollout>;

/// A workload and its pods.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// How many pods it should have.
    pub desired: u32,
    /// Whether its controller has seen the newest spec and brought all pods up to it.
    pub complete: bool,
    /// Its pods that are neither finished nor being deleted.
    pub pods: Vec<TargetPod>,
    /// Pods of it that are still ending.
    pub ending: u32,
}

/// One pod of the target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetPod {
    /// Its name.
    pub name: String,
    /// Its `Ready` condition.
    pub ready: bool,
    /// Why it does not get ready, as far as its containers say.
    pub waiting: Option<String>,
    /// Its main containers.
    pub containers: Vec<RunningImage>,
}

/// What one container is to run, and what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunningImage {
    /// The container's name.
    pub container: String,
    /// `image` in the pod's spec.
    pub image: String,
    /// `imageID` in the pod's status; empty until it has been pulled.
    pub image_id: String,
}

/// Whether a pod runs the candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It does, or no candidate was named.
    Candidate,
    /// Not all of its images are known yet.
    Pending,
    /// It does not: what it runs instead.
    Other(String),
}

/// Whether a pod's containers run one of `artifacts`; with none named, anything will do.
pub fn runs_candidate(containers: &[RunningImage], artifacts: &[Artifact]) -> Match {
    if artifacts.is_empty() {
        return Match::Candidate;
    }
    let known = |digest: &str| artifacts.iter().any(|a| a.digest == digest);
    let mut found = false;
    let mut pending = containers.is_empty();
    let mut others = Vec::new();
    for c in containers {
        let pinned = digest(&c.image);
        let ours = pinned.is_some_and(known) || artifacts.iter().any(|a| repository(&c.image) == repository(&a.uri));
        if !ours {
            others.push(format!("{} ({})", c.image, c.container));
            continue;
        }
        if !pinned.is_some_and(known) {
            return Match::Other(format!(
                "container {:?} names image {:?} without a digest of the candidate: name it as repository@sha256:...",
                c.container, c.image
            ));
        }
        if c.image_id.is_empty() {
            pending = true;
        } else if digest(&c.image_id).is_some_and(known) {
            found = true;
        } else {
            return Match::Other(format!("container {:?} runs {:?}", c.container, c.image_id));
        }
    }
    if found && !pending {
        Match::Candidate
    } else if pending {
        Match::Pending
    } else {
        Match::Other(format!("no container of it runs an artifact of the candidate, but {}", others.join(", ")))
    }
}

/// `sha256:...` at the end of an image reference or an imageID.
fn digest(text: &str) -> Option<&str> {
    let at = text.rfind("sha256:")?;
    let digest = &text[at..];
    (digest.len() == 71 && (at == 0 || text[..at].ends_with('@'))).then_some(digest)
}

/// An image reference without tag and digest.
fn repository(image: &str) -> &str {
    let bare = image.split('@').next().unwrap_or(image);
    match bare.rfind(':') {
        Some(colon) if !bare[colon..].contains('/') => &bare[..colon],
        _ => bare,
    }
}

/// What a target that is waited for is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All its pods are ready and run the candidate.
    Ready,
    /// It is there, but not ready: why.
    Waiting(String),
    /// It has settled on something else than the candidate: what.
    Other(String),
}

/// Whether the target can be soaked now.
pub fn readiness(rollout: &Rollout, artifacts: &[Artifact]) -> Readiness {
    if rollout.desired == 0 {
        return Readiness::Waiting("it is scaled to 0 replicas".into());
    }
    if let Some(pod) = rollout.pods.iter().find(|p| !p.ready) {
        let why = pod.waiting.as_deref().map_or_else(String::new, |w| format!(": {w}"));
        return Readiness::Waiting(format!("pod {} is not ready{why}", pod.name));
    }
    let ready = u32::try_from(rollout.pods.len()).unwrap_or(u32::MAX);
    if !rollout.complete || ready < rollout.desired {
        return Readiness::Waiting(format!("{ready} of {} pods are ready and up to date", rollout.desired));
    }
    if rollout.ending > 0 || ready > rollout.desired {
        return Readiness::Waiting("pods of its last rollout are still ending".into());
    }
    for pod in &rollout.pods {
        match runs_candidate(&pod.containers, artifacts) {
            Match::Candidate => {}
            Match::Pending => return Readiness::Waiting(format!("pod {} does not report its images yet", pod.name)),
            Match::Other(what) => return Readiness::Other(format!("pod {}: {what}", pod.name)),
        }
    }
    Readiness::Ready
}
