//! The cluster itself fails: nothing else can be tested on it meanwhile. `cargo xtask test --faults` gives these a cluster of their own,
//! beside the one of the other faults, and runs them one after another.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

mod upgrade;

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, api::ListParams};
use seaworthy_api::{SoakTest, core::condition::types};
use seaworthy_tests::{
    cluster::variable,
    faults::{
        canonical::{self, Shape},
        lab::{Lab, Run},
        layer::{Faults, Record},
        plan::Plan,
    },
};
use tokio::sync::{OnceCell, Semaphore};

/// Releases that are under way when it happens.
const RELEASES: u32 = 8;
/// How long after one another they begin: each is hit at another point.
const APART: Duration = Duration::from_millis(1500);

/// The processes of the cluster under test that run this program.
fn processes(program: &str) -> Vec<String> {
    let state = variable("SEAWORTHY_TEST_STATE").unwrap();
    let found = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let process = entry.file_name().into_string().ok().filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
        let line = String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).ok()?).into_owned();
        let mut words = line.split('\0');
        let runs = words.next()?.ends_with(&format!("/{program}"));
        (runs && words.any(|w| w.contains(&format!("{state}/")))).then_some(process)
    });
    let found: Vec<String> = found.collect();
    assert!(!found.is_empty(), "no {program} of {state} runs");
    found
}

fn signal(signal: &str, program: &str) {
    let told = Command::new("kill").arg(signal).args(processes(program)).status().unwrap();
    assert!(told.success(), "could not send {signal} to {program}");
}

/// What the two shapes leave when nothing happens.
async fn clean(lab: &'static Lab) -> &'static (Run, Run) {
    static CLEAN: OnceCell<(Run, Run)> = OnceCell::const_new();
    let runs = || async {
        let faults = [Plan::Clean, Plan::Clean].map(Faults::new);
        let whole = lab.run("clean", Shape::canonical(lab.port), &faults[0], None);
        let short = lab.run("clean", Shape::short(), &faults[1], None);
        let both = futures::join!(whole, short);
        (both.0.unwrap(), both.1.unwrap())
    };
    CLEAN.get_or_init(runs).await
}

/// One Release that is under way when it happens.
struct Hit {
    namespace: String,
    records: Vec<Record>,
}

/// A Release of its own, to its end; `under_way` hears when it is under way.
async fn release(lab: &'static Lab, shape: Shape, clean: &Run, under_way: &Semaphore) -> Hit {
    let ground = lab.ground("outage").await.unwrap();
    if shape.soak.is_some() {
        ground.create::<Deployment>(canonical::target()).await.unwrap();
    }
    let faults = Faults::new(Plan::Clean);
    let operator = lab.begin(&ground, canonical::plan(shape), &faults).await.unwrap();
    under_way.add_permits(1);
    lab.ended(&ground).await.unwrap();
    lab.settled(&ground, Some(&clean.world)).await.unwrap();
    let (published, most) = (lab.registry.out(&ground.namespace), lab.registry.most_at_once(&ground.namespace));
    assert_eq!((&published, most, operator.lives()), (&clean.published, 1, 1), "{}", ground.namespace);
    Hit { namespace: ground.namespace, records: faults.records() }
}

/// Some Releases under way while something happens to the cluster; all end as if it had not. The operators live on. Gives the namespaces.
async fn survives(what: impl AsyncFnOnce(&Lab)) -> Vec<String> {
    let lab = Lab::shared().await;
    let (whole, short) = clean(lab).await;
    let under_way = &Semaphore::new(0);
    let runs = futures::future::join_all((0..RELEASES).map(|n| async move {
        let (shape, clean) = if n % 2 == 0 { (Shape::canonical(lab.port), whole) } else { (Shape::short(), short) };
        tokio::time::sleep(APART * n).await;
        release(lab, shape, clean, under_way).await
    }));
    let happens = async {
        under_way.acquire_many(RELEASES).await.unwrap().forget();
        let began = Instant::now();
        what(lab).await;
        began
    };
    let (runs, began) = futures::join!(runs, happens);
    // Of each run: calls that failed or had no answer.
    let failed = |hit: &Hit| hit.records.iter().filter(|r| (r.code == 0 || r.code >= 500) && r.at >= began).count();
    let hit = runs.iter().filter(|run| failed(run) > 0).count();
    let most = runs.iter().max_by_key(|run| failed(run)).map(|run| run.namespace.as_str()).unwrap_or_default();
    eprintln!(
        "{hit} of {RELEASES} Releases were hit, {} calls failed (most in {most}); the last ended {:.0?} after it began",
        runs.iter().map(failed).sum::<usize>(),
        began.elapsed()
    );
    runs.into_iter().map(|run| run.namespace).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_13_etcd_stopped_for_60_seconds() {
    Box::pin(survives(async |_| {
        signal("-STOP", "etcd");
        tokio::time::sleep(Duration::from_secs(60)).await;
        signal("-CONT", "etcd");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_13_etcd_slow() {
    Box::pin(survives(async |_| {
        for _ in 0..25 {
            signal("-STOP", "etcd");
            tokio::time::sleep(Duration::from_millis(700)).await;
            signal("-CONT", "etcd");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_06_api_server_killed_again_and_again() {
    Box::pin(survives(async |_| {
        for _ in 0..3 {
            signal("-KILL", "kube-apiserver");
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_10_job_controller_killed_again_and_again() {
    Box::pin(survives(async |_| {
        for _ in 0..3 {
            signal("-KILL", "kube-controller-manager");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }))
    .await;
}

/// Longer than the 40 s after which the cluster takes the node for lost, shorter than the 300 s after which it evicts; and from the moment at
/// which a load is to start, so that at least one soak has samples of a target without load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_11_kubelet_stopped_for_60_seconds() {
    let namespaces = Box::pin(survives(async |lab| {
        lab.kubelet.stop_at_load().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        lab.kubelet.stop(false);
    }))
    .await;
    let client = Client::try_from(Lab::shared().await.kube.clone()).unwrap();
    let mut idle = 0;
    for namespace in namespaces {
        let soaks = Api::<SoakTest>::namespaced(client.clone(), &namespace).list(&ListParams::default()).await.unwrap();
        let conditions = soaks.items.into_iter().flat_map(|soak| soak.status.unwrap_or_default().conditions);
        idle += conditions.filter(|c| c.type_ == types::SUCCEEDED && c.reason == "WorkloadFailed").count();
    }
    assert!(idle > 0, "no soak was without its load");
}
