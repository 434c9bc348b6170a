//! Objects of a Release: names, the snapshot, children, Jobs. Pure.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{apps::v1::ControllerRevision, batch::v1::Job, core::v1::ConfigMap},
    apimachinery::pkg::{apis::meta::v1::OwnerReference, runtime::RawExtension},
};
use kube::{Resource as _, ResourceExt as _, api::ObjectMeta};
use seaworthy_api::{
    Duration, E2ERun, E2ERunSpec, Gate, Release, ReleasePlanSpec, SoakTest, SoakTestSpec, Task, labels,
    task::{EnvVar, SecurityContext, Volume, VolumeMount},
};
use seaworthy_core::{
    candidate::Candidate,
    meta::FINALIZER,
    names,
    release::{GateStatus, ReleaseStatus},
};

use crate::jobs::{JobSpec, build_job};

/// The key of what the repository said.
pub(super) const FACTS: &str = "facts.json";
/// The key of the release notes.
pub(super) const NOTES: &str = "NOTES.md";
/// Where tasks find them.
const NOTES_FOLDER: &str = "/seaworthy/notes";
/// The key of why it said nothing.
pub(super) const PROBLEM: &str = "problem";

/// The pinned plan.
pub(super) fn snapshot_name(release: &Release) -> String {
    names::fit(&format!("{}-plan", release.name_any()))
}

/// What the repository said.
pub(super) fn facts_name(release: &Release) -> String {
    names::fit(&format!("{}-history", release.name_any()))
}

/// The release notes.
pub(super) fn notes_name(release: &Release) -> String {
    names::fit(&format!("{}-notes", release.name_any()))
}

/// The plan's turn.
pub(super) fn turn_name(release: &Release) -> String {
    names::fit(&format!("seaworthy-plan-{}", release.spec.plan_ref.name))
}

fn owner(release: &Release) -> OwnerReference {
    release.controller_owner_ref(&()).unwrap_or_default()
}

fn owned_meta(release: &Release, name: String) -> ObjectMeta {
    let labels = [
        (labels::MANAGED_BY, labels::MANAGER.to_owned()),
        (labels::OWNER_KIND, "Release".to_owned()),
        (labels::OWNER, release.name_any()),
    ];
    ObjectMeta {
        name: Some(name),
        namespace: release.namespace(),
        labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        owner_references: Some(vec![owner(release)]),
        ..ObjectMeta::default()
    }
}

/// The plan's spec as it is now, immutable.
pub(super) fn snapshot(release: &Release, plan: &ReleasePlanSpec) -> ControllerRevision {
    ControllerRevision {
        metadata: owned_meta(release, snapshot_name(release)),
        data: serde_json::to_value(plan).ok().map(RawExtension),
        revision: 1,
    }
}

/// What the repository said, immutable.
pub(super) fn facts(release: &Release, result: Result<String, String>) -> ConfigMap {
    let (key, value) = match result {
        Ok(facts) => (FACTS, facts),
        Err(problem) => (PROBLEM, problem),
    };
    ConfigMap {
        metadata: owned_meta(release, facts_name(release)),
        immutable: Some(true),
        data: Some(BTreeMap::from([(key.to_owned(), value)])),
        ..ConfigMap::default()
    }
}

/// The release notes, which people may edit: ours to collect, not ours alone to write.
pub(super) fn notes(release: &Release, text: String) -> ConfigMap {
    let mut metadata = owned_meta(release, notes_name(release));
    if let Some(labels) = metadata.labels.as_mut() {
        labels.remove(labels::MANAGED_BY);
        labels.insert(labels::NOTES.to_owned(), String::new());
    }
    for owner in metadata.owner_references.iter_mut().flatten() {
        owner.controller = None;
        owner.block_owner_deletion = None;
    }
    ConfigMap { metadata, data: Some(BTreeMap::from([(NOTES.to_owned(), text)])), ..ConfigMap::default() }
}

/// What is under judgement, as children and tasks see it.
pub(super) fn candidate(release: &Release, gate: &str) -> Candidate {
    let status: ReleaseStatus = release.status.clone().unwrap_or_default();
    Candidate {
        release: release.name_any(),
        gate: gate.to_owned(),
        version: status.version,
        candidate_version: status.candidate_version,
        tag: status.tag,
        previous_version: status.previous_version,
        revision: release.spec.revision.clone(),
        plan_hash: status.plan_snapshot.map(|s| s.hash).unwrap_or_default(),
        artifacts: status.artifacts,
        parameters: release.spec.parameters.clone(),
    }
}

fn child_meta(release: &Release, status: &GateStatus) -> ObjectMeta {
    let mut meta = owned_meta(release, status.child.clone());
    let more = [(labels::RELEASE, release.name_any()), (labels::GATE, status.name.clone())];
    meta.labels.get_or_insert_default().extend(more.into_iter().map(|(k, v)| (k.to_owned(), v)));
    meta
}

/// A gate's child.
pub(super) enum Child {
    /// End-to-end suites.
    E2e(Box<E2ERun>),
    /// A soak.
    Soak(Box<SoakTest>),
}

/// The child of a gate; None for a gate that is neither, which the API server refuses.
pub(super) fn child(release: &Release, plan: &ReleasePlanSpec, gate: &Gate, status: &GateStatus) -> Option<Child> {
    let candidate = Some(candidate(release, &gate.name));
    // It begins at once, so it needs our finalizer at once: a write less than putting it on later.
    let metadata = ObjectMeta { finalizers: Some(vec![FINALIZER.to_owned()]), ..child_meta(release, status) };
    let service_accounts = plan.service_accounts.clone();
    if let Some(e2e) = &gate.e2e {
        let spec = E2ERunSpec { service_accounts, candidate, suspend: false, abort: false, e2e: e2e.clone() };
        return Some(Child::E2e(Box::new(E2ERun { metadata, spec, status: None })));
    }
    let soak = gate.soak.clone()?;
    let namespaces = plan.namespaces.clone();
    let spec = SoakTestSpec { service_accounts, namespaces, candidate, suspend: false, abort: false, soak };
    Some(Child::Soak(Box::new(SoakTest { metadata, spec, status: None })))
}

/// A task of the Release.
pub(super) fn task(release: &Release, name: &str, purpose: &str, attempt: u32, task: &Task, suspend: bool) -> Job {
    let mut env = candidate(release, "").env();
    env.push(("SEAWORTHY_ATTEMPT".to_owned(), attempt.to_string()));
    let mut task = task.clone();
    if let Some(notes) = release.status.as_ref().and_then(|status| status.notes.as_ref()) {
        env.push(("SEAWORTHY_NOTES".to_owned(), format!("{NOTES_FOLDER}/{NOTES}")));
        task.volumes.push(Volume::config_map("seaworthy-notes", &notes.config_map));
        task.volume_mounts.push(VolumeMount { read_only: true, ..VolumeMount::at("seaworthy-notes", NOTES_FOLDER) });
    }
    let namespace = release.namespace().unwrap_or_default();
    build_job(&JobSpec { name, namespace: &namespace, owner: owner(release), purpose, task: &task, env, suspend })
}

/// Where the plan Job finds its credentials.
const CREDENTIALS: &str = "/etc/seaworthy/git";

/// The plan Job's task: reads the repository under the given policy; `published` are the ledger's versions with their commits.
pub(super) fn planning_task(
    image: &str,
    plan: &ReleasePlanSpec,
    published: &[(String, String)],
    timeout_seconds: u32,
) -> Task {
    let git = plan.version.git.clone();
    let policy = seaworthy_api::convert::release::version_policy(&plan.version).ok();
    let policy = policy.and_then(|p| serde_json::to_string(&p).ok()).unwrap_or_else(|| "{}".into());
    let published: Vec<String> = published.iter().map(|(version, commit)| format!("{version}={commit}")).collect();
    let env = |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), value_from: None };
    let secret = git.as_ref().and_then(|g| g.credentials_secret_ref.clone());
    Task {
        image: image.to_owned(),
        command: vec![],
        args: vec![],
        env: [
            env("SEAWORTHY_GIT_URL", git.map(|g| g.url).unwrap_or_default()),
            env("SEAWORTHY_GIT_POLICY", policy),
            env("SEAWORTHY_GIT_PUBLISHED", published.join(",")),
            env("SEAWORTHY_GIT_WORK_DIR", "/work".into()),
        ]
        .into_iter()
        // A list of nothing is one empty entry to the program that reads it: left out instead.
        .filter(|variable| variable.value.as_deref() != Some(""))
        .collect(),
        env_from: vec![],
        working_dir: None,
        resources: None,
        service_account_name: None,
        image_pull_policy: None,
        image_pull_secrets: vec![],
        volumes: std::iter::once(Volume::empty("work"))
            .chain(secret.iter().map(|s| Volume::secret("credentials", &s.name)))
            .collect(),
        volume_mounts: std::iter::once(VolumeMount::at("work", "/work"))
            .chain(secret.iter().map(|_| VolumeMount::at("credentials", CREDENTIALS)))
            .collect(),
        node_selector: BTreeMap::new(),
        tolerations: vec![],
        security_context: Some(SecurityContext { read_only_root_filesystem: true, ..SecurityContext::default() }),
        timeout: Duration::seconds(timeout_seconds),
    }
}

/// What a Job holds that only takes a name and never runs: nothing of the plan, which may be gone.
pub(super) fn placeholder() -> Task {
    Task {
        image: "never-runs".into(),
        command: Vec::new(),
        args: Vec::new(),
        env: Vec::new(),
        env_from: Vec::new(),
        working_dir: None,
        resources: None,
        service_account_name: None,
        image_pull_policy: None,
        image_pull_secrets: Vec::new(),
        volumes: Vec::new(),
        volume_mounts: Vec::new(),
        node_selector: BTreeMap::new(),
        tolerations: Vec::new(),
        security_context: None,
        timeout: Duration::minutes(1),
    }
}
