//! Every write of a Release, and every way in which it can go wrong: what is left in the end is what the clean run leaves.

use std::time::Instant;

use futures::{StreamExt as _, stream};
use seaworthy_tests::faults::{
    canonical::Shape,
    lab::{Lab, Run},
    layer::Faults,
    plan::{AT_EVERY_WRITE, Call, Fault, Plan, Verb},
};

/// Runs at the same time: they mostly wait.
const AT_ONCE: usize = 20;
/// Writes between two that are broken in the same run: by then the operator has long recovered. `SEAWORTHY_TEST_APART` says otherwise; with
/// more than there are writes, each run breaks one.
const APART: usize = 18;
/// Of all faults, those that a run may not come to (two writes in one, say), in percent.
const MISSED_PERCENT: usize = 6;

/// Faults 1 and 2: the process dies before or after any write, or the write's answer is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_01_02_any_write_dies_before_dies_after_or_loses_its_answer() {
    let lab = Lab::shared().await;
    let shape = Shape::canonical(lab.port);
    let began = Instant::now();
    let clean = lab.run("clean", shape, &Faults::new(Plan::Clean), None).await.unwrap();
    assert_eq!(clean.published.len(), 1);
    let idle: Vec<_> = clean.records.iter().filter(|r| r.changed == Some(false)).map(|r| r.call.to_string()).collect();
    assert_eq!(idle, [""; 0], "writes that change nothing");
    let writes: Vec<Call> = clean.records.iter().map(|r| r.call.clone()).filter(|c| c.verb.writes()).collect();
    let apart: usize = std::env::var("SEAWORTHY_TEST_APART").map_or(APART, |n| n.parse().unwrap()).min(writes.len());
    let groups: Vec<Vec<(Call, Fault)>> = AT_EVERY_WRITE
        .into_iter()
        .flat_map(|fault| {
            let writes = &writes;
            (0..apart).map(move |first| writes.iter().skip(first).step_by(apart).map(|c| (c.clone(), fault)).collect())
        })
        .collect();
    eprintln!("{} writes; {} runs; the clean one took {:.0?}", writes.len(), groups.len(), clean.took);
    let tried = try_groups(lab, &clean, shape, groups).await;
    // What an earlier fault of its run kept from coming is tried alone.
    let alone = tried.missed.iter().map(|missed| vec![missed.clone()]).collect();
    let again = try_groups(lab, &clean, shape, alone).await;
    for fault in AT_EVERY_WRITE {
        let missed: Vec<_> = again.missed.iter().filter(|m| m.1 == fault).map(|m| m.0.to_string()).collect();
        eprintln!("{fault}: done to {} of {} writes; not come: {missed:?}", writes.len() - missed.len(), writes.len());
    }
    eprintln!("{} runs in {:.0?}", tried.runs + again.runs, began.elapsed());
    let problems: Vec<_> = tried.problems.into_iter().chain(again.problems).collect();
    assert!(problems.is_empty(), "{} runs went wrong:\n{}", problems.len(), problems.join("\n"));
    let most = writes.len() * AT_EVERY_WRITE.len() * MISSED_PERCENT / 100;
    assert!(again.missed.len() <= most, "{} faults were never done", again.missed.len());
}

/// A tag that somebody pushed by hand while the Release was under way, on another commit: the publisher does not move it, and whose it is
/// only a person can find out. Whichever write the operator dies at from then on, or loses the answer of, there is one attempt and the same
/// end; a second attempt, though the plan allows three, could only be made by whoever takes a refusal for an absence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_01_02_a_tag_pushed_by_hand_stays_where_it_is_whatever_dies() {
    let lab = Lab::shared().await;
    let shape = Shape { tag_elsewhere: true, ..Shape::short() };
    let clean = lab.run("clean", shape, &Faults::new(Plan::Clean), None).await.unwrap();
    assert!(clean.published.is_empty());
    let status = &clean.world["Release r"]["rest"]["status"];
    assert_eq!(status["phase"], "PublishUnknown", "{status:#}");
    let said = status["conditions"].to_string();
    assert!(said.contains("tag v1.4.0 is on 0123456789abcdef"), "{said}");
    let jobs: Vec<_> = clean.world.keys().filter(|key| key.starts_with("Job r-publish")).collect();
    assert_eq!(jobs, ["Job r-publish-1"]);
    let writes: Vec<Call> = clean.records.iter().map(|r| r.call.clone()).filter(|c| c.verb.writes()).collect();
    let create = |call: &Call| call.verb == Verb::Post && call.what.starts_with("jobs/r-publish");
    // The write before it is the intent.
    let from = writes.iter().position(create).unwrap() - 1;
    let alone = |fault| writes[from..].iter().map(move |call| vec![(call.clone(), fault)]);
    let groups: Vec<_> = AT_EVERY_WRITE.into_iter().flat_map(alone).collect();
    eprintln!("{} writes; {} runs", writes.len() - from, groups.len());
    let tried = try_groups(lab, &clean, shape, groups).await;
    assert!(tried.problems.is_empty(), "{} runs went wrong:\n{}", tried.problems.len(), tried.problems.join("\n"));
    assert_eq!(tried.missed, [], "faults that were never done");
}

/// What came of some runs.
struct Tried {
    runs: usize,
    missed: Vec<(Call, Fault)>,
    problems: Vec<String>,
}

async fn try_groups(lab: &Lab, clean: &Run, shape: Shape, groups: Vec<Vec<(Call, Fault)>>) -> Tried {
    let runs = groups.len();
    let tries = stream::iter(groups).map(|group| try_group(lab, clean, shape, group)).buffer_unordered(AT_ONCE);
    let (missed, problems): (Vec<_>, Vec<_>) = tries.unzip().await;
    Tried { runs, missed: missed.into_iter().flatten().collect(), problems: problems.into_iter().flatten().collect() }
}

/// One run with all faults of a group: those that were not done, and what went wrong.
async fn try_group(
    lab: &Lab,
    clean: &Run,
    shape: Shape,
    group: Vec<(Call, Fault)>,
) -> (Vec<(Call, Fault)>, Option<String>) {
    let faults = Faults::new(Plan::At(group.clone()));
    let result = lab.run("fault", shape, &faults, Some(&clean.world)).await;
    let done = faults.done();
    let problem = match &result {
        Ok(run) => wrong(clean, run, group[0].1, done.len()),
        Err(e) => Some(format!("{e:#}")),
    };
    let named = || done.iter().map(|(call, _)| call.to_string()).collect::<Vec<_>>().join(", ");
    let problem = problem.map(|p| format!("{} [{}]: {p}", group[0].1, named()));
    if let Some(problem) = &problem {
        eprintln!("{problem}");
    }
    (group.into_iter().filter(|wanted| !done.contains(wanted)).collect(), problem)
}

/// What of a run that ended is not as it must be.
fn wrong(clean: &Run, run: &Run, fault: Fault, done: usize) -> Option<String> {
    if run.published != clean.published {
        return Some(format!("published {:?} in {}", run.published, run.namespace));
    }
    if run.most_at_once != 1 {
        return Some(format!("{} publish pods at once in {}", run.most_at_once, run.namespace));
    }
    let dies = matches!(fault, Fault::DieBefore | Fault::DieAfter);
    let deaths = if dies { u32::try_from(done).unwrap_or(u32::MAX) } else { 0 };
    // The next life may not have begun when the last write's was the end.
    if run.lives > 1 + deaths || run.lives < deaths {
        return Some(format!("{} lives with {deaths} deaths", run.lives));
    }
    let idle = run.records.iter().find(|r| r.changed == Some(false))?;
    Some(format!("{} changed nothing in {}", idle.call, run.namespace))
}
