//! Faults by chance: kills, lost answers, refusals, delays, broken watches, older lists. What is left is what the clean run leaves.
//!
//! `SEAWORTHY_TEST_SEEDS` (`FROM..TO`) and `SEAWORTHY_TEST_MINUTES` say which seeds, and for how long new ones are begun; without them, so
//! many that two cores are done with them within minutes. `SEAWORTHY_TEST_TIMES` runs each so often: a seed decides which
//! calls are broken, not when they come.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use seaworthy_tests::faults::{
    canonical::Shape,
    lab::{Lab, Run},
    layer::Faults,
    plan::Plan,
};

/// Runs at the same time: they mostly wait.
const AT_ONCE: usize = 30;
/// Of 1000 calls, those that are broken; and how many in one run at most. A run makes about 350.
const PER_MILLE: u64 = 60;
const MOST: usize = 25;

/// What a seed's Release looks like: the suite passes at once or at its second attempt, the publish at once or after a negative verify.
fn shape(seed: u64) -> Shape {
    [Shape::short(), Shape { attempts: 2, ..Shape::short() }, Shape { publish_fails: 1, ..Shape::short() }]
        [usize::try_from(seed % 3).unwrap()]
}

fn seeds() -> impl Iterator<Item = u64> {
    let wanted = std::env::var("SEAWORTHY_TEST_SEEDS").unwrap_or_else(|_| "0..300".to_owned());
    let times: usize = std::env::var("SEAWORTHY_TEST_TIMES").map_or(1, |times| times.parse().unwrap());
    let (from, to) = wanted.split_once("..").unwrap();
    let seeds: Range<u64> = from.parse().unwrap()..to.parse().unwrap();
    seeds.flat_map(move |seed| std::iter::repeat_n(seed, times))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_01_to_08_by_chance() {
    let lab = Lab::shared().await;
    let minutes: Option<u64> = std::env::var("SEAWORTHY_TEST_MINUTES").ok().map(|m| m.parse().unwrap());
    let until = minutes.map(|m| Instant::now() + Duration::from_secs(m * 60));
    let clean: [Run; 3] = {
        let runs = [0, 1, 2]
            .map(|seed| async move { lab.run("clean", shape(seed), &Faults::new(Plan::Clean), None).await.unwrap() });
        futures::future::join_all(runs).await.try_into().unwrap()
    };
    let began = Instant::now();
    let results: Vec<_> = stream::iter(seeds())
        .take_while(|_| std::future::ready(until.is_none_or(|until| Instant::now() < until)))
        .map(|seed| {
            let clean = &clean[usize::try_from(seed % 3).unwrap()];
            async move {
                let faults = Faults::new(Plan::Random { seed, per_mille: PER_MILLE, most: MOST });
                let problem = match lab.run("seed", shape(seed), &faults, Some(&clean.world)).await {
                    Ok(run) if run.published != clean.published => Some(format!("published {:?}", run.published)),
                    Ok(run) if run.most_at_once > 1 => Some(format!("{} publish pods at once", run.most_at_once)),
                    Ok(_) => None,
                    Err(e) => Some(format!("{e:#}")),
                };
                let done: Vec<String> = faults.done().iter().map(|(call, fault)| format!("{fault}: {call}")).collect();
                if let Some(problem) = &problem {
                    eprintln!(
                        "seed {seed}: {problem}\n  its faults:\n    {}\n  again: cargo xtask chaos --from {seed} --seeds 1",
                        done.join("\n    ")
                    );
                }
                (seed, done.len(), problem)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let faults: usize = results.iter().map(|r| r.1).sum();
    eprintln!("{} seeds with {faults} faults in {:.0?}", results.len(), began.elapsed());
    let failed: Vec<u64> = results.iter().filter(|r| r.2.is_some()).map(|r| r.0).collect();
    assert!(failed.is_empty(), "of {} seeds these went wrong: {failed:?}", results.len());
    assert!(faults >= results.len() * 5, "too few faults for {} seeds: {faults}", results.len());
}
