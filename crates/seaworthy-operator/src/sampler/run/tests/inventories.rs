//! When inventories are taken, from a played inventory task.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::inventory::{
    PORT,
    page::{Listed, Objects},
};

/// What a played inventory task does.
#[derive(Default)]
struct Task {
    /// When its last look began; None for one that begins as it is asked for.
    last: Option<Begun>,
    /// How often it was asked.
    asked: usize,
}

/// An inventory task at this address.
async fn task(address: &str) -> Arc<Mutex<Task>> {
    let task = Arc::new(Mutex::new(Task::default()));
    let played = Arc::clone(&task);
    let listener = TcpListener::bind((address, PORT)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let task = Arc::clone(&played);
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let age = {
                        let mut task = task.lock().unwrap();
                        task.asked += 1;
                        task.last.map_or(Duration::ZERO, |began| began.elapsed())
                    };
                    let age_ms = u64::try_from(age.as_millis()).unwrap();
                    let scopes = vec![Listed { check: "check".into(), result: Ok(Vec::new()) }];
                    let body = serde_json::to_string(&Objects { age_ms, scopes }).unwrap();
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    task
}

/// A run that began 10 s ago and settles 8.7 s after its beginning, and whose inventory task is at this address.
async fn settling(address: &str, unloaded_until_ms: Option<u64>) -> Arc<Run> {
    let server = Server::default();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "job", "controller": true});
    let pod = json!({"metadata": {"name": "p", "namespace": "n", "uid": "p", "resourceVersion": "7", "ownerReferences": [job]},
        "status": {"phase": "Running", "podIP": address}});
    let pods = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": [pod]});
    let client = played::client({
        let server = Arc::clone(&server);
        move |method, uri, body| {
            let watches = uri.query().is_some_and(|query| query.contains("watch=true"));
            let answer = match uri.path() {
                "/api/v1/namespaces/n/pods" => (200, pods.clone()),
                _ => server.lock().unwrap().answer(&method, &uri, body),
            };
            async move {
                if watches {
                    std::future::pending::<()>().await;
                }
                Ok(answer)
            }
        }
    });
    let kubelets = (kube::Config::new("http://127.0.0.1:1".parse().unwrap()), false);
    let sampler = Sampler::new(client, kubelets, Clock::default(), &mut Registry::default());
    let phases = Phases { warm_up_ms: 0, measure_ms: 8000, settle_ms: 700, elapsed_ms: 8700 };
    let spec = RunSpec {
        horizon: Horizon { slots: 9, phases },
        leftovers: vec!["check".into()],
        unloaded_until_ms,
        ..spec("uid", 10)
    };
    begun(&sampler, &server, spec, Known::default()).await
}

fn tasks(loaded: bool, rested: bool) -> Tasks {
    Tasks { inventory: Some("job".into()), workload: None, loaded, rested }
}

fn has(run: &Run, point: InventoryPoint) -> bool {
    run.with(|ledger| ledger.has_inventories(&["check".into()], point)).unwrap()
}

async fn until(what: impl Fn() -> bool) {
    let began = Begun::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn without_a_load_there_is_no_inventory_from_before_it_once_measure_is_under_way() {
    task("127.0.0.71").await;
    for (latest, taken) in [(3_600_000, true), (400, false)] {
        let run = settling("127.0.0.71", Some(latest)).await;
        run.tasks(tasks(false, true));
        until(|| has(&run, InventoryPoint::After)).await;
        assert_eq!(has(&run, InventoryPoint::Before), taken, "until {latest} ms after the beginning");
    }
}

#[tokio::test]
async fn the_last_inventory_is_one_that_began_when_settling_and_the_load_were_over() {
    let task = task("127.0.0.72").await;
    let run = settling("127.0.0.72", None).await;
    assert_eq!(run.settled(), run.due(8) + Duration::from_millis(700), "settling ends between two slots");
    run.tasks(tasks(true, false));
    let other = settling("127.0.0.72", None).await;
    other.tasks(tasks(true, true));
    until(|| has(&other, InventoryPoint::After)).await;
    assert!(!has(&run, InventoryPoint::After), "the load is still being ended, or measure is extended");
    let asked = {
        let mut task = task.lock().unwrap();
        task.last = Begun::now().checked_sub(Duration::from_millis(10));
        task.asked
    };
    run.tasks(tasks(true, true));
    // With the second question, the answer to the first is taken or was too old.
    until(|| task.lock().unwrap().asked >= asked + 2 || has(&run, InventoryPoint::After)).await;
    assert!(!has(&run, InventoryPoint::After), "the look began before that");
    task.lock().unwrap().last = Some(Begun::now());
    until(|| has(&run, InventoryPoint::After)).await;
}
