//! Objects and names of a SoakTest, and what the sampler is asked for. Pure.

use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource as _, ResourceExt as _};
use seaworthy_api::{
    Duration, Soak, SoakTest, Source, Task,
    convert::soak_test as convert,
    quantity::Quantity,
    soak_test::{Leftovers, Scheme},
    task::{Resources, SecurityContext},
};
use seaworthy_core::{
    names,
    soak_test::{Role, SoakSpec, SoakTestStatus},
    time::Seconds,
};
use seaworthy_soak::{
    check::{CheckSpec, Phases},
    page::Wants,
};

use crate::{
    inventory::{
        REQUEST,
        page::{Request, Resource, Scope, Selection},
    },
    jobs::{JobSpec, build_job},
    sampler::{
        spec::{Horizon, RunSpec, SourceKind, SourceSpec},
        target::TargetName,
    },
};

/// How long, in seconds, a load that was told to end may go on: what it does then falls into settling.
const LOAD_GRACE: i64 = 5;

/// The SoakTest as an owner.
pub(super) fn owner(object: &SoakTest) -> OwnerReference {
    object.controller_owner_ref(&()).unwrap_or_default()
}

/// The name of the target's lock: one per kind, namespace and name, wherever the SoakTest is.
pub(super) fn lock_name(object: &SoakTest) -> String {
    let (kind, namespace, name) = convert::target(object);
    // The dots keep the parts apart: they make the name be hashed as it stands here.
    names::fit(&format!("soak.{kind:?}.{namespace}.{name}").to_ascii_lowercase())
}

/// The workload under test.
pub(super) fn target(object: &SoakTest) -> TargetName {
    let (kind, namespace, name) = convert::target(object);
    TargetName { kind, namespace, name }
}

/// The Job of a task; None when the spec has no such task.
pub(super) fn job(object: &SoakTest, spec: &SoakSpec, role: Role, name: &str, image: &str) -> Option<Job> {
    let soak = &object.spec.soak;
    let step = |step: &Option<seaworthy_api::Step>| step.as_ref().map(|s| s.task.clone());
    let task = match role {
        Role::Setup => step(&soak.setup)?,
        // It ends when measure does, whatever timeout was written.
        Role::Workload => Task { timeout: duration(spec.load_timeout()), ..step(&soak.workload)? },
        Role::Teardown => step(&soak.teardown)?,
        Role::Inventory => inventory_task(convert::inventory_account(soak)?, image, spec.load_timeout()),
    };
    let status = object.status.clone().unwrap_or_default();
    let attempt = role.record(&status).map_or(1, |r| r.attempt);
    let mut env = object.spec.candidate.clone().unwrap_or_default().env();
    env.push(("SEAWORTHY_ATTEMPT".to_owned(), attempt.to_string()));
    if role == Role::Inventory {
        env.push((REQUEST.to_owned(), serde_json::to_string(&request(object)).unwrap_or_default()));
    }
    let namespace = object.namespace().unwrap_or_default();
    let spec = JobSpec {
        name,
        namespace: &namespace,
        owner: owner(object),
        purpose: role.purpose(),
        task: &task,
        env,
        suspend: false,
    };
    let mut job = build_job(&spec);
    if matches!(role, Role::Workload | Role::Inventory)
        && let Some(pod) = job.spec.as_mut().and_then(|s| s.template.spec.as_mut())
    {
        pod.termination_grace_period_seconds = Some(LOAD_GRACE);
    }
    Some(job)
}

fn duration(span: Seconds) -> Duration {
    Duration::seconds(u32::try_from(span.0).unwrap_or(u32::MAX))
}

/// Our own image under the plan's account.
fn inventory_task(account: &str, image: &str, timeout: Seconds) -> Task {
    let memory = |n: &str| [("memory".to_owned(), Quantity::from(n))].into();
    Task {
        image: image.to_owned(),
        command: Vec::new(),
        args: vec!["inventory".to_owned()],
        env: Vec::new(),
        env_from: Vec::new(),
        working_dir: None,
        resources: Some(Resources { limits: memory("128Mi"), requests: memory("24Mi") }),
        service_account_name: Some(account.to_owned()),
        image_pull_policy: None,
        image_pull_secrets: Vec::new(),
        volumes: Vec::new(),
        volume_mounts: Vec::new(),
        node_selector: std::collections::BTreeMap::new(),
        tolerations: Vec::new(),
        security_context: Some(SecurityContext { read_only_root_filesystem: true, ..SecurityContext::default() }),
        timeout: duration(timeout),
    }
}

/// What the inventory task looks at.
fn request(object: &SoakTest) -> Request {
    let soak = &object.spec.soak;
    let checks = soak.checks.iter().filter_map(|check| {
        let survivors = check.survivors.as_ref()?;
        Some(Selection {
            check: check.name.clone(),
            resources: survivors.resources.iter().map(resource).collect(),
            namespaces: survivors.namespaces.clone(),
            selector: survivors.selector.clone().unwrap_or_default(),
            max_age_seconds: survivors.max_age.get().0,
        })
    });
    let leftovers = soak.checks.iter().filter_map(|check| Some(scope(&check.name, check.leftovers.as_ref()?)));
    Request { every_seconds: soak.interval.get().0, checks: checks.collect(), leftovers: leftovers.collect() }
}

fn resource(given: &seaworthy_api::soak_test::ResourceRef) -> Resource {
    Resource { group: given.group.clone(), version: given.version.clone(), resource: given.resource.clone() }
}

fn scope(check: &str, leftovers: &Leftovers) -> Scope {
    Scope {
        check: check.to_owned(),
        resources: leftovers.resources.iter().map(resource).collect(),
        namespaces: leftovers.namespaces.clone(),
        cluster_resources: leftovers.cluster_resources.iter().map(resource).collect(),
        selector: leftovers.selector.clone().unwrap_or_default(),
    }
}

/// What the sampler is asked for; None before the start is recorded, or when the checks make no sense.
pub(super) fn run(object: &SoakTest, spec: &SoakSpec, status: &SoakTestStatus) -> Option<RunSpec> {
    let soak = &object.spec.soak;
    let checks = convert::checks(soak).ok()?;
    let namespace = object.namespace().unwrap_or_default();
    Some(RunSpec {
        run: convert::run(&object.uid().unwrap_or_default(), soak, status)?,
        horizon: Horizon { slots: spec.slots(status.extended()), phases: phases(soak, status) },
        target: target(object),
        artifacts: spec.artifacts.clone(),
        sources: soak.sources.iter().filter_map(|s| source(s, &checks, &namespace)).collect(),
        leftovers: soak.checks.iter().filter(|c| c.leftovers.is_some()).map(|c| c.name.clone()).collect(),
        inventories: soak.checks.iter().filter(|c| c.survivors.is_some()).map(|c| c.name.clone()).collect(),
        // As long as a load may be missing; what is there later may be what the target has left behind already.
        unloaded_until_ms: spec.workload.is_none().then(|| (spec.warm_up + spec.loadless()).0.saturating_mul(1000)),
        name: object.name_any(),
        namespace,
        checks,
    })
}

/// The phases at the end, extensions included.
pub(super) fn phases(soak: &Soak, status: &SoakTestStatus) -> Phases {
    let planned = convert::phases(soak);
    let more = status.extended().0.saturating_mul(1000);
    Phases { measure_ms: planned.measure_ms + more, elapsed_ms: planned.elapsed_ms + more, ..planned }
}

fn source(source: &Source, checks: &[CheckSpec], own: &str) -> Option<SourceSpec> {
    let kind = match (&source.prometheus, &source.kubelet) {
        (Some(p), _) => SourceKind::Prometheus {
            port: p.port,
            path: p.path.clone(),
            tls: p.scheme == Scheme::Https,
            service: p.service.clone().map(|name| (p.namespace.clone().unwrap_or_else(|| own.to_owned()), name)),
        },
        (None, Some(_)) => SourceKind::Kubelet,
        (None, None) => return None,
    };
    Some(SourceSpec { name: source.name.clone(), wants: Wants::of(checks, &source.name), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(namespace: &str, target: &str) -> SoakTest {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "seaworthy.dev/v1alpha1", "kind": "SoakTest",
            "metadata": {"name": "soak", "namespace": namespace, "uid": "u"},
            "spec": {
                "serviceAccounts": ["tester"],
                "targetRef": {"kind": "Deployment", "name": target},
                "workload": {"task": {"image": "i", "timeout": "1m"}},
                "interval": "1s", "measure": "1h",
                "sources": [{"name": "pages", "prometheus": {"port": 8080, "service": "auditor"}}],
                "checks": [{"name": "young", "survivors": {"resources": [{"resource": "pods"}, {"group": "apps", "resource": "deployments"}],
                    "namespaces": [namespace], "maxAge": "10m", "selector": "a=b", "serviceAccountName": "tester"}}]
            }
        }))
        .unwrap()
    }

    #[test]
    fn locks_never_collide() {
        let names = [("a-b", "c"), ("a", "b-c"), ("a", "b.c"), ("a", "bc")].map(|(n, t)| lock_name(&object(n, t)));
        for (i, name) in names.iter().enumerate() {
            assert!(name.len() <= 63 && !names[..i].contains(name), "{names:?}");
        }
    }

    #[test]
    fn the_load_lasts_as_long_as_the_measure_needs_it() {
        let object = object("n", "t");
        let spec = convert::spec(&object);
        let job = job(&object, &spec, Role::Workload, "soak-workload-1", "image").unwrap();
        assert_eq!(job.spec.unwrap().active_deadline_seconds, Some(3600 + 2 + 300));
        assert!(super::job(&object, &spec, Role::Setup, "x", "image").is_none());
    }

    #[test]
    fn without_a_load_the_first_inventory_has_until_measure_is_under_way() {
        let now = Some(seaworthy_core::time::Timestamp::from_millis(0));
        let status = SoakTestStatus { start_time: now, ..SoakTestStatus::default() };
        let until = |object: &SoakTest| run(object, &convert::spec(object), &status).unwrap().unloaded_until_ms;
        let mut object = object("n", "t");
        assert_eq!(until(&object), None, "its load says when");
        object.spec.soak.workload = None;
        assert_eq!(until(&object), Some(180_000), "a twentieth of an hour");
    }

    #[test]
    fn the_inventory_runs_our_image_under_the_plans_account() {
        let object = object("n", "t");
        let spec = convert::spec(&object);
        let job = job(&object, &spec, Role::Inventory, "soak-inventory-1", "operator@sha256:0").unwrap();
        let pod = job.spec.unwrap().template.spec.unwrap();
        let container = &pod.containers[0];
        assert_eq!(pod.service_account_name.as_deref(), Some("tester"));
        assert_eq!(container.image.as_deref(), Some("operator@sha256:0"));
        assert_eq!(container.args.as_deref(), Some(&["inventory".to_owned()][..]));
        let env = container.env.as_ref().unwrap().iter().find(|e| e.name == REQUEST).unwrap();
        let request: Request = serde_json::from_str(env.value.as_deref().unwrap()).unwrap();
        assert_eq!((request.every_seconds, request.checks[0].max_age_seconds), (1, 600));
        assert_eq!(request.checks[0].resources[1].name(), "deployments.apps");
    }
}
