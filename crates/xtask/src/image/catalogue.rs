//! What each image holds and how it starts.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::Context;
use super::layer::{Entries, Entry, Layer};
use super::layout::Config;
use super::source::{self, Base};

/// Libraries that a Rust program linked against glibc needs, and certificate authorities.
const RUNTIME: Base = Base {
    name: "runtime",
    packages: &["base-files", "libc6", "libgcc-s1", "ca-certificates"],
    programs: &[],
    left_out: NO_OPENSSL,
};

/// The same with the C++ library, which Node.js needs.
const RUNTIME_CXX: Base = Base {
    name: "runtime-cxx",
    packages: &["base-files", "libc6", "libgcc-s1", "libstdc++6", "ca-certificates"],
    programs: &[],
    left_out: NO_OPENSSL,
};

/// The same with git and what it fetches over http and ssh with.
const RUNTIME_GIT: Base = Base {
    name: "runtime-git",
    packages: &["base-files", "libc6", "libgcc-s1", "libstdc++6", "ca-certificates", "git", "openssh-client"],
    programs: &["git", "ssh"],
    left_out: &[
        "usr/lib/git-core/git-daemon",
        "usr/lib/git-core/git-http-backend",
        "usr/lib/git-core/git-http-push",
        "usr/lib/git-core/git-imap-send",
        "usr/lib/git-core/git-shell",
        "usr/lib/git-core/scalar",
        "usr/lib/openssh",
        "usr/lib/x86_64-linux-gnu/libperl.so.5.36",
        "usr/lib/x86_64-linux-gnu/libperl.so.5.36.0",
        "usr/share/git-core/contrib",
    ],
};

/// jq for scripts.
const RUNTIME_JQ: Base = Base {
    name: "runtime-jq",
    packages: &["base-files", "libc6", "libgcc-s1", "ca-certificates", "jq"],
    programs: &["jq"],
    left_out: NO_OPENSSL,
};

/// `ca-certificates` depends on OpenSSL for its maintainer script alone; nothing in these images links to it.
const NO_OPENSSL: &[&str] =
    &["usr/lib/ssl", "usr/lib/x86_64-linux-gnu/libcrypto.so.3", "usr/lib/x86_64-linux-gnu/libssl.so.3"];

/// An image that this repository builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Image {
    /// The operator.
    Operator,
    /// Reads a git history: what plan Jobs run.
    Git,
    /// A shell with kubectl, crane and jq, and the demo's install, publish and verify scripts.
    Tools,
    /// Pepr's controller, as its makers ship it: the base of every candidate of the demo.
    PeprController,
    /// Builds a candidate of the demo from a commit.
    PeprBuilder,
    /// Suites, churn and the auditor of the demo.
    PeprTestkit,
    /// A controller whose page, memory and life end-to-end tests set.
    TestTarget,
}

impl Image {
    /// Every image, in the order in which they are built.
    pub(crate) const ALL: [Self; 7] = [
        Self::Operator,
        Self::Git,
        Self::Tools,
        Self::PeprController,
        Self::PeprBuilder,
        Self::PeprTestkit,
        Self::TestTarget,
    ];

    /// The name, which is also the last part of the repository's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operator => "seaworthy-operator",
            Self::Git => "seaworthy-git",
            Self::Tools => "tools",
            Self::PeprController => "pepr-controller",
            Self::PeprBuilder => "pepr-builder",
            Self::PeprTestkit => "pepr-testkit",
            Self::TestTarget => "seaworthy-testtarget",
        }
    }

    /// The image of that name.
    ///
    /// Errors: no such image; the message lists all names.
    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|image| image.name() == name) {
            Some(image) => Ok(image),
            None => bail!("there is no image {name:?}; there are {}", Self::ALL.map(Self::name).join(", ")),
        }
    }

    /// The most that its compressed layers may take, in MiB: a promise of the documentation that a build keeps.
    pub(crate) fn limit_mib(self) -> Option<u64> {
        match self {
            Self::Operator => Some(35),
            Self::Git | Self::Tools | Self::PeprController | Self::PeprBuilder | Self::PeprTestkit => None,
            Self::TestTarget => Some(20),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::Operator => "Proves a release candidate of a Kubernetes controller and ships exactly that one",
            Self::Git => "Reads a git history for Seaworthy's version plans",
            Self::Tools => "A shell with kubectl, crane and jq for release tasks",
            Self::PeprController => "Pepr's controller",
            Self::PeprBuilder => "Builds the demo's Pepr module from a commit",
            Self::PeprTestkit => "Suites, churn and auditor of the demo's Pepr module",
            Self::TestTarget => "A target for end-to-end tests of soaks",
        }
    }

    /// Layers, lowest first.
    pub(crate) fn layers(self, context: &Context) -> Result<Vec<Layer>> {
        match self {
            Self::Operator | Self::TestTarget => {
                Ok(vec![source::base(context, &RUNTIME)?, own_binary(context, self.name())?])
            }
            // git hands its ssh command to a shell.
            Self::Git => Ok(vec![
                source::base(context, &RUNTIME_GIT)?,
                source::shell(context)?,
                own_binary(context, self.name())?,
            ]),
            Self::Tools => Ok(vec![
                source::base(context, &RUNTIME_JQ)?,
                source::busybox(context)?,
                source::programs(context, &["kubectl", "crane"])?,
                source::folder(context, "demo/tasks", "tasks")?,
            ]),
            Self::PeprController => {
                let [node, modules] = source::node(context)?;
                Ok(vec![source::base(context, &RUNTIME_CXX)?, node, modules])
            }
            Self::PeprBuilder => {
                let [node, modules] = source::node(context)?;
                Ok(vec![
                    source::base(context, &RUNTIME_GIT)?,
                    node,
                    modules,
                    source::busybox(context)?,
                    source::programs(context, &["crane"])?,
                    source::folder(context, "demo/tasks", "tasks")?,
                ])
            }
            Self::PeprTestkit => {
                let mut layers = Self::PeprController.layers(context)?;
                layers.push(source::folder(context, "demo/testkit", "app/testkit")?);
                Ok(layers)
            }
        }
    }

    /// How a container of it starts.
    pub(crate) fn config(self) -> Config {
        let entrypoint = match self {
            Self::Operator | Self::Git | Self::TestTarget => vec![format!("/usr/local/bin/{}", self.name())],
            Self::Tools | Self::PeprBuilder => vec!["/bin/sh".to_owned()],
            Self::PeprController | Self::PeprTestkit => vec!["/usr/local/bin/node".to_owned()],
        };
        let working_dir = match self {
            Self::Operator | Self::Git | Self::Tools | Self::PeprBuilder | Self::TestTarget => "/",
            Self::PeprController | Self::PeprTestkit => "/app",
        };
        let labels = [
            ("org.opencontainers.image.title", self.name()),
            ("org.opencontainers.image.description", self.description()),
            ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
            ("org.opencontainers.image.licenses", "Apache-2.0"),
        ];
        Config {
            user: "65532:65532".to_owned(),
            entrypoint,
            working_dir: working_dir.to_owned(),
            env: vec!["PATH=/usr/local/bin:/usr/bin:/bin".to_owned(), "HOME=/tmp".to_owned()],
            labels: labels
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>(),
        }
    }
}

fn own_binary(context: &Context, package: &str) -> Result<Layer> {
    let binary = source::binary(context, package)?;
    let path = PathBuf::from("usr/local/bin").join(package);
    source::files(context, Entries::from([(path, Entry::file(binary, 0o755))]))
}
