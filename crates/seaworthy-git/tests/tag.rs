//! Tags are created and never moved.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[expect(dead_code, reason = "shared with the tests of the plan Job, which use more of it")]
mod common;

use std::process::Command;

use common::{Repo, Server};
use seaworthy_core::task::report::Report;

/// Runs the program; its exit status and the reason that it gives.
fn tag(url: &str, revision: &str, name: &str, extra: &[&str]) -> (i32, String) {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("termination-log");
    let output = Command::new(env!("CARGO_BIN_EXE_seaworthy-git"))
        .args(["tag", "--url", url, "--credentials", "/does/not/exist"])
        .args(["--work-dir", &scratch.path().to_string_lossy()])
        .args(extra)
        .envs([("SEAWORTHY_REVISION", revision), ("SEAWORTHY_TAG", name)])
        .env("SEAWORTHY_TERMINATION_LOG", &log)
        .output()
        .unwrap();
    let said = std::fs::read_to_string(log).unwrap_or_default();
    (output.status.code().unwrap(), Report::parse(&said).error.map(|error| error.reason).unwrap_or_default())
}

#[test]
fn a_tag_is_created_once_and_never_moved() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    let first = repo.commit("a", "feat: start");
    let second = repo.commit("a", "fix: more");
    let server = Server::start(root.path(), None);
    for url in [server.url("repo"), repo.url()] {
        let name = if url.starts_with("http") { "v1.0.0" } else { "v1.1.0" };
        let ok = |status: i32| (status, String::new());
        assert_eq!(tag(&url, &first, name, &["--verify"]), ok(10), "not there yet");
        assert_eq!(tag(&url, &first, name, &[]), ok(0));
        assert_eq!(repo.git(&["rev-parse", name]), first);
        assert_eq!(tag(&url, &first, name, &[]), ok(0), "the same again does no harm");
        assert_eq!(tag(&url, &first, name, &["--verify"]), ok(0));
        let elsewhere = (1, "TagElsewhere".to_owned());
        assert_eq!(tag(&url, &second, name, &[]), elsewhere);
        assert_eq!(tag(&url, &second, name, &["--verify"]), elsewhere);
        assert_eq!(repo.git(&["rev-parse", name]), first, "it stays where it is");
    }
}

#[test]
fn annotated_tags_count_by_their_commit_and_odd_names_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    let head = repo.commit("a", "feat: start");
    repo.git(&["tag", "-a", "-m", "by hand", "v1.0.0"]);
    assert_eq!(tag(&repo.url(), &head, "v1.0.0", &[]).0, 0);
    for name in ["", "-d", "a b", "a..b", "../x", "v1.0.0^{}"] {
        assert_eq!(tag(&repo.url(), &head, name, &[]), (1, "BadTag".to_owned()), "{name:?}");
    }
    assert_eq!(tag(&repo.url(), &"1".repeat(40), "v2.0.0", &[]), (1, "UnknownRevision".to_owned()));
    assert_eq!(repo.git(&["tag"]), "v1.0.0");
}

#[test]
fn two_at_once_cannot_both_have_it() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    let commits = [repo.commit("a", "feat: start"), repo.commit("a", "fix: more")];
    let server = Server::start(root.path(), None);
    let url = server.url("repo");
    let ends: Vec<(i32, String)> = std::thread::scope(|scope| {
        let url = &url;
        let all: Vec<_> = commits.iter().map(|commit| scope.spawn(move || tag(url, commit, "v1.0.0", &[]))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won = ends.iter().position(|(status, _)| *status == 0).expect("one of them has it");
    assert_eq!(ends[1 - won], (1, "TagElsewhere".to_owned()), "{ends:?}");
    assert_eq!(repo.git(&["rev-parse", "v1.0.0"]), commits[won]);
}
