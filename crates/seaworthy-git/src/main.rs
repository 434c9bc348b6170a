//! The plan Job: reads a repository and reports its facts as a framed block on standard output. `tag` is the other half: it puts a version's
//! tag on a commit, for publish tasks.
//!
//! Exit status 0 with a block, 1 with an error; either way the termination message says so. `tag --verify` ends with 10 when there is no such
//! tag.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use seaworthy_core::frame;
use seaworthy_core::version::Policy;
use seaworthy_git::credentials::{self, ASKPASS_FOR, FOLDER};
use seaworthy_git::facts::{self, Published};
use seaworthy_git::remote::Remote;
use seaworthy_git::tag::{self, Tagged};
use seaworthy_git::{Git, GitError, document, fetch};

/// Reads from a git repository what the next version is decided on.
#[derive(Debug, Parser)]
#[command(name = "seaworthy-git", version)]
struct Args {
    /// The repository: <https://host/path>, <ssh://user@host/path> or user@host:path.
    #[arg(long, env = "SEAWORTHY_GIT_URL")]
    url: String,
    /// The commit: a full id, or the name of a branch or tag.
    #[arg(long, env = "SEAWORTHY_REVISION")]
    revision: String,
    /// The plan's version policy as JSON (`tagFormat`, `line`, `paths`, `types`, …).
    #[arg(long, env = "SEAWORTHY_GIT_POLICY", default_value = "{}")]
    policy: String,
    /// Versions that the ledger has as published: <version>=<full commit id>, separated by commas.
    #[arg(long, env = "SEAWORTHY_GIT_PUBLISHED", value_delimiter = ',')]
    published: Vec<Published>,
    /// The folder of the mounted secret; may be missing.
    #[arg(long, overrides_with = "credentials", env = FOLDER, default_value = "/etc/seaworthy/git")]
    credentials: PathBuf,
    /// A folder to work in; a subfolder is made and removed.
    #[arg(long, env = "SEAWORTHY_GIT_WORK_DIR", default_value = "/tmp")]
    work_dir: PathBuf,
    /// Where the termination message goes.
    #[arg(long, env = "SEAWORTHY_TERMINATION_LOG", default_value = "/dev/termination-log")]
    termination_log: PathBuf,
    /// Everything has to end within this many seconds.
    #[arg(long, overrides_with = "timeout_seconds", env = "SEAWORTHY_GIT_TIMEOUT_SECONDS", default_value_t = 540, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout_seconds: u64,
    /// Longest document, in bytes.
    #[arg(long, default_value_t = frame::MAX_PAYLOAD, hide = true)]
    max_bytes: usize,
}

/// Puts a version's tag on a commit: created, never moved. The same tag on the same commit is success.
#[derive(Debug, Parser)]
#[command(name = "seaworthy-git tag", version)]
struct TagArgs {
    /// The repository, as for the plan.
    #[arg(long, env = "SEAWORTHY_GIT_URL")]
    url: String,
    /// The commit's full id.
    #[arg(long, env = "SEAWORTHY_REVISION")]
    revision: String,
    /// The tag.
    #[arg(long, env = "SEAWORTHY_TAG")]
    tag: String,
    /// Creates nothing: ends with 0 when the tag is on the commit, with 10 when it is nowhere.
    #[arg(long)]
    verify: bool,
    /// The folder of the mounted secret; may be missing.
    #[arg(long, env = FOLDER, default_value = "/etc/seaworthy/git")]
    credentials: PathBuf,
    /// A folder to work in; a subfolder is made and removed.
    #[arg(long, env = "SEAWORTHY_GIT_WORK_DIR", default_value = "/tmp")]
    work_dir: PathBuf,
    /// Where the termination message goes.
    #[arg(long, env = "SEAWORTHY_TERMINATION_LOG", default_value = "/dev/termination-log")]
    termination_log: PathBuf,
    /// Everything has to end within this many seconds.
    #[arg(long, default_value_t = 540, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout_seconds: u64,
}

/// What `tag --verify` ends with when there is no such tag: what `publish.verify` says for "not out".
const NOT_THERE: u8 = 10;

fn tag_main() -> ExitCode {
    let program = "seaworthy-git tag".into();
    let args = match TagArgs::try_parse_from(std::iter::once(program).chain(std::env::args_os().skip(2))) {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return fail(&termination_log(), "BadArguments", &error.to_string()),
    };
    match tag(&args) {
        Ok(Tagged::Missing) => ExitCode::from(NOT_THERE),
        Ok(Tagged::Before | Tagged::Now) => ExitCode::SUCCESS,
        Err(error) => fail(&args.termination_log, error.reason(), &error.to_string()),
    }
}

fn tag(args: &TagArgs) -> Result<Tagged, GitError> {
    let remote = Remote::parse(&args.url)?;
    let (scratch, dir) = scratch(&args.work_dir)?;
    let mut git = Git::new(&dir, Duration::from_secs(args.timeout_seconds));
    credentials::apply(&mut git, &remote, Some(&args.credentials), scratch.path())?;
    tag::put(&git, &dir, &remote, (&args.revision, &args.tag), !args.verify)
}

/// A folder that goes with the value, and one in it for the repository.
fn scratch(work_dir: &Path) -> Result<(tempfile::TempDir, PathBuf), GitError> {
    let what = "cannot make a folder in the working folder";
    let failed = |source| GitError::Io { what: what.to_owned(), source };
    let scratch = tempfile::tempdir_in(work_dir).map_err(failed)?;
    let dir = scratch.path().join("repository");
    std::fs::create_dir(&dir).map_err(failed)?;
    Ok((scratch, dir))
}

fn termination_log() -> PathBuf {
    std::env::var_os("SEAWORTHY_TERMINATION_LOG").unwrap_or_else(|| "/dev/termination-log".into()).into()
}

fn main() -> ExitCode {
    if let Some(origin) = std::env::var_os(ASKPASS_FOR) {
        return answer(&origin.to_string_lossy());
    }
    if std::env::args_os().nth(1).is_some_and(|first| first == "tag") {
        return tag_main();
    }
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) => return fail(&termination_log(), "BadArguments", &error.to_string()),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&args.termination_log, error.reason(), &error.to_string()),
    }
}

/// Git asks for a user name or password; the question is the only argument.
fn answer(origin: &str) -> ExitCode {
    let prompt = std::env::args().nth(1).unwrap_or_default();
    let folder = std::env::var_os(FOLDER).map(PathBuf::from).unwrap_or_default();
    match credentials::answer(&prompt, origin, &folder) {
        Some(text) if writeln!(std::io::stdout(), "{text}").is_ok() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn run(args: &Args) -> Result<(), GitError> {
    let remote = Remote::parse(&args.url)?;
    let policy: Policy = serde_json::from_str(&args.policy).map_err(|error| GitError::Policy {
        field: "policy".into(),
        reason: error.to_string(),
        remedy: "give the plan's spec.version as JSON".into(),
    })?;
    let io = |what: &str| {
        let what = what.to_owned();
        move |source| GitError::Io { what, source }
    };
    let (scratch, dir) = scratch(&args.work_dir)?;
    let mut git = Git::new(&dir, Duration::from_secs(args.timeout_seconds));
    credentials::apply(&mut git, &remote, Some(&args.credentials), scratch.path())?;
    let head = fetch::fetch(&git, &dir, &remote, &args.revision, !policy.paths.is_empty())?;
    let read = facts::read(&git, &head, &policy, &args.published)?;
    let text = document::fit(read, &policy, args.max_bytes.min(frame::MAX_PAYLOAD))?;
    let refused =
        |error: frame::FrameError| GitError::Unexpected { command: "frame".into(), detail: error.to_string() };
    let (block, announced) = frame::print("plan", &text).map_err(refused)?;
    let mut out = std::io::stdout().lock();
    out.write_all(block.as_bytes()).and_then(|()| out.flush()).map_err(io("cannot write to standard output"))?;
    std::fs::write(&args.termination_log, frame::announce(&announced))
        .map_err(io("cannot write the termination message"))
}

/// Says why in the termination message and on standard error.
fn fail(log: &Path, reason: &str, message: &str) -> ExitCode {
    let written = std::fs::write(log, frame::failure(reason, message));
    let mut errors = std::io::stderr().lock();
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(errors, "{reason}: {message}");
    if let Err(error) = written {
        let _ = writeln!(errors, "cannot write the termination message to {}: {error}", log.display());
    }
    ExitCode::FAILURE
}
