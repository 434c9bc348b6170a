//! A repository on the test bed's git server, a plan over it, and Releases of its commits.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use kube::ResourceExt as _;
use seaworthy_api::{
    Release, ReleasePlan,
    core::{
        condition::{self, types},
        release::{ReleasePhase, ReleaseStatus},
    },
};
use seaworthy_tests::cluster::{Ground, sh, variable};
use serde_json::{Value, json};

/// A bare repository that the git server serves, and a clone to commit in.
pub(crate) struct Repo {
    /// Where Releases read it.
    pub(crate) url: String,
    bare: PathBuf,
    clone: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Repo {
    /// An empty one whose name begins with the namespace's.
    pub(crate) fn new(ground: &Ground, name: &str) -> Self {
        let name = format!("{}-{name}.git", ground.namespace);
        let bare = PathBuf::from(variable("SEAWORTHY_TEST_GIT_ROOT").unwrap()).join(&name);
        let scratch = tempfile::tempdir().unwrap();
        let clone = scratch.path().join("clone");
        git(scratch.path(), &["init", "--quiet", "--bare", "--initial-branch=main", &bare.to_string_lossy()]);
        git(scratch.path(), &["init", "--quiet", "--initial-branch=main", &clone.to_string_lossy()]);
        git(&clone, &["remote", "add", "origin", &bare.to_string_lossy()]);
        let url = format!("{}/{name}", variable("SEAWORTHY_TEST_GIT_URL").unwrap());
        Self { url, bare, clone, _scratch: scratch }
    }

    /// Where it is on this machine.
    pub(crate) fn path(&self) -> String {
        self.bare.display().to_string()
    }

    /// Where the clone is.
    pub(crate) fn clone_path(&self) -> String {
        self.clone.display().to_string()
    }

    /// The commit that a tag of the server is on.
    pub(crate) fn on_server(&self, tag: &str) -> String {
        git(&self.bare, &["rev-parse", &format!("refs/tags/{tag}^{{commit}}")])
    }

    /// A server's copy whose history is cut, and where Releases read it.
    pub(crate) fn shallow(&self) -> String {
        let cut = self.bare.with_extension("cut.git");
        git(
            &self.clone,
            &["clone", "--quiet", "--bare", "--depth=1", &format!("file://{}", self.path()), &cut.to_string_lossy()],
        );
        self.url.replace(".git", ".cut.git")
    }

    /// Runs git in the clone.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.clone, args)
    }

    /// Commits, pushes, and says which commit it is.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["commit", "--quiet", "--allow-empty", "--cleanup=verbatim", "-m", message]);
        self.push();
        self.git(&["rev-parse", "HEAD"])
    }

    /// Tags what is there now and pushes the tag.
    pub(crate) fn tag(&self, name: &str) {
        self.git(&["tag", name]);
        self.push();
    }

    fn push(&self) {
        self.git(&["push", "--quiet", "--tags", "origin", "main"]);
        self.serve();
    }

    /// Makes what the server's copy has known to plain http readers, who do not ask git; says which commit is the newest.
    pub(crate) fn serve(&self) -> String {
        git(&self.bare, &["update-server-info"]);
        git(&self.bare, &["rev-parse", "main"])
    }
}

impl Drop for Repo {
    fn drop(&mut self) {
        // What cannot be removed goes with the cluster.
        let _ = std::fs::remove_dir_all(&self.bare);
        let _ = std::fs::remove_dir_all(self.bare.with_extension("cut.git"));
    }
}

fn git(at: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(at).args(args);
    for (name, value) in [
        ("GIT_AUTHOR_NAME", "Ann"),
        ("GIT_AUTHOR_EMAIL", "ann@example.org"),
        ("GIT_COMMITTER_NAME", "Ann"),
        ("GIT_COMMITTER_EMAIL", "ann@example.org"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ] {
        command.env(name, value);
    }
    let out = command.output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A plan over a repository whose candidate, suite and publish task end well at once.
pub(crate) fn plan(name: &str, url: &str) -> Value {
    let build = r#"d=$(printf '%s' "$SEAWORTHY_VERSION" | sha256sum | cut -d' ' -f1)
printf '{"artifacts":[{"name":"controller","uri":"registry.example/controller","digest":"sha256:%s"}]}' "$d" > /dev/termination-log"#;
    json!({
        "metadata": {"name": name},
        "spec": {
            "version": {"policy": "ConventionalCommits", "git": {"url": url}},
            "candidate": {"task": sh(build).unwrap()},
            "gates": [{"name": "suites", "e2e": {"suites": [{"name": "one", "task": sh("true").unwrap()}]}}],
            "publish": {"task": sh("true").unwrap()},
        },
    })
}

/// Creates a plan.
pub(crate) async fn create_plan(ground: &Ground, plan: Value) {
    ground.create::<ReleasePlan>(plan).await.unwrap();
}

/// Creates a Release of a commit.
pub(crate) async fn create(ground: &Ground, name: &str, plan: &str, revision: &str) {
    let object = json!({"metadata": {"name": name}, "spec": {"planRef": {"name": plan}, "revision": revision}});
    ground.create::<Release>(object).await.unwrap();
}

pub(crate) fn status(release: &Release) -> ReleaseStatus {
    release.status.clone().unwrap_or_default()
}

/// Reason and message of Finished.
pub(crate) fn why(release: &Release) -> (String, String) {
    let status = status(release);
    let found = condition::get(&status.conditions, types::FINISHED);
    found.map(|c| (c.reason.clone(), c.message.clone())).unwrap_or_default()
}

/// Waits for the end of a Release and checks how it ended.
pub(crate) async fn ends(ground: &Ground, name: &str, phase: ReleasePhase, reason: &str) -> Release {
    let over = |r: &Release| condition::is_true(&status(r).conditions, types::FINISHED) && r.finalizers().is_empty();
    let release = ground.until::<Release>(name, "Finished", over).await.unwrap();
    assert_eq!((status(&release).phase, why(&release).0.as_str()), (phase, reason), "{:#?}", release.status);
    release
}

/// Waits for a reason of Finished.
pub(crate) async fn until(ground: &Ground, name: &str, reason: &str) -> Release {
    ground.until::<Release>(name, reason, |r| why(r).0 == reason).await.unwrap()
}
