//! What decisions need of an `E2ERun`'s spec, and whether it can be worked with.
//!
//! The API server has checked most of this already; it is checked again because an object can have been stored under older rules, and
//! because what is here costs nothing. Absent: what the tasks are; only the operator, which builds their Jobs, needs to know.

use std::collections::BTreeSet;

use crate::{time::Seconds, verdict::Enforcement};

/// The most suites that a run can have.
pub const MAX_SUITES: usize = 48;

/// The spec of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The accounts that tasks may name.
    pub service_accounts: Vec<String>,
    /// How many suites run at the same time.
    pub parallelism: u32,
    /// Whether the first required suite that fails ends the run.
    pub fail_fast: bool,
    /// Before each attempt.
    pub setup: Option<Task>,
    /// After each attempt.
    pub teardown: Option<Task>,
    /// How long the whole run may take.
    pub deadline: Seconds,
    /// What is run, in this order.
    pub suites: Vec<Suite>,
    /// Holds the run between two attempts.
    pub suspend: bool,
    /// Ends the run.
    pub abort: bool,
}

/// A task, as far as decisions need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// How long it may take.
    pub timeout: Seconds,
    /// The account that it names, if any.
    pub service_account: Option<String>,
}

/// One suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suite {
    /// Its name.
    pub name: String,
    /// What runs.
    pub task: Task,
    /// How often it may fail by the product's fault, plus one.
    pub max_attempts: u32,
    /// How many tests must be reported.
    pub min_tests: Option<u32>,
    /// Whether it can fail the run.
    pub enforcement: Enforcement,
}

impl Spec {
    /// What makes this spec unacceptable, with the field, its value and the remedy; `None` when it can be worked with.
    pub fn problem(&self) -> Option<String> {
        let count = self.suites.len();
        if count == 0 {
            return Some("spec.suites is empty: name at least one suite".to_owned());
        }
        if count > MAX_SUITES {
            return Some(format!("spec.suites has {count} entries: at most {MAX_SUITES} are allowed, split the run"));
        }
        if self.parallelism == 0 {
            return Some("spec.parallelism is 0: it must be at least 1".to_owned());
        }
        if self.deadline == Seconds(0) {
            return Some("spec.deadline is 0s: it must be at least 1s".to_owned());
        }
        let mut names = BTreeSet::new();
        for (i, suite) in self.suites.iter().enumerate() {
            if suite.name.is_empty() || !names.insert(&suite.name) {
                let name = &suite.name;
                return Some(format!("spec.suites[{i}].name is {name:?}: every suite needs a name of its own"));
            }
            if suite.max_attempts == 0 {
                return Some(format!("spec.suites[{i}].maxAttempts is 0: it must be at least 1"));
            }
        }
        if self.suites.iter().all(|s| s.enforcement == Enforcement::Advisory) {
            return Some(
                "spec.suites: all are Advisory, so nothing could be proven: make at least one Required".to_owned(),
            );
        }
        self.tasks().find_map(|(field, task)| self.task_problem(&field, task))
    }

    fn tasks(&self) -> impl Iterator<Item = (String, &Task)> {
        let steps = [("spec.setup.task", &self.setup), ("spec.teardown.task", &self.teardown)];
        let steps = steps.into_iter().filter_map(|(field, task)| Some((field.to_owned(), task.as_ref()?)));
        steps.chain(self.suites.iter().enumerate().map(|(i, s)| (format!("spec.suites[{i}].task"), &s.task)))
    }

    fn task_problem(&self, field: &str, task: &Task) -> Option<String> {
        if task.timeout == Seconds(0) {
            return Some(format!("{field}.timeout is 0s: it must be at least 1s"));
        }
        let account = task.service_account.as_ref().filter(|a| !self.service_accounts.contains(a))?;
        let allowed = self.service_accounts.join(", ");
        Some(format!(
            "{field}.serviceAccountName is {account:?}, which is not in spec.serviceAccounts [{allowed}]: add it there, or name one of them"
        ))
    }
}
