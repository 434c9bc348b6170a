//! Which crate may depend on which.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::Finding;
use crate::run;

/// What each crate may depend on within the repository. Whoever is not here has not been thought about.
const ALLOWED: [(&str, &[&str]); 11] = [
    ("seaworthy-core", &[]),
    ("seaworthy-soak", &[]),
    ("seaworthy-api", &["seaworthy-core", "seaworthy-soak"]),
    ("seaworthy-operator", &["seaworthy-api", "seaworthy-core", "seaworthy-soak"]),
    // `explain` shows what the operator would do, by the operator's own reading.
    ("seaworthy-cli", &["seaworthy-api", "seaworthy-core", "seaworthy-soak", "seaworthy-git", "seaworthy-operator"]),
    ("seaworthy-git", &["seaworthy-core"]),
    ("seaworthy-model", &["seaworthy-core", "seaworthy-soak"]),
    ("seaworthy-testtarget", &[]),
    ("seaworthy-audit", &[]),
    // Faults are put between the operator and the API server: it runs in the tests' process.
    (
        "seaworthy-tests",
        &["seaworthy-api", "seaworthy-audit", "seaworthy-core", "seaworthy-operator", "seaworthy-soak"],
    ),
    ("xtask", &["seaworthy-api", "seaworthy-audit"]),
];

/// Crates that judge, and what they may use: nothing that could do I/O, ask for the time or choose at random.
const PURE: [&str; 2] = ["seaworthy-core", "seaworthy-soak"];
const PURE_MAY_USE: [&str; 14] = [
    "croner",
    "csv",
    "flate2",
    "git-conventional",
    "jiff",
    "libm",
    "memchr",
    "minijinja",
    "schemars",
    "semver",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev`, `build`, or absent for normal ones.
    kind: Option<String>,
    /// Where it is, for those of this repository.
    path: Option<String>,
}

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = run::command(cargo, ["metadata", "--no-deps", "--format-version", "1", "--offline"]);
    let metadata = run::output(command.current_dir(root))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cargo metadata is not what was expected")?;
    Ok(metadata.packages.iter().flat_map(|package| of_package(package, root)).collect())
}

fn of_package(package: &Package, root: &Path) -> Vec<Finding> {
    let manifest = Path::new(&package.manifest_path);
    let place = manifest.strip_prefix(root).unwrap_or(manifest).display().to_string();
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
        let message = format!(
            "{} has no place in the direction of imports: add it to ALLOWED in crates/xtask/src/tidy/direction.rs",
            package.name
        );
        return vec![Finding::new(place, message)];
    };
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let name = &dependency.name;
        let ours = dependency.path.is_some();
        if ours && !allowed.contains(&name.as_str()) {
            let may = if allowed.is_empty() { "nothing of this repository".to_owned() } else { allowed.join(", ") };
            findings.push(Finding::new(
                &place,
                format!("depends on {name}, but may depend on {may} only: move the code that needs it"),
            ));
        }
        let for_tests = dependency.kind.as_deref() == Some("dev");
        if !ours && !for_tests && PURE.contains(&package.name.as_str()) && !PURE_MAY_USE.contains(&name.as_str()) {
            findings.push(Finding::new(
                &place,
                format!(
                    "depends on {name}: judging code does no I/O and uses {} only; decide here, act in the operator",
                    PURE_MAY_USE.join(", ")
                ),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[(&str, bool, Option<&str>)]) -> Package {
        let dependency = |(name, ours, kind): &(&str, bool, Option<&str>)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
            path: ours.then(|| "/somewhere".to_owned()),
        };
        let dependencies = dependencies.iter().map(dependency).collect();
        Package { name: name.to_owned(), manifest_path: "/r/crates/x/Cargo.toml".to_owned(), dependencies }
    }

    fn said(package: &Package) -> Vec<String> {
        of_package(package, Path::new("/r")).into_iter().map(|f| format!("{}: {}", f.place, f.message)).collect()
    }

    #[test]
    fn imports_go_one_way() {
        assert_eq!(
            said(&package("seaworthy-operator", &[("seaworthy-api", true, None), ("tokio", false, None)])),
            [""; 0]
        );
        let said_of_core = said(&package("seaworthy-core", &[("seaworthy-api", true, None), ("tokio", false, None)]));
        assert!(said_of_core[0].contains("crates/x/Cargo.toml: depends on seaworthy-api, but may depend on nothing"));
        assert!(said_of_core[1].contains("depends on tokio: judging code does no I/O"));
        assert_eq!(said(&package("seaworthy-core", &[("proptest", false, Some("dev"))])), [""; 0]);
        assert!(said(&package("seaworthy-new", &[]))[0].contains("has no place"));
    }
}
