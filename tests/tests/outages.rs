//! The cluster itself fails: nothing else can be tested beside it. `cargo xtask test --faults` runs these one after another.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect has failed")]

use std::{fs, process::Command, time::Duration};

use seaworthy_tests::{
    cluster::variable,
    faults::{
        canonical::Shape,
        lab::{Lab, Run},
        layer::Faults,
        plan::Plan,
    },
};

/// The processes of the cluster under test that run this program.
fn processes(program: &str) -> Vec<String> {
    let state = variable("SEAWORTHY_TEST_STATE").unwrap();
    let found = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let process = entry.file_name().into_string().ok().filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?;
        let line = String::from_utf8_lossy(&fs::read(entry.path().join("cmdline")).ok()?).into_owned();
        let mut words = line.split('\0');
        (words.next()?.ends_with(&format!("/{program}")) && words.any(|w| w.contains(&state))).then_some(process)
    });
    let found: Vec<String> = found.collect();
    assert!(!found.is_empty(), "no {program} of {state} runs");
    found
}

fn signal(signal: &str, program: &str) {
    let told = Command::new("kill").arg(signal).args(processes(program)).status().unwrap();
    assert!(told.success(), "could not send {signal} to {program}");
}

/// Some Releases under way while something happens to the cluster; all end as if it had not.
async fn survives(what: impl Future<Output = ()>) {
    let lab = Lab::shared().await;
    let (short, whole) = (Shape::short(), Shape::canonical(lab.port));
    let clean = || Faults::new(Plan::Clean);
    let (clean_short, clean_whole): (Run, Run) = {
        let (faults, more) = (clean(), clean());
        let both = futures::join!(lab.run("clean", short, &faults, None), lab.run("clean", whole, &more, None));
        (both.0.unwrap(), both.1.unwrap())
    };
    let runs = async {
        let begin = |n: u64| {
            let (shape, clean_run) = if n < 2 { (whole, &clean_whole) } else { (short, &clean_short) };
            async move {
                // They are hit at different points.
                tokio::time::sleep(Duration::from_millis(n * 1500)).await;
                let run = lab.run("outage", shape, &Faults::new(Plan::Clean), Some(&clean_run.world)).await.unwrap();
                assert_eq!((&run.published, run.most_at_once), (&clean_run.published, 1));
            }
        };
        futures::future::join_all((0..8).map(begin)).await;
    };
    futures::join!(runs, async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        what.await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_13_etcd_stopped_for_a_minute() {
    Box::pin(survives(async {
        signal("-STOP", "etcd");
        tokio::time::sleep(Duration::from_secs(60)).await;
        signal("-CONT", "etcd");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_13_etcd_slow() {
    Box::pin(survives(async {
        for _ in 0..30 {
            signal("-STOP", "etcd");
            tokio::time::sleep(Duration::from_millis(700)).await;
            signal("-CONT", "etcd");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_06_the_api_server_is_killed_again_and_again() {
    Box::pin(survives(async {
        for _ in 0..3 {
            signal("-KILL", "kube-apiserver");
            tokio::time::sleep(Duration::from_secs(15)).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_02_the_job_controller_is_killed() {
    Box::pin(survives(async {
        for _ in 0..3 {
            signal("-KILL", "kube-controller-manager");
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
    }))
    .await;
}
