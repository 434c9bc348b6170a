//! What is wrong with a repository is said in the Release's condition.

use k8s_openapi::api::batch::v1::Job;
use kube::api::ListParams;
use seaworthy_api::core::release::ReleasePhase;
use seaworthy_tests::cluster::{Ground, variable};
use serde_json::json;

use crate::world::{Repo, create, create_plan, ends, plan, why};

#[tokio::test]
async fn what_is_wrong_with_a_repository_is_said() {
    let ground = Ground::new("badgit").await.unwrap();
    let repo = Repo::new(&ground, "app");
    let head = repo.commit("feat: start");
    // Pushed, then force-pushed away.
    let gone = repo.commit("feat: gone soon");
    repo.git(&["reset", "--quiet", "--hard", &head]);
    repo.git(&["push", "--quiet", "--force", "origin", "main"]);
    let elsewhere = format!("{}/{}-none.git", variable("SEAWORTHY_TEST_GIT_URL").unwrap(), ground.namespace);
    let unknown = "1".repeat(40);
    let shallow = repo.shallow();
    // Nobody listens on that port.
    let server = variable("SEAWORTHY_TEST_GIT_URL").unwrap();
    let deaf = format!("{}:1/app.git", server.rsplit_once(':').unwrap().0);
    let cases = [
        ("nowhere", elsewhere.as_str(), head.as_str(), "RepositoryNotFound"),
        ("deaf", &deaf, &head, "Unreachable"),
        ("cut", &shallow, &head, "ShallowRemote"),
        ("unknown", &repo.url, &unknown, "UnknownRevision"),
        ("forced", &repo.url, &gone, "is on no branch or tag: its branch was force-pushed or deleted"),
        ("keyless", "ssh://git@198.18.255.254/app.git", &head, "ssh needs a secret; name one in credentialsSecretRef"),
    ];
    for (name, url, revision, _) in cases {
        create_plan(&ground, plan(name, url)).await;
        create(&ground, name, name, revision).await;
    }
    for (name, _, _, says) in cases {
        let release = ends(&ground, name, ReleasePhase::Failed, "PlanningFailed").await;
        let (_, message) = why(&release);
        assert!(message.contains(says), "{name}: {message}");
        let jobs = ground.api::<Job>().list(&ListParams::default()).await.unwrap();
        assert!(jobs.iter().all(|job| !job.metadata.name.as_deref().unwrap_or_default().contains("candidate")));
    }
    // Two commits apart in one component: what is not under its paths is out of scope.
    let mut scoped = plan("scoped", &repo.url);
    scoped["spec"]["version"]["paths"] = json!(["packages/one"]);
    scoped["spec"]["version"]["minimumLevel"] = json!("None");
    create_plan(&ground, scoped).await;
    repo.git(&["tag", "v1.0.0", &head]);
    let apart = repo.commit("feat: elsewhere");
    create(&ground, "scoped", "scoped", &apart).await;
    ends(&ground, "scoped", ReleasePhase::NothingToRelease, "NothingToRelease").await;
    ground.done().await.unwrap();
}
