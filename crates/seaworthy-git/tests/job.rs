//! The plan Job against real repositories: from a folder and from a git server over http.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod common;

use common::{Repo, Said, Server, job};
use seaworthy_core::frame::BlockRef;
use seaworthy_core::task::report::Report;
use seaworthy_core::version::{Facts, Fate, Input, Ledger, Outcome, Policy, VersionPlan, plan};

/// The facts, taken from log and termination message as the operator does.
fn facts(said: &Said) -> Facts {
    assert_eq!(said.status, 0, "{} {}", said.termination, said.stderr);
    let report = Report::parse(&said.termination);
    let block = report.block.expect("a block is announced");
    assert_eq!(block.name, "plan");
    serde_json::from_str(BlockRef::from(&block).find(said.stdout.as_bytes()).unwrap()).unwrap()
}

fn reason(said: &Said) -> String {
    assert_ne!(said.status, 0, "{}", said.stdout);
    assert!(said.stdout.is_empty());
    let error = Report::parse(&said.termination).error.expect("an error is reported");
    assert!(error.message.len() > 20 && said.stderr.contains(&error.reason), "{}", error.message);
    error.reason
}

fn next(facts: Facts, policy: Policy) -> VersionPlan {
    match plan(&Input { policy, facts, ledger: Ledger::default(), owner: None }) {
        Outcome::Next(plan) => plan,
        other @ (Outcome::NothingToRelease { .. } | Outcome::Refused { .. } | Outcome::Ask { .. }) => {
            panic!("no version: {other:?}")
        }
    }
}

fn history(root: &std::path::Path) -> Repo {
    let repo = Repo::new(root, "repo");
    repo.commit("a", "feat: start");
    repo.git(&["tag", "v1.0.0"]);
    repo.commit("a", "fix: one\n\nbreaking change: not really");
    repo.git(&["switch", "--quiet", "-c", "side", "v1.0.0"]);
    repo.commit("b", "fix: on the side");
    repo.git(&["tag", "-a", "-m", "annotated", "v1.0.1-rc.3"]);
    repo.commit("b", "feat: two");
    repo.git(&["tag", "-a", "-m", "off", "v0.9.9"]);
    repo.git(&["switch", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge branch 'side'", "v1.0.1-rc.3"]);
    repo
}

#[test]
fn facts_come_from_a_folder_and_over_http_alike() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let server = Server::start(root.path(), None);
    let found = facts(&job(&repo.url(), &repo.head(), &[]));
    assert_eq!(facts(&job(&server.url("repo"), &repo.head(), &[])), found);

    assert_eq!(found.head, repo.head());
    assert_eq!(found.first_parent_count, 3);
    let tags: Vec<_> = found.tags.iter().map(|tag| (tag.name.as_str(), tag.ancestor)).collect();
    assert_eq!(tags, [("v0.9.9", false), ("v1.0.0", true), ("v1.0.1-rc.3", true)]);
    assert_eq!(found.tags[2].commit, repo.git(&["rev-parse", "v1.0.1-rc.3^{commit}"]), "annotated tags are peeled");
    assert_eq!(found.commits.len(), 3);
    assert_eq!(found.commits[0].parents.len(), 2);
    let plan = next(found, Policy::default());
    assert_eq!(plan.candidate_version.to_string(), "1.0.1-rc.4");
    assert_eq!((plan.counts.disputed, plan.counts.patch), (1, 2));
}

#[test]
fn the_commit_is_pinned() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let pinned = repo.head();
    repo.commit("a", "feat!: later");
    repo.git(&["tag", "v2.0.0"]);
    let found = facts(&job(&repo.url(), &pinned, &[]));
    assert_eq!((found.commits.len(), found.first_parent_count), (3, 3));
    assert!(found.tags.iter().any(|tag| tag.name == "v2.0.0" && !tag.ancestor), "but later tags are used numbers");
    assert_eq!(facts(&job(&repo.url(), "main", &[])).head, repo.head(), "a branch can be named for a preview");
}

#[test]
fn a_login_is_given_to_this_server_only() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let server = Server::start(root.path(), Some("me:s3 cret"));
    let secret = tempfile::tempdir().unwrap();
    std::fs::write(secret.path().join("username"), "me").unwrap();
    std::fs::write(secret.path().join("password"), "s3 cret\n").unwrap();
    let folder = secret.path().to_string_lossy().into_owned();
    let with = |url: &str| job(url, &repo.head(), &["--credentials", &folder]);
    assert_eq!(facts(&with(&server.url("repo"))).commits.len(), 3);

    assert_eq!(reason(&job(&server.url("repo"), &repo.head(), &[])), "AuthenticationFailed");
    std::fs::write(secret.path().join("password"), "wrong").unwrap();
    let said = with(&server.url("repo"));
    assert_eq!(reason(&said), "AuthenticationFailed");
    assert!(!said.termination.contains("wrong"));
    std::fs::remove_file(secret.path().join("password")).unwrap();
    assert_eq!(reason(&with(&server.url("repo"))), "BadCredentials");
}

#[test]
fn a_component_is_read_by_its_paths() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    repo.commit("one/a", "feat: start");
    repo.git(&["tag", "one/v1.0.0"]);
    repo.commit("one-more/a", "feat!: elsewhere");
    repo.commit("one/src/a", "fix: here");
    repo.commit("README", "feat: nowhere");
    let server = Server::start(root.path(), None);
    let json = r#"{"tagFormat":"one/v{version}","paths":["./one/"]}"#;
    let found = facts(&job(&server.url("repo"), &repo.head(), &["--policy", json]));
    let plan = next(found, serde_json::from_str(json).unwrap());
    assert_eq!((plan.version.to_string().as_str(), plan.counts.out_of_scope), ("1.0.1", 2));
    assert_eq!(plan.commits.iter().filter(|commit| commit.fate == Fate::Counted).count(), 1);
}

#[test]
fn a_published_version_without_a_tag_is_the_base() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    repo.commit("a", "feat: start");
    let published = repo.commit("a", "feat: published");
    repo.commit("a", "fix: since then");
    let list = format!("1.4.0={published},9.0.0={}", "0".repeat(40));
    let found = facts(&job(&repo.url(), &repo.head(), &["--published", &list]));
    assert_eq!((found.commits.len(), found.ancestors), (1, vec![published]));
    assert_eq!(facts(&job(&repo.url(), &repo.head(), &[])).commits.len(), 3);
}

#[test]
fn a_range_that_does_not_fit_is_read_in_the_job() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    repo.commit("a", "feat: start");
    repo.git(&["tag", "v1.0.0"]);
    repo.git(&["tag", "v0.1.0"]);
    for at in 0..40 {
        repo.commit("a", &format!("docs: change {at}\n\n{}", "text ".repeat(40)));
    }
    repo.commit("a", "feat: the one that counts");
    let whole = facts(&job(&repo.url(), &repo.head(), &[]));
    let reduced = facts(&job(&repo.url(), &repo.head(), &["--max-bytes", "4000"]));
    assert!(whole.reduced.is_none() && reduced.commits.is_empty());
    let cut = reduced.reduced.as_ref().unwrap();
    assert!(cut.cut > 0 && cut.commits.iter().any(|commit| commit.header == "feat: the one that counts"));
    assert_eq!((reduced.tags.len(), whole.tags.len()), (1, 2), "tags below the base are left out");
    let (whole, reduced) = (next(whole, Policy::default()), next(reduced, Policy::default()));
    assert_eq!((whole.version, whole.counts), (reduced.version, reduced.counts));
}

#[test]
fn what_is_wrong_is_said() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let server = Server::start(root.path(), None);
    let head = repo.head();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, revision, expected) in [
        ("ext::sh -c id", head.as_str(), "BadUrl"),
        ("https://me:s3cret@127.0.0.1/x", &head, "BadUrl"),
        (&server.url("elsewhere"), &head, "RepositoryNotFound"),
        ("file:///does/not/exist", &head, "RepositoryNotFound"),
        (&format!("http://{unused}/x"), &head, "Unreachable"),
        ("git@127.0.0.1:x", &head, "BadCredentials"),
        (&server.url("repo"), &"1".repeat(40), "UnknownRevision"),
        (&server.url("repo"), &head[..12], "UnknownRevision"),
        (&server.url("repo"), "--all", "UnknownRevision"),
        (&server.url("repo"), "", "UnknownRevision"),
    ] {
        let said = job(url, revision, &[]);
        assert_eq!(reason(&said), expected, "{url} {revision}: {}", said.termination);
        assert!(!said.termination.contains("s3cret"));
    }
    assert_eq!(reason(&job(&repo.url(), &head, &["--policy", r#"{"tagFormat":"v"}"#])), "BadPolicy");
    assert_eq!(reason(&job(&repo.url(), &head, &["--policy", "{"])), "BadPolicy");
}

#[test]
fn a_commit_that_a_force_push_removed_is_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let gone = repo.commit("a", "feat: gone soon");
    repo.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert_eq!(reason(&job(&repo.url(), &gone, &[])), "RevisionNotOnBranch");
}

#[test]
fn a_shallow_remote_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let shallow = root.path().join("shallow");
    repo.git(&["clone", "--quiet", "--depth", "1", &repo.url(), &shallow.to_string_lossy()]);
    let server = Server::start(root.path(), None);
    for url in [format!("file://{}", shallow.display()), server.url("shallow")] {
        assert_eq!(reason(&job(&url, &repo.head(), &[])), "ShallowRemote", "{url}");
    }
}

#[test]
fn odd_repositories_are_read() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    assert_eq!(reason(&job(&repo.url(), "main", &[])), "UnknownRevision", "no commit at all");
    let first = repo.commit("a", "feat: caf\u{e9}\r\n\r\nBREAKING CHANGE: \u{200f}y\r\n");
    repo.git(&["tag", "-a", "-m", "inner", "inner"]);
    repo.git(&["tag", "-a", "-m", "outer", "v1.0.0", "inner"]);
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    repo.git(&["tag", "v9.0.0", &blob]);
    repo.git(&["tag", "v8.0.0", "HEAD^{tree}"]);
    let head = repo.commit("a", &format!("fix: long\n\n{}", "a line\n".repeat(20_000)));
    let found = facts(&job(&repo.url(), &head, &[]));
    let tag = found.tags.iter().find(|tag| tag.name == "v1.0.0").unwrap();
    assert_eq!((tag.commit.as_str(), tag.ancestor), (first.as_str(), true), "a tag of a tag is peeled to the end");
    assert!(found.tags.iter().all(|tag| tag.name != "v9.0.0" && tag.name != "v8.0.0"), "tags of files are no versions");
    assert_eq!(next(found, Policy::default()).version.to_string(), "1.0.1");
}

#[test]
fn merges_with_two_bases_and_octopus_merges_count_each_commit_once() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    repo.commit("a", "feat: start");
    repo.git(&["tag", "v1.0.0"]);
    for (branch, file) in [("one", "b"), ("two", "c"), ("three", "d")] {
        repo.git(&["switch", "--quiet", "-c", branch, "v1.0.0"]);
        repo.commit(file, &format!("fix: of {branch}"));
    }
    // A criss-cross: both branches merge the other's first commit, so their merge has two bases.
    let [one, two] = ["one", "two"].map(|branch| repo.git(&["rev-parse", branch]));
    for (branch, other) in [("one", &two), ("two", &one)] {
        repo.git(&["switch", "--quiet", branch]);
        repo.git(&["merge", "--quiet", "--no-ff", "-m", &format!("Merge into {branch}"), other]);
    }
    assert_eq!(repo.git(&["merge-base", "--all", "one", "two"]).lines().count(), 2);
    repo.git(&["switch", "--quiet", "one"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge branch 'two'", "two"]);
    repo.git(&["switch", "--quiet", "main"]);
    repo.commit("a", "feat: on main");
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "Merge branches 'one' and 'three'", "one", "three"]);
    assert_eq!(repo.git(&["rev-list", "--parents", "-1", "HEAD"]).split(' ').count(), 4, "three parents");
    let plan = next(facts(&job(&repo.url(), &repo.head(), &[])), Policy::default());
    let counts = plan.counts;
    assert_eq!((plan.version.to_string().as_str(), counts.total, counts.minor, counts.patch), ("1.1.0", 8, 1, 3));
}

#[test]
fn a_rewritten_history_leaves_its_tag_outside() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    repo.git(&["tag", "v1.1.0"]);
    repo.git(&["reset", "--quiet", "--hard", "v1.0.0"]);
    let head = repo.commit("a", "fix: written anew");
    let found = facts(&job(&repo.url(), &head, &[]));
    assert!(found.tags.iter().any(|tag| tag.name == "v1.1.0" && !tag.ancestor));
    let outcome = plan(&Input { policy: Policy::default(), facts: found, ledger: Ledger::default(), owner: None });
    let Outcome::Refused { reason, .. } = outcome else { panic!("not refused: {outcome:?}") };
    assert!(reason.contains("v1.1.0"), "{reason}");
}

#[test]
fn bytes_that_are_no_text_and_a_nul_arrive_as_stated() {
    let root = tempfile::tempdir().unwrap();
    let repo = Repo::new(root.path(), "repo");
    repo.commit("a", "feat: start");
    repo.git(&["tag", "v1.0.0"]);
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);
    let mut parent = repo.head();
    for message in [&b"fix: caf\xe9 \xff\n"[..], b"docs: a\0\n\nBREAKING CHANGE: hidden\n"] {
        let mut commit = format!("tree {tree}\nparent {parent}\nauthor A <a@example.org> 1700000000 +0000\ncommitter A <a@example.org> 1700000000 +0000\n\n").into_bytes();
        commit.extend_from_slice(message);
        let file = repo.dir.join(".git/raw");
        std::fs::write(&file, commit).unwrap();
        parent = repo.git(&["hash-object", "-t", "commit", "-w", "--literally", &file.to_string_lossy()]);
    }
    repo.git(&["update-ref", "refs/heads/main", &parent]);
    let found = facts(&job(&repo.url(), &parent, &[]));
    assert_eq!(found.commits.len(), 2);
    let plan = next(found, Policy::default());
    assert_eq!((plan.version.to_string().as_str(), plan.counts.patch), ("1.0.1", 1));
    assert!(plan.commits.iter().any(|commit| commit.header.starts_with("fix: caf\u{fffd}")), "{:?}", plan.commits);
}

#[test]
fn no_file_is_fetched_and_folders_only_for_plans_with_paths() {
    let root = tempfile::tempdir().unwrap();
    let repo = history(root.path());
    let server = Server::start(root.path(), None);
    let url = server.url("repo");
    for (trees, wanted) in [(false, [("blob", 0), ("tree", 0)]), (true, [("blob", 0), ("tree", 5)])] {
        let scratch = tempfile::tempdir().unwrap();
        let git = seaworthy_git::Git::new(scratch.path(), std::time::Duration::from_secs(60));
        let remote = seaworthy_git::remote::Remote::parse(&url).unwrap();
        seaworthy_git::fetch::fetch(&git, scratch.path(), &remote, &repo.head(), trees).unwrap();
        let all = git.text(&["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"]).unwrap();
        for (kind, least) in wanted {
            let found = all.lines().filter(|line| *line == kind).count();
            assert!(
                if least == 0 { found == 0 } else { found >= least },
                "{found} objects of the kind {kind}, trees {trees}"
            );
        }
        assert!(all.lines().filter(|line| *line == "commit").count() >= 5, "{all}");
    }
}

#[test]
fn a_server_that_never_answers_ends_at_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let said = job(&url, &"1".repeat(40), &["--timeout-seconds", "1"]);
    assert_eq!(reason(&said), "Timeout");
}
