//! release-please: `release-please-config.json`. Each package becomes a plan.

use serde_json::{Map, Value, json};

use super::Imported;

pub(super) fn import(config: &Value, released: &Value) -> Vec<Imported> {
    let top = config.as_object().cloned().unwrap_or_default();
    let packages = top.get("packages").and_then(Value::as_object).cloned().unwrap_or_default();
    if packages.is_empty() {
        return vec![at(package(".", &top, &Map::new()), released.get("."))];
    }
    let one = |(path, own): (&String, &Value)| {
        at(package(path, &top, own.as_object().unwrap_or(&Map::new())), released.get(path))
    };
    packages.iter().map(one).collect()
}

/// What the manifest says about the package: here tags say it.
fn at(mut out: Imported, released: Option<&Value>) -> Imported {
    let format = out.version.get("tagFormat").and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(version) = released.and_then(Value::as_str) {
        let tag = format.replace("{version}", version);
        out.leave(".release-please-manifest.json", &format!("says {version}; here tags do: see that {tag} is there"));
    }
    out
}

/// The version that its strategies begin with.
fn initial(release_type: &str) -> &'static str {
    match release_type {
        "python"
        | "rust"
        | "terraform-module"
        | "r"
        | "krm-blueprint"
        | "go-yoshi"
        | "go-librarian"
        | "java-bom"
        | "java-backport"
        | "java-lts"
        | "java-yoshi"
        | "java-yoshi-mono-repo"
        | "python-librarian" => "0.1.0",
        _ => "1.0.0",
    }
}

fn package(path: &str, top: &Map<String, Value>, own: &Map<String, Value>) -> Imported {
    let mut out = Imported::new(&format!("release-please, package {path}"));
    let mut all = top.clone();
    all.remove("packages");
    all.extend(own.clone());
    let flag = |name: &str, default: bool| all.get(name).and_then(Value::as_bool).unwrap_or(default);
    let text = |name: &str, default: &str| all.get(name).and_then(Value::as_str).unwrap_or(default).to_owned();
    levels(&mut out, &text("release-type", ""), all.contains_key("changelog-sections"));
    out.set("minimumLevel", json!("None"));
    out.set("breakingBeforeV1", json!(if flag("bump-minor-pre-major", false) { "Minor" } else { "Major" }));
    let kind = text("release-type", "");
    let fixed = initial(&kind) == "0.1.0" && kind != "go-librarian";
    if fixed && all.contains_key("initial-version") {
        out.leave("initial-version", &format!("is not looked at for release-type {kind}, which begins at 0.1.0"));
    }
    let first = if fixed { initial(&kind).to_owned() } else { text("initial-version", initial(&kind)) };
    match semver::Version::parse(&first) {
        Ok(version) if version.pre.is_empty() && version.build.is_empty() => out.set("initialVersion", json!(first)),
        _ => out.leave(
            &format!("initial-version: {first:?}"),
            "is no final version such as 1.0.0: write initialVersion yourself, without what follows a - or +",
        ),
    }
    let component = text("component", &text("package-name", ""));
    let component = component.rsplit('/').next().unwrap_or_default();
    let named = flag("include-component-in-tag", true);
    let v = if flag("include-v-in-tag", true) { "v" } else { "" };
    let prefix = if named && !component.is_empty() {
        format!("{component}{}", text("tag-separator", "-"))
    } else {
        String::new()
    };
    out.tag_format("tag-separator", &format!("{prefix}{v}{{version}}"));
    if path != "." {
        out.set("paths", json!([path]));
    }
    if named && component.is_empty() {
        out.leave("component", "is not given: release-please asks the package's own files; write it into tagFormat");
    }
    if let Some(Value::Array(types)) = all.get("changelog-sections") {
        out.sections("changelog-sections", types);
        released_by(&mut out, types);
    }
    for name in all.keys() {
        if let Some(why) = why_not(name) {
            out.leave(name, why);
        }
    }
    out.leave("url", "is not given: add version.git.url");
    out
}

/// What releases by itself: some languages show more than others.
fn levels(out: &mut Imported, language: &str, sections: bool) {
    for (kind, level) in
        [("feat", "Minor"), ("fix", "Patch"), ("perf", "Patch"), ("deps", "Patch"), ("revert", "Patch")]
    {
        out.level(kind, level);
    }
    let of = |known: &[&str]| known.iter().any(|one| language.split('-').next() == Some(one));
    if of(&["java", "maven", "python", "r"]) || language.ends_with("-yoshi") {
        out.level("docs", "Patch");
    }
    match language {
        "php" => out.level("chore", "Patch"),
        "php-yoshi" => out.level("misc", "Patch"),
        _ => {}
    }
    if !sections && !of(&["java", "maven", "python", "r"]) {
        let why = "is a patch by its documentation, but its changelog shows it for java, python and r alone: write the level that you want";
        out.leave("type deps", why);
    }
}

/// There is a release when the changelog shows something: what it does not show releases nothing by itself.
fn released_by(out: &mut Imported, types: &[Value]) {
    for kind in ["feat", "fix", "perf", "deps", "revert"] {
        out.level(kind, "None");
    }
    for entry in types.iter().filter(|entry| entry.get("hidden") != Some(&json!(true))) {
        match entry.get("type").and_then(Value::as_str) {
            Some(kind @ ("feat" | "feature")) => out.level(kind, "Minor"),
            Some(kind) if super::imported::is_type(kind) => out.level(kind, "Patch"),
            _ => {}
        }
    }
}

fn why_not(name: &str) -> Option<&'static str> {
    Some(match name {
        "bump-minor-pre-major"
        | "initial-version"
        | "component"
        | "package-name"
        | "include-v-in-tag"
        | "include-component-in-tag"
        | "tag-separator"
        | "changelog-sections"
        | "$schema" => return None,
        "release-as" => "a version is forced in Release.spec.version with a reason",
        "release-type" | "extra-files" | "version-file" | "changelog-path" | "changelog-type" | "changelog-host" => {
            "no commit goes back to the branch: the candidate is built with $SEAWORTHY_VERSION"
        }
        "versioning" | "bump-patch-for-minor-pre-major" | "prerelease" | "prerelease-type" => {
            "versions follow semantic versioning by commit types; candidates are <version>-rc.N"
        }
        "exclude-paths" => "name what belongs to the component in version.paths",
        "bootstrap-sha" | "last-release-sha" => "the range starts at the last version's tag: push that tag",
        "release-search-depth" | "commit-search-depth" => "every commit since the last version's tag counts",
        "plugins" | "linked-versions" => "plans are versioned by themselves",
        _ if name.contains("pull-request") || name.contains("label") || name == "draft" || name == "signoff" => {
            "there are no release pull requests: approvalPolicy.mode: Manual asks for a person's word"
        }
        _ => "is not about the version: a task of the plan does that",
    })
}
