//! standard-version and commit-and-tag-version.

use super::*;

fn rc(text: &str) -> Imported {
    of(".versionrc", text).remove(0)
}

#[test]
fn each_setting_that_stays_behind_has_its_own_remedy() {
    let rows = [
        ("releaseAs: minor", "releaseAs: minor: a version is forced in Release.spec.version"),
        ("releaseAs: 2.0.0", "releaseAs: 2.0.0: a version is forced in Release.spec.version"),
        ("prerelease: beta", "prerelease: beta: every Release is a candidate first"),
        ("prerelease: true", "prerelease: every Release is a candidate first"),
        (
            "firstRelease: true",
            "firstRelease: tags the version in package.json as it is: write it into version.initialVersion",
        ),
        ("commitAll: true", "commitAll: no commit goes back"),
        ("noVerify: true", "noVerify: no commit goes back"),
        ("signoff: true", "signoff: no commit goes back"),
        ("releaseCommitMessageFormat: x", "releaseCommitMessageFormat: no commit goes back"),
        ("sign: true", "sign: there is no commit to sign; publish.task signs the tag"),
        ("tagForce: true", "tagForce: a tag is never replaced"),
        ("gitTagFallback: false", "gitTagFallback: versions come from tags alone"),
        ("lernaPackage: app", "lernaPackage: app: tags such as package@1.0.0"),
        ("packageFiles: []", "packageFiles: no commit goes back to the branch and versions come from tags"),
        ("bumpFiles: []", "bumpFiles: no commit goes back to the branch and versions come from tags"),
        ("scripts: {prebump: x}", "scripts: tasks of the plan do that; for a version that prebump prints"),
        ("skip: {tag: true}", "skip: no commit goes back to the branch; publish.task tags"),
        ("infile: NEWS.md", "infile: notes are of one version"),
        ("header: x", "header: write a template"),
        ("issuePrefixes: ['#']", "issuePrefixes: links come from"),
        ("parserOpts: {}", "parserOpts: messages are read"),
        ("dryRun: true", "dryRun: `kubectl seaworthy plan`"),
        ("config: other.json", "config: names another file"),
        ("tagPrefix: 1", "tagPrefix: is not of the form"),
        ("tagPrefix: 'a b'", "tagPrefix: \"a b{version}\" is no tag name"),
        ("types: feat", "types: is not of the form"),
        ("path: ../app", "path: \"../app\": write the component's folder"),
        ("path: .", "path: \".\": write the component's folder"),
        ("path: 'packages/*'", "path: \"packages/*\": write the component's folder"),
        ("path: /srv/app", "path: \"/srv/app\": write the component's folder"),
        ("npmPublishHint: x", "npmPublishHint: is not about the version"),
        ("preMajor: true", "preMajor: true: lowers each level by one"),
    ];
    for (setting, start) in rows {
        let one = rc(&format!("{{{setting}}}"));
        assert!(leaves(&one, start), "{setting}: {:?}", one.left);
        assert!(one.version.get("tagFormat").is_none() && one.version.get("paths").is_none(), "{setting}");
    }
    let nothing = rc("{}").left;
    for flag in
        ["firstRelease", "prerelease", "commitAll", "sign", "signoff", "noVerify", "tagForce", "dryRun", "silent"]
    {
        assert_eq!(rc(&format!("{{{flag}: false}}")).left, nothing, "{flag}: off is what it is anyway");
    }
}

#[test]
fn a_folder_is_the_components_path() {
    for path in ["packages/app", "./packages/app/"] {
        let one = rc(&format!("{{path: {path}}}"));
        assert_eq!(one.version["paths"], json!(["packages/app"]), "{path}");
        assert!(leaves(&one, "path: is seen from where the tool runs"), "{:?}", one.left);
    }
    assert_eq!(rc("{tagPrefix: ''}").version["tagFormat"], "{version}");
}

#[test]
fn a_preset_says_which_types_are_features() {
    let rows = [
        ("{}", json!("Minor"), ""),
        ("{preset: conventionalcommits}", json!("Minor"), ""),
        ("{preset: /x/node_modules/conventional-changelog-conventionalcommits/index.js}", json!("Minor"), ""),
        ("{preset: {name: conventionalcommits}}", json!("Minor"), ""),
        ("{preset: angular}", Value::Null, "preset: angular: does not know `!`"),
        ("{preset: conventional-changelog-angular}", Value::Null, "preset: angular: does not know `!`"),
        ("{preset: {name: eslint}}", Value::Null, "preset: eslint: other conventions"),
    ];
    for (text, feature, start) in rows {
        let one = rc(text);
        let types = &one.version["types"];
        assert_eq!(
            (types.get("feature").cloned().unwrap_or_default(), &types["feat"]),
            (feature, &json!("Minor")),
            "{text}"
        );
        assert_eq!(one.version["minimumLevel"], "Patch", "{text}");
        assert_eq!(leaves(&one, "preset: "), !start.is_empty(), "{text}: {:?}", one.left);
        assert!(start.is_empty() || leaves(&one, start), "{text}: {:?}", one.left);
    }
    let one = rc("{preset: angular, types: [{type: feat, section: New}]}");
    assert!(leaves(&one, "types: has no effect there beside preset"), "{:?}", one.left);
    assert!(!leaves(&rc("{types: [{type: feat, section: New}]}"), "types: has no effect"));
}

#[test]
fn no_bump_without_a_feature_or_a_fix_is_carried_over() {
    let one = rc("{noBumpWhenEmptyChanges: true}");
    let types = json!({"feat": "Minor", "feature": "Minor", "fix": "Patch", "perf": "None", "revert": "None"});
    assert_eq!((&one.version["types"], &one.version["minimumLevel"]), (&types, &json!("None")));
    assert!(!leaves(&one, "noBumpWhenEmptyChanges"), "{:?}", one.left);
    let one = rc("{preset: {name: conventionalcommits, bumpStrict: true}}");
    assert!(one.version["minimumLevel"] == "Patch" && leaves(&one, "bumpStrict: is not known"), "{:?}", one.left);
}
