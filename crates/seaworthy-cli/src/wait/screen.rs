//! Progress for a terminal: the tree, drawn over itself. It never takes more lines than the terminal has, so that drawing over it works.

use console::Term;

use crate::{
    look::{Look, Mark},
    tree::{Node, count},
};

/// The terminal and what is on it.
pub(super) struct Screen {
    term: Term,
    drawn: usize,
}

impl Screen {
    /// Standard error, if it is a terminal on which a cursor can move.
    pub(super) fn open() -> Option<Self> {
        let term = Term::buffered_stderr();
        let dumb = std::env::var("TERM").is_ok_and(|t| t == "dumb");
        (term.is_term() && !dumb).then_some(Self { term, drawn: 0 })
    }

    /// Draws the tree over what was drawn before.
    pub(super) fn draw(&mut self, tree: &Node) {
        let (rows, columns) = self.term.size();
        // One line is the cursor's; the last column stays free, because some terminals break the line there.
        let look = Look { width: None, ..Look::stderr() };
        let lines = fit(tree, look, usize::from(rows).saturating_sub(1).max(3));
        let width = usize::from(columns).saturating_sub(1).max(20);
        // A terminal that is gone shows nothing any more, but the exit code still counts.
        let _ = self.redraw(&lines, width, look.ellipsis());
    }

    fn redraw(&mut self, lines: &[String], width: usize, ellipsis: &str) -> std::io::Result<()> {
        if self.drawn > 0 {
            self.term.move_cursor_up(self.drawn)?;
        }
        for line in lines {
            self.term.clear_line()?;
            self.term.write_line(&console::truncate_str(line, width, ellipsis))?;
        }
        self.term.clear_to_end_of_screen()?;
        self.drawn = lines.len();
        self.term.flush()
    }

    /// Takes the tree off the screen.
    pub(super) fn clear(&mut self) {
        let drawn = std::mem::take(&mut self.drawn);
        let _ = self.term.clear_last_lines(drawn).and_then(|()| self.term.flush());
    }
}

/// The tree in at most `rows` lines: what is going on stays, what is done is folded first.
fn fit(tree: &Node, look: Look, rows: usize) -> Vec<String> {
    let mut tree = tree.clone();
    for step in [|_: &mut Node| {}, without_headers, without_details, folded] {
        step(&mut tree);
        let lines = tree.lines(look);
        if lines.len() <= rows {
            return lines;
        }
    }
    let mut lines = tree.lines(look);
    let more = lines.len() - rows + 1;
    lines.truncate(rows - 1);
    lines.push(format!("{} {more} more lines", look.ellipsis()));
    lines
}

fn without_headers(tree: &mut Node) {
    tree.fields.retain(|f| f.news || f.key == "version" || f.key == "expected");
}

/// Notes go where all is well, and finished parts lose their own.
fn without_details(tree: &mut Node) {
    for child in &mut tree.children {
        if matches!(child.mark, Mark::Passed | Mark::Skipped | Mark::Waiting) {
            child.notes.clear();
            child.children.clear();
        }
        without_details(child);
    }
}

/// Parts that passed or wait become one line.
fn folded(tree: &mut Node) {
    for child in &mut tree.children {
        folded_children(child);
    }
}

fn folded_children(node: &mut Node) {
    let of = |node: &Node, mark| node.children.iter().filter(|c| c.mark == mark).count() as u64;
    let (passed, waiting) = (of(node, Mark::Passed), of(node, Mark::Waiting));
    node.children.retain(|c| !matches!(c.mark, Mark::Passed | Mark::Waiting));
    for (n, word, mark) in [(passed, "passed", Mark::Passed), (waiting, "waiting", Mark::Waiting)] {
        if n > 0 {
            node.children.push(Node::new(word, mark, format!("{} {word}", count(n, "more part")), ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tall_tree_is_folded_around_what_is_going_on() {
        let mut root = Node::new("release/a", Mark::Running, "Release a", "Verifying");
        root.field("version", "1.4.0").field("revision", "abc");
        let mut gate = Node::new("gate/e2e", Mark::Running, "Gate e2e", "Running");
        for i in 0..40 {
            let mark = match i {
                0..20 => Mark::Passed,
                20 => Mark::Running,
                _ => Mark::Waiting,
            };
            gate.children.push(Node::new(format!("s{i}"), mark, format!("s{i}"), format!("{mark:?}")));
        }
        root.children.push(gate);
        assert_eq!(fit(&root, Look::PLAIN, 100).len(), 44);
        assert_eq!(
            fit(&root, Look::PLAIN, 10),
            [
                "[run] Release a  Verifying",
                "  version  1.4.0",
                "`- [run] Gate e2e  Running",
                "   |- [run] s20  Running",
                "   |- [ok] 20 more parts passed",
                "   `- [wait] 19 more parts waiting",
            ]
        );
        let cut = fit(&root, Look::PLAIN, 4);
        assert_eq!((cut.len(), cut[3].as_str()), (4, "... 3 more lines"));
    }
}
