//! Whole looks, against an API server that is played.

use kube::config::Config;
use prometheus_client::registry::Registry;
use seaworthy_api::soak_test::TargetKind;
use seaworthy_soak::{check::Phases, record::RunInfo};
use serde_json::{Value, json};

use super::*;
use crate::sampler::{
    Sampler,
    spec::Horizon,
    target::TargetName,
    targets::WORKLOAD,
    watch::played::{Answer, list, pod, server},
};

/// A pod of the `ReplicaSet` with this UID that wears the target's labels.
fn of_set(name: &str, set: &str) -> Value {
    let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": set, "controller": true});
    pod(name, &json!({"metadata": {"labels": {"app": "x"}, "ownerReferences": [owner]}}))
}

/// A pod that says that it is of this Job, with faults to be told by.
fn of_job(name: &str, more: &Value) -> Value {
    let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "job", "controller": true});
    let mut pod = pod(name, more);
    pod["metadata"]["ownerReferences"] = json!([owner]);
    pod["metadata"]["annotations"] = json!({seaworthy_api::labels::FAULTS: name});
    pod
}

/// Of a Deployment, and of who controls a `ReplicaSet`.
type Uids = (Option<&'static str>, Option<&'static str>);

/// A looker at a Deployment whose namespace, and its own, has these pods; it owns the `ReplicaSet` "mine" and no other is there.
fn looker(pods: Vec<Value>) -> (Looker, Arc<Mutex<Vec<String>>>) {
    looker_of(pods, Arc::new(Mutex::new((Some("dep"), Some("dep")))))
}

/// The same, where these are the UIDs of the Deployment and of the owner of "mine", if they have any.
fn looker_of(pods: Vec<Value>, uids: Arc<Mutex<Uids>>) -> (Looker, Arc<Mutex<Vec<String>>>) {
    let (client, asked) = server(move |path| {
        if path.contains("watch=true") {
            return Answer::Quiet;
        }
        let (deployment, owner) = *uids.lock().unwrap();
        let of =
            |uid| json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": uid, "controller": true});
        match (path.split('?').next().unwrap_or_default(), deployment) {
            ("/apis/apps/v1/namespaces/n/deployments/d", Some(uid)) => Answer::Object(json!({
                "metadata": {"name": "d", "namespace": "n", "uid": uid},
                "spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {}},
            })),
            ("/apis/apps/v1/namespaces/n/replicasets/mine", _) => Answer::Object(json!({
                "metadata": {"name": "mine", "uid": "mine", "ownerReferences": owner.map(of).into_iter().collect::<Vec<_>>()},
            })),
            ("/api/v1/namespaces/n/pods", _) => list("Pod", &pods),
            _ => Answer::Absent,
        }
    });
    let kubelet = SourceSpec { name: "kubelet".into(), wants: Wants::of(&[], "kubelet"), kind: SourceKind::Kubelet };
    (looker_at(client, kubelet), asked)
}

/// A looker at the Deployment "d" and at this source, by this client.
pub(in crate::sampler) fn looker_at(client: kube::Client, source: SourceSpec) -> Looker {
    let kubelets = (Config::new("https://127.0.0.1:1".parse().unwrap()), true);
    let sampler = Sampler::new(client, kubelets, crate::clock::Clock::default(), &mut Registry::default());
    let phases = Phases { warm_up_ms: 0, measure_ms: 1000, settle_ms: 0, elapsed_ms: 0 };
    let spec = RunSpec {
        namespace: "n".into(),
        name: "s".into(),
        run: RunInfo { run: "r".into(), start_unix_ms: 0, interval_ms: 1000 },
        horizon: Horizon { slots: 9, phases },
        target: TargetName { kind: TargetKind::Deployment, namespace: "n".into(), name: "d".into() },
        artifacts: Vec::new(),
        sources: vec![source],
        checks: Vec::new(),
        inventories: vec!["i".into()],
        leftovers: Vec::new(),
        unloaded_until_ms: None,
    };
    Looker::new(Arc::clone(&sampler.shared), Arc::new(spec))
}

async fn look(looker: &Looker) -> Seen {
    looker.look(0, 0, Instant::now()).await
}

#[tokio::test]
async fn no_pod_of_many_is_left_out_in_silence() {
    let pods = |count: usize| (0..count).map(|k| of_set(&format!("p{k}"), "mine")).collect();
    let seen = look(&looker(pods(MOST_PODS)).0).await;
    assert_eq!(seen.record.looks.len(), MOST_PODS);
    let seen = look(&looker(pods(80)).0).await;
    assert_eq!(seen.record.pods.unwrap().unwrap().len(), 80);
    let [one] = seen.record.looks.as_slice() else { panic!("{:?}", seen.record.looks) };
    assert_eq!(one.target, "-");
    assert_eq!(one.result.as_ref().unwrap_err().to_string(), "TooManySeries: 80 pods, at most 64");
}

#[tokio::test]
async fn sets_that_are_not_there_are_asked_for_once_and_not_without_end() {
    let pods = |sets: usize| {
        let others = (0..sets).map(|k| of_set(&format!("p{k}"), &format!("gone-{k}")));
        others.chain([of_set("own", "mine")]).collect()
    };
    let sets =
        |asked: &Mutex<Vec<String>>| asked.lock().unwrap().iter().filter(|p| p.contains("/replicasets/")).count();
    let (few, asked) = looker(pods(60));
    for _ in 0..3 {
        let seen = look(&few).await.record.pods.unwrap().unwrap();
        assert_eq!(seen.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["own"]);
    }
    assert_eq!(sets(&asked), 61);
    let (many, asked) = looker(pods(1000));
    let gap = look(&many).await.record.pods.unwrap().unwrap_err();
    assert_eq!((gap.reason, sets(&asked)), (GapReason::TooManySeries, 0), "{gap}");
}

/// Deleted with `--cascade=orphan`, and made anew: the pods stay, and so does their `ReplicaSet`.
#[tokio::test]
async fn what_is_adopted_by_a_workload_that_was_made_anew_is_its_own() {
    let uids = Arc::new(Mutex::new((Some("dep"), Some("dep"))));
    let (looker, _) = looker_of(vec![of_set("own", "mine")], Arc::clone(&uids));
    let pods = async |now: Uids| {
        *uids.lock().unwrap() = now;
        if let Some((at, _)) = looker.targets.workload.lock().unwrap().as_mut() {
            *at = Instant::now() - WORKLOAD;
        }
        look(&looker).await.record.pods.unwrap().map(|pods| pods.len())
    };
    assert_eq!(pods((Some("dep"), Some("dep"))).await, Ok(1));
    let gap = pods((None, None)).await.unwrap_err();
    assert_eq!(gap.reason, GapReason::NoTarget);
    assert_eq!(pods((Some("anew"), None)).await, Ok(0), "not adopted yet");
    assert_eq!(pods((Some("anew"), Some("anew"))).await, Ok(1));
}

#[tokio::test]
async fn one_pod_speaks_for_a_job() {
    let deleting = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let over = json!({"status": {"phase": "Failed"}});
    let tasks = Tasks { inventory: Some("job".into()), workload: Some("job".into()), loaded: true, rested: false };
    let one = vec![of_job("a", &deleting), of_job("b", &over), of_job("c", &json!({}))];
    let (mine, _) = looker(one.clone());
    mine.tasks(tasks.clone());
    assert_eq!(look(&mine).await.faults.as_deref(), Some("c"));
    let (contested, _) = looker(one.into_iter().chain([of_job("d", &json!({}))]).collect());
    contested.tasks(tasks);
    let seen = look(&contested).await;
    assert_eq!(seen.faults, None);
    let gap = seen.record.inventories[0].result.clone().unwrap_err();
    assert_eq!(gap.to_string(), "Other: pods c and d both claim to be of the same Job");
}

#[tokio::test]
async fn what_fails_or_never_ends_is_a_gap_of_its_own() {
    fn asking(target: &str, how: impl Future<Output = Result<Page, Gap>> + Send + 'static) -> Asking<'static> {
        Asking { source: "s", target: target.into(), how: how.boxed() }
    }
    let page = || Page {
        late_ms: 0,
        incarnation: String::new(),
        series_on_page: 7,
        samples: Vec::new(),
        types: std::collections::BTreeMap::new(),
    };
    let looks = vec![
        asking("hangs", std::future::pending()),
        asking("fails", async { std::panic::resume_unwind(Box::new("on purpose")) }),
        asking("good", async move { Ok(page()) }),
    ];
    let looks = together(looks, Instant::now() + Duration::from_millis(50)).await;
    let seen = looks.iter().map(|l| (l.source.as_str(), l.target.as_str(), l.result.as_ref().map_err(|g| g.reason)));
    let want = [("hangs", Err(GapReason::Missed)), ("fails", Err(GapReason::Other)), ("good", Ok(&page()))];
    assert!(seen.eq(want.map(|(target, result)| ("s", target, result))));
    let gap = whom(Instant::now(), std::future::pending::<Result<(), Gap>>()).await.unwrap_err();
    assert!(gap.detail.contains("in time"), "{gap}");
    let fails = async { std::panic::resume_unwind(Box::new("on purpose")) };
    let gap = whom::<()>(Instant::now() + WHOM, fails).await.unwrap_err();
    assert!(gap.detail.contains("failed"), "{gap}");
}
