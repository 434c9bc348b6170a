//! What can go wrong, each with one word for programs and a sentence with the remedy for people.

use std::time::Duration;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The URL is not one that is used.
    #[error("url {url:?}: {problem}; write https://host/path, ssh://user@host/path or user@host:path")]
    BadUrl {
        /// The URL, without a password.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The mounted secret does not fit the URL.
    #[error("credentials: {0}")]
    Credentials(String),
    /// The server refused the credentials, or wants some.
    #[error(
        "{url}: the server refused access: {detail}; check the secret that credentialsSecretRef names and its rights"
    )]
    AuthenticationFailed {
        /// The URL.
        url: String,
        /// Git's own words.
        detail: String,
    },
    /// The server's host key is not the known one.
    #[error("{url}: the server's host key is not in known_hosts: {detail}; add the right key to the secret")]
    HostKeyRejected {
        /// The URL.
        url: String,
        /// Git's own words.
        detail: String,
    },
    /// No connection.
    #[error("{url}: no connection: {detail}; check the host, the network policy and the certificate")]
    Unreachable {
        /// The URL.
        url: String,
        /// Git's own words.
        detail: String,
    },
    /// No repository there.
    #[error("{url}: no repository there: {detail}; check the path and the rights")]
    RepositoryNotFound {
        /// The URL.
        url: String,
        /// Git's own words.
        detail: String,
    },
    /// The commit does not exist there.
    #[error("revision {0}: the repository has no such commit; give the full id of a commit that was pushed")]
    UnknownRevision(String),
    /// The commit exists, but no branch or tag holds it.
    #[error(
        "revision {0} is on no branch or tag: its branch was force-pushed or deleted; create a Release for a commit that is there"
    )]
    RevisionNotOnBranch(String),
    /// The name cannot be a tag's.
    #[error("tag {0:?} is no name that git takes; correct the plan's tagFormat")]
    BadTag(String),
    /// The tag is somewhere else.
    #[error("tag {tag} is on {found}, not on {commit}: a tag is never moved; find out who pushed it")]
    TagElsewhere {
        /// The tag.
        tag: String,
        /// Where it is.
        found: String,
        /// Where it should be.
        commit: String,
    },
    /// The repository's history is cut.
    #[error(
        "{0}: the repository is a shallow clone, so its history is incomplete; use one with the whole history (git fetch --unshallow)"
    )]
    Shallow(String),
    /// The policy is refused by the version library.
    #[error("policy: {field}: {reason}; {remedy}")]
    Policy {
        /// Which field.
        field: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// More than can be read.
    #[error("{what}: {found} is above the limit of {limit}; {remedy}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// Git did not end in time.
    #[error("git {command} did not end within {} s; raise the task's timeout, or look at the server", limit.as_secs())]
    Timeout {
        /// The subcommand.
        command: String,
        /// The whole run's limit.
        limit: Duration,
    },
    /// Git failed in another way.
    #[error("git {command} failed with status {status}: {detail}")]
    Failed {
        /// The subcommand.
        command: String,
        /// Its exit status; -1 when it was ended by a signal.
        status: i32,
        /// The end of its standard error.
        detail: String,
    },
    /// Git printed what it should not.
    #[error("git {command} printed something unexpected: {detail:?}")]
    Unexpected {
        /// The subcommand.
        command: String,
        /// The start of it.
        detail: String,
    },
    /// Files or processes of this machine.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl GitError {
    /// One word for programs; part of the API.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "BadUrl",
            Self::Credentials(_) => "BadCredentials",
            Self::AuthenticationFailed { .. } => "AuthenticationFailed",
            Self::HostKeyRejected { .. } => "HostKeyRejected",
            Self::Unreachable { .. } => "Unreachable",
            Self::RepositoryNotFound { .. } => "RepositoryNotFound",
            Self::UnknownRevision(_) => "UnknownRevision",
            Self::RevisionNotOnBranch(_) => "RevisionNotOnBranch",
            Self::BadTag(_) => "BadTag",
            Self::TagElsewhere { .. } => "TagElsewhere",
            Self::Shallow(_) => "ShallowRemote",
            Self::Policy { .. } => "BadPolicy",
            Self::TooLarge { .. } => "TooLarge",
            Self::Timeout { .. } => "Timeout",
            Self::Failed { .. } | Self::Unexpected { .. } => "GitFailed",
            Self::Io { .. } => "LocalFailure",
        }
    }

    /// Wraps an I/O error.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
