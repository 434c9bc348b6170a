//! package.json: the keys under which several tools keep their settings.

use serde_json::Value;

use super::{Imported, semantic_release, versionrc};

/// Reads the settings under one key.
type Read = fn(&Value) -> Imported;

/// Every key that is read, and by what.
const KEYS: [(&str, Read); 5] = [
    ("release", semantic_release::import),
    ("commit-and-tag-version", versionrc::import),
    ("standard-version", versionrc::import),
    ("changelog", versionrc::preset),
    ("conventional-changelog", versionrc::preset),
];

/// Whether there is anything in it that is about versions.
pub(super) fn has_settings(package: &Value) -> bool {
    !found(package).is_empty()
}

/// Keys of presets are also other tools': only a preset makes them one of these.
fn found(package: &Value) -> Vec<(&'static str, Read, &Value)> {
    let one = |&(key, read): &(&'static str, Read)| {
        let settings = package.get(key).filter(|settings| settings.is_object())?;
        let of_preset = ["changelog", "conventional-changelog"].contains(&key);
        (!of_preset || settings.get("preset").is_some()).then_some((key, read, settings))
    };
    KEYS.iter().filter_map(one).collect()
}

pub(super) fn import(package: &Value) -> Result<Imported, String> {
    match found(package).as_slice() {
        [] => Err(
            "has none of `release`, `commit-and-tag-version`, `standard-version`, or `changelog` or `conventional-changelog` with a `preset`: there is nothing to import"
                .to_owned(),
        ),
        [(_, read, settings)] => {
            let mut out = read(settings);
            if package.get("config").is_some_and(|config| config.get("commitizen").is_some()) {
                out.leave("config.commitizen", "asks people for their messages; it says nothing about versions");
            }
            Ok(out)
        }
        several => {
            let keys: Vec<String> = several.iter().map(|(key, ..)| format!("`{key}`")).collect();
            Err(format!(
                "has {}, and only one of them can be imported: keep that one, or put its settings into the tool's own file and name that file",
                keys.join(" and ")
            ))
        }
    }
}
