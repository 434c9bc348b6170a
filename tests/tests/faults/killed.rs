//! The operator's real process: killed wherever it is, and two of them side by side for good.

use std::{sync::Arc, time::Duration};

use seaworthy_tests::faults::{
    canonical::Shape,
    lab::{Lab, Run},
    layer::Faults,
    plan::Plan,
    process::{Process, pauses},
};
use tokio::sync::Mutex;

/// Releases whose operators are killed at the same time, each by its own seed.
const SEEDS: [u64; 4] = [1, 2, 3, 4];

async fn clean(lab: &Lab, shape: Shape) -> Run {
    lab.run("clean", shape, &Faults::new(Plan::Clean), None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_01_the_process_is_killed_every_1_to_3_seconds() {
    let lab = Lab::shared().await;
    let shape = Shape::canonical(lab.port);
    let clean = &clean(lab, shape).await;
    let lives = futures::future::join_all(SEEDS.map(|seed| async move {
        let process: Arc<Mutex<Option<Process>>> = Arc::default();
        let running = Arc::clone(&process);
        let start = move |namespace: &str| {
            *running.try_lock()? = Some(Process::start(namespace)?);
            Ok(())
        };
        let release = lab.run_by("killed", shape, Some(&clean.world), start);
        let killer = async {
            for pause in pauses(seed, Duration::from_secs(1), Duration::from_secs(3)) {
                tokio::time::sleep(pause).await;
                if let Some(process) = process.lock().await.as_mut() {
                    process.kill_and_start().unwrap();
                }
            }
        };
        let run = tokio::select! {
            run = release => run.unwrap_or_else(|e| panic!("seed {seed}: {e:#}")).0,
            () = killer => unreachable!("pauses have no end"),
        };
        assert_eq!((&run.published, run.most_at_once), (&clean.published, 1), "seed {seed}");
        let lives = process.lock().await.as_ref().unwrap().lives();
        eprintln!("seed {seed}: {lives} lives in {:.0?}; without kills {:.0?}", run.took, clean.took);
        lives
    }))
    .await;
    assert!(lives.iter().all(|lives| *lives > 10), "too few kills: {lives:?} lives");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_08_two_processes_side_by_side_for_good() {
    let lab = Lab::shared().await;
    let shapes = [Shape::canonical(lab.port), Shape { publish_fails: 1, ..Shape::short() }];
    futures::future::join_all(shapes.map(|shape| async move {
        let clean = clean(lab, shape).await;
        let both = |namespace: &str| Ok([Process::start(namespace)?, Process::start(namespace)?]);
        let (run, mut both) = lab.run_by("both", shape, Some(&clean.world), both).await.unwrap();
        assert_eq!((&run.published, run.most_at_once), (&clean.published, 1));
        // Neither went away on account of the other.
        for process in &mut both {
            process.kill_and_start().unwrap();
        }
    }))
    .await;
}
