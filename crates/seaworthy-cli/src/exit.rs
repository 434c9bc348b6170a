//! Exit codes, errors that carry one, and output that survives a closed pipe.
//!
//! One vocabulary for every command. `clap` would end with 2 for a wrong option; here that is 4, because 2 says that a run was inconclusive.

use std::{
    fmt,
    fs::File,
    future::Future,
    io::{self, ErrorKind, Read as _, Write},
    path::Path,
    process::ExitCode,
};

use crate::look;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Published, succeeded, done.
    Done = 0,
    /// Failed, aborted, superseded, deleted, or refused.
    Failed = 1,
    /// Nobody can tell: inconclusive, or it is not known whether it is out.
    Inconclusive = 2,
    /// Not finished in time.
    TimedOut = 3,
    /// The command could not be carried out: wrong options, no such object, no connection, no permission.
    Unusable = 4,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Printed below `--help` of the program and of `wait`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  published (a run: succeeded); nothing to release, without --strict
  1  failed, aborted, superseded, or deleted meanwhile; the request was refused
  2  inconclusive, or unknown whether it is published; with --strict: nothing to release
  3  not finished within --timeout
  4  could not be carried out: wrong options, no such object, no connection, no permission";

/// Why a command ends without having done its work.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) code: Code,
    /// Fact and remedy.
    pub(crate) message: String,
}

impl Failure {
    /// Something that the caller must put right first.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { code: Code::Unusable, message: message.into() }
    }

    /// A request that makes no sense as things stand.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { code: Code::Failed, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::unusable(format!("cannot write the output: {error}"))
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::unusable(format!("cannot write the output as JSON: {error}"))
    }
}

/// Runs a command to its end and says on standard error why, if it could not.
pub(crate) fn run(command: impl Future<Output = Result<Code, Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(Failure::unusable(format!("cannot start: {error}"))),
    };
    match result {
        Ok(code) => code.into(),
        Err(failure) => {
            complain(&failure);
            failure.code.into()
        }
    }
}

/// One line on standard error; when that is closed nobody listens, which is no reason to fail differently.
pub(crate) fn complain(what: &impl fmt::Display) {
    let _ = writeln!(io::stderr(), "error: {}", look::shown(&what.to_string()));
}

/// Writes text of any making to standard output, such that no terminal obeys it. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    paint(&look::shown(text))
}

/// Writes what was made for a terminal, colours included: its texts are clean already.
pub(crate) fn paint(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Writes one line to standard error, for progress and remarks.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The text of a file that somebody names, of at most so many bytes: a device has no size that could be asked before.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    Ok(text)
}
