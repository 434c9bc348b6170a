//! Release notes: drafted, edited, approved, given to the publisher.

use k8s_openapi::api::core::v1::ConfigMap;
use seaworthy_api::{Release, core::release::ReleasePhase};
use seaworthy_tests::{
    api::ADMIN,
    cluster::{Ground, sh},
};
use serde_json::json;

use crate::world::{Repo, create, create_plan, ends, plan, status, until};

#[tokio::test]
async fn notes_are_drafted_edited_approved_and_published() {
    let ground = Ground::new("notes").await.unwrap();
    let repo = Repo::new(&ground, "app");
    repo.commit("feat: start");
    repo.tag("v1.2.3");
    repo.commit("feat(api)!: drop the old one\n\nBREAKING CHANGE: use the new one\nfor everything");
    let head = repo.commit("fix: a leak");
    let mut plan = plan("plan", &repo.url);
    plan["spec"]["approvalPolicy"] = json!({"mode": "Manual"});
    plan["spec"]["version"]["notes"] = json!({"webUrl": "https://git.example/app"});
    // Only the approved text is published.
    plan["spec"]["publish"] = json!({
        "task": sh("grep -q 'edited by a person' \"$SEAWORTHY_NOTES\"").unwrap(),
        "verify": {"task": sh("exit 10").unwrap()},
    });
    plan["spec"]["publish"]["verify"]["task"] =
        sh("grep -q 'edited by a person' \"$SEAWORTHY_NOTES\" || exit 10").unwrap();
    create_plan(&ground, plan).await;
    create(&ground, "r", "plan", &head).await;

    let waiting = status(&until(&ground, "r", "AwaitingApproval").await);
    assert_eq!(waiting.version, "2.0.0");
    let notes = waiting.notes.unwrap();
    let drafted = ground.api::<ConfigMap>().get(&notes.config_map).await.unwrap().data.unwrap()["NOTES.md"].clone();
    let (breaking, fixed) = (drafted.find("### Breaking changes").unwrap(), drafted.find("### Fixed").unwrap());
    assert!(breaking < fixed && notes.preview == drafted, "{drafted}");
    for part in [
        "## [2.0.0] - 20",
        "- **api:** drop the old one: use the new one for everything ([",
        &format!("](https://git.example/app/commit/{head}))"),
        "### Contributors\n\nAnn\n",
        "[2.0.0]: https://git.example/app/compare/v1.2.3...v2.0.0\n",
    ] {
        assert!(drafted.contains(part), "{part:?} is not in\n{drafted}");
    }

    // The word is for the draft; the person edits afterwards, so it is revoked.
    let seen = waiting.approval.unwrap().digest;
    let text = format!("{drafted}\nedited by a person\n");
    ground.patch::<ConfigMap>(&notes.config_map, json!({"data": {"NOTES.md": text}})).await.unwrap();
    let word = |digest: &str| json!({"spec": {"approval": {"approved": true, "by": ADMIN, "digest": digest}}});
    ground.patch::<Release>("r", word(&seen)).await.unwrap();
    let revoked = status(&until(&ground, "r", "ApprovalRevoked").await);
    assert!(revoked.publish.is_none());
    let asked = revoked.approval.unwrap();
    assert_ne!(asked.digest, seen);
    ground.patch::<Release>("r", word(&asked.digest)).await.unwrap();
    let done = status(&ends(&ground, "r", ReleasePhase::Published, "Published").await);
    let word = done.approval.unwrap().word.unwrap();
    assert_eq!((word.by.as_str(), word.digest), (ADMIN, asked.digest));
    assert!(done.start_time.unwrap() <= word.time && word.time <= done.completion_time.unwrap(), "{}", word.time);

    // From publishing on nobody changes them.
    let frozen = ground.patch::<ConfigMap>(&notes.config_map, json!({"data": {"NOTES.md": "too late"}})).await;
    assert!(frozen.unwrap_err().to_string().contains("immutable"));
    ground.done().await.unwrap();
}
