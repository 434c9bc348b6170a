//! Progress for CI logs: one plain line a change, each with its time and the path of what changed.

use std::time::Duration;

use seaworthy_core::time::{Seconds, Timestamp};

use crate::{
    look::{Mark, stamp},
    tree::{Field, Node},
};

/// What was printed last.
#[derive(Debug, Default)]
pub(super) struct Lines {
    tree: Option<Node>,
    last: Option<Timestamp>,
}

impl Lines {
    /// The lines that are due because the tree is now `tree`.
    pub(super) fn change(&mut self, tree: Node, now: Timestamp) -> Vec<String> {
        let mut news = Vec::new();
        compare(self.tree.as_ref(), &tree, None, &mut news);
        self.tree = Some(tree);
        if !news.is_empty() {
            self.last = Some(now);
        }
        news.into_iter().map(|line| format!("{} {line}", stamp(now))).collect()
    }

    /// A sign of life, when there was none for `period`.
    pub(super) fn heartbeat(&mut self, tree: &Node, now: Timestamp, period: Duration) -> Option<String> {
        if self.last.is_some_and(|last| now.since(last) < Seconds(period.as_secs())) {
            return None;
        }
        self.last = Some(now);
        let mut parts = vec![format!("{} {}: still {}", stamp(now), tree.id, tree.state)];
        let running = tree.children.iter().filter(|c| c.mark == Mark::Running);
        parts.extend(running.map(|c| format!("{} {} {}", c.id, c.facts.join(", "), c.live.join(", "))));
        Some(parts.join("; "))
    }
}

/// Collects what is new in `after`, the whole before its parts.
fn compare(before: Option<&Node>, after: &Node, parent: Option<&str>, out: &mut Vec<String>) {
    let path = match parent {
        None | Some("") => after.id.clone(),
        Some(parent) => format!("{parent}/{}", after.id),
    };
    let at = out.len();
    for child in &after.children {
        let old = before.and_then(|b| b.children.iter().find(|c| c.id == child.id));
        // Below the root, paths begin with the part itself: the log is about one object.
        compare(old, child, Some(if parent.is_none() { "" } else { &path }), out);
    }
    // What waits is no news, except that the whole does.
    if (after.mark != Mark::Waiting || parent.is_none()) && is_news(before, after, out.len() > at) {
        out.insert(at, line(&path, before, after));
    }
}

fn is_news(before: Option<&Node>, after: &Node, parts: bool) -> bool {
    let Some(before) = before else { return true };
    let news = |n: &Node| n.fields.iter().filter(|f| f.news).cloned().collect::<Vec<_>>();
    let said = before.notes == after.notes && news(before) == news(after);
    // Counts that moved because a part did are not worth a line beside the part's own.
    before.mark != after.mark || before.state != after.state || !said || (before.facts != after.facts && !parts)
}

fn line(path: &str, before: Option<&Node>, after: &Node) -> String {
    let state = if after.state.is_empty() { String::new() } else { format!(" {}", after.state) };
    let known = |f: &&Field| before.is_some_and(|b| b.fields.contains(f));
    let told = |n: &&String| before.is_some_and(|b| b.notes.contains(n));
    let mut parts = vec![format!("{path}:{state}")];
    parts.extend(after.facts.iter().cloned());
    parts.extend(after.fields.iter().filter(|f| f.news && !known(f)).map(|f| format!("{} {}", f.key, f.value)));
    parts.extend(after.notes.iter().filter(|n| !told(n)).cloned());
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(phase: &str, suites: &[(&str, Mark)]) -> Node {
        let mut root = Node::new("release/a", Mark::Running, "Release", phase);
        let mut gate = Node::new("gate/e2e", Mark::Running, "Gate e2e", "Running");
        gate.fact(format!("{} passed", suites.iter().filter(|s| s.1 == Mark::Passed).count()));
        gate.live("12s");
        gate.children = suites.iter().map(|(n, m)| Node::new(*n, *m, *n, format!("{m:?}"))).collect();
        root.children.push(gate);
        root
    }

    #[test]
    fn each_change_is_one_line_and_what_waits_is_none() {
        let mut lines = Lines::default();
        let t = |s: i64| Timestamp::from_millis(s * 1000);
        let first = lines.change(tree("Verifying", &[("a", Mark::Running), ("b", Mark::Waiting)]), t(0));
        assert_eq!(
            first,
            [
                "1970-01-01T00:00:00Z release/a: Verifying",
                "1970-01-01T00:00:00Z gate/e2e: Running  0 passed",
                "1970-01-01T00:00:00Z gate/e2e/a: Running",
            ]
        );
        let mut later = tree("Verifying", &[("a", Mark::Running), ("b", Mark::Waiting)]);
        later.children[0].live = vec!["13s".into()];
        assert_eq!(lines.change(later, t(1)), [""; 0], "time alone is no change");
        let second = lines.change(tree("Verifying", &[("a", Mark::Passed), ("b", Mark::Running)]), t(2));
        assert_eq!(second, ["1970-01-01T00:00:02Z gate/e2e/a: Passed", "1970-01-01T00:00:02Z gate/e2e/b: Running"]);
    }

    #[test]
    fn a_silent_log_gets_a_sign_of_life() {
        let mut lines = Lines::default();
        let t = |s: i64| Timestamp::from_millis(s * 1000);
        let tree = tree("Verifying", &[]);
        lines.change(tree.clone(), t(0));
        let period = Duration::from_secs(300);
        assert_eq!(lines.heartbeat(&tree, t(299), period), None);
        let line = lines.heartbeat(&tree, t(300), period).unwrap();
        assert_eq!(line, "1970-01-01T00:05:00Z release/a: still Verifying; gate/e2e 0 passed 12s");
        assert_eq!(lines.heartbeat(&tree, t(301), period), None);
    }
}
