//! From a task, which people write, to a Job, which is ours: restricted pod security, no token unless an account is named, one pod, one try.
//! Pure.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::{
            Job, JobSpec as BatchJobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
            PodFailurePolicyRule,
        },
        core::v1::{
            Capabilities, Container, EnvVar, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec,
            SeccompProfile, SecurityContext,
        },
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use seaworthy_api::{Task, labels};
use serde::de::DeserializeOwned;

/// The user and group that tasks run as unless they say otherwise.
const NOBODY: i64 = 65532;

/// Everything that makes a Job.
#[derive(Debug, Clone)]
pub struct JobSpec<'a> {
    /// The Job's name.
    pub name: &'a str,
    /// Its namespace: the owner's.
    pub namespace: &'a str,
    /// The owner, as its controller.
    pub owner: OwnerReference,
    /// What it is for: `candidate`, `setup`, `run`, `publish`, ...
    pub purpose: &'a str,
    /// What people wrote.
    pub task: &'a Task,
    /// Our variables: they come after the task's own, so that nothing can replace them.
    pub env: Vec<(String, String)>,
    /// Whether it waits to be unsuspended.
    pub suspend: bool,
}

/// The Job of a task.
pub fn build_job(spec: &JobSpec<'_>) -> Job {
    let task = spec.task;
    let labels: BTreeMap<String, String> = [
        (labels::MANAGED_BY, labels::MANAGER),
        ("app.kubernetes.io/name", "seaworthy-task"),
        (labels::OWNER_KIND, &spec.owner.kind),
        (labels::OWNER, &spec.owner.name),
        (labels::PURPOSE, spec.purpose),
    ]
    .into_iter()
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .collect();
    let seconds = i64::try_from(task.timeout.get().0).unwrap_or(i64::MAX);
    Job {
        metadata: ObjectMeta {
            name: Some(spec.name.to_owned()),
            namespace: Some(spec.namespace.to_owned()),
            labels: Some(labels.clone()),
            owner_references: Some(vec![spec.owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: Some(BatchJobSpec {
            backoff_limit: Some(0),
            active_deadline_seconds: Some(seconds),
            pod_replacement_policy: Some("Failed".to_owned()),
            pod_failure_policy: Some(fail_on_any_exit()),
            suspend: Some(spec.suspend),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
                spec: Some(pod(spec)),
            },
            ..BatchJobSpec::default()
        }),
        status: None,
    }
}

/// Any exit code but 0 ends the Job: a second pod is never started behind our back.
fn fail_on_any_exit() -> PodFailurePolicy {
    PodFailurePolicy {
        rules: vec![PodFailurePolicyRule {
            action: "FailJob".to_owned(),
            on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
                operator: "NotIn".to_owned(),
                values: vec![0],
                container_name: None,
            }),
            on_pod_conditions: None,
        }],
    }
}

fn pod(spec: &JobSpec<'_>) -> PodSpec {
    let task = spec.task;
    let security = task.security_context.clone().unwrap_or_default();
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        service_account_name: task.service_account_name.clone(),
        automount_service_account_token: Some(task.service_account_name.is_some()),
        enable_service_links: Some(false),
        image_pull_secrets: (!task.image_pull_secrets.is_empty())
            .then(|| task.image_pull_secrets.iter().map(|s| LocalObjectReference { name: s.name.clone() }).collect()),
        node_selector: (!task.node_selector.is_empty()).then(|| task.node_selector.clone()),
        tolerations: carried(&task.tolerations),
        volumes: carried(&task.volumes),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(security.run_as_user.unwrap_or(NOBODY)),
            run_as_group: Some(security.run_as_group.unwrap_or(NOBODY)),
            fs_group: Some(security.run_as_group.unwrap_or(NOBODY)),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(spec, security.read_only_root_filesystem)],
        ..PodSpec::default()
    }
}

fn container(spec: &JobSpec<'_>, read_only: bool) -> Container {
    let task = spec.task;
    let mut env: Vec<EnvVar> = carried(&task.env).unwrap_or_default();
    env.extend(spec.env.iter().map(|(k, v)| EnvVar { name: k.clone(), value: Some(v.clone()), value_from: None }));
    Container {
        name: seaworthy_core::task::facts::CONTAINER.to_owned(),
        image: Some(task.image.clone()),
        command: some(&task.command),
        args: some(&task.args),
        env: Some(env),
        env_from: carried(&task.env_from),
        working_dir: task.working_dir.clone(),
        resources: task.resources.as_ref().and_then(carry),
        image_pull_policy: task.image_pull_policy.map(|p| format!("{p:?}")),
        volume_mounts: carried(&task.volume_mounts),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            read_only_root_filesystem: read_only.then_some(true),
            ..SecurityContext::default()
        }),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

/// The allow-listed types are written as Kubernetes writes them, so they are carried over by name; what does not fit cannot be in them.
fn carry<T: serde::Serialize, U: DeserializeOwned>(ours: &T) -> Option<U> {
    serde_json::to_value(ours).ok().and_then(|v| serde_json::from_value(quantities(v)).ok())
}

fn carried<T: serde::Serialize, U: DeserializeOwned>(ours: &[T]) -> Option<Vec<U>> {
    if ours.is_empty() { None } else { Some(ours.iter().filter_map(carry).collect()) }
}

/// Quantities are strings in Kubernetes' types; integers are allowed in ours.
fn quantities(mut value: serde_json::Value) -> serde_json::Value {
    for part in ["limits", "requests"] {
        if let Some(serde_json::Value::Object(map)) = value.get_mut(part) {
            for v in map.values_mut() {
                if v.is_number() {
                    *v = serde_json::Value::String(v.to_string());
                }
            }
        }
    }
    if let Some(limit) = value.pointer_mut("/emptyDir/sizeLimit")
        && limit.is_number()
    {
        *limit = serde_json::Value::String(limit.to_string());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(json: serde_json::Value) -> Task {
        serde_json::from_value(json).unwrap()
    }

    fn job(task: &Task) -> serde_json::Value {
        let owner =
            OwnerReference { kind: "Release".into(), name: "r".into(), uid: "u".into(), ..OwnerReference::default() };
        let env = vec![("SEAWORTHY_VERSION".to_owned(), "1.4.0".to_owned())];
        let spec =
            JobSpec { name: "r-candidate-1", namespace: "n", owner, purpose: "candidate", task, env, suspend: true };
        serde_json::to_value(build_job(&spec)).unwrap()
    }

    #[test]
    fn a_bare_task_becomes_a_restricted_job_without_a_token() {
        let job = job(&task(serde_json::json!({"image": "i@sha256:0", "timeout": "5m"})));
        assert_eq!(job["metadata"]["name"], "r-candidate-1", "a create that is tried again meets the first one");
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsUser"], 65532);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"], false);
        assert_eq!(job["spec"]["activeDeadlineSeconds"], 300);
        assert_eq!(job["spec"]["backoffLimit"], 0);
        assert_eq!(job["spec"]["suspend"], true);
    }

    #[test]
    fn everything_that_is_allowed_is_carried_over() {
        let full = serde_json::json!({
            "image": "i", "timeout": "1m", "serviceAccountName": "tester", "command": ["a"], "args": ["b"], "workingDir": "/w",
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
            "envFrom": [{"configMapRef": {"name": "c"}}],
            "resources": {"limits": {"memory": "64Mi", "cpu": 1}},
            "volumes": [{"name": "v", "emptyDir": {"sizeLimit": 5}}, {"name": "s", "secret": {"secretName": "s"}}],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            "nodeSelector": {"a": "b"}, "tolerations": [{"key": "k", "operator": "Exists"}],
            "imagePullSecrets": [{"name": "p"}], "imagePullPolicy": "Always",
            "securityContext": {"runAsUser": 1000, "readOnlyRootFilesystem": true},
        });
        let job = job(&task(full));
        let pod = &job["spec"]["template"]["spec"];
        let c = &pod["containers"][0];
        assert_eq!(pod["serviceAccountName"], "tester");
        assert_eq!(pod["automountServiceAccountToken"], true);
        assert_eq!(c["env"][1]["valueFrom"]["secretKeyRef"]["key"], "k");
        assert_eq!(c["env"][2]["name"], "SEAWORTHY_VERSION", "ours come last: they cannot be replaced");
        assert_eq!(c["envFrom"][0]["configMapRef"]["name"], "c");
        assert_eq!(c["resources"]["limits"]["cpu"], "1");
        assert_eq!(pod["volumes"][0]["emptyDir"]["sizeLimit"], "5");
        assert_eq!(pod["volumes"][1]["secret"]["secretName"], "s");
        assert_eq!(c["volumeMounts"][0]["mountPath"], "/v");
        assert_eq!(pod["tolerations"][0]["operator"], "Exists");
        assert_eq!(pod["securityContext"]["runAsUser"], 1000);
        assert_eq!(c["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(c["imagePullPolicy"], "Always");
    }
}
