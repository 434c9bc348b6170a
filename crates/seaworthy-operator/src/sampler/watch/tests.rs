//! Against an API server that is played.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    played::{Answer, list, pod, server},
    *,
};

/// What is kept of a pod here: its name. One has a name that nobody can read.
#[derive(Debug)]
struct Name(String);

impl View<Pod> for Name {
    fn of(pod: &Pod) -> Self {
        assert_ne!(pod.name_any(), "unreadable");
        Self(pod.name_any())
    }
}

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(100);

fn patience() -> Patience {
    Patience { first: LONG, trusted: SHORT, resumed: LONG, page: LONG, list: LONG, shared: Duration::ZERO }
}

fn picture(client: Client, patience: Patience) -> Arc<Picture<Pod, Name>> {
    Pictures { patience, ..Pictures::new(client) }.of("n")
}

async fn names(picture: &Picture<Pod, Name>) -> Vec<String> {
    picture.select(|_| true).await.unwrap().iter().map(|view| view.0.clone()).collect()
}

/// Waits until this is so.
async fn until(what: impl Fn() -> bool) {
    let so = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), so).await.expect("it never came to be so");
}

/// The watch's own lists and those of looks are told apart by how much they want.
fn of_watch(path: &str) -> bool {
    path.contains("limit=200")
}

fn is_watch(path: &str) -> bool {
    path.contains("watch=true")
}

#[tokio::test]
async fn trust_returns_after_a_break_where_nothing_happens() {
    let notice = Arc::new(Notify::new());
    let breaks = Arc::clone(&notice);
    let (client, asked) = server(move |path| match path {
        path if is_watch(path) => Answer::Breaks(Arc::clone(&breaks)),
        _ => list("Pod", &[pod("a", &json!({}))]),
    });
    let picture = picture(client, Patience { resumed: SHORT / 2, ..patience() });
    assert_eq!(names(&picture).await, ["a"]);
    let before = picture.version().unwrap();
    until(|| asked.lock().unwrap().iter().any(|path| is_watch(path))).await;
    notice.notify_one();
    until(|| picture.version().is_some_and(|version| version != before)).await;
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(names(&picture).await, ["a"]);
    assert!(picture.version().is_some() && asked.lock().unwrap().iter().all(|p| is_watch(p) || of_watch(p)));
}

#[tokio::test]
async fn a_picture_that_is_made_anew_is_not_trusted_before_it_is_there() {
    let notice = Arc::new(Notify::new());
    let gone = Arc::clone(&notice);
    let first = AtomicU64::new(0);
    let (client, asked) = server(move |path| match path {
        path if is_watch(path) => {
            let status = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
            Answer::Tells(Arc::clone(&gone), json!({"type": "ERROR", "object": status}))
        }
        path if of_watch(path) && first.fetch_add(1, Ordering::Relaxed) > 0 => Answer::Silence,
        path if of_watch(path) => list("Pod", &[pod("old", &json!({}))]),
        _ => list("Pod", &[pod("new", &json!({}))]),
    });
    let picture = picture(client, patience());
    assert_eq!(names(&picture).await, ["old"]);
    notice.notify_one();
    until(|| asked.lock().unwrap().iter().filter(|path| of_watch(path)).count() == 2).await;
    until(|| picture.version().is_none()).await;
    assert_eq!(names(&picture).await, ["new"]);
}

#[tokio::test]
async fn a_list_that_hangs_is_begun_anew() {
    let times = AtomicU64::new(0);
    let (client, _) = server(move |path| match path {
        path if is_watch(path) => Answer::Quiet,
        _ if times.fetch_add(1, Ordering::Relaxed) == 0 => Answer::Silence,
        _ => list("Pod", &[pod("a", &json!({}))]),
    });
    let picture = picture(client, Patience { first: Duration::from_secs(10), page: SHORT, ..patience() });
    assert_eq!(names(&picture).await, ["a"]);
    assert!(picture.version().is_some());
}

#[tokio::test]
async fn looks_share_one_live_list() {
    let (client, asked) = server(|path| match path {
        path if of_watch(path) => Answer::Silence,
        _ => list("Pod", &[pod("a", &json!({}))]),
    });
    let picture = picture(client, Patience { first: SHORT, shared: LONG, ..patience() });
    for seen in futures::future::join_all((0..50).map(|_| names(&picture))).await {
        assert_eq!(seen, ["a"]);
    }
    assert_eq!(asked.lock().unwrap().iter().filter(|path| !of_watch(path)).count(), 1);
}

#[tokio::test]
async fn a_picture_that_nobody_feeds_is_not_trusted() {
    let notice = Arc::new(Notify::new());
    let tells = Arc::clone(&notice);
    let (client, _) = server(move |path| match path {
        path if is_watch(path) => {
            Answer::Tells(Arc::clone(&tells), json!({"type": "ADDED", "object": pod("unreadable", &json!({}))}))
        }
        path if of_watch(path) => list("Pod", &[pod("old", &json!({}))]),
        _ => list("Pod", &[pod("new", &json!({}))]),
    });
    let picture = picture(client, patience());
    assert_eq!(names(&picture).await, ["old"]);
    notice.notify_one();
    until(|| picture.version().is_none()).await;
    assert_eq!(names(&picture).await, ["new"]);
}
