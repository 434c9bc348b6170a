//! Clocks that are wrong, or are set: nothing ends early, nothing waits longer, and what is recorded is the API server's time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kube::Api;
use seaworthy_api::{Release, core::condition::types};
use seaworthy_tests::faults::{
    canonical::{RELEASE, Shape},
    lab::{Lab, Run},
    layer::Faults,
    plan::Plan,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

async fn clean(lab: &Lab, shape: Shape) -> Run {
    lab.run("clean", shape, &Faults::new(Plan::Clean), None).await.unwrap()
}

/// How far the recorded end is from now.
async fn off(run: &Run) -> SignedDuration {
    let client = seaworthy_tests::api::client().await.unwrap();
    let release = Api::<Release>::namespaced(client, &run.namespace).get(RELEASE).await.unwrap();
    let conditions = release.status.unwrap().conditions;
    let ended = conditions.iter().find(|c| c.type_ == types::FINISHED).unwrap().last_transition_time;
    Timestamp::from(ended).duration_until(Timestamp::now()).abs()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_09_the_operators_clock_is_off_by_an_hour() {
    let lab = Lab::shared().await;
    let shape = Shape::canonical(lab.port);
    let clean = &clean(lab, shape).await;
    let machines: [fn() -> seaworthy_api::core::time::Timestamp; 2] = [
        || Timestamp::now().saturating_add(HOUR).unwrap().into(),
        || Timestamp::now().saturating_sub(HOUR).unwrap().into(),
    ];
    futures::future::join_all(machines.map(|wall| async move {
        let faults = Faults::on_a_machine_where_it_is(wall, Plan::Clean);
        let run = lab.run("fault-09", shape, &faults, Some(&clean.world)).await.unwrap();
        assert_eq!((&run.published, run.most_at_once), (&clean.published, 1));
        let off = off(&run).await;
        assert!(off < SignedDuration::from_mins(2), "recorded times are off by {off}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_09_the_api_servers_clock_is_set_by_an_hour() {
    let lab = Lab::shared().await;
    let shape = Shape::canonical(lab.port);
    let clean = clean(lab, shape).await;
    let faults = Faults::new(Plan::Clean);
    let setting = async {
        // Its clock begins with the first answer.
        while faults.records().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for off in [3600, 0, -3600, 3600].into_iter().cycle() {
            tokio::time::sleep(Duration::from_secs(4)).await;
            faults.set_api_servers_clock(off);
        }
    };
    let run = tokio::select! {
        run = lab.run("fault-09", shape, &faults, Some(&clean.world)) => run.unwrap(),
        () = setting => unreachable!("it has no end"),
    };
    assert_eq!((&run.published, run.most_at_once), (&clean.published, 1));
    let off = off(&run).await;
    assert!(off < SignedDuration::from_mins(2), "recorded times are off by {off}");
}
