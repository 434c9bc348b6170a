//! How output looks: box characters, symbols and colour on a terminal; plain ASCII structure everywhere else.
//!
//! Texts come from the cluster and in part from the programs of tasks, so they are hostile: nothing of them may steer the terminal.

use std::{borrow::Cow, fmt::Write as _};

use console::{Style, Term};
use seaworthy_core::time::{Seconds, Timestamp};

/// What a line says at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// Nobody can tell.
    Unclear,
    /// It holds, or does not matter, but somebody should look.
    Warning,
    /// Under way.
    Running,
    /// Has not begun.
    Waiting,
    /// Will not be run.
    Skipped,
}

/// The properties of where output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Symbols and box characters.
    pub(crate) symbols: bool,
    /// Colours.
    pub(crate) colour: bool,
    /// Where lines are broken; `None` for never.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// Plain text: for pipes, files and CI logs.
    pub(crate) const PLAIN: Self = Self { symbols: false, colour: false, width: None };

    /// As standard output can show it.
    pub(crate) fn stdout() -> Self {
        Self::of(&Term::stdout(), console::colors_enabled())
    }

    /// As standard error can show it.
    pub(crate) fn stderr() -> Self {
        Self::of(&Term::stderr(), console::colors_enabled_stderr())
    }

    fn of(term: &Term, colour: bool) -> Self {
        if !term.is_term() {
            // Colour without a terminal only if somebody forces it (CLICOLOR_FORCE).
            return Self { colour, ..Self::PLAIN };
        }
        let width = usize::from(term.size().1);
        Self { symbols: speaks_unicode(|name| std::env::var(name).ok()), colour, width: Some(width.max(40)) }
    }

    /// The text of a mark with the space behind it.
    pub(crate) fn mark(self, mark: Mark) -> String {
        let (symbol, word) = match mark {
            Mark::None => return String::new(),
            Mark::Passed => ("✔", "[ok]"),
            Mark::Failed => ("✖", "[FAIL]"),
            Mark::Unclear => ("?", "[????]"),
            Mark::Warning => ("⚠", "[warn]"),
            Mark::Running => ("●", "[run]"),
            Mark::Waiting => ("○", "[wait]"),
            Mark::Skipped => ("–", "[skip]"),
        };
        format!("{} ", self.paint(style(mark), if self.symbols { symbol } else { word }))
    }

    /// `text` in a style, if there is colour.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.colour { style.force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
    }

    /// What stands for something that was cut.
    pub(crate) const fn ellipsis(self) -> &'static str {
        if self.symbols { "…" } else { "..." }
    }
}

/// The colour of a mark.
pub(crate) fn style(mark: Mark) -> Style {
    let style = Style::new();
    match mark {
        Mark::None => style,
        Mark::Passed => style.green(),
        Mark::Failed => style.red().bold(),
        Mark::Unclear | Mark::Warning => style.yellow(),
        Mark::Running => style.cyan(),
        Mark::Waiting | Mark::Skipped => style.dim(),
    }
}

/// Whether the locale allows more than ASCII. None set at all is common in containers, whose terminals can.
fn speaks_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
        .is_none_or(|value| value.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// Text of the cluster, safe to print: white space becomes one space; control characters, those that turn the direction of writing, and
/// those that XML does not know become `?`.
pub(crate) fn clean(text: &str) -> String {
    let plain = |c: char| if steers(c) || matches!(c, '\u{fffe}' | '\u{ffff}') { '?' } else { c };
    let words: Vec<String> = text.split_whitespace().map(|word| word.chars().map(plain).collect()).collect();
    words.join(" ")
}

/// Whether a terminal obeys the character in place of showing it, or it turns the direction of writing.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of any making in lines, safe to print: what steers a terminal is written as `\uXXXX`, which leaves JSON the same value.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let keeps = |c: char| matches!(c, '\n' | '\t') || !steers(c);
    if text.chars().all(keeps) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if keeps(c) {
            out.push(c);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
    }
    Cow::Owned(out)
}

/// One line of JSON, safe to print.
pub(crate) fn json_line(value: &impl serde::Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string(value)? + "\n";
    Ok(match shown(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(safe) => safe,
    })
}

/// A span by its two largest units: `6h12m`, `3d4h`, `12s`.
pub(crate) fn span(span: Seconds) -> String {
    let (d, h, m, s) = (span.0 / 86_400, span.0 / 3600 % 24, span.0 / 60 % 60, span.0 % 60);
    let pair = |a: u64, x: &str, b: u64, y: &str| if b == 0 { format!("{a}{x}") } else { format!("{a}{x}{b}{y}") };
    match (d, h, m) {
        (1.., _, _) => pair(d, "d", h, "h"),
        (0, 1.., _) => pair(h, "h", m, "m"),
        (0, 0, 1..) => pair(m, "m", s, "s"),
        (0, 0, 0) => format!("{s}s"),
    }
}

/// A time of day in UTC, to the minute.
pub(crate) fn clock(at: Timestamp) -> String {
    jiff::Timestamp::from(at).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A time in UTC, to the second, as log lines begin.
pub(crate) fn stamp(at: Timestamp) -> String {
    jiff::Timestamp::from(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The time now.
pub(crate) fn now() -> Timestamp {
    jiff::Timestamp::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_the_cluster_steers_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\r\n\tc\u{202e}d\u{7}"), "a?[2Jb c?d?");
        assert_eq!(clean("a\u{fffe}b\u{ffff}c\u{fffd}"), "a?b?c\u{fffd}", "no document may hold these");
        assert_eq!(clean("  Grüße – ≤ 5 ✔ "), "Grüße – ≤ 5 ✔");
    }

    #[test]
    fn text_in_lines_stays_text_and_json_keeps_its_value() {
        assert_eq!(shown("Grüße\t–\n≤ 5 ✔\n"), "Grüße\t–\n≤ 5 ✔\n");
        assert_eq!(shown("a\x1b[2J\r\u{9b}\u{7f}\u{61c}b"), "a\\u001b[2J\\u000d\\u009b\\u007f\\u061cb");
        let value = serde_json::json!({"a": "\u{9b}1m\u{202e}x\u{7f}"});
        let text = shown(&value.to_string()).into_owned();
        assert!(!text.chars().any(steers), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        assert_eq!(json_line(&value).unwrap(), text + "\n");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        for (n, text) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (192, "3m12s"), (3600, "1h"), (22_345, "6h12m"), (273_600, "3d4h")]
        {
            assert_eq!(span(Seconds(n)), text);
        }
    }

    #[test]
    fn the_locale_decides_on_symbols() {
        for (set, want) in [
            (None, true),
            (Some("C"), false),
            (Some("de_DE.UTF-8"), true),
            (Some("en_US.utf8"), true),
            (Some(""), true),
        ] {
            let lang = |name: &str| if name == "LANG" { set.map(str::to_owned) } else { None };
            assert_eq!(speaks_unicode(lang), want, "{set:?}");
        }
    }
}
