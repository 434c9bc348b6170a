//! Admission policies: what RBAC and schemas cannot say.
//!
//! What: an author needs the rights that the operator will use for them; only the operator touches what belongs to it; only who has
//! the verb `approve` approves, and so on for each person's word. Why not webhooks: these live in the API server, so they hold while the operator is down.
//! Deliberately absent: rules over a single object, which are in the schema.

use anyhow::Result;
use serde_json::{Value, json};

use super::{File, Flavour, yaml};

/// Entries of `serviceAccounts` and of `namespaces` at most; one validation each, since one over a whole list exceeds the cost limit.
const LISTED: usize = 8;

/// One policy; its binding denies.
struct Policy {
    name: &'static str,
    /// `matchConstraints`.
    matches: Value,
    conditions: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    validations: Vec<Value>,
}

pub(super) fn files() -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut resources = Vec::new();
    for name in policies(Flavour::Kustomize).iter().map(|policy| policy.name) {
        for flavour in [Flavour::Kustomize, Flavour::Chart] {
            let Some(policy) = policies(flavour).into_iter().find(|policy| policy.name == name) else { continue };
            let documents =
                [yaml::document(&policy_object(&policy, flavour))?, yaml::document(&binding(&policy, flavour))?];
            let (path, content) = match flavour {
                Flavour::Kustomize => ("config/admission", yaml::file(&documents)),
                Flavour::Chart => {
                    ("charts/seaworthy/templates/admission", yaml::template(&documents, "admission.enabled"))
                }
            };
            files.push(File { path: format!("{path}/{name}.yaml"), content });
        }
        resources.push(format!("{name}.yaml"));
    }
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    });
    files.push(File {
        path: "config/admission/kustomization.yaml".to_owned(),
        content: yaml::file(&[yaml::document(&kustomization)?]),
    });
    Ok(files)
}

fn policy_object(policy: &Policy, flavour: Flavour) -> Value {
    let named = |list: &[(&str, String)]| -> Value {
        list.iter().map(|(name, expression)| json!({"name": name, "expression": expression})).collect()
    };
    // With what the API server would fill in, and without what it would drop: so that applying it twice changes nothing.
    let mut matches = json!({"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}});
    for (name, value) in policy.matches.as_object().into_iter().flatten() {
        matches[name] = value.clone();
    }
    let mut spec = json!({
        "failurePolicy": "Fail",
        "matchConstraints": matches,
        "matchConditions": named(&policy.conditions),
        "validations": policy.validations,
    });
    if !policy.variables.is_empty() {
        spec["variables"] = named(&policy.variables);
    }
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(policy, flavour),
        "spec": spec,
    })
}

fn binding(policy: &Policy, flavour: Flavour) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata(policy, flavour),
        "spec": {"policyName": flavour.name(policy.name), "validationActions": ["Deny"]},
    })
}

fn metadata(policy: &Policy, flavour: Flavour) -> Value {
    match flavour {
        Flavour::Kustomize => {
            json!({"labels": {"app.kubernetes.io/name": "seaworthy"}, "name": flavour.name(policy.name)})
        }
        Flavour::Chart => json!({"name": flavour.name(policy.name)}),
    }
}

fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({"apiGroups": [group], "apiVersions": ["*"], "resources": resources, "operations": operations, "scope": "*"})
}

fn forbid(expression: &str, message: &str) -> Value {
    json!({"expression": expression, "messageExpression": message, "reason": "Forbidden"})
}

fn not_the_operator(flavour: Flavour) -> (&'static str, String) {
    ("not-the-operator", format!("request.userInfo.username != '{}'", flavour.operator_user()))
}

/// Nodes and the control plane: they end, collect and bind what others own.
fn not_the_system() -> (&'static str, String) {
    let users = "['system:apiserver', 'system:kube-controller-manager', 'system:kube-scheduler']";
    (
        "not-the-system",
        format!(
            "!(request.userInfo.username in {users}) && !request.userInfo.username.startsWith('system:serviceaccount:kube-system:') && !('system:nodes' in request.userInfo.groups)"
        ),
    )
}

fn policies(flavour: Flavour) -> [Policy; 4] {
    [authors(flavour), approvals(), owned(flavour), pods(flavour)]
}

/// Who writes a plan or a run makes the operator create Jobs under accounts and look into namespaces: they need those rights themselves.
fn authors(flavour: Flavour) -> Policy {
    let user = "'user ' + request.userInfo.username + ' needs the right to '";
    let mut validations = vec![forbid(
        "authorizer.group('batch').resource('jobs').namespace(request.namespace).check('create').allowed()",
        &format!(
            "{user} + 'create jobs in namespace ' + request.namespace + ', since the tasks of this object run as Jobs there'"
        ),
    )];
    for i in 0..LISTED {
        validations.push(forbid(
            &format!(
                "size(variables.accounts) <= {i} || authorizer.group('').resource('serviceaccounts').namespace(request.namespace).name(variables.accounts[{i}]).check('use').allowed()"
            ),
            &format!(
                "{user} + 'use service account ' + variables.accounts[{i}] + ', which spec.serviceAccounts names: remove it there, or ask for the verb use on serviceaccounts in namespace ' + request.namespace"
            ),
        ));
    }
    for i in 0..LISTED {
        validations.push(forbid(
            &format!(
                "size(variables.namespaces) <= {i} || authorizer.group('').resource('pods').namespace(variables.namespaces[{i}]).check('get').allowed()"
            ),
            &format!(
                "{user} + 'get pods in namespace ' + variables.namespaces[{i}] + ', which spec.namespaces names: remove it there, or ask for that right'"
            ),
        ));
    }
    Policy {
        name: "authors",
        matches: json!({"resourceRules": [
            rule("seaworthy.dev", &["releaseplans"], &["CREATE", "UPDATE"]),
            rule("seaworthy.dev", &["e2eruns", "soaktests"], &["CREATE"]),
        ]}),
        conditions: vec![
            not_the_operator(flavour),
            ("spec-changes", "request.operation == 'CREATE' || object.spec != oldObject.spec".to_owned()),
        ],
        variables: vec![
            ("accounts", "has(object.spec.serviceAccounts) ? object.spec.serviceAccounts : []".to_owned()),
            ("namespaces", "has(object.spec.namespaces) ? object.spec.namespaces : []".to_owned()),
        ],
        validations,
    }
}

/// A person's word in the spec of a Release: more than writing a field of it.
struct Word {
    /// The field of the spec.
    field: &'static str,
    /// The verb on `releases` that it takes.
    verb: &'static str,
    /// What who gives it does in their own name; None where it names nobody.
    does: Option<&'static str>,
}

/// All of them.
const WORDS: [Word; 4] = [
    Word { field: "approval", verb: "approve", does: Some("approves") },
    Word { field: "onDisputed", verb: "approve", does: None },
    Word { field: "resolution", verb: "resolve", does: Some("resolves") },
    Word { field: "externalPublish", verb: "publish", does: Some("reports") },
];

/// Who has the verb gives the word, and in their own name: the API server vouches for whose it is.
fn approvals() -> Policy {
    let given = |field: &str| {
        format!(
            "has(object.spec.{field}) && (request.operation == 'CREATE' || !has(oldObject.spec.{field}) || object.spec.{field} != oldObject.spec.{field})"
        )
    };
    let any: Vec<String> = WORDS.iter().map(|word| format!("({})", given(word.field))).collect();
    let mut validations = Vec::new();
    for Word { field, verb, does } in WORDS {
        validations.push(forbid(
            &format!(
                "!variables.{field} || authorizer.group('seaworthy.dev').resource('releases').namespace(request.namespace).check('{verb}').allowed()"
            ),
            &format!(
                "'user ' + request.userInfo.username + ' may not set spec.{field}: ask for the verb {verb} on releases.seaworthy.dev in namespace ' + request.namespace"
            ),
        ));
        validations.extend(does.map(|does| {
            forbid(
                &format!("!variables.{field} || object.spec.{field}.by == request.userInfo.username"),
                &format!(
                    "'spec.{field}.by ' + object.spec.{field}.by + ' is not who asks: user ' + request.userInfo.username + ' {does} in their own name only'"
                ),
            )
        }));
    }
    // A list: what is new in it is the writer's.
    let (waived, old) = (
        given("waivers"),
        "(request.operation == 'UPDATE' && has(oldObject.spec.waivers) && w in oldObject.spec.waivers)",
    );
    validations.push(forbid(
        "!variables.waivers || authorizer.group('seaworthy.dev').resource('releases').namespace(request.namespace).check('waive').allowed()",
        "'user ' + request.userInfo.username + ' may not set spec.waivers: ask for the verb waive on releases.seaworthy.dev in namespace ' + request.namespace",
    ));
    validations.push(forbid(
        &format!("!variables.waivers || object.spec.waivers.all(w, w.by == request.userInfo.username || {old})"),
        "'spec.waivers: a new one is by somebody else: user ' + request.userInfo.username + ' waives in their own name only'",
    ));
    let any = [any, vec![format!("({waived})")]].concat();
    let variables = WORDS.iter().map(|word| (word.field, given(word.field))).chain([("waivers", waived)]).collect();
    Policy {
        name: "approvals",
        matches: json!({"resourceRules": [rule("seaworthy.dev", &["releases"], &["CREATE", "UPDATE"])]}),
        conditions: vec![("approval-is-given", any.join(" || "))],
        variables,
        validations,
    }
}

/// Jobs, records and evidence of ours, and whatever claims to be: only the operator creates, changes and deletes them.
///
/// With the verb `override` on `jobs`, which no role but a cluster administrator's has, a person can step in; never for evidence.
fn owned(flavour: Flavour) -> Policy {
    let ours = "(has(o.metadata.labels) && ('seaworthy.dev/evidence' in o.metadata.labels || o.metadata.labels[?'app.kubernetes.io/managed-by'].orValue('') == 'seaworthy')) || (has(o.metadata.ownerReferences) && o.metadata.ownerReferences.exists(r, r.apiVersion.startsWith('seaworthy.dev/') && has(r.controller) && r.controller))";
    let ours = format!("('seaworthy.dev/notes' in o.metadata.?labels.orValue({{}})) || {ours}");
    let kept = |field: &str| format!("object.metadata.?{field} == oldObject.metadata.?{field}");
    let what = "request.resource.resource + ' ' + (request.name == '' ? 'of this kind' : request.name)";
    Policy {
        name: "owned",
        matches: json!({"resourceRules": [
            rule("batch", &["jobs"], &["CREATE", "UPDATE", "DELETE"]),
            rule("", &["configmaps"], &["CREATE", "UPDATE", "DELETE"]),
            rule("apps", &["controllerrevisions"], &["CREATE", "UPDATE", "DELETE"]),
            rule("seaworthy.dev", &["e2eruns", "soaktests"], &["CREATE"]),
        ]}),
        conditions: vec![
            not_the_operator(flavour),
            not_the_system(),
            ("ours", format!("[object, oldObject].exists(o, o != null && ({ours}))")),
        ],
        variables: vec![
            (
                "evidence",
                "[object, oldObject].exists(o, o != null && has(o.metadata.labels) && 'seaworthy.dev/evidence' in o.metadata.labels)".to_owned(),
            ),
            // Release notes are people's to edit, as long as they stay the Release's.
            (
                "edit",
                format!(
                    "request.operation == 'UPDATE' && 'seaworthy.dev/notes' in oldObject.metadata.?labels.orValue({{}}) && {} && {}",
                    kept("labels"),
                    kept("ownerReferences")
                ),
            ),
        ],
        validations: vec![
            forbid("!variables.evidence", &format!("{what} + ' is evidence of a SoakTest: only the operator writes and deletes it'")),
            forbid(
                "variables.evidence || variables.edit || authorizer.group('batch').resource('jobs').namespace(request.namespace).check('override').allowed()",
                &format!(
                    "{what} + ' belongs to Seaworthy, and only the operator creates, changes or deletes it: abort or delete its Release, E2ERun or SoakTest instead'"
                ),
            ),
        ],
    }
}

/// A pod that was force-deleted may still run, and one that was relabelled is not found: publishing once depends on neither happening.
fn pods(flavour: Flavour) -> Policy {
    let same = |field: &str| {
        format!(
            "has(object.metadata.{field}) == has(oldObject.metadata.{field}) && (!has(object.metadata.{field}) || object.metadata.{field} == oldObject.metadata.{field})"
        )
    };
    Policy {
        name: "pods",
        matches: json!({
            "resourceRules": [rule("", &["pods"], &["UPDATE", "DELETE"])],
            "objectSelector": {"matchExpressions": [{"key": "seaworthy.dev/owner-kind", "operator": "Exists"}]},
        }),
        conditions: vec![not_the_operator(flavour), not_the_system()],
        variables: Vec::new(),
        validations: vec![
            forbid(
                "request.operation != 'DELETE' || !has(request.options.gracePeriodSeconds) || request.options.gracePeriodSeconds != 0",
                "'pod ' + request.name + ' runs a task of Seaworthy: its program may outlive a forced deletion; delete it without --force'",
            ),
            forbid(
                &format!("request.operation != 'UPDATE' || ({} && {})", same("labels"), same("ownerReferences")),
                "'pod ' + request.name + ' runs a task of Seaworthy: its labels and owner references are how it is found again, leave them as they are'",
            ),
        ],
    }
}
