//! Counterexamples as readable stories, and as lists of numbers that replay them.
//!
//! A seed names, step by step, which of a state's possible actions was taken: `2.0.7`. The same seed in the same scope is the same story,
//! for as long as the model is the same.

use std::fmt::Write as _;

use stateright::{Checker, Model, Path};

/// A model whose states and actions can be told.
pub trait Told: Model {
    /// What an action does in a state, in one line.
    fn tell(&self, state: &Self::State, action: &Self::Action) -> String;
    /// What is worth knowing of a state, in one line.
    fn sum_up(&self, state: &Self::State) -> String;
    /// What is violated in a state.
    fn broken(&self, state: &Self::State) -> Option<String>;
}

/// The seed of a path that the checker found.
pub fn seed<M: Told>(model: &M, path: Path<M::State, M::Action>) -> String
where
    M::Action: PartialEq,
{
    let mut numbers = Vec::new();
    for (state, action) in path.into_vec() {
        let Some(action) = action else { break };
        let mut all = Vec::new();
        model.actions(&state, &mut all);
        numbers.extend(all.iter().position(|a| *a == action).map(|n| n.to_string()));
    }
    numbers.join(".")
}

/// The story of a seed.
///
/// # Errors
/// When the seed does not belong to this model: which step is impossible.
pub fn story<M: Told>(model: &M, seed: &str) -> Result<String, String> {
    let mut state = model.init_states().into_iter().next().ok_or("the model has no initial state")?;
    let mut out = format!("begin: {}\n", model.sum_up(&state));
    let numbers = seed.split('.').filter(|s| !s.is_empty());
    for (at, number) in numbers.enumerate() {
        let mut all = Vec::new();
        model.actions(&state, &mut all);
        let chosen = number.parse::<usize>().ok().and_then(|n| (n < all.len()).then(|| all.swap_remove(n)));
        let action =
            chosen.ok_or_else(|| format!("step {at}: no action {number:?}: is it of another scope or version?"))?;
        let told = model.tell(&state, &action);
        state = model.next_state(&state, action).ok_or_else(|| format!("step {at}: {told}: cannot happen"))?;
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{at:>3}. {told}\n     {}", model.sum_up(&state));
    }
    if let Some(broken) = model.broken(&state) {
        let _ = writeln!(out, "BROKEN: {broken}");
    }
    Ok(out)
}

/// What a search has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Different states.
    pub states: usize,
    /// Whether these are all that there are: nothing was left out because there were too many.
    pub all: bool,
}

/// Goes through a model to its end, or until about so many steps were taken.
///
/// # Errors
/// The story and the seed of every violation.
pub fn explore<M>(model: M, steps: usize, scope: &str) -> Result<Seen, String>
where
    M: Told + Clone + Send + Sync + 'static,
    M::State: Clone + PartialEq + Send + Sync + std::hash::Hash + 'static,
    M::Action: Clone + PartialEq + Send + Sync + 'static,
{
    let copy = model.clone();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // The checker counts every step here, those that lead to a known state included.
    let checker = model.checker().threads(threads).target_state_count(steps).spawn_bfs().join();
    let found = checker.discoveries();
    if found.is_empty() {
        return Ok(Seen { states: checker.unique_state_count(), all: checker.state_count() < steps });
    }
    let mut out = String::new();
    for (name, path) in found {
        let seed = seed(&copy, path);
        let story = story(&copy, &seed)?;
        let _ = writeln!(
            out,
            "{name} is violated in scope {scope}; replay it with: cargo xtask model --replay {scope}:{seed}\n{story}"
        );
    }
    Err(out)
}
