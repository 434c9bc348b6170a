//! Goes through every scope of every model; a violation is printed as a story with the seed that replays it.

use seaworthy_model::{
    e2e_run::scopes as run,
    play,
    release::scopes as release,
    soak_test::scopes as soak,
    story::{Seen, explore, story},
};

/// So many steps of a scope are taken, nearest to its beginning first, unless `SEAWORTHY_MODEL_STEPS` says otherwise: a test has a minute.
const STEPS: usize = 300_000;

/// How much more may go wrong than usually: `SEAWORTHY_MODEL_MORE`.
fn more() -> u8 {
    std::env::var("SEAWORTHY_MODEL_MORE").map_or(0, |n| n.parse().expect("SEAWORTHY_MODEL_MORE is a small number"))
}

/// How many steps of each scope are taken at most.
fn steps() -> usize {
    std::env::var("SEAWORTHY_MODEL_STEPS").map_or(STEPS, |n| n.parse().expect("SEAWORTHY_MODEL_STEPS is a number"))
}

fn go_through<W: play::World>(scope: &str, model: Option<play::Play<W>>) -> Result<usize, String> {
    let began = std::time::Instant::now();
    let model = model.ok_or_else(|| format!("there is no scope {scope:?}"))?;
    let Seen { states, all } = explore(model, steps(), scope)?;
    let cut = if all { "all there are" } else { "the nearest, there are more" };
    println!("{scope}: {states} distinct states ({cut}) in {:.1} s", began.elapsed().as_secs_f64());
    Ok(states)
}

/// Goes through the scopes of a kind; at least so many states must be there, or nothing much can have happened in them.
fn every_scope<W: play::World>(names: &[&str], scope: impl Fn(&str, u8) -> Option<play::Play<W>>, least: usize) {
    let only = std::env::var("SEAWORTHY_MODEL_SCOPE").ok();
    let mut all = 0;
    let mut broken = Vec::new();
    for name in names.iter().filter(|n| only.as_deref().is_none_or(|o| o == **n)) {
        match go_through(name, scope(name, more())) {
            Ok(states) => all += states,
            Err(story) => broken.push(story),
        }
    }
    println!("{}: {all} distinct states in all", W::KIND);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(only.is_some() || all >= least, "only {all} states");
}

#[test]
fn release_in_every_scope() {
    every_scope(&release::NAMES, release::scope, 100_000);
}

#[test]
fn e2e_run_in_every_scope() {
    every_scope(&run::NAMES, run::scope, 10_000);
}

#[test]
fn soak_test_in_every_scope() {
    every_scope(&soak::NAMES, soak::scope, 10_000);
}

/// `SEAWORTHY_MODEL_REPLAY=<scope>:<seed>` tells the story of a seed.
#[test]
fn replay() {
    let Ok(what) = std::env::var("SEAWORTHY_MODEL_REPLAY") else { return };
    let (scope, seed) = what.split_once(':').expect("SEAWORTHY_MODEL_REPLAY is <scope>:<seed>");
    let told = (release::scope(scope, more()).map(|m| story(&m, seed)))
        .or_else(|| run::scope(scope, more()).map(|m| story(&m, seed)))
        .or_else(|| soak::scope(scope, more()).map(|m| story(&m, seed)));
    println!("{}", told.expect("the scope is there").expect("the seed belongs to the scope"));
}
