//! What is carried over, and what is named because it is not.

use std::fs;

use serde_json::json;

use super::*;

mod cliff;
mod package_json;
mod semantic_release;
mod versionrc;

fn of(name: &str, text: &str) -> Vec<Imported> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    let (path, all) = import(folder.path()).unwrap();
    assert!(path.ends_with(name));
    for one in &all {
        // What is printed is a section that the operator would take.
        let mut value: Value = serde_saphyr::from_str(&shown(&path, one).unwrap()).unwrap();
        if value["version"].get("git").is_none() {
            value["version"]["git"] = json!({"url": "https://git.example/app"});
        }
        let section = serde_json::from_value(value["version"].clone()).unwrap();
        seaworthy_api::convert::release::version_policy(&section).unwrap();
        seaworthy_api::convert::release::notes(&section).unwrap();
    }
    all
}

fn leaves(one: &Imported, start: &str) -> bool {
    one.left.iter().any(|line| line.starts_with(start))
}

#[test]
fn semantic_release_in_every_place_that_it_is_read_from() {
    let json = r#"{"tagFormat": "app-${version}", "repositoryUrl": "https://git.example/app.git",
        "branches": ["main", "1.x", {"name": "next", "prerelease": true}],
        "plugins": [["@semantic-release/commit-analyzer", {"preset": "conventionalcommits", "releaseRules": [
            {"type": "docs", "release": "patch"}, {"type": "perf", "release": false},
            {"type": "fix", "scope": "x", "release": "minor"}]}],
          ["@semantic-release/release-notes-generator", {"presetConfig": {"types": [
            {"type": "feat", "section": "Features"}, {"type": "chore", "section": "Hidden", "hidden": true}]}}],
          "@semantic-release/npm", ["@semantic-release/git", {"assets": []}]]}"#;
    let one = of(".releaserc", json).remove(0);
    assert_eq!(one.version["tagFormat"], "app-{version}");
    let types = json!({"feat": "Minor", "fix": "Patch", "perf": "None", "revert": "Patch", "docs": "Patch"});
    assert_eq!(one.version["types"], types);
    assert_eq!(one.version["notes"], json!({"sections": [{"title": "Features", "types": ["feat"]}]}));
    assert_eq!((&one.version["minimumLevel"], &one.version["breakingBeforeV1"]), (&json!("None"), &json!("Major")));
    for start in [
        "branches: 1.x: make a plan",
        "branches: next",
        "branches: main",
        "releaseRules: ",
        "@semantic-release/npm",
        "@semantic-release/git",
    ] {
        assert!(leaves(&one, start), "{start}: {:?}", one.left);
    }
    let package = format!(r#"{{"name": "app", "release": {json}}}"#);
    assert_eq!(of("package.json", &package), [one]);
    assert_eq!(of(".releaserc.yaml", "tagFormat: v${version}\n").remove(0).version["tagFormat"], "v{version}");
}

#[test]
fn options_of_semantic_release_itself_are_those_of_its_plugins() {
    let yaml = "releaseRules: [{type: docs, release: patch}]\npresetConfig: {types: [{type: feat, section: New}]}\nparserOpts: {}\n";
    let one = of(".releaserc", yaml).remove(0);
    assert_eq!(one.version["types"]["docs"], "Patch");
    assert_eq!(one.version["notes"]["sections"][0]["title"], "New");
    assert!(leaves(&one, "parserOpts: messages are read") && !leaves(&one, "releaseRules: {"));
}

#[test]
fn release_please_makes_a_plan_of_each_package() {
    let text = r#"{"bump-minor-pre-major": true, "release-as": "3.0.0",
        "changelog-sections": [{"type": "deps", "section": "Dependencies"}],
        "packages": {".": {"release-type": "node"}, "crates/one": {"component": "one", "include-v-in-tag": false},
          "two": {"package-name": "@org/two", "tag-separator": "/"}}}"#;
    let all = of("release-please-config.json", text);
    let formats: Vec<&Value> = all.iter().map(|one| &one.version["tagFormat"]).collect();
    assert_eq!(formats, [&json!("v{version}"), &json!("one-{version}"), &json!("two/v{version}")]);
    assert_eq!(all[1].version["paths"], json!(["crates/one"]));
    for one in &all {
        assert!(one.version["breakingBeforeV1"] == "Minor" && leaves(one, "release-as: a version is forced"));
    }
    assert!(leaves(&all[0], "release-type"));
}

/// As `npm init` and the tools' own pages propose them: nothing of them is lost in silence.
#[test]
fn usual_settings_are_read_and_what_is_left_is_named() {
    let yaml = r#"
# .releaserc.yml
branches: ["+([0-9])?(.{+([0-9]),x}).x", main, {name: beta, prerelease: true}]
plugins:
  - ["@semantic-release/commit-analyzer", {preset: angular, parserOpts: {noteKeywords: [BREAKING]}}]
  - "@semantic-release/release-notes-generator"
  - ["@semantic-release/changelog", {changelogFile: CHANGELOG.md}]
  - ["@semantic-release/npm", {npmPublish: false}]
  - ["@semantic-release/git", {message: "chore(release): ${nextRelease.version}"}]
  - "@semantic-release/github"
"#;
    let one = of(".releaserc.yml", yaml).remove(0);
    for start in [
        "preset: angular",
        "@semantic-release/commit-analyzer: parserOpts",
        "@semantic-release/changelog",
        "@semantic-release/npm",
        "@semantic-release/git",
        "@semantic-release/github",
        "branches: beta",
        "branches: +([0-9])?(.{+([0-9]),x}).x: for each such line make a plan of its own with version.line",
        "repositoryUrl",
    ] {
        assert!(leaves(&one, start), "{start}: {:?}", one.left);
    }
    let package = r#"{"name": "app", "version": "1.0.0", "commit-and-tag-version": {
        "types": [{"type": "feat", "section": "Features"}, {"type": "chore", "hidden": true}],
        "skip": {"commit": true}, "scripts": {"postbump": "make"}}}"#;
    let one = of("package.json", package).remove(0);
    assert_eq!(one.version["notes"]["sections"], json!([{"title": "Features", "types": ["feat"]}]));
    assert!(leaves(&one, "skip") && leaves(&one, "scripts"), "{:?}", one.left);
}

#[test]
fn a_manifest_is_compared_with_tags() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("release-please-config.json", r#"{"packages": {"one": {"component": "one"}, "two": {"component": "two"}}}"#);
    write(".release-please-manifest.json", r#"{"one": "1.4.0"}"#);
    let (_, all) = import(folder.path()).unwrap();
    assert!(leaves(&all[0], ".release-please-manifest.json: says 1.4.0; here tags do: see that one-v1.4.0 is there"));
    assert!(!leaves(&all[1], ".release-please-manifest.json"), "{:?}", all[1].left);
    write(".release-please-manifest.json", "{ not closed");
    assert_eq!(import(folder.path()).unwrap_err().code, Code::Unusable);
}

#[test]
fn cliff_and_versionrc_bring_their_sections() {
    let text = r#"
[changelog]
body = "{{ version }}"
[git]
tag_pattern = "v[0-9].*"
commit_parsers = [
  { message = "^feat", group = "<!-- 0 -->Features" },
  { message = "^fix(\\(.*\\))?", group = "Fixes", default_scope = "app" },
  { message = "^chore", skip = true },
  { body = ".*security", group = "Security" },
  { message = ".*", group = "Other" },
]
[bump]
initial_tag = "v0.1.0"
breaking_always_bump_major = false
"#;
    let one = of("cliff.toml", text).remove(0);
    let titles: Vec<&Value> =
        one.version["notes"]["sections"].as_array().unwrap().iter().map(|s| &s["title"]).collect();
    assert_eq!(titles, ["Features", "Fixes", "Other"]);
    assert_eq!((&one.version["initialVersion"], &one.version["tagFormat"]), (&json!("0.1.0"), &json!("v{version}")));
    for start in ["changelog.body", "git.tag_pattern", "git.commit_parsers: ", "git.commit_parsers: scope \"app\""] {
        assert!(leaves(&one, start), "{start}: {:?}", one.left);
    }
    let rc = r#"{"types": [{"type": "feat", "section": "Features"}, {"type": "fix", "section": "Features"}],
        "tagPrefix": "rel/", "skip": {"tag": true}}"#;
    let one = of(".versionrc", rc).remove(0);
    assert_eq!(one.version["notes"]["sections"], json!([{"title": "Features", "types": ["feat", "fix"]}]));
    assert_eq!(one.version["tagFormat"], "rel/{version}");
    assert!(leaves(&one, "skip: no commit goes back"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let why = || import(folder.path()).unwrap_err().message;
    assert!(why().contains("none of .releaserc"), "{}", why());
    write("package.json", r#"{"name": "app"}"#);
    assert!(why().contains("has none of `release`"), "{}", why());
    for name in ["release.config.js", "release.config.cjs", "release.config.mjs"] {
        write(name, "export default {}");
        let said = import(&folder.path().join(name)).unwrap_err();
        assert_eq!(said.code, Code::Failed);
        let command = format!("import(\"./{name}\")");
        assert!(said.message.contains(&command) && said.message.ends_with("> .releaserc.json"), "{}", said.message);
    }
    write(".versionrc.js", "module.exports = {}");
    let said = import(&folder.path().join(".versionrc.js")).unwrap_err().message;
    assert!(said.ends_with("> .versionrc.json"), "{said}");
    assert!(why().contains("is a program, which is not run here"), "{}", why());
    write(".releaserc", "{ not closed");
    assert_eq!(import(&folder.path().join(".releaserc")).unwrap_err().code, Code::Unusable);
    write("other.json", r#"{"a": 1}"#);
    assert!(import(&folder.path().join("other.json")).unwrap_err().message.contains("none of the tools' settings"));
}

/// What a tool does where its settings are silent is carried over as well.
#[test]
fn the_tools_own_defaults_are_carried_over() {
    let cliff = |text: &str| of("cliff.toml", text).remove(0);
    assert_eq!(cliff("[git]\nconventional_commits = true\n").version["breakingBeforeV1"], "Major");
    assert_eq!(cliff("[bump]\nbreaking_always_bump_major = false\n").version["breakingBeforeV1"], "Minor");

    let root = of("release-please-config.json", r#"{"packages": {".": {"component": "app"}}}"#).remove(0);
    assert_eq!(root.version["tagFormat"], "app-v{version}");
    let unnamed = of("release-please-config.json", r#"{"packages": {".": {}}}"#).remove(0);
    assert!(unnamed.version["tagFormat"] == "v{version}" && leaves(&unnamed, "component: is not given"));

    let shown = r#"{"packages": {".": {}}, "changelog-sections": [{"type": "feat", "section": "Features"},
        {"type": "docs", "section": "Documentation"}, {"type": "perf", "section": "Speed", "hidden": true}]}"#;
    let types = of("release-please-config.json", shown).remove(0).version["types"].clone();
    assert_eq!((&types["feat"], &types["docs"], &types["perf"]), (&json!("Minor"), &json!("Patch"), &json!("None")));
    assert_eq!(types["fix"], "None", "a fix that no section shows releases nothing");

    for silent in ["{}", r#"{"preset": {"name": "conventionalcommits"}, "types": []}"#] {
        let preset = of(".versionrc", silent).remove(0);
        assert!(
            preset.version["breakingBeforeV1"] == "Minor" && leaves(&preset, "preMajor: is on"),
            "{:?}",
            preset.left
        );
    }
    assert_eq!(of(".versionrc", r#"{"preset": "angular"}"#).remove(0).version["breakingBeforeV1"], "Major");
}

#[test]
fn a_first_tag_that_is_no_final_version_is_named_and_not_carried_over() {
    let one = of("cliff.toml", "[bump]\ninitial_tag = \"release-v2-1.0.0-rc.1\"\n").remove(0);
    assert!(one.version.get("initialVersion").is_none() && leaves(&one, "bump.initial_tag"), "{:?}", one.left);
    let one = of("cliff.toml", "[bump]\ninitial_tag = \"app-0.3.0\"\n").remove(0);
    assert_eq!((&one.version["initialVersion"], &one.version["tagFormat"]), (&json!("0.3.0"), &json!("app-{version}")));
}

#[test]
fn what_release_please_releases_depends_on_the_language() {
    let of_type = |kind: &str| of("release-please-config.json", &format!(r#"{{"release-type": "{kind}"}}"#)).remove(0);
    for (kind, docs, named) in [
        ("node", false, true),
        ("python", true, false),
        ("java-yoshi", true, false),
        ("ruby-yoshi", true, true),
        ("rust", false, true),
    ] {
        let one = of_type(kind);
        assert_eq!(one.version["types"].get("docs") == Some(&json!("Patch")), docs, "{kind}");
        assert_eq!(leaves(&one, "type deps: "), named, "{kind}: {:?}", one.left);
    }
    assert_eq!(of_type("php").version["types"]["chore"], "Patch");
    let text = r#"{"packages": {".": {"initial-version": "1.0.0-beta.1", "component": "a b",
        "changelog-sections": [{"type": "feature", "section": "New"}]}}}"#;
    let one = of("release-please-config.json", text).remove(0);
    assert!(
        one.version.get("initialVersion").is_none() && leaves(&one, "initial-version: \"1.0.0-beta.1\""),
        "{:?}",
        one.left
    );
    assert!(one.version.get("tagFormat").is_none() && leaves(&one, "tag-separator: "), "{:?}", one.left);
    assert_eq!((&one.version["types"]["feature"], &one.version["types"]["feat"]), (&json!("Minor"), &json!("None")));
}

/// Where it begins is a version, too: what a tool does by itself is carried over or named.
#[test]
fn what_the_tools_do_without_being_told_is_not_lost() {
    for (kind, first) in [("python", "0.1.0"), ("rust", "0.1.0"), ("java-lts", "0.1.0"), ("node", "1.0.0")] {
        let config = format!(r#"{{"release-type": "{kind}", "packages": {{".": {{"package-name": "foo"}}}}}}"#);
        let one = of("release-please-config.json", &config).remove(0);
        assert_eq!(one.version["initialVersion"], json!(first), "{kind}");
    }
    let fixed = r#"{"release-type": "python", "initial-version": "2.0.0", "packages": {".": {}}}"#;
    let one = of("release-please-config.json", fixed).remove(0);
    assert!(one.version["initialVersion"] == json!("0.1.0") && leaves(&one, "initial-version: is not looked at"));
    let one = of(".releaserc", r#"{"plugins": ["@semantic-release/commit-analyzer"]}"#).remove(0);
    assert!(
        leaves(&one, "branches: are not given") && one.left.iter().any(|l| l.contains("version.line")),
        "{:?}",
        one.left
    );
}
