//! An author needs the rights that the operator will use for them.

use anyhow::Result;
use kube::ResourceExt as _;
use seaworthy_tests::shape::{e2e_run, edited, plan, soak_test};
use serde_json::{Value, json};

use crate::{OPERATOR, Try, World};

const WRITE: &[&str] = &["create", "get", "update", "patch"];
const KINDS: [&str; 3] = ["releaseplans", "e2eruns", "soaktests"];

/// Every kind that an author can write, without namespaces where it has none.
fn objects(accounts: &Value, namespaces: &Value) -> [Value; 3] {
    let plan = edited(plan(), &[("/spec/serviceAccounts", accounts.clone()), ("/spec/namespaces", namespaces.clone())]);
    let run = edited(e2e_run(), &[("/spec/serviceAccounts", accounts.clone())]);
    let soak =
        edited(soak_test(), &[("/spec/serviceAccounts", accounts.clone()), ("/spec/namespaces", namespaces.clone())]);
    [plan, run, soak]
}

#[tokio::test]
async fn an_author_needs_the_rights_that_the_operator_uses() -> Result<()> {
    let world = World::new().await?;
    let (author, other) = ("author@example", "plain@example");
    for user in [author, other, OPERATOR] {
        for kind in KINDS {
            world.allow(user, &world.namespace, &[("seaworthy.dev", kind, WRITE)]).await?;
        }
    }
    world.allow(author, &world.namespace, &[("batch", "jobs", &["create"]), ("", "pods", &["get"])]).await?;
    let account = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "use-tester"},
        "rules": [{"apiGroups": [""], "resources": ["serviceaccounts"], "resourceNames": ["tester"], "verbs": ["use"]}]});
    world.create(None, &account).await?;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "use-tester"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "use-tester"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": author}]});
    world.create(None, &binding).await?;
    let of_account =
        json!({"namespace": world.namespace, "resource": "serviceaccounts", "name": "tester", "verb": "use"});
    world.in_force(author, &of_account).await?;

    // The last of eight is looked at as well as the first.
    let mut seven = vec![json!("tester"); 7];
    seven.push(json!("builder"));
    for object in objects(&json!(["tester"]), &json!([])) {
        world
            .denied(
                Some(other),
                Try::Create(&object),
                &[other, "needs the right to create jobs in namespace admission-"],
            )
            .await?;
        world.allowed(Some(author), Try::Create(&object)).await?;
    }
    for accounts in [json!(["builder"]), json!(seven)] {
        for object in objects(&accounts, &json!([])) {
            let says =
                [author, "needs the right to use service account builder", "remove it there, or ask for the verb use"];
            world.denied(Some(author), Try::Create(&object), &says).await?;
            world.allowed(Some(OPERATOR), Try::Create(&object)).await?;
            world.allowed(None, Try::Create(&object)).await?;
        }
    }
    let [plan, _, soak] = objects(&json!(["tester"]), &json!([world.namespace, world.other]));
    for object in [&plan, &soak] {
        let says =
            ["needs the right to get pods in namespace", &world.other, "which spec.namespaces names: remove it there"];
        world.denied(Some(author), Try::Create(object), &says).await?;
    }
    world.allow(author, &world.other, &[("", "pods", &["get"])]).await?;
    for object in [&plan, &soak] {
        world.allowed(Some(author), Try::Create(object)).await?;
    }
    world.end().await
}

#[tokio::test]
async fn a_change_that_leaves_the_spec_alone_needs_no_such_right() -> Result<()> {
    let world = World::new().await?;
    let other = "plain@example";
    for kind in KINDS {
        world.allow(other, &world.namespace, &[("seaworthy.dev", kind, WRITE)]).await?;
    }
    let [plan, run, soak] = objects(&json!(["tester"]), &json!(["demo"]));
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    let made = world.create(None, &plan).await?.name_any();
    world.denied(Some(other), Try::Change(&plan, &made, json!({"spec": {"deadline": "1h"}})), &["create jobs"]).await?;
    world.allowed(Some(other), Try::Change(&plan, &made, label.clone())).await?;
    for object in [run, soak] {
        let made = world.create(None, &object).await?.name_any();
        world.allowed(Some(other), Try::Change(&object, &made, label.clone())).await?;
        world.allowed(Some(other), Try::Change(&object, &made, json!({"spec": {"abort": true}}))).await?;
    }
    world.end().await
}
