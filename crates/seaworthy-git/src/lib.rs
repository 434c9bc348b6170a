//! Reads from git what a version is decided on: the pinned commit, all tags, the commits since the last release.
//!
//! The plan Job's program is a thin shell around this; the CLI reads a clone with the same code. The operator itself never
//! clones and never holds git credentials. Git is driven as a command, without a shell, with a clean environment and a deadline
//! (`docs/decisions/git-command.md` says why).
//!
//! Deliberately absent: the decision (`seaworthy_core::version`) and anything that writes to a repository.

pub mod command;
pub mod credentials;
pub mod document;
pub mod error;
pub mod facts;
pub mod fetch;
pub mod remote;
pub mod tag;

pub use command::Git;
pub use error::GitError;
