//! A clock that is wrong: nothing ends early, nothing waits longer, and what is recorded is the API server's time.

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
