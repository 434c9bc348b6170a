//! `kubectl-seaworthy version` as people and scripts call it.

#![expect(clippy::unwrap_used, reason = "helpers of tests are outside of test functions")]

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Runs the command; standard output and exit status.
fn run(args: &[&str], input: &[u8]) -> (String, i32) {
    let (out, _, status) = whole(args, input);
    (out, status)
}

/// Runs the command; standard output, standard error, and exit status.
fn whole(args: &[&str], input: &[u8]) -> (String, String, i32) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-seaworthy"))
        .arg("version")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn a_message_gives_its_level() {
    assert_eq!(run(&["level"], b"feat: x"), ("minor\n".into(), 0));
    assert_eq!(run(&["level"], b"fix: x\n\nbreaking change: y"), ("patch disputed\n".into(), 0));
    assert_eq!(run(&["level"], b"feat!: caf\xe9\r\n"), ("major\n".into(), 0));
    let (explained, _) = run(&["level", "--explain"], b"fix:x\n\nbreaking change: y");
    for part in
        ["patch disputed", "strict   patch by Type", "lenient  major by FooterMisspelt", "warning  NoSpaceAfterColon"]
    {
        assert!(explained.contains(part), "{part} is not in {explained}");
    }
}

#[test]
fn many_messages_are_answered_line_by_line() {
    let (out, status) =
        run(&["level", "--jsonl"], b"{\"id\":1,\"message\":\"feat: x\"}\n\n{\"id\":\"b\",\"message\":\"fix!: x\"}\n");
    let answers: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(status, 0);
    assert_eq!((answers[0]["id"].clone(), answers[0]["level"].clone()), (1.into(), "minor".into()));
    assert_eq!((answers[1]["id"].clone(), answers[1]["level"].clone()), ("b".into(), "major".into()));
}

/// A range since 1.3.2 on commit `aaa`.
fn range(policy: &str, ledger: &str, message: &str) -> String {
    format!(
        r#"{{"id":"r","policy":{policy},"tags":[{{"name":"v1.3.2","commit":"aaa","ancestor":true}}],"ledger":{ledger},
            "head":"bbb","commits":[{{"id":"bbb","message":{message:?},"parents":["aaa"]}}]}}"#
    )
    .replace('\n', " ")
}

#[test]
fn a_range_gives_its_version() {
    let next = |policy: &str, ledger: &str, message: &str| {
        run(&["next", "--json", "-"], range(policy, ledger, message).as_bytes())
    };
    assert_eq!(next("{}", "[]", "feat: a"), ("1.4.0\n".into(), 0));
    assert_eq!(next(r#"{"channel":"rc"}"#, "[]", "feat: a"), ("1.4.0-rc.1\n".into(), 0));
    assert_eq!(next("{}", "[]", "docs: a"), ("none\n".into(), 0));
    assert_eq!(next(r#"{"minimumLevel":"patch"}"#, "[]", "docs: a"), ("1.3.3\n".into(), 0));
    assert_eq!(next(r#"{"line":"1.3.x"}"#, "[]", "feat: a"), ("refuse\n".into(), 1));
    assert_eq!(next("{}", "[]", "fix: a\n\nbreaking change: b"), ("1.3.3 disputed\n".into(), 0));
    assert_eq!(
        next(r#"{"onDisputed":"higher"}"#, "[]", "fix: a\n\nbreaking change: b"),
        ("2.0.0 disputed\n".into(), 0)
    );
    let burned = r#"[{"version":"1.4.0-rc.4","state":"burned"}]"#;
    assert_eq!(next(r#"{"channel":"rc"}"#, burned, "feat: a"), ("1.4.0-rc.5\n".into(), 0));
    let burned = r#"[{"version":"1.4.0","state":"burned"}]"#;
    assert_eq!(next("{}", burned, "feat: a"), ("1.4.1\n".into(), 0));
}

#[test]
fn what_cannot_be_read_is_said() {
    assert_eq!(run(&["next", "--json", "-"], b"{").1, 2);
    assert_eq!(run(&["next", "--json", "-"], range(r#"{"minimumLevel":"huge"}"#, "[]", "feat: a").as_bytes()).1, 2);
    assert_eq!(run(&["level", "--jsonl"], b"x").1, 2);
    assert_eq!(run(&["next", "--json", "/does/not/exist"], b"").1, 2);
}

/// Runs git in a folder.
fn git(dir: &std::path::Path, args: &[&str]) {
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A clone with three releases: a patch, a minor that no commit announces, and a patch that a commit calls breaking.
fn clone() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    git(at, &["init", "--quiet"]);
    for (message, tag) in [
        ("feat: start", "v1.0.0"),
        ("fix: a", "v1.0.1"),
        ("fix: b\n\nbreaking change: c", "v1.1.0"),
        ("feat!: d", "v1.1.1"),
        ("feat: e", ""),
    ] {
        git(at, &["commit", "--quiet", "--allow-empty", "-m", message]);
        if !tag.is_empty() {
            git(at, &["tag", tag]);
        }
    }
    dir
}

#[test]
fn a_clone_gives_its_next_version_and_why() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    assert_eq!(run(&["next", "--repo", &repo], b""), ("1.2.0\n".into(), 0));
    assert_eq!(run(&["next", "--repo", &repo, "--candidate"], b""), ("1.2.0-rc.1\n".into(), 0));
    assert_eq!(run(&["next", "--repo", &repo, "--revision", "v1.1.1"], b""), ("none\n".into(), 0));
    assert_eq!(run(&["next", "--repo", &repo, "--since", "v1.0.1"], b""), ("2.0.0 disputed\n".into(), 0));
    let plan = dir.path().join("plan.yaml");
    std::fs::write(&plan, "spec:\n  version: {policy: ConventionalCommits, line: 1.1.x, git: {url: x}}\n").unwrap();
    let plan = plan.to_string_lossy().into_owned();
    assert_eq!(run(&["next", "--repo", &repo, "--plan", &plan], b""), ("refuse\n".into(), 1));
    let (text, status) = run(&["explain", "--repo", &repo], b"");
    assert!(
        status == 0 && text.contains("1.2.0 (minor from 1.1.1)") && text.contains("feat: e") && text.contains("Type:"),
        "{text}"
    );
    let (json, _) = run(&["explain", "--repo", &repo, "--output", "json"], b"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json.pointer("/next/candidateVersion"), Some(&"1.2.0-rc.1".into()));
    for wrong in [["--revision", "nothing"], ["--since", "v9.9.9"], ["--plan", "/does/not/exist"]] {
        assert_eq!(run(&["explain", "--repo", &repo, wrong[0], wrong[1]], b"").1, 2, "{wrong:?}");
    }
    assert_eq!(run(&["explain", "--repo", "/does/not/exist"], b"").1, 2);
    assert!(whole(&["next", "--repo", &repo, "--revision", ""], b"").1.contains("--revision: is empty"));
}

#[test]
fn a_past_is_replayed() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    let (json, status) = run(&["replay", "--repo", &repo, "--output", "json"], b"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status, 0);
    let results: Vec<_> =
        json["releases"].as_array().unwrap().iter().map(|row| row["result"].as_str().unwrap().to_owned()).collect();
    assert_eq!(results, ["Exact", "TooLow", "TooHigh"]);
    assert_eq!((json["sums"]["falseMajors"].clone(), json["sums"]["disputed"].clone()), (1.into(), 1.into()));
    let (text, _) = run(&["replay", "--repo", &repo, "--since", "v1.0.1"], b"");
    assert!(text.contains("TooLow   v1.1.0") && text.contains("2 releases: 0 exact, 1 too high, 1 too low"), "{text}");
}

#[test]
fn a_refused_release_of_the_past_counts_and_says_why() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    let plan = dir.path().join("plan.yaml");
    std::fs::write(&plan, "spec: {version: {onDisputed: Fail}}\n").unwrap();
    let plan = plan.to_string_lossy().into_owned();
    let (json, _) = run(&["replay", "--repo", &repo, "--plan", &plan, "--output", "json"], b"");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let of =
        |field: &str| json["releases"].as_array().unwrap().iter().map(|row| row[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("result"), ["Exact", "Refused", "TooHigh"]);
    assert_eq!(of("commits"), [1, 1, 1]);
    assert_eq!((&json["sums"]["releases"], &json["sums"]["refused"]), (&3.into(), &1.into()));
    assert!(json["releases"][1]["why"][0].as_str().unwrap().starts_with("spec.version.onDisputed: "), "{json}");
}

#[test]
fn a_past_that_cannot_be_replayed_is_no_empty_answer() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    let (out, said, status) = whole(&["replay", "--repo", &repo, "--since", "v9.9.9"], b"");
    assert!(status == 2 && out.is_empty() && said.contains("--since v9.9.9: there is no such tag"), "{said}");
    let empty = tempfile::tempdir().unwrap();
    let (_, said, status) = whole(&["next", "--repo", &empty.path().to_string_lossy()], b"");
    assert!(status == 2 && said.contains("is no git repository; name a clone"), "{said}");
    git(empty.path(), &["init", "--quiet"]);
    let (_, said, status) = whole(&["replay", "--repo", &empty.path().to_string_lossy()], b"");
    assert!(status == 2 && said.contains("HEAD is no commit"), "{said}");
}

#[test]
fn a_refusal_says_which_field_and_what_to_do() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    let plan = dir.path().join("plan.yaml");
    std::fs::write(&plan, "spec: {version: {line: 1.1.x}}\n").unwrap();
    let plan = plan.to_string_lossy().into_owned();
    let (out, said, status) = whole(&["next", "--repo", &repo, "--plan", &plan], b"");
    assert_eq!((out.as_str(), status), ("refuse\n", 1));
    assert!(said.starts_with("refused: spec.version.line"), "{said}");
    let (out, _) = run(&["next", "--repo", &repo, "--plan", &plan, "--output", "json"], b"");
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(json["version"] == "refuse" && json["reason"].as_str().unwrap().starts_with("spec.version.line"), "{json}");
}

#[test]
fn no_message_commands_the_terminal() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    let message = "feat: \u{1b}[31mred\u{1b}]0;title\u{7} \u{202e}turned";
    git(dir.path(), &["commit", "--quiet", "--allow-empty", "-m", message]);
    git(dir.path(), &["tag", "v1.1.2"]);
    let texts = [
        run(&["explain", "--repo", &repo, "--since", "v1.1.1"], b"").0,
        run(&["replay", "--repo", &repo], b"").0,
        run(&["level", "--explain"], message.as_bytes()).0,
    ];
    for text in texts {
        assert!(text.contains("[31mred") && !text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

#[test]
fn a_plan_file_that_cannot_be_used_is_refused_with_the_field() {
    let dir = clone();
    let repo = dir.path().to_string_lossy().into_owned();
    let plan = dir.path().join("plan.yaml");
    let path = plan.to_string_lossy().into_owned();
    for (section, field) in [
        ("{tagformat: 'x{version}'}", "spec.version.tagformat"),
        ("{git: {url: x, banch: main}}", "spec.version.git.banch"),
        ("{policy: Explicit}", "spec.version.policy"),
        ("{paths: [a, ../b]}", "spec.version.paths"),
    ] {
        std::fs::write(&plan, format!("spec: {{version: {section}}}\n")).unwrap();
        let (out, said, status) = whole(&["next", "--repo", &repo, "--plan", &path], b"");
        assert!(status == 2 && out.is_empty() && said.contains(&format!("{field}: ")), "{section}: {said}");
    }
}

/// Forms that a repository comes in: its folders, a bare one, one with a second work tree, one without commits, one without its past.
#[test]
fn every_form_of_a_clone_is_read_or_refused_with_what_to_do() {
    let dir = clone();
    let at = dir.path();
    let next = |repo: &std::path::Path| whole(&["next", "--repo", repo.to_str().unwrap()], b"");
    let other = tempfile::tempdir().unwrap();
    let [bare, tree, shallow, empty] = ["bare", "tree", "shallow", "empty"].map(|name| other.path().join(name));
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    git(at, &["clone", "--quiet", "--bare", ".", &text(&bare)]);
    git(at, &["worktree", "add", "--quiet", "--detach", &text(&tree)]);
    std::fs::create_dir(at.join("below")).unwrap();
    for repo in [at, &bare, &tree, &at.join("below")] {
        assert_eq!(next(repo).0, "1.2.0\n", "{}", repo.display());
    }
    git(at, &["clone", "--quiet", "--depth", "1", &format!("file://{}", text(at)), &text(&shallow)]);
    let (out, why, status) = next(&shallow);
    assert!(out.is_empty() && status == 2 && why.contains("git fetch --unshallow"), "{why}");
    git(at, &["init", "--quiet", &text(&empty)]);
    let (out, why, status) = next(&empty);
    assert!(out.is_empty() && status == 2 && why.contains("HEAD is no commit"), "{why}");
}

#[test]
fn a_component_counts_what_lies_in_its_folders_and_folders_outside_are_refused() {
    let dir = clone();
    let at = dir.path();
    let with = |path: &str| {
        let file = at.join("plan.yaml");
        let plan = format!("spec: {{version: {{policy: ConventionalCommits, paths: [{path:?}]}}}}");
        std::fs::write(&file, plan).unwrap();
        whole(&["next", "--repo", at.to_str().unwrap(), "--plan", file.to_str().unwrap(), "--output", "json"], b"")
    };
    git(at, &["tag", "v1.2.0"]);
    for (path, message) in [("one/a", "fix: one"), ("two/a", "feat: two")] {
        std::fs::create_dir_all(at.join(path).parent().unwrap()).unwrap();
        std::fs::write(at.join(path), message).unwrap();
        git(at, &["add", path]);
        git(at, &["commit", "--quiet", "-m", message]);
    }
    for (path, version) in [("one", "1.2.1"), ("./one/", "1.2.1"), ("two/a", "1.3.0"), (".", "1.3.0"), ("on", "none")] {
        let (out, why, _) = with(path);
        assert!(out.contains(&format!("\"version\":\"{version}\"")), "{path}: {out}{why}");
    }
    for path in ["/one", "../one", "one/../../two", ".."] {
        let (out, why, status) = with(path);
        assert!(out.is_empty() && status == 2, "{path}: {out}");
        assert!(why.contains("spec.version.paths") && why.contains(&format!("{path:?}")), "{why}");
    }
}

/// Writes files, commits them, and tags the commit where a tag is named.
fn commit(at: &std::path::Path, message: &str, files: &[&str], tag: &str) {
    for file in files {
        std::fs::create_dir_all(at.join(file).parent().unwrap()).unwrap();
        std::fs::write(at.join(file), message).unwrap();
        git(at, &["add", file]);
    }
    git(at, &["commit", "--quiet", "--allow-empty", "-m", message]);
    if !tag.is_empty() {
        git(at, &["tag", tag]);
    }
}

/// The version of a component, asked for in a folder of the clone.
fn component(at: &std::path::Path, below: &str, path: &str) -> String {
    let file = at.join("plan.yaml");
    std::fs::write(&file, format!("spec: {{version: {{policy: ConventionalCommits, paths: [{path:?}]}}}}")).unwrap();
    run(&["next", "--repo", at.join(below).to_str().unwrap(), "--plan", file.to_str().unwrap()], b"").0
}

/// A side branch left before the component last changed, touched something else, and came back after the tag.
#[test]
fn a_merge_that_brings_a_component_nothing_is_no_change_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    git(at, &["init", "--quiet"]);
    commit(at, "feat: both", &["a/x", "b/x"], "");
    git(at, &["checkout", "--quiet", "-b", "side"]);
    commit(at, "fix: b alone", &["b/y"], "");
    git(at, &["checkout", "--quiet", "main"]);
    commit(at, "fix: a", &["a/x"], "v1.0.0");
    git(at, &["merge", "--quiet", "--no-edit", "side"]);
    assert_eq!((component(at, "", "a").as_str(), component(at, "", "b").as_str()), ("none\n", "1.0.1\n"));
    // A merge that changes the component by itself does count.
    git(at, &["checkout", "--quiet", "-b", "other"]);
    commit(at, "docs: b", &["b/z"], "");
    git(at, &["checkout", "--quiet", "main"]);
    commit(at, "docs: c", &["c/x"], "");
    git(at, &["merge", "--quiet", "--no-commit", "--no-ff", "other"]);
    commit(at, "fix: a in a merge", &["a/x"], "");
    assert_eq!(component(at, "", "a"), "1.0.1\n");
}

#[test]
fn paths_count_from_the_top_whatever_folder_is_named() {
    let dir = clone();
    let at = dir.path();
    git(at, &["tag", "v1.2.0"]);
    commit(at, "feat: a", &["one/two/a"], "");
    for below in ["", "one", "one/two"] {
        assert_eq!(component(at, below, "one/two"), "1.3.0\n", "{below}");
    }
}

#[test]
fn a_clones_own_settings_change_no_answer() {
    let dir = clone();
    let at = dir.path();
    for (name, value) in [("log.showSignature", "true"), ("i18n.logOutputEncoding", "UTF-16"), ("log.decorate", "full")]
    {
        git(at, &["config", name, value]);
    }
    let (out, why, status) = whole(&["next", "--repo", at.to_str().unwrap()], b"");
    assert_eq!((out.as_str(), status), ("1.2.0\n", 0), "{why}");
}

/// The commits' hashes say nothing of which tag is the nearest.
#[test]
fn of_tags_that_differ_in_build_metadata_the_nearest_is_the_base() {
    for try_ in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        git(at, &["init", "--quiet"]);
        commit(at, &format!("feat: start {try_}"), &[], "v1.0.0");
        commit(at, "feat: a", &[], "v1.1.0+one");
        commit(at, "feat!: b", &[], "v1.1.0+two");
        commit(at, "fix: c", &[], "");
        assert_eq!(run(&["next", "--repo", at.to_str().unwrap()], b"").0, "1.1.1\n");
    }
}

#[test]
fn tags_that_only_look_like_versions_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    git(at, &["init", "--quiet"]);
    commit(at, "feat: a", &[], "k8s-1.2.3");
    let repo = at.to_str().unwrap();
    for command in ["next", "replay"] {
        let (_, why, status) = whole(&[command, "--repo", repo], b"");
        assert!(status == 0 && why.contains("\"k8s-1.2.3\"") && why.contains("--tag-format"), "{command}: {why}");
    }
    let (_, why, _) = whole(&["next", "--repo", repo, "--tag-format", "k8s-{version}"], b"");
    assert_eq!(why, "");
}

#[test]
fn a_path_that_is_not_there_is_named() {
    let dir = clone();
    let at = dir.path();
    commit(at, "feat: a", &["one/a"], "");
    let file = at.join("plan.yaml");
    for (path, said) in [("one", false), ("one/a", false), (".", false), ("two", true), ("o*", true), ("one/b", true)] {
        std::fs::write(&file, format!("spec: {{version: {{policy: ConventionalCommits, paths: [{path:?}]}}}}"))
            .unwrap();
        let (_, why, status) = whole(&["next", "--repo", at.to_str().unwrap(), "--plan", file.to_str().unwrap()], b"");
        assert_eq!((why.contains(&format!("{path:?} is not there")), status), (said, 0), "{path}: {why}");
    }
}

/// What a terminal would obey is shown, on both streams and as JSON too.
#[test]
fn nothing_of_a_message_steers_a_terminal() {
    let dir = clone();
    let at = dir.path();
    git(at, &["commit", "--quiet", "--allow-empty", "-m", "feat: \u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}1m\u{202e}x"]);
    let repo = at.to_str().unwrap();
    for args in [["explain", "--repo", repo, "--output=text"], ["explain", "--repo", repo, "--output=json"]] {
        let (out, _, _) = whole(&args, b"");
        assert!(
            out.contains("owned") && !out.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'),
            "{out:?}"
        );
    }
    let (_, why, status) = whole(&["next", "--json", "-"], b"{\"\\u001b[2Jx\":1,\"head\":\"b\"}");
    assert!(status == 2 && why.contains("\\u001b[2Jx") && !why.contains('\u{1b}'), "{why:?}");
}

#[test]
fn what_has_no_end_is_not_read_to_its_end() {
    for args in [["next", "--plan", "/dev/zero"], ["next", "--json", "/dev/zero"]] {
        let (out, why, status) = whole(&args, b"");
        assert!(out.is_empty() && status == 2 && why.contains("longer than"), "{why}");
    }
}

#[test]
fn what_was_answered_before_a_bad_line_is_answered() {
    let (out, why, status) = whole(&["level", "--jsonl"], b"{\"id\":1,\"message\":\"feat: x\"}\n{\"id\":2}\n");
    assert!(status == 2 && out.contains("\"minor\"") && why.contains("line 2"), "{out}{why}");
    let good = range("{}", "[]", "feat: x");
    let (out, why, status) = whole(&["next", "--jsonl"], format!("{good}\n{{}}\n").as_bytes());
    assert!(status == 2 && out.contains("\"1.4.0\"") && why.contains("line 2"), "{out}{why}");
}

#[test]
fn a_field_that_nobody_knows_is_refused_and_not_passed_over() {
    let good = range("{}", "[]", "feat: a");
    for (from, to, field) in [
        ("\"commits\"", "\"comits\"", "comits"),
        ("\"tags\"", "\"tag\"", "tag: "),
        ("\"parents\"", "\"parent\"", "commits[0].parent"),
        ("\"ancestor\"", "\"ancestr\"", "tags[0].ancestr"),
    ] {
        let (out, why, status) = whole(&["next", "--json", "-"], good.replacen(from, to, 1).as_bytes());
        assert!(out.is_empty() && status == 2 && why.contains(field), "{field}: {out}{why}");
    }
}

#[test]
fn a_policy_word_that_nobody_knows_is_refused_and_not_passed_over() {
    for (policy, field) in [
        (r#"{"minimumLevl":"patch"}"#, "policy.minimumLevl"),
        (r#"{"channel":"beta"}"#, "policy.channel"),
        (r#"{"notes":{"sectoins":[]}}"#, "policy.notes.sectoins"),
    ] {
        let (out, why, status) = whole(&["next", "--json", "-"], range(policy, "[]", "feat: a").as_bytes());
        assert!(out.is_empty() && status == 2 && why.contains(field), "{policy}: {out}{why}");
    }
}
