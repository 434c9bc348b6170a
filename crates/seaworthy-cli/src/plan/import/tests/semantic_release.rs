//! semantic-release: what its steps are told, and where.

use super::*;

fn rc(text: &str) -> Imported {
    of(".releaserc", text).remove(0)
}

fn rules(rules: &str) -> Imported {
    rc(&format!("{{releaseRules: [{rules}]}}"))
}

#[test]
fn rules_of_one_type_are_levels() {
    let rows = [
        ("{type: docs, release: patch}", "docs", "Patch"),
        ("{type: refactor, release: major}", "refactor", "Major"),
        ("{type: fix, release: false}", "fix", "None"),
        ("{type: feat, release: null}", "feat", "None"),
        ("{type: feat, breaking: false, revert: false, release: patch}", "feat", "Patch"),
        ("{revert: true, release: minor}", "revert", "Minor"),
        // Of several, the highest counts, but no release puts down all before it.
        ("{type: docs, release: minor}, {type: docs, release: patch}", "docs", "Minor"),
        ("{type: docs, release: patch}, {type: docs, release: minor}", "docs", "Minor"),
        ("{type: docs, release: minor}, {type: docs, release: false}", "docs", "None"),
        ("{type: docs, release: false}, {type: docs, release: patch}", "docs", "Patch"),
        ("{type: docs, release: major}, {type: docs, release: false}", "docs", "Major"),
    ];
    for (text, kind, level) in rows {
        let one = rules(text);
        assert_eq!(one.version["types"][kind], level, "{text}");
        assert!(!leaves(&one, "releaseRules: {"), "{text}: {:?}", one.left);
    }
}

#[test]
fn a_rule_that_levels_cannot_say_is_named_with_its_reason() {
    let rows = [
        ("{scope: no-release, release: false}", "whatever the scope"),
        ("{type: fix, scope: x, release: minor}", "whatever the scope"),
        ("{type: 'feat!', release: major}", "a type has no `!`"),
        ("{type: '{docs,style}', release: patch}", "single types in lower case"),
        ("{type: FIX, release: patch}", "single types in lower case"),
        ("{type: 'docs*', breaking: true, release: major}", "single types in lower case"),
        ("{breaking: true, release: minor}", "always a major"),
        ("{type: feat, breaking: true, release: minor}", "always a major"),
        ("{subject: '*security*', release: patch}", "by commit type alone"),
        ("{tag: Breaking, release: major}", "by commit type alone"),
        ("{release: patch}", "finds every commit"),
        ("{type: fix, release: prepatch}", "candidates are <version>-rc.N"),
        ("{type: fix}", "has no release"),
    ];
    let untouched = rules("").version["types"].clone();
    for (text, why) in rows {
        let one = rules(text);
        assert!(
            one.left.iter().any(|line| line.starts_with("releaseRules: {") && line.contains(why)),
            "{text}: {:?}",
            one.left
        );
        assert_eq!(one.version["types"], untouched, "{text}");
    }
    let one = rc("{releaseRules: ./rules.js}");
    assert!(leaves(&one, "releaseRules: \"./rules.js\": names a module"), "{:?}", one.left);
}

/// Where a rule finds a commit by its type, the tool does not ask its own rule about breaking changes any more.
#[test]
fn a_breaking_change_of_a_type_with_a_rule_is_named_unless_another_rule_has_it() {
    assert!(leaves(
        &rules("{type: docs, release: patch}"),
        "releaseRules: type docs: with a breaking change it is patch there"
    ));
    for text in [
        "{breaking: true, release: major}, {type: docs, release: patch}",
        "{type: docs, breaking: true, release: major}, {type: docs, release: patch}",
        "{type: docs, release: major}",
    ] {
        assert!(!leaves(&rules(text), "releaseRules"), "{text}");
    }
    let of_another = "{type: feat, breaking: true, release: major}, {type: docs, release: patch}";
    assert!(leaves(&rules(of_another), "releaseRules: type docs"));
}

#[test]
fn the_older_form_by_step_is_read_as_plugins_are() {
    let options = "{preset: conventionalcommits, releaseRules: [{type: docs, release: patch}], parserOpts: {}}";
    let notes = "{preset: conventionalcommits, presetConfig: {types: [{type: feat, section: New}]}, writerOpts: {}}";
    let forms = [
        format!("{{analyzeCommits: {options}, generateNotes: {notes}}}"),
        format!("{{analyzeCommits: [{options}], generateNotes: [{notes}]}}"),
        format!(
            "{{analyzeCommits: {{path: '@semantic-release/commit-analyzer', {}, generateNotes: {{path: '@semantic-release/release-notes-generator', {}}}",
            options.strip_prefix('{').unwrap(),
            notes.strip_prefix('{').unwrap(),
        ),
        format!(
            "{{analyzeCommits: [['@semantic-release/commit-analyzer', {options}]], generateNotes: [['@semantic-release/release-notes-generator', {notes}]]}}"
        ),
    ];
    for text in forms {
        let one = rc(&text);
        assert_eq!(one.version["types"]["docs"], "Patch", "{text}");
        assert_eq!(one.version["notes"]["sections"], json!([{"title": "New", "types": ["feat"]}]), "{text}");
        assert!(
            leaves(&one, "analyzeCommits: parserOpts: ") && leaves(&one, "generateNotes: writerOpts: "),
            "{:?}",
            one.left
        );
        assert!(!leaves(&one, "preset") && !leaves(&one, "generateNotes: presetConfig"), "{text}: {:?}", one.left);
    }
    let one =
        rc("{analyzeCommits: ./mine.js, generateNotes: [./notes.js, '@semantic-release/release-notes-generator']}");
    assert!(leaves(&one, "analyzeCommits: \"./mine.js\": another program"), "{:?}", one.left);
    assert!(leaves(&one, "generateNotes: \"./notes.js\": another program"), "{:?}", one.left);
    assert!(!leaves(&one, "generateNotes: \"@"), "{:?}", one.left);
    let one = rc("{verifyRelease: ./gate.js, prepare: [], publish: '@semantic-release/npm', success: false, fail: x}");
    for step in ["verifyRelease: let a gate", "prepare: ", "publish: let publish.task", "success: ", "fail: "] {
        assert!(leaves(&one, step), "{step}: {:?}", one.left);
    }
}

#[test]
fn what_stands_nearer_to_a_plugin_counts() {
    let text = "{releaseRules: [{type: docs, release: minor}], preset: eslint, plugins: [
        ['@semantic-release/commit-analyzer', {preset: conventionalcommits, releaseRules: [{type: docs, release: patch}]}],
        {path: '@semantic-release/release-notes-generator', preset: conventionalcommits}]}";
    let one = rc(text);
    assert_eq!(one.version["types"]["docs"], "Patch");
    assert!(!leaves(&one, "preset"), "{:?}", one.left);
    let one = rc("{plugins: '@semantic-release/npm', preset: eslint}");
    assert!(
        leaves(&one, "@semantic-release/npm: let publish.task")
            && leaves(&one, "preset: \"eslint\": other conventions")
    );
    assert!(!leaves(&one, "plugins"), "{:?}", one.left);
}

#[test]
fn what_it_does_where_nothing_is_said_is_named() {
    let one = rc("{}");
    for start in ["preset: is angular where none is given", "plugins: are not given", "repositoryUrl: is not given"] {
        assert!(leaves(&one, start), "{start}: {:?}", one.left);
    }
    // Only this preset looks at its configuration.
    let types = "presetConfig: {types: [{type: feat, section: New}]}";
    for (preset, named) in [("", true), ("preset: angular,", true), ("preset: conventionalcommits,", false)] {
        let one = rc(&format!("{{{preset} {types}}}"));
        assert_eq!(one.version["notes"]["sections"][0]["title"], "New", "{preset}");
        assert_eq!(leaves(&one, "presetConfig: has no effect there"), named, "{preset}: {:?}", one.left);
        assert!(!leaves(&one, "presetConfig: messages"), "{preset}: {:?}", one.left);
    }
}

#[test]
fn other_plugins_and_options_are_named() {
    let text = "{plugins: [
        ['@semantic-release/exec', {analyzeCommitsCmd: a, generateNotesCmd: b, verifyReleaseCmd: c, publishCmd: d}],
        semantic-release-gitmoji, ['@semantic-release/commit-analyzer', {config: x, presetConfig: {}}],
        ['@semantic-release/release-notes-generator', {host: h, presetConfig: {commitUrlFormat: u, preMajor: true}}], {}]}";
    let one = rc(text);
    for start in [
        "@semantic-release/exec: analyzeCommitsCmd: a command decides levels",
        "@semantic-release/exec: generateNotesCmd: write a template",
        "@semantic-release/exec: verifyReleaseCmd: let a gate",
        "@semantic-release/exec: publishCmd: let a task",
        "semantic-release-gitmoji: let publish.task do that; if it decides",
        "@semantic-release/commit-analyzer: config: other conventions",
        "@semantic-release/commit-analyzer: presetConfig: messages",
        "@semantic-release/release-notes-generator: host: links",
        "presetConfig: commitUrlFormat: links",
        "presetConfig: preMajor: ",
        "plugins: {}: has no name",
    ] {
        assert!(leaves(&one, start), "{start}: {:?}", one.left);
    }
    for format in ["${name}-v${version}", "v${version}-${version}", "v", "a b${version}", "${version}{x}"] {
        let one = rc(&format!("{{tagFormat: '{format}'}}"));
        assert!(one.version.get("tagFormat").is_none() && leaves(&one, "tagFormat: "), "{format}: {:?}", one.left);
    }
}

#[test]
fn a_section_that_the_plan_would_not_take_is_named() {
    let many: Vec<String> = (0..17).map(|n| format!("{{type: a{n}, section: S{n}}}")).collect();
    let types = format!(
        "{{type: feat, section: New}}, {{type: feat, section: Again}}, {{type: docs}}, {{section: None}}, {{type: fix, scope: x, hidden: true}}, {{type: 'a b', section: X}}, {{type: ci, section: '{}'}}, {}",
        "x".repeat(61),
        many.join(", "),
    );
    let one = rc(&format!("{{preset: conventionalcommits, presetConfig: {{types: [{types}]}}}}"));
    let sections = one.version["notes"]["sections"].as_array().unwrap();
    assert_eq!((sections.len(), &sections[0]), (16, &json!({"title": "New", "types": ["feat"]})));
    let named = one.left.iter().filter(|line| line.starts_with("presetConfig.types: {")).count();
    // Without a title, without a type, with a scope, no type, too long a title, and two too many.
    assert_eq!(named, 7, "{:?}", one.left);
    let one = rc("{preset: conventionalcommits, presetConfig: {types: [{type: feat, hidden: true}]}}");
    assert_eq!(one.version["notes"], json!({"sections": []}));
    // Where nothing of it can be said, the plan's own sections stay.
    let one = rc("{preset: conventionalcommits, presetConfig: {types: [{type: 'a b', section: X}]}}");
    assert!(one.version.get("notes").is_none() && leaves(&one, "presetConfig.types: {"), "{:?}", one.left);
}

#[test]
fn a_branch_of_a_line_of_versions_is_a_plan_of_its_own() {
    let one =
        rc("{branches: [1.x, {name: old, range: 2.3.x}, {name: next, channel: next}, {name: beta, prerelease: true}]}");
    for start in [
        "branches: 1.x: make a plan of its own with version.line: \"1.x\"",
        "branches: old: make a plan of its own with version.line: \"2.3.x\"",
        "branches: next: a Release names its commit, whatever the branch, and publish.task",
        "branches: beta: every Release is a candidate first",
    ] {
        assert!(leaves(&one, start), "{start}: {:?}", one.left);
    }
}
