//! Goes through every scope of every model; a violation is printed as a story with the seed that replays it.

use seaworthy_model::{
    release::scopes::{self, NAMES},
    story::{explore, story},
};

/// More states than any scope has; one that grows beyond it must be divided.
const MOST: usize = 400_000;

/// How much more may go wrong than usually: `SEAWORTHY_MODEL_MORE`.
fn more() -> u8 {
    std::env::var("SEAWORTHY_MODEL_MORE").map_or(0, |n| n.parse().expect("SEAWORTHY_MODEL_MORE is a small number"))
}

fn go_through(scope: &str) -> Result<usize, String> {
    let began = std::time::Instant::now();
    let model = scopes::scope(scope, more()).ok_or_else(|| format!("there is no scope {scope:?}"))?;
    let states = explore(model, MOST, scope)?;
    println!("{scope}: {states} distinct states in {:.1} s", began.elapsed().as_secs_f64());
    if states < MOST || more() > 0 {
        Ok(states)
    } else {
        Err(format!("{scope} has more than {MOST} states: divide it"))
    }
}

#[test]
fn release_in_every_scope() {
    let only = std::env::var("SEAWORTHY_MODEL_SCOPE").ok();
    let mut all = 0;
    for name in NAMES.into_iter().filter(|n| only.as_deref().is_none_or(|o| o == *n)) {
        match go_through(name) {
            Ok(states) => all += states,
            Err(stories) => panic!("{stories}"),
        }
    }
    println!("release: {all} distinct states in all");
    assert!(only.is_some() || all >= 100_000, "only {all} states: nothing much can have happened in them");
}

/// `SEAWORTHY_MODEL_REPLAY=<scope>:<seed>` tells the story of a seed.
#[test]
fn replay() {
    let Ok(what) = std::env::var("SEAWORTHY_MODEL_REPLAY") else { return };
    let (scope, seed) = what.split_once(':').expect("SEAWORTHY_MODEL_REPLAY is <scope>:<seed>");
    let model = scopes::scope(scope, more()).expect("the scope is there");
    println!("{}", story(&model, seed).expect("the seed belongs to the scope"));
}
