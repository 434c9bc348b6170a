//! Who may do what, from one table for both ways to install.
//!
//! What: the operator's rules, each with its reason, and the roles for people and CI. Why a table: security is read row by row.
//! Deliberately absent: Secrets, wildcards, `bind`, `escalate`, `impersonate` and `nodes/proxy`; a test refuses them.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::{
    api::{
        core::v1::ServiceAccount,
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{File, Flavour, yaml};

/// One right and why it is needed.
struct Right {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    why: &'static str,
}

const fn right(
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
    why: &'static str,
) -> Right {
    Right { group, resources, verbs, why }
}

const OURS: &str = "seaworthy.dev";

/// What the operator may do.
const OPERATOR: [Right; 16] = [
    right(OURS, &["releaseplans"], &["get", "list", "watch"], "policy is read, never written"),
    right(
        OURS,
        &["releases"],
        &["get", "list", "watch", "patch", "delete"],
        "finalizers; historyLimit deletes old ones",
    ),
    right(
        OURS,
        &["e2eruns", "soaktests"],
        &["create", "get", "list", "watch", "patch", "delete"],
        "children of Releases",
    ),
    right(
        OURS,
        &["releaseplans/status", "releases/status", "e2eruns/status", "soaktests/status"],
        &["update"],
        "status is written whole",
    ),
    right(
        OURS,
        &["releaseplans/finalizers", "releases/finalizers", "e2eruns/finalizers", "soaktests/finalizers"],
        &["update"],
        "owner references that block deletion, where the API server asks for this",
    ),
    right("batch", &["jobs"], &["create", "get", "list", "watch", "patch", "delete"], "tasks; unsuspended by patch"),
    right("", &["pods"], &["get", "list", "watch"], "how tasks and targets fare"),
    right("", &["pods/log"], &["get"], "reports of tasks"),
    right(
        "",
        &["configmaps"],
        &["create", "get", "list", "watch", "update", "delete"],
        "ledger, facts of plan Jobs, evidence",
    ),
    right("", &["namespaces"], &["get"], "whether the own one is on its way out"),
    right("", &["events"], &["list"], "why a Job has no pod"),
    right("events.k8s.io", &["events"], &["create", "patch"], "transitions"),
    right("apps", &["controllerrevisions"], &["create", "get"], "pinned plans"),
    right("apps", &["deployments", "statefulsets", "daemonsets", "replicasets"], &["get"], "targets of soaks"),
    right("coordination.k8s.io", &["leases"], &["create", "get", "update"], "locks on targets, turns of a plan"),
    right("discovery.k8s.io", &["endpointslices"], &["list", "watch"], "ready pods behind a Service"),
];

/// What the operator may do at kubelets: their figures, nothing that leads to a container.
const KUBELETS: Right = right("", &["nodes/metrics", "nodes/stats"], &["get"], "CPU and memory of targets");

/// A role for people or CI.
struct Role {
    name: &'static str,
    what: &'static str,
    /// The built-in role that gets these rights as well.
    into: Option<&'static str>,
    rights: &'static [Right],
}

const ALL: &[&str] = &["releaseplans", "releases", "e2eruns", "soaktests"];
const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "update", "patch", "delete"];

/// What others may do.
const ROLES: [Role; 5] = [
    Role {
        name: "view",
        what: "Reads Releases, their plans and their runs.",
        into: Some("view"),
        rights: &[right(OURS, ALL, READ, "")],
    },
    Role {
        name: "edit",
        what: "Runs suites and soaks by hand; suspends and aborts Releases, but creates and approves none.",
        into: Some("edit"),
        rights: &[
            right(OURS, &["e2eruns", "soaktests"], WRITE, ""),
            right(OURS, &["releases"], &["update", "patch"], ""),
            right("", &["serviceaccounts"], &["use"], ""),
        ],
    },
    Role {
        name: "admin",
        what: "Owns the release process: writes plans, creates, approves, waives, resolves and deletes Releases.",
        into: Some("admin"),
        rights: &[
            right(OURS, &["releaseplans"], WRITE, ""),
            right(
                OURS,
                &["releases"],
                &["create", "update", "patch", "delete", "approve", "resolve", "publish", "waive"],
                "",
            ),
        ],
    },
    Role {
        name: "ci",
        what: "For CI's account: creates Releases and waits for them, nothing else. Bind it in the namespace of the plan.",
        into: None,
        rights: &[right(OURS, &["releases"], &["create", "get", "list", "watch"], "")],
    },
    Role {
        name: "publisher",
        what: "For CI's account where CI publishes itself (publish.external): reports what it published. Bind it beside ci in the namespace of the plan.",
        into: None,
        rights: &[right(OURS, &["releases"], &["get", "patch", "publish"], "")],
    },
];

/// Where a use of a right can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// In the audit log of the API server.
    OfTheApiServer,
    /// At kubelets, or only with an admission plugin that not every API server has.
    Elsewhere,
}

/// The operator's rights one by one: `group/resource`, verb, and where its use can be seen.
pub(crate) fn operator_rights() -> Vec<(String, String, Asked)> {
    let one = |right: &Right, asked_here: bool| -> Vec<_> {
        let pairs = right.resources.iter().flat_map(|resource| right.verbs.iter().map(move |verb| (*resource, *verb)));
        pairs
            .map(|(resource, verb)| {
                let asked = if asked_here && !resource.ends_with("/finalizers") {
                    Asked::OfTheApiServer
                } else {
                    Asked::Elsewhere
                };
                (format!("{}/{resource}", right.group), verb.to_owned(), asked)
            })
            .collect()
    };
    OPERATOR.iter().flat_map(|right| one(right, true)).chain(one(&KUBELETS, false)).collect()
}

pub(super) fn files() -> Result<Vec<File>> {
    let plain = |documents: Vec<String>| yaml::file(&documents);
    let users =
        |flavour| ROLES.iter().map(|role| yaml::document(&user_role(role, flavour))).collect::<Result<Vec<_>>>();
    let operator = |flavour| -> Result<Vec<String>> {
        Ok(vec![with_reasons(&yaml::document(&operator_role(flavour))?), yaml::document(&operator_binding(flavour))?])
    };
    let account = yaml::document(&ServiceAccount {
        metadata: ObjectMeta {
            namespace: Some("seaworthy-system".to_owned()),
            ..metadata("operator", Flavour::Kustomize, &[])
        },
        // Mounted by the pod that needs it, and by no other.
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    })?;
    let kustomization = serde_json::json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["operator.yaml", "users.yaml"],
    });
    let mut kustomize = operator(Flavour::Kustomize)?;
    kustomize.push(account);
    let file = |path: &str, content: String| File { path: path.to_owned(), content };
    Ok(vec![
        file("config/rbac/operator.yaml", plain(kustomize)),
        file("config/rbac/users.yaml", plain(users(Flavour::Kustomize)?)),
        file("config/rbac/kustomization.yaml", plain(vec![yaml::document(&kustomization)?])),
        file(
            "charts/seaworthy/templates/rbac/operator.yaml",
            yaml::template(&operator(Flavour::Chart)?, "rbac.create"),
        ),
        file("charts/seaworthy/templates/rbac/users.yaml", yaml::template(&users(Flavour::Chart)?, "rbac.userRoles")),
    ])
}

fn metadata(suffix: &str, flavour: Flavour, labels: &[(&str, &str)]) -> ObjectMeta {
    let mut all: BTreeMap<String, String> =
        labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if flavour == Flavour::Kustomize {
        all.insert("app.kubernetes.io/name".to_owned(), "seaworthy".to_owned());
    }
    let labels = if all.is_empty() { None } else { Some(all) };
    ObjectMeta { name: Some(flavour.name(suffix)), labels, ..ObjectMeta::default() }
}

fn policy_rule(right: &Right) -> PolicyRule {
    let owned = |list: &[&str]| list.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![right.group.to_owned()]),
        resources: Some(owned(right.resources)),
        verbs: owned(right.verbs),
        ..PolicyRule::default()
    }
}

fn operator_role(flavour: Flavour) -> ClusterRole {
    ClusterRole {
        metadata: metadata("operator", flavour, &[]),
        rules: Some(OPERATOR.iter().chain([&KUBELETS]).map(policy_rule).collect()),
        ..ClusterRole::default()
    }
}

/// Puts the reason of each right above it.
fn with_reasons(document: &str) -> String {
    let mut reasons = OPERATOR.iter().chain([&KUBELETS]).map(|right| right.why);
    let mut content = String::new();
    for line in document.lines() {
        if line.starts_with("- apiGroups:") {
            content.push_str("# ");
            content.push_str(reasons.next().unwrap_or_default());
            content.push('\n');
        }
        content.push_str(line);
        content.push('\n');
    }
    content
}

fn operator_binding(flavour: Flavour) -> ClusterRoleBinding {
    let (name, namespace) = match flavour {
        Flavour::Kustomize => ("seaworthy-operator".to_owned(), "seaworthy-system".to_owned()),
        Flavour::Chart => {
            ("{{ include `seaworthy.serviceAccountName` . }}".to_owned(), "{{ .Release.Namespace }}".to_owned())
        }
    };
    ClusterRoleBinding {
        metadata: metadata("operator", flavour, &[]),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: flavour.name("operator"),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name,
            namespace: Some(namespace),
            ..Subject::default()
        }]),
    }
}

fn user_role(role: &Role, flavour: Flavour) -> ClusterRole {
    let label = role.into.map(|into| format!("rbac.authorization.k8s.io/aggregate-to-{into}"));
    let labels: Vec<(&str, &str)> = label.iter().map(|label| (label.as_str(), "true")).collect();
    let mut metadata = metadata(role.name, flavour, &labels);
    metadata.annotations = Some(BTreeMap::from([("kubernetes.io/description".to_owned(), role.what.to_owned())]));
    ClusterRole { metadata, rules: Some(role.rights.iter().map(policy_rule).collect()), ..ClusterRole::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_has_nothing_that_leads_further() {
        for right in OPERATOR.iter().chain([&KUBELETS]) {
            let all = right.resources.iter().chain(right.verbs).chain([&right.group]);
            for word in all {
                let forbidden =
                    ["secrets", "nodes/proxy", "pods/exec", "serviceaccounts", "bind", "escalate", "impersonate"];
                assert!(!word.contains('*') && !forbidden.contains(word), "{:?}: {word}", right.resources);
            }
            assert!(!right.why.is_empty(), "{:?}: say why", right.resources);
        }
    }

    #[test]
    fn only_admin_and_ci_create_releases_and_only_admin_approves() {
        let who = |verb: &str| -> Vec<&str> {
            let has = |role: &&Role| role.rights.iter().any(|r| r.resources == ["releases"] && r.verbs.contains(&verb));
            ROLES.iter().filter(has).map(|role| role.name).collect()
        };
        assert_eq!(who("create"), ["admin", "ci"]);
        assert_eq!(who("approve"), ["admin"]);
        assert_eq!(who("resolve"), ["admin"]);
        assert_eq!(who("waive"), ["admin"]);
        assert_eq!(who("publish"), ["admin", "publisher"]);
    }
}
