//! A long history: read and decided within the memory that a small node has left.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use k8s_openapi::api::core::v1::{LimitRange, Pod};
use kube::api::ListParams;
use seaworthy_api::labels;
use seaworthy_tests::cluster::Ground;
use serde_json::json;

use crate::world::{Repo, create, create_plan, plan, status, until};

/// Commits of the history.
const COMMITS: usize = 50_000;
/// Tags of it: the first is the base, near the beginning, the others another component's.
const TAGS: usize = 2_000;
/// What a container may use at most.
const MEMORY: &str = "200Mi";

/// The history as a stream for `git fast-import`.
fn history() -> String {
    let kinds = ["fix", "feat", "chore", "docs", "perf", "refactor", "fix(api)", "test"];
    let mut stream = String::new();
    for number in 1..=COMMITS {
        let words = "one more of many small changes ".repeat(1 + number * 7 % 4);
        let message = format!("{}: change {number}\n\n{words}\n", kinds[number * 5 % kinds.len()]);
        let at = 1_700_000_000 + number;
        writeln!(stream, "commit refs/heads/main\nmark :{number}\ncommitter Ann <ann@example.org> {at} +0000").unwrap();
        writeln!(stream, "data {}\n{message}", message.len()).unwrap();
        let (tag, at_tag) = (number / (COMMITS / TAGS), number % (COMMITS / TAGS) == 0);
        if at_tag && tag == 1 {
            writeln!(stream, "reset refs/tags/v1.0.0\nfrom :{number}\n").unwrap();
        } else if at_tag {
            writeln!(stream, "reset refs/tags/other-{tag}.0.0\nfrom :{number}\n").unwrap();
        }
    }
    stream
}

#[tokio::test]
async fn fifty_thousand_commits_are_planned_in_two_hundred_mebibytes() {
    let ground = Ground::new("large").await.unwrap();
    let limits = json!({"limits": [{"type": "Container", "default": {"memory": MEMORY}}]});
    ground.create::<LimitRange>(json!({"metadata": {"name": "small"}, "spec": limits})).await.unwrap();
    let repo = Repo::new(&ground, "app");
    let mut import =
        Command::new("git").args(["-C", &repo.path(), "fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    import.stdin.take().unwrap().write_all(history().as_bytes()).unwrap();
    assert!(import.wait().unwrap().success());
    let head = repo.serve();

    let mut long = plan("long", &repo.url);
    long["spec"]["approvalPolicy"] = json!({"mode": "Manual"});
    create_plan(&ground, long).await;
    create(&ground, "r", "long", &head).await;
    let planned = status(&until(&ground, "r", "AwaitingApproval").await);
    let range = COMMITS - COMMITS / TAGS;
    assert_eq!(
        (planned.version.as_str(), planned.version_plan.unwrap().commits),
        ("1.1.0", u32::try_from(range).unwrap())
    );

    let job = planned.planning.unwrap().job;
    let of = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}"));
    let pods = ground.api::<Pod>().list(&of).await.unwrap().items;
    let [pod] = pods.as_slice() else { panic!("{} pods of the plan Job {job}", pods.len()) };
    assert!(pod.metadata.labels.as_ref().unwrap().contains_key(labels::OWNER));
    let limits = pod.spec.as_ref().unwrap().containers[0].resources.as_ref().unwrap().limits.as_ref().unwrap();
    assert_eq!(limits["memory"].0, MEMORY);
    ground.done().await.unwrap();
}
