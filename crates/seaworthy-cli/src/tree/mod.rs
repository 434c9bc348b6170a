//! The tree that `status` prints and `wait` keeps on screen: nodes, and how they become lines. What they say is in the submodules.
//!
//! Building is pure (objects and a time in, nodes out), so trees are tested as text. A node keeps apart what moves with time alone
//! (`live`), so that `wait` can tell a change from the passing of a second.

pub(crate) mod e2e;
pub(crate) mod list;
pub(crate) mod release;
pub(crate) mod soak;
#[cfg(test)]
mod tests;

use seaworthy_core::{
    condition::{self, Condition, ConditionStatus, Reason},
    task::{TaskState, TaskStatus},
    time::Timestamp,
};

use crate::look::{Look, Mark, clean, span, style};

/// One line of the tree, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Node {
    /// What it is called in a line of its own, e.g. `gate/soak`; unique among its siblings.
    pub(crate) id: String,
    /// At a glance.
    pub(crate) mark: Mark,
    /// What it is.
    pub(crate) title: String,
    /// Where it stands.
    pub(crate) state: String,
    /// What is known of it.
    pub(crate) facts: Vec<String>,
    /// What moves with time alone.
    pub(crate) live: Vec<String>,
    /// Names and values below the line.
    pub(crate) fields: Vec<Field>,
    /// Sentences below the line.
    pub(crate) notes: Vec<String>,
    /// Its parts.
    pub(crate) children: Vec<Node>,
}

/// A name and a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// The name.
    pub(crate) key: &'static str,
    /// The value.
    pub(crate) value: String,
    /// Whether a change of it is worth a line of its own.
    pub(crate) news: bool,
}

impl Node {
    /// A node without anything below it. Titles and states are ours; everything from the cluster comes through the other methods.
    pub(crate) fn new(id: impl Into<String>, mark: Mark, title: impl Into<String>, state: impl Into<String>) -> Self {
        Self { id: id.into(), mark, title: title.into(), state: state.into(), ..Self::default() }
    }

    /// Adds a fact.
    pub(crate) fn fact(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.facts.extend(Some(clean(text.as_ref())).filter(|t| !t.is_empty()));
        self
    }

    /// Adds something that moves with time.
    pub(crate) fn live(&mut self, text: impl Into<String>) -> &mut Self {
        self.live.push(text.into());
        self
    }

    /// Adds a sentence, unless it is there already.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) -> &mut Self {
        let text = clean(text.as_ref());
        if !text.is_empty() && !self.notes.contains(&text) {
            self.notes.push(text);
        }
        self
    }

    /// Adds a name and a value.
    pub(crate) fn field(&mut self, key: &'static str, value: impl AsRef<str>) -> &mut Self {
        let value = clean(value.as_ref());
        if !value.is_empty() {
            self.fields.push(Field { key, value, news: false });
        }
        self
    }

    /// Adds how long it took, or has been running.
    pub(crate) fn took(&mut self, start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> &mut Self {
        match (start, end) {
            (Some(start), Some(end)) => self.facts.push(span(end.since(start))),
            (Some(start), None) => self.live.push(span(now.since(start))),
            (None, _) => {}
        }
        self
    }

    /// Adds the conditions that say something: decided, or waiting for something, each message once.
    pub(crate) fn conditions(&mut self, conditions: &[Condition]) -> &mut Self {
        let mut said: Vec<&str> = Vec::new();
        for (key, type_) in [
            ("Accepted", condition::types::ACCEPTED),
            ("Verified", condition::types::VERIFIED),
            ("Succeeded", condition::types::SUCCEEDED),
            ("Published", condition::types::PUBLISHED),
            ("Finished", condition::types::FINISHED),
        ] {
            let Some(c) = condition::get(conditions, type_) else { continue };
            let dull = (type_ == condition::types::ACCEPTED && c.status == ConditionStatus::True)
                || (c.status == ConditionStatus::Unknown && c.reason == Reason::Pending.as_str())
                || (!c.message.is_empty() && said.contains(&c.message.as_str()));
            if dull {
                continue;
            }
            said.push(&c.message);
            let holds = match c.status {
                ConditionStatus::True => "yes",
                ConditionStatus::False => "no",
                ConditionStatus::Unknown => "unknown",
            };
            let sep = if c.message.is_empty() { "" } else { ": " };
            let value = clean(&format!("{holds} ({}){sep}{}", c.reason, c.message));
            self.fields.push(Field { key, value, news: true });
        }
        self
    }

    /// The tree as lines without line ends.
    pub(crate) fn lines(&self, look: Look) -> Vec<String> {
        let mut lines = Vec::new();
        self.write(look, "", "", &mut lines);
        lines
    }

    /// The tree as text.
    pub(crate) fn text(&self, look: Look) -> String {
        self.lines(look).into_iter().map(|line| line + "\n").collect()
    }

    fn write(&self, look: Look, first: &str, rest: &str, out: &mut Vec<String>) {
        out.push(format!("{first}{}", self.headline(look)));
        let bar = match (self.children.is_empty(), look.symbols) {
            // The root's own lines need no bar: its children begin at the margin.
            _ if first.is_empty() => "  ",
            (true, _) => "   ",
            (false, true) => "│  ",
            (false, false) => "|  ",
        };
        let indent = format!("{rest}{bar}");
        let pad = self.fields.iter().map(|f| f.key.len()).max().unwrap_or(0);
        for field in &self.fields {
            let key = format!("{:pad$}", field.key);
            let hang = " ".repeat(pad + 2);
            wrap(
                look,
                &field.value,
                &format!("{indent}{}  ", look.paint(style(Mark::Skipped), &key)),
                &format!("{indent}{hang}"),
                out,
            );
        }
        for note in &self.notes {
            wrap(look, note, &indent, &indent, out);
        }
        let (tee, ell, bar) = if look.symbols { ("├─ ", "└─ ", "│  ") } else { ("|- ", "`- ", "|  ") };
        for (i, child) in self.children.iter().enumerate() {
            let last = i + 1 == self.children.len();
            let (head, tail) = if last { (ell, "   ") } else { (tee, bar) };
            child.write(look, &format!("{rest}{head}"), &format!("{rest}{tail}"), out);
        }
    }

    fn headline(&self, look: Look) -> String {
        let mut line = format!("{}{}", look.mark(self.mark), look.paint(console::Style::new().bold(), &self.title));
        for part in std::iter::once(&self.state).filter(|s| !s.is_empty()) {
            line += "  ";
            line += &look.paint(style(self.mark), part);
        }
        for part in self.facts.iter().chain(&self.live) {
            line += "  ";
            line += part;
        }
        line
    }
}

/// Breaks `text` at the look's width.
fn wrap(look: Look, text: &str, first: &str, rest: &str, out: &mut Vec<String>) {
    let Some(width) = look.width else {
        out.push(format!("{first}{text}"));
        return;
    };
    let room = width.saturating_sub(console::measure_text_width(rest)).max(20);
    for (i, line) in textwrap::wrap(text, room).into_iter().enumerate() {
        out.push(format!("{}{line}", if i == 0 { first } else { rest }));
    }
}

/// A task as a node: the Job's state, attempt, time, and what was seen.
pub(crate) fn task(id: &str, title: &str, task: &TaskStatus, now: Timestamp) -> Node {
    let (mark, state) = match task.state {
        TaskState::Pending => (Mark::Running, "Starting"),
        TaskState::Running => (Mark::Running, "Running"),
        TaskState::Stopping => (Mark::Running, "Stopping"),
        TaskState::Succeeded => (Mark::Passed, "Succeeded"),
        TaskState::Failed => (Mark::Failed, "Failed"),
    };
    let mut node = Node::new(id, mark, title, state);
    if task.attempt > 1 {
        node.fact(format!("attempt {}", task.attempt));
    }
    node.took(Some(task.start_time), task.completion_time, now);
    node.note(because(task.reason, &task.message));
    node
}

/// Reason and message as one sentence; either may be missing.
pub(crate) fn because(reason: Option<Reason>, message: &str) -> String {
    match (reason, message.is_empty()) {
        (Some(reason), true) => reason.as_str(),
        (Some(reason), false) => format!("{}: {message}", reason.as_str()),
        (None, _) => message.to_owned(),
    }
}

/// `1 suite`, `2 suites`.
pub(crate) fn count(n: impl Into<u64>, what: &str) -> String {
    let n = n.into();
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
