//! Runs `git`: no shell, no configuration of the machine or user, no prompts, one deadline for everything.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::error::GitError;

/// Variables of our own environment that git may see.
const INHERITED: [&str; 12] = [
    "PATH",
    "TMPDIR",
    "GIT_EXEC_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "LD_LIBRARY_PATH",
];
/// How much of standard error is kept.
const MAX_STDERR: usize = 8 * 1024;
/// Longest output of a command that is read as a whole.
const MAX_TEXT: u64 = 64 * 1024 * 1024;

/// How to call git on one repository.
#[derive(Clone, Debug)]
pub struct Git {
    dir: PathBuf,
    env: Vec<(OsString, OsString)>,
    config: Vec<String>,
    limit: Duration,
    deadline: Instant,
}

impl Git {
    /// Git in a folder; everything that is run through it has to end within `limit` from now.
    pub fn new(dir: impl Into<PathBuf>, limit: Duration) -> Self {
        let deadline = Instant::now() + limit;
        // The last three: a clone's own settings change neither what is printed nor how.
        let config = [
            "safe.directory=*",
            "core.hooksPath=/dev/null",
            "core.askPass=",
            "credential.helper=",
            "gc.auto=0",
            "log.showSignature=false",
            "i18n.logOutputEncoding=UTF-8",
            "core.quotePath=true",
        ];
        let config = config.into_iter().map(str::to_owned).collect();
        Self { dir: dir.into(), env: Vec::new(), config, limit, deadline }
    }

    /// The same at the top of the work tree, where paths count from; a bare repository has its top where it is.
    ///
    /// # Errors
    /// When git does not end in time.
    pub fn at_top(mut self) -> Result<Self, GitError> {
        match self.text(&["rev-parse", "--show-toplevel"]) {
            Ok(top) if !top.trim_end_matches('\n').is_empty() => self.dir = top.trim_end_matches('\n').into(),
            // No work tree, or no repository: whoever reads says so.
            Ok(_) | Err(GitError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Adds a variable to git's environment.
    pub fn env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Adds a setting `name=value`.
    pub fn config(&mut self, setting: impl Into<String>) -> &mut Self {
        self.config.push(setting.into());
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.env_clear().current_dir(&self.dir);
        command.envs(INHERITED.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        command.env("HOME", &self.dir).env("LC_ALL", "C.UTF-8").env("LANGUAGE", "C");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_OPTIONAL_LOCKS", "0");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        for setting in &self.config {
            command.args(["-c", setting]);
        }
        command.arg("--literal-pathspecs").args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }

    /// Runs a command to its end and returns its output; bytes that are no UTF-8 are replaced.
    pub fn text(&self, args: &[&str]) -> Result<String, GitError> {
        let mut bytes = Vec::new();
        self.run(args, |chunk| {
            bytes.extend_from_slice(chunk);
            if bytes.len() as u64 > MAX_TEXT {
                let remedy = "use a repository of a common size";
                return Err(GitError::TooLarge {
                    what: "git's output in bytes",
                    found: bytes.len() as u64,
                    limit: MAX_TEXT,
                    remedy,
                });
            }
            Ok(())
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether a command that answers by its exit status (0 or 1) says yes.
    pub fn says_yes(&self, args: &[&str]) -> Result<bool, GitError> {
        match self.text(args) {
            Ok(_) => Ok(true),
            Err(GitError::Failed { status: 1 | 128, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs a command and hands each record that ends in NUL to `record`.
    pub fn records(
        &self,
        args: &[&str],
        mut record: impl FnMut(&[u8]) -> Result<(), GitError>,
    ) -> Result<(), GitError> {
        let mut rest: Vec<u8> = Vec::new();
        self.run(args, |mut chunk| {
            while let Some(at) = chunk.iter().position(|byte| *byte == 0) {
                if rest.is_empty() {
                    record(&chunk[..at])?;
                } else {
                    rest.extend_from_slice(&chunk[..at]);
                    record(&rest)?;
                    rest.clear();
                }
                chunk = &chunk[at + 1..];
            }
            rest.extend_from_slice(chunk);
            Ok(())
        })?;
        if rest.is_empty() { Ok(()) } else { record(&rest) }
    }

    /// Runs a command, its output handed on as it comes. At the deadline, or when `consume` refuses, git is killed.
    fn run(&self, args: &[&str], mut consume: impl FnMut(&[u8]) -> Result<(), GitError>) -> Result<(), GitError> {
        let name = args.first().copied().unwrap_or_default();
        let mut child = self.command(args).spawn().map_err(GitError::io("cannot start git; is it installed?"))?;
        let output = reader(child.stdout.take());
        let errors = reader(child.stderr.take());
        loop {
            let result = match output.recv_timeout(self.left()) {
                Ok(chunk) => consume(&chunk),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    Err(GitError::Timeout { command: name.to_owned(), limit: self.limit })
                }
            };
            if result.is_err() {
                kill(&mut child);
                return result;
            }
        }
        let status = self.end(&mut child, name)?;
        if status.success() {
            return Ok(());
        }
        let mut detail: Vec<u8> = Vec::new();
        while let Ok(chunk) = errors.recv_timeout(self.left().min(Duration::from_secs(5))) {
            detail.extend_from_slice(&chunk);
        }
        let keep = detail.len().saturating_sub(MAX_STDERR);
        let detail = String::from_utf8_lossy(&detail[keep..]).trim().to_owned();
        Err(GitError::Failed { command: name.to_owned(), status: status.code().unwrap_or(-1), detail })
    }

    /// Waits for a child that has closed its output.
    fn end(&self, child: &mut Child, name: &str) -> Result<ExitStatus, GitError> {
        loop {
            if let Some(status) = child.try_wait().map_err(GitError::io("cannot wait for git"))? {
                return Ok(status);
            }
            if self.left().is_zero() {
                kill(child);
                return Err(GitError::Timeout { command: name.to_owned(), limit: self.limit });
            }
            std::thread::sleep(Duration::from_millis(2).min(self.left()));
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Ends git and the programs that it started, which share its process group.
fn kill(child: &mut Child) {
    // Any of these may have ended by itself already.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads a pipe in a thread of its own, so that waiting for it can have a deadline. The channel is bounded, so a slow consumer
/// slows git down instead of filling the memory.
fn reader(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = sync_channel(16);
    if let Some(pipe) = pipe {
        std::thread::spawn(move || forward(pipe, &send));
    }
    receive
}

fn forward(mut pipe: impl Read, send: &SyncSender<Vec<u8>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length) = pipe.read(&mut buffer) {
        if length == 0 || send.send(buffer[..length].to_vec()).is_err() {
            return;
        }
    }
}
