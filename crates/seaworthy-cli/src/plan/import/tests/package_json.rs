//! package.json: which key is read, and what a preset alone says.

use super::*;

fn package(text: &str) -> Imported {
    of("package.json", text).remove(0)
}

fn refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("package.json"), text).unwrap();
    let failure = import(folder.path()).unwrap_err();
    assert_eq!(failure.code, Code::Failed, "{text}");
    failure.message
}

#[test]
fn a_preset_that_is_only_named_gives_its_levels() {
    for key in ["changelog", "conventional-changelog"] {
        let one = package(&format!(r#"{{"{key}": {{"preset": "angular"}}}}"#));
        let types = json!({"feat": "Minor", "fix": "Patch", "perf": "Patch", "revert": "Patch"});
        assert_eq!((&one.version["types"], &one.version["minimumLevel"]), (&types, &json!("Patch")), "{key}");
        // Only the programs of standard-version turn preMajor on.
        assert!(one.version["breakingBeforeV1"] == "Major" && !leaves(&one, "preMajor"), "{key}: {:?}", one.left);
        assert!(leaves(&one, "preset: angular: does not know `!`"), "{key}: {:?}", one.left);

        let text = r#"{"preset": {"name": "conventionalcommits", "types": [{"type": "feat", "section": "New"}]}, "infile": "NEWS.md"}"#;
        let one = package(&format!(r#"{{"{key}": {text}}}"#));
        assert_eq!(
            (&one.version["types"]["feature"], &one.version["breakingBeforeV1"]),
            (&json!("Minor"), &json!("Major"))
        );
        assert_eq!(one.version["notes"]["sections"], json!([{"title": "New", "types": ["feat"]}]));
        assert!(leaves(&one, "infile") && !leaves(&one, "preset"), "{:?}", one.left);
    }
    let one = package(r#"{"changelog": {"preset": {"name": "conventionalcommits", "preMajor": true}}}"#);
    assert!(one.version["breakingBeforeV1"] == "Minor" && leaves(&one, "preMajor: true"), "{:?}", one.left);
    let one = package(r#"{"standard-version": {}}"#);
    assert!(one.version["breakingBeforeV1"] == "Minor" && leaves(&one, "preMajor: is on"), "{:?}", one.left);
}

#[test]
fn a_strict_preset_releases_only_what_it_shows() {
    let text = r#"{"changelog": {"preset": {"name": "conventionalcommits", "bumpStrict": true, "types": [
        {"type": "feat", "section": "New"}, {"type": "docs", "section": "Docs"}, {"type": "perf", "hidden": true}]}}}"#;
    let one = package(text);
    let types = json!({"feat": "Minor", "feature": "Minor", "fix": "Patch", "perf": "None", "revert": "Patch", "docs": "Patch"});
    assert_eq!((&one.version["types"], &one.version["minimumLevel"]), (&types, &json!("None")));
    assert!(leaves(&one, "bumpStrict: a type that is in no entry"), "{:?}", one.left);
}

#[test]
fn none_and_several_are_refused_with_the_keys_that_are_read() {
    let keys =
        ["`release`", "`commit-and-tag-version`", "`standard-version`", "`changelog`", "`conventional-changelog`"];
    for text in [
        r#"{"name": "app"}"#,
        r#"{"config": {"commitizen": {"path": "x"}}}"#,
        // Another tool's.
        r#"{"changelog": {"labels": {}}}"#,
        r#"{"changelog": "CHANGELOG.md"}"#,
        r#"{"release": true}"#,
    ] {
        let said = refused(text);
        assert!(keys.iter().all(|key| said.contains(key)) && said.contains("nothing to import"), "{text}: {said}");
    }
    let said = refused(r#"{"release": {}, "standard-version": {}, "changelog": {"preset": "angular"}}"#);
    let found = "has `release` and `standard-version` and `changelog`, and only one of them can be imported";
    assert!(said.contains(found) && said.contains("name that file"), "{said}");
}

#[test]
fn what_asks_for_messages_is_named() {
    let one = package(r#"{"config": {"commitizen": {"path": "x"}}, "release": {}}"#);
    assert!(leaves(&one, "config.commitizen: "), "{:?}", one.left);
    assert!(!leaves(&package(r#"{"config": {"port": 1}, "release": {}}"#), "config"));
}

#[test]
fn other_settings_in_the_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let beside = |name: &str| {
        let (_, all) = import(folder.path()).unwrap();
        all[0].left.iter().any(|line| line.contains(&format!("{name}: stands beside it and was not read")))
    };
    write(".releaserc", "{}");
    write("package.json", r#"{"name": "app"}"#);
    assert!(!beside("package.json") && !beside(".releaserc"));
    write("package.json", r#"{"standard-version": {}}"#);
    write("cliff.toml", "[git]\n");
    assert!(beside("package.json") && beside("cliff.toml"));
    // Several keys in one file are no settings, but are not lost either.
    fs::remove_file(folder.path().join(".releaserc")).unwrap();
    write("package.json", r#"{"standard-version": {}, "release": {}}"#);
    assert!(beside("package.json") && !beside("cliff.toml"));
}

#[test]
fn a_file_without_an_object_or_of_a_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in
        [(".releaserc", ""), (".releaserc", "- a"), (".versionrc", "true"), (".releaserc.yaml", "# nothing\n")]
    {
        fs::write(folder.path().join(name), text).unwrap();
        let said = import(&folder.path().join(name)).unwrap_err().message;
        assert!(said.contains("holds no settings"), "{name} {text}: {said}");
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".releaserc.cjs"), "module.exports = {}").unwrap();
    assert!(import(folder.path()).unwrap_err().message.contains("is a program"));
}
