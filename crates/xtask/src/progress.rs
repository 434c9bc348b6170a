//! Progress of long steps: a live line on a terminal, plain lines otherwise (CI logs).
//!
//! Deliberately absent: colours and nested bars.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// On a plain output, a running step shows a sign of life this often.
const PLAIN_INTERVAL: Duration = Duration::from_secs(20);

/// On a terminal, how often the spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// A sequence of named steps. Everything goes to standard error, so that standard output stays usable in scripts.
pub(crate) struct Progress {
    form: Form,
}

enum Form {
    Terminal(ProgressBar),
    Plain(Arc<Plain>),
}

/// Plain lines, each with the seconds since the start.
struct Plain {
    started: Instant,
    /// The running step, and when something was last said. No step: nothing is under way.
    running: Mutex<(Option<String>, Instant)>,
}

impl Progress {
    /// Chooses the form by whether standard error is a terminal.
    pub(crate) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { form: Form::Plain(Plain::start()) };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self { form: Form::Terminal(bar) }
    }

    /// Announces a step; it stays on screen until the next one.
    pub(crate) fn step(&self, message: &str) {
        match &self.form {
            Form::Terminal(bar) => {
                if bar.is_finished() {
                    bar.reset();
                    bar.enable_steady_tick(TICK);
                }
                bar.set_message(message.to_owned());
            }
            Form::Plain(plain) => plain.say(message, true),
        }
    }

    /// Updates the running step (a counter, an estimate); on a plain output it shows with the next sign of life.
    pub(crate) fn update(&self, message: &str) {
        match &self.form {
            Form::Terminal(bar) => bar.set_message(message.to_owned()),
            Form::Plain(plain) => plain.remember(message),
        }
    }

    /// A line that stays.
    pub(crate) fn note(&self, message: &str) {
        match &self.form {
            Form::Terminal(bar) => bar.println(message),
            Form::Plain(plain) => plain.say(message, false),
        }
    }

    /// Ends the live line, until the next step.
    pub(crate) fn finish(&self) {
        match &self.form {
            Form::Terminal(bar) => bar.finish_and_clear(),
            Form::Plain(plain) => plain.end(),
        }
    }
}

impl Plain {
    /// With a thread that gives the signs of life; it ends when the value is dropped.
    fn start() -> Arc<Self> {
        let now = Instant::now();
        let plain = Arc::new(Self { started: now, running: Mutex::new((None, now)) });
        let weak = Arc::downgrade(&plain);
        std::thread::spawn(move || {
            while let Some(plain) = weak.upgrade() {
                plain.sign_of_life();
                drop(plain);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        plain
    }

    fn say(&self, message: &str, is_step: bool) {
        self.print(message);
        if let Ok(mut running) = self.running.lock() {
            running.1 = Instant::now();
            if is_step {
                running.0 = Some(message.to_owned());
            }
        }
    }

    fn remember(&self, message: &str) {
        if let Ok(mut running) = self.running.lock() {
            running.0 = Some(message.to_owned());
        }
    }

    fn end(&self) {
        if let Ok(mut running) = self.running.lock() {
            running.0 = None;
        }
    }

    fn sign_of_life(&self) {
        let Ok(mut running) = self.running.lock() else { return };
        if running.1.elapsed() >= PLAIN_INTERVAL
            && let Some(message) = &running.0
        {
            self.print(&format!("still: {message}"));
            running.1 = Instant::now();
        }
    }

    fn print(&self, message: &str) {
        eprintln!("[{:>5.1}s] {message}", self.started.elapsed().as_secs_f64());
    }
}
