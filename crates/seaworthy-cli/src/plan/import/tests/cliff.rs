//! git-cliff: which tags, which commits.

use super::*;

fn cliff(text: &str) -> Imported {
    of("cliff.toml", text).remove(0)
}

fn git(settings: &str) -> Imported {
    cliff(&format!("[git]\n{settings}\n"))
}

#[test]
fn a_tag_pattern_that_begins_with_a_text_before_a_digit_is_the_tag_format() {
    let rows = [
        ("^v[0-9].*", "v{version}"),
        (r"^v\d+\.\d+\.\d+$", "v{version}"),
        (r"^v(\d+)\.(\d+)\.(\d+)$", "v{version}"),
        ("^[0-9]", "{version}"),
        ("^operator-v[0-9]*", "operator-v{version}"),
        (r"^app/v2\.x\-[[:digit:]]", "app/v2.x-{version}"),
        ("^@scope/app@[0-9]+", "@scope/app@{version}"),
    ];
    for (pattern, format) in rows {
        let one = git(&format!("tag_pattern = '{pattern}'"));
        assert_eq!(one.version["tagFormat"], format, "{pattern}");
        assert!(!leaves(&one, "git.tag_pattern") && !leaves(&one, "tagFormat"), "{pattern}: {:?}", one.left);
    }
    for pattern in ["v[0-9].*", "operator-v[0-9]*"] {
        let one = git(&format!("tag_pattern = '{pattern}'"));
        assert_eq!(one.version["tagFormat"], format!("{}{{version}}", pattern.split('[').next().unwrap()));
        assert!(leaves(&one, &format!("git.tag_pattern: \"{pattern}\": finds")), "{:?}", one.left);
    }
    let one = git("tag_pattern = '^v[0-9]+-lts$'");
    assert_eq!(one.version["tagFormat"], "v{version}");
    assert!(leaves(
        &one,
        r#"git.tag_pattern: "^v[0-9]+-lts$": only its beginning is in tagFormat; not what "-lts$" says"#
    ));
}

#[test]
fn any_other_tag_pattern_is_named() {
    let rows = [
        ".*",
        "[0-9].*",
        r"^v1\.[0-9]+",
        "^v?[0-9]",
        "^(v|rel)[0-9]",
        "^v[0-9]|^w[0-9]",
        "^.[0-9]",
        r"^\w[0-9]",
        "^v",
        "^ab*[0-9]",
        "",
        "^a b[0-9]",
    ];
    for pattern in rows {
        let one = git(&format!("tag_pattern = '{pattern}'"));
        assert!(one.version.get("tagFormat").is_none(), "{pattern}");
        assert!(leaves(&one, "git.tag_pattern: ") && leaves(&one, "tagFormat: "), "{pattern}: {:?}", one.left);
    }
    // A name that git would not take is none here either.
    let one = git("tag_pattern = '^a//[0-9]'");
    assert!(one.version.get("tagFormat").is_none() && leaves(&one, "git.tag_pattern"), "{:?}", one.left);
    for name in ["skip_tags", "ignore_tags", "count_tags"] {
        assert!(leaves(&git(&format!("{name} = 'beta'")), &format!("git.{name}: ")), "{name}");
    }
}

#[test]
fn a_first_tag_does_not_overrule_the_pattern_in_silence() {
    let both = |pattern: &str, first: &str| {
        cliff(&format!("[git]\ntag_pattern = '{pattern}'\n[bump]\ninitial_tag = '{first}'\n"))
    };
    let one = both("^v[0-9]", "app-0.2.0");
    assert_eq!((&one.version["tagFormat"], &one.version["initialVersion"]), (&json!("v{version}"), &json!("0.2.0")));
    assert!(leaves(
        &one,
        r#"bump.initial_tag: "app-0.2.0": makes tags as app-{version}, git.tag_pattern finds those as v{version}"#
    ));
    let one = both("^v[0-9]", "v0.2.0");
    assert!(!leaves(&one, "bump.initial_tag"), "{:?}", one.left);
    let one = both("nightly", "app-0.2.0");
    assert_eq!(one.version["tagFormat"], "app-{version}");
    assert!(leaves(&one, "git.tag_pattern"), "{:?}", one.left);
}

#[test]
fn a_skipped_type_is_in_no_section_and_releases_nothing() {
    let one = git("commit_parsers = [{ message = '^feat', group = 'New' }, { message = '^fix', skip = true }]");
    assert_eq!(one.version["types"]["fix"], "None");
    assert_eq!(one.version["notes"], json!({"sections": [{"title": "New", "types": ["feat", "feature"]}]}));
    let skip =
        |one: &Imported, why: &str| one.left.iter().any(|line| line.contains("\"skip\":true") && line.contains(why));
    assert!(skip(&one, "alone is a patch") && skip(&one, "a breaking change of it counts"), "{:?}", one.left);
    assert!(!skip(&one, "the section of type *"), "{:?}", one.left);

    let one = git(
        "protect_breaking_commits = true\ncommit_parsers = [{ message = '^ci', skip = true }, { message = '.*', group = 'Other' }]",
    );
    assert!(skip(&one, "the section of type * shows it here") && !skip(&one, "a breaking change"), "{:?}", one.left);
    assert!(!leaves(&one, "git.protect_breaking_commits"), "{:?}", one.left);

    // Of two parsers, the first one counts.
    let one = git("commit_parsers = [{ message = '^fix:', group = 'Fixes' }, { message = '^fix:', skip = true }]");
    assert_eq!(one.version["types"]["fix"], "Patch");
    assert!(!skip(&one, ""), "{:?}", one.left);
    let one = git("commit_parsers = [{ message = '.*', group = 'All' }, { message = '^fix:', skip = true }]");
    assert_eq!(one.version["types"]["fix"], "Patch");
    assert!(!skip(&one, ""), "{:?}", one.left);
    let one = git("commit_parsers = [{ message = '^fix:', skip = true }, { message = '^fix:', group = 'Fixes' }]");
    assert_eq!((&one.version["types"]["fix"], &one.version["notes"]), (&json!("None"), &json!({"sections": []})));
}

#[test]
fn a_skip_of_less_than_a_type_is_named() {
    let rows = [
        ("{ message = '^chore\\(release\\): prepare for', skip = true }", "no new release commits"),
        ("{ message = '^chore\\(deps.*\\)', skip = true }", "a type of their own"),
        ("{ footer = '^changelog: ?ignore', skip = true }", "a type of their own"),
        ("{ message = '^chore', body = 'x', skip = true }", "a type of their own"),
    ];
    for (parser, why) in rows {
        let one = git(&format!("commit_parsers = [{parser}]"));
        assert!(
            one.left.iter().any(|line| line.starts_with("git.commit_parsers: {") && line.contains(why)),
            "{parser}: {:?}",
            one.left
        );
        assert!(one.version["types"].get("chore").is_none() && one.version.get("notes").is_none(), "{parser}");
    }
}

#[test]
fn only_what_is_shown_makes_a_version_where_everything_else_is_filtered() {
    let parsers = "{ message = '^feat:', group = 'New' }, { message = '^docs:', group = 'Docs' }";
    let filtered = git(&format!("filter_commits = true\ncommit_parsers = [{parsers}]"));
    let skipped = git(&format!("commit_parsers = [{parsers}, {{ message = '.*', skip = true }}]"));
    for one in [filtered, skipped] {
        let types = json!({"feat": "Minor", "docs": "Patch", "fix": "None", "perf": "None", "revert": "None"});
        assert_eq!((&one.version["types"], &one.version["minimumLevel"]), (&types, &json!("None")));
    }
    assert_eq!(git(&format!("commit_parsers = [{parsers}]")).version["minimumLevel"], "Patch");
}

#[test]
fn a_message_pattern_is_a_section_where_it_finds_whole_types() {
    let rows: [(&str, &[&str]); 8] = [
        ("^doc", &["doc", "docs"]),
        ("^docs:", &["docs"]),
        (r"^fix(\(.*\))?!?:", &["fix"]),
        (r"^fix\b", &["fix"]),
        ("^chore|^ci", &["chore", "ci"]),
        ("^(build|ci): ", &["build", "ci"]),
        ("^test.*", &["test", "tests"]),
        (".*", &["*"]),
    ];
    for (message, types) in rows {
        let one = git(&format!("commit_parsers = [{{ message = '{message}', group = 'Title' }}]"));
        assert_eq!(one.version["notes"]["sections"], json!([{"title": "Title", "types": types}]), "{message}");
    }
    for message in [r"^fix\((.*)\)", r"^chore\(deps\)", "feat", "^feat|deprecated", "^fix: critical", "^(a|b.*c)"] {
        let one = git(&format!("commit_parsers = [{{ message = '{message}', group = 'Title' }}]"));
        assert!(
            one.version.get("notes").is_none() && leaves(&one, "git.commit_parsers: {"),
            "{message}: {:?}",
            one.left
        );
    }
    let one = git("commit_parsers = [{ message = '^feat', group = 'New (${1})' }]");
    assert!(one.version.get("notes").is_none() && leaves(&one, "git.commit_parsers: {"), "{:?}", one.left);
}

#[test]
fn settings_that_do_what_happens_here_are_not_named_and_all_others_are() {
    let text = "[changelog]\ntrim = true\n[git]\nconventional_commits = true\nfilter_unconventional = true\nsplit_commits = false\n[bump]\nfeatures_always_bump_minor = true\ninitial_tag = 'v0.1.0'\n";
    assert_eq!(cliff(text).left, ["url: is not given: add version.git.url"]);
    let text = "lost = 1\n[changelog]\ntrim = false\noutput = 'CHANGELOG.md'\n[git]\nconventional_commits = false\nfilter_unconventional = false\nsplit_commits = true\nsort_commits = 'newest'\ntopo_order = true\ncommit_parsers = 'x'\n[bump]\nbump_type = 'minor'\ncustom_minor_increment_regex = 'more'\nfeatures_always_bump_minor = false\n[remote.github]\nowner = 'o'\n";
    let one = cliff(text);
    for start in [
        "lost",
        "changelog.trim",
        "changelog.output",
        "git.conventional_commits",
        "git.filter_unconventional",
        "git.split_commits",
        "git.sort_commits",
        "git.topo_order",
        "git.commit_parsers",
        "bump.bump_type",
        "bump.custom_minor_increment_regex",
        "bump.features_always_bump_minor",
        "remote.github",
        "tagFormat",
    ] {
        assert!(leaves(&one, &format!("{start}: ")), "{start}: {:?}", one.left);
    }
}

#[test]
fn tables_in_another_manifest_are_read_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let read = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        import(&folder.path().join(name)).map(|(_, mut all)| all.remove(0))
    };
    let rows = [
        ("Cargo.toml", "[workspace.metadata.git-cliff.git]\ntag_pattern = '^a[0-9]'\n"),
        ("Cargo.toml", "[package.metadata.git-cliff.git]\ntag_pattern = '^a[0-9]'\n"),
        ("pyproject.toml", "[tool.git-cliff.git]\ntag_pattern = '^a[0-9]'\n"),
    ];
    for (name, text) in rows {
        assert_eq!(read(name, text).unwrap().version["tagFormat"], "a{version}", "{text}");
    }
    for name in ["Cargo.toml", "pyproject.toml", "cliff.toml"] {
        let said = read(name, "[package]\nname = 'app'\n").unwrap_err().message;
        assert!(said.contains("none of the tools' settings is recognised"), "{said}");
    }
}
