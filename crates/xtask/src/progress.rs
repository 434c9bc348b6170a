//! Progress of long steps: a live line on a terminal, plain lines otherwise (CI logs).
//!
//! Deliberately absent: colours and nested bars.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// On a plain output, a running step repeats its state this often at most.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

/// A sequence of named steps. Everything goes to standard error, so that standard output stays usable in scripts.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    last_plain: Mutex<Instant>,
}

impl Progress {
    /// Chooses the form by whether standard error is a terminal.
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        Self { bar, started: now, last_plain: Mutex::new(now) }
    }

    /// Announces a step; it stays on screen until the next one.
    pub(crate) fn step(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None => self.plain(message),
        }
    }

    /// Updates the running step (a counter, an estimate); on a plain output at most every 15 seconds.
    pub(crate) fn update(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_owned());
            return;
        }
        let due = self.last_plain.lock().is_ok_and(|last| last.elapsed() >= PLAIN_INTERVAL);
        if due {
            self.plain(message);
        }
    }

    /// A line that stays.
    pub(crate) fn note(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(message),
            None => self.plain(message),
        }
    }

    /// Ends the live line.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn plain(&self, message: &str) {
        eprintln!("[{:>5.1}s] {message}", self.started.elapsed().as_secs_f64());
        if let Ok(mut last) = self.last_plain.lock() {
            *last = Instant::now();
        }
    }
}
